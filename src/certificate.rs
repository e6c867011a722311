//! The certificate that the server shows over TLS: where it comes from, whether it is good, and the next one when it changes. How connections
//! are encrypted with it is in `server/net/tls.rs`.

mod authority;
mod der;
mod files;
mod names;
mod own;

pub use authority::PublicAuthority;
pub use names::mdns_name;

use crate::{sync::lock, time::Clock};
use files::Files;
use own::Own;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// Files of the user's, in PEM.
    Files {
        /// The certificate, and those that lead from it to a root.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// One of hlscam's own making, for this computer in its network.
    Own {
        /// The folder that keeps its authority; without it, that of what programs of this user keep.
        folder: Option<PathBuf>,
        /// Names of this computer that it does not know of itself.
        names: Vec<String>,
    },
}

/// Why there is no certificate to show: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CertificateError(pub String);

/// The certificate of now. It is looked after once a second: what changes counts from then on, and what is bad is told once while the one
/// before it stays in use.
pub struct Certificates {
    clock: Arc<dyn Clock>,
    current: Mutex<Arc<CertifiedKey>>,
    keeper: Mutex<Keeper>,
    authority: Option<PublicAuthority>,
    is_looked_after: AtomicBool,
}

/// Who knows of the next one.
enum Keeper {
    Files(Box<Files>),
    Own(Box<Own>),
}

impl Certificates {
    /// Reads the certificate and its key, or makes them.
    pub fn open(source: &CertificateSource, clock: Arc<dyn Clock>) -> Result<Arc<Certificates>, CertificateError> {
        let now = clock.wall();
        let (keeper, key, authority) = match source {
            CertificateSource::Files { certificate, key } => {
                let (files, key) = Files::open(certificate, key, now)?;
                (Keeper::Files(Box::new(files)), key, None)
            }
            CertificateSource::Own { folder, names } => {
                let (own, key) = Own::open(folder.as_deref(), names, now)?;
                let authority = own.authority().clone();
                (Keeper::Own(Box::new(own)), key, Some(authority))
            }
        };
        let (current, keeper) = (Mutex::new(Arc::new(key)), Mutex::new(keeper));
        Ok(Arc::new(Certificates { clock, current, keeper, authority, is_looked_after: AtomicBool::default() }))
    }

    /// The authority that vouches for it, where that is hlscam's own.
    pub fn authority(&self) -> Option<&PublicAuthority> {
        self.authority.as_ref()
    }

    /// What is due each second; it is done on a thread that may wait for a disk.
    pub(crate) fn tick(self: &Arc<Certificates>) {
        if !self.is_looked_after.swap(true, Ordering::AcqRel) {
            let certificates = self.clone();
            tokio::task::spawn_blocking(move || {
                certificates.look_after();
                certificates.is_looked_after.store(false, Ordering::Release);
            });
        }
    }

    fn look_after(&self) {
        let now = self.clock.wall();
        let next = match &mut *lock(&self.keeper) {
            Keeper::Files(files) => files.look(now),
            Keeper::Own(own) => own.look(now),
        };
        if let Some(next) = next {
            *lock(&self.current) = Arc::new(next);
        }
    }
}

/// The one certificate, whatever name is asked for.
impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(lock(&self.current).clone())
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

#[cfg(test)]
mod tests;
