//! The capture thread: opens the source, takes its pictures, and opens it again when it is lost.
//!
//! It never waits for anybody downstream. Its queue to the encoder holds [`QUEUE_MAX`] pictures and the newest win: what is
//! overtaken is counted. The detector is shown each picture and takes the newest when it has time.
//!
//! The stream has one size, that of the format opened first. A picture of another size, from a camera that changed its mind or that was
//! replaced by another one, is fitted into it.

use crate::{
    paint::{
        Area,
        mask::{self, Mask},
    },
    picture::{Picture, PicturePool, Size, fit},
    source::{Losses, NEXT_WAIT_MAX, OpenError, Source, SourceError, SourceFormat},
    status::{SourceState, Status},
    time::{Clock, Span, Ticks},
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Pictures between capture and encoder: a hiccup of 130 ms at 30 fps is ridden out, and no more latency than that can build up.
pub const QUEUE_MAX: usize = 4;

/// First wait before a lost source is opened again; a replugged USB camera takes about a second to enumerate.
const REOPEN_FIRST: Span = Span::from_ms(500);

/// Longest wait between two tries: a person who plugs a camera in sees it come back at once.
const REOPEN_MAX: Span = Span::from_ms(2000);

/// Opens the source, at first and again; it is called on the capture thread.
pub type Opener = Box<dyn FnMut() -> Result<Box<dyn Source>, OpenError> + Send>;

/// Shown every picture as it comes, on the capture thread; it must not block.
pub type Tap = Box<dyn FnMut(&Arc<Picture>) + Send>;

/// A picture and when it arrived.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The picture, shared with the detector.
    pub picture: Arc<Picture>,
    /// When it came out of the source.
    pub arrived: Ticks,
}

/// What the capture thread works with.
pub struct CaptureParts {
    /// Opens the source.
    pub opener: Opener,
    /// Sees every picture.
    pub tap: Tap,
    /// Drawn on every picture before anybody sees it.
    pub masks: Vec<Mask>,
    /// The stream's clock.
    pub clock: Arc<dyn Clock>,
    /// The stream's status.
    pub status: Arc<Status>,
}

/// The running thread.
pub struct Capture {
    /// What was opened first; the frame grid is made for it.
    pub format: SourceFormat,
    /// The pictures; disconnected when the source has ended or the thread was stopped.
    pub pictures: Receiver<Captured>,
    /// The thread, to be joined.
    pub thread: thread::JoinHandle<()>,
    /// Raised to end it.
    pub stop: Arc<AtomicBool>,
    /// Disconnected when the thread has ended.
    pub ended: Receiver<()>,
}

/// Opens the source on its own thread and starts to take pictures. Returns when the source is open, or why it is not.
pub fn start(parts: CaptureParts) -> Result<Capture, OpenError> {
    let (sender, pictures) = bounded(QUEUE_MAX);
    let (opened, outcome) = bounded(1);
    let overtaken = pictures.clone();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let (ending, ended) = bounded(0);
    let thread = thread::Builder::new().name("capture".to_owned()).spawn(move || {
        run(parts, stopped, &sender, &overtaken, &opened);
        drop(ending);
    });
    let thread = thread.map_err(|error| OpenError(format!("cannot start the capture thread: {error}")))?;
    match outcome.recv() {
        Ok(Ok(format)) => Ok(Capture { format, pictures, thread, stop, ended }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(OpenError("the source failed while it was opened; this is a bug, please report it".to_owned())),
    }
}

/// A source that has not ended by then is held by its driver, and the process ends without it.
const END_MAX: Span = Span::from_ms(3000);

impl Capture {
    /// Ends the thread and waits for it, but not for ever.
    pub fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.ended.recv_timeout(END_MAX.to_duration()) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("{} does not end; leaving it", self.format.name);
        } else {
            self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }
}

fn run(
    mut parts: CaptureParts,
    stop: Arc<AtomicBool>,
    sender: &Sender<Captured>,
    overtaken: &Receiver<Captured>,
    opened: &Sender<Result<SourceFormat, OpenError>>,
) {
    let mut source = match (parts.opener)() {
        Ok(source) => source,
        Err(error) => {
            // The receiver waits for just this; it cannot be gone.
            opened.send(Err(error)).ok();
            return;
        }
    };
    let size = source.format().size;
    let masks = match mask::areas(&parts.masks, size) {
        Ok(masks) => masks,
        Err(error) => {
            opened.send(Err(OpenError(error.to_string()))).ok();
            return;
        }
    };
    parts.status.set_format(source.format());
    opened.send(Ok(source.format().clone())).ok();
    let (last, losses, pool) = (parts.clock.now(), Losses::default(), PicturePool::default());
    let mut taker = Taker { last, parts, stop, size, masks, losses, seen: size, pool };
    while !taker.stopped() {
        match source.next() {
            Ok(picture) => {
                taker.count_losses(source.losses());
                taker.take(picture, sender, overtaken);
            }
            Err(SourceError::Silent) => taker.note_silence(),
            Err(SourceError::Damaged(reason)) => taker.note_damage(&reason),
            Err(SourceError::Ended) => {
                tracing::info!("{} has ended", source.format().name);
                taker.parts.status.set_state(SourceState::Ended, None);
                return;
            }
            Err(SourceError::Lost(reason)) => {
                let name = source.format().name.clone();
                // The device must be closed before it can be opened again.
                drop(source);
                match taker.reopen(&name, &reason) {
                    Some(again) => source = again,
                    None => return,
                }
            }
        }
    }
}

/// What the loop keeps.
struct Taker {
    parts: CaptureParts,
    stop: Arc<AtomicBool>,
    /// When the last picture came.
    last: Ticks,
    /// The stream's size.
    size: Size,
    /// What is hidden, in pixels of that size.
    masks: Vec<Area>,
    /// What the source said last that it lost.
    losses: Losses,
    /// The size of the last picture.
    seen: Size,
    /// Where fitted pictures are made.
    pool: PicturePool,
}

impl Taker {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn take(&mut self, picture: Picture, sender: &Sender<Captured>, overtaken: &Receiver<Captured>) {
        let mut picture = self.fitted(picture);
        mask::draw_masks(&mut picture, &self.masks);
        let picture = Arc::new(picture);
        let status = &self.parts.status;
        self.last = self.parts.clock.now();
        status.pictures.mark(self.last);
        status.capture_latency.add(self.last.since(picture.at));
        if status.state() != SourceState::Live {
            status.set_state(SourceState::Live, None);
        }
        (self.parts.tap)(&picture);
        let mut captured = Captured { picture, arrived: self.last };
        while let Err(TrySendError::Full(again)) = sender.try_send(captured) {
            captured = again;
            if overtaken.try_recv().is_ok() {
                status.overtaken.bump();
            }
        }
    }

    /// The source counts from its opening; the status from the stream's beginning.
    fn count_losses(&mut self, losses: Losses) {
        self.parts.status.overtaken.add(losses.dropped.saturating_sub(self.losses.dropped));
        self.parts.status.truncated.add(losses.truncated.saturating_sub(self.losses.truncated));
        self.losses = losses;
    }

    fn fitted(&mut self, picture: Picture) -> Picture {
        if picture.size() != self.seen {
            self.seen = picture.size();
            tracing::warn!("pictures are now {}, and are fitted into the stream's {}", self.seen, self.size);
        }
        if self.seen == self.size { picture } else { fit(&picture, self.size, &self.pool) }
    }

    fn note_silence(&self) {
        let silent = self.parts.clock.now().since(self.last);
        if silent >= crate::pacer::SILENCE_MAX && self.parts.status.state() == SourceState::Live {
            tracing::warn!("no picture for {:.1} s; the stream shows a slate until it is back", silent.as_s());
            self.set_state(SourceState::Silent);
        }
    }

    fn note_damage(&self, reason: &str) {
        self.parts.status.damaged.bump();
        // The first says what is wrong; the count in the status says how often.
        if self.parts.status.damaged.get() == 1 {
            tracing::warn!("left out a damaged picture: {reason}; further ones are only counted");
        }
        self.note_silence();
    }

    fn set_state(&self, state: SourceState) {
        let since = self.parts.clock.wall() + (self.last.since(self.parts.clock.now()));
        self.parts.status.set_state(state, Some(since));
    }

    /// Tries until the source is open again; `None` when told to stop.
    fn reopen(&mut self, name: &str, reason: &str) -> Option<Box<dyn Source>> {
        tracing::warn!("lost {name}: {reason}; trying to open it again");
        self.set_state(SourceState::Lost);
        let mut wait = REOPEN_FIRST;
        while self.wait(wait) {
            match (self.parts.opener)() {
                Ok(source) => {
                    let gone = self.parts.clock.now().since(self.last);
                    tracing::info!("{} is back after {:.1} s", source.format().name, gone.as_s());
                    self.parts.status.set_format(source.format());
                    self.parts.status.reopened.bump();
                    self.losses = Losses::default();
                    return Some(source);
                }
                Err(error) => tracing::debug!("still lost: {error}"),
            }
            wait = (wait * 2).min(REOPEN_MAX);
        }
        None
    }

    /// Waits; false when told to stop meanwhile.
    fn wait(&self, span: Span) -> bool {
        let end = self.parts.clock.now() + span;
        while !self.stopped() {
            let now = self.parts.clock.now();
            if now >= end {
                return true;
            }
            self.parts.clock.sleep_until(end.min(now + NEXT_WAIT_MAX));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        paint::mask::Measure,
        picture::{LUMA_BLACK, Size},
        status::Asked,
        time::{FrameRate, SystemClock},
    };

    /// All bytes of the pictures that a script plays.
    const GREY: u8 = 77;

    /// Plays a list of results, then ends.
    struct Script {
        format: SourceFormat,
        steps: std::vec::IntoIter<Result<(), SourceError>>,
        clock: Arc<dyn Clock>,
    }

    impl Source for Script {
        fn next(&mut self) -> Result<Picture, SourceError> {
            match self.steps.next() {
                Some(Ok(())) => {
                    let mut picture = Picture::black(self.format.size, self.clock.now());
                    picture.as_bytes_mut().fill(GREY);
                    Ok(picture)
                }
                Some(Err(error)) => Err(error),
                None => Err(SourceError::Ended),
            }
        }

        fn format(&self) -> &SourceFormat {
            &self.format
        }
    }

    fn format() -> SourceFormat {
        SourceFormat {
            name: "a script".to_owned(),
            size: Size::new(16, 16).expect("even"),
            rate: FrameRate::whole(30),
            pixels: "drawn".to_owned(),
            reason: String::new(),
        }
    }

    /// What one opening gives: the results of `next`, or why it fails.
    type Opening = Result<Vec<Result<(), SourceError>>, &'static str>;

    /// Runs one script per opening.
    fn capture(scripts: Vec<Opening>) -> (Result<Capture, OpenError>, Arc<Status>) {
        capture_sized(scripts.into_iter().map(|script| (format().size, script)).collect())
    }

    /// The same with the size of the pictures.
    fn capture_sized(scripts: Vec<(Size, Opening)>) -> (Result<Capture, OpenError>, Arc<Status>) {
        capture_masked(scripts, Vec::new())
    }

    fn capture_masked(scripts: Vec<(Size, Opening)>, masks: Vec<Mask>) -> (Result<Capture, OpenError>, Arc<Status>) {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let status = Arc::new(Status::new(Asked::default()));
        let mut scripts = scripts.into_iter();
        let opener: Opener = {
            let clock = clock.clone();
            Box::new(move || match scripts.next() {
                Some((size, Ok(steps))) => {
                    let format = SourceFormat { size, ..format() };
                    Ok(Box::new(Script { format, steps: steps.into_iter(), clock: clock.clone() }) as Box<dyn Source>)
                }
                Some((_, Err(error))) => Err(OpenError(error.to_owned())),
                None => Err(OpenError("no more".to_owned())),
            })
        };
        let parts = CaptureParts { opener, tap: Box::new(|_| ()), masks, clock, status: status.clone() };
        (start(parts), status)
    }

    #[test]
    fn a_source_that_cannot_be_opened_is_an_error_at_once() {
        let (capture, _) = capture(vec![Err("cannot open camera 0: busy")]);
        assert_eq!(capture.err().map(|error| error.to_string()), Some("cannot open camera 0: busy".to_owned()));
    }

    #[test]
    fn the_newest_pictures_win_and_the_others_are_counted() {
        let (capture, status) = capture(vec![Ok((0..10).map(|_| Ok(())).collect())]);
        let Capture { pictures, thread, .. } = capture.expect("opens");
        thread.join().expect("no panic");
        assert_eq!((pictures.iter().count(), status.overtaken.get()), (QUEUE_MAX, 10 - QUEUE_MAX as u64));
        assert_eq!(status.state(), SourceState::Ended);
    }

    #[test]
    fn a_picture_of_another_size_is_fitted_into_the_stream() {
        let (small, large) = (Size::new(8, 4).expect("even"), format().size);
        let lost = Err(SourceError::Lost("swapped".to_owned()));
        let (capture, _) = capture_sized(vec![(large, Ok(vec![Ok(()), lost])), (small, Ok(vec![Ok(())]))]);
        let Capture { pictures, thread, .. } = capture.expect("opens");
        thread.join().expect("no panic");
        assert_eq!(pictures.iter().map(|captured| captured.picture.size()).collect::<Vec<_>>(), [large, large]);
    }

    #[test]
    fn what_is_masked_is_masked_in_every_picture_of_any_size() {
        let (small, large) = (Size::new(8, 4).expect("even"), format().size);
        let lost = Err(SourceError::Lost("swapped".to_owned()));
        let left_half = Mask {
            left: Measure::Pixels(0),
            top: Measure::Pixels(0),
            width: Measure::Percent(50.0),
            height: Measure::Percent(100.0),
        };
        let scripts = vec![(large, Ok(vec![Ok(()), lost])), (small, Ok(vec![Ok(())]))];
        let (capture, _) = capture_masked(scripts, vec![left_half]);
        let Capture { pictures, thread, .. } = capture.expect("opens");
        thread.join().expect("no panic");
        let middles: Vec<_> = pictures.iter().map(|captured| captured.picture.planes().y[8 * 16..][..16].to_owned()).collect();
        assert_eq!(middles, vec![[[LUMA_BLACK; 8], [GREY; 8]].concat(); 2]);
    }

    #[test]
    fn a_mask_outside_the_picture_is_an_error_at_once() {
        let pixels = Measure::Pixels;
        let outside = Mask { left: pixels(16), top: pixels(0), width: pixels(9), height: pixels(9) };
        let (capture, _) = capture_masked(vec![(format().size, Ok(vec![Ok(())]))], vec![outside]);
        assert!(capture.err().is_some_and(|error| error.to_string().starts_with("--mask number 1 lies outside")));
    }

    #[test]
    fn a_lost_source_is_opened_again_and_damage_is_counted() {
        let lost = || Err(SourceError::Lost("unplugged".to_owned()));
        let damaged = || Err(SourceError::Damaged("half a picture".to_owned()));
        let (capture, status) = capture(vec![Ok(vec![Ok(()), damaged(), damaged(), lost()]), Err("not yet"), Ok(vec![Ok(())])]);
        let Capture { pictures, thread, .. } = capture.expect("opens");
        thread.join().expect("no panic");
        assert_eq!((pictures.iter().count(), status.damaged.get(), status.reopened.get()), (2, 2, 1));
    }
}
