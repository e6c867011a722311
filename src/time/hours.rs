//! Hours of the week, as people write them: `mon-fri 08:00-18:00, sat 10:00-12:30`. Pure.

use super::{WallTime, zone::Zone};

/// How the days are written.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// Most entries: several for each day.
const ENTRIES_MAX: usize = 50;
const HINT: &str = "write days and hours, like mon-fri 08:00-18:00; several have a comma between";

/// On some days, from one time of the day to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// By the day, from Monday on.
    days: [bool; 7],
    /// Minute of the day.
    from: u16,
    /// Minute of the day; one that is not behind `from` is of the next day.
    to: u16,
}

/// Hours of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeeklyHours {
    entries: Vec<Entry>,
}

impl WeeklyHours {
    /// Reads `DAYS HH:MM-HH:MM`, several of them with commas between. Days are `mon`, `mon-fri` or both joined by `+`, `sat+mon-wed`; without
    /// them it is each day. Hours that end before they begin go on through midnight. The error says what is wrong, and what to write.
    pub fn parse(text: &str) -> Result<WeeklyHours, String> {
        let entries: Vec<Entry> = text.split(',').map(|entry| parse_entry(entry.trim())).collect::<Result<_, _>>()?;
        if entries.len() > ENTRIES_MAX {
            Err(format!("there are more than {ENTRIES_MAX} of them"))
        } else {
            Ok(WeeklyHours { entries })
        }
    }

    /// Whether that moment is in them. The clock of the zone rules: what it leaves out in spring is in none of them, and what it goes through
    /// twice in autumn is in them twice.
    pub fn has(&self, at: WallTime, zone: Zone) -> bool {
        let (day, minute) = zone.day_and_minute(at);
        self.entries.iter().any(|entry| entry.has(day, minute))
    }
}

impl Entry {
    fn has(&self, day: usize, minute: u16) -> bool {
        let (today, yesterday) = (self.days[day % 7], self.days[(day + 6) % 7]);
        if self.from < self.to {
            today && (self.from..self.to).contains(&minute)
        } else {
            (today && minute >= self.from) || (yesterday && minute < self.to)
        }
    }
}

fn parse_entry(text: &str) -> Result<Entry, String> {
    let (days, hours) = match text.rsplit_once(char::is_whitespace) {
        Some((days, hours)) => (parse_days(days.trim())?, hours),
        None => ([true; 7], text),
    };
    let (from, to) = hours.split_once('-').ok_or_else(|| format!("{text:?} has no hours; {HINT}"))?;
    let (from, to) = (minute_of(from)?, minute_of(to)?);
    if from == to || from == DAY {
        return Err(format!("{hours} is no time at all; all day is 00:00-24:00"));
    }
    Ok(Entry { days, from, to })
}

fn parse_days(text: &str) -> Result<[bool; 7], String> {
    let day = |name: &str| {
        let known = DAYS.iter().position(|day| name.trim().eq_ignore_ascii_case(day));
        known.ok_or_else(|| format!("{name:?} is no day; the days are {}", DAYS.join(", ")))
    };
    let mut days = [false; 7];
    for range in text.split('+') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (mut at, last) = (day(first)?, day(last)?);
        days[at] = true;
        while at != last {
            at = (at + 1) % 7;
            days[at] = true;
        }
    }
    Ok(days)
}

/// `08:30`, up to `24:00`.
fn minute_of(text: &str) -> Result<u16, String> {
    let number =
        |digits: &str| digits.parse().ok().filter(|_| digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let minute = text.split_once(':').and_then(|(hours, minutes)| {
        let (hours, minutes): (u16, u16) = (number(hours)?, number(minutes)?);
        (minutes < 60).then_some(hours * 60 + minutes)
    });
    minute.filter(|minute| *minute <= DAY).ok_or_else(|| format!("{text:?} is no time of the day; {HINT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(hours: &str, at: &str) -> bool {
        let at = WallTime::parse(&format!("2026-{at}:00Z")).expect("a time");
        WeeklyHours::parse(hours).expect(hours).has(at, Zone::Utc)
    }

    #[test]
    fn hours_are_of_their_days() {
        // 2026-11-27 is a Friday.
        let work = "mon-fri 08:00-18:00";
        assert!(has(work, "11-27T08:00") && has(work, "11-27T17:59"));
        assert!(!has(work, "11-27T07:59") && !has(work, "11-27T18:00") && !has(work, "11-28T12:00"));
        let both = "Sat 10:00-12:30, sun+tue-wed 00:00-24:00";
        assert!(has(both, "11-28T12:29") && !has(both, "11-28T12:30") && has(both, "11-29T00:00") && has(both, "11-29T23:59"));
        assert!(!has(both, "11-30T00:00") && has(both, "12-01T00:00") && has(both, "12-02T23:59"));
        assert!(has("06:00-07:00", "11-30T06:30"), "each day");
    }

    #[test]
    fn hours_go_on_through_midnight_and_days_through_sunday() {
        let night = "fri 22:00-06:00";
        assert!(has(night, "11-27T22:00") && has(night, "11-28T05:59"));
        assert!(!has(night, "11-28T06:00") && !has(night, "11-28T22:00") && !has(night, "11-27T05:00"));
        assert!(has("sun 23:00-01:00", "11-30T00:30"), "from Sunday into Monday");
        assert!(has("sat-mon 12:00-13:00", "11-30T12:00") && !has("sat-mon 12:00-13:00", "12-01T12:00"));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_to_write() {
        for text in
            ["", "mon", "mon 8:00-18:00", "mon 08:00", "mon 08:00-25:00", "mon 08:60-09:00", "mon 24:00-02:00", "mon 08:00-08:00"]
        {
            assert!(WeeklyHours::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            WeeklyHours::parse("mo 08:00-09:00").expect_err("no day"),
            "\"mo\" is no day; the days are mon, tue, wed, thu, fri, sat, sun"
        );
        assert!(WeeklyHours::parse("mon 08:00-09:00,").is_err() && WeeklyHours::parse(&"08:00-09:00,".repeat(60)).is_err());
    }
}
