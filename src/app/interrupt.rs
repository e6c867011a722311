//! Ctrl-C and the termination signal: the first ends the stream properly, the second ends the process at once.

use super::{Failure, failed};
use crate::time::Span;
use crossbeam_channel::{Receiver, bounded};
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code after a second Ctrl-C, as a shell gives to what SIGINT killed.
const EXIT_INTERRUPTED: i32 = 130;

/// Says whether the user wants to end.
pub(super) struct Interrupt(Receiver<()>);

impl Interrupt {
    /// Listens from now on; once per process.
    pub(super) fn install() -> Result<Interrupt, Failure> {
        let (sender, receiver) = bounded(1);
        let once = AtomicBool::new(false);
        ctrlc::set_handler(move || {
            if once.swap(true, Ordering::SeqCst) {
                std::process::exit(EXIT_INTERRUPTED);
            }
            tracing::info!("ending; once more to exit at once");
            sender.try_send(()).ok();
        })
        .map_err(failed)?;
        Ok(Interrupt(receiver))
    }

    /// Waits that long; true as soon as the user wants to end.
    pub(super) fn wait(&self, span: Span) -> bool {
        self.0.recv_timeout(span.to_duration()).is_ok()
    }
}
