//! What all answers are made from.

use super::{
    api::{config::Reload, controls, send::Tickets},
    auth::{door::Door, gate::Gate},
    counts::ServerCounts,
    http::{reply::plain, token_bucket::TokenBucket},
    net::{
        admission::Admission, faults::Faults, in_flight::InFlight, log_throttle::LogThrottle, memfd_cache::MemfdCache,
        viewers::Viewers,
    },
    origin::{Reply, mjpeg::MjpegHub, snapshot::Pictures},
    page::{assets::Asset, trust::Trust},
    routes::Route,
};
use crate::{
    camera::{Camera, Cameras},
    panics::Panics,
    sync::lock,
    time::Clock,
    window::WAITERS_MAX,
};
use hyper::Uri;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, OnceLock},
};
use tokio::sync::Semaphore;

/// Who plays asks for a segment at least so often, in target durations.
const PLAYING_TARGETS: i64 = 2;

/// A camera, and what the server knows of it.
pub(super) struct Served {
    pub(super) camera: Arc<Camera>,
    viewers: Mutex<Viewers>,
    /// Its pictures one after the other.
    pub(super) mjpeg: Arc<MjpegHub>,
    /// Calls of its driver.
    pub(super) control_calls: Arc<Semaphore>,
}

impl Served {
    fn count_viewers(&self) {
        let viewers = lock(&self.viewers).count(self.camera.clock.now());
        self.camera.status.viewers.set(viewers);
    }

    pub(super) fn note_viewer(&self, peer: IpAddr) {
        lock(&self.viewers).note(peer, self.camera.clock.now());
    }

    pub(super) fn note_media(&self, peer: IpAddr, is_there: bool) {
        lock(&self.viewers).note_media(peer, is_there, self.camera.clock.now());
    }

    /// Whether an address plays by segments, as far as what it asks for tells.
    pub(super) fn is_playing(&self, peer: IpAddr) -> bool {
        let span = self.camera.window.config().target_duration() * PLAYING_TARGETS;
        lock(&self.viewers).got_media(peer).is_some_and(|at| self.camera.clock.now().since(at) < span)
    }
}

/// The cameras to serve.
pub(super) fn served(cameras: &Cameras) -> Vec<Arc<Served>> {
    cameras
        .iter()
        .map(|camera| {
            Arc::new(Served {
                camera: camera.clone(),
                viewers: Mutex::default(),
                mjpeg: Arc::default(),
                control_calls: Arc::new(Semaphore::new(controls::CALLS_AT_ONCE)),
            })
        })
        .collect()
}

/// What the routes answer from.
pub(super) struct Shared {
    /// One at least.
    pub(super) cameras: Vec<Arc<Served>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cache: Arc<MemfdCache>,
    pub(super) faults: Faults,
    pub(super) counts: ServerCounts,
    /// Bugs of the accept loop and of connections.
    pub(super) panics: Panics,
    /// Panics of the tasks that render playlists ahead.
    pub(super) writers: Panics,
    pub(super) gate: Gate,
    pub(super) door: Arc<Door>,
    /// Pages of markers that may be made.
    pub(super) pages: Semaphore,
    /// Clips that may be made and sent.
    pub(super) clips: Arc<Semaphore>,
    /// Pictures that may be made, and those that were.
    pub(super) pictures: Pictures,
    /// Admits clients that watch pictures one after the other.
    pub(super) watchers: Arc<Admission>,
    /// Looks for what lies on the disk alone.
    pub(super) looks: Arc<Semaphore>,
    /// Admits clients of events and detections.
    pub(super) subscribers: Arc<Admission>,
    /// Admits browsers that are cameras.
    pub(super) senders: Arc<Admission>,
    /// What their pages are given.
    pub(super) tickets: Tickets,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) files: Files,
    /// Where the certificate is of hlscam's own making.
    pub(super) trust: OnceLock<Trust>,
    /// Reads the options again.
    pub(super) reload: OnceLock<Reload>,
    pub(super) changes: Mutex<TokenBucket>,
    /// Failed logins that are told.
    pub(super) failures: Mutex<TokenBucket>,
    pub(super) crowd: Mutex<LogThrottle>,
}

/// The files of the page by their paths.
pub(super) type Files = HashMap<String, Arc<Asset>>;

/// The files of a page by the paths that each is served at.
pub(super) fn files(assets: Vec<Asset>) -> Files {
    let by_path = |asset: Arc<Asset>| asset.paths().to_vec().into_iter().map(move |path| (path, asset.clone()));
    assets.into_iter().map(Arc::new).flat_map(by_path).collect()
}

/// The camera that `camera` in a query names. Not percent-decoded, as names in paths are not.
pub(super) fn camera_asked(uri: &Uri) -> Option<&str> {
    let mut pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == "camera").map(|(_, name)| name)
}

impl Shared {
    /// All cameras.
    pub(super) fn cameras(&self) -> impl Iterator<Item = &Arc<Camera>> {
        self.cameras.iter().map(|served| &served.camera)
    }

    /// The camera of that name.
    pub(super) fn find(&self, name: &str) -> Option<&Arc<Served>> {
        self.cameras.iter().find(|served| served.camera.name.as_str() == name)
    }

    /// The file of the page at a path.
    pub(super) fn file(&self, path: &str) -> Option<&Asset> {
        self.files.get(path).map(|asset| &**asset)
    }

    /// Whether there is what a route leads to, as far as its path tells.
    pub(super) fn has(&self, route: Route<'_>) -> bool {
        match route {
            Route::Page | Route::File(_) | Route::SendPage => self.file(&route.to_string()).is_some(),
            Route::Stream(camera, _) => self.find(camera).is_some(),
            _ => true,
        }
    }

    /// The camera that a request of the API is about: the one that `camera` in its query names, or the first.
    pub(super) fn camera(&self, uri: &Uri) -> Result<&Arc<Camera>, Reply> {
        match camera_asked(uri) {
            Some(name) => self.find(name).map(|served| &served.camera).ok_or_else(|| self.no_camera()),
            None => Ok(&self.cameras[0].camera),
        }
    }

    /// The answer to who names a camera that there is not.
    pub(super) fn no_camera(&self) -> Reply {
        let names: Vec<&str> = self.cameras().map(|camera| camera.name.as_str()).collect();
        plain(404, format!("there is no camera of that name; there is {}\n", names.join(", ")))
    }

    /// The answer where too many look into the past.
    pub(super) fn too_many_looks() -> Reply {
        Reply::later("too many others look into the past; come again")
    }

    pub(super) fn count_viewers(&self) {
        self.cameras.iter().for_each(|served| served.count_viewers());
    }

    /// Whether one more change is let through now.
    pub(super) fn take_change(&self) -> bool {
        let is_let = lock(&self.changes).take(self.clock.now());
        if !is_let {
            self.counts.hasty.bump();
        }
        is_let
    }

    /// Whether one more failed login is told: a flood of them fills no log.
    pub(super) fn takes_note_of_failure(&self) -> bool {
        lock(&self.failures).take(self.clock.now())
    }

    /// A request is refused, for too many wait.
    pub(super) fn note_crowd(&self) {
        self.counts.crowded.bump();
        if lock(&self.crowd).allows(self.clock.now()) {
            tracing::warn!("requests are refused: {WAITERS_MAX} wait for the stream already, the most");
        }
    }
}
