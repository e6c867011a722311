//! When a picture was captured, on our monotonic clock. Pure.
//!
//! nokhwa gives a capture time of the wall clock, made from the driver's monotonic one at the moment of the read. A step of the wall
//! clock must not move the media, so only the picture's age is taken from it: the wall clock at receipt less the capture time. What is read
//! directly has its age by the driver's own clock.

use crate::time::{Span, Ticks, WallTime};
use std::time::Duration;

/// Oldest picture that is believed: the driver holds four buffers, which is 0.8 s at 5 fps, and a loaded host adds some. An older
/// stamp is one of a clock that was stepped, or of a driver that counts from somewhere else.
pub const AGE_MAX: Span = Span::from_ms(2_000);
/// Youngest: the two clocks are read one after the other, so a stamp may lie a little ahead of the receipt; then it is the receipt.
pub const AGE_MIN: Span = Span::from_ms(-20);

/// What is known of the time of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// When it was, by the wall clock, since the Unix epoch.
    Wall(Duration),
    /// How long ago it was, when it was received.
    Age(Duration),
}

/// The capture time of a picture received at `arrival` (wall clock then: `wall`); the arrival itself where there is no stamp or none that
/// can be believed.
pub fn captured_at(stamp: Option<Stamp>, arrival: Ticks, wall: WallTime) -> Ticks {
    let age_us = match stamp {
        None => return arrival,
        Some(Stamp::Age(age)) => i64::try_from(age.as_micros()).unwrap_or(i64::MAX),
        Some(Stamp::Wall(since)) => match i64::try_from(since.as_micros()) {
            Ok(since_us) => wall.0.saturating_sub(since_us),
            Err(_) => return arrival,
        },
    };
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
        let stamp = age_us.map(|age| Stamp::Wall(Duration::from_micros((WALL.0 - age) as u64)));
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
        for stamp in [Stamp::Wall(Duration::MAX), Stamp::Age(Duration::MAX), Stamp::Age(Duration::from_micros(2_000_001))] {
            assert_eq!(captured_at(Some(stamp), Ticks(5), WALL), Ticks(5));
        }
    }

    #[test]
    fn an_age_by_the_drivers_clock_is_taken_off_the_arrival_whatever_the_wall_clock_says() {
        let age = Stamp::Age(Duration::from_millis(40));
        for wall in [WALL, WallTime(0)] {
            assert_eq!(captured_at(Some(age), Ticks(900_000), wall), Ticks(900_000 - 3600));
        }
    }
}
