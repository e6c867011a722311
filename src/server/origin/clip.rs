//! `GET /cam/clip.mp4`: any stretch of the window as a file ([`crate::clip`]).

use super::{Method, Reply, Request, reply};
use crate::{
    camera::Camera,
    clip::{
        self, Clip, ClipError,
        timelapse::{SPEED_MAX, SPEED_MIN, timelapse},
    },
    package::media_bytes::MediaBytes,
    server::http::{query, reply::plain},
    time::{Span, WallTime},
    window::footage::TimeRange,
};
use std::{collections::BTreeSet, io::ErrorKind, sync::Arc};
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking};

/// The name of the file, below `/<stream>/`.
pub(in crate::server) const NAME: &str = "clip.mp4";
/// Clips that are made and sent at a time. What a clip has not sent yet of what is in memory it keeps, though it may have left the
/// window; and to make one is work for a disk.
pub(in crate::server) const CLIPS_AT_ONCE: usize = 4;

/// Says in an answer of which times there is no footage.
pub const HOLES: &str = "hlscam-holes";
/// So many holes are told; a link that falters must not make a header that proxies refuse.
const HOLES_TOLD_MAX: usize = 32;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    time: AskedTime,
    /// As a time-lapse, so many times as fast.
    speed: Option<u32>,
}

/// Of when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AskedTime {
    Range(TimeRange),
    /// The newest footage of that length.
    Last(Span),
}

/// Makes the answer. What is read of the disk before its first byte is the heads of the fragments; their frames are read as they are sent.
pub(super) async fn answer(
    camera: Arc<Camera>,
    request: Request,
    file_name: Option<String>,
    turn: OwnedSemaphorePermit,
) -> (Reply, Option<OwnedSemaphorePermit>) {
    if request.method == Method::Other {
        return (Reply::error(405, "only GET and HEAD are answered here", 0), None);
    }
    let asked = match asked(&request.query) {
        Ok(asked) => asked,
        Err(why) => return (plain(400, why + "\n"), None),
    };
    let camera_name = camera.name.clone();
    // A client that leaves meanwhile does not make room: the work goes on.
    let made = spawn_blocking(move || (cut(&camera, asked), turn)).await;
    let (reply, turn) = match made {
        Ok((Ok(clip), turn)) => {
            let file_name = file_name.unwrap_or_else(|| format!("{camera_name}_{}.mp4", clip.begin.to_file_name()));
            let file = reply::file(&request, &tag(&clip.pieces), "video/mp4", &clip.pieces);
            let file = file.with("content-disposition", format!("attachment; filename=\"{file_name}\""));
            let file = if clip.holes.is_empty() { file } else { file.with(HOLES, told(&clip.holes)) };
            (file, Some(turn))
        }
        Ok((Err((status, why)), _)) => (plain(status, why + "\n"), None),
        Err(_) => (plain(500, "the clip could not be made: a bug, which is in the log\n"), None),
    };
    (reply.for_method(&request), turn)
}

/// Cuts it; an error is a status and a sentence.
fn cut(camera: &Camera, asked: Asked) -> Result<Clip, (u16, String)> {
    let time = match asked.time {
        AskedTime::Range(time) => time,
        AskedTime::Last(span) => {
            let to = camera.window.newest_wall().unwrap_or(WallTime(0));
            TimeRange { from: to + Span(-span.0), to }
        }
    };
    let look = |time| camera.footage(time).map_err(|error| NoClip(503, error.to_string()));
    let made = match asked.speed {
        None => look(time).and_then(|footage| Ok(clip::cut(&footage, time)?)),
        Some(speed) => timelapse((time, speed), look),
    };
    made.map_err(|NoClip(status, why)| (status, why))
}

/// Why there is none: a status and a sentence.
struct NoClip(u16, String);

impl From<ClipError> for NoClip {
    fn from(error: ClipError) -> NoClip {
        NoClip(status(&error), error.to_string())
    }
}

/// Holes as a header tells them.
fn told(holes: &[TimeRange]) -> String {
    let told = holes.iter().take(HOLES_TOLD_MAX).map(|hole| format!("{}/{}", hole.from, hole.to));
    let more = holes.len().checked_sub(HOLES_TOLD_MAX).filter(|more| *more > 0).map(|more| format!("{more} more"));
    told.chain(more).collect::<Vec<_>>().join(", ")
}

fn status(error: &ClipError) -> u16 {
    match error {
        ClipError::Nothing { .. } | ClipError::Empty => 404,
        ClipError::TooLong | ClipError::TooLongShown => 400,
        ClipError::FormatChanges(_) => 409,
        // Its file was deleted meanwhile.
        ClipError::Unreadable(error) if error.kind() == ErrorKind::NotFound => 404,
        ClipError::Unreadable(_) | ClipError::Cmaf(_) => 500,
    }
}

/// The index of a clip has the sizes of all its frames, and the date of the first.
fn tag(pieces: &[MediaBytes]) -> String {
    let len: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
    let index = pieces.first().and_then(MediaBytes::memory).map_or(0, |head| crc32fast::hash(head));
    format!("\"{index:08x}-{len}\"")
}

/// What a query means: `from` and `to`, or `last` in seconds; and `speed`.
fn asked(query: &str) -> Result<Asked, String> {
    let (mut from, mut to, mut last, mut speed) = (None, None, None, None);
    let mut seen = BTreeSet::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if !seen.insert(key.clone()) {
            return Err(format!("duplicate field `{key}`"));
        }
        let slot = match &*key {
            "from" => &mut from,
            "to" => &mut to,
            "last" => {
                let seconds = value.parse::<f64>().ok().filter(|seconds| (0.0..=clip::SPAN_MAX.as_s()).contains(seconds));
                let span = seconds.map(|seconds| Span::from_ms((seconds * 1000.0).round() as i64));
                last = Some(span.ok_or("last is no number of seconds; send one like 30")?);
                continue;
            }
            "speed" => {
                let asked = value.parse().ok().filter(|speed| (SPEED_MIN..=SPEED_MAX).contains(speed));
                speed = Some(asked.ok_or_else(|| format!("speed is no number from {SPEED_MIN} to {SPEED_MAX}"))?);
                continue;
            }
            _ => return Err(format!("unknown field `{key}`; a clip takes from and to, or last, and speed")),
        };
        *slot = Some(query::time(&key, &value)?);
    }
    let time =
        match (from, to, last) {
            (None, None, Some(span)) => Ok(AskedTime::Last(span)),
            (Some(from), Some(to), None) if from < to => Ok(AskedTime::Range(TimeRange { from, to })),
            (Some(_), Some(_), None) => Err("to is not after from".to_owned()),
            _ => Err("a clip takes from and to, or last: send ?from=2026-11-20T16:19:12Z&to=2026-11-20T16:20:00Z, or ?last=30"
                .to_owned()),
        };
    time.map(|time| Asked { time, speed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_a_stretch_or_the_newest_seconds() {
        let at = |ms| WallTime::from_unix_ms(ms);
        let plain = |time| Ok(Asked { time, speed: None });
        let time = AskedTime::Range(TimeRange { from: at(1_795_191_552_000), to: at(1_795_191_560_500) });
        assert_eq!(asked("from=2026-11-20T16:19:12Z&to=1795191560.5"), plain(time));
        assert_eq!(asked("from=2026-11-20T17:19:12+01:00&to=2026-11-20T16:19:20.500Z"), plain(time));
        assert_eq!(asked("last=30"), plain(AskedTime::Last(Span::from_ms(30_000))));
        let fast = Asked { time: AskedTime::Last(Span::from_ms(60_000)), speed: Some(60) };
        assert_eq!(asked("speed=60&last=60"), Ok(fast));
        for (query, why) in [
            ("", "a clip takes from and to, or last"),
            ("from=1", "a clip takes from and to, or last"),
            ("from=1&to=2&last=3", "a clip takes from and to, or last"),
            ("from=2&to=1", "to is not after from"),
            ("from=1&to=1", "to is not after from"),
            ("from=yesterday&to=2", "from is no time"),
            ("last=-1", "last is no number of seconds"),
            ("last=1e9", "last is no number of seconds"),
            ("last=NaN", "last is no number of seconds"),
            ("last=3&speed=1", "speed is no number from 2 to 100000"),
            ("last=3&speed=fast", "speed is no number"),
            ("speed=60", "a clip takes from and to, or last"),
            ("until=3", "unknown field `until`"),
            ("from=1&to=2&from=0", "duplicate field `from`"),
        ] {
            assert!(asked(query).is_err_and(|said| said.starts_with(why)), "{query}: {:?}", asked(query));
        }
    }
}
