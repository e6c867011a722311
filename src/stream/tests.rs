//! The loop that encodes, on a clock that the encoder itself moves on: what it is when a machine is too slow.

use super::*;
use crate::{
    bus::Importance,
    encode::fixture::Script,
    package::PackagerEvent,
    picture::Size,
    pipeline::fixture,
    sync::lock,
    time::{ManualClock, WallTime},
};
use crossbeam_channel::{Sender, bounded};
use std::sync::Mutex;

const RATE: FrameRate = FrameRate::whole(30);
/// From capture to publication.
const LATE_MAX: Span = Span::from_ms(1000);

/// A part: when it was published, and what time it covers.
type Published = (Ticks, Ticks, Span);

/// A camera, the queue behind it, and the loop.
struct Bench {
    clock: Arc<ManualClock>,
    status: Arc<StreamStatus>,
    script: Arc<Mutex<Script>>,
    sender: Sender<Captured>,
    pictures: Receiver<Captured>,
    encode: EncodeLoop,
    published: Arc<Mutex<Vec<Published>>>,
    n_discontinuities: Arc<Mutex<u64>>,
    /// Number of the camera's next picture.
    next: i64,
    before: Option<Ticks>,
    is_silent: bool,
}

impl Bench {
    fn new(detect_fps: f64) -> Bench {
        let clock = Arc::new(ManualClock::at(WallTime(1_795_191_552_000_000)));
        let status = Arc::new(StreamStatus::default());
        let (script, published, n_discontinuities) =
            (Arc::default(), Arc::<Mutex<Vec<Published>>>::default(), Arc::<Mutex<u64>>::default());
        let (sender, pictures) = bounded(crate::capture::QUEUE_MAX);
        let (parts, bus) = fixture::parts(RATE, &clock, &status.pipeline, &script);
        bus.events.call("the test", Importance::Essential, {
            let (published, clock, n_discontinuities) = (published.clone(), clock.clone(), n_discontinuities.clone());
            move |events| {
                for event in events {
                    match event {
                        PackagerEvent::Part(part) => lock(&published).push((clock.now(), part.at, part.duration)),
                        PackagerEvent::Start(start) => *lock(&n_discontinuities) += u64::from(start.discontinuity),
                        _ => {}
                    }
                }
            }
        });
        let pipeline = Pipeline::new(parts);
        let ends = StreamEnds {
            stop: Stop::default(),
            clock: clock.clone(),
            detect_fps: Some(detect_fps).filter(|fps| *fps > 0.0),
            pass: None,
            status: status.clone(),
        };
        let encode = EncodeLoop::new(pipeline, RATE, u64::MAX, ends);
        let (next, before, is_silent) = (0, None, false);
        Bench { clock, status, script, sender, pictures, encode, published, n_discontinuities, next, before, is_silent }
    }

    fn due(&self) -> Ticks {
        Ticks(0) + RATE.frame_start(self.next)
    }

    /// The camera gives what is due; the newest win.
    fn capture(&mut self) {
        while self.due() <= self.clock.now() {
            let at = self.due();
            self.next += 1;
            if self.is_silent {
                continue;
            }
            let picture = Picture::black(Size::new(16, 16).expect("even"), at);
            let before = self.before.replace(at);
            if self.sender.is_full() {
                self.pictures.try_recv().expect("it is full");
                self.status.capture.overtaken.bump();
            }
            self.sender
                .try_send(Captured { picture: Arc::new(picture), arrived: at, stands: false, before, woke: false })
                .expect("there is room");
        }
    }

    /// Lets time pass with an encoder that takes so long for a picture. Returns how late each part was, sorted, and pictures encoded.
    fn run(&mut self, span_ms: i64, cost_ms: i64) -> (Vec<Span>, u64) {
        let (end, encoded) = (self.clock.now() + Span::from_ms(span_ms), lock(&self.script).encoded);
        lock(&self.script).cost = Span::from_ms(cost_ms);
        lock(&self.published).clear();
        while self.clock.now() < end {
            self.capture();
            let now = self.clock.now();
            let deadline = self.encode.pacer.as_ref().map_or(end, Pacer::deadline);
            let goes_on = match self.pictures.try_recv() {
                Ok(captured) => self.encode.iterate(Some(captured), &self.pictures),
                Err(_) if deadline <= now => self.encode.iterate(None, &self.pictures),
                Err(_) => {
                    self.clock.advance(self.due().min(deadline).min(end).since(now));
                    Ok(true)
                }
            };
            assert!(goes_on.expect("nothing fails"));
        }
        let published = lock(&self.published);
        for pair in published.windows(2) {
            let ((_, at, duration), (_, next, _)) = (pair[0], pair[1]);
            assert_eq!((duration, next), (Span::from_ms(200), at + duration), "parts are exact and follow each other");
        }
        let mut late: Vec<Span> = published.iter().map(|(when, at, _)| when.since(*at)).collect();
        late.sort_unstable();
        (late, lock(&self.script).encoded - encoded)
    }

    fn shed(&self) -> Shed {
        self.encode.governor.shed()
    }

    fn slates(&self) -> u64 {
        self.encode.pacer.as_ref().map_or(0, |pacer| pacer.counts().slates)
    }
}

fn p95(late: &[Span]) -> Span {
    late[late.len() * 95 / 100]
}

#[test]
fn a_machine_that_keeps_up_encodes_each_picture_and_sheds_nothing() {
    let mut bench = Bench::new(10.0);
    let (late, encoded) = bench.run(5000, 20);
    assert!((149..=151).contains(&encoded), "{encoded}");
    assert!(late[late.len() - 1] <= Span::from_ms(250), "{late:?}");
    assert_eq!((bench.shed(), bench.encode.governor.sentence().as_str()), (Shed::Nothing, ""));
    assert_eq!(lock(&bench.script).stills, 0);
}

#[test]
fn a_machine_that_is_too_slow_stays_live_and_is_back_at_once() {
    for cost_ms in [50, 120, 300, 450] {
        let mut bench = Bench::new(10.0);
        bench.run(3000, 10);
        let (late, encoded) = bench.run(20_000, cost_ms);
        let possible = 20_000 / cost_ms as u64;
        assert!(p95(&late) <= LATE_MAX, "{cost_ms} ms a picture: p95 {} ms", p95(&late).as_ms());
        assert!(encoded <= possible + 1 && encoded + 3 >= possible, "{cost_ms} ms: {encoded} of {possible} pictures");
        assert_eq!((bench.shed(), bench.slates(), *lock(&bench.n_discontinuities)), (Shed::FrameRate, 0, 0), "{cost_ms} ms");
        let sentence = bench.encode.governor.sentence();
        assert!(sentence.starts_with("this machine manages ") && sentence.contains(" of 30 fps: "), "{sentence}");
        assert_eq!(bench.status.detector.divisor.get(), DETECTION_DIVISOR);
        assert!(bench.status.load.share(bench.clock.now()) > 0.95, "busy all the time");

        bench.run(4000, 10);
        let (late, encoded) = bench.run(1000, 10);
        assert!((29..=31).contains(&encoded), "{encoded} pictures in the fifth second after");
        assert!(late[late.len() - 1] <= Span::from_ms(250), "{late:?}");
        bench.run(2000, 10);
        assert_eq!((bench.shed(), bench.status.detector.divisor.get()), (Shed::Nothing, 1));
    }
}

#[test]
fn a_hiccup_is_ridden_out_without_a_slate_and_sheds_nothing() {
    let mut bench = Bench::new(0.0);
    bench.run(2000, 10);
    // One picture takes that long: it holds up the ones behind it.
    bench.run(1, 1500);
    bench.run(1000, 10);
    let (late, encoded) = bench.run(5000, 10);
    assert!(late[late.len() - 1] <= Span::from_ms(250), "late no longer than it lasted: {late:?}");
    assert!((149..=151).contains(&encoded), "{encoded}");
    assert_eq!((bench.slates(), *lock(&bench.n_discontinuities)), (0, 0));
    assert_eq!(bench.shed(), Shed::Nothing);
}

#[test]
fn a_silent_source_on_a_slow_machine_is_a_slate_in_time() {
    let mut bench = Bench::new(0.0);
    bench.run(5000, 300);
    bench.is_silent = true;
    let (late, encoded) = bench.run(10_000, 300);
    assert!(p95(&late) <= LATE_MAX, "{late:?}");
    assert!(bench.slates() > 200, "{}", bench.slates());
    assert!(encoded <= 15, "a slate is drawn with each key frame, not with each frame: {encoded}");
}
