//! A certificate of hlscam's own making: for what this computer is called and has as addresses now, and another one when that changes, or
//! its end comes near. Its key is nowhere but in memory; what is kept, and trusted, is the authority.

use super::{
    CertificateError,
    authority::{self, Authority, LEAF_SPAN, PublicAuthority},
    folder_of,
    names::Names,
};
use crate::{
    host,
    time::{Span, WallTime},
};
use rustls::sign::CertifiedKey;
use std::path::Path;

/// A certificate that is so old is replaced: long before its end, for a browser may stay connected for days.
const RENEWED_AFTER: Span = Span(LEAF_SPAN.0 / 12 * 11);
/// So many looks, one a second, go by between two questions for addresses.
const LOOKS_BETWEEN: u32 = 5;

/// The authority, and what it has vouched for.
pub(super) struct Own {
    authority: Authority,
    /// Names that this computer does not know of itself.
    more: Vec<String>,
    names: Names,
    made: WallTime,
    looks: u32,
    is_failure_told: bool,
}

impl Own {
    /// Reads the authority that the folder keeps, or makes one, and a certificate of it.
    pub(super) fn open(storage: Option<&Path>, more: &[String], now: WallTime) -> Result<(Own, CertifiedKey), CertificateError> {
        let folder = folder_of(storage)?;
        let node = host::name();
        let authority = authority::read_or_make(&folder, &node, now)?;
        let (names, strange) = Names::of(&node, &authority.host, &host::addresses(), more);
        for name in strange {
            tracing::warn!(
                "the authority in {} does not vouch for {name}, which is not local; write --tls-cert with a certificate for it, or \
                 --tls in a new folder if this computer has another name now",
                folder.display()
            );
        }
        let key = authority.issue(&names, now)?;
        let own = Own { authority, more: more.to_vec(), names, made: now, looks: 0, is_failure_told: false };
        Ok((own, key))
    }

    pub(super) fn authority(&self) -> &PublicAuthority {
        &self.authority.public
    }

    /// The next certificate, if one is due.
    pub(super) fn look(&mut self, now: WallTime) -> Option<CertifiedKey> {
        self.looks += 1;
        if !self.looks.is_multiple_of(LOOKS_BETWEEN) {
            return None;
        }
        let names = Names::of(&host::name(), &self.authority.host, &host::addresses(), &self.more).0;
        self.renew(names, now)
    }

    /// Another one for these names. Those that have gone may stay until then.
    fn renew(&mut self, names: Names, now: WallTime) -> Option<CertifiedKey> {
        let age = now.since(self.made);
        // A clock that was set may be anywhere.
        let is_old = !(Span::ZERO..RENEWED_AFTER).contains(&age);
        if !is_old && self.names.have(&names) {
            return None;
        }
        match self.authority.issue(&names, now) {
            Ok(key) => {
                tracing::info!("the certificate of this computer was renewed: {names}");
                (self.names, self.made, self.is_failure_told) = (names, now, false);
                Some(key)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_failure_told, true) {
                    tracing::warn!("{error}; the one before it stays in use");
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::der;
    use rustls::{
        RootCertStore,
        client::{WebPkiServerVerifier, danger::ServerCertVerifier},
        crypto::ring,
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    };
    use std::net::IpAddr;
    use std::{sync::Arc, time::Duration};

    fn at(text: &str) -> WallTime {
        WallTime::parse(text).expect(text)
    }

    /// Whether a client that trusts the authority takes the certificate for a name.
    fn is_trusted(authority: &PublicAuthority, key: &CertifiedKey, name: &str, now: WallTime) -> Result<(), rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).expect("PEM")).expect("a certificate");
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("it is sound");
        let now = UnixTime::since_unix_epoch(Duration::from_millis(now.as_unix_ms() as u64));
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        verifier.verify_server_cert(&key.cert[0], &[], &name, &[], now).map(drop)
    }

    fn names(addresses: &[&str]) -> Names {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect(text)).collect();
        Names::of("pi4", "pi4", &addresses, &[]).0
    }

    #[test]
    fn the_authority_is_made_once_kept_closed_and_vouches_for_this_computer_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (deep, now) = (folder.path().join("a/b"), at("2026-11-28T12:00:00Z"));
        let made = authority::read_or_make(&deep, "pi4", now).expect("it is made");
        assert_eq!(made.public.name, "hlscam on pi4, 2026-11-28");
        assert_eq!((made.public.fingerprint.len(), made.host.as_str()), (95, "pi4"));
        let read = authority::read_or_make(&deep, "other", now).expect("it is kept");
        assert_eq!((&read.public, read.host.as_str()), (&made.public, "pi4"));
        assert!(!read.public.pem.contains("PRIVATE"));
        let key = read.issue(&names(&["192.168.1.5", "fd00::5"]), now).expect("it is signed");
        for name in ["pi4", "pi4.local", "hlscam-pi4.local", "localhost", "192.168.1.5", "fd00::5"] {
            is_trusted(&made.public, &key, name, now).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        for other in ["hlscam-other.local", "192.168.1.6"] {
            is_trusted(&made.public, &key, other, now).expect_err(other);
        }
        let facts = der::facts(&key.cert[0]).expect("a certificate");
        assert_eq!((facts.not_before, facts.not_after), (at("2026-11-27T12:00:00Z"), at("2027-12-29T12:00:00Z")), "397 days");
        // What it must not vouch for is refused by who trusts it, were it to do so.
        let mut stolen = names(&["10.0.0.1"]);
        stolen.names.insert("bank.example".to_owned());
        let key = read.issue(&stolen, now).expect("it is signed");
        is_trusted(&made.public, &key, "bank.example", now).expect_err("it is outside of the constraints");
        let mut stolen = names(&[]);
        stolen.addresses.insert([8, 8, 8, 8].into());
        is_trusted(&made.public, &read.issue(&stolen, now).expect("it is signed"), "8.8.8.8", now).expect_err("the same");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
            let file = deep.join(authority::FILE_NAME);
            assert_eq!((mode(&deep), mode(&file)), (0o700, 0o600));
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
            let told = authority::read_or_make(&deep, "pi4", now).err().expect("it is open").0;
            assert!(told.starts_with("everybody on this computer may open"), "{told}");
        }
    }

    #[test]
    fn a_file_that_is_no_authority_is_told_and_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(authority::FILE_NAME);
        crate::plain_file::replace_secret(&file, b"nothing").expect("it is written");
        let told = authority::read_or_make(folder.path(), "pi4", at("2026-11-28T12:00:00Z")).err().expect("it is bad").0;
        assert!(told.contains("is no authority that hlscam made; remove it"), "{told}");
        assert_eq!(std::fs::read(&file).expect("it is there"), b"nothing");
    }

    #[test]
    fn a_certificate_is_renewed_before_its_end_and_for_new_addresses() {
        let folder = tempfile::tempdir().expect("a folder");
        let day = |n: i64| at("2026-11-28T12:00:00Z") + Span::from_ms(n * 24 * 3_600_000);
        let mut own = Own::open(Some(folder.path()), &[], day(0)).expect("it is made").0;
        let host = own.authority.host.clone();
        let names = |addresses: &[&str]| {
            let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().expect(text)).collect();
            Names::of(&host, &host, &addresses, &[]).0
        };
        own.names = names(&["192.168.1.5"]);
        assert!(own.renew(names(&["192.168.1.5"]), day(1)).is_none());
        assert!(own.renew(names(&[]), day(1)).is_none(), "an address that has gone costs nothing");
        let moved = own.renew(names(&["192.168.7.5"]), day(2)).expect("it has another address");
        is_trusted(own.authority(), &moved, "192.168.7.5", day(2)).expect("it is for that");
        assert!(own.renew(names(&["192.168.7.5"]), day(300)).is_none());
        let renewed = own.renew(names(&["192.168.7.5"]), day(370)).expect("its end is near");
        is_trusted(own.authority(), &renewed, "192.168.7.5", day(760)).expect("it is valid for another year");
        let set_back = own.renew(names(&["192.168.7.5"]), day(-9000)).expect("the clock was set back");
        is_trusted(own.authority(), &set_back, "192.168.7.5", day(370)).expect_err("it is of then");
    }
}
