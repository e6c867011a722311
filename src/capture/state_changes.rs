//! The changes of a source's state in order, so that a change that is over before anybody looks is reported too.

use super::SourceState;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};

/// Changes that wait to be reported: a camera that comes and goes every second for half a minute.
const CHANGES_MAX: usize = 64;

/// The changes that wait, for one receiver. When they are more than [`CHANGES_MAX`], the oldest are dropped.
#[derive(Debug)]
pub(super) struct StateChanges {
    sender: Sender<SourceState>,
    receiver: Receiver<SourceState>,
}

impl Default for StateChanges {
    fn default() -> StateChanges {
        let (sender, receiver) = bounded(CHANGES_MAX);
        StateChanges { sender, receiver }
    }
}

impl StateChanges {
    /// Adds a change without waiting.
    pub(super) fn push(&self, state: SourceState) {
        while let Err(TrySendError::Full(_)) = self.sender.try_send(state) {
            self.receiver.try_recv().ok();
        }
    }

    /// The receiving end.
    pub(super) fn taker(&self) -> Receiver<SourceState> {
        self.receiver.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_turns_the_newest_stay() {
        let turns = StateChanges::default();
        for _ in 0..CHANGES_MAX {
            turns.push(SourceState::Lost);
            turns.push(SourceState::Live);
        }
        let taken: Vec<_> = turns.taker().try_iter().collect();
        assert_eq!((taken.len(), taken.last()), (CHANGES_MAX, Some(&SourceState::Live)));
    }
}
