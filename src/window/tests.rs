//! What the window keeps, for how long, and what it costs.

use super::*;
use crate::{
    package::{InitId, Msn},
    time::{ManualClock, WallTime},
    window::feed::{BEGIN, Feed, PART, config},
};
use std::time::Duration;

fn listed(feed: &Feed) -> Vec<u64> {
    feed.read(|state| state.listed().map(|segment| segment.start.msn.0).collect())
}

fn fetchable(feed: &Feed, msn: u64) -> bool {
    feed.read(|state| state.segment(Msn(msn)).is_some())
}

/// Segments of 1 s of 7000 bytes.
fn seconds(n: usize) -> String {
    "K....|".repeat(n)
}

#[test]
fn the_window_is_at_least_its_span_and_at_most_one_segment_longer() {
    let mut feed = Feed::new(config());
    feed.push(&seconds(12));
    assert_eq!(listed(&feed), (1..=12).collect::<Vec<_>>());
    feed.push(&seconds(1));
    assert_eq!(listed(&feed), (2..=13).collect::<Vec<_>>());
    feed.push("K...|K..|");
    assert_eq!(listed(&feed), (3..=15).collect::<Vec<_>>(), "without 3, it would be 11.4 s");
}

#[test]
fn another_length_counts_from_the_next_part_on() {
    let mut feed = Feed::new(config());
    feed.push(&seconds(12));
    feed.window.set_limits(Span::from_ms(8000), 1 << 30);
    feed.push(&seconds(1));
    assert_eq!(listed(&feed), (6..=13).collect::<Vec<_>>());
    feed.window.set_limits(Span::from_ms(10_000), 1 << 30);
    feed.push(&seconds(4));
    assert_eq!(listed(&feed), (8..=17).collect::<Vec<_>>());
}

#[test]
fn a_removed_segment_stays_for_its_availability_duration() {
    let mut feed = Feed::new(config());
    feed.push(&seconds(13));
    assert!(!listed(&feed).contains(&1) && fetchable(&feed, 1));
    // First listed at 1 s; its own 1 s and the longest playlist of 13 s, with the growing segment, make 15 s; from the un-listing at
    // 13 s, its own 1 s and 3 target durations make 17 s.
    feed.push(&seconds(3)).push("K...");
    assert!(fetchable(&feed, 1));
    feed.push(".");
    assert!(!fetchable(&feed, 1));
    assert!(feed.read(|state| state.find_part(Msn(1), 0).is_none() && state.find_part(Msn(2), 4).is_some()));
}

#[test]
fn a_part_stays_for_three_target_durations_after_its_unlisting() {
    let mut feed = Feed::new(config());
    feed.push(&seconds(40));
    let unlisted = feed.read(|state| state.recent().next().expect("there are parts").start.msn.0 - 1);
    feed.push(&seconds(3));
    assert!(feed.read(|state| state.find_part(Msn(unlisted), 0).is_some()));
}

#[test]
fn bytes_bound_the_window_with_what_stays_fetchable() {
    let mut feed = Feed::new(WindowConfig { bytes_max: 84_000, ..config() });
    for _ in 0..60 {
        feed.push(&seconds(1));
        assert!(feed.window.summary().held_bytes <= 84_000, "{:?}", feed.window.summary());
    }
    // 8 s listed and 4 s after them are 12 segments of 7000 bytes.
    assert_eq!(listed(&feed).len(), 8);
}

#[test]
fn three_target_durations_stay_however_few_bytes_there_may_be() {
    let mut feed = Feed::new(WindowConfig { bytes_max: 1, ..config() });
    feed.push(&seconds(20));
    assert_eq!(listed(&feed), [17, 18, 19, 20], "3 s to the tick could read as less, once rounded");
    feed.push("K|");
    assert_eq!(listed(&feed), [18, 19, 20, 21]);
    assert!(fetchable(&feed, 17) && !fetchable(&feed, 12), "what was un-listed stays for 4 s only");
}

#[test]
fn six_segments_stay_however_short_the_span() {
    let mut feed = Feed::new(WindowConfig { span: Span::from_ms(3000), ..config() });
    feed.push(&seconds(20));
    assert_eq!(listed(&feed).len(), 6);
}

#[test]
fn an_init_segment_stays_as_long_as_a_segment_needs_it() {
    let mut feed = Feed::new(config());
    let has = |feed: &Feed, id| feed.read(|state| state.init(InitId(id)).is_some());
    feed.push("K....|!").push(&seconds(15));
    assert!(has(&feed, 1) && has(&feed, 2) && fetchable(&feed, 1));
    feed.push(&seconds(2));
    assert!(!fetchable(&feed, 1) && !has(&feed, 1) && has(&feed, 2));
}

#[test]
fn the_summary_adds_up() {
    let mut feed = Feed::new(config());
    assert_eq!(feed.window.summary(), Summary::default());
    feed.push(&seconds(2)).push("KK...|K.");
    let expect = Summary {
        span_s: 3.0,
        bytes: 23_000,
        held_bytes: 27_000,
        segments: 3,
        first_msn: 1,
        last_msn: 3,
        average_bps: 61_334,
        peak_bps: 72_000,
        ended: false,
    };
    assert_eq!(feed.window.summary(), expect);
    feed.window.end();
    let summary = feed.window.summary();
    assert!(summary.ended);
    assert_eq!((summary.segments, summary.bytes), (4, 27_000));
}

#[test]
fn an_end_without_any_segment_is_no_segment() {
    let feed = Feed::new(config());
    feed.window.end();
    assert_eq!((feed.window.summary().segments, feed.window.summary().ended), (0, true));
}

#[test]
fn a_window_without_parts_makes_no_version() {
    let window = Window::new(config(), Arc::new(ManualClock::at(WallTime(0))));
    let mut versions = window.versions();
    window.push(super::feed::init(InitId(1)));
    assert!(!versions.has_changed().unwrap());
    window.end();
    window.end();
    assert_eq!(*versions.borrow_and_update(), 1);
}

#[test]
fn program_dates_come_from_the_segments_not_from_counting() {
    let mut feed = Feed::new(config());
    feed.push("K....|");
    feed.clock.advance(Span::from_ms(700));
    feed.push("!K....|");
    let walls: Vec<WallTime> = feed.read(|state| state.listed().map(|segment| segment.start.wall).collect());
    assert_eq!(walls, [BEGIN, BEGIN + Span::from_ms(1700)]);
}

/// Publishes parts into a window that already has `segments`, and says how long one takes, best of several runs.
fn cost_of_a_part(segments: usize) -> Duration {
    let mut feed = Feed::new(WindowConfig { span: PART * 5 * segments as i64, bytes_max: u64::MAX, ..config() });
    feed.push(&seconds(segments + 1));
    let clock = crate::time::SystemClock::start();
    let run = |feed: &mut Feed| {
        let begin = clock.now();
        feed.push(&seconds(200));
        clock.now().since(begin).to_duration() / 1000
    };
    (0..7).map(|_| run(&mut feed)).min().unwrap_or_default()
}

#[test]
fn publishing_a_part_costs_the_same_in_a_day_as_in_a_minute() {
    let (minute, day) = (cost_of_a_part(60), cost_of_a_part(43_200));
    // A walk over the day would cost a thousand times as much; caches and the clock's grain are allowed for.
    assert!(day < minute * 3 + Duration::from_micros(20), "{minute:?} in a minute, {day:?} in a day");
}
