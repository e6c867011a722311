//! The certificate that the server shows over TLS: where it comes from, whether it is good, and the next one when it changes. How connections
//! are encrypted with it is in `server/net/tls.rs`.

mod pair;
mod validity;

use crate::{
    sync::lock,
    time::{Clock, WallTime},
};
use pair::Pair;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};
use validity::{Phase, Validity};

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
}

/// Why there is no certificate to show: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CertificateError(pub String);

/// The certificate of now. It is looked after once a second: what changes counts from then on, and what is bad is told once while the one
/// before it stays in use.
pub struct Certificates {
    clock: Arc<dyn Clock>,
    source: CertificateSource,
    current: Mutex<Arc<CertifiedKey>>,
    watch: Mutex<Watch>,
    is_looked_after: AtomicBool,
}

/// What is known of the files.
struct Watch {
    /// As they were when they were read.
    read: Stamps,
    /// As they were the last time: who writes two files is let finish.
    seen: Stamps,
    validity: Option<Validity>,
    told: Phase,
}

/// When each file was changed last, and how long it is.
type Stamps = [Option<(SystemTime, u64)>; 2];

fn stamps((certificate, key): (&Path, &Path)) -> Stamps {
    [certificate, key].map(|path| {
        let facts = fs::metadata(path).ok()?;
        Some((facts.modified().ok()?, facts.len()))
    })
}

impl Certificates {
    /// Reads the certificate and its key. One that is out of date is told and used: who watches can still say so, and a camera whose clock
    /// is not set yet, as many have none that runs on, starts all the same.
    pub fn open(source: &CertificateSource, clock: Arc<dyn Clock>) -> Result<Arc<Certificates>, CertificateError> {
        let files = source.files();
        let stamps = stamps(files);
        let Pair { key, validity } = pair::read(files)?;
        let watch = Mutex::new(Watch { read: stamps, seen: stamps, validity, told: Phase::Good });
        let current = Mutex::new(Arc::new(key));
        let certificates = Certificates { clock, source: source.clone(), current, watch, is_looked_after: AtomicBool::default() };
        certificates.tell_phase(&mut lock(&certificates.watch));
        Ok(Arc::new(certificates))
    }

    /// What is due each second; the files are looked at on a thread that may wait for a disk.
    pub(crate) fn tick(self: &Arc<Certificates>) {
        if !self.is_looked_after.swap(true, Ordering::AcqRel) {
            let certificates = self.clone();
            tokio::task::spawn_blocking(move || {
                certificates.look_after();
                certificates.is_looked_after.store(false, Ordering::Release);
            });
        }
    }

    /// Reads files that have changed, when they have stayed as they are since the last look.
    fn look_after(&self) {
        let mut watch = lock(&self.watch);
        let files = self.source.files();
        let now = stamps(files);
        if now != watch.read && now == watch.seen {
            watch.read = now;
            match pair::read(files) {
                Ok(pair) => {
                    *lock(&self.current) = Arc::new(pair.key);
                    watch.validity = pair.validity;
                    watch.told = Phase::Good;
                    tracing::info!("{} has changed, and is shown to browsers from now on", self.source);
                }
                Err(error) => tracing::warn!("{error}; the certificate that was read before stays in use"),
            }
        }
        watch.seen = now;
        self.tell_phase(&mut watch);
    }

    /// Tells once that the certificate is out of date, or will soon be.
    fn tell_phase(&self, watch: &mut Watch) {
        let Some(validity) = watch.validity else { return };
        let phase = validity.at(self.clock.wall());
        if std::mem::replace(&mut watch.told, phase) == phase {
            return;
        }
        let day = |at: WallTime| at.to_string().chars().take(10).collect::<String>();
        let (source, first, last) = (&self.source, day(validity.not_before), day(validity.not_after));
        match phase {
            Phase::Good => {}
            Phase::Early => {
                tracing::warn!("browsers refuse {source}: it is valid from {first} on; is the clock of this computer right?");
            }
            Phase::Late => tracing::warn!("{source} expires on {last}; renew it, and it is taken without a restart"),
            Phase::Over => {
                tracing::warn!("browsers refuse {source}: it expired on {last}; renew it, and it is taken without a restart");
            }
        }
    }
}

impl CertificateSource {
    fn files(&self) -> (&Path, &Path) {
        match self {
            CertificateSource::Files { certificate, key } => (certificate, key),
        }
    }
}

impl fmt::Display for CertificateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateSource::Files { certificate, .. } => write!(f, "the certificate {}", certificate.display()),
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
        write!(f, "{}", self.source)
    }
}

#[cfg(test)]
mod tests;
