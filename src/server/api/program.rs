//! The answers about the program itself: status, health, readiness, time.

use crate::server::{
    context::{self, Shared},
    http::{
        answer::{Answer, Call},
        reply::{json, later, plain},
    },
    net::{faults::FaultsReport, in_flight::InFlightReport},
    origin::wake,
};
use crate::{
    archive::HistoryReport,
    camera::Camera,
    camera_name::CameraName,
    capture::SourceState,
    hooks::HooksReport,
    marker_service::MarkerCounts,
    panics::PanicsReport,
    playlist::dash::presentation::Presentation,
    status::StatusReport,
    window::{Summary, state::State},
};
use serde::Serialize;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// Seconds after which a client asks again whether the stream is ready; a camera opens within a few.
const RETRY_AFTER_S: u32 = 1;

/// The body of `GET /api/status`.
#[derive(Serialize)]
struct Report {
    camera: CameraName,
    /// A user or a password is needed to watch.
    protected: bool,
    #[serde(flatten)]
    stream: StatusReport,
    window: Summary,
    /// Where the window is kept on a disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<HistoryReport>,
    markers: MarkersReport,
    events: EventsReport,
    hooks: HooksReport,
    answers: InFlightReport,
    peers: FaultsReport,
    server: ServerReport,
}

/// Bugs of the server's own tasks.
#[derive(Serialize)]
struct ServerReport {
    #[serde(flatten)]
    panics: PanicsReport,
    playlists: PanicsReport,
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
            trouble: counts.storage_error(),
        }
    }
}

/// A camera in `GET /api/cameras`.
#[derive(Serialize)]
struct Listed {
    name: CameraName,
    state: SourceState,
    /// What its source calls itself; empty before it is open.
    source: String,
    /// Why there are no pictures; none where there are.
    reason: Option<String>,
    /// Since when.
    silent_since: Option<String>,
}

/// `GET /api/cameras`: which there are; the first is that of a request that names none.
pub(in crate::server) fn cameras(Call { shared, .. }: Call) -> Answer {
    let listed = |camera: &Arc<Camera>| {
        let capture = &camera.status.stream.capture;
        Listed {
            name: camera.name.clone(),
            state: capture.state(),
            source: capture.format().map(|format| format.name).unwrap_or_default(),
            reason: capture.absence(),
            silent_since: capture.silent_since().map(|since| since.to_string()),
        }
    };
    json(200, &serde_json::json!({"cameras": shared.cameras().map(listed).collect::<Vec<_>>()})).into()
}

/// The body of `GET /api/status` where there are several cameras and none is named: the first, and all of them by their names.
#[derive(Serialize)]
struct ReportOfAll {
    #[serde(flatten)]
    first: Report,
    cameras: BTreeMap<CameraName, Report>,
}

/// `GET /api/status`: what all threads of a camera tell of themselves, and its window.
pub(in crate::server) fn status(Call { shared, request, .. }: Call) -> Answer {
    shared.count_viewers();
    let camera = match shared.camera(request.uri()) {
        Ok(camera) => camera,
        Err(reply) => return reply.into(),
    };
    let first = report(&shared, camera);
    if shared.cameras.len() == 1 || context::camera_asked(request.uri()).is_some() {
        return json(200, &first).into();
    }
    let cameras = shared.cameras().map(|camera| (camera.name.clone(), report(&shared, camera))).collect();
    json(200, &ReportOfAll { first, cameras }).into()
}

fn report(shared: &Shared, camera: &Camera) -> Report {
    let stream = camera.status.report(camera.clock.now(), camera.clock.wall());
    let listeners = shared.subscribers.len();
    Report {
        camera: camera.name.clone(),
        protected: shared.door.is_guarded(),
        stream,
        window: camera.window.summary(),
        history: camera.history.as_ref().map(|history| history.report()),
        markers: MarkersReport::of(&camera.markers.counts),
        events: EventsReport { published: camera.markers.events.count(), listeners },
        hooks: camera.hooks.report(),
        answers: shared.in_flight.report(),
        peers: shared.faults.report(),
        server: ServerReport { panics: shared.panics.report(), playlists: shared.writers.report() },
    }
}

/// `GET /healthz`: the server answers, so it lives.
pub(in crate::server) fn health(_: Call) -> Answer {
    plain(200, "ok\n").into()
}

/// `GET /readyz`: whether a player that comes now gets a live picture.
pub(in crate::server) fn readiness(Call { shared, .. }: Call) -> Answer {
    let Some((camera, obstacle)) = shared.cameras().find_map(|camera| Some((camera, obstacle(camera)?))) else {
        return plain(200, "ready\n").into();
    };
    let whose = if shared.cameras().count() > 1 { format!("{}: ", camera.name) } else { String::new() };
    // Whoever asks hears it, and so no names where there are users.
    let why = if shared.door.is_guarded() { String::new() } else { format!(": {whose}{obstacle}") };
    later(503, format!("not ready{why}\n"), RETRY_AFTER_S).into()
}

/// Why a player that comes now gets no live picture of a camera, if so.
fn obstacle(camera: &Camera) -> Option<Cow<'static, str>> {
    let capture = &camera.status.stream.capture;
    let known = match capture.state() {
        _ if camera.markers.counts.panicking.get() > 0 => "the thread of the markers meets a bug and begins anew",
        _ if camera.hooks.is_panicking() => "a hook meets a bug and begins anew",
        _ if camera.status.stream.detector.failing.get() > 0 => "detection fails",
        // It is opened for a player that comes.
        _ if wake::opens_when_asked(camera) => return None,
        // What a player asks first is there.
        SourceState::Live if camera.window.read(State::is_live) => return None,
        SourceState::Live => "the first pictures are being encoded",
        _ => return capture.absence().map(Cow::Owned),
    };
    Some(Cow::Borrowed(known))
}

/// `GET /time`: UTC now, the clock that DASH players set theirs by (ISO/IEC 23009-1 §5.8.5.7, `urn:mpeg:dash:utc:http-xsdate:2014`).
/// A player that began before the clock was set names its presentation, and gets the clock of that.
pub(in crate::server) fn time(call: Call) -> Answer {
    let (wall, query) = (call.shared.clock.wall(), call.uri().query().unwrap_or_default());
    let of_camera = |camera: &Arc<Camera>| {
        camera.window.read(|state| Some(Presentation::former(state.timeline(), query)?.now(state.timeline(), wall)))
    };
    let former = call.shared.cameras().filter(|_| !query.is_empty()).find_map(of_camera);
    plain(200, former.unwrap_or(wall).to_string()).into()
}
