//! What was said about TLS.

use super::check::refuse;
use crate::{
    certificate::CertificateSource,
    cli::{UsageError, tls::TlsArgs},
    server::authority::Host,
};
use std::path::Path;

/// Where the certificate comes from; none is no TLS.
pub(super) fn certificate(
    args: &TlsArgs,
    host_names: &[Host],
    storage: Option<&Path>,
) -> Result<Option<CertificateSource>, UsageError> {
    let shown = |path: &Path| path.display().to_string();
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
