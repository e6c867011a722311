//! What is burnt into a picture: what hides faces, the slate of a silent source, boxes, their labels, the time, the clock strip. Pure, on the
//! YUV planes. [`redaction`] says what is to be hidden, and when a frame may be shown.
//!
//! Everything clips at the picture's edges, and leaves a clock strip alone where the caller says that there is one.
//! Called by the encode thread on its own copy of a picture.

mod boxes;
mod caption;
mod font;
mod pixelate;
pub mod redaction;
mod slate;
mod text;

pub use boxes::draw_boxes;
pub use caption::{draw_clock, draw_labels};
pub use pixelate::{hide_all, hide_place};
pub use slate::draw_slate;

/// What is burnt into the picture; nothing by default.
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
