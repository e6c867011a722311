//! The thread `markers`: it makes markers of the detector's tracks, keeps them in the store, publishes their events, lists them in the
//! playlists, and feeds readers of single detections. Only the senders of its commands wait for it.
//!
//! | queue | bound | when full |
//! |---|---|---|
//! | detector's runs | [`RUNS_MAX`] | the newest is left out and counted; a marker lasts much longer than a run |
//! | changes of the camera's state | 64, in the status | the oldest is left out |
//! | commands of clients | [`COMMANDS_MAX`] | the client is told to come again |
//!
//! Runs come before commands, so a long answer delays an event by its own time at most.

mod feed;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use feed::seen_of;
pub use feed::{Feed, FeedReader};
pub use worker::commands::{Command, CommandError, MarkerPage, OPEN_MAX, PAGE_LEN_MAX};
pub use worker::maintenance::{MAINTENANCE_INTERVAL, OPEN_SPAN_MAX, TOUCH_INTERVAL};

use crate::{
    camera_name::CameraName,
    capture::{CaptureStatus, SourceState},
    counter::{Counter, Gauge},
    detect::Detection,
    events::{EventKind, Events},
    failpoint,
    marker::{
        Fractions, Marker, MarkerSource,
        draft::{Draft, Edit},
        observer::{Observer, Seen, Sighting, Step},
        range::date_range,
    },
    store::{Cursor, MARKERS_MAX, Query, SharedStore, Store, StoreError, last_run::LastRun},
    sync::lock,
    threads,
    time::{Clock, Span, Ticks, WallTime},
    window::{Window, numbers::FirstNumbers, ranges::Origin},
};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased};
use std::{
    collections::HashMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard},
    thread::JoinHandle,
};
use tokio::sync::{oneshot, watch};
use worker::Worker;

/// Most markers in one answer: some 3 MB; with much data in them fewer, see [`PAGE_LEN_MAX`].
pub const LIST_LEN_MAX: usize = 10_000;
/// Runs that wait: 6 s of them at 10 a second, longer than any answer takes.
pub const RUNS_MAX: usize = 64;
/// Commands that wait; each takes milliseconds.
pub const COMMANDS_MAX: usize = 64;
/// Open markers are looked at this often when nothing comes.
const LOOK_INTERVAL: Span = Span::from_ms(100);

/// Turns in a row that may end in a panic; then the program ends.
const PANICS_MAX: u32 = 10;

/// What the service has done so far, for the status.
#[derive(Debug, Default)]
pub struct MarkerCounts {
    /// Markers in the store.
    pub stored: Gauge,
    /// Those that are open.
    pub open: Gauge,
    /// Markers begun in this run, the detector's and the clients'.
    pub begun: Counter,
    /// Markers that found no room in the playlists.
    pub unlisted: Counter,
    /// Runs that were left out because the queue was full.
    pub overrun: Counter,
    /// 1 while the last turn ended in a panic.
    pub panicking: Gauge,
    /// Writes and reads that the store refused, and turns that ended in a panic.
    pub failed: Counter,
    /// Markers in the store that cannot be read.
    pub unreadable: Gauge,
    storage_error: Mutex<Option<String>>,
}

impl MarkerCounts {
    /// Why markers cannot be kept at the moment.
    pub fn storage_error(&self) -> Option<String> {
        lock(&self.storage_error).clone()
    }

    fn set_storage_error(&self, storage_error: Option<String>) {
        *lock(&self.storage_error) = storage_error;
    }
}

/// What the service works with.
pub struct MarkerServiceParts {
    /// The camera's name.
    pub camera: CameraName,
    /// Where markers are kept.
    pub store: SharedStore,
    /// Whether they stay there when they leave the window.
    pub retention: Retention,
    /// The detector's runs.
    pub runs: Receiver<Detection>,
    /// The window that lists them.
    pub window: Arc<Window>,
    /// Tells the state of the camera.
    pub capture: Arc<CaptureStatus>,
    /// The stream's clock.
    pub clock: Arc<dyn Clock>,
    /// Short id of this run.
    pub run: String,
    /// Where numbers are kept that no store keeps.
    pub last_run: Option<LastRun>,
}

/// How long markers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// As long as the window shows them.
    Window,
    /// Until [`MARKERS_MAX`] newer ones are there.
    Newest,
}

/// Whether pictures come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignalState {
    /// None has come yet, or none is wanted.
    #[default]
    Pending,
    /// They come.
    Live,
    /// They came, and do not come any more.
    Lost {
        /// Why.
        reason: &'static str,
        /// Since when.
        since: WallTime,
    },
}

/// The sending end for the detector's runs.
#[derive(Clone)]
pub struct Runs {
    sender: Sender<Detection>,
    counts: Arc<MarkerCounts>,
}

/// The queue from the detector to a service that starts later.
pub fn runs() -> (Runs, Receiver<Detection>) {
    let (sender, receiver) = bounded(RUNS_MAX);
    (Runs { sender, counts: Arc::default() }, receiver)
}

impl Runs {
    /// Hands a run over. Never waits.
    pub fn send(&self, detection: &Detection) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(detection.clone()) {
            self.counts.overrun.bump();
        }
    }
}

/// The service's handle.
pub struct MarkerService {
    /// The camera's name.
    pub camera: CameraName,
    /// The ring of events.
    pub events: Arc<Events>,
    /// Single detections.
    pub feed: Arc<Feed>,
    /// Its counts.
    pub counts: Arc<MarkerCounts>,
    /// Whether pictures come.
    pub signal: watch::Receiver<SignalState>,
    commands: Sender<Command>,
    stop: Mutex<Option<(Sender<&'static str>, JoinHandle<()>)>>,
}

impl MarkerService {
    /// Starts the thread `markers`. The runs come from `runs`, whose counts it shares.
    pub fn start(parts: MarkerServiceParts, runs: &Runs) -> io::Result<Arc<MarkerService>> {
        let ((commands, asked), (stop, stopped)) = (bounded(COMMANDS_MAX), bounded(1));
        let events = Arc::new(Events::new(parts.run.clone(), parts.camera.clone()));
        let (camera, feed, counts) = (parts.camera.clone(), Arc::new(Feed::new(parts.camera.clone())), runs.counts.clone());
        let (looks, signal) = watch::channel(SignalState::Pending);
        // Its own sender of runs keeps their queue open where nothing is searched.
        let worker = Worker::new(parts, runs.sender.clone(), (events.clone(), feed.clone(), counts.clone()), looks);
        let thread = threads::spawn("markers", move || worker.run(&asked, &stopped))?;
        Ok(Arc::new(MarkerService { camera, events, feed, counts, signal, commands, stop: Mutex::new(Some((stop, thread))) }))
    }

    /// Ends all markers, publishes that the stream has ended and why, and joins the thread.
    pub fn end(&self, reason: &'static str) {
        let stop = lock(&self.stop).take();
        if let Some((stop, thread)) = stop {
            // The thread takes one, and is there until it does.
            stop.send(reason).ok();
            // A panic has been logged, and the caller goes on with the end.
            thread.join().ok();
        }
    }

    /// Whether its thread has ended by itself, after a bug that came again and again.
    pub fn has_ended(&self) -> bool {
        let stop = lock(&self.stop);
        stop.as_ref().is_some_and(|(_, thread)| thread.is_finished())
    }

    /// The markers that are asked for, and where the next ones begin.
    pub async fn list(&self, query: Query) -> Result<(Vec<Marker>, Option<Cursor>), CommandError> {
        self.command(|reply| Command::List(query, reply)).await
    }

    /// The same as JSON, as much as fits into [`PAGE_LEN_MAX`].
    pub async fn page(&self, query: Query) -> Result<MarkerPage, CommandError> {
        self.command(|reply| Command::Page(query, reply)).await
    }

    /// The marker of that id.
    pub async fn find(&self, id: String) -> Result<Marker, CommandError> {
        self.command(|reply| Command::Find(id, reply)).await
    }

    /// Makes a marker.
    pub async fn add(&self, draft: Draft) -> Result<Marker, CommandError> {
        self.command(|reply| Command::Add(draft, reply)).await
    }

    /// Changes a marker.
    pub async fn edit(&self, id: String, edit: Edit) -> Result<Marker, CommandError> {
        self.command(|reply| Command::Edit(id, edit, reply)).await
    }

    /// Removes a marker.
    pub async fn remove(&self, id: String) -> Result<(), CommandError> {
        self.command(|reply| Command::Remove(id, reply)).await
    }

    async fn command<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, CommandError>>) -> Command,
    ) -> Result<T, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(command(reply)).map_err(|error| match error {
            TrySendError::Full(_) => CommandError::Busy,
            TrySendError::Disconnected(_) => CommandError::Ended,
        })?;
        answer.await.unwrap_or(Err(CommandError::Ended))
    }
}
