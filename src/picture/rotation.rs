//! Turning pictures upright: quarter turns and mirrors, as cameras and phones note them beside their pictures. Pure.

/// How a stored picture is turned to be upright. What is shown at `(x, y)` was stored at `(x, y)`, or at `(y, x)` where the axes change
/// places, counted from the far edge where an axis is reversed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Rows become columns.
    pub transposed: bool,
    /// The stored picture's columns are read from the right.
    pub from_right: bool,
    /// The stored picture's rows are read from the bottom.
    pub from_bottom: bool,
}

impl Rotation {
    /// The quarter turn nearest to a display matrix (ISO 14496-12 §8.3.2.3, 9 numbers of which the first two of each of the first two rows
    /// count): it maps a stored point to `(a·x + c·y, b·x + d·y)`.
    pub fn of_matrix([a, b, c, d]: [i32; 4]) -> Rotation {
        let weight = |one: i32, other: i32| u64::from(one.unsigned_abs()) + u64::from(other.unsigned_abs());
        let transposed = weight(b, c) > weight(a, d);
        let (of_column, of_row) = if transposed { (b, c) } else { (a, d) };
        Rotation { transposed, from_right: of_column < 0, from_bottom: of_row < 0 }
    }

    /// Of the tag Orientation of Exif (CIPA DC-008 §4.6.4), 1 to 8; anything else is upright.
    pub fn of_exif(orientation: u32) -> Rotation {
        let (transposed, from_right, from_bottom) = match orientation {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, false, true),
            7 => (true, true, true),
            8 => (true, true, false),
            _ => (false, false, false),
        };
        Rotation { transposed, from_right, from_bottom }
    }

    /// Width and height after the turn.
    pub fn sides<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.transposed { (height, width) } else { (width, height) }
    }

    /// Mirrored left to right after the turn.
    pub fn mirrored(self) -> Rotation {
        if self.transposed {
            Rotation { from_bottom: !self.from_bottom, ..self }
        } else {
            Rotation { from_right: !self.from_right, ..self }
        }
    }

    /// Turned upside down as a mirror does, after the turn.
    pub fn flipped(self) -> Rotation {
        if self.transposed {
            Rotation { from_right: !self.from_right, ..self }
        } else {
            Rotation { from_bottom: !self.from_bottom, ..self }
        }
    }

    /// Copies the upper left of a stored plane, whose rows lie `stride` bytes apart, into a tight plane of `(width, height)` after the turn.
    pub fn copy_plane(self, from: &[u8], stride: usize, to: &mut [u8], (width, height): (usize, usize)) {
        let (stored_width, stored_height) = self.sides((width, height));
        let stored = Stored { bytes: from, stride, width: stored_width, height: stored_height, turn: self };
        if self.transposed {
            stored.transpose(to, (width, height));
            return;
        }
        for (y, to) in to.chunks_exact_mut(width).take(height).enumerate() {
            to.copy_from_slice(&from[stored.row(y) * stride..][..width]);
            if self.from_right {
                to.reverse();
            }
        }
    }
}

/// Side of the blocks in which rows become columns: one row of a block is a machine word.
const BLOCK: usize = 8;
/// Stored rows that are read side by side: what becomes of them fills whole cache lines, and theirs are used up before others need the room.
const ROWS: usize = 8 * BLOCK;

/// A stored plane that is to be turned.
struct Stored<'a> {
    bytes: &'a [u8],
    stride: usize,
    width: usize,
    height: usize,
    turn: Rotation,
}

impl Stored<'_> {
    /// The stored row that is the `n`th from the edge that counts.
    fn row(&self, n: usize) -> usize {
        if self.turn.from_bottom { self.height - 1 - n } else { n }
    }

    /// The stored column that is the `n`th from the edge that counts.
    fn column(&self, n: usize) -> usize {
        if self.turn.from_right { self.width - 1 - n } else { n }
    }

    /// Rows become columns, in blocks; what is left at the right and at the bottom goes byte by byte.
    fn transpose(&self, to: &mut [u8], (width, height): (usize, usize)) {
        let (whole_width, whole_height) = (width / BLOCK * BLOCK, height / BLOCK * BLOCK);
        for band in (0..whole_width).step_by(ROWS) {
            for top in (0..whole_height).step_by(BLOCK) {
                for left in (band..whole_width.min(band + ROWS)).step_by(BLOCK) {
                    self.transpose_block(to, width, (left, top));
                }
            }
        }
        let at = |x: usize, y: usize| self.bytes[self.row(x) * self.stride + self.column(y)];
        for (y, to) in to.chunks_exact_mut(width).take(height).enumerate() {
            let left = if y < whole_height { whole_width } else { 0 };
            to.iter_mut().enumerate().skip(left).for_each(|(x, to)| *to = at(x, y));
        }
    }

    /// The block of the turned plane at that place.
    fn transpose_block(&self, to: &mut [u8], width: usize, (left, top): (usize, usize)) {
        let first = self.column(top).min(self.column(top + BLOCK - 1));
        let mut block = [0_u64; BLOCK];
        for (n, word) in block.iter_mut().enumerate() {
            let mut row = [0; BLOCK];
            row.copy_from_slice(&self.bytes[self.row(left + n) * self.stride + first..][..BLOCK]);
            *word = u64::from_le_bytes(row);
        }
        transpose_words(&mut block);
        for n in 0..BLOCK {
            let word = block[if self.turn.from_right { BLOCK - 1 - n } else { n }];
            to[(top + n) * width + left..][..BLOCK].copy_from_slice(&word.to_le_bytes());
        }
    }
}

/// Byte `i` of word `j` and byte `j` of word `i` change places, counted from the lowest: halves, then quarters, then bytes (Warren, Hacker's
/// Delight, 7-3).
fn transpose_words(words: &mut [u64; BLOCK]) {
    for (distance, mask) in [(4, 0x0000_0000_ffff_ffff_u64), (2, 0x0000_ffff_0000_ffff), (1, 0x00ff_00ff_00ff_00ff)] {
        for n in (0..BLOCK).filter(|n| n & distance == 0) {
            let swapped = ((words[n] >> (8 * distance)) ^ words[n + distance]) & mask;
            words[n + distance] ^= swapped;
            words[n] ^= swapped << (8 * distance);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The picture `ab/cd/ef` after a turn, row by row; stored with a stride of 3.
    fn check(turn: Rotation, expect: &str) {
        let (width, height) = turn.sides((2, 3));
        let mut to = vec![0; 6];
        turn.copy_plane(b"ab.cd.ef.", 3, &mut to, (width, height));
        let rows: Vec<&str> = to.chunks(width).map(|row| std::str::from_utf8(row).expect("ASCII")).collect();
        assert_eq!(rows.join("/"), expect, "{turn:?}");
    }

    #[test]
    fn display_matrices_turn_clockwise() {
        const ONE: i32 = 1 << 16;
        check(Rotation::of_matrix([ONE, 0, 0, ONE]), "ab/cd/ef");
        check(Rotation::of_matrix([0, ONE, -ONE, 0]), "eca/fdb");
        check(Rotation::of_matrix([-ONE, 0, 0, -ONE]), "fe/dc/ba");
        check(Rotation::of_matrix([0, -ONE, ONE, 0]), "bdf/ace");
        check(Rotation::of_matrix([-ONE, 0, 0, ONE]), "ba/dc/fe");
        // Nearly a quarter turn, and nothing at all.
        check(Rotation::of_matrix([3, ONE - 3, 3 - ONE, 3]), "eca/fdb");
        check(Rotation::of_matrix([0; 4]), "ab/cd/ef");
    }

    #[test]
    fn exif_orientations_are_turned_back() {
        let expected = ["ab/cd/ef", "ba/dc/fe", "fe/dc/ba", "ef/cd/ab", "ace/bdf", "eca/fdb", "fdb/eca", "bdf/ace"];
        expected.iter().zip(1..).for_each(|(expect, orientation)| check(Rotation::of_exif(orientation), expect));
        assert_eq!((Rotation::of_exif(0), Rotation::of_exif(9)), (Rotation::default(), Rotation::default()));
    }

    #[test]
    fn a_turned_picture_can_be_mirrored() {
        for (orientation, mirrored, flipped) in [(1, 2, 4), (3, 4, 2), (6, 5, 7), (8, 7, 5)] {
            let turn = Rotation::of_exif(orientation);
            assert_eq!(turn.mirrored(), Rotation::of_exif(mirrored), "{orientation}");
            assert_eq!(turn.flipped(), Rotation::of_exif(flipped), "{orientation}");
        }
    }

    proptest! {
        /// Whole blocks, what is left of them, and strides of any length.
        #[test]
        fn every_byte_is_where_the_turn_says(
            width in 1..70_usize, height in 1..70_usize, padding in 0..20_usize, orientation in 1..=8_u32, seed: u8,
        ) {
            let (turn, stride) = (Rotation::of_exif(orientation), width + padding);
            let stored: Vec<u8> = (0..stride * height).map(|n| (n * 31 + n / 251) as u8 ^ seed).collect();
            let (turned_width, turned_height) = turn.sides((width, height));
            let mut turned = vec![0; width * height];
            turn.copy_plane(&stored, stride, &mut turned, (turned_width, turned_height));
            for (n, byte) in turned.iter().enumerate() {
                let (x, y) = (n % turned_width, n / turned_width);
                let (column, row) = turn.sides((x, y));
                let column = if turn.from_right { width - 1 - column } else { column };
                let row = if turn.from_bottom { height - 1 - row } else { row };
                prop_assert_eq!(*byte, stored[row * stride + column], "{:?} at {}, {}", turn, x, y);
            }
        }
    }
}
