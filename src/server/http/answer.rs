//! Requests for the stream. They are most of all requests, so they go past the router: what is there is answered at once, and what is
//! not waits with what it needs and no more. The request itself is gone by then, with its buffers.

use crate::server::{
    context::{Served, Shared},
    http::{
        gate::Grant,
        reply::{headers, list_of, respond, secure, text_of},
        stepped::{Stepped, Steps},
    },
    net::body::{AnswerBody, Pieces},
    origin::{self, Follower, Method, Reply, Resolution, Stalled},
};
use crate::window::WAITERS_MAX;
use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use bytes::Bytes;
use std::{
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// An answer, there or to come.
pub(in crate::server) enum Answer {
    /// It is there; `None` once it is taken.
    Ready(Option<Response<AnswerBody>>),
    /// It comes.
    Held(Pin<Box<dyn Future<Output = Response<AnswerBody>> + Send>>),
}

impl Future for Answer {
    type Output = Response<AnswerBody>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<AnswerBody>> {
        match &mut *self {
            Answer::Ready(response) => Poll::Ready(response.take().expect("a future is not polled after its end")),
            Answer::Held(response) => response.as_mut().poll(cx),
        }
    }
}

/// What is asked of which stream; `None` if the request is for none.
pub(in crate::server) fn asked<B>(shared: &Shared, request: &Request<B>) -> Option<(Arc<Served>, origin::Request)> {
    // Not percent-decoded: no name of ours needs it, so `%2e%2e`, `%00` and `%252f` are just unknown names.
    let (stream, name) = request.uri().path().strip_prefix('/')?.split_once('/')?;
    let served = shared.find(stream)?.clone();
    let headers = request.headers();
    let asked = origin::Request {
        method: match *request.method() {
            hyper::Method::GET => Method::Get,
            hyper::Method::HEAD => Method::Head,
            _ => Method::Other,
        },
        name: name.to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        range: text_of(headers, header::RANGE).map(str::to_owned),
        if_none_match: list_of(headers, header::IF_NONE_MATCH),
        if_range: text_of(headers, header::IF_RANGE).map(str::to_owned),
        accept_encoding: list_of(headers, header::ACCEPT_ENCODING),
    };
    Some((served, asked))
}

/// Who asks.
pub(in crate::server) struct Asker {
    pub(in crate::server) peer: IpAddr,
    /// What the page that asks may read.
    pub(in crate::server) grant: Grant,
}

/// Answers what is asked of a stream.
pub(in crate::server) fn answer(shared: &Arc<Shared>, asker: Asker, (served, asked): (Arc<Served>, origin::Request)) -> Answer {
    match origin::look(&served.camera.playlists, &asked) {
        Resolution::Ready(reply) => Answer::Ready(Some(finish(shared, &served, asker, reply))),
        Resolution::Await(_) => {
            let shared = shared.clone();
            Answer::Held(Box::pin(async move {
                let reply = origin::respond(&served.camera.playlists, asked).await;
                finish(&shared, &served, asker, reply)
            }))
        }
    }
}

fn finish(shared: &Shared, served: &Served, asker: Asker, reply: Reply) -> Response<AnswerBody> {
    if reply.status < 400 {
        served.note_viewer(asker.peer);
    }
    let mut response = put(shared, served, reply);
    shared.gate.dress(response.headers_mut(), asker.grant);
    response
}

/// A growing segment ends when it is whole, and is broken off when that does not come about, so that no cache keeps half of one.
impl Steps for Follower {
    type Error = Stalled;

    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, Stalled>>> + Send {
        Follower::next(self)
    }
}

fn put(shared: &Shared, served: &Served, reply: Reply) -> Response<AnswerBody> {
    if reply.status == 503 && served.camera.window.waiters() >= WAITERS_MAX {
        shared.tell_crowd();
    }
    match reply.rest.map(|growth| Follower::new(served.camera.window.clone(), growth)) {
        Some(Some(follower)) => secure(respond(reply).map(|_| AnswerBody::Other(Body::new(Stepped::new(follower))))),
        Some(None) => {
            shared.tell_crowd();
            secure(respond(Reply::crowded()).map(AnswerBody::Other))
        }
        // A 304 has a length that it must not tell; `respond` knows how.
        None if reply.status == 304 => secure(respond(reply).map(AnswerBody::Other)),
        None => {
            if reply.status == 200 {
                shared.mirror.note(&reply.body);
            }
            secure(whole(reply))
        }
    }
}

fn whole(reply: Reply) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Pieces(Pieces::new(reply.body)));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers(reply.headers);
    response
}
