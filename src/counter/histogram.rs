//! How lengths of time are distributed since the start, in fixed buckets: what a server of metrics adds up over hours and hosts.

use crate::time::Span;
use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the buckets, in milliseconds: from the shortest stage, which is packaging, to what nobody would call low latency.
pub const BOUNDS_MS: [i64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/// Counts of lengths by bucket. Nothing waits for anything: whoever adds changes two atomics.
#[derive(Debug, Default)]
pub struct Histogram {
    /// One per bound, and that of what is longer.
    buckets: [AtomicU64; BOUNDS_MS.len() + 1],
    /// Of all lengths, in ticks.
    sum: AtomicU64,
}

/// What a [`Histogram`] has counted so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// How many are no longer than each of [`BOUNDS_MS`].
    pub up_to: [u64; BOUNDS_MS.len()],
    /// How many there are.
    pub count: u64,
    /// How long they are together, in seconds.
    pub sum_s: f64,
}

impl Histogram {
    /// One more. A negative length, of a clock that was set, counts as none.
    pub fn add(&self, span: Span) {
        let bucket = BOUNDS_MS.iter().position(|bound| span <= Span::from_ms(*bound)).unwrap_or(BOUNDS_MS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(span.0.max(0) as u64, Ordering::Relaxed);
    }

    /// The counts so far. What is added meanwhile may be in the sum and not yet in a bucket, or the other way round.
    pub fn distribution(&self) -> Distribution {
        let mut count = 0;
        let mut up_to = [0; BOUNDS_MS.len()];
        for (n, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            if let Some(sum) = up_to.get_mut(n) {
                *sum = count;
            }
        }
        let sum = i64::try_from(self.sum.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        Distribution { up_to, count, sum_s: Span(sum).as_s() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_counted_in_its_bucket_and_in_all_above() {
        let histogram = Histogram::default();
        for ms in [-3, 0, 1, 2, 3, 5000, 5001] {
            histogram.add(Span::from_ms(ms));
        }
        let told = histogram.distribution();
        assert_eq!((told.up_to[0], told.up_to[1], told.up_to[2], told.up_to[10], told.up_to[11]), (3, 4, 5, 5, 6));
        assert_eq!((told.count, told.sum_s), (7, 10.007));
    }
}
