//! What a decoder must know of a track before its first sample.

use crate::encode::VideoParams;

/// What a decoder must know of a track. Tracks carry video today; sound is another variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackParams {
    /// Of a video track.
    Video(VideoParams),
}

impl TrackParams {
    /// The `CODECS` value (RFC 6381 §3).
    pub fn codecs(&self) -> String {
        match self {
            TrackParams::Video(video) => video.codecs(),
        }
    }

    /// Ceiling of the bit rate, bit/s.
    pub fn bitrate_max(&self) -> u32 {
        match self {
            TrackParams::Video(video) => video.bitrate_max,
        }
    }

    /// Those of a video track; `None` for another one.
    pub fn video(&self) -> Option<&VideoParams> {
        match self {
            TrackParams::Video(video) => Some(video),
        }
    }
}

impl From<VideoParams> for TrackParams {
    fn from(video: VideoParams) -> TrackParams {
        TrackParams::Video(video)
    }
}
