//! What the origin answers: [`resolve`] is a pure function of the request and of the window's state, so that every rule of blocking
//! reload, delta updates and availability is a line of a table in its tests. No socket, no clock. [`respond`] adds the waiting.
//!
//! The server decodes a request into a [`Request`], calls [`respond`], and writes the [`Reply`] as it stands.

pub(super) mod archive;
pub(super) mod clip;
mod directives;
pub(super) mod handler;
pub(super) mod mjpeg;
mod range;
mod reply;
pub(super) mod snapshot;
mod tail;
#[cfg(test)]
mod tests;
mod thumbs;
pub(super) mod wake;

pub use reply::{Reply, Rest};
pub use tail::{SegmentTail, Stalled, TailReader};

use crate::{
    package::{Msn, media_bytes::MediaBytes},
    playlist::{Extent, Kind, Playlists, RenderedPlaylist, dash::presentation::Presentation, name::Name, texts::Texts},
    time::{Span, TICKS_PER_S},
    window::{WindowConfig, state::State},
};
use directives::{Directives, QUERY_MAX, Wait};
use reply::{Found, Kept, Lifetime};
use std::sync::Arc;

/// ISO/IEC 23009-1 annex C; segments and parts.
const SEGMENT_TYPE: &str = "video/iso.segment";
/// How far past the segment of the next part one is waited for: about as many come while a request is held. That is for a machine so busy
/// that pictures come out of the encoder whole segments late; players take a 404 for an error.
const SEGMENTS_AHEAD_MAX: u64 = 2;

/// A first segment is waited for this long: FFmpeg's readers give up on a 503, and a camera that takes longer to give a picture has a fault.
pub const FIRST_SEGMENT_WAIT: Span = Span::from_ms(10_000);

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
    /// The value of `If-Range`.
    pub if_range: Option<String>,
    /// The value of `Accept-Encoding`.
    pub accept_encoding: Option<String>,
}

/// What a request comes to in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The answer.
    Ready(Reply),
    /// What is asked for is not there yet: ask again at the next version of the window, or give up with [`Reply::too_late`].
    Await(Awaited),
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A playlist with a certain segment or part.
    Playlist,
    /// The hinted part, or the first part of a segment.
    Part,
    /// Any playlist at all: the first segment is being made, at the beginning or since the camera was opened for this request.
    FirstSegment,
}

impl Awaited {
    /// How long it is waited for: 3 target durations of a stream that goes on (§6.2.5.2).
    pub fn patience(self, config: &WindowConfig) -> Span {
        match self {
            Awaited::Playlist | Awaited::Part => config.target_duration() * 3,
            Awaited::FirstSegment => FIRST_SEGMENT_WAIT,
        }
    }
}

/// Answers a request, after waiting if it asks for what is not there yet: until it is, until the stream ends, or until patience ends.
/// Dropping the future frees the waiter.
pub async fn respond(playlists: &Playlists, request: Request) -> Reply {
    let window = playlists.window();
    let mut versions = window.versions();
    let deadline = tokio::time::sleep(std::time::Duration::ZERO);
    tokio::pin!(deadline);
    let (mut permit, mut waits_for) = (None, None);
    loop {
        let awaited = match look(playlists, &request) {
            Resolution::Ready(reply) => return reply,
            Resolution::Await(awaited) => awaited,
        };
        permit = permit.or_else(|| window.waiter_permit());
        if permit.is_none() {
            return Reply::crowded().for_method(&request);
        }
        if waits_for.replace(awaited) != Some(awaited) {
            let patience = awaited.patience(window.config()).to_duration();
            deadline.as_mut().reset(tokio::time::Instant::now() + patience);
        }
        tokio::select! {
            // The window outlives this borrow of it, so its sender is there.
            _ = versions.changed() => {}
            () = &mut deadline => return Reply::too_late(awaited, window.config()).for_method(&request),
        }
    }
}

/// What a request comes to now. The window is locked for a look at it, and no text is written meanwhile.
pub(super) fn look(playlists: &Playlists, request: &Request) -> Resolution {
    let found = playlists.window().read(|state| find(request, state));
    found.resolve(request, |kind, version| playlists.page(kind, version))
}

/// What a request comes to in a state. Pure, and total: any text gives an answer.
pub fn resolve(request: &Request, state: &State) -> Resolution {
    find(request, state).resolve(request, |kind, _| page_of(state, kind))
}

/// A playlist of a state, written for this one request.
fn page_of(state: &State, kind: Kind) -> Option<Arc<RenderedPlaylist>> {
    let mut texts = Texts::default();
    texts.follow(state.snapshot(texts.next()));
    texts.page(kind)
}

/// What a request finds in a state: all that needs the window's lock.
fn find(request: &Request, state: &State) -> Found {
    let error = |status, why| Found::Refused(status, why, Lifetime::Error.seconds(&state.config));
    if request.method == Method::Other {
        return error(405, "only GET and HEAD are answered here");
    }
    if request.query.len() > QUERY_MAX {
        return error(414, "the query is too long");
    }
    match Name::parse(&request.name).filter(|(name, run)| run.is_none_or(|run| run == run_of(state, *name))).map(|(name, _)| name) {
        Some(Name::Multivariant) => page(state, Kind::Multivariant, Lifetime::Plain),
        Some(Name::Manifest) => {
            let former = Presentation::former(state.timeline(), &request.query);
            page(state, former.map_or(Kind::Manifest, Kind::Former), Lifetime::Plain)
        }
        Some(Name::Video) => playlist(request, state, Kind::Video),
        Some(Name::IFrames) => playlist(request, state, Kind::IFrames),
        Some(Name::Init(id)) => match state.init(id) {
            Some(init) => Found::Media("video/mp4", vec![init.data.clone()], Kept::new(state, state.config.span)),
            None => error(404, "no such init segment"),
        },
        Some(Name::Segment(msn)) => segment(state, msn),
        Some(Name::Part(msn, index)) => part(state, msn, index),
        None => error(404, "no such file"),
    }
}

/// The run in whose names a media file is, or will be.
fn run_of(state: &State, name: Name) -> &str {
    let known = match name {
        Name::Init(id) => state.init(id).map(|init| &init.run),
        Name::Segment(msn) | Name::Part(msn, _) => state.segment(msn).map(|segment| &segment.run),
        Name::Multivariant | Name::Video | Name::IFrames | Name::Manifest => None,
    };
    known.unwrap_or(&state.config.run)
}

/// A whole segment; the growing one as it grows, for DASH; and those that come next, which are waited for: a DASH client counts by
/// the clock of the camera, and encoding takes a while. HLS lists none of the latter two.
fn segment(state: &State, msn: Msn) -> Found {
    if let Some(segment) = state.segment(msn) {
        let pieces: Vec<MediaBytes> = segment.parts.iter().map(|part| part.data.clone()).collect();
        if pieces.iter().all(|piece| matches!(piece, MediaBytes::Lost(_))) {
            return Found::Refused(404, "this segment could not be kept", Lifetime::Error.seconds(&state.config));
        }
        return Found::Media(SEGMENT_TYPE, pieces, Kept::new(state, state.lifetime(segment)));
    }
    let is_near = |(next, _): (Msn, u32)| (next.0..=next.0 + SEGMENTS_AHEAD_MAX).contains(&msn.0);
    match state.growing() {
        Some(growing) if growing.start.msn == msn => Found::Growing(SEGMENT_TYPE, msn, Kept::new(state, state.lifetime(growing))),
        _ if state.next_part().is_some_and(is_near) => Found::Await(Awaited::Part),
        _ => Found::Refused(404, "no such segment", Lifetime::Error.seconds(&state.config)),
    }
}

fn part(state: &State, msn: Msn, index: u32) -> Found {
    if let Some((segment, part)) = state.find_part(msn, index) {
        return Found::Media(SEGMENT_TYPE, vec![part.data.clone()], Kept::new(state, state.lifetime(segment)));
    }
    // §6.2.6: a hinted part is held back until all of it can be sent; what is not hinted is not found.
    if state.next_part() == Some((msn, index)) {
        return Found::Await(Awaited::Part);
    }
    Found::Refused(404, "no such part", Lifetime::Error.seconds(&state.config))
}

fn playlist(request: &Request, state: &State, kind: fn(Extent) -> Kind) -> Found {
    let lifetime = Lifetime::BlockingError.seconds(&state.config);
    let Directives { wait, extent } = match directives::parse(&request.query) {
        Ok(directives) => directives,
        Err(bad) => return Found::Refused(400, bad.0, lifetime),
    };
    // §6.2.5.2: ignored at the end of the stream. Before the first segment nobody can know what to wait for.
    let live = !state.ended && state.last().is_some();
    let wait = if live { wait } else { Wait::No };
    match reached(state, kind(extent), wait) {
        Progress::Reached => page(state, kind(extent), if wait == Wait::No { Lifetime::Plain } else { Lifetime::Blocking }),
        Progress::Ahead => Found::Await(Awaited::Playlist),
        Progress::TooFar => Found::Refused(400, "that is too far ahead of the playlist", lifetime),
    }
}

/// How a playlist stands to what a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Reached,
    Ahead,
    TooFar,
}

fn reached(state: &State, kind: Kind, wait: Wait) -> Progress {
    let last = match kind {
        Kind::IFrames(_) => state.key_frames_so_far(),
        Kind::Video(_) | Kind::Multivariant | Kind::Manifest | Kind::Former(_) => {
            state.last().map_or(0, |segment| segment.start.msn.0)
        }
    };
    let wait = match (kind, wait) {
        // The I-frame playlist has no parts; Apple's validator asks it for them all the same, and wants an answer.
        (Kind::IFrames(_), Wait::Part(msn, _)) => Wait::Segment(msn),
        _ => wait,
    };
    match wait {
        Wait::No => Progress::Reached,
        Wait::Segment(msn) | Wait::Part(msn, _) if msn > last.saturating_add(2) => Progress::TooFar,
        Wait::Segment(msn) if msn <= last => Progress::Reached,
        Wait::Segment(_) => Progress::Ahead,
        Wait::Part(msn, part) => part_reached(state, last, msn, part),
    }
}

fn part_reached(state: &State, last: u64, msn: u64, part: u64) -> Progress {
    let growing = state.growing().map_or(0, |open| open.parts.len() as u64);
    if msn < last {
        return Progress::Reached;
    }
    if msn == last {
        // A part past the end of a whole segment is part 0 of the next.
        let parts = state.last().map_or(0, |segment| segment.parts.len() as u64);
        return if part < parts || growing > 0 { Progress::Reached } else { Progress::Ahead };
    }
    let listed = if msn == last + 1 { growing } else { 0 };
    if part < listed {
        Progress::Reached
    } else if part >= listed.saturating_add(advance_part_limit(state)) {
        Progress::TooFar
    } else {
        Progress::Ahead
    }
}

/// §6.2.5.2: how many parts a request may be ahead of the last one listed.
fn advance_part_limit(state: &State) -> u64 {
    let target = state.config.part_target.max(Span(1));
    if target.0 < TICKS_PER_S { (3 * TICKS_PER_S / target.0) as u64 } else { 3 }
}

fn page(state: &State, kind: Kind, lifetime: Lifetime) -> Found {
    match state.last().filter(|_| !state.is_stale()) {
        Some(_) => Found::Page(kind, state.version, lifetime.seconds(&state.config)),
        None if state.ended => {
            Found::Refused(404, "the stream has ended without a segment", Lifetime::Error.seconds(&state.config))
        }
        None => Found::Await(Awaited::FirstSegment),
    }
}
