//! Answers under way: what they hold in memory, how fast they go out, and which of them are ended so that those who read slowly, or not
//! at all, cost others nothing.
//!
//! An answer goes out whole, or as a stream of pieces as they come. A whole one is shared with others (a segment, a playlist: its bytes are
//! there anyway as long as the window has them), or a copy of its own (a page of markers). A copy counts at once; what is shared counts
//! from [`LINGER`] on, once for all who read the same bytes, for then the window may have let it go. A viewer who keeps up has read a
//! segment long before that.

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

/// Bytes of all answers under way that count: a few readers at a time of the longest pages of markers, or a minute of a stream of 2 Mbit/s
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

/// Shortest answer that is refused when all bytes are in use: shorter ones (the status, errors) find place in [`ROOM`] beyond.
const LARGE: usize = 64 << 10;

/// When answers must be ended, so much room is made at once: ending them one by one would look at all of them each time.
const ROOM: usize = ANSWERS_BYTES_MAX / 8;

/// Whose bytes an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Holding {
    /// Its own.
    Copy,
    /// Those at this address and of this length, with others.
    Shared(usize),
    /// None but the piece that goes out; how long it is, is not known.
    Stream,
}

/// All answers under way.
#[derive(Debug, Default)]
pub(in crate::server) struct UnderWay {
    book: Mutex<Book>,
    /// Ended because they were too slow.
    slow: AtomicU64,
    /// Not begun because there was no room.
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Book {
    answers: HashMap<u64, Entry>,
    next: u64,
    /// Bytes of the copies.
    copies: usize,
    /// Bytes of what is shared and lingers, when it was last looked at.
    lingering: usize,
}

#[derive(Debug)]
struct Entry {
    holding: Holding,
    len: usize,
    begun: Instant,
    /// Bytes that are out; of a stream, how often it was asked for more.
    sent: Arc<AtomicU64>,
    /// The same when it was last looked at.
    seen: u64,
    /// When it is too slow, if nothing more goes out; `None` until it is first looked at.
    deadline: Option<Instant>,
    line: Arc<Line>,
}

/// A connection, which can be told to end.
#[derive(Debug, Default)]
pub(in crate::server) struct Line {
    is_over: AtomicBool,
    over: Notify,
}

impl Line {
    /// Waits until an answer on it was found too slow.
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

/// An answer's place among those under way; dropping it gives it back.
#[derive(Debug)]
pub(in crate::server) struct Place {
    all: Arc<UnderWay>,
    id: u64,
    holding: Holding,
    sent: Arc<AtomicU64>,
}

impl Place {
    /// So many more bytes are out.
    pub(in crate::server) fn sent(&self, n: usize) {
        if self.holding != Holding::Stream {
            self.sent.fetch_add(n as u64, Ordering::Relaxed);
        }
    }

    /// There is room for more of it to go out.
    pub(in crate::server) fn asked_for_more(&self) {
        if self.holding == Holding::Stream {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.book().remove(self.id);
    }
}

/// What the status tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(in crate::server) struct UnderWayReport {
    /// Answers under way.
    under_way: usize,
    /// Bytes of them that count.
    bytes: usize,
    /// Most of these.
    bytes_max: usize,
    /// Ended since the start because they were too slow.
    slow: u64,
    /// Not begun since the start because there was no room.
    refused: u64,
}

impl UnderWay {
    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    /// A place for an answer of `len` bytes on `line`; `None` if there is no room, and nobody slow enough to make some.
    pub(in crate::server) fn begin(self: &Arc<Self>, holding: Holding, len: usize, line: &Arc<Line>) -> Option<Place> {
        let (mut book, now) = (self.book(), Instant::now());
        if holding == Holding::Copy && !book.fits(len) {
            let ended = book.make_room(len + ROOM, now);
            self.slow.fetch_add(ended, Ordering::Relaxed);
            if !book.fits(len) {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        }
        let (id, sent) = (book.next, Arc::new(AtomicU64::new(0)));
        book.next += 1;
        book.copies += if holding == Holding::Copy { len } else { 0 };
        book.answers
            .insert(id, Entry { holding, len, begun: now, sent: sent.clone(), seen: 0, deadline: None, line: line.clone() });
        Some(Place { all: self.clone(), id, holding, sent })
    }

    /// Ends what is below [`ANSWER_RATE_MIN`] after `patience`, and the slowest of what lingers beyond [`ANSWERS_BYTES_MAX`]. It is called
    /// every second or so.
    pub(in crate::server) fn sweep(&self, patience: Duration) {
        let (mut book, now) = (self.book(), Instant::now());
        let slow: Vec<u64> =
            book.answers.iter_mut().filter_map(|(id, entry)| entry.is_too_slow(patience, now).then_some(*id)).collect();
        let mut ended: u64 = slow.into_iter().map(|id| book.end(id)).sum();
        book.weigh(now);
        if book.counted() > ANSWERS_BYTES_MAX {
            ended += book.make_room(ROOM, now);
        }
        drop(book);
        self.slow.fetch_add(ended, Ordering::Relaxed);
        if ended > 0 {
            tracing::debug!("{ended} answers were ended, for their readers were too slow");
        }
    }

    pub(in crate::server) fn report(&self) -> UnderWayReport {
        let book = self.book();
        UnderWayReport {
            under_way: book.answers.len(),
            bytes: book.counted(),
            bytes_max: ANSWERS_BYTES_MAX,
            slow: self.slow.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}

impl Book {
    fn counted(&self) -> usize {
        self.copies + self.lingering
    }

    /// Whether a copy has room. One that is longer than all goes out alone.
    fn fits(&self, len: usize) -> bool {
        let most = if len < LARGE { ANSWERS_BYTES_MAX + ROOM } else { ANSWERS_BYTES_MAX };
        self.counted() == 0 || self.counted() + len <= most
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.answers.remove(&id)?;
        self.copies -= if entry.holding == Holding::Copy { entry.len } else { 0 };
        Some(entry)
    }

    /// Ends the connection of an answer, whose bytes are as good as free then; gives how many were ended.
    fn end(&mut self, id: u64) -> u64 {
        let Some(entry) = self.remove(id) else { return 0 };
        entry.line.end();
        1
    }

    /// Counts what is shared and lingers.
    fn weigh(&mut self, now: Instant) {
        let mut seen = HashSet::new();
        let lingering = self.answers.values().filter_map(|entry| Some((entry.lingers(now)?, entry.len)));
        self.lingering = lingering.filter(|each| seen.insert(*each)).map(|(_, len)| len).sum();
    }

    /// Ends the slowest answers that count, until `room` more bytes fit or none is left that has had its time; gives how many.
    fn make_room(&mut self, room: usize, now: Instant) -> u64 {
        let counts = |entry: &Entry| match entry.holding {
            Holding::Copy => now.duration_since(entry.begun) >= GRACE,
            Holding::Shared(_) => entry.lingers(now).is_some(),
            Holding::Stream => false,
        };
        let slow = self.answers.iter().filter(|(_, entry)| counts(entry));
        let mut slowest: Vec<(u64, u64)> = slow.map(|(id, entry)| (entry.rate(now), *id)).collect();
        slowest.sort_unstable();
        let mut ended = 0;
        for (_, id) in slowest {
            if self.counted() + room <= ANSWERS_BYTES_MAX {
                break;
            }
            let is_shared = self.answers.get(&id).is_some_and(|entry| entry.holding != Holding::Copy);
            ended += self.end(id);
            if is_shared {
                self.weigh(now);
            }
        }
        ended
    }
}

impl Entry {
    /// The address of the bytes that it shares, if it does so for long.
    fn lingers(&self, now: Instant) -> Option<usize> {
        let Holding::Shared(address) = self.holding else { return None };
        (now.duration_since(self.begun) >= LINGER).then_some(address)
    }

    /// Bytes a second since it began.
    fn rate(&self, now: Instant) -> u64 {
        let age_ms = now.duration_since(self.begun).as_millis().max(1);
        (u128::from(self.sent.load(Ordering::Relaxed)) * 1000 / age_ms) as u64
    }

    /// What goes out buys time at [`ANSWER_RATE_MIN`], and no more than [`CREDIT`] times the patience in advance: the system takes much at
    /// once, and then nothing until a third of that is read. A stream that is asked for more is read.
    fn is_too_slow(&mut self, patience: Duration, now: Instant) -> bool {
        let sent = self.sent.load(Ordering::Relaxed);
        let news = sent - std::mem::replace(&mut self.seen, sent);
        let deadline = self.deadline.unwrap_or(now + patience);
        let later = match self.holding {
            Holding::Stream if news > 0 => now + patience,
            Holding::Stream => deadline,
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

    fn is_over(line: &Line) -> bool {
        line.is_over.load(Ordering::Acquire)
    }

    #[tokio::test(start_paused = true)]
    async fn what_stands_still_is_ended_after_its_time_and_what_moves_is_not() {
        let all = Arc::new(UnderWay::default());
        let lines: Vec<Arc<Line>> = (0..4).map(|_| Arc::default()).collect();
        let holdings = [Holding::Copy, Holding::Shared(1), Holding::Copy, Holding::Stream];
        let places: Vec<Place> =
            lines.iter().zip(holdings).map(|(line, holding)| all.begin(holding, MB, line).expect("room")).collect();
        let over = || lines.iter().map(|line| is_over(line)).collect::<Vec<_>>();
        for second in 0..60 {
            places[2].sent(ANSWER_RATE_MIN);
            // Its client reads the heartbeat at least.
            if second % 10 == 0 {
                places[3].asked_for_more();
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
        drop(places);
        assert_eq!((all.report().under_way, all.report().bytes), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn copies_have_their_room_and_the_slowest_make_some() {
        let all = Arc::new(UnderWay::default());
        let lines: Vec<Arc<Line>> = (0..ANSWERS_BYTES_MAX / MB).map(|_| Arc::default()).collect();
        let places: Vec<Place> = lines.iter().map(|line| all.begin(Holding::Copy, MB, line).expect("room")).collect();
        let more = Arc::new(Line::default());
        assert!(all.begin(Holding::Copy, MB, &more).is_none(), "none has had its time");
        assert!(all.begin(Holding::Copy, 100, &more).is_some(), "the status is told all the same");
        assert!(all.begin(Holding::Shared(1), MB, &more).is_some(), "the stream goes on all the same");
        advance(GRACE).await;
        places.iter().enumerate().for_each(|(n, place)| place.sent(n * 1000));
        assert!(all.begin(Holding::Copy, MB, &more).is_some());
        let over = lines.iter().filter(|line| is_over(line)).count();
        let expected = 1 + ROOM / MB;
        assert!(over == expected && lines[..over].iter().all(|line| is_over(line)), "the slowest, and a few at once: {over}");
        assert!(all.report().bytes <= ANSWERS_BYTES_MAX);
        assert_eq!((all.report().refused, all.report().slow), (1, expected as u64));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_shared_counts_once_and_only_when_it_lingers() {
        let all = Arc::new(UnderWay::default());
        let line = Arc::new(Line::default());
        let begin = |address: usize, line: &Arc<Line>| all.begin(Holding::Shared(address), 2 * MB, line).expect("room");
        let crowd: Vec<Place> = (0..1000).map(|n| begin(n % 2, &line)).collect();
        all.sweep(ANSWER_PATIENCE);
        assert_eq!(all.report().bytes, 0, "they have just begun");
        advance(LINGER).await;
        all.sweep(ANSWER_PATIENCE);
        assert_eq!(all.report().bytes, 4 * MB, "two segments are read by all");
        crowd.iter().for_each(|place| place.sent(MB));
        let lines: Vec<Arc<Line>> = (0..30).map(|_| Arc::default()).collect();
        let _each: Vec<Place> = lines.iter().enumerate().map(|(n, line)| begin(10 + n, line)).collect();
        advance(LINGER).await;
        all.sweep(ANSWER_PATIENCE);
        assert!(all.report().bytes <= ANSWERS_BYTES_MAX && !is_over(&line));
        assert!(lines.iter().filter(|line| is_over(line)).count() >= 20);
    }

    #[tokio::test]
    async fn a_line_that_ended_before_somebody_waits_is_noticed() {
        let line = Line::default();
        line.end();
        line.ended().await;
    }
}
