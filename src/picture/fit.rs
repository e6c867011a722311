//! Fitting a picture into another size: scaled with its shape kept, centred, with black bars where it does not reach. Pure.
//!
//! A source that changes its size in mid-stream is rare, and players want one size from the first frame to the last (HLS Authoring
//! Specification 9.2: RESOLUTION stays true), so this is simple rather than fast: bilinear, about 3 ms for 720p.

use super::{Picture, PicturePool, Size};

/// Bits behind the point of a source position.
const FRACTION_BITS: u32 = 8;
const ONE: u32 = 1 << FRACTION_BITS;

/// `picture` inside `size`, in a buffer of the pool.
pub fn fit(picture: &Picture, size: Size, pool: &PicturePool) -> Picture {
    let mut fitted = pool.take(size, picture.at);
    fitted.fill_black();
    let (from, to) = (picture.size(), size);
    // Even, so that the chroma planes line up.
    let even = |side: usize| (side & !1).max(2);
    let (width, height) = if from.width() * to.height() >= from.height() * to.width() {
        (to.width(), even(from.height() * to.width() / from.width()))
    } else {
        (even(from.width() * to.height() / from.height()), to.height())
    };
    let (left, top) = (((to.width() - width) / 2) & !1, ((to.height() - height) / 2) & !1);
    let (source, target) = (picture.planes(), fitted.planes_mut());
    for (from_plane, to_plane, half) in [(source.y, target.y, 0), (source.u, target.u, 1), (source.v, target.v, 1)] {
        let source = Plane { bytes: from_plane, width: from.width() >> half, height: from.height() >> half };
        let area = Area { left: left >> half, top: top >> half, width: width >> half, height: height >> half };
        scale(source, to_plane, to.width() >> half, area);
    }
    fitted
}

#[derive(Clone, Copy)]
struct Plane<'a> {
    bytes: &'a [u8],
    width: usize,
    height: usize,
}

#[derive(Clone, Copy)]
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

/// Writes the source plane into an area of the target plane.
fn scale(source: Plane<'_>, target: &mut [u8], stride: usize, area: Area) {
    let columns: Vec<Position> = (0..area.width).map(|x| position(x, area.width, source.width)).collect();
    for y in 0..area.height {
        let row = position(y, area.height, source.height);
        let upper = &source.bytes[row.near * source.width..][..source.width];
        let lower = &source.bytes[row.far * source.width..][..source.width];
        let out = &mut target[(area.top + y) * stride + area.left..][..area.width];
        for (pixel, column) in out.iter_mut().zip(&columns) {
            let between = |row: &[u8]| u32::from(row[column.near]) * (ONE - column.part) + u32::from(row[column.far]) * column.part;
            let sum = between(upper) * (ONE - row.part) + between(lower) * row.part;
            *pixel = ((sum + ONE * ONE / 2) >> (2 * FRACTION_BITS)) as u8;
        }
    }
}

/// Two neighbours in the source, and how far towards the second one the wanted point lies.
#[derive(Clone, Copy)]
struct Position {
    near: usize,
    far: usize,
    part: u32,
}

/// Where the centre of target pixel `n` of `to` lies among `from` source pixels.
fn position(n: usize, to: usize, from: usize) -> Position {
    let at = ((2 * n + 1) * from * ONE as usize / (2 * to)).saturating_sub(ONE as usize / 2);
    let near = (at >> FRACTION_BITS).min(from - 1);
    Position { near, far: (near + 1).min(from - 1), part: (at as u32) & (ONE - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        picture::{CHROMA_NEUTRAL, LUMA_BLACK},
        time::Ticks,
    };

    fn grey(width: u32, height: u32, luma: u8) -> Picture {
        let mut picture = Picture::black(Size::new(width, height).expect("even"), Ticks(7));
        picture.planes_mut().y.fill(luma);
        picture
    }

    /// Rows of the luma plane, a letter per pixel: black, the given luma, or anything else.
    fn dump(picture: &Picture, luma: u8) -> Vec<String> {
        let letter = |pixel: &u8| {
            if *pixel == LUMA_BLACK {
                '.'
            } else if *pixel == luma {
                '#'
            } else {
                '?'
            }
        };
        picture.planes().y.chunks(picture.size().width()).map(|row| row.iter().map(letter).collect()).collect()
    }

    #[test]
    fn a_wider_picture_gets_bars_above_and_below() {
        let fitted = fit(&grey(16, 4, 99), Size::new(8, 6).expect("even"), &PicturePool::default());
        assert_eq!(dump(&fitted, 99), ["........", "........", "########", "########", "........", "........"]);
        assert_eq!(fitted.at, Ticks(7));
        assert!(fitted.planes().u.iter().all(|chroma| *chroma == CHROMA_NEUTRAL));
    }

    #[test]
    fn a_taller_picture_gets_bars_left_and_right() {
        let fitted = fit(&grey(2, 4, 99), Size::new(8, 4).expect("even"), &PicturePool::default());
        assert_eq!(dump(&fitted, 99), ["..##....", "..##....", "..##....", "..##...."]);
    }

    #[test]
    fn a_ramp_stays_a_ramp_in_any_size() {
        let mut ramp = grey(64, 4, 0);
        ramp.planes_mut().y.iter_mut().enumerate().for_each(|(n, luma)| *luma = (n % 64) as u8 * 3);
        for (width, height) in [(32, 2), (128, 8), (64, 4)] {
            let fitted = fit(&ramp, Size::new(width, height).expect("even"), &PicturePool::default());
            for row in fitted.planes().y.chunks(width as usize) {
                assert!(row.windows(2).all(|pair| pair[0] <= pair[1]), "{width}: {row:?}");
                assert!(row[0] <= 3 && row[width as usize - 1] >= 183, "{width}: {row:?}");
            }
        }
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let mut picture = grey(8, 8, 0);
        picture.as_bytes_mut().iter_mut().enumerate().for_each(|(n, byte)| *byte = (n * 37 % 251) as u8);
        assert_eq!(fit(&picture, picture.size(), &PicturePool::default()).as_bytes(), picture.as_bytes());
    }
}
