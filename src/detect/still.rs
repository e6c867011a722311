//! Leaves out searches that would find what the last one found, so that an empty room, or a person who sits and talks, costs little.

use super::cells::Cells;
use super::motion::Motion;
use super::track::Rules;
use super::{BoundingBox, DetectError, Detector, Expected, Hit, Luma};
use crate::picture::Area;

/// A face is where the last search found it, if both areas have this share of what they cover together in common.
const SAME_PLACE_MIN: f64 = 0.75;
/// After so many searches in a row that found what was expected and nothing else, every second one is left out: tracks are confirmed by then.
const SEARCHES_TO_KNOW: u32 = 3;
/// A person moves the cells so near to the face: in widths of the face to each side…
const BESIDE: f64 = 1.0;
/// …and in its heights above (hair, a hat)…
const ABOVE: f64 = 0.5;
/// …and below (shoulders, hands). A person who comes in there is searched for one run later.
const BELOW: f64 = 3.0;
/// Elsewhere fewer cells that begin to move are a hand or a curtain: the smallest face that is promised covers more, without its body.
const COMES_IN_MIN: usize = 16;

/// A detector that is asked only where something may be new.
pub struct Still {
    detector: Box<dyn Detector>,
    /// Most runs in a row that are left out where nothing is followed.
    left_out_max: u32,
    /// Runs on the same picture after which all of it was searched.
    runs_to_see_all: u32,
    /// The picture that was searched last, and what was found in it.
    seen: Option<Seen>,
    cells: Cells,
    motion: Motion,
}

struct Seen {
    cells: Cells,
    hits: Vec<Hit>,
    /// Runs that searched it or one like it.
    n_runs: u32,
    n_left_out: u32,
    /// Searches in a row that found everything that is followed where it was expected, and nothing else.
    n_as_expected: u32,
}

impl Still {
    /// Asks `detector`, which is run `fps` times per second and has seen everything after `runs_to_see_all` runs, at least once a second.
    pub fn new(detector: Box<dyn Detector>, fps: f64, runs_to_see_all: u32) -> Still {
        let left_out_max = (fps.floor() as u32).saturating_sub(runs_to_see_all);
        Still { detector, left_out_max, runs_to_see_all, seen: None, cells: Cells::default(), motion: Motion::default() }
    }

    /// Whether a search may be left out while somebody is followed or something moves. A detector that needs several runs to see everything
    /// is late enough as it is.
    fn may_rest(&self) -> bool {
        self.runs_to_see_all == 1 && self.left_out_max > 0
    }

    /// What another search would find; `None` where it may find something else. `is_unchanged` tells of a room in which nobody is followed,
    /// and `n_begin` how many cells begin to move, where that is known.
    fn known(&self, seen: &Seen, expected: &[Expected], is_unchanged: bool, n_begin: Option<usize>) -> Option<Vec<Hit>> {
        let face_rules = self.detector.face_rules();
        // What might begin a track is looked at again: the next run's noise may deny it.
        let begins = |hit: &Hit| hit.strength >= Rules::of(hit.kind, face_rules).begin;
        let is_room = expected.is_empty() && seen.n_runs >= self.runs_to_see_all && !seen.hits.iter().any(begins);
        if is_room && is_unchanged && seen.n_left_out < self.left_out_max {
            return Some(seen.hits.clone());
        }
        let may_wait = seen.n_left_out == 0 && n_begin? < COMES_IN_MIN;
        match expected {
            [] => (may_wait && is_room).then(|| seen.hits.clone()),
            _ if may_wait && seen.n_as_expected >= SEARCHES_TO_KNOW => as_expected(&seen.hits, expected),
            _ => None,
        }
    }
}

impl Detector for Still {
    fn detect(&mut self, luma: Luma<'_>, expected: &[Expected]) -> Result<Vec<Hit>, DetectError> {
        let before = self.seen.take();
        if !expected.is_empty() && !self.may_rest() {
            return self.detector.detect(luma, expected);
        }
        self.cells.measure(luma);
        let n_begin = if self.may_rest() {
            let around: Vec<Area> = expected.iter().map(|expected| around(expected.area)).collect();
            self.motion.begins(&self.cells, &around)
        } else {
            None
        };
        let is_unchanged = expected.is_empty() && before.as_ref().is_some_and(|seen| !seen.cells.differ(&self.cells));
        if let Some(seen) = &before
            && let Some(hits) = self.known(seen, expected, is_unchanged, n_begin)
        {
            self.seen = before.map(|seen| Seen { n_left_out: seen.n_left_out + 1, ..seen });
            return Ok(hits);
        }
        let hits = self.detector.detect(luma, expected)?;
        // After a rest, everything is searched once more.
        let n_runs = before.as_ref().filter(|seen| is_unchanged && seen.n_left_out == 0).map_or(0, |seen| seen.n_runs) + 1;
        let is_as_expected = !expected.is_empty() && as_expected(&hits, expected).is_some();
        let n_as_expected = if is_as_expected { before.map_or(0, |seen| seen.n_as_expected) + 1 } else { 0 };
        let cells = std::mem::take(&mut self.cells);
        self.seen = Some(Seen { cells, hits: hits.clone(), n_runs, n_left_out: 0, n_as_expected });
        Ok(hits)
    }

    fn face_rules(&self) -> Rules {
        self.detector.face_rules()
    }

    fn take_faults(&mut self) -> u64 {
        self.detector.take_faults()
    }
}

/// The hits as they would be if each lay where one of `expected` is, or `None` if they are not the same things in the same places.
fn as_expected(hits: &[Hit], expected: &[Expected]) -> Option<Vec<Hit>> {
    let found = |expected: &Expected| {
        let hit = hits.iter().find(|hit| hit.kind == expected.kind && hit.area.overlap(expected.area) >= SAME_PLACE_MIN)?;
        Some(Hit { area: expected.area, ..*hit })
    };
    (hits.len() == expected.len()).then(|| expected.iter().map(found).collect())?
}

/// Where somebody moves who has this face; it may reach beyond the picture.
fn around(face: BoundingBox) -> Area {
    let of = |length: u32, share: f64| (f64::from(length) * share) as i64;
    let (left, top) = (i64::from(face.x), i64::from(face.y));
    Area {
        left: left - of(face.width, BESIDE),
        top: top - of(face.height, ABOVE),
        right: left + of(face.width, 1.0 + BESIDE),
        bottom: top + of(face.height, 1.0 + BELOW),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::kind::Kind;
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    const SIZE: (usize, usize) = (320, 240);

    /// Counts its runs, and finds what it is told to.
    struct Counting {
        n_runs: Arc<AtomicU32>,
        hits: Vec<Hit>,
    }

    impl Detector for Counting {
        fn detect(&mut self, _luma: Luma<'_>, _expected: &[Expected]) -> Result<Vec<Hit>, DetectError> {
            self.n_runs.fetch_add(1, Ordering::Relaxed);
            Ok(self.hits.clone())
        }
    }

    fn still(hits: Vec<Hit>, fps: f64, runs_to_see_all: u32) -> (Still, Arc<AtomicU32>) {
        let n_runs = Arc::new(AtomicU32::new(0));
        (Still::new(Box::new(Counting { n_runs: n_runs.clone(), hits }), fps, runs_to_see_all), n_runs)
    }

    /// A room with noise of so many levels that differs from picture to picture.
    fn room(number: u32, noise: u32) -> Vec<u8> {
        let mut state = number.wrapping_mul(2_654_435_761) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        let mut luma = |n: usize| 60 + (n % SIZE.0 / 8) as u32 + next() % (noise + 1);
        (0..SIZE.0 * SIZE.1).map(|n| luma(n) as u8).collect()
    }

    fn look(still: &mut Still, bytes: &[u8], expected: &[Expected]) -> usize {
        still.detect(Luma::new(bytes, SIZE.0, SIZE.1), expected).expect("it runs").len()
    }

    fn hit(strength: u32) -> Hit {
        Hit { kind: Kind::FACE, area: BoundingBox { x: 10, y: 10, width: 40, height: 40 }, strength }
    }

    fn runs_of_three_seconds(still: &mut Still, n_runs: &AtomicU32, noise: u32, expected: &[Expected]) -> u32 {
        for number in 0..30 {
            look(still, &room(number, noise), expected);
        }
        n_runs.load(Ordering::Relaxed)
    }

    #[test]
    fn an_empty_room_is_searched_once_a_second_in_any_noise() {
        for noise in [0, 4, 20] {
            let (mut once, n_runs) = still(Vec::new(), 10.0, 1);
            assert_eq!(runs_of_three_seconds(&mut once, &n_runs, noise, &[]), 3, "{noise}");
            let (mut in_two_runs, n_runs) = still(vec![hit(2)], 10.0, 2);
            assert_eq!(runs_of_three_seconds(&mut in_two_runs, &n_runs, noise, &[]), 6, "{noise}");
        }
    }

    #[test]
    fn where_something_may_begin_or_is_not_as_expected_every_run_searches() {
        let (mut begins, n_runs) = still(vec![hit(Rules::NEIGHBOURS.begin)], 10.0, 1);
        assert_eq!(runs_of_three_seconds(&mut begins, &n_runs, 4, &[]), 30);
        let expected = Expected { kind: Kind::FACE, area: hit(1).area };
        let elsewhere = Expected { area: BoundingBox { x: 50, ..expected.area }, ..expected };
        for (hits, expected) in [(vec![], vec![expected]), (vec![hit(900)], vec![elsewhere]), (vec![hit(900); 2], vec![expected])] {
            let (mut followed, n_runs) = still(hits, 10.0, 1);
            assert_eq!(runs_of_three_seconds(&mut followed, &n_runs, 4, &expected), 30);
        }
        let (mut in_two_runs, n_runs) = still(vec![hit(900)], 10.0, 2);
        assert_eq!(runs_of_three_seconds(&mut in_two_runs, &n_runs, 4, &[expected]), 30, "a cascade takes two runs as it is");
        let (mut rare, n_runs) = still(Vec::new(), 1.0, 1);
        assert_eq!(runs_of_three_seconds(&mut rare, &n_runs, 4, &[]), 30, "once a second is the least");
    }

    #[test]
    fn somebody_who_sits_there_is_searched_every_second_time_and_stays_where_he_is_expected() {
        let (mut still, n_runs) = still(vec![hit(900)], 10.0, 1);
        let expected = Expected { kind: Kind::FACE, area: BoundingBox { x: 13, ..hit(1).area } };
        assert_eq!(runs_of_three_seconds(&mut still, &n_runs, 4, &[expected]), 3 + 13, "three to know, then every second");
        let mut place = |number| still.detect(Luma::new(&room(number, 4), SIZE.0, SIZE.1), &[expected]).expect("it runs")[0].area;
        assert_eq!([place(30), place(31)], [hit(1).area, expected.area], "where it was found, and where it is expected");
        // Somebody comes in, which is no time to rest.
        let before = n_runs.load(Ordering::Relaxed);
        let visitor = |number: u32| {
            let mut bytes = room(number, 4);
            (60..90).for_each(|y| bytes[y * SIZE.0 + 200 + 30 * number as usize..][..30].fill(200));
            bytes
        };
        for number in 0..3 {
            look(&mut still, &visitor(number), &[expected]);
        }
        assert_eq!(n_runs.load(Ordering::Relaxed) - before, 3);
    }

    #[test]
    fn whoever_comes_in_is_searched_at_once_and_so_is_other_light() {
        let with_visitor = |number, noise| {
            let mut bytes = room(number, noise);
            (60..78).for_each(|y| bytes[y * SIZE.0 + 100..][..18].iter_mut().for_each(|luma| *luma += 12));
            bytes
        };
        let lighter = |number| room(number, 4).iter().map(|luma| luma + 5).collect::<Vec<u8>>();
        for changed in [with_visitor(2, 4), lighter(2)] {
            let (mut still, n_runs) = still(Vec::new(), 10.0, 1);
            for number in 0..2 {
                look(&mut still, &room(number, 4), &[]);
            }
            assert_eq!(n_runs.load(Ordering::Relaxed), 1);
            look(&mut still, &changed, &[]);
            assert_eq!(n_runs.load(Ordering::Relaxed), 2);
        }
    }

    #[test]
    fn who_comes_in_at_the_far_edges_is_seen_in_any_size() {
        for (width, height) in [(239, 179), (320, 240)] {
            let content = BoundingBox { x: 0, y: 0, width: width as u32, height: height as u32 };
            let empty = vec![90; width * height];
            let mut visited = empty.clone();
            (height - 30..height).for_each(|y| visited[y * width + width - 15..][..15].fill(150));
            let (mut still, n_runs) = still(Vec::new(), 10.0, 1);
            for bytes in [&empty, &empty, &visited] {
                still.detect(Luma { content, ..Luma::new(bytes, width, height) }, &[]).expect("it runs");
            }
            assert_eq!(n_runs.load(Ordering::Relaxed), 2, "{width}×{height}");
        }
    }

    #[test]
    fn a_picture_of_another_size_is_searched_and_a_tiny_one_is_no_harm() {
        let (mut still, n_runs) = still(Vec::new(), 10.0, 1);
        for (width, height) in [(320, 240), (240, 320), (16, 2), (16, 2)] {
            still.detect(Luma::new(&vec![90; width * height], width, height), &[]).expect("it runs");
        }
        assert_eq!(n_runs.load(Ordering::Relaxed), 3);
    }
}
