//! Answers as HTTP: what every one of them carries, and its body of shared pieces.

use crate::server::origin::Reply;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

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
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
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

/// A header's value, if it is there and text.
pub(in crate::server) fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// A text that nobody may keep.
pub(in crate::server) fn plain(status: u16, text: impl Into<Bytes>) -> Reply {
    let headers = vec![("content-type", TEXT.to_owned()), ("cache-control", "no-store".to_owned())];
    Reply { status, headers, body: vec![text.into()], rest: None }
}

/// Puts a reply into HTTP; its pieces go to the socket as they are.
pub(in crate::server) fn respond(reply: Reply) -> Response<Body> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if status == StatusCode::NOT_MODIFIED { Body::new(NoBody) } else { Body::new(Pieces::new(reply.body)) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers(reply.headers);
    response
}

/// A body of shared pieces, sent one by one without copying; its length is known, so it is sent with Content-Length.
struct Pieces {
    left: std::vec::IntoIter<Bytes>,
    len_left: u64,
}

impl Pieces {
    fn new(pieces: Vec<Bytes>) -> Pieces {
        Pieces { len_left: pieces.iter().map(|piece| piece.len() as u64).sum(), left: pieces.into_iter() }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.left.find(|piece| !piece.is_empty());
        self.len_left -= next.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.len_left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len_left)
    }
}

/// The body of 304. Its length is told as unknown, for Content-Length would be that of the answer left out (RFC 9110 §8.6).
struct NoBody;

impl HttpBody for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

/// The headers of a reply.
pub(in crate::server) fn headers(listed: Vec<(&'static str, String)>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(HEADERS_MAX);
    for (name, value) in listed {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => _ = headers.insert(name, value),
            _ => tracing::error!(name, "a header could not be sent, for it is not valid HTTP; please report this"),
        }
    }
    headers
}

/// Adds what every answer carries.
pub(in crate::server) fn secure<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().extend(SECURITY_HEADERS);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_sent_in_order_and_without_copying() {
        let piece = Bytes::from_static(b"moof");
        let mut body = Pieces::new(vec![piece.clone(), Bytes::new(), Bytes::from_static(b"mdat!")]);
        assert_eq!(body.size_hint().exact(), Some(9));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut next = || match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(frame) => frame.and_then(|frame| frame.expect("never fails").into_data().ok()),
            Poll::Pending => panic!("nothing to wait for"),
        };
        let first = next().expect("the first piece");
        assert_eq!(first.as_ptr(), piece.as_ptr());
        assert_eq!(next().as_deref(), Some(&b"mdat!"[..]));
        assert_eq!(next(), None);
        assert!(body.is_end_stream());
    }

    #[test]
    fn a_header_that_is_not_http_is_left_out() {
        let headers = vec![("etag", "\"a\"".to_owned()), ("x-bad", "a\nb".to_owned())];
        let reply = Reply { status: 200, headers, body: vec![], rest: None };
        let response = respond(reply);
        assert_eq!(response.headers().len(), 1);
    }
}
