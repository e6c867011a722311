//! The default command: stream a source, until it ends or the user ends it.

use super::{Failure, Wiring, detect_fps, failed, interrupt::Interrupt, limits, open_source, pipeline_parts, tell_format};
use crate::{
    camera::{Camera, Cameras},
    camera_name::CameraName,
    capture::{Capture, CaptureParts, SourceState},
    config::{EventsConfig, StreamConfig},
    console::{
        Console, STATUS_PERIOD, addresses,
        line::{Found, StatusLine},
    },
    detect::{CascadeSpec, Detection, watcher::Watcher},
    drill,
    grid::Grid,
    hooks::{Hooks, HooksConfig},
    marker_service::{self, Keep, MarkerService, MarkerServiceParts, Runs},
    pipeline::{Detections, PipelineError, PipelineParts},
    segment::Cut,
    server::{self, AccessConfig, Limits, Listener, ServerConfig, Site},
    source::SourceFormat,
    status::Status,
    store::{Place, Store, last_run::LastRun},
    stream::{self, Sink, Stream, StreamParts},
    time::{Clock, FrameRate, Span, SystemClock, WallTime},
    window::{Window, WindowConfig, numbers::FirstNumbers},
};
use crossbeam_channel::Receiver;
use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};
use tokio::{runtime, sync::oneshot, task::JoinHandle};

/// ENDLIST stays fetchable this long after the end, so that every player that waits for the next part has seen it.
/// On a busy machine all of the end takes 2 s at most, and this is most of it.
const ENDLIST_SERVED: Span = Span::from_ms(1200);

/// Threads of the server: answers are short and share their bytes; the rest of the machine belongs to capture and encoder.
const SERVER_THREADS: usize = 2;

/// The frame rate expected until the source is open; most have it.
const RATE_EXPECTED: FrameRate = FrameRate::whole(30);

/// Runs the stream. The port is taken first, then the store and the cascade are opened, then the source: what fails fastest is told
/// first.
pub(super) fn run(config: &StreamConfig, server: &ServerConfig, events: &EventsConfig, console: &Console) -> Result<(), Failure> {
    let interrupt = Interrupt::install()?;
    let listener = server::bind(server).map_err(failed)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let diary = Diary::open(config.name.clone(), &events.place, clock.wall())?;
    let runs = diary.runs.clone();
    let wiring = Wiring::new(config, clock, Box::new(move |detection| runs.give(detection)))?;
    let address = listener.local_addr();
    let Wiring { clock, status, opener, tap, detections, watcher } = wiring;
    let serving = Serving::start(config, diary, (listener, server.access.clone()), (clock.clone(), status.clone()))?;
    let parts = CaptureParts { opener, tap, masks: config.masks.clone(), clock, status: status.stream.capture.clone() };
    let mut announced = false;
    let late = || {
        announced = true;
        announce(console, address);
    };
    let capture = match open_source(parts, &interrupt, late) {
        Ok(Some(capture)) => capture,
        Ok(None) => return serving.end("hlscam was ended"),
        Err(failure) => {
            // Why there is no stream says more than what went wrong at its end.
            serving.end("the source cannot be opened").ok();
            return Err(failure);
        }
    };
    let hooks = events.hooks.clone().of_camera(&config.source.name());
    let live = Live::start(config, serving, hooks, capture, (detections, watcher))?;
    if !announced {
        announce(console, address);
    }
    // A bug here too is told to the viewers before the program ends.
    let watched = catch_unwind(AssertUnwindSafe(|| live.watch(&interrupt, console, config)));
    let ended = live.end(&interrupt);
    watched.map_err(|_| Failure("the program's main thread ended by a bug".to_owned())).and(ended)
}

fn announce(console: &Console, address: SocketAddr) {
    let interfaces = addresses::interfaces().unwrap_or_else(|error| {
        tracing::warn!("cannot list this computer's addresses: {error}");
        Vec::new()
    });
    console.show_addresses(&addresses::addresses(address, &interfaces));
    if let Some(warning) = addresses::exposure(address) {
        tracing::warn!("{warning}");
    }
}

/// What a journal is made of before there is a window.
struct Diary {
    camera: CameraName,
    store: Store,
    keep: Keep,
    runs: Runs,
    queue: Receiver<Detection>,
    /// Where the numbers of this run begin.
    first: FirstNumbers,
    last_run: Option<LastRun>,
}

impl Diary {
    fn open(camera: CameraName, place: &Place, now: WallTime) -> Result<Diary, Failure> {
        let mut store = Store::open(place, now).map_err(failed)?;
        let (runs, queue) = marker_service::runs();
        let (keep, last_run) = if *place == Place::Memory { (Keep::Window, LastRun::of_user()) } else { (Keep::Newest, None) };
        let mut first = store.numbers(camera.as_str()).map_err(failed)?.unwrap_or(FirstNumbers::at(now));
        // Kept before anything is served: this run may be killed at once. The thread of the markers goes on with it, and tells what fails.
        match &last_run {
            // Where nothing can be kept the run begins at the time, as on a system that has no such file.
            Some(last_run) => match last_run.begin(first) {
                Ok(kept) => first = kept,
                Err(error) => tracing::debug!("cannot keep the numbers of this run: {error}"),
            },
            None => store.keep_numbers(camera.as_str(), first.with_room()).unwrap_or_default(),
        }
        Ok(Diary { camera, store, keep, runs, queue, first, last_run })
    }

    fn begin(self, window: Arc<Window>, status: Arc<Status>, clock: Arc<dyn Clock>) -> Result<Arc<MarkerService>, Failure> {
        let Diary { camera, store, keep, runs, queue, last_run, .. } = self;
        let run = window.config().run.clone();
        let capture = status.stream.capture.clone();
        MarkerService::start(MarkerServiceParts { camera, store, keep, runs: queue, window, capture, clock, run, last_run }, &runs)
            .map_err(failed)
    }
}

/// The server and what it serves from, there before there is a picture.
struct Serving {
    camera: Arc<Camera>,
    runtime: runtime::Runtime,
    served: JoinHandle<std::io::Result<()>>,
    shutdown: oneshot::Sender<()>,
}

impl Serving {
    /// Answers from now on, however long the source takes to open.
    fn start(
        config: &StreamConfig,
        diary: Diary,
        (listener, access): (Listener, AccessConfig),
        (clock, status): (Arc<dyn Clock>, Arc<Status>),
    ) -> Result<Serving, Failure> {
        let rate = config.wish.rate.unwrap_or(RATE_EXPECTED);
        let window = Arc::new(Window::new(window_config(config, rate, diary.first)?, clock.clone()));
        let journal = diary.begin(window.clone(), status.clone(), clock.clone())?;
        let runtime = runtime::Builder::new_multi_thread().worker_threads(SERVER_THREADS).enable_all().build().map_err(failed)?;
        let (shutdown, wanted) = oneshot::channel();
        let camera = Arc::new(Camera::new(config.name.clone(), clock, window, status, journal));
        let site = Site::new(&Cameras::one(camera.clone()), access);
        let served = runtime.spawn(server::serve(listener, site, Limits::default(), async { wanted.await.unwrap_or(()) }));
        Ok(Serving { camera, runtime, served, shutdown })
    }

    /// Ends what has no stream.
    fn end(self, reason: &'static str) -> Result<(), Failure> {
        self.camera.markers.end(reason);
        self.camera.window.end();
        self.shutdown.send(()).ok();
        self.runtime.block_on(self.served).map_err(failed)?.map_err(failed)
    }
}

/// A stream and the server that serves it.
struct Live {
    serving: Serving,
    hooks: Hooks,
    stream: Stream,
    watcher: Option<Arc<Watcher>>,
    format: SourceFormat,
}

impl Live {
    fn start(
        config: &StreamConfig,
        serving: Serving,
        hooks: HooksConfig,
        capture: Capture,
        (detections, watcher): (Detections, Option<Arc<Watcher>>),
    ) -> Result<Live, Failure> {
        let Serving { camera, runtime, .. } = &serving;
        let Camera { clock, status, window, .. } = &**camera;
        let format = capture.format.clone();
        tell_format(&format);
        let rate = config.wish.rate.unwrap_or(format.rate);
        window.settle(on_grid(window.config().clone(), Grid::new(rate, config.lengths)));
        let sink = sink(window.clone(), clock.clone(), status.clone());
        let first_msn = window.config().first.msn;
        let pipeline = PipelineParts { first_msn, ..pipeline_parts(config, rate, detections, clock, status) };
        let stream = stream::start(
            capture,
            StreamParts {
                pipeline,
                sink,
                frames_max: None,
                clock: clock.clone(),
                detect_fps: detect_fps(config),
                status: status.stream.clone(),
            },
        )
        .map_err(failed)?;
        let hooks = {
            let _inside = runtime.enter();
            Hooks::start(hooks, &camera.markers, &camera.hooks, status.asked.kinds.clone())
        };
        Ok(Live { serving, hooks, stream, watcher, format })
    }

    /// Shows the status until the stream ends, or the user ends it.
    fn watch(&self, interrupt: &Interrupt, console: &Console, config: &StreamConfig) {
        let mut display = console.status();
        while !interrupt.wait(STATUS_PERIOD) && !self.has_ended() {
            drill::pass("main");
            display.show(&self.status_line(&config.detect.cascades), self.serving.camera.clock.now());
        }
    }

    /// Whether a part of it has ended by itself, without which the others are of no use.
    fn has_ended(&self) -> bool {
        self.stream.has_ended() || self.serving.camera.markers.has_ended() || self.serving.served.is_finished()
    }

    fn status_line(&self, cascades: &[CascadeSpec]) -> StatusLine {
        let Camera { clock, status, window, .. } = &*self.serving.camera;
        let (now, wall) = (clock.now(), clock.wall());
        let (report, window) = (status.report(now, wall), window.summary());
        let found = |cascade: &CascadeSpec| Found {
            what: cascade.what(),
            count: report.detection.kinds.get(&cascade.kind()).copied().unwrap_or_default(),
        };
        StatusLine {
            silent: status.stream.capture.silent_since().map(|since| wall.since(since)),
            size: self.format.size,
            fps_in: report.source.fps_in,
            fps_out: report.pacer.fps_out,
            repeated: report.pacer.repeated,
            dropped: report.pacer.dropped,
            found: cascades.iter().map(found).collect(),
            bits_per_s: window.average_bps as f64,
            window: Span::from_duration(Duration::from_secs_f64(window.span_s)),
            viewers: report.viewers,
            encoder_load: report.encoder.load,
        }
    }

    /// Ends the stream from its source on: the last segment is closed, ENDLIST is served for a moment, all threads are joined.
    fn end(self, interrupt: &Interrupt) -> Result<(), Failure> {
        let Live { serving, hooks, stream, watcher, .. } = self;
        let Serving { camera, runtime, served, shutdown } = serving;
        let Camera { status, window, markers, .. } = &*camera;
        let (has_ended, markers_failed) = (stream.has_ended(), markers.has_ended());
        let (result, capture) = stream.end();
        let mut result = result.map_err(failed);
        if markers_failed {
            result = result.and(Err(Failure("the thread of the markers ended by a bug".to_owned())));
        }
        let reason = match (&result, has_ended) {
            (Err(_), _) => "the stream has failed",
            (Ok(()), true) => "the source has ended",
            (Ok(()), false) => "hlscam was ended",
        };
        // Before the window ends, for the playlists get the ends of the markers.
        markers.end(reason);
        window.end();
        status.stream.capture.set_state(SourceState::Ended, None);
        drop(watcher);
        let hooks = runtime.spawn(hooks.end());
        interrupt.wait(ENDLIST_SERVED);
        // The server may have failed before; then nobody listens.
        shutdown.send(()).ok();
        let served = runtime.block_on(async {
            // A panic in there has been told.
            hooks.await.ok();
            served.await
        });
        // By now a source that ends has ended, and one that is held is left.
        if !capture.end() {
            result = result.and(Err(failed(PipelineError::Panicked("capture"))));
        }
        result?;
        served.map_err(failed)?.map_err(failed)
    }
}

/// Publishes what was cut, and measures how old it is by then.
fn sink(window: Arc<Window>, clock: Arc<dyn Clock>, status: Arc<Status>) -> Sink {
    Box::new(move |cuts| {
        let oldest = cuts.iter().find_map(|cut| if let Cut::Part(part) = cut { Some(part.at) } else { None });
        for cut in &cuts {
            if let Cut::Part(part) = cut {
                tracing::trace!(msn = part.msn.0, part = part.index, "published");
            }
        }
        window.push_all(cuts);
        if let Some(oldest) = oldest {
            status.total_latency.add(clock.now().since(oldest));
        }
        true
    })
}

fn window_config(config: &StreamConfig, rate: FrameRate, first: FirstNumbers) -> Result<WindowConfig, Failure> {
    let grid = Grid::new(rate, config.lengths);
    Ok(WindowConfig {
        run: run_name()?,
        first,
        target_duration_s: ((grid.segment_target().as_s()).round() as u32).max(1),
        part_target: grid.part_target(),
        segment_parts: grid.segment_parts,
        span: config.history.span,
        bytes_max: limits::window_bytes(config.history.bytes_max),
    })
}

/// The same window on another frame grid.
fn on_grid(window: WindowConfig, grid: Grid) -> WindowConfig {
    WindowConfig {
        target_duration_s: ((grid.segment_target().as_s()).round() as u32).max(1),
        part_target: grid.part_target(),
        segment_parts: grid.segment_parts,
        ..window
    }
}

/// 64 random bits: file names of two runs never meet in a cache, even where the clock begins at the same second with each boot.
fn run_name() -> Result<String, Failure> {
    let bits = getrandom::u64().map_err(|error| Failure(format!("cannot get random bits from the system: {error}")))?;
    Ok(base_36(bits))
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
