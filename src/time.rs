//! Media time, wall time, and the clocks that give them.
//!
//! Media time is counted in 90 kHz ticks of a monotonic clock; wall time is microseconds since the Unix epoch.
//! The two are never mixed: a wall time is derived from a media time through one anchor per discontinuity.
//! This file is the only one that reads the system's clocks or sleeps.

pub mod hours;
pub mod zone;

use crate::sync::lock;
use std::{
    fmt,
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Ticks in one second of media time; the MPEG clock, and the timescale of every track we write.
pub const TICKS_PER_S: i64 = 90_000;

/// A moment of media time, in 90 kHz ticks since the clock's origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticks(pub i64);

/// A length of media time, in 90 kHz ticks; negative when it points back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

/// A moment of wall time, in microseconds since the Unix epoch (UTC, leap seconds ignored as POSIX does).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub i64);

impl Ticks {
    /// The span from `earlier` to here.
    pub fn since(self, earlier: Ticks) -> Span {
        Span(self.0 - earlier.0)
    }

    /// In seconds; for text.
    pub fn as_s(self) -> f64 {
        self.0 as f64 / TICKS_PER_S as f64
    }
}

impl std::ops::Add<Span> for Ticks {
    type Output = Ticks;
    fn add(self, span: Span) -> Ticks {
        Ticks(self.0 + span.0)
    }
}

impl std::ops::Sub<Span> for Ticks {
    type Output = Ticks;
    fn sub(self, span: Span) -> Ticks {
        Ticks(self.0 - span.0)
    }
}

impl Span {
    /// No length.
    pub const ZERO: Span = Span(0);

    /// The span of that many milliseconds, exactly.
    pub const fn from_ms(ms: i64) -> Span {
        Span(ms * (TICKS_PER_S / 1000))
    }

    /// The nearest span to a standard duration.
    pub fn from_duration(duration: Duration) -> Span {
        // 90 kHz = 9 ticks per 100 µs: exact in 128 bits, rounded to the nearest tick.
        Span(((duration.as_nanos() * 9 + 50_000) / 100_000) as i64)
    }

    /// As a standard duration; a negative span gives zero.
    pub fn to_duration(self) -> Duration {
        Duration::from_nanos((i128::from(self.0.max(0)) * 100_000 / 9) as u64)
    }

    /// In seconds; for text and arithmetic that ends in text.
    pub fn as_s(self) -> f64 {
        self.0 as f64 / TICKS_PER_S as f64
    }

    /// In milliseconds; for text and arithmetic that ends in text.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / (TICKS_PER_S as f64 / 1000.0)
    }

    /// In whole microseconds, rounded to nearest.
    pub fn as_us(self) -> i64 {
        ((i128::from(self.0) * 100 + 4).div_euclid(9)) as i64
    }
}

impl std::ops::Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0 + other.0)
    }
}

impl std::ops::Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0 - other.0)
    }
}

impl std::ops::Mul<i64> for Span {
    type Output = Span;
    fn mul(self, times: i64) -> Span {
        Span(self.0 * times)
    }
}

impl std::iter::Sum for Span {
    fn sum<I: Iterator<Item = Span>>(spans: I) -> Span {
        Span(spans.map(|span| span.0).sum())
    }
}

impl std::ops::Add<Span> for WallTime {
    type Output = WallTime;
    fn add(self, span: Span) -> WallTime {
        WallTime(self.0 + span.as_us())
    }
}

impl WallTime {
    /// The span from `earlier` to here, cut to a tick.
    pub fn since(self, earlier: WallTime) -> Span {
        Span(((i128::from(self.0) - i128::from(earlier.0)) * 9).div_euclid(100) as i64)
    }

    /// Whole milliseconds since the Unix epoch, cut.
    pub fn as_unix_ms(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The wall time so many milliseconds after the Unix epoch.
    pub fn from_unix_ms(ms: i64) -> WallTime {
        WallTime(ms.saturating_mul(1000))
    }

    /// Cut to whole milliseconds: the time that is told is then the time that is meant.
    pub fn whole_ms(self) -> WallTime {
        WallTime::from_unix_ms(self.as_unix_ms())
    }

    /// Reads RFC 3339, or a number of seconds since the Unix epoch; years 1970 to 9999.
    pub fn parse(text: &str) -> Option<WallTime> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_number {
            return WallTime::from_unix_s(text.parse().ok()?);
        }
        let us = text.parse::<jiff::Timestamp>().ok()?.as_microsecond();
        (us >= 0).then_some(WallTime(us))
    }

    /// The wall time so many seconds after the Unix epoch; years 1970 to 9999.
    pub fn from_unix_s(seconds: f64) -> Option<WallTime> {
        (0.0..=WallTime::LAST_S).contains(&seconds).then(|| WallTime((seconds * 1e6).round() as i64))
    }

    /// Date and time of day where this computer is, with the offset from UTC: `2026-11-24 06:51:48+01:00`.
    pub fn to_local(self) -> String {
        self.in_zone(jiff::tz::TimeZone::system())
    }

    /// Date and time of day in UTC as a file's name begins with them, to the second: `2026-11-24_05-51-48`.
    pub fn to_file_name(self) -> String {
        let timestamp = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        timestamp.strftime("%Y-%m-%d_%H-%M-%S").to_string()
    }

    /// RFC 3339, with the space that its section 5.6 allows for people to read.
    fn in_zone(self, zone: jiff::tz::TimeZone) -> String {
        let timestamp = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        timestamp.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
    }

    /// The last second of the year 9999, beyond which RFC 3339 has no form.
    const LAST_S: f64 = 253_402_300_799.0;
}

impl serde::Serialize for WallTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// RFC 3339 in UTC with milliseconds, as every time that leaves the program is written.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.as_unix_ms() * 1000) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

/// A media time and the wall time of the same moment. One per discontinuity: within it no wall clock is read again, so
/// EXT-X-PROGRAM-DATE-TIME and the durations never drift apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallAnchor {
    /// The media time.
    pub at: Ticks,
    /// The wall time then.
    pub wall: WallTime,
}

impl WallAnchor {
    /// The wall time of another media time of the same stretch.
    pub fn wall_at(self, at: Ticks) -> WallTime {
        self.wall + at.since(self.at)
    }
}

/// A fixed frame rate as a fraction: `num / den` frames per second, both at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameRate {
    /// Frames in `den` seconds.
    pub num: u32,
    /// Seconds.
    pub den: u32,
}

impl FrameRate {
    /// A whole number of frames per second.
    pub const fn whole(fps: u32) -> FrameRate {
        FrameRate { num: fps, den: 1 }
    }

    /// Frames per second; for text and for choosing.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// Where frame `n` of the grid begins, from the grid's start. Rounded down to a tick where the rate does not divide 90 kHz,
    /// so neighbouring frames differ by at most one tick and nothing ever drifts.
    pub fn frame_start(self, n: i64) -> Span {
        let ticks = i128::from(n) * i128::from(TICKS_PER_S) * i128::from(self.den);
        Span(ticks.div_euclid(i128::from(self.num)) as i64)
    }

    /// The longest duration that a frame of this grid has.
    pub fn frame_span(self) -> Span {
        let ticks = TICKS_PER_S * i64::from(self.den);
        Span((ticks + i64::from(self.num) - 1) / i64::from(self.num))
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.num.is_multiple_of(self.den) { write!(f, "{}", self.num / self.den) } else { write!(f, "{:.2}", self.as_f64()) }
    }
}

/// The two clocks of a stream, together so that tests can move both.
pub trait Clock: Send + Sync {
    /// Monotonic time since the clock's origin.
    fn now(&self) -> Ticks;
    /// The wall time now; it may jump.
    fn wall(&self) -> WallTime;
    /// Blocks the calling thread until `now() >= at`.
    fn sleep_until(&self, at: Ticks);
}

/// The machine's clocks. The origin is the moment of its making.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

/// The system's monotonic clock, since some moment of its own: what drivers stamp their pictures with.
#[cfg(all(feature = "camera", target_os = "linux"))]
pub(crate) fn monotonic() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::Monotonic).try_into().unwrap_or_default()
}

impl SystemClock {
    /// A clock that starts at zero now.
    pub fn start() -> SystemClock {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
        SystemClock { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Ticks {
        Ticks::default() + Span::from_duration(self.origin.elapsed())
    }

    fn wall(&self) -> WallTime {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
        let now = SystemTime::now();
        match now.duration_since(UNIX_EPOCH) {
            Ok(since) => WallTime(since.as_micros() as i64),
            Err(before) => WallTime(-(before.duration().as_micros() as i64)),
        }
    }

    fn sleep_until(&self, at: Ticks) {
        let left = at.since(self.now());
        if left > Span::ZERO {
            #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
            std::thread::sleep(left.to_duration());
        }
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<(Ticks, WallTime)>,
    moved: Condvar,
}

impl ManualClock {
    /// A clock at media time zero and the given wall time.
    pub fn at(wall: WallTime) -> ManualClock {
        ManualClock { state: Mutex::new((Ticks::default(), wall)), moved: Condvar::new() }
    }

    /// Moves both clocks on, and wakes the sleepers whose time has come.
    pub fn advance(&self, span: Span) {
        let mut state = lock(&self.state);
        *state = (state.0 + span, state.1 + span);
        self.moved.notify_all();
    }

    /// Chunks the wall clock alone, as NTP or a user would.
    pub fn step_wall(&self, span: Span) {
        let mut state = lock(&self.state);
        state.1 = state.1 + span;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Ticks {
        lock(&self.state).0
    }

    fn wall(&self) -> WallTime {
        lock(&self.state).1
    }

    fn sleep_until(&self, at: Ticks) {
        let mut state = lock(&self.state);
        while state.0 < at {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_convert_exactly() {
        assert_eq!(Span::from_ms(200), Span(18_000));
        assert_eq!(Span::from_duration(Duration::from_millis(200)), Span(18_000));
        assert_eq!(Span(90_000).to_duration(), Duration::from_secs(1));
        assert_eq!(Span(3003).as_us(), 33_367);
        assert_eq!(Span(-5).to_duration(), Duration::ZERO);
    }

    #[test]
    fn wall_time_is_written_as_rfc_3339_with_milliseconds() {
        assert_eq!(WallTime(1_795_191_552_123_999).to_string(), "2026-11-20T16:19:12.123Z");
        assert_eq!(WallTime(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!((WallTime(0) + Span::from_ms(1500)).to_string(), "1970-01-01T00:00:01.500Z");
    }

    #[test]
    fn wall_time_is_read_as_rfc_3339_or_unix_seconds() {
        let check = |text: &str, expect: Option<i64>| assert_eq!(WallTime::parse(text).map(|time| time.0), expect, "{text}");
        check("2026-11-20T16:19:12.123Z", Some(1_795_191_552_123_000));
        check("2026-11-20T17:19:12.123+01:00", Some(1_795_191_552_123_000));
        check("1795191552.123", Some(1_795_191_552_123_000));
        check("0", Some(0));
        check("", None);
        check(".", None);
        check("NaN", None);
        check("1e9", None);
        check("-1", None);
        check("1969-12-31T23:59:59Z", None);
        check("99999999999999999999", None);
        check("yesterday", None);
        check("2026-11-20", None);
    }

    #[test]
    fn local_time_tells_its_offset_from_utc() {
        let text = |hours: i8| WallTime(1_795_191_552_123_999).in_zone(jiff::tz::Offset::constant(hours).to_time_zone());
        assert_eq!([text(0), text(-5)], ["2026-11-20 16:19:12+00:00", "2026-11-20 11:19:12-05:00"]);
        assert!(WallTime(i64::MAX).to_local().starts_with("9999-12-3"));
    }

    #[test]
    fn the_frame_grid_does_not_drift() {
        let ntsc = FrameRate { num: 30_000, den: 1001 };
        assert_eq!(ntsc.frame_start(1), Span(3003));
        assert_eq!(ntsc.frame_start(30_000), Span(3003 * 30_000));
        let seven = FrameRate::whole(7);
        assert_eq!(seven.frame_start(7 * 3600), Span(90_000 * 3600));
        assert_eq!(seven.frame_span(), Span(12_858));
        assert_eq!(ntsc.to_string(), "29.97");
        assert_eq!(FrameRate::whole(30).to_string(), "30");
    }

    #[test]
    fn a_manual_clock_wakes_its_sleepers() {
        let clock = std::sync::Arc::new(ManualClock::at(WallTime(0)));
        let sleeper = std::thread::spawn({
            let clock = clock.clone();
            move || clock.sleep_until(Ticks(90))
        });
        clock.advance(Span::from_ms(1));
        sleeper.join().expect("the sleeper wakes");
        assert_eq!((clock.now(), clock.wall()), (Ticks(90), WallTime(1000)));
    }
}
