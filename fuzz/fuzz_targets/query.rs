//! Any query of a playlist, in one state of the window.

#![no_main]

#[path = "../../tests/it/conformance/answers.rs"]
mod answers;

use hlscam::server::origin::{Method, Request};
use libfuzzer_sys::fuzz_target;

/// Segments up to 10, and 2 parts of segment 11.
const STEADY: u8 = 52;

fuzz_target!(|input: &[u8]| {
    let request = Request {
        method: Method::Get,
        name: "video.m3u8".to_owned(),
        query: String::from_utf8_lossy(input).into_owned(),
        range: None,
        if_none_match: None,
        if_range: None,
        accept_encoding: None,
    };
    answers::check(&request, STEADY);
});
