//! What is served where, and what every answer carries. All URLs below are relative in page and playlists, so a reverse proxy may
//! put the whole under a path of its own.

use super::{
    api::{events, markers, program},
    context::{self, Shared, Shares},
    http::{
        answer::{self, Answer},
        gate::{Ends, Gate, TIME_PATH},
        reply::{EMBED_POLICY, list_of, plain, respond, secure},
    },
    net::{
        admission::Admission,
        body::AnswerBody,
        faults::Faults,
        mirror::Mirror,
        under_way::{Line, Place},
    },
    origin::Reply,
    page::assets,
};
use crate::{
    camera::{Camera, Cameras},
    panics::Panics,
    server::AccessConfig,
    time::Ticks,
};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Request, Response, Uri, header},
    routing::get,
};
use hyper::{
    body::{Body as HttpBody, Incoming},
    service::Service,
};
use hyper_util::service::TowerToHyperService;
use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex},
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
    router: TowerToHyperService<Router>,
}

impl Site {
    /// The page, the streams of the cameras and the API over them, for those whom `access` lets in.
    pub fn new(cameras: &Cameras, access: AccessConfig) -> Site {
        let names = cameras.iter().map(|camera| camera.name.clone()).collect();
        let shared = Arc::new(Shared {
            cameras: context::served(cameras),
            clock: cameras.first().clock.clone(),
            mirror: Arc::default(),
            faults: Faults::default(),
            panics: Panics::default(),
            writers: Panics::default(),
            gate: Gate::new(access, names),
            pages: Semaphore::new(markers::PAGES_AT_ONCE),
            subscribers: Admission::shared_out(
                events::SUBSCRIBERS_MAX,
                events::SUBSCRIBERS_PER_ADDRESS_MAX,
                events::SUBSCRIBERS_OF_PROXY_MAX,
            ),
            under_way: Arc::default(),
            assets: assets::load(&cameras.first().name),
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
        if let Some(asked) = answer::asked(&self.shared, &request) {
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

    /// Keep the texts of the playlists up with the windows, each for as long as it is polled.
    pub(super) fn writers(&self) -> Vec<impl Future<Output = ()> + Send + use<>> {
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
    pub(super) fn panics(&self) -> &Panics {
        &self.shared.panics
    }

    /// What is due each second.
    pub(super) fn tick(&self, patience: Duration) {
        self.count_viewers();
        self.sweep(patience);
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

fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new()
        .route("/api/status", get(async |State(shared): Shares, uri: Uri| respond(program::status(&shared, &uri))))
        .route("/api/cameras", get(async |State(shared): Shares| respond(program::cameras(&shared))))
        .route("/api/markers", get(markers::list).post(markers::add))
        .route("/api/markers/{id}", get(markers::one).patch(markers::edit).delete(markers::remove))
        .route("/api/events", get(events::events))
        .route("/api/detections", get(events::detections))
        .route("/healthz", get(async || respond(program::health())))
        .route("/readyz", get(async |State(shared): Shares| respond(program::readiness(&shared))))
        .route(TIME_PATH, get(async |State(shared): Shares| respond(program::time(&shared))));
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

/// Whether the page is asked for with `embed` in its query, as web/options.js reads it.
fn is_embed(uri: &Uri) -> bool {
    let names = uri.query().unwrap_or_default().split('&').map(|each| each.split_once('=').map_or(each, |(name, _)| name));
    uri.path() == "/" && names.into_iter().any(|name| name == "embed")
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
}
