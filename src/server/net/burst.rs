//! Events that come in bursts, and are logged once per burst: a flood of clients must not become a flood of lines.

use crate::time::{Span, Ticks};

/// Events closer than this are one burst.
const BURST_GAP: Span = Span::from_ms(10_000);

/// Tells the first of many like events.
#[derive(Debug, Default)]
pub(in crate::server) struct Burst {
    last: Option<Ticks>,
}

impl Burst {
    /// Whether this event is the first since [`BURST_GAP`].
    pub(in crate::server) fn begins(&mut self, now: Ticks) -> bool {
        self.last.replace(now).is_none_or(|last| now.since(last) > BURST_GAP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_once() {
        let mut burst = Burst::default();
        assert!(burst.begins(Ticks(0)));
        assert!(!burst.begins(Ticks(0) + BURST_GAP));
        assert!(!burst.begins(Ticks(0) + BURST_GAP * 2));
        assert!(burst.begins(Ticks(1) + BURST_GAP * 3));
    }
}
