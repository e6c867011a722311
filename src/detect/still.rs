//! A search is left out where nothing is followed and nothing has changed since the last one: an empty room costs little.

use super::track::Rules;
use super::{BoundingBox, DetectError, Detector, Expected, Hit, Luma};

/// The picture is compared in so many cells, across…
const COLUMNS: usize = 80;
/// …and down. The smallest face that is promised covers some twenty of them.
const ROWS: usize = 60;
/// A cell has changed when its mean differs by so much more than that of half of the cells, which is the picture's noise…
const NOISE_FACTOR: f32 = 7.0;
/// …and by no less than this, in luma: less is an encoder's.
const CHANGE_MIN: f32 = 1.5;
/// With fewer changed cells it is the noise of a few, or a leaf.
const CELLS_MIN: usize = 3;
/// With half of the cells off by more the light has changed, and everything in it.
const LIGHT_MAX: f32 = 4.0;

/// A detector that is asked only where something may be new.
pub struct Still {
    detector: Box<dyn Detector>,
    /// Most runs in a row that are left out.
    left_out_max: u32,
    /// Runs on the same picture after which all of it was searched.
    runs_to_see_all: u32,
    /// Cells of the picture that was searched last, and what was found in it.
    seen: Option<Seen>,
    cells: Vec<f32>,
}

struct Seen {
    cells: Vec<f32>,
    size: (usize, usize),
    hits: Vec<Hit>,
    /// Runs that searched it or one like it.
    n_runs: u32,
    n_left_out: u32,
}

impl Still {
    /// Asks `detector`, which is run `fps` times per second and has seen everything after `runs_to_see_all` runs, at least once a second.
    pub fn new(detector: Box<dyn Detector>, fps: f64, runs_to_see_all: u32) -> Still {
        let left_out_max = (fps.floor() as u32).saturating_sub(runs_to_see_all);
        Still { detector, left_out_max, runs_to_see_all, seen: None, cells: Vec::new() }
    }
}

impl Detector for Still {
    fn detect(&mut self, luma: Luma<'_>, expected: &[Expected]) -> Result<Vec<Hit>, DetectError> {
        if !expected.is_empty() {
            self.seen = None;
            return self.detector.detect(luma, expected);
        }
        measure(luma, &mut self.cells);
        let (size, face_rules) = ((luma.width, luma.height), self.detector.face_rules());
        let unchanged = self.seen.as_mut().filter(|seen| seen.size == size && !has_changed(&seen.cells, &self.cells));
        // What might begin a track is looked at again: the next run's noise may deny it.
        let begins = |hit: &Hit| hit.strength >= Rules::of(hit.kind, face_rules).begin;
        let mut n_runs = 1;
        if let Some(seen) = unchanged {
            let may_wait = !seen.hits.iter().any(begins) && seen.n_runs >= self.runs_to_see_all;
            if may_wait && seen.n_left_out < self.left_out_max {
                seen.n_left_out += 1;
                return Ok(seen.hits.clone());
            }
            // After a rest, everything is searched once more.
            n_runs = if seen.n_left_out > 0 { 1 } else { seen.n_runs + 1 };
        }
        self.seen = None;
        let hits = self.detector.detect(luma, expected)?;
        let cells = std::mem::take(&mut self.cells);
        self.seen = Some(Seen { cells, size, hits: hits.clone(), n_runs, n_left_out: 0 });
        Ok(hits)
    }

    fn face_rules(&self) -> Rules {
        self.detector.face_rules()
    }

    fn take_faults(&mut self) -> u64 {
        self.detector.take_faults()
    }
}

/// The mean luma of each cell; a small picture has fewer of them.
fn measure(luma: Luma<'_>, cells: &mut Vec<f32>) {
    let BoundingBox { x, y, width, height } = luma.content;
    let (columns, rows) = (COLUMNS.min(width as usize).max(1), ROWS.min(height as usize).max(1));
    cells.clear();
    if luma.bytes.len() < luma.width * luma.height {
        // The detector says what is wrong with it.
        return;
    }
    // Cells differ by a column or row where the lengths do not divide: no stretch at the far edges is left out.
    let edge = |length: u32, cell: usize, n_cells: usize| length as usize * cell / n_cells;
    let edges: Vec<usize> = (0..=columns).map(|column| edge(width, column, columns)).collect();
    let mut sums = vec![0_u32; columns];
    for row in 0..rows {
        let (top, bottom) = (edge(height, row, rows), edge(height, row + 1, rows));
        sums.fill(0);
        for line in top..bottom {
            let line = &luma.bytes[(y as usize + line) * luma.width + x as usize..][..width as usize];
            for (sum, ends) in sums.iter_mut().zip(edges.windows(2)) {
                *sum += line[ends[0]..ends[1]].iter().map(|luma| u32::from(*luma)).sum::<u32>();
            }
        }
        let areas = edges.windows(2).map(|ends| (ends[1] - ends[0]) * (bottom - top));
        cells.extend(sums.iter().zip(areas).map(|(sum, area)| *sum as f32 / area.max(1) as f32));
    }
}

fn has_changed(before: &[f32], now: &[f32]) -> bool {
    if before.len() != now.len() || now.is_empty() {
        return true;
    }
    let mut off: Vec<f32> = before.iter().zip(now).map(|(before, now)| (before - now).abs()).collect();
    let middle = off.len() / 2;
    let (_, noise, _) = off.select_nth_unstable_by(middle, f32::total_cmp);
    let noise = *noise;
    let limit = CHANGE_MIN.max(NOISE_FACTOR * noise);
    noise > LIGHT_MAX || off.iter().filter(|off| **off > limit).count() >= CELLS_MIN
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
    fn where_something_is_or_may_begin_every_run_searches() {
        let (mut begins, n_runs) = still(vec![hit(Rules::NEIGHBOURS.begin)], 10.0, 1);
        assert_eq!(runs_of_three_seconds(&mut begins, &n_runs, 4, &[]), 30);
        let (mut followed, n_runs) = still(Vec::new(), 10.0, 1);
        let expected = Expected { kind: Kind::FACE, area: hit(1).area };
        assert_eq!(runs_of_three_seconds(&mut followed, &n_runs, 4, &[expected]), 30);
        let (mut rare, n_runs) = still(Vec::new(), 1.0, 1);
        assert_eq!(runs_of_three_seconds(&mut rare, &n_runs, 4, &[]), 30, "once a second is the least");
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
