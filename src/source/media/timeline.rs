//! Where a file's pictures lie in time, from its own time stamps as far as they can be believed. Pure.
//!
//! Stamps of joined recordings begin anew, those of MPEG-TS wrap, and cut ones leap. What counts is their differences: a leap back begins
//! a new stretch one frame later, a leap ahead is one hold of [`GAP_MAX`], and so is a new round of a file that loops.

use crate::time::{Span, Ticks};

/// A leap ahead in a file's time stamps beyond this is damage, or a pause that nobody wants to sit through.
pub(super) const GAP_MAX: Span = Span::from_ms(10_000);

/// Stamps that lie no further back than this may only be out of order.
const REORDER_MAX: Span = Span::from_ms(500);

/// A file of a single picture is looked at again this often: it may be a camera's newest still.
pub(super) const STILL_SPAN: Span = Span::from_ms(1000);

/// Where the file's time stamps lie from its opening on.
pub(super) struct Timeline {
    /// A frame where nothing else is said.
    frame: Span,
    /// From a stamp to its place; none at the beginning of a stretch.
    offset: Option<Span>,
    /// Place of the last picture.
    last: Option<Span>,
    /// Where the next picture would be if the file did not say.
    next: Span,
    /// The last stamp lay before the one before it.
    was_behind: bool,
    /// Where the round began.
    round: Span,
}

impl Timeline {
    /// A timeline with frames of that length.
    pub(super) fn new(frame: Span) -> Timeline {
        Timeline { frame, offset: None, last: None, next: Span::ZERO, was_behind: false, round: Span::ZERO }
    }

    /// The place of a picture with that stamp, that is to be seen for `duration`; strictly growing, and never more than [`GAP_MAX`] ahead,
    /// whatever the file says.
    pub(super) fn place(&mut self, stamp: Option<Ticks>, duration: Option<Span>) -> Span {
        let place = stamp.map_or(self.next, |stamp| self.stamped(stamp));
        self.last = Some(place);
        self.next = place + duration.unwrap_or_default().clamp(self.frame, GAP_MAX.max(self.frame));
        place
    }

    fn stamped(&mut self, stamp: Ticks) -> Span {
        let here = |place: Span| Span(place.0.saturating_sub(stamp.0));
        let offset = *self.offset.get_or_insert(here(self.next));
        let said = Span(stamp.0.saturating_add(offset.0));
        let Some(last) = self.last else { return said };
        let latest = self.next + GAP_MAX;
        let is_behind = said <= last;
        let place = if said > latest {
            self.offset = Some(here(latest));
            latest
        } else if !is_behind {
            said
        } else if self.was_behind || Span(last.0.saturating_sub(said.0)) > REORDER_MAX {
            self.offset = Some(here(self.next));
            self.next
        } else {
            last + Span(1)
        };
        self.was_behind = is_behind && self.offset == Some(offset);
        place
    }

    /// The file begins again: its first picture follows the last one by a frame.
    pub(super) fn begin_round(&mut self, pictures: u64) {
        if pictures == 1 {
            self.next = self.next.max(self.round + STILL_SPAN);
        }
        self.round = self.next;
        self.offset = None;
        self.was_behind = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Span = Span(3600);

    /// Places in frames of 25 fps, for stamps in frames.
    fn check(stamps: &[i64], expect: &[i64]) {
        let mut timeline = Timeline::new(FRAME);
        let places: Vec<i64> = stamps.iter().map(|stamp| timeline.place(Some(Ticks(stamp * FRAME.0)), None).0 / FRAME.0).collect();
        assert_eq!(places, expect, "{stamps:?}");
    }

    #[test]
    fn stamps_are_counted_from_the_first() {
        check(&[7, 8, 10, 11], &[0, 1, 3, 4]);
        check(&[-5, -4], &[0, 1]);
    }

    #[test]
    fn a_leap_back_begins_a_new_stretch_one_frame_later() {
        check(&[0, 1, 100, 0, 1, 2, 4], &[0, 1, 100, 101, 102, 103, 105]);
    }

    #[test]
    fn a_wrap_is_a_leap_back() {
        let wrap = (1_i64 << 33) / FRAME.0;
        check(&[wrap - 2, wrap - 1, 0, 1, 2], &[0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_leap_ahead_is_one_bounded_hold() {
        // 10 s are 250 frames.
        check(&[0, 1, 90_000, 90_001, 90_003], &[0, 1, 252, 253, 255]);
        check(&[0, 1, i64::MAX / FRAME.0 - 1, i64::MAX / FRAME.0], &[0, 1, 252, 253]);
    }

    #[test]
    fn stamps_out_of_order_do_not_stretch_time() {
        check(&[1, 0, 3, 2, 5, 4, 6], &[0, 0, 2, 2, 4, 4, 5]);
    }

    #[test]
    fn a_short_leap_back_is_seen_at_its_second_picture() {
        check(&[0, 1, 2, 3, 0, 1, 2], &[0, 1, 2, 3, 3, 4, 5]);
    }

    #[test]
    fn what_has_no_stamp_follows_by_a_frame() {
        let mut timeline = Timeline::new(FRAME);
        let places = [Some(Ticks(0)), None, None, Some(Ticks(3 * FRAME.0))].map(|stamp| timeline.place(stamp, None));
        assert_eq!(places, [0, 1, 2, 3].map(|n| FRAME * n));
    }

    #[test]
    fn a_round_begins_when_the_last_picture_was_seen() {
        let mut timeline = Timeline::new(FRAME);
        timeline.place(Some(Ticks(0)), Some(Span::from_ms(5000)));
        timeline.place(Some(Ticks(450_000)), Some(Span::from_ms(5000)));
        timeline.begin_round(2);
        assert_eq!(timeline.place(Some(Ticks(0)), Some(Span::from_ms(5000))), Span::from_ms(10_000));
    }

    #[test]
    fn a_single_picture_stands_for_a_while() {
        let mut timeline = Timeline::new(FRAME);
        for round in 0..3 {
            assert_eq!(timeline.place(Some(Ticks(0)), None), STILL_SPAN * round);
            timeline.begin_round(1);
        }
    }
}
