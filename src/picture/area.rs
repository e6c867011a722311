//! Places in a picture, and filling them with a colour. Pure, on the YUV planes.

use super::{Picture, Size, strip::strip_area};
use serde::Serialize;

/// A rectangle in pixels, right and bottom edge outside; it may reach beyond the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First column.
    pub left: i64,
    /// First row.
    pub top: i64,
    /// The column after the last.
    pub right: i64,
    /// The row after the last.
    pub bottom: i64,
}

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

impl BoundingBox {
    /// Pixels that both cover.
    pub fn common(self, other: BoundingBox) -> f64 {
        let common = |a: u32, a_length: u32, b: u32, b_length: u32| (a + a_length).min(b + b_length).saturating_sub(a.max(b));
        let (across, down) = (common(self.x, self.width, other.x, other.width), common(self.y, self.height, other.y, other.height));
        f64::from(across) * f64::from(down)
    }

    /// Pixels that it covers.
    pub fn pixels(self) -> f64 {
        f64::from(self.width) * f64::from(self.height)
    }

    /// How much of what both cover together they have in common (intersection over union), from 0 to 1.
    pub fn overlap(self, other: BoundingBox) -> f64 {
        let common = self.common(other);
        common / (self.pixels() + other.pixels() - common)
    }
}

/// What nothing may be drawn over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepClear {
    /// The whole picture is free.
    Nothing,
    /// There is a clock strip in the picture, or there will be.
    ClockStrip,
}

/// A colour in YUV.
#[derive(Clone, Copy)]
pub(crate) struct Colour {
    pub(crate) y: u8,
    pub(crate) u: u8,
    pub(crate) v: u8,
}

/// Fills a rectangle in the three planes; a chroma sample is coloured if any of its pixels is.
pub(crate) fn fill(picture: &mut Picture, area: Area, colour: Colour, clear: KeepClear) {
    let size = picture.size();
    let (clear_right, clear_bottom) = clear_corner(size, clear);
    let clip = |edge: i64, side: usize| edge.clamp(0, side as i64) as usize;
    let (left, right) = (clip(area.left, size.width()), clip(area.right, size.width()));
    let (top, bottom) = (clip(area.top, size.height()), clip(area.bottom, size.height()));
    let planes = picture.planes_mut();
    for y in top..bottom {
        let from = if y < clear_bottom { left.max(clear_right) } else { left };
        if from < right {
            planes.y[y * size.width()..][from..right].fill(colour.y);
        }
    }
    for y in top / 2..bottom.div_ceil(2) {
        let from = if y < clear_bottom / 2 { left.max(clear_right) / 2 } else { left / 2 };
        if from < right.div_ceil(2) && left < right {
            planes.u[y * (size.width() / 2)..][from..right.div_ceil(2)].fill(colour.u);
            planes.v[y * (size.width() / 2)..][from..right.div_ceil(2)].fill(colour.v);
        }
    }
}

/// Right and bottom edge of the corner that stays clear, both even.
pub(crate) fn clear_corner(size: Size, clear: KeepClear) -> (usize, usize) {
    match clear {
        KeepClear::Nothing => (0, 0),
        KeepClear::ClockStrip => strip_area(size).map_or((0, 0), |area| (area.right as usize, area.bottom as usize)),
    }
}
