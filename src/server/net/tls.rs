//! TLS below HTTP: the handshake, and who speaks HTTP without it on the same port, which the first byte tells.

use crate::certificate::Certificates;
use rustls::{AlertDescription, ServerConfig, crypto::ring};
use std::{io, sync::Arc, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// What is spoken over TLS, the better one first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// The first byte of a handshake (RFC 8446 §5.1); no request of HTTP begins with it.
const HANDSHAKE: u8 = 0x16;

/// Makes TLS of connections: 1.2 and 1.3, with the cipher suites that rustls takes for safe.
#[derive(Clone)]
pub(in crate::server) struct Tls {
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
}

/// What a connection turned out to be.
pub(in crate::server) enum Met {
    /// Encrypted from now on.
    Tls(Box<TlsStream<TcpStream>>),
    /// HTTP as it is.
    Plain(TcpStream),
}

/// Why a connection came to nothing.
#[derive(Debug, thiserror::Error)]
pub(in crate::server) enum HandshakeError {
    /// It left, before it said anything or in the middle.
    #[error("it left")]
    Gone,
    /// It took too long.
    #[error("its TLS handshake did not come whole in time")]
    Slow,
    /// It said nothing at all, as what browsers open in advance.
    #[error("it said nothing")]
    Silent,
    /// It does not know who made the certificate.
    #[error("it does not trust the certificate of this server ({0:?})")]
    Untrusted(AlertDescription),
    /// It speaks no TLS that is safe, or none at all.
    #[error("its TLS handshake failed: {0}")]
    Failed(io::Error),
}

impl Tls {
    pub(in crate::server) fn new(certificates: Arc<Certificates>) -> Result<Tls, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config =
            builder.with_safe_default_protocol_versions()?.with_no_client_auth().with_cert_resolver(certificates.clone());
        let spoken = PROTOCOLS.into_iter().chain(certificates.proof_protocol());
        config.alpn_protocols = spoken.map(<[u8]>::to_vec).collect();
        // Who comes back need not pay for another handshake, and no table is kept of all that have been here.
        config.ticketer = ring::Ticketer::new()?;
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), certificates })
    }

    /// What is due each second.
    pub(in crate::server) fn tick(&self) {
        self.certificates.tick();
    }

    /// Finds out what the peer speaks, and makes TLS of it; `patience` is for all of it.
    pub(in crate::server) async fn meet(&self, stream: TcpStream, patience: Duration) -> Result<Met, HandshakeError> {
        let mut has_spoken = false;
        let met = timeout(patience, async {
            let mut first = [0];
            match stream.peek(&mut first).await {
                Ok(0) | Err(_) => return Err(HandshakeError::Gone),
                Ok(_) if first[0] != HANDSHAKE => return Ok(Met::Plain(stream)),
                Ok(_) => has_spoken = true,
            }
            let mut stream = self.acceptor.accept(stream).await.map_err(HandshakeError::of)?;
            let spoken = stream.get_ref().1.alpn_protocol();
            if spoken.is_some() && spoken == self.certificates.proof_protocol() {
                // The authority has seen what it wanted, and says nothing more (RFC 8737 §3).
                _ = stream.shutdown().await;
                return Err(HandshakeError::Gone);
            }
            Ok(Met::Tls(Box::new(stream)))
        });
        match met.await {
            Ok(met) => met,
            Err(_) if has_spoken => Err(HandshakeError::Slow),
            Err(_) => Err(HandshakeError::Silent),
        }
    }
}

impl HandshakeError {
    fn of(error: io::Error) -> HandshakeError {
        use AlertDescription as Alert;
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(&rustls::Error::AlertReceived(
                alert @ (Alert::UnknownCA | Alert::CertificateUnknown | Alert::BadCertificate | Alert::CertificateExpired),
            )) => HandshakeError::Untrusted(alert),
            Some(_) => HandshakeError::Failed(error),
            None => HandshakeError::Gone,
        }
    }
}
