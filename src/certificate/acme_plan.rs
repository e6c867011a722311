//! When the next certificate is ordered. Authorities count orders and failures, so tries are kept on the disk: a program that is started again
//! and again asks no more often than one that runs.

use super::der::Facts;
use crate::{
    plain_file,
    time::{Span, WallTime},
};
use serde::{Deserialize, Serialize};
use std::{io, path::Path};

/// The file of the tries.
const FILE_NAME: &str = "tries.json";
/// Longest one, in bytes.
const FILE_LEN_MAX: u64 = 64 << 10;
/// After a failure the next try is so long after, then twice as long each time, up to the longest. Let's Encrypt allows five failures an hour
/// for a name.
const PAUSE_MIN: Span = Span::from_ms(5 * 60_000);
/// The longest pause, and the one after a success: a certificate that is late already when it comes, as where the clock is wrong, is not
/// followed by another at once.
const PAUSE_MAX: Span = Span::from_ms(6 * 3_600_000);

/// What is known of the certificate, and what was tried.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// When another one is wanted; at once without a certificate.
    renewal: Option<WallTime>,
    tries: Tries,
}

/// The last try for some names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tries {
    names: Vec<String>,
    /// Milliseconds since 1970.
    last: Option<i64>,
    /// In a row; a try that goes on is one.
    failures: u32,
}

impl Plan {
    /// What the folder knows of these names.
    pub(super) fn open(folder: &Path, names: &[String]) -> Plan {
        let read = plain_file::read(&folder.join(FILE_NAME), FILE_LEN_MAX).ok();
        let tries = read.and_then(|bytes| serde_json::from_slice::<Tries>(&bytes).ok()).filter(|tries| tries.names == names);
        Plan { renewal: None, tries: tries.unwrap_or_else(|| Tries { names: names.to_vec(), ..Tries::default() }) }
    }

    /// A certificate is there. It is renewed when a third of its time is left; authorities count on it, for that leaves time for what goes
    /// wrong.
    pub(super) fn learn(&mut self, facts: Option<&Facts>) {
        self.renewal = facts.map(|facts| facts.not_before + Span(facts.not_after.since(facts.not_before).0 / 3 * 2));
    }

    pub(super) fn is_due(&self, now: WallTime) -> bool {
        // A clock that was set back keeps nobody waiting.
        let since = self.tries.last.map(|last| now.since(WallTime::from_unix_ms(last)));
        let is_paused = since.is_some_and(|since| (Span::ZERO..self.pause()).contains(&since));
        !is_paused && self.renewal.is_none_or(|renewal| now >= renewal)
    }

    /// From the last try to the next.
    pub(super) fn pause(&self) -> Span {
        match self.tries.failures {
            0 => PAUSE_MAX,
            failures => Span(PAUSE_MIN.0.saturating_mul(1 << (failures - 1).min(30)).min(PAUSE_MAX.0)),
        }
    }

    /// A try begins, and has failed until it is said otherwise.
    pub(super) fn begin(&mut self, now: WallTime) {
        (self.tries.last, self.tries.failures) = (Some(now.as_unix_ms()), self.tries.failures.saturating_add(1));
    }

    /// It came to something.
    pub(super) fn succeed(&mut self) {
        self.tries.failures = 0;
    }

    /// Keeps the tries. Whoever calls waits for the disk.
    pub(super) fn keep(&self, folder: &Path) -> io::Result<()> {
        plain_file::replace_secret(&folder.join(FILE_NAME), &serde_json::to_vec(&self.tries)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        vec!["cam.example.org".to_owned()]
    }

    fn minute(n: i64) -> WallTime {
        WallTime::from_unix_ms(1_800_000_000_000 + n * 60_000)
    }

    #[test]
    fn a_certificate_is_renewed_when_a_third_of_its_time_is_left() {
        let at = |text: &str| WallTime::parse(text).expect(text);
        let facts = Facts { not_before: at("2026-01-01T00:00:00Z"), not_after: at("2026-03-02T00:00:00Z"), name: None };
        let mut plan = Plan::default();
        assert!(plan.is_due(at("1970-01-01T00:00:00Z")), "there is none yet");
        plan.learn(Some(&facts));
        assert!(!plan.is_due(at("2026-02-09T23:59:59Z")));
        assert!(plan.is_due(at("2026-02-10T00:00:00Z")));
        plan.begin(at("2026-02-10T00:00:00Z"));
        plan.succeed();
        plan.learn(Some(&facts));
        assert!(!plan.is_due(at("2026-02-10T05:59:59Z")), "what comes late is not followed by another at once");
        assert!(plan.is_due(at("2026-02-10T06:00:00Z")));
    }

    #[test]
    fn failures_are_further_apart_each_time_and_a_restart_does_not_forget_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let mut plan = Plan::open(folder.path(), &names());
            plan.begin(minute(0));
            plan.keep(folder.path()).expect("there is room");
            pauses.push(plan.pause().0 / Span::from_ms(60_000).0);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 360, 360]);
        let plan = Plan::open(folder.path(), &names());
        assert!(!plan.is_due(minute(359)) && plan.is_due(minute(360)));
        assert!(plan.is_due(minute(-1)), "the clock was set back");
        assert!(Plan::open(folder.path(), &["other.example.org".to_owned()]).is_due(minute(1)), "other names are tried at once");
    }
}
