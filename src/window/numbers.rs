//! Where the numbers of a run begin. Players hold on to the last number they saw, over a restart of the server too, and wait for ever for
//! one that is smaller (hls.js ends with "media sequence mismatch"). So numbers grow from run to run (rfc8216bis §4.4.3.2, §4.4.3.3).
//!
//! A run goes on where the last one stopped, for a player that finds the segment after its last one plays on: with `--storage` the numbers are
//! kept in the database, without it in the machine's memory ([`crate::store::last_run`]). Where nothing is kept a run begins at the time, for
//! no number grows faster than the clock.
//!
//! What is kept is an upper bound, written with each segment: a killed run has had no time to say where it was.

use crate::{
    package::{FirstSegment, InitId, Msn},
    time::WallTime,
};

/// Key frames in a second, at most: a part has one, and is 100 ms long or longer.
const KEY_FRAMES_PER_S_MAX: u64 = 10;

/// What discontinuities are counted from, 2026-01-01, and by: hls.js 1.7 walks through all numbers up to that of the discontinuity with each
/// playlist (`initPTS.some`), which takes minutes for seconds since 1970, and 3 ms for the hours of ten years.
const DISCONTINUITIES_FROM_S: i64 = 1_767_225_600;
const DISCONTINUITY_S: i64 = 3600;

/// The first numbers of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstNumbers {
    /// Of the segments; at least 1.
    pub msn: Msn,
    /// Discontinuities before this run. If there are any, the run begins with one.
    pub discontinuities: u64,
    /// Entries of the I-frame playlist before this run.
    pub key_frames: u64,
}

/// How far ahead of a run its bound is kept. A killed run leaves a gap so wide, and players cross no wide gap: hls.js takes each missing number
/// for a target duration without media. The bound is looked at once a second, in which a segment begins at most, and ten key frames.
const ROOM: FirstNumbers = FirstNumbers { msn: Msn(1), discontinuities: 1, key_frames: 2 * KEY_FRAMES_PER_S_MAX };

impl FirstNumbers {
    /// Of a stream that nobody has seen before.
    pub const NEW: FirstNumbers = FirstNumbers { msn: Msn(1), discontinuities: 0, key_frames: 0 };

    /// Of a run that begins then. Where the clock is behind, as on a machine without a battery for it, numbers may meet.
    pub fn at(begin: WallTime) -> FirstNumbers {
        // A segment lasts a second or longer.
        let unix_s = begin.as_unix_ms().div_euclid(1000);
        let s = unix_s.max(1) as u64;
        let hours = (unix_s - DISCONTINUITIES_FROM_S).div_euclid(DISCONTINUITY_S);
        FirstNumbers { msn: Msn(s), discontinuities: hours.max(1) as u64, key_frames: s * KEY_FRAMES_PER_S_MAX }
    }

    /// The first segment of a run with these numbers, whose first init segment has that one.
    pub fn segment(self, init: InitId) -> FirstSegment {
        FirstSegment { msn: self.msn, init, discontinuity: self.discontinuities > 0 }
    }

    /// The bound to keep for a run whose next numbers are these.
    pub fn with_room(self) -> FirstNumbers {
        self.plus(ROOM.msn.0, ROOM.discontinuities, ROOM.key_frames)
    }

    /// Whether this bound is far enough ahead of a run whose next numbers are `next`: beyond all that it gives within a second.
    pub fn has_room_for(self, next: FirstNumbers) -> bool {
        let least = next.plus(ROOM.msn.0, ROOM.discontinuities, KEY_FRAMES_PER_S_MAX);
        self.msn >= least.msn && self.discontinuities >= least.discontinuities && self.key_frames >= least.key_frames
    }

    fn plus(self, msn: u64, discontinuities: u64, key_frames: u64) -> FirstNumbers {
        FirstNumbers {
            msn: Msn(self.msn.0 + msn),
            discontinuities: self.discontinuities + discontinuities,
            key_frames: self.key_frames + key_frames,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_run_begins_beyond_all_numbers_of_the_run_before() {
        let (day_s, begin_s) = (86_400, 1_795_191_552);
        let at = |s: i64| FirstNumbers::at(WallTime(s * 1_000_000));
        let (first, second) = (at(begin_s), at(begin_s + day_s));
        // The least segments and parts: 1 s and 100 ms, a key frame in each.
        assert!(second.msn.0 >= first.msn.0 + day_s as u64 && second.discontinuities == first.discontinuities + 24);
        let ten_years = at(begin_s + 3650 * day_s);
        assert!(ten_years.discontinuities < 100_000, "hls.js walks through as many with each playlist");
        assert!(second.key_frames >= first.key_frames + 10 * day_s as u64);
        assert!(first.with_room().has_room_for(first) && !first.has_room_for(first));
        assert!([at(0), at(-5)].iter().all(|early| early.msn == Msn(1) && early.discontinuities == 1));
    }
}
