//! Any request in any state of the window: one byte for each of state and method, then the request's texts, a line each.

#![no_main]

#[path = "../../tests/it/conformance/answers.rs"]
mod answers;

use hlscam::server::origin::{Method, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [state, method, texts @ ..] = input else { return };
    let texts = String::from_utf8_lossy(texts);
    let mut lines = texts.splitn(6, '\n').map(str::to_owned);
    let request = Request {
        method: [Method::Get, Method::Head, Method::Other][usize::from(method % 3)],
        name: lines.next().unwrap_or_default(),
        query: lines.next().unwrap_or_default(),
        range: lines.next(),
        if_none_match: lines.next(),
        accept_encoding: lines.next(),
        if_range: lines.next(),
    };
    answers::check(&request, *state);
});
