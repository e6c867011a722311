//! Where frames lie in time, and are cut, that the source has coded: their stamps jitter, they leave some out, and key frames come when
//! the source likes. Pure.
//!
//! HLS wants parts that are no longer than the part target, and no shorter than 85 % of it but at the end of a segment (rfc8216bis
//! §4.4.4.9). So a part is a number of slots, each of about a frame, and a frame takes as many as its stamps say. One that would reach
//! beyond its part begins with the next one, and the frame before it is shown so much longer; or it ends with its part, and those behind
//! it are longer until the stamps are reached again. A slot is a little longer or shorter where the stamps are,
//! so that nothing ever runs away from the source's clock.
//!
//! A frame's length is known when the next one is there. So one is held back; and when a part is published, it is known whether its
//! segment goes on.

#[cfg(test)]
mod tests;

use crate::{
    encode::EncodedFrame,
    grid::Grid,
    source::coded::CodedFrame,
    time::{Span, TICKS_PER_S, Ticks},
};

/// A slot gives way by its part's share of this part of a frame, or by [`SLOT_GIVE`] of itself where that is less.
const PART_GIVE: i64 = 4;
/// A short part keeps to 85 % of the part target: 15/16 of its slots are 88 % of 17/16.
const SLOT_GIVE: i64 = 16;
/// A segment may be longer than a target duration by half a second, which it is rounded by; this is kept free.
const ROUNDING: Span = Span::from_ms(450);
/// Frames that lie this far ahead of their stamps are of a source that has become faster.
const AHEAD_MAX: Span = Span::from_ms(1_000);

/// Where the frames of one source are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cuts {
    /// A slot: a frame at the rate that the source is said to have.
    frame: Span,
    /// Slots in a part.
    part_slots: u32,
    /// A segment of this length ends before the next key frame.
    segment_min: Span,
    /// No segment is longer.
    segment_max: Span,
    /// EXT-X-TARGETDURATION.
    pub target_duration_s: u32,
}

impl Cuts {
    /// For a source with key frames that far apart, with parts and segments as near as can be to those of the grid.
    pub fn new(grid: &Grid, gop: Span) -> Cuts {
        let gop = gop.max(grid.rate.frame_span());
        let segment = grid.segment_target();
        let gops = ((segment.0 + gop.0 / 2) / gop.0).max(1);
        let whole = (gop * gops).max(segment);
        // A clock that runs a little fast makes no second of a tick.
        let target_duration_s = ((whole - Span(TICKS_PER_S / 4)).as_s().ceil() as u32).max(1);
        let segment_max = Span(i64::from(target_duration_s) * TICKS_PER_S) + ROUNDING;
        let segment_min = Span(gop.0 * gops - gop.0 / 2);
        Cuts { frame: grid.rate.frame_span(), part_slots: grid.part_frames, segment_min, segment_max, target_duration_s }
    }

    /// The longest a part can be: PART-TARGET.
    pub fn part_target(&self) -> Span {
        (self.frame + self.give()) * i64::from(self.part_slots)
    }

    /// By how much a slot may be longer or shorter than a frame.
    fn give(&self) -> Span {
        Span((self.frame.0 / (PART_GIVE * i64::from(self.part_slots))).min(self.frame.0 / SLOT_GIVE))
    }
}

/// A part, and whether its segment ends with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutPart {
    /// Its frames.
    pub frames: Vec<EncodedFrame>,
    /// It is the last of its segment.
    pub ends_segment: bool,
}

/// Why a run of frames cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpacingError {
    /// The segment would be longer than it may.
    #[error("no key frame has come for {:.1} s, and a segment of this stream is {target_s} s long at most", .since.as_s())]
    NoKeyFrame {
        /// Since then.
        since: Span,
        /// The target duration.
        target_s: u32,
    },
    /// The frames take more time than they come in.
    #[error("more pictures come in a second than at the beginning")]
    TooFast,
}

/// Lays out and cuts one run of frames.
#[derive(Debug)]
pub struct Spacing {
    cuts: Cuts,
    /// The newest frame, whose length is not known, and where it begins.
    head: Option<(Ticks, CodedFrame)>,
    /// Those of the open part, and their slots.
    part: Vec<EncodedFrame>,
    slots: u32,
    /// Length of the open segment, and of what lies in it behind its last key frame.
    segment: Span,
    since_key: Span,
}

impl Spacing {
    /// Of a run that begins with this key frame, and no earlier than then.
    pub fn begin(cuts: Cuts, first: CodedFrame, not_before: Ticks) -> Spacing {
        let at = first.at.max(not_before);
        Spacing { cuts, head: Some((at, first)), part: Vec::new(), slots: 0, segment: Span::ZERO, since_key: Span::ZERO }
    }

    /// Takes the next frame. What becomes whole by it is added to `parts`. On an error the run is over, as after [`Spacing::finish`].
    pub fn push(&mut self, next: CodedFrame, parts: &mut Vec<CutPart>) -> Result<(), SpacingError> {
        let Some((at, head)) = self.head.take() else { return Ok(()) };
        let is_too_fast = at.since(next.at) > AHEAD_MAX;
        let end = self.place(at, head, next.at, parts);
        let is_too_long = !next.key && self.room() < 1;
        let ends = is_too_long || is_too_fast || (next.key && self.is_segment_whole());
        if ends || self.slots >= self.cuts.part_slots {
            self.close(ends, parts);
        }
        if is_too_long {
            return Err(SpacingError::NoKeyFrame { since: self.since_key, target_s: self.cuts.target_duration_s });
        }
        if is_too_fast {
            return Err(SpacingError::TooFast);
        }
        if ends {
            self.segment = Span::ZERO;
        }
        if next.key {
            self.since_key = Span::ZERO;
        }
        self.head = Some((end, next));
        Ok(())
    }

    /// Nothing follows: what is inside comes out, the last frame with the length of a slot.
    pub fn finish(&mut self) -> Option<CutPart> {
        let (at, head) = self.head.take()?;
        let mut parts = Vec::new();
        self.place(at, head, at + self.cuts.frame, &mut parts);
        self.close(true, &mut parts);
        parts.pop()
    }

    /// Where the run ends if nothing follows.
    pub fn end(&self) -> Option<Ticks> {
        self.head.as_ref().map(|(at, _)| *at + self.cuts.frame)
    }

    /// Gives a frame its length, by the stamp of the next one. Where it ends.
    fn place(&mut self, mut at: Ticks, frame: CodedFrame, next: Ticks, parts: &mut Vec<CutPart>) -> Ticks {
        let (slot, give) = (self.cuts.frame.0, self.cuts.give().0);
        let length = next.since(at).0;
        let mut slots = ((length + slot / 2) / slot).min(self.room()).max(1);
        let mut length = length;
        let left = i64::from(self.cuts.part_slots - self.slots);
        // Whichever moves less: this one begins later, or the next one earlier.
        if let Some(before) = self.part.last_mut().filter(|_| slots >= 2 * left) {
            let moved = Span(left * slot);
            before.duration = before.duration + moved;
            (self.segment, self.since_key) = (self.segment + moved, self.since_key + moved);
            self.close(false, parts);
            (at, slots, length) = (at + moved, slots - left, length - moved.0);
        }
        let slots = slots.min(i64::from(self.cuts.part_slots - self.slots));
        let duration = Span(length.clamp(slots * (slot - give), slots * (slot + give)));
        self.part.push(EncodedFrame { at, duration, key: frame.key, data: frame.data });
        self.slots += slots as u32;
        (self.segment, self.since_key) = (self.segment + duration, self.since_key + duration);
        at + duration
    }

    /// Slots that the segment has room for.
    fn room(&self) -> i64 {
        (self.cuts.segment_max - self.segment).0 / (self.cuts.frame + self.cuts.give()).0
    }

    /// Whether the segment is to end before a key frame: it is long enough, or would be too long with what is likely to come.
    fn is_segment_whole(&self) -> bool {
        self.segment >= self.cuts.segment_min || self.segment + self.since_key > self.cuts.segment_max
    }

    fn close(&mut self, ends_segment: bool, parts: &mut Vec<CutPart>) {
        self.slots = 0;
        parts.push(CutPart { frames: std::mem::take(&mut self.part), ends_segment });
    }
}
