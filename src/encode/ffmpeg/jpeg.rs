//! JPEG files by FFmpeg's mjpeg encoder.

use super::fill;
use crate::{
    encode::EncodeError,
    ffmpeg::{
        self,
        scaler::{Conversion, Scaler},
    },
    picture::{Picture, Size},
};
use bytes::Bytes;
use ffmpeg_next::{Dictionary, Error, Rational, codec, color, encoder, format::Pixel, frame, packet};

/// The quantiser, from 1 to 31: the same for every picture, for there is no bit rate to keep. 3 is about "90" of other programs, 40 KB of
/// 640×480; artefacts of the stream itself are larger.
const QUANTISER: &str = "3";

/// An open encoder, and the way from video's range and size to JPEG's.
pub(in crate::encode) struct FfmpegJpeg {
    video: encoder::Video,
    scaler: Scaler,
    from: Size,
    taken: frame::Video,
    scaled: frame::Video,
    packet: packet::Packet,
    count: i64,
}

impl FfmpegJpeg {
    pub(in crate::encode) fn open(from: Size, to: Size) -> Result<FfmpegJpeg, EncodeError> {
        ffmpeg::settle();
        let failed = |error: Error| EncodeError(format!("cannot make JPEG pictures of {to}: {error}"));
        let codec = encoder::find(codec::Id::MJPEG).ok_or_else(|| failed(Error::EncoderNotFound))?;
        let mut video = codec::Context::new_with_codec(codec).encoder().video().map_err(failed)?;
        video.set_width(to.width() as u32);
        video.set_height(to.height() as u32);
        video.set_format(Pixel::YUV420P);
        video.set_color_range(color::Range::JPEG);
        video.set_aspect_ratio(Rational(1, 1));
        video.set_time_base(Rational(1, 1));
        let mut options = Dictionary::new();
        // "bitexact" leaves FFmpeg's version out of the file.
        for (name, value) in [("qmin", QUANTISER), ("qmax", QUANTISER), ("threads", "1"), ("flags", "+bitexact")] {
            options.set(name, value);
        }
        let video = video.open_as_with(codec, options).map_err(failed)?;
        let conversion = Conversion {
            pixels: Pixel::YUV420P,
            from: (from.width() as u32, from.height() as u32),
            to,
            space: color::Space::SMPTE170M,
            is_full: false,
            gives_full: true,
        };
        let frame = |size: Size| frame::Video::new(Pixel::YUV420P, size.width() as u32, size.height() as u32);
        let scaler = Scaler::new(conversion).map_err(failed)?;
        Ok(FfmpegJpeg { video, scaler, from, taken: frame(from), scaled: frame(to), packet: packet::Packet::empty(), count: 0 })
    }

    pub(in crate::encode) fn from(&self) -> Size {
        self.from
    }

    pub(in crate::encode) fn encode(&mut self, picture: &Picture) -> Result<Bytes, EncodeError> {
        if picture.size() != self.from {
            return Err(EncodeError(format!("JPEG encoder for {} was given a picture of {}", self.from, picture.size())));
        }
        let failed = |error: Error| EncodeError(format!("cannot make a JPEG picture: {error}"));
        fill(&mut self.taken, picture)?;
        // The encoder may still refer to the last one.
        self.scaled = frame::Video::new(Pixel::YUV420P, self.scaled.width(), self.scaled.height());
        self.scaler.run(&self.taken, &mut self.scaled).map_err(failed)?;
        self.scaled.set_color_range(color::Range::JPEG);
        self.scaled.set_pts(Some(self.count));
        self.count += 1;
        self.video.send_frame(&self.scaled).map_err(failed)?;
        self.video.receive_packet(&mut self.packet).map_err(failed)?;
        Ok(Bytes::copy_from_slice(self.packet.data().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{picture::PicturePool, source::mjpeg::MjpegDecoder, time::Ticks};

    /// Four fields: grey, and red, green and blue as BT.601 in limited range writes them (75 % bars).
    fn bars(size: Size) -> Picture {
        let mut picture = Picture::black(size, Ticks(0));
        let (width, planes) = (size.width(), picture.planes_mut());
        let colours = [(180, 128, 128), (65, 100, 212), (112, 72, 58), (35, 212, 114)];
        planes.y.iter_mut().enumerate().for_each(|(at, luma)| *luma = colours[at % width * 4 / width].0);
        for (plane, part) in [(planes.u, 1), (planes.v, 2)] {
            let half = width / 2;
            plane.iter_mut().enumerate().for_each(|(at, chroma)| {
                let (_, u, v) = colours[at % half * 4 / half];
                *chroma = if part == 1 { u } else { v };
            });
        }
        picture
    }

    fn size(width: u32, height: u32) -> Size {
        Size::new(width, height).expect("even")
    }

    #[test]
    fn a_jpeg_has_the_colours_of_the_stream() {
        for to in [size(320, 240), size(160, 120)] {
            let picture = bars(size(320, 240));
            let jpeg = FfmpegJpeg::open(picture.size(), to).expect("opens").encode(&picture).expect("encodes");
            assert_eq!((&jpeg[..4], &jpeg[6..11]), (&[0xff, 0xd8, 0xff, 0xe0][..], &b"JFIF\0"[..]));
            assert_eq!(&jpeg[jpeg.len() - 2..], [0xff, 0xd9]);
            // The decoder takes JPEG for what it is, full range, and gives limited range again.
            let back = MjpegDecoder::open().expect("opens").decode(&jpeg, Ticks(0), &PicturePool::default()).expect("decodes");
            assert_eq!(back.size(), to);
            let expect = bars(to);
            for field in 0..4 {
                // Its middle, where the borders of the others do not reach.
                let x = (2 * field + 1) * to.width() / 8;
                let at = |picture: &Picture| {
                    let planes = picture.planes();
                    let (luma, chroma) = (to.height() / 2 * to.width() + x, to.height() / 4 * to.width() / 2 + x / 2);
                    [planes.y[luma], planes.u[chroma], planes.v[chroma]].map(i32::from)
                };
                let (got, want) = (at(&back), at(&expect));
                assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() <= 2), "field {field}: {got:?}, not {want:?}");
            }
        }
    }

    /// What others make of it: our own decoder could be wrong in the same way.
    #[test]
    fn other_programs_see_the_same_colours() {
        let picture = bars(size(320, 240));
        let jpeg = FfmpegJpeg::open(picture.size(), picture.size()).expect("opens").encode(&picture).expect("encodes");
        let mut file = tempfile::Builder::new().suffix(".jpg").tempfile().expect("a file");
        std::io::Write::write_all(&mut file, &jpeg).expect("there is room");
        let path = file.path().to_str().expect("a name").to_owned();
        let args = ["-v", "error", "-i", &path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
        let Ok(output) = std::process::Command::new("ffmpeg").args(args).output() else {
            return crate::missing::left_out("no ffmpeg here");
        };
        assert_eq!(output.stdout.len(), 320 * 240 * 3, "{}", String::from_utf8_lossy(&output.stderr));
        for (field, want) in [[191, 191, 191], [191, 0, 0], [0, 191, 0], [0, 0, 191]].iter().enumerate() {
            let at = (120 * 320 + (2 * field + 1) * 40) * 3;
            let got = &output.stdout[at..at + 3];
            let is_near = got.iter().zip(want).all(|(got, want)| i32::from(*got).abs_diff(*want) <= 4);
            assert!(is_near, "field {field}: {got:?}, not {want:?}");
        }
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let mut encoder = FfmpegJpeg::open(size(64, 64), size(64, 64)).expect("opens");
        assert!(encoder.encode(&bars(size(32, 32))).is_err());
    }
}
