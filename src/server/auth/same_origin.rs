//! Whose request it is: our own page's, a program's, the user's, or that of a page of another origin. Pure.
//!
//! Browsers say it by Fetch Metadata, but over TLS and to loopback addresses only; else by `Origin`, which they leave out where a page only
//! shows what it loads (`<img>`, `<video>`, `<script>`). Such a load is kept from the page by Cross-Origin-Resource-Policy.

use super::gate::Carrier;
use crate::server::authority::{Authority, Origin};
use hyper::{HeaderMap, Method, header};

/// Set by the browser alone (Fetch Metadata §2.1); a page cannot forge it.
const FETCH_SITE: &str = "sec-fetch-site";
const FETCH_MODE: &str = "sec-fetch-mode";
const FETCH_DEST: &str = "sec-fetch-dest";

/// What is opened as a page of its own, which the page that led there cannot read. Whether a frame may show it is told by
/// `frame-ancestors` on the answer.
const PAGES: [&str; 3] = ["document", "iframe", "frame"];

/// Whether a page of another origin sent this to read it, to show it, or to change something. Programs send none of these headers.
/// `ours` is what the browser may have asked for: `Host`, and what a proxy tells of it.
pub(in crate::server) fn is_foreign(method: &Method, headers: &HeaderMap, ours: &[Authority]) -> bool {
    let is = |name: &str, expected: &[&str]| {
        headers.get(name).is_some_and(|value| expected.iter().any(|each| value.as_bytes().eq_ignore_ascii_case(each.as_bytes())))
    };
    if headers.contains_key(FETCH_SITE) {
        // It is right behind a proxy too, where Host may be another; "none" is the user's own doing.
        let is_visit = method.is_safe() && is(FETCH_MODE, &["navigate"]) && is(FETCH_DEST, &PAGES);
        return !is(FETCH_SITE, &["same-origin", "none"]) && !is_visit;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(Origin::parse);
    !origin.is_some_and(|origin| ours.iter().any(|authority| origin.is_at(authority)))
}

/// Whether a request over TLS is that of a page which was not loaded over TLS: whoever is on the way to the browser may have written it.
pub(in crate::server) fn is_exposed(carrier: Carrier, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| Origin::parse(origin.to_str().ok()?));
    carrier == Carrier::Tls && origin.is_some_and(|origin| origin.scheme == "http")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_tls_may_change_nothing_over_tls() {
        let check = |carrier: Carrier, origin: Option<&'static str>, expect: bool| {
            let headers = origin.map(|origin| (header::ORIGIN, hyper::header::HeaderValue::from_static(origin)));
            assert_eq!(is_exposed(carrier, &headers.into_iter().collect()), expect, "{carrier:?} {origin:?}");
        };
        check(Carrier::Tls, Some("http://cam.local:8080"), true);
        check(Carrier::Tls, Some("https://cam.local:8080"), false);
        check(Carrier::Tls, None, false);
        check(Carrier::Plain, Some("http://cam.local:8080"), false);
    }

    fn check(method: Method, lines: &[(&'static str, &str)], expect: bool) {
        let headers = lines.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        let headers: HeaderMap = headers.collect();
        let hosts = headers.get_all(header::HOST).iter();
        let ours: Vec<Authority> = hosts.filter_map(|host| Authority::parse(host.to_str().expect("a text"))).collect();
        assert_eq!(is_foreign(&method, &headers, &ours), !expect, "{method} {lines:?}");
    }

    #[test]
    fn only_our_own_page_and_programs_may_change_something() {
        let check = |lines: &[(&'static str, &str)], expect| check(Method::POST, lines, expect);
        check(&[("host", "cam.local:8080")], true);
        check(&[("host", "cam.local:8080"), ("origin", "http://cam.local:8080")], true);
        check(&[("host", "CAM.local:8080"), ("origin", "https://cam.LOCAL:8080")], true);
        check(&[("host", "cam.local:8080"), ("origin", "http://cam.local")], false);
        check(&[("host", "cam.local:8080"), ("origin", "http://evil.example")], false);
        check(&[("host", "cam.local:8080"), ("origin", "null")], false);
        check(&[("host", "cam.local:8080"), ("origin", "")], false);
        check(&[("origin", "http://")], false);
        check(&[("host", "inner:80"), ("origin", "https://cam.example"), ("sec-fetch-site", "same-origin")], true);
        check(&[("host", "cam.local"), ("origin", "http://cam.local"), ("sec-fetch-site", "cross-site")], false);
        check(&[("host", "cam.local"), ("origin", "http://cam.local"), ("sec-fetch-site", "same-site")], false);
        check(&[("host", "cam.local"), ("sec-fetch-site", "none")], true);
    }

    #[test]
    fn the_default_port_is_told_or_not_and_a_proxy_may_tell_another_host() {
        let check = |lines: &[(&'static str, &str)], expect| check(Method::POST, lines, expect);
        check(&[("host", "nas.lan:80"), ("origin", "http://nas.lan")], true);
        check(&[("host", "nas.lan"), ("origin", "https://nas.lan:443")], true);
        check(&[("host", "nas.lan:443"), ("origin", "http://nas.lan")], false);
        check(&[("host", "127.0.0.1:8080"), ("host", "nas.lan"), ("origin", "http://nas.lan")], true);
    }

    #[test]
    fn a_page_elsewhere_may_lead_here_but_neither_load_nor_send_anything() {
        let from_elsewhere = |method: Method, site, mode, dest, expect| {
            let lines = [("host", "cam"), ("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
            check(method, &lines, expect);
        };
        for site in ["cross-site", "same-site", "something new"] {
            for dest in ["document", "iframe", "frame"] {
                from_elsewhere(Method::GET, site, "navigate", dest, true);
                from_elsewhere(Method::POST, site, "navigate", dest, false);
            }
            for dest in ["object", "embed"] {
                from_elsewhere(Method::GET, site, "navigate", dest, false);
            }
            for dest in ["image", "video", "script", "style", "track", "font", "empty", "worker", "document"] {
                from_elsewhere(Method::GET, site, "no-cors", dest, false);
                from_elsewhere(Method::GET, site, "cors", dest, false);
            }
        }
        for mode in ["no-cors", "cors", "same-origin", "navigate"] {
            from_elsewhere(Method::GET, "same-origin", mode, "video", true);
        }
    }
}
