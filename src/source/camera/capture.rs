//! The thread that reads one camera, and the inbox between it and the source.
//!
//! The inbox is bounded by [`INBOX_MAX`]: when it is full the oldest buffer is dropped and counted, so the newest wins, and a slow
//! reader never makes the driver run out of buffers. The thread ends when the camera fails or when its [`Capture`] is dropped; one that
//! is stuck in the driver's library is left behind after [`JOIN_MAX`], and ends by itself should the library ever return; until then
//! its camera is not begun again.

use super::{
    error::Failure,
    grab::{Grab, Grabbed, NegotiatedFormat},
    negotiate::Choice,
    platform,
    stamp::captured_at,
};
use crate::{
    counter::Counter,
    source::Device,
    sync::lock,
    threads,
    time::{Clock, Ticks},
};
use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// Buffers that wait to be taken: one to take and one that comes meanwhile. More would be latency.
pub(super) const INBOX_MAX: usize = 2;
/// Longest wait for a camera's first picture: a driver's own control time-outs (5 s), and 3 s for a sensor to wake.
const START_MAX: Duration = Duration::from_secs(8);
/// Longest wait for the thread to end: a camera at 1 fps sends a picture within it, on which the thread sees that it should end.
const JOIN_MAX: Duration = Duration::from_millis(1_200);

/// What the thread sends.
pub(super) enum CaptureMessage {
    /// A buffer, and when it was captured.
    Buffer(Bytes, Ticks),
    /// The driver said that a buffer is damaged.
    Damaged,
    /// The camera has failed; the last that is sent.
    Failed(Failure),
}

/// The sending end of the inbox.
pub(super) struct Outbox {
    sender: Sender<CaptureMessage>,
    /// The receiving end too, to drop the oldest.
    oldest: Receiver<CaptureMessage>,
    dropped: Arc<Counter>,
}

/// The receiving end, and the count of what was dropped on the way.
pub(super) struct Inbox {
    pub(super) receiver: Receiver<CaptureMessage>,
    pub(super) dropped: Arc<Counter>,
}

/// Both ends of an inbox.
pub(super) fn inbox() -> (Outbox, Inbox) {
    let (sender, receiver) = bounded(INBOX_MAX);
    let dropped = Arc::new(Counter::default());
    (Outbox { sender, oldest: receiver.clone(), dropped: dropped.clone() }, Inbox { receiver, dropped })
}

impl Outbox {
    /// Sends without waiting: the newest wins.
    pub(super) fn send(&self, sent: CaptureMessage) {
        let mut sent = sent;
        while let Err(TrySendError::Full(back)) = self.sender.try_send(sent) {
            sent = back;
            if self.oldest.try_recv().is_ok() {
                self.dropped.bump();
            }
        }
    }
}

/// Threads that are stuck in a driver, each with its camera's node and its end. A camera whose thread is among them is not begun again, so
/// that a driver that hangs holds one thread, however often it is tried.
static STUCK: Mutex<Vec<(PathBuf, Receiver<()>)>> = Mutex::new(Vec::new());

/// Whether a thread is still stuck in the driver of that node.
fn is_stuck(node: &Path) -> bool {
    let mut stuck = lock(&STUCK);
    stuck.retain(|(_, ended)| ended.try_recv() == Err(TryRecvError::Empty));
    stuck.iter().any(|(held, _)| held == node)
}

/// A running capture. Dropping it ends the thread, or leaves it behind.
pub(super) struct Capture {
    /// The camera's node.
    node: PathBuf,
    stop: Arc<AtomicBool>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        match self.ended.recv_timeout(JOIN_MAX) {
            Err(RecvTimeoutError::Timeout) => {
                tracing::warn!("a camera's thread is stuck in its driver and was left behind");
                lock(&STUCK).push((self.node.clone(), self.ended.clone()));
            }
            _ => {
                if let Some(thread) = self.thread.take() {
                    // Its panics were caught on the thread and told as a failure.
                    let _ended = thread.join();
                }
            }
        }
    }
}

/// Starts `device` with `choice` and waits for its first picture, which is then in the inbox.
pub(super) fn start(
    device: &Device,
    choice: &Choice,
    clock: Arc<dyn Clock>,
) -> Result<(NegotiatedFormat, Inbox, Capture), Failure> {
    let (opened, choice) = (device.clone(), choice.clone());
    start_within(START_MAX, device, clock, move || platform::grabber(&opened, &choice))
}

/// The same by any driver: `open` is called on the thread, and may not return.
fn start_within(
    longest: Duration,
    device: &Device,
    clock: Arc<dyn Clock>,
    open: impl FnOnce() -> Result<(NegotiatedFormat, Box<dyn Grab>), Failure> + Send + 'static,
) -> Result<(NegotiatedFormat, Inbox, Capture), Failure> {
    if is_stuck(&device.path) {
        return Err(Failure::said("its driver still holds the try before this one"));
    }
    let (outbox, inbox) = inbox();
    let (started, first) = bounded(1);
    let (ended_sender, ended) = bounded(0);
    let stop = Arc::new(AtomicBool::new(false));
    let thread = threads::spawn(&format!("camera {}", device.index), {
        let stop = stop.clone();
        move || {
            let _ended: Sender<()> = ended_sender;
            let run = AssertUnwindSafe(|| run(open, clock.as_ref(), &started, &outbox, &stop));
            if catch_unwind(run).is_err() {
                let failure = Failure::said("its driver's library has failed");
                let _nobody_waits = started.try_send(Err(failure.clone()));
                outbox.send(CaptureMessage::Failed(failure));
            }
        }
    });
    let thread = thread.map_err(|error| Failure::of_io(&error))?;
    let capture = Capture { node: device.path.clone(), stop, ended, thread: Some(thread) };
    match first.recv_timeout(longest) {
        Ok(agreed) => Ok((agreed?, inbox, capture)),
        Err(_) => Err(Failure::said(format!("it sends no picture within {} s", longest.as_secs()))),
    }
}

fn run(
    open: impl FnOnce() -> Result<(NegotiatedFormat, Box<dyn Grab>), Failure>,
    clock: &dyn Clock,
    started: &Sender<Result<NegotiatedFormat, Failure>>,
    outbox: &Outbox,
    stop: &AtomicBool,
) {
    let (agreed, mut grabber) = match open() {
        Ok(both) => both,
        Err(failure) => return answer(started, Err(failure)),
    };
    let mut first = Some(started);
    while !stop.load(Ordering::Relaxed) {
        let sent = match look(grabber.as_mut(), clock) {
            Ok(Some(sent)) => sent,
            Ok(None) => continue,
            Err(failure) => {
                return match first {
                    Some(started) => answer(started, Err(failure)),
                    None => outbox.send(CaptureMessage::Failed(failure)),
                };
            }
        };
        outbox.send(sent);
        if let Some(started) = first.take() {
            answer(started, Ok(agreed));
        }
    }
}

fn look(grabber: &mut dyn Grab, clock: &dyn Clock) -> Result<Option<CaptureMessage>, Failure> {
    let look = grabber.grab()?;
    let (arrival, wall) = (clock.now(), clock.wall());
    Ok(match look {
        Grabbed::Buffer(taken) => Some(CaptureMessage::Buffer(taken.bytes, captured_at(taken.stamp, arrival, wall))),
        Grabbed::Damaged => Some(CaptureMessage::Damaged),
        Grabbed::Nothing => None,
    })
}

/// Nobody waits any more when the start took too long.
fn answer(started: &Sender<Result<NegotiatedFormat, Failure>>, answer: Result<NegotiatedFormat, Failure>) {
    let _nobody_waits = started.try_send(answer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_buffers_win_and_the_others_are_counted() {
        let (outbox, inbox) = inbox();
        for n in 0..10 {
            outbox.send(CaptureMessage::Buffer(Bytes::new(), Ticks(n)));
        }
        let kept: Vec<i64> = inbox
            .receiver
            .try_iter()
            .filter_map(|sent| if let CaptureMessage::Buffer(_, at) = sent { Some(at.0) } else { None })
            .collect();
        assert_eq!((kept, inbox.dropped.get()), (vec![8, 9], 8));
    }

    #[test]
    fn a_camera_whose_thread_is_stuck_is_not_begun_again_until_that_ends() {
        let node = Path::new("/dev/video-of-this-test");
        let (ending, ended) = bounded(0);
        let stop = Arc::new(AtomicBool::new(false));
        drop(Capture { node: node.to_owned(), stop, ended, thread: None });
        assert!(is_stuck(node) && !is_stuck(Path::new("/dev/video-of-another")));
        drop(ending);
        assert!(!is_stuck(node));
    }

    #[test]
    fn a_driver_that_hangs_in_open_holds_one_thread_for_each_camera_however_often_it_is_tried() {
        use std::sync::atomic::AtomicUsize;
        let clock: Arc<dyn Clock> = Arc::new(crate::time::SystemClock::start());
        let (release, hang) = bounded::<()>(0);
        let entered = Arc::new(AtomicUsize::new(0));
        let tried = |index: u32| {
            let path = format!("/dev/video-that-hangs-{index}").into();
            let device = Device { index, path, stable_path: None, name: "Fake".to_owned(), formats: Vec::new() };
            let (hang, entered) = (hang.clone(), entered.clone());
            let open = move || {
                entered.fetch_add(1, Ordering::Relaxed);
                // Until the other end is dropped.
                hang.recv().ok();
                Err(Failure::said("it has let go"))
            };
            let tried = start_within(Duration::from_millis(50), &device, clock.clone(), open);
            tried.map(drop).expect_err("it hangs").text
        };
        for index in [0, 1] {
            assert!(tried(index).contains("it sends no picture"));
            for _ in 0..20 {
                assert!(tried(index).contains("its driver still holds the try before this one"));
            }
        }
        assert_eq!(entered.load(Ordering::Relaxed), 2, "threads that are in a driver");
        // A driver that lets go gives its thread back, and is tried again.
        drop(release);
        let begin = clock.now();
        while tried(0).contains("still holds") {
            assert!(clock.now().since(begin) < crate::time::Span::from_ms(20_000), "it is never tried again");
        }
        assert_eq!(entered.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_failure_is_never_crowded_out() {
        let (outbox, inbox) = inbox();
        for n in 0..5 {
            outbox.send(CaptureMessage::Buffer(Bytes::new(), Ticks(n)));
        }
        outbox.send(CaptureMessage::Failed(Failure::said("gone")));
        drop(outbox);
        assert!(matches!(inbox.receiver.iter().last(), Some(CaptureMessage::Failed(_))));
    }
}
