//! Takes the detail out of a place: each block of pixels becomes its mean, in all three planes. Pure.
//!
//! Blocks are never smaller than asked: where they do not divide the place they are made larger, not cut. The blocks lie at the place, not at
//! the picture, so they move with a face and sample the same parts of it from frame to frame.

use crate::{
    detect::track::RedactionArea,
    picture::{BoundingBox, KeepClear, Picture, clear_corner},
};

/// Blocks across a face. With five nobody tells who it is from a single picture, and eyes, nose and mouth fall into one or two blocks each.
const BLOCKS_ACROSS_FACE: u32 = 5;
/// Smallest block, in pixels: two chroma samples.
const BLOCK_MIN: u32 = 4;
/// Blocks from top to bottom of a picture that is hidden as a whole: the largest face fills its height.
const BLOCKS_DOWN_PICTURE: u32 = 8;

/// Pixelates a place, rounded outwards to whole chroma samples.
pub(super) fn hide_area(picture: &mut Picture, place: RedactionArea, clear: KeepClear) {
    pixelate(picture, place.area, place.face_width.div_ceil(BLOCKS_ACROSS_FACE).max(BLOCK_MIN), clear);
}

/// Pixelates everything.
pub(super) fn hide_all(picture: &mut Picture, clear: KeepClear) {
    let (width, height) = (picture.size().width() as u32, picture.size().height() as u32);
    let block = height.div_ceil(BLOCKS_DOWN_PICTURE).max(BLOCK_MIN);
    pixelate(picture, BoundingBox { x: 0, y: 0, width, height }, block, clear);
}

/// Part of a plane, in its samples, with the edges of its blocks.
struct Blocks {
    columns: Vec<usize>,
    rows: Vec<usize>,
    /// Right and bottom edge of the corner that is left alone.
    clear: (usize, usize),
}

fn pixelate(picture: &mut Picture, area: BoundingBox, block: u32, clear: KeepClear) {
    let size = picture.size();
    let (clear_right, clear_bottom) = clear_corner(size, clear);
    let columns = edges(area.x, area.width, block, size.width());
    let rows = edges(area.y, area.height, block, size.height());
    let doubled = |edges: &[usize]| edges.iter().map(|edge| edge * 2).collect();
    let luma = Blocks { columns: doubled(&columns), rows: doubled(&rows), clear: (clear_right, clear_bottom) };
    let chroma = Blocks { columns, rows, clear: (clear_right / 2, clear_bottom / 2) };
    let planes = picture.planes_mut();
    level(planes.y, size.width(), &luma);
    level(planes.u, size.width() / 2, &chroma);
    level(planes.v, size.width() / 2, &chroma);
}

/// Edges of the blocks along a side, in chroma samples; none for a place outside the picture.
fn edges(from: u32, length: u32, block: u32, side: usize) -> Vec<usize> {
    let first = (from as usize / 2).min(side / 2);
    let last = (from.saturating_add(length) as usize).div_ceil(2).min(side / 2);
    let n = ((last - first) / block.div_ceil(2) as usize).max(1);
    (0..=n).map(|idx| first + (last - first) * idx / n).collect()
}

/// Makes each block of a plane its mean.
fn level(plane: &mut [u8], stride: usize, blocks: &Blocks) {
    for rows in blocks.rows.windows(2) {
        for columns in blocks.columns.windows(2) {
            let from = |y: usize| if y < blocks.clear.1 { columns[0].max(blocks.clear.0) } else { columns[0] };
            let lines = (rows[0]..rows[1]).map(|y| (y * stride + from(y).min(columns[1]), y * stride + columns[1]));
            let (sum, n) = lines.clone().fold((0usize, 0usize), |(sum, n), (begin, end)| {
                (sum + plane[begin..end].iter().map(|value| u32::from(*value)).sum::<u32>() as usize, n + end - begin)
            });
            let mean = ((sum + n / 2) / n.max(1)) as u8;
            lines.for_each(|(begin, end)| plane[begin..end].fill(mean));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        picture::{Planes, Size, strip},
        time::Ticks,
    };
    use proptest::prelude::*;

    /// A picture in which no pixel is like its neighbours.
    fn detailed(width: u32, height: u32) -> Picture {
        let mut picture = Picture::black(Size::new(width, height).expect("even"), Ticks(0));
        picture.as_bytes_mut().iter_mut().enumerate().for_each(|(idx, value)| *value = (idx * 97 % 251) as u8);
        picture
    }

    fn place(x: u32, y: u32, width: u32, height: u32, face_width: u32) -> RedactionArea {
        RedactionArea { area: BoundingBox { x, y, width, height }, face_width }
    }

    #[test]
    fn a_place_becomes_blocks() {
        let mut picture = Picture::black(Size::new(24, 14).expect("even"), Ticks(0));
        picture.planes_mut().y.iter_mut().enumerate().for_each(|(idx, luma)| *luma = if (idx % 24) < 8 { 40 } else { 200 });
        hide_area(&mut picture, place(5, 3, 15, 8, 30), KeepClear::Nothing);
        let symbol = |luma: &u8| match luma {
            40 => '.',
            200 => '#',
            _ => 'o',
        };
        let dump: Vec<String> = picture.planes().y.chunks(24).map(|row| row.iter().map(symbol).collect::<String>()).collect();
        let (outside, inside) = ("........################", "....oooooooo############");
        assert_eq!(dump, [vec![outside; 2], vec![inside; 10], vec![outside; 2]].concat());
        assert_eq!(picture.planes().y[2 * 24 + 4], 120, "half of a block was dark");
    }

    #[test]
    fn a_face_has_five_blocks_across() {
        let mut picture = detailed(640, 480);
        picture.planes_mut().y.iter_mut().enumerate().for_each(|(idx, luma)| *luma = (idx % 640 / 3) as u8);
        hide_area(&mut picture, place(100, 100, 100, 100, 100), KeepClear::Nothing);
        let row = &picture.planes().y[150 * 640..][100..200];
        assert_eq!(row.chunk_by(|a, b| a == b).map(<[u8]>::len).collect::<Vec<_>>(), [20; 5]);
    }

    #[test]
    fn a_hidden_picture_has_eight_blocks_down() {
        let mut picture = detailed(640, 480);
        hide_all(&mut picture, KeepClear::Nothing);
        let Planes { y, u, v } = picture.planes();
        for (plane, stride) in [(y, 640), (u, 320), (v, 320)] {
            let column: Vec<u8> = plane.chunks(stride).map(|row| row[0]).collect();
            assert!(column.chunk_by(|a, b| a == b).count() <= 8);
            assert!(plane.chunks(stride).all(|row| row.chunk_by(|a, b| a == b).count() <= 11));
        }
    }

    #[test]
    fn a_clock_strip_stays_and_does_not_tint_its_neighbours() {
        let mut picture = Picture::black(Size::new(320, 240).expect("even"), Ticks(0));
        let drawn = strip::Strip { unix_ms: 1_795_191_552_123, number: 7 };
        strip::draw_strip(&mut picture, drawn);
        hide_all(&mut picture, KeepClear::ClockStrip);
        assert_eq!(strip::read_strip(&picture), Some(drawn));
        let area = strip::strip_area(picture.size()).expect("it fits");
        assert!(picture.planes().y[area.bottom as usize * 320..].iter().all(|luma| *luma == 16));
    }

    proptest! {
        #[test]
        fn any_place_loses_its_detail_and_nothing_else_changes(
            half in (8u32..50, 8u32..40), from in (0u32..120, 0u32..100), lengths in (1u32..200, 1u32..200), face_width in 1u32..120,
        ) {
            let before = detailed(half.0 * 2, half.1 * 2);
            let mut after = detailed(half.0 * 2, half.1 * 2);
            let hidden = place(from.0, from.1, lengths.0, lengths.1, face_width);
            hide_area(&mut after, hidden, KeepClear::Nothing);
            let stride = half.0 as usize * 2;
            let inside = |sample: usize, from: u32, length: u32| {
                (sample + 1) * 2 > from as usize && sample * 2 < (from + length) as usize
            };
            let columns = (0..stride / 2).filter(|sample| inside(*sample, from.0, lengths.0)).count();
            let (old, new) = (before.planes(), after.planes());
            for (old, new, stride, step) in [(old.y, new.y, stride, 1), (old.u, new.u, stride / 2, 2), (old.v, new.v, stride / 2, 2)] {
                for (idx, value) in new.iter().enumerate() {
                    let (x, y) = (idx % stride, idx / stride);
                    // Whole chroma samples: luma may be hidden one pixel beyond.
                    let near = inside(x * step / 2, from.0, lengths.0) && inside(y * step / 2, from.1, lengths.1);
                    if !near {
                        prop_assert_eq!(*value, old[idx], "outside at {},{}", x, y);
                        continue;
                    }
                    // Some neighbour in its block is just the same; no two were. A block in chroma may be one sample wide.
                    let neighbours = [(x + 1 < stride).then(|| idx + 1), x.checked_sub(1).map(|_| idx - 1)];
                    let is_level = neighbours.into_iter().flatten().any(|other| new[other] == *value);
                    prop_assert!(is_level || (step == 2 && columns == 1), "detail at {},{}", x, y);
                }
            }
        }
    }
}
