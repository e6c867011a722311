//! How often something happens.

use super::round;
use crate::{
    sync::lock,
    time::{Span, Ticks},
};
use std::{collections::VecDeque, sync::Mutex};

/// A rate is measured over this many events; 5 s at 30 fps.
const RATE_EVENTS_MAX: usize = 150;

/// A rate whose last event is older than this is zero.
const RATE_STALE: Span = Span::from_ms(2000);

/// How many events a second, measured over the last [`RATE_EVENTS_MAX`].
#[derive(Debug, Default)]
pub struct RateMeter(Mutex<VecDeque<Ticks>>);

impl RateMeter {
    /// An event happened.
    pub fn mark(&self, at: Ticks) {
        let mut events = lock(&self.0);
        if events.len() == RATE_EVENTS_MAX {
            events.pop_front();
        }
        events.push_back(at);
    }

    /// When the last event happened.
    pub fn last(&self) -> Option<Ticks> {
        lock(&self.0).back().copied()
    }

    /// Events per second, as seen at `now`.
    pub fn per_s(&self, now: Ticks) -> f64 {
        let events = lock(&self.0);
        match (events.front(), events.back()) {
            (Some(first), Some(last)) if last > first && now.since(*last) < RATE_STALE => {
                round((events.len() - 1) as f64 / last.since(*first).as_s(), 100.0)
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_measured_and_goes_stale() {
        let rate = RateMeter::default();
        assert_eq!(rate.per_s(Ticks(0)), 0.0);
        for n in 0..200 {
            rate.mark(Ticks(n * 3000));
        }
        assert_eq!((rate.per_s(Ticks(200 * 3000)), rate.last()), (30.0, Some(Ticks(199 * 3000))));
        assert_eq!(rate.per_s(Ticks(200 * 3000) + RATE_STALE), 0.0);
    }
}
