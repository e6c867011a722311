//! Raw camera pictures to planar 4:2:0. Pure row loops over chunks, which the compiler turns into vector code; no RGB anywhere.
//!
//! A driver's buffer may be longer than the picture (rounded up to a page): the rest is cut. A shorter one is damaged.
//! An odd size loses its last column or row. V4L2's default range of YUV and of GREY is limited, as ours is: values pass unchanged.

use crate::picture::{Picture, PlanesMut};

/// How a raw picture lies in its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Rows of the camera's picture; may be odd.
    pub height: usize,
    /// Bytes from one row to the next, of luma or of packed pixels.
    pub stride: usize,
}

/// Packed 4:2:2 (`Y0 U Y1 V`) into `picture`, whose size is the camera's cropped to even. A chroma sample is the rounded average of
/// its two rows.
pub fn yuyv(bytes: &[u8], layout: Layout, picture: &mut Picture) -> Result<(), String> {
    let (width, height) = (picture.size().width(), picture.size().height());
    let bytes = enough(bytes, layout.stride * (height - 1) + width * 2)?;
    let PlanesMut { y, u, v } = picture.planes_mut();
    let chroma = u.chunks_exact_mut(width / 2).zip(v.chunks_exact_mut(width / 2));
    for ((luma, (u, v)), rows) in y.chunks_exact_mut(2 * width).zip(chroma).zip(bytes.chunks(2 * layout.stride)) {
        let (upper, lower) = rows.split_at(layout.stride);
        let (upper, lower) = (&upper[..width * 2], &lower[..width * 2]);
        let (luma_upper, luma_lower) = luma.split_at_mut(width);
        for (luma, row) in [(luma_upper, upper), (luma_lower, lower)] {
            for (y, pixel) in luma.iter_mut().zip(row.chunks_exact(2)) {
                *y = pixel[0];
            }
        }
        for (((u, v), a), b) in u.iter_mut().zip(v).zip(upper.chunks_exact(4)).zip(lower.chunks_exact(4)) {
            *u = average(a[1], b[1]);
            *v = average(a[3], b[3]);
        }
    }
    Ok(())
}

/// Luma, then interleaved chroma (`U V`) at the same stride, into `picture`, whose size is the camera's cropped to even.
pub fn nv12(bytes: &[u8], layout: Layout, picture: &mut Picture) -> Result<(), String> {
    let (width, height) = (picture.size().width(), picture.size().height());
    let chroma_at = layout.stride * layout.height;
    let bytes = enough(bytes, chroma_at + layout.stride * (height / 2 - 1) + width)?;
    let (luma, chroma) = bytes.split_at(chroma_at);
    let PlanesMut { y, u, v } = picture.planes_mut();
    copy_rows(luma, layout.stride, y, width);
    let planes = u.chunks_exact_mut(width / 2).zip(v.chunks_exact_mut(width / 2));
    for ((u, v), row) in planes.zip(chroma.chunks(layout.stride)) {
        for ((u, v), pair) in u.iter_mut().zip(v).zip(row.chunks_exact(2)) {
            *u = pair[0];
            *v = pair[1];
        }
    }
    Ok(())
}

/// Luma alone into `picture`, whose size is the camera's cropped to even; chroma is neutral.
pub fn grey(bytes: &[u8], layout: Layout, picture: &mut Picture) -> Result<(), String> {
    let (width, height) = (picture.size().width(), picture.size().height());
    let bytes = enough(bytes, layout.stride * (height - 1) + width)?;
    let PlanesMut { y, u, v } = picture.planes_mut();
    copy_rows(bytes, layout.stride, y, width);
    u.fill(crate::picture::CHROMA_NEUTRAL);
    v.fill(crate::picture::CHROMA_NEUTRAL);
    Ok(())
}

fn copy_rows(from: &[u8], stride: usize, to: &mut [u8], width: usize) {
    for (to, from) in to.chunks_exact_mut(width).zip(from.chunks(stride)) {
        to.copy_from_slice(&from[..width]);
    }
}

fn average(a: u8, b: u8) -> u8 {
    ((u16::from(a) + u16::from(b) + 1) >> 1) as u8
}

fn enough(bytes: &[u8], need: usize) -> Result<&[u8], String> {
    bytes.get(..need).ok_or_else(|| format!("{} bytes came where a picture needs {need}", bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{picture::Size, time::Ticks};
    use proptest::prelude::*;

    type Converter = fn(&[u8], Layout, &mut Picture) -> Result<(), String>;

    fn convert(converter: Converter, bytes: &[u8], layout: Layout, size: (u32, u32)) -> Result<Vec<u8>, String> {
        let mut picture = Picture::black(Size::new(size.0, size.1).expect("even"), Ticks(0));
        converter(bytes, layout, &mut picture).map(|()| picture.as_bytes().to_vec())
    }

    fn check(converter: Converter, bytes: &[u8], layout: Layout, size: (u32, u32), expect: &[u8]) {
        assert_eq!(convert(converter, bytes, layout, size).as_deref(), Ok(expect));
    }

    #[test]
    fn yuyv_keeps_luma_and_averages_the_chroma_of_two_rows() {
        let bytes = [1, 100, 2, 200, 3, 101, 4, 201, 5, 103, 6, 210, 7, 101, 8, 202];
        check(yuyv, &bytes, Layout { height: 2, stride: 8 }, (4, 2), &[1, 2, 3, 4, 5, 6, 7, 8, 102, 101, 205, 202]);
    }

    #[test]
    fn nv12_splits_its_chroma() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 100, 200, 101, 201];
        check(nv12, &bytes, Layout { height: 2, stride: 4 }, (4, 2), &[1, 2, 3, 4, 5, 6, 7, 8, 100, 101, 200, 201]);
    }

    #[test]
    fn grey_has_neutral_chroma() {
        check(grey, &[1, 2, 3, 4], Layout { height: 2, stride: 2 }, (2, 2), &[1, 2, 3, 4, 128, 128]);
    }

    #[test]
    fn padded_rows_odd_sizes_and_a_long_tail_are_cut() {
        // 3×3 pixels in rows of 4 (NV12, GREY) or 8 bytes (YUYV): the last column and row go.
        let grey_bytes = [1, 2, 9, 0, 3, 4, 9, 0, 9, 9, 9, 0, 7, 7, 7];
        check(grey, &grey_bytes, Layout { height: 3, stride: 4 }, (2, 2), &[1, 2, 3, 4, 128, 128]);
        let nv12_bytes = [1, 2, 9, 0, 3, 4, 9, 0, 9, 9, 9, 0, 50, 60, 9, 9, 9, 9, 9, 9, 7];
        check(nv12, &nv12_bytes, Layout { height: 3, stride: 4 }, (2, 2), &[1, 2, 3, 4, 50, 60]);
        let yuyv_bytes = [1, 50, 2, 60, 9, 9, 9, 9, 3, 50, 4, 60, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
        check(yuyv, &yuyv_bytes, Layout { height: 3, stride: 8 }, (2, 2), &[1, 2, 3, 4, 50, 60]);
    }

    #[test]
    fn a_short_buffer_is_damage_not_a_panic() {
        let layout = Layout { height: 2, stride: 8 };
        let said = convert(yuyv, &[0; 15], layout, (4, 2));
        assert_eq!(said, Err("15 bytes came where a picture needs 16".to_owned()));
        assert!(convert(nv12, &[0; 11], Layout { height: 2, stride: 4 }, (4, 2)).is_err());
        assert!(convert(grey, &[], Layout { height: 2, stride: 4 }, (4, 2)).is_err());
    }

    proptest! {
        #[test]
        fn any_buffer_gives_a_picture_or_a_clause(
            (width, height, pad) in (1u32..20, 1u32..12, 0usize..9), len in 0usize..2000, seed: u8,
        ) {
            let (width, height) = (width * 2, height * 2);
            let bytes: Vec<u8> = (0..len).map(|n| (n as u8).wrapping_mul(31).wrapping_add(seed)).collect();
            for (converter, packed) in [(yuyv as Converter, 2), (nv12, 1), (grey, 1)] {
                let layout = Layout { height: height as usize, stride: width as usize * packed + pad };
                if let Ok(picture) = convert(converter, &bytes, layout, (width, height)) {
                    for row in 0..height as usize {
                        let first = bytes[row * layout.stride];
                        prop_assert_eq!(picture[row * width as usize], first, "row {}", row);
                    }
                }
            }
        }
    }
}
