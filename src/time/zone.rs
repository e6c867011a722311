//! Wall time as people count it: in a zone, by patterns of `strftime`, and by the hours of the day.

use super::{Span, WallTime};
use jiff::{Timestamp, fmt::strtime, tz::TimeZone};

/// In which zone hours are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// That of this computer, with its summer time.
    #[default]
    Local,
    /// UTC.
    Utc,
}

impl Zone {
    fn zone(self) -> TimeZone {
        match self {
            Zone::Local => TimeZone::system(),
            Zone::Utc => TimeZone::UTC,
        }
    }

    /// The day of the week, from Monday on, and the minute of the day that the clock of the zone shows then.
    pub(super) fn day_and_minute(self, at: WallTime) -> (usize, u16) {
        day_and_minute_in(self.zone(), at)
    }
}

fn day_and_minute_in(zone: TimeZone, at: WallTime) -> (usize, u16) {
    let shown = timestamp(at).to_zoned(zone);
    (shown.weekday().to_monday_zero_offset() as usize, shown.hour() as u16 * 60 + shown.minute() as u16)
}

/// Fills the conversions of `strftime` with a time; the reason if there is a conversion that does not exist.
pub fn strftime(pattern: &str, at: WallTime, zone: Zone) -> Result<String, String> {
    let zoned = timestamp(at).to_zoned(zone.zone());
    strtime::format(pattern, &zoned).map_err(|error| error.to_string())
}

/// The first moment behind `now` at which the clock of that zone shows a whole multiple of `period`, counted from midnight where the period
/// divides a day. An hour that the clock goes through twice has its moments twice, one that it leaves out has none.
pub fn next_multiple(period: Span, now: WallTime, zone: Zone) -> WallTime {
    multiple_in(&zone.zone(), period, now)
}

fn multiple_in(zone: &TimeZone, period: Span, now: WallTime) -> WallTime {
    let period = period.as_us().max(1);
    let offset_us = |at: i64| i64::from(zone.to_offset(timestamp(WallTime(at))).seconds()) * 1_000_000;
    // The first multiple that is not before `from`, by that offset from UTC.
    let first = |from: i64, offset: i64| from + (-(from + offset)).rem_euclid(period);
    let mut from = now.0 + 1;
    loop {
        let next = first(from, offset_us(from));
        // The clock may be set before it.
        match zone.following(timestamp(WallTime(from))).next().map(|set| set.timestamp().as_microsecond()) {
            Some(set) if set > from && set <= next => from = set,
            _ => return WallTime(next),
        }
    }
}

fn timestamp(at: WallTime) -> Timestamp {
    Timestamp::from_microsecond(at.0).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The moments behind one another, as UTC.
    fn moments(zone: &str, period_s: i64, from: &str, count: usize) -> Vec<String> {
        let zone = TimeZone::posix(zone).expect("a zone");
        let mut at = WallTime::parse(from).expect("a time");
        let next = |_| {
            at = multiple_in(&zone, Span::from_ms(period_s * 1000), at);
            at.to_string()[5..16].to_owned()
        };
        (0..count).map(next).collect()
    }

    /// Central Europe: the clock goes from 2:00 to 3:00 on the last Sunday of March at 01:00 UTC, and back in October.
    const EUROPE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    #[test]
    fn moments_are_those_of_the_zones_clock() {
        let check = |period_s: i64, from: &str, expect: &[&str]| {
            assert_eq!(moments(EUROPE, period_s, from, expect.len()), expect, "{period_s} s from {from}");
        };
        check(3600, "2026-11-20T10:59:59.9Z", &["11-20T11:00", "11-20T12:00"]);
        check(3600, "2026-11-20T11:00:00Z", &["11-20T12:00"]);
        check(600, "2026-11-20T11:05:00Z", &["11-20T11:10", "11-20T11:20"]);
        check(86_400, "2026-11-20T11:00:00Z", &["11-20T23:00", "11-21T23:00"]);
        // 01:30 and 03:30 summer time are half an hour apart: the hour between them is left out.
        check(3600, "2026-03-29T00:30:00Z", &["03-29T01:00", "03-29T02:00"]);
        check(6 * 3600, "2026-03-28T23:00:00Z", &["03-29T04:00", "03-29T10:00"]);
        check(86_400, "2026-03-28T23:00:00Z", &["03-29T22:00"]);
        // The hour from 2:00 to 3:00 is there twice.
        check(3600, "2026-10-24T23:30:00Z", &["10-25T00:00", "10-25T01:00", "10-25T02:00"]);
        check(6 * 3600, "2026-10-24T22:00:00Z", &["10-25T05:00", "10-25T11:00"]);
        check(86_400, "2026-10-24T22:00:00Z", &["10-25T23:00"]);
    }

    #[test]
    fn a_clock_that_is_set_shows_no_minute_that_it_leaves_out() {
        let zone = || TimeZone::posix(EUROPE).expect("a zone");
        let shown = |at: &str| day_and_minute_in(zone(), WallTime::parse(&format!("2026-{at}:00Z")).expect("a time"));
        // Friday, one hour ahead of UTC.
        assert_eq!(shown("11-27T23:30"), (5, 30));
        assert_eq!((shown("03-29T00:59"), shown("03-29T01:00")), ((6, 119), (6, 180)));
        assert_eq!((shown("10-25T00:30"), shown("10-25T01:30")), ((6, 150), (6, 150)));
    }

    #[test]
    fn a_zone_of_half_hours_has_its_own_hours() {
        assert_eq!(moments("IST-5:30", 3600, "2026-11-20T11:00:00Z", 2), ["11-20T11:30", "11-20T12:30"]);
    }

    #[test]
    fn a_pattern_is_filled_or_refused() {
        let at = WallTime::parse("2026-11-20T16:19:12Z").expect("a time");
        assert_eq!(strftime("%Y-%m-%d_%H-%M-%S %%", at, Zone::Utc).as_deref(), Ok("2026-11-20_16-19-12 %"));
        for pattern in ["%", "%K", "a%!b"] {
            assert!(strftime(pattern, at, Zone::Utc).is_err(), "{pattern}");
        }
    }
}
