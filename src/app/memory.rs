//! The end of a program that gets no more memory: one sentence and exit code 1, where Rust's own end is a core dump.
//!
//! Most code that allocates in Rust cannot learn that there is no memory. What this program holds is bounded, so the cause is the system's
//! limit (`ulimit -v`) or a picture far too large for the machine, and the user can help.

use super::signal::exit_at_once;
use crate::console::EXIT_FAILED;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    stdio::stderr,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::Write,
};

/// The allocator of the process.
#[global_allocator]
static MEMORY: Memory = Memory;

/// Longest wait for a slow reader of stderr. A reader that has stopped does not keep the program.
const READER_PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// The system's allocator, that does not return without memory.
struct Memory;

#[expect(unsafe_code, reason = "an allocator hands out memory, whose use no compiler can check")]
// SAFETY: all four are the system's, with the very arguments that came; what differs is that no null pointer is returned.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps what the same method of the system asks for.
        told(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        told(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        told(unsafe { System.realloc(memory, layout, size) }, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above, and all memory of ours is the system's.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn told(memory: *mut u8, size: usize) -> *mut u8 {
    if memory.is_null() { end_without(size) } else { memory }
}

/// Nothing here takes memory or waits for a lock.
#[cold]
fn end_without(size: usize) -> ! {
    let mut sentence = Sentence { bytes: [0; 256], len: 0 };
    writeln!(
        sentence,
        "error: the system gives this program no more memory ({size} bytes were asked for); raise its limit (ulimit -v), or choose a smaller \
         picture (--size) or window (--window-bytes)"
    )
    .ok();
    let stderr = stderr();
    if poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], Some(&READER_PATIENCE)).is_ok_and(|ready| ready > 0) {
        rustix::io::write(stderr, &sentence.bytes[..sentence.len]).ok();
    }
    exit_at_once(EXIT_FAILED.into())
}

/// A text of fixed room.
struct Sentence {
    bytes: [u8; 256],
    len: usize,
}

impl Write for Sentence {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        let mut room = &mut self.bytes[self.len..];
        let written = room.write(text)?;
        self.len += written;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{env, hint::black_box, process::Command};

    /// Set for the child that asks for more than any machine has.
    const ASKS: &str = "HLSCAM_TEST_ASKS_FOR_MEMORY";

    #[test]
    fn who_gets_no_memory_is_told_in_a_sentence() {
        if env::var_os(ASKS).is_some() {
            black_box(Vec::<u8>::with_capacity(1 << 60));
            return;
        }
        let this = "app::memory::tests::who_gets_no_memory_is_told_in_a_sentence";
        let child =
            Command::new(env::current_exe().expect("it runs")).args(["--exact", this, "--nocapture"]).env(ASKS, "").output();
        let child = child.expect("the tests can be run");
        let said = String::from_utf8_lossy(&child.stderr);
        assert_eq!(child.status.code(), Some(1), "{said}");
        assert!(
            said.starts_with("error: the system gives this program no more memory (1152921504606846976 bytes were asked for)"),
            "{said}"
        );
        assert!(said.ends_with("(--window-bytes)\n") && said.lines().count() == 1, "{said}");
    }
}
