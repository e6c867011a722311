use super::*;
use crate::server::{Network, authority::Host, routes::Route};

const LOOPBACK: &str = "127.0.0.1";
const NETWORK: &str = "192.0.2.9";

fn connection(peer: &str) -> ConnectionInfo {
    ConnectionInfo {
        peer: peer.parse().expect(peer),
        local: Some("192.0.2.5".parse().expect("an address")),
        carrier: Carrier::Plain,
    }
}

fn gate(origins: &[&str]) -> Gate {
    let listed = origins.iter().map(|text| Origin::parse(text).expect(text)).collect();
    Gate::new(AccessConfig {
        host_names: vec![Host::Name("nas.lan".to_owned())],
        origins: AllowedOrigins::Listed(listed),
        ..AccessConfig::default()
    })
}

fn request(method: &str, uri: &str, version: Version, lines: &[(&str, &str)]) -> Request<()> {
    let request = Request::builder().method(method).uri(uri).version(version);
    lines.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).expect("a request")
}

fn is_open<B>(request: &Request<B>) -> bool {
    Route::parse(request.uri().path()).is_some_and(Route::is_for_players)
}

/// The status of what is refused, and 0 for what is let through.
fn status(gate: &Gate, peer: &str, request: &Request<()>) -> u16 {
    gate.admit(connection(peer), request, is_open(request), Ticks(0)).map_or_else(|told| told.status().as_u16(), |_| 0)
}

#[test]
fn the_host_is_named_once_and_as_http_wants_it() {
    let gate = gate(&[]);
    let check = |version: Version, uri: &str, hosts: &[&str], expect: u16| {
        let lines: Vec<(&str, &str)> = hosts.iter().map(|host| ("host", *host)).collect();
        assert_eq!(status(&gate, NETWORK, &request("GET", uri, version, &lines)), expect, "{version:?} {uri} {hosts:?}");
    };
    let (old, one, two) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
    check(one, "/", &["nas.lan"], 0);
    check(one, "/", &["192.0.2.5:8080"], 0);
    for bad in [&[][..], &["nas.lan", "nas.lan"], &["nas.lan/x"], &["nas.lan:x"], &["a@nas.lan"], &[""], &["nas lan"], &["::1"]] {
        check(one, "/", bad, 400);
    }
    check(old, "/", &[], 0);
    check(old, "/", &["evil.example"], 421);
    check(old, "/", &["nas.lan", "nas.lan"], 400);
    for foreign in
        ["evil.example", "evil.example:80", "192.0.2.6", "nas.lan.evil.example", "0.0.0.0:8080", "localhost.evil.example"]
    {
        check(one, "/", &[foreign], 421);
    }
    // The target counts where it names a host (RFC 9112 §3.2.2).
    check(one, "http://nas.lan/", &["evil.example"], 0);
    check(one, "http://evil.example/", &["nas.lan"], 421);
    check(one, "http://a@nas.lan/", &["nas.lan"], 400);
    check(two, "http://nas.lan/", &[], 0);
    check(two, "http://nas.lan/", &["nas.lan"], 0);
    check(two, "http://nas.lan/", &["evil.example"], 400);
    check(two, "http://evil.example/", &[], 421);
    check(two, "/", &[], 400);
}

#[test]
fn what_a_proxy_tells_counts_from_this_computer_alone() {
    let gate = gate(&[]);
    let check = |peer: &str, lines: &[(&str, &str)], expect: u16| {
        let all = [&[("host", "127.0.0.1:8080"), ("origin", "http://nas.lan")], lines].concat();
        let request = request("POST", "/api/markers", Version::HTTP_11, &all);
        assert_eq!(status(&gate, peer, &request), expect, "{peer} {lines:?}");
    };
    check(LOOPBACK, &[], 403);
    for lines in [
        &[("x-forwarded-host", "nas.lan")][..],
        &[("x-forwarded-host", "nas.lan:80, 10.0.0.1")],
        &[("forwarded", "for=192.0.2.7;proto=http;Host=\"nas.lan:80\", for=10.0.0.1")],
    ] {
        check(LOOPBACK, lines, 0);
        check("::ffff:127.0.0.1", lines, 0);
        check(NETWORK, lines, 403);
    }
    check(LOOPBACK, &[("x-forwarded-host", "evil.example")], 421);
    check(LOOPBACK, &[("forwarded", "host=evil.example"), ("x-forwarded-host", "nas.lan")], 421);
    check(LOOPBACK, &[("x-forwarded-host", "nas.lan:8080")], 403);
}

#[test]
fn what_a_proxy_elsewhere_tells_counts_if_it_is_named() {
    let told = [("host", "127.0.0.1:8080"), ("origin", "http://nas.lan"), ("x-forwarded-host", "nas.lan")];
    let request = request("POST", "/api/markers", Version::HTTP_11, &told);
    let gate = |networks: &[&str]| {
        let networks = networks.iter().map(|text| Network::parse(text).expect(text)).collect();
        let host_names = vec![Host::Name("nas.lan".to_owned())];
        Gate::new(AccessConfig { host_names, proxies: TrustedProxies::of(networks), ..AccessConfig::default() })
    };
    let named = gate(&["192.0.2.0/28"]);
    assert_eq!((status(&named, NETWORK, &request), status(&named, LOOPBACK, &request)), (0, 403));
    assert_eq!(status(&named, "192.0.2.16", &request), 403);
    assert_eq!(status(&gate(&[]), LOOPBACK, &request), 403);
}

#[test]
fn no_page_of_another_origin_gets_a_byte_unless_it_is_named() {
    let check = |allowed: &[&str], uri: &str, lines: &[(&str, &str)], expect: u16| {
        let gate = if allowed == ["*"] {
            Gate::new(AccessConfig { origins: AllowedOrigins::Any, ..AccessConfig::default() })
        } else {
            gate(allowed)
        };
        let all = [&[("host", "localhost:8080")], lines].concat();
        assert_eq!(status(&gate, LOOPBACK, &request("GET", uri, Version::HTTP_11, &all)), expect, "{allowed:?} {uri} {lines:?}");
    };
    let evil = &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")][..];
    let home = &[("origin", "https://home.example"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")][..];
    let shown = &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "video")][..];
    let neighbour = &[("origin", "http://localhost:9000"), ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")][..];
    for uri in ["/cam/index.m3u8", "/time", "/api/status", "/api/events", "/viewer.js", "/healthz", "/nothing"] {
        for lines in [evil, home, shown, neighbour, &evil[..1]] {
            check(&[], uri, lines, 403);
        }
        check(&["https://home.example"], uri, evil, 403);
        check(&["https://home.example"], uri, shown, 403);
    }
    for uri in ["/cam/index.m3u8", "/time"] {
        check(&["https://other.example", "https://home.example:443"], uri, home, 0);
        check(&["https://home.example"], uri, &home[..1], 0);
        check(&["https://home.example:8443"], uri, home, 403);
        [evil, home, shown, neighbour].into_iter().for_each(|lines| check(&["*"], uri, lines, 0));
    }
    for uri in ["/api/status", "/api/markers", "/cameras", "/"] {
        check(&["https://home.example"], uri, home, 403);
        check(&["*"], uri, home, 403);
    }
}

#[test]
fn each_page_is_told_that_it_may_read() {
    let check = |allowed: &[&str], origin: Option<&str>, expect: (Option<&str>, Option<&str>)| {
        let gate = gate(allowed);
        let mut headers = HeaderMap::new();
        gate.add_cors_headers(&mut headers, gate.grant(origin));
        let text = |name: HeaderName| text_of(&headers, name).map(str::to_owned);
        let told = (text(header::ACCESS_CONTROL_ALLOW_ORIGIN), text(header::VARY));
        assert_eq!(told, (expect.0.map(str::to_owned), expect.1.map(str::to_owned)), "{allowed:?} {origin:?}");
    };
    check(&[], Some("https://a.example"), (None, None));
    check(&["https://a.example:443"], None, (Some("https://a.example"), None));
    check(&["https://a.example"], Some("https://b.example"), (Some("https://a.example"), None));
    let both = ["https://a.example", "http://b.example:8080"];
    check(&both, Some("http://b.example:8080"), (Some("http://b.example:8080"), Some("Origin")));
    check(&both, Some("https://a.example"), (Some("https://a.example"), Some("Origin")));
    check(&both, None, (Some("https://a.example"), Some("Origin")));
}

#[test]
fn a_preflight_is_answered_for_any_header_to_the_pages_that_may() {
    let gate = gate(&["https://home.example"]);
    let ask = |uri: &str, origin: &str| {
        let lines = [
            ("host", "localhost"),
            ("origin", origin),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization,cmcd-session,range"),
            ("access-control-request-private-network", "true"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "cors"),
        ];
        let request = request("OPTIONS", uri, Version::HTTP_11, &lines);
        gate.admit(connection(LOOPBACK), &request, is_open(&request), Ticks(0))
    };
    let told = ask("/cam/index.m3u8", "https://home.example").expect_err("it is answered");
    let header = |name: &str| told.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(told.status().as_u16(), 204);
    assert_eq!(header("access-control-allow-origin"), Some("https://home.example"));
    assert_eq!(header("access-control-allow-methods"), Some("GET, HEAD"));
    assert_eq!(header("access-control-allow-headers"), Some("authorization,cmcd-session,range"));
    assert_eq!(header("access-control-allow-private-network"), Some("true"));
    for (uri, origin) in [("/cam/index.m3u8", "https://evil.example"), ("/api/markers", "https://home.example")] {
        let refused = ask(uri, origin).expect_err("it is refused");
        assert_eq!(refused.status().as_u16(), 403, "{uri} {origin}");
        assert!(!refused.headers().contains_key("access-control-allow-origin"), "{uri} {origin}");
    }
}
