//! Asking for a password: at a terminal without showing it, else from the first line of stdin.

use std::io::{self, BufRead, ErrorKind, Read, Write};

/// Most bytes that are read of a line.
const LINE_LEN_MAX: u64 = 4096;

/// Asks for it, twice at a terminal.
pub fn ask(prompt: &str, again: &str) -> io::Result<String> {
    let wrong = |why: &str| io::Error::new(ErrorKind::InvalidInput, why.to_owned());
    let Some(_hidden) = Hidden::begin() else {
        return line()?.ok_or_else(|| wrong("stdin has no password; its first line is one"));
    };
    let mut typed = [String::new(), String::new()];
    for (typed, prompt) in typed.iter_mut().zip([prompt, again]) {
        let mut stderr = io::stderr().lock();
        stderr.write_all(prompt.as_bytes())?;
        stderr.flush()?;
        *typed = line()?.ok_or_else(|| wrong("no password was typed"))?;
        stderr.write_all(b"\n")?;
    }
    let [first, second] = typed;
    if first == second { Ok(first) } else { Err(wrong("the two passwords differ; nothing was changed")) }
}

/// A line of stdin without its end; none at its end.
fn line() -> io::Result<Option<String>> {
    let mut text = String::new();
    let read = io::stdin().lock().take(LINE_LEN_MAX).read_line(&mut text)?;
    Ok((read > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// While it is there, the terminal at stdin does not show what is typed.
struct Hidden {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

impl Hidden {
    /// None where stdin is no terminal.
    #[cfg(unix)]
    fn begin() -> Option<Hidden> {
        use rustix::{
            stdio::stdin,
            termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr},
        };
        let before = tcgetattr(stdin()).ok()?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Flush, &hidden).ok()?;
        Some(Hidden { before })
    }

    /// Elsewhere it is piped.
    #[cfg(not(unix))]
    fn begin() -> Option<Hidden> {
        None
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        #[cfg(unix)]
        // A terminal that is gone shows nothing.
        rustix::termios::tcsetattr(rustix::stdio::stdin(), rustix::termios::OptionalActions::Flush, &self.before).ok();
    }
}
