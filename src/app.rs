//! Wiring only: builds what a command needs out of the stages, starts it, and ends it. Nothing is decided here.

mod bench;
mod detect;
mod interrupt;
mod limits;
mod live;
#[cfg(unix)]
mod memory;
mod record;
#[cfg(unix)]
mod signal;

use crate::{
    capture::{self, Capture, CaptureParts, Opened, Opener, Tap},
    config::{Command, Listing, StreamConfig},
    console::{self, Console, listing},
    detect::{
        self as detection, CascadeSpec, Detection,
        watcher::{OnRun, Watcher},
    },
    encode::{self, EncodeConfig},
    picture::PicturePool,
    pipeline::{ClockStrip, Detections, EncoderOpener, Hiding, PipelineParts},
    segment::Msn,
    source::{
        Pace, Source, SourceFormat, SourceSpec, Stop, camera, open_file,
        test::{Script, TestOpener},
    },
    status::{Asked, Status},
    time::{Clock, FrameRate, Span},
};
use crossbeam_channel::{Sender, bounded};
use interrupt::Interrupt;
use std::{ops::ControlFlow, sync::Arc};

/// Seed of the drawn test source: any number, and always the same pictures.
const TEST_SEED: u64 = 1;

/// Runs of the detector on their way to the pipeline: a second of them at the highest rate, which is as long as a frame waits.
const RUNS_MAX: usize = 64;

/// Why a command failed: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// A failure from any stage's error.
fn failed(error: impl std::fmt::Display) -> Failure {
    Failure(error.to_string())
}

/// Does what was asked.
pub fn run(command: Command, console: &Console) -> Result<(), Failure> {
    #[cfg(unix)]
    signal::make_file_limit_an_error().map_err(failed)?;
    if matches!(command, Command::Stream(..) | Command::Record(..)) {
        limits::ensure()?;
    }
    match command {
        Command::Stream(config, server, events) => live::run(&config, &server, &events, console),
        Command::Devices(form) => devices(form),
        Command::Bench(config, form) => bench::run(&config, form),
        Command::Record(config, record) => record::run(&config, &record, console),
        Command::Detect(config) => detect::run(&config),
    }
}

fn devices(form: Listing) -> Result<(), Failure> {
    let devices = camera::devices();
    match form {
        Listing::Text => out(&listing::devices(&devices)),
        Listing::Json => out(&listing::devices_json(&devices).map_err(failed)?),
    }
    .map(drop)
}

/// Writes a result to stdout. `Break` when the reader is gone, which is no failure: there is nothing left to do.
fn out(text: &str) -> Result<ControlFlow<()>, Failure> {
    console::out(text).map_err(|error| Failure(format!("cannot write to stdout: {error}; give it a file or a terminal")))
}

/// While a source is being opened, its outcome and the user are asked by turns, this long each.
const OPENING_LOOK: Span = Span::from_ms(50);

/// A source that takes longer to open is told of: a pipe may wait for its writer, a camera for its driver.
const OPENING_LATE: Span = Span::from_ms(3000);

/// Opens the source, however long that takes; `None` when the user ends the program meanwhile. Calls `late` once if it takes long.
fn open_source(parts: CaptureParts, interrupt: &Interrupt, late: impl FnOnce()) -> Result<Option<Capture>, Failure> {
    let clock = parts.clock.clone();
    let (begin, mut late) = (clock.now(), Some(late));
    let mut opening = capture::begin(parts).map_err(failed)?;
    loop {
        opening = match opening.wait(OPENING_LOOK) {
            Opened::Yes(capture) => return limits::ensure_picture(capture.format.size).map(|()| Some(capture)),
            Opened::No(error) => return Err(failed(error)),
            Opened::NotYet(opening) => opening,
        };
        if interrupt.wait(OPENING_LOOK) {
            opening.end();
            return Ok(None);
        }
        if clock.now().since(begin) > OPENING_LATE
            && let Some(late) = late.take()
        {
            tracing::warn!("the source is still being opened; a pipe waits for its writer, a camera for its driver");
            late();
        }
    }
}

/// The parts of a stream that stand before its packaging.
struct Wiring {
    clock: Arc<dyn Clock>,
    status: Arc<Status>,
    opener: Opener,
    tap: Tap,
    detections: Detections,
    /// Ends with the stream.
    watcher: Option<Arc<Watcher>>,
}

impl Wiring {
    /// Makes the detector and the source's opener; nothing is opened yet but the cascade.
    /// `and_run` is told of every run of the detector, too.
    fn new(config: &StreamConfig, clock: Arc<dyn Clock>, and_run: OnRun) -> Result<Wiring, Failure> {
        let status = Arc::new(Status::new(Asked {
            started: clock.wall(),
            detect_fps: detect_fps(config).unwrap_or_default(),
            cascade: config.detect.what(),
            kinds: config.detect.cascades.iter().map(CascadeSpec::kind).collect(),
            bitrate: config.encode.bitrate,
            protected: false,
        }));
        let opener = source_opener(config, &clock)?;
        let (run_sender, hiding) = hiding(config).unzip();
        let watcher = match detection::open(&config.detect).map_err(failed)? {
            Some(detector) => {
                let (counts, on_run) = (status.stream.detector.clone(), on_run(status.clone(), run_sender, and_run));
                Some(Arc::new(Watcher::start(detector, config.detect.fps, clock.clone(), counts, on_run).map_err(failed)?))
            }
            None => None,
        };
        let tap: Tap = match watcher.clone() {
            Some(watcher) => Box::new(move |picture| watcher.give(picture)),
            None => Box::new(|_| ()),
        };
        let newest: Box<dyn Fn() -> Arc<Detection> + Send> = match watcher.clone() {
            Some(watcher) => Box::new(move || watcher.latest()),
            None => {
                let nothing = Arc::new(Detection::default());
                Box::new(move || nothing.clone())
            }
        };
        let detections = Detections { newest, hiding };
        Ok(Wiring { clock, status, opener, tap, detections, watcher })
    }
}

/// The way of the detector's runs to the pipeline, where what is found is to be hidden.
fn hiding(config: &StreamConfig) -> Option<(Sender<Arc<Detection>>, Hiding)> {
    let (sender, runs) = bounded(RUNS_MAX);
    config.overlay.blur.then_some((sender, Hiding { runs, runs_after: config.detect.runs_to_be_sure() }))
}

/// Searches per second that are asked for; none where nothing is searched.
fn detect_fps(config: &StreamConfig) -> Option<f64> {
    (!config.detect.cascades.is_empty()).then_some(config.detect.fps)
}

/// What the encode thread runs, on a grid of `rate`.
fn pipeline_parts(
    config: &StreamConfig,
    rate: FrameRate,
    detections: Detections,
    clock: &Arc<dyn Clock>,
    status: &Arc<Status>,
) -> PipelineParts {
    PipelineParts {
        encode: config.encode.clone(),
        lengths: config.lengths,
        overlay: config.overlay,
        clock_strip: clock_strip(config),
        rate,
        first_msn: Msn(1),
        opener: encoder_opener(),
        detections,
        clock: clock.clone(),
        status: status.stream.pipeline.clone(),
    }
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

fn clock_strip(config: &StreamConfig) -> ClockStrip {
    match (&config.source, config.clock_strip) {
        (SourceSpec::Test(_), _) => ClockStrip::Source,
        (_, true) => ClockStrip::Burn,
        (_, false) => ClockStrip::None,
    }
}

/// Opens the source that was asked for, at first and again.
fn source_opener(config: &StreamConfig, clock: &Arc<dyn Clock>) -> Result<Opener, Failure> {
    let (pool, wish, clock) = (PicturePool::default(), config.wish, clock.clone());
    Ok(match config.source.clone() {
        SourceSpec::Camera(selector) => Box::new(move |_: &Stop| camera::open(&selector, wish, clock.clone(), pool.clone())),
        SourceSpec::Test(script) => {
            let script = Script::parse(&script).map_err(Failure)?;
            let opener = TestOpener::new(script, wish, TEST_SEED, clock, pool);
            Box::new(move |_: &Stop| opener.open().map(|source| Box::new(source) as Box<dyn Source>))
        }
        SourceSpec::File(path) => {
            let pace = if config.once { Pace::Once(clock) } else { Pace::Looped(clock) };
            Box::new(move |stop: &Stop| open_file(&path, pace.clone(), pool.clone(), stop.clone()))
        }
    })
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
fn tell_format(format: &SourceFormat) {
    let SourceFormat { name, size, rate, pixels, reason } = format;
    let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    tracing::info!("{name}: {size} at {rate} fps, {pixels}{why}");
}
