//! The page and what it loads.

pub(super) mod assets;
/// build.rs uses it; here are its tests.
#[cfg(test)]
mod join;
pub(super) mod trust;

use super::{context, routes::Route};
use crate::server::http::{
    answer::{Answer, Call},
    reply::{list_of, not_found},
};
use hyper::header;

/// A file of the page; the page itself is that of the camera that is named, if one is.
pub(super) fn file(Call { shared, request, .. }: Call) -> Answer {
    let (path, asked) = (request.uri().path(), context::camera_asked(request.uri()));
    let asset = match asked.filter(|_| Route::parse(path) == Some(Route::Page)) {
        None => shared.file(path),
        Some(camera) => match shared.file(&assets::page_path(camera)) {
            None => return shared.no_camera().into(),
            asset => asset,
        },
    };
    let Some(asset) = asset else { return not_found().into() };
    let list = |name| list_of(request.headers(), name);
    asset.reply(list(header::IF_NONE_MATCH).as_deref(), list(header::ACCEPT_ENCODING).as_deref()).into()
}
