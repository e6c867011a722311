//! Clips: any stretch of a window as an MP4 file that begins and ends where it was asked to. Nothing is encoded anew and nothing is copied: its
//! index is made from the heads of the fragments, and its frames stay where they are until they are sent.
//!
//! It begins with the key frame before its first frame, and an edit list hides what is shown between the two. Where the stream had a hole, such
//! as a restart, the clip has none: what comes after follows at once.

mod holes;
#[cfg(test)]
pub(crate) mod tests;
pub mod timelapse;

use crate::{
    package::{
        cmaf::{self, CmafError, FragmentReading, Sample, SampleTable},
        media_bytes::{MediaBytes, StretchReader},
        track_params::TrackParams,
    },
    time::{Span, WallTime},
    window::{
        footage::{Footage, TimeRange},
        state::Segment,
    },
};
use holes::Coverage;
use std::io;

/// Longest clip. Its index takes 8 bytes a frame and 60 a part while it is made and sent: 20 MB for six hours.
pub const SPAN_MAX: Span = Span::from_ms(6 * 3_600_000);
/// A clip of that length may be longer by a frame at both ends.
const MARGIN: Span = Span::from_ms(2000);
/// Bytes that are read to find the head of a fragment: that of a second of frames at 60 fps fits.
const HEAD_LEN: usize = 4096;

/// A clip, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clip {
    /// Its bytes: the index, then the frames.
    pub pieces: Vec<MediaBytes>,
    /// When its first shown frame was captured.
    pub begin: WallTime,
    /// How long it is shown.
    pub shown: Span,
    /// How long what it could not take would have been: footage that was lost.
    pub missing: Span,
    /// The times of which there is no footage; it goes on without a pause.
    pub holes: Vec<TimeRange>,
}

/// Why there is no clip: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// There is no footage of that time.
    #[error("there is no footage of that time; there is some from {from} to {to}")]
    Nothing {
        /// The first moment that is there.
        from: WallTime,
        /// The last one.
        to: WallTime,
    },
    /// There is no footage at all.
    #[error("there is no footage yet")]
    Empty,
    /// It would be too long.
    #[error("a clip is 6 h long at most; ask for several")]
    TooLong,
    /// It would be too long.
    #[error("a time-lapse is 1 h long at most; pass a higher speed, or ask for several")]
    TooLongShown,
    /// A file has one format.
    #[error("the format of the stream changes at {0}; ask for what is before it, or after it")]
    FormatChanges(WallTime),
    /// Its bytes cannot be read.
    #[error("the footage cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// A part that was not made by this program.
    #[error(transparent)]
    Cmaf(#[from] CmafError),
}

/// Cuts a clip out of the footage of its time. Whoever calls waits for the disk.
pub fn cut(footage: &Footage, time: TimeRange) -> Result<Clip, ClipError> {
    let TimeRange { from, to } = footage.kept.ok_or(ClipError::Empty)?;
    let nothing = ClipError::Nothing { from, to };
    let mut cut = Cut {
        reader: StretchReader::default(),
        time,
        table: SampleTable::default(),
        payloads: Vec::new(),
        hidden: Span::ZERO,
        begin: None,
        missing: Span::ZERO,
    };
    let (mut params, mut coverage): (Option<&TrackParams>, _) = (None, Coverage::new(time));
    for segment in footage.all().filter(|segment| time.has(segment)) {
        if segment.is_gone() || is_lost(segment) {
            cut.missing = cut.missing + segment.duration;
            continue;
        }
        let Some(init) = footage.init_of(segment) else { continue };
        if *params.get_or_insert(&init.params) != &init.params {
            return Err(ClipError::FormatChanges(segment.start.wall));
        }
        cut.add(segment)?;
        coverage.add(segment.start.wall, segment.duration);
        if (cut.table.duration() - cut.hidden).0 > SPAN_MAX.0 + MARGIN.0 {
            return Err(ClipError::TooLong);
        }
    }
    let (Some(params), Some(begin)) = (params, cut.begin) else { return Err(nothing) };
    let shown = cut.table.duration() - cut.hidden;
    let head = cut.table.file_head(params, Some(begin), cut.hidden)?;
    let mut pieces = vec![MediaBytes::from(head)];
    pieces.append(&mut cut.payloads);
    Ok(Clip { pieces, begin, shown, missing: cut.missing, holes: coverage.finish() })
}

/// Whether neither memory nor a disk has its bytes.
pub(crate) fn is_lost(segment: &Segment) -> bool {
    segment.parts.iter().any(|part| matches!(part.data, MediaBytes::Lost(_)))
}

/// A clip in the making.
struct Cut {
    reader: StretchReader,
    time: TimeRange,
    table: SampleTable,
    payloads: Vec<MediaBytes>,
    /// Length of what is decoded and not shown.
    hidden: Span,
    /// When the first shown frame was captured.
    begin: Option<WallTime>,
    missing: Span,
}

impl Cut {
    fn add(&mut self, segment: &Segment) -> Result<(), ClipError> {
        let mut at = Span::ZERO;
        for part in &segment.parts {
            let (begin, end) = (segment.start.wall + at, segment.start.wall + (at + part.duration));
            // Before its first frame, the frames are needed from the last key frame on.
            if begin < self.time.to && (end > self.time.from || self.begin.is_none()) {
                self.add_part(&part.data, segment.start.wall, at)?;
            }
            at = at + part.duration;
        }
        Ok(())
    }

    /// One fragment after the other; a stretch of a file has several. It begins so long after its segment, which has that date.
    fn add_part(&mut self, data: &MediaBytes, segment: WallTime, mut at: Span) -> Result<(), ClipError> {
        let mut offset = 0;
        while offset < data.len() {
            let (reading, payload) = fragment_at(&mut self.reader, data, offset)?;
            let start = offset + reading.payload_start;
            offset = start + payload;
            at = self.add_frames(&reading.samples, (data, start), segment, at);
        }
        Ok(())
    }

    /// Takes the frames of a fragment that are shown or needed, and says when it ends.
    fn add_frames(&mut self, samples: &[Sample], (data, start): (&MediaBytes, usize), segment: WallTime, mut at: Span) -> Span {
        let mut byte = start;
        let (mut taken, mut first_byte) = (Vec::with_capacity(samples.len()), None);
        for sample in samples {
            let duration = Span(i64::from(sample.duration));
            // Dates are cut to µs, so they are not added up.
            let (from, begin, end) = (byte, segment + at, segment + (at + duration));
            (byte, at) = (byte + sample.size as usize, at + duration);
            if sample.key && self.begin.is_none() {
                // Decoding begins here, or at a later key frame: what was taken before is not needed.
                taken.clear();
                (self.table, self.hidden, first_byte) = (SampleTable::default(), Span::ZERO, None);
                self.payloads.clear();
            }
            let is_first = first_byte.is_none() && self.table.frames() == 0;
            if begin < self.time.to && (!is_first || sample.key) {
                first_byte = first_byte.or(Some(from));
                taken.push(*sample);
                if end <= self.time.from && self.begin.is_none() {
                    self.hidden = self.hidden + duration;
                } else {
                    self.begin = self.begin.or(Some(begin));
                }
            }
        }
        if let Some(from) = first_byte {
            let len: usize = taken.iter().map(|sample| sample.size as usize).sum();
            self.table.push(&taken);
            self.payloads.push(data.slice(from..from + len));
        }
        at
    }
}

/// The head of the fragment that begins there, and the length of its frames.
pub(crate) fn fragment_at(
    reader: &mut StretchReader,
    data: &MediaBytes,
    offset: usize,
) -> Result<(FragmentReading, usize), ClipError> {
    match cmaf::read_fragment_head(&reader.read(data, offset, HEAD_LEN)?) {
        Ok(read) => Ok(read),
        // One with more frames than most.
        Err(_) => Ok(cmaf::read_fragment_head(&reader.read(data, offset, data.len())?)?),
    }
}
