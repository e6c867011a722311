//! What moves on a connection, so that one on which nothing does is noticed.

use crate::counter::Counter;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Bytes that went over all connections.
#[derive(Debug, Default)]
pub(in crate::server) struct Traffic {
    pub(in crate::server) sent: Counter,
    pub(in crate::server) received: Counter,
}

/// What has moved on a connection so far.
#[derive(Debug, Default)]
pub(in crate::server) struct Activity {
    bytes: AtomicU64,
    all: Arc<Traffic>,
    requests: AtomicU64,
    answered: AtomicU64,
    /// Bytes read since the last request began.
    unasked: AtomicU64,
    /// It may be HTTP/2, whose preface begins with a P as POST and PUT do; then an answer of HTTP/1 would be noise.
    may_be_http_2: AtomicBool,
}

/// The counts of an [`Activity`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct ActivityCounts {
    bytes: u64,
    requests: u64,
    open: bool,
}

impl Activity {
    /// That of a connection that has just begun, of those that `all` is of.
    pub(in crate::server) fn of(all: &Arc<Traffic>) -> Activity {
        Activity { all: all.clone(), ..Activity::default() }
    }

    pub(in crate::server) fn request(self: &Arc<Self>) -> OpenRequest {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.unasked.store(0, Ordering::Relaxed);
        OpenRequest(self.clone())
    }

    pub(in crate::server) fn read(&self, bytes: &[u8]) {
        if self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed) == 0 {
            self.may_be_http_2.store(bytes.first() == Some(&b'P'), Ordering::Relaxed);
        }
        self.unasked.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.all.received.add(bytes.len() as u64);
    }

    pub(in crate::server) fn wrote(&self, n: usize) {
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        self.all.sent.add(n as u64);
    }

    /// Whether a request of HTTP/1 was begun and not ended, and nothing else is under way.
    pub(in crate::server) fn has_half_a_request(&self) -> bool {
        self.unasked.load(Ordering::Relaxed) > 0 && !self.counts().open && !self.may_be_http_2.load(Ordering::Relaxed)
    }

    pub(in crate::server) fn counts(&self) -> ActivityCounts {
        let requests = self.requests.load(Ordering::Relaxed);
        let open = self.answered.load(Ordering::Relaxed) != requests;
        ActivityCounts { bytes: self.bytes.load(Ordering::Relaxed), requests, open }
    }
}

impl ActivityCounts {
    /// With a request open, a byte must have moved since; without one, a request must have come.
    pub(in crate::server) fn is_dead_since(self, last: ActivityCounts) -> bool {
        if self.open { self.bytes == last.bytes } else { self.requests == last.requests }
    }
}

/// A request whose answer is not out yet; dropping it counts it as answered.
#[derive(Debug)]
pub(in crate::server) struct OpenRequest(Arc<Activity>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_dead_when_nothing_moved_between_two_checks() {
        let check = |last: (u64, u64), now: (u64, u64, bool), dead: bool| {
            let last = ActivityCounts { bytes: last.0, requests: last.1, open: false };
            let now = ActivityCounts { bytes: now.0, requests: now.1, open: now.2 };
            assert_eq!(now.is_dead_since(last), dead, "{last:?} {now:?}");
        };
        check((0, 0), (0, 0, false), true);
        check((0, 0), (30, 0, false), true);
        check((0, 0), (80, 1, true), false);
        check((80, 1), (80, 1, true), true);
        check((80, 1), (4000, 1, true), false);
        check((80, 1), (4000, 1, false), true);
        check((80, 1), (4000, 2, false), false);
    }

    #[test]
    fn half_a_request_is_what_came_since_the_last_one_and_is_no_http_2() {
        let check = |first: &[u8], expect| {
            let activity = Arc::new(Activity::default());
            assert!(!activity.has_half_a_request());
            activity.read(first);
            assert_eq!(activity.has_half_a_request(), expect);
            let open = activity.request();
            activity.read(b"G");
            assert!(!activity.has_half_a_request(), "an answer is under way");
            drop(open);
            assert_eq!(activity.has_half_a_request(), expect);
            drop(activity.request());
            assert!(!activity.has_half_a_request());
        };
        check(b"GET /", true);
        check(b"PRI * HTTP/2.0", false);
    }

    #[test]
    fn an_answer_dropped_half_way_is_no_longer_open() {
        let activity = Arc::new(Activity::default());
        let open = activity.request();
        assert!(activity.counts().open);
        drop(open);
        assert_eq!(activity.counts(), ActivityCounts { bytes: 0, requests: 1, open: false });
    }
}
