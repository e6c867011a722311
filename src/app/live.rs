//! The default command: stream one source or several, until the last ends or the user ends them.

mod reload;
mod stream_thread;

use super::{Failure, OPENING_LOOK, failed, interrupt::Interrupt, limits, service_manager::ServiceManager};
use crate::{
    camera::{Camera, CameraConfig, Cameras, PendingCamera},
    capture::{CaptureParts, SourceState},
    certificate::Certificates,
    changeable::Changeable,
    config::{EventsConfig, Options},
    console::{
        Console, STATUS_PERIOD,
        addresses::{self, Offer},
        line::{self, Found, StatusLine},
    },
    detect::CascadeSpec,
    failpoint, host,
    mdns::{Announcement, Service},
    server::{self, Door, Limits, Listener, Place, Protection, ServerConfig, Site},
    source::SourceFormat,
    store::{SharedStore, Store, last_run::LastRun},
    time::{Clock, Span},
    window::History,
};
use reload::Reloader;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};
use stream_thread::{StreamThread, Supervision};
use tokio::{runtime, sync::oneshot, task::JoinHandle};

/// ENDLIST stays fetchable this long after the end, so that every player that waits for the next part has seen it.
/// On a busy machine all of the end takes 2 s at most, and this is most of it.
const ENDLIST_SERVED: Span = Span::from_ms(1200);

/// Threads of the server: answers are short and share their bytes; the rest of the machine belongs to capture and encoder.
const SERVER_THREADS: usize = 2;

/// Runs the streams. The port is taken first, then the store and the cascades are opened, then the sources: what fails fastest is told
/// first.
pub(super) fn run(
    configs: &[CameraConfig],
    (server, events): (&ServerConfig, &EventsConfig),
    (options, file): (Vec<Options>, Option<String>),
    clock: Arc<dyn Clock>,
    console: &Console,
) -> Result<(), Failure> {
    let interrupt = if file.is_some() { Interrupt::install_with_reload()? } else { Interrupt::install()? };
    let listener = over_tls(server::bind(server).map_err(failed)?, server, &clock)?;
    let fingerprint = listener.authority().map(|authority| authority.fingerprint.clone());
    let place = listener.place().clone();
    let door = Door::new(&server.protection, &place.key(), clock.clone()).map_err(failed)?;
    let is_guarded = door.is_guarded();
    if place.is_offered() && !(is_guarded || server.protection.is_open) {
        return Err(Failure(format!("--bind {place}: {}", Protection::unsaid())));
    }
    let store = Store::open_shared(&events.location, clock.wall()).map_err(failed)?;
    let (pending, sources): (Vec<_>, Vec<_>) = start_all(configs, &store, &place.key(), &clock)?.into_iter().unzip();
    let cameras: Vec<Arc<Camera>> = pending.iter().map(|pending| pending.camera.clone()).collect();
    let hooks = Changeable::new(events.hooks.clone());
    let reloader = Arc::new(Reloader::new((options, file), cameras.clone(), hooks.clone()));
    let site = Site::new(&all_of(&cameras)?, server.access.clone(), door).reloads_by({
        let reloader = reloader.clone();
        Arc::new(move || reloader.reload())
    });
    let serving = Serving::start(site, listener)?;
    let (supervision, supervised) = stream_thread::supervision(configs.len(), serving.runtime.handle().clone());
    let parts = configs.iter().zip(pending.into_iter().zip(sources));
    let threads = parts.map(|(config, started)| StreamThread::start(config, hooks.clone(), started, supervised.clone()));
    let threads = threads.collect::<Result<Vec<_>, _>>();
    drop(supervised);
    let mut announcement = announced(server, &place);
    let name = announcement.as_ref().map(|announcement| announcement.name.clone());
    let offer = match &place {
        Place::Network(at) => Some(Offer { at: *at, scheme: server.scheme(), is_guarded, fingerprint, name }),
        Place::Unix(_) => None,
    };
    let streaming = Streaming { serving, cameras, supervision, place, offer, reloader };
    let mut manager = ServiceManager::start();
    // A bug here too is told to the viewers before the program ends.
    let watched = catch_unwind(AssertUnwindSafe(|| {
        if threads.is_ok() {
            streaming.watch(&interrupt, console, configs, (announcement.as_mut(), &mut manager));
        }
    }));
    manager.end();
    drop(announcement);
    let ended = streaming.end(&interrupt, threads);
    watched.map_err(|_| Failure("the program's main thread ended by a bug".to_owned())).and(ended)
}

/// Tells the network the name of this computer, if it can be reached from there.
fn announced(server: &ServerConfig, place: &Place) -> Option<Announcement> {
    let Place::Network(address) = place else { return None };
    if !server.is_announced || !place.is_offered() {
        return None;
    }
    let service = Service { bound: address.ip(), port: address.port(), scheme: server.scheme() };
    let announced = Announcement::start(&host::name(), service);
    announced
        .inspect_err(|why| tracing::warn!("the network is not told the name of this computer: {why}; --no-mdns leaves it"))
        .ok()
}

/// The listener with the certificate that it shows, if it is to show one.
fn over_tls(listener: Listener, server: &ServerConfig, clock: &Arc<dyn Clock>) -> Result<Listener, Failure> {
    let Some(source) = &server.certificate else { return Ok(listener) };
    if let place @ Place::Unix(_) = listener.place() {
        return Err(Failure(format!("--tls-cert: {place} is a Unix socket, which nobody listens to on the way; leave it out")));
    }
    Ok(listener.over_tls(Certificates::open(source, clock.clone()).map_err(failed)?))
}

/// Starts all cameras, or none.
fn start_all(
    configs: &[CameraConfig],
    store: &SharedStore,
    place: &str,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<(PendingCamera, CaptureParts)>, Failure> {
    let mut started: Vec<(PendingCamera, CaptureParts)> = Vec::new();
    for config in configs {
        let last_run = LastRun::of(place, config.name.as_str());
        let bytes_max = limits::window_bytes(config.history.bytes_max, configs.len());
        let config = CameraConfig { history: History { bytes_max, ..config.history }, ..config.clone() };
        let inside = stream_thread::log_span(&config.name, configs.len() > 1).entered();
        let camera = Camera::start(config, (store.clone(), last_run), clock.clone());
        drop(inside);
        match camera {
            Ok(camera) => started.push(camera),
            Err(error) => {
                started.into_iter().for_each(|(pending, _)| pending.end("hlscam was ended"));
                return Err(failed(error));
            }
        }
    }
    Ok(started)
}

fn all_of(cameras: &[Arc<Camera>]) -> Result<Cameras, Failure> {
    let (first, others) = cameras.split_first().ok_or_else(|| Failure("no camera is to be streamed".to_owned()))?;
    Cameras::new(first.clone(), others.to_vec()).map_err(failed)
}

fn announce(console: &Console, offer: &Offer) {
    let interfaces = addresses::interfaces().unwrap_or_else(|error| {
        tracing::warn!("cannot list this computer's addresses: {error}");
        Vec::new()
    });
    console.show_addresses(&addresses::addresses(offer, &interfaces));
    if let Some(trust) = addresses::trust(offer, &interfaces) {
        tracing::info!("{trust}");
    }
    if let Some(warning) = addresses::exposure(offer) {
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
    fn start(site: Site, listener: Listener) -> Result<Serving, Failure> {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(SERVER_THREADS).enable_all().build().map_err(failed)?;
        let (shutdown, wanted) = oneshot::channel();
        let served = runtime.spawn(server::serve(listener, site, Limits::default(), async { wanted.await.unwrap_or(()) }));
        Ok(Serving { runtime, served, shutdown })
    }
}

/// The server, and the cameras, each of which is on a thread of its own.
struct Streaming {
    serving: Serving,
    cameras: Vec<Arc<Camera>>,
    supervision: Supervision,
    place: Place,
    /// What browsers can open; not a Unix socket.
    offer: Option<Offer>,
    reloader: Arc<Reloader>,
}

impl Streaming {
    /// Shows the status until all streams have ended, or the user ends them.
    fn watch(
        &self,
        interrupt: &Interrupt,
        console: &Console,
        configs: &[CameraConfig],
        (mut announcement, manager): (Option<&mut Announcement>, &mut ServiceManager),
    ) {
        let mut display = None;
        while !interrupt.wait(if display.is_some() { STATUS_PERIOD } else { OPENING_LOOK }) && !self.has_ended() {
            failpoint::hit("main");
            manager.look(&self.cameras);
            if interrupt.is_to_reload() {
                // The log has it.
                self.reloader.reload().ok();
            }
            if let Some(why) = announcement.as_mut().and_then(|announcement| announcement.trouble()) {
                tracing::warn!("the network may not know the name of this computer: {why}");
            }
            if display.is_none() && self.supervision.is_to_be_announced() {
                match &self.offer {
                    Some(offer) => announce(console, offer),
                    None => tracing::info!("listening on {}", self.place),
                }
                display = Some(console.status());
            }
            if let (Some(display), [first, ..]) = (&mut display, &self.cameras[..]) {
                display.show(|| self.lines(configs), first.clock.now());
            }
        }
    }

    /// Whether all streams have ended by themselves, or the server has, without which they are of no use.
    fn has_ended(&self) -> bool {
        self.supervision.have_all_ended() || self.serving.served.is_finished()
    }

    /// A line for each camera; it names its camera where there are several.
    fn lines(&self, configs: &[CameraConfig]) -> Vec<String> {
        let line = |(camera, config): (&Arc<Camera>, &CameraConfig)| {
            let line = match camera.status.stream.capture.format() {
                Some(format) if camera.status.stream.capture.state() != SourceState::Asleep => {
                    status_line(camera, &format, &config.detect.cascades).to_string()
                }
                _ => camera.status.stream.capture.absence().unwrap_or_default(),
            };
            if configs.len() > 1 { line::of_camera(camera.name.as_str(), &line) } else { line }
        };
        self.cameras.iter().zip(configs).map(line).collect()
    }

    /// Ends the streams from their sources on, side by side: their last segments are closed, ENDLIST is served for a moment, all threads are
    /// joined.
    fn end(self, interrupt: &Interrupt, threads: Result<Vec<StreamThread>, Failure>) -> Result<(), Failure> {
        let Streaming { serving: Serving { runtime, served, shutdown }, supervision, .. } = self;
        if supervision.end() {
            interrupt.wait(ENDLIST_SERVED);
        }
        // The server may have failed before; then nobody listens.
        shutdown.send(()).ok();
        // A panic in there has been told.
        let served = runtime.block_on(served);
        // All are joined, and the first failure is told.
        let results: Vec<Result<(), Failure>> = threads?.into_iter().map(StreamThread::join).collect();
        // Threads that read of a disk that hangs are left behind.
        runtime.shutdown_background();
        results.into_iter().collect::<Result<Vec<()>, _>>()?;
        served.map_err(failed)?.map_err(failed)
    }
}

fn status_line(camera: &Camera, format: &SourceFormat, cascades: &[CascadeSpec]) -> StatusLine {
    let Camera { clock, status, window, .. } = camera;
    let (now, wall) = (clock.now(), clock.wall());
    let (report, window) = (status.report(now, wall), window.summary());
    let found = |cascade: &CascadeSpec| Found {
        what: cascade.what(),
        count: report.detection.kinds.get(&cascade.kind()).copied().unwrap_or_default(),
    };
    StatusLine {
        silent: status.stream.capture.silent_since().map(|since| wall.since(since)),
        size: format.size,
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
