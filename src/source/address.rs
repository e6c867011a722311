//! The address of a camera on the network: what is typed, taken apart. Pure.
//!
//! FFmpeg is given the address as it was typed. People, logs and the API are only ever shown scheme, host and port: user and password, the
//! path and the query may all hold a secret.

use std::fmt;

/// Characters of an address; FFmpeg cuts a longer one in its middle.
pub const LEN_MAX: usize = 1000;

/// What carries the pictures of an RTSP camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// The connection itself: nothing is lost.
    #[default]
    Tcp,
    /// Datagrams: nothing waits for what was lost.
    Udp,
}

/// How the address is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RTSP.
    Rtsp,
    /// RTSP over TLS.
    Rtsps,
    /// Anything over HTTP.
    Http,
    /// Anything over HTTP and TLS.
    Https,
    /// A transport stream over SRT.
    Srt,
    /// A transport stream in datagrams.
    Udp,
}

/// The schemes by name, and the ports that they mean where none is given.
const SCHEMES: [(&str, Scheme, Option<u16>); 6] = [
    ("rtsp", Scheme::Rtsp, Some(554)),
    ("rtsps", Scheme::Rtsps, Some(322)),
    ("http", Scheme::Http, Some(80)),
    ("https", Scheme::Https, Some(443)),
    ("srt", Scheme::Srt, None),
    ("udp", Scheme::Udp, None),
];

/// Whether an address begins so.
pub fn is_network(scheme: &str) -> bool {
    SCHEMES.iter().any(|(known, ..)| known.eq_ignore_ascii_case(scheme))
}

/// What to write instead of a scheme that is not among them.
const SCHEMES_HINT: &str = "write rtsp://, rtsps://, http://, https://, srt:// or udp://";

/// The address of a camera, a server or another hlscam.
#[derive(Clone, PartialEq, Eq)]
pub struct NetworkAddress {
    url: String,
    shown: String,
    scheme: Scheme,
    transport: Transport,
    host: String,
    port: u16,
    has_login: bool,
}

/// Without what may be secret.
impl fmt::Debug for NetworkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Without what may be secret.
impl fmt::Display for NetworkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl NetworkAddress {
    /// Takes an address apart; the reason if it is none. What it says holds nothing of what was typed but scheme and port.
    pub fn parse(text: &str) -> Result<NetworkAddress, String> {
        let (name, rest) = text.split_once("://").ok_or_else(|| format!("this is no address; {SCHEMES_HINT}"))?;
        let known = SCHEMES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        let (name, scheme, default_port) =
            *known.ok_or_else(|| format!("this kind of address is not supported; {SCHEMES_HINT}"))?;
        let example = format!("{name}://user:password@host{}/path", if default_port.is_none() { ":9000" } else { "" });
        if text.len() > LEN_MAX {
            return Err(format!("an address has {LEN_MAX} characters at most"));
        }
        if text.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
            return Err("an address holds no space; write it as %20".to_owned());
        }
        if rest.contains('#') {
            return Err("an address holds no #; in a user or a password write it as %23".to_owned());
        }
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        // What a password with a / or a ? in it leaves behind must not be taken for a host and be shown.
        if !authority.contains('@') && rest.contains('@') {
            return Err("an @ stands behind the host; write it as %40, and in a user or a password / as %2F, ? as %3F".to_owned());
        }
        let (login, place) = authority.rsplit_once('@').map_or((None, authority), |(login, place)| (Some(login), place));
        let (host, port) =
            host_and_port(place, default_port).ok_or_else(|| format!("the host or its port is wrong; write it like {example}"))?;
        // Datagrams may come from anywhere.
        if host.is_empty() && !matches!(scheme, Scheme::Udp | Scheme::Srt) {
            return Err(format!("the host is missing; write it like {example}"));
        }
        let (path, transport) = match scheme {
            Scheme::Rtsp | Scheme::Rtsps => split_transport(&rest[authority.len()..])?,
            _ => (rest[authority.len()..].to_owned(), Transport::Tcp),
        };
        if scheme == Scheme::Rtsps && transport == Transport::Udp {
            return Err("rtsps goes over TCP alone; leave transport=udp out".to_owned());
        }
        let has_login = login.is_some_and(|login| !login.is_empty());
        let shown = format!("{name}://{place}");
        Ok(NetworkAddress { url: format!("{name}://{authority}{path}"), shown, scheme, transport, host, port, has_login })
    }

    /// For FFmpeg alone: it holds the password.
    #[cfg_attr(not(feature = "ffmpeg"), expect(dead_code, reason = "only FFmpeg connects"))]
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// What carries its pictures.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Whom to connect to; none where nobody is connected to.
    pub fn host(&self) -> Option<(&str, u16)> {
        let is_connected = !self.host.is_empty() && self.scheme != Scheme::Udp;
        is_connected.then_some((self.host.as_str(), self.port))
    }

    /// Whether a user is named.
    pub fn has_login(&self) -> bool {
        self.has_login
    }
}

/// Host, without the brackets of IPv6, and port.
fn host_and_port(place: &str, default_port: Option<u16>) -> Option<(String, u16)> {
    let (host, tail) = match place.strip_prefix('[') {
        Some(rest) => rest.split_once(']').filter(|(host, _)| host.parse::<std::net::Ipv6Addr>().is_ok())?,
        None => place.split_at(place.find(':').unwrap_or(place.len())),
    };
    let port = match tail.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port > 0)?,
        None if tail.is_empty() => default_port?,
        None => return None,
    };
    Some((host.to_owned(), port))
}

/// Path and query without `transport=…`, which is for us.
fn split_transport(path: &str) -> Result<(String, Transport), String> {
    let Some((path, query)) = path.split_once('?') else { return Ok((path.to_owned(), Transport::Tcp)) };
    let mut transport = Transport::Tcp;
    let mut others = Vec::new();
    for pair in query.split('&') {
        match pair.strip_prefix("transport=") {
            Some("tcp") => transport = Transport::Tcp,
            Some("udp") => transport = Transport::Udp,
            Some(_) => return Err("there is no such transport; write ?transport=udp, or leave it out for TCP".to_owned()),
            None => others.push(pair),
        }
    }
    let query = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
    Ok((format!("{path}{query}"), transport))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, url: &str, shown: &str, host: Option<(&str, u16)>) -> NetworkAddress {
        let address = NetworkAddress::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((address.url.as_str(), address.to_string().as_str(), address.host()), (url, shown, host), "{text}");
        address
    }

    #[test]
    fn an_address_is_taken_apart_and_its_secrets_are_not_shown() {
        let plain = check("rtsp://cam/1", "rtsp://cam/1", "rtsp://cam", Some(("cam", 554)));
        assert!(!plain.has_login() && plain.transport() == Transport::Tcp);
        let url = "rtsp://admin:p%40ss@10.0.0.7:8554/h264?user=admin&password=x";
        let login = check(url, url, "rtsp://10.0.0.7:8554", Some(("10.0.0.7", 8554)));
        assert!(login.has_login() && format!("{login:?}") == "rtsp://10.0.0.7:8554");
        // FFmpeg, too, takes the last @ for the one before the host.
        check("RTSP://a:b@c@[::1]/x", "rtsp://a:b@c@[::1]/x", "rtsp://[::1]", Some(("::1", 554)));
        check("https://me@cam?a=1", "https://me@cam?a=1", "https://cam", Some(("cam", 443)));
        check("http://cam:81/video.mjpg", "http://cam:81/video.mjpg", "http://cam:81", Some(("cam", 81)));
        check("udp://@239.0.0.1:5000", "udp://@239.0.0.1:5000", "udp://239.0.0.1:5000", None);
        check("udp://:5000?fifo_size=1", "udp://:5000?fifo_size=1", "udp://:5000", None);
        check("srt://:9000?mode=listener", "srt://:9000?mode=listener", "srt://:9000", None);
        check("srt://host:9000", "srt://host:9000", "srt://host:9000", Some(("host", 9000)));
    }

    #[test]
    fn the_transport_is_for_us_and_the_rest_of_the_query_for_the_camera() {
        let udp = check("rtsp://cam/1?transport=udp", "rtsp://cam/1", "rtsp://cam", Some(("cam", 554)));
        assert_eq!(udp.transport(), Transport::Udp);
        let url = "rtsp://cam/1?channel=2&subtype=0";
        let udp = check("rtsp://cam/1?channel=2&transport=udp&subtype=0", url, "rtsp://cam", Some(("cam", 554)));
        assert_eq!(udp.transport(), Transport::Udp);
        let tcp = check("rtsp://cam/1?transport=tcp", "rtsp://cam/1", "rtsp://cam", Some(("cam", 554)));
        assert_eq!(tcp.transport(), Transport::Tcp);
        let http = "http://cam/1?transport=udp";
        check(http, http, "http://cam", Some(("cam", 80)));
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for (text, why) in [
            ("ftp://u:secret@cam/1", "this kind of address is not supported; write rtsp://"),
            ("rtsp:/u:secret@cam/1", "this is no address; write rtsp://"),
            ("rtsp://", "the host is missing"),
            ("rtsp://u:secret@/1", "the host is missing"),
            ("rtsp://u:secret@cam:x/1", "the host or its port is wrong"),
            ("rtsp://u:secret@cam:0/1", "the host or its port is wrong"),
            ("rtsp://u:secret@cam:99999/1", "the host or its port is wrong"),
            ("rtsp://u:sec/ret@cam/1", "in a user or a password / as %2F"),
            ("rtsp://sec:80/ret@cam/1", "in a user or a password / as %2F"),
            ("rtsp://[::g]/1", "the host or its port is wrong"),
            ("srt://cam", "write it like srt://user:password@host:9000/path"),
            ("udp://cam", "the host or its port is wrong"),
            ("rtsp://u:sec ret@cam/1", "holds no space"),
            ("rtsp://u:sec\r\nret@cam/1", "holds no space"),
            ("rtsp://u:sec#ret@cam/1", "write it as %23"),
            ("rtsp://cam/1?transport=http", "write ?transport=udp"),
            ("rtsps://cam/1?transport=udp", "rtsps goes over TCP alone"),
        ] {
            let told = NetworkAddress::parse(text).expect_err(text);
            assert!(told.contains(why) && !told.contains("sec"), "{text}: {told}");
        }
        assert!(NetworkAddress::parse(&format!("rtsp://cam/{}", "a".repeat(LEN_MAX))).is_err());
    }
}
