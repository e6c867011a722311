//! A square of a picture as the input of a network: resampled, in RGB from −1 to 1. Pure.
//!
//! Nothing else in this program is RGB; this is a picture of 192×192 pixels, ten times a second. What is larger is averaged over the area of
//! each pixel, so that no face falls between two samples; what is smaller is interpolated. Whatever lies outside of the picture is black.

use crate::{
    detect::Luma,
    picture::{BoundingBox, CHROMA_NEUTRAL, LUMA_BLACK},
};

/// A picture whose content has a lower mean luma is made brighter for the search; above it the networks see as much without, and small dark
/// faces are lost by it…
const DARK: f32 = 16.0;
/// …to about this one…
const LIFTED: f32 = 90.0;
/// …but dark pixels by no more than this factor: then there is more noise than face.
const GAIN_MAX: f32 = 6.0;
/// Every so many pixels, across and down, the mean is taken.
const MEAN_STEP: usize = 8;

/// How much brighter a picture has to be for a search; 1 for one that is not dark.
pub fn gain_for(picture: Luma<'_>) -> f32 {
    let BoundingBox { x, y, width, height } = picture.content;
    let rows = (y as usize..(y + height) as usize).step_by(MEAN_STEP);
    let samples =
        rows.flat_map(|row| picture.bytes[row * picture.width + x as usize..][..width as usize].iter().step_by(MEAN_STEP));
    let (sum, n) = samples.fold((0_u64, 0_u64), |(sum, n), luma| (sum + u64::from(*luma), n + 1));
    let mean = (sum as f32 / n.max(1) as f32).max(1.0);
    if mean < DARK { (LIFTED / mean).min(GAIN_MAX) } else { 1.0 }
}

/// A square in pixels of the picture; parts of it may lie outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Square {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Across and down, above 0.
    pub side: f32,
}

impl Square {
    /// The smallest one with all of that in it, in the middle.
    pub fn around(content: BoundingBox) -> Square {
        let (width, height) = (content.width as f32, content.height as f32);
        let side = width.max(height).max(1.0);
        Square { x: content.x as f32 - (side - width) / 2.0, y: content.y as f32 - (side - height) / 2.0, side }
    }

    /// One with that centre.
    pub fn at(x: f32, y: f32, side: f32) -> Square {
        Square { x: x - side / 2.0, y: y - side / 2.0, side }
    }
}

/// Resamples; it keeps its buffers between two pictures.
#[derive(Debug, Default)]
pub struct Letterbox {
    columns: Taps,
    rows: Taps,
    /// One row of the picture's columns, mean over the lines of an output row.
    line: Vec<f32>,
    /// The three planes, resampled.
    planes: [Vec<f32>; 3],
}

/// What of one axis goes into each output pixel: a stretch of samples with a weight each.
#[derive(Debug, Default)]
struct Taps {
    /// First sample, and where its weights begin and end.
    stretches: Vec<(usize, usize, usize)>,
    weights: Vec<f32>,
}

impl Letterbox {
    /// Fills `input`, `side × side × 3` numbers, with what a square of the picture shows. Its dark colours are made brighter by `gain`, white
    /// stays white.
    ///
    /// # Panics
    /// When `input` has another length.
    pub fn fill(&mut self, picture: Luma<'_>, square: Square, gain: f32, side: usize, input: &mut [f32]) {
        assert_eq!(input.len(), side * side * 3, "the input is a square of colours");
        let mut planes = std::mem::take(&mut self.planes);
        let content = picture.content;
        let [y, u, v] = &mut planes;
        self.resample((picture.bytes, picture.width), content, square, f32::from(LUMA_BLACK), side, y);
        match picture.chroma {
            Some((blue, red)) => {
                let half = Square { x: square.x / 2.0, y: square.y / 2.0, side: square.side / 2.0 };
                let (right, bottom) = ((content.x + content.width) / 2, (content.y + content.height) / 2);
                let (left, top) = (content.x.div_ceil(2), content.y.div_ceil(2));
                let content =
                    BoundingBox { x: left, y: top, width: right.saturating_sub(left), height: bottom.saturating_sub(top) };
                for (plane, resampled) in [(blue, u), (red, v)] {
                    self.resample((plane, picture.width / 2), content, half, f32::from(CHROMA_NEUTRAL), side, resampled);
                }
            }
            None => {
                for plane in [u, v] {
                    plane.clear();
                    plane.resize(side * side, f32::from(CHROMA_NEUTRAL));
                }
            }
        }
        let [y, u, v] = &planes;
        for (pixel, ((y, u), v)) in input.as_chunks_mut::<3>().0.iter_mut().zip(y.iter().zip(u).zip(v)) {
            *pixel = colours(*y, *u, *v, gain);
        }
        self.planes = planes;
    }

    /// One plane with tight rows, of which only `content` is looked at.
    fn resample(
        &mut self,
        (plane, width): (&[u8], usize),
        content: BoundingBox,
        square: Square,
        outside: f32,
        side: usize,
        out: &mut Vec<f32>,
    ) {
        self.columns.set(square.x, square.side, side, content.x as usize, content.width as usize);
        self.rows.set(square.y, square.side, side, content.y as usize, content.height as usize);
        let (left, across) = (content.x as usize, content.width as usize);
        self.line.resize(across, 0.0);
        out.clear();
        for row in 0..side {
            let (first, weights) = self.rows.of(row);
            let mut rest = 1.0;
            self.line.fill(0.0);
            for (y, weight) in (first..).zip(weights) {
                let source = &plane[y * width + left..][..across];
                for (sum, sample) in self.line.iter_mut().zip(source) {
                    *sum += weight * f32::from(*sample);
                }
                rest -= weight;
            }
            let above = rest * outside;
            out.extend((0..side).map(|column| {
                let (first, weights) = self.columns.of(column);
                let samples = &self.line[first - left..][..weights.len()];
                let (sum, inside) = samples
                    .iter()
                    .zip(weights)
                    .fold((0.0, 0.0), |(sum, inside), (sample, weight)| (sum + sample * weight, inside + weight));
                sum + above * inside + (1.0 - inside) * outside
            }));
        }
    }
}

impl Taps {
    /// For `n` pixels over the stretch from `at`, of which only the samples from `first`, `length` of them, are there.
    fn set(&mut self, at: f32, stretch: f32, n: usize, first: usize, length: usize) {
        self.stretches.clear();
        self.weights.clear();
        let pixel = stretch / n as f32;
        let (low, high) = (first as f32, (first + length) as f32);
        for idx in 0..n {
            // A triangle of two samples where the samples are wider than the pixel, a box where they are not.
            let (from, to) = if pixel >= 1.0 {
                (at + idx as f32 * pixel, at + (idx + 1) as f32 * pixel)
            } else {
                let centre = at + (idx as f32 + 0.5) * pixel;
                // At the picture's edge the last sample goes on for half of its width.
                let centre =
                    if (low..=high).contains(&centre) { centre.clamp(low + 0.5, (high - 0.5).max(low + 0.5)) } else { centre };
                (centre - 0.5, centre + 0.5)
            };
            let begin = self.weights.len();
            let (inner_from, inner_to) = (from.max(low), to.min(high));
            if inner_from >= inner_to {
                self.stretches.push((first, begin, begin));
                continue;
            }
            let (sample, end) = (inner_from.floor() as usize, (inner_to.ceil() as usize).min(first + length));
            let width = to - from;
            self.weights
                .extend((sample..end).map(|it| ((it as f32 + 1.0).min(inner_to) - (it as f32).max(inner_from)).max(0.0) / width));
            self.stretches.push((sample, begin, self.weights.len()));
        }
    }

    fn of(&self, idx: usize) -> (usize, &[f32]) {
        let (first, begin, end) = self.stretches[idx];
        (first, &self.weights[begin..end])
    }
}

/// BT.601 in limited range to RGB from −1 to 1.
fn colours(y: f32, u: f32, v: f32, gain: f32) -> [f32; 3] {
    let (y, u, v) = ((y - 16.0) * (255.0 / 219.0), (u - 128.0) * (255.0 / 224.0), (v - 128.0) * (255.0 / 224.0));
    [y + 1.402 * v, y - 0.344_136 * u - 0.714_136 * v, y + 1.772 * u].map(|colour| {
        let colour = (colour / 255.0).clamp(0.0, 1.0);
        2.0 * gain * colour / (1.0 + (gain - 1.0) * colour) - 1.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(picture: Luma<'_>, square: Square, side: usize) -> Vec<f32> {
        let mut input = vec![9.0; side * side * 3];
        Letterbox::default().fill(picture, square, 1.0, side, &mut input);
        input
    }

    fn grey(input: &[f32]) -> Vec<i32> {
        input.as_chunks::<3>().0.iter().map(|pixel| ((pixel[0] + 1.0) * 127.5 * 219.0 / 255.0 + 16.0).round() as i32).collect()
    }

    /// A plane without bars, whatever is in it.
    fn plain(bytes: &[u8], width: usize, height: usize) -> Luma<'_> {
        let content = BoundingBox { x: 0, y: 0, width: width as u32, height: height as u32 };
        Luma { content, ..Luma::new(bytes, width, height) }
    }

    #[test]
    fn larger_pictures_are_averaged_over_the_area_of_a_pixel() {
        let bytes: Vec<u8> = (0..36).map(|n| if (n / 6 + n % 6) % 2 == 0 { 40 } else { 200 }).collect();
        let input = filled(plain(&bytes, 6, 6), Square { x: 0.0, y: 0.0, side: 6.0 }, 3);
        assert_eq!(grey(&input), [120; 9]);
        // One and a half samples per pixel.
        let bytes = [60, 90, 120, 60, 90, 120, 60, 90, 120];
        let input = filled(plain(&bytes, 3, 3), Square { x: 0.0, y: 0.0, side: 3.0 }, 2);
        assert_eq!(grey(&input), [70, 110, 70, 110]);
    }

    #[test]
    fn smaller_pictures_are_interpolated() {
        let input = filled(plain(&[40, 80, 40, 80], 2, 2), Square { x: 0.0, y: 0.0, side: 2.0 }, 4);
        assert_eq!(grey(&input)[..4], [40, 50, 70, 80]);
    }

    #[test]
    fn what_lies_outside_is_black() {
        let bytes = [100; 8];
        let input = filled(plain(&bytes, 4, 2), Square::around(BoundingBox { x: 0, y: 0, width: 4, height: 2 }), 4);
        assert_eq!(grey(&input), [[16; 4], [100; 4], [100; 4], [16; 4]].concat());
        let input = filled(plain(&bytes, 4, 2), Square { x: 100.0, y: -100.0, side: 4.0 }, 4);
        assert_eq!(grey(&input), [16; 16]);
        // A bar is outside.
        let mut luma = plain(&bytes, 4, 2);
        luma.content = BoundingBox { x: 1, y: 0, width: 2, height: 2 };
        assert_eq!(grey(&filled(luma, Square { x: 0.0, y: 0.0, side: 4.0 }, 4))[..4], [16, 100, 100, 16]);
    }

    #[test]
    fn colours_are_those_of_the_picture() {
        // BT.601's numbers for pure colours in limited range.
        for ((y, u, v), rgb) in [
            ((81, 90, 240), [255.0, 0.0, 0.0]),
            ((145, 54, 34), [0.0, 255.0, 0.0]),
            ((41, 240, 110), [0.0, 0.0, 255.0]),
            ((235, 128, 128), [255.0; 3]),
            ((16, 128, 128), [0.0; 3]),
        ] {
            let (luma, blue, red) = ([y; 16], [u; 4], [v; 4]);
            let picture = Luma { chroma: Some((&blue, &red)), ..plain(&luma, 4, 4) };
            let input = filled(picture, Square { x: 0.0, y: 0.0, side: 4.0 }, 2);
            for pixel in input.as_chunks::<3>().0 {
                let found = pixel.map(|colour| (colour + 1.0) * 127.5);
                assert!(found.iter().zip(rgb).all(|(found, wanted)| (found - wanted).abs() < 3.0), "{found:?}, not {rgb:?}");
            }
        }
    }

    #[test]
    fn gain_makes_dark_pixels_brighter_and_keeps_black_and_white() {
        let mut input = [0.0; 12];
        let bytes = [60; 4];
        Letterbox::default().fill(plain(&bytes, 2, 2), Square { x: 0.0, y: 0.0, side: 2.0 }, 2.0, 2, &mut input);
        // 44 of 219 over black, a fifth, becomes a third.
        assert_eq!(grey(&input), [89; 4]);
        for (luma, end) in [(16, -1.0), (235, 1.0)] {
            let bytes = [luma; 4];
            Letterbox::default().fill(plain(&bytes, 2, 2), Square { x: 0.0, y: 0.0, side: 2.0 }, 6.0, 2, &mut input);
            assert!(input.iter().all(|number| (number - end).abs() < 1e-5), "{input:?}");
        }
    }

    #[test]
    fn only_dark_pictures_are_made_brighter() {
        for (luma, gain) in [(15, 6.0), (10, 6.0), (16, 1.0), (45, 1.0), (200, 1.0)] {
            assert_eq!(gain_for(plain(&[luma; 64], 8, 8)), gain, "{luma}");
        }
        // What is no picture does not count.
        let mut bars = [0; 32 * 8];
        bars.chunks_mut(32).for_each(|row| row[8..24].fill(100));
        let content = BoundingBox { x: 8, y: 0, width: 16, height: 8 };
        assert_eq!(gain_for(Luma { content, ..plain(&bars, 32, 8) }), 1.0);
    }

    #[test]
    fn any_square_of_any_picture_can_be_asked_for() {
        let bytes: Vec<u8> = (0..64 * 48).map(|n| (n % 251) as u8).collect();
        for side in [0.01, 0.7, 1.0, 3.3, 64.0, 640.0, 1e6] {
            for at in [-1e6, -31.5, -0.5, 0.0, 47.9, 63.999, 1e6] {
                let input = filled(plain(&bytes, 64, 48), Square { x: at, y: at, side }, 16);
                assert!(input.iter().all(|number| (-1.0..=1.0).contains(number)), "{at} {side}");
            }
        }
    }
}
