use super::*;
use crate::{
    bus::{Bus, Importance, Publishers},
    changeable::Changeable,
    compose::{
        Overlay,
        compositor::{Detections, Hiding},
    },
    detect::{Detection, Hit, kind::Kind, track::Tracker},
    encode::{
        self, BITRATE_DEFAULT, ENCODER_DEFAULT, EncodeConfig, EncodeError, EncodedFrame, Encoder, EncoderInput, PRESET_DEFAULT,
        fixture::{FakeEncoder, Script},
    },
    grid::{Lengths, PART_DEFAULT, SEGMENT_DEFAULT},
    pacer::Shown,
    package::{FirstSegment, PackagerEvent},
    picture::BoundingBox,
    rendition::EncoderOpener,
    sync::lock,
    time::{FrameRate, ManualClock, WallTime},
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
        let encode =
            EncodeConfig { encoder: ENCODER_DEFAULT.to_owned(), preset: PRESET_DEFAULT.to_owned(), bitrate: BITRATE_DEFAULT };
        let opener: EncoderOpener = Box::new({
            let seen = seen.clone();
            move |_, _, _, _| Ok(Box::new(Witness(seen.clone())))
        });
        let detections = Detections { newest: Box::new(Arc::default), hiding: Some(Hiding { runs: receiver, runs_after: 3 }) };
        let grid = Grid::new(RATE, Lengths { part: PART_DEFAULT, segment: SEGMENT_DEFAULT });
        let overlay = Overlay { blur: true, ..Overlay::default() };
        let clock = Arc::new(ManualClock::at(WallTime(0)));
        let (parts, _) = fixture::assemble(grid, (encode, opener), (overlay, detections), &clock, &status);
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
    assert_eq!((bench.seen().as_str(), bench.status.compositor.hidden.get()), ("----------", 10));
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
    assert_eq!(bench.status.compositor.hidden.get(), 5);
}

#[test]
fn a_slate_and_what_comes_before_a_hole_are_hidden() {
    let mut bench = Bench::new();
    (0..3).for_each(|number| bench.put(number, Shown::Fresh));
    bench.pipeline.interrupt().expect("nothing fails");
    bench.put(3, Shown::Slate { since: Bench::at(2) });
    assert_eq!((bench.seen().as_str(), bench.status.compositor.hidden.get()), ("----", 0));
}

/// A pipeline with a played encoder, which takes fresh frames.
struct Played {
    pipeline: Pipeline,
    clock: Arc<ManualClock>,
    script: Arc<Mutex<Script>>,
    /// Whether each segment that began stands behind a discontinuity.
    starts: Arc<Mutex<Vec<bool>>>,
    next: i64,
}

impl Played {
    fn new(script: Script) -> Played {
        let (clock, script) = (Arc::new(ManualClock::at(WallTime(0))), Arc::new(Mutex::new(script)));
        let status = Arc::new(PipelineStatus::default());
        let (parts, bus) = fixture::parts(RATE, &clock, &status, &script);
        let starts = Arc::<Mutex<Vec<bool>>>::default();
        let told = starts.clone();
        bus.events.call("the test", Importance::Essential, move |events| {
            let begun =
                |event: &PackagerEvent| if let PackagerEvent::Start(start) = event { Some(start.discontinuity) } else { None };
            lock(&told).extend(events.iter().filter_map(begun));
        });
        Played { pipeline: Pipeline::new(parts), clock, script, starts, next: 0 }
    }

    /// Puts so many seconds of frames. Returns the discontinuities among the segments that began, and how many those were.
    fn run(&mut self, seconds: i64) -> Result<(usize, usize), PipelineError> {
        for _ in 0..seconds * 30 {
            let at = Ticks(0) + RATE.frame_start(self.next);
            let frame = PacedFrame { number: self.next, at, duration: RATE.frame_span(), shown: Shown::Fresh };
            self.next += 1;
            self.clock.advance(RATE.frame_span());
            self.pipeline.put(frame, Some(&Arc::new(Picture::black(size(), at))))?;
        }
        let starts = std::mem::take(&mut *lock(&self.starts));
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

/// What a rendition published, a word per event: where segments begin and how long their parts are.
fn told(bus: &Bus) -> Arc<Mutex<Vec<String>>> {
    let words = Arc::<Mutex<Vec<String>>>::default();
    let told = words.clone();
    bus.events.call("the test", Importance::Essential, move |events| {
        lock(&told).extend(events.iter().map(|event| match event {
            PackagerEvent::Init { params, .. } => format!("init {}", params.video().expect("a video track").size),
            PackagerEvent::Start(start) => format!("start@{}{}", start.at.0, if start.discontinuity { "!" } else { "" }),
            PackagerEvent::Part(part) => format!("{}", part.duration.as_ms()),
            PackagerEvent::End(msn) => format!("end{}", msn.0),
        }));
    });
    words
}

#[test]
fn two_renditions_are_made_of_one_finished_picture_and_begin_their_segments_together() {
    let (clock, script) = (Arc::new(ManualClock::at(WallTime(0))), Arc::new(Mutex::new(Script::default())));
    let status = Arc::new(PipelineStatus::default());
    let (mut parts, large) = fixture::parts(RATE, &clock, &status, &script);
    let (small, Publishers { frames, events, .. }) = Bus::open();
    let (other, opened_clock) = (Arc::new(Mutex::new(Script::default())), clock.clone());
    let second = other.clone();
    let opener: EncoderOpener =
        Box::new(move |encode, size, rate, _| Ok(Box::new(FakeEncoder::open(&encode.encoder, &opened_clock, &second, size, rate))));
    let encode = parts.renditions[0].encode.clone();
    let (grid, status) = (parts.grid, status.rendition.clone());
    let clock_of_second: Arc<dyn Clock> = clock.clone();
    parts.renditions.push(RenditionParts {
        size: Size::new(64, 48),
        encode,
        bitrate: Changeable::default(),
        grid,
        first: FirstSegment::NEW,
        opener,
        clock: clock_of_second,
        status,
        frames,
        events,
    });
    let (large_words, small_words, pictures) = (told(&large), told(&small), Arc::new(Mutex::new(0)));
    let counted = pictures.clone();
    large.pictures.call("the test", Importance::Optional, move |batch| *lock(&counted) += batch.len());
    let mut played = Played { pipeline: Pipeline::new(parts), clock, script, starts: Arc::default(), next: 0 };
    played.run(4).expect("nothing fails");
    // One of the two encoders fails: both begin anew, at the same frame.
    lock(&other).ignores_keys = true;
    played.run(2).expect("the stream goes on");
    lock(&other).ignores_keys = false;
    played.run(4).expect("the stream goes on");
    played.pipeline.finish().expect("what was encoded is whole");
    let (large, small) = (lock(&large_words).clone(), lock(&small_words).clone());
    assert_eq!((large[0].as_str(), small[0].as_str()), ("init 128x96", "init 64x48"));
    let starts = |words: &[String]| words.iter().filter(|word| word.starts_with("start")).cloned().collect::<Vec<_>>();
    let (large, small) = (starts(&large), starts(&small));
    // The one that did not fail may have begun a segment with the frame that the other lost.
    assert!(small.iter().all(|start| large.contains(start)), "{small:?} {large:?}");
    assert_eq!((small.len(), small.iter().filter(|start| start.ends_with('!')).count()), (5, 1), "{small:?}");
    assert_eq!(*lock(&pictures), 300, "each frame was composed once");
}
