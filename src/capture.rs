//! The capture thread: it has the source opened, takes its pictures, and has it opened again after a loss. The source runs on a thread of
//! its own (`source`), so that a source that blocks holds up no other thread: this thread notices the silence, and the end does not wait.
//!
//! The capture thread never waits for a consumer. Its queue to the encoder holds [`QUEUE_MAX`] pictures; when it is full, the oldest picture
//! is dropped and counted. The detector gets each picture and searches the newest when it has time.
//!
//! The stream keeps the size of the format that was opened first. A picture of another size is fitted into it.

mod absence;
mod coded;
mod delivery;
pub mod demand;
mod opening;
mod source_thread;
mod state_changes;
mod status;
#[cfg(test)]
mod tests;

pub use coded::Passed;
pub use status::{CaptureStatus, SourceState};

use crate::{
    failpoint,
    picture::{
        Area, Picture, PicturePool, Size, fit,
        mask::{self, Mask},
    },
    source::{Losses, NEXT_WAIT_MAX, OpenError, Source, SourceFormat, Stop},
    threads,
    time::{Clock, Span, Ticks},
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use delivery::Delivery;
use demand::Demand;
use source_thread::{SourceMessage, SourceThread};
use std::{sync::Arc, thread};

/// Pictures between capture and encoder: a hiccup of 130 ms at 30 fps is ridden out, and no more latency than that can build up.
pub const QUEUE_MAX: usize = 4;

/// Wait before a lost source is opened again, and between two tries: who plugs a camera in sees it come back at once, and a try that finds
/// none costs next to nothing. A source that must not be asked as often waits itself.
const REOPEN_WAIT: Span = Span::from_ms(500);

/// A source that has sent nothing for this long is lost, where its loss ends the stream: a pipe or a driver that hangs says nothing of it,
/// and network cameras are given up sooner, or after just this long.
const LOST_AFTER: Span = Span::from_ms(15_000);

/// What it means where nothing is said.
pub const ON_LOSS_DEFAULT: &str = "wait";

/// What a loss of the source means for the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// It goes on with a slate, and the source is opened again.
    #[default]
    Wait,
    /// It ends, and has failed.
    Exit,
}

/// Opens the source, at first and again; it is called on the source's thread, and gives up when the stop is raised.
pub type Opener = Box<dyn FnMut(&Stop) -> Result<Box<dyn Source>, OpenError> + Send>;

/// Shown every picture as it comes, on the capture thread; it must not block.
pub type Tap = Box<dyn FnMut(&Arc<Picture>) + Send>;

/// A picture and when it arrived.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The picture, shared with the detector.
    pub picture: Arc<Picture>,
    /// When it came out of the source.
    pub arrived: Ticks,
    /// It is the last one again: by the source's own time no other was due until `arrived`.
    pub stands: bool,
    /// When the picture before it was captured, whether anybody took that or not.
    pub before: Option<Ticks>,
    /// It is the first since the source was closed because nobody wanted its pictures.
    pub woke: bool,
}

/// What the capture thread works with.
pub struct CaptureParts {
    /// Opens the source.
    pub opener: Opener,
    /// Sees every picture.
    pub tap: Tap,
    /// Drawn on every picture before anybody sees it.
    pub masks: Vec<Mask>,
    /// What happens when the source is lost.
    pub on_loss: OnLoss,
    /// Whether it is told when fewer pictures come than the source has said: of a camera, whose pictures are to come evenly.
    pub is_rate_watched: bool,
    /// Who wants pictures.
    pub demand: Arc<Demand>,
    /// The stream's clock.
    pub clock: Arc<dyn Clock>,
    /// What is told of the capture.
    pub status: Arc<CaptureStatus>,
}

/// The running thread, whose source is open.
pub struct Capture {
    /// What was opened first; the frame grid is made for it.
    pub format: SourceFormat,
    /// The pictures; disconnected when the source has ended or the thread was stopped.
    pub pictures: Receiver<Captured>,
    /// What the source has coded, where that is handed on.
    pub coded: Receiver<Passed>,
    /// The thread, to be joined. It ends soon after `stop`, whatever the source does.
    pub thread: thread::JoinHandle<()>,
    /// Raised to end it.
    pub stop: Stop,
}

/// The running thread, whose source is being opened.
pub struct Opening {
    outcome: Receiver<Result<SourceFormat, OpenError>>,
    pictures: Receiver<Captured>,
    coded: Receiver<Passed>,
    thread: thread::JoinHandle<()>,
    stop: Stop,
}

/// Starts to open the source on its own thread, and to take pictures once it is open.
pub fn begin(parts: CaptureParts) -> Result<Opening, OpenError> {
    let (sender, pictures) = bounded(QUEUE_MAX);
    let (opened, outcome) = bounded(1);
    let (passing, coded) = bounded(coded::QUEUE_MAX);
    let overtaken = pictures.clone();
    let stop = Stop::default();
    let stopped = stop.clone();
    let thread = threads::spawn("capture", move || {
        run(parts, stopped, ((sender, overtaken), passing), &opened);
    });
    let thread = thread.map_err(|error| OpenError(format!("cannot start the capture thread: {error}")))?;
    Ok(Opening { outcome, pictures, coded, thread, stop })
}

/// As [`begin`], and waits until the source is open, or why it is not.
pub fn start(parts: CaptureParts) -> Result<Capture, OpenError> {
    let mut opening = begin(parts)?;
    loop {
        match opening.wait(NEXT_WAIT_MAX) {
            Opened::Yes(capture) => return Ok(capture),
            Opened::No(error) => return Err(error),
            Opened::NotYet(again) => opening = again,
        }
    }
}

/// How far an opening is.
pub enum Opened {
    /// The source is open.
    Yes(Capture),
    /// It cannot be opened.
    No(OpenError),
    /// It is still being opened.
    NotYet(Opening),
}

impl Opening {
    /// Waits that long for the outcome.
    pub fn wait(self, span: Span) -> Opened {
        let Opening { outcome, pictures, coded, thread, stop } = self;
        match outcome.recv_timeout(span.to_duration()) {
            Ok(Ok(format)) => Opened::Yes(Capture { format, pictures, coded, thread, stop }),
            Ok(Err(error)) => {
                join(thread);
                Opened::No(error)
            }
            Err(RecvTimeoutError::Timeout) => Opened::NotYet(Opening { outcome, pictures, coded, thread, stop }),
            Err(RecvTimeoutError::Disconnected) => {
                join(thread);
                Opened::No(OpenError("the source failed while it was opened; this is a bug, please report it".to_owned()))
            }
        }
    }

    /// Gives it up.
    pub fn end(self) {
        self.stop.raise();
        join(self.thread);
    }
}

impl Capture {
    /// Ends the thread and waits for it, which takes [`END_MAX`] at most. `false` if a bug ended it, which has been told.
    #[must_use]
    pub fn end(self) -> bool {
        self.stop.raise();
        self.thread.join().is_ok()
    }
}

fn join(thread: thread::JoinHandle<()>) {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// A source that has not ended by then is held by its driver or its disk, and is left behind.
pub const END_MAX: Span = Span::from_ms(1400);

/// The capture thread sees within this time that it is to end.
const STOP_WAIT_MAX: Span = Span::from_ms(100);

/// The queue to the encoder: its sending end, and its receiving one to drop the oldest.
type Queue = (Sender<Captured>, Receiver<Captured>);

fn run(
    parts: CaptureParts,
    stop: Stop,
    (queue, passing): (Queue, Sender<Passed>),
    opened: &Sender<Result<SourceFormat, OpenError>>,
) {
    let CaptureParts { opener, tap, masks, on_loss, is_rate_watched, demand, clock, status } = parts;
    // The receiver of the outcome may have given up; then the stop is raised.
    let source = match source_thread::start(opener) {
        Ok(source) => source,
        Err(error) => {
            opened.send(Err(OpenError(format!("cannot start the source's thread: {error}")))).ok();
            return;
        }
    };
    let outcome = opening::first(&source, (&demand, &status, &*clock), &stop);
    let outcome = outcome.map(|outcome| {
        let (format, opening) = outcome?;
        let masks = mask::areas(&masks, format.size).map_err(|error| OpenError(error.to_string()))?;
        Ok((format, opening, masks))
    });
    let mut name = String::new();
    match outcome {
        Some(Ok((format, opening, masks))) => {
            status.set_format(&format);
            name.clone_from(&format.name);
            let taker = CaptureLoop {
                heard: clock.now(),
                tap,
                demand,
                clock,
                status,
                stop: stop.clone(),
                on_loss,
                opening,
                queue,
                passing: coded::Passing::new(passing),
                size: format.size,
                masks,
                last: None,
                before: None,
                passed: None,
                losses: Losses::default(),
                delivery: is_rate_watched.then(|| Delivery::new(format.rate)),
                seen: format.size,
                pool: PicturePool::default(),
                gone: None,
                name: format.name.clone(),
                woke: false,
            };
            opened.send(Ok(format)).ok();
            // The queue goes with it, so that the encoder ends before a source that is held.
            taker.run(&source);
        }
        Some(Err(error)) => {
            opened.send(Err(error)).ok();
        }
        None => {}
    }
    stop.raise();
    leave(source, &name);
}

/// Waits for the source's thread, but not for ever.
fn leave(source: SourceThread, name: &str) {
    let SourceThread { open, messages, ended, thread } = source;
    // What it still has to say is not wanted, and must not hold it.
    drop((open, messages));
    if ended.recv_timeout(END_MAX.to_duration()) == Err(RecvTimeoutError::Timeout) {
        tracing::warn!("{} does not end; leaving it", if name.is_empty() { "the source" } else { name });
    } else {
        join(thread);
    }
}

/// What the loop keeps.
struct CaptureLoop {
    tap: Tap,
    demand: Arc<Demand>,
    clock: Arc<dyn Clock>,
    status: Arc<CaptureStatus>,
    stop: Stop,
    on_loss: OnLoss,
    /// Closes the source that is open.
    opening: Stop,
    queue: Queue,
    /// The queue of what the source has coded.
    passing: coded::Passing,
    /// When the source was last heard of: a picture came, or none was due.
    heard: Ticks,
    /// The last picture that was handed on.
    last: Option<Arc<Picture>>,
    /// When the last picture was captured, whether it was handed on or not.
    before: Option<Ticks>,
    /// When that which was handed on last was.
    passed: Option<Ticks>,
    /// The stream's size.
    size: Size,
    /// What is hidden, in pixels of that size.
    masks: Vec<Area>,
    /// What the source said last that it lost.
    losses: Losses,
    /// How many pictures come, where that is watched.
    delivery: Option<Delivery>,
    /// The size of the last picture.
    seen: Size,
    /// Where fitted pictures are made.
    pool: PicturePool,
    /// The name of a source that was lost, and from which no picture has come since.
    gone: Option<String>,
    /// The name of the source that was opened last.
    name: String,
    /// The next picture is the first since the source was closed.
    woke: bool,
}

impl CaptureLoop {
    /// Takes what comes, until the source has ended, its loss ends the stream, or the stop is raised.
    fn run(mut self, source: &SourceThread) {
        while !self.stop.is_raised() && !self.is_given_up() {
            failpoint::hit("capture");
            if self.demand.is_to_rest() {
                if !self.rest(source) {
                    return;
                }
                continue;
            }
            match source.messages.recv_timeout(STOP_WAIT_MAX.to_duration()) {
                Ok(SourceMessage::Picture(picture, losses)) => {
                    self.count_losses(losses);
                    self.take(picture);
                }
                Ok(SourceMessage::Coded(frame, picture)) => self.take_coded(frame, picture),
                Ok(SourceMessage::Unfit(why)) => self.pass_unfit(why),
                Ok(SourceMessage::NotDue) => self.hold(),
                Err(RecvTimeoutError::Timeout) => self.note_silence(),
                Ok(SourceMessage::Damaged(reason)) => self.note_damage(&reason),
                Ok(SourceMessage::Opened(format)) => {
                    self.status.set_format(&format);
                    self.losses = Losses::default();
                    self.delivery = self.delivery.take().map(|_| Delivery::new(format.rate));
                    if let Some(name) = &mut self.gone {
                        name.clone_from(&format.name);
                    }
                    self.name = format.name;
                }
                Ok(SourceMessage::Refused(error)) => {
                    self.note_refusal(&error);
                    self.reopen(source);
                }
                Ok(SourceMessage::Lost(name, reason)) => {
                    self.note_loss(name, &reason);
                    if self.on_loss == OnLoss::Wait {
                        self.reopen(source);
                    }
                }
                Ok(SourceMessage::Ended(name)) => return self.note_end(&name),
                // The stop is raised, and ends the loop.
                Ok(SourceMessage::Closed) => {}
                // It panicked, which goes on where it is joined.
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, picture: Picture) {
        let now = self.note_picture(picture.at);
        let before = self.before.replace(picture.at);
        if self.is_left_out(picture.at) {
            return;
        }
        self.passed = Some(picture.at);
        let picture = self.prepared(picture);
        self.last = Some(picture.clone());
        let woke = std::mem::take(&mut self.woke);
        self.queue(Captured { picture, arrived: now, stands: false, before, woke });
    }

    /// A picture as it is handed on, which the tap has seen.
    fn prepared(&mut self, picture: Picture) -> Arc<Picture> {
        let mut picture = self.fitted(picture);
        mask::draw_masks(&mut picture, &self.masks);
        let picture = Arc::new(picture);
        (self.tap)(&picture);
        picture
    }

    /// Whether a picture is left out, for nobody wants as many. The encoder shows the one before it again.
    fn is_left_out(&self, at: Ticks) -> bool {
        let slow = self.demand.slow_rate();
        self.status.slowed.set(u64::from(slow.is_some()));
        let (Some(slow), Some(passed)) = (slow, self.passed) else { return false };
        // A picture that comes a little early is the one that is due.
        at.since(passed).0 * 10 < slow.frame_span().0 * 9
    }

    /// The last picture is shown on, as the source's own time says.
    fn hold(&mut self) {
        let Some(picture) = self.last.clone().filter(|_| self.gone.is_none()) else { return };
        self.heard = self.clock.now();
        self.delivery.iter_mut().for_each(Delivery::begin_anew);
        self.set_live();
        self.queue(Captured { picture, arrived: self.heard, stands: true, before: None, woke: false });
    }

    fn set_live(&self) {
        if self.status.state() != SourceState::Live {
            self.status.set_state(SourceState::Live, None);
        }
    }

    /// Without waiting: the newest win.
    fn queue(&self, mut captured: Captured) {
        let (sender, overtaken) = &self.queue;
        while let Err(TrySendError::Full(again)) = sender.try_send(captured) {
            captured = again;
            if let Some(overtaken) = overtaken.try_recv().ok().filter(|overtaken| !overtaken.stands) {
                captured.woke |= overtaken.woke;
                self.status.overtaken.bump();
            }
        }
    }

    /// The source counts from its opening; the status from the stream's beginning.
    fn count_losses(&mut self, losses: Losses) {
        let dropped = losses.dropped.saturating_sub(self.losses.dropped);
        self.lose(dropped);
        self.status.overtaken.add(dropped);
        self.status.truncated.add(losses.truncated.saturating_sub(self.losses.truncated));
        self.losses = losses;
    }

    fn fitted(&mut self, picture: Picture) -> Picture {
        if picture.size() != self.seen {
            self.seen = picture.size();
            tracing::warn!("pictures are now {}, and are fitted into the stream's {}", self.seen, self.size);
        }
        if self.seen == self.size { picture } else { fit(&picture, self.size, &self.pool) }
    }
}
