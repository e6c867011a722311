//! A rendition: finished pictures, scaled if need be, encoded, packaged and published. Today a camera has one; all of a camera begin their
//! segments at the same frames, for the pipeline opens and closes them together.

use crate::{
    bus::{Encoded, Publisher, SubscriberEnded},
    changeable::Changeable,
    encode::{self, EncodeConfig, EncodeError, EncodedFrame, Encoder, EncoderInput},
    grid::Grid,
    pacer::{PacedFrame, Shown},
    package::{
        FirstSegment, PackagerEvent,
        segment::{SegmentError, Segmenter, SegmenterConfig},
        track_params::TrackParams,
    },
    picture::{Picture, PicturePool, Size, fit::fit},
    time::{Clock, FrameRate, Span, Ticks, WallAnchor},
};
use std::sync::Arc;

mod passing;
mod status;

pub use passing::PassError;
pub use status::{EncoderFacts, RenditionStatus};

/// An encoder that fails this often in a row will not come back.
const ENCODER_FAILURES_MAX: u32 = 3;

/// Opens an encoder for a size, rate and GOP length in frames.
pub type EncoderOpener = Box<dyn FnMut(&EncodeConfig, Size, FrameRate, u32) -> Result<Box<dyn Encoder>, EncodeError> + Send>;

/// What a rendition is made of.
pub struct RenditionParts {
    /// The size of its pictures; without one, that of the source.
    pub size: Option<Size>,
    /// Encoder, preset, bit rate.
    pub encode: EncodeConfig,
    /// The bit rate, once it is set: from the next segment on.
    pub bitrate: Changeable<u32>,
    /// The frame grid, and where it is cut.
    pub grid: Grid,
    /// How the first segment is numbered.
    pub first: FirstSegment,
    /// Opens encoders.
    pub opener: EncoderOpener,
    /// The stream's clock.
    pub clock: Arc<dyn Clock>,
    /// What it tells of itself.
    pub status: Arc<RenditionStatus>,
    /// The subscribers of its encoded frames.
    pub frames: Publisher<Encoded>,
    /// The subscribers of its parts and segments.
    pub events: Publisher<PackagerEvent>,
}

/// Why a rendition cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RenditionError {
    /// The encoder.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The segmenter was given what it cannot cut; a bug.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A subscriber without which the stream is of no use has ended.
    #[error("{} ended by a bug, and the stream with it", .0.name)]
    SubscriberEnded(SubscriberEnded),
}

impl From<SubscriberEnded> for RenditionError {
    fn from(ended: SubscriberEnded) -> RenditionError {
        RenditionError::SubscriberEnded(ended)
    }
}

/// One rendition of one camera.
pub struct Rendition {
    parts: RenditionParts,
    pool: PicturePool,
    encoder: Option<Box<dyn Encoder>>,
    /// There since the first encoded frame, which brings the parameter sets.
    segmenter: Option<Segmenter>,
    /// A new encoder was opened, and its first frame begins a new run of segments, whose dates have this anchor.
    run_due: Option<WallAnchor>,
    /// The parameters that subscribers of encoded frames have; none before the open encoder's first frame.
    params: Option<Arc<TrackParams>>,
    /// Failures of encoders since a whole segment.
    encoder_failures: u32,
    /// What the last frame of the open encoder shows; none before its first.
    shown: Option<Shown>,
    /// What the source has coded is handed on.
    passing: Option<passing::Run>,
    /// Where what was published ends.
    reached: Option<Ticks>,
    spent: RenditionTimes,
    /// How often the bit rate had been set when the encoder was asked last.
    bitrate_version: u64,
}

/// Time spent so far, on the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct RenditionTimes {
    /// Encoding, with the scaling before it.
    pub encode: Span,
    /// Cutting into parts.
    pub package: Span,
}

impl Rendition {
    /// A rendition that is not open yet.
    pub fn new(parts: RenditionParts) -> Rendition {
        Rendition {
            parts,
            pool: PicturePool::default(),
            encoder: None,
            segmenter: None,
            run_due: None,
            params: None,
            encoder_failures: 0,
            shown: None,
            passing: None,
            reached: None,
            spent: RenditionTimes::default(),
            bitrate_version: 0,
        }
    }

    /// Whether it takes frames; it does not before [`Rendition::open`], after [`Rendition::close`] and when its encoder has failed.
    pub fn is_open(&self) -> bool {
        self.encoder.is_some()
    }

    /// Time spent so far.
    pub fn spent(&self) -> RenditionTimes {
        self.spent
    }

    /// Takes another bit rate, if one was set since the last time; an encoder that is open then does not have it.
    pub fn take_bitrate(&mut self) -> Option<u32> {
        let bitrate = self.parts.bitrate.newer_than(&mut self.bitrate_version)?;
        self.parts.encode.bitrate = bitrate;
        Some(bitrate)
    }

    /// Opens an encoder for pictures of that size. Its first frame begins a run of segments, whose dates have that anchor.
    pub fn open(&mut self, size: Size, anchor: WallAnchor) -> Result<(), RenditionError> {
        let RenditionParts { grid, ref encode, .. } = self.parts;
        let size = self.parts.size.unwrap_or(size);
        let encoder = (self.parts.opener)(encode, size, grid.rate, grid.part_frames * grid.key_parts)?;
        self.parts.status.set_encoder(encoder.name(), "");
        self.encoder = Some(encoder);
        (self.shown, self.params, self.run_due) = (None, None, Some(anchor));
        Ok(())
    }

    /// Takes out what is inside; what comes next stands behind a discontinuity.
    pub fn close(&mut self) -> Result<(), RenditionError> {
        self.close_passing()?;
        let Some(mut encoder) = self.encoder.take() else { return Ok(()) };
        // Whatever ends it, the stream goes on with another one; what was still inside is lost at worst.
        let rest = encoder.finish().unwrap_or_else(|error| {
            tracing::warn!("{error}; the last frames before this are lost");
            Vec::new()
        });
        self.publish_frames(&*encoder, &rest)?;
        let mut events = Vec::new();
        if let Err(error) = self.package(&*encoder, rest, &mut events) {
            tracing::warn!("{error}; the last frames before this are lost");
        }
        if let Some(segmenter) = self.segmenter.as_mut() {
            events.extend(segmenter.pause()?);
        }
        self.publish(&events)
    }

    /// The stream ends: takes out what is inside and closes the last part and segment.
    pub fn finish(&mut self) -> Result<(), RenditionError> {
        self.close()?;
        match self.segmenter.take() {
            Some(segmenter) => self.publish(&segmenter.finish()?),
            None => Ok(()),
        }
    }

    /// Takes a frame that shows what the one before shows, without its picture, if the encoder can do that; says whether it did. A slate is
    /// drawn anew with each key frame, which is as often as its text changes.
    pub fn repeat(&mut self, frame: PacedFrame) -> Result<bool, RenditionError> {
        let is_same = match frame.shown {
            Shown::Fresh => false,
            Shown::Repeat => matches!(self.shown, Some(Shown::Fresh | Shown::Repeat)),
            Shown::Slate { .. } => matches!(self.shown, Some(Shown::Slate { .. })),
        };
        let Some(encoder) = self.encoder.as_mut().filter(|_| is_same) else { return Ok(false) };
        let Some(still) = encoder.still(frame.at, frame.duration) else { return Ok(false) };
        self.hand_on(vec![still])?;
        Ok(true)
    }

    /// Encodes the finished picture of a frame.
    pub fn encode(&mut self, picture: &Picture, frame: PacedFrame, key: bool) -> Result<(), RenditionError> {
        let Some(encoder) = self.encoder.as_mut() else { return Ok(()) };
        let begin = self.parts.clock.now();
        let scaled = self.parts.size.filter(|size| *size != picture.size()).map(|size| fit(picture, size, &self.pool));
        let picture = scaled.as_ref().unwrap_or(picture);
        let encoded = match encoder.encode(EncoderInput { picture, at: frame.at, duration: frame.duration, key }) {
            Ok(encoded) => encoded,
            Err(error) => return self.give_up_encoder(error),
        };
        self.shown = Some(frame.shown);
        let encoded_at = self.parts.clock.now();
        self.parts.status.encode_latency.add(encoded_at.since(begin));
        self.spent.encode = self.spent.encode + encoded_at.since(begin);
        self.parts.status.frames.mark(begin);
        self.parts.status.encoded.bump();
        self.hand_on(encoded)
    }

    /// Packages and publishes what the open encoder gave. What the segmenter refuses, the encoder has made: no key frame where one was
    /// asked, or a frame out of order.
    fn hand_on(&mut self, encoded: Vec<EncodedFrame>) -> Result<(), RenditionError> {
        let Some(encoder) = self.encoder.take() else { return Ok(()) };
        self.publish_frames(&*encoder, &encoded)?;
        let begin = self.parts.clock.now();
        let mut events = Vec::new();
        let packaged = self.package(&*encoder, encoded, &mut events);
        let took = self.parts.clock.now().since(begin);
        self.spent.package = self.spent.package + took;
        if !events.is_empty() {
            self.parts.status.package_latency.add(took);
        }
        match packaged {
            Ok(()) => {
                // A whole segment is what shows that an encoder works: some fail only at the second key frame.
                if events.iter().any(|event| matches!(event, PackagerEvent::End(_))) {
                    self.encoder_failures = 0;
                }
                self.encoder = Some(encoder);
            }
            Err(error) => {
                let sentence = format!("encoder {} does not do as it is told: {error}", encoder.name());
                self.give_up_encoder(EncodeError(sentence))?;
            }
        }
        self.publish(&events)
    }

    fn package(
        &mut self,
        encoder: &dyn Encoder,
        encoded: Vec<EncodedFrame>,
        events: &mut Vec<PackagerEvent>,
    ) -> Result<(), RenditionError> {
        for frame in encoded {
            if let Some(anchor) = self.run_due {
                self.begin_run(encoder, anchor, events)?;
            }
            if let Some(segmenter) = self.segmenter.as_mut() {
                events.extend(segmenter.push(frame)?);
            }
        }
        Ok(())
    }

    /// Tells the segmenter what the frames of the encoder just opened are.
    fn begin_run(
        &mut self,
        encoder: &dyn Encoder,
        anchor: WallAnchor,
        events: &mut Vec<PackagerEvent>,
    ) -> Result<(), RenditionError> {
        let Some(params) = encoder.params() else {
            return Err(EncodeError("the encoder gave a frame without parameter sets".to_owned()).into());
        };
        self.parts.status.set_encoder(encoder.name(), &params.codecs());
        let config = SegmenterConfig { params: params.clone().into(), grid: Some(self.parts.grid), anchor };
        self.run_due = None;
        self.restart(config, events)
    }

    /// What comes next has that format.
    fn restart(&mut self, config: SegmenterConfig, events: &mut Vec<PackagerEvent>) -> Result<(), RenditionError> {
        match self.segmenter.as_mut() {
            Some(segmenter) => events.extend(segmenter.restart(config)?),
            None => self.segmenter = Some(Segmenter::new(self.parts.first, config)?),
        }
        Ok(())
    }

    fn publish_frames(&mut self, encoder: &dyn Encoder, encoded: &[EncodedFrame]) -> Result<(), RenditionError> {
        if encoded.is_empty() || self.parts.frames.is_unheard() {
            return Ok(());
        }
        let Some(params) = self.params.take().or_else(|| encoder.params().cloned().map(|video| Arc::new(video.into()))) else {
            return Ok(());
        };
        let frames: Vec<Encoded> = encoded.iter().map(|frame| Encoded { params: params.clone(), frame: frame.clone() }).collect();
        self.params = Some(params);
        Ok(self.parts.frames.publish(&frames)?)
    }

    fn publish(&mut self, events: &[PackagerEvent]) -> Result<(), RenditionError> {
        let last = events.iter().rev().find_map(|event| if let PackagerEvent::Part(part) = event { Some(part) } else { None });
        self.reached = last.map(|part| part.at + part.duration).or(self.reached);
        if !events.is_empty() {
            self.parts.events.publish(events)?;
        }
        Ok(())
    }

    /// After a failure: another encoder opens with the next frame, the fallback if this was not it already.
    fn give_up_encoder(&mut self, error: EncodeError) -> Result<(), RenditionError> {
        self.encoder = None;
        self.encoder_failures += 1;
        if self.encoder_failures >= ENCODER_FAILURES_MAX {
            return Err(error.into());
        }
        tracing::error!("{error}; opening {} instead", encode::ENCODER_DEFAULT);
        self.parts.encode = self.parts.encode.fallback();
        Ok(())
    }
}
