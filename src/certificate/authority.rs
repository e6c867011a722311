//! An authority of hlscam's own: made once, kept in a file that only its owner may open, and trusted by those devices on which a user installs
//! its certificate. It can vouch for what is local alone (name constraints, RFC 5280 §4.2.1.10), so that whoever steals its key is no bank.

use super::{
    CertificateError, der,
    names::{NETWORKS, Names, permitted_names},
};
use crate::{
    plain_file,
    time::{Span, WallTime},
    users::read_secret,
};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::{
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use std::{fmt::Write, fs, path::Path, time::Duration};

/// The file, in the folder of what is kept.
pub(super) const FILE_NAME: &str = "authority.pem";
/// Longest file, in bytes; it has 1 KB.
const FILE_LEN_MAX: u64 = 64 << 10;
/// How its certificate is called: so, and by the host and the day. A phone lists it among others.
const CALLED: &str = "hlscam on ";
/// Since when it is valid, and until when. Both are fixed, for a small computer may not know the date when it is made; beyond 2049 dates have
/// another form, which old systems do not read.
const FIRST_YEAR: i32 = 2026;
const LAST_DAY: (i32, u8, u8) = (2049, 12, 31);
/// How long a certificate of the server is valid. Browsers refuse more than 398 days of public ones, and some of all.
pub(super) const LEAF_SPAN: Span = Span::from_ms(397 * DAY_MS);
/// How much of that lies before its making: clocks of others are behind.
const LEAF_EARLY: Span = Span::from_ms(DAY_MS);
const DAY_MS: i64 = 24 * 3_600_000;

/// The authority.
pub(super) struct Authority {
    /// The host that it was made for.
    pub(super) host: String,
    pub(super) public: PublicAuthority,
    issuer: Issuer<'static, KeyPair>,
}

/// What everybody may know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicAuthority {
    /// How it is called where it is installed.
    pub name: String,
    /// Its certificate, in PEM.
    pub pem: String,
    /// The hash (SHA-256) of its certificate as people compare it: `AB:CD:…`.
    pub fingerprint: String,
}

/// Reads the authority that a folder keeps, or makes it there for a host.
pub(super) fn read_or_make(folder: &Path, host: &str, now: WallTime) -> Result<Authority, CertificateError> {
    let path = folder.join(FILE_NAME);
    if !fs::exists(&path).unwrap_or(true) {
        let told = |why: String| CertificateError(format!("cannot make an authority for --tls: {why}"));
        plain_file::make_secret_folder(folder).map_err(|error| told(format!("{}: {error}", folder.display())))?;
        let text = make(host, now).map_err(|error| told(error.to_string()))?;
        plain_file::replace_secret(&path, text.as_bytes()).map_err(|error| told(format!("{}: {error}", path.display())))?;
        tracing::info!("made an authority for the certificates of this computer: {}", path.display());
    }
    // Also what was just written: another run may have been faster.
    read(&path)
}

fn read(path: &Path) -> Result<Authority, CertificateError> {
    let shown = path.display();
    let text = read_secret(path, FILE_LEN_MAX).map_err(|error| CertificateError(error.to_string()))?;
    let broken = || {
        CertificateError(format!(
            "{shown} is no authority that hlscam made; remove it, and another one is made, which devices must be told to trust anew"
        ))
    };
    let certificate = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| broken())?;
    let name = der::facts(&certificate).and_then(|facts| facts.name).ok_or_else(broken)?;
    let host = name.strip_prefix(CALLED).and_then(|rest| rest.rsplit_once(", ")).ok_or_else(broken)?.0.to_owned();
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| broken())?;
    let pair = CertifiedKey::new(vec![certificate.clone()], any_supported_type(&key).map_err(|_| broken())?);
    pair.keys_match().map_err(|_| broken())?;
    let issuer = Issuer::new(params(&name, &host), KeyPair::try_from(&key).map_err(|_| broken())?);
    let end = "-----END CERTIFICATE-----\n";
    let begin = text.find("-----BEGIN CERTIFICATE-----").ok_or_else(broken)?;
    let len = text[begin..].find(end).ok_or_else(broken)? + end.len();
    let pem = text[begin..begin + len].to_owned();
    Ok(Authority { host, issuer, public: PublicAuthority { name, pem, fingerprint: fingerprint(&certificate) } })
}

/// A new one, as the text of its file.
fn make(host: &str, now: WallTime) -> Result<String, rcgen::Error> {
    let day: String = now.to_string().chars().take(10).collect();
    let name = format!("{CALLED}{host}, {day}");
    let key = KeyPair::generate()?;
    let certificate = params(&name, host).self_signed(&key)?;
    Ok(format!("{}{}", certificate.pem().replace('\r', ""), key.serialize_pem().replace('\r', "")))
}

fn params(name: &str, host: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = called(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(FIRST_YEAR, 1, 1);
    params.not_after = date_time_ymd(LAST_DAY.0, LAST_DAY.1, LAST_DAY.2);
    let names = permitted_names(host).into_iter().map(GeneralSubtree::DnsName);
    let networks = NETWORKS.iter().map(|(first, prefix_len)| {
        let first = first.parse().expect("the table is right");
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(first, *prefix_len))
    });
    let permitted_subtrees = names.chain(networks).collect();
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: vec![] });
    params
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn fingerprint(certificate: &[u8]) -> String {
    let mut text = String::new();
    for byte in digest(&SHA256, certificate).as_ref() {
        let colon = if text.is_empty() { "" } else { ":" };
        // Writing to a String cannot fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

impl Authority {
    /// A certificate for these names, and its key, which nobody keeps.
    pub(super) fn issue(&self, names: &Names, now: WallTime) -> Result<CertifiedKey, CertificateError> {
        let told = |why: String| CertificateError(format!("cannot make a certificate for this computer: {why}"));
        let sign = || {
            let mut params = CertificateParams::new(names.names.iter().cloned().collect::<Vec<_>>())?;
            params.subject_alt_names.extend(names.addresses.iter().map(|address| SanType::IpAddress(*address)));
            params.distinguished_name = called("hlscam");
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.use_authority_key_identifier_extension = true;
            let epoch = date_time_ymd(1970, 1, 1);
            let at = |time: WallTime| epoch + Duration::from_secs(u64::try_from(time.as_unix_ms() / 1000).unwrap_or_default());
            params.not_before = at(now + Span(-LEAF_EARLY.0));
            params.not_after = at(now + Span(LEAF_SPAN.0 - LEAF_EARLY.0));
            let key = KeyPair::generate()?;
            Ok((params.signed_by(&key, &self.issuer)?, key))
        };
        let (certificate, key) = sign().map_err(|error: rcgen::Error| told(error.to_string()))?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signing = any_supported_type(&key).map_err(|error| told(error.to_string()))?;
        Ok(CertifiedKey::new(vec![certificate.der().clone()], signing))
    }
}
