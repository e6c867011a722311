//! When recordings that are made again and again begin: whenever the clock shows a multiple of their period. Pure.

use crate::time::{
    Span, WallTime,
    zone::{Zone, next_multiple},
};

/// A recording that would begin later than this is not begun: it would end when the next one begins, or have a time in its name that is not
/// its own. The program itself is never so late.
const LATE_MAX: Span = Span::from_ms(2000);

/// The moments of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    period: Span,
    zone: Zone,
    /// The last moment that was come to.
    last: Option<WallTime>,
    next: WallTime,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing, until that time.
    At(WallTime),
    /// A recording begins, that of this moment.
    Now(WallTime),
    /// That moment has passed unseen, and so have others perhaps: the clock was set on, the machine slept, or the recording before it took
    /// too long.
    Missed(WallTime),
}

impl Schedule {
    /// Of that period, from `now` on.
    pub fn new(period: Span, zone: Zone, now: WallTime) -> Schedule {
        Schedule { period, zone, last: None, next: next_multiple(period, now, zone) }
    }

    /// What is to be done, as the clock is now.
    pub fn look(&mut self, now: WallTime) -> Due {
        if now < self.next {
            // The clock may have been set back.
            self.next = self.next.min(self.after(now));
            return Due::At(self.next);
        }
        let moment = self.next;
        self.last = Some(moment);
        if now.since(moment) <= LATE_MAX {
            self.next = self.after(moment);
            Due::Now(moment)
        } else {
            self.next = self.after(now);
            Due::Missed(moment)
        }
    }

    /// The first moment behind a time. One that was come to already is not come to again where the clock was set back by a little.
    fn after(&self, now: WallTime) -> WallTime {
        let next = next_multiple(self.period, now, self.zone);
        if Some(next) == self.last { next_multiple(self.period, next, self.zone) } else { next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Span = Span::from_ms(3_600_000);

    fn at(text: &str) -> WallTime {
        WallTime::parse(&format!("2026-11-20T{text}Z")).expect("a time")
    }

    fn looks(schedule: &mut Schedule, times: &[(&str, Due)]) {
        for (time, expect) in times {
            assert_eq!(schedule.look(at(time)), *expect, "at {time}");
        }
    }

    #[test]
    fn each_moment_is_come_to_once() {
        let mut schedule = Schedule::new(HOUR, Zone::Utc, at("10:20:00"));
        let now = |text| Due::Now(at(text));
        let wait = |text| Due::At(at(text));
        looks(
            &mut schedule,
            &[
                ("10:20:01", wait("11:00:00")),
                ("10:59:59.999", wait("11:00:00")),
                ("11:00:00.3", now("11:00:00")),
                ("11:00:00.4", wait("12:00:00")),
                // Set back by a little, and set back by much.
                ("10:59:50", wait("12:00:00")),
                ("09:30:00", wait("10:00:00")),
                ("10:00:00", now("10:00:00")),
                ("10:30:00", wait("11:00:00")),
            ],
        );
    }

    #[test]
    fn what_has_passed_unseen_is_told_once_and_not_made_up_for() {
        let mut schedule = Schedule::new(HOUR, Zone::Utc, at("10:20:00"));
        looks(
            &mut schedule,
            &[
                ("13:30:00", Due::Missed(at("11:00:00"))),
                ("13:30:01", Due::At(at("14:00:00"))),
                ("14:00:02", Due::Now(at("14:00:00"))),
                ("15:00:02.1", Due::Missed(at("15:00:00"))),
                ("15:00:03", Due::At(at("16:00:00"))),
            ],
        );
    }
}
