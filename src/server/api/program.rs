//! The answers about the program itself: status, health, readiness, time.

use crate::server::{
    context::Shared,
    http::reply::plain,
    net::{faults::FaultsReport, under_way::UnderWayReport},
    origin::Reply,
};
use crate::{capture::SourceState, hooks::HooksReport, marker_service::MarkerCounts, status::StatusReport, window::Summary};
use bytes::Bytes;
use serde::Serialize;

/// Seconds after which a client asks again whether the stream is ready; a camera opens within a few.
const RETRY_AFTER_S: u32 = 1;

/// The body of `GET /api/status`.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    stream: StatusReport,
    window: Summary,
    markers: MarkersReport,
    events: EventsReport,
    hooks: HooksReport,
    answers: UnderWayReport,
    peers: FaultsReport,
}

/// The markers.
#[derive(Serialize)]
struct MarkersReport {
    stored: u64,
    open: u64,
    begun: u64,
    unlisted: u64,
    overrun: u64,
    failed: u64,
    panicking: bool,
    unreadable: u64,
    trouble: Option<String>,
}

/// The events, and who listens.
#[derive(Serialize)]
struct EventsReport {
    published: u64,
    listeners: usize,
}

impl MarkersReport {
    fn of(counts: &MarkerCounts) -> MarkersReport {
        MarkersReport {
            stored: counts.stored.get(),
            open: counts.open.get(),
            begun: counts.begun.get(),
            unlisted: counts.unlisted.get(),
            overrun: counts.overrun.get(),
            failed: counts.failed.get(),
            panicking: counts.panicking.get() > 0,
            unreadable: counts.unreadable.get(),
            trouble: counts.trouble(),
        }
    }
}

/// `GET /api/status`: what all threads tell of themselves, and the window.
pub(in crate::server) fn status(shared: &Shared) -> Reply {
    shared.count_viewers();
    let stream = shared.status.report(shared.clock.now(), shared.clock.wall());
    let listeners = shared.subscribers.len();
    let report = Report {
        stream,
        window: shared.window.summary(),
        markers: MarkersReport::of(&shared.journal.counts),
        events: EventsReport { published: shared.journal.events.count(), listeners },
        hooks: shared.hooks.report(),
        answers: shared.under_way.report(),
        peers: shared.faults.report(),
    };
    match serde_json::to_string(&report) {
        Ok(text) => {
            let headers = vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
            Reply { status: 200, headers, body: vec![Bytes::from(text + "\n")], rest: None }
        }
        Err(error) => plain(500, format!("the status cannot be written as JSON: {error}; please report this\n")),
    }
}

/// `GET /healthz`: the server answers, so it lives.
pub(in crate::server) fn health() -> Reply {
    plain(200, "ok\n")
}

/// `GET /readyz`: whether a player that comes now gets a live picture.
pub(in crate::server) fn readiness(shared: &Shared) -> Reply {
    let obstacle = match shared.status.stream.capture.state() {
        _ if shared.journal.counts.panicking.get() > 0 => "the thread of the markers meets a bug and begins anew",
        _ if shared.status.stream.detector.failing.get() > 0 => "detection fails",
        SourceState::Live if can_start(shared) => return plain(200, "ready\n"),
        SourceState::Live => "the first pictures are being encoded",
        SourceState::Opening => "the source is being opened",
        SourceState::Silent => "the source gives no pictures",
        SourceState::Lost => "the source is gone, and is being opened again",
        SourceState::Ended => "the stream has ended",
    };
    let mut reply = plain(503, format!("not ready: {obstacle}\n"));
    reply.headers.push(("retry-after", RETRY_AFTER_S.to_string()));
    reply
}

/// Whether what a player asks first is there.
fn can_start(shared: &Shared) -> bool {
    shared.window.read(|state| state.last().is_some())
}

/// `GET /time`: UTC now, the clock that DASH players set theirs by (ISO/IEC 23009-1 §5.8.5.7, `urn:mpeg:dash:utc:http-xsdate:2014`).
pub(in crate::server) fn time(shared: &Shared) -> Reply {
    plain(200, shared.clock.wall().to_string())
}
