//! What earlier runs have left on the disk, as a window takes it.

use super::{
    state::{Gone, Init, Segment},
    timeline::Stretch,
};
use crate::{
    package::Msn,
    time::{Span, WallTime},
};

/// The shortest time for which a segment that is gone is taken. Where less is left, the clock was set back.
const GONE_MIN: Span = Span::from_ms(1);

/// The listed past of a camera: what is in it lies on the disk.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The zero of its timeline ([`super::timeline::Timeline::zero`]).
    pub zero: WallTime,
    /// Its init segments, first to last.
    pub inits: Vec<Init>,
    /// Its stretches without a discontinuity, first to last; each has an end.
    pub stretches: Vec<Stretch>,
    /// Its segments, first to last, without holes in their numbers.
    pub segments: Vec<Segment>,
    /// What has left the playlists before the first of them.
    pub gone: Gone,
}

impl Past {
    /// Number of the segment after the last one.
    pub fn next_msn(&self) -> Option<Msn> {
        self.segments.last().map(|last| Msn(last.start.msn.0 + 1))
    }

    /// The longest segment.
    pub fn longest(&self) -> Span {
        self.segments.iter().map(|segment| segment.duration).max().unwrap_or(Span::ZERO)
    }

    /// Fills the numbers up to `next` with segments that are gone, for a playlist has no hole in its numbers: a run that was killed has told
    /// players of them, and has not kept them. Each is taken for as long as the last one, or less where what follows begins at `by`: dates
    /// of a playlist do not go back.
    pub fn fill_to(&mut self, next: Msn, by: WallTime) {
        let Some(last) = self.segments.last() else { return };
        let count = next.0.saturating_sub(last.start.msn.0 + 1);
        let room = Span(by.since(last.start.wall + last.duration).0 / count.max(1) as i64);
        let duration = if room >= GONE_MIN { last.duration.min(room) } else { last.duration };
        for _ in 0..count {
            let Some(last) = self.segments.last() else { return };
            let mut gone = last.clone();
            gone.start.msn = Msn(last.start.msn.0 + 1);
            (gone.start.at, gone.start.wall) = (last.end(), last.start.wall + last.duration);
            gone.start.discontinuity = false;
            gone.map = super::state::MapLine::Inherited;
            gone.parts.clear();
            (gone.duration, gone.bytes, gone.key_count, gone.key_bytes) = (duration, 0, 0, 0);
            self.segments.push(gone);
        }
    }
}
