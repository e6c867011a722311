//! What the origin answers: a pure function of the request and of the window's state. No socket, no clock, no header parsing library.
//!
//! The server decodes a request into a [`Request`], calls [`respond`], and writes the [`Reply`] as it stands.

use crate::window::Window;
use bytes::Bytes;

/// The methods that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD: the answer to GET, without its body.
    Head,
    /// Anything else; answered with 405.
    Other,
}

/// A request below `/<stream>/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path after `/<stream>/`, as it came: not decoded, for no name of ours needs it.
    pub name: String,
    /// What follows the `?`, as it came; empty without one.
    pub query: String,
    /// The value of `Range`.
    pub range: Option<String>,
    /// The value of `If-None-Match`.
    pub if_none_match: Option<String>,
    /// The value of `Accept-Encoding`.
    pub accept_encoding: Option<String>,
}

/// An answer, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers, `Content-Length` among them; names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The pieces of the body, to be written in order; shared with the window, never copied. Empty for HEAD.
    pub body: Vec<Bytes>,
}

/// Answers a request, after waiting if it asks for what is not there yet. Dropping the future frees the waiter.
pub async fn respond(window: &Window, request: Request) -> Reply {
    let _ = (window, request);
    Reply { status: 503, headers: vec![("retry-after", "1".to_owned()), ("content-length", "0".to_owned())], body: Vec::new() }
}
