//! Replies: status, headers and the pieces of the body.

use super::{Awaited, Method, Request, Resolution, SegmentTail, range};
use crate::{
    package::{Msn, media_bytes::MediaBytes},
    playlist::{Kind, RenderedPlaylist},
    server::http::negotiation::{self, ContentCoding, entity_tag, is_known},
    time::{Span, TICKS_PER_S, WallTime},
    window::{WindowConfig, state::State},
};
use bytes::Bytes;
use std::sync::Arc;

/// RFC 8216 §10.
const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
/// ISO/IEC 23009-1 annex C.
const MANIFEST_TYPE: &str = "application/dash+xml";

/// An answer, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers, `Content-Length` among them; names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The pieces of the body, to be written in order; shared with the window, never copied. Empty for HEAD.
    pub body: Vec<Bytes>,
    /// What the body is instead of these pieces.
    pub rest: Option<Rest>,
}

/// A body that is not all in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// A segment, part by part as it grows; there is no `Content-Length` then, not for HEAD either.
    SegmentTail(SegmentTail),
    /// Pieces of which some lie in a file, to be read as they are sent.
    FileBody(Vec<MediaBytes>),
}

/// How long shared caches keep an answer (rfc8216bis appendix B.1), in halves of a target duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// A playlist that was not waited for.
    Plain = 1,
    /// An error that was not waited for.
    Error = 2,
    /// An error of a request that waits.
    BlockingError = 8,
    /// A playlist that was asked for by number: it says the same for ever, and is of no use to a player later.
    Blocking = 12,
}

impl Lifetime {
    /// In whole seconds, cut.
    pub(super) fn seconds(self, config: &WindowConfig) -> u64 {
        u64::from(config.target_duration_s) * self as u64 / 2
    }
}

impl Reply {
    fn new(status: u16, body: Vec<Bytes>) -> Reply {
        Reply { status, headers: vec![("content-length", length(&body).to_string())], body, rest: None }
    }

    /// With bytes of the stream, which need not be in memory.
    fn of_media(status: u16, pieces: Vec<MediaBytes>) -> Reply {
        if let Some(body) = pieces.iter().map(|piece| piece.memory().cloned()).collect() {
            return Reply::new(status, body);
        }
        let headers = vec![("content-length", media_length(&pieces).to_string())];
        Reply { status, headers, body: Vec::new(), rest: Some(Rest::FileBody(pieces)) }
    }

    /// Piece by piece, as there is room to send it, though all of it may be in memory.
    fn streamed(mut self) -> Reply {
        if !self.body.is_empty() {
            self.rest = Some(Rest::FileBody(self.body.drain(..).map(MediaBytes::from).collect()));
        }
        self
    }

    /// The client has it.
    pub(super) fn not_modified() -> Reply {
        let mut reply = Reply::new(304, Vec::new());
        // RFC 9110 §8.6: the length of a 304 would be that of the 200.
        reply.headers.retain(|(name, _)| *name != "content-length");
        reply
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// For so long in a shared cache alone (RFC 9111 §5.2.2.10), where it spares us the same request of many viewers. A browser asks again:
    /// its player would get an old playlist, or no part that has come meanwhile (video.js fell 12 s behind so).
    fn cached(self, seconds: u64) -> Reply {
        self.with("cache-control", format!("max-age=0, s-maxage={seconds}"))
    }

    pub(super) fn error(status: u16, why: &'static str, lifetime_s: u64) -> Reply {
        let reply = Reply::new(status, vec![Bytes::from_static(why.as_bytes()), Bytes::from_static(b"\n")])
            .with("content-type", "text/plain; charset=utf-8")
            .cached(lifetime_s);
        if status == 405 { reply.with("allow", "GET,HEAD") } else { reply }
    }

    /// No segment came in [`FIRST_SEGMENT_WAIT`](super::FIRST_SEGMENT_WAIT): ask again in a second, and no cache in between.
    pub(super) fn not_ready() -> Reply {
        Reply::later("the stream has no segment yet")
    }

    /// [`WAITERS_MAX`](crate::window::WAITERS_MAX) requests wait already; with the next part there is room again.
    pub(crate) fn crowded() -> Reply {
        Reply::later("too many requests wait for the stream already")
    }

    pub(in crate::server) fn later(why: &'static str) -> Reply {
        let mut reply = Reply::error(503, why, 0).with("retry-after", "1");
        reply.headers.retain(|(name, _)| *name != "cache-control");
        reply.with("cache-control", "no-store")
    }

    /// What was waited for did not come in time ([`Awaited::patience`]).
    pub fn too_late(awaited: Awaited, config: &WindowConfig) -> Reply {
        let lifetime = match awaited {
            Awaited::FirstSegment => return Reply::not_ready(),
            Awaited::Playlist => Lifetime::BlockingError,
            Awaited::Part => Lifetime::Error,
        };
        Reply::error(503, "the stream stands still", lifetime.seconds(config)).with("retry-after", "1")
    }

    /// As it is written for the method of the request.
    pub(super) fn for_method(mut self, request: &Request) -> Reply {
        if request.method == Method::Head {
            self.body.clear();
            self.rest = self.rest.filter(|rest| matches!(rest, Rest::SegmentTail(_)));
        }
        self
    }
}

fn media_length(pieces: &[MediaBytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

fn length(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// The media type of a playlist.
pub(super) fn page_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Multivariant | Kind::Video(_) | Kind::IFrames(_) => PLAYLIST_TYPE,
        Kind::Manifest | Kind::Former(_) => MANIFEST_TYPE,
    }
}

/// What a request found in the window, of which the answer is made when its lock is free again.
#[derive(Debug)]
pub(super) enum Found {
    /// It waits.
    Await(Awaited),
    /// An error: status, reason, and for how many seconds it may be kept.
    Refused(u16, &'static str, u64),
    /// A playlist of this version or a later one, and for how many seconds it may be kept.
    Page(Kind, u64, u64),
    /// Bytes of a type that never change.
    Media(&'static str, Vec<MediaBytes>, Kept),
    /// A segment that grows.
    Growing(&'static str, Msn, Kept),
}

impl Found {
    /// Makes the answer: here playlists are written and compressed, once for all who ask, and headers written.
    pub(super) fn resolve(self, request: &Request, write: impl FnOnce(Kind, u64) -> Option<Arc<RenderedPlaylist>>) -> Resolution {
        Resolution::Ready(match self {
            Found::Await(awaited) => return Resolution::Await(awaited),
            Found::Refused(status, why, lifetime_s) => Reply::error(status, why, lifetime_s).for_method(request),
            Found::Page(kind, version, lifetime_s) => match write(kind, version) {
                Some(found) => page(request, &found, page_type(kind), lifetime_s),
                None => return Resolution::Await(Awaited::FirstSegment),
            },
            Found::Media(kind, pieces, keep) => media(request, kind, &pieces, keep),
            Found::Growing(kind, msn, keep) => growing(request, kind, msn, keep),
        })
    }
}

/// How long something is there from now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    wall: WallTime,
    lifetime: Span,
    /// For how many seconds an error about it may be kept.
    error_s: u64,
}

impl Kept {
    pub(super) fn new(state: &State, lifetime: Span) -> Kept {
        Kept { wall: state.wall, lifetime, error_s: Lifetime::Error.seconds(&state.config) }
    }

    /// For what is not in the window.
    pub(super) fn until(wall: WallTime, lifetime: Span) -> Kept {
        Kept { wall, lifetime, error_s: 0 }
    }

    fn add_to(self, reply: Reply) -> Reply {
        let seconds = (self.lifetime.0 / TICKS_PER_S).max(0);
        reply
            .with("cache-control", format!("max-age={seconds}, immutable"))
            .with("expires", http_date(self.wall + Span(seconds * TICKS_PER_S)))
    }
}

/// A playlist.
pub(super) fn page(request: &Request, page: &RenderedPlaylist, kind: &'static str, lifetime_s: u64) -> Reply {
    let coding = negotiation::coding(request.accept_encoding.as_deref());
    let tag = entity_tag(page.tag(), coding);
    let mut reply = if is_known(request.if_none_match.as_deref(), &tag) {
        Reply::not_modified()
    } else {
        match coding {
            ContentCoding::Gzip => Reply::new(200, page.gzip().to_vec()).with("content-encoding", "gzip"),
            ContentCoding::Identity => Reply::new(200, page.plain()),
        }
        .with("content-type", kind)
    };
    reply = reply.cached(lifetime_s).with("etag", tag).with("vary", "Accept-Encoding");
    reply.for_method(request)
}

/// An init segment, a segment or a part: bytes that never change under their name, fetchable as long as `keep` says.
pub(super) fn media(request: &Request, kind: &'static str, pieces: &[MediaBytes], keep: Kept) -> Reply {
    let tag = entity_tag(&request.name, ContentCoding::Identity);
    let reply = match ranged(request, &tag, kind, pieces) {
        Ok(reply) => reply,
        Err(OutOfFile(len)) => {
            let why = "the range is not within the file";
            return Reply::error(416, why, keep.error_s).with("content-range", format!("bytes */{len}")).for_method(request);
        }
    };
    keep.add_to(reply.with("accept-ranges", "bytes")).with("etag", tag).for_method(request)
}

/// A file that was made for this request, and is asked for again by its tag.
pub(super) fn file(request: &Request, tag: &str, kind: &'static str, pieces: &[MediaBytes]) -> Reply {
    match ranged(request, tag, kind, pieces) {
        Ok(reply) => reply.streamed().with("accept-ranges", "bytes").with("cache-control", "private, no-cache").with("etag", tag),
        Err(OutOfFile(len)) => {
            Reply::error(416, "the range is not within the file", 0).with("content-range", format!("bytes */{len}"))
        }
    }
}

/// A range begins behind the end of the file, which is so long.
struct OutOfFile(u64);

/// All of a file, or the range of it that is asked for, or nothing where the client has it.
fn ranged(request: &Request, tag: &str, kind: &'static str, pieces: &[MediaBytes]) -> Result<Reply, OutOfFile> {
    let len = media_length(pieces);
    // RFC 9110 §13.2.2: If-None-Match comes before Range.
    if is_known(request.if_none_match.as_deref(), tag) {
        return Ok(Reply::not_modified());
    }
    // RFC 9110 §14.2: Range means something for GET only. §13.1.5: it is of another file when If-Range names another tag, and a date
    // is never ours; the tag is compared strongly.
    let is_of_this = request.if_range.as_deref().is_none_or(|named| named.trim() == tag);
    let range = request.range.as_deref().filter(|_| request.method == Method::Get && is_of_this);
    match range::asked(range, len) {
        range::RequestedRange::Whole => Ok(Reply::of_media(200, pieces.to_vec()).with("content-type", kind)),
        range::RequestedRange::Bytes(first, last) => Ok(Reply::of_media(206, range::slice(pieces, first, last))
            .with("content-type", kind)
            .with("content-range", format!("bytes {first}-{last}/{len}"))),
        range::RequestedRange::Nothing => Err(OutOfFile(len)),
    }
}

/// A growing segment: part by part as it grows. Its length is not known, so neither `Range` nor `If-None-Match` can be judged, and both
/// are left unread, as RFC 9110 §14.2 and §13.1 allow. What is sent in the end never changes, so it is cached as the whole one is.
fn growing(request: &Request, kind: &'static str, msn: Msn, keep: Kept) -> Reply {
    let mut reply = Reply::new(200, Vec::new()).with("content-type", kind);
    reply.headers.retain(|(name, _)| *name != "content-length");
    reply.rest = Some(Rest::SegmentTail(SegmentTail { msn, next: 0 }));
    keep.add_to(reply).for_method(request)
}

/// RFC 9110 §5.6.7.
fn http_date(at: WallTime) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::MAX);
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at);
    // A year of five digits has no HTTP date; "0" means expired (RFC 9111 §5.3).
    text.unwrap_or_else(|_| "0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them() {
        assert_eq!(http_date(WallTime(1_795_191_552_123_999)), "Fri, 20 Nov 2026 16:19:12 GMT");
    }
}
