//! The status of the capture: the state of its source, and the counts of its pictures.

use super::state_changes::StateChanges;
use crate::{
    counter::{Counter, Gauge, RateMeter, Samples},
    source::SourceFormat,
    sync::lock,
    time::WallTime,
};
use crossbeam_channel::Receiver;
use serde::Serialize;
use std::sync::Mutex;

/// What the source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Being opened for the first time.
    #[default]
    Opening,
    /// Pictures come.
    Live,
    /// It is open, and nothing has come for a second.
    Silent,
    /// It is gone; it is being opened again.
    Lost,
    /// It is closed, for nobody wants its pictures.
    Asleep,
    /// It has ended, and so does the stream.
    Ended,
}

impl SourceState {
    fn absence(self) -> Option<&'static str> {
        Some(match self {
            SourceState::Live => return None,
            SourceState::Opening => "the source is being opened",
            SourceState::Silent => "the source gives no pictures",
            SourceState::Lost => "the source is gone, and is being opened again",
            SourceState::Asleep => "the camera is closed, and is opened with the next viewer",
            SourceState::Ended => "the stream has ended",
        })
    }
}

/// What the capture of one stream tells of itself.
#[derive(Debug, Default)]
pub struct CaptureStatus {
    /// Pictures that came out of the source.
    pub pictures: RateMeter,
    /// Pictures that were damaged and left out.
    pub damaged: Counter,
    /// Pictures that are shown although their end was missing.
    pub truncated: Counter,
    /// Pictures that were overtaken by newer ones on the way to the encoder, in the source or in the queue.
    pub overtaken: Counter,
    /// Times that a source that was lost was back.
    pub reopened: Counter,
    /// Times that the source was opened.
    pub opened: Counter,
    /// 1 while pictures are left out because nobody wants them.
    pub slowed: Gauge,
    /// From capture to the arrival of the picture in the pipeline (transfer, decoding).
    pub latency: Samples,
    facts: Mutex<Facts>,
    turns: StateChanges,
}

/// The facts that change seldom.
#[derive(Debug, Default)]
struct Facts {
    state: SourceState,
    silent_since: Option<WallTime>,
    format: Option<SourceFormat>,
    /// Why it could not be opened, for the first time or after it was closed, while that is tried again.
    refusal: Option<String>,
    /// What a source waits for that is opened from outside.
    awaited: Option<String>,
    /// What was lost and why, if that has ended the capture.
    loss: Option<String>,
    /// What the source delivers, where that is far less than its rate.
    slow: Option<f64>,
}

impl CaptureStatus {
    /// The source was opened.
    pub fn set_format(&self, format: &SourceFormat) {
        let mut facts = lock(&self.facts);
        facts.format = Some(format.clone());
        (facts.refusal, facts.slow) = (None, None);
        self.opened.bump();
    }

    /// The source could not be opened, for the first time or after it was closed, for that reason, and is tried again. Whether that is
    /// something else than before.
    pub fn set_refusal(&self, why: String) -> bool {
        let before = lock(&self.facts).refusal.replace(why.clone());
        before != Some(why)
    }

    /// The source is opened from outside, by whoever does that: so it is told while it is not there.
    pub fn set_awaited(&self, what: String) {
        lock(&self.facts).awaited = Some(what);
    }

    /// What a source waits for that is opened from outside; none for all others.
    pub fn awaited(&self) -> Option<String> {
        lock(&self.facts).awaited.clone()
    }

    /// Whether that is so.
    pub fn is_refused(&self) -> bool {
        let facts = lock(&self.facts);
        facts.state == SourceState::Opening && facts.refusal.is_some()
    }

    /// The capture has ended, for the source was lost: what, and why.
    pub fn set_loss(&self, loss: String) {
        lock(&self.facts).loss = Some(loss);
    }

    /// What was lost and why, if that has ended the capture.
    pub fn loss(&self) -> Option<String> {
        lock(&self.facts).loss.clone()
    }

    /// The source delivers so many pictures a second, which is far less than its rate; or it does no longer.
    pub(super) fn set_slow(&self, slow: Option<f64>) {
        lock(&self.facts).slow = slow;
    }

    /// What a source that is live delivers, pictures a second, where that is far less than its rate: in low light, for one.
    pub fn slow(&self) -> Option<f64> {
        let facts = lock(&self.facts);
        facts.slow.filter(|_| facts.state == SourceState::Live)
    }

    /// Why there are no pictures; `None` where there are.
    pub fn absence(&self) -> Option<String> {
        let facts = lock(&self.facts);
        let absence = facts.state.absence()?;
        if let (Some(awaited), SourceState::Opening | SourceState::Lost) = (&facts.awaited, facts.state) {
            return Some(awaited.clone());
        }
        Some(match &facts.refusal {
            Some(why) if facts.state == SourceState::Opening => format!("{why}; it is tried again"),
            _ => absence.to_owned(),
        })
    }

    /// The format of the source; none before it is open.
    pub fn format(&self) -> Option<SourceFormat> {
        lock(&self.facts).format.clone()
    }

    /// The source's doings have changed; `since` is when it was last heard of, for all but `Live`. [`SourceState::Ended`] is the last: a
    /// stream that has ended by a failure is told as such while its source still sends pictures.
    pub fn set_state(&self, state: SourceState, since: Option<WallTime>) {
        let mut facts = lock(&self.facts);
        if facts.state == SourceState::Ended {
            return;
        }
        let has_turned = std::mem::replace(&mut facts.state, state) != state;
        facts.silent_since = since;
        if state == SourceState::Asleep {
            facts.refusal = None;
        }
        if has_turned {
            // Under the lock, so that turns come in their order.
            self.turns.push(state);
        }
    }

    /// Every change of the source's state, also one that did not last until somebody looked. For one taker.
    pub fn state_changes(&self) -> Receiver<SourceState> {
        self.turns.taker()
    }

    /// What the source is doing.
    pub fn state(&self) -> SourceState {
        lock(&self.facts).state
    }

    /// When the source was last heard of, if it is not live.
    pub fn silent_since(&self) -> Option<WallTime> {
        lock(&self.facts).silent_since
    }
}
