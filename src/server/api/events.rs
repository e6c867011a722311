//! `GET /api/events` and `GET /api/detections`: server-sent events (HTML §9.2). Each client is a position in a ring and a body that takes the
//! next event when there is room to send it, so a slow client stalls no other.

use crate::{
    events::{EventKind, Events, Listener, Received},
    marker_service::FeedReader,
    server::{
        auth::{door::Door, visitor::Visitor},
        context::Shared,
        http::{
            answer::{Answer, Call},
            chunked::{ChunkedBody, Chunks},
            reply::{later, no_content, respond},
        },
        net::{
            admission::{Permit, Refusal},
            body::AnswerBody,
        },
        origin::Reply,
    },
    users::Role,
};
use bytes::Bytes;
use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Clients of both at a time: a page and a few scripts each for a household, and far fewer than connections.
pub const SUBSCRIBERS_MAX: usize = 256;
/// Of these from one address: an office behind one router.
pub const SUBSCRIBERS_PER_ADDRESS_MAX: usize = 64;
/// Of these from the loopback address, where a reverse proxy connects from: the rest is for clients that come without it.
pub const SUBSCRIBERS_OF_PROXY_MAX: usize = 192;
/// A comment is sent when nothing else was for this long, so that proxies and both ends know that the connection lives.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// A client that lost its connection comes again after this time, in milliseconds.
pub const RETRY_MS: u32 = 2000;
/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_S: u32 = 5;
/// A comment, which says nothing.
const HERE: &str = ": still here\n\n";
/// What a browser sends when it comes again (HTML §9.2.4).
const LAST_EVENT_ID: &str = "last-event-id";

/// `GET /api/events`.
pub(in crate::server) fn events(Call { shared, client, visitor, request }: Call) -> Answer {
    let events = match shared.camera(request.uri()) {
        Ok(camera) => camera.markers.events.clone(),
        Err(reply) => return reply.into(),
    };
    let last = request.headers().get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let listener = last.map_or_else(|| events.listen(), |id| events.listen_after(id));
    // A client that has received the last event must not reconnect for ever; 204 tells a browser to stop.
    if events.is_closed() && !listener.has_more() {
        return no_content().into();
    }
    stream(&shared, (client.address, visitor), Reader::Events(events, listener))
}

/// `GET /api/detections`.
pub(in crate::server) fn detections(Call { shared, client, visitor, request }: Call) -> Answer {
    let feed = match shared.camera(request.uri()) {
        Ok(camera) => &camera.markers.feed,
        Err(reply) => return reply.into(),
    };
    if feed.is_closed() {
        return no_content().into();
    }
    stream(&shared, (client.address, visitor), Reader::Detections(feed.read()))
}

fn stream(shared: &Shared, (peer, visitor): (IpAddr, Visitor), reader: Reader) -> Answer {
    let permit = match shared.subscribers.admit(peer) {
        Ok(permit) => permit,
        Err(refusal) => {
            let (status, why) = match refusal {
                Refusal::Full(most) => (503, format!("{most} clients listen already; come again\n")),
                Refusal::AddressFull(most) => (429, format!("{most} clients of this address listen already; come again\n")),
            };
            return later(status, why, RETRY_AFTER_S).into();
        }
    };
    let headers = vec![
        ("content-type", "text/event-stream".to_owned()),
        ("cache-control", "no-store".to_owned()),
        // nginx would collect them.
        ("x-accel-buffering", "no".to_owned()),
    ];
    let body = Subscription {
        greeting: Some(format!("retry: {RETRY_MS}\n\n")),
        reader,
        admitted: (shared.door.clone(), visitor),
        _permit: permit,
    };
    let head = respond(Reply { status: 200, headers, body: vec![], rest: None });
    head.map(|_| AnswerBody::stream(ChunkedBody::new(body))).into()
}

/// The source of a client's events.
enum Reader {
    Events(Arc<Events>, Listener),
    Detections(FeedReader),
}

impl Reader {
    /// The next piece of text; `None` after the end.
    /// Who tries to log in, and from where, is for admins.
    async fn next(&mut self, is_admin: bool) -> Option<String> {
        let next = async {
            match self {
                Reader::Events(events, listener) => Some(match listener.next().await? {
                    Received::Event(event) if matches!(event.kind, EventKind::LoginFailed(_)) && !is_admin => HERE.to_owned(),
                    Received::Event(event) => {
                        format!("id: {}\nevent: {}\ndata: {}\n\n", events.id(&event), event.kind.name(), event.json)
                    }
                    // Without an id: it is of this connection alone.
                    Received::Missed(count) => format!("event: missed\ndata: {{\"count\":{count}}}\n\n"),
                }),
                Reader::Detections(reader) => Some(format!("event: detection\ndata: {}\n\n", reader.next().await?)),
            }
        };
        timeout(HEARTBEAT, next).await.unwrap_or_else(|_| Some(HERE.to_owned()))
    }
}

/// The body of the response, until the stream ends or the client leaves.
struct Subscription {
    /// Sent at once, so that the client knows that it is connected.
    greeting: Option<String>,
    reader: Reader,
    /// Who listens, and what says whether it may go on.
    admitted: (Arc<Door>, Visitor),
    /// Frees its place when the client leaves.
    _permit: Permit,
}

impl Chunks for Subscription {
    type Error = Infallible;

    async fn next(&mut self) -> Option<Result<Bytes, Infallible>> {
        let text = match self.greeting.take() {
            Some(greeting) => greeting,
            None => {
                let role = || self.admitted.0.role_now(&self.admitted.1);
                let is_admin = role()? == Role::Admin;
                let text = self.reader.next(is_admin).await?;
                role()?;
                text
            }
        };
        Some(Ok(Bytes::from(text)))
    }
}
