//! Finding things in a picture. One detector per thread; it works on the luma plane alone.

use crate::time::{Span, Ticks};
use serde::Serialize;

/// A box in full-picture pixels, left-top corner and lengths. It lies inside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BoundingBox {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels across, at least 1.
    pub width: u32,
    /// Pixels down, at least 1.
    pub height: u32,
}

/// A luma plane to look at; rows are tight.
#[derive(Clone, Copy)]
pub struct Luma<'a> {
    /// `width × height` bytes.
    pub bytes: &'a [u8],
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
}

/// What one run of the detector found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detection {
    /// Capture time of the picture that was looked at.
    pub at: Ticks,
    /// What was found, in no order.
    pub boxes: Vec<BoundingBox>,
    /// How long the run took, wall clock of the detector's thread.
    pub took: Span,
}

/// Finds boxes in luma planes. `&mut self`: an OpenCV classifier is never shared between threads.
pub trait Detector: Send {
    /// Looks at one plane. An error is logged and counted by the caller, and the stream goes on.
    fn detect(&mut self, luma: Luma<'_>) -> Result<Vec<BoundingBox>, DetectError>;
}

/// Why a detector could not be made or could not run: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DetectError(pub String);
