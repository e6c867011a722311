//! Events that come in bursts, and are logged once per burst: a flood of clients must not become a flood of lines.

use crate::time::{Span, Ticks};

/// Events closer than this are one burst.
const QUIET_GAP: Span = Span::from_ms(10_000);

/// Tells the first of many like events.
#[derive(Debug, Default)]
pub(in crate::server) struct LogThrottle {
    last: Option<Ticks>,
}

impl LogThrottle {
    /// Whether this event is the first since [`QUIET_GAP`].
    pub(in crate::server) fn allows(&mut self, now: Ticks) -> bool {
        self.last.replace(now).is_none_or(|last| now.since(last) > QUIET_GAP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_once() {
        let mut throttle = LogThrottle::default();
        assert!(throttle.allows(Ticks(0)));
        assert!(!throttle.allows(Ticks(0) + QUIET_GAP));
        assert!(!throttle.allows(Ticks(0) + QUIET_GAP * 2));
        assert!(throttle.allows(Ticks(1) + QUIET_GAP * 3));
    }
}
