//! What the running stream says of itself: counters that any thread may bump, and the report of `GET /api/status`.
//!
//! Nothing here decides anything and nobody waits for anybody: counters are atomics, and each lock is held for a few instructions.

use crate::{
    detect::{kind::Kind, watcher::WatcherCounts},
    hooks::HooksCounts,
    pacer::PacerCounts,
    source::SourceFormat,
    time::{Span, Ticks, WallTime},
};
use crossbeam_channel::Receiver;
use serde::Serialize;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

pub mod machine;
mod rate;
mod turns;

use machine::{LoadMeter, MachineReport};
pub use rate::RateMeter;
use turns::Turns;

/// Samples per latency stage: 10 s at 30 fps, enough for a p95 that follows a change within seconds.
pub const SAMPLES_MAX: usize = 300;

/// A counter that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn bump(&self) {
        self.add(1);
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value last set.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The last [`SAMPLES_MAX`] lengths of something.
#[derive(Debug, Default)]
pub struct Samples(Mutex<VecDeque<Span>>);

impl Samples {
    /// One more; the oldest leaves.
    pub fn add(&self, span: Span) {
        let mut samples = lock(&self.0);
        if samples.len() == SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(span);
    }

    /// Median and 95th percentile in milliseconds; zeros where there is no sample yet.
    pub fn percentiles(&self) -> Percentiles {
        let mut sorted: Vec<Span> = lock(&self.0).iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| sorted.get(sorted.len() * percent / 100).map_or(0.0, |span| round(span.as_ms(), 100.0));
        Percentiles { p50: at(50), p95: at(95) }
    }
}

/// Two points of a distribution, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
}

/// What the source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Being opened for the first time.
    #[default]
    Opening,
    /// Pictures come.
    Live,
    /// It is open, and nothing has come for a second.
    Silent,
    /// It is gone; it is being opened again.
    Lost,
    /// It has ended, and so does the stream.
    Ended,
}

/// The facts that change seldom.
#[derive(Debug, Default)]
struct Facts {
    state: SourceState,
    silent_since: Option<WallTime>,
    format: Option<SourceFormat>,
    encoder: String,
    codecs: String,
    pacer: PacerCounts,
    /// What is not done, for want of time.
    machine: MachineReport,
    /// What is followed now, of each kind.
    found: BTreeMap<Kind, u64>,
}

/// What all threads of one stream tell of themselves.
#[derive(Debug, Default)]
pub struct Status {
    /// When the stream began, and what it was asked; set once at its making.
    pub asked: Asked,
    /// Distinct viewers that asked for a playlist in the last seconds; the server sets it.
    pub viewers: Gauge,
    /// Pictures that came out of the source.
    pub pictures: RateMeter,
    /// Pictures that were damaged and left out.
    pub damaged: Counter,
    /// Pictures that are shown although their end was missing.
    pub truncated: Counter,
    /// Pictures that were overtaken by newer ones on the way to the encoder, in the source or in the queue.
    pub overtaken: Counter,
    /// Times that the source was opened again.
    pub reopened: Counter,
    /// Pictures that were encoded: one that is shown again is not.
    pub frames: RateMeter,
    /// All frames encoded so far.
    pub encoded: Counter,
    /// How busy the encode thread is.
    pub load: LoadMeter,
    /// What the detector has done; its watcher counts here.
    pub detector: Arc<WatcherCounts>,
    /// What the hooks have done; they count here.
    pub hooks: Arc<HooksCounts>,
    /// Frames that were hidden as a whole, because the detector failed or did not keep up.
    pub hidden: Counter,
    /// Length of a run.
    pub run_took: Samples,
    /// From capture to the arrival of the picture in the pipeline (transfer, decoding).
    pub capture_latency: Samples,
    /// From arrival to its grid point (queue, pacing).
    pub pace_latency: Samples,
    /// Painting.
    pub paint_latency: Samples,
    /// Encoding.
    pub encode_latency: Samples,
    /// Cutting a part from its encoded frames.
    pub package_latency: Samples,
    /// From the grid point of a part's oldest frame, which is its capture to the nearest frame, to the part's publication.
    pub total_latency: Samples,
    facts: Mutex<Facts>,
    turns: Turns,
}

/// What the stream was asked; for the report.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// When it began.
    pub started: WallTime,
    /// Detector runs per second, at most; zero when nothing is searched.
    pub detect_fps: f64,
    /// What is searched, by name.
    pub cascade: String,
    /// The kinds of what may be found.
    pub kinds: Vec<Kind>,
    /// Bit rate, bit/s.
    pub bitrate: u32,
    /// A password is needed to watch.
    pub protected: bool,
}

impl Status {
    /// The status of a stream that begins now.
    pub fn new(asked: Asked) -> Status {
        let status = Status { asked, ..Status::default() };
        status.set_found(std::iter::empty());
        status
    }

    /// The source was opened.
    pub fn set_format(&self, format: &SourceFormat) {
        let mut facts = lock(&self.facts);
        facts.format = Some(format.clone());
    }

    /// The source's doings have changed; `since` is when it was last heard of, for all but `Live`.
    pub fn set_state(&self, state: SourceState, since: Option<WallTime>) {
        let mut facts = lock(&self.facts);
        let has_turned = std::mem::replace(&mut facts.state, state) != state;
        facts.silent_since = since;
        if has_turned {
            // Under the lock, so that turns come in their order.
            self.turns.push(state);
        }
    }

    /// Every change of the source's state, also one that did not last until somebody looked. For one taker.
    pub fn turns(&self) -> Receiver<SourceState> {
        self.turns.taker()
    }

    /// What the source is doing.
    pub fn state(&self) -> SourceState {
        lock(&self.facts).state
    }

    /// When the source was last heard of, if it is not live.
    pub fn silent_since(&self) -> Option<WallTime> {
        lock(&self.facts).silent_since
    }

    /// An encoder was opened.
    pub fn set_encoder(&self, name: &str, codecs: &str) {
        let mut facts = lock(&self.facts);
        facts.encoder = name.to_owned();
        facts.codecs = codecs.to_owned();
    }

    /// What is followed now, the kind of each.
    pub fn set_found(&self, found: impl Iterator<Item = Kind>) {
        let mut kinds: BTreeMap<Kind, u64> = self.asked.kinds.iter().map(|kind| (*kind, 0)).collect();
        found.for_each(|kind| *kinds.entry(kind).or_default() += 1);
        lock(&self.facts).found = kinds;
    }

    /// What is not done at present, for want of time.
    pub fn set_machine(&self, machine: MachineReport) {
        lock(&self.facts).machine = machine;
    }

    /// The pacer's counts.
    pub fn set_pacer(&self, counts: PacerCounts) {
        lock(&self.facts).pacer = counts;
    }

    /// The report, as seen at `now`.
    pub fn report(&self, now: Ticks, wall: WallTime) -> StatusReport {
        let facts = lock(&self.facts);
        let format = facts.format.as_ref();
        let source = SourceReport {
            state: facts.state,
            silent_since: facts.silent_since.map(|since| since.to_string()),
            name: format.map(|format| format.name.clone()).unwrap_or_default(),
            pixels: format.map(|format| format.pixels.clone()).unwrap_or_default(),
            reason: format.map(|format| format.reason.clone()).unwrap_or_default(),
            width: format.map_or(0, |format| format.size.width()),
            height: format.map_or(0, |format| format.size.height()),
            fps: format.map_or(0.0, |format| round(format.rate.as_f64(), 1000.0)),
            fps_in: self.pictures.per_s(now),
            pictures: facts.pacer.pictures,
            damaged: self.damaged.get(),
            truncated: self.truncated.get(),
            reopened: self.reopened.get(),
        };
        let (encoder, codecs, pacer) = (facts.encoder.clone(), facts.codecs.clone(), facts.pacer);
        let mut kinds = facts.found.clone();
        if facts.state != SourceState::Live {
            // Nobody is there now in a picture that does not come.
            kinds.values_mut().for_each(|count| *count = 0);
        }
        let machine = facts.machine.clone();
        drop(facts);
        StatusReport {
            version: env!("CARGO_PKG_VERSION"),
            time: wall.to_string(),
            started: self.asked.started.to_string(),
            protected: self.asked.protected,
            viewers: self.viewers.get(),
            source,
            pacer: PacerReport {
                fps_out: self.frames.per_s(now),
                frames: self.encoded.get(),
                repeated: pacer.repeated,
                dropped: pacer.dropped + self.overtaken.get(),
                slates: pacer.slates,
            },
            detection: DetectionReport {
                cascade: self.asked.cascade.clone(),
                fps: self.asked.detect_fps,
                faces: kinds.values().sum(),
                kinds,
                runs: self.detector.runs.get(),
                errors: self.detector.errors.get(),
                failing: self.detector.failing.get() > 0,
                skipped: self.detector.skips.get(),
                hidden: self.hidden.get(),
                took_ms: self.run_took.percentiles(),
            },
            encoder: EncoderReport { name: encoder, codecs, bitrate: self.asked.bitrate, load: self.load.share(now) },
            machine,
            latency_ms: LatencyReport {
                capture: self.capture_latency.percentiles(),
                pace: self.pace_latency.percentiles(),
                paint: self.paint_latency.percentiles(),
                encode: self.encode_latency.percentiles(),
                package: self.package_latency.percentiles(),
                total: self.total_latency.percentiles(),
            },
        }
    }
}

/// The body of `GET /api/status` but for its `window`, which the server adds; documented in docs/http-api.md.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct StatusReport {
    pub version: &'static str,
    pub time: String,
    pub started: String,
    pub protected: bool,
    pub viewers: u64,
    pub source: SourceReport,
    pub pacer: PacerReport,
    pub detection: DetectionReport,
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
    pub pictures: u64,
    pub damaged: u64,
    pub truncated: u64,
    pub reopened: u64,
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn round(value: f64, per: f64) -> f64 {
    (value * per).round() / per
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_follow_the_last_samples() {
        let samples = Samples::default();
        assert_eq!(samples.percentiles(), Percentiles { p50: 0.0, p95: 0.0 });
        for ms in 0..1000 {
            samples.add(Span::from_ms(ms));
        }
        assert_eq!(samples.percentiles(), Percentiles { p50: 850.0, p95: 985.0 });
    }

    #[test]
    fn nobody_is_there_while_no_picture_comes() {
        let status = Status::new(Asked { kinds: vec![Kind::FACE], ..Asked::default() });
        let faces = |state| {
            status.set_state(state, None);
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
    fn the_report_names_the_state_as_the_page_reads_it() {
        let status = Status::new(Asked { cascade: "face".to_owned(), ..Asked::default() });
        status.set_state(SourceState::Lost, Some(WallTime(1_500_000)));
        let report = serde_json::to_value(status.report(Ticks(0), WallTime(0))).expect("plain data");
        assert_eq!(report["source"]["state"], "lost");
        assert_eq!(report["source"]["silent_since"], "1970-01-01T00:00:01.500Z");
        assert_eq!(report["detection"]["cascade"], "face");
    }
}
