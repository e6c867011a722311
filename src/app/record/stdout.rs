//! Stdout as the reader's end of a recording. A reader that stands still holds the recording up, but not its end.

use crate::time::Span;
use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// The end waits for a reader that does not read for as long as this.
const END_WAIT_MAX: Span = Span::from_ms(2000);

/// Whether a person would see the bytes.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Stdout.
pub(in crate::app) struct Stdout {
    /// Raised when nobody waits for the reader any more.
    ending: Arc<AtomicBool>,
}

impl Stdout {
    pub(in crate::app) fn new(ending: Arc<AtomicBool>) -> Stdout {
        Stdout { ending }
    }
}

#[cfg(unix)]
impl Write for Stdout {
    /// Writes no more than a pipe that has room at all takes at once, so that it is never held in the write itself.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::{
            event::{PollFd, PollFlags, Timespec, poll},
            io::Errno,
            stdio::stdout,
        };
        /// How often it asks whether the end has come.
        const LOOK: Span = Span::from_ms(100);
        let mut left = END_WAIT_MAX;
        let look = Timespec { tv_sec: 0, tv_nsec: LOOK.as_us() * 1000 };
        loop {
            let ready = match poll(&mut [PollFd::new(&stdout(), PollFlags::OUT)], Some(&look)) {
                Err(Errno::INTR) => continue,
                ready => ready?,
            };
            if ready == 0 {
                if self.ending.load(Ordering::Relaxed) {
                    left = Span(left.0 - LOOK.0);
                }
                if left <= Span::ZERO {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                continue;
            }
            match rustix::io::write(stdout(), &bytes[..bytes.len().min(PIPE_BUF)]) {
                Err(Errno::INTR | Errno::AGAIN) => {}
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes that a pipe takes whole as soon as it can be written to (POSIX: at least 512, 4096 on Linux).
#[cfg(all(unix, target_os = "linux"))]
const PIPE_BUF: usize = 4096;
#[cfg(all(unix, not(target_os = "linux")))]
const PIPE_BUF: usize = 512;

/// Elsewhere a reader that stands still is waited for.
#[cfg(not(unix))]
impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = (END_WAIT_MAX, self.ending.load(Ordering::Relaxed));
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}
