//! A camera that is closed while nobody watches (`--on-demand`): which requests open it, and how a picture of it is waited for.

use super::{FIRST_SEGMENT_WAIT, Method, Reply, Request};
use crate::{
    camera::Camera,
    capture::{SourceState, demand::Unwatched},
    playlist::name::Name,
};
use tokio::time::timeout;

/// Whether a camera is opened for those who ask.
pub(in crate::server) fn is_on_demand(camera: &Camera) -> bool {
    camera.demand.unwatched() == Unwatched::Close
}

/// Whether a camera is closed, or is being opened, and nothing is wrong with it: who asks now gets pictures soon.
pub(in crate::server) fn opens_when_asked(camera: &Camera) -> bool {
    let capture = &camera.status.stream.capture;
    let is_closed = matches!(capture.state(), SourceState::Asleep | SourceState::Opening | SourceState::Live);
    is_on_demand(camera) && is_closed && !capture.is_refused()
}

/// Whether a request is one of somebody who watches the stream: for a playlist, a manifest or media. Who asks for a head alone does not.
pub(super) fn is_of_viewer(request: &Request) -> bool {
    request.method == Method::Get && Name::parse(&request.name).is_some()
}

/// Somebody wants a picture of now: waits until a camera that was closed gives some, or cannot be opened, or it takes too long. What is
/// said then is for others to say. `Err` if too many wait.
pub(super) async fn wake(camera: &Camera) -> Result<(), Reply> {
    camera.demand.note();
    if !opens_when_asked(camera) {
        return Ok(());
    }
    let (window, capture) = (&camera.window, &camera.status.stream.capture);
    let mut versions = window.versions();
    let is_there = || window.read(|state| state.ended || (state.last().is_some() && !state.is_stale()));
    if is_there() {
        return Ok(());
    }
    let Some(_permit) = window.waiter_permit() else { return Err(Reply::crowded()) };
    let live = async { while !is_there() && !capture.is_refused() && versions.changed().await.is_ok() {} };
    timeout(FIRST_SEGMENT_WAIT.to_duration(), live).await.ok();
    Ok(())
}
