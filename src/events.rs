//! The events of a camera, for all listeners: clients of `GET /api/events`, webhooks, brokers.
//!
//! A ring holds the last [`EVENTS_MAX`] events. A listener is a position in the ring and holds no events of its own, so publishing costs the
//! same however many listeners there are and however slow they are. A listener that falls behind receives [`Received::Missed`].

use crate::{
    archive::recordings::Recording, camera_name::CameraName, marker::Marker, source::control::board::Told, sync::lock,
    time::WallTime, window::footage::TimeRange,
};
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::sync::watch;

/// Events that can be had again: a phone that slept for minutes gets all it missed, at some 500 bytes each.
pub const EVENTS_MAX: usize = 1000;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A marker begins.
    MarkerBegin(Marker),
    /// An open marker says more, or a marker was edited.
    MarkerChange(Marker),
    /// A marker has ended.
    MarkerEnd(Marker),
    /// The marker of that id was deleted.
    MarkerRemoved(String),
    /// No pictures come any more, for this reason.
    CameraLost(&'static str),
    /// They come again.
    CameraBack(&'static str),
    /// Controls of the camera were set, to these values.
    ControlsChanged(Told),
    /// Markers cannot be kept any more, for this reason.
    StorageLost(String),
    /// They are kept again.
    StorageBack(&'static str),
    /// A recording begins.
    RecordingBegin(Recording),
    /// It is over.
    RecordingEnd(Recording),
    /// The footage of that time was deleted.
    HistoryPruned(TimeRange),
    /// What is protected leaves little room for more, for this reason.
    DiskLow(String),
    /// Somebody has tried to log in, for this reason in vain.
    LoginFailed(String),
    /// The stream has ended, and so do the events.
    StreamEnded(&'static str),
}

impl EventKind {
    /// Its name in all protocols.
    pub fn name(&self) -> &'static str {
        match self {
            EventKind::MarkerBegin(_) => "marker-begin",
            EventKind::MarkerChange(_) => "marker-change",
            EventKind::MarkerEnd(_) => "marker-end",
            EventKind::MarkerRemoved(_) => "marker-removed",
            EventKind::CameraLost(_) => "camera-lost",
            EventKind::CameraBack(_) => "camera-back",
            EventKind::ControlsChanged(_) => "controls-changed",
            EventKind::StorageLost(_) => "storage-lost",
            EventKind::StorageBack(_) => "storage-back",
            EventKind::RecordingBegin(_) => "recording-begin",
            EventKind::RecordingEnd(_) => "recording-end",
            EventKind::HistoryPruned(_) => "history-pruned",
            EventKind::DiskLow(_) => "disk-low",
            EventKind::LoginFailed(_) => "login-failed",
            EventKind::StreamEnded(_) => "stream-ended",
        }
    }

    /// The marker as it is now.
    pub fn marker(&self) -> Option<&Marker> {
        match self {
            EventKind::MarkerBegin(marker) | EventKind::MarkerChange(marker) | EventKind::MarkerEnd(marker) => Some(marker),
            _ => None,
        }
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Counts from 1 in each run.
    pub number: u64,
    /// When it happened.
    pub at: WallTime,
    /// What happened.
    pub kind: EventKind,
    /// Its data as JSON, written once for all.
    pub json: String,
    /// The stream was ending: a marker of the detector ended because nobody looks any more, not because nobody is there.
    pub is_of_end: bool,
}

/// The data of an event.
#[derive(Serialize)]
struct Data<'a> {
    at: WallTime,
    camera: &'a CameraName,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<&'a Marker>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<&'a Recording>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footage: Option<TimeRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    controls: Option<&'a Told>,
}

impl Event {
    fn new(camera: &CameraName, number: u64, at: WallTime, kind: EventKind, is_of_end: bool) -> Event {
        let id = if let EventKind::MarkerRemoved(id) = &kind { Some(id.as_str()) } else { None };
        let reason = match &kind {
            EventKind::CameraLost(reason)
            | EventKind::CameraBack(reason)
            | EventKind::StorageBack(reason)
            | EventKind::StreamEnded(reason) => Some(*reason),
            EventKind::StorageLost(reason) | EventKind::DiskLow(reason) | EventKind::LoginFailed(reason) => Some(reason.as_str()),
            _ => None,
        };
        let recording = match &kind {
            EventKind::RecordingBegin(recording) | EventKind::RecordingEnd(recording) => Some(recording),
            _ => None,
        };
        let footage = if let EventKind::HistoryPruned(time) = &kind { Some(*time) } else { None };
        let controls = if let EventKind::ControlsChanged(told) = &kind { Some(told) } else { None };
        let data = Data { at, camera, marker: kind.marker(), id, reason, recording, footage, controls };
        let json = serde_json::to_string(&data).expect("texts, numbers and JSON values can be written as JSON");
        Event { number, at, kind, json, is_of_end }
    }
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    /// Number of the next event.
    next: u64,
    ending: bool,
    closed: bool,
}

/// The ring of events.
#[derive(Debug)]
pub struct Events {
    run: String,
    camera: CameraName,
    ring: Mutex<Ring>,
    version: watch::Sender<()>,
}

/// What a listener receives.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// An event.
    Event(Arc<Event>),
    /// The listener was too slow, and so many events were overwritten.
    Missed(u64),
}

impl Events {
    /// An empty ring of a camera. `run` tells the events of this run from those of others.
    pub fn new(run: String, camera: CameraName) -> Events {
        let ring = Ring { events: VecDeque::new(), next: 1, ending: false, closed: false };
        Events { run, camera, ring: Mutex::new(ring), version: watch::Sender::new(()) }
    }

    /// Publishes an event to all listeners. Does nothing after the close.
    pub fn publish(&self, at: WallTime, kind: EventKind) {
        let mut ring = self.ring();
        if ring.closed {
            return;
        }
        let event = Event::new(&self.camera, ring.next, at, kind, ring.ending);
        ring.next += 1;
        if ring.events.len() == EVENTS_MAX {
            ring.events.pop_front();
        }
        ring.events.push_back(Arc::new(event));
        drop(ring);
        self.version.send_replace(());
    }

    /// Marks all later events as part of the stream's end.
    pub fn begin_end(&self) {
        self.ring().ending = true;
    }

    /// Ends the ring: listeners receive the events that are left, then the end.
    pub fn close(&self) {
        self.ring().closed = true;
        self.version.send_replace(());
    }

    /// Whether the ring has ended.
    pub fn is_closed(&self) -> bool {
        self.ring().closed
    }

    /// The id of this run, which begins the id of each event.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Events so far.
    pub fn count(&self) -> u64 {
        self.ring().next - 1
    }

    /// The id of an event: no other, in this run or another, has it.
    pub fn id(&self, event: &Event) -> String {
        format!("{}-{}", self.run, event.number)
    }

    /// A listener for events from now on.
    pub fn listen(self: &Arc<Self>) -> Listener {
        self.listener(|ring| (ring.next, false))
    }

    /// Listens from behind the event of that id. Of another run, or not one of ours: from the oldest event that is left, for all of them
    /// are news then.
    pub fn listen_after(self: &Arc<Self>, id: &str) -> Listener {
        let number = id.rsplit_once('-').filter(|(run, _)| *run == self.run).and_then(|(_, number)| number.parse::<u64>().ok());
        self.listener(|ring| number.map_or((1, true), |number| (number.saturating_add(1).min(ring.next), false)))
    }

    fn listener(self: &Arc<Self>, place: impl FnOnce(&Ring) -> (u64, bool)) -> Listener {
        let versions = self.version.subscribe();
        let (next, from_oldest) = place(&self.ring());
        Listener { next, from_oldest, versions, events: self.clone() }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        lock(&self.ring)
    }
}

/// A listener's position in the ring.
#[derive(Debug)]
pub struct Listener {
    events: Arc<Events>,
    versions: watch::Receiver<()>,
    next: u64,
    /// It has heard nothing yet, and wants whatever is left.
    from_oldest: bool,
}

impl Listener {
    /// The next event, when it is there; `None` after the last. Nothing is lost when this is dropped half-way.
    pub async fn next(&mut self) -> Option<Received> {
        loop {
            self.versions.borrow_and_update();
            match self.try_next() {
                Some(heard) => return Some(heard),
                None if self.events.is_closed() => return self.try_next(),
                None => self.versions.changed().await.ok()?,
            }
        }
    }

    /// Whether the next event is there already.
    pub fn has_more(&self) -> bool {
        self.next < self.events.ring().next
    }

    /// The next event, if it is there already.
    pub fn try_next(&mut self) -> Option<Received> {
        let ring = self.events.ring();
        let oldest = ring.next - ring.events.len() as u64;
        let from_oldest = std::mem::take(&mut self.from_oldest);
        if self.next < oldest {
            let missed = oldest - self.next;
            self.next = oldest;
            // A listener that has received none of them was not too slow.
            if !from_oldest {
                return Some(Received::Missed(missed));
            }
        }
        let event = ring.events.get((self.next - oldest) as usize)?.clone();
        self.next += 1;
        Some(Received::Event(event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Arc<Events> {
        Arc::new(Events::new("r1".to_owned(), CameraName::default()))
    }

    fn publish(events: &Events, n: usize) {
        (0..n).for_each(|_| events.publish(WallTime(0), EventKind::CameraLost("a test")));
    }

    /// What a listener has heard by now: numbers, and `-n` for n missed.
    async fn heard(listener: &mut Listener) -> Vec<i64> {
        let mut all = Vec::new();
        while let Ok(Some(heard)) = tokio::time::timeout(std::time::Duration::from_millis(1), listener.next()).await {
            all.push(match heard {
                Received::Event(event) => event.number as i64,
                Received::Missed(n) => -(n as i64),
            });
        }
        all
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_hears_what_comes_after_it() {
        let events = ring();
        publish(&events, 2);
        let mut listener = events.listen();
        assert!(heard(&mut listener).await.is_empty());
        publish(&events, 2);
        assert_eq!(heard(&mut listener).await, [3, 4]);
        events.close();
        assert_eq!(listener.next().await, None);
        publish(&events, 1);
        assert_eq!(events.count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_again_hears_what_was_missed() {
        let events = ring();
        publish(&events, 4);
        for (id, expect) in
            [("r1-2", vec![3, 4]), ("r1-4", vec![]), ("r1-9", vec![]), ("r0-3", vec![1, 2, 3, 4]), ("x", vec![1, 2, 3, 4])]
        {
            assert_eq!(heard(&mut events.listen_after(id)).await, expect, "{id}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_too_slow_is_told_and_goes_on() {
        let events = ring();
        publish(&events, 1);
        let (mut slow, mut back) = (events.listen(), events.listen_after("r1-1"));
        publish(&events, EVENTS_MAX + 5);
        for listener in [&mut slow, &mut back] {
            let all = heard(listener).await;
            assert_eq!((all.len(), all[0], all[1]), (EVENTS_MAX + 1, -5, 7));
        }
        assert_eq!(heard(&mut events.listen_after("another run")).await[0], 7);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_event_is_heard_after_the_close() {
        let events = ring();
        let mut listener = events.listen();
        publish(&events, 1);
        events.close();
        assert_eq!(heard(&mut listener).await, [1]);
    }

    #[test]
    fn data_is_as_documented() {
        let event = |kind| Event::new(&CameraName::default(), 1, WallTime(1_500_000), kind, false).json;
        assert_eq!(
            event(EventKind::MarkerRemoved("face-1".to_owned())),
            r#"{"at":"1970-01-01T00:00:01.500Z","camera":"cam","id":"face-1"}"#
        );
        assert_eq!(event(EventKind::StreamEnded("over")), r#"{"at":"1970-01-01T00:00:01.500Z","camera":"cam","reason":"over"}"#);
    }
}
