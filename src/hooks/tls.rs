//! TLS of the hooks, for `https` and `mqtts`: the certificates that the system trusts, or those in the file that `SSL_CERT_FILE` names.

use rustls::{ClientConfig, RootCertStore, crypto::ring};
use std::sync::Arc;

/// What rustls says of a certificate that it does not trust begins so.
const UNTRUSTED: &str = "invalid peer certificate";

/// How hooks meet a server. Reads files; where there are no certificates no server is trusted, and a line says so.
pub(super) fn client_config() -> Result<ClientConfig, rustls::Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (n_usable, _) = roots.add_parsable_certificates(found.certs);
    if n_usable == 0 {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        tracing::warn!("no certificates are found to trust{why}; install the package ca-certificates, or set SSL_CERT_FILE");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Adds what to do to the reason of a failed connection.
pub(super) fn advised(why: String) -> String {
    if why.contains(UNTRUSTED) { format!("{why}; set SSL_CERT_FILE to a file with the certificate to trust") } else { why }
}
