//! The bus of a camera: it hands what a camera makes to all subscribers. They subscribe to the [`Bus`]; the other end, the [`Publishers`],
//! belongs to the encode thread.
//!
//! No subscriber can hold up the publisher or another subscriber, and a bug in one ends that one alone. A subscriber whose work is bounded is
//! called on the publisher's thread ([`Topic::call`]); every other one has a queue with a bound, and a policy for when it is full
//! ([`Topic::subscribe`]). docs/decisions/0022-bus.md says why there are both.

mod queue;
#[cfg(test)]
mod tests;

pub use queue::{Capacity, End, Missed, Policy, QueueConfig, Subscription};

use crate::{
    encode::EncodedFrame,
    package::{PackagerEvent, track_params::TrackParams},
    picture::Picture,
    sync::lock,
    time::Span,
};
use std::{
    fmt,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

/// Where the subscribers of one camera come.
#[derive(Clone, Debug, Default)]
pub struct Bus {
    /// Finished pictures, with all that is burnt in and hidden. A frame that shows the picture before once more is not told.
    pub pictures: Topic<Arc<Picture>>,
    /// Encoded frames.
    pub frames: Topic<Encoded>,
    /// What the packager makes of them.
    pub events: Topic<PackagerEvent>,
}

/// The other end of a [`Bus`]. When it is dropped the queues of all subscribers end.
#[derive(Debug)]
pub struct Publishers {
    /// Of finished pictures.
    pub pictures: Publisher<Arc<Picture>>,
    /// Of encoded frames.
    pub frames: Publisher<Encoded>,
    /// Of what the packager makes of them.
    pub events: Publisher<PackagerEvent>,
}

impl Bus {
    /// A bus without subscribers, and its other end.
    pub fn open() -> (Bus, Publishers) {
        let bus = Bus::default();
        let Bus { pictures, frames, events } = bus.clone();
        let publishers =
            Publishers { pictures: Publisher::new(pictures), frames: Publisher::new(frames), events: Publisher::new(events) };
        (bus, publishers)
    }
}

/// An encoded frame, with what a decoder must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// What a decoder must know.
    pub params: Arc<TrackParams>,
    /// The frame.
    pub frame: EncodedFrame,
}

/// What an item is to a subscriber that comes in the middle of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// All that follows needs it, until the next one: an init segment.
    Header,
    /// A subscriber can begin here: a picture, a key frame, the start of a segment.
    Entry,
    /// It needs what came before.
    Body,
}

/// What can be published.
pub trait Item: Clone + Send + 'static {
    /// What it is to a subscriber that comes in the middle of a stream.
    fn role(&self) -> Role;
    /// Bytes that a queue holds with it, where they count.
    fn bytes(&self) -> usize;
    /// How much of the stream is missing without it.
    fn span(&self) -> Span;
}

impl Item for Arc<Picture> {
    fn role(&self) -> Role {
        Role::Entry
    }

    fn bytes(&self) -> usize {
        self.as_bytes().len()
    }

    fn span(&self) -> Span {
        Span::ZERO
    }
}

impl Item for Encoded {
    fn role(&self) -> Role {
        if self.frame.key { Role::Entry } else { Role::Body }
    }

    fn bytes(&self) -> usize {
        self.frame.data.len()
    }

    fn span(&self) -> Span {
        self.frame.duration
    }
}

impl Item for PackagerEvent {
    fn role(&self) -> Role {
        match self {
            PackagerEvent::Init { .. } => Role::Header,
            PackagerEvent::Start(_) => Role::Entry,
            PackagerEvent::Part(_) | PackagerEvent::End(_) => Role::Body,
        }
    }

    fn bytes(&self) -> usize {
        if let PackagerEvent::Part(part) = self { part.data.len() } else { 0 }
    }

    fn span(&self) -> Span {
        if let PackagerEvent::Part(part) = self { part.duration } else { Span::ZERO }
    }
}

/// What the end of a subscriber means to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// The stream ends with it: there is nothing else to make it for.
    Essential,
    /// The stream goes on without it.
    Optional,
}

/// An essential subscriber has ended, and the stream ends with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriberEnded {
    /// Its name.
    pub name: String,
    /// It ended by a bug, which has been told.
    pub by_bug: bool,
}

/// Takes what is published, on the publisher's thread, and never waits. `Break` when it wants no more.
trait Take<T>: Send {
    fn take(&mut self, batch: &[T]) -> ControlFlow<()>;

    /// Whether it is of no use any more, because its other end was dropped.
    fn has_left(&self) -> bool {
        false
    }
}

struct Call<F>(F);

impl<T, F: FnMut(&[T]) + Send> Take<T> for Call<F> {
    fn take(&mut self, batch: &[T]) -> ControlFlow<()> {
        (self.0)(batch);
        ControlFlow::Continue(())
    }
}

/// A subscriber as the publisher knows it.
struct Subscriber<T> {
    name: String,
    importance: Importance,
    /// It has seen an item with which it can begin.
    has_begun: bool,
    take: Box<dyn Take<T>>,
}

/// Where the subscribers of one kind of items come.
#[derive(Clone)]
pub struct Topic<T> {
    /// Those who came since the last item; `None` after the end.
    newcomers: Arc<Mutex<Option<Vec<Subscriber<T>>>>>,
}

impl<T: Item> Topic<T> {
    /// Calls `take` with all that is published from the next entry on, on the publisher's thread. Its work is bounded: it never waits for a
    /// disk, a client or a thread that does. Items that belong together, such as a segment's last part and its end, come in one call. Those
    /// who came first are called first.
    pub fn call(&self, name: &str, importance: Importance, take: impl FnMut(&[T]) + Send + 'static) {
        self.add(Subscriber { name: name.to_owned(), importance, has_begun: false, take: Box::new(Call(take)) });
    }

    /// A queue of all that is published from the next entry on, for another thread. Dropping it ends the subscription.
    pub fn subscribe(&self, config: QueueConfig) -> Subscription<T> {
        let (name, importance) = (config.name.clone(), config.importance);
        let (queue, subscription) = queue::queue(config);
        self.add(Subscriber { name, importance, has_begun: false, take: Box::new(queue) });
        subscription
    }

    fn add(&self, subscriber: Subscriber<T>) {
        // After the end it is dropped, and its queue ends.
        if let Some(newcomers) = lock(&self.newcomers).as_mut() {
            newcomers.retain(|other| !other.take.has_left());
            newcomers.push(subscriber);
        }
    }
}

impl<T> Default for Topic<T> {
    fn default() -> Topic<T> {
        Topic { newcomers: Arc::new(Mutex::new(Some(Vec::new()))) }
    }
}

impl<T> fmt::Debug for Topic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").finish_non_exhaustive()
    }
}

/// Publishes items of one kind, from one thread.
pub struct Publisher<T> {
    topic: Topic<T>,
    subscribers: Vec<Subscriber<T>>,
    /// The newest header.
    header: Option<T>,
}

impl<T: Item> Publisher<T> {
    fn new(topic: Topic<T>) -> Publisher<T> {
        Publisher { topic, subscribers: Vec::new(), header: None }
    }

    /// Whether nobody would take what is published, so that it need not be made.
    pub fn is_unheard(&self) -> bool {
        self.subscribers.is_empty() && lock(&self.topic.newcomers).as_ref().is_none_or(Vec::is_empty)
    }

    /// Gives all subscribers items that belong together. Fails when an essential one has ended; the others have got theirs.
    pub fn publish(&mut self, batch: &[T]) -> Result<(), SubscriberEnded> {
        if let Some(newcomers) = lock(&self.topic.newcomers).as_mut() {
            self.subscribers.append(newcomers);
        }
        let header = self.header.take();
        let mut result = Ok(());
        self.subscribers.retain_mut(|subscriber| {
            let ended = subscriber.offer(header.as_ref(), batch);
            let is_there = ended.is_none();
            if let Some(ended) = ended.filter(|_| subscriber.importance == Importance::Essential) {
                result = Err(ended);
            }
            is_there
        });
        self.header = batch.iter().rfind(|item| item.role() == Role::Header).cloned().or(header);
        result
    }
}

impl<T: Item> Subscriber<T> {
    /// Hands it what it can use of a batch, behind the header before that. Says whether it has ended.
    fn offer(&mut self, header: Option<&T>, batch: &[T]) -> Option<SubscriberEnded> {
        let taken = if self.has_begun {
            self.take(batch)
        } else {
            let Some(entry) = batch.iter().position(|item| item.role() == Role::Entry) else {
                return self.take.has_left().then(|| self.ended(false));
            };
            self.has_begun = true;
            let own = batch[..entry].iter().rfind(|item| item.role() == Role::Header);
            let first: Vec<T> = own.or(header).into_iter().chain(&batch[entry..]).cloned().collect();
            self.take(&first)
        };
        match taken {
            Ok(ControlFlow::Continue(())) => None,
            Ok(ControlFlow::Break(())) => Some(self.ended(false)),
            Err(_) => {
                tracing::error!("{} ended by a bug, and gets nothing any more", self.name);
                Some(self.ended(true))
            }
        }
    }

    fn take(&mut self, batch: &[T]) -> std::thread::Result<ControlFlow<()>> {
        catch_unwind(AssertUnwindSafe(|| self.take.take(batch)))
    }

    fn ended(&self, by_bug: bool) -> SubscriberEnded {
        SubscriberEnded { name: self.name.clone(), by_bug }
    }
}

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        lock(&self.topic.newcomers).take();
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("subscribers", &self.subscribers.len()).finish_non_exhaustive()
    }
}
