//! The one writer of stderr: a bounded queue and the thread `log` behind it.
//!
//! The reader of the log may be slow, stopped (a paused terminal, `less`, a stuck ssh) or gone, and its disk may be full. None of that may
//! block a thread that logs: a line is dropped and counted when the queue is full, and lost when it cannot be written. The count is logged as
//! soon as there is room again.

use super::log;
use crate::{failpoint, time::Span};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::{
    io,
    panic::catch_unwind,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};
use tracing::Level;

/// Entries that wait to be written: some 200 KB of log, which is hours of a quiet stream and a second of `-vv`.
pub const QUEUE_MAX: usize = 2048;

/// With so many waiting, the live line is not drawn: its reader has stopped, and the next one says all that it says.
const DRAWN_MAX: usize = 64;

/// At the end, waiting lines get this long to be written. A reader that has not read them by then does not read.
const FLUSH_MAX: Span = Span::from_ms(1000);

/// Bugs of the thread that writes, after which it is left alone.
const PANICS_MAX: usize = 10;

/// What waits to be written.
enum Entry {
    /// One or several whole lines, or what draws the live line.
    Text(Vec<u8>),
    /// Answered when all before it is written.
    Mark(Sender<()>),
}

/// The queue's end at which texts come in.
struct Queue {
    sender: Sender<Entry>,
    /// Texts dropped, and not told yet.
    dropped: AtomicU64,
    /// Whether the thread runs. Where the system gives none, the thread that logs writes itself.
    is_served: AtomicBool,
}

/// The queue of this process; it begins with the first text.
fn queue() -> &'static Queue {
    static QUEUE: OnceLock<Queue> = OnceLock::new();
    QUEUE.get_or_init(|| {
        let (sender, entries) = bounded(QUEUE_MAX);
        let is_served = thread::Builder::new().name("log".to_owned()).spawn(move || serve_on(&entries)).is_ok();
        Queue { sender, dropped: AtomicU64::new(0), is_served: AtomicBool::new(is_served) }
    })
}

/// The queue's count of dropped texts, which begins again.
fn take_dropped() -> u64 {
    queue().dropped.swap(0, Ordering::Relaxed)
}

/// Writes whole lines. Never waits, never fails.
pub(super) fn write(text: Vec<u8>) {
    let queue = queue();
    if !queue.is_served.load(Ordering::Relaxed) {
        write_all(&text).ok();
    } else if queue.sender.try_send(Entry::Text(text)).is_err() {
        queue.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes what draws the live line anew. It gives way to lines of the log.
pub(super) fn draw(text: Vec<u8>) {
    if queue().sender.len() < DRAWN_MAX {
        write(text);
    }
}

/// Waits until all is written that was said so far, but not for long. The last thing that a process does.
pub fn flush() {
    let (mark, written) = bounded(1);
    let queue = queue();
    let wait: Duration = FLUSH_MAX.to_duration();
    if queue.is_served.load(Ordering::Relaxed) && queue.sender.send_timeout(Entry::Mark(mark), wait).is_ok() {
        // Too late is too late: the process ends, and what is left goes with it.
        written.recv_timeout(wait).ok();
    }
}

/// Writes entries for as long as there are some. A bug costs the entry that met it; each is told by an entry of its own, so many of them are
/// the end of this thread, and then the thread that logs writes itself.
fn serve_on(entries: &Receiver<Entry>) {
    for _ in 0..PANICS_MAX {
        if catch_unwind(|| serve(entries, take_dropped, write_all)).is_ok() {
            return;
        }
    }
    queue().is_served.store(false, Ordering::Relaxed);
    while let Ok(entry) = entries.try_recv() {
        if let Entry::Text(text) = entry {
            write_all(&text).ok();
        }
    }
}

/// Writes entries in turn until the queue closes; in a process that is never.
fn serve(entries: &Receiver<Entry>, dropped: impl Fn() -> u64, mut write: impl FnMut(&[u8]) -> io::Result<()>) {
    for entry in entries {
        failpoint::hit("log");
        match entry {
            // A line that cannot be written does not matter: its reader is gone, or has no room for it.
            Entry::Text(text) => drop(write(&text)),
            Entry::Mark(mark) => drop(mark.try_send(())),
        }
        let dropped = dropped();
        if dropped > 0 {
            let told = log::told(Level::WARN, "", &format!("{dropped} lines of the log were dropped here, for nobody read them"));
            write(format!("{told}\n").as_bytes()).ok();
        }
    }
}

/// Writes past the standard library's lock, which a panic's own message might want.
#[cfg(unix)]
fn write_all(mut text: &[u8]) -> io::Result<()> {
    use rustix::{
        event::{PollFd, PollFlags, poll},
        io::Errno,
        stdio::stderr,
    };
    while !text.is_empty() {
        match rustix::io::write(stderr(), text) {
            Ok(written) => text = &text[written..],
            Err(Errno::INTR) => {}
            // Another program has made the terminal, which they share, one that does not wait.
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(&stderr(), PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn write_all(text: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut io::stderr(), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::Cell, sync::mpsc};

    fn text(text: &str) -> Entry {
        Entry::Text(text.as_bytes().to_vec())
    }

    #[test]
    fn what_was_dropped_is_told_where_it_is_missing_and_once() {
        let (sender, entries) = bounded(3);
        for line in ["one\n", "two\n"] {
            sender.try_send(text(line)).expect("there is room");
        }
        let (mark, marked) = bounded(1);
        sender.try_send(Entry::Mark(mark)).expect("there is room");
        assert!(sender.try_send(text("three\n")).is_err(), "the queue is bounded");
        drop(sender);
        let (dropped, mut written) = (Cell::new(7), Vec::new());
        serve(
            &entries,
            || dropped.take(),
            |text| {
                written.extend_from_slice(text);
                Ok(())
            },
        );
        let told = "7 lines of the log were dropped here, for nobody read them\n";
        assert_eq!(String::from_utf8_lossy(&written), format!("one\n{told}two\n"));
        assert_eq!(marked.try_recv(), Ok(()), "a mark is answered");
    }

    #[test]
    fn a_line_that_cannot_be_written_is_lost_and_the_next_is_tried() {
        let (sender, entries) = bounded(2);
        for line in ["one\n", "two\n"] {
            sender.try_send(text(line)).expect("there is room");
        }
        drop(sender);
        let (tried, seen) = mpsc::channel();
        serve(
            &entries,
            || 0,
            |text| {
                tried.send(text.to_vec()).expect("the test listens");
                Err(io::ErrorKind::BrokenPipe.into())
            },
        );
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [b"one\n".to_vec(), b"two\n".to_vec()]);
    }
}
