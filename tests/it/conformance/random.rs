//! Random lives of a window, seen through the origin as a client sees them: every playlist is checked, every delta is merged, every
//! removed file is asked for until its time is over.

use super::{History, Violation, delta_violations, disagreements, merge, parse, same, violations};
use bytes::Bytes;
use hlscam::{
    encode::VideoParams,
    package::{InitId, Msn, PackagerEvent, Part, SegmentStart},
    picture::Size,
    playlist::Playlists,
    server::origin::{Method, Reply, Request, respond},
    time::{Clock, FrameRate, ManualClock, Span, Ticks, WallTime},
    window::{
        Window, WindowConfig,
        numbers::FirstNumbers,
        ranges::{DateRange, Origin},
    },
};
use proptest::prelude::*;
use std::{collections::BTreeMap, pin::Pin, sync::Arc, task::Poll};

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// That many parts; segments end and begin on the grid.
    Parts(u8),
    /// The format changes: the segment ends early, the next is a discontinuity after a pause of that many milliseconds.
    Restart(u16),
    /// A date range begins now, with an end that many milliseconds later, or none yet.
    Mark(Option<u16>),
    /// The first date range without an end gets one.
    MarkEnd,
    /// Nobody looks during the next step.
    LookAway,
    /// A client begins to wait for what comes next, and goes away.
    GoAway,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (1..9u8).prop_map(Step::Parts),
        1 => (0..900u16).prop_map(Step::Restart),
        1 => prop::option::of(0..5000u16).prop_map(Step::Mark),
        1 => Just(Step::MarkEnd),
        2 => Just(Step::LookAway),
        1 => Just(Step::GoAway),
    ];
    prop::collection::vec(step, 1..60)
}

struct Live {
    config: WindowConfig,
    window: Arc<Window>,
    playlists: Arc<Playlists>,
    clock: Arc<ManualClock>,
    msn: u64,
    index: u32,
    init: u32,
    discontinuity: bool,
    marks: u32,
    open_mark: Option<DateRange>,
    /// When each segment was first listed, by its name.
    first_listed: BTreeMap<String, Ticks>,
}

impl Live {
    fn new(config: WindowConfig) -> Live {
        let clock = Arc::new(ManualClock::at(WallTime(1_795_191_552_000_000)));
        let window = Arc::new(Window::new(config.clone(), clock.clone()));
        let live = Live {
            config,
            playlists: Arc::new(Playlists::new(window.clone())),
            window,
            clock,
            msn: 1,
            index: 0,
            init: 1,
            discontinuity: false,
            marks: 0,
            open_mark: None,
            first_listed: BTreeMap::new(),
        };
        live.window.push(live.init());
        live
    }

    fn init(&self) -> PackagerEvent {
        let params = VideoParams {
            size: Size::new(320, 240).expect("both sides are even"),
            rate: FrameRate::whole(30),
            sps: Bytes::from_static(&[0x67, 0x64, 0, 0x1f]),
            pps: Bytes::from_static(&[0x68]),
            bitrate_max: 1_000_000,
            passed: false,
        };
        PackagerEvent::Init { id: InitId(self.init), data: vec![self.init as u8; 64].into(), params: params.into() }
    }

    fn part(&mut self) {
        let (at, wall): (Ticks, WallTime) = (self.clock.now(), self.clock.wall());
        let mut events = Vec::new();
        if self.index == 0 {
            let discontinuity = std::mem::take(&mut self.discontinuity);
            events.push(PackagerEvent::Start(SegmentStart {
                msn: Msn(self.msn),
                at,
                wall,
                init: InitId(self.init),
                discontinuity,
            }));
        }
        let duration = self.config.part_target;
        self.clock.advance(duration);
        let key = self.index.is_multiple_of(5);
        let len = if key { 300 } else { 100 + self.msn as usize % 7 };
        let data = format!("{:>len$}", format!("{}.{} ", self.msn, self.index)).into_bytes().into();
        events.push(PackagerEvent::Part(Part {
            msn: Msn(self.msn),
            index: self.index,
            at,
            duration,
            independent: key,
            key_len: key.then_some(250),
            data,
        }));
        self.index += 1;
        if self.index == self.config.segment_parts {
            events.push(self.end());
        }
        self.window.push_all(events);
    }

    fn end(&mut self) -> PackagerEvent {
        self.first_listed.insert(format!("seg-r-{}.m4s", self.msn), self.clock.now());
        self.index = 0;
        self.msn += 1;
        PackagerEvent::End(Msn(self.msn - 1))
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Parts(n) => (0..*n).for_each(|_| self.part()),
            Step::Restart(pause_ms) => {
                if self.index > 0 {
                    let end = self.end();
                    self.window.push(end);
                }
                self.clock.advance(Span::from_ms(i64::from(*pause_ms)));
                (self.init, self.discontinuity) = (self.init + 1, true);
                self.window.push(self.init());
            }
            Step::Mark(length_ms) => {
                let start = self.clock.wall();
                let end = length_ms.map(|ms| start + Span::from_ms(i64::from(ms)));
                self.marks += 1;
                let range = DateRange { id: format!("m{}", self.marks), class: None, start, end, extra: Vec::new() };
                assert!(self.window.mark(range.clone(), Origin::Own));
                if end.is_none() && self.open_mark.is_none() {
                    self.open_mark = Some(range);
                }
            }
            Step::MarkEnd => {
                if let Some(range) = self.open_mark.take() {
                    assert!(self.window.mark(DateRange { end: Some(self.clock.wall()), ..range }, Origin::Own));
                }
            }
            Step::LookAway | Step::GoAway => {}
        }
    }

    /// A client that waits for what comes next leaves no trace when it goes.
    async fn go_away(&self) -> Result<(), TestCaseError> {
        let before = self.window.waiters();
        for target in [format!("video.m3u8?_HLS_msn={}", self.msn), format!("part-r-{}.{}.m4s", self.msn, self.index)] {
            let waits = self.get(&target);
            tokio::pin!(waits);
            if let Poll::Ready(reply) = poll_once(waits.as_mut()).await {
                prop_assert!([200, 404, 503].contains(&reply.status), "{target}: {}", reply.status);
            }
        }
        prop_assert_eq!(self.window.waiters(), before);
        Ok(())
    }

    async fn get(&self, target: &str) -> Reply {
        let (name, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            method: Method::Get,
            name: name.to_owned(),
            query: query.to_owned(),
            range: None,
            if_none_match: None,
            if_range: None,
            accept_encoding: None,
        };
        respond(&self.playlists, request).await
    }

    async fn text(&self, target: &str) -> Option<String> {
        let reply = self.get(target).await;
        (reply.status == 200).then(|| String::from_utf8(reply.body.concat()).expect("a playlist is UTF-8"))
    }
}

/// A file that was listed.
struct Listed {
    bytes: Vec<u8>,
    /// It must be there until then.
    due: Ticks,
}

/// A client that reads everything.
#[derive(Default)]
struct Client {
    video: History,
    iframes: History,
    copy: BTreeMap<&'static str, String>,
    files: BTreeMap<String, Listed>,
    /// The longest playlist that listed a segment, 10 µs, by the segment's name.
    longest: BTreeMap<String, i64>,
}

impl Client {
    async fn look(&mut self, live: &Live, availability: Availability) -> Result<(), TestCaseError> {
        let Some(video) = live.text("video.m3u8").await else { return Ok(()) };
        let iframes = live.text("iframes.m3u8").await.expect("it comes with the other");
        let apart = disagreements(&video, &iframes);
        prop_assert!(apart.is_empty(), "{apart:?}\n{video}\n{iframes}");
        for (name, text, history) in [("video.m3u8", &video, &mut self.video), ("iframes.m3u8", &iframes, &mut self.iframes)] {
            let found: Vec<Violation> = violations(text, history);
            prop_assert!(found.is_empty(), "{name}: {found:?}\n{text}");
            if let Some(copy) = self.copy.get(name) {
                for version in ["YES", "v2"] {
                    let delta = live.text(&format!("{name}?_HLS_skip={version}")).await.expect("it comes with the full one");
                    let found = delta_violations(&delta, text);
                    prop_assert!(found.is_empty(), "{name} {version}: {found:?}\n{delta}\n{text}");
                    if let Some(merged) = merge(copy, &delta) {
                        let full = parse::playlist(text);
                        prop_assert!(same(&merged, &full), "{name} {version}\n{copy}\n{delta}\n{text}\n{merged:#?}");
                    } else {
                        prop_assert!(!delta.contains("#EXT-X-SKIP") || availability == Availability::LookedAway, "{copy}\n{delta}");
                    }
                }
            }
            self.copy.insert(name, text.clone());
        }
        self.files(live, &video, availability).await
    }

    /// All that is listed is there, whole; what was listed stays for its time, and never changes.
    async fn files(&mut self, live: &Live, video: &str, availability: Availability) -> Result<(), TestCaseError> {
        let (playlist, now) = (parse::playlist(video), live.clock.now());
        let ticks = |ten_us: i64| Span(ten_us * 9 / 10);
        let three_targets = ticks(3 * playlist.target());
        let mut due: BTreeMap<String, Ticks> = BTreeMap::new();
        for segment in &playlist.segments {
            let longest = self.longest.entry(segment.uri.clone()).or_default();
            *longest = playlist.duration().max(*longest);
            let first_listed = live.first_listed.get(&segment.uri).copied().unwrap_or(now);
            due.insert(segment.uri.clone(), first_listed + ticks(segment.duration + *longest));
            due.extend(segment.map.iter().map(|map| (map.clone(), now)));
        }
        for part in playlist.segments.iter().chain([&playlist.growing]).flat_map(|segment| &segment.parts) {
            due.insert(part.uri.clone(), now + three_targets);
        }
        for (uri, due) in due {
            let reply = live.get(&uri).await;
            prop_assert_eq!(reply.status, 200, "{} is listed", uri);
            let bytes = reply.body.concat();
            let file = self.files.entry(uri.clone()).or_insert(Listed { bytes: bytes.clone(), due });
            prop_assert!(file.bytes == bytes, "{uri} has changed");
            file.due = file.due.max(due);
        }
        for segment in playlist.segments.iter().filter(|segment| !segment.parts.is_empty()) {
            let parts: Vec<u8> = segment.parts.iter().flat_map(|part| self.files[&part.uri].bytes.clone()).collect();
            prop_assert!(self.files[&segment.uri].bytes == parts, "{} is its parts", segment.uri);
        }
        if availability != Availability::ShortOfBytes {
            for (uri, file) in self.files.iter().filter(|(_, file)| file.due >= now) {
                let reply = live.get(uri).await;
                prop_assert_eq!(reply.status, 200, "{} is due until {:?}, it is {:?}", uri, file.due, now);
            }
        }
        Ok(())
    }
}

/// Polls a future once.
async fn poll_once<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// What may be asked of removed files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Availability {
    /// All that the draft says.
    Full,
    /// The client missed a step, so its copy may be too old for a delta.
    LookedAway,
    /// The window runs out of bytes.
    ShortOfBytes,
}

async fn live(config: WindowConfig, steps: &[Step]) -> Result<(), TestCaseError> {
    let short = config.bytes_max < 1 << 20;
    let (mut live, mut client) = (Live::new(config), Client::default());
    let mut looked_away = false;
    for step in steps {
        if matches!(step, Step::LookAway) {
            looked_away = true;
            continue;
        }
        if matches!(step, Step::GoAway) {
            live.go_away().await?;
            continue;
        }
        // A client that waits for the next part gets it, and is checked as all others.
        let growing = (live.msn, live.index);
        let waits = matches!(step, Step::Parts(_)).then(|| {
            let playlists = live.playlists.clone();
            let query = format!("_HLS_msn={}&_HLS_part={}", growing.0, growing.1);
            let request = Request {
                method: Method::Get,
                name: "video.m3u8".to_owned(),
                query,
                range: None,
                if_none_match: None,
                if_range: None,
                accept_encoding: None,
            };
            tokio::spawn(async move { respond(&playlists, request).await })
        });
        tokio::task::yield_now().await;
        live.step(step);
        if let Some(waits) = waits {
            let reply = waits.await.expect("the waiter does not panic");
            prop_assert!([200, 503].contains(&reply.status));
            let text = String::from_utf8(reply.body.concat()).expect("a playlist is UTF-8");
            let part = format!("part-r-{}.{}.m4s", growing.0, growing.1);
            prop_assert!(reply.status == 503 || text.contains(&format!("URI=\"{part}\"")), "waited for {part}\n{text}");
        }
        let availability = match (short, looked_away) {
            (true, _) => Availability::ShortOfBytes,
            (false, true) => Availability::LookedAway,
            (false, false) => Availability::Full,
        };
        if !std::mem::take(&mut looked_away) {
            client.look(&live, availability).await?;
        }
    }
    live.window.end();
    client.look(&live, if short { Availability::ShortOfBytes } else { Availability::LookedAway }).await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_every_playlist_keeps_the_rules(
        steps in steps(),
        segment_parts in 5..11u32,
        part_ticks in prop_oneof![Just(18_000i64), Just(18_018), Just(17_100), Just(30_000)],
        windows in 3..20i64,
        bytes_max in prop_oneof![3 => Just(1u64 << 30), 1 => 1000..40_000u64],
    ) {
        let segment = Span(part_ticks * i64::from(segment_parts));
        let config = WindowConfig {
            run: "r".into(),
            first: FirstNumbers::NEW,
            target_duration_s: (segment.as_s().round() as u32).max(1),
            part_target: Span(part_ticks),
            segment_parts,
            span: segment * windows,
            bytes_max,
            memory_max: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        runtime.block_on(live(config, &steps))?;
    }
}

/// The checker finds what is wrong: each line breaks one rule of a playlist that breaks none.
#[test]
fn the_checker_sees_each_fault() {
    use super::Fault;
    let good = include_str!("../../golden/steady.m3u8");
    assert_eq!(violations(good, &mut History::default()), []);
    for (from, to, fault) in [
        ("#EXTM3U", "#EXTM3V", Fault::FirstLine),
        ("VERSION:6", "VERSION:5", Fault::VersionTooLow),
        ("VERSION:6", "VERSION:7", Fault::VersionTooHigh),
        ("#EXTINF:1.00000", "#EXTINF:1.50000", Fault::SegmentTooLong),
        ("PART-HOLD-BACK=0.60000", "PART-HOLD-BACK=0.59999", Fault::PartHoldBack),
        (",HOLD-BACK=3", ",HOLD-BACK=2", Fault::HoldBack),
        ("UNTIL=6", "UNTIL=5", Fault::SkipUntil),
        ("PART-TARGET=0.20000", "PART-TARGET=0.19000", Fault::PartTooLong),
        ("PART-TARGET=0.20000", "PART-TARGET=0.24000", Fault::PartTooShort),
        ("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-r-18.2.m4s\"\n", "", Fault::Hint),
        ("#EXT-X-MAP:URI=\"init-r-1.mp4\"\n", "", Fault::NoMap),
        ("#EXT-X-PRELOAD-HINT", "#EXT-X-RENDITION-REPORT:URI=\"iframes.m3u8\",LAST-MSN=9\n#EXT-X-PRELOAD-HINT", Fault::Report),
        ("19:18.000Z", "19:18.100Z", Fault::DateDrift),
        ("19:18.000Z", "19:18Z", Fault::Date),
        ("SEQUENCE:6", "SEQUENCE:0", Fault::FirstNumber),
        (",INDEPENDENT=YES", "", Fault::NotIndependent),
    ] {
        assert!(good.contains(from), "{from}");
        let found = violations(&good.replace(from, to), &mut History::default());
        assert!(found.iter().any(|violation| violation.rule == fault), "{fault:?}: {found:?}");
    }
    for (from, to, fault) in [
        ("TARGETDURATION:1", "TARGETDURATION:2", Fault::HeadChanged),
        ("MEDIA-SEQUENCE:6", "MEDIA-SEQUENCE:5", Fault::SequenceBack),
        ("DISCONTINUITY-SEQUENCE:0", "DISCONTINUITY-SEQUENCE:1", Fault::DiscontinuityMoved),
        ("seg-r-9.m4s", "seg-r-9b.m4s", Fault::SegmentChanged),
        ("part-r-17.1.m4s", "part-r-17.9.m4s", Fault::PartsChanged),
        ("init-r-1.mp4", "init-r-2.mp4", Fault::SegmentChanged),
    ] {
        let mut history = History::default();
        violations(good, &mut history);
        let found = violations(&good.replace(from, to), &mut history);
        assert!(found.iter().any(|violation| violation.rule == fault), "{fault:?}: {found:?}");
    }
}
