//! Packaging: from encoded frames to parts and segments. [`segment`] decides where they begin and end, for what the source has coded [`spacing`], [`cmaf`] writes their bytes. This
//! file names what comes out; [`media_bytes`] says where its bytes are, [`track_params`] what a decoder must know of it.

pub mod cmaf;
pub mod key_group;
pub mod media_bytes;
pub mod segment;
pub mod spacing;
pub mod track_params;

use crate::time::{Span, Ticks, WallTime};
use media_bytes::MediaBytes;
use std::fmt;
use track_params::TrackParams;

/// Media sequence number of a segment (rfc8216bis §3). The first is 1, never 0: hls.js takes 0 for "none".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Msn(pub u64);

/// Number of an init segment; grows with each change of format. The first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InitId(pub u32);

/// How the first segment of a stream is numbered, and what comes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstSegment {
    /// Its number, at least 1.
    pub msn: Msn,
    /// The number of its init segment, at least 1.
    pub init: InitId,
    /// It does not continue what a run before this one published.
    pub discontinuity: bool,
}

impl FirstSegment {
    /// Of a stream that nobody has seen before.
    pub const NEW: FirstSegment = FirstSegment { msn: Msn(1), init: InitId(1), discontinuity: false };
}

/// A part: one `moof` + `mdat`, published while its segment grows (rfc8216bis §3.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// The segment that it belongs to.
    pub msn: Msn,
    /// Place in its segment, from 0, without gaps.
    pub index: u32,
    /// Media time of its first frame.
    pub at: Ticks,
    /// Sum of its frames.
    pub duration: Span,
    /// Its first frame is an IDR.
    pub independent: bool,
    /// Bytes from the part's start to the end of its IDR, for byte-range I-frame playlists; `None` where it has none.
    pub key_len: Option<u32>,
    /// The bytes served.
    pub data: MediaBytes,
}

/// What is known of a segment when its first part is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentStart {
    /// Its number.
    pub msn: Msn,
    /// Media time of its first frame.
    pub at: Ticks,
    /// Wall time of its first frame, in whole milliseconds as it is told: EXT-X-PROGRAM-DATE-TIME.
    pub wall: WallTime,
    /// The init segment that it needs.
    pub init: InitId,
    /// An EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
}

/// What the segmenter says, in this order for each segment: `Start`, `Part`…, `End`. `Init` comes before the first segment that
/// needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackagerEvent {
    /// A new init segment (`ftyp` + `moov`).
    Init {
        /// Its number.
        id: InitId,
        /// The bytes served.
        data: MediaBytes,
        /// What it describes.
        params: TrackParams,
    },
    /// A segment begins; its first part follows at once.
    Start(SegmentStart),
    /// A part is whole.
    Part(Part),
    /// The segment that was open is whole.
    End(Msn),
}

/// Debug prints the shape, not the bytes.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.independent { " independent" } else { "" };
        write!(f, "Part({}.{} {}+{}{mark} {} bytes)", self.msn.0, self.index, self.at.0, self.duration.0, self.data.len())
    }
}
