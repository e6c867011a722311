//! A certificate of hlscam's own making, and the page that says how it is trusted.

use super::{Client, SMALL, config};
use crate::support::{Deadline, Running, send_with};
use rustls::{
    pki_types::{CertificateDer, pem::PemObject},
    version,
};
use std::{fs, os::unix::fs::PermissionsExt};

/// GETs a path without TLS.
fn plain(running: &Running, path: &str, headers: &[(&str, &str)]) -> crate::support::Answer {
    send_with(&running.address, ("GET", path), headers, "").unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_device_that_has_the_authority_trusts_every_certificate_that_it_makes() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().display().to_string();
    let start = || Running::start(&[&SMALL[..], &["--tls", "--storage", &kept]].concat());
    let running = start();
    let answer = plain(&running, "/trust/ca.crt", &[]);
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-x509-ca-cert"));
    let pem = answer.text();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE"), "{pem}");
    let root = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let client =
        |running: &Running| Client { address: running.address.clone(), config: config(&root, &["http/1.1"], &version::TLS13) };
    assert_eq!(client(&running).get("/api/status").status, 200);
    for name in ["localhost", "127.0.0.1"] {
        client(&running).connect(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    client(&running).connect("cam.example.org").expect_err("it is not for that");
    let file = folder.path().join("tls/authority.pem");
    assert_eq!(fs::metadata(&file).expect("it is kept").permissions().mode() & 0o777, 0o600);
    // The page, with all that it loads, comes to who does not trust it yet.
    let page = plain(&running, "/trust", &[("User-Agent", "Mozilla/5.0 (iPhone)")]);
    let (deadline, mut told) = (Deadline::start(), None);
    let fingerprint = loop {
        assert!(!deadline.is_over(), "the log has it: {told:?}");
        told = running.next_line();
        if let Some((_, rest)) = told.as_ref().and_then(|line| line.split_once("(SHA-256 ")) {
            break rest.trim_end_matches(')').to_owned();
        }
    };
    assert!(page.status == 200 && page.text().contains(&fingerprint), "{fingerprint}: {}", page.text());
    assert!(page.text().contains("<details id=\"ios\" open>") && page.text().contains("<svg class=\"code\""), "{}", page.text());
    assert!(!page.text().contains("<!-- "), "{}", page.text());
    for path in ["/style.css", "/trust.css", "/icon.svg"] {
        assert_eq!(plain(&running, path, &[]).status, 200, "{path}");
    }
    for path in ["/", "/viewer.js", "/cam/index.m3u8", "/api/status", "/login", "/trust/other"] {
        assert_eq!(plain(&running, path, &[]).status, 307, "{path}");
    }
    assert_eq!(plain(&running, "/trust", &[("Host", "evil.example")]).status, 400, "two hosts");
    assert!(running.interrupt().0.success());
    let again = start();
    assert_eq!(plain(&again, "/trust/ca.crt", &[]).text(), pem, "it is kept");
    client(&again).connect("localhost").expect("its next certificate is trusted, too");
}

#[test]
fn without_a_certificate_of_its_own_there_is_nothing_to_trust() {
    let running = Running::start(&SMALL);
    for path in ["/trust", "/trust/ca.crt"] {
        assert_eq!(plain(&running, path, &[]).status, 404, "{path}");
    }
}
