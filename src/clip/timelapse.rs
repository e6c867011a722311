//! Time-lapses: key frames alone, shown faster than they were captured. Nothing is encoded anew, and nothing but heads of fragments is read.
//! The footage is given hour by hour, so that days of it need not be in memory at a time.

use super::{Clip, ClipError, fragment_at, holes::Coverage, is_lost};
use crate::{
    package::{
        cmaf::{Sample, SampleTable},
        key_group::by_key_frames,
        media_bytes::{MediaBytes, StretchReader},
        track_params::TrackParams,
    },
    time::{Span, TICKS_PER_S, WallTime},
    window::{
        footage::{Footage, TimeRange},
        state::Segment,
    },
};

/// Slowest: a slide show of key frames.
pub const SPEED_MIN: u32 = 2;
/// Fastest: a year in five minutes.
pub const SPEED_MAX: u32 = 100_000;
/// Longest that is shown. Its index takes 60 bytes a frame while it is made and sent: 13 MB for an hour of 60 fps.
pub const SHOWN_MAX: Span = Span::from_ms(3_600_000);
/// Footage that is looked at in one go.
const STEP: Span = Span::from_ms(3_600_000);
/// Least time that a frame is shown: screens show 60 a second. Where there are more key frames some are left out.
const FRAME_MIN: Span = Span(TICKS_PER_S / 60);

/// Makes one of a time, so many times as fast, of footage that `look` finds step by step. Whoever calls waits for the disk.
pub fn timelapse<E: From<ClipError>>(
    (time, speed): (TimeRange, u32),
    mut look: impl FnMut(TimeRange) -> Result<Footage, E>,
) -> Result<Clip, E> {
    let first = TimeRange { from: time.from, to: time.to.min(time.from + Span(1)) };
    let kept = look(first)?.kept.ok_or(ClipError::Empty)?;
    let mut made = Timelapse::new(time, speed, kept);
    for step in steps(time, kept) {
        made.add(&look(step)?, step)?;
    }
    Ok(made.finish()?)
}

/// The steps in which the footage of a time is looked for, of which so much is kept.
fn steps(time: TimeRange, kept: TimeRange) -> impl Iterator<Item = TimeRange> {
    let (begin, end) = (time.from.max(kept.from), time.to.min(kept.to));
    let from = std::iter::successors(Some(begin), |from| Some(*from + STEP));
    from.take_while(move |from| *from < end).map(move |from| TimeRange { from, to: end.min(from + STEP) })
}

/// A time-lapse in the making.
#[derive(Debug)]
struct Timelapse {
    reader: StretchReader,
    speed: u32,
    params: Option<TrackParams>,
    table: SampleTable,
    payloads: Vec<MediaBytes>,
    begin: Option<WallTime>,
    /// Footage so far, at its own speed.
    length: Span,
    /// Length of what was put into the table, as it is shown.
    shown: Span,
    /// The frame that is shown until the next one is taken: its bytes, and since when of the length.
    last: Option<(MediaBytes, Span)>,
    coverage: Coverage,
    /// From when to when there is footage at all, for the sentence where there is nothing.
    kept: TimeRange,
    missing: Span,
}

impl Timelapse {
    /// Of that time, so many times as fast.
    fn new(time: TimeRange, speed: u32, kept: TimeRange) -> Timelapse {
        Timelapse {
            reader: StretchReader::default(),
            speed,
            params: None,
            table: SampleTable::default(),
            payloads: Vec::new(),
            begin: None,
            length: Span::ZERO,
            shown: Span::ZERO,
            last: None,
            coverage: Coverage::new(time),
            kept,
            missing: Span::ZERO,
        }
    }

    /// Takes the key frames that begin in a step.
    fn add(&mut self, footage: &Footage, step: TimeRange) -> Result<(), ClipError> {
        for segment in footage.all().filter(|segment| step.has(segment)) {
            if segment.is_gone() || is_lost(segment) {
                self.missing = self.missing + segment.duration;
                continue;
            }
            let Some(init) = footage.init_of(segment) else { continue };
            if *self.params.get_or_insert_with(|| init.params.clone()) != init.params {
                return Err(ClipError::FormatChanges(segment.start.wall));
            }
            self.add_segment(segment, step)?;
        }
        Ok(())
    }

    fn add_segment(&mut self, segment: &Segment, step: TimeRange) -> Result<(), ClipError> {
        let mut begin = segment.start.wall;
        let mut offset = Span::ZERO;
        for group in by_key_frames(&segment.parts) {
            let is_in = begin >= step.from && begin < step.to;
            if is_in && group.first.key_len.is_some() {
                self.coverage.add(begin, group.duration);
                self.take(&group.first.data, begin)?;
                self.length = self.length + group.duration;
            }
            offset = offset + group.duration;
            begin = segment.start.wall + offset;
        }
        Ok(())
    }

    /// Takes the key frame that a fragment begins with, unless the one before it is not to be followed yet.
    fn take(&mut self, data: &MediaBytes, at: WallTime) -> Result<(), ClipError> {
        let since = self.last.as_ref().map(|(_, since)| *since);
        if since.is_some_and(|since| (self.length - since).0 < FRAME_MIN.0 * i64::from(self.speed)) {
            return Ok(());
        }
        let (reading, _) = fragment_at(&mut self.reader, data, 0)?;
        let Some(first) = reading.samples.first().filter(|first| first.key) else { return Ok(()) };
        let start = reading.payload_start;
        self.show_last();
        if self.shown > SHOWN_MAX {
            return Err(ClipError::TooLongShown);
        }
        self.begin = self.begin.or(Some(at));
        self.last = Some((data.slice(start..start + first.size as usize), self.length));
        Ok(())
    }

    /// The last frame that was taken is shown up to here. Lengths are not divided one by one, so that they do not drift.
    fn show_last(&mut self) {
        let Some((bytes, _)) = self.last.take() else { return };
        let end = Span(self.length.0 / i64::from(self.speed));
        let duration = (end - self.shown).max(Span(1));
        self.shown = self.shown + duration;
        self.table.push(&[Sample { size: bytes.len() as u32, duration: duration.0 as u32, key: true }]);
        self.payloads.push(bytes);
    }

    /// The film.
    fn finish(mut self) -> Result<Clip, ClipError> {
        self.show_last();
        let kept = self.kept;
        let (Some(params), Some(begin)) = (&self.params, self.begin) else {
            return Err(ClipError::Nothing { from: kept.from, to: kept.to });
        };
        let head = self.table.file_head(params, Some(begin), Span::ZERO)?;
        let mut pieces = vec![MediaBytes::from(head)];
        pieces.append(&mut self.payloads);
        Ok(Clip { pieces, begin, shown: self.shown, missing: self.missing, holes: self.coverage.finish() })
    }
}
