//! Requests for a camera's stream. They are most of all requests: what is there is answered at once, and what is not waits with what it
//! needs and no more. The request itself is gone by then, with its buffers.

use crate::server::{
    auth::{door::Door, visitor::Visitor},
    context::{Served, Shared},
    http::{
        answer::{Answer, Call},
        chunked::{ChunkedBody, Chunks},
        file_body::FileBody,
        reply::{later, list_of, not_found, respond, text_of},
    },
    net::{
        admission::{Permit, Refusal},
        body::AnswerBody,
    },
    origin::{self, Method, Reply, Resolution, Rest, Stalled, TailReader, archive, clip, mjpeg, snapshot, wake},
    routes::Route,
};
use crate::{
    camera::Camera,
    capture::demand::DemandHold,
    playlist::name::MANIFEST,
    window::{WAITERS_MAX, footage::TimeRange},
};
use bytes::Bytes;
use hyper::{Request, Response, header};
use std::{convert::Infallible, io, net::IpAddr, sync::Arc};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

/// Of segments and parts.
const MEDIA_ENDING: &str = ".m4s";
/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_S: u32 = 5;

/// What is asked of which stream; `None` if there is no such camera.
fn asked<B>(shared: &Shared, request: &Request<B>) -> Option<(Arc<Served>, origin::Request)> {
    let Route::Stream(camera, name) = Route::parse(request.uri().path())? else { return None };
    let served = shared.find(camera)?.clone();
    Some((served, request_for(request, name, request.uri().query().unwrap_or_default())))
}

/// A request of a client for what has that name and query.
fn request_for<B>(request: &Request<B>, name: &str, query: &str) -> origin::Request {
    let headers = request.headers();
    origin::Request {
        method: match *request.method() {
            hyper::Method::GET => Method::Get,
            hyper::Method::HEAD => Method::Head,
            _ => Method::Other,
        },
        name: name.to_owned(),
        query: query.to_owned(),
        range: text_of(headers, header::RANGE).map(str::to_owned),
        if_none_match: list_of(headers, header::IF_NONE_MATCH),
        if_range: text_of(headers, header::IF_RANGE).map(str::to_owned),
        accept_encoding: list_of(headers, header::ACCEPT_ENCODING),
    }
}

/// The footage of a recording as a file of that name.
pub(in crate::server) fn recorded(
    Call { shared, request, .. }: Call,
    camera: Arc<Camera>,
    time: TimeRange,
    name: String,
) -> Answer {
    let query = format!("from={}&to={}", time.from, time.to);
    clip(&shared, camera, request_for(&request, clip::NAME, &query), Some(name))
}

/// Answers what is asked of a stream.
pub(in crate::server) fn answer(Call { shared, client, visitor, request }: Call) -> Answer {
    let peer = client.address;
    let Some((served, mut asked)) = asked(&shared, &request) else { return not_found().into() };
    match &*asked.name {
        clip::NAME => return clip(&shared, served.camera.clone(), asked, None),
        snapshot::NAME | snapshot::THUMB_NAME => {
            return Answer::held(async move { snapshot::answer(served.camera.clone(), &shared.pictures, asked).await });
        }
        mjpeg::NAME => return pictures(&shared, served, (peer, visitor), &asked),
        _ => {}
    }
    if let Some(entries) = archive::entries(&asked.name) {
        return match shared.looks.clone().try_acquire_owned() {
            Ok(turn) => Answer::held(archive::playlist(served.camera.clone(), asked, entries, turn)),
            Err(_) => Shared::too_many_looks().into(),
        };
    }
    let is_media = asked.name.ends_with(MEDIA_ENDING);
    // A player on this machine, whose own clock was set with ours, finds nothing to play by the clock of before, and must hear of the new one.
    if asked.name == MANIFEST && !served.is_playing(peer) {
        asked.query.clear();
    }
    let resolution = origin::look(&served.camera.playlists, &asked);
    let is_of_viewer = wake::is_of_viewer(&asked);
    if is_of_viewer && !matches!(&resolution, Resolution::Ready(reply) if reply.status >= 400) {
        served.camera.demand.note();
    }
    match resolution {
        Resolution::Ready(reply) if reply.status == 404 && served.camera.catalog.is_some() && archive::is_media(&asked.name) => {
            let looks = shared.looks.clone();
            Answer::Held(Box::pin(async move {
                // A player that has stalled asks for several; each is found in a millisecond.
                let reply = match timeout(archive::LOOK_WAIT, looks.acquire_owned()).await {
                    Ok(Ok(turn)) => archive::media(served.camera.clone(), asked, reply, turn).await,
                    _ => Shared::too_many_looks(),
                };
                finish(&shared, &served, (peer, is_media), reply)
            }))
        }
        Resolution::Ready(reply) => finish(&shared, &served, (peer, is_media), reply).into(),
        // Nobody knows when it can be opened.
        Resolution::Await(_) if served.camera.status.stream.capture.is_refused() => {
            let why = served.camera.status.stream.capture.absence().unwrap_or_default();
            later(503, format!("there is no stream yet: {why}\n"), RETRY_AFTER_S).into()
        }
        Resolution::Await(_) if !is_of_viewer && wake::opens_when_asked(&served.camera) => {
            later(503, "there is no stream now: the camera is closed, and is opened for who asks with GET\n", RETRY_AFTER_S).into()
        }
        Resolution::Await(_) => Answer::Held(Box::pin(async move {
            let reply = origin::respond(&served.camera.playlists, asked).await;
            finish(&shared, &served, (peer, is_media), reply)
        })),
    }
}

/// A clip, which is sent as it is read.
fn clip(shared: &Shared, camera: Arc<Camera>, asked: origin::Request, name: Option<String>) -> Answer {
    let Ok(turn) = shared.clips.clone().try_acquire_owned() else {
        return Reply::later("other clips are being sent; come again when one is done").into();
    };
    Answer::Held(Box::pin(async move {
        let (mut reply, turn) = clip::answer(camera, asked, name, turn).await;
        match reply.rest.take() {
            Some(Rest::FileBody(pieces)) => {
                let body = ClipBody { body: FileBody::new(pieces), _turn: turn };
                respond(reply).map(|_| AnswerBody::stream(ChunkedBody::new(body)))
            }
            _ => respond(reply),
        }
    }))
}

/// Pictures one after the other, for as long as the client watches.
fn pictures(shared: &Shared, served: Arc<Served>, (peer, visitor): (IpAddr, Visitor), asked: &origin::Request) -> Answer {
    let head = mjpeg::head(&served.camera, asked);
    if head.status != 200 || asked.method == Method::Head {
        return head.into();
    }
    let permit = match shared.watchers.admit(peer) {
        Ok(permit) => permit,
        Err(Refusal::Full(most)) => {
            return later(503, format!("{most} clients watch already; come again\n"), RETRY_AFTER_S).into();
        }
        Err(Refusal::AddressFull(most)) => {
            let told = format!("{most} clients of this address watch already; come again\n");
            return later(429, told, RETRY_AFTER_S).into();
        }
    };
    match served.mjpeg.watch(&served.camera.bus) {
        Ok(watcher) => {
            let hold = served.camera.demand.hold();
            let admitted = (shared.door.clone(), visitor);
            let body = WatchedBody { watcher, served, peer, admitted, _permit: permit, _hold: hold };
            respond(head).map(|_| AnswerBody::stream(ChunkedBody::new(body))).into()
        }
        Err(error) => later(503, format!("no thread can be started for the pictures: {error}\n"), RETRY_AFTER_S).into(),
    }
}

/// The body of one who watches, and counts as a viewer.
struct WatchedBody {
    watcher: mjpeg::Watcher,
    served: Arc<Served>,
    peer: IpAddr,
    /// Who watches, and what says whether it may go on.
    admitted: (Arc<Door>, Visitor),
    _permit: Permit,
    _hold: DemandHold,
}

impl Chunks for WatchedBody {
    type Error = Infallible;

    async fn next(&mut self) -> Option<Result<Bytes, Infallible>> {
        self.admitted.0.role_now(&self.admitted.1)?;
        self.served.note_viewer(self.peer);
        self.watcher.next().await
    }
}

/// The body of a clip, which counts as one until it is sent.
struct ClipBody {
    body: FileBody,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Chunks for ClipBody {
    type Error = io::Error;

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        self.body.next().await
    }
}

fn finish(shared: &Shared, served: &Served, (peer, is_media): (IpAddr, bool), mut reply: Reply) -> Response<AnswerBody> {
    if reply.status < 400 {
        served.note_viewer(peer);
    }
    if is_media {
        served.note_media(peer, reply.status < 400);
    }
    if reply.status == 503 && served.camera.window.waiters() >= WAITERS_MAX {
        shared.note_crowd();
    }
    match reply.rest.take() {
        Some(Rest::SegmentTail(tail)) => match TailReader::new(served.camera.window.clone(), tail) {
            Some(reader) => respond(reply).map(|_| AnswerBody::stream(ChunkedBody::new(reader))),
            None => {
                shared.note_crowd();
                respond(Reply::crowded())
            }
        },
        Some(Rest::FileBody(pieces)) => respond(reply).map(|_| AnswerBody::stream(ChunkedBody::new(FileBody::new(pieces)))),
        None => {
            if reply.status == 200 {
                shared.cache.note(&reply.body);
            }
            respond(reply)
        }
    }
}

/// A growing segment ends when it is whole, and is broken off when that does not come about, so that no cache keeps half of one.
impl Chunks for TailReader {
    type Error = Stalled;

    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, Stalled>>> + Send {
        TailReader::next(self)
    }
}
