//! The rolling window of parts and segments. The segmenter's thread pushes, the server's tasks read and
//! wait. A standard mutex guards it (no await and no I/O under it); a `watch` wakes the tasks that wait for the next version.
//!
//! It never decides what a request means (`server::origin`) or how a playlist reads (`playlist`). Work that takes longer, such as rendering a
//! playlist, uses a [`Snapshot`] without the lock.

#[cfg(test)]
pub(crate) mod feed;
pub mod footage;
pub mod numbers;
pub mod past;
pub mod ranges;
pub mod snapshot;
pub mod state;
#[cfg(test)]
mod tests;
pub mod timeline;

use crate::{
    package::{Msn, PackagerEvent, media_bytes::MediaBytes},
    sync::lock,
    time::{Clock, FrameRate, Span, TICKS_PER_S, Ticks, WallTime},
};
use footage::{Coverage, Footage, TimeRange};
use numbers::FirstNumbers;
use past::Past;
use ranges::{DateRange, Origin};
use serde::Serialize;
use snapshot::Snapshot;
use state::{State, Whole, bit_rate};
use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock},
};
use timeline::Stretch;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Requests that may wait for a window at a time: a playlist and a part for each of the connections that a server takes. A waiter is a
/// future of some KB.
pub const WAITERS_MAX: usize = 16_384;

/// A request that waits; dropping it makes room.
pub type WaiterPermit = OwnedSemaphorePermit;

/// Window when none is asked: enough to rewind a moment that was just missed.
pub const SPAN_DEFAULT: Span = Span::from_ms(300_000);
/// Bytes that the window may hold when no limit is asked.
pub const BYTES_DEFAULT: u64 = 1 << 30;

/// Bytes that stay free on the disk when nothing else is asked: other programs of the system go on.
pub const MIN_FREE_DEFAULT: u64 = 2 << 30;

/// How much a window keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Its length: what playlists list.
    pub span: Span,
    /// Bytes that it may hold in memory.
    pub bytes_max: u64,
    /// How much room it has on a disk, where it is kept on one.
    pub disk: Option<DiskRoom>,
}

/// How much room a history may take on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskRoom {
    /// Footage that is kept where there is room for it: the window's length, or longer.
    pub span: Span,
    /// Bytes of all its files.
    pub bytes_max: u64,
    /// Bytes that stay free on the disk.
    pub min_free: u64,
}

impl Default for History {
    fn default() -> History {
        History { span: SPAN_DEFAULT, bytes_max: BYTES_DEFAULT, disk: None }
    }
}

/// What a window is, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowConfig {
    /// Short id of this run of the program, in every media name, so that caches never mix two runs. Letters and digits.
    pub run: Arc<str>,
    /// Where the numbers of this run begin.
    pub first: FirstNumbers,
    /// EXT-X-TARGETDURATION in seconds, at least 1: the longest segment, rounded. It never changes (§6.2.1).
    pub target_duration_s: u32,
    /// PART-TARGET: the longest a part can be. It never changes.
    pub part_target: Span,
    /// Parts in a full segment, at least 1.
    pub segment_parts: u32,
    /// Length of the window: what is listed is at least this long, and at most one segment longer.
    pub span: Span,
    /// Bytes that the window may hold, with what stays fetchable after its un-listing. Exceeded only where less than 3 target
    /// durations would be left, or for the 3 target durations after an un-listing.
    pub bytes_max: u64,
    /// Of those, what may be in memory where a disk takes what is older; `None` where all is in memory.
    pub memory_max: Option<u64>,
}

impl WindowConfig {
    /// Frames in a full segment at that rate.
    pub fn segment_frames(&self, rate: FrameRate) -> u32 {
        // The part target is the length of a part's frames rounded up, by less than a frame.
        let part_frames = i128::from(self.part_target.0) * i128::from(rate.num) / (i128::from(TICKS_PER_S) * i128::from(rate.den));
        part_frames.max(1) as u32 * self.segment_parts
    }

    /// The target duration.
    pub fn target_duration(&self) -> Span {
        Span(i64::from(self.target_duration_s) * TICKS_PER_S)
    }

    /// CAN-SKIP-UNTIL: 6 target durations, the least that §4.4.3.8 allows.
    pub fn skip_until(&self) -> Span {
        self.target_duration() * 6
    }
}

/// The window's part of `GET /api/status`, and of the status line.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Length of the listed segments, seconds.
    pub span_s: f64,
    /// Bytes of the listed segments.
    pub bytes: u64,
    /// Bytes held in all: listed, growing, and still fetchable.
    pub held_bytes: u64,
    /// Listed segments.
    pub segments: usize,
    /// Media sequence number of the first listed segment; 0 before there is one.
    pub first_msn: u64,
    /// Media sequence number of the last whole segment; 0 before there is one.
    pub last_msn: u64,
    /// Average bit rate of the listed segments, bit/s.
    pub average_bps: u64,
    /// Highest bit rate of a segment so far, bit/s.
    pub peak_bps: u64,
    /// The stream has ended.
    pub ended: bool,
}

/// The rolling window.
pub struct Window {
    /// What is expected until the source is open.
    expected: WindowConfig,
    settled: OnceLock<WindowConfig>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    version: watch::Sender<u64>,
    waiter_permits: Arc<Semaphore>,
    /// Its length and its bytes, where they were changed.
    limits: Mutex<Option<(Span, u64)>>,
}

fn limit(state: &mut State, limits: Option<(Span, u64)>) {
    if let Some((span, bytes_max)) = limits {
        state.config = Arc::new(WindowConfig { span, bytes_max, ..(*state.config).clone() });
    }
}

impl Window {
    /// An empty window.
    pub fn new(config: WindowConfig, clock: Arc<dyn Clock>) -> Window {
        let state = Mutex::new(State::new(config.clone()));
        let waiter_permits = Arc::new(Semaphore::new(WAITERS_MAX));
        Window {
            expected: config,
            settled: OnceLock::new(),
            clock,
            state,
            version: watch::Sender::new(0),
            waiter_permits,
            limits: Mutex::default(),
        }
    }

    /// The source is open, and the window is what it says: once, before the first part. What earlier runs have left is listed from then on.
    pub fn settle(&self, config: WindowConfig, past: Option<Past>) {
        self.change(|state| {
            state.config = Arc::new(self.settled.get_or_init(|| config).clone());
            limit(state, *lock(&self.limits));
            let past = past.filter(|past| !past.segments.is_empty());
            past.map(|past| state.restore(past)).is_some()
        });
    }

    /// Another length, and other bytes, from the next part on: what is too much then is listed no more. For windows in memory.
    pub fn set_limits(&self, span: Span, bytes_max: u64) {
        let mut state = lock(&self.state);
        *lock(&self.limits) = Some((span, bytes_max));
        limit(&mut state, Some((span, bytes_max)));
    }

    /// The disk has a segment, or could not take it. No new version: what is listed stays the same.
    pub fn tell_stored(&self, msn: Msn, data: Option<MediaBytes>) {
        lock(&self.state).tell_stored(msn, data);
    }

    /// The camera was closed: until a segment of after that is whole, players that come wait for it.
    pub fn rest(&self) {
        lock(&self.state).rest();
    }

    /// Takes one event of the packager.
    pub fn push(&self, event: PackagerEvent) {
        self.push_all([event]);
    }

    /// Takes events that belong together, such as a segment's last part and its end: no reader sees a state between them.
    pub fn push_all(&self, events: impl IntoIterator<Item = PackagerEvent>) {
        self.change(|state| {
            let mut seen = false;
            for event in events {
                // An init segment and a segment without parts are not listed, so they make no version.
                seen |= matches!(event, PackagerEvent::Part(_) | PackagerEvent::End(_));
                state.push(event);
            }
            seen
        });
    }

    /// Lists a date range, or adds to a listed one what it lacks. Says whether it is listed; it is not if it cannot be written, if its
    /// ID was used before, or if there is no room ([`ranges`]). Who asks sees it at once. Who waits does so for a part and sees it with
    /// the next one: thousands of waiters are not woken for each marker.
    pub fn mark(&self, range: DateRange, origin: Origin) -> bool {
        let mut state = lock(&self.state);
        state.look(self.clock.now(), self.clock.wall());
        let listed = state.mark(range, origin);
        if listed {
            state.publish();
        }
        listed
    }

    /// The date that the playlists give to a moment of media time; none before the first part of its stretch.
    pub fn wall_at(&self, at: Ticks) -> Option<WallTime> {
        self.read(|state| state.timeline().stretch_at(at).map(|stretch| stretch.first.wall + at.since(stretch.first.at)))
    }

    /// The newest stretch without a discontinuity; none before the first part.
    pub fn newest_stretch(&self) -> Option<Stretch> {
        self.read(|state| state.timeline().stretches().next_back().copied())
    }

    /// Whether all that is listed is dated by the clock of now.
    pub fn has_one_clock(&self) -> bool {
        self.read(|state| !state.timeline().stretches().skip(1).any(|stretch| stretch.stepped))
    }

    /// Beyond all numbers given so far: where another run may begin.
    pub fn next_numbers(&self) -> FirstNumbers {
        self.read(State::next_numbers)
    }

    /// A listed segment that is whole, with all that must be known to keep it.
    pub fn whole(&self, msn: Msn) -> Option<Whole> {
        self.read(|state| state.whole(msn))
    }

    /// The listed segments of a time, and the one that grows.
    pub fn footage(&self, time: TimeRange) -> Footage {
        self.read(|state| state.footage(time))
    }

    /// Adds the times of which there is listed footage.
    pub fn cover(&self, coverage: &mut Coverage) {
        self.read(|state| state.cover(coverage));
    }

    /// Number of the first segment that is listed, or of the next one.
    pub fn first_listed(&self) -> Msn {
        self.read(State::first_listed)
    }

    /// When the newest frame ends; none before there is one.
    pub fn newest_wall(&self) -> Option<WallTime> {
        self.read(|state| state.growing().or(state.last()).map(|newest| newest.start.wall + newest.duration))
    }

    /// Number of the first segment that can be fetched.
    pub fn first_held(&self) -> Msn {
        self.read(State::first_held)
    }

    /// The segments up to that one are deleted: they are listed no longer, as far as a playlist may become shorter.
    pub fn forget_through(&self, last: Msn) {
        self.change(|state| state.forget_through(last));
    }

    /// The disk has lost all that it had. What is not in memory is listed no longer; the number of the first segment that is comes back, to be
    /// kept again.
    pub fn forget_stored(&self) -> Option<Msn> {
        let mut first = None;
        self.change(|state| {
            let (is_shorter, in_memory) = state.forget_stored();
            first = in_memory;
            is_shorter
        });
        first
    }

    /// The date of the first listed frame; none before there is one.
    pub fn first_wall(&self) -> Option<WallTime> {
        self.read(|state| state.listed().next().or(state.growing()).map(|segment| segment.start.wall))
    }

    /// Ends the stream: the playlists get EXT-X-ENDLIST, and all waiting requests are answered.
    pub fn end(&self) {
        self.change(|state| {
            let live = !state.ended;
            state.end();
            live
        });
    }

    /// What `/api/status` tells.
    pub fn summary(&self) -> Summary {
        self.read(|state| Summary {
            span_s: state.sums.span.as_s(),
            bytes: state.sums.bytes,
            held_bytes: state.held_bytes,
            segments: state.listed().len(),
            first_msn: state.listed().next().map_or(0, |segment| segment.start.msn.0),
            last_msn: state.last().map_or(0, |segment| segment.start.msn.0),
            average_bps: bit_rate(state.sums.bytes, state.sums.span),
            peak_bps: state.peaks.segment,
            ended: state.ended,
        })
    }

    /// What it is; what is expected, until it is settled.
    pub fn config(&self) -> &WindowConfig {
        self.settled.get().unwrap_or(&self.expected)
    }

    /// The newest version, with the listed segments from `since` on.
    pub fn snapshot(&self, since: Msn) -> Snapshot {
        self.read(|state| state.snapshot(since))
    }

    /// Looks at the state as it is now. The publisher waits meanwhile: no await, no I/O.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        let mut state = lock(&self.state);
        state.look(self.clock.now(), self.clock.wall());
        look(&state)
    }

    /// Requests that wait now.
    pub fn waiters(&self) -> usize {
        WAITERS_MAX - self.waiter_permits.available_permits()
    }

    /// A permit for a request to wait; `None` when [`WAITERS_MAX`] wait already.
    pub fn waiter_permit(&self) -> Option<WaiterPermit> {
        self.waiter_permits.clone().try_acquire_owned().ok()
    }

    /// Wakes at every new version.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Changes the state; `change` says whether a reader can see it.
    fn change(&self, change: impl FnOnce(&mut State) -> bool) {
        let version = {
            let mut state = lock(&self.state);
            state.look(self.clock.now(), self.clock.wall());
            if !change(&mut state) {
                return;
            }
            state.publish();
            state.version
        };
        self.version.send_replace(version);
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").field("config", self.config()).finish_non_exhaustive()
    }
}
