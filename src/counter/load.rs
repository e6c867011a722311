//! How busy a thread is.

use super::round;
use crate::{
    sync::lock,
    time::{Span, Ticks},
};
use std::{collections::VecDeque, sync::Mutex};

/// The share is that of so much time before now: long enough for a key frame not to show, short enough to follow a change.
const LOAD_SPAN: Span = Span::from_ms(5000);
/// Stretches of work kept; more than [`LOAD_SPAN`] holds at the highest frame rate.
const STRETCHES_MAX: usize = 2048;

/// Share of the time that a thread works: time busy by time passed.
#[derive(Debug, Default)]
pub struct LoadMeter(Mutex<Stretches>);

#[derive(Debug, Default)]
struct Stretches {
    first: Option<Ticks>,
    work: VecDeque<(Ticks, Ticks)>,
}

impl LoadMeter {
    /// It worked from then to then.
    pub fn mark(&self, begin: Ticks, end: Ticks) {
        let mut stretches = lock(&self.0);
        stretches.first.get_or_insert(begin);
        if stretches.work.len() == STRETCHES_MAX {
            stretches.work.pop_front();
        }
        stretches.work.push_back((begin, end));
    }

    /// The share up to `now`, between 0 and 1.
    pub fn share(&self, now: Ticks) -> f64 {
        let stretches = lock(&self.0);
        let Some(first) = stretches.first else { return 0.0 };
        let from = first.max(now - LOAD_SPAN);
        let busy: Span = stretches.work.iter().map(|(begin, end)| end.since(from.max(*begin)).max(Span::ZERO)).sum();
        let passed = now.since(from);
        if passed <= Span::ZERO { 0.0 } else { round((busy.as_s() / passed.as_s()).min(1.0), 1000.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_time_busy_by_time_passed() {
        let (load, ms) = (LoadMeter::default(), |ms: i64| Ticks(0) + Span::from_ms(ms));
        assert_eq!(load.share(ms(0)), 0.0);
        // 300 ms of work for each frame of 33 ms that a machine gets done: busy all the time, not a tenth of it.
        (0..20).for_each(|n| load.mark(ms(n * 300), ms((n + 1) * 300)));
        assert_eq!(load.share(ms(6000)), 1.0);
        assert_eq!(load.share(ms(8500)), 0.5, "half of the last five seconds");
        assert_eq!(load.share(ms(20_000)), 0.0);
        (0..100).for_each(|n| load.mark(ms(20_000 + n * 100), ms(20_000 + n * 100 + 25)));
        assert_eq!(load.share(ms(30_000)), 0.25);
    }
}
