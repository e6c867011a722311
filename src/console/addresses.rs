//! The addresses under which a viewer reaches this host, and how they are shown. Pure but for [`interfaces`].

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Interfaces with these names lead to containers, virtual machines and tunnels, not to a phone in the room.
const VIRTUAL_NAMES: [&str; 16] = [
    "docker",
    "br-",
    "veth",
    "virbr",
    "vmnet",
    "vboxnet",
    "vethernet",
    "lxc",
    "lxd",
    "cni",
    "flannel",
    "podman",
    "tun",
    "tap",
    "wg",
    "utun",
];
/// Dark on light whatever the terminal's colours: black and white of the fixed 6×6×6 cube, which no theme changes.
const QR_COLOURS: &str = "\x1b[38;5;16;48;5;231m";
const COLOURS_END: &str = "\x1b[0m";

/// What is offered to browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Where the server listens.
    pub at: SocketAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// It lets users in alone.
    pub is_guarded: bool,
    /// The hash of the authority's certificate, where that is hlscam's own.
    pub fingerprint: Option<String>,
    /// What the network knows this computer by.
    pub name: Option<String>,
}

/// An address of this host on one of its networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The interface's name, `eth0`.
    pub name: String,
    /// The address.
    pub ip: IpAddr,
}

/// Where to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The viewer page.
    pub url: String,
    /// From where it can be opened.
    pub reach: Reach,
}

/// From where an address can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From this computer.
    ThisHost,
    /// From the network on that interface.
    Network(String),
    /// From a container, a virtual machine, a tunnel or a direct cable on that interface.
    Aside(String),
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reach::ThisHost => f.write_str("on this computer"),
            Reach::Network(name) => write!(f, "on the network ({name})"),
            Reach::Aside(name) => write!(f, "through {name} only"),
        }
    }
}

/// The addresses of this host now.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let found = if_addrs::get_if_addrs()?;
    Ok(found.into_iter().map(|interface| Interface { ip: interface.ip(), name: interface.name }).collect())
}

/// Every address under which the server can be opened: this computer, then networks, then the rest.
pub fn addresses(offer: &Offer, interfaces: &[Interface]) -> Vec<Address> {
    let address = |ip, reach| Address { url: format!("{}://{}/", offer.scheme, SocketAddr::new(ip, offer.at.port())), reach };
    let bound = offer.at.ip();
    if bound.is_loopback() {
        return vec![address(bound, Reach::ThisHost)];
    }
    if !bound.is_unspecified() {
        let name = interfaces.iter().find(|interface| interface.ip == bound).map_or("?", |interface| &interface.name);
        return vec![address(bound, reach(name, bound))];
    }
    // A socket on :: takes IPv4 too, but on Windows.
    let v4 = bound.is_ipv4() || !cfg!(windows);
    let v6 = bound.is_ipv6();
    let mut found = Vec::new();
    if v4 {
        found.push(address(IpAddr::V4(Ipv4Addr::LOCALHOST), Reach::ThisHost));
    }
    if v6 {
        found.push(address(IpAddr::V6(Ipv6Addr::LOCALHOST), Reach::ThisHost));
    }
    let usable = |ip: IpAddr| match ip {
        IpAddr::V4(_) => v4,
        // A browser cannot open a link-local address of IPv6, for it lacks the zone.
        IpAddr::V6(ip) => v6 && !ip.is_unicast_link_local(),
    };
    let others = interfaces.iter().filter(|interface| !interface.ip.is_loopback() && usable(interface.ip));
    found.extend(others.map(|interface| address(interface.ip, reach(&interface.name, interface.ip))));
    let named = |name: &String| format!("{}://{name}:{}/", offer.scheme, offer.at.port());
    found.extend(offer.name.iter().map(|name| Address { url: named(name), reach: Reach::Network("mDNS".to_owned()) }));
    // Stable: within a rank the system's order stays.
    found.sort_by_key(|address| rank(&address.reach));
    found
}

fn rank(reach: &Reach) -> u8 {
    match reach {
        Reach::ThisHost => 0,
        Reach::Network(_) => 1,
        Reach::Aside(_) => 2,
    }
}

fn reach(name: &str, ip: IpAddr) -> Reach {
    let lower = name.to_ascii_lowercase();
    let link_local = matches!(ip, IpAddr::V4(ip) if ip.is_link_local());
    if link_local || VIRTUAL_NAMES.iter().any(|start| lower.starts_with(start)) {
        Reach::Aside(name.to_owned())
    } else {
        Reach::Network(name.to_owned())
    }
}

/// How a device is made to trust a certificate of hlscam's own.
pub fn trust(offer: &Offer, interfaces: &[Interface]) -> Option<String> {
    let fingerprint = offer.fingerprint.as_ref()?;
    let all = addresses(&Offer { scheme: "http", ..offer.clone() }, interfaces);
    let network = all.iter().find(|address| matches!(address.reach, Reach::Network(_)));
    let url = &network.or(all.first())?.url;
    Some(format!("a device trusts the certificate when it has its authority, from {url}trust (SHA-256 {fingerprint})"))
}

/// What to say when others can reach it, or hear what is said; `None` when they cannot.
pub fn exposure(offer: &Offer) -> Option<String> {
    let port = offer.at.port();
    let is_heard = offer.scheme == "http" || !offer.is_guarded;
    (is_heard && !offer.at.ip().is_loopback()).then(|| match offer.is_guarded {
        true => "passwords and pictures cross the network as they are, for all who listen there; with --tls they do not"
            .to_owned(),
        false => format!(
            "everyone who reaches port {port} of this computer can watch, and write and delete markers and recordings, as --open says; \
             with --users FILE only users can"
        ),
    })
}

/// The addresses for a terminal, with a QR code of the first on a real network.
pub fn block(addresses: &[Address]) -> String {
    let width = addresses.iter().map(|address| address.url.len()).max().unwrap_or_default();
    let lines = addresses.iter().map(|address| format!("  {:width$}  {}\n", address.url, address.reach));
    let mut text: String = std::iter::once("Open in a browser:\n".to_owned()).chain(lines).collect();
    let network = addresses.iter().find(|address| matches!(address.reach, Reach::Network(_)));
    if let Some(code) = network.and_then(|address| qr_code(&address.url)) {
        text.push_str(&code);
    }
    text
}

/// A QR code in half blocks with its quiet zone of four modules; `None` for a text too long for any.
fn qr_code(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    // The renderer's blocks are the dark modules, drawn in the foreground colour.
    let drawn = code.render::<Dense1x2>().quiet_zone(true).build();
    Some(drawn.lines().map(|line| format!("  {QR_COLOURS}{line}{COLOURS_END}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interfaces() -> Vec<Interface> {
        let interface = |(name, ip): (&str, &str)| Interface { name: name.to_owned(), ip: ip.parse().unwrap() };
        [
            ("lo", "127.0.0.1"),
            ("lo", "::1"),
            ("docker0", "172.17.0.1"),
            ("eth0", "192.168.1.5"),
            ("eth0", "fe80::1"),
            ("eth0", "2001:db8::5"),
            ("usb0", "169.254.3.4"),
            ("wlan0", "10.0.0.7"),
        ]
        .map(interface)
        .to_vec()
    }

    fn offer(listener: &str) -> Offer {
        Offer { at: listener.parse().unwrap(), scheme: "http", is_guarded: false, fingerprint: None, name: None }
    }

    fn check(listener: &str, expect: &[&str]) {
        let found = addresses(&offer(listener), &interfaces());
        let lines: Vec<String> = found.iter().map(|address| format!("{} {}", address.url, address.reach)).collect();
        assert_eq!(lines, expect, "{listener}");
    }

    #[test]
    fn every_address_that_works_is_told_and_no_other() {
        check("127.0.0.1:8080", &["http://127.0.0.1:8080/ on this computer"]);
        check("[::1]:80", &["http://[::1]:80/ on this computer"]);
        check("192.168.1.5:8080", &["http://192.168.1.5:8080/ on the network (eth0)"]);
        check("172.17.0.1:1", &["http://172.17.0.1:1/ through docker0 only"]);
        check(
            "0.0.0.0:8080",
            &[
                "http://127.0.0.1:8080/ on this computer",
                "http://192.168.1.5:8080/ on the network (eth0)",
                "http://10.0.0.7:8080/ on the network (wlan0)",
                "http://172.17.0.1:8080/ through docker0 only",
                "http://169.254.3.4:8080/ through usb0 only",
            ],
        );
    }

    #[cfg(not(windows))]
    #[test]
    fn a_listener_on_every_ipv6_address_takes_ipv4_too() {
        check(
            "[::]:8080",
            &[
                "http://127.0.0.1:8080/ on this computer",
                "http://[::1]:8080/ on this computer",
                "http://192.168.1.5:8080/ on the network (eth0)",
                "http://[2001:db8::5]:8080/ on the network (eth0)",
                "http://10.0.0.7:8080/ on the network (wlan0)",
                "http://172.17.0.1:8080/ through docker0 only",
                "http://169.254.3.4:8080/ through usb0 only",
            ],
        );
    }

    #[test]
    fn a_device_is_led_to_the_page_of_trust_without_tls() {
        let offer = Offer { scheme: "https", fingerprint: Some("AB:CD".to_owned()), ..offer("0.0.0.0:8080") };
        let told = trust(&offer, &interfaces()).unwrap_or_default();
        let expect =
            "a device trusts the certificate when it has its authority, from http://192.168.1.5:8080/trust (SHA-256 AB:CD)";
        assert_eq!(told, expect);
        assert_eq!(trust(&Offer { fingerprint: None, ..offer }, &interfaces()), None);
    }

    #[test]
    fn the_name_that_is_announced_stands_behind_the_addresses_of_the_network() {
        let all = addresses(&Offer { name: Some("hlscam-pi4.local".to_owned()), ..offer("0.0.0.0:8080") }, &interfaces());
        let urls: Vec<&str> = all.iter().map(|address| &*address.url).collect();
        assert_eq!(urls[2..5], ["http://10.0.0.7:8080/", "http://hlscam-pi4.local:8080/", "http://172.17.0.1:8080/"]);
    }

    #[test]
    fn a_warning_is_due_as_soon_as_others_can_watch() {
        assert_eq!(exposure(&offer("127.0.0.1:8080")), None);
        assert_eq!(exposure(&Offer { is_guarded: true, ..offer("[::1]:8080") }), None);
        let told = |is_guarded| exposure(&Offer { is_guarded, ..offer("0.0.0.0:8080") }).unwrap_or_default();
        let over_tls = |is_guarded| exposure(&Offer { is_guarded, scheme: "https", ..offer("0.0.0.0:8080") });
        assert!(over_tls(true).is_none() && over_tls(false).is_some());
        assert!(told(false).starts_with("everyone who reaches port 8080 of this computer can watch, and write"));
        assert!(told(true).starts_with("passwords and pictures cross the network as they are"));
    }

    #[test]
    fn the_block_lists_addresses_in_columns_and_codes_the_network_one() {
        let alone = block(&addresses(&offer("127.0.0.1:8080"), &interfaces()));
        assert_eq!(alone, "Open in a browser:\n  http://127.0.0.1:8080/  on this computer\n");
        let all = block(&addresses(&offer("0.0.0.0:8080"), &interfaces()));
        let texts: Vec<&str> = all.lines().take_while(|line| !line.contains('\x1b')).collect();
        assert_eq!(texts[1], "  http://127.0.0.1:8080/    on this computer");
        assert_eq!(texts[2], "  http://192.168.1.5:8080/  on the network (eth0)");
        assert_eq!(texts.len(), 6);
        let code: Vec<&str> = all.lines().skip(texts.len()).collect();
        // Version 2 has 25 modules; 4 more on each side are the quiet zone; a line is two rows.
        assert_eq!(code.len(), 17);
        for line in code {
            let inner = line.strip_prefix("  \x1b[38;5;16;48;5;231m").and_then(|line| line.strip_suffix("\x1b[0m"));
            let inner = inner.expect("every line sets its colours and ends them");
            assert_eq!(inner.chars().count(), 33);
            assert!(inner.starts_with("    ") && inner.ends_with("    "), "the quiet zone is light");
        }
    }
}
