//! A presentation: the timeline that a player began with, by the clock of then. `MPD@availabilityStartTime` of a presentation never changes
//! (ISO/IEC 23009-1 §5.4), so when the clock is set another one begins. Who plays the one before updates it where its manifest says
//! (`Location`) and asks its clock: dash.js 5.2 looks for another clock after 30 s to 10 min, and asks for what is not there meanwhile.

use crate::{
    playlist::name,
    time::WallTime,
    window::timeline::{Timeline, has_stepped},
};

/// What its manifest and its clock are asked with.
const PARAMETER: &str = "zero";

/// A presentation, named by the date of its zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presentation {
    zero: WallTime,
}

impl Presentation {
    /// The one that a player begins with now.
    pub fn newest(timeline: &Timeline) -> Presentation {
        // In whole milliseconds, as all dates of segments.
        Presentation { zero: timeline.zero().unwrap_or_default() }
    }

    /// The one that a query names, where the clock was set since.
    pub fn former(timeline: &Timeline, query: &str) -> Option<Presentation> {
        let asked = query.split('&').find_map(|pair| pair.strip_prefix(PARAMETER)?.strip_prefix('='))?;
        let zero = timeline.former_zeros().find(|zero| zero.as_unix_ms().to_string() == asked)?;
        Some(Presentation { zero })
    }

    /// The date of its zero.
    pub fn zero(self) -> WallTime {
        self.zero
    }

    /// What time it is by its clock.
    pub fn now(self, timeline: &Timeline, wall: WallTime) -> WallTime {
        WallTime(wall.0 + self.zero.0 - timeline.zero().unwrap_or(self.zero).0)
    }

    /// A date, so many µs after its zero, by its clock; as it was told where that is the same.
    pub(super) fn told(self, date: WallTime, after_us: i64) -> WallTime {
        if has_stepped(date.0 - self.zero.0, after_us) { WallTime(self.zero.0 + after_us).whole_ms() } else { date }
    }

    /// Where its manifest is updated, from the manifest's place.
    pub(super) fn location(self) -> String {
        format!("{}?{PARAMETER}={}", name::MANIFEST, self.zero.as_unix_ms())
    }

    /// Its clock, from the manifest's place: a player on a network without internet must not need one from elsewhere.
    pub(super) fn clock_url(self) -> String {
        format!("../time?{PARAMETER}={}", self.zero.as_unix_ms())
    }
}
