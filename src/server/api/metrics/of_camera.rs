//! The metrics of the cameras.

use super::exposition::{Exposition, Family, Kind, family};
use crate::{
    archive::HistoryReport,
    camera::Camera,
    capture::SourceState,
    counter::Samples,
    hooks::{HookReport, HooksReport},
    status::StatusReport,
    window::Summary,
};
use std::sync::Arc;

/// What one camera tells at a moment.
struct Reading<'a> {
    camera: &'a Camera,
    stream: StatusReport,
    window: Summary,
    history: Option<HistoryReport>,
    hooks: HooksReport,
}

/// A number of a reading; none where there is no such thing.
type Value = fn(&Reading<'_>) -> Option<f64>;

const fn gauge(name: &'static str, help: &'static str, value: Value) -> (Family, Value) {
    (family(name, Kind::Gauge, help), value)
}

const fn counter(name: &'static str, help: &'static str, value: Value) -> (Family, Value) {
    (family(name, Kind::Counter, help), value)
}

/// One number of each camera.
const NUMBERS: [(Family, Value); 35] = [
    gauge("hlscam_source_fps", "Pictures a second that come from the source, measured", |of| Some(of.stream.source.fps_in)),
    gauge("hlscam_output_fps", "Pictures a second that are encoded, measured", |of| Some(of.stream.pacer.fps_out)),
    counter("hlscam_captured_frames", "Pictures that came to the frame grid", |of| Some(of.stream.source.pictures as f64)),
    counter("hlscam_encoded_frames", "Frames that were encoded or handed on", |of| Some(of.stream.pacer.frames as f64)),
    counter("hlscam_repeated_frames", "Frames that repeat a picture, for want of another", |of| {
        Some(of.stream.pacer.repeated as f64)
    }),
    counter("hlscam_dropped_frames", "Pictures that no frame shows, for newer ones overtook them", |of| {
        Some(of.stream.pacer.dropped as f64)
    }),
    counter("hlscam_slate_frames", "Frames that say there is no signal", |of| Some(of.stream.pacer.slates as f64)),
    counter("hlscam_damaged_frames", "Pictures that were damaged and left out", |of| Some(of.stream.source.damaged as f64)),
    counter("hlscam_truncated_frames", "Pictures that are shown although their end was missing", |of| {
        Some(of.stream.source.truncated as f64)
    }),
    counter("hlscam_hidden_frames", "Frames that were hidden as a whole, for nobody knew what to hide", |of| {
        Some(of.stream.detection.hidden as f64)
    }),
    counter("hlscam_source_opened", "Times that the source was opened", |of| Some(of.stream.source.opened as f64)),
    counter("hlscam_source_reopened", "Times that a source that was lost was back", |of| Some(of.stream.source.reopened as f64)),
    gauge("hlscam_encoder_load_ratio", "Share of the time that the encoder's thread works; at 1 it can do no more", |of| {
        Some(of.stream.encoder.load)
    }),
    gauge("hlscam_bitrate_target_bits_per_second", "Bit rate that the encoder was asked for", |of| {
        Some(f64::from(of.stream.encoder.bitrate))
    }),
    gauge("hlscam_bitrate_bits_per_second", "Average bit rate of the window", |of| Some(of.window.average_bps as f64)),
    gauge("hlscam_pass_through", "1 while what the source has coded is handed on as it is", |of| {
        Some(f64::from(u8::from(of.stream.pass_through.active)))
    }),
    counter("hlscam_detection_runs", "Searches of the detector", |of| Some(of.stream.detection.runs as f64)),
    counter("hlscam_detection_errors", "Searches that failed", |of| Some(of.stream.detection.errors as f64)),
    counter("hlscam_detection_skipped", "Searches that were left out, for nothing had changed", |of| {
        Some(of.stream.detection.skipped as f64)
    }),
    gauge("hlscam_viewers", "Distinct viewers of the last seconds", |of| Some(of.stream.viewers as f64)),
    gauge("hlscam_waiters", "Requests that wait for the next part or segment", |of| Some(of.camera.window.waiters() as f64)),
    gauge("hlscam_window_seconds", "How far back a viewer can go now", |of| Some(of.window.span_s)),
    gauge("hlscam_window_bytes", "Bytes of the listed segments", |of| Some(of.window.bytes as f64)),
    gauge("hlscam_window_held_bytes", "Bytes of the window that are held in all", |of| Some(of.window.held_bytes as f64)),
    gauge("hlscam_window_segments", "Listed segments", |of| Some(of.window.segments as f64)),
    gauge("hlscam_history_bytes", "Bytes of the history on the disk [with --storage]", |of| {
        Some(of.history.as_ref()?.bytes as f64)
    }),
    gauge("hlscam_history_files", "Files of the history on the disk [with --storage]", |of| {
        Some(of.history.as_ref()?.files as f64)
    }),
    counter("hlscam_history_written_segments", "Segments that the disk took [with --storage]", |of| {
        Some(of.history.as_ref()?.written_segments as f64)
    }),
    counter("hlscam_history_lost_segments", "Segments that the disk did not take [with --storage]", |of| {
        Some(of.history.as_ref()?.lost_segments as f64)
    }),
    gauge("hlscam_history_failing", "1 while nothing is kept on the disk [with --storage]", |of| {
        Some(f64::from(u8::from(of.history.as_ref()?.trouble.is_some())))
    }),
    gauge("hlscam_markers_stored", "Markers that are kept", |of| Some(of.camera.markers.counts.stored.get() as f64)),
    gauge("hlscam_markers_open", "Markers that have not ended", |of| Some(of.camera.markers.counts.open.get() as f64)),
    counter("hlscam_markers_begun", "Markers that began, the detector's and the clients'", |of| {
        Some(of.camera.markers.counts.begun.get() as f64)
    }),
    counter("hlscam_marker_failures", "Writes and reads that the store of markers refused", |of| {
        Some(of.camera.markers.counts.failed.get() as f64)
    }),
    counter("hlscam_events", "Events that were published", |of| Some(of.camera.markers.events.count() as f64)),
];

const STATE: Family = family("hlscam_source_state", Kind::Gauge, "1 for what the source is doing, 0 for all else");
const STAGES: Family = family(
    "hlscam_stage_latency_seconds",
    Kind::Histogram,
    "Time that a frame takes by stage; total is from its capture to the publication of its part",
);
const SEARCHES: Family = family("hlscam_detection_seconds", Kind::Histogram, "Time that a search takes");
const FOUND: Family = family("hlscam_found", Kind::Gauge, "What is followed now, by kind");
const HOOKS: Family = family("hlscam_hook_events", Kind::Counter, "Events by what became of them at a hook");

/// The states of a source and their names.
const STATES: [(SourceState, &str); 6] = [
    (SourceState::Opening, "opening"),
    (SourceState::Live, "live"),
    (SourceState::Silent, "silent"),
    (SourceState::Lost, "lost"),
    (SourceState::Asleep, "asleep"),
    (SourceState::Ended, "ended"),
];

/// Adds those of all cameras.
pub(super) fn put<'a>(text: &mut Exposition, cameras: impl Iterator<Item = &'a Arc<Camera>>) {
    let all: Vec<Reading<'_>> = cameras.map(|camera| Reading::take(camera)).collect();
    let names = |of: &Reading<'a>| of.camera.name.as_str();
    text.begin(STATE);
    for (of, (state, name)) in all.iter().flat_map(|of| STATES.map(|state| (of, state))) {
        text.put(&[("camera", names(of)), ("state", name)], f64::from(u8::from(of.stream.source.state == state)));
    }
    for (family, value) in NUMBERS {
        text.begin(family);
        for (of, value) in all.iter().filter_map(|of| Some((of, value(of)?))) {
            text.put(&[("camera", names(of))], value);
        }
    }
    text.begin(STAGES);
    for (of, (stage, samples)) in all.iter().flat_map(|of| of.stages().map(|stage| (of, stage))) {
        text.put_distribution(&[("camera", names(of)), ("stage", stage)], &samples.all.distribution());
    }
    text.begin(SEARCHES);
    for of in &all {
        let told = of.camera.status.stream.detector.run_took.all.distribution();
        text.put_distribution(&[("camera", names(of))], &told);
    }
    text.begin(FOUND);
    for (of, (kind, count)) in all.iter().flat_map(|of| of.stream.detection.kinds.iter().map(move |kind| (of, kind))) {
        text.put(&[("camera", names(of)), ("kind", kind.name())], *count as f64);
    }
    text.begin(HOOKS);
    for (of, (hook, report)) in all.iter().flat_map(|of| of.hooks().map(|hook| (of, hook))) {
        for (outcome, count) in [("sent", report.sent), ("failed", report.failed), ("dropped", report.dropped)] {
            text.put(&[("camera", names(of)), ("hook", hook), ("outcome", outcome)], count as f64);
        }
    }
}

impl<'a> Reading<'a> {
    fn take(camera: &'a Camera) -> Reading<'a> {
        Reading {
            camera,
            stream: camera.status.report(camera.clock.now(), camera.clock.wall()),
            window: camera.window.summary(),
            history: camera.history.as_ref().map(|history| history.report()),
            hooks: camera.hooks.report(),
        }
    }

    /// The stages of a frame, as `latency_ms` of the status names them.
    fn stages(&self) -> [(&'static str, &'a Samples); 6] {
        let status = &self.camera.status;
        let pipeline = &status.stream.pipeline;
        [
            ("capture", &status.stream.capture.latency),
            ("pace", &status.stream.pace_latency),
            ("paint", &pipeline.compositor.latency),
            ("encode", &pipeline.rendition.encode_latency),
            ("package", &pipeline.rendition.package_latency),
            ("total", &status.total_latency),
        ]
    }

    fn hooks(&self) -> [(&'static str, &HookReport); 3] {
        [("webhook", &self.hooks.webhook), ("exec", &self.hooks.exec), ("mqtt", &self.hooks.mqtt.hook)]
    }
}
