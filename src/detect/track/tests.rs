use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
/// Between two runs at 10 per second.
const RUN: Span = Span::from_ms(100);

fn size() -> Size {
    Size::new(WIDTH, HEIGHT).expect("even")
}

fn frame() -> Frame {
    Frame::whole(size())
}

fn hit(x: u32, y: u32, width: u32, strength: u32) -> Hit {
    Hit { kind: Kind::FACE, area: BoundingBox { x, y, width, height: width }, strength }
}

fn cat() -> Kind {
    Kind::named("cat").expect("a kind")
}

fn run_at(run: i64) -> Ticks {
    Ticks(0) + RUN * run
}

/// What is drawn after each run, in a word per run: `id@x` of each track, `-` where nothing is drawn.
fn follow(runs: &[&[Hit]]) -> String {
    let mut tracker = Tracker::default();
    let word = |(run, hits): (usize, &&[Hit])| {
        tracker.update(run_at(run as i64), frame(), hits);
        let drawn = tracker.boxes_at(run_at(run as i64));
        let words: Vec<String> = drawn.iter().map(|tracked| format!("{}@{}", tracked.id, tracked.area.x)).collect();
        if words.is_empty() { "-".to_owned() } else { words.join("+") }
    };
    runs.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

const SURE: u32 = STRENGTH_TO_BEGIN;
const WEAK: u32 = STRENGTH_TO_BEGIN - 1;

#[test]
fn a_track_is_shown_after_enough_hits_and_only_a_strong_one_begins_it() {
    let (sure, weak) = (&[hit(100, 100, 60, SURE)][..], &[hit(100, 100, 60, WEAK)][..]);
    assert_eq!(follow(&[sure, sure, weak]), "- 0@100 0@100");
    assert_eq!(follow(&[sure, weak]), "- 0@100");
    assert_eq!(follow(&[sure, &[], weak]), "- - 0@100");
    assert_eq!(follow(&[weak, weak, weak, weak]), "- - - -");
    assert_eq!(follow(&[sure, &[], &[], weak, weak]), "- - - - -");
}

#[test]
fn a_sure_hit_is_shown_at_once_but_not_held() {
    let (sure, weak) = (&[hit(100, 100, 60, STRENGTH_SURE)][..], &[hit(100, 100, 60, WEAK)][..]);
    assert_eq!(follow(&[sure, &[], &[], &[]]), "0@100 - - -");
    assert_eq!(follow(&[sure, &[], weak, &[]]), "0@100 - 0@100 0@100");
    assert_eq!(follow(&[&[hit(100, 100, 60, STRENGTH_SURE - 1)][..]]), "-");
}

#[test]
fn a_lost_track_is_held_then_hidden_and_comes_back_with_its_id() {
    let face = &[hit(100, 100, 60, SURE)][..];
    let none: &[Hit] = &[];
    let held = [face, face, none, none, none, none, none, none, none, none, none, face, face];
    assert_eq!(follow(&held), "- 0@100 0@100 0@100 0@100 0@100 0@100 0@100 0@100 - - 0@100 0@100");
    let forgotten: Vec<&[Hit]> = [face, face].into_iter().chain([none; 16]).chain([face, face]).collect();
    assert!(follow(&forgotten).ends_with("- - 1@100"), "{}", follow(&forgotten));
}

#[test]
fn a_passing_face_keeps_its_id_and_its_box_keeps_up_between_runs() {
    let mut tracker = Tracker::default();
    // Half its width from run to run.
    let x_at = |at: Ticks| 300.0 * at.since(Ticks(0)).as_s();
    for run in 0..20 {
        let at = run_at(run);
        tracker.update(at, frame(), &[hit(x_at(at) as u32, 100, 60, SURE)]);
        for frame in 0..3 {
            let at = at + Span::from_ms(33) * frame;
            let drawn = tracker.boxes_at(at);
            assert_eq!(drawn.len(), usize::from(run > 0), "run {run}");
            for tracked in drawn {
                assert_eq!(tracked.id, 0);
                assert!((f64::from(tracked.area.x) - x_at(at)).abs() <= 12.0, "run {run} frame {frame}: {:?}", tracked.area);
            }
        }
    }
}

#[test]
fn trembling_is_smoothed() {
    let mut tracker = Tracker::default();
    for run in 0..30 {
        tracker.update(run_at(run), frame(), &[hit(200 + 4 * (run as u32 % 2), 100, 60, SURE)]);
        for tracked in tracker.boxes_at(run_at(run) + Span::from_ms(66)) {
            assert!((200..=204).contains(&tracked.area.x), "run {run}: {:?}", tracked.area);
        }
    }
}

#[test]
fn faces_side_by_side_and_passing_each_other_keep_their_ids() {
    let mut tracker = Tracker::default();
    for run in 0..=10_u32 {
        let at = run_at(i64::from(run));
        tracker.update(at, frame(), &[hit(100 + 20 * run, 80, 60, SURE), hit(300 - 20 * run, 200, 60, SURE)]);
    }
    let drawn = tracker.boxes_at(run_at(10));
    let found: Vec<(TrackId, u32)> = drawn.iter().map(|tracked| (tracked.id, tracked.area.y)).collect();
    assert_eq!(found, [(0, 80), (1, 200)]);
}

#[test]
fn a_face_that_walks_out_of_the_picture_is_gone_with_it() {
    let check = |frame: Frame, first: u32, expect: usize| {
        let mut tracker = Tracker::default();
        for run in 0..6_u32 {
            tracker.update(run_at(i64::from(run)), frame, &[hit(first + 30 * run, 80, 60, SURE)]);
        }
        for run in 6..9 {
            tracker.update(run_at(run), frame, &[]);
        }
        assert_eq!(tracker.boxes_at(run_at(9)).len(), expect);
        assert_eq!(tracker.expected_at(run_at(9)).len(), expect);
    };
    check(frame(), 400, 0);
    check(frame(), 240, 1);
    let barred = Frame { size: size(), content: BoundingBox { x: 80, y: 0, width: 400, height: 480 } };
    check(barred, 240, 0);
}

#[test]
fn another_size_or_a_time_that_goes_back_begins_anew() {
    let face = [hit(100, 100, 60, SURE)];
    let mut tracker = Tracker::default();
    (0..3).for_each(|run| tracker.update(run_at(run), frame(), &face));
    assert_eq!(tracker.boxes_at(run_at(2)).len(), 1);
    let mut resized = Tracker::default();
    (0..3).for_each(|run| resized.update(run_at(run), frame(), &face));
    resized.update(run_at(3), Frame::whole(Size::new(320, 240).expect("even")), &face);
    assert_eq!(resized.boxes_at(run_at(3)), []);
    tracker.update(run_at(1), frame(), &face);
    assert_eq!(tracker.boxes_at(run_at(1)), []);
    tracker.update(run_at(2), frame(), &face);
    assert_eq!(tracker.boxes_at(run_at(2)).iter().map(|tracked| tracked.id).collect::<Vec<_>>(), [1]);
}

#[test]
fn many_hits_cost_no_more_than_the_limit() {
    let hits: Vec<Hit> = (0..200).map(|n| hit(n % 20 * 32, n / 20 * 48, 20, SURE + n)).collect();
    let mut tracker = Tracker::default();
    (0..3).for_each(|run| tracker.update(run_at(run), frame(), &hits));
    assert_eq!(tracker.expected_at(run_at(3)).len(), TRACKS_MAX);
}

fn any_hit() -> impl Strategy<Value = Hit> {
    // Beyond the picture, without area and as large as can be: whatever a detector says.
    let edge = prop_oneof![8 => 0..WIDTH, 1 => any::<u32>()];
    let length = prop_oneof![8 => 20..120_u32, 1 => any::<u32>(), 1 => Just(0)];
    let kind = prop::sample::select(vec![Kind::FACE, Kind::PROFILE, cat()]);
    (kind, edge.clone(), edge, length.clone(), length, 0..12_u32).prop_map(|(kind, x, y, width, height, strength)| Hit {
        kind,
        area: BoundingBox { x, y, width, height },
        strength,
    })
}

/// Runs that are near each other in time, mostly in order, with hits of which many repeat.
fn any_runs() -> impl Strategy<Value = Vec<(i64, Vec<Hit>)>> {
    let gap = prop_oneof![20 => Just(9000_i64), 4 => 1..90_000_i64, 1 => -9000..=0_i64, 1 => Just(i64::from(u32::MAX))];
    let pool = prop::collection::vec(any_hit(), 1..6);
    let hits = prop::collection::vec(any::<prop::sample::Index>(), 0..6);
    (pool, prop::collection::vec((gap, hits), 1..40)).prop_map(|(pool, runs)| {
        let pick = |(gap, hits): (i64, Vec<prop::sample::Index>)| (gap, hits.iter().map(|index| *index.get(&pool)).collect());
        runs.into_iter().map(pick).collect()
    })
}

proptest! {
    #[test]
    fn whatever_is_found_what_is_drawn_is_well_formed(runs in any_runs(), later in -9000..90_000_i64) {
        let (mut tracker, mut at) = (Tracker::default(), Ticks(0));
        for (gap, hits) in runs {
            at = Ticks(at.0 + gap);
            tracker.update(at, frame(), &hits);
            for time in [at, Ticks(at.0 + later), Ticks(i64::MIN / 4), Ticks(i64::MAX / 4)] {
                let drawn = tracker.boxes_at(time);
                let ids: BTreeSet<TrackId> = drawn.iter().map(|tracked| tracked.id).collect();
                prop_assert_eq!(ids.len(), drawn.len(), "an id twice");
                prop_assert!(drawn.len() <= TRACKS_MAX);
                for Tracked { area, confidence, .. } in drawn {
                    prop_assert!((0.0..=1.0).contains(&confidence), "{}", confidence);
                    prop_assert!(area.width >= 1 && area.x + area.width <= WIDTH, "{:?}", area);
                    prop_assert!(area.height >= 1 && area.y + area.height <= HEIGHT, "{:?}", area);
                }
            }
            let Tracks { at: last, tracks, .. } = tracker.last.as_ref().expect("it has run");
            prop_assert!(*last == at && tracks.len() <= TRACKS_MAX && tracker.expected_at(at).len() <= tracks.len());
            let shown: BTreeSet<TrackId> = tracker.boxes_at(at).iter().map(|tracked| tracked.id).collect();
            for track in tracks {
                prop_assert!(track.at <= at, "a hit of a run to come: {:?}", track);
                let is_certain = track.n_hits >= CONFIRM_HITS || (track.is_sure && track.at == at);
                prop_assert!(is_certain || !shown.contains(&track.id), "shown without hits: {:?}", track);
                let numbers = [track.x, track.y, track.width, track.height, track.speed_x, track.speed_y];
                prop_assert!(numbers.iter().all(|number| number.is_finite()), "{:?}", track);
                prop_assert!(!track.is_confirmed || track.n_hits >= CONFIRM_HITS);
                prop_assert!(track.n_hits > 1 || track.width > 0.0);
            }
        }
    }

    #[test]
    fn no_id_is_used_twice(runs in any_runs()) {
        let (mut tracker, mut at) = (Tracker::default(), Ticks(0));
        let (mut gone, mut before) = (BTreeSet::new(), BTreeSet::new());
        for (gap, hits) in runs {
            at = Ticks(at.0 + gap);
            tracker.update(at, frame(), &hits);
            let now: BTreeSet<TrackId> =
                tracker.last.as_ref().expect("it has run").tracks.iter().map(|track| track.id).collect();
            gone.extend(before.difference(&now).copied());
            prop_assert!(now.is_disjoint(&gone), "an id came back from the dead");
            before = now;
        }
    }
}

#[test]
fn a_head_that_turns_stays_one_track_and_a_cat_on_it_is_another() {
    let seen_as = |kind, x| Hit { kind, ..hit(x, 100, 60, SURE) };
    let mut tracker = Tracker::default();
    for run in 0..4 {
        // The side is found off the front, as cascades do.
        let head = if run < 2 { seen_as(Kind::FACE, 100) } else { seen_as(Kind::PROFILE, 110) };
        tracker.update(run_at(run), frame(), &[head, seen_as(cat(), 104)]);
    }
    let drawn = tracker.boxes_at(run_at(3));
    assert_eq!(drawn.iter().map(|it| (it.id, it.kind)).collect::<Vec<_>>(), [(0, Kind::FACE), (1, cat())]);
    let expected = tracker.expected_at(run_at(3));
    assert_eq!(expected.iter().map(|it| it.kind).collect::<Vec<_>>(), [Kind::FACE, cat()]);
}

#[test]
fn confidence_grows_with_strong_hits_and_sinks_without() {
    let confidence_after = |strengths: &[u32]| {
        let mut tracker = Tracker::default();
        for (run, strength) in strengths.iter().enumerate() {
            tracker.update(run_at(run as i64), frame(), &[hit(100, 100, 60, *strength)][..usize::from(*strength > 0)]);
        }
        let drawn = tracker.boxes_at(run_at(strengths.len() as i64 - 1));
        (drawn[0].confidence * 100.0).round()
    };
    assert_eq!(confidence_after(&[SURE; 10]), 50.0);
    assert_eq!(confidence_after(&[4 * SURE; 10]), 80.0);
    assert_eq!(confidence_after(&[SURE, SURE, 0, 0, 0, 0]), 29.0);
    assert!(confidence_after(&[SURE, 20, 20]) < confidence_after(&[SURE, 20, 20, 20]));
}

#[test]
fn a_slow_detector_leaves_its_boxes_until_the_next_run() {
    let second = Span::from_ms(1000);
    let mut tracker = Tracker::default();
    for run in 0..3 {
        tracker.update(Ticks(0) + second * run, frame(), &[hit(100, 100, 60, SURE)]);
    }
    let last = Ticks(0) + second * 2;
    assert_eq!(tracker.boxes_at(last + second).len(), 1);
    assert_eq!(tracker.boxes_at(last + second * 2 + Span(1)).len(), 0);
}

/// What is drawn after each run of a network, as [`follow`] tells it.
fn follow_scores(runs: &[&[Hit]]) -> String {
    let mut tracker = Tracker::default();
    tracker.follow_faces_by(Rules::SCORES);
    let drawn = runs.iter().enumerate().map(|(run, hits)| {
        tracker.update(run_at(run as i64), frame(), hits);
        let drawn = tracker.boxes_at(run_at(run as i64));
        drawn.first().map_or("-".to_owned(), |tracked| format!("{}@{}", tracked.id, tracked.area.x))
    });
    drawn.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_face_that_a_network_loses_is_gone_after_two_runs_unless_it_passes() {
    let none: &[Hit] = &[];
    let still = &[hit(100, 100, 60, 700)][..];
    assert_eq!(follow_scores(&[still, still, none, none, none, none]), "- 0@100 0@100 0@100 - -");
    assert_eq!(follow_scores(&[still, still, none, none, none, still]), "- 0@100 0@100 0@100 - 0@100", "it is the same face");
    let passing: Vec<[Hit; 1]> = (0..8).map(|run| [hit(60 + 20 * run, 100, 60, 700)]).collect();
    let runs: Vec<&[Hit]> = passing.iter().map(|hits| &hits[..]).chain([none; 9]).collect();
    let shown = follow_scores(&runs).split(' ').filter(|word| *word != "-").count();
    assert_eq!(shown, 7 + 7, "seven hits and 0.7 s of moving on");
}

#[test]
fn a_face_that_a_network_loses_at_the_edge_has_left() {
    let none: &[Hit] = &[];
    let leaving: Vec<[Hit; 1]> = (0..8).map(|run| [hit(440 + 20 * run, 100, 60, 700)]).collect();
    let runs: Vec<&[Hit]> = leaving.iter().map(|hits| &hits[..]).chain([none; 2]).collect();
    assert!(follow_scores(&runs).ends_with("0@580 - -"), "{}", follow_scores(&runs));
    let still = &[hit(580, 100, 60, 700)][..];
    assert_eq!(follow_scores(&[still, still, none]), "- 0@580 0@580", "whole in the picture");
}

#[test]
fn the_confidence_of_a_network_is_its_score() {
    let mut tracker = Tracker::default();
    tracker.follow_faces_by(Rules::SCORES);
    let mut told = |run: i64, hits: &[Hit]| {
        tracker.update(run_at(run), frame(), hits);
        tracker.boxes_at(run_at(run)).first().map(|tracked| (tracked.confidence * 100.0).round())
    };
    let scores: Vec<Option<f64>> = (0..20).map(|run| told(run, &[hit(100, 100, 60, 900)])).collect();
    assert!(scores.iter().all(|told| *told == Some(90.0)), "{scores:?}");
    assert_eq!(told(20, &[]), Some(72.0));
    assert_eq!(told(21, &[hit(100, 100, 60, 499)]), Some(68.0));
}

#[test]
fn a_cat_is_followed_by_the_rules_of_cascades_whatever_finds_faces() {
    let mut tracker = Tracker::default();
    tracker.follow_faces_by(Rules::SCORES);
    for run in 0..2 {
        tracker.update(run_at(run), frame(), &[Hit { kind: cat(), ..hit(100, 100, 60, SURE) }]);
    }
    tracker.update(run_at(7), frame(), &[]);
    assert_eq!(tracker.boxes_at(run_at(7)).len(), 1);
}
