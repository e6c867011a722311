//! The page that says how a device is made to trust this server, where its certificate is of hlscam's own making, and the certificate of the
//! authority that is to be installed. Both are answered without TLS, too: who does not trust it yet can read them.

use crate::{
    certificate::PublicAuthority,
    host,
    server::{
        authority::{Authority, Host},
        http::{
            answer::{Answer, Call},
            reply::{escaped, not_found, plain, text_of},
            tls,
        },
        origin::Reply,
    },
};
use bytes::Bytes;
use hyper::header;
use qrcode::{Color, EcLevel, QrCode};
use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
};

/// The page, and what stands in it in place of what it tells.
const PAGE: &str = "/trust.html";
const CODE: &str = "<!-- code -->";
const ADDRESS: &str = "<!-- address -->";
const STREAM: &str = "<!-- stream -->";
const NAME: &str = "<!-- name -->";
const FINGERPRINT: &str = "<!-- fingerprint -->";
/// What iOS, Android, Windows and Firefox know a certificate by.
const CERTIFICATE_TYPE: &str = "application/x-x509-ca-cert";
/// Light modules around a code (ISO/IEC 18004 §6.3.8).
const QUIET_ZONE: usize = 4;

/// What is to be trusted, and where the server listens.
#[derive(Debug)]
pub(in crate::server) struct Trust {
    pub(in crate::server) authority: PublicAuthority,
    pub(in crate::server) bound: SocketAddr,
}

/// `GET /trust`: the page.
pub(in crate::server) fn page(Call { shared, client, request, .. }: Call) -> Answer {
    let Some(trust) = shared.trust.get() else { return not_found().into() };
    let Some(asset) = shared.file(PAGE) else { return plain(500, "the page is not there; please report this\n").into() };
    let place = place((tls::asked(&request), client.is_tls), trust.bound, &host::addresses());
    let address = format!("http://{place}/trust");
    let system = system(text_of(request.headers(), header::USER_AGENT).unwrap_or_default());
    let text = String::from_utf8_lossy(asset.plain())
        .replace(CODE, &code(&address).unwrap_or_default())
        .replace(ADDRESS, &address)
        .replace(STREAM, &format!("https://{place}/"))
        .replace(NAME, &escaped(&trust.authority.name))
        .replace(FINGERPRINT, &trust.authority.fingerprint)
        .replace(&format!("<details id=\"{system}\">"), &format!("<details id=\"{system}\" open>"));
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned()), ("cache-control", "no-store".to_owned())];
    Reply { status: 200, headers, body: vec![Bytes::from(text)], rest: None }.into()
}

/// `GET /trust/ca.crt`: the authority's certificate, in PEM.
pub(in crate::server) fn certificate(Call { shared, .. }: Call) -> Answer {
    let Some(trust) = shared.trust.get() else { return not_found().into() };
    let headers = vec![
        ("content-type", CERTIFICATE_TYPE.to_owned()),
        ("content-disposition", "attachment; filename=\"hlscam.crt\"".to_owned()),
        ("cache-control", "no-store".to_owned()),
    ];
    Reply { status: 200, headers, body: vec![Bytes::from(trust.authority.pem.clone())], rest: None }.into()
}

/// Host and port under which another device reaches the server: as it was asked for, or, by who sits at this computer, its first address.
fn place((asked, is_tls): (Option<Authority>, bool), bound: SocketAddr, own: &[IpAddr]) -> String {
    // The same port speaks both, so that of the scheme by which it was asked is told, too.
    let default = if is_tls { 443 } else { 80 };
    let port = asked.as_ref().map_or(bound.port(), |asked| asked.port.unwrap_or(default));
    let is_here = |host: &Host| match host {
        Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Address(address) => address.is_loopback(),
    };
    let host = asked.map_or(Host::Address(bound.ip()), |asked| asked.host);
    let other = match bound.ip() {
        ip if !ip.is_unspecified() => Some(ip),
        _ => own.iter().copied().find(|ip| ip.is_ipv4() && !ip.is_loopback()),
    };
    let host = if is_here(&host) { other.map_or(host, |ip| Host::Address(ip.to_canonical())) } else { host };
    format!("{host}:{port}")
}

/// The system of a browser, as the page names its sections. What an iPad calls itself is a Mac.
fn system(agent: &str) -> &'static str {
    let known = [
        ("iPhone", "ios"),
        ("iPad", "ios"),
        ("Android", "android"),
        ("Windows", "windows"),
        ("Macintosh", "macos"),
        ("Firefox", "firefox"),
    ];
    known.iter().find(|(sign, _)| agent.contains(sign)).map_or("linux", |(_, system)| system)
}

/// A QR code as SVG, dark on light in any colours of the page; none for a text too long for any.
fn code(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (width, side) = (code.width(), code.width() + 2 * QUIET_ZONE);
    let mut path = String::new();
    for (index, _) in code.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        // Writing to a String cannot fail.
        let _ = write!(path, "M{} {}h1v1h-1z", index % width + QUIET_ZONE, index / width + QUIET_ZONE);
    }
    Some(format!(
        "<svg class=\"code\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"QR code of the address of this page\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}h-{side}z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_device_is_led_to_an_address_that_it_reaches() {
        let own: Vec<IpAddr> = ["127.0.0.1", "::1", "fd00::1", "192.168.1.5"].map(|text| text.parse().expect(text)).to_vec();
        let check = |asked: &str, bound: &str, expect: &str| {
            let told = place((Authority::parse(asked), true), bound.parse().expect(bound), &own);
            assert_eq!(told, expect, "{asked} {bound}");
        };
        check("localhost:8080", "0.0.0.0:8080", "192.168.1.5:8080");
        check("127.0.0.1:8080", "[::]:8080", "192.168.1.5:8080");
        check("localhost:8080", "192.168.1.7:8080", "192.168.1.7:8080");
        check("localhost:8080", "127.0.0.1:8080", "127.0.0.1:8080");
        check("hlscam-pi4.local", "0.0.0.0:443", "hlscam-pi4.local:443");
        check("[fd00::1]:443", "[::]:8080", "[fd00::1]:443");
        check("", "0.0.0.0:8080", "0.0.0.0:8080");
    }

    #[test]
    fn the_section_of_the_own_system_is_open() {
        let page = include_str!("../../../web/trust.html");
        for (agent, expect) in [
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", "ios"),
            ("Mozilla/5.0 (Linux; Android 15; Pixel 9)", "android"),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/140.0", "windows"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "macos"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "firefox"),
            ("curl/8", "linux"),
        ] {
            assert_eq!(system(agent), expect, "{agent}");
            assert!(page.contains(&format!("<details id=\"{expect}\">")), "{expect}");
        }
        for placed in [CODE, ADDRESS, STREAM, NAME, FINGERPRINT] {
            assert!(page.contains(placed), "{placed}");
        }
    }

    #[test]
    fn a_code_has_a_quiet_zone_and_square_modules() {
        let svg = code("http://192.168.1.5:8080/trust").expect("it is short");
        assert!(svg.contains("viewBox=\"0 0 37 37\"") && svg.contains("d=\"M4 4h1v1h-1z"), "version 3: {svg}");
        assert_eq!(code(&"a".repeat(5000)), None);
    }
}
