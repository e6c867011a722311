//! Pictures of an MJPEG camera: the JPEG is cut out of its buffer, decoded by FFmpeg to planar YUV, and brought to our 4:2:0.
//!
//! JPEG is full range (0–255); our pictures are limited range (16–235, chroma 16–240), so the planes are scaled on the way: one pass,
//! no RGB. A picture that ends too early is shown as far as it goes; one that FFmpeg cannot make anything of is damaged, and the next
//! one is tried as if nothing had been. No FFmpeg type leaves this file.

pub mod planes;
pub mod scan;

#[cfg(feature = "ffmpeg")]
pub use decoder::MjpegDecoder;

#[cfg(feature = "ffmpeg")]
mod decoder {
    use super::{
        planes::{Plane, Range, Shape, bring},
        scan::{self, Ending, Jpeg, find},
    };
    use crate::{
        picture::{Picture, PicturePool, SIDE_MAX, Size},
        source::OpenError,
        time::Ticks,
    };
    use ffmpeg_next::{
        Dictionary, Error, Packet,
        codec::{Id, context::Context, decoder},
        frame,
        util::{color, error::EAGAIN, format::Pixel},
    };

    /// Decodes one JPEG at a time; holds FFmpeg's decoder and one frame of it.
    pub struct MjpegDecoder {
        decoder: decoder::Video,
        frame: frame::Video,
        /// A JPEG without its end is completed here.
        completed: Vec<u8>,
        truncated: u64,
    }

    impl MjpegDecoder {
        /// A decoder that waits for its first picture.
        pub fn open() -> Result<MjpegDecoder, OpenError> {
            let refused =
                |error: Error| OpenError(format!("cannot start FFmpeg's mjpeg decoder: {error}; install a complete FFmpeg"));
            ffmpeg_next::init().map_err(refused)?;
            crate::ffmpeg::settle();
            let codec = decoder::find(Id::MJPEG).ok_or_else(|| refused(Error::DecoderNotFound))?;
            let mut options = Dictionary::new();
            options.set("max_pixels", &(SIDE_MAX * SIDE_MAX).to_string());
            let decoder = Context::new_with_codec(codec).decoder().open_as_with(codec, options).and_then(|opened| opened.video());
            let decoder = decoder.map_err(refused)?;
            Ok(MjpegDecoder { decoder, frame: frame::Video::empty(), completed: Vec::new(), truncated: 0 })
        }

        /// The picture in `bytes`, which may have a tail of anything after it; stamped `at`, in a buffer of `pool`, of the size that the
        /// JPEG says (odd sides lose one pixel). The error is one clause: what is wrong with it.
        pub fn decode(&mut self, bytes: &[u8], at: Ticks, pool: &PicturePool) -> Result<Picture, String> {
            let Jpeg { bytes, width, height, ending } = find(bytes)?;
            if width.max(height) > SIDE_MAX {
                return Err(format!("its JPEG says {width}x{height}"));
            }
            let packet = match ending {
                Ending::Whole => Packet::copy(bytes),
                Ending::Missing => {
                    self.completed.clear();
                    self.completed.extend_from_slice(bytes);
                    self.completed.extend_from_slice(&scan::END);
                    Packet::copy(&self.completed)
                }
            };
            self.decoder.send_packet(&packet).map_err(|error| format!("its JPEG cannot be decoded: {error}"))?;
            match self.decoder.receive_frame(&mut self.frame) {
                Ok(()) => {}
                Err(Error::Other { errno: EAGAIN }) => return Err("its JPEG holds no picture".to_owned()),
                Err(error) => return Err(format!("its JPEG cannot be decoded: {error}")),
            }
            let picture = self.picture(at, pool)?;
            self.truncated += u64::from(ending == Ending::Missing);
            Ok(picture)
        }

        /// Pictures so far that were shown although their JPEG had no end.
        pub fn truncated(&self) -> u64 {
            self.truncated
        }

        fn picture(&self, at: Ticks, pool: &PicturePool) -> Result<Picture, String> {
            let (width, height) = (self.frame.width(), self.frame.height());
            let size = Size::new(width & !1, height & !1).ok_or_else(|| format!("its JPEG is {width}x{height}"))?;
            let (shape, range) = shape(self.frame.format())?;
            let range = match self.frame.color_range() {
                color::Range::MPEG => Range::Limited,
                color::Range::JPEG => Range::Full,
                color::Range::Unspecified => range,
            };
            let plane = |index: usize| Plane { bytes: self.frame.data(index), stride: self.frame.stride(index) };
            let chroma = (shape != Shape::Grey).then(|| [plane(1), plane(2)]);
            let mut picture = pool.take(size, at);
            bring(plane(0), chroma, shape, range, &mut picture)?;
            Ok(picture)
        }
    }

    /// How FFmpeg's format is subsampled, and its range where the frame does not say.
    fn shape(format: Pixel) -> Result<(Shape, Range), String> {
        match format {
            Pixel::YUVJ420P => Ok((Shape::Halved { across: true, down: true }, Range::Full)),
            Pixel::YUVJ422P => Ok((Shape::Halved { across: true, down: false }, Range::Full)),
            Pixel::YUVJ440P => Ok((Shape::Halved { across: false, down: true }, Range::Full)),
            Pixel::YUVJ444P => Ok((Shape::Halved { across: false, down: false }, Range::Full)),
            Pixel::YUV420P => Ok((Shape::Halved { across: true, down: true }, Range::Limited)),
            Pixel::YUV422P => Ok((Shape::Halved { across: true, down: false }, Range::Limited)),
            Pixel::YUV440P => Ok((Shape::Halved { across: false, down: true }, Range::Limited)),
            Pixel::YUV444P => Ok((Shape::Halved { across: false, down: false }, Range::Limited)),
            Pixel::GRAY8 => Ok((Shape::Grey, Range::Full)),
            other => Err(format!("its JPEG has the pixel format {other:?}")),
        }
    }
}

#[cfg(all(test, feature = "ffmpeg"))]
mod tests;
