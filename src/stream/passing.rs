//! What the source has coded is handed on; what stands in for it while it does not come is encoded.

use super::{EncodeLoop, Pacer};
use crate::{
    capture::{Captured, Passed, SourceState},
    package::spacing::{Cuts, SpacingError},
    picture::Size,
    pipeline::{self, PipelineError},
    source::{
        SILENCE_MAX,
        coded::{CodedFrame, PassSwitch},
    },
    time::{Span, Ticks},
};
use crossbeam_channel::Receiver;

/// A camera may send at once what it has of the past, when it is back; one that does so again and again has become faster.
const FAST_RUNS_MAX: u32 = 2;

/// How what a source has coded is handed on.
#[derive(Clone, Debug)]
pub struct PassParts {
    /// Tells the source to hand it on.
    pub switch: PassSwitch,
    /// Where it is cut.
    pub cuts: Cuts,
    /// Ceiling of its bit rate, as far as that is known, bit/s.
    pub bitrate: u32,
    /// Size of a slate.
    pub size: Size,
    /// What cannot be handed on is never encoded.
    pub always: bool,
}

/// The same, under way.
pub(super) struct Passing {
    parts: PassParts,
    /// The detector wants pictures.
    detects: bool,
    /// When something was handed on last.
    heard: Ticks,
    /// Of what was handed on, less than a frame that is not counted yet.
    rest: Span,
    /// Runs that ended since the source was silent, for it was faster than at first.
    fast_runs: u32,
}

impl Passing {
    pub(super) fn new(parts: PassParts, detects: bool, now: Ticks) -> Passing {
        parts.switch.set_decodes(detects);
        Passing { parts, detects, heard: now, rest: Span::ZERO, fast_runs: 0 }
    }

    /// Whether the next key frame is waited for where a run has ended for that reason.
    fn goes_on(&mut self, reason: SpacingError) -> bool {
        self.fast_runs += u32::from(reason == SpacingError::TooFast);
        self.parts.always || (reason == SpacingError::TooFast && self.fast_runs <= FAST_RUNS_MAX)
    }
}

impl EncodeLoop {
    /// Before then, nothing stands in for what is handed on.
    pub(super) fn silent_at(&self) -> Ticks {
        self.passing.as_ref().map_or(Ticks(i64::MIN), |passing| passing.heard + SILENCE_MAX)
    }

    /// A picture has come. Where access units are handed on, it is for those who want pictures.
    pub(super) fn take_captured(&mut self, captured: Captured, pictures: &Receiver<Captured>) -> Result<bool, PipelineError> {
        if self.passing.is_none() {
            return self.iterate(Some(captured), pictures);
        }
        if !captured.stands {
            self.pipeline.show_beside(captured.picture)?;
        }
        Ok(true)
    }

    /// Time has passed, and nothing has come.
    pub(super) fn take_silence(&mut self, pictures: &Receiver<Captured>) -> Result<bool, PipelineError> {
        let Some(size) = self.passing.as_ref().map(|passing| passing.parts.size) else { return self.iterate(None, pictures) };
        self.set_decodes();
        let now = self.clock.now();
        if self.is_resting(pictures)? || self.pacer.is_none() || now < self.silent_at() {
            return Ok(true);
        }
        self.pipeline.begin_slate(size, now);
        self.status.passes.set(0);
        if self.status.capture.state() == SourceState::Lost {
            self.passing.iter_mut().for_each(|passing| passing.fast_runs = 0);
        }
        self.iterate(None, pictures)
    }

    /// An access unit has come, or none can be handed on any more. `false` when the stream has as many frames as were asked for.
    pub(super) fn take_passed(&mut self, passed: Passed) -> Result<bool, PipelineError> {
        let begun = self.clock.now();
        let goes_on = match passed {
            Passed::Frame(frame) => self.pass(&frame)?,
            Passed::Unfit(why) => {
                if self.passing.as_ref().is_some_and(|passing| passing.parts.always) {
                    return Err(PipelineError::Unfit(why));
                }
                self.encode_from_here(&why);
                true
            }
        };
        self.note(begun);
        Ok(goes_on)
    }

    fn pass(&mut self, frame: &CodedFrame) -> Result<bool, PipelineError> {
        self.set_decodes();
        let Some(passing) = &mut self.passing else { return Ok(true) };
        let before = self.pipeline.reached();
        match self.pipeline.pass(frame, (passing.parts.cuts, passing.parts.bitrate))? {
            pipeline::Passed::Yes => {}
            pipeline::Passed::AwaitsKey => return Ok(true),
            pipeline::Passed::Ended(reason) if passing.goes_on(reason) => {
                tracing::warn!("{reason}; what comes before the next key frame is left out");
                return Ok(true);
            }
            pipeline::Passed::Ended(reason) => {
                self.encode_from_here(&reason.to_string());
                return Ok(true);
            }
        }
        passing.heard = self.clock.now();
        self.rests = false;
        let reached = self.pipeline.reached().unwrap_or(frame.at);
        let length = before.map_or(Span::ZERO, |before| reached.since(before)) + passing.rest;
        let span = self.rate.frame_span();
        passing.rest = Span(length.0.rem_euclid(span.0));
        self.frames_left = self.frames_left.saturating_sub(length.0.div_euclid(span.0).max(0) as u64);
        let rate = self.rate;
        let pacer = self.pacer.get_or_insert_with(|| Pacer::new(rate, reached));
        pacer.pass(reached);
        self.status.set_pacer(pacer.counts());
        self.status.passes.set(1);
        Ok(self.frames_left > 0)
    }

    /// The source decodes while somebody wants pictures.
    fn set_decodes(&self) {
        if let Some(passing) = &self.passing {
            passing.parts.switch.set_decodes(passing.detects || self.pipeline.is_watched());
        }
    }

    /// Nothing is handed on any more, and pictures are encoded as they come.
    fn encode_from_here(&mut self, why: &str) {
        let Some(passing) = self.passing.take() else { return };
        tracing::warn!("the stream is encoded from here on and not passed through any more: {why}");
        self.status.set_not_passed(why);
        passing.parts.switch.end();
        // The next key frame may be long in coming.
        self.pipeline.begin_slate(passing.parts.size, self.clock.now());
        self.is_to_restart = true;
    }
}
