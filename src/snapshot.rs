//! Snapshots: the picture of any moment that is kept, as a JPEG file. Finding one reads the heads of fragments and nothing else; making one
//! decodes from the key frame before it.

#[cfg(test)]
mod tests;

use crate::{
    clip::{self, ClipError},
    encode::{
        EncodeError, VideoParams,
        jpeg::{self, JpegEncoder},
    },
    package::{
        Part,
        cmaf::Sample,
        media_bytes::{MediaBytes, StretchReader},
    },
    time::{Span, WallTime},
    window::{
        footage::{Footage, TimeRange},
        state::Segment,
    },
};
use bytes::Bytes;
use std::io;

/// Dates of segments are cut to whole milliseconds, so between two that follow each other may seem to be a hole of as much.
const ROUNDING: Span = Span::from_ms(2);

/// A picture that is so much later is near a moment in a hole: one of a restart, or of a camera that was away for a while.
const NEAR: Span = Span::from_ms(60_000);

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The newest that is in the window.
    Newest,
    /// The one that is shown at this time.
    At(WallTime),
}

/// How near it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accuracy {
    /// To the frame.
    Frame,
    /// The key frame before it will do: it is decoded alone.
    KeyFrame,
}

/// A picture that was found, and what is decoded for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// A name that no other picture of this camera ever has.
    pub name: String,
    /// When it was captured.
    pub at: WallTime,
    params: VideoParams,
    /// Access units, from a key frame to the picture.
    units: Vec<MediaBytes>,
}

/// Why there is no snapshot: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// There is no picture of that time.
    #[error("there is no picture of that time; there are some from {from} to {to}")]
    Outside {
        /// The first moment that is there.
        from: WallTime,
        /// The last one.
        to: WallTime,
    },
    /// The stream had a hole then.
    #[error("there is no picture of that time: the stream had a hole then; there are some from {from} to {to}")]
    Hole {
        /// The first moment that is there.
        from: WallTime,
        /// The last one.
        to: WallTime,
    },
    /// There is no picture at all.
    #[error("there is no picture yet")]
    Empty,
    /// Its bytes cannot be read.
    #[error("the picture cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Its frames are none of ours.
    #[error(transparent)]
    Footage(ClipError),
    /// It cannot be decoded, or made a JPEG file.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl From<ClipError> for SnapshotError {
    fn from(error: ClipError) -> SnapshotError {
        match error {
            ClipError::Unreadable(error) => SnapshotError::Unreadable(error),
            other => SnapshotError::Footage(other),
        }
    }
}

impl Moment {
    /// The time whose footage [`find`] needs; `newest` is when the newest frame ends.
    pub fn time(self, newest: WallTime) -> TimeRange {
        let at = match self {
            Moment::Newest => newest,
            Moment::At(at) => at,
        };
        TimeRange { from: at + Span(-ROUNDING.0), to: WallTime(at.0.saturating_add(1)) }
    }
}

/// The time whose footage [`first_after`] needs, for a moment in a hole.
pub fn soon_after(at: WallTime) -> TimeRange {
    TimeRange { from: at, to: at + NEAR }
}

/// The first moment in that footage of which there are pictures.
pub fn first_after(footage: &Footage) -> Option<WallTime> {
    let mut there = footage.segments.iter().map(AsRef::as_ref).chain(&footage.growing);
    there.find(|segment| !segment.is_gone() && !clip::is_lost(segment)).map(|segment| segment.start.wall)
}

/// Finds the picture of a moment in the footage of its time. Whoever calls waits for the disk.
pub fn find(footage: &Footage, moment: Moment, accuracy: Accuracy) -> Result<Found, SnapshotError> {
    let TimeRange { from, to } = footage.kept.ok_or(SnapshotError::Empty)?;
    let mut there = footage.segments.iter().map(AsRef::as_ref).chain(&footage.growing);
    let is_it = |segment: &&Segment| match moment {
        Moment::Newest => true,
        Moment::At(at) => segment.start.wall <= at,
    };
    // What has just begun to grow has more in a moment: its last frame is not yet the one of a later time.
    let is_known = !matches!(moment, Moment::At(at) if at >= to);
    let segment = there.rfind(|segment| is_it(segment) && !segment.is_gone() && !clip::is_lost(segment));
    let Some(segment) = segment.filter(|_| is_known) else {
        let is_within = matches!(moment, Moment::At(at) if from <= at && at < to);
        return Err(if is_within { SnapshotError::Hole { from, to } } else { SnapshotError::Outside { from, to } });
    };
    let after = match moment {
        Moment::Newest => segment.duration,
        Moment::At(at) => at.since(segment.start.wall),
    };
    let init = footage.init_of(segment).and_then(|init| init.params.video());
    let params = init.ok_or(SnapshotError::Empty)?;
    let frames = frames_up_to(segment, after, accuracy)?;
    let shown = frames.last().ok_or(SnapshotError::Empty)?;
    let name = format!("{}-{}-{}", segment.run, segment.start.msn.0, shown.at.0);
    let at = segment.start.wall + shown.at;
    Ok(Found { name, at, params: params.clone(), units: frames.into_iter().map(|frame| frame.data).collect() })
}

impl Found {
    /// Decodes it and makes a file of it, of that width if it is wider. Whoever calls waits for the disk and the decoder.
    pub fn jpeg(&self, width: Option<u32>) -> Result<Bytes, SnapshotError> {
        let units: Vec<Bytes> = self.units.iter().map(MediaBytes::read).collect::<io::Result<_>>()?;
        let picture = jpeg::decode_last(&self.params, &units)?;
        let to = jpeg::scaled_size(picture.size(), width);
        Ok(JpegEncoder::open(picture.size(), to)?.encode(&picture)?)
    }
}

/// A frame where it lies, and when it is shown, from its segment's beginning.
struct StoredFrame {
    at: Span,
    key: bool,
    data: MediaBytes,
}

/// The frames from a key frame to the one that is shown so long after the beginning of a segment. Only the fragments are looked at that
/// may hold them.
fn frames_up_to(segment: &Segment, after: Span, accuracy: Accuracy) -> Result<Vec<StoredFrame>, ClipError> {
    let mut at = Span::ZERO;
    let mut needed: Vec<(Span, &Part)> = Vec::new();
    for part in &segment.parts {
        if at > after {
            break;
        }
        if part.independent {
            needed.clear();
        }
        needed.push((at, part));
        at = at + part.duration;
    }
    if accuracy == Accuracy::KeyFrame {
        // It is the first frame of its part.
        needed.truncate(1);
    }
    let (mut frames, mut reader) = (Vec::new(), StretchReader::default());
    for (at, part) in needed {
        add_frames((&mut reader, &part.data), at, after, &mut frames)?;
        if accuracy == Accuracy::KeyFrame {
            frames.truncate(1);
        }
    }
    let first = frames.iter().rposition(|frame| frame.key).unwrap_or_default();
    Ok(frames.split_off(first))
}

/// The frames of a part that begin up to `after`; a stretch of a file has several fragments.
fn add_frames(
    (reader, data): (&mut StretchReader, &MediaBytes),
    mut at: Span,
    after: Span,
    frames: &mut Vec<StoredFrame>,
) -> Result<(), ClipError> {
    let mut offset = 0;
    while offset < data.len() && at <= after {
        let (reading, payload) = clip::fragment_at(reader, data, offset)?;
        let mut byte = offset + reading.payload_start;
        offset = byte + payload;
        for Sample { size, duration, key } in reading.samples {
            let end = byte + size as usize;
            if at <= after {
                frames.push(StoredFrame { at, key, data: data.slice(byte..end) });
            }
            (byte, at) = (end, at + Span(i64::from(duration)));
        }
    }
    Ok(())
}
