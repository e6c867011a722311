//! The limits of the server.

use super::in_flight::ANSWER_PATIENCE;
use std::time::Duration;

/// Connections at a time: thousands of viewers at some 20 KB each. Fewer where the system's limit of open
/// files is lower.
pub const CONNECTIONS_MAX: usize = 8192;

/// Connections at a time from one address: a household or an office behind one router, at six per browser.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;

/// A new connection must bring its first request whole within this time. Browsers open some in advance, and do without.
pub const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The TLS handshake of a new connection must be done within this time: two turns over the worst radio link.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The next request on an open HTTP/1 connection must be whole within this time after the last answer; players ask every few seconds.
pub const NEXT_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection on which nothing moved for this long is closed. Longer than any answer is held back.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Time that answers get to go out when the server ends: one part at the speed of a slow phone.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Clients at a time that are told why they are turned away; more are just closed.
pub(in crate::server) const REJECTIONS_MAX: usize = 64;

/// Time in which a client that is turned away must have read why.
pub(in crate::server) const REJECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// The limits of the server; the default is the constants above, tests take shorter ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time from one address; the loopback address is exempt.
    pub connections_per_address: usize,
    /// Until the TLS handshake is done.
    pub handshake: Duration,
    /// Until the first request of a connection is whole.
    pub first_request: Duration,
    /// Until the next request of an HTTP/1 connection is whole.
    pub next_request: Duration,
    /// Without a byte moved, or a request come.
    pub idle: Duration,
    /// That an answer may stand still before its rate matters.
    pub patience: Duration,
    /// For answers to go out at the end.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: CONNECTIONS_MAX,
            connections_per_address: CONNECTIONS_PER_ADDRESS_MAX,
            handshake: HANDSHAKE_TIMEOUT,
            first_request: FIRST_REQUEST_TIMEOUT,
            next_request: NEXT_REQUEST_TIMEOUT,
            idle: IDLE_TIMEOUT,
            patience: ANSWER_PATIENCE,
            grace: SHUTDOWN_GRACE,
        }
    }
}
