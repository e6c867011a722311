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

    /// Copies the upper left of a stored plane, whose rows lie `stride` bytes apart, into a tight plane of `(width, height)` after the turn.
    pub fn copy_plane(self, from: &[u8], stride: usize, to: &mut [u8], (width, height): (usize, usize)) {
        let (stored_width, stored_height) = self.sides((width, height));
        let column = |x: usize| if self.from_right { stored_width - 1 - x } else { x };
        let row = |y: usize| if self.from_bottom { stored_height - 1 - y } else { y };
        for (y, to) in to.chunks_exact_mut(width).take(height).enumerate() {
            if self.transposed {
                let column = column(y);
                to.iter_mut().enumerate().for_each(|(x, to)| *to = from[row(x) * stride + column]);
                continue;
            }
            to.copy_from_slice(&from[row(y) * stride..][..width]);
            if self.from_right {
                to.reverse();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
