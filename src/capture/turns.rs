//! What the source has turned to, one after the other: who tells of it misses none that was over before the next look.

use super::SourceState;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

/// Turns of the source that wait for who tells them: a camera that comes and goes every second for half a minute.
const TURNS_MAX: usize = 64;

/// Every change of the source's state, for one who tells them all; of more than [`TURNS_MAX`] the newest stay.
#[derive(Debug)]
pub(super) struct Turns {
    sender: Sender<SourceState>,
    receiver: Receiver<SourceState>,
}

impl Default for Turns {
    fn default() -> Turns {
        let (sender, receiver) = bounded(TURNS_MAX);
        Turns { sender, receiver }
    }
}

impl Turns {
    /// One more; never waits.
    pub(super) fn push(&self, state: SourceState) {
        while let Err(TrySendError::Full(_)) = self.sender.try_send(state) {
            self.receiver.try_recv().ok();
        }
    }

    /// The end where they are taken.
    pub(super) fn taker(&self) -> Receiver<SourceState> {
        self.receiver.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_turns_the_newest_stay() {
        let turns = Turns::default();
        for _ in 0..TURNS_MAX {
            turns.push(SourceState::Lost);
            turns.push(SourceState::Live);
        }
        let taken: Vec<_> = turns.taker().try_iter().collect();
        assert_eq!((taken.len(), taken.last()), (TURNS_MAX, Some(&SourceState::Live)));
    }
}
