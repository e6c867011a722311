//! What is told when pictures do not come, silence, loss, damage, the end, and when they come again.

use super::{CaptureLoop, LOST_AFTER, OnLoss, SourceState};
use crate::{
    source::{OpenError, SILENCE_MAX},
    time::Ticks,
};

impl CaptureLoop {
    /// A picture has come that was captured then. The time now.
    pub(super) fn note_picture(&mut self, at: Ticks) -> Ticks {
        let now = self.clock.now();
        self.status.pictures.mark(now);
        self.status.latency.add(now.since(at));
        if let Some(name) = self.gone.take() {
            tracing::info!("{name} is back after {:.1} s", now.since(self.heard).as_s());
            self.status.reopened.bump();
        }
        self.heard = now;
        self.set_live();
        self.watch_delivery(at);
        now
    }

    pub(super) fn note_silence(&self) {
        let silent = self.clock.now().since(self.heard);
        if silent >= SILENCE_MAX && self.status.state() == SourceState::Live {
            tracing::warn!("no picture for {:.1} s; the stream shows a slate until it is back", silent.as_s());
            self.set_state(SourceState::Silent);
        }
    }

    pub(super) fn note_damage(&mut self, reason: &str) {
        self.status.damaged.bump();
        self.lose(1);
        // The first says what is wrong; the count in the status says how often.
        if self.status.damaged.get() == 1 {
            tracing::warn!("left out a damaged picture: {reason}; further ones are only counted");
        }
        self.note_silence();
    }

    fn set_state(&self, state: SourceState) {
        let since = self.clock.wall() + (self.heard.since(self.clock.now()));
        self.status.set_state(state, Some(since));
    }

    /// Told once until a picture comes: a source that opens and then gives none was never back.
    pub(super) fn note_loss(&mut self, name: String, reason: &str) {
        if self.gone.is_some() {
            tracing::debug!("lost {name} again: {reason}");
            return;
        }
        match self.on_loss {
            OnLoss::Wait => tracing::warn!("lost {name}: {reason}; trying to open it again"),
            OnLoss::Exit => self.status.set_loss(format!("{name}: {reason}")),
        }
        self.set_state(SourceState::Lost);
        self.gone = Some(name);
    }

    /// Whether a loss has ended the stream: the source has told it, or has told nothing for too long.
    pub(super) fn is_given_up(&mut self) -> bool {
        if self.on_loss == OnLoss::Wait {
            return false;
        }
        if self.gone.is_none() && self.clock.now().since(self.heard) >= LOST_AFTER {
            let name = self.status.format().map_or_else(String::new, |format| format.name);
            self.note_loss(name, &format!("it has sent nothing for {} s", LOST_AFTER.as_s()));
        }
        self.gone.is_some()
    }

    pub(super) fn note_end(&self, name: &str) {
        tracing::info!("{name} has ended");
        self.status.set_state(SourceState::Ended, None);
    }

    /// One that was lost is looked for; one that nobody wanted for a while cannot be opened again, and who wants it now is told why.
    pub(super) fn note_refusal(&self, error: &OpenError) {
        if self.status.state() != SourceState::Opening {
            tracing::debug!("still lost: {error}");
        } else if self.status.set_refusal(error.to_string()) {
            tracing::warn!("{error}; it is tried again while somebody watches");
        }
    }
}
