//! Turns of the detectors at the processor: those of several cameras search by turns, in the order in which they ask, so that none searches
//! twice while another waits. A core stays for captures and encoders, which must not be late.

use crate::sync::lock;
use std::{
    collections::VecDeque,
    num::NonZero,
    sync::{Condvar, LazyLock, Mutex, PoisonError},
    thread::available_parallelism,
    time::Duration,
};

/// A search is over by then on any machine that keeps up. Who waited so long searches all the same: a detector that hangs holds up no other.
const PATIENCE: Duration = Duration::from_secs(1);

/// The turns of this process.
static OF_PROCESS: LazyLock<Turns> =
    LazyLock::new(|| Turns::new(available_parallelism().map_or(1, NonZero::get).saturating_sub(1).max(1)));

/// Turns, of which so many may be taken at a time.
pub(super) struct Turns {
    line: Mutex<Line>,
    moved: Condvar,
    n_at_once: usize,
}

/// Who waits, and how many have their turn.
#[derive(Default)]
struct Line {
    waiting: VecDeque<u64>,
    n_tickets: u64,
    n_taken: usize,
}

/// A turn; over when dropped.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    pub(super) fn of_process() -> &'static Turns {
        &OF_PROCESS
    }

    fn new(n_at_once: usize) -> Turns {
        Turns { line: Mutex::default(), moved: Condvar::new(), n_at_once }
    }

    /// Waits for a turn, and not for long.
    pub(super) fn take(&self) -> Turn<'_> {
        let mut line = lock(&self.line);
        let ticket = line.n_tickets;
        line.n_tickets += 1;
        line.waiting.push_back(ticket);
        let is_next = |line: &mut Line| line.waiting.front() == Some(&ticket) && line.n_taken < self.n_at_once;
        let waited = self.moved.wait_timeout_while(line, PATIENCE, |line| !is_next(line));
        let (mut line, _) = waited.unwrap_or_else(PoisonError::into_inner);
        line.waiting.retain(|waiting| *waiting != ticket);
        line.n_taken += 1;
        drop(line);
        // The next in line may have its turn, too.
        self.moved.notify_all();
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.0.line).n_taken -= 1;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc::channel, thread};

    /// Until so many wait.
    fn wait_for(turns: &Turns, n_waiting: usize) {
        while lock(&turns.line).waiting.len() < n_waiting {
            thread::yield_now();
        }
    }

    #[test]
    fn turns_are_had_in_the_order_of_asking() {
        let turns = Turns::new(1);
        let (had, order) = channel();
        let first = turns.take();
        thread::scope(|scope| {
            for n in 0..3 {
                let (turns, had) = (&turns, had.clone());
                scope.spawn(move || {
                    let _turn = turns.take();
                    had.send(n).expect("the test listens");
                });
                wait_for(turns, n + 1);
            }
            assert!(order.try_recv().is_err(), "the first turn is not over");
            drop(first);
        });
        drop(had);
        assert_eq!(order.iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(lock(&turns.line).n_taken, 0);
    }

    #[test]
    fn as_many_as_there_is_room_for_have_a_turn_and_one_that_hangs_is_passed_by() {
        let turns = Turns::new(2);
        let (_first, _second) = (turns.take(), turns.take());
        // Both are held; the third has its turn when patience ends.
        let _third = turns.take();
        assert_eq!(lock(&turns.line).n_taken, 3);
    }
}
