//! What earlier runs have left on the disk, as a window takes it.

use super::{
    state::{Gone, Init, Segment},
    timeline::Stretch,
};
use crate::{
    package::Msn,
    time::{Span, WallTime},
};

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
    /// players of them, and has not kept them. Each is taken for as long as the last one.
    pub fn fill_to(&mut self, next: Msn) {
        while let Some(last) = self.segments.last().filter(|last| last.start.msn.0 + 1 < next.0) {
            let mut gone = last.clone();
            gone.start.msn = Msn(last.start.msn.0 + 1);
            (gone.start.at, gone.start.wall) = (last.end(), last.start.wall + last.duration);
            gone.start.discontinuity = false;
            gone.map = super::state::MapLine::Inherited;
            gone.parts.clear();
            (gone.bytes, gone.key_count, gone.key_bytes) = (0, 0, 0);
            self.segments.push(gone);
        }
    }
}
