//! H.264 encoding: paced pictures in, access units out.

use crate::{
    picture::{Picture, Size},
    time::{FrameRate, Span, TICKS_PER_S, Ticks},
};
use bytes::Bytes;

#[cfg(feature = "ffmpeg")]
mod ffmpeg;
#[cfg(test)]
pub(crate) mod fixture;
pub mod jpeg;
pub mod still;

/// The buffer of the rate control (VBV), in time at the ceiling of the bit rate: a key frame still fits, and after a still picture no
/// more than this comes in a burst.
pub const VBV_SPAN: Span = Span(TICKS_PER_S);

/// Encoder when none is asked, or when the one asked for fails: it is in every FFmpeg, and its cost and quality are known.
pub const ENCODER_DEFAULT: &str = "libx264";
/// Preset when none is asked: the fastest one that still looks good at 2 Mbit/s.
pub const PRESET_DEFAULT: &str = "veryfast";
/// Bit rate when none is asked: 640×480 at 30 fps looks clean, and a weak wireless network carries it to several viewers.
pub const BITRATE_DEFAULT: u32 = 2_000_000;
/// The presets of libx264; another encoder has its own, which are handed to it as they are.
pub const X264_PRESETS: [&str; 10] =
    ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"];

/// How it is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeConfig {
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    /// libx264's preset.
    pub preset: String,
    /// Average and ceiling, bit/s.
    pub bitrate: u32,
}

impl EncodeConfig {
    /// The same for the encoder that is always there; a preset that it does not know was meant for another one.
    pub fn fallback(&self) -> EncodeConfig {
        let preset = if X264_PRESETS.contains(&self.preset.as_str()) { &self.preset } else { PRESET_DEFAULT };
        EncodeConfig { encoder: ENCODER_DEFAULT.to_owned(), preset: preset.to_owned(), bitrate: self.bitrate }
    }
}

/// One encoded frame.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    /// Presentation time = decode time, for there are no B-frames; a point of the frame grid.
    pub at: Ticks,
    /// To the next point of the grid.
    pub duration: Span,
    /// An IDR: decoding can start here.
    pub key: bool,
    /// The access unit in AVCC form: each NAL unit behind its length, 4 bytes big-endian (ISO 14496-15 §5.3).
    /// Parameter sets and access unit delimiters are left out.
    pub data: Bytes,
}

/// What a decoder must know before the first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoParams {
    /// Coded picture size.
    pub size: Size,
    /// The frame grid.
    pub rate: FrameRate,
    /// The sequence parameter set, a NAL unit without start code.
    pub sps: Bytes,
    /// The picture parameter set, a NAL unit without start code.
    pub pps: Bytes,
    /// Ceiling of the bit rate (VBV maxrate), bit/s.
    pub bitrate_max: u32,
    /// The source has coded it, and not we: its colours are told in its SPS alone, and its segments have lengths of their own.
    pub passed: bool,
}

impl VideoParams {
    /// The `CODECS` value of RFC 6381 §3.3: `avc1.PPCCLL`, from the bytes of the SPS.
    pub fn codecs(&self) -> String {
        match self.sps.get(1..4) {
            Some([profile, constraints, level]) => format!("avc1.{profile:02X}{constraints:02X}{level:02X}"),
            _ => "avc1".to_owned(),
        }
    }
}

impl std::fmt::Debug for EncodedFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EncodedFrame({}+{}{} {} bytes)", self.at.0, self.duration.0, if self.key { " key" } else { "" }, self.data.len())
    }
}

/// What the pacer wants encoded.
#[derive(Clone, Copy)]
pub struct EncoderInput<'a> {
    /// The picture, painted.
    pub picture: &'a Picture,
    /// Its point on the frame grid.
    pub at: Ticks,
    /// To the next point.
    pub duration: Span,
    /// Must become an IDR.
    pub key: bool,
}

/// What an encoder is opened for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Encoder, preset and bit rate as asked.
    pub encode: EncodeConfig,
    /// Picture size.
    pub size: Size,
    /// The frame grid.
    pub rate: FrameRate,
    /// Frames from one IDR to the next; they are forced from outside, this is what rate control plans with.
    pub gop_frames: u32,
}

/// Opens the encoder asked for, or [`ENCODER_DEFAULT`] where that does not open; then the second value says why.
#[cfg(feature = "ffmpeg")]
pub fn open(settings: Settings) -> Result<(Box<dyn Encoder>, Option<String>), EncodeError> {
    ffmpeg::open(settings).map(|(encoder, warning)| (Box::new(encoder) as Box<dyn Encoder>, warning))
}

/// There is no encoder in this build.
#[cfg(not(feature = "ffmpeg"))]
pub fn open(_settings: Settings) -> Result<(Box<dyn Encoder>, Option<String>), EncodeError> {
    Err(EncodeError("cannot encode: this build is without FFmpeg; build it with the feature ffmpeg".to_owned()))
}

/// An H.264 encoder. Made, used and dropped on the encode thread.
pub trait Encoder {
    /// Encodes one picture and returns what has come out: with libx264 and zerolatency, that picture.
    fn encode(&mut self, input: EncoderInput<'_>) -> Result<Vec<EncodedFrame>, EncodeError>;

    /// The frame that came out last once more, without encoding anything: a few bytes. `None` where this encoder has no such thing, or
    /// holds pictures back; then the picture is to be encoded again.
    fn still(&mut self, _at: Ticks, _duration: Span) -> Option<EncodedFrame> {
        None
    }

    /// Returns what is still inside. The encoder takes nothing more.
    fn finish(&mut self) -> Result<Vec<EncodedFrame>, EncodeError>;

    /// What a decoder must know; there once the first key frame has come out.
    fn params(&self) -> Option<&VideoParams>;

    /// Its FFmpeg name, `libx264`.
    fn name(&self) -> &str;
}

/// Why encoding failed: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(pub String);
