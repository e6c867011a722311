//! What the server has done so far, counted for the metrics.

use super::net::{activity::Traffic, admission::Admission};
use crate::counter::Counter;
use hyper::StatusCode;
use std::sync::{Arc, OnceLock};

/// Classes of answers, by the first digit of their status.
pub(super) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The counts of the server, each changed where it happens.
#[derive(Debug, Default)]
pub(super) struct ServerCounts {
    /// Those who are connected; none before the server listens.
    pub(super) connections: OnceLock<Arc<Admission>>,
    /// Connections that were let in.
    pub(super) accepted: Counter,
    /// What went over all of them.
    pub(super) traffic: Arc<Traffic>,
    /// As in [`CLASSES`].
    answers: [Counter; CLASSES.len()],
    /// Connections turned away, for there are too many.
    pub(super) full: Counter,
    /// Requests turned away, for too many wait for the stream.
    pub(super) crowded: Counter,
    /// Changes turned away, for they come too fast.
    pub(super) hasty: Counter,
    /// Requests turned away for the name that they ask for, or the page that they come from.
    pub(super) strange: Counter,
    /// TLS handshakes that went well.
    pub(super) handshakes: Counter,
    /// And those that did not; who just leaves is not counted.
    pub(super) handshakes_failed: Counter,
    /// Passwords that let somebody in.
    pub(super) logins: Counter,
    /// And those that were checked and did not.
    pub(super) logins_failed: Counter,
}

impl ServerCounts {
    /// An answer goes out.
    pub(super) fn note_answer(&self, status: StatusCode) {
        // A status has three digits (RFC 9110 §15), the first of which may be more than 5 by the type alone.
        if let Some(class) = usize::from(status.as_u16() / 100).checked_sub(1).and_then(|class| self.answers.get(class)) {
            class.bump();
        }
    }

    /// The answers so far, by class.
    pub(super) fn answers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CLASSES.into_iter().zip(self.answers.iter().map(Counter::get))
    }

    /// Connections that are open now.
    pub(super) fn open(&self) -> usize {
        self.connections.get().map_or(0, |connections| connections.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_the_class_of_their_status() {
        let counts = ServerCounts::default();
        for status in [101, 200, 206, 304, 404, 429, 421, 503, 999] {
            counts.note_answer(StatusCode::from_u16(status).expect("a status"));
        }
        assert_eq!(counts.answers().collect::<Vec<_>>(), [("1xx", 1), ("2xx", 2), ("3xx", 1), ("4xx", 3), ("5xx", 1)]);
    }
}
