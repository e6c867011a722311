//! What is asked of a camera: its name, and what each of its stages does.

use crate::{
    archive::auto_record::RecordRules,
    camera_name::CameraName,
    capture::{OnLoss, demand::Unwatched},
    compose::Overlay,
    detect::DetectConfig,
    encode::EncodeConfig,
    grid::Lengths,
    picture::{Framing, mask::Mask},
    source::{FormatRequest, SourceSpec, coded::PassThrough, control::settings::Setting},
    window::History,
};

/// Everything that one camera needs.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraConfig {
    /// The camera's name.
    pub name: CameraName,
    /// Where pictures come from.
    pub source: SourceSpec,
    /// A file source ends at its end.
    pub once: bool,
    /// A source that cannot be opened at the start is waited for.
    pub is_waited_for: bool,
    /// What its loss means for the stream.
    pub on_loss: OnLoss,
    /// What is asked of the source.
    pub format_request: FormatRequest,
    /// What of it is set.
    pub controls: Vec<Setting>,
    /// How its pictures are framed.
    pub framing: Framing,
    /// Whether what the source has coded is handed on as it is.
    pub pass_through: PassThrough,
    /// What is searched, and how often.
    pub detect: DetectConfig,
    /// What is burnt in.
    pub overlay: Overlay,
    /// What is never shown, whatever is there.
    pub masks: Vec<Mask>,
    /// The capture time is drawn as a clock strip, on any source.
    pub clock_strip: bool,
    /// How it is encoded.
    pub encode: EncodeConfig,
    /// How long parts and segments are.
    pub lengths: Lengths,
    /// How much is kept.
    pub history: History,
    /// What is recorded by itself.
    pub rules: RecordRules,
    /// What is done while nobody watches.
    pub unwatched: Unwatched,
}

impl CameraConfig {
    /// Searches per second that are asked for; none where nothing is searched.
    pub(super) fn detect_fps(&self) -> Option<f64> {
        (!self.detect.cascades.is_empty()).then_some(self.detect.fps)
    }
}
