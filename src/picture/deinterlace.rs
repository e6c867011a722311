//! One whole picture of an interlaced one, whose odd and even rows were captured at different times. Pure.
//!
//! The rows of the field that was captured first are kept, so that nothing waits for a later picture. The rows between them are taken from
//! the other field where nothing moves, and from the rows above and below where something does, as yadif and bwdif of FFmpeg decide it (by
//! the fields half a frame before and after, and by the field one frame before).

/// A plane of a picture whose rows lie `stride` bytes apart.
#[derive(Clone, Copy)]
pub struct FieldPlane<'a> {
    /// Its bytes, from the first row on.
    pub bytes: &'a [u8],
    /// Bytes from row to row.
    pub stride: usize,
}

impl<'a> FieldPlane<'a> {
    fn row(self, y: usize, width: usize) -> &'a [u8] {
        &self.bytes[y * self.stride..][..width]
    }
}

/// Writes the plane without its second field, whose place is `first` for 0 (the even rows were captured first) or 1 (the odd rows), into
/// rows of `width` that lie `stride` bytes apart. `before` is the same plane of the picture before; without it only space is looked at.
pub fn deinterlace(
    (before, now): (Option<FieldPlane<'_>>, FieldPlane<'_>),
    (to, stride): (&mut [u8], usize),
    (width, height): (usize, usize),
    first: usize,
) {
    // The nearest row of the same field, for what lies outside.
    let inside = |y: isize| {
        let (last, parity) = (height as isize - 1, y.rem_euclid(2));
        if y < 0 {
            parity.min(last)
        } else if y > last {
            last - (last - parity).rem_euclid(2)
        } else {
            y
        }
        .max(0) as usize
    };
    for y in 0..height {
        let target = &mut to[y * stride..][..width];
        if y % 2 == first || height < 2 {
            target.copy_from_slice(now.row(y, width));
            continue;
        }
        let near = |offset: isize| inside(y as isize + offset);
        let around = [-3, -1, 1, 3].map(|offset| now.row(near(offset), width));
        let Some(before) = before else {
            between(around, target);
            continue;
        };
        let fields = [-2, 0, 2].map(|offset| (before.row(near(offset), width), now.row(near(offset), width)));
        let past = [-1, 1].map(|offset| before.row(near(offset), width));
        fill(around, fields, past, target);
    }
}

/// A row between four, by the cubic through them.
fn between([above_3, above, below, below_3]: [&[u8]; 4], target: &mut [u8]) {
    for (x, target) in target.iter_mut().enumerate() {
        *target = cubic([above_3[x], above[x], below[x], below_3[x]].map(i16::from)).clamp(0, 255) as u8;
    }
}

/// Half way between the middle two of four.
fn cubic([a, b, c, d]: [i16; 4]) -> i16 {
    (9 * (b + c) - (a + d) + 8) >> 4
}

/// A row of the second field. `fields` are its rows two above, here and two below, half a frame before and half a frame after; `past` the
/// rows above and below, one frame before.
fn fill(around: [&[u8]; 4], fields: [(&[u8], &[u8]); 3], past: [&[u8]; 2], target: &mut [u8]) {
    let width = target.len();
    // All of one length, so that the loop runs over many pixels at once.
    let [above_3, above, below, below_3] = around.map(|row| &row[..width]);
    let [(upper_before, upper_after), (before, after), (lower_before, lower_after)] =
        fields.map(|(before, after)| (&before[..width], &after[..width]));
    let [past_above, past_below] = past.map(|row| &row[..width]);
    for x in 0..width {
        let at = |row: &[u8]| i16::from(row[x]);
        let (over, under) = (at(above), at(below));
        let there = (at(before) + at(after)) >> 1;
        // How much has moved here, half a frame and a whole one apart.
        let moved = (at(before) - at(after)).abs() >> 1;
        let moved = moved.max(((at(past_above) - over).abs() + (at(past_below) - under).abs()) >> 1);
        // A row that differs from both neighbours as the rows beyond do is a detail, and one that differs alone is a comb.
        let upper = ((at(upper_before) + at(upper_after)) >> 1) - over;
        let lower = ((at(lower_before) + at(lower_after)) >> 1) - under;
        let (from_over, from_under) = (there - over, there - under);
        let most = from_over.max(from_under).max(upper.min(lower));
        let least = from_over.min(from_under).min(upper.max(lower));
        let span = if moved == 0 { 0 } else { moved.max(least).max(-most) };
        let guess = cubic([at(above_3), over, under, at(below_3)]);
        target[x] = guess.max(there - span).min(there + span).clamp(0, 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 4;

    /// Rows of a plane by a grey each, one byte of padding behind each row.
    fn plane(rows: &[u8]) -> Vec<u8> {
        rows.iter().flat_map(|grey| [[*grey; WIDTH].as_slice(), &[99]].concat()).collect()
    }

    fn check(before: Option<&[u8]>, now: &[u8], first: usize, expect: &[u8]) {
        let (before, now_plane) = (before.map(plane), plane(now));
        fn field(bytes: &[u8]) -> FieldPlane<'_> {
            FieldPlane { bytes, stride: WIDTH + 1 }
        }
        let mut to = vec![99; now_plane.len()];
        let planes = (before.as_deref().map(field), field(&now_plane));
        deinterlace(planes, (&mut to, WIDTH + 1), (WIDTH, now.len()), first);
        assert_eq!(to, plane(expect), "{before:?} then {now:?}");
    }

    #[test]
    fn what_stands_keeps_every_row() {
        let still = [10, 200, 30, 180, 50, 160, 70, 140];
        check(Some(&still), &still, 0, &still);
        check(Some(&still), &still, 1, &still);
        let line = [16, 16, 16, 235, 16, 16, 16, 16];
        check(Some(&line), &line, 0, &line);
    }

    #[test]
    fn what_moves_is_filled_from_the_first_field() {
        // The second field shows what has come half a frame later, and the combs are gone.
        check(Some(&[16; 8]), &[16, 235, 16, 235, 16, 235, 16, 235], 0, &[16; 8]);
        check(Some(&[16; 8]), &[235, 16, 235, 16, 235, 16, 235, 16], 1, &[16; 8]);
        check(Some(&[16; 8]), &[235, 16, 235, 16, 235, 16, 235, 16], 0, &[235; 8]);
        // A ramp goes on between its rows.
        check(None, &[0, 0, 40, 0, 80, 0, 120, 0, 160], 0, &[0, 18, 40, 60, 80, 100, 120, 143, 160]);
    }

    #[test]
    fn few_rows_are_no_harm() {
        check(None, &[7], 1, &[7]);
        check(Some(&[7]), &[9], 0, &[9]);
        check(None, &[7, 90], 0, &[7, 7]);
        check(None, &[90, 7], 1, &[7, 7]);
        check(Some(&[7, 7, 7]), &[7, 90, 7], 0, &[7, 7, 7]);
    }
}
