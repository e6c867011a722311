//! A certificate and its key, from files in PEM (RFC 7468).

use super::{CertificateError, Validity};
use crate::{plain_file, users::read_secret};
use rustls::{
    Error, InconsistentKeys,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use std::path::Path;

/// Longest file, in bytes: a chain of a few certificates has some 8 KB.
const FILE_LEN_MAX: u64 = 256 << 10;
/// What OpenSSL writes over a key that a password protects.
const ENCRYPTED: [&str; 2] = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];

/// What is shown to clients, and when it is valid, if it tells so.
pub(super) struct Pair {
    pub(super) key: CertifiedKey,
    pub(super) validity: Option<Validity>,
}

/// Reads the certificate with its chain, and the private key, which nobody but its owner and its group may open.
pub(super) fn read((certificate, key): (&Path, &Path)) -> Result<Pair, CertificateError> {
    let (shown, shown_key) = (certificate.display(), key.display());
    let told = |text: String| CertificateError(text);
    let bytes = plain_file::read(certificate, FILE_LEN_MAX).map_err(|error| told(format!("cannot read {shown}: {error}")))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| told(format!("{shown} is no file of certificates in PEM: {error}")))?;
    let Some(first) = chain.first() else {
        return Err(told(format!("{shown} holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----")));
    };
    let validity = Validity::of(first);
    let text = read_secret(key, FILE_LEN_MAX).map_err(|error| told(error.to_string()))?;
    if ENCRYPTED.iter().any(|head| text.contains(head)) {
        return Err(told(format!("the key in {shown_key} needs a password; write it without one: openssl pkey -in {shown_key}")));
    }
    let private = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| told(format!("{shown_key} holds no private key in PEM, which begins with -----BEGIN PRIVATE KEY-----")))?;
    let signing = ring::sign::any_supported_type(&private)
        .map_err(|error| told(format!("the key in {shown_key} cannot be used: {error}; make one of ECDSA P-256, or of RSA")))?;
    let key = CertifiedKey::new(chain, signing);
    match key.keys_match() {
        // A key that cannot tell is met when somebody connects.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Pair { key, validity }),
        Err(Error::InconsistentKeys(_)) => {
            Err(told(format!("the key in {shown_key} does not fit the certificate in {shown}; name two that were made together")))
        }
        Err(error) => Err(told(format!("the certificate in {shown} cannot be used: {error}"))),
    }
}
