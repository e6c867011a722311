//! Gathers the counts of the stages into the report of `GET /api/status`.

use crate::{
    capture::{CaptureStatus, SourceState},
    changeable::Changeable,
    counter::{Gauge, Percentiles, Samples, round},
    detect::{kind::Kind, watcher::Pace},
    governor::MachineReport,
    pacer::PacerCounts,
    stream::StreamStatus,
    sync::lock,
    time::{Ticks, WallTime},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// What all threads of one stream tell of themselves.
#[derive(Debug, Default)]
pub struct Status {
    /// When the stream began, and what it was asked; set once at its making.
    pub asked: StatusParts,
    /// Distinct viewers that asked for a playlist in the last seconds; the server sets it.
    pub viewers: Gauge,
    /// What its stages tell.
    pub stream: Arc<StreamStatus>,
    /// From the grid point of a part's oldest frame, which is its capture to the nearest frame, to the part's publication.
    pub total_latency: Samples,
    /// What is followed now, of each kind.
    found: Mutex<BTreeMap<Kind, u64>>,
}

/// What the stream was asked; for the report.
#[derive(Clone, Debug, Default)]
pub struct StatusParts {
    /// When it began.
    pub started: WallTime,
    /// How it is searched; at no rate where nothing is.
    pub pace: Changeable<Pace>,
    /// What is searched, by name.
    pub cascade: String,
    /// The kinds of what may be found.
    pub kinds: Vec<Kind>,
    /// Bit rate, bit/s.
    pub bitrate: Changeable<u32>,
}

impl Status {
    /// The status of a stream that begins now.
    pub fn new(asked: StatusParts) -> Status {
        let status = Status { asked, ..Status::default() };
        status.set_found(std::iter::empty());
        status
    }

    /// What is followed now, the kind of each.
    pub fn set_found(&self, found: impl Iterator<Item = Kind>) {
        let mut kinds: BTreeMap<Kind, u64> = self.asked.kinds.iter().map(|kind| (*kind, 0)).collect();
        found.for_each(|kind| *kinds.entry(kind).or_default() += 1);
        *lock(&self.found) = kinds;
    }

    /// The report, as seen at `now`.
    pub fn report(&self, now: Ticks, wall: WallTime) -> StatusReport {
        let StreamStatus { capture, detector, pipeline, .. } = &*self.stream;
        let pacer = self.stream.pacer();
        let source = source_report(capture, &pacer, now);
        let state = source.state;
        let encoder = pipeline.rendition.encoder();
        let mut kinds = lock(&self.found).clone();
        if state != SourceState::Live {
            // Nobody is there now in a picture that does not come.
            kinds.values_mut().for_each(|count| *count = 0);
        }
        StatusReport {
            version: env!("CARGO_PKG_VERSION"),
            time: wall.to_string(),
            started: self.asked.started.to_string(),
            viewers: self.viewers.get(),
            source,
            pacer: PacerReport {
                fps_out: pipeline.rendition.frames.per_s(now),
                frames: pipeline.rendition.encoded.get(),
                repeated: pacer.repeated,
                dropped: pacer.dropped + capture.overtaken.get(),
                slates: pacer.slates,
            },
            detection: DetectionReport {
                cascade: self.asked.cascade.clone(),
                fps: self.asked.pace.get().rate(),
                faces: kinds.values().sum(),
                kinds,
                runs: detector.runs.get(),
                errors: detector.errors.get(),
                failing: detector.failing.get() > 0,
                skipped: detector.skips.get(),
                hidden: pipeline.compositor.hidden.get(),
                took_ms: detector.run_took.percentiles(),
            },
            pass_through: PassReport { active: self.stream.passes.get() > 0, why_not: self.stream.not_passed() },
            encoder: EncoderReport {
                name: encoder.name,
                codecs: encoder.codecs,
                bitrate: self.asked.bitrate.get(),
                load: self.stream.load.share(now),
            },
            machine: self.stream.machine(),
            latency_ms: LatencyReport {
                capture: capture.latency.percentiles(),
                pace: self.stream.pace_latency.percentiles(),
                paint: pipeline.compositor.latency.percentiles(),
                encode: pipeline.rendition.encode_latency.percentiles(),
                package: pipeline.rendition.package_latency.percentiles(),
                total: self.total_latency.percentiles(),
            },
        }
    }
}

/// What is told of the source.
fn source_report(capture: &CaptureStatus, pacer: &PacerCounts, now: Ticks) -> SourceReport {
    let format = capture.format();
    let format = format.as_ref();
    SourceReport {
        state: capture.state(),
        silent_since: capture.silent_since().map(|since| since.to_string()),
        name: format.map(|format| format.name.clone()).unwrap_or_default(),
        pixels: format.map(|format| format.pixels.clone()).unwrap_or_default(),
        reason: format.map(|format| format.reason.clone()).unwrap_or_default(),
        width: format.map_or(0, |format| format.size.width()),
        height: format.map_or(0, |format| format.size.height()),
        fps: format.map_or(0.0, |format| round(format.rate.as_f64(), 1000.0)),
        fps_in: capture.pictures.per_s(now),
        slow_fps: capture.slow().map(|fps| round(fps, 10.0)),
        pictures: pacer.pictures,
        damaged: capture.damaged.get(),
        truncated: capture.truncated.get(),
        reopened: capture.reopened.get(),
        opened: capture.opened.get(),
        slowed: capture.slowed.get() > 0,
    }
}

/// The body of `GET /api/status` but for its `window`, which the server adds; documented in docs/http-api.md.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct StatusReport {
    pub version: &'static str,
    pub time: String,
    pub started: String,
    pub viewers: u64,
    pub source: SourceReport,
    pub pacer: PacerReport,
    pub detection: DetectionReport,
    pub pass_through: PassReport,
    pub encoder: EncoderReport,
    pub machine: MachineReport,
    pub latency_ms: LatencyReport,
}

/// Where pictures come from.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct SourceReport {
    pub state: SourceState,
    pub silent_since: Option<String>,
    pub name: String,
    pub pixels: String,
    pub reason: String,
    pub width: usize,
    pub height: usize,
    pub fps: f64,
    pub fps_in: f64,
    pub slow_fps: Option<f64>,
    pub pictures: u64,
    pub damaged: u64,
    pub truncated: u64,
    pub reopened: u64,
    pub opened: u64,
    pub slowed: bool,
}

/// The frame grid.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct PacerReport {
    pub fps_out: f64,
    pub frames: u64,
    pub repeated: u64,
    pub dropped: u64,
    pub slates: u64,
}

/// The detector.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct DetectionReport {
    pub cascade: String,
    pub fps: f64,
    pub faces: u64,
    pub kinds: BTreeMap<Kind, u64>,
    pub runs: u64,
    pub errors: u64,
    pub failing: bool,
    pub skipped: u64,
    pub hidden: u64,
    pub took_ms: Percentiles,
}

/// Whether what the source has coded is handed on as it is.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct PassReport {
    pub active: bool,
    pub why_not: String,
}

/// The encoder.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct EncoderReport {
    pub name: String,
    pub codecs: String,
    pub bitrate: u32,
    pub load: f64,
}

/// Per stage, in milliseconds.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct LatencyReport {
    pub capture: Percentiles,
    pub pace: Percentiles,
    pub paint: Percentiles,
    pub encode: Percentiles,
    pub package: Percentiles,
    pub total: Percentiles,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_there_while_no_picture_comes() {
        let status = Status::new(StatusParts { kinds: vec![Kind::FACE], ..StatusParts::default() });
        let faces = |state| {
            status.stream.capture.set_state(state, None);
            let found = status.report(Ticks(0), WallTime(0)).detection;
            (found.faces, found.kinds[&Kind::FACE])
        };
        status.set_found([Kind::FACE, Kind::FACE].into_iter());
        assert_eq!(faces(SourceState::Live), (2, 2));
        for state in [SourceState::Silent, SourceState::Lost, SourceState::Ended] {
            assert_eq!(faces(state), (0, 0), "{state:?}");
        }
    }

    #[test]
    fn a_picture_of_a_stream_that_has_ended_does_not_make_it_live_again() {
        let capture = Status::new(StatusParts::default()).stream.capture.clone();
        let turns = capture.state_changes();
        capture.set_state(SourceState::Ended, None);
        capture.set_state(SourceState::Live, None);
        assert_eq!((capture.state(), turns.try_iter().last()), (SourceState::Ended, Some(SourceState::Ended)));
    }

    #[test]
    fn the_report_names_the_state_as_the_page_reads_it() {
        let status = Status::new(StatusParts { cascade: "face".to_owned(), ..StatusParts::default() });
        status.stream.capture.set_state(SourceState::Lost, Some(WallTime(1_500_000)));
        let report = serde_json::to_value(status.report(Ticks(0), WallTime(0))).expect("plain data");
        assert_eq!(report["source"]["state"], "lost");
        assert_eq!(report["source"]["silent_since"], "1970-01-01T00:00:01.500Z");
        assert_eq!(report["detection"]["cascade"], "face");
    }
}
