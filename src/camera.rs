//! A camera: everything of one behind one handle, and all of them by their names. The server is given this and nothing else of a camera.
//! [`Camera::start`] puts one together.

mod config;
mod demand;
pub mod flow;
pub mod keep;
mod live;
mod markers;
mod passing;
mod rules;
pub mod tuning;

pub use config::CameraConfig;
pub use live::{LiveCamera, PendingCamera};

use crate::{
    archive::{HistoryError, HistoryStatus, catalog::Catalog, recordings::Recordings},
    bus::Bus,
    camera_name::{self, CameraName},
    capture::demand::Demand,
    hooks::HooksCounts,
    marker_service::MarkerService,
    playlist::Playlists,
    source::{control::board::ControlBoard, inbox::Inbox},
    status::Status,
    time::Clock,
    window::{
        Window,
        footage::{Coverage, Footage, TimeRange},
    },
};
use std::{fmt, sync::Arc};
use tuning::Tuning;

/// Why a camera cannot start, or why it ended: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CameraError(pub String);

impl CameraError {
    /// Of the error of one of its parts.
    fn new(error: impl fmt::Display) -> CameraError {
        CameraError(error.to_string())
    }
}

/// A camera and all that is made of its pictures.
pub struct Camera {
    /// Its name.
    pub name: CameraName,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// The rolling window.
    pub window: Arc<Window>,
    /// What it tells of itself.
    pub status: Arc<Status>,
    /// Its markers and events.
    pub markers: Arc<MarkerService>,
    /// The counts of its hooks.
    pub hooks: Arc<HooksCounts>,
    /// What its history tells of itself, where it is kept on a disk.
    pub history: Option<Arc<HistoryStatus>>,
    /// What is read of it.
    pub catalog: Option<Arc<Catalog>>,
    /// What somebody wants to keep of it.
    pub recordings: Option<Arc<Recordings>>,
    /// The texts of its window.
    pub playlists: Arc<Playlists>,
    /// Where consumers of its pictures, frames and parts subscribe.
    pub bus: Bus,
    /// Who wants its pictures.
    pub demand: Arc<Demand>,
    /// What of its source can be set.
    pub controls: Arc<ControlBoard>,
    /// Where a browser sends to, if that is its source.
    pub inbox: Option<Arc<Inbox>>,
    /// What of it can be changed.
    pub tuning: Tuning,
}

impl Camera {
    /// A camera of these parts, with a bus on which nothing is published.
    pub fn new(
        name: CameraName,
        clock: Arc<dyn Clock>,
        window: Arc<Window>,
        status: Arc<Status>,
        markers: Arc<MarkerService>,
    ) -> Camera {
        let playlists = Arc::new(Playlists::new(window.clone()));
        let demand = Arc::new(Demand::unlimited(clock.clone()));
        Camera {
            demand,
            name,
            clock,
            window,
            status,
            markers,
            hooks: Arc::default(),
            history: None,
            catalog: None,
            recordings: None,
            playlists,
            bus: Bus::default(),
            controls: Arc::default(),
            inbox: None,
            tuning: Tuning::default(),
        }
    }
}

/// Segments that are read of the disk for one request: six hours of the shortest, and some that restarts have made shorter.
pub const FOOTAGE_MAX: usize = 8 * 3600;

impl Camera {
    /// When there is footage, in the window and on the disk. Whoever calls waits for the disk.
    pub fn coverage(&self) -> Result<Coverage, HistoryError> {
        let mut coverage = self.catalog.as_ref().map_or(Ok(Coverage::default()), |catalog| catalog.coverage())?;
        // What no disk has taken, or not yet.
        self.window.cover(&mut coverage);
        Ok(coverage)
    }

    /// The footage of a time, of the window and of what is older on the disk. Whoever calls waits for the disk.
    pub fn footage(&self, time: TimeRange) -> Result<Footage, HistoryError> {
        let mut footage = self.window.footage(time);
        let Some(catalog) = self
            .catalog
            .as_ref()
            .filter(|_| footage.all().next().is_none() || footage.kept.is_none_or(|kept| time.from < kept.from))
        else {
            return Ok(footage);
        };
        // What the window lets go of meanwhile is in both.
        let before = footage.first().unwrap_or_else(|| self.window.first_listed());
        footage.put_before(catalog.footage(time, before, FOOTAGE_MAX)?);
        Ok(footage)
    }
}

impl fmt::Debug for Camera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Camera").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Two cameras have one name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two cameras are named {0}; give each a --name of its own")]
pub struct NameTaken(CameraName);

/// All cameras, in the order in which they were given; one at least.
#[derive(Clone, Debug)]
pub struct Cameras {
    first: Arc<Camera>,
    others: Vec<Arc<Camera>>,
}

impl Cameras {
    /// Those cameras.
    pub fn new(first: Arc<Camera>, others: Vec<Arc<Camera>>) -> Result<Cameras, NameTaken> {
        let cameras = Cameras { first, others };
        match camera_name::repeated(cameras.iter().map(|camera| &camera.name)) {
            Some(name) => Err(NameTaken(name.clone())),
            None => Ok(cameras),
        }
    }

    /// The only one.
    pub fn one(camera: Arc<Camera>) -> Cameras {
        Cameras { first: camera, others: Vec::new() }
    }

    /// The first: that of a request that names none.
    pub fn first(&self) -> &Arc<Camera> {
        &self.first
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Camera>> {
        std::iter::once(&self.first).chain(&self.others)
    }
}
