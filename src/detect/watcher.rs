//! Runs a detector and its tracker on a thread of its own: it searches the newest picture, and no other thread waits for it.

use super::{
    Detection, Detector, follow, is_due,
    turns::{Turn, Turns},
};
use crate::{
    changeable::Changeable,
    counter::{Counter, Gauge, Samples},
    detect::track::Tracker,
    failpoint,
    picture::Picture,
    sync::lock,
    threads,
    time::{Clock, Ticks},
};
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
};

/// A detector at work. Dropping it ends and joins its thread.
pub struct Watcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What a watcher has done so far.
#[derive(Debug, Default)]
pub struct WatcherCounts {
    /// Pictures looked at, with success or not.
    pub runs: Counter,
    /// Runs that failed.
    pub errors: Counter,
    /// 1 while the last run failed.
    pub failing: Gauge,
    /// Pictures that were due and were replaced by a newer one before the detector came to them.
    pub skips: Counter,
    /// Length of a run.
    pub run_took: Samples,
    /// The rate is divided by so much, to spare a busy machine; 0 and 1 leave it as it was asked.
    pub divisor: Gauge,
}

/// Told of every successful run, on the detector's thread.
pub type OnRun = Box<dyn FnMut(&Detection) + Send>;

/// How a watcher searches; it may be changed while it does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Searches per second of media time, at most.
    pub fps: f64,
    /// Nothing is searched, and so nothing found.
    pub is_paused: bool,
}

impl Pace {
    /// Searches per second, at most.
    pub fn rate(self) -> f64 {
        if self.is_paused { 0.0 } else { self.fps }
    }
}

struct Shared {
    pace: Changeable<Pace>,
    clock: Arc<dyn Clock>,
    slot: Mutex<Slot>,
    filled: Condvar,
    latest: Mutex<Arc<Detection>>,
    counts: Arc<WatcherCounts>,
}

/// Room for one picture: the newest wins.
#[derive(Default)]
struct Slot {
    picture: Option<Arc<Picture>>,
    last_run_at: Option<Ticks>,
    is_stopping: bool,
}

impl Watcher {
    /// Starts the thread `detect`, which searches at that pace, and counts what it does in `counts`.
    pub fn start(
        detector: Box<dyn Detector>,
        pace: Changeable<Pace>,
        clock: Arc<dyn Clock>,
        counts: Arc<WatcherCounts>,
        on_run: OnRun,
    ) -> io::Result<Watcher> {
        let shared =
            Arc::new(Shared { pace, clock, slot: Mutex::default(), filled: Condvar::new(), latest: Mutex::default(), counts });
        let thread = threads::spawn("detect", {
            let shared = shared.clone();
            move || watch(&shared, detector, on_run)
        })?;
        Ok(Watcher { shared, thread: Some(thread) })
    }

    /// Offers a picture. Returns at once; a picture that is not due is left out.
    pub fn offer(&self, picture: &Arc<Picture>) {
        let mut slot = lock(&self.shared.slot);
        let fps = self.shared.pace.get().fps / self.shared.counts.divisor.get().max(1) as f64;
        if !is_due(picture.at, slot.last_run_at, fps) {
            return;
        }
        let replaced = slot.picture.replace(picture.clone());
        drop(slot);
        self.shared.filled.notify_one();
        if replaced.is_some() {
            self.shared.counts.skips.bump();
        }
    }

    /// The newest result; an empty one before the first run. Cheap enough to ask for every frame.
    pub fn latest(&self) -> Arc<Detection> {
        lock(&self.shared.latest).clone()
    }

    /// What it has done so far.
    pub fn counts(&self) -> &WatcherCounts {
        &self.shared.counts
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        lock(&self.shared.slot).is_stopping = true;
        self.shared.filled.notify_one();
        if let Some(thread) = self.thread.take() {
            // Panics of the detector are caught on the thread; one of ours has been printed by then, and there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn watch(shared: &Shared, mut detector: Box<dyn Detector>, mut on_run: OnRun) {
    let (mut tracker, mut errors_in_a_row) = (Tracker::default(), 0u64);
    while let Some((picture, _turn)) = wait_for_picture(shared) {
        shared.counts.runs.bump();
        let begun = shared.clock.now();
        let mut turn = || {
            failpoint::hit("detect");
            let outcome = if shared.pace.get().is_paused {
                tracker = Tracker::default();
                Ok(())
            } else {
                follow(detector.as_mut(), &mut tracker, &picture)
            };
            let n_faults = detector.take_faults();
            if n_faults > 0 {
                shared.counts.errors.bump();
            }
            outcome.map_err(|error| error.to_string())?;
            let took = shared.clock.now().since(begun);
            let detection = Arc::new(Detection { at: picture.at, tracks: tracker.tracks(), took });
            *lock(&shared.latest) = detection.clone();
            on_run(&detection);
            Ok(())
        };
        // A bug in one run, the detector's or ours, is an error like any other: the next run begins anew.
        let outcome = catch_unwind(AssertUnwindSafe(&mut turn)).unwrap_or_else(|_| Err("the detector panicked".to_owned()));
        shared.counts.failing.set(outcome.is_err().into());
        match outcome {
            Ok(()) => {
                if errors_in_a_row > 0 {
                    tracing::info!("detection works again, after {errors_in_a_row} failed runs");
                    errors_in_a_row = 0;
                }
            }
            Err(error) => {
                // Once per burst: a detector that fails on every picture would fill the log.
                if errors_in_a_row == 0 {
                    tracing::warn!("detection failed: {error}; the stream goes on without new boxes");
                }
                errors_in_a_row += 1;
                shared.counts.errors.bump();
            }
        }
    }
}

/// The newest picture when it is this detector's turn; `None` when it is time to end.
fn wait_for_picture(shared: &Shared) -> Option<(Arc<Picture>, Turn<'static>)> {
    let mut slot = lock(&shared.slot);
    let mut turn = None;
    loop {
        if slot.is_stopping {
            return None;
        }
        match turn.take() {
            Some(turn) => {
                // One is there, or a newer one: nobody else takes them.
                let picture = slot.picture.take()?;
                slot.last_run_at = Some(picture.at);
                return Some((picture, turn));
            }
            None if slot.picture.is_some() => {
                // Pictures may come meanwhile.
                drop(slot);
                turn = Some(Turns::of_process().take());
                slot = lock(&shared.slot);
            }
            None => slot = shared.filled.wait(slot).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{DetectError, Expected, Hit, Luma, kind::Kind},
        picture::{BoundingBox, Size},
        time::{ManualClock, Span, WallTime},
    };
    use std::sync::mpsc::{Receiver, Sender, channel};

    type Answer = fn() -> Result<Vec<Hit>, DetectError>;

    /// Tells when it begins a picture, and does with it what the test answers.
    struct Puppet {
        began: Sender<Ticks>,
        answers: Receiver<Answer>,
        n_runs: i64,
    }

    impl Detector for Puppet {
        fn detect(&mut self, _luma: Luma<'_>, _expected: &[Expected]) -> Result<Vec<Hit>, DetectError> {
            self.began.send(Ticks(self.n_runs)).expect("the test listens");
            self.n_runs += 1;
            self.answers.recv().expect("the test answers")()
        }
    }

    struct Bench {
        watcher: Watcher,
        began: Receiver<Ticks>,
        answer: Sender<Answer>,
        done: Receiver<Detection>,
    }

    fn bench(fps: f64) -> Bench {
        let ((began_tx, began), (answer, answers), (done_tx, done)) = (channel(), channel(), channel());
        let clock = Arc::new(ManualClock::at(WallTime(0)));
        let on_run: OnRun = Box::new(move |detection| done_tx.send(detection.clone()).expect("the test listens"));
        let puppet = Puppet { began: began_tx, answers, n_runs: 0 };
        Bench {
            watcher: Watcher::start(
                Box::new(puppet),
                Changeable::new(Pace { fps, is_paused: false }),
                clock,
                Arc::default(),
                on_run,
            )
            .expect("a thread"),
            began,
            answer,
            done,
        }
    }

    fn picture(at_ms: i64) -> Arc<Picture> {
        Arc::new(Picture::black(Size::new(64, 48).expect("even"), Ticks(0) + Span::from_ms(at_ms)))
    }

    fn one_hit() -> Result<Vec<Hit>, DetectError> {
        Ok(vec![Hit { kind: Kind::FACE, area: BoundingBox { x: 1, y: 2, width: 30, height: 40 }, strength: 9 }])
    }

    #[test]
    fn the_newest_picture_wins_and_nobody_waits() {
        let bench = bench(10.0);
        assert_eq!(*bench.watcher.latest(), Detection::default());
        bench.watcher.offer(&picture(0));
        bench.began.recv().expect("it begins");
        for at_ms in [33, 66, 100, 133, 166] {
            bench.watcher.offer(&picture(at_ms));
        }
        bench.answer.send(one_hit).expect("it listens");
        assert_eq!(bench.done.recv().expect("a result").at, Ticks(0));
        bench.began.recv().expect("it begins again");
        bench.answer.send(one_hit).expect("it listens");
        assert_eq!(bench.done.recv().expect("a result").at, Ticks(0) + Span::from_ms(166));
        let drawn = bench.watcher.latest().boxes_at(Ticks(0) + Span::from_ms(166));
        assert_eq!(
            drawn.iter().map(|tracked| tracked.area).collect::<Vec<_>>(),
            [BoundingBox { x: 1, y: 2, width: 30, height: 40 }]
        );
        let counts = bench.watcher.counts();
        assert_eq!((counts.runs.get(), counts.errors.get(), counts.skips.get()), (2, 0, 2));
    }

    #[test]
    fn a_failing_or_panicking_detector_leaves_the_last_result() {
        let bench = bench(1000.0);
        let answers: [Answer; 4] = [one_hit, || Err(DetectError("no".into())), || panic!("on purpose"), || Ok(Vec::new())];
        for (idx, answer) in answers.into_iter().enumerate() {
            bench.watcher.offer(&picture(10 * idx as i64));
            bench.began.recv().expect("it begins");
            bench.answer.send(answer).expect("it listens");
        }
        let results: Vec<i64> = bench.done.iter().take(2).map(|detection| detection.at.0 / 900).collect();
        assert_eq!(results, [0, 3]);
        let counts = bench.watcher.counts();
        assert_eq!((counts.runs.get(), counts.errors.get()), (4, 2));
    }

    #[test]
    fn a_busy_machine_is_spared_and_gets_all_runs_back() {
        let bench = bench(10.0);
        let looked_at = |from_ms: i64, to_ms: i64| {
            let due = (from_ms..to_ms).step_by(100).filter(|at_ms| {
                let picture = picture(*at_ms);
                bench.watcher.offer(&picture);
                let slot = lock(&bench.watcher.shared.slot);
                let is_due = slot.picture.is_some() || slot.last_run_at == Some(picture.at);
                drop(slot);
                if is_due {
                    bench.answer.send(one_hit).expect("it listens");
                    bench.done.recv().expect("a result");
                }
                is_due
            });
            due.count()
        };
        assert_eq!(looked_at(0, 2000), 20);
        bench.watcher.counts().divisor.set(4);
        assert_eq!(looked_at(2000, 4000), 5);
        bench.watcher.counts().divisor.set(1);
        assert_eq!(looked_at(4000, 6000), 20);
    }

    #[test]
    fn one_that_is_paused_finds_nothing_and_goes_on() {
        let bench = bench(1000.0);
        let (pace, mut at_ms) = (bench.watcher.shared.pace.clone(), 0);
        let mut found = |is_paused: bool| {
            pace.set(Pace { is_paused, ..pace.get() });
            // A track is sure with its second hit.
            let mut run = || {
                at_ms += 10;
                bench.watcher.offer(&picture(at_ms));
                if !is_paused {
                    bench.answer.send(one_hit).expect("it listens");
                }
                let detection = bench.done.recv().expect("a result");
                detection.boxes_at(detection.at).len()
            };
            [run(), run()][1]
        };
        assert_eq!([false, true, false].map(&mut found), [1, 0, 1]);
    }

    #[test]
    fn dropping_it_ends_its_thread() {
        let Bench { watcher, began, .. } = bench(10.0);
        drop(watcher);
        assert!(began.recv().is_err(), "the detector has gone with its thread");
    }
}
