//! Answers as HTTP: what every one of them carries.

use crate::server::{
    net::body::{AnswerBody, Pieces},
    origin::Reply,
};
use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use serde::Serialize;

/// Which pages may show or run an answer that they cannot read (Fetch §3.7): images, videos, scripts.
pub(in crate::server) const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The content security policy (CSP level 3), but for who may frame the answer. The page needs blob URLs for Media Source Extensions and
/// hls.js' worker; it loads nothing from elsewhere.
macro_rules! policy {
    ($frame_ancestors:literal) => {
        HeaderValue::from_static(concat!(
            "default-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; img-src 'self' data: blob:; \
             style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors ",
            $frame_ancestors
        ))
    };
}

/// On every answer; only pages of the same origin may frame it (Fetch §3.6 for nosniff; Referrer Policy §3.1).
/// No page of another origin may show it as an image, a video or a script, but what the gate opens.
pub(in crate::server) const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    (header::CONTENT_SECURITY_POLICY, policy!("'self'")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
];

/// On the page that is only a picture, which any page may frame: there is nothing to be tricked into clicking.
pub(in crate::server) const EMBED_POLICY: HeaderValue = policy!("*");

const TEXT: &str = "text/plain; charset=utf-8";

/// Headers of any answer, so that their map is made once in the right size.
const HEADERS_MAX: usize = 16;

/// The value of a header that is a list, of all its lines (RFC 9110 §5.3), as far as they are text.
pub(in crate::server) fn list_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// A text as it stands in HTML, within quotes, too.
pub(in crate::server) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A header's value, if it is there and text.
pub(in crate::server) fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// A text that nobody may keep.
pub(in crate::server) fn plain(status: u16, text: impl Into<Bytes>) -> Reply {
    let headers = vec![("content-type", TEXT.to_owned()), ("cache-control", "no-store".to_owned())];
    Reply { status, headers, body: vec![text.into()], rest: None }
}

/// A value as JSON that nobody may keep.
pub(in crate::server) fn json(status: u16, value: &impl Serialize) -> Reply {
    match serde_json::to_string(value) {
        Ok(text) => json_text(status, vec![Bytes::from(text + "\n")]),
        Err(error) => plain(500, format!("the answer cannot be written as JSON: {error}; please report this\n")),
    }
}

/// A JSON text in pieces, which nobody may keep.
pub(in crate::server) fn json_text(status: u16, body: Vec<Bytes>) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
    Reply { status, headers, body, rest: None }
}

/// 204, for now.
pub(in crate::server) fn no_content() -> Reply {
    Reply { status: 204, headers: vec![("cache-control", "no-store".to_owned())], body: vec![], rest: None }
}

/// 404 for an unknown address.
pub(in crate::server) fn not_found() -> Reply {
    plain(404, "there is nothing at this address; the viewer page is at /\n")
}

/// A text that nobody may keep, with the seconds after which a client that was turned away may come again.
pub(in crate::server) fn later(status: u16, text: impl Into<Bytes>, retry_after_s: u32) -> Reply {
    let mut reply = plain(status, text);
    reply.headers.push(("retry-after", retry_after_s.to_string()));
    reply
}

/// Puts a reply into HTTP; its pieces go to the socket as they are.
pub(in crate::server) fn respond(reply: Reply) -> Response<AnswerBody> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let is_known = status == StatusCode::NOT_MODIFIED;
    let mut response = Response::new(if is_known { AnswerBody::Known } else { AnswerBody::Pieces(Pieces::new(reply.body)) });
    *response.status_mut() = status;
    *response.headers_mut() = headers(reply.headers);
    response
}

fn headers(listed: Vec<(&'static str, String)>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(HEADERS_MAX);
    for (name, value) in listed {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => _ = headers.insert(name, value),
            _ => tracing::error!(name, "a header could not be sent, for it is not valid HTTP; please report this"),
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_is_not_http_is_left_out() {
        let headers = vec![("etag", "\"a\"".to_owned()), ("x-bad", "a\nb".to_owned())];
        let reply = Reply { status: 200, headers, body: vec![], rest: None };
        let response = respond(reply);
        assert_eq!(response.headers().len(), 1);
    }
}
