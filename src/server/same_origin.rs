//! Whether a request comes from our own page, or from no page at all. Pure. Reading is protected by CORS, which grants nothing; this is for
//! what changes something, which a page elsewhere could send without reading the answer.

use axum::http::{HeaderMap, HeaderValue, header};

/// Set by the browser alone (Fetch Metadata §2.1); a page cannot forge it. Sent over TLS and to loopback addresses only.
const FETCH_SITE: &str = "sec-fetch-site";

/// Whether a page of another origin sent this. Programs send neither header.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().map(str::to_ascii_lowercase).unwrap_or_default();
    if let Some(site) = headers.get(FETCH_SITE) {
        // It is right behind a proxy too, where Host may be another; "none" is the user's own doing.
        return matches!(text(site).as_str(), "same-origin" | "none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).map(text).unwrap_or_default();
    let origin = text(origin);
    !host.is_empty() && origin.split_once("://").is_some_and(|(_, authority)| authority == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_and_programs_may_change_something() {
        let check = |lines: &[(&'static str, &str)], expect| {
            let headers = lines.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
            assert_eq!(is_same_origin(&headers.collect()), expect, "{lines:?}");
        };
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
}
