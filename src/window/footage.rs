//! Footage of a time: the segments that reach into it, wherever their bytes lie.

use super::state::{Init, Segment};
use crate::{package::Msn, time::WallTime};
use std::sync::Arc;

/// A stretch of time by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
