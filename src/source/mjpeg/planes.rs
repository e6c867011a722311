//! Decoded JPEG planes to our picture: chroma to 4:2:0, full range to limited. Pure, in 16-bit arithmetic that vectorises.

use crate::picture::{CHROMA_NEUTRAL, Picture, PlanesMut};

/// One plane of a decoder's frame.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// How chroma lies to luma.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// There is no chroma.
    Grey,
    /// A chroma plane has half the columns, half the rows, both or neither.
    Halved {
        /// Half the columns.
        across: bool,
        /// Half the rows.
        down: bool,
    },
}

/// The values that black and white have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// 0 and 255, as JPEG has it (JFIF 1.02).
    Full,
    /// 16 and 235, as video has it (BT.601).
    Limited,
}

/// Writes the planes into `picture`, whose size is the frame's cropped to even. Chroma that is finer than 4:2:0 is averaged.
/// The error is one clause: a plane is too short.
pub fn bring(luma: Plane, chroma: Option<[Plane; 2]>, shape: Shape, range: Range, picture: &mut Picture) -> Result<(), String> {
    let (width, height) = (picture.size().width(), picture.size().height());
    let PlanesMut { y, u, v } = picture.planes_mut();
    enough(luma, width, height)?;
    for (to, from) in y.chunks_exact_mut(width).zip(luma.bytes.chunks(luma.stride)) {
        match range {
            Range::Full => to.iter_mut().zip(&from[..width]).for_each(|(to, from)| *to = limited_luma(*from)),
            Range::Limited => to.copy_from_slice(&from[..width]),
        }
    }
    let (Some(chroma), Shape::Halved { across, down }) = (chroma, shape) else {
        u.fill(CHROMA_NEUTRAL);
        v.fill(CHROMA_NEUTRAL);
        return Ok(());
    };
    for (to, plane) in [u, v].into_iter().zip(chroma) {
        let columns = if across { width / 2 } else { width };
        let rows = if down { 1 } else { 2 };
        enough(plane, columns, height / 2 * rows)?;
        for (n, to) in to.chunks_exact_mut(width / 2).enumerate() {
            let row = |n: usize| &plane.bytes[n * plane.stride..][..columns];
            let (upper, lower) = (row(n * rows), row(n * rows + rows - 1));
            if across {
                to.iter_mut().zip(upper).zip(lower).for_each(|((to, a), b)| *to = average(*a, *b));
            } else {
                let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
                to.iter_mut().zip(pairs).for_each(|(to, (a, b))| *to = average4(a[0], a[1], b[0], b[1]));
            }
            if range == Range::Full {
                to.iter_mut().for_each(|to| *to = limited_chroma(*to));
            }
        }
    }
    Ok(())
}

fn enough(plane: Plane, columns: usize, rows: usize) -> Result<(), String> {
    let need = plane.stride * (rows - 1) + columns;
    if plane.stride < columns || plane.bytes.len() < need {
        Err("its JPEG gives a plane that is too short".to_owned())
    } else {
        Ok(())
    }
}

/// 16 + 219/255 of the value, rounded to nearest.
fn limited_luma(full: u8) -> u8 {
    (16 + over_255(u16::from(full) * 219)) as u8
}

/// 128 + 224/255 of the distance from 128, rounded to nearest.
fn limited_chroma(full: u8) -> u8 {
    over_255(u16::from(full) * 224 + 128 * 31) as u8
}

/// `x / 255` rounded to nearest, for `x` up to 65 000: the usual shift form, which stays in 16 bits.
fn over_255(x: u16) -> u16 {
    let x = x + 128;
    (x + (x >> 8)) >> 8
}

fn average(a: u8, b: u8) -> u8 {
    ((u16::from(a) + u16::from(b) + 1) >> 1) as u8
}

fn average4(a: u8, b: u8, c: u8, d: u8) -> u8 {
    ((u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d) + 2) >> 2) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{picture::Size, time::Ticks};

    fn check(luma: &[u8], chroma: Option<[&[u8]; 2]>, shape: Shape, range: Range, expect: Result<&[u8], &str>) {
        let columns = if matches!(shape, Shape::Halved { across: true, .. }) { 2 } else { 4 };
        let chroma = chroma.map(|planes| planes.map(|bytes| Plane { bytes, stride: columns }));
        let mut picture = Picture::black(Size::new(4, 2).expect("even"), Ticks(0));
        let done = bring(Plane { bytes: luma, stride: 4 }, chroma, shape, range, &mut picture);
        assert_eq!(done.as_ref().map(|()| picture.as_bytes()).map_err(String::as_str), expect);
    }

    const LUMA: [u8; 8] = [10, 20, 30, 40, 50, 60, 70, 80];

    #[test]
    fn every_subsampling_comes_to_4_2_0() {
        let (u, v) = ([100, 110, 102, 112, 104, 114, 106, 116], [200; 8]);
        let limited = |across, down, u: &[u8], expect: [u8; 2]| {
            let expect = [&LUMA[..], &expect, &[200, 200]].concat();
            check(&LUMA, Some([u, &v]), Shape::Halved { across, down }, Range::Limited, Ok(&expect));
        };
        limited(true, true, &[100, 110], [100, 110]);
        limited(true, false, &[100, 110, 103, 112], [102, 111]);
        limited(false, true, &[100, 110, 102, 112], [105, 107]);
        limited(false, false, &u, [107, 109]);
        check(&LUMA, None, Shape::Grey, Range::Limited, Ok(&[&LUMA[..], &[128; 4]].concat()));
    }

    #[test]
    fn full_range_becomes_limited() {
        let luma = [0, 255, 128, 1, 254, 64, 192, 16];
        let expect = [16, 235, 126, 17, 234, 71, 181, 30, 16, 128, 240, 72];
        check(&luma, Some([&[0, 128], &[255, 64]]), Shape::Halved { across: true, down: true }, Range::Full, Ok(&expect));
    }

    #[test]
    fn the_integer_forms_are_exact_for_every_value() {
        for value in 0..=255u8 {
            let luma = (16.0 + f64::from(value) * 219.0 / 255.0).round() as u8;
            let chroma = (128.0 + (f64::from(value) - 128.0) * 224.0 / 255.0).round() as u8;
            assert_eq!((limited_luma(value), limited_chroma(value)), (luma, chroma), "{value}");
        }
    }

    #[test]
    fn a_short_plane_is_refused() {
        let said = Err("its JPEG gives a plane that is too short");
        check(&LUMA[..7], None, Shape::Grey, Range::Full, said);
        check(&LUMA, Some([&[1, 2], &[3]]), Shape::Halved { across: true, down: true }, Range::Full, said);
    }
}
