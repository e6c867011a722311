//! Responses in flight: how much memory they hold and how fast they are sent. Responses to slow readers are ended, so that one client
//! cannot use up the memory of the others.
//!
//! A response is sent whole or streamed. The body of a whole one is shared with the window (a segment, a playlist) or owned (a page of
//! markers). An owned body counts at once. A shared body counts after [`LINGER`], once for all responses with the same bytes, because by
//! then the window may have dropped it. A viewer that keeps up has read a segment long before that.

use crate::sync::lock;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// Limit of the counted bytes of all responses in flight: a few readers at a time of the longest pages of markers, or a minute of a stream of 2 Mbit/s
/// that the window has let go.
pub const ANSWERS_BYTES_MAX: usize = 16 << 20;

/// Slowest that an answer may go out, in bytes a second: below 32 kbit/s no picture comes through, be it one each few seconds.
pub const ANSWER_RATE_MIN: usize = 4096;

/// An answer may stand still this long before its rate matters: a phone in a lift, a laptop whose network changes. Longer than
/// [`HEARTBEAT`](crate::server::HEARTBEAT), so that a client of events that reads has read something.
pub const ANSWER_PATIENCE: Duration = Duration::from_secs(20);

/// A shared answer that is not out after this time counts. The longest segment that is shown in real time needs no longer than itself.
const LINGER: Duration = Duration::from_secs(5);

/// An answer is not ended for want of room before it is so old: the newest have had no time to be slow.
const GRACE: Duration = Duration::from_secs(1);

/// How many times its patience an answer has at most, however fast it went out before.
const CREDIT: u32 = 3;

/// Shortest answer that is refused when all bytes are in use: shorter ones (the status, errors) use [`ROOM`] beyond.
const LARGE: usize = 64 << 10;

/// When answers must be ended, so much room is made at once: ending them one by one would look at all of them each time.
const ROOM: usize = ANSWERS_BYTES_MAX / 8;

/// Who owns the bytes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Ownership {
    /// The response.
    Owned,
    /// The window. The address of the first byte, with the length, identifies the body while it is in flight.
    Shared(usize),
    /// The response holds one piece at a time; its length is unknown.
    Stream,
}

/// All responses in flight.
#[derive(Debug, Default)]
pub(in crate::server) struct InFlight {
    inner: Mutex<Inner>,
    /// Responses ended because their readers were too slow.
    slow: AtomicU64,
    /// Responses refused because there was no room.
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    answers: HashMap<u64, Entry>,
    next: u64,
    /// Bytes of the owned bodies.
    copies: usize,
    /// Bytes of the shared bodies that linger, at the last sweep.
    lingering: usize,
}

#[derive(Debug)]
struct Entry {
    ownership: Ownership,
    len: usize,
    begun: Instant,
    /// Bytes sent; for a stream, how often it was polled for more.
    sent: Arc<AtomicU64>,
    /// `sent` at the last sweep.
    seen: u64,
    /// When the response is too slow if nothing more is sent; `None` before the first sweep.
    deadline: Option<Instant>,
    cancellation: Arc<Cancellation>,
}

/// Ends a connection.
#[derive(Debug, Default)]
pub(in crate::server) struct Cancellation {
    is_over: AtomicBool,
    over: Notify,
}

impl Cancellation {
    /// Waits until the connection is to end.
    pub(in crate::server) async fn ended(&self) {
        while !self.is_over.load(Ordering::Acquire) {
            self.over.notified().await;
        }
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.over.notify_one();
    }
}

/// Keeps an answer counted among those in flight until it is dropped.
#[derive(Debug)]
pub(in crate::server) struct InFlightGuard {
    all: Arc<InFlight>,
    id: u64,
    ownership: Ownership,
    sent: Arc<AtomicU64>,
}

impl InFlightGuard {
    /// Counts `n` more bytes as sent.
    pub(in crate::server) fn sent(&self, n: usize) {
        if self.ownership != Ownership::Stream {
            self.sent.fetch_add(n as u64, Ordering::Relaxed);
        }
    }

    /// The connection has room for more of a stream.
    pub(in crate::server) fn asked_for_more(&self) {
        if self.ownership == Ownership::Stream {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.all.inner().remove(self.id);
    }
}

/// The counts for `/api/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(in crate::server) struct InFlightReport {
    /// Responses in flight.
    pub(in crate::server) under_way: usize,
    /// Counted bytes.
    pub(in crate::server) bytes: usize,
    /// Their limit.
    pub(in crate::server) bytes_max: usize,
    /// Responses ended since the start because their readers were too slow.
    pub(in crate::server) slow: u64,
    /// Responses refused since the start because there was no room.
    pub(in crate::server) refused: u64,
}

impl InFlight {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Counts an answer of `len` bytes. Returns `None` if there is no room and no answer is slow enough to be ended for it. `cancellation`
    /// ends the connection.
    pub(in crate::server) fn begin(
        self: &Arc<Self>,
        ownership: Ownership,
        len: usize,
        cancellation: &Arc<Cancellation>,
    ) -> Option<InFlightGuard> {
        let (mut inner, now) = (self.inner(), Instant::now());
        if ownership == Ownership::Owned && !inner.fits(len) {
            let ended = inner.make_room(len + ROOM, now);
            self.slow.fetch_add(ended, Ordering::Relaxed);
            if !inner.fits(len) {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        }
        let (id, sent) = (inner.next, Arc::new(AtomicU64::new(0)));
        inner.next += 1;
        inner.copies += if ownership == Ownership::Owned { len } else { 0 };
        inner.answers.insert(
            id,
            Entry { ownership, len, begun: now, sent: sent.clone(), seen: 0, deadline: None, cancellation: cancellation.clone() },
        );
        Some(InFlightGuard { all: self.clone(), id, ownership, sent })
    }

    /// ConnectionInfo what is below [`ANSWER_RATE_MIN`] after `patience`, and the slowest of what lingers beyond [`ANSWERS_BYTES_MAX`]. It is called
    /// every second or so.
    pub(in crate::server) fn sweep(&self, patience: Duration) {
        let (mut inner, now) = (self.inner(), Instant::now());
        let slow: Vec<u64> =
            inner.answers.iter_mut().filter_map(|(id, entry)| entry.is_too_slow(patience, now).then_some(*id)).collect();
        let mut ended: u64 = slow.into_iter().map(|id| inner.end(id)).sum();
        inner.weigh(now);
        if inner.counted() > ANSWERS_BYTES_MAX {
            ended += inner.make_room(ROOM, now);
        }
        drop(inner);
        self.slow.fetch_add(ended, Ordering::Relaxed);
        if ended > 0 {
            tracing::debug!("{ended} answers were ended, for their readers were too slow");
        }
    }

    pub(in crate::server) fn report(&self) -> InFlightReport {
        let inner = self.inner();
        InFlightReport {
            under_way: inner.answers.len(),
            bytes: inner.counted(),
            bytes_max: ANSWERS_BYTES_MAX,
            slow: self.slow.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

impl Inner {
    fn counted(&self) -> usize {
        self.copies + self.lingering
    }

    /// Whether an owned body of `len` bytes has room. A body above the limit is sent alone.
    fn fits(&self, len: usize) -> bool {
        let most = if len < LARGE { ANSWERS_BYTES_MAX + ROOM } else { ANSWERS_BYTES_MAX };
        self.counted() == 0 || self.counted() + len <= most
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.answers.remove(&id)?;
        self.copies -= if entry.ownership == Ownership::Owned { entry.len } else { 0 };
        Some(entry)
    }

    /// Ends the connection of an answer, which frees its bytes. Returns how many answers were ended.
    fn end(&mut self, id: u64) -> u64 {
        let Some(entry) = self.remove(id) else { return 0 };
        entry.cancellation.end();
        1
    }

    /// Counts the shared bodies that linger.
    fn weigh(&mut self, now: Instant) {
        let mut seen = HashSet::new();
        let lingering = self.answers.values().filter_map(|entry| Some((entry.lingers(now)?, entry.len)));
        self.lingering = lingering.filter(|each| seen.insert(*each)).map(|(_, len)| len).sum();
    }

    /// ConnectionInfo the slowest answers that count, until `room` more bytes fit or none is left that has had its time; gives how many.
    fn make_room(&mut self, room: usize, now: Instant) -> u64 {
        let counts = |entry: &Entry| match entry.ownership {
            Ownership::Owned => now.duration_since(entry.begun) >= GRACE,
            Ownership::Shared(_) => entry.lingers(now).is_some(),
            Ownership::Stream => false,
        };
        let slow = self.answers.iter().filter(|(_, entry)| counts(entry));
        let mut slowest: Vec<(u64, u64)> = slow.map(|(id, entry)| (entry.rate(now), *id)).collect();
        slowest.sort_unstable();
        let mut ended = 0;
        for (_, id) in slowest {
            if self.counted() + room <= ANSWERS_BYTES_MAX {
                break;
            }
            let is_shared = self.answers.get(&id).is_some_and(|entry| entry.ownership != Ownership::Owned);
            ended += self.end(id);
            if is_shared {
                self.weigh(now);
            }
        }
        ended
    }
}

impl Entry {
    /// The address of its shared bytes, if it has been in flight for [`LINGER`].
    fn lingers(&self, now: Instant) -> Option<usize> {
        let Ownership::Shared(address) = self.ownership else { return None };
        (now.duration_since(self.begun) >= LINGER).then_some(address)
    }

    /// Mean bytes per second.
    fn rate(&self, now: Instant) -> u64 {
        let age_ms = now.duration_since(self.begun).as_millis().max(1);
        (u128::from(self.sent.load(Ordering::Relaxed)) * 1000 / age_ms) as u64
    }

    /// Each byte sent buys time at [`ANSWER_RATE_MIN`], up to [`CREDIT`] times the patience in advance: the kernel takes much at once, and
    /// then nothing until a third of that is read. A stream that is polled for more is being read.
    fn is_too_slow(&mut self, patience: Duration, now: Instant) -> bool {
        let sent = self.sent.load(Ordering::Relaxed);
        let news = sent - std::mem::replace(&mut self.seen, sent);
        let deadline = self.deadline.unwrap_or(now + patience);
        let later = match self.ownership {
            Ownership::Stream if news > 0 => now + patience,
            Ownership::Stream => deadline,
            _ => (deadline + Duration::from_millis(news * 1000 / ANSWER_RATE_MIN as u64)).min(now + patience * CREDIT),
        };
        self.deadline = Some(later);
        now >= later
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const MB: usize = 1 << 20;

    fn is_over(cancellation: &Cancellation) -> bool {
        cancellation.is_over.load(Ordering::Acquire)
    }

    #[tokio::test(start_paused = true)]
    async fn what_stands_still_is_ended_after_its_time_and_what_moves_is_not() {
        let all = Arc::new(InFlight::default());
        let cancellations: Vec<Arc<Cancellation>> = (0..4).map(|_| Arc::default()).collect();
        let holdings = [Ownership::Owned, Ownership::Shared(1), Ownership::Owned, Ownership::Stream];
        let guards: Vec<InFlightGuard> = cancellations
            .iter()
            .zip(holdings)
            .map(|(cancellation, ownership)| all.begin(ownership, MB, cancellation).expect("room"))
            .collect();
        let over = || cancellations.iter().map(|cancellation| is_over(cancellation)).collect::<Vec<_>>();
        for second in 0..60 {
            guards[2].sent(ANSWER_RATE_MIN);
            // Its client reads the heartbeat at least.
            if second % 10 == 0 {
                guards[3].asked_for_more();
            }
            all.sweep(ANSWER_PATIENCE);
            assert_eq!(over(), [second >= 20, second >= 20, false, false], "after {second} s");
            advance(Duration::from_secs(1)).await;
        }
        // Ten seconds after the loop it is 20 s since the stream was asked for more, and the third has earned time until 80 s.
        advance(Duration::from_secs(10)).await;
        all.sweep(ANSWER_PATIENCE);
        assert_eq!(over(), [true, true, false, true]);
        assert_eq!((all.report().slow, all.report().under_way, all.report().bytes), (3, 1, MB));
        drop(guards);
        assert_eq!((all.report().under_way, all.report().bytes), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn copies_have_their_room_and_the_slowest_make_some() {
        let all = Arc::new(InFlight::default());
        let cancellations: Vec<Arc<Cancellation>> = (0..ANSWERS_BYTES_MAX / MB).map(|_| Arc::default()).collect();
        let guards: Vec<InFlightGuard> =
            cancellations.iter().map(|cancellation| all.begin(Ownership::Owned, MB, cancellation).expect("room")).collect();
        let more = Arc::new(Cancellation::default());
        assert!(all.begin(Ownership::Owned, MB, &more).is_none(), "none has had its time");
        assert!(all.begin(Ownership::Owned, 100, &more).is_some(), "the status is told all the same");
        assert!(all.begin(Ownership::Shared(1), MB, &more).is_some(), "the stream goes on all the same");
        advance(GRACE).await;
        guards.iter().enumerate().for_each(|(n, guard)| guard.sent(n * 1000));
        assert!(all.begin(Ownership::Owned, MB, &more).is_some());
        let over = cancellations.iter().filter(|cancellation| is_over(cancellation)).count();
        let expected = 1 + ROOM / MB;
        assert!(
            over == expected && cancellations[..over].iter().all(|cancellation| is_over(cancellation)),
            "the slowest, and a few at once: {over}"
        );
        assert!(all.report().bytes <= ANSWERS_BYTES_MAX);
        assert_eq!((all.report().refused, all.report().slow), (1, expected as u64));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_shared_counts_once_and_only_when_it_lingers() {
        let all = Arc::new(InFlight::default());
        let cancellation = Arc::new(Cancellation::default());
        let begin = |address: usize, cancellation: &Arc<Cancellation>| {
            all.begin(Ownership::Shared(address), 2 * MB, cancellation).expect("room")
        };
        let crowd: Vec<InFlightGuard> = (0..1000).map(|n| begin(n % 2, &cancellation)).collect();
        all.sweep(ANSWER_PATIENCE);
        assert_eq!(all.report().bytes, 0, "they have just begun");
        advance(LINGER).await;
        all.sweep(ANSWER_PATIENCE);
        assert_eq!(all.report().bytes, 4 * MB, "two segments are read by all");
        crowd.iter().for_each(|guard| guard.sent(MB));
        let cancellations: Vec<Arc<Cancellation>> = (0..30).map(|_| Arc::default()).collect();
        let _each: Vec<InFlightGuard> =
            cancellations.iter().enumerate().map(|(n, cancellation)| begin(10 + n, cancellation)).collect();
        advance(LINGER).await;
        all.sweep(ANSWER_PATIENCE);
        assert!(all.report().bytes <= ANSWERS_BYTES_MAX && !is_over(&cancellation));
        assert!(cancellations.iter().filter(|cancellation| is_over(cancellation)).count() >= 20);
    }

    #[tokio::test]
    async fn a_line_that_ended_before_somebody_waits_is_noticed() {
        let cancellation = Cancellation::default();
        cancellation.end();
        cancellation.ended().await;
    }
}
