//! Counters, gauges and samples of the stages, for any thread to change and to read. Nothing here waits: counters are atomics, and each lock
//! is held for a few instructions.

use crate::{sync::lock, time::Span};
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

mod histogram;
mod load;
mod rate;

pub use histogram::{BOUNDS_MS, Distribution, Histogram};
pub use load::LoadMeter;
pub use rate::RateMeter;

/// Samples per latency stage: 10 s at 30 fps, enough for a p95 that follows a change within seconds.
pub const SAMPLES_MAX: usize = 300;

/// A counter that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn bump(&self) {
        self.add(1);
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value last set.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The last [`SAMPLES_MAX`] lengths of something, and the distribution of all of them.
#[derive(Debug, Default)]
pub struct Samples {
    recent: Mutex<VecDeque<Span>>,
    /// Since the start.
    pub all: Histogram,
}

impl Samples {
    /// One more; the oldest leaves.
    pub fn add(&self, span: Span) {
        self.all.add(span);
        let mut samples = lock(&self.recent);
        if samples.len() == SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(span);
    }

    /// Median and 95th percentile in milliseconds; zeros where there is no sample yet.
    pub fn percentiles(&self) -> Percentiles {
        let mut sorted: Vec<Span> = lock(&self.recent).iter().copied().collect();
        sorted.sort_unstable();
        let at = |percent: usize| sorted.get(sorted.len() * percent / 100).map_or(0.0, |span| round(span.as_ms(), 100.0));
        Percentiles { p50: at(50), p95: at(95) }
    }
}

/// Two points of a distribution, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
}

/// Rounded to so many steps per unit: more digits mean nothing in a report.
pub(crate) fn round(value: f64, per: f64) -> f64 {
    (value * per).round() / per
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_follow_the_last_samples() {
        let samples = Samples::default();
        assert_eq!(samples.percentiles(), Percentiles { p50: 0.0, p95: 0.0 });
        for ms in 0..1000 {
            samples.add(Span::from_ms(ms));
        }
        assert_eq!(samples.percentiles(), Percentiles { p50: 850.0, p95: 985.0 });
    }
}
