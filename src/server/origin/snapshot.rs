//! `GET /cam/snapshot.jpg` and `GET /cam/thumb.jpg`: the picture of a moment ([`crate::snapshot`]).

use super::{Method, Reply, Request, thumbs::Thumbs, wake};
use crate::{
    bus::{Capacity, Policy, QueueConfig},
    camera::Camera,
    encode::jpeg::{self, JpegEncoder, WIDTH_MAX, WIDTH_MIN},
    picture::Picture,
    server::http::{
        negotiation::is_known,
        query,
        reply::{later, plain},
    },
    snapshot::{self, Accuracy, Found, Moment, SnapshotError},
    sync::lock,
    time::{Span, WallTime},
};
use bytes::Bytes;
use std::{
    io::ErrorKind,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

/// The name of the picture, below `/<stream>/`.
pub(super) const NAME: &str = "snapshot.jpg";
/// The name of the small one.
pub(super) const THUMB_NAME: &str = "thumb.jpg";
/// Pictures that are made at a time: each takes a core for up to a second of footage, and the encoder needs its own.
const MADE_AT_ONCE: usize = 2;
/// Requests for pictures that wait for their turn: a timeline full of thumbnails, for several viewers.
pub(in crate::server) const WAITING_MAX: usize = 64;
/// Width of a small picture: that of a thumbnail on a timeline.
const THUMB_WIDTH: u32 = 160;
/// For how long a client may keep the picture of a moment that is past. It never changes; but it may be deleted here.
const PAST_MAX_AGE_S: u32 = 3600;
/// How long the next picture is waited for: several frames of a slow camera. While nothing moves none may come; then the newest is decoded.
const NEXT_WAIT: Span = Span::from_ms(250);
/// A request waits so long for one of those that are being made.
const TURN_WAIT: Duration = Duration::from_secs(5);
/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_S: u32 = 1;

/// What all requests for pictures share.
#[derive(Debug)]
pub(in crate::server) struct Pictures {
    waiting: Arc<Semaphore>,
    making: Arc<Semaphore>,
    thumbs: Arc<Mutex<Thumbs>>,
}

impl Default for Pictures {
    fn default() -> Pictures {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Pictures { waiting: semaphore(WAITING_MAX), making: semaphore(MADE_AT_ONCE), thumbs: Arc::default() }
    }
}

/// A place among those for whom pictures are made. It is given back when the picture is there, also where nobody waits for it any more.
type Turn = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Pictures {
    /// Waits for a turn; `None` if too many do, or those before it wait for a disk that hangs.
    async fn turn(&self) -> Option<Turn> {
        let waiting = self.waiting.clone().try_acquire_owned().ok()?;
        Some((waiting, timeout(TURN_WAIT, self.making.clone().acquire_owned()).await.ok()?.ok()?))
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    moment: Moment,
    /// `None` for its own.
    width: Option<u32>,
    accuracy: Accuracy,
}

/// A picture that was made.
struct Made {
    jpeg: Bytes,
    at: WallTime,
    /// The tag of one that never changes.
    tag: Option<String>,
}

/// What comes of the work on a thread of its own.
enum Outcome {
    Made(Made),
    /// The client has it, by this tag.
    Known(String),
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
enum PictureError {
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The history cannot be read at the moment.
    #[error("{0}")]
    History(String),
}

/// Makes the answer.
pub(super) async fn answer(camera: Arc<Camera>, pictures: &Pictures, request: Request) -> Reply {
    if request.method == Method::Other {
        return Reply::error(405, "only GET and HEAD are answered here", 0);
    }
    let asked = match asked(&request) {
        Ok(asked) => asked,
        Err(why) => return plain(400, why + "\n"),
    };
    let is_small = asked.accuracy == Accuracy::KeyFrame;
    if (asked.moment, request.method) == (Moment::Newest, Method::Get)
        && let Err(reply) = wake::wake(&camera).await
    {
        return reply;
    }
    let absence = camera.status.stream.capture.absence();
    if let (Moment::Newest, Some(absence)) = (asked.moment, absence) {
        return later(503, format!("there is no picture now: {absence}{}\n", since(&camera)), RETRY_AFTER_S).for_method(&request);
    }
    let Some(turn) = pictures.turn().await else {
        return Reply::later("too many pictures are being made already");
    };
    let (known, thumbs) = (request.if_none_match.clone(), pictures.thumbs.clone());
    let name = camera.name.clone();
    let work = move || {
        let outcome =
            if is_small { small(&camera, asked, known.as_deref(), &thumbs) } else { full(&camera, asked, known.as_deref()) };
        // A client that leaves meanwhile does not make room: the work goes on.
        drop(turn);
        outcome
    };
    let reply = match spawn_blocking(work).await {
        Ok(Ok(Outcome::Made(made))) => picture(&made, name.as_str(), asked.moment),
        Ok(Ok(Outcome::Known(tag))) => kept(Reply::not_modified(), asked.moment).with("etag", tag),
        Ok(Err(error)) => plain(status(&error), format!("{error}\n")),
        Err(_) => plain(500, "the picture could not be made: a bug, which is in the log\n"),
    };
    reply.for_method(&request)
}

/// Since when there are no pictures.
fn since(camera: &Camera) -> String {
    let since = camera.status.stream.capture.silent_since();
    since.map_or_else(String::new, |since| format!(" (since {since}; ?at= gives one of before)"))
}

fn picture(made: &Made, camera: &str, moment: Moment) -> Reply {
    let name = format!("{camera}_{}.jpg", made.at.to_file_name());
    let headers = vec![("content-type", "image/jpeg".to_owned()), ("content-length", made.jpeg.len().to_string())];
    let reply = Reply { status: 200, headers, body: vec![made.jpeg.clone()], rest: None };
    let reply = kept(reply, moment).with("content-disposition", format!("inline; filename=\"{name}\""));
    match &made.tag {
        Some(tag) => reply.with("etag", tag.clone()),
        None => reply,
    }
}

/// Says how long a client may keep it. No shared cache does, for what is deleted here must not be shown from there.
fn kept(reply: Reply, moment: Moment) -> Reply {
    match moment {
        Moment::Newest => reply.with("cache-control", "no-store"),
        Moment::At(_) => reply.with("cache-control", format!("private, max-age={PAST_MAX_AGE_S}")),
    }
}

/// The tag of a picture in a width; `None` for one that another takes the place of.
fn tag(found: &Found, asked: Asked) -> Option<String> {
    let width = asked.width.map_or_else(String::new, |width| format!("-w{width}"));
    matches!(asked.moment, Moment::At(_)).then(|| format!("\"{}{width}\"", found.name))
}

fn find(camera: &Camera, asked: Asked) -> Result<Found, PictureError> {
    let newest = camera.window.newest_wall().unwrap_or(WallTime(0));
    let footage = |range| camera.footage(range).map_err(|error| PictureError::History(error.to_string()));
    let find = |moment: Moment| Ok(snapshot::find(&footage(moment.time(newest))?, moment, asked.accuracy)?);
    match (find(asked.moment), asked) {
        // A recording may begin in a hole: its small picture is the first that it has.
        (
            Err(PictureError::Snapshot(error @ SnapshotError::Hole { .. })),
            Asked { moment: Moment::At(at), accuracy: Accuracy::KeyFrame, .. },
        ) => {
            let first = snapshot::first_after(&footage(snapshot::soon_after(at))?).ok_or(error)?;
            find(Moment::At(first))
        }
        (found, _) => found,
    }
}

/// A picture in full accuracy: the next one of the stream, or one out of the window.
fn full(camera: &Camera, asked: Asked, known: Option<&str>) -> Result<Outcome, PictureError> {
    if let (Moment::Newest, Some(picture)) = (asked.moment, next_picture(camera)) {
        let at = camera.clock.wall() + picture.at.since(camera.clock.now());
        return Ok(Outcome::Made(Made { jpeg: to_jpeg(&picture, asked.width)?, at, tag: None }));
    }
    let found = find(camera, asked)?;
    let tag = tag(&found, asked);
    if let Some(tag) = tag.as_ref().filter(|tag| is_known(known, tag)) {
        return Ok(Outcome::Known(tag.clone()));
    }
    Ok(Outcome::Made(Made { jpeg: found.jpeg(asked.width)?, at: found.at, tag }))
}

/// The next picture that is composed, if it comes soon.
fn next_picture(camera: &Camera) -> Option<Arc<Picture>> {
    let queue = QueueConfig::new("a snapshot", Policy::NewestWins, Capacity::items(1));
    camera.bus.pictures.subscribe(queue).recv_timeout(NEXT_WAIT).ok().flatten()
}

fn to_jpeg(picture: &Picture, width: Option<u32>) -> Result<Bytes, SnapshotError> {
    Ok(JpegEncoder::open(picture.size(), jpeg::scaled_size(picture.size(), width))?.encode(picture)?)
}

/// A small picture of the key frame before a moment. Those that were made last are kept.
fn small(camera: &Camera, asked: Asked, known: Option<&str>, thumbs: &Mutex<Thumbs>) -> Result<Outcome, PictureError> {
    let found = find(camera, asked)?;
    let tag = tag(&found, asked);
    if let Some(tag) = tag.as_ref().filter(|tag| is_known(known, tag)) {
        return Ok(Outcome::Known(tag.clone()));
    }
    let name = format!("{}/{}", camera.name, found.name);
    let there = lock(thumbs).get(&name);
    let jpeg = match there {
        Some(jpeg) => jpeg,
        None => {
            let jpeg = found.jpeg(asked.width)?;
            lock(thumbs).put(name, jpeg.clone());
            jpeg
        }
    };
    Ok(Outcome::Made(Made { jpeg, at: found.at, tag }))
}

fn status(error: &PictureError) -> u16 {
    let error = match error {
        PictureError::History(_) => return 503,
        PictureError::Snapshot(error) => error,
    };
    match error {
        SnapshotError::Outside { .. } | SnapshotError::Hole { .. } | SnapshotError::Empty => 404,
        // Its file was deleted meanwhile.
        SnapshotError::Unreadable(error) if error.kind() == ErrorKind::NotFound => 404,
        SnapshotError::Unreadable(_) | SnapshotError::Footage(_) | SnapshotError::Encode(_) => 500,
    }
}

/// What a query means: `at`, or the newest, and `width`, which a small picture has already.
fn asked(request: &Request) -> Result<Asked, String> {
    let is_small = request.name == THUMB_NAME;
    let mut asked = if is_small {
        Asked { moment: Moment::Newest, width: Some(THUMB_WIDTH), accuracy: Accuracy::KeyFrame }
    } else {
        Asked { moment: Moment::Newest, width: None, accuracy: Accuracy::Frame }
    };
    for (key, value) in form_urlencoded::parse(request.query.as_bytes()) {
        match &*key {
            "at" => asked.moment = Moment::At(query::time(&key, &value)?),
            "width" if !is_small => {
                let width = value.parse().ok().filter(|width| (WIDTH_MIN..=WIDTH_MAX).contains(width));
                asked.width = Some(width.ok_or_else(|| format!("width is no number from {WIDTH_MIN} to {WIDTH_MAX}"))?);
            }
            // What scripts add to get past a cache: nothing that is kept by mistake comes from here.
            "_" | "t" => {}
            _ if is_small => return Err(format!("unknown field `{key}`; a small picture takes at")),
            _ => return Err(format!("unknown field `{key}`; a snapshot takes at and width")),
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, query: &str) -> Request {
        Request::get(&format!("{name}?{query}"))
    }

    #[test]
    fn a_query_is_a_moment_and_a_width() {
        let check = |query: &str, moment, width| {
            let expect = Asked { moment, width, accuracy: Accuracy::Frame };
            assert_eq!(asked(&request(NAME, query)), Ok(expect), "{query}");
        };
        let at = Moment::At(WallTime::from_unix_ms(1_795_191_552_500));
        check("", Moment::Newest, None);
        check("_=123&t=4", Moment::Newest, None);
        check("width=320", Moment::Newest, Some(320));
        check("at=2026-11-20T17:19:12.500+01:00", at, None);
        check("width=16&at=1795191552.5", at, Some(16));
        let small = asked(&request(THUMB_NAME, "at=1795191552.5"));
        assert_eq!(small, Ok(Asked { moment: at, width: Some(THUMB_WIDTH), accuracy: Accuracy::KeyFrame }));
        for (name, query, why) in [
            (NAME, "at=now", "at is no time"),
            (NAME, "at=", "at is no time"),
            (NAME, "width=15", "width is no number from 16 to 8192"),
            (NAME, "width=8193", "width is no number from 16 to 8192"),
            (NAME, "width=-1", "width is no number"),
            (NAME, "width=1e3", "width is no number"),
            (NAME, "height=2", "unknown field `height`; a snapshot takes at and width"),
            (THUMB_NAME, "width=100", "unknown field `width`; a small picture takes at"),
        ] {
            let said = asked(&request(name, query));
            assert!(said.as_ref().is_err_and(|said| said.starts_with(why)), "{query}: {said:?}");
        }
    }

    #[tokio::test]
    async fn so_many_wait_for_pictures_and_no_more() {
        let pictures = Arc::new(Pictures::default());
        let made = [pictures.turn().await.expect("a turn"), pictures.turn().await.expect("a turn")];
        let wait = || {
            let pictures = pictures.clone();
            tokio::spawn(async move { pictures.turn().await.is_some() })
        };
        let waiting: Vec<_> = (MADE_AT_ONCE..WAITING_MAX).map(|_| wait()).collect();
        while pictures.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(pictures.turn().await.is_none(), "more than {WAITING_MAX} are refused at once");
        drop(made);
        for each in waiting {
            assert!(each.await.expect("no bug"), "each gets its turn");
        }
    }
}
