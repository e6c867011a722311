//! What is served where, and what every answer carries. All URLs below are relative in page and playlists, so a reverse proxy may
//! put the whole under a path of its own.

use super::{
    admission::Admission,
    answer::{self, Answer, headers, secure},
    api,
    assets::{self, Asset},
    body::AnswerBody,
    burst::Burst,
    events,
    faults::Faults,
    gate::{Ends, Gate, RESOURCE_POLICY},
    markers::{self, Bucket},
    mirror::Mirror,
    origin::Reply,
    under_way::{Line, Place, UnderWay},
    viewers::Viewers,
};
use crate::{
    hooks::HooksCounts,
    marker_service::MarkerService,
    server::AccessConfig,
    status::Status,
    time::{Clock, Ticks},
    window::{WAITERS_MAX, Window},
};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header},
    routing::get,
};
use bytes::Bytes;
use hyper::{
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    service::Service,
};
use hyper_util::service::TowerToHyperService;
use std::{
    convert::Infallible,
    fmt,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Longest path and query, in bytes: ours have less than 100, and a proxy's token fits. A longer one is answered 414.
pub const URI_LEN_MAX: usize = 2048;

/// Longest request body, in bytes; what takes one has a limit below. A longer one is answered 413.
pub const BODY_LEN_MAX: u64 = 16 * 1024;

/// The content security policy (CSP level 3), but for who may frame the answer. The page needs blob URLs for Media Source Extensions and
/// hls.js' worker; it loads nothing from elsewhere.
macro_rules! policy {
    ($frame_ancestors:literal) => {
        HeaderValue::from_static(concat!(
            "default-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'; img-src 'self' data: blob:; \
             style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors ",
            $frame_ancestors
        ))
    };
}

/// On every answer; only pages of the same origin may frame it (Fetch §3.6 for nosniff; Referrer Policy §3.1).
/// No page of another origin may show it as an image, a video or a script, but what the gate opens.
pub(super) const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    (header::CONTENT_SECURITY_POLICY, policy!("'self'")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// On the page that is only a picture, which any page may frame: there is nothing to be tricked into clicking.
const EMBED_POLICY: HeaderValue = policy!("*");

/// Where UTC is told.
pub(super) const TIME_PATH: &str = "/time";

/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_S: u32 = 1;

const TEXT: &str = "text/plain; charset=utf-8";

/// What the routes answer from.
pub(super) struct Shared {
    pub(super) window: Arc<Window>,
    pub(super) status: Arc<Status>,
    pub(super) hooks: Arc<HooksCounts>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) mirror: Arc<Mirror>,
    pub(super) journal: Arc<MarkerService>,
    pub(super) faults: Faults,
    pub(super) gate: Gate,
    /// Pages of markers that may be made.
    pub(super) pages: Semaphore,
    /// Places of clients that listen to events.
    pub(super) subscribers: Arc<Admission>,
    pub(super) under_way: Arc<UnderWay>,
    assets: Vec<Asset>,
    viewers: Mutex<Viewers>,
    changes: Mutex<Bucket>,
    crowd: Mutex<Burst>,
}

/// Everything that is served.
pub struct Site {
    shared: Arc<Shared>,
    router: TowerToHyperService<Router>,
}

impl Site {
    /// The page, the stream in `window`, and the API over `status` and `journal`, for those whom `access` lets in.
    pub fn new(
        window: Arc<Window>,
        status: Arc<Status>,
        clock: Arc<dyn Clock>,
        (journal, hooks): (Arc<MarkerService>, Arc<HooksCounts>),
        access: AccessConfig,
    ) -> Site {
        let shared = Arc::new(Shared {
            window,
            status,
            clock,
            mirror: Arc::default(),
            faults: Faults::default(),
            journal,
            hooks,
            gate: Gate::new(access),
            pages: Semaphore::new(markers::PAGES_AT_ONCE),
            subscribers: Admission::shared_out(
                events::SUBSCRIBERS_MAX,
                events::SUBSCRIBERS_PER_ADDRESS_MAX,
                events::SUBSCRIBERS_OF_PROXY_MAX,
            ),
            under_way: Arc::default(),
            assets: assets::load(),
            viewers: Mutex::default(),
            changes: Mutex::default(),
            crowd: Mutex::default(),
        });
        Site { router: TowerToHyperService::new(router(shared.clone())), shared }
    }

    /// Answers one request that came over a connection with these ends.
    pub(super) fn answer(self: &Arc<Self>, ends: Ends, mut request: Request<Incoming>) -> Answer {
        if let Some(refused) = refusal(&request) {
            return Answer::Ready(Some(secure(respond(refused).map(AnswerBody::Other))));
        }
        let grant = match self.shared.gate.admit(ends, &request, self.now()) {
            Ok(grant) => grant,
            Err(told) => return Answer::Ready(Some(secure(*told))),
        };
        if let Some(asked) = answer::asked(&request) {
            return answer::answer(&self.shared, answer::Asker { peer: ends.peer, grant }, asked);
        }
        request.extensions_mut().insert(ends);
        let (site, embeds) = (self.clone(), is_embed(request.uri()));
        Answer::Held(Box::pin(async move {
            let response = site.router.call(request).await.unwrap_or_else(|never: Infallible| match never {});
            let mut response = secure(response.map(AnswerBody::Other));
            site.shared.gate.dress(response.headers_mut(), grant);
            if embeds {
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, EMBED_POLICY);
            }
            response
        }))
    }

    /// Counts an answer among those under way until it is out, or turns its client away where there is no room for it.
    pub(super) fn place(&self, answer: Response<AnswerBody>, line: &Arc<Line>) -> (Response<AnswerBody>, Option<Arc<Place>>) {
        let is_kept = answer.headers().get(header::CACHE_CONTROL).is_none_or(|value| value != "no-store");
        let Some((holding, len)) = answer.body().holding(is_kept) else { return (answer, None) };
        match self.shared.under_way.begin(holding, len, line) {
            Some(place) => (answer, Some(Arc::new(place))),
            None => {
                let mut told = plain(503, "too many answers are under way to slow readers; come again\n");
                told.headers.push(("retry-after", RETRY_AFTER_S.to_string()));
                (secure(respond(told).map(AnswerBody::Other)), None)
            }
        }
    }

    /// Ends the answers whose readers are too slow.
    pub(super) fn sweep(&self, patience: Duration) {
        self.shared.under_way.sweep(patience);
    }

    /// Copies of what many ask for.
    pub(super) fn mirror(&self) -> &Arc<Mirror> {
        &self.shared.mirror
    }

    /// What peers do wrong.
    pub(super) fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Monotonic time of the stream's clock.
    pub(super) fn now(&self) -> Ticks {
        self.shared.clock.now()
    }

    /// Brings `Status::viewers` up to date, for viewers leave without a word.
    pub(super) fn count_viewers(&self) {
        self.shared.count_viewers();
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Site")
    }
}

impl Shared {
    pub(super) fn count_viewers(&self) {
        let viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner).count(self.clock.now());
        self.status.viewers.set(viewers);
    }

    /// Whether one more change is let through now.
    pub(super) fn take_change(&self) -> bool {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).take(self.clock.now())
    }

    pub(super) fn tell_crowd(&self) {
        if self.crowd.lock().unwrap_or_else(PoisonError::into_inner).begins(self.clock.now()) {
            tracing::warn!("requests are turned away: {WAITERS_MAX} wait for the stream already, the most");
        }
    }

    pub(super) fn note_viewer(&self, peer: IpAddr) {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner).note(peer, self.clock.now());
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new()
        .route("/api/status", get(async |State(shared): Shares| respond(api::status(&shared))))
        .route("/api/markers", get(markers::list).post(markers::add))
        .route("/api/markers/{id}", get(markers::one).patch(markers::edit).delete(markers::remove))
        .route("/api/events", get(events::events))
        .route("/api/detections", get(events::detections))
        .route("/healthz", get(async || respond(api::health())))
        .route("/readyz", get(async |State(shared): Shares| respond(api::readiness(&shared))))
        .route(TIME_PATH, get(async |State(shared): Shares| respond(api::time(&shared))));
    for (at, asset) in shared.assets.iter().enumerate() {
        let serve = async move |State(shared): Shares, headers: HeaderMap| {
            let (known, accepted) = (list_of(&headers, header::IF_NONE_MATCH), list_of(&headers, header::ACCEPT_ENCODING));
            respond(shared.assets[at].reply(known.as_deref(), accepted.as_deref()))
        };
        for path in asset.paths() {
            router = router.route(&path, get(serve));
        }
    }
    router
        .fallback(async || respond(plain(404, "there is nothing at this address; the viewer page is at /\n")))
        .method_not_allowed_fallback(async || {
            respond(plain(405, "this address does not take this method; Allow says which it takes\n"))
        })
        .with_state(shared)
}

pub(super) type Shares = State<Arc<Shared>>;

/// The value of a header that is a list, of all its lines (RFC 9110 §5.3), as far as they are text.
pub(super) fn list_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Vec<&str> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Whether the page is asked for with `embed` in its query, as web/options.js reads it.
fn is_embed(uri: &Uri) -> bool {
    let names = uri.query().unwrap_or_default().split('&').map(|each| each.split_once('=').map_or(each, |(name, _)| name));
    uri.path() == "/" && names.into_iter().any(|name| name == "embed")
}

/// A header's value, if it is there and text.
pub(super) fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// What is wrong with a request before its path is looked at.
fn refusal<B: HttpBody>(request: &Request<B>) -> Option<Reply> {
    let uri_len = request.uri().path_and_query().map_or(0, |both| both.as_str().len());
    if uri_len > URI_LEN_MAX {
        return Some(plain(414, format!("the address is longer than {URI_LEN_MAX} bytes\n")));
    }
    if request.body().size_hint().lower() > BODY_LEN_MAX {
        return Some(plain(413, format!("the request's body is longer than {BODY_LEN_MAX} bytes\n")));
    }
    None
}

/// A text that nobody may keep.
pub(super) fn plain(status: u16, text: impl Into<Bytes>) -> Reply {
    let headers = vec![("content-type", TEXT.to_owned()), ("cache-control", "no-store".to_owned())];
    Reply { status, headers, body: vec![text.into()], rest: None }
}

/// Puts a reply into HTTP; its pieces go to the socket as they are.
pub(super) fn respond(reply: Reply) -> Response<Body> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if status == StatusCode::NOT_MODIFIED { Body::new(NoBody) } else { Body::new(Pieces::new(reply.body)) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers(reply.headers);
    response
}

/// A body of shared pieces, sent one by one without copying; its length is known, so it is sent with Content-Length.
struct Pieces {
    left: std::vec::IntoIter<Bytes>,
    len_left: u64,
}

impl Pieces {
    fn new(pieces: Vec<Bytes>) -> Pieces {
        Pieces { len_left: pieces.iter().map(|piece| piece.len() as u64).sum(), left: pieces.into_iter() }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.left.find(|piece| !piece.is_empty());
        self.len_left -= next.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(next.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.len_left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len_left)
    }
}

/// The body of 304. Its length is told as unknown, for Content-Length would be that of the answer left out (RFC 9110 §8.6).
struct NoBody;

impl HttpBody for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_sent_in_order_and_without_copying() {
        let piece = Bytes::from_static(b"moof");
        let mut body = Pieces::new(vec![piece.clone(), Bytes::new(), Bytes::from_static(b"mdat!")]);
        assert_eq!(body.size_hint().exact(), Some(9));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut next = || match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(frame) => frame.and_then(|frame| frame.expect("never fails").into_data().ok()),
            Poll::Pending => panic!("nothing to wait for"),
        };
        let first = next().expect("the first piece");
        assert_eq!(first.as_ptr(), piece.as_ptr());
        assert_eq!(next().as_deref(), Some(&b"mdat!"[..]));
        assert_eq!(next(), None);
        assert!(body.is_end_stream());
    }

    #[test]
    fn long_addresses_and_bodies_are_refused_by_their_length() {
        let check = |uri_len: usize, body_len: usize, expect: Option<u16>| {
            let uri = format!("/{}", "a".repeat(uri_len - 1));
            let request = Request::builder().uri(uri).body(http_body_util::Full::new(Bytes::from(vec![0; body_len])));
            assert_eq!(refusal(&request.expect("a request")).map(|reply| reply.status), expect, "{uri_len} {body_len}");
        };
        check(URI_LEN_MAX, 0, None);
        check(URI_LEN_MAX + 1, 0, Some(414));
        check(1, BODY_LEN_MAX as usize, None);
        check(1, BODY_LEN_MAX as usize + 1, Some(413));
    }

    #[test]
    fn only_the_page_that_is_only_a_picture_may_be_framed_by_any_page() {
        let check = |uri: &'static str, expect: bool| assert_eq!(is_embed(&Uri::from_static(uri)), expect, "{uri}");
        check("/?embed", true);
        check("/?player=dash&embed=1", true);
        check("/", false);
        check("/?kiosk", false);
        check("/?embedded", false);
        check("/?x=embed", false);
        check("/index.html?embed", false);
        check("/api/status?embed", false);
    }

    #[test]
    fn a_header_that_is_not_http_is_left_out() {
        let headers = vec![("etag", "\"a\"".to_owned()), ("x-bad", "a\nb".to_owned())];
        let reply = Reply { status: 200, headers, body: vec![], rest: None };
        let response = respond(reply);
        assert_eq!(response.headers().len(), 1);
    }
}
