//! Who is answered at all: those who ask for this host under one of its own names, and no page of another origin that `--allow-origin` does
//! not name. What is let through is told to browsers by the headers of CORS and Cross-Origin-Resource-Policy (Fetch §3.2, §3.7).

use super::{
    own_names::OwnNames,
    proxies::{Client, TrustedProxies},
    same_origin::{is_exposed, is_foreign},
};
use crate::{
    server::{
        AccessConfig, AllowedOrigins,
        authority::{Authority, Origin},
        http::reply::{RESOURCE_POLICY, no_content, plain, respond, text_of},
        net::{body::AnswerBody, log_throttle::LogThrottle},
        origin::Reply,
    },
    sync::lock,
    time::Ticks,
};
use hyper::{
    HeaderMap, Method, Request, Response, Version,
    header::{self, HeaderName, HeaderValue},
};
use std::{net::IpAddr, sync::Mutex};

/// What a page of another origin may read of an answer's head.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Age, Cache-Control, Content-Length, Content-Range, Date, ETag, Expires, Retry-After");
/// Methods that a page of another origin may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
/// Seconds for which a browser need not ask again whether it may send a header of its own: two hours, the most that Chromium takes.
const PREFLIGHT_AGE: HeaderValue = HeaderValue::from_static("7200");
/// What Chromium asks before a public page reads from a private network, and our answer.
const ASKS_PRIVATE: &str = "access-control-request-private-network";
const ALLOWS_PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");

const NO_HOST: &str = "the request must name its host once, as RFC 9112 §3.2 wants it: `Host: name` or `Host: name:port`\n";
const NOT_OURS: &str = "hlscam does not answer under this name; start it with --host-name NAME for each name that it has beside those of \
                        this computer\n";
const FOREIGN: &str = "pages of other origins get nothing here and may not change anything; --allow-origin ORIGIN lets a page show the \
                       stream. If this is hlscam's own page behind a reverse proxy, the proxy must hand on the browser's Host, or tell it \
                       by X-Forwarded-Host, with its port, and be one that --trust-proxy names: docs/proxy.md\n";

/// Longest host or origin in the log.
const SHOWN_LEN_MAX: usize = 80;

/// The two addresses of a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct ConnectionInfo {
    pub(in crate::server) peer: IpAddr,
    /// Where it came in; `None` if the system does not tell.
    pub(in crate::server) local: Option<IpAddr>,
    pub(in crate::server) carrier: Carrier,
}

/// What carries a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Carrier {
    /// TCP, and there is no TLS here.
    Plain,
    /// TCP, where TLS is spoken too: whoever can is sent there.
    PlainBesideTls,
    /// TLS.
    Tls,
    /// A Unix socket: a program of this computer whom its owner lets in, as a reverse proxy.
    #[cfg(unix)]
    Unix,
}

/// Decides which requests are answered.
pub(in crate::server) struct Gate {
    names: OwnNames,
    origins: AllowedOrigins,
    proxies: TrustedProxies,
    refusals: Mutex<RefusalLog>,
}

/// Refusals that the log has told.
#[derive(Debug, Default)]
struct RefusalLog {
    names: LogThrottle,
    pages: LogThrottle,
}

/// The value of Access-Control-Allow-Origin on what pages of other origins may read; none if no page may.
pub(in crate::server) type Grant = Option<HeaderValue>;

impl Gate {
    pub(in crate::server) fn new(access: AccessConfig) -> Gate {
        let AccessConfig { host_names, origins, proxies } = access;
        Gate { names: OwnNames::new(host_names), origins, proxies, refusals: Mutex::default() }
    }

    /// Reverse proxies whose word counts.
    pub(in crate::server) fn proxies(&self) -> TrustedProxies {
        self.proxies.clone()
    }

    /// Who asks, as the connection and trusted proxies tell it.
    pub(in crate::server) fn client(&self, connection: ConnectionInfo, headers: &HeaderMap) -> Client {
        self.proxies.client(connection, headers)
    }

    /// What this request may be granted, or the answer to one that goes no further. `is_open` tells whether pages of other origins may be
    /// let read what is asked for.
    pub(in crate::server) fn admit<B>(
        &self,
        connection: ConnectionInfo,
        request: &Request<B>,
        is_open: bool,
        now: Ticks,
    ) -> Result<Grant, Box<Response<AnswerBody>>> {
        let refuse = |reply: Reply| Box::new(respond(reply));
        let headers = request.headers();
        let asked = asked_for(&self.proxies, connection, request).ok_or_else(|| refuse(plain(400, NO_HOST)))?;
        if let Some(other) = asked.iter().find(|authority| !self.names.have(&authority.host, connection.local, now)) {
            self.log_refused_host(&other.host.to_string(), now);
            return Err(refuse(plain(421, NOT_OURS)));
        }
        let grant = if is_open { self.grant(text_of(headers, header::ORIGIN)) } else { None };
        if is_open && request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            let grant = grant.filter(|_| self.is_allowed(headers, is_open));
            return Err(grant.map_or_else(|| refuse(plain(403, FOREIGN)), |grant| Box::new(self.preflight(headers, grant))));
        }
        if (is_foreign(request.method(), headers, &asked) || is_exposed(connection.carrier, headers))
            && !self.is_allowed(headers, is_open)
        {
            self.log_refused_origin(text_of(headers, header::ORIGIN).unwrap_or("an origin that it does not tell"), now);
            return Err(refuse(plain(403, FOREIGN)));
        }
        Ok(grant)
    }

    /// Tells browsers what pages of other origins may do with an answer.
    pub(in crate::server) fn add_cors_headers(&self, headers: &mut HeaderMap, grant: Grant) {
        let Some(grant) = grant else { return };
        if self.origins == AllowedOrigins::Any {
            headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, grant);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if self.varies() {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
    }

    /// One origin is told to everybody, so that caches need no copy for each; of several, each learns its own.
    fn grant(&self, origin: Option<&str>) -> Grant {
        let value = |origin: &Origin| HeaderValue::try_from(origin.to_string()).ok();
        match &self.origins {
            AllowedOrigins::Any => Some(HeaderValue::from_static("*")),
            AllowedOrigins::Listed(listed) if !self.varies() => listed.first().and_then(value),
            AllowedOrigins::Listed(listed) => {
                let asking = origin.and_then(Origin::parse);
                listed.iter().find(|each| asking.as_ref() == Some(each)).or(listed.first()).and_then(value)
            }
        }
    }

    fn varies(&self) -> bool {
        matches!(&self.origins, AllowedOrigins::Listed(listed) if listed.len() > 1)
    }

    fn is_allowed(&self, headers: &HeaderMap, is_open: bool) -> bool {
        let origin = text_of(headers, header::ORIGIN).and_then(Origin::parse);
        is_open
            && match &self.origins {
                AllowedOrigins::Any => true,
                // What a page only shows comes without Origin, and so from anybody.
                AllowedOrigins::Listed(listed) => origin.is_some_and(|origin| listed.contains(&origin)),
            }
    }

    /// Players send headers of their own (CMCD, Authorization), so each is allowed: what none of ours reads does no harm.
    fn preflight(&self, asked: &HeaderMap, grant: HeaderValue) -> Response<AnswerBody> {
        let mut response = respond(no_content());
        let headers = response.headers_mut();
        self.add_cors_headers(headers, Some(grant));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE);
        if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        if asked.contains_key(ASKS_PRIVATE) {
            headers.insert(ALLOWS_PRIVATE, HeaderValue::from_static("true"));
        }
        response
    }

    fn log_refused_host(&self, name: &str, now: Ticks) {
        if lock(&self.refusals).names.allows(now) {
            tracing::warn!("refused a request for the host {:?}; --host-name lets hlscam answer there", shown(name));
        }
    }

    fn log_refused_origin(&self, origin: &str, now: Ticks) {
        if lock(&self.refusals).pages.allows(now) {
            tracing::warn!("refused a page of {:?}; --allow-origin lets a page of another origin show the stream", shown(origin));
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_LEN_MAX).collect()
}

/// What the request asks for: the target's authority (of HTTP/2, and of HTTP/1 to a proxy) or else `Host`; and what a trusted
/// proxy tells of the browser's. `None` if it does not say so as HTTP wants it.
fn asked_for<B>(proxies: &TrustedProxies, connection: ConnectionInfo, request: &Request<B>) -> Option<Vec<Authority>> {
    let headers = request.headers();
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().map(|host| host.to_str().ok().and_then(Authority::parse));
    // RFC 9112 §3.2: neither two, nor one that is none.
    let (None, None | Some(Some(_))) = (hosts.next(), &host) else { return None };
    let target = request.uri().authority().map(|authority| Authority::parse(authority.as_str()));
    let mut asked = match (target, host.flatten()) {
        // RFC 9113 §8.3.1: they must not tell two hosts. In HTTP/1 the target counts (RFC 9112 §3.2.2).
        (Some(target), Some(host)) if request.version() == Version::HTTP_2 && target.as_ref() != Some(&host) => return None,
        (Some(target), _) => vec![target?],
        (None, Some(host)) => vec![host],
        // Before HTTP/1.1 there was none, and those who check health still speak so; no browser does.
        (None, None) if request.version() < Version::HTTP_11 => vec![],
        (None, None) => return None,
    };
    asked.extend(proxies.hosts(connection, headers));
    Some(asked)
}

#[cfg(test)]
mod tests;
