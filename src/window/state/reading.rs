//! What is read of a state: by the origin under the window's lock, by the playlists from a snapshot.

use super::{FirstNumbers, Init, Segment, State, Whole};
use crate::{
    package::{InitId, Msn, Part},
    time::{Span, TICKS_PER_S},
    window::{
        footage::{Coverage, Footage, TimeRange},
        snapshot::Snapshot,
        timeline::Timeline,
    },
};
use std::sync::Arc;

/// Segments that a manifest tells one by one, at most: what is older is left to HLS.
const TOLD_MAX: usize = 1024;

impl State {
    /// The listed segments, first to last.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &Segment> + ExactSizeIterator {
        self.segments.range(self.unlisted.len()..).map(Arc::as_ref)
    }

    /// The listed segments whose parts are listed too.
    pub fn recent(&self) -> impl DoubleEndedIterator<Item = &Segment> + ExactSizeIterator {
        self.segments.range(self.unlisted.len() + self.without_parts..).map(Arc::as_ref)
    }

    /// The last whole segment.
    pub fn last(&self) -> Option<&Segment> {
        self.listed().next_back()
    }

    /// Whether the camera was closed, and has published no whole segment since: what is listed is not live.
    pub fn is_stale(&self) -> bool {
        self.is_stale && !self.ended
    }

    /// Whether this run has published a whole segment.
    pub fn is_live(&self) -> bool {
        self.last().is_some_and(|last| last.run == self.config.run)
    }

    /// The growing segment, once it has a part.
    pub fn growing(&self) -> Option<&Segment> {
        self.open.as_ref().filter(|open| !open.parts.is_empty())
    }

    /// The part that comes next: the preload hint. `None` after the end.
    pub fn next_part(&self) -> Option<(Msn, u32)> {
        if self.ended {
            return None;
        }
        Some(match (&self.open, self.segments.back()) {
            (Some(open), _) if self.goes_on(open) => (open.start.msn, open.parts.len() as u32),
            (Some(open), _) => (Msn(open.start.msn.0 + 1), 0),
            (None, Some(last)) => (Msn(last.start.msn.0 + 1), 0),
            (None, None) => (self.config.first.msn, 0),
        })
    }

    /// Whether the growing segment gets another part. The end of one that has a length of its own is told with its last part.
    fn goes_on(&self, open: &Segment) -> bool {
        self.has_own_lengths(open.start.init) || open.parts.len() < self.config.segment_parts as usize
    }

    /// Whether segments that need that init segment have lengths of their own.
    fn has_own_lengths(&self, init: InitId) -> bool {
        self.inits.iter().rev().find(|known| known.id == init).is_some_and(|known| known.segment_frames == 0)
    }

    /// Beyond all numbers given so far: where another run may begin.
    pub fn next_numbers(&self) -> FirstNumbers {
        let newest = self.open.as_ref().or(self.segments.back().map(Arc::as_ref));
        let begins = self.open.as_ref().is_some_and(|open| open.start.discontinuity);
        let keys = self.open.as_ref().map_or(0, |open| open.key_frames().len() as u64);
        FirstNumbers {
            msn: newest.map_or(self.config.first.msn, |segment| Msn(segment.start.msn.0 + 1)),
            discontinuities: self.gone.discontinuities + self.sums.discontinuities + u64::from(begins),
            key_frames: self.gone.key_frames + self.sums.key_frames + keys,
        }
    }

    /// A whole segment that is fetchable.
    pub fn segment(&self, msn: Msn) -> Option<&Segment> {
        let place = self.segments.binary_search_by_key(&msn, |segment| segment.start.msn).ok()?;
        self.segments.get(place).map(Arc::as_ref)
    }

    /// Number of the first segment that is listed, or of the next one.
    pub fn first_listed(&self) -> Msn {
        self.listed().next().or(self.open.as_ref()).map_or(self.config.first.msn, |first| first.start.msn)
    }

    /// Adds the times of which there is listed footage: ranges of segments that follow each other, so that few are added.
    pub fn cover(&self, coverage: &mut Coverage) {
        let mut range: Option<TimeRange> = None;
        for segment in self.listed().chain(self.growing()).filter(|segment| !segment.is_gone()) {
            let (from, to) = (segment.start.wall, segment.start.wall + segment.duration);
            range = match range {
                Some(known) if (-TICKS_PER_S..TICKS_PER_S).contains(&from.since(known.to).0) => Some(TimeRange { to, ..known }),
                before => {
                    before.into_iter().for_each(|before| coverage.add(before));
                    Some(TimeRange { from, to })
                }
            };
        }
        range.into_iter().for_each(|range| coverage.add(range));
    }

    /// The listed segments of a time, and the one that grows. It costs as much as there are segments.
    pub fn footage(&self, time: TimeRange) -> Footage {
        let first = self.listed().find(|segment| !segment.is_gone()).or(self.growing());
        let last = self.growing().or(self.last());
        let kept = first.zip(last).map(|(first, last)| TimeRange { from: first.start.wall, to: last.start.wall + last.duration });
        Footage {
            inits: self.inits.iter().cloned().collect(),
            segments: self.segments.range(self.unlisted.len()..).filter(|segment| time.has(segment)).cloned().collect(),
            growing: self.growing().filter(|growing| time.has(growing)).cloned(),
            kept,
            has_ended: self.ended,
        }
    }

    /// Number of the first segment that is fetchable, or of the next one.
    pub fn first_held(&self) -> Msn {
        self.segments.front().map(Arc::as_ref).or(self.open.as_ref()).map_or(self.config.first.msn, |first| first.start.msn)
    }

    /// A listed segment with all that must be known to keep it. It costs as much as there are segments behind it.
    pub fn whole(&self, msn: Msn) -> Option<Whole> {
        let place = self.segments.binary_search_by_key(&msn, |segment| segment.start.msn).ok()?;
        let segment = self.segments.get(place).filter(|_| place >= self.unlisted.len())?;
        let (mut discontinuities, mut key_frames) = (self.sums.discontinuities, self.sums.key_frames - segment.key_count);
        for after in self.segments.range(place + 1..) {
            discontinuities -= u64::from(after.start.discontinuity);
            key_frames -= after.key_count;
        }
        Some(Whole {
            segment: segment.clone(),
            init: self.init(segment.start.init)?.clone(),
            stretch: *self.timeline.stretches().rfind(|stretch| stretch.first.msn <= msn)?,
            zero: self.timeline.zero()?,
            discontinuities: self.gone.discontinuities + discontinuities,
            key_frames: self.gone.key_frames + key_frames,
        })
    }

    /// A fetchable part, with its segment.
    pub fn find_part(&self, msn: Msn, index: u32) -> Option<(&Segment, &Part)> {
        let segment = self
            .segment(msn)
            .filter(|segment| segment.has_published_parts)
            .or_else(|| self.open.as_ref().filter(|open| open.start.msn == msn))?;
        Some((segment, segment.parts.get(index as usize)?))
    }

    /// How long a segment stays fetchable from now, as planned: only a window that runs out of bytes shortens it.
    pub fn lifetime(&self, segment: &Segment) -> Span {
        let front = self.segments.front().map_or(segment.start.msn, |front| front.start.msn);
        match self.unlisted.get((segment.start.msn.0 - front.0) as usize) {
            Some(keep) => keep.until.since(self.now).max(Span::ZERO),
            None => {
                let planned = (segment.first_listed + segment.duration + self.sums.span).since(self.now);
                planned.max(self.keep_at_least(segment.duration))
            }
        }
    }

    /// An init segment.
    pub fn init(&self, id: InitId) -> Option<&Init> {
        self.inits.iter().find(|init| init.id == id)
    }

    /// Entries of the I-frame playlist so far, listed or gone: the number of its last one.
    pub fn key_frames_so_far(&self) -> u64 {
        self.gone.key_frames + self.sums.key_frames
    }

    /// The runs without a discontinuity.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Listed segments at the front that a delta update leaves out: those whose end lies farther from the end of the last whole segment
    /// than the skip boundary (§6.2.5.1).
    fn skippable(&self) -> usize {
        let (mut after, mut shown) = (Span::ZERO, 0);
        for segment in self.listed().rev() {
            if after > self.config.skip_until() {
                break;
            }
            (after, shown) = (after + segment.duration, shown + 1);
        }
        self.listed().len() - shown
    }

    /// This version as it is, for use without the window's lock. It holds the listed segments from `since` on, and those that
    /// any reader needs, which are few however long the window is.
    pub fn snapshot(&self, since: Msn) -> Snapshot {
        let listed = self.segments.range(self.unlisted.len()..);
        let first = listed.clone().next().cloned();
        let skippable = self.skippable();
        let new = first.as_ref().map_or(0, |first| since.0.saturating_sub(first.start.msn.0) as usize);
        let told = self.inits.iter().any(|init| init.segment_frames == 0).then(|| listed.len().saturating_sub(TOLD_MAX));
        let left_out = skippable.min(self.without_parts).min(new).min(told.unwrap_or(usize::MAX));
        Snapshot {
            config: self.config.clone(),
            version: self.version,
            made: self.made,
            made_wall: self.made_wall,
            ended: self.ended,
            inits: self.inits.clone(),
            listed_len: listed.len(),
            without_parts: self.without_parts,
            skippable,
            segments: listed.skip(left_out).cloned().collect(),
            first,
            growing: self.growing().cloned(),
            next_part: self.next_part(),
            sums: self.sums,
            peaks: self.peaks,
            gone: self.gone,
            ranges: self.ranges.clone(),
            timeline: self.timeline.clone(),
        }
    }
}
