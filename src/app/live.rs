//! The default command: stream a source, until it ends or the user ends it.

use super::{Failure, failed, interrupt::Interrupt, limits, open_source};
use crate::{
    camera::{Camera, CameraConfig, Cameras, LiveCamera, PendingCamera, flow::EndedFlow},
    config::EventsConfig,
    console::{
        Console, STATUS_PERIOD, addresses,
        line::{Found, StatusLine},
    },
    detect::CascadeSpec,
    failpoint,
    hooks::{Hooks, HooksConfig},
    server::{self, AccessConfig, Limits, Listener, ServerConfig, Site},
    store::{Store, last_run::LastRun},
    time::{Clock, Span},
    window::History,
};
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

/// Runs the stream. The port is taken first, then the store and the cascade are opened, then the source: what fails fastest is told
/// first.
pub(super) fn run(
    config: &CameraConfig,
    (server, events): (&ServerConfig, &EventsConfig),
    clock: Arc<dyn Clock>,
    console: &Console,
) -> Result<(), Failure> {
    let interrupt = Interrupt::install()?;
    let listener = server::bind(server).map_err(failed)?;
    let address = listener.local_addr();
    let last_run = LastRun::of(address.port(), config.name.as_str());
    let history = History { bytes_max: limits::window_bytes(config.history.bytes_max), ..config.history };
    let store = Store::open_shared(&events.location, clock.wall()).map_err(failed)?;
    let (waiting, source) = Camera::start(CameraConfig { history, ..config.clone() }, (store, last_run), clock).map_err(failed)?;
    let serving = Serving::start(&Cameras::one(waiting.camera.clone()), listener, server.access.clone())?;
    let mut announced = false;
    let late = || {
        announced = true;
        announce(console, address);
    };
    let capture = match open_source(source, &interrupt, late) {
        Ok(Some(capture)) => capture,
        Ok(None) => return serving.end_without(waiting, "hlscam was ended"),
        Err(failure) => {
            // Why there is no stream says more than what went wrong at its end.
            serving.end_without(waiting, "the source cannot be opened").ok();
            return Err(failure);
        }
    };
    let hooks = events.hooks.clone().of_camera(&config.source.name());
    let streaming = Streaming::start(serving, hooks, waiting.run(capture).map_err(failed)?);
    if !announced {
        announce(console, address);
    }
    // A bug here too is told to the viewers before the program ends.
    let watched = catch_unwind(AssertUnwindSafe(|| streaming.watch(&interrupt, console, config)));
    let ended = streaming.end(&interrupt);
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

/// The server, there before there is a picture.
struct Serving {
    runtime: runtime::Runtime,
    served: JoinHandle<std::io::Result<()>>,
    shutdown: oneshot::Sender<()>,
}

impl Serving {
    /// Answers from now on, however long a source takes to open.
    fn start(cameras: &Cameras, listener: Listener, access: AccessConfig) -> Result<Serving, Failure> {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(SERVER_THREADS).enable_all().build().map_err(failed)?;
        let (shutdown, wanted) = oneshot::channel();
        let site = Site::new(cameras, access);
        let served = runtime.spawn(server::serve(listener, site, Limits::default(), async { wanted.await.unwrap_or(()) }));
        Ok(Serving { runtime, served, shutdown })
    }

    /// Ends what has no stream.
    fn end_without(self, waiting: PendingCamera, reason: &'static str) -> Result<(), Failure> {
        waiting.end(reason);
        self.shutdown.send(()).ok();
        let served = self.runtime.block_on(self.served);
        self.runtime.shutdown_background();
        served.map_err(failed)?.map_err(failed)
    }
}

/// A live camera, its server and its hooks.
struct Streaming {
    serving: Serving,
    hooks: Hooks,
    live: LiveCamera,
}

impl Streaming {
    fn start(serving: Serving, hooks: HooksConfig, live: LiveCamera) -> Streaming {
        let Camera { markers, hooks: counts, status, .. } = &*live.camera;
        let hooks = {
            let _inside = serving.runtime.enter();
            Hooks::start(hooks, markers, counts, status.asked.kinds.clone())
        };
        Streaming { serving, hooks, live }
    }

    /// Shows the status until the stream ends, or the user ends it.
    fn watch(&self, interrupt: &Interrupt, console: &Console, config: &CameraConfig) {
        let mut display = console.status();
        while !interrupt.wait(STATUS_PERIOD) && !self.has_ended() {
            failpoint::hit("main");
            display.show(&self.status_line(&config.detect.cascades), self.live.camera.clock.now());
        }
    }

    /// Whether a part of it has ended by itself, without which the others are of no use.
    fn has_ended(&self) -> bool {
        self.live.has_ended() || self.serving.served.is_finished()
    }

    fn status_line(&self, cascades: &[CascadeSpec]) -> StatusLine {
        let Camera { clock, status, window, .. } = &*self.live.camera;
        let (now, wall) = (clock.now(), clock.wall());
        let (report, window) = (status.report(now, wall), window.summary());
        let found = |cascade: &CascadeSpec| Found {
            what: cascade.what(),
            count: report.detection.kinds.get(&cascade.kind()).copied().unwrap_or_default(),
        };
        StatusLine {
            silent: status.stream.capture.silent_since().map(|since| wall.since(since)),
            size: self.live.format.size,
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
        let Streaming { serving, hooks, live } = self;
        let Serving { runtime, served, shutdown } = serving;
        let (result, remains): (_, EndedFlow) = live.end();
        let hooks = runtime.spawn(hooks.end());
        interrupt.wait(ENDLIST_SERVED);
        // The server may have failed before; then nobody listens.
        shutdown.send(()).ok();
        let served = runtime.block_on(async {
            // A panic in there has been told.
            hooks.await.ok();
            served.await
        });
        // Threads that read of a disk that hangs are left behind.
        runtime.shutdown_background();
        result.and(remains.end()).map_err(failed)?;
        served.map_err(failed)?.map_err(failed)
    }
}
