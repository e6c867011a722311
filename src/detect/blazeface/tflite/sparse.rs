//! Sparse weights as TensorFlow Lite writes them, spread out to plain ones.
//!
//! The numbers lie in an order of dimensions of their own, in which blocks of numbers may be dimensions too, and for each dimension it is
//! said whether all of its places are there or which ones.

use super::{Broken, ModelError, Table};

/// Most dimensions, those of blocks included.
const DIMENSIONS_MAX: usize = 8;

mod field {
    pub(super) const ORDER: usize = 0;
    pub(super) const BLOCK_MAP: usize = 1;
    pub(super) const DIMENSIONS: usize = 2;
    pub(super) const FORMAT: usize = 0;
    pub(super) const DENSE_SIZE: usize = 1;
    pub(super) const SEGMENTS_KIND: usize = 2;
    pub(super) const SEGMENTS: usize = 3;
    pub(super) const INDICES_KIND: usize = 4;
    pub(super) const INDICES: usize = 5;
}

/// Which places of a dimension are there.
enum Level {
    All(usize),
    /// Where the places of each row of the levels above begin, and the places.
    Some(Vec<usize>, Vec<usize>),
}

/// Puts `numbers` where `sparsity` says, and zero everywhere else. The shape is within the limits of a graph.
pub(super) fn densify(numbers: &[f32], shape: &[usize], sparsity: Table<'_>) -> Result<Vec<f32>, ModelError> {
    let order = sparsity.ints(field::ORDER, DIMENSIONS_MAX)?;
    let blocks = sparsity.ints(field::BLOCK_MAP, DIMENSIONS_MAX)?;
    let tables = sparsity.tables(field::DIMENSIONS)?;
    let n = shape.len();
    if order.len() != tables.len() || order.len() != n + blocks.len() || order.is_empty() {
        return Err(Broken.into());
    }
    let levels = (0..tables.len()).map(|idx| level(tables.table(idx)?, shape.iter().product())).collect::<Result<Vec<_>, _>>()?;
    // How far one step in each level goes, in numbers of the spread-out tensor: a block's inner step is the step of its dimension.
    let stride = |dimension: usize| shape[dimension + 1..].iter().product::<usize>();
    let mut steps = vec![0; order.len()];
    let mut outer = vec![1; n];
    for (level, dimension) in order.iter().enumerate().filter(|(_, dimension)| **dimension >= n as i32) {
        let blocked = blocks.get((*dimension - n as i32) as usize).and_then(|it| usize::try_from(*it).ok()).filter(|it| *it < n);
        let (blocked, Level::All(size)) = (blocked.ok_or(Broken)?, &levels[level]) else { return Err(Broken.into()) };
        steps[level] = stride(blocked);
        outer[blocked] = *size;
    }
    for (level, dimension) in order.iter().enumerate() {
        let dimension = usize::try_from(*dimension).map_err(|_| Broken)?;
        if dimension < n {
            steps[level] = stride(dimension).checked_mul(outer[dimension]).ok_or(Broken)?;
        }
    }
    let mut spread = Spread { levels, steps, numbers: numbers.iter(), dense: vec![0.0; shape.iter().product()] };
    spread.fill(0, 0, 0)?;
    if spread.numbers.len() == 0 { Ok(spread.dense) } else { Err(Broken.into()) }
}

/// Of `n` numbers there are no more places than that in a level. A level without any place would let those above it run empty for ever.
fn level(table: Table<'_>, n: usize) -> Result<Level, Broken> {
    if table.byte(field::FORMAT)? == 0 {
        let size = usize::try_from(table.int(field::DENSE_SIZE, 0)?).ok().filter(|size| (1..=n).contains(size));
        return size.map(Level::All).ok_or(Broken);
    }
    let list = |kind: usize, number: usize| {
        let values = table.table(number)?.ok_or(Broken)?;
        match table.byte(kind)? {
            1 => values.ints(0, n + 1)?.into_iter().map(|value| usize::try_from(value).map_err(|_| Broken)).collect(),
            2 => Ok(values.halves(0, n + 1)?.into_iter().map(usize::from).collect()),
            3 => Ok(values.bytes(0)?.iter().take(n + 1).map(|value| usize::from(*value)).collect()),
            _ => Err(Broken),
        }
    };
    Ok(Level::Some(list(field::SEGMENTS_KIND, field::SEGMENTS)?, list(field::INDICES_KIND, field::INDICES)?))
}

struct Spread<'a> {
    levels: Vec<Level>,
    steps: Vec<usize>,
    numbers: std::slice::Iter<'a, f32>,
    dense: Vec<f32>,
}

impl Spread<'_> {
    /// Fills what lies at `offset` and is row `row` of the levels above. As deep as there are levels, and it ends when the numbers do.
    fn fill(&mut self, depth: usize, row: usize, offset: usize) -> Result<(), Broken> {
        let Some(level) = self.levels.get(depth) else {
            *self.dense.get_mut(offset).ok_or(Broken)? = *self.numbers.next().ok_or(Broken)?;
            return Ok(());
        };
        let (first, n) = match level {
            Level::All(size) => (row.checked_mul(*size).ok_or(Broken)?, *size),
            Level::Some(segments, _) => {
                let (from, to) = (*segments.get(row).ok_or(Broken)?, *segments.get(row + 1).ok_or(Broken)?);
                (from, to.checked_sub(from).ok_or(Broken)?)
            }
        };
        for idx in 0..n {
            let place = match &self.levels[depth] {
                Level::All(_) => idx,
                Level::Some(_, indices) => *indices.get(first + idx).ok_or(Broken)?,
            };
            let offset = place.checked_mul(self.steps[depth]).and_then(|step| step.checked_add(offset)).ok_or(Broken)?;
            self.fill(depth + 1, first + idx, offset)?;
        }
        Ok(())
    }
}
