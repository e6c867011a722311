//! When the source is opened and closed: at first, after a loss, and as somebody wants its pictures or nobody does.

use super::{
    CaptureLoop, CaptureStatus, REOPEN_WAIT, STOP_WAIT_MAX, SourceState,
    demand::Demand,
    source_thread::{SourceMessage, SourceThread},
};
use crate::{
    failpoint,
    source::{Losses, OpenError, SourceFormat, Stop},
    time::Clock,
};
use crossbeam_channel::RecvTimeoutError;

/// Opens the source for the first time, as soon as somebody wants its pictures. What was opened, and what closes it; `None` when the stop is
/// raised before.
pub(super) fn first(
    source: &SourceThread,
    (demand, status, clock): (&Demand, &CaptureStatus, &dyn Clock),
    stop: &Stop,
) -> Option<Result<(SourceFormat, Stop), OpenError>> {
    loop {
        if demand.is_to_rest() {
            tracing::info!("the camera is closed until somebody watches");
            await_demand((demand, status, clock), stop);
        }
        let opening = order(source, stop);
        loop {
            match source.messages.recv_timeout(STOP_WAIT_MAX.to_duration()) {
                Ok(SourceMessage::Opened(format)) => return Some(Ok((format, opening))),
                // Nobody waits for it any more.
                Ok(SourceMessage::Refused(_)) if !stop.is_raised() && demand.is_to_rest() => break,
                Ok(SourceMessage::Refused(error)) => return Some(Err(error)),
                Err(RecvTimeoutError::Timeout) if !stop.is_raised() => {
                    if demand.is_to_rest() {
                        opening.raise();
                    }
                }
                // Nothing else is told before the opening.
                _ => return None,
            }
        }
    }
}

/// Has the source opened; what comes back closes it.
fn order(source: &SourceThread, stop: &Stop) -> Stop {
    let opening = stop.of_part();
    // Its thread waits for just this; if it failed, that is seen next.
    source.open.send(opening.clone()).ok();
    opening
}

/// Waits until somebody wants pictures, or the stop is raised.
fn await_demand((demand, status, clock): (&Demand, &CaptureStatus, &dyn Clock), stop: &Stop) {
    demand.rest();
    status.set_state(SourceState::Asleep, Some(clock.wall()));
    while !stop.is_raised() && demand.is_to_rest() {
        failpoint::hit("capture");
        demand.wait(STOP_WAIT_MAX);
    }
    if !stop.is_raised() {
        status.set_state(SourceState::Opening, None);
    }
}

impl CaptureLoop {
    /// Has the source opened again after a wait.
    pub(super) fn reopen(&mut self, source: &SourceThread) {
        let end = self.clock.now() + REOPEN_WAIT;
        while !self.stop.is_raised() {
            let now = self.clock.now();
            if now >= end {
                self.opening = order(source, &self.stop);
                return;
            }
            self.clock.sleep_until(end.min(now + STOP_WAIT_MAX));
        }
    }

    /// Has the source closed, and opened again as soon as somebody wants its pictures. `false` if it has ended instead.
    pub(super) fn rest(&mut self, source: &SourceThread) -> bool {
        self.opening.raise();
        loop {
            match source.messages.recv_timeout(STOP_WAIT_MAX.to_duration()) {
                Ok(SourceMessage::Closed | SourceMessage::Lost(..) | SourceMessage::Refused(_)) => break,
                Ok(SourceMessage::Ended(name)) => {
                    self.note_end(&name);
                    return false;
                }
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) if self.stop.is_raised() => return true,
                // What is on its way nobody wants.
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
        tracing::info!("{} is closed, for nobody watches; it is opened with the next viewer", self.name);
        (self.gone, self.last, self.before, self.passed) = (None, None, None, None);
        await_demand((&self.demand, &self.status, &*self.clock), &self.stop);
        if self.stop.is_raised() {
            return true;
        }
        tracing::info!("{} is opened, for somebody watches or records", self.name);
        (self.losses, self.heard, self.woke) = (Losses::default(), self.clock.now(), true);
        self.opening = order(source, &self.stop);
        true
    }
}
