//! What of a camera can be changed while it streams, without anything for its viewers but the change.

use super::CameraConfig;
use crate::{
    changeable::Changeable,
    compose::Overlay,
    detect::watcher::Pace,
    picture::{
        Size,
        mask::{self, Mask, OutsideError},
    },
    source::{SourceSpec, coded::PassThrough},
    window::Window,
};

/// The places at which a running camera is changed.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    /// What it was started with; what is changed is changed here, too.
    config: Changeable<Option<CameraConfig>>,
    /// What is drawn.
    pub(super) overlay: Changeable<Overlay>,
    /// What is never shown.
    pub(super) masks: Changeable<Vec<Mask>>,
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
    /// What is never shown.
    Masks,
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
            masks: Changeable::new(config.masks.clone()),
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
            Part::Masks => self.hide(&begun, to),
            Part::Bitrate => {
                // What is handed on has no encoder.
                let is_encoded = !may_pass(&begun) || begun.what_prevents_passing().is_some();
                if is_encoded {
                    self.bitrate.set(to.encode.bitrate);
                }
                is_encoded
            }
            Part::DetectFps => {
                self.pace.set(Pace { fps: to.detect.fps, ..self.pace.get() });
                !begun.detect.cascades.is_empty()
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

    /// Why a mask would hide nothing, in a picture of that size.
    pub fn check_masks(&self, to: &CameraConfig, size: Option<Size>) -> Result<(), OutsideError> {
        size.map_or(Ok(()), |size| mask::areas(&to.masks, size).map(drop))
    }

    fn hide(&self, begun: &CameraConfig, to: &CameraConfig) -> bool {
        // The first picture of a browser, on which its masks are drawn too, is another one.
        let is_elsewhere = begun.source == SourceSpec::Browser;
        if is_elsewhere || (may_pass(begun) && begun.masks.is_empty() != to.masks.is_empty()) {
            return false;
        }
        self.masks.set(to.masks.clone());
        true
    }

    /// A search is paused and goes on; another one needs another detector.
    fn search(&self, begun: &CameraConfig, to: &CameraConfig) -> bool {
        let is_paused = to.detect.cascades.is_empty();
        // What hides what is found is not to find nothing.
        let is_same = to.detect.cascades == begun.detect.cascades && to.detect.by == begun.detect.by;
        if begun.overlay.blur || begun.detect.cascades.is_empty() || !(is_paused || is_same) {
            return false;
        }
        self.pace.set(Pace { is_paused, ..self.pace.get() });
        true
    }
}
