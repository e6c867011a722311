//! A rendition that hands on what the source has coded. Its segments stand behind a discontinuity from those of our encoder.

use super::{Rendition, RenditionError};
use crate::{
    bus::Encoded,
    encode::VideoParams,
    package::{
        segment::SegmenterConfig,
        spacing::{CutPart, Cuts, Spacing, SpacingError},
        track_params::TrackParams,
    },
    source::coded::{CodedFormat, CodedFrame},
    time::{Ticks, WallAnchor},
};
use std::sync::Arc;

/// What stands in the status for an encoder.
const NAME: &str = "pass-through";

/// A run of access units.
pub(super) struct Run {
    spacing: Spacing,
    format: Arc<CodedFormat>,
    params: Arc<TrackParams>,
}

/// Why an access unit was not handed on.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The run is over with what came before it. Another begins with the next key frame.
    #[error(transparent)]
    Spacing(#[from] SpacingError),
    /// The rendition cannot go on.
    #[error(transparent)]
    Rendition(#[from] RenditionError),
}

impl Rendition {
    /// Whether it hands on what the source has coded.
    pub fn is_passing(&self) -> bool {
        self.passing.is_some()
    }

    /// Where all that it was given ends.
    pub fn reached(&self) -> Option<Ticks> {
        self.passing.as_ref().and_then(|run| run.spacing.end()).or(self.reached)
    }

    /// Begins to hand on what the source has coded, with a key frame; what was open ends before it. `anchor` gives the dates of a run that
    /// begins then.
    pub fn begin_passing(
        &mut self,
        first: &CodedFrame,
        (cuts, bitrate): (Cuts, u32),
        anchor: impl FnOnce(Ticks) -> WallAnchor,
    ) -> Result<(), RenditionError> {
        self.close()?;
        let not_before = self.reached.unwrap_or_default();
        let spacing = Spacing::begin(cuts, first.clone(), not_before);
        let CodedFormat { size, sps, pps } = &*first.format;
        let rate = self.parts.grid.rate;
        let video = VideoParams { size: *size, rate, sps: sps.clone(), pps: pps.clone(), bitrate_max: bitrate, passed: true };
        self.parts.status.set_encoder(NAME, &video.codecs());
        let params: TrackParams = video.into();
        let anchor = anchor(first.at.max(not_before));
        let mut events = Vec::new();
        self.restart(SegmenterConfig { params: params.clone(), grid: None, anchor }, &mut events)?;
        self.passing = Some(Run { spacing, format: first.format.clone(), params: Arc::new(params) });
        self.count();
        self.publish(&events)
    }

    /// Whether this access unit cannot follow those before it without another init segment.
    pub fn is_of_other_format(&self, frame: &CodedFrame) -> bool {
        self.passing.as_ref().is_some_and(|run| run.format != frame.format)
    }

    /// Hands on an access unit that follows those before it.
    pub fn pass(&mut self, frame: &CodedFrame) -> Result<(), PassError> {
        let Some(run) = &mut self.passing else { return Ok(()) };
        let mut parts = Vec::new();
        let pushed = run.spacing.push(frame.clone(), &mut parts);
        self.count();
        for part in parts {
            self.publish_part(part)?;
        }
        if pushed.is_err() {
            self.passing = None;
        }
        Ok(pushed?)
    }

    /// What was handed on ends, with what is inside.
    pub(super) fn close_passing(&mut self) -> Result<(), RenditionError> {
        if let Some(last) = self.passing.as_mut().and_then(|run| run.spacing.finish()) {
            self.publish_part(last)?;
        }
        self.passing = None;
        Ok(())
    }

    fn count(&self) {
        self.parts.status.frames.mark(self.parts.clock.now());
        self.parts.status.encoded.bump();
    }

    fn publish_part(&mut self, part: CutPart) -> Result<(), RenditionError> {
        let (Some(run), Some(segmenter)) = (&self.passing, self.segmenter.as_mut()) else { return Ok(()) };
        if !self.parts.frames.is_unheard() {
            let encoded = |frame: &_| Encoded { params: run.params.clone(), frame: Clone::clone(frame) };
            let frames: Vec<Encoded> = part.frames.iter().map(encoded).collect();
            self.parts.frames.publish(&frames)?;
        }
        let begin = self.parts.clock.now();
        let events = segmenter.push_part(part.frames, part.ends_segment)?;
        let took = self.parts.clock.now().since(begin);
        self.spent.package = self.spent.package + took;
        self.parts.status.package_latency.add(took);
        self.publish(&events)
    }
}
