//! `GET /metrics`: the counts of the cameras, the server and the process, for Prometheus and what reads the same. docs/metrics.md lists them.

mod exposition;
mod of_camera;
mod of_server;
mod process;

use crate::server::{
    context::Shared,
    http::{
        answer::{Answer, Call},
        reply::list_of,
    },
    origin::Reply,
};
use bytes::Bytes;
use exposition::{Dialect, Exposition, Family, Kind, family};
use hyper::header;

const BUILD: Family = family("hlscam_build", Kind::Info, "Version of hlscam, and what it was built with");

/// What can be left out of a build, and whether it is in this one.
const FEATURES: [(&str, bool); 4] = [
    ("blazeface", cfg!(feature = "blazeface")),
    ("camera", cfg!(feature = "camera")),
    ("ffmpeg", cfg!(feature = "ffmpeg")),
    ("opencv", cfg!(feature = "opencv")),
];

/// `GET /metrics`, in the format that the client asks for.
pub(in crate::server) fn metrics(Call { shared, request, .. }: Call) -> Answer {
    shared.count_viewers();
    let dialect = Dialect::asked(list_of(request.headers(), header::ACCEPT).as_deref());
    let headers = vec![
        ("content-type", dialect.content_type().to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("vary", "Accept".to_owned()),
    ];
    let body = vec![Bytes::from(text(&shared, dialect))];
    Reply { status: 200, headers, body, rest: None }.into()
}

fn text(shared: &Shared, dialect: Dialect) -> String {
    let mut text = Exposition::new(dialect);
    text.begin(BUILD);
    let features: Vec<&str> = FEATURES.into_iter().filter_map(|(name, is_in)| is_in.then_some(name)).collect();
    text.put(&[("version", env!("CARGO_PKG_VERSION")), ("features", &features.join(","))], 1.0);
    of_camera::put(&mut text, shared.cameras());
    of_server::put(&mut text, shared);
    // The cameras begin with the program.
    let started = shared.cameras[0].camera.status.asked.started;
    process::put(&mut text, started.as_unix_ms() as f64 / 1000.0);
    text.end()
}
