//! The capture thread against scripted sources.

use super::*;
use crate::{
    picture::{LUMA_BLACK, Size, mask::Measure},
    source::SourceError,
    time::{FrameRate, ManualClock, SystemClock, WallTime},
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
        fitness: crate::source::coded::Fitness::NotAsked,
    }
}

/// What one opening gives: the results of `next`, or why it fails.
type Opening = Result<Vec<Result<(), SourceError>>, &'static str>;

/// Runs one script per opening.
fn capture(scripts: Vec<Opening>) -> (Result<Capture, OpenError>, Arc<CaptureStatus>) {
    capture_sized(scripts.into_iter().map(|script| (format().size, script)).collect())
}

/// The same with the size of the pictures.
fn capture_sized(scripts: Vec<(Size, Opening)>) -> (Result<Capture, OpenError>, Arc<CaptureStatus>) {
    capture_masked(scripts, Vec::new())
}

fn capture_masked(scripts: Vec<(Size, Opening)>, masks: Vec<Mask>) -> (Result<Capture, OpenError>, Arc<CaptureStatus>) {
    let (parts, status) = parts(scripts, masks, OnLoss::Wait);
    (start(parts), status)
}

fn parts(scripts: Vec<(Size, Opening)>, masks: Vec<Mask>, on_loss: OnLoss) -> (CaptureParts, Arc<CaptureStatus>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let status = Arc::new(CaptureStatus::default());
    let mut scripts = scripts.into_iter();
    let opener: Opener = {
        let clock = clock.clone();
        Box::new(move |_: &Stop| match scripts.next() {
            Some((size, Ok(steps))) => {
                let format = SourceFormat { size, ..format() };
                Ok(Box::new(Script { format, steps: steps.into_iter(), clock: clock.clone() }) as Box<dyn Source>)
            }
            Some((_, Err(error))) => Err(OpenError(error.to_owned())),
            None => Err(OpenError("no more".to_owned())),
        })
    };
    let demand = Arc::new(Demand::unlimited(clock.clone()));
    let (tap, is_rate_watched): (Tap, _) = (Box::new(|_| ()), true);
    (CaptureParts { opener, tap, masks, on_loss, is_rate_watched, demand, clock, status: status.clone() }, status)
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
    let left_half =
        Mask { left: Measure::Pixels(0), top: Measure::Pixels(0), width: Measure::Percent(50.0), height: Measure::Percent(100.0) };
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

#[test]
fn a_source_that_opens_and_gives_no_picture_is_not_back() {
    let lost = || Err(SourceError::Lost("nothing in it".to_owned()));
    let (capture, status) = capture(vec![Ok(vec![Ok(()), lost()]), Ok(vec![lost()]), Ok(vec![])]);
    let Capture { pictures, thread, .. } = capture.expect("opens");
    thread.join().expect("no panic");
    assert_eq!((pictures.iter().count(), status.reopened.get()), (1, 0));
}

#[test]
fn a_picture_stands_while_none_is_due() {
    let (capture, status) = capture(vec![Ok(vec![Err(SourceError::NotDue), Ok(()), Err(SourceError::NotDue)])]);
    let Capture { pictures, thread, .. } = capture.expect("opens");
    thread.join().expect("no panic");
    let captured: Vec<_> = pictures.iter().collect();
    assert_eq!(captured.iter().map(|captured| captured.stands).collect::<Vec<_>>(), [false, true]);
    assert!(Arc::ptr_eq(&captured[0].picture, &captured[1].picture));
    assert_eq!(status.overtaken.get(), 0);
}

/// Gives a picture, and then blocks until the test lets it go.
struct Blocking {
    format: SourceFormat,
    clock: Arc<dyn Clock>,
    pictures: u64,
    released: Receiver<()>,
}

impl Source for Blocking {
    fn next(&mut self) -> Result<Picture, SourceError> {
        if self.pictures == 0 {
            // Disconnected, it blocks no more.
            self.released.recv().ok();
        }
        self.pictures = self.pictures.saturating_sub(1);
        Ok(Picture::black(self.format.size, self.clock.now()))
    }

    fn format(&self) -> &SourceFormat {
        &self.format
    }
}

/// What a source that blocks is captured by; dropping the sender lets it go.
fn blocking(pictures: u64, in_open: bool) -> (CaptureParts, Sender<()>) {
    blocking_on(Arc::new(SystemClock::start()), pictures, in_open)
}

fn blocking_on(clock: Arc<dyn Clock>, pictures: u64, in_open: bool) -> (CaptureParts, Sender<()>) {
    let (release, released) = bounded(0);
    let opener: Opener = {
        let clock = clock.clone();
        Box::new(move |_: &Stop| {
            if in_open {
                released.recv().ok();
            }
            let (clock, released) = (clock.clone(), released.clone());
            Ok(Box::new(Blocking { format: format(), clock, pictures, released }) as Box<dyn Source>)
        })
    };
    let status = Arc::new(CaptureStatus::default());
    let demand = Arc::new(Demand::unlimited(clock.clone()));
    (
        CaptureParts {
            opener,
            tap: Box::new(|_| ()),
            masks: Vec::new(),
            on_loss: OnLoss::Wait,
            is_rate_watched: true,
            demand,
            clock,
            status,
        },
        release,
    )
}

#[test]
fn silence_is_told_while_the_source_blocks_and_the_end_does_not_wait_for_it() {
    let (parts, release) = blocking(1, false);
    let (clock, status) = (parts.clock.clone(), parts.status.clone());
    let capture = start(parts).expect("opens");
    let deadline = clock.now() + Span::from_ms(20_000);
    while status.state() != SourceState::Silent && clock.now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(status.state(), SourceState::Silent);
    let begin = clock.now();
    assert!(capture.end(), "no bug ended it");
    // A busy machine gets a second more than is promised.
    assert!(clock.now().since(begin) < END_MAX + Span::from_ms(1000));
    drop(release);
}

#[test]
fn an_opening_that_blocks_can_be_given_up() {
    let (parts, release) = blocking(1, true);
    let clock = parts.clock.clone();
    let Opened::NotYet(opening) = begin(parts).expect("begins").wait(Span::from_ms(1)) else { panic!("it cannot be open") };
    let begin = clock.now();
    opening.end();
    assert!(clock.now().since(begin) < END_MAX + Span::from_ms(1000));
    drop(release);
}

#[test]
fn where_a_loss_ends_the_stream_the_source_is_not_opened_again() {
    let lost = || Err(SourceError::Lost("it was unplugged".to_owned()));
    let scripts = vec![(format().size, Ok(vec![Ok(()), lost()])), (format().size, Ok(vec![Ok(())]))];
    let (parts, status) = parts(scripts, Vec::new(), OnLoss::Exit);
    let Capture { pictures, thread, .. } = start(parts).expect("opens");
    thread.join().expect("no panic");
    assert_eq!((pictures.iter().count(), status.reopened.get(), status.state()), (1, 0, SourceState::Lost));
    assert_eq!(status.loss().as_deref(), Some("a script: it was unplugged"));
}

#[test]
fn a_source_that_hangs_is_lost_where_a_loss_ends_the_stream() {
    let clock = Arc::new(ManualClock::at(WallTime(0)));
    let (parts, release) = blocking_on(clock.clone(), 1, false);
    let status = parts.status.clone();
    let capture = start(CaptureParts { on_loss: OnLoss::Exit, ..parts }).expect("opens");
    let deadline = SystemClock::start();
    while status.state() != SourceState::Live && deadline.now() < Ticks::default() + Span::from_ms(20_000) {
        std::thread::yield_now();
    }
    clock.advance(LOST_AFTER);
    assert_eq!(capture.pictures.iter().count(), 1);
    assert_eq!(status.loss().as_deref(), Some("a script: it has sent nothing for 15 s"));
    drop(release);
    assert!(capture.end(), "no bug ended it");
}

/// A camera in the dark: a picture a fifteenth of a second, each there at once.
struct Dark(SourceFormat, std::ops::Range<i64>);

impl Source for Dark {
    fn next(&mut self) -> Result<Picture, SourceError> {
        let next = self.1.next().ok_or(SourceError::Ended)?;
        Ok(Picture::black(self.0.size, Ticks(next * 6000)))
    }

    fn format(&self) -> &SourceFormat {
        &self.0
    }
}

#[test]
fn a_camera_that_delivers_half_its_rate_is_told_in_the_status_while_it_is_live() {
    let (mut parts, status) = parts(Vec::new(), Vec::new(), OnLoss::Wait);
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    parts.opener = Box::new(|_: &Stop| Ok(Box::new(Dark(format(), 0..200)) as Box<dyn Source>));
    parts.tap = {
        let (seen, status) = (seen.clone(), status.clone());
        Box::new(move |_| seen.lock().expect("no panic").push(status.slow()))
    };
    start(parts).expect("opens").thread.join().expect("no panic");
    let seen = seen.lock().expect("no panic");
    let first = seen.iter().position(Option::is_some).expect("it is slow");
    assert!((130..=140).contains(&first), "{first}: after nine seconds");
    assert_eq!(seen[first].map(f64::round), Some(15.0));
    assert_eq!(status.slow(), None, "it has ended");
}
