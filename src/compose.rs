//! Composing: makes the finished picture of a frame. The functions that hide faces and draw the slate, boxes, labels and the time are pure and
//! work on the YUV planes. [`redaction`] decides what is hidden, and when a frame may be shown; [`compositor`] puts it all together.
//!
//! Everything clips at the picture's edges, and leaves a clock strip alone where the caller says that there is one.
//! Called by the encode thread on its own copy of a picture.

mod boxes;
mod caption;
pub mod compositor;
mod font;
mod pixelate;
pub mod redaction;
mod slate;
mod text;

use boxes::draw_boxes;
use caption::{draw_clock, draw_labels};
use pixelate::{hide_all, hide_area};
use slate::draw_slate;

/// The overlay when none is asked for.
pub const OVERLAY_DEFAULT: &str = "boxes";

/// What is burnt into the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// Boxes around what was found.
    pub boxes: bool,
    /// The kind and id of what was found, beside it.
    pub labels: bool,
    /// The time of capture.
    pub clock: bool,
    /// What was found is made unrecognisable.
    pub blur: bool,
}

#[cfg(test)]
mod tests;
