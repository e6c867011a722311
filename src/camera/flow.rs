//! Assembles the flow of one camera: source, capture, detector, pipeline. Consumers of its output, such as a window or a recording, subscribe
//! to its bus.

use super::{CameraConfig, CameraError, passing, tuning::Tuning};
use crate::{
    bus::{Bus, Publishers},
    capture::{
        Capture, CaptureParts, CaptureStatus, Opener, Tap,
        demand::{Demand, Unwatched},
    },
    changeable::Changeable,
    compose::compositor::{ClockStrip, CompositorParts, Detections, Hiding},
    detect::{
        self as detection, CascadeSpec, Detection,
        watcher::{OnRun, Watcher},
    },
    encode::{self, EncodeConfig},
    grid::Grid,
    package::FirstSegment,
    picture::{PicturePool, mask},
    pipeline::{PipelineError, PipelineParts},
    rendition::{EncoderOpener, RenditionParts},
    source::{
        OpenError, Pace, Source, SourceFormat, SourceSpec, Stop, browser_opener, camera, coded::PassSwitch,
        control::board::ControlBoard, framed, inbox::Inbox, network_opener, open_file, test::TestOpener,
    },
    status::{Status, StatusParts},
    stream::{self, Stream, StreamParts},
    time::{Clock, FrameRate},
};
use crossbeam_channel::{Sender, bounded};
use std::sync::Arc;

/// Seed of the drawn test source: any number, and always the same pictures.
const TEST_SEED: u64 = 1;

/// Runs of the detector on their way to the pipeline: a second of them at the highest rate, which is as long as a frame waits.
const RUNS_MAX: usize = 64;

/// A flow whose source is not open yet.
pub struct Flow {
    pub(super) config: CameraConfig,
    clock: Arc<dyn Clock>,
    /// What it tells of itself.
    pub status: Arc<Status>,
    /// Where consumers of its output subscribe.
    pub bus: Bus,
    /// What of its source can be set.
    pub controls: Arc<ControlBoard>,
    /// Where a browser sends to, if that is its source.
    pub inbox: Option<Arc<Inbox>>,
    /// What of it can be changed.
    pub tuning: Tuning,
    publishers: Publishers,
    detections: Detections,
    /// Ends with the stream.
    watcher: Option<Arc<Watcher>>,
    /// What the source has coded is to be handed on.
    pub(super) pass: Option<PassSwitch>,
}

/// How far a flow goes.
pub struct FlowLimits {
    /// How the first segment is numbered.
    pub first: FirstSegment,
    /// The flow ends by itself after so many frames.
    pub frames_max: Option<u64>,
}

/// A running flow.
pub struct RunningFlow {
    stream: Stream,
    watcher: Option<Arc<Watcher>>,
    capture: Arc<CaptureStatus>,
}

/// What remains of a flow that has ended: its source may be held in its driver, its detector in a search. Both are ended when all who wait
/// have been told.
pub struct EndedFlow {
    capture: Capture,
    watcher: Option<Arc<Watcher>>,
}

impl EndedFlow {
    /// Ends the detector, after its search.
    pub(super) fn end_detector(&mut self) {
        self.watcher = None;
    }

    /// Ends them; fails if a thread has ended by a bug.
    pub fn end(self) -> Result<(), CameraError> {
        drop(self.watcher);
        // By now a source that ends has ended, and one that is held is left.
        if self.capture.end() { Ok(()) } else { Err(CameraError::new(PipelineError::Panicked("capture"))) }
    }
}

impl Flow {
    /// Makes the detector, and what opens the source; nothing is opened yet but the cascade. `and_run` is told of every run of the
    /// detector, too.
    pub fn new(
        config: &CameraConfig,
        (clock, demand): (Arc<dyn Clock>, Arc<Demand>),
        and_run: OnRun,
    ) -> Result<(Flow, CaptureParts), CameraError> {
        let tuning = Tuning::new(config);
        let status = Arc::new(Status::new(StatusParts {
            started: clock.wall(),
            pace: if config.detect_fps().is_some() { tuning.pace.clone() } else { Changeable::default() },
            cascade: config.detect.what(),
            kinds: config.detect.cascades.iter().map(CascadeSpec::kind).collect(),
            bitrate: tuning.bitrate.clone(),
        }));
        let controls = Arc::new(ControlBoard::new(config.controls.clone()));
        let pass = passing::switch(config);
        let inbox = (config.source == SourceSpec::Browser).then(Arc::<Inbox>::default);
        let opener = source_opener(config, (&controls, inbox.clone()), (&clock, pass.clone()));
        if inbox.is_some() {
            status.stream.capture.set_awaited(format!("no browser sends yet; open /send?camera={} and press START", config.name));
        }
        let (run_sender, hiding) = hiding(config).unzip();
        let watcher = match detection::open(&config.detect).map_err(CameraError::new)? {
            Some(detector) => {
                let (counts, on_run) = (status.stream.detector.clone(), on_run(status.clone(), run_sender, and_run));
                let watcher = Watcher::start(detector, tuning.pace.clone(), clock.clone(), counts, on_run);
                Some(Arc::new(watcher.map_err(CameraError::new)?))
            }
            None => None,
        };
        let tap: Tap = match watcher.clone() {
            Some(watcher) => Box::new(move |picture| watcher.offer(picture)),
            None => Box::new(|_| ()),
        };
        let newest: Box<dyn Fn() -> Arc<Detection> + Send> = match watcher.clone() {
            Some(watcher) => Box::new(move || watcher.latest()),
            None => {
                let nothing = Arc::new(Detection::default());
                Box::new(move || nothing.clone())
            }
        };
        let (masks, on_loss, status_of_capture) = (config.masks.clone(), config.on_loss, status.stream.capture.clone());
        // Pictures of a file come as they were made, and those of a browser as its camera and its network let them.
        let is_rate_watched = !matches!(config.source, SourceSpec::File(_) | SourceSpec::Browser);
        let parts =
            CaptureParts { opener, tap, masks, on_loss, is_rate_watched, demand, clock: clock.clone(), status: status_of_capture };
        let detections = Detections { newest, hiding };
        let (bus, publishers) = Bus::open();
        Ok((
            Flow { config: config.clone(), clock, status, bus, controls, inbox, tuning, publishers, detections, watcher, pass },
            parts,
        ))
    }

    /// The rate of its frames, from a source of that format.
    pub fn rate(&self, format: &SourceFormat) -> FrameRate {
        self.config.format_request.rate.unwrap_or(format.rate)
    }

    /// Encodes what an open source captures.
    pub fn start(self, capture: Capture, extent: FlowLimits) -> Result<RunningFlow, CameraError> {
        log_format(&capture.format);
        let (rate, detect_fps) = (self.rate(&capture.format), self.config.detect_fps());
        let pass = passing::begin(&self, &capture.format)?;
        let Flow { config, clock, status, tuning, publishers, detections, watcher, .. } = self;
        let FlowLimits { first, frames_max } = extent;
        let mut pipeline = pipeline_parts(&config, (rate, first), (detections, publishers), &clock, &status);
        pipeline.compositor.overlay = tuning.overlay;
        let parts = StreamParts { pipeline, frames_max, clock, detect_fps, pass, status: status.stream.clone() };
        let stream = stream::start(capture, parts).map_err(CameraError::new)?;
        Ok(RunningFlow { stream, watcher, capture: status.stream.capture.clone() })
    }
}

impl RunningFlow {
    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.stream.has_ended()
    }

    /// Ends it: what is inside is encoded, the last segment is closed. Fails where a stage has failed, or the loss of the source has ended it.
    pub fn end(self) -> (Result<(), CameraError>, EndedFlow) {
        let RunningFlow { stream, watcher, capture: status } = self;
        let (ended, capture) = stream.end();
        let lost = || status.loss().map_or(Ok(()), |loss| Err(CameraError(format!("lost {loss}"))));
        (ended.map_err(CameraError::new).and_then(|()| lost()), EndedFlow { capture, watcher })
    }
}

/// The way of the detector's runs to the pipeline, where what is found is to be hidden.
pub(crate) fn hiding(config: &CameraConfig) -> Option<(Sender<Arc<Detection>>, Hiding)> {
    let (sender, runs) = bounded(RUNS_MAX);
    config.overlay.blur.then_some((sender, Hiding { runs, runs_after: config.detect.runs_to_be_sure() }))
}

/// What the encode thread runs, on a grid of that rate.
pub(crate) fn pipeline_parts(
    config: &CameraConfig,
    (rate, first): (FrameRate, FirstSegment),
    (detections, publishers): (Detections, Publishers),
    clock: &Arc<dyn Clock>,
    status: &Arc<Status>,
) -> PipelineParts {
    let (bitrate, status) = (status.asked.bitrate.clone(), &status.stream.pipeline);
    let grid = Grid::new(rate, config.lengths);
    let grid = if config.unwatched == Unwatched::Close { grid.with_short_lead() } else { grid };
    let Publishers { pictures, frames, events } = publishers;
    let rendition = RenditionParts {
        size: None,
        encode: config.encode.clone(),
        bitrate,
        grid,
        first,
        opener: encoder_opener(),
        clock: clock.clone(),
        status: status.rendition.clone(),
        frames,
        events,
    };
    let compositor = CompositorParts {
        overlay: Changeable::new(config.overlay),
        clock_strip: clock_strip(config),
        rate,
        detections,
        status: status.compositor.clone(),
    };
    PipelineParts { compositor, pictures, renditions: vec![rendition], grid, clock: clock.clone() }
}

/// Tells the pipeline what a run found, where it hides that, then the status, then who else wants to know. A run for which the pipeline has
/// no room is left out, and what it alone could have cleared is hidden.
fn on_run(status: Arc<Status>, runs: Option<Sender<Arc<Detection>>>, mut and_run: OnRun) -> OnRun {
    Box::new(move |detection| {
        if let Some(runs) = &runs {
            runs.try_send(Arc::new(detection.clone())).ok();
        }
        status.stream.detector.run_took.add(detection.took);
        status.set_found(detection.boxes_at(detection.at).iter().map(|tracked| tracked.kind));
        and_run(detection);
    })
}

fn clock_strip(config: &CameraConfig) -> ClockStrip {
    match (&config.source, config.clock_strip) {
        // Turned or cut it cannot be read, so that another is drawn.
        (SourceSpec::Test(_), _) if !config.framing.changes_nothing() => ClockStrip::Burn,
        (SourceSpec::Test(_), _) => ClockStrip::Source,
        (_, true) => ClockStrip::Burn,
        (_, false) => ClockStrip::None,
    }
}

/// Opens the source that was asked for, at first and again, has its controls set, and its pictures framed.
fn source_opener(
    config: &CameraConfig,
    (controls, inbox): (&Arc<ControlBoard>, Option<Arc<Inbox>>),
    (clock, pass): (&Arc<dyn Clock>, Option<PassSwitch>),
) -> Opener {
    let (mut opener, framing, pool) = (unframed_opener(config, inbox, (clock, pass)), config.framing, PicturePool::default());
    let controls = controls.clone();
    // What a browser sends is known when it comes, and what does not fit is no reason to end: the next one may.
    let masks = if config.source == SourceSpec::Browser { config.masks.clone() } else { Vec::new() };
    Box::new(move |stop: &Stop| {
        let source = framed(controls.attach(opener(stop)?)?, framing, pool.clone())?;
        mask::areas(&masks, source.format().size).map_err(|error| OpenError(error.to_string()))?;
        Ok(source)
    })
}

fn unframed_opener(
    config: &CameraConfig,
    inbox: Option<Arc<Inbox>>,
    (clock, pass): (&Arc<dyn Clock>, Option<PassSwitch>),
) -> Opener {
    let (pool, request, clock) = (PicturePool::default(), config.format_request, clock.clone());
    match config.source.clone() {
        SourceSpec::Camera(selector) => {
            let mut opener = camera::opener(&selector, request, clock, pool);
            Box::new(move |_: &Stop| opener())
        }
        SourceSpec::Test(script) => {
            let opener = TestOpener::new(script, request, TEST_SEED, clock, pool);
            Box::new(move |_: &Stop| opener.open().map(|source| Box::new(source) as Box<dyn Source>))
        }
        SourceSpec::Browser => Box::new(browser_opener(inbox.unwrap_or_default(), request, clock, pool)),
        SourceSpec::Network(address) => Box::new(network_opener(address, clock, pool, pass)),
        SourceSpec::File(path) => {
            let pace = if config.once { Pace::Once(clock) } else { Pace::Looped(clock) };
            Box::new(move |stop: &Stop| open_file(&path, pace.clone(), pool.clone(), (stop.clone(), pass.clone())))
        }
    }
}

/// Opens encoders; a fallback is told in the log.
fn encoder_opener() -> EncoderOpener {
    Box::new(|encode: &EncodeConfig, size, rate, gop_frames| {
        let (encoder, warning) = encode::open(encode::Settings { encode: encode.clone(), size, rate, gop_frames })?;
        if let Some(warning) = warning {
            tracing::warn!("{warning}");
        }
        Ok(encoder)
    })
}

/// Says what was opened, and why so.
fn log_format(format: &SourceFormat) {
    let SourceFormat { name, size, rate, pixels, reason, .. } = format;
    let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    tracing::info!("{name}: {size} at {rate} fps, {pixels}{why}");
}
