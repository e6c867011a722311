//! From a paced frame to parts and segments: hide, paint, encode, cut. The live stream, `record` and `bench` all run this.
//!
//! It owns no thread. All its pictures have one size. A stepped wall clock, and a hole in the grid, restart it behind an
//! EXT-X-DISCONTINUITY.

use crate::{
    compose::redaction::{Cover, ReadyFrame, RedactionQueue},
    compose::{self, Overlay},
    detect::Detection,
    encode::{self, EncodeConfig, EncodeError, EncodedFrame, Encoder, EncoderInput},
    grid::{Grid, Lengths},
    pacer::{PacedFrame, Shown},
    package::{
        Msn, PackagerEvent,
        segment::{Segmenter, SegmenterConfig},
    },
    picture::{
        KeepClear, Picture, PicturePool, Size,
        strip::{Strip, draw_strip},
    },
    time::{Clock, FrameRate, Span, Ticks, WallAnchor},
};
use crossbeam_channel::Receiver;
use std::sync::Arc;

mod status;

pub use status::{EncoderFacts, PipelineStatus};

/// A wall clock further than this from where it should be was stepped (by NTP or a person), and the dates start anew.
pub const WALL_STEP_MAX: Span = Span::from_ms(500);

/// An encoder that fails this often in a row will not come back.
const ENCODER_FAILURES_MAX: u32 = 3;

/// Opens an encoder for a size, rate and GOP length in frames.
pub type EncoderOpener = Box<dyn FnMut(&EncodeConfig, Size, FrameRate, u32) -> Result<Box<dyn Encoder>, EncodeError> + Send>;

/// What the detector tells.
pub struct Detections {
    /// Gives the newest detection.
    pub newest: Box<dyn Fn() -> Arc<Detection> + Send>,
    /// There where what is found is to be hidden.
    pub hiding: Option<Hiding>,
}

/// What it takes to hide what is found.
pub struct Hiding {
    /// Every run, in order.
    pub runs: Receiver<Arc<Detection>>,
    /// Runs on later pictures for which a frame waits.
    pub runs_after: usize,
}

/// What a pipeline is made of.
pub struct PipelineParts {
    /// Encoder, preset, bit rate.
    pub encode: EncodeConfig,
    /// Part and segment lengths.
    pub lengths: Lengths,
    /// What is burnt in.
    pub overlay: Overlay,
    /// Burn the clock strip in.
    pub clock_strip: ClockStrip,
    /// The frame grid's rate.
    pub rate: FrameRate,
    /// The number of the first segment.
    pub first_msn: Msn,
    /// Opens encoders.
    pub opener: EncoderOpener,
    /// What the detector tells.
    pub detections: Detections,
    /// The stream's clock.
    pub clock: Arc<dyn Clock>,
    /// What is told of the pipeline.
    pub status: Arc<PipelineStatus>,
}

/// Where the machine-readable clock strip comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockStrip {
    /// There is none.
    None,
    /// The source has drawn it; nothing is painted over it.
    Source,
    /// It is burnt in here.
    Burn,
}

/// Why the pipeline cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A thread of the stream ended by a bug, which has been told.
    #[error("the thread {0} ended by a bug, and the stream with it")]
    Panicked(&'static str),
    /// The encoder.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The segmenter was given what it cannot cut; a bug.
    #[error(transparent)]
    Segment(#[from] crate::package::segment::SegmentError),
}

/// The pipeline of one stream.
pub struct Pipeline {
    parts: PipelineParts,
    grid: Grid,
    pool: PicturePool,
    encoder: Option<Box<dyn Encoder>>,
    /// There since the first encoded frame, which brings the parameter sets.
    segmenter: Option<Segmenter>,
    /// A new encoder was opened, and its first frame begins a new stretch of the stream.
    stretch_due: bool,
    /// Number of the first frame of the current run of segments; key frames are counted from it.
    first_frame: i64,
    anchor: WallAnchor,
    /// The picture shown last.
    last: Option<Arc<Picture>>,
    /// Where frames wait for the detector, where what is found is to be hidden.
    waiting: Option<RedactionQueue>,
    /// Frames hidden as a whole in a row, slates aside.
    n_hidden: u64,
    encoder_failures: u32,
    /// What the last frame of the open encoder shows; none before its first.
    shown: Option<Shown>,
    /// The machine is behind: what can be left out is.
    is_thrifty: bool,
    spent: Spent,
}

/// Time spent in each stage so far, on the calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// Burning in.
    pub paint: Span,
    /// Encoding.
    pub encode: Span,
    /// Cutting into parts.
    pub package: Span,
}

impl Pipeline {
    /// A pipeline that has seen no picture yet.
    pub fn new(parts: PipelineParts) -> Pipeline {
        let grid = Grid::new(parts.rate, parts.lengths);
        let anchor = WallAnchor { at: parts.clock.now(), wall: parts.clock.wall() };
        Pipeline {
            segmenter: None,
            stretch_due: false,
            grid,
            pool: PicturePool::default(),
            encoder: None,
            first_frame: 0,
            anchor,
            last: None,
            waiting: parts.detections.hiding.as_ref().map(|hiding| RedactionQueue::new(parts.rate, hiding.runs_after)),
            n_hidden: 0,
            encoder_failures: 0,
            shown: None,
            is_thrifty: false,
            spent: Spent::default(),
            parts,
        }
    }

    /// Takes one point of the frame grid, with its picture if it shows a fresh one. Returns what was cut.
    pub fn put(&mut self, frame: PacedFrame, fresh: Option<&Arc<Picture>>) -> Result<Vec<PackagerEvent>, PipelineError> {
        let mut events = Vec::new();
        if let Some(fresh) = fresh {
            self.last = Some(fresh.clone());
        }
        // Before the first picture there is nothing to show, and nothing to open an encoder for.
        let Some(last) = self.last.clone() else { return Ok(events) };
        let Some((hiding, waiting)) = self.parts.detections.hiding.as_ref().zip(self.waiting.as_mut()) else {
            let detection = (self.parts.detections.newest)();
            self.show(ReadyFrame { frame, picture: last, cover: Cover::Places(Vec::new()), detection }, &mut events)?;
            return Ok(events);
        };
        hiding.runs.try_iter().for_each(|run| waiting.see(run));
        waiting.put(frame, last);
        while let Some(ready) = self.waiting.as_mut().and_then(RedactionQueue::take_ready) {
            self.note_hiding(&ready);
            self.show(ready, &mut events)?;
        }
        Ok(events)
    }

    /// Tells when nothing but the whole picture can be hidden, and when that is over.
    fn note_hiding(&mut self, ready: &ReadyFrame) {
        match (&ready.cover, ready.frame.shown) {
            (_, Shown::Slate { .. }) => {}
            (Cover::Whole, _) => {
                if self.n_hidden == 0 {
                    tracing::warn!("the detector fails or does not keep up; the whole picture is pixelated until it does");
                }
                self.n_hidden += 1;
                self.parts.status.hidden.bump();
            }
            (Cover::Places(_), _) => {
                if self.n_hidden > 0 {
                    tracing::info!("the detector is back; {} frames were pixelated as a whole", self.n_hidden);
                }
                self.n_hidden = 0;
            }
        }
    }

    /// While the machine is behind, a key frame inside a segment is left out where it would be a picture shown again.
    pub fn set_thrifty(&mut self, is_thrifty: bool) {
        self.is_thrifty = is_thrifty;
    }

    /// Whether a frame begins a segment, and so must be encoded, whatever it shows.
    pub fn begins_segment(&self, number: i64) -> bool {
        self.encoder.is_none() || self.frame_in_segment(number) == 0
    }

    /// Whether the detector may search less often: where faces are hidden, what it has not seen is hidden as a whole.
    pub fn may_search_less(&self) -> bool {
        self.parts.detections.hiding.is_none()
    }

    /// Paints, encodes and events one frame.
    fn show(&mut self, ready: ReadyFrame, events: &mut Vec<PackagerEvent>) -> Result<(), PipelineError> {
        let frame = ready.frame;
        if self.shows_again(frame)
            && let Some(still) = self.encoder.as_mut().and_then(|encoder| encoder.still(frame.at, frame.duration))
        {
            return self.cut_or_give_up(vec![still], events);
        }
        if self.frame_in_segment(frame.number) == 0 && self.wall_has_stepped(frame.at) {
            tracing::warn!("the wall clock was stepped; dates begin anew behind a discontinuity");
            self.close_encoder(events)?;
        }
        if self.encoder.is_none() {
            self.open(ready.picture.size(), frame)?;
        }
        let begin = self.parts.clock.now();
        let picture = self.painted(ready);
        let painted = self.parts.clock.now();
        self.parts.status.paint_latency.add(painted.since(begin));
        self.spent.paint = self.spent.paint + painted.since(begin);
        let key = self.grid.is_key(self.frame_in_segment(frame.number));
        let input = EncoderInput { picture: &picture, at: frame.at, duration: frame.duration, key };
        let encoded = match self.encoder.as_mut().map(|encoder| encoder.encode(input)) {
            Some(Ok(encoded)) => encoded,
            Some(Err(error)) => {
                self.give_up_encoder(error)?;
                return Ok(());
            }
            None => return Ok(()),
        };
        self.shown = Some(frame.shown);
        let encoded_at = self.parts.clock.now();
        self.parts.status.encode_latency.add(encoded_at.since(painted));
        self.spent.encode = self.spent.encode + encoded_at.since(painted);
        self.parts.status.frames.mark(begin);
        self.parts.status.encoded.bump();
        let n_before = events.len();
        self.cut_or_give_up(encoded, events)?;
        let packaged = self.parts.clock.now().since(encoded_at);
        self.spent.package = self.spent.package + packaged;
        if events.len() > n_before {
            self.parts.status.package_latency.add(packaged);
        }
        Ok(())
    }

    /// Whether a frame shows what the one before shows, and need not be a key frame. A slate is drawn anew with each key frame, which is
    /// as often as its text changes.
    fn shows_again(&self, frame: PacedFrame) -> bool {
        let place = self.frame_in_segment(frame.number);
        let is_key = if self.is_thrifty { place == 0 } else { self.grid.is_key(place) };
        let is_same = match frame.shown {
            Shown::Fresh => false,
            Shown::Repeat => matches!(self.shown, Some(Shown::Fresh | Shown::Repeat)),
            Shown::Slate { .. } => matches!(self.shown, Some(Shown::Slate { .. })),
        };
        self.encoder.is_some() && is_same && !is_key
    }

    /// Takes out what is inside; what comes next stands behind a discontinuity.
    pub fn interrupt(&mut self) -> Result<Vec<PackagerEvent>, PipelineError> {
        let mut events = Vec::new();
        while let Some(ready) = self.waiting.as_mut().and_then(RedactionQueue::take_anyway) {
            self.show(ready, &mut events)?;
        }
        self.close_encoder(&mut events)?;
        Ok(events)
    }

    fn close_encoder(&mut self, events: &mut Vec<PackagerEvent>) -> Result<(), PipelineError> {
        // Whatever ends it, the stream goes on with another one; what was still inside is lost at worst.
        let rest = self.encoder.as_mut().map(|encoder| encoder.finish());
        let result = rest.transpose().map_err(PipelineError::from).and_then(|rest| self.cut(rest.unwrap_or_default(), events));
        if let Err(error) = result {
            tracing::warn!("{error}; the last frames before this are lost");
        }
        self.encoder = None;
        Ok(())
    }

    /// The stream ends: takes out what is inside and closes the last part and segment.
    pub fn finish(&mut self) -> Result<Vec<PackagerEvent>, PipelineError> {
        let mut events = self.interrupt()?;
        if let Some(segmenter) = self.segmenter.take() {
            events.extend(segmenter.finish()?);
        }
        Ok(events)
    }

    /// Time spent in each stage so far.
    pub fn spent(&self) -> Spent {
        self.spent
    }

    fn frame_in_segment(&self, number: i64) -> u32 {
        (number - self.first_frame).rem_euclid(i64::from(self.grid.segment_frames())) as u32
    }

    fn wall_has_stepped(&self, at: Ticks) -> bool {
        if self.encoder.is_none() {
            return false;
        }
        let now = self.parts.clock.now();
        let wall = self.parts.clock.wall() + at.since(now);
        (wall.0 - self.anchor.wall_at(at).0).abs() > WALL_STEP_MAX.as_us()
    }

    /// Opens an encoder and a new run of segments that begins with `frame`.
    fn open(&mut self, size: Size, frame: PacedFrame) -> Result<(), PipelineError> {
        let gop = self.grid.part_frames * self.grid.key_parts;
        let encoder = (self.parts.opener)(&self.parts.encode, size, self.parts.rate, gop)?;
        self.parts.status.set_encoder(encoder.name(), "");
        self.encoder = Some(encoder);
        self.shown = None;
        self.stretch_due = true;
        self.first_frame = frame.number;
        let now = self.parts.clock.now();
        self.anchor = WallAnchor { at: frame.at, wall: self.parts.clock.wall() + frame.at.since(now) };
        Ok(())
    }

    /// After a failure: another encoder opens with the next frame, the fallback if this was not it already.
    fn give_up_encoder(&mut self, error: EncodeError) -> Result<(), PipelineError> {
        self.encoder_failures += 1;
        if self.encoder_failures >= ENCODER_FAILURES_MAX {
            return Err(error.into());
        }
        tracing::error!("{error}; opening {} instead", encode::ENCODER_DEFAULT);
        self.parts.encode = self.parts.encode.fallback();
        self.encoder = None;
        Ok(())
    }

    /// What the segmenter refuses, the encoder has made: no key frame where one was asked, or a frame out of order.
    fn cut_or_give_up(&mut self, encoded: Vec<EncodedFrame>, events: &mut Vec<PackagerEvent>) -> Result<(), PipelineError> {
        let n_before = events.len();
        match self.cut(encoded, events) {
            Ok(()) => {
                // A whole segment is what shows that an encoder works: some fail only at the second key frame.
                if events[n_before..].iter().any(|cut| matches!(cut, PackagerEvent::End(_))) {
                    self.encoder_failures = 0;
                }
                Ok(())
            }
            Err(error) => {
                let name = self.encoder.as_ref().map_or_else(String::new, |encoder| encoder.name().to_owned());
                self.give_up_encoder(EncodeError(format!("encoder {name} does not do as it is told: {error}")))
            }
        }
    }

    fn cut(&mut self, encoded: Vec<EncodedFrame>, events: &mut Vec<PackagerEvent>) -> Result<(), PipelineError> {
        for frame in encoded {
            if self.stretch_due {
                self.begin_stretch(events)?;
            }
            if let Some(segmenter) = self.segmenter.as_mut() {
                events.extend(segmenter.push(frame)?);
            }
        }
        Ok(())
    }

    /// Tells the segmenter what the frames of the encoder just opened are.
    fn begin_stretch(&mut self, events: &mut Vec<PackagerEvent>) -> Result<(), PipelineError> {
        let Some((encoder, params)) = self.encoder.as_ref().and_then(|encoder| Some((encoder, encoder.params()?))) else {
            return Err(EncodeError("the encoder gave a frame without parameter sets".to_owned()).into());
        };
        self.parts.status.set_encoder(encoder.name(), &params.codecs());
        let stretch = SegmenterConfig { params: params.clone(), grid: self.grid, anchor: self.anchor };
        match self.segmenter.as_mut() {
            Some(segmenter) => events.extend(segmenter.restart(stretch)?),
            None => self.segmenter = Some(Segmenter::new(self.parts.first_msn, stretch)?),
        }
        self.stretch_due = false;
        Ok(())
    }

    /// The picture of a grid point with everything that is burnt in; the source's own buffer where nothing is.
    fn painted(&self, ready: ReadyFrame) -> Arc<Picture> {
        let ReadyFrame { frame, picture, cover, detection } = ready;
        let clear = match self.parts.clock_strip {
            ClockStrip::None => KeepClear::Nothing,
            ClockStrip::Source | ClockStrip::Burn => KeepClear::ClockStrip,
        };
        // A strip that is burnt in later covers its place anyway; one that is in the picture already must stay readable.
        let keep = if self.parts.clock_strip == ClockStrip::Source { clear } else { KeepClear::Nothing };
        let Overlay { boxes, labels, clock, .. } = self.parts.overlay;
        let is_slate = matches!(frame.shown, Shown::Slate { .. });
        let found = if (boxes || labels) && !is_slate { detection.boxes_at(picture.at) } else { Vec::new() };
        let is_stamped = clock || self.parts.clock_strip == ClockStrip::Burn;
        if cover == Cover::Places(Vec::new()) && found.is_empty() && !is_slate && !is_stamped {
            return picture;
        }
        // A picture that waited long is nobody else's any more, and is drawn on as it is.
        let mut picture = Arc::try_unwrap(picture).unwrap_or_else(|shared| self.pool.copy(&shared));
        match cover {
            Cover::Places(places) => places.iter().for_each(|place| compose::hide_place(&mut picture, *place, keep)),
            Cover::Whole => compose::hide_all(&mut picture, keep),
        }
        if let Shown::Slate { since } = frame.shown {
            compose::draw_slate(&mut picture, self.anchor.wall_at(since), frame.at.since(since), clear);
        }
        if boxes {
            compose::draw_boxes(&mut picture, &found, clear);
        }
        if labels {
            compose::draw_labels(&mut picture, &found, clear);
        }
        Arc::new(self.stamped(picture, frame, clear))
    }

    /// With the times that were asked for; what has no picture of its own, a slate, has the time at which it is shown.
    fn stamped(&self, mut picture: Picture, frame: PacedFrame, clear: KeepClear) -> Picture {
        if self.parts.overlay.clock {
            let at = if matches!(frame.shown, Shown::Slate { .. }) { frame.at } else { picture.at };
            compose::draw_clock(&mut picture, &self.anchor.wall_at(at).to_local(), clear);
        }
        if self.parts.clock_strip == ClockStrip::Burn {
            let unix_ms = self.anchor.wall_at(picture.at).as_unix_ms();
            draw_strip(&mut picture, Strip { unix_ms, number: frame.number as u64 });
        }
        picture
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
