//! Names of servers as HTTP writes them: `cam.local:8080`, `[::1]`, and with a scheme, the origin of a page (RFC 6454 §7). Pure.

use std::{fmt, net::IpAddr};

/// Longest name of a host (RFC 1035 §2.3.4, as it is written).
const NAME_LEN_MAX: usize = 253;

/// A host: by its address, or by its name in lower case, without the dot of the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// `cam.local`.
    Name(String),
    /// `192.168.1.5`; an IPv4 address mapped into IPv6 is that of IPv4.
    Address(IpAddr),
}

/// A host and its port, which may be left out: the value of `Host` (RFC 9110 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port, if it is told.
    pub port: Option<u16>,
}

/// The origin of a page.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The scheme, in lower case: `https`.
    pub scheme: String,
    /// Where the page comes from.
    pub authority: Authority,
}

impl Host {
    /// Reads a host as it stands in an address, one of IPv6 in brackets.
    pub fn parse(text: &str) -> Option<Host> {
        if let Some(inner) = text.strip_prefix('[') {
            // The zone says which link of the sender is meant; here it means nothing (RFC 6874 §1).
            let address = inner.strip_suffix(']')?.split('%').next()?;
            return Some(Host::Address(IpAddr::V6(address.parse().ok()?).to_canonical()));
        }
        if let Ok(address) = text.parse() {
            return Some(Host::Address(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        // RFC 3986 §3.2.2: reg-name.
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
        let is_name = !name.is_empty() && name.len() <= NAME_LEN_MAX && name.bytes().all(is_allowed);
        is_name.then(|| Host::Name(name.to_ascii_lowercase()))
    }
}

impl Authority {
    /// Reads `host` or `host:port`.
    pub fn parse(text: &str) -> Option<Authority> {
        let (host, port) = match text.rsplit_once(':') {
            // The last colon of an address of IPv6 without a port is within its brackets.
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (text, ""),
        };
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        // A colon with nothing after it is no port (RFC 3986 §3.2.3).
        let port = if port.is_empty() { None } else { Some(port.parse().ok().filter(|_| is_number)?) };
        Some(Authority { host: Host::parse(host)?, port })
    }
}

impl Origin {
    /// Reads `scheme://host[:port]`.
    pub fn parse(text: &str) -> Option<Origin> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let authority = Authority::parse(rest)?;
        is_scheme.then(|| Origin { scheme: scheme.to_ascii_lowercase(), authority })
    }

    /// Whether a server that is asked at `authority` is of this origin. Nobody knows there whether a proxy in front adds TLS, so a port
    /// that is left out is the one of the origin's own scheme: `nas.lan` is `nas.lan:80` for a page over HTTP.
    pub fn is_at(&self, authority: &Authority) -> bool {
        let default = self.default_port();
        self.authority.host == authority.host && self.authority.port.or(default) == authority.port.or(default)
    }

    fn default_port(&self) -> Option<u16> {
        match self.scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        }
    }
}

/// A default port that is told is the same as one that is left out.
impl PartialEq for Origin {
    fn eq(&self, other: &Origin) -> bool {
        self.scheme == other.scheme && self.is_at(&other.authority)
    }
}

impl Eq for Origin {}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(address)) => address.fmt(f),
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// As browsers write it: without a default port (HTML, "serialization of an origin").
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority.host)?;
        match self.authority.port.filter(|port| Some(*port) != self.default_port()) {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_in_every_form_that_clients_send() {
        let check = |text: &str, expect: Option<(&str, Option<u16>)>| {
            let read = Authority::parse(text).map(|read| (read.host.to_string(), read.port));
            assert_eq!(read, expect.map(|(host, port)| (host.to_owned(), port)), "{text:?}");
        };
        check("cam.local", Some(("cam.local", None)));
        check("CAM.Local.:8080", Some(("cam.local", Some(8080))));
        check("cam:", Some(("cam", None)));
        check("192.168.1.5:80", Some(("192.168.1.5", Some(80))));
        check("[::1]", Some(("[::1]", None)));
        check("[2001:DB8::5]:8080", Some(("[2001:db8::5]", Some(8080))));
        check("[fe80::1%25eth0]:8080", Some(("[fe80::1]", Some(8080))));
        check("[fe80::1%eth0]", Some(("[fe80::1]", None)));
        check("[::ffff:10.0.0.1]:1", Some(("10.0.0.1", Some(1))));
        for bad in
            ["", ".", ":80", "cam:x", "cam:+1", "cam:65536", "cam/x", "cam:80/x", "a@cam", "a b", "::1", "[::1", "[::1]x", "[]"]
        {
            check(bad, None);
        }
        check(&"a".repeat(254), None);
    }

    #[test]
    fn default_ports_are_equal_and_others_are_not() {
        let check = |origin: &str, authority: &str, expect: bool| {
            let (read, at) = (Origin::parse(origin).expect(origin), Authority::parse(authority).expect(authority));
            assert_eq!(read.is_at(&at), expect, "{origin} {authority}");
        };
        check("http://nas.lan", "nas.lan:80", true);
        check("http://nas.lan:80", "nas.lan", true);
        check("https://nas.lan", "NAS.lan.:443", true);
        check("https://nas.lan", "nas.lan", true);
        check("http://nas.lan", "nas.lan:8080", false);
        check("http://nas.lan:8080", "nas.lan", false);
        check("https://nas.lan", "nas.lan:80", false);
        check("http://nas.lan", "nas", false);
        check("http://[::1]:8080", "[::1]:8080", true);
    }

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(Origin::parse(text).map(|origin| origin.to_string()).as_deref(), expect, "{text}");
        };
        check("HTTPS://Home.Example:443", Some("https://home.example"));
        check("http://home.example:443", Some("http://home.example:443"));
        check("chrome-extension://abcdef", Some("chrome-extension://abcdef"));
        for bad in ["null", "*", "home.example", "https://", "https://home.example/", "https://home.example/x", "1://a", "://a"] {
            check(bad, None);
        }
    }
}
