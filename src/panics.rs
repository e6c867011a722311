//! Panics of tasks and of iterations of a loop: the task or loop begins anew, and the panic is counted for the status.

use crate::counter::{Counter, Gauge};
use serde::Serialize;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

/// Wait before a task begins anew; it doubles while bugs come one after the other, so that they fill neither log nor processor.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A task that ran so long has begun anew well.
const STEADY: Duration = Duration::from_secs(5);

/// So many turns of a loop with a bug in a row are a loop that does not work.
const TURNS_MAX: u64 = 10;

/// The bugs that something has met.
#[derive(Debug, Default)]
pub struct Panics {
    /// All of them.
    count: Counter,
    /// Those since it last worked.
    in_a_row: Gauge,
}

/// Bugs in `GET /api/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct PanicsReport {
    pub panics: u64,
    pub panicking: bool,
}

impl Panics {
    /// For the status.
    pub fn report(&self) -> PanicsReport {
        PanicsReport { panics: self.count.get(), panicking: self.is_recent() }
    }

    /// Whether it has not worked since the last one.
    pub fn is_recent(&self) -> bool {
        self.in_a_row.get() > 0
    }

    /// One that is over: what met it is gone, and the others work.
    pub(crate) fn note(&self) {
        self.count.bump();
    }

    fn meet(&self) {
        self.count.bump();
        self.in_a_row.set(self.in_a_row.get() + 1);
    }

    /// One turn of a loop, which goes on after a bug in it; whether it is to go on: it is not when bug follows upon bug.
    pub(crate) fn turn(&self, turn: impl FnOnce()) -> bool {
        match catch_unwind(AssertUnwindSafe(turn)) {
            Ok(()) => self.in_a_row.set(0),
            Err(_) => self.meet(),
        }
        self.in_a_row.get() < TURNS_MAX
    }

    /// Runs the task that `begin` makes, and another one after each that ended by a bug, until one ends by itself.
    pub(crate) async fn keep<Task: Future<Output = ()> + Send + 'static>(&self, mut begin: impl FnMut() -> Task) {
        // Dropped with this future, and the task with it.
        let mut running = JoinSet::new();
        running.spawn(begin());
        let mut pause = PAUSE_FIRST;
        loop {
            let ended = match timeout(STEADY, running.join_next()).await {
                Ok(ended) => ended,
                Err(_) => {
                    self.in_a_row.set(0);
                    pause = PAUSE_FIRST;
                    running.join_next().await
                }
            };
            if !ended.is_some_and(|ended| ended.is_err_and(|error| error.is_panic())) {
                return;
            }
            self.meet();
            let next = begin();
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            running.spawn(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    #[tokio::test(start_paused = true)]
    async fn a_task_begins_anew_until_it_ends_by_itself() {
        let (panics, begun) = (Panics::default(), Arc::new(AtomicU32::new(0)));
        panics
            .keep(|| {
                let begun = begun.clone();
                async move {
                    match begun.fetch_add(1, Ordering::Relaxed) {
                        0 | 1 => panic!("a bug of the test"),
                        2 => {
                            sleep(STEADY * 2).await;
                            panic!("another one");
                        }
                        _ => {}
                    }
                }
            })
            .await;
        assert_eq!(begun.load(Ordering::Relaxed), 4);
        // The third worked for long, so the last bug is the only one of its row.
        assert_eq!((panics.report(), panics.in_a_row.get()), (PanicsReport { panics: 3, panicking: true }, 1));
    }

    #[test]
    fn a_loop_goes_on_after_a_bug_and_ends_after_many() {
        let panics = Panics::default();
        assert!(panics.turn(|| panic!("a bug of the test")) && panics.report().panicking);
        assert!(panics.turn(|| ()));
        assert_eq!(panics.report(), PanicsReport { panics: 1, panicking: false });
        let turns = (0..100).take_while(|_| panics.turn(|| panic!("again"))).count() as u64;
        assert_eq!(turns, TURNS_MAX - 1);
    }
}
