//! What was said about TLS.

use super::check::{asked, refuse};
use crate::{
    certificate::{AcmeConfig, CertificateSource},
    cli::{UsageError, tls::TlsArgs},
    http_client::parse_address,
    server::{authority::Host, is_public_name},
};
use std::path::Path;

/// Where the certificate comes from; none is no TLS.
pub(super) fn certificate(
    args: &TlsArgs,
    host_names: &[Host],
    storage: Option<&Path>,
) -> Result<Option<CertificateSource>, UsageError> {
    let shown = |path: &Path| path.display().to_string();
    if let Some(config) = acme(args, storage)? {
        return match (args.tls, &args.tls_cert, &args.tls_key) {
            (false, None, None) => Ok(Some(CertificateSource::Acme(config))),
            _ => refuse(
                "--acme-domain",
                &config.names[0],
                "the certificate comes from one place; leave --tls, --tls-cert and --tls-key out",
            ),
        };
    }
    match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), _) if args.tls => {
            refuse("--tls-cert", &shown(certificate), "--tls makes a certificate of its own; leave one of them out")
        }
        (None, None) if args.tls => {
            let names = host_names.iter().filter_map(|host| match host {
                Host::Name(name) => Some(name.clone()),
                Host::Address(_) => None,
            });
            Ok(Some(CertificateSource::Own { folder: storage.map(Path::to_owned), names: names.collect() }))
        }
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(CertificateSource::Files { certificate: certificate.clone(), key: key.clone() })),
        (Some(certificate), None) => {
            refuse("--tls-cert", &shown(certificate), "its private key is missing; write --tls-key FILE, too")
        }
        (None, Some(key)) => refuse("--tls-key", &shown(key), "the certificate is missing; write --tls-cert FILE, too"),
    }
}

/// What is ordered of a public authority.
fn acme(args: &TlsArgs, storage: Option<&Path>) -> Result<Option<AcmeConfig>, UsageError> {
    let names = args.acme_domain.iter().map(|text| asked("--acme-domain", text.trim(), public_name));
    let mut names = names.collect::<Result<Vec<_>, _>>()?;
    let email = args.acme_email.as_deref().map(|text| asked("--acme-email", text.trim(), email)).transpose()?;
    let server = asked("--acme-server", args.acme_server.trim(), |text| match parse_address(text)? {
        address if !address.is_tls => Err("an authority is spoken to over TLS; write https://".to_owned()),
        address if address.credentials.is_some() => Err("an authority takes no password; leave it out".to_owned()),
        address => Ok(address),
    })?;
    if names.is_empty() {
        return match &args.acme_email {
            Some(text) => refuse("--acme-email", text, "no certificate is ordered; write --acme-domain NAME, too"),
            None => Ok(None),
        };
    }
    names.sort();
    names.dedup();
    let (directory, folder) = (args.acme_server.trim().to_owned(), storage.map(Path::to_owned));
    Ok(Some(AcmeConfig { names, directory, server, email, folder }))
}

/// A name that public authorities vouch for.
fn public_name(text: &str) -> Result<String, String> {
    if text.contains('*') {
        return Err("a certificate for all names below one is given for proofs in the DNS alone; write each name".to_owned());
    }
    match Host::parse(text) {
        Some(Host::Name(name)) if is_public_name(&name) => Ok(name.trim_end_matches('.').to_owned()),
        Some(Host::Name(_)) => Err("no public authority vouches for a name of one's own network; write --tls".to_owned()),
        Some(Host::Address(_)) => Err("an address is no name; write the name that leads to it, or --tls".to_owned()),
        None => Err("this is no name; write it like cam.example.org".to_owned()),
    }
}

fn email(text: &str) -> Result<String, String> {
    let is_one = text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    // It becomes an address of its own (RFC 6068), where these say something else.
    if is_one && text.matches('@').count() == 1 && !text.contains(|c: char| c.is_whitespace() || "?&,%<>".contains(c)) {
        Ok(text.to_owned())
    } else {
        Err("this is no mail address; write it like me@example.org".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Command, config::check::tests::meaning};

    fn read(line: &str) -> Result<Option<CertificateSource>, String> {
        match meaning(line)?.command {
            Command::Stream(_, server, _) => Ok(server.certificate),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_public_authority_is_asked_for_public_names_alone() {
        let of = |line: &str| match read(line) {
            Ok(Some(CertificateSource::Acme(config))) => Ok(config),
            Ok(other) => panic!("{other:?}"),
            Err(why) => Err(why),
        };
        let config = of("--acme-domain Cam.example.org --acme-domain b.example.org --acme-email me@example.org --storage kept");
        let config = config.expect("it is sound");
        assert_eq!(config.names, ["b.example.org", "cam.example.org"]);
        assert_eq!((config.email.as_deref(), config.folder.as_deref()), (Some("me@example.org"), Some(Path::new("kept"))));
        assert_eq!(config.directory, "https://acme-v02.api.letsencrypt.org/directory");
        let check = |line: &str, expect: &str| assert_eq!(of(line).expect_err(line), expect);
        check(
            "--acme-domain cam.local",
            "--acme-domain cam.local: no public authority vouches for a name of one's own network; write --tls",
        );
        check(
            "--acme-domain 192.0.2.1",
            "--acme-domain 192.0.2.1: an address is no name; write the name that leads to it, or --tls",
        );
        check(
            "--acme-domain *.a.org",
            "--acme-domain *.a.org: a certificate for all names below one is given for proofs in the DNS alone; write each name",
        );
        check("--acme-email me@a.org", "--acme-email me@a.org: no certificate is ordered; write --acme-domain NAME, too");
        check("--acme-domain a.org --acme-email me", "--acme-email me: this is no mail address; write it like me@example.org");
        check(
            "--acme-domain a.org --acme-server http://a.org/dir",
            "--acme-server http://a.org/dir: an authority is spoken to over TLS; write https://",
        );
        check(
            "--acme-domain a.org --tls",
            "--acme-domain a.org: the certificate comes from one place; leave --tls, --tls-cert and --tls-key out",
        );
    }

    #[test]
    fn a_certificate_comes_with_its_key() {
        assert_eq!(read(""), Ok(None));
        let files = CertificateSource::Files { certificate: "a.pem".into(), key: "b.pem".into() };
        assert_eq!(read("--tls-cert a.pem --tls-key b.pem"), Ok(Some(files)));
        let own = |folder: Option<&str>, names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Ok(Some(CertificateSource::Own { folder: folder.map(Into::into), names }))
        };
        assert_eq!(read("--tls"), own(None, &[]));
        assert_eq!(read("--tls --storage kept --host-name cam.lan --host-name 10.0.0.1"), own(Some("kept"), &["cam.lan"]));
        let refused = |line: &str| read(line).expect_err(line);
        let both = refused("--tls --tls-cert a.pem --tls-key b.pem");
        assert_eq!(both, "--tls-cert a.pem: --tls makes a certificate of its own; leave one of them out");
        assert_eq!(refused("--tls-cert a.pem"), "--tls-cert a.pem: its private key is missing; write --tls-key FILE, too");
        let at_socket = refused("--tls --bind unix:/run/hlscam.sock");
        assert!(
            at_socket.ends_with(": no TLS is spoken on a Unix socket, which crosses no network; leave --tls out"),
            "{at_socket}"
        );
        assert_eq!(refused("--tls-key b.pem"), "--tls-key b.pem: the certificate is missing; write --tls-cert FILE, too");
    }
}
