//! The answers about the program itself: status, health, readiness, time.

use super::{
    origin::Reply,
    routes::{Shared, plain},
};
use bytes::Bytes;

/// Seconds after which a client asks again whether the stream is ready; a camera opens within a few.
const RETRY_AFTER_S: u32 = 1;

/// `GET /api/status`: what all threads tell of themselves, and the window.
pub(super) fn status(shared: &Shared) -> Reply {
    shared.count_viewers();
    let mut report = shared.status.report();
    report["window"] = shared.origin.summary();
    let mut text = report.to_string();
    text.push('\n');
    let headers = vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
    Reply { status: 200, headers, body: vec![Bytes::from(text)] }
}

/// `GET /healthz`: the server answers, so it lives.
pub(super) fn health() -> Reply {
    plain(200, "ok\n")
}

/// `GET /readyz`: whether a player that comes now can start.
pub(super) fn readiness(shared: &Shared) -> Reply {
    match shared.origin.ready() {
        Ok(()) => plain(200, "ready\n"),
        Err(reason) => {
            let mut reply = plain(503, format!("not ready: {reason}\n"));
            reply.headers.push(("retry-after", RETRY_AFTER_S.to_string()));
            reply
        }
    }
}

/// `GET /time`: UTC now, the clock that DASH players set theirs by (ISO/IEC 23009-1 §5.8.5.7, `urn:mpeg:dash:utc:http-xsdate:2014`).
pub(super) fn time(shared: &Shared) -> Reply {
    plain(200, shared.clock.wall().to_string())
}
