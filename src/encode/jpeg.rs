//! Single pictures: as JPEG files, and out of what was encoded.
//!
//! JFIF wants BT.601 in full range, so the range changes on the way, and the matrix does not.

use super::{EncodeError, VideoParams};
use crate::picture::{Picture, SIDE_MAX, Size};
use bytes::Bytes;

/// Narrowest picture that is made: an icon.
pub const WIDTH_MIN: u32 = 16;
/// Widest that can be asked for; none is made wider than it was.
pub const WIDTH_MAX: u32 = SIDE_MAX;

/// The size of a picture at a width, with its shape kept to a pixel: even, and never larger than it is.
pub fn scaled_size(from: Size, width: Option<u32>) -> Size {
    let (w, h) = (from.width() as u32, from.height() as u32);
    let width = width.unwrap_or(w).clamp(2, w) & !1;
    let height = ((u64::from(h) * u64::from(width) + u64::from(w)) / (2 * u64::from(w)) * 2).max(2) as u32;
    Size::new(width, height.min(h)).unwrap_or(from)
}

/// Makes JPEG files of pictures of one size.
pub struct JpegEncoder {
    #[cfg(feature = "ffmpeg")]
    inner: super::ffmpeg::jpeg::FfmpegJpeg,
}

#[cfg(feature = "ffmpeg")]
impl JpegEncoder {
    /// For pictures of a size, which become files of another.
    pub fn open(from: Size, to: Size) -> Result<JpegEncoder, EncodeError> {
        super::ffmpeg::jpeg::FfmpegJpeg::open(from, to).map(|inner| JpegEncoder { inner })
    }

    /// The size that it takes.
    pub fn from(&self) -> Size {
        self.inner.from()
    }

    /// The file.
    pub fn encode(&mut self, picture: &Picture) -> Result<Bytes, EncodeError> {
        self.inner.encode(picture)
    }
}

/// The picture of the last of these access units in AVCC form, of which the first is a key frame.
#[cfg(feature = "ffmpeg")]
pub fn decode_last(params: &VideoParams, units: &[Bytes]) -> Result<Picture, EncodeError> {
    super::ffmpeg::decode::last(params, units)
}

#[cfg(not(feature = "ffmpeg"))]
fn without_ffmpeg() -> EncodeError {
    EncodeError("cannot make a picture: this build is without FFmpeg; build it with the feature ffmpeg".to_owned())
}

#[cfg(not(feature = "ffmpeg"))]
impl JpegEncoder {
    /// There is no encoder in this build.
    pub fn open(_from: Size, _to: Size) -> Result<JpegEncoder, EncodeError> {
        Err(without_ffmpeg())
    }

    /// There is none.
    pub fn from(&self) -> Size {
        unreachable!("none was opened")
    }

    /// There is none.
    pub fn encode(&mut self, _picture: &Picture) -> Result<Bytes, EncodeError> {
        Err(without_ffmpeg())
    }
}

/// There is no decoder in this build.
#[cfg(not(feature = "ffmpeg"))]
pub fn decode_last(_params: &VideoParams, _units: &[Bytes]) -> Result<Picture, EncodeError> {
    Err(without_ffmpeg())
}

impl std::fmt::Debug for JpegEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JpegEncoder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_picture_keeps_its_shape_is_even_and_never_larger() {
        let check = |from: (u32, u32), width, expect: (u32, u32)| {
            let from = Size::new(from.0, from.1).expect("even");
            assert_eq!(scaled_size(from, width), Size::new(expect.0, expect.1).expect("even"), "{from} {width:?}");
        };
        check((640, 480), None, (640, 480));
        check((640, 480), Some(320), (320, 240));
        check((640, 480), Some(321), (320, 240));
        check((640, 480), Some(322), (322, 242));
        check((640, 480), Some(9000), (640, 480));
        check((1920, 1080), Some(160), (160, 90));
        check((1920, 1080), Some(1918), (1918, 1078));
        check((8192, 2), Some(16), (16, 2));
        check((2, 8192), Some(16), (2, 8192));
    }
}
