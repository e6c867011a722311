//! TLS of the hooks, for `https` and `mqtts`: the certificates that the system trusts, or those in the file that `SSL_CERT_FILE` names.

use super::url::Address;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::sync::Arc;

/// What rustls says of a certificate that it does not trust begins so.
const UNTRUSTED: &str = "invalid peer certificate";

/// How a hook meets the server of its address. Nobody is trusted, and no file is read, where that is not over TLS.
pub(super) fn client_config(address: &Address) -> Result<ClientConfig, rustls::Error> {
    let roots = if address.is_tls { trusted() } else { RootCertStore::empty() };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Reads the certificates; where there are none, a line says so.
fn trusted() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (n_usable, _) = roots.add_parsable_certificates(found.certs);
    if n_usable == 0 {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        tracing::warn!("no certificates are found to trust{why}; install the package ca-certificates, or set SSL_CERT_FILE");
    }
    roots
}

/// Adds what to do to the reason of a failed connection.
pub(super) fn advised(why: String) -> String {
    if why.contains(UNTRUSTED) { format!("{why}; set SSL_CERT_FILE to a file with the certificate to trust") } else { why }
}
