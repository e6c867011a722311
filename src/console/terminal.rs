//! The terminal that the live line is drawn on: what indicatif draws goes through the one writer of stderr, a whole drawing at a time.

use indicatif::ProgressDrawTarget;

/// Where the live line is drawn: nowhere, unless stderr is a terminal that can redraw a line.
#[cfg(unix)]
pub(super) fn target() -> ProgressDrawTarget {
    if ProgressDrawTarget::stderr().is_hidden() {
        return ProgressDrawTarget::hidden();
    }
    ProgressDrawTarget::term_like_with_hz(Box::new(queued::Terminal::default()), DRAWINGS_PER_S)
}

/// Elsewhere a terminal that is not read is not known to hold its writer up.
#[cfg(not(unix))]
pub(super) fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::stderr()
}

/// Indicatif's own choice for a terminal.
#[cfg(unix)]
const DRAWINGS_PER_S: u8 = 20;

#[cfg(unix)]
mod queued {
    use crate::{console::stderr, sync::lock};
    use indicatif::TermLike;
    use rustix::{stdio, termios::tcgetwinsize};
    use std::{io, mem::take, sync::Mutex};

    /// Size taken where the terminal does not tell its own: that of the VT100, as everywhere.
    const SIZE_UNTOLD: (u16, u16) = (80, 24);

    /// Gathers a drawing until it is whole.
    #[derive(Debug, Default)]
    pub(super) struct Terminal {
        drawing: Mutex<String>,
    }

    impl Terminal {
        fn add(&self, text: &str) -> io::Result<()> {
            lock(&self.drawing).push_str(text);
            Ok(())
        }

        /// A cursor movement of ECMA-48: the standard takes 0 for 1.
        fn go(&self, n: usize, direction: char) -> io::Result<()> {
            if n == 0 { Ok(()) } else { self.add(&format!("\x1b[{n}{direction}")) }
        }

        /// Columns and rows.
        fn size() -> (u16, u16) {
            match tcgetwinsize(stdio::stderr()) {
                Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
                _ => SIZE_UNTOLD,
            }
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            Terminal::size().0
        }

        fn height(&self) -> u16 {
            Terminal::size().1
        }

        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            self.go(n, 'A')
        }

        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.go(n, 'B')
        }

        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            self.go(n, 'C')
        }

        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            self.go(n, 'D')
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.add(text)?;
            self.add("\n")
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.add(text)
        }

        fn clear_line(&self) -> io::Result<()> {
            self.add("\r\x1b[2K")
        }

        fn flush(&self) -> io::Result<()> {
            let drawing = take(&mut *lock(&self.drawing));
            if !drawing.is_empty() {
                stderr::draw(drawing.into_bytes());
            }
            Ok(())
        }
    }
}
