//! What the source has coded, on its way to be handed on. Unlike pictures none of it can be left out alone: what follows needs it.

use super::{CaptureLoop, Captured};
use crate::{picture::Picture, source::coded::CodedFrame};
use crossbeam_channel::{Sender, TrySendError};

/// Access units between capture and packager: what a source is found to give before it is open, ten seconds at 60 in a second, and more.
pub(super) const QUEUE_MAX: usize = 1024;

/// What the capture hands on.
#[derive(Clone, Debug)]
pub enum Passed {
    /// An access unit. It follows the one before it, or is a key frame.
    Frame(CodedFrame),
    /// What follows cannot be handed on: why.
    Unfit(String),
}

/// The queue to the packager.
pub(super) struct Passing {
    queue: Sender<Passed>,
    /// Something did not fit in, and the next is to be a key frame.
    awaits_key: bool,
}

impl Passing {
    pub(super) fn new(queue: Sender<Passed>) -> Passing {
        Passing { queue, awaits_key: false }
    }
}

impl CaptureLoop {
    /// Takes an access unit, and its picture for those who want pictures.
    pub(super) fn take_coded(&mut self, frame: CodedFrame, picture: Option<Picture>) {
        let now = self.note_picture(frame.at);
        let before = self.before.replace(frame.at);
        if let Some(picture) = picture {
            let picture = self.prepared(picture);
            self.queue(Captured { picture, arrived: now, stands: false, before, woke: false });
        }
        self.woke = false;
        if self.passing.awaits_key && !frame.key {
            self.status.overtaken.bump();
            return;
        }
        self.passing.awaits_key = false;
        if let Err(TrySendError::Full(_)) = self.passing.queue.try_send(Passed::Frame(frame)) {
            self.status.overtaken.bump();
            self.passing.awaits_key = true;
        }
    }

    /// It is told behind what came before; where there is no room, with the next that cannot be handed on.
    pub(super) fn pass_unfit(&mut self, why: String) {
        self.passing.queue.try_send(Passed::Unfit(why)).ok();
    }
}
