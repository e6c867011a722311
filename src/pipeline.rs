//! The way of a paced frame to the bus: one compositor, whose finished pictures all renditions encode. The live stream, `record` and
//! `bench` all run this.
//!
//! It owns no thread. All its pictures have one size. A stepped wall clock, and a hole in the grid, restart it behind an
//! EXT-X-DISCONTINUITY.

use crate::{
    bus::{Publisher, SubscriberEnded},
    compose::{
        compositor::{Compositor, CompositorParts, CompositorStatus},
        redaction::ReadyFrame,
    },
    grid::Grid,
    pacer::PacedFrame,
    picture::{Picture, Size},
    rendition::{Rendition, RenditionError, RenditionParts, RenditionStatus},
    time::{Clock, Span, Ticks, WallAnchor},
};
use std::sync::Arc;

mod passing;

pub use passing::Passed;

/// A wall clock further than this from where it should be was stepped (by NTP or a person), and the dates start anew.
pub const WALL_STEP_MAX: Span = Span::from_ms(500);

/// What a pipeline is made of.
pub struct PipelineParts {
    /// What makes the finished pictures.
    pub compositor: CompositorParts,
    /// Who gets them, beside the renditions.
    pub pictures: Publisher<Arc<Picture>>,
    /// What is made of them.
    pub renditions: Vec<RenditionParts>,
    /// The frame grid, and where it is cut.
    pub grid: Grid,
    /// The stream's clock.
    pub clock: Arc<dyn Clock>,
}

/// What the pipeline of one stream tells of itself.
#[derive(Debug, Default)]
pub struct PipelineStatus {
    /// Its compositor.
    pub compositor: Arc<CompositorStatus>,
    /// Its rendition.
    pub rendition: Arc<RenditionStatus>,
}

/// Why the pipeline cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A thread of the stream ended by a bug, which has been told.
    #[error("the thread {0} ended by a bug, and the stream with it")]
    Panicked(&'static str),
    /// A rendition.
    #[error(transparent)]
    Rendition(#[from] RenditionError),
    /// What the source has coded was to be handed on in any case.
    #[error("the stream cannot be passed through any more: {0}; leave --pass-through always out to have it encoded")]
    Unfit(String),
}

impl From<SubscriberEnded> for PipelineError {
    fn from(ended: SubscriberEnded) -> PipelineError {
        RenditionError::from(ended).into()
    }
}

impl PipelineError {
    /// Whether something has failed; nothing has where an essential subscriber wants no more.
    pub fn is_failure(&self) -> bool {
        !matches!(self, PipelineError::Rendition(RenditionError::SubscriberEnded(ended)) if !ended.by_bug)
    }
}

/// The pipeline of one stream.
pub struct Pipeline {
    compositor: Compositor,
    status: Arc<CompositorStatus>,
    pictures: Publisher<Arc<Picture>>,
    renditions: Vec<Rendition>,
    grid: Grid,
    clock: Arc<dyn Clock>,
    /// Number of the first frame of the current run of segments, were they all of one length; key frames are counted from it.
    first_frame: i64,
    anchor: WallAnchor,
    /// The machine is behind: what can be left out is.
    is_thrifty: bool,
    composing: Span,
}

/// Time spent in each stage so far, on the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageTimes {
    /// Composing.
    pub compose: Span,
    /// Encoding.
    pub encode: Span,
    /// Cutting into parts.
    pub package: Span,
}

impl Pipeline {
    /// A pipeline that has seen no picture yet.
    pub fn new(parts: PipelineParts) -> Pipeline {
        let PipelineParts { compositor, pictures, renditions, grid, clock } = parts;
        Pipeline {
            status: compositor.status.clone(),
            compositor: Compositor::new(compositor),
            pictures,
            renditions: renditions.into_iter().map(Rendition::new).collect(),
            grid,
            first_frame: 0,
            anchor: WallAnchor { at: clock.now(), wall: clock.wall() },
            clock,
            is_thrifty: false,
            composing: Span::ZERO,
        }
    }

    /// Takes one point of the frame grid, with its picture if it shows a fresh one, and publishes what comes of it.
    pub fn put(&mut self, frame: PacedFrame, fresh: Option<&Arc<Picture>>) -> Result<(), PipelineError> {
        self.compositor.put(frame, fresh);
        while let Some(ready) = self.compositor.take_ready() {
            self.show(ready)?;
        }
        Ok(())
    }

    /// While the machine is behind, a key frame inside a segment is left out where it would be a picture shown again.
    pub fn set_thrifty(&mut self, is_thrifty: bool) {
        self.is_thrifty = is_thrifty;
    }

    /// Whether a frame begins a segment, and so must be encoded, whatever it shows.
    pub fn begins_segment(&self, number: i64) -> bool {
        !self.is_open() || self.frame_in_segment(number) == 0
    }

    /// Whether the detector may search less often: where faces are hidden, what it has not seen is hidden as a whole.
    pub fn may_search_less(&self) -> bool {
        !self.compositor.hides()
    }

    /// Takes out what is inside; what comes next stands behind a discontinuity.
    pub fn interrupt(&mut self) -> Result<(), PipelineError> {
        while let Some(ready) = self.compositor.take_anyway() {
            self.show(ready)?;
        }
        self.close()
    }

    /// The stream ends: takes out what is inside and closes the last part and segment.
    pub fn finish(&mut self) -> Result<(), PipelineError> {
        self.interrupt()?;
        Ok(self.renditions.iter_mut().try_for_each(Rendition::finish)?)
    }

    /// Time spent in each stage so far, by all renditions.
    pub fn spent(&self) -> StageTimes {
        let sum = |spent: StageTimes, rendition: &Rendition| StageTimes {
            encode: spent.encode + rendition.spent().encode,
            package: spent.package + rendition.spent().package,
            ..spent
        };
        self.renditions.iter().fold(StageTimes { compose: self.composing, ..StageTimes::default() }, sum)
    }

    /// Composes one frame, and gives it to the renditions. It is not composed where it shows the one before again, and need not be a key
    /// frame.
    fn show(&mut self, ready: ReadyFrame) -> Result<(), PipelineError> {
        let frame = ready.frame;
        if self.frame_in_segment(frame.number) == 0 && self.wall_has_stepped(frame.at) {
            tracing::warn!("the wall clock was stepped; dates begin anew behind a discontinuity");
            self.close()?;
        }
        if self.frame_in_segment(frame.number) == 0 {
            self.take_bitrates()?;
        }
        let begins = !self.is_open();
        if begins {
            self.open(ready.picture.size(), frame)?;
        }
        let place = self.frame_in_segment(frame.number);
        let key = begins || self.grid.is_key(place);
        let may_repeat = if self.is_thrifty { place != 0 } else { !key };
        let (mut ready, mut picture) = (Some(ready), None);
        for idx in 0..self.renditions.len() {
            if may_repeat && self.renditions[idx].repeat(frame)? {
                continue;
            }
            if let Some(ready) = ready.take() {
                picture = Some(self.compose(ready)?);
            }
            if let Some(picture) = &picture {
                self.renditions[idx].encode(picture, frame, key)?;
            }
        }
        Ok(())
    }

    /// Encoders with another bit rate are others, and what they give stands behind a discontinuity.
    fn take_bitrates(&mut self) -> Result<(), PipelineError> {
        let taken = self.renditions.iter_mut().filter_map(Rendition::take_bitrate).last();
        let Some(bitrate) = taken.filter(|_| self.is_open()) else { return Ok(()) };
        tracing::info!("the encoder begins anew, with {} kbit/s", bitrate / 1000);
        self.close()
    }

    fn compose(&mut self, ready: ReadyFrame) -> Result<Arc<Picture>, PipelineError> {
        let begin = self.clock.now();
        let picture = self.compositor.compose(ready, self.anchor);
        let took = self.clock.now().since(begin);
        self.status.latency.add(took);
        self.composing = self.composing + took;
        if !self.pictures.is_unheard() {
            self.pictures.publish(std::slice::from_ref(&picture))?;
        }
        Ok(picture)
    }

    /// Whether all renditions take frames.
    fn is_open(&self) -> bool {
        self.renditions.iter().all(Rendition::is_open)
    }

    /// Opens all renditions, and with them a new run of segments that begins with `frame`.
    fn open(&mut self, size: Size, frame: PacedFrame) -> Result<(), PipelineError> {
        self.close()?;
        // As if what its first segment is shorter than the others were there.
        self.first_frame = frame.number - i64::from(self.grid.segment_frames() - self.grid.lead_frames());
        let now = self.clock.now();
        self.anchor = WallAnchor { at: frame.at, wall: self.clock.wall() + frame.at.since(now) };
        let anchor = self.anchor;
        Ok(self.renditions.iter_mut().try_for_each(|rendition| rendition.open(size, anchor))?)
    }

    fn close(&mut self) -> Result<(), PipelineError> {
        Ok(self.renditions.iter_mut().try_for_each(Rendition::close)?)
    }

    fn frame_in_segment(&self, number: i64) -> u32 {
        (number - self.first_frame).rem_euclid(i64::from(self.grid.segment_frames())) as u32
    }

    fn wall_has_stepped(&self, at: Ticks) -> bool {
        if !self.is_open() {
            return false;
        }
        let now = self.clock.now();
        let wall = self.clock.wall() + at.since(now);
        (wall.0 - self.anchor.wall_at(at).0).abs() > WALL_STEP_MAX.as_us()
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
