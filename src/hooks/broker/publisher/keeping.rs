//! Whoever sends a message to `TOPIC/keep` has what just happened kept, as the key R of the page does.

use crate::{hooks::Keep, time::Span};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{task::spawn_blocking, time::Instant};

/// The longest that can be asked for, in seconds: a message is no way to fill a disk.
const KEPT_MAX_S: u32 = 3600;
/// Longest message that is shown in the log, in characters.
const SHOWN_LEN_MAX: usize = 40;

/// What comes so soon after the one before it asks for the same.
const APART_MIN: Duration = Duration::from_secs(1);

/// Keeps what just happened, one after the other.
pub(super) struct Keeping {
    keep: Keep,
    is_busy: Arc<AtomicBool>,
    /// When the last one came that was done.
    taken: Option<Instant>,
    /// When one was told of that is not understood.
    told: Option<Instant>,
}

/// Something is being kept until it is dropped.
struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Keeping {
    pub(super) fn new(keep: Keep) -> Keeping {
        Keeping { keep, is_busy: Arc::default(), taken: None, told: None }
    }

    /// Takes a message that came at `now`. Another one that comes before this one is done, or within a second, asks for the same, and is left
    /// out.
    pub(super) fn take(&mut self, text: &str, now: Instant) {
        let is_soon = |last: Option<Instant>| last.is_some_and(|last| now - last < APART_MIN);
        let span = match parse(text) {
            Ok(span) => span,
            Err(why) => {
                if !is_soon(self.told) {
                    self.told = Some(now);
                    tracing::warn!("a message to keep what just happened is not understood: {why}");
                }
                return;
            }
        };
        if is_soon(self.taken) || self.is_busy.swap(true, Ordering::AcqRel) {
            return;
        }
        self.taken = Some(now);
        let (keep, busy) = (self.keep.clone(), Busy(self.is_busy.clone()));
        spawn_blocking(move || {
            let _busy = busy;
            if let Err(why) = keep(span) {
                tracing::warn!("what just happened is not kept, though a message of the broker's asked for it: {why}");
            }
        });
    }
}

/// How long: seconds, or as long as is usual for an empty message and for what a button of Home Assistant sends.
fn parse(text: &str) -> Result<Option<Span>, String> {
    match text.trim() {
        "" | "PRESS" => Ok(None),
        typed => match typed.parse() {
            Ok(seconds @ 1..=KEPT_MAX_S) => Ok(Some(Span::from_ms(i64::from(seconds) * 1000))),
            _ => {
                let shown: String = typed.chars().take(SHOWN_LEN_MAX).collect();
                Err(format!("{shown:?}; send the seconds, 1 to {KEPT_MAX_S}, or nothing for 30"))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_how_many_seconds_or_nothing() {
        assert_eq!((parse(""), parse("PRESS"), parse(" 60\n")), (Ok(None), Ok(None), Ok(Some(Span::from_ms(60_000)))));
        for wrong in ["0", "3601", "-1", "1.5", "keep", "99999999999"] {
            assert!(parse(wrong).is_err_and(|why| why.starts_with(&format!("{wrong:?}; send the seconds"))), "{wrong}");
        }
    }
}
