//! Whole manifests, to the letter; and the timeline of any manifest against that of HLS.

use super::*;
use crate::{
    pipeline::WALL_STEP_MAX,
    playlist::{
        Kind, Playlists,
        tests::{check, fed, text, text_of},
    },
    time::{Clock, WallTime},
    window::{
        WindowConfig,
        feed::{BEGIN, Feed, config},
        ranges::{DateRange, Origin},
    },
};
use proptest::prelude::*;

#[test]
fn the_first_manifest_has_one_period_that_goes_on() {
    check(&fed("K....|"), Kind::Manifest, "live_start");
}

#[test]
fn a_full_window_does_not_change_its_manifest() {
    let mut feed = fed(&"K....|".repeat(12));
    let playlists = Playlists::new(feed.window.clone());
    let first = text_of(&playlists, Kind::Manifest);
    for _ in 0..40 {
        feed.push("K....|K.");
        assert_eq!(text_of(&playlists, Kind::Manifest), first);
        feed.push("...|");
    }
}

#[test]
fn a_discontinuity_begins_a_period_of_its_own_format() {
    check(&fed("K....|K....|!K..|K....|!K"), Kind::Manifest, "discontinuity");
}

#[test]
fn a_clock_that_is_set_moves_the_presentation_and_puts_nothing_into_the_future() {
    for step_s in [-3600, 3600, -1_795_191_000] {
        let mut feed = fed("K....|K....|");
        feed.clock.step_wall(Span::from_ms(step_s * 1000));
        feed.push("!K....|K....|");
        let manifest = text(&feed, Kind::Manifest);
        let zero = WallTime::parse(attribute(&manifest, "availabilityStartTime").unwrap()).unwrap();
        assert_eq!(zero, BEGIN + Span::from_ms(step_s * 1000));
        assert_eq!(periods(&manifest).iter().map(|period| period.start_us).collect::<Vec<_>>(), [0, 2_000_000]);
    }
}

#[test]
fn who_plays_when_the_clock_is_set_goes_by_the_clock_of_before() {
    let mut feed = fed("K....|K....|");
    let playlists = Playlists::new(feed.window.clone());
    let zero_of = |text: &str| attribute(text, "availabilityStartTime").map(WallTime::parse);
    let location_of = |text: &str| text.split("mpd:Location>").nth(1).and_then(|rest| rest.strip_suffix("</")).map(str::to_owned);
    let query_of = |text: &str| location_of(text).unwrap().strip_prefix("index.mpd?").unwrap().to_owned();
    let before = text_of(&playlists, Kind::Manifest);
    let query = query_of(&before);
    let former = |feed: &Feed| feed.read(|state| Presentation::former(state.timeline(), &query));
    assert_eq!(former(&feed), None, "the newest is what there is without a query");
    for step_s in [-3600, 7200] {
        feed.clock.step_wall(Span::from_ms(step_s * 1000));
        feed.push("!K....|K....|");
        let presentation = former(&feed).unwrap();
        let (now, then) = (text_of(&playlists, Kind::Manifest), text_of(&playlists, Kind::Former(presentation)));
        assert_eq!((zero_of(&then), query_of(&then)), (zero_of(&before), query.clone()));
        assert_ne!(zero_of(&now), zero_of(&before));
        assert!(then.matches(&format!("value=\"../time?{query}\"")).count() > 1 && !now.contains(&query));
        assert_eq!(periods(&then), periods(&now), "one timeline");
        let dates = |text: &str| text.split("wallClockTime=").skip(1).map(|rest| rest[1..25].to_owned()).collect::<Vec<_>>();
        assert_eq!(dates(&then)[0], dates(&before)[0]);
        let told = feed.read(|state| presentation.now(state.timeline(), feed.clock.wall()));
        assert_eq!(told.since(zero_of(&before).unwrap().unwrap()), feed.clock.wall().since(zero_of(&now).unwrap().unwrap()));
    }
    feed.window.end();
    assert_eq!(location_of(&text_of(&playlists, Kind::Manifest)), None, "a recording is not updated");
    for query in ["", "zero", "zero=", "zero=-", "zeros=1", "zero=1"] {
        assert_eq!(feed.read(|state| Presentation::former(state.timeline(), query)), None, "{query}");
    }
}

#[test]
fn the_publish_time_grows_with_each_change_and_never_goes_back() {
    let mut feed = fed(&"K....|".repeat(13));
    let playlists = Playlists::new(feed.window.clone());
    let told = || {
        let text = text_of(&playlists, Kind::Manifest);
        (attribute(&text, "publishTime").unwrap().to_owned(), text)
    };
    let range = |number: i64, at: WallTime| DateRange {
        id: format!("door-{number}"),
        class: None,
        start: at,
        end: Some(at),
        extra: vec![("X-KIND".to_owned(), "door".to_owned())],
    };
    let mut seen = vec![told()];
    for n in 0..60 {
        if n % 7 == 0 {
            // The window knows the wall time of the last change only.
            assert!(feed.window.mark(range(n, feed.clock.wall() + Span::from_ms(-1500)), Origin::Own));
        }
        if n == 30 {
            feed.clock.step_wall(Span::from_ms(-3_600_000));
        }
        feed.push("K....|K");
        seen.push(told());
        feed.push("....|");
    }
    for pair in seen.windows(2) {
        let ((before, text), (after, then)) = (&pair[0], &pair[1]);
        assert!(if text == then { before == after } else { before < after }, "{before} {after}");
    }
    assert!(seen.iter().any(|(_, text)| !text.contains("<Event ")) && seen.iter().any(|(_, text)| text.contains("<Event ")));
}

#[test]
fn periods_leave_with_their_last_segment() {
    let feed = fed(&format!("K....|!K....|!{}", "K....|".repeat(14)));
    let found = periods(&text(&feed, Kind::Manifest));
    assert_eq!(found.iter().map(|period| period.start_number).collect::<Vec<_>>(), [3]);
}

#[test]
fn what_has_ended_is_an_event_of_the_period_in_which_it_began() {
    let mut feed = fed("K....|K....|!K..|K....|");
    let range = |number: i64, begin_ms: i64, end_ms: Option<i64>, text: &str| DateRange {
        id: format!("face-{number}"),
        class: None,
        start: BEGIN + Span::from_ms(begin_ms),
        end: end_ms.map(|end_ms| BEGIN + Span::from_ms(end_ms)),
        extra: vec![("X-KIND".to_owned(), "face".to_owned()), ("X-TEXT".to_owned(), text.to_owned())],
    };
    assert!(feed.window.mark(range(1, 1500, Some(2500), "you & <me>"), Origin::Own));
    assert!(feed.window.mark(range(2, 1700, None, "still here"), Origin::Own));
    assert!(feed.window.mark(range(3, 2100, Some(2100), "a moment"), Origin::Own));
    feed.push("K");
    check(&feed, Kind::Manifest, "events");
}

#[test]
fn the_end_makes_it_a_recording_of_what_is_left() {
    let feed = fed(&format!("{}!K....|K.", "K....|".repeat(14)));
    feed.window.end();
    check(&feed, Kind::Manifest, "ended");
}

#[test]
fn the_depth_never_reaches_beyond_the_start_once_there_is_enough_to_play() {
    let depth = |segments| attribute(&text(&fed(&"K....|".repeat(segments)), Kind::Manifest), "timeShiftBufferDepth").map(us);
    assert_eq!([1, 5, 8, 12, 20].map(depth), [5, 5, 8, 12, 12].map(|s| Some(s * 1_000_000)));
}

#[test]
fn a_window_that_ran_out_of_bytes_is_not_promised() {
    let mut feed = Feed::new(WindowConfig { bytes_max: 84_000, ..config() });
    feed.push(&"K....|".repeat(20));
    let listed = feed.read(|state| state.sums.span);
    assert!(listed < config().span);
    let depth = format!("timeShiftBufferDepth=\"{}\"", duration(listed.as_us()));
    let manifest = text(&feed, Kind::Manifest);
    assert!(manifest.contains(&depth), "{depth}: {manifest}");
}

#[test]
fn segments_are_exact_at_rates_that_do_not_divide_the_clock() {
    let check = |rate: FrameRate, part_ticks: i64, parts: u32, expect: (u64, u64)| {
        let config = WindowConfig { part_target: Span(part_ticks), segment_parts: parts, ..config() };
        let timing = Timing::new(rate, config.segment_frames(rate));
        assert_eq!((timing.scale, timing.duration), expect, "{rate}");
        // Exactly the frames, in units.
        let frames = part_ticks * i64::from(rate.num) / (90_000 * i64::from(rate.den)) * i64::from(parts);
        let exact = frames as u64 * u64::from(rate.den) * 90_000 * timing.scale;
        assert_eq!(timing.duration * u64::from(rate.num), exact);
    };
    check(FrameRate::whole(30), 18_000, 5, (1, 90_000));
    check(FrameRate { num: 30_000, den: 1001 }, 18_018, 5, (1, 90_090));
    check(FrameRate::whole(7), 12_858, 5, (7, 450_000));
    check(FrameRate { num: 24_000, den: 1001 }, 18_769, 5, (4, 375_375));
}

#[test]
fn numbers_are_written_without_idle_zeros() {
    let check = |us, expect: &str| assert_eq!(duration(us), expect);
    check(0, "PT0S");
    check(1, "PT0.000001S");
    check(800_000, "PT0.8S");
    check(10_000_000, "PT10S");
    check(3_600_500_000, "PT3600.5S");
}

/// What a player computes with.
#[derive(Debug, PartialEq)]
struct Read {
    start_us: i64,
    duration_us: Option<i64>,
    start_number: u64,
    units: u64,
    timescale: u64,
    offset: u64,
}

/// An attribute of the first element that has it.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split_once('"')).map(|(value, _)| value)
}

fn us(duration: &str) -> i64 {
    let seconds: f64 = duration.strip_prefix("PT").and_then(|rest| rest.strip_suffix('S')).unwrap().parse().unwrap();
    (seconds * 1e6).round() as i64
}

fn periods(manifest: &str) -> Vec<Read> {
    let read = |text: &str| {
        let (own, rest) = text.split_once('>').unwrap();
        let template = rest.split_once("<SegmentTemplate").unwrap().1;
        let number = |name| attribute(template, name).unwrap().parse().unwrap();
        Read {
            start_us: us(attribute(own, "start").unwrap()),
            duration_us: attribute(own, "duration").map(us),
            start_number: number("startNumber"),
            units: number("duration"),
            timescale: number("timescale"),
            offset: number("presentationTimeOffset"),
        }
    };
    manifest.split("<Period").skip(1).map(read).collect()
}

/// What happens to a stream, one by one.
#[derive(Clone, Debug)]
enum Event {
    Segments(usize),
    /// A short segment, a hole of so many ms, and a new format.
    Restart {
        parts: usize,
        hole_ms: i64,
    },
    Step {
        ms: i64,
    },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (1..8usize).prop_map(Event::Segments),
        1 => (1..5usize, prop_oneof![Just(0i64), 0..5000i64]).prop_map(|(parts, hole_ms)| Event::Restart { parts, hole_ms }),
        1 => (-3000..3000i64).prop_map(|ms| Event::Step { ms }),
    ];
    prop::collection::vec(event, 1..12)
}

fn play(feed: &mut Feed, events: &[Event]) {
    for event in events {
        match event {
            Event::Segments(n) => _ = feed.push(&"K....|".repeat(*n)),
            Event::Restart { parts, hole_ms } => {
                feed.push(&format!("{}|", &"K...."[..*parts]));
                feed.clock.advance(Span::from_ms(*hole_ms));
                feed.push("!K....|");
            }
            Event::Step { ms } => {
                feed.push("K....|");
                feed.clock.step_wall(Span::from_ms(*ms));
                feed.push("!K....|");
            }
        }
    }
}

proptest! {
    #[test]
    fn the_timeline_is_that_of_hls(events in events(), growing in 0..5usize, ended: bool) {
        let mut feed = Feed::new(config());
        feed.push("K....|");
        play(&mut feed, &events);
        feed.push(&"K...."[..growing]);
        if ended {
            feed.window.end();
        }
        let manifest = text(&feed, Kind::Manifest);
        let is_step = |event: &Event| matches!(event, Event::Step { ms } if Span::from_ms(ms.abs()) > WALL_STEP_MAX);
        let is_steady = !events.iter().any(|event| matches!(event, Event::Step { .. }));
        let zero = WallTime::parse(attribute(&manifest, "availabilityStartTime").unwrap()).unwrap();
        prop_assert!(zero == BEGIN || events.iter().any(is_step));
        let found = periods(&manifest);
        let segments: Vec<_> = feed.read(|state| state.listed().chain(state.growing()).cloned().collect());
        for segment in &segments {
            let msn = segment.start.msn.0;
            let period = found.iter().rev().find(|period| period.start_number <= msn).expect("every segment has a Period");
            let units = (msn - period.start_number) * period.units;
            // The media time that a player expects is the one in `tfdt`.
            prop_assert_eq!((period.offset + units) * 90_000 / period.timescale, segment.start.at.0 as u64);
            // The moment on the timeline is EXT-X-PROGRAM-DATE-TIME.
            let date = zero.0 + period.start_us + (units * 1_000_000 / period.timescale) as i64;
            // Of the newest Period in any case, but where a clock that drifts back would lay it over the one before.
            let is_newest = period.start_number == found.last().unwrap().start_number && events.iter().all(|event| is_step(event) || !matches!(event, Event::Step { .. }));
            prop_assert!(!(is_steady || is_newest) || (date - segment.start.wall.0).abs() <= 1, "{} of {}", segment.start.wall, msn);
            // Nothing is in the future, so all that is listed can be played at once.
            let late = WALL_STEP_MAX.as_us() * events.len() as i64;
            prop_assert!(date <= feed.clock.wall().0 + late, "{msn}");
        }
        for (period, next) in found.iter().zip(found.iter().skip(1)) {
            // As many segments as there are, so that no number of the next Period is asked for in this one.
            let len = period.duration_us.expect("a Period that is over has a duration");
            let count = (len as u64 * period.timescale).div_ceil(period.units * 1_000_000);
            prop_assert_eq!(count, next.start_number - period.start_number);
            let listed = |msn| segments.iter().find(|segment| segment.start.msn.0 == msn);
            let hole = match (listed(next.start_number - 1), listed(next.start_number)) {
                (Some(last), Some(first)) => first.start.at.since(last.start.at + last.duration).as_us(),
                _ => next.start_us - period.start_us - len,
            };
            prop_assert!(next.start_us >= period.start_us + len, "Periods do not overlap");
            prop_assert!(!is_steady || (next.start_us - period.start_us - len - hole).abs() <= 2, "no gap but a hole");
        }
        let last = found.last().expect("a Period");
        prop_assert_eq!(last.duration_us.is_some(), ended);
        let total = attribute(&manifest, "mediaPresentationDuration").map(us);
        prop_assert_eq!(total, last.duration_us.map(|len| last.start_us + len));
    }
}
