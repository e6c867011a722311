//! How many changes clients may make.

use crate::time::{Span, Ticks};

/// Changes a second, over a while: a detector of ten things at ten times a second should send what it saw, not every look.
pub const CHANGES_PER_S: f64 = 20.0;
/// Changes in one go: a script that hands in what it has collected.
pub const CHANGES_BURST: f64 = 200.0;

/// Lets so many changes through, and no more.
#[derive(Debug)]
pub(in crate::server) struct TokenBucket {
    left: f64,
    at: Ticks,
}

impl Default for TokenBucket {
    fn default() -> TokenBucket {
        TokenBucket { left: CHANGES_BURST, at: Ticks::default() }
    }
}

impl TokenBucket {
    /// Takes one out, if there is one.
    pub(in crate::server) fn take(&mut self, now: Ticks) -> bool {
        let gained = now.since(self.at).max(Span::ZERO).as_s() * CHANGES_PER_S;
        (self.left, self.at) = ((self.left + gained).min(CHANGES_BURST), now.max(self.at));
        let is_there = self.left >= 1.0;
        self.left -= f64::from(u8::from(is_there));
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_let_through_in_bursts_and_then_at_their_rate() {
        let mut bucket = TokenBucket::default();
        let mut taken = |at_ms| (0..1000).filter(|_| bucket.take(Ticks(0) + Span::from_ms(at_ms))).count();
        assert_eq!(taken(0), 200);
        assert_eq!(taken(0), 0);
        assert_eq!(taken(1000), 20);
        assert_eq!(taken(500), 0, "a clock that goes back gives nothing");
        assert_eq!(taken(60_000), 200);
    }
}
