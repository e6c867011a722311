//! The thread that opens and reads the source on behalf of the capture thread.
//!
//! A source may block without a bound (a FIFO whose writer stalls, a network drive, a driver that hangs). Then this thread blocks and no
//! other: the capture thread notices the silence, and leaves this thread behind at the end.

use super::Opener;
use crate::{
    failpoint,
    picture::Picture,
    source::{Given, Losses, OpenError, SourceError, SourceFormat, Stop, coded::CodedFrame},
    threads,
};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::{io, thread};

/// What the source thread sends.
pub(super) enum SourceMessage {
    /// The source is open.
    Opened(SourceFormat),
    /// It cannot be opened.
    Refused(OpenError),
    /// The next picture, and what was lost so far.
    Picture(Picture, Losses),
    /// What the source has coded, and its picture where somebody wants that.
    Coded(CodedFrame, Option<Picture>),
    /// What it has coded cannot be handed on any more: why.
    Unfit(String),
    /// By its own time none is due.
    NotDue,
    /// One was damaged.
    Damaged(String),
    /// The source of that name is gone, for that reason, and closed; it is opened again when told to.
    Lost(String, String),
    /// It was closed, as it was told to; it is opened again when told to.
    Closed,
    /// The source of that name has come to its end; the last that is told.
    Ended(String),
}

/// The capture thread's handle of it.
pub(super) struct SourceThread {
    /// Each message opens the source, at first, when it was lost and when it was closed; its stop closes it. Disconnected to end the
    /// thread. What is opened is told as refused, lost, closed or ended, once.
    pub(super) open: Sender<Stop>,
    /// What comes.
    pub(super) messages: Receiver<SourceMessage>,
    /// Disconnected when the thread has ended.
    pub(super) ended: Receiver<()>,
    /// The thread, to be joined.
    pub(super) thread: thread::JoinHandle<()>,
}

/// Starts the thread; it opens nothing yet.
pub(super) fn start(opener: Opener) -> io::Result<SourceThread> {
    let (open, orders) = bounded(1);
    // One that waits and one on its way: a source that runs on while the capture is busy overtakes nothing.
    let (sender, messages) = bounded(1);
    let (ending, ended) = bounded(0);
    let run = move || {
        let _ended: Sender<()> = ending;
        // Nobody listens any more when sending fails, and that ends it.
        run(opener, &orders, &sender);
    };
    let thread = threads::spawn("source", run)?;
    Ok(SourceThread { open, messages, ended, thread })
}

fn run(mut opener: Opener, orders: &Receiver<Stop>, messages: &Sender<SourceMessage>) -> Option<()> {
    while let Ok(stop) = orders.recv() {
        let mut source = match opener(&stop) {
            Ok(source) => source,
            Err(error) => {
                messages.send(SourceMessage::Refused(error)).ok()?;
                continue;
            }
        };
        messages.send(SourceMessage::Opened(source.format().clone())).ok()?;
        let lost = loop {
            if stop.is_raised() {
                break None;
            }
            failpoint::hit("source");
            match source.next_given() {
                Ok(Given::Picture(picture)) => messages.send(SourceMessage::Picture(picture, source.losses())).ok()?,
                Ok(Given::Coded(frame, picture)) => messages.send(SourceMessage::Coded(frame, picture)).ok()?,
                Ok(Given::Unfit(why)) => messages.send(SourceMessage::Unfit(why)).ok()?,
                Err(SourceError::Silent) => {}
                Err(SourceError::NotDue) => messages.send(SourceMessage::NotDue).ok()?,
                Err(SourceError::Damaged(reason)) => messages.send(SourceMessage::Damaged(reason)).ok()?,
                Err(SourceError::Ended) => return messages.send(SourceMessage::Ended(source.format().name.clone())).ok(),
                // What it waited for was given up.
                Err(SourceError::Lost(_)) if stop.is_raised() => break None,
                Err(SourceError::Lost(reason)) => break Some(reason),
            }
        };
        let name = source.format().name.clone();
        // The device must be closed before it can be opened again.
        drop(source);
        let message = match lost {
            Some(reason) => SourceMessage::Lost(name, reason),
            None => SourceMessage::Closed,
        };
        messages.send(message).ok()?;
    }
    None
}
