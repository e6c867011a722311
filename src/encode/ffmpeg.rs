//! The FFmpeg adapter: any H.264 encoder of libavcodec behind [`Encoder`]. No FFmpeg type leaves this file.

pub(super) mod decode;
pub(super) mod jpeg;

use super::{
    ENCODER_DEFAULT, EncodeError, EncodedFrame, Encoder, EncoderInput, PRESET_DEFAULT, Settings, VBV_SPAN, VideoParams,
    still::Stills,
};
use crate::{
    ffmpeg,
    h264::nal,
    picture::Picture,
    time::{Span, TICKS_PER_S, Ticks},
};
use ffmpeg_next::{Dictionary, Error, Rational, codec, color, encoder, format::Pixel, frame, packet, picture};
use std::collections::VecDeque;

/// Pictures that an encoder may hold back. Hardware encoders hold a few; more means that it has stalled.
const DELAY_FRAMES_MAX: usize = 64;

/// Above this many pixels a second one thread may not keep up with a slow machine, so libx264 cuts each picture into slices
/// (640×480 at 60 fps; a slice per thread costs some bits and CPU, so small pictures are left whole).
const SINGLE_THREAD_PIXELS_PER_S: f64 = 640.0 * 480.0 * 60.0;

/// Frames that libx264 refers to: what [`Stills`] understands. The presets up to `veryfast` have no more; the others save some bits with
/// more, and time with this.
const REFERENCES: &str = "1";

/// Presets of libx264 that list a reference twice, with and without weights, and then name references by their numbers, which [`Stills`]
/// changes. Without the second entry a fade costs some bits more.
const PRESETS_WITH_DOUBLES: [&str; 5] = ["medium", "slow", "slower", "veryslow", "placebo"];

/// An open encoder.
pub(super) struct FfmpegEncoder {
    video: encoder::Video,
    name: String,
    settings: Settings,
    frame: frame::Video,
    packet: packet::Packet,
    params: Option<VideoParams>,
    /// Puts frames "as before" between those of the encoder; none where its kind of stream is not understood.
    stills: Option<Stills>,
    /// What was given and has not come out yet, oldest first; there are no B-frames, so it comes out in order.
    inside: VecDeque<EncodedFrame>,
}

/// As [`super::open`].
pub(super) fn open(settings: Settings) -> Result<(FfmpegEncoder, Option<String>), EncodeError> {
    ffmpeg::settle();
    let asked = settings.encode.encoder.clone();
    match FfmpegEncoder::open(&asked, settings.clone()) {
        Ok(encoder) => Ok((encoder, None)),
        Err(error) if asked != ENCODER_DEFAULT => {
            let settings = Settings { encode: settings.encode.fallback(), ..settings };
            let encoder = FfmpegEncoder::open(ENCODER_DEFAULT, settings)?;
            Ok((encoder, Some(format!("{error}; using {ENCODER_DEFAULT} instead"))))
        }
        Err(error) => Err(error),
    }
}

impl FfmpegEncoder {
    fn open(name: &str, settings: Settings) -> Result<FfmpegEncoder, EncodeError> {
        let failed =
            |error: Error| EncodeError(format!("cannot open encoder {name} for {}@{}: {error}", settings.size, settings.rate));
        let Some(codec) = encoder::find_by_name(name).filter(|codec| codec.id() == codec::Id::H264) else {
            return Err(EncodeError(format!("this FFmpeg has no H.264 encoder called {name}; `ffmpeg -encoders` lists them")));
        };
        let mut video = codec::Context::new_with_codec(codec).encoder().video().map_err(failed)?;
        configure(&mut video, &settings);
        let video = video.open_as_with(codec, options(name, &settings)).map_err(failed)?;
        Ok(FfmpegEncoder {
            video,
            name: name.to_owned(),
            frame: frame::Video::new(Pixel::YUV420P, settings.size.width() as u32, settings.size.height() as u32),
            settings,
            packet: packet::Packet::empty(),
            params: None,
            stills: None,
            inside: VecDeque::new(),
        })
    }

    /// Takes out everything that is ready.
    fn drain(&mut self) -> Result<Vec<EncodedFrame>, EncodeError> {
        let mut out = Vec::with_capacity(1);
        loop {
            match self.video.receive_packet(&mut self.packet) {
                Ok(()) => out.extend(self.take_packet()?),
                Err(Error::Other { errno }) if errno == ffmpeg_next::util::error::EAGAIN => return Ok(out),
                Err(Error::Eof) => return Ok(out),
                Err(error) => return Err(EncodeError(format!("encoder {} failed: {error}", self.name))),
            }
        }
    }

    /// The packet just received, as a frame; none if it holds no slice.
    fn take_packet(&mut self) -> Result<Option<EncodedFrame>, EncodeError> {
        let unit = nal::split_access_unit(self.packet.data().unwrap_or_default());
        if let (Some(sps), Some(pps)) = (unit.sps, unit.pps) {
            let Settings { size, rate, .. } = self.settings;
            if self.params.as_ref().is_none_or(|known| known.sps != sps || known.pps != pps) {
                self.stills = Stills::new(&sps, &pps);
            }
            self.params = Some(VideoParams { size, rate, sps, pps, bitrate_max: self.settings.encode.bitrate, passed: false });
        }
        if unit.data.is_empty() {
            return Ok(None);
        }
        let Some(given) = self.inside.pop_front() else {
            return Err(EncodeError(format!("encoder {} gave a frame that it was not given", self.name)));
        };
        let data = match self.stills.as_mut() {
            Some(stills) => stills.pass(unit.data),
            None => unit.data,
        };
        Ok(Some(EncodedFrame { key: unit.idr, data, ..given }))
    }
}

impl Encoder for FfmpegEncoder {
    fn encode(&mut self, input: EncoderInput<'_>) -> Result<Vec<EncodedFrame>, EncodeError> {
        if input.picture.size() != self.settings.size {
            return Err(EncodeError(format!("encoder for {} was given a picture of {}", self.settings.size, input.picture.size())));
        }
        if self.inside.len() >= DELAY_FRAMES_MAX {
            return Err(EncodeError(format!("encoder {} holds {DELAY_FRAMES_MAX} pictures and gives none", self.name)));
        }
        fill(&mut self.frame, input.picture)?;
        self.frame.set_pts(Some(input.at.0));
        self.frame.set_kind(if input.key { picture::Type::I } else { picture::Type::None });
        let failed = |error: Error| EncodeError(format!("encoder {} refused a picture: {error}", self.name));
        self.video.send_frame(&self.frame).map_err(failed)?;
        let EncoderInput { at, duration, key, .. } = input;
        self.inside.push_back(EncodedFrame { at, duration, key, data: bytes::Bytes::new() });
        self.drain()
    }

    fn still(&mut self, at: Ticks, duration: Span) -> Option<EncodedFrame> {
        let data = self.stills.as_mut().filter(|_| self.inside.is_empty())?.still()?;
        Some(EncodedFrame { at, duration, key: false, data })
    }

    fn finish(&mut self) -> Result<Vec<EncodedFrame>, EncodeError> {
        self.video.send_eof().map_err(|error| EncodeError(format!("encoder {} did not end: {error}", self.name)))?;
        self.drain()
    }

    fn params(&self) -> Option<&VideoParams> {
        self.params.as_ref()
    }

    fn name(&self) -> &str {
        &self.name
    }
}

fn configure(video: &mut encoder::video::Video, settings: &Settings) {
    let Settings { encode, size, rate, gop_frames } = settings;
    video.set_width(size.width() as u32);
    video.set_height(size.height() as u32);
    video.set_format(Pixel::YUV420P);
    video.set_aspect_ratio(Rational(1, 1));
    video.set_time_base(Rational(1, TICKS_PER_S as i32));
    // Without it x264 takes the time base for the frame rate, and writes level 6.2 into the SPS.
    video.set_frame_rate(Some(Rational(rate.num as i32, rate.den as i32)));
    video.set_gop(*gop_frames);
    video.set_max_b_frames(0);
    video.set_bit_rate(encode.bitrate as usize);
    video.set_max_bit_rate(encode.bitrate as usize);
    // UVC and JFIF both mean the matrix of BT.601; `Picture` is limited range.
    video.set_colorspace(color::Space::SMPTE170M);
    video.set_color_range(color::Range::MPEG);
    video.set_color_primaries(color::Primaries::SMPTE170M);
    video.set_color_transfer_characteristic(color::TransferCharacteristic::SMPTE170M);
}

/// Options by encoder family; one that an encoder does not know is ignored by FFmpeg.
fn options(name: &str, settings: &Settings) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    let buffer_bits = i64::from(settings.encode.bitrate) * VBV_SPAN.0 / TICKS_PER_S;
    options.set("bufsize", &buffer_bits.to_string());
    options.set("forced-idr", "1");
    options.set("sc_threshold", "0");
    if name == ENCODER_DEFAULT {
        options.set("preset", &settings.encode.preset);
        options.set("tune", "zerolatency");
        options.set("refs", REFERENCES);
        if PRESETS_WITH_DOUBLES.contains(&settings.encode.preset.as_str()) {
            options.set("weightp", "1");
        }
        let pixels_per_s = settings.size.luma_len() as f64 * settings.rate.as_f64();
        options.set("threads", if pixels_per_s <= SINGLE_THREAD_PIXELS_PER_S { "1" } else { "auto" });
        return options;
    }
    // libx264's presets mean nothing to another encoder; whoever names one of its own gets it.
    if settings.encode.preset != PRESET_DEFAULT {
        options.set("preset", &settings.encode.preset);
    }
    if name.ends_with("_nvenc") {
        options.set("tune", "ull");
        options.set("zerolatency", "1");
    }
    options
}

/// Copies a picture's planes into the encoder's frame, honouring its strides.
fn fill(frame: &mut frame::Video, picture: &Picture) -> Result<(), EncodeError> {
    #[expect(unsafe_code, reason = "ffmpeg-next has no safe form of av_frame_make_writable")]
    // SAFETY: the pointer is the live AVFrame owned by `frame`; the call replaces buffers that the encoder still refers to.
    let writable = unsafe { ffmpeg_next::ffi::av_frame_make_writable(frame.as_mut_ptr()) };
    if writable < 0 {
        return Err(EncodeError("out of memory for a frame".to_owned()));
    }
    let (size, planes) = (picture.size(), picture.planes());
    for (index, (plane, width)) in
        [(planes.y, size.width()), (planes.u, size.width() / 2), (planes.v, size.width() / 2)].into_iter().enumerate()
    {
        let stride = frame.stride(index);
        let rows = frame.data_mut(index).chunks_mut(stride);
        for (to, from) in rows.zip(plane.chunks_exact(width)) {
            to[..width].copy_from_slice(from);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::EncodeConfig,
        picture::Size,
        time::{FrameRate, Span, Ticks},
    };

    fn settings(encoder: &str) -> Settings {
        let encode = EncodeConfig { encoder: encoder.to_owned(), preset: "veryfast".to_owned(), bitrate: 1_000_000 };
        Settings { encode, size: Size::new(320, 240).expect("even"), rate: FrameRate::whole(30), gop_frames: 30 }
    }

    fn encode(encoder: &mut FfmpegEncoder, n: i64) -> Vec<EncodedFrame> {
        let mut picture = Picture::black(encoder.settings.size, Ticks(n * 3000 - 100));
        picture.planes_mut().y.iter_mut().enumerate().for_each(|(at, luma)| *luma = ((at as i64 + n * 3) % 200 + 20) as u8);
        let input = EncoderInput { picture: &picture, at: Ticks(n * 3000), duration: Span(3000), key: n % 10 == 0 };
        encoder.encode(input).expect("encodes")
    }

    #[test]
    fn every_picture_comes_out_at_once_and_key_frames_are_where_they_were_asked() {
        let (mut encoder, warning) = open(settings(ENCODER_DEFAULT)).expect("opens");
        assert_eq!(warning, None);
        for n in 0..30 {
            let out = encode(&mut encoder, n);
            assert_eq!(out.len(), 1, "frame {n}");
            assert_eq!((out[0].at, out[0].key), (Ticks(n * 3000), n % 10 == 0));
            assert!(u32::from_be_bytes(out[0].data[..4].try_into().expect("4 bytes")) as usize + 4 <= out[0].data.len());
        }
        assert_eq!(encoder.finish().expect("ends"), []);
    }

    #[test]
    fn the_level_follows_the_frame_rate() {
        let (mut encoder, _) = open(settings(ENCODER_DEFAULT)).expect("opens");
        encode(&mut encoder, 0);
        // High profile, level 2.0: 320×240@30 at 1 Mbit/s. A wrong frame rate gives level 6.2.
        assert_eq!(encoder.params().expect("known").codecs(), "avc1.640014");
    }

    #[test]
    fn an_unknown_encoder_falls_back_with_a_warning() {
        for (name, reason) in
            [("h264_moon", "no H.264 encoder called h264_moon"), ("h264_v4l2m2m", "cannot open encoder h264_v4l2m2m")]
        {
            let mut settings = settings(name);
            settings.encode.preset = "p4".to_owned();
            let (encoder, warning) = open(settings).expect("falls back");
            assert_eq!(encoder.name(), ENCODER_DEFAULT);
            assert!(
                warning.as_deref().is_some_and(|text| text.contains(reason) && text.ends_with("using libx264 instead")),
                "{warning:?}"
            );
        }
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let (mut encoder, _) = open(settings(ENCODER_DEFAULT)).expect("opens");
        let picture = Picture::black(Size::new(64, 64).expect("even"), Ticks(0));
        let input = EncoderInput { picture: &picture, at: Ticks(0), duration: Span(3000), key: true };
        assert!(encoder.encode(input).is_err());
    }

    /// All frames that a decoder makes of these, as luma planes.
    fn decoded(params: &VideoParams, frames: &[EncodedFrame]) -> Vec<Vec<u8>> {
        let codec = ffmpeg_next::decoder::find(codec::Id::H264).expect("every FFmpeg decodes H.264");
        let mut decoder = codec::Context::new_with_codec(codec).decoder().video().expect("opens");
        let (mut out, mut picture) = (Vec::new(), frame::Video::empty());
        let mut take = |decoder: &mut ffmpeg_next::decoder::Video| {
            while decoder.receive_frame(&mut picture).is_ok() {
                assert!(!picture.is_corrupt());
                let (stride, width) = (picture.stride(0), picture.width() as usize);
                out.push(picture.data(0).chunks(stride).flat_map(|row| row[..width].to_vec()).collect());
            }
        };
        for (n, frame) in frames.iter().enumerate() {
            let mut bytes = Vec::new();

            if n == 0 {
                for set in [&params.sps, &params.pps] {
                    bytes.extend_from_slice(&[0, 0, 0, 1]);
                    bytes.extend_from_slice(set);
                }
            }
            let mut rest = &frame.data[..];
            while let Some((length, after)) = rest.split_first_chunk::<4>() {
                let (unit, after) = after.split_at(u32::from_be_bytes(*length) as usize);
                bytes.extend_from_slice(&[0, 0, 0, 1]);
                bytes.extend_from_slice(unit);
                rest = after;
            }
            let mut packet = packet::Packet::copy(&bytes);
            packet.set_pts(Some(frame.at.0));
            packet.set_dts(Some(frame.at.0));
            decoder.send_packet(&packet).expect("decodes");
            take(&mut decoder);
        }
        decoder.send_eof().expect("ends");
        take(&mut decoder);
        out
    }

    #[test]
    fn a_still_is_the_frame_before_and_what_follows_is_not_disturbed() {
        for preset in ["ultrafast", "superfast", "medium", "slower"] {
            let settings = Settings {
                encode: EncodeConfig { preset: preset.to_owned(), ..settings(ENCODER_DEFAULT).encode },
                ..settings(ENCODER_DEFAULT)
            };
            let (mut plain, _) = open(settings.clone()).expect("opens");
            let expected: Vec<EncodedFrame> = (0..24).flat_map(|n| encode(&mut plain, n)).collect();
            let params = plain.params().expect("known").clone();
            let expected = decoded(&params, &expected);

            let (mut encoder, _) = open(settings).expect("opens");
            assert!(encoder.still(Ticks(0), Span(1)).is_none(), "there is nothing before the first frame");
            let (mut frames, mut shown) = (Vec::new(), Vec::new());
            for n in 0..24 {
                frames.extend(encode(&mut encoder, n));
                shown.push(n as usize);
                for _ in 0..[0, 3, 1, 0, 20][n as usize % 5] {
                    let still = encoder.still(Ticks(n * 3000 + 1), Span(1)).expect("libx264 has stills");
                    assert!(still.data.len() < 64 && !still.key, "{preset}: {} bytes", still.data.len());
                    frames.push(still);
                    shown.push(n as usize);
                }
            }
            let pictures = decoded(&params, &frames);
            assert_eq!(pictures.len(), shown.len(), "{preset}");
            for (at, (picture, n)) in pictures.iter().zip(shown).enumerate() {
                assert!(*picture == expected[n], "{preset}: picture {at} is not that of frame {n}");
            }
        }
    }
}
