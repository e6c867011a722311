//! When a picture was captured, on our monotonic clock. Pure.
//!
//! nokhwa gives a capture time of the wall clock, made from the driver's monotonic one at the moment of the read. A step of the wall
//! clock must not move the media, so only the picture's age is taken from it: the wall clock at receipt less the capture time.

use crate::time::{Span, Ticks, WallTime};
use std::time::Duration;

/// Oldest picture that is believed: the driver holds four buffers, which is 0.8 s at 5 fps, and a loaded host adds some. An older
/// stamp is one of a clock that was stepped, or of a driver that counts from somewhere else.
pub const AGE_MAX: Span = Span::from_ms(2_000);
/// Youngest: the two clocks are read one after the other, so a stamp may lie a little ahead of the receipt; then it is the receipt.
pub const AGE_MIN: Span = Span::from_ms(-20);

/// The capture time of a picture received at `arrival` (wall clock then: `wall`) with a capture time of the wall clock since the Unix
/// epoch; the arrival itself where there is no stamp or none that can be believed.
pub fn captured_at(stamp: Option<Duration>, arrival: Ticks, wall: WallTime) -> Ticks {
    let Some(stamp) = stamp else { return arrival };
    let Ok(stamp_us) = i64::try_from(stamp.as_micros()) else { return arrival };
    let age_us = wall.0.saturating_sub(stamp_us);
    if !(AGE_MIN.as_us()..=AGE_MAX.as_us()).contains(&age_us) {
        return arrival;
    }
    arrival - Span::from_duration(Duration::from_micros(age_us.max(0) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: WallTime = WallTime(1_795_191_552_000_000);

    fn check(age_us: Option<i64>, expect: Span) {
        let arrival = Ticks(900_000);
        let stamp = age_us.map(|age| Duration::from_micros((WALL.0 - age) as u64));
        assert_eq!(arrival.since(captured_at(stamp, arrival, WALL)), expect, "{age_us:?}");
    }

    #[test]
    fn the_age_of_a_picture_is_taken_off_its_arrival() {
        check(Some(0), Span::ZERO);
        check(Some(10_000), Span::from_ms(10));
        check(Some(2_000_000), Span::from_ms(2_000));
    }

    #[test]
    fn a_stamp_a_little_ahead_is_the_arrival() {
        check(Some(-20_000), Span::ZERO);
    }

    #[test]
    fn no_stamp_or_an_incredible_one_is_the_arrival() {
        for age in [None, Some(-20_001), Some(2_000_001), Some(WALL.0), Some(-3_600_000_000)] {
            check(age, Span::ZERO);
        }
        assert_eq!(captured_at(Some(Duration::MAX), Ticks(5), WALL), Ticks(5));
    }
}
