//! The queue of a subscriber that works on a thread of its own.

use super::{Importance, Item, Role, Take};
use crate::time::{Span, Ticks};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, unbounded};
use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
};

/// What happens to a full queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// What has waited longest is left out.
    NewestWins,
    /// What comes is left out, up to the next entry at which half of the queue is free: what is queued stays decodable.
    NextEntry,
    /// The subscription ends with [`End::Overrun`]: a subscriber that is of no use with a gap.
    FailLoudly,
}

/// How much a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Items.
    pub items: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Capacity {
    /// A number of bytes, and any number of items.
    pub const fn bytes(bytes: usize) -> Capacity {
        Capacity { items: usize::MAX, bytes }
    }

    /// A number of items, and any number of bytes.
    pub const fn items(items: usize) -> Capacity {
        Capacity { items, bytes: usize::MAX }
    }
}

/// The queue of a subscriber, and what happens when it is full.
#[derive(Clone, Debug)]
pub struct QueueConfig {
    /// The subscriber, for messages.
    pub name: String,
    /// What its end means to the stream.
    pub importance: Importance,
    /// How much its queue holds.
    pub capacity: Capacity,
    /// What happens when it is full.
    pub policy: Policy,
    /// Logged when an item is left out for the first time; empty for nothing.
    pub behind: String,
    /// Logged when the subscriber has caught up; empty for nothing.
    pub caught_up: String,
}

impl QueueConfig {
    /// A queue of a subscriber without which the stream goes on.
    pub fn new(name: &str, policy: Policy, capacity: Capacity) -> QueueConfig {
        let (behind, caught_up) = (String::new(), String::new());
        QueueConfig { name: name.to_owned(), importance: Importance::Optional, capacity, policy, behind, caught_up }
    }
}

/// Why a subscription gives nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The stream has ended.
    #[error("the stream has ended")]
    Ended,
    /// The queue was full, and the policy is [`Policy::FailLoudly`].
    #[error("the subscriber did not keep up with the stream")]
    Overrun,
}

/// What was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Items.
    pub items: u64,
    /// How much of the stream.
    pub span: Span,
}

#[derive(Debug, Default)]
struct Shared {
    /// Items that wait or are being worked on, and their bytes.
    items: AtomicUsize,
    bytes: AtomicUsize,
    missed_items: AtomicU64,
    missed_span: AtomicI64,
    is_overrun: AtomicBool,
    /// The subscription was dropped.
    has_left: AtomicBool,
}

impl Shared {
    fn miss<T: Item>(&self, item: &T) {
        self.missed_items.fetch_add(1, Ordering::Relaxed);
        self.missed_span.fetch_add(item.span().0, Ordering::Relaxed);
    }

    fn release(&self, (items, bytes): (usize, usize)) {
        self.items.fetch_sub(items, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The subscriber's end.
#[derive(Debug)]
pub struct Subscription<T: Item> {
    items: Receiver<T>,
    shared: Arc<Shared>,
    /// Items that were given and are being worked on, and their bytes.
    taken: (usize, usize),
}

impl<T: Item> Subscription<T> {
    /// Waits for the next item. Until the call after it, the item counts as one that waits.
    pub fn recv(&mut self) -> Result<T, End> {
        self.release();
        self.items.recv().map(|item| self.take(item)).map_err(|_| self.end())
    }

    /// Waits for the next item for so long; `None` when there was none.
    pub fn recv_timeout(&mut self, wait: Span) -> Result<Option<T>, End> {
        self.release();
        match self.items.recv_timeout(wait.to_duration()) {
            Ok(item) => Ok(Some(self.take(item))),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.end()),
        }
    }

    /// The next item, if it is there.
    pub fn try_recv(&mut self) -> Result<Option<T>, End> {
        self.release();
        match self.items.try_recv() {
            Ok(item) => Ok(Some(self.take(item))),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(self.end()),
        }
    }

    /// What waits or is being worked on.
    pub fn waiting(&self) -> Capacity {
        Capacity { items: self.shared.items.load(Ordering::Relaxed), bytes: self.shared.bytes.load(Ordering::Relaxed) }
    }

    /// What was left out so far.
    pub fn missed(&self) -> Missed {
        Missed {
            items: self.shared.missed_items.load(Ordering::Relaxed),
            span: Ticks(self.shared.missed_span.load(Ordering::Relaxed)).since(Ticks(0)),
        }
    }

    fn take(&mut self, item: T) -> T {
        self.taken = (1, item.bytes());
        item
    }

    fn release(&mut self) {
        self.shared.release(std::mem::take(&mut self.taken));
    }

    fn end(&self) -> End {
        if self.shared.is_overrun.load(Ordering::Relaxed) { End::Overrun } else { End::Ended }
    }
}

/// Says that nobody takes anything any more, whatever ended the subscriber's thread: a queue that leaves out what comes sends nothing, and
/// would not notice.
impl<T: Item> Drop for Subscription<T> {
    fn drop(&mut self) {
        self.shared.has_left.store(true, Ordering::Relaxed);
    }
}

/// The publisher's end.
pub(super) struct Queue<T: Item> {
    sender: Sender<T>,
    /// To take out what has waited longest.
    oldest: Receiver<T>,
    shared: Arc<Shared>,
    config: QueueConfig,
    /// Items are left out, up to the next entry at which there is room.
    is_behind: bool,
    was_told: bool,
    /// A header that came meanwhile.
    header: Option<T>,
}

pub(super) fn queue<T: Item>(config: QueueConfig) -> (Queue<T>, Subscription<T>) {
    // Bounded by its counts, so that a header always finds room.
    let (sender, items) = unbounded();
    let shared = Arc::<Shared>::default();
    let queue =
        Queue { sender, oldest: items.clone(), shared: shared.clone(), config, is_behind: false, was_told: false, header: None };
    (queue, Subscription { items, shared, taken: (0, 0) })
}

impl<T: Item> Take<T> for Queue<T> {
    fn take(&mut self, batch: &[T]) -> ControlFlow<()> {
        if self.has_left() {
            return ControlFlow::Break(());
        }
        batch.iter().try_for_each(|item| match self.config.policy {
            Policy::NewestWins => self.put_newest(item),
            Policy::NextEntry => self.put_or_leave_out(item),
            Policy::FailLoudly => self.put_or_fail(item),
        })
    }

    fn has_left(&self) -> bool {
        self.shared.has_left.load(Ordering::Relaxed)
    }
}

impl<T: Item> Queue<T> {
    fn put_newest(&mut self, item: &T) -> ControlFlow<()> {
        while self.is_full(item)
            && let Ok(oldest) = self.oldest.try_recv()
        {
            self.shared.release((1, oldest.bytes()));
            self.shared.miss(&oldest);
            self.note_behind();
        }
        self.send(item.clone())
    }

    fn put_or_leave_out(&mut self, item: &T) -> ControlFlow<()> {
        if self.is_behind && item.role() == Role::Entry && self.has_caught_up() {
            self.is_behind = false;
            if !self.config.caught_up.is_empty() {
                tracing::info!("{}", self.config.caught_up);
            }
            if let Some(header) = self.header.take() {
                self.send(header)?;
            }
        }
        if !self.is_behind && item.role() != Role::Header && self.is_full(item) {
            self.is_behind = true;
            self.note_behind();
        }
        match item.role() {
            _ if !self.is_behind => self.send(item.clone()),
            Role::Header => {
                self.header = Some(item.clone());
                ControlFlow::Continue(())
            }
            Role::Entry | Role::Body => {
                self.shared.miss(item);
                ControlFlow::Continue(())
            }
        }
    }

    fn put_or_fail(&mut self, item: &T) -> ControlFlow<()> {
        if !self.is_full(item) {
            return self.send(item.clone());
        }
        self.shared.is_overrun.store(true, Ordering::Relaxed);
        self.shared.miss(item);
        tracing::error!("{} did not keep up with the stream, and gets nothing any more", self.config.name);
        ControlFlow::Break(())
    }

    fn is_full(&self, item: &T) -> bool {
        let Capacity { items, bytes } = self.config.capacity;
        self.shared.items.load(Ordering::Relaxed) >= items
            || self.shared.bytes.load(Ordering::Relaxed).saturating_add(item.bytes()) > bytes
    }

    fn has_caught_up(&self) -> bool {
        let Capacity { items, bytes } = self.config.capacity;
        self.shared.items.load(Ordering::Relaxed) <= items / 2 && self.shared.bytes.load(Ordering::Relaxed) <= bytes / 2
    }

    fn send(&self, item: T) -> ControlFlow<()> {
        self.shared.items.fetch_add(1, Ordering::Relaxed);
        self.shared.bytes.fetch_add(item.bytes(), Ordering::Relaxed);
        // Its own receiver is there, so it cannot fail.
        self.sender.send(item).map_or(ControlFlow::Break(()), ControlFlow::Continue)
    }

    /// Once: how much is missing is known at the end.
    fn note_behind(&mut self) {
        if !std::mem::replace(&mut self.was_told, true) && !self.config.behind.is_empty() {
            tracing::warn!("{}", self.config.behind);
        }
    }
}
