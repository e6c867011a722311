//! One connection: HTTP/1.1 or HTTP/2 over any stream of bytes, with its deadlines.
//!
//! hyper times the head of every HTTP/1 request but the first, whose clock starts only when the version is known; so the first request,
//! and connections on which nothing moves, are watched here. Who began a request and did not end it in time is told so.

use super::{FAREWELL_TIMEOUT, Limits, routes::Site};
use axum::body::Body;
use bytes::Bytes;
use hyper::{
    Request, Response,
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use std::{
    convert::Infallible,
    io,
    net::IpAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
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
pub(super) type Protocols = auto::Builder<TokioExecutor>;

/// HTTP/1.1, and HTTP/2 for clients that begin with its preface.
pub(super) fn protocols(limits: &Limits) -> Protocols {
    let mut protocols = auto::Builder::new(TokioExecutor::new());
    protocols.http1().timer(TokioTimer::new()).header_read_timeout(limits.next_request).max_buf_size(HEAD_LEN_MAX);
    protocols
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_LEN_MAX as u32)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    protocols
}

/// Answers the requests that come over `io` until the peer leaves, a deadline passes, or `stop` closes and all answers are out.
pub(super) async fn converse<I>(
    io: I,
    peer: IpAddr,
    site: Arc<Site>,
    protocols: Arc<Protocols>,
    limits: Limits,
    stop: watch::Receiver<()>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Arc::new(Pulse::default());
    let (back, mut returned) = oneshot::channel();
    let io = Metered { io: Some(io), pulse: pulse.clone(), back: Some(back) };
    let ended = talk(io, peer, site, protocols, limits, stop, &pulse).await;
    if ended == Ended::InSilence
        && pulse.has_half_a_request()
        && let Ok(mut io) = returned.try_recv()
        && !matches!(timeout(FAREWELL_TIMEOUT, io.write_all(TOO_SLOW)).await, Ok(Ok(())))
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

async fn talk<I>(
    io: Metered<I>,
    peer: IpAddr,
    site: Arc<Site>,
    protocols: Arc<Protocols>,
    limits: Limits,
    mut stop: watch::Receiver<()>,
    pulse: &Arc<Pulse>,
) -> Ended
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (site, open) = (site.clone(), pulse.request());
        async move { Ok::<_, Infallible>(answer(&site, peer, request, open).await) }
    });
    let mut talk = pin!(protocols.serve_connection(TokioIo::new(io), service));
    let mut check = pin!(sleep(limits.first_request));
    let mut last = Beat::default();
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = talk.as_mut() => {
                let Err(error) = ended else { return Ended::ByWord };
                tracing::debug!(%peer, error, "connection ended");
                let is_late = error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout);
                return if is_late { Ended::InSilence } else { Ended::ByWord };
            }
            // The sender never sends: the channel closes when the server stops.
            _ = stop.changed(), if !stopping => {
                stopping = true;
                talk.as_mut().graceful_shutdown();
            }
            () = check.as_mut() => {
                let beat = pulse.beat();
                if beat.is_dead_since(last) {
                    tracing::debug!(%peer, "connection dropped: nothing moves on it");
                    return Ended::InSilence;
                }
                last = beat;
                check.as_mut().reset(Instant::now() + limits.idle);
            }
        }
    }
}

async fn answer(site: &Site, peer: IpAddr, request: Request<Incoming>, open: OpenRequest) -> Response<Tracked> {
    site.answer(peer, request).await.map(|body| Tracked { body, _open: open })
}

/// What has moved on a connection so far.
#[derive(Debug, Default)]
struct Pulse {
    bytes: AtomicU64,
    requests: AtomicU64,
    answered: AtomicU64,
    /// Bytes read since the last request began.
    unasked: AtomicU64,
    /// It may be HTTP/2, whose preface begins with a P as POST and PUT do; then an answer of HTTP/1 would be noise.
    may_be_http_2: AtomicBool,
}

/// The counts of a [`Pulse`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Beat {
    bytes: u64,
    requests: u64,
    open: bool,
}

impl Pulse {
    fn request(self: &Arc<Self>) -> OpenRequest {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.unasked.store(0, Ordering::Relaxed);
        OpenRequest(self.clone())
    }

    fn read(&self, bytes: &[u8]) {
        if self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed) == 0 {
            self.may_be_http_2.store(bytes.first() == Some(&b'P'), Ordering::Relaxed);
        }
        self.unasked.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }

    /// Whether a request of HTTP/1 was begun and not ended, and nothing else is under way.
    fn has_half_a_request(&self) -> bool {
        self.unasked.load(Ordering::Relaxed) > 0 && !self.beat().open && !self.may_be_http_2.load(Ordering::Relaxed)
    }

    fn beat(&self) -> Beat {
        let requests = self.requests.load(Ordering::Relaxed);
        let open = self.answered.load(Ordering::Relaxed) != requests;
        Beat { bytes: self.bytes.load(Ordering::Relaxed), requests, open }
    }
}

impl Beat {
    /// With a request open, a byte must have moved since; without one, a request must have come.
    fn is_dead_since(self, last: Beat) -> bool {
        if self.open { self.bytes == last.bytes } else { self.requests == last.requests }
    }
}

/// A request whose answer is not out yet; dropping it counts it as answered.
#[derive(Debug)]
struct OpenRequest(Arc<Pulse>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// An answer's body that keeps its request open until it is sent or dropped.
struct Tracked {
    body: Body,
    _open: OpenRequest,
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream of bytes that counts what moves. Whoever drops it gives the stream back.
struct Metered<I> {
    /// There until it is dropped.
    io: Option<I>,
    pulse: Arc<Pulse>,
    back: Option<oneshot::Sender<I>>,
}

impl<I> Drop for Metered<I> {
    fn drop(&mut self) {
        if let (Some(io), Some(back)) = (self.io.take(), self.back.take()) {
            // Nobody takes it back when the server ends.
            back.send(io).ok();
        }
    }
}

impl<I: Unpin> Metered<I> {
    fn io(&mut self) -> Pin<&mut I> {
        Pin::new(self.io.as_mut().expect("it is there until it is dropped"))
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(n)) = result {
            self.pulse.bytes.fetch_add(n as u64, Ordering::Relaxed);
        }
        result
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Metered<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = self.io().poll_read(cx, buf);
        self.pulse.read(&buf.filled()[before..]);
        result
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Metered<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = self.io().poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let result = self.io().poll_write_vectored(cx, bytes);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_dead_when_nothing_moved_between_two_checks() {
        let check = |last: (u64, u64), now: (u64, u64, bool), dead: bool| {
            let last = Beat { bytes: last.0, requests: last.1, open: false };
            let now = Beat { bytes: now.0, requests: now.1, open: now.2 };
            assert_eq!(now.is_dead_since(last), dead, "{last:?} {now:?}");
        };
        check((0, 0), (0, 0, false), true);
        check((0, 0), (30, 0, false), true);
        check((0, 0), (80, 1, true), false);
        check((80, 1), (80, 1, true), true);
        check((80, 1), (4000, 1, true), false);
        check((80, 1), (4000, 1, false), true);
        check((80, 1), (4000, 2, false), false);
    }

    #[test]
    fn half_a_request_is_what_came_since_the_last_one_and_is_no_http_2() {
        let check = |first: &[u8], expect| {
            let pulse = Arc::new(Pulse::default());
            assert!(!pulse.has_half_a_request());
            pulse.read(first);
            assert_eq!(pulse.has_half_a_request(), expect);
            let open = pulse.request();
            pulse.read(b"G");
            assert!(!pulse.has_half_a_request(), "an answer is under way");
            drop(open);
            assert_eq!(pulse.has_half_a_request(), expect);
            drop(pulse.request());
            assert!(!pulse.has_half_a_request());
        };
        check(b"GET /", true);
        check(b"PRI * HTTP/2.0", false);
    }

    #[test]
    fn an_answer_dropped_half_way_is_no_longer_open() {
        let pulse = Arc::new(Pulse::default());
        let open = pulse.request();
        assert!(pulse.beat().open);
        drop(open);
        assert_eq!(pulse.beat(), Beat { bytes: 0, requests: 1, open: false });
    }
}
