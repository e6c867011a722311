//! The timeline of a run: its stretches without a discontinuity, with the start of each in monotonic time and by the wall clock. DASH needs
//! it: a step of the wall clock must neither put a Period into the future nor let two overlap.

use crate::{
    package::{Msn, SegmentStart},
    pipeline::WALL_STEP_MAX,
    time::{Ticks, WallTime},
};
use std::collections::VecDeque;

/// A run of segments without a discontinuity: a Period of DASH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its first segment, listed or not.
    pub first: SegmentStart,
    /// Where it begins, in µs since the first frame of the run.
    pub start_us: i64,
    /// The wall clock was stepped at its beginning.
    pub stepped: bool,
    /// Where its last segment ends; `None` while it goes on.
    pub end: Option<Ticks>,
}

/// How many clocks of before are known: players that go by one of them play on, and each is a date of eight bytes.
const FORMER_MAX: usize = 16;

/// The stretches that reach into the window.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    zero: Option<WallTime>,
    /// What that was before the clock was set, the oldest first.
    former: VecDeque<WallTime>,
    stretches: VecDeque<Stretch>,
    /// So many from the first are of earlier runs, whose ticks are of other clocks.
    of_past: usize,
}

impl Timeline {
    /// The timeline of earlier runs, whose last stretch has ended.
    pub fn of_past(zero: WallTime, stretches: Vec<Stretch>) -> Timeline {
        let of_past = stretches.len();
        Timeline { zero: (of_past > 0).then_some(zero), former: VecDeque::new(), stretches: stretches.into(), of_past }
    }

    /// Whether no stretch of this run has begun.
    pub fn is_empty(&self) -> bool {
        self.stretches.len() == self.of_past
    }

    /// When the first frame of the run was captured, by the clock of the newest stretch. It changes with a step of that clock alone.
    pub fn zero(&self) -> Option<WallTime> {
        self.zero
    }

    /// The zero by the clocks of before, as it was told.
    pub fn former_zeros(&self) -> impl Iterator<Item = WallTime> {
        self.former.iter().copied()
    }

    /// The stretches, first to last.
    pub fn stretches(&self) -> impl DoubleEndedIterator<Item = &Stretch> + ExactSizeIterator {
        self.stretches.iter()
    }

    /// The stretch in which a moment of this run lies; none before its first.
    pub fn stretch_at(&self, at: Ticks) -> Option<&Stretch> {
        self.stretches.iter().skip(self.of_past).rev().find(|stretch| stretch.first.at <= at)
    }

    /// A stretch begins; the segment before it, if there is one, ends at `before`.
    pub fn begin(&mut self, first: SegmentStart, before: Option<Ticks>) {
        let (start_us, stepped) = match (self.zero, self.stretches.back()) {
            // No clock but that of the wall says how long there was no run.
            (Some(zero), Some(past)) if self.is_empty() => {
                let end_us = past.start_us + past.end.map_or(0, |end| end.since(past.first.at).as_us());
                let stepped = first.wall.0 - zero.0 < end_us;
                if stepped {
                    self.set(zero, WallTime(first.wall.0 - end_us).whole_ms());
                }
                (first.wall.0 - self.zero.unwrap_or(zero).0, stepped)
            }
            (Some(zero), Some(before)) => {
                let passed_us = before.start_us + first.at.since(before.first.at).as_us();
                let told_us = first.wall.0 - zero.0;
                let stepped = has_stepped(told_us, passed_us);
                if stepped {
                    self.set(zero, WallTime(first.wall.0 - passed_us).whole_ms());
                }
                (first.wall.0 - self.zero.unwrap_or(zero).0, stepped)
            }
            _ => {
                self.zero = Some(first.wall);
                (0, false)
            }
        };
        if let Some(last) = self.stretches.back_mut() {
            last.end = last.end.or(before);
        }
        self.stretches.push_back(Stretch { first, start_us, stepped, end: None });
    }

    /// The clock was set.
    fn set(&mut self, before: WallTime, zero: WallTime) {
        self.former.retain(|known| *known != zero && *known != before);
        self.former.push_back(before);
        if self.former.len() > FORMER_MAX {
            self.former.pop_front();
        }
        self.zero = Some(zero);
    }

    /// Forgets the stretches that end before a segment. Says whether all that is left is by the clock of now, and was not before.
    pub fn forget_before(&mut self, msn: Msn) -> bool {
        let mut is_other_clock = false;
        while self.stretches.get(1).is_some_and(|next| next.first.msn <= msn) {
            self.stretches.pop_front();
            self.of_past = self.of_past.saturating_sub(1);
            is_other_clock |= self.stretches.front().is_some_and(|front| front.stepped);
        }
        is_other_clock
    }
}

/// Whether two counts of the same time, in µs, differ by more than clocks that drift.
pub fn has_stepped(told_us: i64, passed_us: i64) -> bool {
    (told_us - passed_us).abs() > WALL_STEP_MAX.as_us()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{package::InitId, time::Span};

    /// A stretch that begins after so many seconds, when the clock says so many.
    fn start(msn: u64, at_s: i64, wall_ms: i64) -> SegmentStart {
        let (at, wall) = (Ticks(0) + Span::from_ms(at_s * 1000), WallTime::from_unix_ms(wall_ms));
        SegmentStart { msn: Msn(msn), at, wall, init: InitId(1), discontinuity: true }
    }

    fn starts(timeline: &Timeline) -> Vec<i64> {
        timeline.stretches().map(|stretch| stretch.start_us / 1000).collect()
    }

    #[test]
    fn a_step_moves_the_zero_and_not_the_timeline() {
        for step_ms in [-3_600_000, -700, 700, 1_795_191_552_000] {
            let mut timeline = Timeline::default();
            timeline.begin(start(1, 5, 8000), None);
            timeline.begin(start(4, 9, 12_200), Some(Ticks(8 * 90_000)));
            assert_eq!((timeline.zero(), starts(&timeline)), (Some(WallTime::from_unix_ms(8000)), vec![0, 4200]), "it drifts");
            timeline.begin(start(9, 15, 18_200 + step_ms), None);
            assert_eq!((timeline.zero(), starts(&timeline)), (Some(WallTime::from_unix_ms(8000 + step_ms)), vec![0, 4200, 10_200]));
            assert_eq!(timeline.stretch_at(Ticks(14 * 90_000)).map(|stretch| stretch.first.msn), Some(Msn(4)));
            assert!(!timeline.forget_before(Msn(8)) && timeline.forget_before(Msn(9)) && !timeline.forget_before(Msn(10)));
        }
    }
}
