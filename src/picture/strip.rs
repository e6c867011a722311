//! The clock strip: capture time and frame number in the picture itself, for programs to read from what a player shows.
//!
//! Top-left, 24 columns × 4 rows of square cells, cell side = picture width / 40; luma 235 = 1, luma 16 = 0, most significant bit
//! first. Rows 0 and 1: the upper and lower 24 bits of the capture time in Unix milliseconds; row 2: the frame number; row 3: the XOR
//! of the three. Pure. The test source and `--clock-strip` draw it; tests and benches read it.

use super::{Area, CHROMA_NEUTRAL, LUMA_BLACK, LUMA_WHITE, Picture, Size};

/// Cells of a row, one bit each.
const COLUMNS: usize = 24;
/// Rows of cells.
const ROWS: usize = 4;
/// Cells that would fill the picture's width: the strip takes 60 % of it, and 10 % of the width in height.
const CELLS_ACROSS: usize = 40;
/// Narrowest picture with a strip: cells of 2 px, for one chroma sample covers 2 px.
const WIDTH_MIN: usize = 2 * CELLS_ACROSS;
/// A row's worth of bits.
const ROW_MASK: u64 = (1 << COLUMNS) - 1;
/// Luma that separates 0 from 1: half way, so that coding noise moves neither across.
const LUMA_HALF: usize = (LUMA_BLACK as usize + LUMA_WHITE as usize) / 2;

/// What a clock strip says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strip {
    /// Capture time in Unix milliseconds; the lower 48 bits are drawn.
    pub unix_ms: i64,
    /// Frame number; the lower 24 bits are drawn.
    pub number: u64,
}

/// The place of the strip in a picture of this size, in even pixels; `None` where the picture is too small to hold one.
pub fn strip_area(size: Size) -> Option<Area> {
    let right = edge(COLUMNS, size).next_multiple_of(2);
    let bottom = edge(ROWS, size).next_multiple_of(2);
    let fits = size.width() >= WIDTH_MIN && bottom <= size.height();
    fits.then_some(Area { left: 0, top: 0, right: right as i64, bottom: bottom as i64 })
}

/// Draws the strip over whatever is there; nothing on a picture too small to hold it. It is the last thing drawn on a picture.
pub fn draw_strip(picture: &mut Picture, strip: Strip) {
    let size = picture.size();
    let Some(area) = strip_area(size) else { return };
    let (right, bottom) = (area.right as usize, area.bottom as usize);
    let planes = picture.planes_mut();
    for (row, bits) in rows(strip).into_iter().enumerate() {
        let (top, end) = (edge(row, size), edge(row + 1, size));
        let first = &mut planes.y[top * size.width()..][..edge(COLUMNS, size)];
        for column in 0..COLUMNS {
            let luma = if bits >> (COLUMNS - 1 - column) & 1 == 1 { LUMA_WHITE } else { LUMA_BLACK };
            first[edge(column, size)..edge(column + 1, size)].fill(luma);
        }
        for line in top + 1..end {
            let from = top * size.width();
            planes.y.copy_within(from..from + edge(COLUMNS, size), line * size.width());
        }
    }
    for plane in [planes.u, planes.v] {
        for line in plane.chunks_exact_mut(size.width() / 2).take(bottom / 2) {
            line[..right / 2].fill(CHROMA_NEUTRAL);
        }
    }
}

/// Reads the strip; `None` where there is none, or where it is damaged: its check row differs, or its time is zero as in a black picture.
pub fn read_strip(picture: &Picture) -> Option<Strip> {
    strip_area(picture.size())?;
    let mut rows = [0u64; ROWS];
    for (row, bits) in rows.iter_mut().enumerate() {
        for column in 0..COLUMNS {
            *bits = *bits << 1 | u64::from(cell_is_set(picture, column, row));
        }
    }
    let [upper, lower, number, check] = rows;
    let unix_ms = (upper << COLUMNS | lower) as i64;
    (upper ^ lower ^ number == check && unix_ms != 0).then_some(Strip { unix_ms, number })
}

/// The four rows of a strip, as numbers of 24 bits.
fn rows(strip: Strip) -> [u64; ROWS] {
    let unix_ms = strip.unix_ms as u64;
    let (upper, lower, number) = (unix_ms >> COLUMNS & ROW_MASK, unix_ms & ROW_MASK, strip.number & ROW_MASK);
    [upper, lower, number, upper ^ lower ^ number]
}

/// Where cell `n` begins, in pixels; cells of a width that 40 does not divide differ by one pixel.
fn edge(n: usize, size: Size) -> usize {
    n * size.width() / CELLS_ACROSS
}

/// Looks at the inner half of a cell, away from edges that coding softens.
fn cell_is_set(picture: &Picture, column: usize, row: usize) -> bool {
    let size = picture.size();
    let inner = |n: usize| {
        let (from, to) = (edge(n, size), edge(n + 1, size));
        let margin = (to - from) / 4;
        from + margin..to - margin
    };
    let lines = inner(row);
    let n_pixels = lines.len() * inner(column).len();
    let sum: usize = lines.map(|y| sum(&picture.planes().y[y * size.width()..][inner(column)])).sum();
    sum > LUMA_HALF * n_pixels
}

fn sum(pixels: &[u8]) -> usize {
    pixels.iter().map(|luma| usize::from(*luma)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Ticks;
    use proptest::prelude::*;

    fn black(width: u32, height: u32) -> Picture {
        Picture::black(Size::new(width, height).expect("an even size"), Ticks(0))
    }

    #[test]
    fn a_strip_has_the_bits_where_readers_look_for_them() {
        let mut picture = black(80, 60);
        draw_strip(&mut picture, Strip { unix_ms: 0x8000_0000_0001, number: 0xAAAAAA });
        let line = |row: usize| -> String {
            let luma = &picture.planes().y[row * 2 * 80..][..50];
            luma.chunks(2).map(|cell| if cell == [235, 235] { '1' } else { '0' }).collect()
        };
        assert_eq!(line(0), "1000000000000000000000000");
        assert_eq!(line(1), "0000000000000000000000010");
        assert_eq!(line(2), "1010101010101010101010100");
        assert_eq!(line(3), "0010101010101010101010110");
        assert_eq!(line(4), "0000000000000000000000000");
    }

    #[test]
    fn a_damaged_or_missing_strip_is_not_read() {
        let mut picture = black(640, 480);
        assert_eq!(read_strip(&picture), None);
        draw_strip(&mut picture, Strip { unix_ms: 1_795_191_552_123, number: 7 });
        picture.planes_mut().y[..16 * 640].fill(LUMA_WHITE);
        assert_eq!(read_strip(&picture), None);
    }

    #[test]
    fn a_picture_too_small_for_a_strip_is_left_alone() {
        for (width, height) in [(78, 60), (640, 62), (2, 2)] {
            let mut picture = black(width, height);
            draw_strip(&mut picture, Strip { unix_ms: -1, number: 1 });
            assert_eq!(picture.as_bytes(), black(width, height).as_bytes(), "{width}x{height}");
            assert_eq!(read_strip(&picture), None);
        }
    }

    proptest! {
        #[test]
        fn what_is_drawn_is_read(half_width in 40u32..1000, unix_ms in 1i64..1 << 48, number in 0u64..1 << 24, noise in 0u8..60) {
            let mut picture = black(half_width * 2, half_width.next_multiple_of(2));
            let strip = Strip { unix_ms, number };
            draw_strip(&mut picture, strip);
            picture.planes_mut().y.iter_mut().for_each(|luma| *luma = luma.saturating_sub(noise));
            prop_assert_eq!(read_strip(&picture), Some(strip));
        }
    }
}
