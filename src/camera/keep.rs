//! Keeping a stretch of the history: from the server, and by a message to a broker.

use super::Camera;
use crate::{
    archive::recordings::{Cause, Draft, Recording, RecordingError},
    events::EventKind,
    time::{Span, WallTime},
    window::footage::TimeRange,
};

/// What is kept of what just happened unless it is said how much.
pub const KEPT_DEFAULT: Span = Span::from_ms(30_000);

/// Why nothing is kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// There is no footage of that time; there is some from when to when.
    #[error("there is no footage of that time{}", .0.map_or_else(String::new, |TimeRange { from, to }| format!("; there is some from {from} to {to}")))]
    NoFootage(Option<TimeRange>),
    /// The recording cannot be made.
    #[error("{0}")]
    Recording(#[from] RecordingError),
    /// There is no history on a disk.
    #[error("recordings are stretches of the history on the disk; start hlscam with --storage DIR, or use hlscam record")]
    NoStorage,
}

impl Camera {
    /// Keeps a stretch; blocks as the disk does. It may end ahead, or never.
    pub fn keep(&self, draft: Draft) -> Result<Recording, KeepError> {
        let recordings = self.recordings.as_ref().ok_or(KeepError::NoStorage)?;
        let now = self.clock.wall();
        self.look_for_footage(&draft, now)?;
        let made = recordings.add(draft, now)?;
        self.markers.events.publish(now, EventKind::RecordingBegin(made.clone()));
        if made.to.is_some_and(|to| to <= now) {
            self.markers.events.publish(now, EventKind::RecordingEnd(made.clone()));
        }
        Ok(made)
    }

    /// Keeps what just happened, that long.
    pub fn keep_just_happened(&self, span: Span) -> Result<Recording, KeepError> {
        let to = self.clock.wall().whole_ms();
        self.keep(Draft { name: None, from: to + Span(-span.0), to: Some(to), protect: true, keep: None, cause: Cause::Request })
    }

    /// Whether there is footage of a recording of the past, or will be.
    fn look_for_footage(&self, draft: &Draft, now: WallTime) -> Result<(), KeepError> {
        let to = draft.to.unwrap_or(WallTime(i64::MAX));
        if to > now {
            return Ok(());
        }
        let coverage = self.coverage().map_err(|error| KeepError::Recording(error.into()))?;
        if coverage.has(TimeRange { from: draft.from, to }) { Ok(()) } else { Err(KeepError::NoFootage(coverage.whole())) }
    }
}
