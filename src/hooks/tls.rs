//! TLS of the hooks, for `https` and `mqtts`: the certificates that the system trusts, or those in the file that `SSL_CERT_FILE` names.

use super::url::Address;
use crate::plain_file;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::{env, fs, path::Path, sync::Arc};

/// What rustls says of a certificate that it does not trust begins so.
const UNTRUSTED: &str = "invalid peer certificate";

/// Many times what systems trust: 0.2 MB.
const CERTIFICATES_LEN_MAX: u64 = 16 << 20;

/// How a hook meets the server of its address. Nobody is trusted, and no file is read, where that is not over TLS.
pub(crate) fn client_config(address: &Address) -> Result<ClientConfig, rustls::Error> {
    let roots = if address.is_tls { trusted() } else { RootCertStore::empty() };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Reads the certificates; where there are none, a line says so.
fn trusted() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    if let Some(file) = env::var_os("SSL_CERT_FILE")
        && let Err(why) = readable(Path::new(&file))
    {
        tracing::warn!(
            "SSL_CERT_FILE: {} cannot be read: {why}; no server is trusted; set it to a file of certificates",
            Path::new(&file).display()
        );
        return roots;
    }
    let found = rustls_native_certs::load_native_certs();
    let (n_usable, _) = roots.add_parsable_certificates(found.certs);
    if n_usable == 0 {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        tracing::warn!("found no trusted certificates{why}; install the package ca-certificates, or set SSL_CERT_FILE");
    }
    roots
}

/// Whether a file of certificates can be read, which its reader does to the end, be that far away or never.
fn readable(file: &Path) -> std::io::Result<()> {
    plain_file::check(file)?;
    if fs::metadata(file)?.len() > CERTIFICATES_LEN_MAX { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
}

/// Adds what to do to the reason of a failed connection.
pub(crate) fn advised(why: String) -> String {
    if why.contains(UNTRUSTED) { format!("{why}; set SSL_CERT_FILE to a file with the certificate to trust") } else { why }
}
