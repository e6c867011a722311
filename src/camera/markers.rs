//! Prepares a camera's marker service before the camera has a window, for the window needs the first numbers from the store.

use super::CameraError;
use crate::{
    archive::Archive,
    camera_name::CameraName,
    capture::CaptureStatus,
    detect::Detection,
    marker_service::{self, MarkerService, MarkerServiceParts, Retention, Runs},
    store::{SharedStore, last_run::LastRun},
    sync::lock,
    time::Clock,
    window::{History, Window, numbers::FirstNumbers},
};
use crossbeam_channel::Receiver;
use std::sync::Arc;

/// What a marker service is made of before there is a window.
pub(super) struct MarkerServiceBuilder {
    camera: CameraName,
    store: SharedStore,
    retention: Retention,
    /// Takes what the detector's runs find.
    pub(super) runs: Runs,
    queue: Receiver<Detection>,
    /// Where the numbers of this run begin.
    pub(super) first: FirstNumbers,
    /// The history of the camera, where it is kept on a disk.
    pub(super) archive: Option<Archive>,
    last_run: Option<LastRun>,
}

impl MarkerServiceBuilder {
    pub(super) fn open(
        camera: CameraName,
        (shared, last_run): (SharedStore, Option<LastRun>),
        history: &History,
        clock: &Arc<dyn Clock>,
    ) -> Result<MarkerServiceBuilder, CameraError> {
        let (runs, queue) = marker_service::runs();
        let mut store = lock(&shared);
        let (retention, last_run) = if store.is_in_memory() { (Retention::Window, last_run) } else { (Retention::Newest, None) };
        let stored = store.numbers(camera.as_str()).map_err(CameraError::new)?;
        let mut first = stored.unwrap_or(FirstNumbers::at(clock.wall()));
        let archive = match (store.folder(), history.disk) {
            (Some(folder), Some(room)) => {
                Some(Archive::open(&camera, folder, (history, room), clock.clone()).map_err(CameraError::new)?)
            }
            _ => None,
        };
        let archive = archive.map(|mut archive| {
            first = archive.first_numbers(stored, first);
            archive
        });
        // Kept before anything is served: this run may be killed at once. The thread of the markers goes on with it, and tells what fails.
        match &last_run {
            // Where nothing can be kept the run begins at the time, as on a system that has no such file.
            Some(last_run) => match last_run.begin(first) {
                Ok(kept) => first = kept,
                Err(error) => tracing::debug!("cannot keep the numbers of this run: {error}"),
            },
            None => store.keep_numbers(camera.as_str(), first.with_room()).unwrap_or_default(),
        }
        drop(store);
        Ok(MarkerServiceBuilder { camera, store: shared, retention, runs, queue, first, archive, last_run })
    }

    pub(super) fn start(
        self,
        window: Arc<Window>,
        capture: Arc<CaptureStatus>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<MarkerService>, CameraError> {
        let MarkerServiceBuilder { camera, store, retention, runs, queue, last_run, .. } = self;
        let run = window.config().run.to_string();
        let parts = MarkerServiceParts { camera, store, retention, runs: queue, window, capture, clock, run, last_run };
        MarkerService::start(parts, &runs).map_err(CameraError::new)
    }
}
