//! The page and what it loads.

pub(super) mod assets;
/// build.rs uses it; here are its tests.
#[cfg(test)]
mod join;

use crate::server::http::{
    answer::{Answer, Call},
    reply::{list_of, not_found},
};
use hyper::header;

/// A file of the page.
pub(super) fn file(Call { shared, request, .. }: Call) -> Answer {
    let Some(asset) = shared.file(request.uri().path()) else { return not_found().into() };
    let list = |name| list_of(request.headers(), name);
    asset.reply(list(header::IF_NONE_MATCH).as_deref(), list(header::ACCEPT_ENCODING).as_deref()).into()
}
