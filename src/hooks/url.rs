//! The addresses of hooks: what is typed, taken apart. Pure. A password in it is never shown again.

use hyper::Uri;
use std::fmt;

/// An address with its credentials apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether it is to be spoken to over TLS.
    pub is_tls: bool,
    /// The host, for people and for connecting.
    pub host: String,
    /// The port, where one is given.
    pub port: Option<u16>,
    /// Path and query, with the leading slash.
    pub path: String,
    /// User and password, decoded.
    pub credentials: Option<(String, String)>,
}

/// Without the credentials, and without the path, which may hold a token.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)
    }
}

/// Takes apart an address of that scheme, or of the same over TLS, which has an s behind it; the reason if it is none.
pub fn parse(text: &str, scheme: &str) -> Result<Address, String> {
    if text.contains('#') {
        return Err("it holds a #, which no address sends; leave it out".to_owned());
    }
    let uri: Uri = text.parse().map_err(|_| format!("this is no address; write it like {scheme}://host/path"))?;
    let is_tls = match uri.scheme_str() {
        Some(typed) if typed == scheme => false,
        Some(typed) if typed.strip_suffix('s') == Some(scheme) => true,
        Some(typed) => return Err(format!("{typed} is not supported here; write {scheme}://… or {scheme}s://…")),
        None => return Err(format!("the scheme is missing; write {scheme}://… or {scheme}s://…")),
    };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let credentials = authority.rsplit_once('@').map(|(credentials, _)| {
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        (decoded(user), decoded(password))
    });
    let host = uri.host().unwrap_or_default().to_owned();
    // `Uri` takes a port that is none for a missing one.
    let tail = authority.rsplit_once('@').map_or(authority, |(_, tail)| tail).strip_prefix(host.as_str()).unwrap_or_default();
    if host.is_empty() || (!tail.is_empty() && uri.port_u16().is_none()) {
        return Err(format!("the host or its port is wrong; write it like {scheme}://host:1234/path"));
    }
    let path = uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    Ok(Address { is_tls, host, port: uri.port_u16(), path, credentials })
}

/// Percent-decoded; what is no code stays.
fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&decoded_bytes(text)).into_owned()
}

/// The same; `None` where the result is no text.
pub(super) fn decoded_text(text: &str) -> Option<String> {
    String::from_utf8(decoded_bytes(text)).ok()
}

fn decoded_bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        let code = rest.get(..2).filter(|code| *first == b'%' && code.iter().all(u8::is_ascii_hexdigit));
        let code = code.and_then(|code| std::str::from_utf8(code).ok()).and_then(|code| u8::from_str_radix(code, 16).ok());
        match code {
            Some(byte) => {
                out.push(byte);
                bytes = &rest[2..];
            }
            None => {
                out.push(*first);
                bytes = rest;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let check = |text: &str, host: &str, port, path: &str, credentials: Option<(&str, &str)>| {
            let address = parse(text, "mqtt").unwrap_or_else(|error| panic!("{text}: {error}"));
            let credentials = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
            let is_tls = text.starts_with("mqtts");
            assert_eq!(address, Address { is_tls, host: host.to_owned(), port, path: path.to_owned(), credentials }, "{text}");
        };
        check("mqtt://broker", "broker", None, "/", None);
        check("mqtt://broker:1884/yard/cam", "broker", Some(1884), "/yard/cam", None);
        check("mqtt://me:p%40ss%3a@10.0.0.7/t", "10.0.0.7", None, "/t", Some(("me", "p@ss:")));
        check("mqtts://broker:8884/yard", "broker", Some(8884), "/yard", None);
        check("mqtt://me@[::1]:1/t?a=b", "[::1]", Some(1), "/t?a=b", Some(("me", "")));
    }

    #[test]
    fn what_is_no_address_is_refused_and_passwords_are_not_shown() {
        for (text, why) in [
            ("broker", "the scheme is missing"),
            ("http://broker", "http is not supported here"),
            ("mqtt://", "this is no address"),
            ("mqtt://a b", "this is no address"),
            ("mqtt://broker:99999", "the host or its port is wrong"),
            ("", "this is no address"),
        ] {
            let told = parse(text, "mqtt").expect_err(text);
            assert!(told.contains(why), "{text}: {told}");
        }
        let secret = parse("mqtt://me:secret@host/token", "mqtt").expect("an address");
        assert_eq!(format!("{secret:?}"), "host");
    }
}
