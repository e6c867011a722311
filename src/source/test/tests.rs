use super::*;
use crate::{
    picture::strip::read_strip,
    time::{FrameRate, ManualClock, WallTime},
};

const START: WallTime = WallTime(1_795_191_552_000_000);

struct Bench {
    clock: Arc<ManualClock>,
    opener: TestOpener,
}

fn bench(script: &str, fps: u32) -> Bench {
    let clock = Arc::new(ManualClock::at(START));
    let request = FormatRequest { size: Size::new(160, 120), rate: Some(FrameRate::whole(fps)) };
    let script = Script::parse(script).expect("a good script");
    Bench { opener: TestOpener::new(script, request, 1, clock.clone(), PicturePool::default()), clock }
}

/// What a picture says, and when: capture time in ms, strip time in ms since the start, number, width.
fn told(picture: &Picture) -> (i64, i64, u64, usize) {
    let strip = read_strip(picture).expect("a readable strip");
    (picture.at.since(Ticks(0)).as_ms() as i64, strip.unix_ms - START.as_unix_ms(), strip.number, picture.size().width())
}

/// Takes pictures, moving the clock on to each moment (in ms) first; `lost` and `silent` stand for themselves.
fn play(bench: &Bench, source: &mut TestSource, moments_ms: &[i64]) -> Vec<String> {
    let next = |ms: &i64| {
        bench.clock.advance(Span::from_ms(*ms) - bench.clock.now().since(Ticks(0)));
        match source.next() {
            Ok(picture) => format!("{:?}", told(&picture)),
            Err(SourceError::Lost(_)) => "lost".into(),
            Err(SourceError::Silent) => "silent".into(),
            Err(error) => panic!("{error}"),
        }
    };
    moments_ms.iter().map(next).collect()
}

#[test]
fn frames_are_stamped_with_their_time_on_the_grid() {
    let bench = bench("", 10);
    let mut source = bench.opener.open().expect("it opens");
    assert_eq!(source.format().size.to_string(), "160x120");
    let told = play(&bench, &mut source, &[0, 101, 219]);
    assert_eq!(told, ["(0, 0, 0, 160)", "(100, 100, 1, 160)", "(200, 200, 2, 160)"]);
}

#[test]
fn a_reader_a_little_late_gets_every_frame_and_a_later_one_loses_some() {
    let bench = bench("", 10);
    let mut source = bench.opener.open().expect("it opens");
    assert_eq!(play(&bench, &mut source, &[300, 300, 300]), ["(0, 0, 0, 160)", "(100, 100, 1, 160)", "(200, 200, 2, 160)"]);
    assert_eq!(play(&bench, &mut source, &[2000, 2000]), ["(1600, 1600, 16, 160)", "(1700, 1700, 17, 160)"]);
}

#[test]
fn a_frozen_source_repeats_picture_and_strip() {
    let bench = bench("freeze@200ms..400ms", 10);
    let mut source = bench.opener.open().expect("it opens");
    let told = play(&bench, &mut source, &[0, 100, 200, 300, 400]);
    let expect = ["(0, 0, 0, 160)", "(100, 100, 1, 160)", "(200, 100, 1, 160)", "(300, 100, 1, 160)", "(400, 400, 4, 160)"];
    assert_eq!(told, expect);
}

#[test]
fn a_changed_size_is_delivered_from_its_time_on() {
    let bench = bench("size:320x240@100ms", 10);
    let mut source = bench.opener.open().expect("it opens");
    assert_eq!(play(&bench, &mut source, &[0, 100]), ["(0, 0, 0, 160)", "(100, 100, 1, 320)"]);
    assert_eq!(bench.opener.open().expect("it opens").format().size.to_string(), "320x240");
}

#[test]
fn a_vanished_source_is_lost_and_opens_again_when_it_is_back() {
    let bench = bench("vanish@200ms..1s", 10);
    let mut source = bench.opener.open().expect("it opens");
    assert_eq!(play(&bench, &mut source, &[0, 100, 200, 300]), ["(0, 0, 0, 160)", "(100, 100, 1, 160)", "lost", "lost"]);
    let error = bench.opener.open().map(|_| ()).expect_err("it is unplugged");
    assert_eq!(error.to_string(), "cannot open the test source: its script has unplugged it");
    assert_eq!(play(&bench, &mut source, &[1000]), ["lost"]);
    let mut again = bench.opener.open().expect("it is back");
    assert_eq!(play(&bench, &mut again, &[1000, 1100]), ["(1000, 1000, 10, 160)", "(1100, 1100, 11, 160)"]);
}

/// A clock on which sleeping just moves the time.
struct LeapingClock(ManualClock);

impl Clock for LeapingClock {
    fn now(&self) -> Ticks {
        self.0.now()
    }
    fn wall(&self) -> WallTime {
        self.0.wall()
    }
    fn sleep_until(&self, at: Ticks) {
        self.0.advance(at.since(self.now()).max(Span::ZERO));
    }
}

#[test]
fn a_source_slower_than_the_longest_wait_is_silent_in_between() {
    let clock = Arc::new(LeapingClock(ManualClock::at(START)));
    let script = Script::parse("slow:1@0s..9s").expect("a good script");
    let opener = TestOpener::new(script, FormatRequest::default(), 1, clock.clone(), PicturePool::default());
    let mut source = opener.open().expect("it opens");
    assert_eq!(told(&source.next().expect("the first frame")), (0, 0, 0, 640));
    assert!(matches!(source.next(), Err(SourceError::Silent)));
    assert_eq!(clock.now(), Ticks(0) + NEXT_WAIT_MAX);
    assert_eq!(told(&source.next().expect("the second frame")), (1000, 1000, 1, 640));
    assert_eq!(clock.now(), Ticks(90_000));
}
