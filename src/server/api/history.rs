//! `GET /api/history`: when there is footage of a camera, and what room it has.

use crate::server::{
    context::Shared,
    http::{
        answer::{Answer, Call},
        reply::{json, plain},
    },
    origin::Reply,
};
use crate::{archive::catalog::DiskReport, camera::Camera, camera_name::CameraName, time::WallTime, window::footage::Coverage};
use serde::Serialize;
use std::sync::Arc;
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking};

/// The body of the answer.
#[derive(Serialize)]
struct Report {
    camera: CameraName,
    /// When the playlists begin; what is older is in `archive.m3u8`.
    listed_from: Option<WallTime>,
    /// When there is footage, first to last.
    footage: Coverage,
    /// Its disk, where it is kept on one.
    disk: Option<DiskReport>,
}

/// Makes the answer, waiting for the disk.
pub(in crate::server) fn history(Call { shared, request, .. }: Call) -> Answer {
    let camera = match shared.camera(request.uri()) {
        Ok(camera) => camera.clone(),
        Err(reply) => return reply.into(),
    };
    match shared.looks.clone().try_acquire_owned() {
        Ok(turn) => Answer::held(answer(camera, turn)),
        Err(_) => Shared::too_many_looks().into(),
    }
}

async fn answer(camera: Arc<Camera>, turn: OwnedSemaphorePermit) -> Reply {
    let made = spawn_blocking(move || {
        let _turn = turn;
        report(&camera)
    });
    match made.await {
        Ok(Ok(report)) => json(200, &report),
        Ok(Err(why)) => plain(503, why + "\n"),
        Err(_) => plain(500, "the history could not be read: a bug, which is in the log\n"),
    }
}

fn report(camera: &Camera) -> Result<Report, String> {
    let footage = camera.coverage().map_err(|error| error.to_string())?;
    let disk = camera.catalog.as_ref().map(|catalog| catalog.disk());
    Ok(Report { camera: camera.name.clone(), listed_from: camera.window.first_wall(), footage, disk })
}
