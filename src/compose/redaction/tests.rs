use super::*;
use crate::{
    detect::{
        Hit,
        kind::Kind,
        track::{TRACKS_MAX, Tracker},
    },
    picture::Size,
};
use proptest::prelude::*;

const RATE: FrameRate = FrameRate::whole(30);
/// Frames between two runs, at 10 runs per second.
const RUN_FRAMES: i64 = 3;

fn size() -> Size {
    Size::new(640, 480).expect("even")
}

fn at(number: i64) -> Ticks {
    Ticks(0) + RATE.frame_start(number)
}

fn hit(x: u32, y: u32, width: u32, strength: u32) -> Hit {
    Hit { kind: Kind::FACE, area: BoundingBox { x, y, width, height: width }, strength }
}

fn frame(number: i64, shown: Shown) -> PacedFrame {
    PacedFrame { number, at: at(number), duration: RATE.frame_span(), shown }
}

/// A queue with a tracker behind it; frames show a picture of their own time.
struct Bench {
    queue: RedactionQueue,
    tracker: Tracker,
}

impl Bench {
    fn new() -> Bench {
        Bench { queue: RedactionQueue::new(RATE, 3), tracker: Tracker::default() }
    }

    fn run(&mut self, number: i64, hits: &[Hit]) {
        self.tracker.update(at(number), crate::detect::track::Frame::whole(size()), hits);
        self.queue.push_run(Arc::new(Detection { at: at(number), tracks: self.tracker.tracks(), took: Span::ZERO }));
    }

    fn put(&mut self, number: i64) {
        self.queue.put(frame(number, Shown::Fresh), Arc::new(Picture::black(size(), at(number))));
    }

    /// What comes out now: `N` for frame number N with as many `+` as there are places, `N#` for one that is hidden as a whole.
    fn out(&mut self) -> String {
        let mut words = Vec::new();
        while let Some(ReadyFrame { frame, cover, .. }) = self.queue.take_ready() {
            let cover = match cover {
                Cover::Areas(places) => "+".repeat(places.len()),
                Cover::Whole => "#".to_owned(),
            };
            words.push(format!("{}{cover}", frame.number));
        }
        words.join(" ")
    }
}

/// Frames and runs in step, the run on a frame before the frame; `hits` gives what the run on that frame finds.
fn play(n_frames: i64, hits: impl Fn(i64) -> Vec<Hit>) -> String {
    let mut bench = Bench::new();
    let mut words = Vec::new();
    for number in 0..n_frames {
        if number % RUN_FRAMES == 0 {
            bench.run(number, &hits(number));
        }
        bench.put(number);
        words.push(bench.out());
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

#[test]
fn a_frame_waits_for_its_runs_and_no_longer() {
    let mut bench = Bench::new();
    for number in 0..4 {
        bench.put(number);
    }
    bench.run(0, &[]);
    bench.run(3, &[]);
    assert_eq!(bench.out(), "", "two runs are not enough");
    bench.run(6, &[]);
    assert_eq!(bench.out(), "0");
    bench.run(9, &[]);
    assert_eq!(bench.out(), "1 2 3");
}

#[test]
fn a_new_face_is_hidden_in_the_frames_before_it_was_found_too() {
    let found = play(24, |number| if number >= 12 { vec![hit(100, 100, 60, 9)] } else { Vec::new() });
    // The third run after frame 3 is the first to find it, and the margin is there for what it did meanwhile.
    assert_eq!(found, "0 1 2 3 4+ 5+ 6+ 7+ 8+ 9+ 10+ 11+ 12+ 13+ 14+ 15+");
}

#[test]
fn one_weak_hit_is_enough() {
    let found = play(36, |number| if number == 12 { vec![hit(100, 100, 60, 1)] } else { Vec::new() });
    assert_eq!(found, "0 1 2 3 4+ 5+ 6+ 7+ 8+ 9+ 10+ 11+ 12+ 13+ 14+ 15+ 16+ 17+ 18+ 19+ 20+ 21+ 22 23 24 25 26 27");
}

#[test]
fn a_lost_face_stays_hidden_for_longer_than_it_is_drawn() {
    let found = play(120, |number| if number <= 30 { vec![hit(100, 100, 60, 9)] } else { Vec::new() });
    assert!(found.contains(" 75+ ") && found.ends_with(" 109 110 111"), "{found}");
}

#[test]
fn without_runs_everything_is_hidden() {
    let mut bench = Bench::new();
    for number in 0..30 {
        bench.put(number);
    }
    assert_eq!(bench.out(), "", "a second has not passed");
    bench.put(30);
    bench.put(31);
    assert_eq!(bench.out(), "0# 1#");
    let rest: Vec<Cover> = std::iter::from_fn(|| bench.queue.take_anyway()).map(|ready| ready.cover).collect();
    assert_eq!(rest, vec![Cover::Whole; 30]);
}

#[test]
fn what_lies_in_a_gap_between_runs_is_hidden() {
    let mut bench = Bench::new();
    bench.run(0, &[]);
    (0..14).for_each(|number| bench.put(number));
    for number in [12, 13, 14, 15] {
        bench.run(number, &[]);
    }
    assert_eq!(bench.out(), "0 1# 2# 3# 4# 5# 6# 7# 8# 9# 10# 11# 12 13");
}

#[test]
fn a_slate_is_hidden_and_waits_for_nobody() {
    let mut bench = Bench::new();
    let slate = frame(0, Shown::Slate { since: at(0) });
    bench.queue.put(slate, Arc::new(Picture::black(size(), at(0))));
    assert_eq!(bench.out(), "0#");
}

#[test]
fn a_crowd_is_hidden_as_a_whole() {
    let crowd: Vec<Hit> = (0..=TRACKS_MAX as u32).map(|n| hit(n % 6 * 100, n / 6 * 120, 20, 9)).collect();
    assert_eq!(play(10, |_| crowd.clone()), "0# 1# 2# 3#");
    assert_eq!(play(10, |_| crowd[1..].to_vec()), format!("0{0} 1{0} 2{0} 3{0}", "+".repeat(TRACKS_MAX)));
}

#[test]
fn places_of_the_same_face_are_one() {
    let place = |x, width, face_width| RedactionArea { area: BoundingBox { x, y: 0, width, height: 10 }, face_width };
    let merged = merged([place(0, 10, 4), place(20, 10, 4), place(4, 10, 6), place(12, 8, 1)].into_iter());
    assert_eq!(merged, [place(20, 10, 4), place(0, 14, 6), place(12, 8, 1)]);
}

proptest! {
    #[test]
    fn every_hit_is_hidden_from_three_runs_before_it_to_three_after(
        runs in prop::collection::vec(prop::collection::vec((0u32..560, 0u32..400, 20u32..80, 1u32..12), 0..4), 4..20),
    ) {
        let mut bench = Bench::new();
        let mut shown = Vec::new();
        let hits: Vec<Vec<Hit>> =
            runs.iter().map(|run| run.iter().map(|(x, y, width, strength)| hit(*x, *y, *width, *strength)).collect()).collect();
        for (run, hits) in hits.iter().enumerate() {
            bench.run(run as i64 * RUN_FRAMES, hits);
            for number in 0..RUN_FRAMES {
                bench.put(run as i64 * RUN_FRAMES + number);
            }
            shown.extend(std::iter::from_fn(|| bench.queue.take_ready()));
        }
        shown.extend(std::iter::from_fn(|| bench.queue.take_anyway()));
        prop_assert_eq!(shown.len(), runs.len() * RUN_FRAMES as usize);
        for (number, ready) in shown.iter().enumerate() {
            prop_assert_eq!(ready.frame.number, number as i64);
            let Cover::Areas(places) = &ready.cover else { continue };
            let after = number.div_ceil(RUN_FRAMES as usize);
            for hit in hits[after.saturating_sub(3)..(after + 3).min(hits.len())].iter().flatten() {
                let is_in = |place: &RedactionArea| {
                    let inside = |at: u32, length: u32, from: u32, to: u32| from <= at && at + length <= to;
                    let (hit, place) = (hit.area, place.area);
                    inside(hit.x, hit.width, place.x, place.x + place.width)
                        && inside(hit.y, hit.height, place.y, place.y + place.height)
                };
                prop_assert!(places.iter().any(is_in), "frame {}: {:?} in {:?}", number, hit, places);
            }
        }
    }
}
