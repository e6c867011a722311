//! Who wants the pictures of a camera beside its viewers: recordings that go on, and the hours of `--record-schedule`.

use super::CameraConfig;
use crate::{
    archive::recordings::Recordings,
    capture::demand::{Demand, Unwatched, Wants},
    time::Clock,
    window::Window,
};
use std::sync::Arc;

/// The demand for a camera. When it is closed its window is told, so that players that come wait for what is live.
pub(super) fn demand(
    config: &CameraConfig,
    recordings: Option<Arc<Recordings>>,
    window: &Arc<Window>,
    clock: &Arc<dyn Clock>,
) -> Arc<Demand> {
    if config.unwatched == Unwatched::Stream {
        return Arc::new(Demand::unlimited(clock.clone()));
    }
    let (rules, window) = (config.rules.clone(), window.clone());
    let wants: Wants = Box::new(move |now| {
        let is_recorded = recordings.as_ref().is_some_and(|recordings| recordings.is_recorded(now));
        is_recorded || rules.hours.as_ref().is_some_and(|hours| hours.has(now, rules.zone))
    });
    Arc::new(Demand::new(config.unwatched, clock.clone(), wants, Box::new(move || window.rest())))
}
