//! Dark pictures made brighter for a search: a cascade's steps between light and dark are lost in a dark picture's few levels. Pure.

use super::{BoundingBox, Luma};

/// A picture with a lower mean luma is dark.
const DARK: f64 = 70.0;
/// The mean luma that a dark picture is brought near to…
const LIFTED: f64 = 90.0;
/// …but its darkest pixels become brighter by no more than this factor: beyond it there is more noise than face.
const GAIN_MAX: f64 = 6.0;
/// Every so many pixels, across and down, the mean is taken.
const MEAN_STEP: usize = 8;

/// What each luma becomes for a search in this picture; `None` where it is not dark.
pub fn table(luma: Luma<'_>) -> Option<[u8; 256]> {
    let mean = mean(luma);
    (mean < DARK).then(|| {
        let gain = (LIFTED / mean.max(1.0)).min(GAIN_MAX);
        // The slope is the gain where it is dark, and white stays white.
        std::array::from_fn(|level| {
            let level = level as f64 / 255.0;
            (255.0 * gain * level / (1.0 + (gain - 1.0) * level)).round() as u8
        })
    })
}

/// The mean luma without bars, which are dark in any light.
fn mean(luma: Luma<'_>) -> f64 {
    let BoundingBox { x, y, width, height } = luma.content;
    let rows = luma.bytes.chunks(luma.width.max(1)).skip(y as usize).take(height as usize).step_by(MEAN_STEP);
    let samples = rows.flat_map(|row| row.iter().skip(x as usize).take(width as usize).step_by(MEAN_STEP));
    let (sum, n) = samples.fold((0_u64, 0_u64), |(sum, n), luma| (sum + u64::from(*luma), n + 1));
    sum as f64 / n.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dark_pictures_are_lifted_and_order_is_kept() {
        let table_of = |level: u8| table(Luma::new(&[level; 64 * 48], 64, 48));
        assert_eq!(table_of(70), None);
        for (level, lifted) in [(69, 83), (30, 73), (15, 70), (5, 27)] {
            let table = table_of(level).expect("it is dark");
            assert_eq!((table[0], table[usize::from(level)], table[255]), (0, lifted, 255), "{level}");
            assert!(table.is_sorted(), "{level}");
        }
    }

    #[test]
    fn bars_make_no_picture_dark() {
        let content = BoundingBox { x: 16, y: 0, width: 32, height: 48 };
        let bytes: Vec<u8> = (0..64 * 48).map(|n| if (16..48).contains(&(n % 64)) { 100 } else { 0 }).collect();
        assert_eq!(table(Luma { content, ..Luma::new(&bytes, 64, 48) }), None);
        assert!(table(Luma { content: BoundingBox { x: 0, width: 64, ..content }, ..Luma::new(&bytes, 64, 48) }).is_some());
    }
}
