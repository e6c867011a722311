//! `GET /cam/archive.m3u8` and `archive-iframes.m3u8`: playlists of any time that is kept ([`crate::playlist::archive`]); and the segments that only
//! they list, from the disk.

use super::{
    Method, Reply, Request,
    reply::{self, Kept},
};
use crate::{
    archive::{HistoryError, catalog::Catalog},
    camera::Camera,
    package::media_bytes::MediaBytes,
    playlist::{
        Kind, RenderedPlaylist,
        archive::{self, Entries},
        name::Name,
    },
    server::http::{query, reply::plain},
    time::Span,
    window::footage::TimeRange,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking};

/// The playlist of segments.
const SEGMENTS: &str = "archive.m3u8";
/// The playlist of key frames.
const KEY_FRAMES: &str = "archive-iframes.m3u8";
/// Playlists and segments of it that are looked for on the disk at a time; a disk that hangs holds a thread for each.
pub(in crate::server) const LOOKS_AT_ONCE: usize = 8;
/// A request waits so long for one of them to end.
pub(super) const LOOK_WAIT: Duration = Duration::from_secs(5);
/// The longest time of a playlist: of segments of 1 s, 3 MB of text.
const SPAN_MAX: Span = Span::from_ms(6 * 3_600_000);
/// What stays on the disk is deleted by its age and for room, which nobody knows beforehand.
const MEDIA_KEPT: Span = Span::from_ms(600_000);
/// The same, in seconds, of a playlist of a time that is over.
const PLAYLIST_KEPT_S: u64 = 60;
/// Of one to which segments are added.
const GROWING_KEPT_S: u64 = 1;

/// What a name of a playlist lists; none for other names.
pub(super) fn entries(name: &str) -> Option<Entries> {
    match name {
        SEGMENTS => Some(Entries::Segments),
        KEY_FRAMES => Some(Entries::KeyFrames),
        _ => None,
    }
}

/// Answers a request for a playlist.
pub(super) async fn playlist(camera: Arc<Camera>, request: Request, entries: Entries, turn: OwnedSemaphorePermit) -> Reply {
    if request.method == Method::Other {
        return Reply::error(405, "only GET and HEAD are answered here", 0);
    }
    let time = match asked(&request.query) {
        Ok(time) => time,
        Err(why) => return plain(400, why + "\n"),
    };
    // Text of megabytes is written and compressed where nothing else waits for it.
    let made = spawn_blocking(move || {
        let _turn = turn;
        let (page, is_over) = listed(&camera, time, entries)?;
        let kept_s = if is_over { PLAYLIST_KEPT_S } else { GROWING_KEPT_S };
        Ok(reply::page(&request, &page, reply::page_type(Kind::Multivariant), kept_s))
    });
    match made.await {
        Ok(Ok(reply)) => reply,
        Ok(Err((status, why))) => plain(status, why + "\n"),
        Err(_) => plain(500, "the playlist could not be made: a bug, which is in the log\n"),
    }
}

/// The playlist, and whether no more will be of its time.
fn listed(camera: &Camera, time: TimeRange, entries: Entries) -> Result<(RenderedPlaylist, bool), (u16, String)> {
    let footage = camera.footage(time).map_err(|error| (503, error.to_string()))?;
    let Some(kept) = footage.kept else { return Err((404, "there is no footage yet".to_owned())) };
    if footage.segments.is_empty() {
        let TimeRange { from, to } = kept;
        return Err((404, format!("there is no footage of that time; there is some from {from} to {to}")));
    }
    // A segment that has begun before its end is of it, too.
    let is_over = footage.has_ended || (footage.growing.is_none() && kept.to >= time.to);
    Ok((archive::render(&footage, entries, is_over), is_over))
}

/// What a query means: `from`, and `to` if it is not as much later as a playlist may be long.
fn asked(query: &str) -> Result<TimeRange, String> {
    let (mut from, mut to) = (None, None);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let slot = match &*key {
            "from" => &mut from,
            "to" => &mut to,
            _ => return Err(format!("unknown field `{key}`; this playlist takes from and to")),
        };
        *slot = Some(query::time(&key, &value)?);
    }
    let from = from.ok_or("this playlist takes from and to: send ?from=2026-11-20T16:19:12Z")?;
    let to = to.unwrap_or(from + SPAN_MAX);
    match to.since(from) {
        span if span <= Span::ZERO => Err("to is not after from".to_owned()),
        span if span > SPAN_MAX => Err("a playlist is 6 h long at most; ask for several".to_owned()),
        _ => Ok(TimeRange { from, to }),
    }
}

/// Whether a name is that of bytes which may lie on the disk alone.
pub(super) fn is_media(name: &str) -> bool {
    matches!(Name::parse(name), Some((Name::Init(_) | Name::Segment(_), _)))
}

/// Answers a request for what the window does not have: by `otherwise`, if the disk has not, either.
pub(super) async fn media(camera: Arc<Camera>, request: Request, otherwise: Reply, turn: OwnedSemaphorePermit) -> Reply {
    let Some(catalog) = camera.catalog.clone() else { return otherwise };
    let name = request.name.clone();
    let found = spawn_blocking(move || {
        let _turn = turn;
        bytes(&catalog, &name)
    });
    match found.await {
        Ok(Ok(Some((kind, data)))) => reply::media(&request, kind, &[data], Kept::until(camera.clock.wall(), MEDIA_KEPT)),
        Ok(Ok(None)) => otherwise,
        Ok(Err(error)) => plain(503, format!("{error}\n")),
        Err(_) => plain(500, "the segment could not be read: a bug, which is in the log\n"),
    }
}

fn bytes(catalog: &Catalog, name: &str) -> Result<Option<(&'static str, MediaBytes)>, HistoryError> {
    Ok(match Name::parse(name) {
        Some((Name::Init(id), Some(run))) => catalog.init(run, id)?.map(|data| ("video/mp4", data)),
        Some((Name::Segment(msn), Some(run))) => catalog.segment(run, msn)?.map(|data| (super::SEGMENT_TYPE, data)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    #[test]
    fn a_query_is_a_time_of_six_hours_at_most() {
        let at = |s: i64| WallTime::from_unix_ms(s * 1000);
        assert_eq!(asked("from=1000&to=1060"), Ok(TimeRange { from: at(1000), to: at(1060) }));
        assert_eq!(asked("from=1970-01-01T00:16:40Z"), Ok(TimeRange { from: at(1000), to: at(1000 + 6 * 3600) }));
        for (query, why) in [
            ("", "this playlist takes from and to"),
            ("to=5", "this playlist takes from and to"),
            ("from=2&to=2", "to is not after from"),
            ("from=2&to=1", "to is not after from"),
            ("from=0&to=21601", "a playlist is 6 h long at most"),
            ("from=noon", "from is no time"),
            ("from=1&last=3", "unknown field `last`"),
        ] {
            assert!(asked(query).is_err_and(|said| said.starts_with(why)), "{query}: {:?}", asked(query));
        }
    }
}
