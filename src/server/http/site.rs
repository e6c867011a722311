//! The service of all connections: a request passes the gate, its route names the handler, and the response gets the common headers.

use super::{
    answer::{Answer, Call},
    reply::{EMBED_POLICY, SECURITY_HEADERS, later, not_found, plain, respond},
    request_log::RequestLog,
    tls,
};
use crate::{
    camera::{Camera, Cameras},
    panics::Panics,
    server::{
        AccessConfig,
        api::{config::Reload, events, login, markers, send},
        auth::{
            door::{Door, Look},
            gate::{Carrier, ConnectionInfo, Gate, Grant},
            link,
            proxies::{Client, TrustedProxies},
            visitor::{SharedLink, Visitor},
        },
        context::{self, Shared},
        counts::ServerCounts,
        net::{
            admission::Admission,
            body::{AnswerBody, Pieces},
            faults::Faults,
            in_flight::{Cancellation, InFlightGuard},
            memfd_cache::MemfdCache,
        },
        origin::{Reply, archive, clip, mjpeg},
        page::{assets, trust::Trust},
        routes::{Audience, Handler, Route},
    },
    time::Ticks,
    users::Role,
};
use bytes::{Buf, Bytes};
use hyper::{
    HeaderMap, Method, Request, Response, Uri,
    body::{Body, Incoming},
    header::{self, HeaderValue},
};
use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Longest path and query, in bytes: ours have less than 100, and a proxy's token fits. A longer one is answered 414.
pub const URI_LEN_MAX: usize = 2048;

/// Longest request body, in bytes; what takes one has a limit below. A longer one is answered 413.
pub const BODY_LEN_MAX: u64 = 16 * 1024;

/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_S: u32 = 1;

/// Everything that is served.
pub struct Site {
    shared: Arc<Shared>,
}

impl Site {
    /// The page, the streams of the cameras and the API over them, for those whom `access` and `door` let in.
    pub fn new(cameras: &Cameras, access: AccessConfig, door: Door) -> Site {
        let shares = |share: usize| (share, access.proxies.clone());
        let shared = Arc::new(Shared {
            cameras: context::served(cameras),
            clock: cameras.first().clock.clone(),
            cache: Arc::default(),
            faults: Faults::default(),
            counts: ServerCounts::default(),
            panics: Panics::default(),
            writers: Panics::default(),
            door: Arc::new(door),
            pages: Semaphore::new(markers::PAGES_AT_ONCE),
            clips: Arc::new(Semaphore::new(clip::CLIPS_AT_ONCE)),
            pictures: Default::default(),
            watchers: Admission::shared_out(
                mjpeg::WATCHERS_MAX,
                mjpeg::WATCHERS_PER_ADDRESS_MAX,
                shares(mjpeg::WATCHERS_OF_PROXY_MAX),
            ),
            looks: Arc::new(Semaphore::new(archive::LOOKS_AT_ONCE)),
            subscribers: Admission::shared_out(
                events::SUBSCRIBERS_MAX,
                events::SUBSCRIBERS_PER_ADDRESS_MAX,
                shares(events::SUBSCRIBERS_OF_PROXY_MAX),
            ),
            senders: Admission::shared_out(send::SENDERS_MAX, send::SENDERS_PER_ADDRESS_MAX, shares(send::SENDERS_OF_PROXY_MAX)),
            tickets: send::Tickets::random(),
            in_flight: Arc::default(),
            files: context::files(assets::load(&cameras.iter().map(|camera| &camera.name).collect::<Vec<_>>())),
            trust: OnceLock::default(),
            reload: OnceLock::default(),
            changes: Mutex::default(),
            failures: Mutex::default(),
            crowd: Mutex::default(),
            gate: Gate::new(access),
        });
        Site { shared }
    }

    /// Options can be read again, by that.
    pub fn reloads_by(self, reload: Reload) -> Site {
        // It is told once.
        self.shared.reload.set(reload).ok();
        self
    }

    /// Says from now on how devices are made to trust the server.
    pub(in crate::server) fn tell_trust(&self, trust: Trust) {
        // It is told once.
        self.shared.trust.set(trust).ok();
    }

    /// Answers one request that came over `connection`.
    pub(in crate::server) fn answer(self: &Arc<Self>, connection: ConnectionInfo, request: Request<Incoming>) -> Pending {
        let log = RequestLog::begin(request.method(), request.uri());
        let (answer, tail) = log.within(|| self.begin(connection, request));
        Pending { answer, tail, log, site: self.clone() }
    }

    /// An answer, there or to come, and what is left to do with it.
    fn begin(&self, connection: ConnectionInfo, request: Request<Incoming>) -> (Answer, Tail) {
        if let Some(refused) = refusal(&request) {
            return (refused.into(), Tail::default());
        }
        let route = Route::parse(request.uri().path()).filter(|route| self.shared.has(*route));
        let is_open = route.is_some_and(Route::is_for_players);
        let grant = match self.shared.gate.admit(connection, &request, is_open, self.now()) {
            Ok(grant) => grant,
            Err(told) => {
                // Others are answers to who asks what it may.
                if told.status().is_client_error() {
                    self.shared.counts.strange.bump();
                }
                return ((*told).into(), Tail::default());
            }
        };
        if connection.carrier == Carrier::PlainBesideTls
            && !route.is_some_and(Route::is_for_strangers)
            && !self.shared.gate.client(connection, request.headers()).is_tls
        {
            return (tls::redirect(&request).into(), Tail::default());
        }
        let is_of_stream = matches!(route, Some(Route::Stream(..)));
        let tail = Tail {
            grant,
            is_embed: route == Some(Route::Page) && is_embed(request.uri()),
            // The origin knows what HEAD is.
            is_head: request.method() == Method::HEAD && !is_of_stream,
            is_strict: connection.carrier == Carrier::Tls && tls::is_public(&request),
        };
        let (audience, handler) = match route {
            None => (Audience::From(Role::Viewer), nothing as Handler),
            Some(route) => route.action(request.method()).unwrap_or((Audience::From(Role::Viewer), not_taken as Handler)),
        };
        let is_page = matches!(route, Some(Route::Page | Route::SendPage));
        let client = self.shared.gate.client(connection, request.headers());
        let call = |visitor| Call { shared: self.shared.clone(), client, visitor, request };
        match audience {
            Audience::Everybody => (handler(call(Visitor::nobody())), tail),
            Audience::From(needed) => (let_in(call(Visitor::nobody()), (needed, handler), is_page), tail),
        }
    }

    /// Counts a response in flight until it is sent, or refuses it with 503 if there is no room.
    pub(in crate::server) fn track(
        &self,
        answer: Response<AnswerBody>,
        cancellation: &Arc<Cancellation>,
    ) -> (Response<AnswerBody>, Option<Arc<InFlightGuard>>) {
        let (answer, guard) = self.held(answer, cancellation);
        self.shared.counts.note_answer(answer.status());
        (answer, guard)
    }

    fn held(
        &self,
        answer: Response<AnswerBody>,
        cancellation: &Arc<Cancellation>,
    ) -> (Response<AnswerBody>, Option<Arc<InFlightGuard>>) {
        let is_kept = answer.headers().get(header::CACHE_CONTROL).is_none_or(|value| value != "no-store");
        let Some((ownership, len)) = answer.body().ownership(is_kept) else { return (answer, None) };
        match self.shared.in_flight.begin(ownership, len, cancellation) {
            Some(guard) => (answer, Some(Arc::new(guard))),
            None => {
                let told = "too many answers are under way to slow readers; come again\n";
                (secured(respond(later(503, told, RETRY_AFTER_S))), None)
            }
        }
    }

    /// ConnectionInfo the answers whose readers are too slow.
    pub(in crate::server) fn sweep(&self, patience: Duration) {
        self.shared.in_flight.sweep(patience);
    }

    /// Copies of what many ask for.
    pub(in crate::server) fn cache(&self) -> &Arc<MemfdCache> {
        &self.shared.cache
    }

    /// Keep the texts of the playlists up with the windows, each for as long as it is polled.
    pub(in crate::server) fn writers(&self) -> Vec<impl Future<Output = ()> + Send + use<>> {
        let writer = |camera: &Arc<Camera>| {
            let (shared, playlists) = (self.shared.clone(), camera.playlists.clone());
            async move {
                let begin = || {
                    let playlists = playlists.clone();
                    async move { playlists.follow().await }
                };
                shared.writers.keep(begin).await;
            }
        };
        self.shared.cameras().map(writer).collect()
    }

    /// Bugs of the accept loop and of connections.
    pub(in crate::server) fn panics(&self) -> &Panics {
        &self.shared.panics
    }

    /// What is due each second.
    pub(in crate::server) fn tick(&self, patience: Duration) {
        self.count_viewers();
        self.sweep(patience);
        self.shared.door.tick();
    }

    /// What is due at the end.
    pub(in crate::server) async fn finish(&self) {
        self.shared.door.finish().await;
    }

    /// Reverse proxies whose word counts.
    pub(in crate::server) fn proxies(&self) -> TrustedProxies {
        self.shared.gate.proxies()
    }

    /// What the server has done.
    pub(in crate::server) fn counts(&self) -> &ServerCounts {
        &self.shared.counts
    }

    /// What peers do wrong.
    pub(in crate::server) fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Monotonic time of the stream's clock.
    pub(in crate::server) fn now(&self) -> Ticks {
        self.shared.clock.now()
    }

    /// Brings `Status::viewers` up to date, for viewers leave without a word.
    pub(in crate::server) fn count_viewers(&self) {
        self.shared.count_viewers();
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Site")
    }
}

/// What is left to do with an answer when it is there.
#[derive(Default)]
struct Tail {
    /// What the page that asks may read.
    grant: Grant,
    /// Any page may frame it.
    is_embed: bool,
    /// The body is left out.
    is_head: bool,
    /// The browser is told to come over TLS alone from now on.
    is_strict: bool,
}

/// An answer, there or to come, that gets what all answers carry.
pub(in crate::server) struct Pending {
    answer: Answer,
    tail: Tail,
    log: RequestLog,
    site: Arc<Site>,
}

impl Future for Pending {
    type Output = Response<AnswerBody>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<AnswerBody>> {
        let Pending { answer, log, .. } = &mut *self;
        let mut response = secured(ready!(log.within(|| Pin::new(answer).poll(cx))));
        log.answered(response.status());
        let tail = std::mem::take(&mut self.tail);
        self.site.shared.gate.add_cors_headers(response.headers_mut(), tail.grant);
        if self.site.shared.door.is_guarded() {
            make_private(response.headers_mut());
        }
        if tail.is_embed {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, EMBED_POLICY);
        }
        if tail.is_strict {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, tls::STRICT);
        }
        Poll::Ready(if tail.is_head { without_body(response) } else { response })
    }
}

/// Adds what every answer carries.
fn secured(mut response: Response<AnswerBody>) -> Response<AnswerBody> {
    response.headers_mut().extend(SECURITY_HEADERS);
    response
}

/// The answer to HEAD: that to GET without its body (RFC 9110 §9.3.2).
fn without_body(response: Response<AnswerBody>) -> Response<AnswerBody> {
    let (mut head, body) = response.into_parts();
    if let Some(len) = body.size_hint().exact().filter(|_| head.status != 204) {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
    }
    let body = if matches!(body, AnswerBody::Known) { body } else { AnswerBody::Pieces(Pieces::default()) };
    Response::from_parts(head, body)
}

/// Has a call answered, if who asks has the role for it.
fn let_in(mut call: Call, (needed, handler): (Role, Handler), is_page: bool) -> Answer {
    let Client { address: from, is_tls } = call.client;
    let look = call.shared.door.look(call.request.headers(), call.uri(), from);
    let asked = call.uri().clone();
    if link::in_query(&asked).is_some() {
        // It is for nobody else to read.
        *call.request.uri_mut() = link::without(&asked);
    }
    let serve = move |call: Call, visitor: Visitor| match visitor.role {
        role if role >= needed => handler(Call { visitor, ..call }),
        role => login::forbidden(role, needed).into(),
    };
    match look {
        Look::In(Visitor { link: Some(shared), .. }) => for_guest(call, shared, (needed, handler), is_page),
        Look::In(visitor) => {
            let cookie = call.shared.door.session_cookie(&visitor, is_tls).filter(|_| is_page);
            with_cookie(serve(call, visitor), cookie)
        }
        Look::Out => login::unauthorized(call.request.headers(), is_page, next_of(&asked).as_deref()).into(),
        Look::Check(typed) => Answer::Held(Box::pin(async move {
            match call.shared.door.check(typed, from).await {
                Ok(visitor) => {
                    call.shared.counts.logins.bump();
                    serve(call, visitor).await
                }
                Err(failed) => respond(login::refused(&call.shared, from, &failed)),
            }
        })),
    }
}

/// Has a call answered of somebody who has a link, if the link allows it.
fn for_guest(mut call: Call, shared: SharedLink, (needed, handler): (Role, Handler), is_page: bool) -> Answer {
    let route = Route::parse(call.uri().path());
    let is_only = call.shared.cameras.len() == 1;
    if needed > Role::Viewer || !shared.link.allows(route, call.uri(), is_only) {
        // A page to which another link has led is no reason to be refused one's own login.
        return match shared.carried {
            None => login::unauthorized(call.request.headers(), is_page, next_of(call.uri()).as_deref()).into(),
            Some(_) => {
                plain(403, "the link does not go so far: it is for one camera, or one stretch of it, and for watching alone\n")
                    .into()
            }
        };
    }
    let carried = shared.carried.clone();
    let is_playlist = matches!(route, Some(Route::Stream(_, name)) if name.ends_with(".m3u8") || name.ends_with(".mpd"));
    call.visitor.link = Some(shared);
    let cookie = call.shared.door.link_cookie(&call.visitor, call.client.is_tls).filter(|_| is_page);
    if is_playlist && carried.is_some() {
        // It is written anew.
        call.request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    let answer = with_cookie(handler(call), cookie);
    match carried.filter(|_| is_playlist) {
        Some(sealed) => Answer::Held(Box::pin(async move { with_link(answer.await, &sealed) })),
        None => answer,
    }
}

/// Where a login leads back to: the name of the page and its query.
fn next_of(uri: &Uri) -> Option<String> {
    let name = uri.path().trim_start_matches('/');
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{name}{query}")).filter(|next| !next.is_empty())
}

/// The answer, and what the browser is to keep.
fn with_cookie(answer: Answer, cookie: Option<String>) -> Answer {
    let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) else { return answer };
    Answer::Held(Box::pin(async move {
        let mut response = answer.await;
        response.headers_mut().insert(header::SET_COOKIE, cookie);
        response
    }))
}

/// A playlist whose addresses carry the link.
fn with_link(response: Response<AnswerBody>, sealed: &str) -> Response<AnswerBody> {
    let (mut head, body) = response.into_parts();
    let AnswerBody::Pieces(mut pieces) = body else { return Response::from_parts(head, body) };
    let bytes = pieces.copy_to_bytes(pieces.remaining());
    if bytes.is_empty() {
        // The answer to HEAD; its length is not known.
        head.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(head, AnswerBody::Pieces(pieces));
    }
    let text = Bytes::from(link::carried(&String::from_utf8_lossy(&bytes), sealed));
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    Response::from_parts(head, AnswerBody::Pieces(Pieces::new(vec![text])))
}

/// 404: the address is none of ours.
fn nothing(_: Call) -> Answer {
    not_found().into()
}

/// 405, with what the address takes (RFC 9110 §15.5.6).
fn not_taken(call: Call) -> Answer {
    let mut reply = plain(405, "this address does not take this method; Allow says which it takes\n");
    reply.headers.extend(Route::parse(call.uri().path()).map(|route| ("allow", route.allowed())));
    reply.into()
}

/// What is for users alone is kept by no cache that others use too (RFC 9111 §5.2.2.7).
fn make_private(headers: &mut HeaderMap) {
    let kept = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kept.contains("no-store") && !kept.contains("private") {
        let value = if kept.is_empty() { "private".to_owned() } else { format!("private, {kept}") };
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(header::CACHE_CONTROL, value);
        }
    }
}

/// Whether the page is asked for with `embed` in its query, as web/shell/options.js reads it.
fn is_embed(uri: &Uri) -> bool {
    let names = uri.query().unwrap_or_default().split('&').map(|each| each.split_once('=').map_or(each, |(name, _)| name));
    names.into_iter().any(|name| name == "embed")
}

/// What is wrong with a request before its path is looked at.
fn refusal<B: Body>(request: &Request<B>) -> Option<Reply> {
    let uri_len = request.uri().path_and_query().map_or(0, |both| both.as_str().len());
    if uri_len > URI_LEN_MAX {
        return Some(plain(414, format!("the address is longer than {URI_LEN_MAX} bytes\n")));
    }
    if request.body().size_hint().lower() > BODY_LEN_MAX {
        return Some(plain(413, format!("the request's body is longer than {BODY_LEN_MAX} bytes\n")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

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
        let check = |uri: &'static str, expect: bool| {
            let uri = Uri::from_static(uri);
            assert_eq!(Route::parse(uri.path()) == Some(Route::Page) && is_embed(&uri), expect, "{uri}");
        };
        check("/?embed", true);
        check("/?player=dash&embed=1", true);
        check("/", false);
        check("/?kiosk", false);
        check("/?embedded", false);
        check("/?x=embed", false);
        check("/index.html?embed", false);
        check("/api/status?embed", false);
    }
}
