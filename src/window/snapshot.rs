//! The window at one version, to be used without its lock: playlists are rendered and compressed from it while the encode thread publishes
//! the next part. A snapshot costs the same however long the window is, for it shares the segments.

use super::{
    WindowConfig,
    ranges::Ranges,
    state::{Gone, Init, Peaks, Segment, Sums},
    timeline::Timeline,
};
use crate::{
    package::{InitId, Msn},
    time::{Ticks, WallTime},
};
use std::{collections::VecDeque, sync::Arc};

/// A version of the window.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What the window is.
    pub config: Arc<WindowConfig>,
    /// The number of this version; a later one has a higher number.
    pub version: u64,
    /// When it was made.
    pub made: Ticks,
    /// The wall time then.
    pub made_wall: WallTime,
    /// The stream has ended.
    pub ended: bool,
    /// The init segments.
    pub inits: Arc<VecDeque<Init>>,
    /// How many segments are listed.
    pub listed_len: usize,
    /// How many of them, from the first, are listed without their parts.
    pub without_parts: usize,
    /// How many of them, from the first, a delta update leaves out.
    pub skippable: usize,
    /// The first of them.
    pub first: Option<Arc<Segment>>,
    /// The last of them, as many as were asked for; at least those with parts and those that no delta update leaves out.
    pub segments: Vec<Arc<Segment>>,
    /// The growing segment, once it has a part.
    pub growing: Option<Segment>,
    /// The part that comes next; `None` after the end.
    pub next_part: Option<(Msn, u32)>,
    /// Sums over the listed segments.
    pub sums: Sums,
    /// Highest bit rates so far.
    pub peaks: Peaks,
    /// What has left the front of the playlists.
    pub gone: Gone,
    /// The date ranges.
    pub ranges: Arc<Ranges>,
    /// The runs without a discontinuity that reach into the window.
    pub timeline: Arc<Timeline>,
}

impl Snapshot {
    /// Number of the first listed segment; 0 if there is none.
    pub fn first_msn(&self) -> u64 {
        self.first.as_ref().map_or(0, |first| first.start.msn.0)
    }

    /// The last whole segment.
    pub fn last(&self) -> Option<&Segment> {
        self.segments.last().map(Arc::as_ref)
    }

    /// The listed segment in a place: the first, or one of those that are here.
    pub fn listed(&self, place: usize) -> Option<&Segment> {
        match place {
            0 => self.first.as_deref(),
            _ => self.segments.get(place.checked_sub(self.listed_len - self.segments.len())?).map(Arc::as_ref),
        }
    }

    /// The listed segments from a place on; those that are not here are left out.
    pub fn listed_from(&self, place: usize) -> impl Iterator<Item = &Segment> {
        let left_out = self.listed_len - self.segments.len();
        self.segments.iter().skip(place.saturating_sub(left_out)).map(Arc::as_ref)
    }

    /// An init segment.
    pub fn init(&self, id: InitId) -> Option<&Init> {
        self.inits.iter().find(|init| init.id == id)
    }
}
