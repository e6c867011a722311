//! The search for a picture in what a file gives, which must end: a link to `/dev/zero` or a pipe of noise never does, and FFmpeg reads on.

use crate::time::{Clock, Span, SystemClock, Ticks};
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Bytes without a picture. A raw picture of the largest size is some 200 MiB, and FFmpeg looks at two before it gives one.
const BYTES_MAX: u64 = 512 << 20;
/// From the first byte to the first picture; a pipe may be slow, but a camera gives a key frame within some ten seconds.
const FIRST_MAX: Span = Span::from_ms(60_000);

/// What was read since the last picture. Its clones are one.
#[derive(Clone)]
pub(super) struct Search(Arc<Searched>);

struct Searched {
    bytes: AtomicU64,
    /// When the first byte came.
    begun: OnceLock<Ticks>,
    has_found: AtomicBool,
    clock: Arc<dyn Clock>,
}

impl Search {
    /// Nothing was read yet.
    pub(super) fn begin() -> Search {
        Search::by(Arc::new(SystemClock::start()))
    }

    fn by(clock: Arc<dyn Clock>) -> Search {
        Search(Arc::new(Searched { bytes: AtomicU64::new(0), begun: OnceLock::new(), has_found: AtomicBool::new(false), clock }))
    }

    /// So many bytes were read.
    pub(super) fn read(&self, bytes: usize) {
        self.0.begun.get_or_init(|| self.0.clock.now());
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A picture was found; the next one is searched for.
    pub(super) fn found(&self) {
        self.0.has_found.store(true, Ordering::Relaxed);
        self.0.bytes.store(0, Ordering::Relaxed);
    }

    /// Whether it is given up.
    pub(super) fn is_over(&self) -> bool {
        let is_late = |begun: &Ticks| self.0.clock.now().since(*begun) > FIRST_MAX;
        self.0.bytes.load(Ordering::Relaxed) > BYTES_MAX
            || !self.0.has_found.load(Ordering::Relaxed) && self.0.begun.get().is_some_and(is_late)
    }

    /// Why it was given up, in the words of a message.
    pub(super) fn limits() -> String {
        format!("no picture was found in its first {} MiB, or within {} s", BYTES_MAX >> 20, FIRST_MAX.as_ms() / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{ManualClock, WallTime};

    #[test]
    fn it_ends_by_bytes_and_at_first_by_time() {
        let clock = Arc::new(ManualClock::at(WallTime::default()));
        let search = Search::by(clock.clone());
        clock.advance(FIRST_MAX * 2);
        assert!(!search.is_over(), "nobody has written yet");
        search.read(1);
        clock.advance(FIRST_MAX);
        assert!(!search.is_over());
        clock.advance(Span(1));
        assert!(search.is_over(), "something that trickles");
        search.found();
        clock.advance(FIRST_MAX * 2);
        assert!(!search.is_over(), "a writer that pauses is silent");
        search.read(BYTES_MAX as usize);
        assert!(!search.is_over());
        search.read(1);
        assert!(search.is_over(), "something that floods");
    }
}
