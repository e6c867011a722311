//! Ctrl-C and the termination signals: the first ends the stream properly, the second ends the process at once.
//!
//! On Unix all is done inside the signal's handler, by a flag and a pipe: no thread, no lock and no line of the log stands between a second
//! signal and the end. Where there is a config file, a SIGHUP that another process sends has it read again. What was ignored when the program began stays ignored: `nohup` and the background jobs of a shell mean it.

use super::Failure;
use crate::time::Span;

/// Exit code after a second Ctrl-C, as a shell gives to what SIGINT killed.
const EXIT_INTERRUPTED: i32 = 130;

/// Logged at the first signal, by the thread that waits for it.
const ENDING: &str = "ending; once more to exit at once";

pub(super) use system::Interrupt;

#[cfg(unix)]
mod system {
    use super::{ENDING, EXIT_INTERRUPTED, Failure, Span};
    use crate::app::signal::{Sender, exit_at_once, is_ignored, on_signal};
    use std::{
        io::{self, Read, Write},
        os::unix::net::UnixStream,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
    };

    /// Says whether the user wants to end.
    pub(in crate::app) struct Interrupt {
        /// Gets a byte with each signal.
        bell: UnixStream,
        /// The other end. With all signals ignored nobody else has it, and a closed bell would ring for ever.
        _rope: UnixStream,
        told: AtomicBool,
        /// The config file is to be read again.
        reloads: Arc<AtomicBool>,
    }

    /// A terminal belongs to this process: what its shell sends when it closes is meant for the end.
    fn has_terminal() -> bool {
        std::fs::File::open("/dev/tty").is_ok()
    }

    impl Interrupt {
        /// Listens from now on; once per process.
        pub(in crate::app) fn install() -> Result<Interrupt, Failure> {
            Interrupt::listen_or_say(|_| false)
        }

        /// The same, and SIGHUP asks that the config file is read again, unless a terminal has closed.
        pub(in crate::app) fn install_with_reload() -> Result<Interrupt, Failure> {
            let has_terminal = has_terminal();
            Interrupt::listen_or_say(move |sender| match sender {
                Sender::System => false,
                Sender::Parent => !has_terminal,
                Sender::Process => true,
            })
        }

        /// Whether the config file is to be read again; true once each time.
        pub(in crate::app) fn is_to_reload(&self) -> bool {
            self.reloads.swap(false, Ordering::Relaxed)
        }

        fn listen_or_say(is_reload: impl Fn(Sender) -> bool + Copy + Send + Sync + 'static) -> Result<Interrupt, Failure> {
            Interrupt::listen(is_reload).map_err(|error| Failure(format!("cannot listen for signals: {error}")))
        }

        fn listen(is_reload: impl Fn(Sender) -> bool + Copy + Send + Sync + 'static) -> io::Result<Interrupt> {
            let (bell, rope) = UnixStream::pair()?;
            // A handler that waited for room would hang the thread that it interrupts.
            rope.set_nonblocking(true)?;
            let (asked, reloads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                let ignored = is_ignored(signal)?;
                if ignored && signal != libc::SIGINT {
                    continue;
                }
                let (asked, reloads, rope) = (asked.clone(), reloads.clone(), rope.try_clone()?);
                on_signal(signal, move |sender| {
                    // Shells have their background jobs ignore Ctrl-C; a script that ends its own job by `kill -INT` means it.
                    if ignored && sender != Sender::Parent {
                        return;
                    }
                    if signal == libc::SIGHUP && is_reload(sender) {
                        // Looked at within the wait of the caller, who may be at its end by now.
                        reloads.store(true, Ordering::Relaxed);
                        return;
                    }
                    // A terminal that closes, and systemd after SIGTERM, send SIGHUP behind another signal: that is not somebody who
                    // has lost patience.
                    if asked.swap(true, Ordering::SeqCst) && signal != libc::SIGHUP {
                        exit_at_once(EXIT_INTERRUPTED);
                    }
                    // Where there is no room the bell has rung already.
                    (&rope).write_all(&[1]).ok();
                })?;
            }
            Ok(Interrupt { bell, _rope: rope, told: AtomicBool::new(false), reloads })
        }

        /// Waits that long; true as soon as the user wants to end.
        pub(in crate::app) fn wait(&self, span: Span) -> bool {
            let rung = self.bell.set_read_timeout(Some(span.to_duration())).and_then(|()| (&self.bell).read(&mut [0]));
            // Too late, or broken off by another signal: the caller asks again.
            let rung = matches!(rung, Ok(1..));
            if rung && !self.told.swap(true, Ordering::Relaxed) {
                tracing::info!("{ENDING}");
            }
            rung
        }

        /// Whether a wait has told that the user wants to end.
        pub(in crate::app) fn was_told(&self) -> bool {
            self.told.load(Ordering::Relaxed)
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{ENDING, EXIT_INTERRUPTED, Failure, Span};
    use crossbeam_channel::{Receiver, bounded};
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Says whether the user wants to end.
    pub(in crate::app) struct Interrupt(Receiver<()>, AtomicBool);

    impl Interrupt {
        /// Listens from now on; once per process.
        pub(in crate::app) fn install() -> Result<Interrupt, Failure> {
            let (sender, receiver) = bounded(1);
            let once = AtomicBool::new(false);
            ctrlc::set_handler(move || {
                if once.swap(true, Ordering::SeqCst) {
                    std::process::exit(EXIT_INTERRUPTED);
                }
                sender.try_send(()).ok();
            })
            .map_err(|error| Failure(error.to_string()))?;
            Ok(Interrupt(receiver, AtomicBool::new(false)))
        }

        /// The same: there is no signal that asks for the config file.
        pub(in crate::app) fn install_with_reload() -> Result<Interrupt, Failure> {
            Interrupt::install()
        }

        /// Whether the config file is to be read again.
        pub(in crate::app) fn is_to_reload(&self) -> bool {
            false
        }

        /// Waits that long; true as soon as the user wants to end.
        pub(in crate::app) fn wait(&self, span: Span) -> bool {
            // The handler holds the other end for ever, so this never returns early for nothing.
            let asked = self.0.recv_timeout(span.to_duration()).is_ok();
            if asked {
                self.1.store(true, Ordering::Relaxed);
                tracing::info!("{ENDING}");
            }
            asked
        }

        /// Whether a wait has told that the user wants to end.
        pub(in crate::app) fn was_told(&self) -> bool {
            self.1.load(Ordering::Relaxed)
        }
    }
}
