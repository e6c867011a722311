//! What the running stream says of itself: counters that any thread may bump, and the JSON of `GET /api/status`.
//!
//! Counters are atomics; nobody waits for anybody here. Latencies are kept for the last [`SAMPLES_MAX`] frames.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// What all threads of one stream tell of themselves.
#[derive(Debug, Default)]
pub struct Status {
    /// Distinct viewers that asked for a playlist in the last seconds; the server sets it.
    pub viewers: Gauge,
}

impl Status {
    /// The body of `GET /api/status`, but for the window's part, which the caller adds.
    pub fn report(&self) -> serde_json::Value {
        serde_json::json!({ "viewers": self.viewers.get() })
    }
}
