//! Counts the cells that begin to move: a person who comes in moves cells that were still for a second, one who sits and talks does not.

use super::cells::Cells;
use crate::picture::Area;

/// A cell that moved is a moving one for so many pictures more: ten are a second.
const STAYS_MOVING: u8 = 10;

/// What moved in the last pictures.
#[derive(Debug, Default)]
pub(super) struct Motion {
    /// The picture before.
    before: Cells,
    /// Cells that changed from the one to the other.
    changed: Vec<usize>,
    /// Pictures until a cell is a still one again.
    until_still: Vec<u8>,
}

impl Motion {
    /// Takes the next picture, and counts the cells that begin to move in it outside of `known` and not beside one that moves already;
    /// `None` if all of it is another one.
    pub(super) fn begins(&mut self, now: &Cells, known: &[Area]) -> Option<usize> {
        self.until_still.iter_mut().for_each(|pictures| *pictures = pictures.saturating_sub(1));
        self.until_still.resize(now.len(), 0);
        self.changed.clear();
        let changed = self.before.changed(now);
        let is_known = changed.is_some();
        self.changed.extend(changed.into_iter().flatten());
        let is_still = |idx: &&usize| now.beside(**idx).all(|cell| self.until_still[cell] == 0) && !now.lies_in(**idx, known);
        let n_begin = self.changed.iter().filter(is_still).count();
        self.changed.iter().for_each(|idx| self.until_still[*idx] = STAYS_MOVING);
        self.before.clone_from(now);
        is_known.then_some(n_begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Luma;

    const SIZE: (usize, usize) = (640, 480);

    /// A grey room with a lighter square in it.
    fn cells(x: usize, y: usize, side: usize) -> Cells {
        let mut bytes = vec![90; SIZE.0 * SIZE.1];
        (y..y + side).for_each(|row| bytes[row * SIZE.0 + x..][..side].fill(150));
        let mut cells = Cells::default();
        cells.measure(Luma::new(&bytes, SIZE.0, SIZE.1));
        cells
    }

    #[test]
    fn what_comes_in_begins_to_move_and_what_waves_does_so_once() {
        let mut motion = Motion::default();
        assert_eq!(motion.begins(&cells(0, 0, 0), &[]), None, "there is nothing to compare with");
        assert_eq!(motion.begins(&cells(0, 0, 0), &[]), Some(0));
        assert_eq!(motion.begins(&cells(80, 80, 40), &[]), Some(25), "5 × 5 cells of 8 px");
        for _ in 0..5 {
            assert_eq!(motion.begins(&cells(88, 80, 40), &[]), Some(0), "beside what moves");
            assert_eq!(motion.begins(&cells(80, 80, 40), &[]), Some(0), "it waves");
        }
        assert!(motion.begins(&cells(400, 80, 40), &[]).expect("a like picture") >= 25, "another place");
    }

    #[test]
    fn a_moving_place_is_a_still_one_again_after_a_second() {
        let mut motion = Motion::default();
        for square in [40, 0] {
            motion.begins(&cells(80, 80, square), &[]);
        }
        for _ in 0..u32::from(STAYS_MOVING) {
            assert_eq!(motion.begins(&cells(80, 80, 0), &[]), Some(0));
        }
        assert_eq!(motion.begins(&cells(80, 80, 40), &[]), Some(25));
    }

    #[test]
    fn nobody_begins_to_move_where_somebody_is_known() {
        let mut motion = Motion::default();
        motion.begins(&cells(0, 0, 0), &[]);
        let known = Area { left: 60, top: 60, right: 104, bottom: 200 };
        assert_eq!(motion.begins(&cells(80, 80, 40), &[known]), Some(10), "two columns of five are outside");
    }
}
