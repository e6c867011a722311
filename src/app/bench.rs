//! `hlscam bench FILE`: the live pipeline on one thread, unpaced and without the server, to see what each stage costs.

use super::{Failure, failed, out};
use crate::{
    bus::Bus,
    camera::{
        CameraConfig,
        flow::{hiding, pipeline_parts},
    },
    compose::compositor::Detections,
    config::Listing,
    detect::{self, Detection, Detector, track::Tracker},
    pacer::{Pacer, Shown},
    package::FirstSegment,
    picture::{Area, Picture, PicturePool, mask},
    pipeline::Pipeline,
    source::{Pace, Source, SourceError, SourceFormat, SourceSpec, Stop, framed, open_file},
    status::{Status, StatusParts},
    sync::lock,
    time::{Clock, Span, Ticks},
};
use crossbeam_channel::Sender;
use serde::Serialize;
use std::{
    path::Path,
    sync::{Arc, Mutex},
};

/// What the run took; milliseconds per frame of the grid, wall clock of the one thread.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    width: usize,
    height: usize,
    fps: f64,
    frames: u64,
    detect_runs: u64,
    stages_ms: Stages,
    total_ms: f64,
}

#[derive(Debug, Serialize)]
struct Stages {
    decode: f64,
    detect: f64,
    paint: f64,
    encode: f64,
    package: f64,
}

/// Runs the file through and prints the report.
pub(super) fn run(config: &CameraConfig, clock: Arc<dyn Clock>, listing: Listing) -> Result<(), Failure> {
    let SourceSpec::File(path) = &config.source else {
        return Err(Failure("bench takes a file".to_owned()));
    };
    let report = measure(path, config, clock)?;
    let text = match listing {
        Listing::Json => serde_json::to_string(&report).unwrap_or_default(),
        Listing::Text => text(&report),
    };
    out(&text).map(drop)
}

/// The stages' shared stopwatch.
struct Bench {
    clock: Arc<dyn Clock>,
    source: Box<dyn Source>,
    detector: Option<Box<dyn Detector>>,
    tracker: Tracker,
    detect_fps: f64,
    masks: Vec<Area>,
    newest: Arc<Mutex<Arc<Detection>>>,
    sender: Option<Sender<Arc<Detection>>>,
    last_run: Option<Ticks>,
    decode: Span,
    detect: Span,
    runs: u64,
}

impl Bench {
    /// The next picture that can be decoded, timed; none at the end.
    fn decode(&mut self) -> Result<Option<Arc<Picture>>, Failure> {
        loop {
            let begin = self.clock.now();
            let next = self.source.next();
            self.decode = self.decode + self.clock.now().since(begin);
            match next {
                Ok(mut picture) => {
                    mask::draw_masks(&mut picture, &self.masks);
                    return Ok(Some(Arc::new(picture)));
                }
                Err(SourceError::Ended) => return Ok(None),
                Err(SourceError::Damaged(_) | SourceError::Silent | SourceError::NotDue) => {}
                Err(SourceError::Lost(reason)) => return Err(Failure(reason)),
            }
        }
    }

    /// Searches the picture if a run is due, timed.
    fn detect(&mut self, picture: &Picture) -> Result<(), Failure> {
        let Some(detector) = self.detector.as_mut() else { return Ok(()) };
        if !detect::is_due(picture.at, self.last_run, self.detect_fps) {
            return Ok(());
        }
        let begin = self.clock.now();
        detect::follow(detector.as_mut(), &mut self.tracker, picture).map_err(failed)?;
        let took = self.clock.now().since(begin);
        self.detect = self.detect + took;
        self.runs += 1;
        self.last_run = Some(picture.at);
        let detection = Arc::new(Detection { at: picture.at, tracks: self.tracker.tracks(), took });
        *lock(&self.newest) = detection.clone();
        if let Some(sender) = &self.sender {
            sender.try_send(detection).ok();
        }
        Ok(())
    }
}

fn measure(path: &Path, config: &CameraConfig, clock: Arc<dyn Clock>) -> Result<Report, Failure> {
    let source = open_file(path, Pace::Unpaced, PicturePool::default(), (Stop::default(), None)).map_err(failed)?;
    let source = framed(source, config.framing, PicturePool::default()).map_err(failed)?;
    let format: SourceFormat = source.format().clone();
    let rate = config.format_request.rate.unwrap_or(format.rate);
    let newest = Arc::new(Mutex::new(Arc::new(Detection::default())));
    let (sender, hiding) = hiding(config).unzip();
    let detections = Detections {
        newest: Box::new({
            let newest = newest.clone();
            move || lock(&newest).clone()
        }),
        hiding,
    };
    let status = Arc::new(Status::new(StatusParts::default()));
    // Nobody takes what is made.
    let (_, publishers) = Bus::open();
    let mut pipeline = Pipeline::new(pipeline_parts(config, (rate, FirstSegment::NEW), (detections, publishers), &clock, &status));
    let mut bench = Bench {
        clock: clock.clone(),
        source,
        detector: detect::open(&config.detect).map_err(failed)?,
        tracker: Tracker::default(),
        detect_fps: config.detect.fps,
        masks: mask::areas(&config.masks, format.size).map_err(failed)?,
        newest,
        sender,
        last_run: None,
        decode: Span::ZERO,
        detect: Span::ZERO,
        runs: 0,
    };
    let mut pacer = Pacer::new(rate, Ticks::default());
    let begin = clock.now();
    let mut frames = 0_u64;
    while let Some(picture) = bench.decode()? {
        bench.detect(&picture)?;
        // The file's own time is the clock here: nothing is late.
        for frame in pacer.push(picture.at, picture.at) {
            let fresh = Some(&picture).filter(|_| frame.shown == Shown::Fresh);
            pipeline.put(frame, fresh).map_err(failed)?;
            frames += 1;
        }
    }
    pipeline.finish().map_err(failed)?;
    let (total, spent) = (clock.now().since(begin), pipeline.spent());
    if frames == 0 {
        return Err(Failure(format!("{} holds no picture that can be decoded", path.display())));
    }
    let per_frame = |span: Span| (span.as_ms() / frames as f64 * 1000.0).round() / 1000.0;
    Ok(Report {
        file: path.display().to_string(),
        width: format.size.width(),
        height: format.size.height(),
        fps: (rate.as_f64() * 1000.0).round() / 1000.0,
        frames,
        detect_runs: bench.runs,
        stages_ms: Stages {
            decode: per_frame(bench.decode),
            detect: per_frame(bench.detect),
            paint: per_frame(spent.compose),
            encode: per_frame(spent.encode),
            package: per_frame(spent.package),
        },
        total_ms: per_frame(total),
    })
}

fn text(report: &Report) -> String {
    let Report { file, width, height, fps, frames, detect_runs, stages_ms, total_ms } = report;
    let Stages { decode, detect, paint, encode, package } = stages_ms;
    format!(
        "{file}: {width}x{height}, {frames} frames at {fps} fps, {detect_runs} detector runs\n\
         ms per frame: decode {decode:.3}, detect {detect:.3}, paint {paint:.3}, encode {encode:.3}, package {package:.3}; total {total_ms:.3}\n\
         {:.1} times real time",
        1000.0 / (total_ms * fps).max(f64::MIN_POSITIVE),
    )
}
