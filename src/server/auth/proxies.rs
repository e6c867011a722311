//! Reverse proxies whose word counts: what they tell of who asks, under which name, and whether over TLS (RFC 7239, and the older headers
//! that most of them send). From anybody else these headers are not read. Pure.

use super::gate::{Carrier, ConnectionInfo};
use crate::server::{authority::Authority, http::reply::text_of};
use hyper::{HeaderMap, header};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

/// What a proxy tells of the browser's `Host`.
const FORWARDED_HOST: &str = "x-forwarded-host";
/// What it tells of who asks.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// What it tells of the scheme.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Proxies in a row that are asked for who asks; nobody has as many.
const CHAIN_LEN_MAX: usize = 16;

/// Those on this computer: trusted unless others are named.
pub const PROXIES_DEFAULT: [&str; 2] = ["127.0.0.0/8", "::1"];

/// The addresses that begin with the same bits (RFC 4632 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// Of its bits.
    prefix_len: u8,
}

/// The networks whose proxies are believed.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[Network]>);

/// Who asks, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Client {
    /// Its address: behind a proxy, the one that the proxy tells.
    pub(in crate::server) address: IpAddr,
    /// It asks over TLS.
    pub(in crate::server) is_tls: bool,
}

impl Network {
    /// Reads `192.168.1.0/24`, `fd00::/8`, or one address. `None` for what is no network, and for all addresses at once: whoever asks could
    /// say then that it is somebody else.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, prefix_len) = text.split_once('/').map_or((text, None), |(address, len)| (address, Some(len)));
        let address = address.parse::<IpAddr>().ok()?.to_canonical();
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let is_number = |len: &str| !len.is_empty() && len.len() <= 3 && len.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_len = match prefix_len {
            None => bits,
            Some(len) if is_number(len) => len.parse().ok().filter(|len| (1..=bits).contains(len))?,
            Some(_) => return None,
        };
        Some(Network { address, prefix_len })
    }

    fn has(&self, other: IpAddr) -> bool {
        let same = |one: u128, other: u128, bits: u32| (one ^ other) >> (bits - u32::from(self.prefix_len)) == 0;
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(own.to_bits().into(), other.to_bits().into(), Ipv4Addr::BITS),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), Ipv6Addr::BITS),
            _ => false,
        }
    }
}

impl Default for TrustedProxies {
    fn default() -> TrustedProxies {
        TrustedProxies(PROXIES_DEFAULT.iter().filter_map(|text| Network::parse(text)).collect())
    }
}

impl fmt::Debug for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|network| format!("{}/{}", network.address, network.prefix_len))).finish()
    }
}

impl TrustedProxies {
    /// Those of these networks.
    pub fn of(networks: Vec<Network>) -> TrustedProxies {
        TrustedProxies(networks.into())
    }

    /// Whether what comes from this address counts.
    pub(in crate::server) fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.has(address))
    }

    fn trust(&self, connection: ConnectionInfo) -> bool {
        #[cfg(unix)]
        if connection.carrier == Carrier::Unix {
            return true;
        }
        self.has(connection.peer)
    }

    /// Who asks. Each proxy adds the address from which it was asked, so the chain is read from its end, as long as proxies are believed;
    /// what stands before the first other address may be anybody's invention.
    pub(in crate::server) fn client(&self, connection: ConnectionInfo, headers: &HeaderMap) -> Client {
        let mut client = Client { address: connection.peer.to_canonical(), is_tls: connection.carrier == Carrier::Tls };
        if !self.trust(connection) {
            return client;
        }
        client.is_tls = last_proto(headers).map_or(client.is_tls, |proto| proto.eq_ignore_ascii_case("https"));
        for told in chain(headers).into_iter().rev().take(CHAIN_LEN_MAX) {
            let Some(told) = told else { break };
            client.address = told;
            if !self.has(told) {
                break;
            }
        }
        client
    }

    /// The hosts that the browser may have asked for, as a proxy tells it.
    pub(in crate::server) fn hosts(&self, connection: ConnectionInfo, headers: &HeaderMap) -> Vec<Authority> {
        if !self.trust(connection) {
            return Vec::new();
        }
        [forwarded_host(headers), x_forwarded_host(headers)].into_iter().flatten().collect()
    }
}

/// The addresses that proxies tell, the first client's first; `None` for what is none. A proxy that adds to one of the two headers may hand
/// the other one on as it came, and most add to `X-Forwarded-For`.
fn chain(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let told: Vec<_> = elements(headers, FORWARDED_FOR).into_iter().map(address).collect();
    if !told.is_empty() {
        return told;
    }
    elements(headers, header::FORWARDED.as_str()).into_iter().map(|element| pair(element, "for").and_then(address)).collect()
}

/// All elements of a header that is a list, which may stand on several lines (RFC 9110 §5.3).
fn elements<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).collect()
}

/// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7`, `[2001:db8::7]`, `[2001:db8::7]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).parse::<IpAddr>().ok();
    bare().or_else(|| text.parse::<SocketAddr>().ok().map(|at| at.ip())).map(|address| address.to_canonical())
}

/// The value of a pair of `Forwarded` (RFC 7239 §4).
fn pair<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim_matches('"'))
}

/// The scheme by which the nearest proxy that tells it was asked.
fn last_proto(headers: &HeaderMap) -> Option<&str> {
    let told = || elements(headers, header::FORWARDED.as_str()).into_iter().next_back().and_then(|element| pair(element, "proto"));
    elements(headers, FORWARDED_PROTO).into_iter().next_back().or_else(told)
}

/// The first of a list is what the browser sent to the first proxy.
fn x_forwarded_host(headers: &HeaderMap) -> Option<Authority> {
    Authority::parse(headers.get(FORWARDED_HOST)?.to_str().ok()?.split(',').next()?.trim())
}

/// The same in RFC 7239 §5.3.
fn forwarded_host(headers: &HeaderMap) -> Option<Authority> {
    Authority::parse(pair(text_of(headers, header::FORWARDED)?.split(',').next()?, "host")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn a_network_has_what_begins_as_it_does() {
        let check = |network: &str, address: &str, expect: bool| {
            assert_eq!(Network::parse(network).expect(network).has(ip(address)), expect, "{network} {address}");
        };
        check("192.168.1.0/24", "192.168.1.255", true);
        check("192.168.1.7/24", "192.168.1.255", true);
        check("192.168.1.0/24", "::ffff:192.168.1.3", true);
        check("192.168.1.0/24", "192.168.2.0", false);
        check("10.0.0.2", "10.0.0.2", true);
        check("10.0.0.2", "10.0.0.3", false);
        check("128.0.0.0/1", "255.0.0.1", true);
        check("128.0.0.0/1", "127.0.0.1", false);
        check("fd00::/8", "fd12::1", true);
        check("fd00::/8", "fe80::1", false);
        check("::1", "::1", true);
        check("::1", "127.0.0.1", false);
        for wrong in
            ["", "0.0.0.0/0", "::/0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0", "nas.lan", "10.0.0.0/8/8"]
        {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn who_asks_is_told_by_trusted_proxies_alone() {
        let here = TrustedProxies::default();
        let there = TrustedProxies::of(["10.0.0.0/8", "127.0.0.1"].iter().filter_map(|text| Network::parse(text)).collect());
        let none = TrustedProxies::of(Vec::new());
        let check = |proxies: &TrustedProxies, peer: &str, lines: &[(&'static str, &'static str)], expect: &str| {
            let connection = ConnectionInfo { peer: ip(peer), local: None, carrier: Carrier::Plain };
            assert_eq!(proxies.client(connection, &headers(lines)).address, ip(expect), "{proxies:?} {peer} {lines:?}");
        };
        let two = &[("x-forwarded-for", "203.0.113.9, 192.0.2.7")][..];
        check(&here, "127.0.0.1", two, "192.0.2.7");
        check(&here, "::ffff:127.0.0.1", two, "192.0.2.7");
        check(&here, "192.0.2.1", two, "192.0.2.1");
        check(&none, "127.0.0.1", two, "127.0.0.1");
        check(&here, "127.0.0.1", &[], "127.0.0.1");
        // A proxy behind a proxy: the last that is no proxy asks.
        check(&there, "127.0.0.1", &[("x-forwarded-for", "6.6.6.6, 192.0.2.7, 10.1.1.1")], "192.0.2.7");
        check(
            &there,
            "10.2.2.2",
            &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.7"), ("x-forwarded-for", "10.1.1.1")],
            "192.0.2.7",
        );
        check(&there, "10.2.2.2", &[("x-forwarded-for", "10.3.3.3, 10.1.1.1")], "10.3.3.3");
        check(&there, "10.2.2.2", &[("x-forwarded-for", "192.0.2.7, unknown, 10.1.1.1")], "10.1.1.1");
        check(&here, "127.0.0.1", &[("x-forwarded-for", "6.6.6.6, nonsense")], "127.0.0.1");
        for (value, expect) in
            [("192.0.2.7:4711", "192.0.2.7"), ("2001:db8::7", "2001:db8::7"), ("[2001:db8::7]:80", "2001:db8::7")]
        {
            check(&here, "127.0.0.1", &[("x-forwarded-for", value)], expect);
        }
        check(&here, "127.0.0.1", &[("forwarded", "for=6.6.6.6, For=\"[2001:db8::7]:80\";proto=http")], "2001:db8::7");
        check(&here, "127.0.0.1", &[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.7")], "192.0.2.7");
        check(&here, "127.0.0.1", &[("forwarded", "for=_hidden")], "127.0.0.1");
    }

    #[test]
    fn the_scheme_is_told_by_the_nearest_proxy() {
        let check = |peer: &str, lines: &[(&'static str, &'static str)], expect: bool| {
            let client = TrustedProxies::default()
                .client(ConnectionInfo { peer: ip(peer), local: None, carrier: Carrier::Plain }, &headers(lines));
            assert_eq!(client.is_tls, expect, "{peer} {lines:?}");
        };
        check("127.0.0.1", &[("x-forwarded-proto", "https")], true);
        check("127.0.0.1", &[("x-forwarded-proto", "http, HTTPS")], true);
        check("127.0.0.1", &[("x-forwarded-proto", "https, http")], false);
        check("127.0.0.1", &[("forwarded", "for=1.1.1.1;proto=https")], true);
        check("127.0.0.1", &[], false);
        check("192.0.2.1", &[("x-forwarded-proto", "https")], false);
    }
}
