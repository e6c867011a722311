//! The thread `markers`: it watches what the detector follows, keeps the markers in the store, and tells of them: to the ring of events,
//! to the playlists, to those who read single detections. Nobody waits for it but those who ask it something.
//!
//! | queue | bound | when full |
//! |---|---|---|
//! | detector's runs | [`RUNS_MAX`] | the newest is left out and counted; a marker lasts much longer than a run |
//! | turns of the camera | 64, in the status | the oldest is left out |
//! | commands of clients | [`COMMANDS_MAX`] | the client is told to come again |
//!
//! Runs come before commands, so a long answer delays an event by its own time at most.

mod clock;
mod commands;
mod feed;
mod maintenance;
#[cfg(test)]
mod tests;

pub use commands::{Command, CommandError, MarkerPage, OPEN_MAX, PAGE_LEN_MAX};
pub use feed::{Feed, FeedReader};
pub use maintenance::{MAINTENANCE_INTERVAL, OPEN_SPAN_MAX, TOUCH_INTERVAL};

use crate::{
    camera_name::CameraName,
    capture::{CaptureStatus, SourceState},
    counter::{Counter, Gauge},
    detect::Detection,
    drill,
    events::{EventKind, Events},
    marker::{
        Fractions, Maker, Marker,
        draft::{Draft, Edit},
        observer::{Observer, Seen, Sighting, Step},
        range::date_range,
    },
    store::{Cursor, MARKERS_MAX, Query, Store, StoreError, last_run::LastRun},
    sync::lock,
    time::{Clock, Span, Ticks, WallTime},
    window::{Window, numbers::FirstNumbers, ranges::Origin},
};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased};
use std::{
    collections::HashMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};
use tokio::sync::{oneshot, watch};

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
    trouble: Mutex<Option<String>>,
}

impl MarkerCounts {
    /// Why markers cannot be kept at the moment.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *lock(&self.trouble) = trouble;
    }
}

/// What the service works with.
pub struct MarkerServiceParts {
    /// Whose markers they are.
    pub camera: CameraName,
    /// Where markers are kept.
    pub store: Store,
    /// Whether they stay there when they leave the window.
    pub keep: Keep,
    /// What the detector's runs found.
    pub runs: Receiver<Detection>,
    /// Where the playlists come from.
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
pub enum Keep {
    /// As long as the window shows them.
    Window,
    /// Until [`MARKERS_MAX`] newer ones are there.
    Newest,
}

/// Whether pictures come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// None has come yet.
    #[default]
    NotYet,
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

/// Takes what the detector's runs find.
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
    pub fn give(&self, detection: &Detection) {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(detection.clone()) {
            self.counts.overrun.bump();
        }
    }
}

/// The service's handle.
pub struct MarkerService {
    /// Whose markers they are.
    pub camera: CameraName,
    /// What happens.
    pub events: Arc<Events>,
    /// Single detections.
    pub feed: Arc<Feed>,
    /// What it has done.
    pub counts: Arc<MarkerCounts>,
    /// Whether pictures come.
    pub sight: watch::Receiver<Sight>,
    commands: Sender<Command>,
    stop: Mutex<Option<(Sender<&'static str>, JoinHandle<()>)>>,
}

impl MarkerService {
    /// Starts the thread `markers`. The runs come from `runs`, whose counts it shares.
    pub fn start(parts: MarkerServiceParts, runs: &Runs) -> io::Result<Arc<MarkerService>> {
        let ((commands, asked), (stop, stopped)) = (bounded(COMMANDS_MAX), bounded(1));
        let events = Arc::new(Events::new(parts.run.clone(), parts.camera.clone()));
        let (camera, feed, counts) = (parts.camera.clone(), Arc::new(Feed::default()), runs.counts.clone());
        let (looks, sight) = watch::channel(Sight::NotYet);
        let keeper = Keeper {
            observer: Observer::default(),
            held: HashMap::new(),
            sight: looks,
            dates: clock::Dates::default(),
            maintained_at: parts.clock.now(),
            touched_at: parts.clock.now(),
            bound: None,
            is_failing: false,
            has_misread: false,
            events: events.clone(),
            feed: feed.clone(),
            counts: counts.clone(),
            // Keeps the queue open where nothing is searched.
            _runs: runs.sender.clone(),
            parts,
        };
        let thread = std::thread::Builder::new().name("markers".to_owned()).spawn(move || keeper.run(&asked, &stopped))?;
        Ok(Arc::new(MarkerService { camera, events, feed, counts, sight, commands, stop: Mutex::new(Some((stop, thread))) }))
    }

    /// Ends all markers, tells that the stream has ended and why, and joins the thread.
    pub fn end(&self, reason: &'static str) {
        let stop = lock(&self.stop).take();
        if let Some((stop, thread)) = stop {
            // The thread takes one, and is there until it does.
            stop.send(reason).ok();
            // A panic has been told, and whoever ends all goes on.
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

/// What the thread keeps.
struct Keeper {
    parts: MarkerServiceParts,
    observer: Observer,
    /// Ids of the detector's open markers, by kind.
    held: HashMap<String, String>,
    sight: watch::Sender<Sight>,
    dates: clock::Dates,
    maintained_at: Ticks,
    touched_at: Ticks,
    /// What is kept of this run's numbers.
    bound: Option<FirstNumbers>,
    /// The store refused a write, and has not recovered.
    is_failing: bool,
    /// It refused a read; told once.
    has_misread: bool,
    events: Arc<Events>,
    feed: Arc<Feed>,
    counts: Arc<MarkerCounts>,
    _runs: Sender<Detection>,
}

impl Keeper {
    fn run(mut self, commands: &Receiver<Command>, stop: &Receiver<&'static str>) {
        let (runs, turns) = (self.parts.runs.clone(), self.parts.capture.turns());
        let mut panics_in_a_row = 0;
        let reason = loop {
            // A bug in one turn is not the end of all markers: the next turn begins anew.
            match catch_unwind(AssertUnwindSafe(|| self.pass(commands, &runs, &turns, stop))) {
                Ok(Some(reason)) => break reason,
                Ok(None) => panics_in_a_row = 0,
                Err(_) => {
                    panics_in_a_row += 1;
                    self.counts.failed.bump();
                    self.observer = Observer::default();
                    self.held.clear();
                }
            }
            self.counts.panicking.set(u64::from(panics_in_a_row > 0));
            if panics_in_a_row == PANICS_MAX {
                break "hlscam has a bug";
            }
        };
        turns.try_iter().for_each(|state| self.turn(state));
        self.events.begin_end();
        let over = self.observer.finish();
        self.take(over);
        self.close_all();
        self.events.publish(self.parts.clock.wall(), EventKind::StreamEnded(reason));
        self.events.close();
        self.feed.close();
    }

    /// One turn of the thread; why it is the last, if it is.
    fn pass(
        &mut self,
        commands: &Receiver<Command>,
        runs: &Receiver<Detection>,
        turns: &Receiver<SourceState>,
        stop: &Receiver<&'static str>,
    ) -> Option<&'static str> {
        drill::pass("markers");
        select_biased! {
            recv(stop) -> reason => return Some(reason.unwrap_or("the program ends")),
            recv(turns) -> state => state.into_iter().for_each(|state| self.turn(state)),
            recv(runs) -> run => run.iter().for_each(|run| self.see(run)),
            recv(commands) -> command => command.into_iter().for_each(|command| self.answer(command)),
            default(LOOK_INTERVAL.to_duration()) => {}
        }
        self.follow_clock();
        let now = self.parts.clock.now();
        let over = self.observer.pass(now);
        self.take(over);
        self.maintain(now);
        None
    }

    /// Takes what a run found.
    fn see(&mut self, run: &Detection) {
        self.follow_clock();
        let wall = self.wall_at(run.at);
        let seen = feed::seen_of(run);
        self.feed.publish(run, wall, &seen);
        if self.is_of_old_clock(run.at, wall) {
            return;
        }
        let seen: Vec<Seen> = seen.into_iter().map(|(_, seen)| seen).collect();
        let steps = self.observer.take(run.at, wall, &seen);
        self.take(steps);
    }

    /// The date of a picture, as the playlists tell it.
    fn wall_at(&self, at: Ticks) -> WallTime {
        let told = self.parts.window.wall_at(at);
        told.unwrap_or_else(|| self.parts.clock.wall() + at.since(self.parts.clock.now())).whole_ms()
    }

    /// Takes the detector's steps.
    fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            let done = match step {
                Step::Begin(sighting) => self.begin(sighting),
                Step::Change(sighting) => self.change(&sighting),
                Step::End(sighting, end) => self.end(&sighting, end),
            };
            self.note(done);
        }
    }

    fn begin(&mut self, sighting: Sighting) -> Result<(), StoreError> {
        let marker = self.add(Marker {
            id: String::new(),
            camera: self.parts.camera.clone(),
            kind: sighting.kind,
            text: None,
            source: Maker::Detector,
            begin: sighting.begin,
            end: None,
            count: Some(sighting.count),
            confidence: sighting.confidence,
            best: Some(sighting.best),
            data: None,
        })?;
        self.held.insert(marker.kind, marker.id);
        Ok(())
    }

    fn change(&mut self, sighting: &Sighting) -> Result<(), StoreError> {
        let Some(marker) = self.sighted(sighting)? else { return Ok(()) };
        self.parts.store.save(&marker)?;
        self.events.publish(self.parts.clock.wall(), EventKind::MarkerChange(marker));
        Ok(())
    }

    fn end(&mut self, sighting: &Sighting, end: WallTime) -> Result<(), StoreError> {
        let marker = self.sighted(sighting)?;
        self.held.remove(&sighting.kind);
        let Some(mut marker) = marker else { return Ok(()) };
        marker.end = Some(end.max(marker.begin));
        self.close(marker)
    }

    /// The open marker of a sighting with what that says now; none if a client has deleted it.
    fn sighted(&self, sighting: &Sighting) -> Result<Option<Marker>, StoreError> {
        let Some(id) = self.held.get(&sighting.kind) else { return Ok(None) };
        let marker = self.parts.store.find(id)?;
        Ok(marker.map(|marker| Marker {
            count: Some(sighting.count),
            confidence: sighting.confidence,
            best: Some(sighting.best),
            ..marker
        }))
    }

    /// Stores a new marker and tells it.
    fn add(&mut self, marker: Marker) -> Result<Marker, StoreError> {
        let marker = self.parts.store.add(marker)?;
        self.counts.begun.bump();
        self.mark(&marker);
        let at = self.parts.clock.wall();
        self.events.publish(at, EventKind::MarkerBegin(marker.clone()));
        if marker.end.is_some() {
            self.events.publish(at, EventKind::MarkerEnd(marker.clone()));
        }
        Ok(marker)
    }

    /// Stores a marker that has its end now, and tells it.
    fn close(&mut self, marker: Marker) -> Result<(), StoreError> {
        if self.parts.store.save(&marker)? {
            self.mark(&marker);
            self.events.publish(self.parts.clock.wall(), EventKind::MarkerEnd(marker));
        }
        Ok(())
    }

    /// Lists a marker in the playlists, where there is something to see of it.
    fn mark(&self, marker: &Marker) {
        let origin = if marker.source == Maker::Api { Origin::Client } else { Origin::Own };
        let is_past = marker.end.zip(self.parts.window.first_wall()).is_some_and(|(end, first)| end < first);
        if !is_past && !self.parts.window.mark(date_range(marker), origin) {
            self.counts.unlisted.bump();
        }
    }

    /// Counts what the store refuses to keep, and tells the first of a burst: a full disk would fill the log too. The burst ends when the
    /// store [recovers](Keeper::maintain).
    fn note<T>(&mut self, done: Result<T, StoreError>) -> Option<T> {
        let error = match done {
            Ok(value) => return Some(value),
            Err(error) => self.parts.store.named(error),
        };
        self.counts.failed.bump();
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::error!("{error}; the stream goes on, and further failures are only counted");
            self.counts.set_trouble(Some(error.to_string()));
            self.events.publish(self.parts.clock.wall(), EventKind::StorageLost(error.to_string()));
        }
        None
    }

    /// Counts what the store cannot read, and logs the first.
    fn note_misread(&mut self, error: &StoreError) {
        self.counts.failed.bump();
        if !std::mem::replace(&mut self.has_misread, true) {
            tracing::error!("{error}; further failures to read are only counted");
        }
    }

    /// Tells that the camera was lost, or is back.
    fn turn(&mut self, state: SourceState) {
        let reason = match state {
            SourceState::Silent => "it gives no pictures",
            SourceState::Lost => "it is gone, and is being opened again",
            SourceState::Live => return self.turn_live(),
            SourceState::Opening | SourceState::Ended => return,
        };
        let now = self.parts.clock.wall();
        // Who is silent first and then gone was lost once.
        let since = if let Sight::Lost { since, .. } = *self.sight.borrow() { Some(since) } else { None };
        self.sight.send_replace(Sight::Lost { reason, since: since.unwrap_or(now) });
        if since.is_none() {
            self.events.publish(now, EventKind::CameraLost(reason));
        }
    }

    fn turn_live(&mut self) {
        if let Sight::Lost { .. } = self.sight.send_replace(Sight::Live) {
            self.events.publish(self.parts.clock.wall(), EventKind::CameraBack("pictures come again"));
        }
    }
}
