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

/// What of a picture an input shows; parts of it may lie outside of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Left edge, in pixels of the picture.
    pub x: f32,
    /// Top edge, in pixels of the picture.
    pub y: f32,
    /// So many pixels of the picture, across and down, are one of the input; above 0.
    pub pixel: f32,
}

impl Part {
    /// The smallest one with all of that in it, in the middle, for an input of `size`.
    pub fn around(content: BoundingBox, size: [usize; 2]) -> Part {
        let lengths = [content.width, content.height].map(|length| length.max(1) as f32);
        let pixel = (lengths[0] / size[0] as f32).max(lengths[1] / size[1] as f32);
        Part::at(content.x as f32 + lengths[0] / 2.0, content.y as f32 + lengths[1] / 2.0, pixel, size)
    }

    /// One with that centre.
    pub fn at(x: f32, y: f32, pixel: f32, size: [usize; 2]) -> Part {
        Part { x: x - size[0] as f32 * pixel / 2.0, y: y - size[1] as f32 * pixel / 2.0, pixel }
    }

    /// The same part in planes of half the size.
    fn halved(self) -> Part {
        Part { x: self.x / 2.0, y: self.y / 2.0, pixel: self.pixel / 2.0 }
    }
}

/// Resamples; it keeps its buffers between two pictures.
#[derive(Debug, Default)]
pub struct Letterbox {
    luma: Plane,
    blue: Plane,
    red: Plane,
}

/// One plane on its way into the input, a row at a time.
#[derive(Debug, Default)]
struct Plane {
    columns: Taps,
    rows: Taps,
    /// Samples that are looked at in each row: the first one, and how many.
    across: (usize, usize),
    /// A row of the picture's columns, the mean over the lines of an output row, in 1 / [`ROW_WEIGHTS`].
    line: Vec<u16>,
    /// A row of the input.
    row: Vec<f32>,
    outside: u8,
}

/// The weights of the lines of a row are whole numbers with this sum: so a sum of bytes fits into 16 bits, of which a processor adds many at
/// once.
const ROW_WEIGHTS: f32 = 256.0;

/// What of one axis goes into each output pixel: a stretch of samples with a weight each.
#[derive(Debug, Default)]
struct Taps {
    /// First sample, and where its weights begin and end.
    stretches: Vec<(usize, usize, usize)>,
    weights: Vec<f32>,
}

impl Letterbox {
    /// Fills `input`, rows of `size` pixels in RGB from −1 to 1, with what a part of the picture shows. Its dark colours are made brighter by
    /// `gain`, white stays white.
    ///
    /// # Panics
    /// When `input` has another length.
    pub fn fill(&mut self, picture: Luma<'_>, part: Part, gain: f32, size: [usize; 2], input: &mut [f32]) {
        assert_eq!(input.len(), size[0] * size[1] * 3, "the input is a picture in three colours");
        let content = picture.content;
        self.luma.set(content, part, size, LUMA_BLACK);
        let (right, bottom) = ((content.x + content.width) / 2, (content.y + content.height) / 2);
        let (left, top) = (content.x.div_ceil(2), content.y.div_ceil(2));
        let half = BoundingBox { x: left, y: top, width: right.saturating_sub(left), height: bottom.saturating_sub(top) };
        for plane in [&mut self.blue, &mut self.red] {
            plane.set(half, part.halved(), size, CHROMA_NEUTRAL);
        }
        for (idx, pixels) in input.as_chunks_mut::<3>().0.chunks_exact_mut(size[0]).enumerate() {
            self.luma.fill_row(picture.bytes, picture.width, idx);
            if let Some((blue, red)) = picture.chroma {
                self.blue.fill_row(blue, picture.width / 2, idx);
                self.red.fill_row(red, picture.width / 2, idx);
            }
            let planes = self.luma.row.iter().zip(&self.blue.row).zip(&self.red.row);
            for (pixel, ((y, u), v)) in pixels.iter_mut().zip(planes) {
                *pixel = colours(*y, *u, *v);
            }
            if gain > 1.0 {
                pixels.as_flattened_mut().iter_mut().for_each(|colour| *colour = brighter(*colour, gain));
            }
        }
    }
}

impl Plane {
    /// A plane of which only `content` is looked at.
    fn set(&mut self, content: BoundingBox, part: Part, [width, height]: [usize; 2], outside: u8) {
        self.columns.set(part.x, part.pixel, width, content.x as usize, content.width as usize);
        self.rows.set(part.y, part.pixel, height, content.y as usize, content.height as usize);
        self.rows.round(ROW_WEIGHTS);
        self.across = self.columns.all();
        self.outside = outside;
        self.line.clear();
        self.line.resize(self.across.1, 0);
        self.row.clear();
        self.row.resize(width, f32::from(outside));
    }

    /// Resamples a row of a plane with tight rows.
    fn fill_row(&mut self, plane: &[u8], width: usize, idx: usize) {
        let (first, weights) = self.rows.of(idx);
        let outside = f32::from(self.outside);
        let (left, across) = self.across;
        // Above and below the picture.
        let rest = ROW_WEIGHTS - weights.iter().sum::<f32>();
        self.line.fill(rest as u16 * u16::from(self.outside));
        for (y, weight) in (first..).zip(weights) {
            let (weight, source) = (*weight as u16, &plane[y * width + left..][..across]);
            for (sum, sample) in self.line.iter_mut().zip(source) {
                // At most 256 times 255: the weights of a row have that sum.
                *sum = sum.wrapping_add(weight.wrapping_mul(u16::from(*sample)));
            }
        }
        for (column, resampled) in self.row.iter_mut().enumerate() {
            let (first, weights) = self.columns.of(column);
            // A stretch of nothing may begin anywhere.
            let samples = &self.line[first.saturating_sub(left)..][..weights.len()];
            let (mut sum, mut inside) = (0.0, 0.0);
            for (sample, weight) in samples.iter().zip(weights) {
                sum += f32::from(*sample) * weight;
                inside += weight;
            }
            *resampled = sum / ROW_WEIGHTS + (1.0 - inside) * outside;
        }
    }
}

impl Taps {
    /// For `n` pixels from `at` on, `pixel` samples long each; only the samples from `first`, `length` of them, are there.
    fn set(&mut self, at: f32, pixel: f32, n: usize, first: usize, length: usize) {
        self.stretches.clear();
        self.weights.clear();
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

    /// Makes whole numbers of the weights, whose sum is `most` where nothing lies outside.
    fn round(&mut self, most: f32) {
        for (_, begin, end) in &self.stretches {
            let (mut exact, mut given) = (0.0, 0.0);
            for weight in &mut self.weights[*begin..*end] {
                exact += *weight * most;
                let whole = exact.round().min(most) - given;
                given += whole;
                *weight = whole;
            }
        }
    }

    /// The first sample of all stretches, and how many there are from it on.
    fn all(&self) -> (usize, usize) {
        let used = || self.stretches.iter().filter(|(_, begin, end)| end > begin);
        let first = used().map(|(first, ..)| *first).min().unwrap_or(0);
        let end = used().map(|(first, begin, end)| first + end - begin).max().unwrap_or(first);
        (first, end - first)
    }

    fn of(&self, idx: usize) -> (usize, &[f32]) {
        let (first, begin, end) = self.stretches[idx];
        (first, &self.weights[begin..end])
    }
}

/// BT.601 in limited range to RGB from −1 to 1.
fn colours(y: f32, u: f32, v: f32) -> [f32; 3] {
    // From bytes to twice the range of colours, which is from −1 to 1.
    const LUMA: f32 = 2.0 / 219.0;
    const CHROMA: f32 = 2.0 / 224.0;
    let (y, u, v) = ((y - 16.0) * LUMA - 1.0, (u - 128.0) * CHROMA, (v - 128.0) * CHROMA);
    [y + 1.402 * v, y - 0.344_136 * u - 0.714_136 * v, y + 1.772 * u].map(|colour| colour.clamp(-1.0, 1.0))
}

/// A colour from −1 to 1, made brighter.
fn brighter(colour: f32, gain: f32) -> f32 {
    let colour = (colour + 1.0) / 2.0;
    2.0 * gain * colour / (1.0 + (gain - 1.0) * colour) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square of the picture as a square input.
    fn filled(picture: Luma<'_>, (x, y, length): (f32, f32, f32), side: usize) -> Vec<f32> {
        let mut input = vec![9.0; side * side * 3];
        Letterbox::default().fill(picture, Part { x, y, pixel: length / side as f32 }, 1.0, [side; 2], &mut input);
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
        let input = filled(plain(&bytes, 6, 6), (0.0, 0.0, 6.0), 3);
        assert_eq!(grey(&input), [120; 9]);
        // One and a half samples per pixel.
        let bytes = [60, 90, 120, 60, 90, 120, 60, 90, 120];
        let input = filled(plain(&bytes, 3, 3), (0.0, 0.0, 3.0), 2);
        assert_eq!(grey(&input), [70, 110, 70, 110]);
    }

    #[test]
    fn smaller_pictures_are_interpolated() {
        let input = filled(plain(&[40, 80, 40, 80], 2, 2), (0.0, 0.0, 2.0), 4);
        assert_eq!(grey(&input)[..4], [40, 50, 70, 80]);
    }

    #[test]
    fn what_lies_outside_is_black() {
        let bytes = [100; 8];
        let input = filled(plain(&bytes, 4, 2), (0.0, -1.0, 4.0), 4);
        assert_eq!(grey(&input), [[16; 4], [100; 4], [100; 4], [16; 4]].concat());
        let input = filled(plain(&bytes, 4, 2), (100.0, -100.0, 4.0), 4);
        assert_eq!(grey(&input), [16; 16]);
        // A bar is outside.
        let mut luma = plain(&bytes, 4, 2);
        luma.content = BoundingBox { x: 1, y: 0, width: 2, height: 2 };
        assert_eq!(grey(&filled(luma, (0.0, 0.0, 4.0), 4))[..4], [16, 100, 100, 16]);
    }

    #[test]
    fn the_whole_picture_lies_in_the_middle() {
        let content = BoundingBox { x: 10, y: 20, width: 80, height: 60 };
        assert_eq!(Part::around(content, [40, 40]), Part { x: 10.0, y: 10.0, pixel: 2.0 });
        assert_eq!(Part::around(content, [40, 30]), Part { x: 10.0, y: 20.0, pixel: 2.0 });
        let bytes = [100; 8];
        let mut input = vec![9.0; 4 * 3 * 3];
        let part = Part::around(BoundingBox { x: 0, y: 0, width: 4, height: 2 }, [4, 3]);
        Letterbox::default().fill(plain(&bytes, 4, 2), part, 1.0, [4, 3], &mut input);
        assert_eq!(grey(&input), [[58; 4], [100; 4], [58; 4]].concat());
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
            let input = filled(picture, (0.0, 0.0, 4.0), 2);
            for pixel in input.as_chunks::<3>().0 {
                let found = pixel.map(|colour| (colour + 1.0) * 127.5);
                assert!(found.iter().zip(rgb).all(|(found, wanted)| (found - wanted).abs() < 3.0), "{found:?}, not {rgb:?}");
            }
        }
    }

    #[test]
    fn gain_makes_dark_pixels_brighter_and_keeps_black_and_white() {
        const WHOLE: Part = Part { x: 0.0, y: 0.0, pixel: 1.0 };
        let mut input = [0.0; 12];
        let bytes = [60; 4];
        Letterbox::default().fill(plain(&bytes, 2, 2), WHOLE, 2.0, [2; 2], &mut input);
        // 44 of 219 over black, a fifth, becomes a third.
        assert_eq!(grey(&input), [89; 4]);
        for (luma, end) in [(16, -1.0), (235, 1.0)] {
            let bytes = [luma; 4];
            Letterbox::default().fill(plain(&bytes, 2, 2), WHOLE, 6.0, [2; 2], &mut input);
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
                let input = filled(plain(&bytes, 64, 48), (at, at, side), 16);
                assert!(input.iter().all(|number| (-1.0..=1.0).contains(number)), "{at} {side}");
            }
        }
    }
}
