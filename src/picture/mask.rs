//! Places of the picture that are never shown: filled before anything else sees the picture. Pure.
//!
//! The capture thread draws them on every picture as it comes, so neither the detector nor the encoder, a slate or a recording has what was
//! there.

use super::{Area, CHROMA_NEUTRAL, Colour, KeepClear, LUMA_BLACK, Picture, Size, fill};
use std::fmt;

/// What fills a mask: black, which says more plainly than grey that something was taken out.
const MASK_COLOUR: Colour = Colour { y: LUMA_BLACK, u: CHROMA_NEUTRAL, v: CHROMA_NEUTRAL };

/// A coordinate or a length in a picture whose size is not known yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// In pixels.
    Pixels(u32),
    /// In per cent of the picture's width or height.
    Percent(f64),
}

/// As it would be typed.
impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measure::Pixels(n) => write!(f, "{n}"),
            Measure::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// A rectangle that is never shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mask {
    /// From the picture's left edge.
    pub left: Measure,
    /// From its top edge.
    pub top: Measure,
    /// Across; not zero.
    pub width: Measure,
    /// Down; not zero.
    pub height: Measure,
}

/// A mask that has no pixel of the picture.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("--mask number {number} lies outside the picture, which is {size}; move it inside, or leave it out")]
pub struct OutsideError {
    /// Which mask, counted from 1.
    pub number: usize,
    size: Size,
}

/// The masks in pixels of a picture of this size: rounded outwards to whole chroma samples, and cut at the edges.
pub fn areas(masks: &[Mask], size: Size) -> Result<Vec<Area>, OutsideError> {
    let area = |(idx, mask): (usize, &Mask)| mask.area(size).ok_or(OutsideError { number: idx + 1, size });
    masks.iter().enumerate().map(area).collect()
}

/// Fills the areas.
pub fn draw_masks(picture: &mut Picture, areas: &[Area]) {
    for area in areas {
        fill(picture, *area, MASK_COLOUR, KeepClear::Nothing);
    }
}

impl Mask {
    /// `None` where it lies outside the picture.
    fn area(&self, size: Size) -> Option<Area> {
        let (left, right) = edges(self.left, self.width, size.width());
        let (top, bottom) = edges(self.top, self.height, size.height());
        (left < right && top < bottom).then_some(Area { left, top, right, bottom })
    }
}

/// First and last edge along a side, both even.
fn edges(from: Measure, length: Measure, side: usize) -> (i64, i64) {
    let pixels = |measure| match measure {
        Measure::Pixels(n) => f64::from(n),
        Measure::Percent(percent) => percent / 100.0 * side as f64,
    };
    let (from, to) = (pixels(from), pixels(from) + pixels(length));
    let even = |edge: f64| 2.0 * edge;
    let clip = |edge: f64| edge.clamp(0.0, side as f64) as i64;
    (clip(even((from / 2.0).floor())), clip(even((to / 2.0).ceil())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Ticks;
    use proptest::prelude::*;

    fn mask(left: Measure, top: Measure, width: Measure, height: Measure) -> Mask {
        Mask { left, top, width, height }
    }

    fn check(mask: Mask, expect: Option<(i64, i64, i64, i64)>) {
        let areas = areas(&[mask], Size::new(640, 480).expect("even"));
        let found = areas.ok().map(|areas| (areas[0].left, areas[0].top, areas[0].right, areas[0].bottom));
        assert_eq!(found, expect, "{mask:?}");
    }

    #[test]
    fn a_mask_is_rounded_outwards_and_cut_at_the_edges() {
        use Measure::{Percent, Pixels};
        check(mask(Pixels(11), Pixels(20), Pixels(10), Pixels(9)), Some((10, 20, 22, 30)));
        check(mask(Percent(10.0), Percent(50.0), Percent(33.3), Percent(50.0)), Some((64, 240, 278, 480)));
        check(mask(Pixels(600), Percent(0.0), Pixels(4000), Pixels(1)), Some((600, 0, 640, 2)));
        check(mask(Pixels(0), Pixels(0), Pixels(u32::MAX), Percent(100.0)), Some((0, 0, 640, 480)));
        check(mask(Percent(0.0), Percent(0.0), Percent(0.01), Percent(0.01)), Some((0, 0, 2, 2)));
        check(mask(Pixels(640), Pixels(0), Pixels(10), Pixels(10)), None);
        check(mask(Pixels(0), Pixels(u32::MAX), Pixels(10), Pixels(u32::MAX)), None);
    }

    #[test]
    fn a_mask_outside_the_picture_is_named_by_its_number() {
        let inside = mask(Measure::Pixels(0), Measure::Pixels(0), Measure::Pixels(2), Measure::Pixels(2));
        let outside = Mask { left: Measure::Pixels(700), ..inside };
        let error = areas(&[inside, outside], Size::new(640, 480).expect("even")).expect_err("one is outside");
        assert_eq!(
            error.to_string(),
            "--mask number 2 lies outside the picture, which is 640x480; move it inside, or leave it out"
        );
    }

    proptest! {
        #[test]
        fn a_mask_blackens_its_pixels_and_no_others(
            (left, top) in (0u32..80, 0u32..60), (width, height) in (1u32..100, 1u32..100),
        ) {
            let size = Size::new(64, 48).expect("even");
            let mut picture = Picture::black(size, Ticks(0));
            picture.as_bytes_mut().fill(77);
            let pixels = Measure::Pixels;
            let Ok(areas) = areas(&[mask(pixels(left), pixels(top), pixels(width), pixels(height))], size) else {
                prop_assert!(left >= 64 || top >= 48);
                return Ok(());
            };
            draw_masks(&mut picture, &areas);
            let planes = picture.planes();
            for (plane, stride, step, fill) in [(planes.y, 64, 1, LUMA_BLACK), (planes.u, 32, 2, 128), (planes.v, 32, 2, 128)] {
                for (idx, value) in plane.iter().enumerate() {
                    let (x, y) = ((idx % stride) as u32 * step, (idx / stride) as u32 * step);
                    let is_asked = |at: u32, from: u32, length: u32| at + step > from && at < from + length;
                    let is_near = |at: u32, from: u32, length: u32| at + 2 > from && at < from + length + 1;
                    if is_asked(x, left, width) && is_asked(y, top, height) {
                        prop_assert_eq!(*value, fill);
                    } else if !(is_near(x, left, width) && is_near(y, top, height)) {
                        prop_assert_eq!(*value, 77);
                    }
                }
            }
        }
    }
}
