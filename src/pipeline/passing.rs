//! The way of what the source has coded to the bus, beside the compositor.

use super::{Pipeline, PipelineError, WALL_STEP_MAX};
use crate::{
    package::spacing::{Cuts, SpacingError},
    picture::{Picture, Size},
    rendition::{PassError, Rendition},
    source::coded::CodedFrame,
    time::{Ticks, WallAnchor},
};
use std::sync::Arc;

/// What became of an access unit.
#[derive(Debug)]
pub enum Passed {
    /// It is handed on.
    Yes,
    /// It is left out, for no key frame came before it.
    AwaitsKey,
    /// What came before it has ended, for this reason.
    Ended(SpacingError),
}

impl Pipeline {
    /// Where all that was given ends; `None` before the first.
    pub fn reached(&self) -> Option<Ticks> {
        self.renditions.iter().filter_map(Rendition::reached).max()
    }

    /// Hands on what the source has coded. What was encoded before it ends; so does what was handed on, where the source has another format
    /// or the wall clock was stepped.
    pub fn pass(&mut self, frame: &CodedFrame, how: (Cuts, u32)) -> Result<Passed, PipelineError> {
        let is_passing = self.renditions.iter().all(Rendition::is_passing);
        let is_other = self.renditions.iter().any(|rendition| rendition.is_of_other_format(frame));
        if !is_passing && !frame.key {
            return Ok(Passed::AwaitsKey);
        }
        if !is_passing || (frame.key && (is_other || self.anchor_is_off())) {
            return self.begin_passing(frame, how).map(|()| Passed::Yes);
        }
        for rendition in &mut self.renditions {
            match rendition.pass(frame) {
                Ok(()) => {}
                Err(PassError::Spacing(reason)) => return Ok(Passed::Ended(reason)),
                Err(PassError::Rendition(error)) => return Err(error.into()),
            }
        }
        Ok(Passed::Yes)
    }

    fn begin_passing(&mut self, first: &CodedFrame, how: (Cuts, u32)) -> Result<(), PipelineError> {
        self.interrupt()?;
        self.compositor.forget();
        let (now, wall) = (self.clock.now(), self.clock.wall());
        self.anchor = WallAnchor { at: now, wall };
        let anchor = |at: Ticks| WallAnchor { at, wall: wall + at.since(now) };
        Ok(self.renditions.iter_mut().try_for_each(|rendition| rendition.begin_passing(first, how, anchor))?)
    }

    /// Whether somebody wants pictures.
    pub fn is_watched(&self) -> bool {
        !self.pictures.is_unheard()
    }

    /// Hands out a picture of what is handed on.
    pub fn show_beside(&mut self, picture: Arc<Picture>) -> Result<(), PipelineError> {
        if self.is_watched() {
            self.pictures.publish(&[picture])?;
        }
        Ok(())
    }

    /// A slate of that size can be shown, though no picture has come.
    pub fn begin_slate(&mut self, size: Size, at: Ticks) {
        self.compositor.begin_with(|| Picture::black(size, at));
    }

    /// Whether the wall clock was stepped since the run began.
    fn anchor_is_off(&self) -> bool {
        let is_off = (self.clock.wall().0 - self.anchor.wall_at(self.clock.now()).0).abs() > WALL_STEP_MAX.as_us();
        if is_off {
            tracing::warn!("the wall clock was stepped; dates begin anew behind a discontinuity");
        }
        is_off
    }
}
