//! The mean luma of 80×60 cells of a picture: what tells, in any noise, where two pictures differ.

use super::Luma;
use crate::picture::{Area, BoundingBox};

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

/// The cells of one picture; a small one has fewer of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    means: Vec<f32>,
    columns: usize,
    rows: usize,
    /// What of the picture they cover; none before the first.
    content: Option<BoundingBox>,
    size: (usize, usize),
}

impl Cells {
    /// Takes the means of this picture; those of a plane that is shorter than it says are none.
    pub(super) fn measure(&mut self, luma: Luma<'_>) {
        let BoundingBox { x, y, width, height } = luma.content;
        let (columns, rows) = (COLUMNS.min(width as usize).max(1), ROWS.min(height as usize).max(1));
        (self.columns, self.rows, self.content, self.size) = (columns, rows, Some(luma.content), (luma.width, luma.height));
        self.means.clear();
        if luma.bytes.len() < luma.width * luma.height {
            // The detector says what is wrong with it.
            return;
        }
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
            self.means.extend(sums.iter().zip(areas).map(|(sum, area)| *sum as f32 / area.max(1) as f32));
        }
    }

    /// Whether the picture of `now` is another one than this.
    pub(super) fn differ(&self, now: &Cells) -> bool {
        self.changed(now).is_none_or(|changed| changed.take(CELLS_MIN).count() == CELLS_MIN)
    }

    /// The cells that changed from this picture to that of `now`, by number; `None` if all of it is another one, as in other light.
    pub(super) fn changed<'a>(&'a self, now: &'a Cells) -> Option<impl Iterator<Item = usize> + 'a> {
        if self.size != now.size || self.content != now.content || now.means.is_empty() || self.means.len() != now.means.len() {
            return None;
        }
        let off = |(before, now): (&f32, &f32)| (before - now).abs();
        let mut all: Vec<f32> = self.means.iter().zip(&now.means).map(off).collect();
        let middle = all.len() / 2;
        let noise = *all.select_nth_unstable_by(middle, f32::total_cmp).1;
        let limit = CHANGE_MIN.max(NOISE_FACTOR * noise);
        let changed = self.means.iter().zip(&now.means).enumerate().filter(move |(_, means)| off(*means) > limit);
        (noise <= LIGHT_MAX).then(|| changed.map(|(idx, _)| idx))
    }

    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        self.means.len()
    }

    /// A cell and those that touch it.
    pub(super) fn beside(&self, idx: usize) -> impl Iterator<Item = usize> + use<> {
        let (columns, rows) = (self.columns, self.rows);
        let near = |at: usize, n: usize| at.saturating_sub(1)..(at + 2).min(n);
        let (column, row) = (idx % columns, idx / columns);
        near(row, rows).flat_map(move |row| near(column, columns).map(move |column| row * columns + column))
    }

    /// Whether the middle of a cell lies in one of these areas.
    pub(super) fn lies_in(&self, idx: usize, areas: &[Area]) -> bool {
        let middle = |from: u32, length: u32, cell: usize, n_cells: usize| {
            i64::from(from) + (edge(length, cell, n_cells) + edge(length, cell + 1, n_cells)) as i64 / 2
        };
        let Some(content) = self.content else { return false };
        let x = middle(content.x, content.width, idx % self.columns, self.columns);
        let y = middle(content.y, content.height, idx / self.columns, self.rows);
        areas.iter().any(|area| (area.left..area.right).contains(&x) && (area.top..area.bottom).contains(&y))
    }
}

/// Cells differ by a column or row where the lengths do not divide: no stretch at the far edges is left out.
fn edge(length: u32, cell: usize, n_cells: usize) -> usize {
    length as usize * cell / n_cells
}
