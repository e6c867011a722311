//! What answers say of TLS: where it is spoken, who asks without it is sent to the same address over it, and under a public name browsers are
//! told to remember that.

use super::reply::plain;
use crate::server::{
    authority::{Authority, Host},
    origin::Reply,
};
use hyper::{
    Request,
    header::{self, HeaderValue},
};

/// For half a year (RFC 6797 §6.1); names below are others' business.
pub(in crate::server) const STRICT: HeaderValue = HeaderValue::from_static("max-age=15552000");

/// Last labels of names that lead to other hosts in other networks (RFC 6762, 6761, 8375, 9476, and what routers call them), beside those
/// without a dot.
const LOCAL: [&str; 14] = [
    "local",
    "localhost",
    "lan",
    "home",
    "arpa",
    "internal",
    "intranet",
    "private",
    "corp",
    "localdomain",
    "test",
    "example",
    "invalid",
    "alt",
];

/// Sends a client to the same address over TLS. For now and not for ever: browsers would keep going there when TLS is off again.
pub(in crate::server) fn redirect<B>(request: &Request<B>) -> Reply {
    let Some(asked) = asked(request) else {
        return plain(400, "this is answered over TLS alone; write https:// in place of http://\n");
    };
    // The same port speaks both, and without one it is that of HTTP.
    let port = format!(":{}", asked.port.unwrap_or(80));
    let path = request.uri().path_and_query().map(|both| both.as_str()).filter(|path| path.starts_with('/')).unwrap_or("/");
    let to = format!("https://{}{port}{path}", asked.host);
    let mut reply = plain(307, format!("this is answered over TLS alone; write https://{}{port}/\n", asked.host));
    reply.headers.push(("location", to));
    reply
}

/// Whether the name that is asked for leads to this host from everywhere. Browsers remember for the name, with all of its ports, that there
/// is TLS; what is only called so in this network may be another host in the next.
pub(in crate::server) fn is_public<B>(request: &Request<B>) -> bool {
    let Some(Authority { host: Host::Name(name), .. }) = asked(request) else { return false };
    is_public_name(&name)
}

/// The same of a name in lower case.
pub fn is_public_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, last)| !LOCAL.contains(&last))
}

/// What the client calls this server.
pub(in crate::server) fn asked<B>(request: &Request<B>) -> Option<Authority> {
    let target = request.uri().authority().map(|authority| authority.as_str());
    let host = || request.headers().get(header::HOST)?.to_str().ok();
    target.or_else(host).and_then(Authority::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, host: &str) -> Request<()> {
        let request = Request::builder().uri(uri);
        let request = if host.is_empty() { request } else { request.header(header::HOST, host) };
        request.body(()).expect("a request")
    }

    #[test]
    fn a_client_is_sent_to_the_same_address_over_tls() {
        let check = |uri: &str, host: &str, expect: Option<&str>| {
            let reply = redirect(&request(uri, host));
            let to = reply.headers.iter().find(|(name, _)| *name == "location").map(|(_, value)| value.as_str());
            assert_eq!((to, reply.status), (expect, if expect.is_some() { 307 } else { 400 }), "{uri} {host}");
        };
        check("/", "cam.local:8080", Some("https://cam.local:8080/"));
        check("/?camera=a&b", "CAM.local", Some("https://cam.local:80/?camera=a&b"));
        check("/cam/x", "[::1]:8080", Some("https://[::1]:8080/cam/x"));
        check("http://cam.lan:1/x", "cam.lan:1", Some("https://cam.lan:1/x"));
        check("*", "cam.lan", Some("https://cam.lan:80/"));
        check("/", "", None);
        check("/", "a b", None);
    }

    #[test]
    fn only_a_public_name_is_remembered() {
        let check = |host: &str, expect: bool| assert_eq!(is_public(&request("/", host)), expect, "{host}");
        check("cam.example.org", true);
        check("cam.example.org:8443", true);
        for local in
            ["cam", "cam.local", "hlscam-pi.local:8080", "cam.home.arpa", "cam.lan", "localhost", "192.0.2.1", "[2001:db8::1]"]
        {
            check(local, false);
        }
    }
}
