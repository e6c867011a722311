//! The times in a clip of which there is no footage. Pure.

use crate::{
    time::{Span, WallTime},
    window::footage::TimeRange,
};

/// Dates of segments are cut to whole milliseconds; what is shorter is no hole.
const HOLE_MIN: Span = Span::from_ms(10);

/// The footage of a time, segment by segment, and what is missing between.
#[derive(Debug)]
pub(super) struct Coverage {
    /// What was asked for.
    time: TimeRange,
    /// Up to here all is known.
    until: WallTime,
    holes: Vec<TimeRange>,
}

impl Coverage {
    pub(super) fn new(time: TimeRange) -> Coverage {
        Coverage { time, until: time.from, holes: Vec::new() }
    }

    /// There is footage of that time; it comes in order, but for a wall clock that was set back.
    pub(super) fn add(&mut self, from: WallTime, length: Span) {
        self.miss_until(from);
        self.until = self.until.max(from + length);
    }

    /// What is missing of the time.
    pub(super) fn finish(mut self) -> Vec<TimeRange> {
        self.miss_until(self.time.to);
        self.holes
    }

    fn miss_until(&mut self, to: WallTime) {
        if to.since(self.until) >= HOLE_MIN {
            self.holes.push(TimeRange { from: self.until, to });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_segment_covers_is_a_hole() {
        let check = |segments: &[(i64, i64)], expect: &[(i64, i64)]| {
            let at = WallTime::from_unix_ms;
            let mut coverage = Coverage::new(TimeRange { from: at(1000), to: at(9000) });
            for (from, length) in segments {
                coverage.add(at(*from), Span::from_ms(*length));
            }
            let holes: Vec<(i64, i64)> =
                coverage.finish().iter().map(|hole| (hole.from.as_unix_ms(), hole.to.as_unix_ms())).collect();
            assert_eq!(holes, expect, "{segments:?}");
        };
        check(&[(0, 2000), (2000, 7000)], &[]);
        check(&[(0, 2000), (2001, 2000), (4001, 5000)], &[]);
        check(&[(0, 2000), (5000, 2000)], &[(2000, 5000), (7000, 9000)]);
        check(&[(2000, 7000)], &[(1000, 2000)]);
        check(&[], &[(1000, 9000)]);
        // The clock was set back by an hour, and shows some of the time twice.
        check(&[(0, 6000), (3000, 2000), (5000, 5000)], &[]);
    }
}
