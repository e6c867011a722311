//! Date ranges of the playlists: what is listed, and what was, a short while ago.

use crate::time::{Span, Ticks, WallTime};
use std::{collections::VecDeque, sync::Arc};

/// Ranges listed at once. Each is a line of every playlist and a parse in every player; more than this belongs into the markers API.
pub const RANGES_MAX: usize = 1000;

/// Of those, ranges of clients: a flood of their markers leaves room for what the detector finds.
pub const RANGES_OF_CLIENTS_MAX: usize = 600;

/// A date range, as the playlists list it (§4.4.5.1). Text values hold no quote, no line end and no tab: [`DateRange::is_valid`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateRange {
    /// ID, never used again for another range.
    pub id: String,
    /// CLASS.
    pub class: Option<String>,
    /// START-DATE.
    pub start: WallTime,
    /// END-DATE, once it is known; equal to the start for an instant.
    pub end: Option<WallTime>,
    /// `X-` attributes with quoted values, in order.
    pub extra: Vec<(String, String)>,
}

impl DateRange {
    /// Whether it can be written as it is (§4.2, §4.4.5.1).
    pub fn is_valid(&self) -> bool {
        let text_ok = |text: &str| !text.is_empty() && !text.chars().any(|c| c == '"' || c.is_control());
        let name_ok = |name: &str| {
            name.len() > 2
                && name.starts_with("X-")
                && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
        };
        text_ok(&self.id)
            && self.class.as_deref().is_none_or(text_ok)
            && self.end.is_none_or(|end| end >= self.start)
            && self.extra.iter().all(|(name, value)| name_ok(name) && text_ok(value))
    }
}

/// Who listed a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The program itself.
    Own,
    /// A client, by way of the API.
    Client,
}

/// A listed range, as it was after a change of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The range.
    pub range: DateRange,
    /// When it was listed, or changed last.
    pub changed: Ticks,
    origin: Origin,
}

/// The date ranges of a window. Cheap to clone, for what is listed is shared.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    listed: Vec<Arc<Listed>>,
    of_clients: usize,
    removed: VecDeque<(String, Ticks)>,
}

impl Ranges {
    /// Lists a range. If one of that ID is listed, it gets the attributes that it lacks, and keeps those that it has (§4.4.5.1).
    /// Says whether the range is listed: not so if it cannot be written, if there are [`RANGES_MAX`], or [`RANGES_OF_CLIENTS_MAX`] of
    /// clients, or if its ID is used up.
    pub fn mark(&mut self, range: DateRange, origin: Origin, now: Ticks) -> bool {
        if !range.is_valid() || self.removed.iter().any(|(id, _)| *id == range.id) {
            return false;
        }
        let Some(known) = self.listed.iter_mut().find(|known| known.range.id == range.id) else {
            let is_client = origin == Origin::Client;
            let room = self.listed.len() < RANGES_MAX && !(is_client && self.of_clients >= RANGES_OF_CLIENTS_MAX);
            if room {
                self.of_clients += usize::from(is_client);
                self.listed.push(Arc::new(Listed { range, changed: now, origin }));
            }
            return room;
        };
        let mut listed = known.range.clone();
        listed.end = listed.end.or(range.end.filter(|end| *end >= listed.start));
        listed.class = listed.class.take().or(range.class);
        for (name, value) in range.extra {
            if !listed.extra.iter().any(|(n, _)| *n == name) {
                listed.extra.push((name, value));
            }
        }
        if listed != known.range {
            *known = Arc::new(Listed { range: listed, changed: now, origin: known.origin });
        }
        true
    }

    /// Removes the ranges that ended before the first listed segment; their IDs are told for `remember`.
    pub fn forget_before(&mut self, first: WallTime, now: Ticks, remember: Span) {
        // As both are written: what ends in the same millisecond has not ended before.
        let first = first.whole_ms();
        self.remove(now, |listed| listed.range.end.is_some_and(|end| end.whole_ms() < first));
        while self.removed.front().is_some_and(|(_, at)| now.since(*at) > remember) {
            self.removed.pop_front();
        }
    }

    /// Removes the ranges that were listed before a moment and lie in the future: those of a clock that has been set back since.
    pub fn forget_told_before(&mut self, step: Ticks, wall: WallTime, now: Ticks) {
        self.remove(now, |listed| listed.changed <= step && listed.range.end.is_some() && listed.range.start > wall);
    }

    fn remove(&mut self, now: Ticks, is_over: impl Fn(&Listed) -> bool) {
        let Ranges { listed, of_clients, removed } = self;
        listed.retain(|each| {
            let over = is_over(each);
            if over {
                *of_clients -= usize::from(each.origin == Origin::Client);
                removed.push_back((each.range.id.clone(), now));
            }
            !over
        });
    }

    /// All listed ranges, in the order of their listing.
    pub fn listed(&self) -> impl Iterator<Item = &Arc<Listed>> {
        self.listed.iter()
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

    fn ids(ranges: &Ranges) -> Vec<&str> {
        ranges.listed().map(|listed| listed.range.id.as_str()).collect()
    }

    #[test]
    fn a_range_gets_its_end_once_and_keeps_what_it_has() {
        let mut ranges = Ranges::default();
        assert!(ranges.mark(range("a", 10, None), Origin::Own, Ticks(0)));
        assert!(ranges.mark(range("b", 11, Some(12)), Origin::Own, Ticks(1)));
        assert!(ranges.mark(range("a", 5, Some(20)), Origin::Own, Ticks(2)));
        assert!(ranges.mark(range("a", 10, Some(30)), Origin::Own, Ticks(3)));
        let listed: Vec<(&DateRange, Ticks)> = ranges.listed().map(|listed| (&listed.range, listed.changed)).collect();
        assert_eq!(listed, [(&range("a", 10, Some(20)), Ticks(2)), (&range("b", 11, Some(12)), Ticks(1))]);
    }

    #[test]
    fn a_range_leaves_when_its_end_has_left_the_window_and_its_id_is_told_for_a_while() {
        let mut ranges = Ranges::default();
        for range in [range("a", 10, Some(12)), range("b", 10, None), range("c", 13, Some(14))] {
            assert!(ranges.mark(range, Origin::Own, Ticks(0)));
        }
        ranges.forget_before(WallTime(12_000_000), Ticks(5), Span(10));
        assert_eq!(ids(&ranges), ["a", "b", "c"]);
        ranges.forget_before(WallTime(12_500_000), Ticks(6), Span(10));
        assert_eq!((ids(&ranges), ranges.removed_since(Ticks(0))), (vec!["b", "c"], vec!["a".to_owned()]));
        assert!(!ranges.mark(range("a", 20, None), Origin::Own, Ticks(7)), "an ID is not used again");
        ranges.forget_before(WallTime(12_500_000), Ticks(17), Span(10));
        assert!(ranges.removed_since(Ticks(0)).is_empty());
    }

    #[test]
    fn a_range_that_ends_in_the_millisecond_of_the_first_segment_stays() {
        let mut ranges = Ranges::default();
        let end = WallTime(5_000_100);
        ranges.mark(DateRange { end: Some(end), ..range("a", 1, None) }, Origin::Own, Ticks(0));
        ranges.forget_before(WallTime(5_000_900), Ticks(0), Span::ZERO);
        assert_eq!(ranges.listed().count(), 1, "both are written as 5.000");
        ranges.forget_before(WallTime(5_001_000), Ticks(0), Span::ZERO);
        assert_eq!(ranges.listed().count(), 0);
    }

    #[test]
    fn what_a_clock_that_was_ahead_has_dated_leaves_with_its_segments() {
        let mut ranges = Ranges::default();
        for (range, told) in
            [(range("a", 3600, Some(3605)), 10), (range("open", 3600, None), 10), (range("b", 3600, Some(3605)), 30)]
        {
            assert!(ranges.mark(range, Origin::Own, Ticks(told)));
        }
        ranges.forget_told_before(Ticks(20), WallTime(60_000_000), Ticks(40));
        assert_eq!((ids(&ranges), ranges.removed_since(Ticks(40))), (vec!["open", "b"], vec!["a".to_owned()]));
    }

    #[test]
    fn what_cannot_be_listed_is_refused() {
        let mut ranges = Ranges::default();
        assert!(!ranges.mark(range("a\"", 10, None), Origin::Own, Ticks(0)));
        (0..RANGES_MAX).for_each(|n| assert!(ranges.mark(range(&n.to_string(), 0, None), Origin::Own, Ticks(0))));
        assert!(!ranges.mark(range("one more", 0, None), Origin::Own, Ticks(0)));
    }

    #[test]
    fn a_flood_of_clients_leaves_room_for_what_is_found() {
        let mut ranges = Ranges::default();
        let taken = (0..5000).filter(|n| ranges.mark(range(&format!("door-{n}"), 10, Some(11)), Origin::Client, Ticks(0))).count();
        assert_eq!(taken, RANGES_OF_CLIENTS_MAX);
        assert!(ranges.mark(range("door-5", 10, Some(11)), Origin::Client, Ticks(1)), "it is listed already");
        assert!((0..RANGES_MAX - RANGES_OF_CLIENTS_MAX).all(|n| ranges.mark(
            range(&format!("face-{n}"), 12, None),
            Origin::Own,
            Ticks(0)
        )));
        ranges.forget_before(WallTime(12_000_000), Ticks(5), Span(10));
        assert!(ranges.mark(range("door-again", 13, None), Origin::Client, Ticks(6)), "there is room again");
    }
}
