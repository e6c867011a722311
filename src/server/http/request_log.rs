//! What the log tells of a request: its number with each line that is about it, where the log has room for that, and what was asked with which
//! outcome at the level `trace`.

use crate::threads::{REQUEST_SPAN, REQUEST_TARGET};
use hyper::{Method, StatusCode, Uri};
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::{Level, Span};

/// Requests of this process so far.
static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// A request, for the log.
pub(in crate::server) struct RequestLog {
    span: Span,
    /// What was asked; kept only where it is logged.
    asked: Option<String>,
}

impl RequestLog {
    /// One that has just come. Of its address the path is told alone: a query may hold a token.
    pub(in crate::server) fn begin(method: &Method, uri: &Uri) -> RequestLog {
        // Where the log writes no numbers it leaves the span out, and nothing is counted.
        let span = tracing::error_span!(target: REQUEST_TARGET, REQUEST_SPAN, message = REQUESTS.fetch_add(1, Ordering::Relaxed));
        let asked = tracing::enabled!(Level::TRACE).then(|| format!("{method} {}", uri.path()));
        RequestLog { span, asked }
    }

    /// What is logged inside is of this request.
    pub(in crate::server) fn within<T>(&self, act: impl FnOnce() -> T) -> T {
        self.span.in_scope(act)
    }

    /// It is answered.
    pub(in crate::server) fn answered(&mut self, status: StatusCode) {
        if let Some(asked) = self.asked.take() {
            self.within(|| tracing::trace!(status = status.as_u16(), "{asked}"));
        }
    }
}
