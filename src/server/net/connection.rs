//! One connection: HTTP/1.1 or HTTP/2 over any stream of bytes, with its deadlines.
//!
//! hyper times the head of every HTTP/1 request, the first as if it were a later one, and nothing of HTTP/2; so the first request, and
//! connections on which nothing moves, are watched here. A client whose request does not come whole in time gets 408.

use super::{
    activity::{Activity, ActivityCounts, OpenRequest},
    body::{AnswerBody, Broken, Pieces},
    faults::Fault,
    in_flight::{Cancellation, InFlightGuard},
    limits::{Limits, REJECTION_TIMEOUT},
    prefaced_io::{PrefacedIo, Version},
};
use crate::server::{Site, auth::gate::ConnectionInfo};
use hyper::{
    Request,
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    rt::{Read, Write, bounds::Http2ServerConnExec},
    server::conn::{http1, http2},
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    error::Error,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::{oneshot, watch},
    time::{Instant, sleep, timeout},
};

/// Longest head of an HTTP/1 request, and longest decoded header list of HTTP/2, in bytes: cookies of a busy proxy fit, floods do not.
/// A longer one is answered 431.
pub const HEAD_LEN_MAX: usize = 16 * 1024;

/// Requests at a time on one HTTP/2 connection: a player holds at most three, a page asks for a handful.
pub const STREAMS_MAX: u32 = 32;

/// An HTTP/2 peer is asked this often whether it is still there, so that a phone out of reach frees its waiters.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// A peer that does not answer the question within this time is gone.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// RFC 9110 §15.5.9, to a client that speaks HTTP/1.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 36\r\n\
    cache-control: no-store\r\nconnection: close\r\n\r\nthe request did not come whole soon\n";

/// What all connections are served with.
pub(in crate::server) struct Protocols {
    http_1: http1::Builder,
    http_2: http2::Builder<TokioExecutor>,
}

impl Protocols {
    pub(in crate::server) fn new(limits: &Limits) -> Protocols {
        let (mut http_1, mut http_2) = (http1::Builder::new(), http2::Builder::new(TokioExecutor::new()));
        http_1.timer(TokioTimer::new()).header_read_timeout(limits.next_request).max_buf_size(HEAD_LEN_MAX);
        http_2
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_LEN_MAX as u32)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        Protocols { http_1, http_2 }
    }
}

/// A connection served in the version of HTTP that the peer began with.
trait Serving: Future<Output = hyper::Result<()>> + Send {
    /// ConnectionInfo it after the answers that are under way.
    fn end_soon(self: Pin<&mut Self>);
}

impl<I, S> Serving for http1::UpgradeableConnection<I, S>
where
    Self: Future<Output = hyper::Result<()>> + Send,
    I: Read + Write + Unpin + Send + 'static,
    S: HttpService<Incoming, ResBody = Tracked, Error = Infallible>,
{
    fn end_soon(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Serving for http2::Connection<I, S, TokioExecutor>
where
    Self: Future<Output = hyper::Result<()>> + Send,
    I: Read + Write + Unpin,
    S: HttpService<Incoming, ResBody = Tracked, Error = Infallible>,
    TokioExecutor: Http2ServerConnExec<S::Future, Tracked>,
{
    fn end_soon(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Answers the requests that come over `io` until the peer leaves, a deadline passes, or `stop` closes and all answers are out.
pub(in crate::server) async fn serve_connection<I>(
    io: I,
    connection: ConnectionInfo,
    site: Arc<Site>,
    protocols: Arc<Protocols>,
    limits: Limits,
    stop: watch::Receiver<()>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::of(&site.counts().traffic));
    let (back, mut returned) = oneshot::channel();
    let io = PrefacedIo::new(io, activity.clone(), back);
    let peer = connection.peer;
    let ended = serve_requests(io, connection, site.clone(), protocols, limits, stop, &activity).await;
    let is_slow = ended == Ended::InSilence && activity.has_half_a_request();
    if is_slow {
        site.faults().note(Fault::TooSlow, connection.peer, site.now(), &"its request did not come whole in time");
    }
    if is_slow
        && let Ok(mut io) = returned.try_recv()
        && !matches!(timeout(REJECTION_TIMEOUT, io.write_all(TOO_SLOW)).await, Ok(Ok(())))
    {
        tracing::debug!(%peer, "a client left before it was told that it is too slow");
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// By the peer, by its fault, or with the server.
    ByWord,
    /// A deadline passed.
    InSilence,
}

async fn serve_requests<I>(
    mut io: PrefacedIo<I>,
    connection: ConnectionInfo,
    site: Arc<Site>,
    protocols: Arc<Protocols>,
    limits: Limits,
    mut stop: watch::Receiver<()>,
    activity: &Arc<Activity>,
) -> Ended
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (peer, cancellation) = (connection.peer, Arc::new(Cancellation::default()));
    let mut check = pin!(sleep(limits.first_request));
    let version = tokio::select! {
        version = io.version() => version,
        // The sender never sends: the channel closes when the server stops.
        _ = stop.changed() => return Ended::ByWord,
        () = check.as_mut() => return Ended::InSilence,
    };
    let service = service_fn(|request: Request<Incoming>| {
        // The request is gone before its answer is waited for, so that its buffer can take the next one.
        let (open, answer) = (activity.request(), site.answer(connection, request));
        let (site, cancellation) = (site.clone(), cancellation.clone());
        async move {
            let (answer, guard) = site.track(answer.await, &cancellation);
            Ok::<_, Infallible>(answer.map(|body| Tracked { body, guard, _open: open }))
        }
    });
    // What each version needs is on the heap: HTTP/2 is large, and rare.
    let mut serving: Pin<Box<dyn Serving + '_>> = match version {
        Ok(Version::Http1) => Box::pin(protocols.http_1.serve_connection(TokioIo::new(io), service).with_upgrades()),
        Ok(Version::Http2) => Box::pin(protocols.http_2.serve_connection(TokioIo::new(io), service)),
        Err(error) => {
            tracing::debug!(%peer, %error, "connection ended before it said anything");
            return Ended::ByWord;
        }
    };
    let (mut last, mut stopping) = (ActivityCounts::default(), false);
    loop {
        tokio::select! {
            ended = serving.as_mut() => {
                let Err(error) = ended else { return Ended::ByWord };
                tracing::debug!(%peer, %error, "connection ended");
                if breaks_rules(&error) {
                    site.faults().note(Fault::Protocol, peer, site.now(), &format_args!("its connection ended: {error}"));
                }
                return if error.is_timeout() { Ended::InSilence } else { Ended::ByWord };
            }
            _ = stop.changed(), if !stopping => {
                stopping = true;
                serving.as_mut().end_soon();
            }
            () = cancellation.ended() => {
                tracing::debug!(%peer, "connection dropped: an answer on it goes out too slowly");
                return Ended::ByWord;
            }
            () = check.as_mut() => {
                let counts = activity.counts();
                if counts.is_dead_since(last) {
                    tracing::debug!(%peer, "connection dropped: nothing moves on it");
                    return Ended::InSilence;
                }
                last = counts;
                check.as_mut().reset(Instant::now() + limits.idle);
            }
        }
    }
}

/// Whether a peer spoke something else than HTTP, and did not just leave, or take its time.
fn breaks_rules(error: &hyper::Error) -> bool {
    let is_gone = error.is_canceled() || error.is_closed() || error.is_incomplete_message() || error.is_body_write_aborted();
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>() {
            return false;
        }
        cause = inner.source();
    }
    !is_gone && !error.is_timeout()
}

/// An answer's body that keeps its request open until it is sent or dropped.
struct Tracked {
    body: AnswerBody,
    guard: Option<Arc<InFlightGuard>>,
    _open: OpenRequest,
}

impl HttpBody for Tracked {
    type Data = Pieces;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Pieces>, Broken>>> {
        if let Some(guard) = &self.guard {
            guard.asked_for_more();
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(|pieces| pieces.at(self.guard.clone())))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
