//! A camera from its start to its end. It is served already while it waits for its source, and is live then.

use super::{
    Camera, CameraConfig, CameraError, demand,
    flow::{EndedFlow, Flow, FlowLimits, RunningFlow},
    markers::MarkerServiceBuilder,
    passing,
    rules::look_by,
};
use crate::{
    archive::{Archive, Archiving, Notice, Tell},
    bus::Importance,
    capture::{Capture, CaptureParts, SourceState},
    events::EventKind,
    failpoint,
    grid::Grid,
    package::{InitId, PackagerEvent},
    source::{RATE_DEFAULT, SourceFormat},
    store::{SharedStore, last_run::LastRun},
    time::{Clock, FrameRate, Span},
    window::{Window, WindowConfig, numbers::FirstNumbers, past::Past},
};
use std::sync::Arc;

/// A camera that waits for its source.
pub struct PendingCamera {
    /// The camera.
    pub camera: Arc<Camera>,
    config: CameraConfig,
    flow: Flow,
    archive: Option<Archive>,
}

/// A camera whose pictures are published.
pub struct LiveCamera {
    /// The camera.
    pub camera: Arc<Camera>,
    /// What its source is.
    pub format: SourceFormat,
    running: RunningFlow,
    archiving: Option<Archiving>,
}

impl Camera {
    /// Starts a camera: its store, its detector, its window, its markers. What opens its source comes with it, for that may take long: the
    /// camera can be served meanwhile, and [`PendingCamera::run`] takes what was opened.
    ///
    /// `kept` has the store of all cameras, for markers and numbers, and the file for the numbers if the store is in memory.
    pub fn start(
        config: CameraConfig,
        kept: (SharedStore, Option<LastRun>),
        clock: Arc<dyn Clock>,
    ) -> Result<(PendingCamera, CaptureParts), CameraError> {
        let mut markers_builder = MarkerServiceBuilder::open(config.name.clone(), kept, &config.history, &clock)?;
        let archive = markers_builder.archive.take();
        let runs = markers_builder.runs.clone();
        let rate = config.format_request.rate.unwrap_or(RATE_DEFAULT);
        let window = Arc::new(Window::new(window_config(&config, rate, run_name()?, markers_builder.first), clock.clone()));
        let demand = demand::demand(&config, archive.as_ref().map(|archive| archive.recordings.clone()), &window, &clock);
        let on_run = Box::new(move |detection: &_| runs.send(detection));
        let (flow, capture) = Flow::new(&config, (clock.clone(), demand.clone()), on_run)?;
        let status = flow.status.clone();
        let markers = markers_builder.start(window.clone(), status.stream.capture.clone(), clock.clone())?;
        let history = archive.as_ref().map(|archive| archive.status.clone());
        let (catalog, recordings) = archive.as_ref().map(|archive| (archive.catalog.clone(), archive.recordings.clone())).unzip();
        let (bus, controls, inbox) = (flow.bus.clone(), flow.controls.clone(), flow.inbox.clone());
        let camera = Camera {
            bus,
            controls,
            inbox,
            tuning: flow.tuning.clone(),
            demand,
            history,
            catalog,
            recordings,
            ..Camera::new(config.name.clone(), clock, window, status, markers)
        };
        Ok((PendingCamera { camera: Arc::new(camera), config, flow, archive }, capture))
    }
}

impl PendingCamera {
    /// Publishes what an open source captures.
    pub fn run(self, capture: Capture) -> Result<LiveCamera, CameraError> {
        let PendingCamera { camera, config, flow, mut archive } = self;
        let format = capture.format.clone();
        let expected = camera.window.config();
        let (run, first) = (expected.run.clone(), expected.first);
        let past = archive.as_mut().map(Archive::take_past).filter(|past| !past.segments.is_empty());
        let mut window = window_config(&config, flow.rate(&format), run, first);
        if let Some(cuts) = passing::cuts(&config, &format) {
            (window.target_duration_s, window.part_target) = (cuts.target_duration_s, cuts.part_target());
        }
        if let Some(past) = &past {
            // A target duration is that of the longest segment that is listed (rfc8216bis §4.4.3.1).
            window.target_duration_s = window.target_duration_s.max(past.longest().as_s().round() as u32);
            tell_past(past);
        }
        camera.window.settle(window, past);
        publish_to_window(camera.clone());
        let init = archive.as_ref().map_or(InitId(1), Archive::first_init);
        // Behind the window, from which it takes its bytes.
        let archiving = archive.map(|archive| {
            let look = look_by(config.rules.clone(), archive.recordings.clone(), &camera.markers.events);
            archive.start(&camera.bus, camera.window.clone(), tell_events(&camera), look)
        });
        let archiving =
            archiving.transpose().map_err(|error| CameraError(format!("cannot start a thread for the history: {error}")))?;
        let running = flow.start(capture, FlowLimits { first: first.segment(init), frames_max: None })?;
        Ok(LiveCamera { running, camera, format, archiving })
    }

    /// Ends what has no stream.
    pub fn end(self, reason: &'static str) {
        self.camera.markers.end(reason);
        self.camera.window.end();
    }
}

impl LiveCamera {
    /// Whether a part of it has ended by itself, without which the others are of no use.
    pub fn has_ended(&self) -> bool {
        self.running.has_ended() || self.camera.markers.has_ended()
    }

    /// Ends it from its source on: the last segment is closed, markers end, the playlists get their ENDLIST.
    /// Says why it ended, if by a failure.
    pub fn end(self) -> (Result<(), CameraError>, EndedFlow) {
        let LiveCamera { camera, running, archiving, .. } = self;
        let (has_ended, markers_failed) = (running.has_ended(), camera.markers.has_ended());
        let (mut result, mut remains) = running.end();
        // Its last segment is written while the window still has it.
        if archiving.is_some_and(|archiving| !archiving.end()) {
            tracing::warn!("the disk of the history hangs: the end of this run is not in it");
        }
        if markers_failed {
            result = result.and(Err(CameraError("the thread of the markers ended by a bug".to_owned())));
        }
        let reason = match (&result, has_ended) {
            _ if camera.status.stream.capture.loss().is_some() => "the camera was lost",
            (Err(_), _) => "the stream has failed",
            (Ok(()), true) => "the source has ended",
            (Ok(()), false) => "hlscam was ended",
        };
        // Before the window ends, for the playlists get the ends of the markers.
        camera.markers.end(reason);
        camera.window.end();
        camera.status.stream.capture.set_state(SourceState::Ended, None);
        remains.end_detector();
        (result, remains)
    }
}

/// What the history tells becomes events.
fn tell_events(camera: &Camera) -> Tell {
    let (events, clock) = (camera.markers.events.clone(), camera.clock.clone());
    Box::new(move |notice| {
        let kind = match notice {
            Notice::Pruned(time) => EventKind::HistoryPruned(time),
            Notice::Low(why) => EventKind::DiskLow(why),
            Notice::RecordingBegun(recording) => EventKind::RecordingBegin(recording),
            Notice::RecordingEnded(recording) => EventKind::RecordingEnd(recording),
        };
        events.publish(clock.wall(), kind);
    })
}

/// Says what earlier runs have left.
fn tell_past(past: &Past) {
    let there = || past.segments.iter().filter(|segment| !segment.is_gone());
    let (Some(first), Some(last)) = (there().next(), there().next_back()) else { return };
    let span: Span = there().map(|segment| segment.duration).sum();
    let end = last.start.wall + last.duration;
    let (hours, minutes) = (span.as_s() / 3600.0, span.as_s() / 60.0);
    let long = if hours < 2.0 { format!("{minutes:.1} minutes") } else { format!("{hours:.1} hours") };
    tracing::info!("{long} of earlier runs can be watched, from {} to {}", first.start.wall.to_local(), end.to_local());
}

/// The window of a camera subscribes to its bus. Its work is bounded by what is published and not by how long it is, so it is called on the
/// encode thread: players wait for the next part, and a thread of its own would only make them wait longer. What is published is measured:
/// how old it is by then.
fn publish_to_window(camera: Arc<Camera>) {
    let bus = camera.bus.clone();
    bus.events.call("the window", Importance::Essential, move |events| {
        failpoint::hit("window");
        let mut oldest = None;
        for event in events {
            if let PackagerEvent::Part(part) = event {
                tracing::trace!(msn = part.msn.0, part = part.index, "published");
                oldest = oldest.or(Some(part.at));
            }
        }
        camera.window.push_all(events.iter().cloned());
        if let Some(oldest) = oldest {
            camera.status.total_latency.add(camera.clock.now().since(oldest));
        }
    });
}

/// The window of a camera whose frames come at that rate.
fn window_config(config: &CameraConfig, rate: FrameRate, run: Arc<str>, first: FirstNumbers) -> WindowConfig {
    let grid = Grid::new(rate, config.lengths);
    WindowConfig {
        run,
        first,
        target_duration_s: ((grid.segment_target().as_s()).round() as u32).max(1),
        part_target: grid.part_target(),
        segment_parts: grid.segment_parts,
        span: config.history.span,
        bytes_max: config.history.disk.map_or(config.history.bytes_max, |disk| disk.bytes_max),
        memory_max: config.history.disk.map(|_| config.history.bytes_max),
    }
}

/// 64 random bits: file names of two runs never meet in a cache, even where the clock begins at the same second with each boot.
fn run_name() -> Result<Arc<str>, CameraError> {
    let bits = getrandom::u64().map_err(|error| CameraError(format!("cannot get random bits from the system: {error}")))?;
    Ok(base_36(bits).into())
}

/// Without the leading zeros; of 0, nothing.
fn base_36(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
    }
    digits.into_iter().rev().collect()
}
