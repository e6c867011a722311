//! The thread's side of the service.

pub(super) mod clock;
pub(super) mod commands;
pub(super) mod maintenance;

use super::*;

/// The kind of the markers that say when the camera was lost.
const LOSS_KIND: &str = "camera-lost";

/// What the thread keeps.
pub(super) struct Worker {
    parts: MarkerServiceParts,
    observer: Observer,
    /// Ids of the detector's open markers, by kind.
    held: HashMap<String, String>,
    signal: watch::Sender<SignalState>,
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

impl Worker {
    /// What begins with these parts.
    pub(super) fn new(
        parts: MarkerServiceParts,
        runs: Sender<Detection>,
        (events, feed, counts): (Arc<Events>, Arc<Feed>, Arc<MarkerCounts>),
        signal: watch::Sender<SignalState>,
    ) -> Worker {
        Worker {
            observer: Observer::default(),
            held: HashMap::new(),
            signal,
            dates: clock::Dates::default(),
            maintained_at: parts.clock.now(),
            touched_at: parts.clock.now(),
            bound: None,
            is_failing: false,
            has_misread: false,
            events,
            feed,
            counts,
            _runs: runs,
            parts,
        }
    }

    pub(super) fn run(mut self, commands: &Receiver<Command>, stop: &Receiver<&'static str>) {
        let (runs, changes) = (self.parts.runs.clone(), self.parts.capture.state_changes());
        let mut panics_in_a_row = 0;
        let reason = loop {
            // A bug in one turn is not the end of all markers: the next turn begins anew.
            match catch_unwind(AssertUnwindSafe(|| self.step(commands, &runs, &changes, stop))) {
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
        changes.try_iter().for_each(|state| self.take_state(state));
        self.events.begin_end();
        let over = self.observer.finish();
        self.take(over);
        self.close_all();
        self.events.publish(self.parts.clock.wall(), EventKind::StreamEnded(reason));
        self.events.close();
        self.feed.close();
    }

    /// One turn of the thread; why it is the last, if it is.
    fn step(
        &mut self,
        commands: &Receiver<Command>,
        runs: &Receiver<Detection>,
        changes: &Receiver<SourceState>,
        stop: &Receiver<&'static str>,
    ) -> Option<&'static str> {
        failpoint::hit("markers");
        select_biased! {
            recv(stop) -> reason => return Some(reason.unwrap_or("the program ends")),
            recv(changes) -> state => state.into_iter().for_each(|state| self.take_state(state)),
            recv(runs) -> run => run.iter().for_each(|run| self.take_run(run)),
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
    fn take_run(&mut self, run: &Detection) {
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
            source: MarkerSource::Detector,
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
        self.store().save(&marker)?;
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
        let marker = self.find(id)?;
        Ok(marker.map(|marker| Marker {
            count: Some(sighting.count),
            confidence: sighting.confidence,
            best: Some(sighting.best),
            ..marker
        }))
    }

    /// Locks the store, which other cameras use too. Drop the guard before another method locks it.
    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.parts.store)
    }

    /// This camera's marker of that id.
    fn find(&self, id: &str) -> Result<Option<Marker>, StoreError> {
        Ok(self.store().find(id)?.filter(|marker| marker.camera == self.parts.camera))
    }

    /// This camera's open markers of this run, oldest first.
    fn open_ones(&self) -> Result<Vec<Marker>, StoreError> {
        self.store().open_ones(&self.parts.camera)
    }

    /// Stores a new marker and publishes its events.
    fn add(&mut self, marker: Marker) -> Result<Marker, StoreError> {
        let marker = self.store().add(marker)?;
        self.counts.begun.bump();
        self.mark(&marker);
        let at = self.parts.clock.wall();
        self.events.publish(at, EventKind::MarkerBegin(marker.clone()));
        if marker.end.is_some() {
            self.events.publish(at, EventKind::MarkerEnd(marker.clone()));
        }
        Ok(marker)
    }

    /// Stores a marker that has its end now, and publishes it.
    fn close(&mut self, marker: Marker) -> Result<(), StoreError> {
        if self.store().save(&marker)? {
            self.mark(&marker);
            self.events.publish(self.parts.clock.wall(), EventKind::MarkerEnd(marker));
        }
        Ok(())
    }

    /// Lists a marker in the playlists, where there is something to see of it.
    fn mark(&self, marker: &Marker) {
        let origin = if marker.source == MarkerSource::Api { Origin::Client } else { Origin::Own };
        let is_past = marker.end.zip(self.parts.window.first_wall()).is_some_and(|(end, first)| end < first);
        if !is_past && !self.parts.window.mark(date_range(marker), origin) {
            self.counts.unlisted.bump();
        }
    }

    /// Counts a failed write, and logs and publishes the first of a burst: a full disk would fill the log too. The burst ends when the store
    /// [recovers](Worker::maintain).
    fn note<T>(&mut self, done: Result<T, StoreError>) -> Option<T> {
        let error = match done {
            Ok(value) => return Some(value),
            Err(error) => self.store().named(error),
        };
        self.counts.failed.bump();
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::error!("{error}; the stream goes on, and further failures are only counted");
            self.counts.set_storage_error(Some(error.to_string()));
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

    /// Publishes that the camera was lost, or is back.
    fn take_state(&mut self, state: SourceState) {
        let reason = match state {
            SourceState::Silent => "it gives no pictures",
            SourceState::Lost => "it is gone, and is being opened again",
            SourceState::Live => return self.take_signal(SignalState::Live, "pictures come again"),
            SourceState::Asleep => return self.take_signal(SignalState::Pending, "it is closed, for nobody watches"),
            SourceState::Opening | SourceState::Ended => return,
        };
        let now = self.parts.clock.wall();
        // A camera that is silent first and gone then was lost once.
        let since = if let SignalState::Lost { since, .. } = *self.signal.borrow() { Some(since) } else { None };
        self.signal.send_replace(SignalState::Lost { reason, since: since.unwrap_or(now) });
        if since.is_none() {
            self.events.publish(now, EventKind::CameraLost(reason));
            let begun = self.begin_loss(now);
            self.note(begun);
        }
    }

    /// Begins the marker of a loss, where the pictures ended.
    fn begin_loss(&mut self, now: WallTime) -> Result<(), StoreError> {
        let marker = self.add(Marker {
            id: String::new(),
            camera: self.parts.camera.clone(),
            kind: LOSS_KIND.to_owned(),
            text: None,
            source: MarkerSource::Detector,
            begin: self.parts.capture.silent_since().unwrap_or(now).min(now).whole_ms(),
            end: None,
            count: None,
            confidence: None,
            best: None,
            data: None,
        })?;
        self.held.insert(marker.kind, marker.id);
        Ok(())
    }

    fn end_loss(&mut self, now: WallTime) -> Result<(), StoreError> {
        let Some(id) = self.held.remove(LOSS_KIND) else { return Ok(()) };
        let Some(mut marker) = self.find(&id)? else { return Ok(()) };
        marker.end = Some(now.max(marker.begin).whole_ms());
        self.close(marker)
    }

    /// Nothing is lost any more.
    fn take_signal(&mut self, signal: SignalState, why: &'static str) {
        if let SignalState::Lost { .. } = self.signal.send_replace(signal) {
            let now = self.parts.clock.wall();
            self.events.publish(now, EventKind::CameraBack(why));
            let ended = self.end_loss(now);
            self.note(ended);
        }
    }
}
