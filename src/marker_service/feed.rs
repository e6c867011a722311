//! Single detections, for clients that want every box. A slow client gets the newest detection and misses older ones.

use super::*;
use serde::Serialize;
use tokio::sync::watch;

/// The newest detection as JSON; empty before the first one.
#[derive(Debug)]
pub struct Feed {
    camera: CameraName,
    newest: watch::Sender<Arc<str>>,
    closed: watch::Sender<bool>,
}

/// A client's reading end.
#[derive(Debug)]
pub struct FeedReader {
    newest: watch::Receiver<Arc<str>>,
    closed: watch::Receiver<bool>,
}

#[derive(Serialize)]
struct Run<'a> {
    camera: &'a CameraName,
    media_time_s: f64,
    at: WallTime,
    took_ms: f64,
    boxes: Vec<Box<'a>>,
}

#[derive(Serialize)]
struct Box<'a> {
    id: u64,
    kind: &'a str,
    #[serde(flatten)]
    area: Fractions,
    #[serde(serialize_with = "crate::marker::thousandths")]
    confidence: Option<f64>,
}

impl Feed {
    pub(super) fn new(camera: CameraName) -> Feed {
        Feed { camera, newest: watch::Sender::new(Arc::from("")), closed: watch::Sender::new(false) }
    }

    /// Hands a run to the readers. Costs nothing without readers.
    pub(super) fn publish(&self, run: &Detection, wall: WallTime, seen: &[(u64, Seen)]) {
        if self.newest.receiver_count() == 0 {
            return;
        }
        let boxes = seen.iter().map(|(id, seen)| Box { id: *id, kind: &seen.kind, area: seen.area, confidence: seen.confidence });
        let run = Run {
            camera: &self.camera,
            media_time_s: (run.at.as_s() * 1e5).round() / 1e5,
            at: wall,
            took_ms: (run.took.as_ms() * 100.0).round() / 100.0,
            boxes: boxes.collect(),
        };
        let json = serde_json::to_string(&run).expect("texts and numbers can be written as JSON");
        self.newest.send_replace(Arc::from(json));
    }

    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Reads from the next run on.
    pub fn read(&self) -> FeedReader {
        FeedReader { newest: self.newest.subscribe(), closed: self.closed.subscribe() }
    }

    /// Whether there will be no more.
    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }
}

impl FeedReader {
    /// The next run, when it is there, or the newest of those that were missed; `None` after the end.
    pub async fn next(&mut self) -> Option<Arc<str>> {
        tokio::select! {
            biased;
            _ = self.closed.wait_for(|closed| *closed) => None,
            changed = self.newest.changed() => changed.ok().map(|()| self.newest.borrow_and_update().clone()),
        }
    }
}

/// What a run saw, by the track's id, as fractions of the picture.
pub(crate) fn seen_of(run: &Detection) -> Vec<(u64, Seen)> {
    let Some(tracks) = &run.tracks else { return Vec::new() };
    let (across, down) = (tracks.size().width() as f64, tracks.size().height() as f64);
    let share = |pixels: u32, side: f64| (f64::from(pixels) / side * 1e4).round() / 1e4;
    let seen = run.boxes_at(run.at).into_iter().map(|tracked| {
        let area = Fractions {
            x: share(tracked.area.x, across),
            y: share(tracked.area.y, down),
            width: share(tracked.area.width, across),
            height: share(tracked.area.height, down),
        };
        (tracked.id, Seen { kind: tracked.kind.name().to_owned(), area, confidence: Some(tracked.confidence) })
    });
    seen.collect()
}
