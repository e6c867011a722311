//! Date ranges of the playlists: what is listed, and what was, a short while ago.

use crate::{
    playlist::hls::DateRange,
    time::{Span, Ticks, WallTime},
};
use std::collections::VecDeque;

/// Ranges listed at once. Each is a line of every playlist and a parse in every player; more than this belongs into the markers API.
pub const RANGES_MAX: usize = 1000;

/// The date ranges of a window.
#[derive(Debug, Default)]
pub struct Ranges {
    listed: Vec<(DateRange, Ticks)>,
    removed: VecDeque<(String, Ticks)>,
}

impl Ranges {
    /// Lists a range. If one of that ID is listed, it gets the attributes that it lacks, and keeps those that it has (§4.4.5.1).
    /// Says whether the range is listed: not so if it cannot be written, if there are [`RANGES_MAX`], or if its ID is used up.
    pub fn mark(&mut self, range: DateRange, now: Ticks) -> bool {
        if !range.is_valid() || self.removed.iter().any(|(id, _)| *id == range.id) {
            return false;
        }
        let Some((known, changed)) = self.listed.iter_mut().find(|(known, _)| known.id == range.id) else {
            let room = self.listed.len() < RANGES_MAX;
            if room {
                self.listed.push((range, now));
            }
            return room;
        };
        let before = known.clone();
        known.end = known.end.or(range.end.filter(|end| *end >= known.start));
        known.class = known.class.take().or(range.class);
        for (name, value) in range.extra {
            if !known.extra.iter().any(|(n, _)| *n == name) {
                known.extra.push((name, value));
            }
        }
        if *known != before {
            *changed = now;
        }
        true
    }

    /// Removes the ranges that ended before the first listed segment; their IDs are told for `remember`.
    pub fn forget_before(&mut self, first: WallTime, now: Ticks, remember: Span) {
        let removed = &mut self.removed;
        self.listed.retain(|(range, _)| {
            let over = range.end.is_some_and(|end| end < first);
            if over {
                removed.push_back((range.id.clone(), now));
            }
            !over
        });
        while self.removed.front().is_some_and(|(_, at)| now.since(*at) > remember) {
            self.removed.pop_front();
        }
    }

    /// All listed ranges, in the order of their listing.
    pub fn all(&self) -> impl Iterator<Item = &DateRange> {
        self.listed.iter().map(|(range, _)| range)
    }

    /// The listed ranges that were added or changed since then.
    pub fn since(&self, since: Ticks) -> impl Iterator<Item = &DateRange> {
        self.listed.iter().filter(move |(_, changed)| *changed >= since).map(|(range, _)| range)
    }

    /// IDs of the ranges that were removed since then.
    pub fn removed_since(&self, since: Ticks) -> Vec<String> {
        self.removed.iter().filter(|(_, at)| *at >= since).map(|(id, _)| id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(id: &str, start_s: i64, end_s: Option<i64>) -> DateRange {
        let at = |s| WallTime(s * 1_000_000);
        DateRange { id: id.to_owned(), class: None, start: at(start_s), end: end_s.map(at), extra: Vec::new() }
    }

    fn ids<'a>(ranges: impl Iterator<Item = &'a DateRange>) -> Vec<&'a str> {
        ranges.map(|range| range.id.as_str()).collect()
    }

    #[test]
    fn a_range_gets_its_end_once_and_keeps_what_it_has() {
        let mut ranges = Ranges::default();
        assert!(ranges.mark(range("a", 10, None), Ticks(0)));
        assert!(ranges.mark(range("b", 11, Some(12)), Ticks(1)));
        assert!(ranges.mark(range("a", 5, Some(20)), Ticks(2)));
        assert!(ranges.mark(range("a", 10, Some(30)), Ticks(3)));
        assert_eq!(ranges.all().next(), Some(&range("a", 10, Some(20))));
        assert_eq!(ids(ranges.since(Ticks(2))), ["a"]);
    }

    #[test]
    fn a_range_leaves_when_its_end_has_left_the_window_and_its_id_is_told_for_a_while() {
        let mut ranges = Ranges::default();
        for range in [range("a", 10, Some(12)), range("b", 10, None), range("c", 13, Some(14))] {
            assert!(ranges.mark(range, Ticks(0)));
        }
        ranges.forget_before(WallTime(12_000_000), Ticks(5), Span(10));
        assert_eq!(ids(ranges.all()), ["a", "b", "c"]);
        ranges.forget_before(WallTime(12_500_000), Ticks(6), Span(10));
        assert_eq!((ids(ranges.all()), ranges.removed_since(Ticks(0))), (vec!["b", "c"], vec!["a".to_owned()]));
        assert!(!ranges.mark(range("a", 20, None), Ticks(7)), "an ID is not used again");
        ranges.forget_before(WallTime(12_500_000), Ticks(17), Span(10));
        assert!(ranges.removed_since(Ticks(0)).is_empty());
    }

    #[test]
    fn what_cannot_be_listed_is_refused() {
        let mut ranges = Ranges::default();
        assert!(!ranges.mark(range("a\"", 10, None), Ticks(0)));
        (0..RANGES_MAX).for_each(|n| assert!(ranges.mark(range(&n.to_string(), 0, None), Ticks(0))));
        assert!(!ranges.mark(range("one more", 0, None), Ticks(0)));
    }
}
