//! What of a camera can be changed while it streams, without anything for its viewers but the change.

use super::CameraConfig;
use crate::{
    changeable::Changeable,
    compose::Overlay,
    detect::watcher::Pace,
    source::{SourceSpec, coded::PassThrough},
    window::Window,
};

/// The places at which a running camera is changed.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    /// What it was started with.
    config: Changeable<Option<CameraConfig>>,
    /// What is drawn.
    pub(super) overlay: Changeable<Overlay>,
    /// The encoder's, bit/s.
    pub(super) bitrate: Changeable<u32>,
    /// How it is searched.
    pub(super) pace: Changeable<Pace>,
}

/// A part of a camera that can be changed, or cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is drawn.
    Overlay,
    /// What is searched.
    Detect,
    /// How often.
    DetectFps,
    /// The encoder's bit rate.
    Bitrate,
    /// How far back viewers can go.
    Window,
}

/// Whether what the source has coded may be handed on: whether something is drawn decides it, and then the pipeline is another one.
fn may_pass(config: &CameraConfig) -> bool {
    matches!(config.source, SourceSpec::File(_) | SourceSpec::Network(_)) && config.pass_through != PassThrough::Never
}

impl Tuning {
    pub(super) fn new(config: &CameraConfig) -> Tuning {
        Tuning {
            config: Changeable::new(Some(config.clone())),
            overlay: Changeable::new(config.overlay),
            bitrate: Changeable::new(config.encode.bitrate),
            pace: Changeable::new(Pace { fps: config.detect.fps, is_paused: false }),
        }
    }

    /// Makes a part of the camera what a configuration says; whether that could be done without starting it again.
    pub fn apply(&self, part: Part, to: &CameraConfig, window: &Window) -> bool {
        let Some(begun) = self.config.get() else { return false };
        match part {
            Part::Overlay => self.draw(&begun, to.overlay),
            Part::Detect => self.search(&begun, to),
            Part::Bitrate => {
                // What is handed on has no encoder.
                let is_encoded = !may_pass(&begun) || begun.what_prevents_passing().is_some();
                if is_encoded {
                    self.bitrate.set(to.encode.bitrate);
                }
                is_encoded
            }
            Part::DetectFps => {
                // How often is enough depends on what is hidden.
                let is_searched = !begun.detect.cascades.is_empty() && begun.overlay.blur == to.overlay.blur;
                if is_searched {
                    self.pace.set(Pace { fps: to.detect.fps, ..self.pace.get() });
                }
                is_searched
            }
            Part::Window => {
                // What is on a disk has threads and an index that know its room.
                let is_in_memory = begun.history.disk.is_none() && to.history.disk.is_none();
                if is_in_memory {
                    window.set_limits(to.history.span, to.history.bytes_max);
                }
                is_in_memory
            }
        }
    }

    fn draw(&self, begun: &CameraConfig, to: Overlay) -> bool {
        let nothing = Overlay::default();
        // What is hidden waits for the detector: the pipeline is another one.
        let is_hidden = begun.overlay.blur || to.blur;
        if is_hidden || (may_pass(begun) && (begun.overlay == nothing) != (to == nothing)) {
            return false;
        }
        self.overlay.set(to);
        true
    }

    /// A search is paused and goes on; another one needs another detector.
    fn search(&self, begun: &CameraConfig, to: &CameraConfig) -> bool {
        let is_paused = to.detect.cascades.is_empty();
        // What hides what is found is not to find nothing.
        let is_same = to.detect.cascades == begun.detect.cascades && to.detect.by == begun.detect.by;
        if begun.overlay.blur || to.overlay.blur || begun.detect.cascades.is_empty() || !(is_paused || is_same) {
            return false;
        }
        self.pace.set(Pace { is_paused, ..self.pace.get() });
        true
    }
}
