//! Sums over the rectangles of a picture in constant time (integral images: Viola and Jones, 2001, section 2.1). Pure.

/// Integral images of a picture and of its squares. In each row the entries of the even columns lie side by side, and those of the odd
/// ones behind them, so that windows at every second column find theirs one after the other.
///
/// Entry (x, y) is the sum of all pixels left of x and above y. It may wrap; the difference over a window does not.
#[derive(Default)]
pub(super) struct Sums {
    /// Entries of the even columns of a row, and of its odd ones: the same for all pictures.
    half: usize,
    pub(super) pixels: Vec<u32>,
    pub(super) squares: Vec<u32>,
}

/// A rectangle of a window, in pixels.
#[derive(Clone, Copy, Default)]
pub(super) struct Area {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The entries of a rectangle's corners, counted from the entry of the window that it lies in.
#[derive(Clone, Copy, Default)]
pub(super) struct Corners([u32; 4]);

impl Corners {
    /// The sum over the rectangle in the window at entry `at`.
    #[inline]
    pub(super) fn sum(self, entries: &[u32], at: usize) -> i32 {
        let window = &entries[at..];
        let [a, b, c, d] = self.0.map(|offset| window[offset as usize]);
        a.wrapping_sub(b).wrapping_sub(c).wrapping_add(d) as i32
    }

    /// The sums over the rectangle in `N` windows at every second column from the one at entry `at`.
    #[inline]
    pub(super) fn sums<const N: usize>(self, entries: &[u32], at: usize) -> [i32; N] {
        let windows = &entries[at..];
        let [a, b, c, d] = self.0.map(|offset| &windows[offset as usize..offset as usize + N]);
        let mut sums = [0; N];
        for n in 0..N {
            sums[n] = a[n].wrapping_sub(b[n]).wrapping_sub(c[n]).wrapping_add(d[n]) as i32;
        }
        sums
    }
}

impl Sums {
    /// Makes room for rows of `width` pixels; whether corners have moved by that.
    pub(super) fn widen(&mut self, width: usize) -> bool {
        let is_wider = width / 2 + 1 > self.half;
        self.half = self.half.max(width / 2 + 1);
        is_wider
    }

    /// The corners of a rectangle of a window that lies at an even column.
    pub(super) fn corners(&self, Area { x, y, width, height }: Area) -> Corners {
        let (right, bottom) = (x + width, y + height);
        Corners([(x, y), (right, y), (x, bottom), (right, bottom)].map(|(x, y)| self.entry(x, y) as u32))
    }

    /// The entry of a column and a row.
    #[inline]
    pub(super) fn entry(&self, x: usize, y: usize) -> usize {
        (2 * y + x % 2) * self.half + x / 2
    }

    /// Adds up a picture whose rows have `width` bytes, for which there is room; `spare` windows beyond the last one may be asked for.
    pub(super) fn take(&mut self, luma: &[u8], width: usize, spare: usize) {
        let (n_rows, stride) = (luma.len() / width + 1, 2 * self.half);
        for entries in [&mut self.pixels, &mut self.squares] {
            entries.resize((n_rows * stride + spare).max(entries.len()), 0);
            entries[..stride].fill(0);
        }
        for (y, row) in luma.chunks_exact(width).enumerate() {
            add_up(row, &mut self.pixels[y * stride..][..2 * stride], self.half, |pixel| pixel);
            add_up(row, &mut self.squares[y * stride..][..2 * stride], self.half, |pixel| pixel * pixel);
        }
    }
}

/// Makes the second of two rows of entries from the first one and the row of pixels between them.
fn add_up(row: &[u8], entries: &mut [u32], half: usize, value: impl Fn(u32) -> u32) {
    let (above, below) = entries.split_at_mut(2 * half);
    let (even_above, odd_above) = above.split_at(half);
    let (even, odd) = below.split_at_mut(half);
    even[0] = 0;
    let mut sum = 0_u32;
    for (n, pair) in row.chunks(2).enumerate() {
        sum = sum.wrapping_add(value(u32::from(pair[0])));
        odd[n] = odd_above[n].wrapping_add(sum);
        if let Some(second) = pair.get(1) {
            sum = sum.wrapping_add(value(u32::from(*second)));
            even[n + 1] = even_above[n + 1].wrapping_add(sum);
        }
    }
}
