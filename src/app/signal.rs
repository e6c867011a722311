//! How this process handles each signal at its start, read before anything is changed, so that the caller's choice stays.

use std::io;

/// Whether the signal is ignored, as the caller of this program left it.
#[expect(unsafe_code, reason = "the standard library has no way to ask for it")]
pub(super) fn is_ignored(signal: i32) -> io::Result<bool> {
    // SAFETY: an all-zero `sigaction` is a valid value of it, a struct of numbers; the null pointer says that nothing is changed, and the
    // other one is that of a live variable.
    let (outcome, action) = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (libc::sigaction(signal, std::ptr::null(), &raw mut action), action)
    };
    if outcome == 0 { Ok(action.sa_sigaction == libc::SIG_IGN) } else { Err(io::Error::last_os_error()) }
}

/// Who sent a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// The process that began this one.
    Parent,
    /// Another process.
    Process,
    /// The system, for a terminal.
    System,
}

/// Calls `action` at each such signal from now on, on whatever thread it interrupts. The action may do only what a signal handler may: set
/// atomics, write to a descriptor that does not wait, exit at once.
#[expect(unsafe_code, reason = "what runs inside a signal handler is beyond the compiler's checks")]
pub(super) fn on_signal(signal: i32, action: impl Fn(Sender) + Send + Sync + 'static) -> io::Result<()> {
    let handler = move |info: &libc::siginfo_t| {
        // SAFETY: the system fills in the sender of what a process sends, and says in the code that it is one; asking for the parent is
        // allowed in a handler and touches no memory.
        let is_parent = unsafe { info.si_code == libc::SI_USER && info.si_pid() == libc::getppid() };
        action(match info.si_code {
            libc::SI_USER if is_parent => Sender::Parent,
            libc::SI_USER => Sender::Process,
            _ => Sender::System,
        });
    };
    // SAFETY: the two callers, in this file and in `interrupt`, do only what is listed above: no lock, no memory, no panic.
    unsafe { signal_hook_registry::register_sigaction(signal, handler) }.map(drop)
}

/// Ends the process without any last words, from inside a signal handler too.
#[expect(unsafe_code, reason = "`std::process::exit` runs what may wait for a lock")]
pub(super) fn exit_at_once(code: i32) -> ! {
    // SAFETY: it may be called anywhere and does not return.
    unsafe { libc::_exit(code) }
}

/// A file that grows beyond the limit of the system (`ulimit -f`) is then an error of the write, which is told like a full disk, and not
/// the end of the program. A handler and not "ignored": commands of hooks inherit what is ignored.
pub(super) fn make_file_limit_an_error() -> io::Result<()> {
    if is_ignored(libc::SIGXFSZ)? { Ok(()) } else { on_signal(libc::SIGXFSZ, |_| ()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_known() {
        // The standard library ignores SIGPIPE at the start.
        assert!(is_ignored(libc::SIGPIPE).expect("it is a signal"));
        assert!(!is_ignored(libc::SIGUSR2).expect("it is a signal"));
        assert!(is_ignored(100_000).is_err());
    }
}
