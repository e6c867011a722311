//! The certificate that the server shows over TLS: where it comes from, whether it is good, and the next one when it changes. How connections
//! are encrypted with it is in `server/net/tls.rs`.

mod acme;
mod acme_http;
mod acme_plan;
mod authority;
mod der;
mod files;
mod names;
mod own;

pub use acme::AcmeConfig;
pub use authority::PublicAuthority;
pub use names::mdns_name;

use crate::{host, sync::lock, time::Clock};
use acme::Acme;
use files::Files;
use own::Own;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fmt,
    path::{Path, PathBuf},
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
    /// One of a public authority, ordered by ACME.
    Acme(AcmeConfig),
}

/// Below the folder of `--storage`.
const FOLDER: &str = "tls";

/// The folder of what is kept for TLS.
fn folder_of(storage: Option<&Path>) -> Result<PathBuf, CertificateError> {
    storage
        .map(|storage| storage.join(FOLDER))
        .or_else(host::state_folder)
        .ok_or_else(|| CertificateError("there is no folder to keep what TLS needs; write --storage DIR".to_owned()))
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
    keeper: Keeper,
    authority: Option<PublicAuthority>,
    is_looked_after: AtomicBool,
}

/// Who knows of the next one.
enum Keeper {
    Files(Box<Mutex<Files>>),
    Own(Box<Mutex<Own>>),
    Acme(Arc<Acme>),
}

impl Certificates {
    /// Reads the certificate and its key, or makes them.
    pub fn open(source: &CertificateSource, clock: Arc<dyn Clock>) -> Result<Arc<Certificates>, CertificateError> {
        let now = clock.wall();
        let (keeper, key, authority) = match source {
            CertificateSource::Files { certificate, key } => {
                let (files, key) = Files::open(certificate, key, now)?;
                (Keeper::Files(Box::new(Mutex::new(files))), key, None)
            }
            CertificateSource::Own { folder, names } => {
                let (own, key) = Own::open(folder.as_deref(), names, now)?;
                let authority = own.authority().clone();
                (Keeper::Own(Box::new(Mutex::new(own))), key, Some(authority))
            }
            CertificateSource::Acme(config) => {
                let (acme, key) = Acme::open(config, &folder_of(config.folder.as_deref())?)?;
                (Keeper::Acme(Arc::new(acme)), key, None)
            }
        };
        let current = Mutex::new(Arc::new(key));
        Ok(Arc::new(Certificates { clock, current, keeper, authority, is_looked_after: AtomicBool::default() }))
    }

    /// The authority that vouches for it, where that is hlscam's own.
    pub fn authority(&self) -> Option<&PublicAuthority> {
        self.authority.as_ref()
    }

    /// What is spoken by an authority that looks whether a name leads here, if one does.
    pub(crate) fn proof_protocol(&self) -> Option<&'static [u8]> {
        matches!(self.keeper, Keeper::Acme(_)).then_some(acme::PROTOCOL)
    }

    /// What is due each second; it keeps nobody waiting.
    pub(crate) fn tick(self: &Arc<Certificates>) {
        if !self.is_looked_after.swap(true, Ordering::AcqRel) {
            let certificates = self.clone();
            tokio::spawn(async move {
                if let Keeper::Acme(acme) = &certificates.keeper {
                    certificates.show(acme.look(certificates.clock.wall()).await);
                } else {
                    // On a thread that may wait for a disk.
                    let on_disk = certificates.clone();
                    _ = tokio::task::spawn_blocking(move || on_disk.look_after()).await;
                }
                certificates.is_looked_after.store(false, Ordering::Release);
            });
        }
    }

    /// Looks whether a next one is there, or due.
    fn look_after(&self) {
        let now = self.clock.wall();
        self.show(match &self.keeper {
            Keeper::Files(files) => lock(files).look(now),
            Keeper::Own(own) => lock(own).look(now),
            Keeper::Acme(_) => None,
        });
    }

    /// Shows the next one from now on, if there is one.
    fn show(&self, next: Option<CertifiedKey>) {
        if let Some(next) = next {
            *lock(&self.current) = Arc::new(next);
        }
    }
}

/// The one certificate, whatever name is asked for; and what proves a name, to an authority that looks for it.
impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Keeper::Acme(acme) = &self.keeper
            && hello.alpn().is_some_and(|mut offered| offered.any(|name| name == acme::PROTOCOL))
        {
            return acme.proof(hello.server_name()?);
        }
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
