use super::*;
use crate::{
    detect::{Hit, kind::Kind, track::Tracker},
    encode::{BITRATE_DEFAULT, ENCODER_DEFAULT, PRESET_DEFAULT, fixture::Script},
    grid::{PART_DEFAULT, SEGMENT_DEFAULT},
    picture::BoundingBox,
    sync::lock,
    time::{ManualClock, WallTime},
};
use crossbeam_channel::{Sender, unbounded};
use std::sync::Mutex;

const RATE: FrameRate = FrameRate::whole(30);

/// The luma planes that came to the encoder, in order.
type Seen = Arc<Mutex<Vec<Vec<u8>>>>;

/// Keeps what it is given and gives nothing.
struct Witness(Seen);

impl Encoder for Witness {
    fn encode(&mut self, input: EncoderInput<'_>) -> Result<Vec<EncodedFrame>, EncodeError> {
        lock(&self.0).push(input.picture.planes().y.to_vec());
        Ok(Vec::new())
    }

    fn finish(&mut self) -> Result<Vec<EncodedFrame>, EncodeError> {
        Ok(Vec::new())
    }

    fn params(&self) -> Option<&crate::encode::VideoParams> {
        None
    }

    fn name(&self) -> &str {
        "witness"
    }
}

fn size() -> Size {
    Size::new(128, 96).expect("even")
}

/// A pipeline, the way into it for runs, and what its encoder has seen.
struct Bench {
    pipeline: Pipeline,
    runs: Sender<Arc<Detection>>,
    tracker: Tracker,
    status: Arc<PipelineStatus>,
    seen: Seen,
}

impl Bench {
    fn new() -> Bench {
        let (runs, receiver) = unbounded();
        let (seen, status) = (Seen::default(), Arc::new(PipelineStatus::default()));
        let parts = PipelineParts {
            encode: EncodeConfig {
                encoder: ENCODER_DEFAULT.to_owned(),
                preset: PRESET_DEFAULT.to_owned(),
                bitrate: BITRATE_DEFAULT,
            },
            lengths: Lengths { part: PART_DEFAULT, segment: SEGMENT_DEFAULT },
            overlay: Overlay { blur: true, ..Overlay::default() },
            clock_strip: ClockStrip::None,
            rate: RATE,
            first_msn: Msn(1),
            opener: Box::new({
                let seen = seen.clone();
                move |_, _, _, _| Ok(Box::new(Witness(seen.clone())))
            }),
            detections: Detections { newest: Box::new(Arc::default), hiding: Some(Hiding { runs: receiver, runs_after: 3 }) },
            clock: Arc::new(ManualClock::at(WallTime(0))),
            status: status.clone(),
        };
        Bench { pipeline: Pipeline::new(parts), runs, tracker: Tracker::default(), status, seen }
    }

    fn at(number: i64) -> Ticks {
        Ticks(0) + RATE.frame_start(number)
    }

    fn put(&mut self, number: i64, shown: Shown) {
        let frame = PacedFrame { number, at: Bench::at(number), duration: RATE.frame_span(), shown };
        let mut picture = Picture::black(size(), frame.at);
        picture.as_bytes_mut().iter_mut().enumerate().for_each(|(idx, value)| *value = (idx * 97 % 251) as u8);
        let fresh = (shown == Shown::Fresh).then(|| Arc::new(picture));
        self.pipeline.put(frame, fresh.as_ref()).expect("nothing fails");
    }

    fn run(&mut self, number: i64, face: BoundingBox) {
        self.tracker.update(
            Bench::at(number),
            crate::detect::track::Frame::whole(size()),
            &[Hit { kind: Kind::FACE, area: face, strength: 9 }],
        );
        let run = Detection { at: Bench::at(number), tracks: self.tracker.tracks(), took: Span::ZERO };
        self.runs.send(Arc::new(run)).expect("the pipeline listens");
    }

    /// A character per picture that the encoder has seen: whether the detail is in all of it, in a part, or nowhere.
    fn seen(&self) -> String {
        let seen = lock(&self.seen);
        let detail = |luma: &Vec<u8>| {
            // Neighbours differ everywhere in the source; a few of them at the edges of blocks and of text do.
            let rows = luma.chunks(128).map(|row| row.windows(2).filter(|pair| pair[0] != pair[1]).count());
            let detailed = rows.filter(|n| *n > 100).count();
            match detailed {
                96 => 'a',
                0 => '-',
                _ => 'p',
            }
        };
        seen.iter().map(detail).collect()
    }
}

#[test]
fn nothing_open_reaches_the_encoder_while_the_detector_is_silent() {
    let mut bench = Bench::new();
    (0..40).for_each(|number| bench.put(number, Shown::Fresh));
    assert_eq!((bench.seen().as_str(), bench.status.hidden.get()), ("----------", 10));
    bench.pipeline.finish().expect("nothing fails");
    assert_eq!(bench.seen(), "-".repeat(40), "every frame is shown in the end");
}

#[test]
fn faces_alone_are_hidden_when_the_detector_keeps_up_and_all_is_when_it_stops() {
    let mut bench = Bench::new();
    for number in 0..60 {
        if number % 3 == 0 && number <= 30 {
            bench.run(number, BoundingBox { x: 24, y: 30, width: 40, height: 40 });
        }
        bench.put(number, Shown::Fresh);
    }
    // The last run is on frame 30, so frame 24 is the last with three runs, and those up to frame 29 have waited for a second.
    assert_eq!(bench.seen(), "p".repeat(25) + "-----");
    assert_eq!(bench.status.hidden.get(), 5);
}

#[test]
fn a_slate_and_what_comes_before_a_hole_are_hidden() {
    let mut bench = Bench::new();
    (0..3).for_each(|number| bench.put(number, Shown::Fresh));
    bench.pipeline.interrupt().expect("nothing fails");
    bench.put(3, Shown::Slate { since: Bench::at(2) });
    assert_eq!((bench.seen().as_str(), bench.status.hidden.get()), ("----", 0));
}

/// A pipeline with a played encoder, which takes fresh frames.
struct Played {
    pipeline: Pipeline,
    clock: Arc<ManualClock>,
    script: Arc<Mutex<Script>>,
    next: i64,
}

impl Played {
    fn new(script: Script) -> Played {
        let (clock, script) = (Arc::new(ManualClock::at(WallTime(0))), Arc::new(Mutex::new(script)));
        let status = Arc::new(PipelineStatus::default());
        Played { pipeline: Pipeline::new(fixture::parts(RATE, &clock, &status, &script)), clock, script, next: 0 }
    }

    /// Puts so many seconds of frames. Returns the discontinuities among the segments that began, and how many those were.
    fn run(&mut self, seconds: i64) -> Result<(usize, usize), PipelineError> {
        let mut starts = Vec::new();
        for _ in 0..seconds * 30 {
            let at = Ticks(0) + RATE.frame_start(self.next);
            let frame = PacedFrame { number: self.next, at, duration: RATE.frame_span(), shown: Shown::Fresh };
            self.next += 1;
            self.clock.advance(RATE.frame_span());
            let events = self.pipeline.put(frame, Some(&Arc::new(Picture::black(size(), at))))?;
            starts.extend(
                events
                    .into_iter()
                    .filter_map(|cut| if let PackagerEvent::Start(start) = cut { Some(start.discontinuity) } else { None }),
            );
        }
        Ok((starts.iter().filter(|is_discontinuity| **is_discontinuity).count(), starts.len()))
    }

    fn opened(&self) -> Vec<String> {
        lock(&self.script).opened.clone()
    }
}

#[test]
fn an_encoder_that_does_not_end_when_the_clock_steps_is_replaced() {
    let mut played = Played::new(Script { cannot_finish: true, ..Script::default() });
    assert_eq!(played.run(4).expect("nothing fails"), (0, 2));
    played.clock.step_wall(Span::from_ms(3_600_000));
    assert_eq!(played.run(4).expect("the stream goes on"), (1, 2));
    assert_eq!(played.opened(), ["played", "played"]);
    played.pipeline.interrupt().expect("a hole in the grid neither");
    assert_eq!(played.run(2).expect("the stream goes on"), (1, 1));
    played.pipeline.finish().expect("what was encoded is whole");
}

#[test]
fn an_encoder_that_ignores_a_forced_key_frame_gives_way_to_the_fallback() {
    let mut played = Played::new(Script { ignores_keys: true, ..Script::default() });
    played.run(3).expect("the stream goes on");
    assert_eq!(played.opened(), ["played", encode::ENCODER_DEFAULT]);
    lock(&played.script).ignores_keys = false;
    played.run(20).expect("the stream goes on");
    assert_eq!(played.opened(), ["played", encode::ENCODER_DEFAULT], "the fallback stays");
}
