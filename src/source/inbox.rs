//! What a browser sends to a camera, on its way from the server to the source: one sender at a time, and a bounded queue.
//!
//! The server claims the [`Seat`] for a sender, and puts in what comes; the source takes it out on its own thread. Neither waits for the
//! other under the lock. A queue that is full leaves frames out up to the next key frame; bytes of a container cannot be left out, so
//! their sender waits, and the network with it.

use crate::{sync::lock, time::WallTime};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch};

#[cfg(test)]
mod tests;

/// Bytes that wait for the source at most: a second of the highest bit rate that is let in.
pub const QUEUE_BYTES_MAX: usize = 8 << 20;

/// Bytes of a file that wait at most: a second or two of what a page records. None of it can be left out, so what waits makes the stream late;
/// a sender that has to wait breaks its file off, and begins a new one.
pub const QUEUE_FILE_BYTES_MAX: usize = 1 << 20;

/// Frames that wait for the source at most: a second of a fast camera. What is older is of no use to a live stream.
pub const QUEUE_FRAMES_MAX: usize = 60;

/// So many frames are left out before a key frame is asked for again.
const FRAMES_PER_DEMAND: u32 = 30;

/// How what is sent is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Single frames of that codec, each with its time stamp.
    Frames(FrameCodec),
    /// The bytes of a file that never ends.
    Container(Container),
}

/// The codec of single frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameCodec {
    /// H.264 with start codes (Annex B).
    H264,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
}

/// The kind of such a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Container {
    /// Fragmented MP4.
    Mp4,
    /// WebM, or Matroska.
    WebM,
}

/// What a sender announces before it sends it: its bytes begin anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// How it is coded.
    pub coding: Coding,
    /// The type as the browser writes it, for messages.
    pub media_type: String,
    /// Pictures a second, as the browser says.
    pub fps: u32,
}

/// A coded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentFrame {
    /// When it was captured, in microseconds of the browser's clock.
    pub stamp_us: i64,
    /// Decoding can start here.
    pub key: bool,
    /// Its bytes.
    pub data: Bytes,
}

/// What comes out of the queue.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// What comes next begins anew.
    Begin(Take),
    /// A frame.
    Frame(SentFrame),
    /// Bytes of a container.
    Bytes(Bytes),
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Item::Begin(_) => 0,
            Item::Frame(frame) => frame.data.len(),
            Item::Bytes(bytes) => bytes.len(),
        }
    }
}

/// Who sends, for people: `anna (192.168.1.7)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who(pub String);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who wants to send.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who that is.
    pub who: Who,
    /// The page that sends, by a random name of its own: one that comes again takes its own place.
    pub page: String,
    /// It is to send in any case, whoever does now.
    pub takes_over: bool,
    /// When it came.
    pub since: WallTime,
}

/// Somebody sends already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{who} sends to this camera already, since {}", since.to_local())]
pub struct Occupied {
    /// Who.
    pub who: Who,
    /// Since when.
    pub since: WallTime,
}

/// Why a sender may send no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// Another one took over.
    TakenOver(Who),
    /// The same page has come again, over another connection.
    Replaced,
    /// What it sends cannot be read: why, as a sentence.
    Unreadable(String),
    /// The camera's stream has ended.
    Ended,
}

/// What a sender is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Its pictures are shown.
    pub is_shown: bool,
    /// Frames were left out, so often: a key frame is wanted.
    pub keys_wanted: u64,
    /// It is to go.
    pub farewell: Option<Farewell>,
}

/// The inbox of one camera.
#[derive(Debug, Default)]
pub struct Inbox {
    state: Mutex<State>,
    /// Something came, or the sender left.
    filled: Condvar,
    /// Something was taken out.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    seated: Option<Seated>,
    /// Senders so far.
    count: u64,
    /// The stream has ended.
    is_closed: bool,
}

#[derive(Debug)]
struct Seated {
    number: u64,
    claim: Claim,
    queue: VecDeque<Item>,
    bytes: usize,
    frames: usize,
    /// Frames are left out up to the next key frame: how many so far.
    skipped: Option<u32>,
    news: watch::Sender<News>,
}

impl Seated {
    fn has_room(&self, item: &Item) -> bool {
        // One that is larger than all is let into an empty queue.
        let most = if matches!(item, Item::Bytes(_)) { QUEUE_FILE_BYTES_MAX } else { QUEUE_BYTES_MAX };
        self.frames < QUEUE_FRAMES_MAX && (self.queue.is_empty() || self.bytes + item.len() <= most)
    }

    fn push(&mut self, item: Item) {
        self.bytes += item.len();
        self.frames += usize::from(matches!(item, Item::Frame(_)));
        self.queue.push_back(item);
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.queue.pop_front()?;
        self.bytes -= item.len();
        self.frames -= usize::from(matches!(item, Item::Frame(_)));
        Some(item)
    }

    fn dismiss(&self, farewell: Farewell) {
        self.news.send_modify(|news| news.farewell = Some(farewell));
    }
}

/// The server's side.
impl Inbox {
    /// Lets a sender send, if nobody does, or if it is to take over. Who sent until then is told.
    pub fn claim(self: &Arc<Inbox>, claim: Claim) -> Result<Seat, Occupied> {
        let mut state = lock(&self.state);
        if let Some(seated) = &state.seated {
            let farewell = match &seated.claim {
                before if before.page == claim.page => Farewell::Replaced,
                _ if claim.takes_over => Farewell::TakenOver(claim.who.clone()),
                Claim { who, since, .. } => return Err(Occupied { who: who.clone(), since: *since }),
            };
            seated.dismiss(farewell);
        }
        state.count += 1;
        let (news, heard) = watch::channel(News { farewell: state.is_closed.then_some(Farewell::Ended), ..News::default() });
        let number = state.count;
        state.seated = Some(Seated { number, claim, queue: VecDeque::new(), bytes: 0, frames: 0, skipped: None, news });
        self.filled.notify_all();
        self.room.notify_waiters();
        Ok(Seat { inbox: self.clone(), number, news: heard })
    }

    /// Who sends, and since when.
    pub fn sender(&self) -> Option<(Who, WallTime)> {
        lock(&self.state).seated.as_ref().map(|seated| (seated.claim.who.clone(), seated.claim.since))
    }
}

/// The place of a sender; dropping it gives it up.
#[derive(Debug)]
pub struct Seat {
    inbox: Arc<Inbox>,
    number: u64,
    /// What the sender is told.
    pub news: watch::Receiver<News>,
}

impl Seat {
    fn with<T>(&self, act: impl FnOnce(&mut Seated) -> T) -> Option<T> {
        let mut state = lock(&self.inbox.state);
        state.seated.as_mut().filter(|seated| seated.number == self.number).map(act)
    }

    /// What comes next begins anew. What still waits is given up: it is of before, and a sender that begins again and again fills nothing.
    pub fn begin(&self, take: Take) {
        self.with(|seated| {
            (seated.skipped, seated.bytes, seated.frames) = (None, 0, 0);
            seated.queue.clear();
            seated.push(Item::Begin(take));
        });
        self.inbox.filled.notify_all();
    }

    /// Puts a frame in. Where there is no room it is left out, and all up to the next key frame.
    pub fn frame(&self, frame: SentFrame) {
        let is_key = frame.key;
        let item = Item::Frame(frame);
        self.with(|seated| {
            if seated.has_room(&item) && (is_key || seated.skipped.is_none()) {
                seated.skipped = None;
                seated.push(item);
                return;
            }
            let skipped = seated.skipped.unwrap_or_default();
            // It is asked for again and again, for a browser may have missed it.
            if skipped.is_multiple_of(FRAMES_PER_DEMAND) {
                seated.news.send_modify(|news| news.keys_wanted += 1);
            }
            seated.skipped = Some(skipped + 1);
        });
        self.inbox.filled.notify_all();
    }

    /// Puts bytes of a container in, as soon as there is room.
    pub async fn bytes(&self, bytes: Bytes) {
        // Nothing would be the end of the file.
        if bytes.is_empty() {
            return;
        }
        let mut item = Some(Item::Bytes(bytes));
        loop {
            let room = self.inbox.room.notified();
            self.with(|seated| match item.take() {
                Some(each) if seated.has_room(&each) => seated.push(each),
                other => item = other,
            });
            self.inbox.filled.notify_all();
            // A sender whose place was taken has nothing to wait for.
            if item.is_none() || self.with(|_| ()).is_none() {
                return;
            }
            room.await;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = lock(&self.inbox.state);
        if state.seated.as_ref().is_some_and(|seated| seated.number == self.number) {
            state.seated = None;
        }
        self.inbox.filled.notify_all();
    }
}

/// What the source finds.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Something.
    Item(Item),
    /// Nothing yet.
    Nothing,
    /// That sender has left, or another one has taken its place.
    Gone,
}

/// The source's side. A sender is known by its number.
impl Inbox {
    /// The sender there is, and what it begins to send; waits that long for one.
    pub fn await_sender(&self, wait: Duration) -> Option<(u64, Who, Take)> {
        let begins = |seated: &Seated| matches!(seated.queue.front(), Some(Item::Begin(_)));
        let state = lock(&self.state);
        let waited = self.filled.wait_timeout_while(state, wait, |state| !state.seated.as_ref().is_some_and(begins));
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let seated = state.seated.as_mut().filter(|seated| begins(seated))?;
        let Some(Item::Begin(take)) = seated.pop() else { return None };
        Some((seated.number, seated.claim.who.clone(), take))
    }

    /// The next of what that sender has sent; waits that long for it.
    pub fn take(&self, number: u64, wait: Duration) -> Found {
        self.take_if(number, wait, |_| true)
    }

    /// The same, up to what begins anew: that stays, and ends what was begun before.
    pub fn take_same(&self, number: u64, wait: Duration) -> Found {
        self.take_if(number, wait, |item| !matches!(item, Item::Begin(_)))
    }

    /// Whether what that sender has sent next begins anew; none if the sender has left.
    pub fn begins_anew(&self, number: u64) -> Option<bool> {
        let state = lock(&self.state);
        let seated = state.seated.as_ref().filter(|seated| seated.number == number)?;
        Some(matches!(seated.queue.front(), Some(Item::Begin(_))))
    }

    fn take_if(&self, number: u64, wait: Duration, wanted: impl Fn(&Item) -> bool) -> Found {
        let is_there = |state: &State| state.seated.as_ref().is_some_and(|seated| seated.number == number);
        let is_empty = |state: &mut State| is_there(state) && state.seated.as_ref().is_some_and(|seated| seated.queue.is_empty());
        let waited = self.filled.wait_timeout_while(lock(&self.state), wait, is_empty);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let Some(seated) = state.seated.as_mut().filter(|seated| seated.number == number) else { return Found::Gone };
        let found = match seated.queue.front() {
            None => Found::Nothing,
            Some(item) if !wanted(item) => Found::Gone,
            Some(_) => seated.pop().map_or(Found::Nothing, Found::Item),
        };
        self.room.notify_waiters();
        found
    }

    /// The pictures of that sender are shown.
    pub fn note_shown(&self, number: u64) {
        self.with(number, |seated| _ = seated.news.send_if_modified(|news| !std::mem::replace(&mut news.is_shown, true)));
    }

    /// What that sender sends cannot be read. Its place is free.
    pub fn refuse(&self, number: u64, why: String) {
        self.with(number, |seated| seated.dismiss(Farewell::Unreadable(why)));
        let mut state = lock(&self.state);
        if state.seated.as_ref().is_some_and(|seated| seated.number == number) {
            state.seated = None;
        }
        drop(state);
        self.room.notify_waiters();
    }

    /// The stream has ended: nobody can send any more.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        if let Some(seated) = &state.seated {
            seated.dismiss(Farewell::Ended);
        }
        drop(state);
        self.room.notify_waiters();
        self.filled.notify_all();
    }

    fn with(&self, number: u64, act: impl FnOnce(&Seated)) {
        let state = lock(&self.state);
        if let Some(seated) = state.seated.as_ref().filter(|seated| seated.number == number) {
            act(seated);
        }
    }
}
