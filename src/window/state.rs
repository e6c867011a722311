//! What the window holds, and how it changes: pure, for the time of each change is given with it. Publishing costs the same however long
//! the window is: segments are shared, not copied, and sums are kept, not counted anew.

mod disk;
mod reading;

use super::{
    WindowConfig,
    numbers::FirstNumbers,
    past::Past,
    ranges::{DateRange, Origin, Ranges},
    timeline::{Stretch, Timeline},
};
use crate::{
    package::{
        InitId, Msn, PackagerEvent, Part, SegmentStart,
        key_group::{KeyGroup, by_key_frames},
        media_bytes::MediaBytes,
        track_params::TrackParams,
    },
    time::{Span, Ticks, WallTime},
};
use disk::OnDisk;
use std::{collections::VecDeque, sync::Arc};

/// Segments that stay listed whatever the span (Apple's authoring specification 8.11).
const LISTED_MIN: usize = 6;

/// An init segment.
#[derive(Clone, Debug)]
pub struct Init {
    /// Its number.
    pub id: InitId,
    /// The run that made it.
    pub run: Arc<str>,
    /// The bytes served.
    pub data: MediaBytes,
    /// What it describes.
    pub params: TrackParams,
    /// Frames in a full segment that needs it; 0 where segments have lengths of their own.
    pub segment_frames: u32,
}

/// Whether a segment's text carries its EXT-X-MAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapLine {
    /// The segment before it needs another init segment, or there is none.
    Own,
    /// The one in force is right.
    Inherited,
}

/// A segment, whole or growing.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The run that made it.
    pub run: Arc<str>,
    /// What was known at its start.
    pub start: SegmentStart,
    /// Its EXT-X-MAP.
    pub map: MapLine,
    /// Its parts; the segment's bytes are theirs, in order. One that is gone has none: EXT-X-GAP stands for it.
    pub parts: Vec<Part>,
    /// Its parts are those that were published; of one that lies on the disk each reaches from one key frame to the next.
    pub has_published_parts: bool,
    /// Sum of its parts.
    pub duration: Span,
    /// Sum of its parts.
    pub bytes: u64,
    /// When it was first listed; for a growing one, when it began.
    pub first_listed: Ticks,
    /// Its key frames, counted when it is whole.
    pub key_count: u64,
    /// Their bytes.
    pub key_bytes: u64,
}

/// How long a segment that is no longer listed stays fetchable.
#[derive(Clone, Copy, Debug)]
struct Keep {
    /// The Availability Duration of §6.2.2.
    until: Ticks,
    /// What stays even when bytes are short.
    at_least_until: Ticks,
}

/// A key frame of a segment, with the `moof` that leads to it: an entry of the I-frame playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFrame {
    /// From the segment's first byte.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// From the segment's first frame.
    pub at: Span,
    /// Until the next key frame, or the segment's end.
    pub duration: Span,
}

impl Segment {
    /// It was not kept: EXT-X-GAP stands for it.
    pub fn is_gone(&self) -> bool {
        self.parts.is_empty()
    }

    /// Where its last part ends.
    pub fn end(&self) -> Ticks {
        self.start.at + self.duration
    }

    /// Its key frames.
    pub fn key_frames(&self) -> Vec<KeyFrame> {
        let mut keys: Vec<KeyFrame> = Vec::new();
        let (mut offset, mut at) = (0, Span::ZERO);
        for KeyGroup { first, duration, len } in by_key_frames(&self.parts) {
            if let Some(key_len) = first.key_len {
                keys.push(KeyFrame { offset, len: u64::from(key_len), at, duration });
            }
            (offset, at) = (offset + len as u64, at + duration);
        }
        keys
    }
}

/// Sums over the listed segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Their length.
    pub span: Span,
    /// Their bytes.
    pub bytes: u64,
    /// Their key frames.
    pub key_frames: u64,
    /// The bytes of their key frames.
    pub key_bytes: u64,
    /// Those that begin behind an EXT-X-DISCONTINUITY.
    pub discontinuities: u64,
}

/// Highest bit rates so far, bit/s; they only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peaks {
    /// Of a segment.
    pub segment: u64,
    /// Of an entry of the I-frame playlist.
    pub key_frame: u64,
}

/// A whole segment, with all that must be known to keep it.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The segment.
    pub segment: Arc<Segment>,
    /// The init segment that it needs.
    pub init: Init,
    /// The stretch in which it lies.
    pub stretch: Stretch,
    /// The zero of the timeline.
    pub zero: WallTime,
    /// Discontinuities up to its beginning, its own too.
    pub discontinuities: u64,
    /// Entries of the I-frame playlist before it.
    pub key_frames: u64,
}

/// What has left the front of the playlists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// EXT-X-DISCONTINUITY tags: the discontinuity sequence number.
    pub discontinuities: u64,
    /// Entries of the I-frame playlist.
    pub key_frames: u64,
}

/// What the window holds.
#[derive(Debug)]
pub struct State {
    pub(crate) config: Arc<WindowConfig>,
    /// The time of this look at the state.
    pub(crate) now: Ticks,
    pub(crate) wall: WallTime,
    inits: Arc<VecDeque<Init>>,
    /// Unlisted ones first, then the listed ones, in order of their numbers.
    segments: VecDeque<Arc<Segment>>,
    /// How long each of the unlisted ones stays.
    unlisted: VecDeque<Keep>,
    open: Option<Segment>,
    /// Listed segments whose parts are not listed any more.
    without_parts: usize,
    /// Length of the segments whose parts are listed, with the growing one.
    recent: Span,
    pub(crate) sums: Sums,
    pub(crate) peaks: Peaks,
    gone: Gone,
    /// Bytes of all segments and parts, listed or not.
    pub(crate) held_bytes: u64,
    longest: Span,
    on_disk: OnDisk,
    ranges: Arc<Ranges>,
    /// The runs without a discontinuity that reach into the window: the Periods of DASH.
    timeline: Arc<Timeline>,
    pub(crate) ended: bool,
    /// The camera was closed, and of what it gave since there is no whole segment: what is listed is not what a player that comes waits for.
    is_stale: bool,
    pub(crate) version: u64,
    /// When this version was made.
    made: Ticks,
    /// The wall time then.
    made_wall: WallTime,
}

impl State {
    /// An empty window.
    pub fn new(config: WindowConfig) -> State {
        let FirstNumbers { discontinuities, key_frames, .. } = config.first;
        State {
            config: Arc::new(config),
            now: Ticks::default(),
            wall: WallTime::default(),
            inits: Arc::default(),
            segments: VecDeque::new(),
            unlisted: VecDeque::new(),
            open: None,
            without_parts: 0,
            recent: Span::ZERO,
            sums: Sums::default(),
            peaks: Peaks::default(),
            gone: Gone { discontinuities, key_frames },
            held_bytes: 0,
            longest: Span::ZERO,
            on_disk: OnDisk::default(),
            ranges: Arc::default(),
            timeline: Arc::default(),
            ended: false,
            is_stale: false,
            version: 0,
            made: Ticks::default(),
            made_wall: WallTime::default(),
        }
    }

    /// Lists what earlier runs have left on the disk, before the first part of this run.
    pub(super) fn restore(&mut self, past: Past) {
        debug_assert!(self.open.is_none() && self.segments.is_empty(), "the past comes first");
        self.inits = Arc::new(past.inits.into());
        self.timeline = Arc::new(Timeline::of_past(past.zero, past.stretches));
        self.gone = past.gone;
        for mut segment in past.segments {
            // As if it had been listed since then; a clock that was set meanwhile makes it no younger.
            let age = self.wall.since(segment.start.wall + segment.duration).max(Span::ZERO);
            segment.first_listed = self.now - age;
            self.held_bytes += segment.bytes;
            self.list(segment);
        }
        self.without_parts = self.segments.len();
        self.on_disk.restored(self.segments.len());
        self.longest = self.sums.span;
    }

    /// Sets the time of the next look.
    pub fn look(&mut self, now: Ticks, wall: WallTime) {
        (self.now, self.wall) = (now, wall);
    }

    /// The camera was closed.
    pub(super) fn rest(&mut self) {
        self.is_stale = true;
    }

    /// Takes one event of the packager. Nothing is taken after the end.
    pub fn push(&mut self, event: PackagerEvent) {
        if self.ended {
            return;
        }
        match event {
            PackagerEvent::Init { id, data, params } => {
                let video = params.video().filter(|video| !video.passed);
                let (run, segment_frames) =
                    (self.config.run.clone(), video.map_or(0, |video| self.config.segment_frames(video.rate)));
                Arc::make_mut(&mut self.inits).push_back(Init { id, run, data, params, segment_frames });
            }
            PackagerEvent::Start(start) => self.start(start),
            PackagerEvent::Part(part) => self.part(part),
            PackagerEvent::End(_) => self.close(),
        }
    }

    /// The stream is over; a segment that still grows ends here.
    pub fn end(&mut self) {
        self.close();
        self.ended = true;
    }

    /// Makes what was pushed a new version.
    pub fn publish(&mut self) {
        self.list_fewer_parts();
        self.leave_memory();
        self.unlist();
        self.expire();
        self.version += 1;
        (self.made, self.made_wall) = (self.now, self.wall);
    }

    /// Lists a date range, or adds to a listed one what it lacks; says whether it is listed ([`Ranges::mark`]).
    pub(super) fn mark(&mut self, range: DateRange, origin: Origin) -> bool {
        !self.ended && Arc::make_mut(&mut self.ranges).mark(range, origin, self.now)
    }

    fn start(&mut self, start: SegmentStart) {
        self.close();
        let before = self.segments.back().map(|segment| (segment.start.msn, segment.start.init));
        debug_assert!(before.is_none_or(|(msn, _)| start.msn.0 == msn.0 + 1), "the segmenter numbers without gaps");
        let map = if before.is_some_and(|(_, init)| init == start.init) { MapLine::Inherited } else { MapLine::Own };
        // A Period of DASH counts in segments of one length, so behind a short one the next begins.
        let is_behind_short = self.segments.back().is_some_and(|last| !self.is_full(last));
        if self.timeline.is_empty() || start.discontinuity || is_behind_short {
            let before = self.segments.back().map(|segment| segment.end());
            Arc::make_mut(&mut self.timeline).begin(start, before);
        }
        self.open = Some(Segment {
            run: self.config.run.clone(),
            start,
            map,
            parts: Vec::with_capacity(self.config.segment_parts as usize),
            has_published_parts: true,
            duration: Span::ZERO,
            bytes: 0,
            first_listed: self.now,
            key_count: 0,
            key_bytes: 0,
        });
    }

    /// Whether a segment has its full length, to half a part: lengths in ticks are rounded.
    fn is_full(&self, segment: &Segment) -> bool {
        let init = self.inits.iter().rev().find(|init| init.id == segment.start.init);
        let full = init.and_then(|init| Some(init.params.video()?.rate.frame_start(i64::from(init.segment_frames))));
        full.is_none_or(|full| (full - segment.duration).0 * 2 < self.config.part_target.0)
    }

    fn part(&mut self, part: Part) {
        let Some(open) = &mut self.open else {
            debug_assert!(false, "the segmenter starts a segment before its parts");
            return;
        };
        debug_assert_eq!((open.start.msn, open.parts.len()), (part.msn, part.index as usize), "the segmenter numbers without gaps");
        let bytes = part.data.len() as u64;
        (open.duration, open.bytes) = (open.duration + part.duration, open.bytes + bytes);
        (self.recent, self.held_bytes) = (self.recent + part.duration, self.held_bytes + bytes);
        self.on_disk.hold(part.duration, bytes);
        open.parts.push(part);
    }

    /// The growing segment is whole.
    fn close(&mut self) {
        let Some(mut segment) = self.open.take().filter(|open| !open.parts.is_empty()) else { return };
        segment.first_listed = self.now;
        // What ends only now, and was captured before the camera was closed, has no discontinuity.
        self.is_stale &= !segment.start.discontinuity && !self.segments.is_empty();
        self.list(segment);
    }

    /// Lists a whole segment behind the others.
    fn list(&mut self, mut segment: Segment) {
        let keys = segment.key_frames();
        (segment.key_count, segment.key_bytes) = (keys.len() as u64, keys.iter().map(|key| key.len).sum());
        self.sums.span = self.sums.span + segment.duration;
        self.sums.bytes += segment.bytes;
        self.sums.key_frames += segment.key_count;
        self.sums.key_bytes += segment.key_bytes;
        self.sums.discontinuities += u64::from(segment.start.discontinuity);
        // BANDWIDTH looks at runs of half a target duration to one and a half (§4.4.6.2): our full segments, one by one.
        if segment.duration.0 * 2 >= self.config.target_duration().0 {
            self.peaks.segment = self.peaks.segment.max(bit_rate(segment.bytes, segment.duration));
        }
        for key in &keys {
            self.peaks.key_frame = self.peaks.key_frame.max(bit_rate(key.len, key.duration));
        }
        self.segments.push_back(Arc::new(segment));
    }

    /// Parts farther than 3 target durations from the end are not listed any more (§6.2.2), a whole segment's at a time: hls.js leaves
    /// its part mode when the list is shorter.
    fn list_fewer_parts(&mut self) {
        while let Some(oldest) = self.segments.get(self.unlisted.len() + self.without_parts) {
            if (self.recent - oldest.duration).0 <= self.config.target_duration().0 * 3 {
                break;
            }
            self.recent = self.recent - oldest.duration;
            self.without_parts += 1;
        }
    }

    fn listed_len(&self) -> usize {
        self.segments.len() - self.unlisted.len()
    }

    /// Drops from the front what is beyond the span or the bytes, but never below 3 target durations (§6.2.2).
    fn unlist(&mut self) {
        while let Some(front) = self.segments.get(self.unlisted.len()) {
            let left = self.sums.span - front.duration;
            let too_long = left >= self.config.span && self.listed_len() > LISTED_MIN;
            // A tick for each segment: a client adds up rounded lengths, and must not come out below.
            let floor = self.config.target_duration() * 3 + Span(self.listed_len() as i64);
            if !(too_long || self.too_big()) || left < floor {
                break;
            }
            self.unlist_front();
        }
        self.longest = self.longest.max(self.sums.span + self.config.part_target * i64::from(self.config.segment_parts));
    }

    /// The segments up to that one are deleted. Those that must stay listed (§6.2.2) are, and answered as lost.
    pub(super) fn forget_through(&mut self, last: Msn) -> bool {
        let before = self.unlisted.len();
        while let Some(front) = self.segments.get(self.unlisted.len()).filter(|front| front.start.msn <= last) {
            let floor = self.config.target_duration() * 3 + Span(self.listed_len() as i64);
            if self.sums.span - front.duration < floor || self.listed_len() <= LISTED_MIN {
                break;
            }
            self.unlist_front();
        }
        for (keep, _) in self.unlisted.iter_mut().zip(&self.segments).filter(|(_, segment)| segment.start.msn <= last) {
            (keep.until, keep.at_least_until) = (self.now, self.now);
        }
        let in_file = |segment: &Segment| matches!(segment.parts.first(), Some(Part { data: MediaBytes::File(_), .. }));
        let listed = self.segments.iter().enumerate().skip(self.unlisted.len());
        let lost: Vec<usize> = listed
            .take_while(|(_, segment)| segment.start.msn <= last)
            .filter(|(_, segment)| in_file(segment))
            .map(|(n, _)| n)
            .collect();
        lost.into_iter().for_each(|place| self.lose(place));
        self.unlisted.len() > before
    }

    /// Whether the listed segments, and those that stay fetchable for a while after them, exceed the bytes.
    fn too_big(&self) -> bool {
        let (listed, kept) = (self.sums.span.0.max(1) as u128, self.keep_at_least(self.config.target_duration()).0 as u128);
        u128::from(self.sums.bytes) * (listed + kept) > u128::from(self.config.bytes_max) * listed
    }

    /// From its un-listing, a segment stays for its own duration and 3 target durations: a client that got the last playlist with it has
    /// the time to fetch it, and its parts stay as long as §6.2.2 asks.
    fn keep_at_least(&self, duration: Span) -> Span {
        duration + self.config.target_duration() * 3
    }

    fn unlist_front(&mut self) {
        let segment = self.segments[self.unlisted.len()].clone();
        if self.without_parts == 0 {
            self.recent = self.recent - segment.duration;
        }
        self.without_parts = self.without_parts.saturating_sub(1);
        let at_least_until = self.now + self.keep_at_least(segment.duration);
        // §6.2.2: first listed + its own duration + the longest playlist that listed it.
        let until = segment.first_listed + segment.duration + self.longest;
        self.unlisted.push_back(Keep { until: until.max(at_least_until), at_least_until });
        self.sums.span = self.sums.span - segment.duration;
        self.sums.bytes -= segment.bytes;
        self.sums.key_frames -= segment.key_count;
        self.sums.key_bytes -= segment.key_bytes;
        self.sums.discontinuities -= u64::from(segment.start.discontinuity);
        self.gone.discontinuities += u64::from(segment.start.discontinuity);
        self.gone.key_frames += segment.key_count;
        let Some(first) = self.segments.get(self.unlisted.len()).map(|first| first.start) else { return };
        let ranges = Arc::make_mut(&mut self.ranges);
        ranges.forget_before(first.wall, self.now, self.config.skip_until());
        if Arc::make_mut(&mut self.timeline).forget_before(first.msn) {
            // Dates of a clock that was ahead would stay until that time has come.
            ranges.forget_told_before(first.at, self.wall, self.now);
        }
    }

    /// Frees segments whose time is over, and init segments that no segment needs.
    fn expire(&mut self) {
        while let Some(keep) = self.unlisted.front().copied() {
            let short = self.held_bytes > self.config.bytes_max;
            if self.now < if short { keep.at_least_until } else { keep.until } {
                break;
            }
            self.unlisted.pop_front();
            if let Some(segment) = self.segments.pop_front() {
                self.held_bytes -= segment.bytes;
                self.on_disk.forget(&segment);
            }
        }
        let needed = self.segments.front().map(Arc::as_ref).or(self.open.as_ref()).map(|segment| segment.start.init);
        while self.inits.get(1).is_some_and(|next| needed.is_some_and(|needed| next.id <= needed)) {
            Arc::make_mut(&mut self.inits).pop_front();
        }
    }
}

/// Bit/s, rounded up; 0 for no time.
pub(crate) fn bit_rate(bytes: u64, span: Span) -> u64 {
    if span.0 <= 0 { 0 } else { (u128::from(bytes) * 8 * 90_000).div_ceil(span.0 as u128) as u64 }
}
