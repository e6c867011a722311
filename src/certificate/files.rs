//! A certificate and its key of the user's, from files in PEM (RFC 7468), which are read again when they have changed.

use super::{
    CertificateError,
    der::{Facts, facts},
};
use crate::{
    plain_file,
    time::{Span, WallTime},
    users::read_secret,
};
use rustls::{
    Error, InconsistentKeys,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Longest file, in bytes: a chain of a few certificates has some 8 KB.
const FILE_LEN_MAX: u64 = 256 << 10;
/// What OpenSSL writes over a key that a password protects.
const ENCRYPTED: [&str; 2] = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];
/// So long before its end is a certificate late: Let's Encrypt's are renewed 30 days before, so two weeks later something is wrong.
const LATE: Span = Span::from_ms(14 * 24 * 3_600_000);

/// The files, and what is known of them.
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    /// As they were when they were read.
    read: Stamps,
    /// As they were the last time: who writes two files is let finish.
    seen: Stamps,
    /// Of the certificate, if it is formed like one.
    facts: Option<Facts>,
    pub(super) told: Phase,
    /// What was wrong the last time, which is told once.
    trouble: Option<String>,
}

/// When each file was changed last, and how long it is.
type Stamps = [Option<(SystemTime, u64)>; 2];

/// What a moment is to a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not valid yet.
    Early,
    Good,
    /// Its end is near.
    Late,
    /// Its end is past.
    Over,
}

impl Phase {
    fn of(facts: &Facts, now: WallTime) -> Phase {
        match now {
            now if now < facts.not_before => Phase::Early,
            now if now > facts.not_after => Phase::Over,
            now if facts.not_after.since(now) < LATE => Phase::Late,
            _ => Phase::Good,
        }
    }
}

impl Files {
    /// Reads them. A certificate that is out of date is told of and used: who watches can still say so, and a camera whose clock is not set
    /// yet, for many have none that runs on, starts all the same.
    pub(super) fn open(certificate: &Path, key: &Path, now: WallTime) -> Result<(Files, CertifiedKey), CertificateError> {
        let stamps = stamps(certificate, key);
        let (pair, facts) = read(certificate, key)?;
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let mut files = Files { certificate, key, read: stamps, seen: stamps, facts, told: Phase::Good, trouble: None };
        files.tell_phase(now);
        Ok((files, pair))
    }

    /// Reads files that have changed, when they have stayed as they are since the last look.
    pub(super) fn look(&mut self, now: WallTime) -> Option<CertifiedKey> {
        let stamps = stamps(&self.certificate, &self.key);
        let is_settled = stamps == std::mem::replace(&mut self.seen, stamps);
        let mut next = None;
        if is_settled && stamps != self.read {
            self.read = stamps;
            match read(&self.certificate, &self.key) {
                Ok((pair, facts)) => {
                    (self.facts, self.told, self.trouble, next) = (facts, Phase::Good, None, Some(pair));
                    tracing::info!("the certificate {} has changed, and is shown from now on", self.certificate.display());
                }
                Err(CertificateError(why)) => {
                    // What is wrong may be mended without a change of the files.
                    self.read = [None, None];
                    if self.trouble.as_ref() != Some(&why) {
                        tracing::warn!("{why}; the certificate that was read before stays in use");
                        self.trouble = Some(why);
                    }
                }
            }
        }
        self.tell_phase(now);
        next
    }

    /// Tells once that the certificate is out of date, or will soon be.
    fn tell_phase(&mut self, now: WallTime) {
        let Some(facts) = &self.facts else { return };
        let phase = Phase::of(facts, now);
        if std::mem::replace(&mut self.told, phase) == phase {
            return;
        }
        let day = |at: WallTime| at.to_string().chars().take(10).collect::<String>();
        let (shown, first, last) = (self.certificate.display(), day(facts.not_before), day(facts.not_after));
        match phase {
            Phase::Good => {}
            Phase::Early => tracing::warn!(
                "browsers refuse the certificate {shown}: it is valid from {first} on; is the clock of this computer right?"
            ),
            Phase::Late => {
                tracing::warn!("the certificate {shown} expires on {last}; renew it, and it is taken without a restart");
            }
            Phase::Over => tracing::warn!(
                "browsers refuse the certificate {shown}: it expired on {last}; renew it, and it is taken without a restart"
            ),
        }
    }
}

fn stamps(certificate: &Path, key: &Path) -> Stamps {
    [certificate, key].map(|path| {
        let facts = fs::metadata(path).ok()?;
        Some((facts.modified().ok()?, facts.len()))
    })
}

/// Reads the certificate with its chain, and the private key, which nobody but its owner and its group may open.
pub(super) fn read(certificate: &Path, key: &Path) -> Result<(CertifiedKey, Option<Facts>), CertificateError> {
    let shown = certificate.display();
    let bytes = plain_file::read(certificate, FILE_LEN_MAX);
    let bytes = bytes.map_err(|error| CertificateError(format!("cannot read {shown}: {error}")))?;
    let text = read_secret(key, FILE_LEN_MAX).map_err(|error| CertificateError(error.to_string()))?;
    parse(&bytes, &text, (certificate, key))
}

/// The same of what the files of these names hold.
pub(super) fn parse(
    bytes: &[u8],
    text: &str,
    (certificate, key): (&Path, &Path),
) -> Result<(CertifiedKey, Option<Facts>), CertificateError> {
    let (shown, shown_key) = (certificate.display(), key.display());
    let told = |text: String| CertificateError(text);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| told(format!("{shown} is no file of certificates in PEM: {error}")))?;
    let Some(first) = chain.first() else {
        return Err(told(format!("{shown} holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----")));
    };
    let facts = facts(first);
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
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok((key, facts)),
        Err(Error::InconsistentKeys(_)) => {
            Err(told(format!("the key in {shown_key} does not fit the certificate in {shown}; name two that were made together")))
        }
        Err(error) => Err(told(format!("the certificate in {shown} cannot be used: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_of_before_its_end() {
        let at = |text: &str| WallTime::parse(text).expect(text);
        let facts = Facts { not_before: at("2026-01-02T00:00:00Z"), not_after: at("2026-04-02T00:00:00Z"), name: None };
        let check = |now: &str, expect: Phase| assert_eq!(Phase::of(&facts, at(now)), expect, "{now}");
        check("1970-01-01T00:00:00Z", Phase::Early);
        check("2026-01-02T00:00:00Z", Phase::Good);
        check("2026-03-19T00:00:00Z", Phase::Good);
        check("2026-03-19T00:00:01Z", Phase::Late);
        check("2026-04-02T00:00:00Z", Phase::Late);
        check("2026-04-02T00:00:01Z", Phase::Over);
    }
}
