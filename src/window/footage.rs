//! Footage of a time: the segments that reach into it, wherever their bytes lie.

use super::state::{Init, Segment};
use crate::{
    package::Msn,
    time::{Span, WallTime},
};
use serde::Serialize;
use std::sync::Arc;

/// A stretch of time by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimeRange {
    /// From this moment on.
    pub from: WallTime,
    /// Up to this one.
    pub to: WallTime,
}

impl TimeRange {
    /// Whether a segment reaches into it.
    pub fn has(&self, segment: &Segment) -> bool {
        segment.start.wall < self.to && segment.start.wall + segment.duration > self.from
    }
}

/// Between two segments, so much without footage is none.
const SEAM_MAX: Span = Span::from_ms(2000);

/// When there is footage: ranges of time, first to last, with gaps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Coverage {
    ranges: Vec<TimeRange>,
}

impl Coverage {
    /// Whether there is some of that time.
    pub fn has(&self, time: TimeRange) -> bool {
        let first = self.ranges.partition_point(|range| range.to <= time.from);
        self.ranges.get(first).is_some_and(|range| range.from < time.to)
    }

    /// From the first moment of it to the last; none without any.
    pub fn whole(&self) -> Option<TimeRange> {
        let (first, last) = (self.ranges.first()?, self.ranges.last()?);
        Some(TimeRange { from: first.from, to: last.to })
    }

    /// There is footage of that time, too.
    pub fn add(&mut self, new: TimeRange) {
        let first = self.ranges.partition_point(|range| new.from.since(range.to) >= SEAM_MAX);
        let behind = self.ranges.partition_point(|range| range.from.since(new.to) < SEAM_MAX);
        let joined = self.ranges[first..behind]
            .iter()
            .fold(new, |joined, range| TimeRange { from: joined.from.min(range.from), to: joined.to.max(range.to) });
        self.ranges.splice(first..behind, [joined]);
    }
}

/// The segments of a time, first to last, by their numbers.
#[derive(Clone, Debug, Default)]
pub struct Footage {
    /// The init segments that they need.
    pub inits: Vec<Init>,
    /// The whole ones.
    pub segments: Vec<Arc<Segment>>,
    /// The one that grows, if it is of that time.
    pub growing: Option<Segment>,
    /// From when to when there is footage at all; none without any.
    pub kept: Option<TimeRange>,
    /// No more will come.
    pub has_ended: bool,
}

impl Footage {
    /// All segments.
    pub fn all(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().map(AsRef::as_ref).chain(&self.growing)
    }

    /// The init segment of one of them.
    pub fn init_of(&self, segment: &Segment) -> Option<&Init> {
        self.inits.iter().find(|init| (&init.run, init.id) == (&segment.run, segment.start.init))
    }

    /// Number of the first segment.
    pub fn first(&self) -> Option<Msn> {
        self.all().next().map(|first| first.start.msn)
    }

    /// Puts what is older before it.
    pub fn put_before(&mut self, older: Footage) {
        let known = |init: &Init| older.inits.iter().any(|other| (&other.run, other.id) == (&init.run, init.id));
        self.inits.retain(|init| !known(init));
        self.inits.splice(..0, older.inits);
        self.segments.splice(..0, older.segments);
        self.kept = match (older.kept, self.kept) {
            (Some(older), Some(newer)) => Some(TimeRange { from: older.from.min(newer.from), to: newer.to.max(older.to) }),
            (older, newer) => older.or(newer),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn coverage_is_the_union_of_what_was_added_in_whatever_order(ranges in prop::collection::vec((0..200_i64, 1..20_i64), 0..30)) {
            let mut coverage = Coverage::default();
            let mut covered = [false; 230];
            for (from, len) in ranges {
                let at = |s: i64| WallTime::from_unix_ms(s * 1000);
                coverage.add(TimeRange { from: at(from), to: at(from + len) });
                covered[from as usize..(from + len) as usize].fill(true);
            }
            // A second without footage is none.
            for s in 1..229 {
                covered[s] |= covered[s - 1] && covered[s + 1];
            }
            let has = |s: usize| {
                let (from, to) = (s as i64 * 1_000_000, (s as i64 + 1) * 1_000_000);
                coverage.ranges.iter().any(|range| range.from.0 <= from && to <= range.to.0)
            };
            prop_assert!((0..230).all(|s| has(s) == covered[s]), "{:?}", coverage);
            prop_assert!(coverage.ranges.windows(2).all(|pair| pair[1].from.since(pair[0].to) >= SEAM_MAX), "{:?}", coverage);
        }
    }
}
