//! The frame grid of a file: its frame rate, or the shortest spacing that it keeps to where that varies. Pure.

use crate::time::{FrameRate, Span, TICKS_PER_S};

/// Frame rates above this are a broken header, not a video.
const RATE_MAX: f64 = 240.0;

/// The highest rate taken for a file whose spacing varies.
const VARIED_RATE_MAX: FrameRate = FrameRate::whole(60);

/// Rates that cameras and films have besides the whole ones.
const BROADCAST_RATES: [FrameRate; 3] =
    [FrameRate { num: 24_000, den: 1001 }, FrameRate { num: 30_000, den: 1001 }, FrameRate { num: 60_000, den: 1001 }];

/// A spacing that fewer of a hundred pictures keep to is an accident.
const REGULAR_PERCENT: usize = 5;

/// A spacing that fewer pictures keep to is an accident in a short file too.
const REGULAR_MIN: usize = 3;

/// Spacings that differ by no more than this, in hundredths, are one: clocks of containers are as coarse as a millisecond.
const SAME_PERCENT: i64 = 12;

/// Ticks between pictures for which there is no grid: see [`varied`].
const SPACING_MAX: i64 = 2 * TICKS_PER_S;

/// Whole rates that cameras on the network are set to.
const CAMERA_RATES: [u32; 16] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 25, 30, 50, 60];
/// And half of usual ones.
const HALF_RATES: [FrameRate; 2] = [FrameRate { num: 25, den: 2 }, FrameRate { num: 15, den: 2 }];

/// Pictures that are needed to count a rate.
const COUNTED_MIN: u32 = 2;

/// Parts of itself by which the average rate of a few pictures may be off.
const AVERAGE_OFF_MAX: f64 = 0.05;

/// And a rate that is told, not averaged.
const EXACT_OFF_MAX: f64 = 0.0005;

/// The rate that a camera is set to which says it has this one: FFmpeg has it of a few pictures, where the stream does not say it.
pub(super) fn usual(rate: FrameRate) -> FrameRate {
    let off = |usual: &FrameRate| (usual.as_f64() / rate.as_f64() - 1.0).abs();
    // Whoever has one of these says so exactly.
    let exact = BROADCAST_RATES.into_iter().chain(HALF_RATES).find(|usual| off(usual) < EXACT_OFF_MAX);
    let whole = CAMERA_RATES.into_iter().map(FrameRate::whole).min_by(|a, b| off(a).total_cmp(&off(b)));
    exact.or(whole.filter(|whole| off(whole) < AVERAGE_OFF_MAX)).unwrap_or(rate)
}

/// The rate that a camera is set to which has given so many pictures in that time; none for too few.
pub(super) fn counted(pictures: u32, span: Span) -> Option<FrameRate> {
    if pictures < COUNTED_MIN || span <= Span::ZERO {
        return None;
    }
    let fps = f64::from(pictures) / span.as_s();
    let distance = |rate: &u32| (f64::from(*rate) / fps - 1.0).abs();
    CAMERA_RATES.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).map(FrameRate::whole)
}

/// A rate that FFmpeg names, if it makes sense.
pub(super) fn named(num: i32, den: i32) -> Option<FrameRate> {
    let num = u32::try_from(num).ok().filter(|num| *num > 0)?;
    let den = u32::try_from(den).ok().filter(|den| *den > 0)?;
    let rate = FrameRate { num, den };
    (rate.as_f64() <= RATE_MAX && rate.as_f64() >= 1.0).then_some(rate)
}

/// Whether the average and the base rate of a stream tell that its spacing may vary.
pub(super) fn may_vary(average: Option<FrameRate>, base: Option<FrameRate>) -> bool {
    average.zip(base).is_none_or(|(average, base)| (average.as_f64() / base.as_f64() - 1.0).abs() > 0.02)
}

/// The rate of the shortest regular spacing of pictures at those stamps, in ticks and in any order; none where there is none, or where it is
/// about the `average`.
pub(super) fn varied(mut stamps: Vec<i64>, average: Option<FrameRate>) -> Option<FrameRate> {
    stamps.sort_unstable();
    let spacings = stamps.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    let mut spacings: Vec<i64> = spacings.filter(|spacing| *spacing > 0).collect();
    let enough = (spacings.len() * REGULAR_PERCENT / 100).max(REGULAR_MIN);
    // A damaged file has stamps centuries apart, too large to count with.
    spacings.retain(|spacing| *spacing <= SPACING_MAX);
    spacings.sort_unstable();
    let regular = (0..spacings.len()).find_map(|first| {
        let alike = spacings[first..].partition_point(|spacing| *spacing <= spacings[first] * (100 + SAME_PERCENT) / 100);
        (alike >= enough).then(|| &spacings[first..first + alike])
    })?;
    let spacing = Span(regular.iter().sum::<i64>() / regular.len() as i64);
    let fps = TICKS_PER_S as f64 / spacing.0 as f64;
    // Slower than any grid: pictures that stand for seconds each, to which no grid needs to fit.
    if fps < 1.0 {
        return None;
    }
    let rate = if fps > VARIED_RATE_MAX.as_f64() { VARIED_RATE_MAX } else { nearest(fps) };
    // A camera that jitters has spacings shorter than its own, and keeps its own rate.
    average.is_none_or(|average| rate.as_f64() > average.as_f64() * 1.1).then_some(rate)
}

/// The nearest rate that something has.
fn nearest(fps: f64) -> FrameRate {
    let whole = FrameRate::whole((fps.round() as u32).max(1));
    let distance = |rate: &FrameRate| (rate.as_f64() - fps).abs();
    BROADCAST_RATES
        .into_iter()
        .filter(|rate| distance(rate) * 3.0 < distance(&whole))
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
        .unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate for pictures so many milliseconds apart, each as often as it says.
    fn check(spacings_ms: &[(i64, usize)], average: i32, expect: Option<u32>) {
        let spacings = spacings_ms.iter().flat_map(|(ms, times)| std::iter::repeat_n(*ms, *times));
        let stamps = std::iter::once(0).chain(spacings).scan(0, |at, ms| {
            *at += Span::from_ms(ms).0;
            Some(*at)
        });
        assert_eq!(varied(stamps.collect(), named(average, 1)), expect.map(FrameRate::whole), "{spacings_ms:?}");
    }

    #[test]
    fn the_grid_fits_the_motion() {
        check(&[(33, 10), (34, 5), (1000, 4)], 10, Some(30));
        check(&[(40, 30), (200, 30)], 8, Some(25));
        check(&[(16, 10), (17, 20), (500, 10)], 10, Some(60));
        check(&[(8, 50), (500, 50)], 4, Some(60));
    }

    #[test]
    fn a_few_short_spacings_are_accidents() {
        check(&[(5, 2), (100, 98)], 10, None);
        check(&[(100, 2)], 10, None);
        check(&[], 10, None);
        check(&[(5000, 20)], 0, None);
    }

    #[test]
    fn stamps_of_a_damaged_file_are_no_spacing() {
        assert_eq!(varied(vec![i64::MIN, -1, 0, i64::MAX / 4, i64::MAX / 2, i64::MAX], None), None);
    }

    #[test]
    fn jitter_keeps_the_average() {
        check(&[(31, 20), (33, 20), (35, 20), (37, 20)], 30, None);
    }

    #[test]
    fn rates_of_broadcast_are_known() {
        assert_eq!(nearest(29.97), BROADCAST_RATES[1]);
        assert_eq!(nearest(23.976), BROADCAST_RATES[0]);
        assert_eq!(nearest(30.02), FrameRate::whole(30));
        assert_eq!(nearest(0.2), FrameRate::whole(1));
    }

    #[test]
    fn a_rate_that_is_told_or_counted_roughly_is_the_one_set() {
        let told = |num, den| usual(FrameRate { num, den });
        assert_eq!((told(115, 4), told(18, 1)), (FrameRate::whole(30), FrameRate::whole(18)));
        assert_eq!(
            (told(2487, 100), told(30_000, 1001), told(25, 2)),
            (FrameRate::whole(25), BROADCAST_RATES[1], FrameRate { num: 25, den: 2 })
        );
        let ms = |ms| Span::from_ms(ms);
        assert_eq!(counted(22, ms(1_500)), Some(FrameRate::whole(15)));
        assert_eq!(counted(2, ms(2_100)), Some(FrameRate::whole(1)));
        assert_eq!(counted(200, ms(1_500)), Some(FrameRate::whole(60)));
        assert_eq!((counted(1, ms(1_500)), counted(20, Span::ZERO)), (None, None));
    }

    #[test]
    fn only_a_stream_whose_rates_differ_may_vary() {
        let rate = |fps| named(fps, 1);
        assert!(!may_vary(rate(30), rate(30)) && may_vary(rate(10), rate(30)) && may_vary(None, rate(30)));
        assert_eq!((named(0, 1), named(1, 0), named(1000, 1), named(1, 5)), (None, None, None, None));
    }
}
