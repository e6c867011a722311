//! The HTTP server: the accept loop, its limits, and its end. [`routes`] has the table of addresses.
//! Its modules: connections in `net`, access in `auth`, what all responses share in `http`, the stream in [`origin`], the rest in `api` and
//! `page`.
//!
//! Nothing here waits for a slow client: each connection is a task of its own, holds shared bytes only, and has deadlines. A client that
//! waits for the next part costs its connection and a future; how many may wait is [`crate::window::WAITERS_MAX`].

mod api;
mod auth;
mod context;
mod counts;
mod http;
mod net;
pub mod origin;
mod page;
mod routes;

pub use api::{
    config::{Reload, Reloaded},
    events::{HEARTBEAT, RETRY_MS, SUBSCRIBERS_MAX, SUBSCRIBERS_OF_PROXY_MAX, SUBSCRIBERS_PER_ADDRESS_MAX},
    markers::{BODY_TIMEOUT, LIMIT_DEFAULT},
};
pub use auth::{
    access::{AccessConfig, AllowedOrigins},
    authority,
    door::Door,
    protection::Protection,
    proxies::{Network, PROXIES_DEFAULT, TrustedProxies},
};
pub use http::{
    site::{BODY_LEN_MAX, Site, URI_LEN_MAX},
    tls::is_public_name,
    token_bucket::{CHANGES_BURST, CHANGES_PER_S},
};
pub use net::{
    config::{BIND_DEFAULT, PORT_DEFAULT, ServerConfig},
    connection::{HEAD_LEN_MAX, STREAMS_MAX},
    in_flight::{ANSWER_PATIENCE, ANSWER_RATE_MIN, ANSWERS_BYTES_MAX},
    limits::{
        CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, FIRST_REQUEST_TIMEOUT, HANDSHAKE_TIMEOUT, IDLE_TIMEOUT, Limits,
        NEXT_REQUEST_TIMEOUT, SHUTDOWN_GRACE,
    },
    listener::{BindError, Listener, bind},
    place::{Bind, Place},
    viewers::{VIEWER_SPAN, VIEWERS_MAX},
};
pub use origin::clip::HOLES as HOLES_HEADER;

use crate::{failpoint, panics::Panics};
use auth::gate::{Carrier, ConnectionInfo};
use net::{
    admission::{Admission, Permit, Refusal},
    connection::{Protocols, serve_connection},
    faults::Fault,
    files::Budget,
    limits::REJECTION_TIMEOUT,
    log_throttle::LogThrottle,
    sendfile::SendfileStream,
    socket::Incoming,
    tls::{HandshakeError, Met, Tls},
};
use page::trust::Trust;
use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinError, JoinSet},
    time::{interval, sleep, timeout},
};
#[cfg(unix)]
use {std::net::Ipv4Addr, tokio::net::UnixStream};

/// Wait after the system refused to accept, for it is out of files or memory: others must close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_S: u32 = 5;

/// Viewers are counted anew this often, for they leave without a word, and slow readers are looked for.
const VIEWERS_INTERVAL: Duration = Duration::from_secs(1);

/// Serves `site` until `shutdown` is ready; then takes no more connections, lets the answers that are under way go out for
/// `limits.grace`, and drops what is left. Held requests do not keep it from ending.
///
/// Fails only if the socket cannot be handed to the runtime; a failing accept is logged and tried again.
pub async fn serve(listener: Listener, site: Site, limits: Limits, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let tls = listener.certificates().cloned().map(Tls::new).transpose().map_err(io::Error::other)?;
    if let (Some(authority), Some(bound)) = (listener.authority(), listener.local_addr()) {
        site.tell_trust(Trust { authority: authority.clone(), bound });
    }
    let is_tcp = listener.local_addr().is_some();
    let socket = listener.into_tokio()?;
    let (stop, stopped) = watch::channel(());
    let mut acceptor = Acceptor::new(site, (tls.clone(), is_tcp), limits, stopped);
    let mut tasks = JoinSet::new();
    let mut viewers_due = interval(VIEWERS_INTERVAL);
    let mut writers = JoinSet::new();
    acceptor.site.writers().into_iter().for_each(|writer| _ = writers.spawn(writer));
    let site = acceptor.site.clone();
    let panics = site.panics();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = socket.accept() => match accepted {
                Ok(incoming) => if !panics.turn(|| acceptor.receive(incoming, &mut tasks)) {
                    return Err(io::Error::other("the server meets a bug with each connection"));
                },
                Err(error) => acceptor.pause_after(error).await,
            },
            Some(ended) = tasks.join_next() => note_panic(ended, panics),
            _ = viewers_due.tick() => {
                tls.iter().for_each(Tls::tick);
                if !panics.turn(|| site.tick(limits.patience)) {
                    return Err(io::Error::other("the server meets a bug each second"));
                }
            },
        }
    }
    drop((socket, stop));
    let drained = timeout(limits.grace, async {
        while let Some(ended) = tasks.join_next().await {
            note_panic(ended, panics);
        }
    });
    if drained.await.is_err() {
        tracing::info!("closing {} connections that were still open", tasks.len());
        tasks.shutdown().await;
    }
    site.finish().await;
    Ok(())
}

/// What stands between the socket and the connections.
struct Acceptor {
    site: Arc<Site>,
    tls: Option<Tls>,
    protocols: Arc<Protocols>,
    limits: Limits,
    admission: Arc<Admission>,
    rejections: Arc<Semaphore>,
    stopped: watch::Receiver<()>,
    refused: LogThrottle,
    failed: LogThrottle,
}

impl Acceptor {
    fn new(site: Site, (tls, is_tcp): (Option<Tls>, bool), limits: Limits, stopped: watch::Receiver<()>) -> Acceptor {
        let budget = Budget::of_system(limits.connections);
        // What is encrypted cannot be sent from a file, and a Unix socket copies it anyway.
        site.cache().set_files_max(if tls.is_some() || !is_tcp { 0 } else { budget.copies });
        let admission = Admission::new(budget.connections, limits.connections_per_address, site.proxies());
        // It listens once.
        site.counts().connections.set(admission.clone()).ok();
        Acceptor {
            site: Arc::new(site),
            tls,
            protocols: Arc::new(Protocols::new(&limits)),
            limits,
            admission,
            rejections: Arc::new(Semaphore::new(budget.rejections)),
            stopped,
            refused: LogThrottle::default(),
            failed: LogThrottle::default(),
        }
    }

    fn receive(&mut self, incoming: Incoming, tasks: &mut JoinSet<()>) {
        failpoint::hit("accept");
        let peer = incoming.peer();
        match self.admission.admit(peer) {
            Ok(permit) => {
                self.site.counts().accepted.bump();
                match incoming {
                    Incoming::Tcp(stream, peer) => _ = tasks.spawn(self.serve_later(stream, peer, permit)),
                    #[cfg(unix)]
                    Incoming::Unix(stream) => _ = tasks.spawn(self.serve_unix(stream, permit)),
                }
            }
            Err(refusal) => {
                match refusal {
                    Refusal::AddressFull(_) => {
                        self.site.faults().note(Fault::TooMany, peer, self.site.now(), &refusal);
                    }
                    Refusal::Full(_) => {
                        self.site.counts().full.bump();
                        if self.refused.allows(self.site.now()) {
                            tracing::warn!(%peer, "connections are refused: {refusal}");
                        }
                    }
                }
                if let Ok(rejection) = self.rejections.clone().try_acquire_owned() {
                    tasks.spawn(reject(incoming, refusal, rejection));
                } else {
                    reject_at_once(incoming, refusal);
                }
            }
        }
    }

    fn serve_later(&self, stream: TcpStream, peer: SocketAddr, permit: Permit) -> impl Future<Output = ()> + Send + use<> {
        let (site, protocols, limits, stopped) = (self.site.clone(), self.protocols.clone(), self.limits, self.stopped.clone());
        let (tls, mut stopping) = (self.tls.clone(), self.stopped.clone());
        // A part is sent the moment it is whole; waiting for more to fill a packet would cost up to 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "TCP_NODELAY not set");
        }
        let local = stream.local_addr().ok().map(|local| local.ip());
        let connection = move |carrier| ConnectionInfo { peer: peer.ip(), local, carrier };
        async move {
            failpoint::hit("connection");
            let met = match tls {
                None => Ok((Met::Plain(stream), Carrier::Plain)),
                Some(tls) => tokio::select! {
                    met = tls.meet(stream, limits.handshake) => met.map(|met| (met, Carrier::PlainBesideTls)),
                    _ = stopping.changed() => return,
                },
            };
            match met {
                Ok((Met::Plain(stream), carrier)) => {
                    let stream = SendfileStream::new(stream, site.cache().clone());
                    serve_connection(stream, connection(carrier), site, protocols, limits, stopped).await;
                }
                Ok((Met::Tls(stream), _)) => {
                    site.counts().handshakes.bump();
                    serve_connection(stream, connection(Carrier::Tls), site, protocols, limits, stopped).await;
                }
                Err(error) => note_handshake(&site, peer, &error),
            }
            drop(permit);
        }
    }

    #[cfg(unix)]
    fn serve_unix(&self, stream: UnixStream, permit: Permit) -> impl Future<Output = ()> + Send + use<> {
        let (site, protocols, limits, stopped) = (self.site.clone(), self.protocols.clone(), self.limits, self.stopped.clone());
        let connection = ConnectionInfo { peer: Ipv4Addr::LOCALHOST.into(), local: None, carrier: Carrier::Unix };
        async move {
            failpoint::hit("connection");
            serve_connection(stream, connection, site, protocols, limits, stopped).await;
            drop(permit);
        }
    }

    async fn pause_after(&mut self, error: io::Error) {
        // The peer was gone before it was accepted: nothing is wrong here.
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return;
        }
        if self.failed.allows(self.site.now()) {
            tracing::error!("cannot accept connections now: {error}; trying again");
        }
        sleep(ACCEPT_PAUSE).await;
    }
}

/// A peer that leaves is no fault of anybody's.
fn note_handshake(site: &Site, peer: SocketAddr, error: &HandshakeError) {
    let fault = match error {
        HandshakeError::Gone | HandshakeError::Silent => return tracing::debug!(%peer, %error, "connection ended"),
        HandshakeError::Slow => Fault::TooSlow,
        HandshakeError::Untrusted(_) | HandshakeError::Failed(_) => Fault::Tls,
    };
    site.counts().handshakes_failed.bump();
    site.faults().note(fault, peer.ip(), site.now(), error);
}

/// Tells a client why it is turned away. Its request is read and dropped, for closing over unread bytes would destroy the answer.
async fn reject(incoming: Incoming, refusal: Refusal, rejection: OwnedSemaphorePermit) {
    match incoming {
        Incoming::Tcp(stream, _) => tell(stream, refusal).await,
        #[cfg(unix)]
        Incoming::Unix(stream) => tell(stream, refusal).await,
    }
    drop(rejection);
}

async fn tell(mut stream: impl AsyncRead + AsyncWrite + Unpin, refusal: Refusal) {
    let answer = rejection_of(refusal);
    let told = timeout(REJECTION_TIMEOUT, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        let mut unread = [0; 1024];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    });
    if !matches!(told.await, Ok(Ok(()))) {
        tracing::debug!("a client left before it was told why it was turned away");
    }
}

/// Tells it without waiting, in a flood: most have sent their request by then, and hear why.
fn reject_at_once(incoming: Incoming, refusal: Refusal) {
    use std::io::{Read, Write};
    /// Bytes of a request that are read and dropped; a longer one may lose the answer.
    const READ_MAX: u64 = 4096;
    let told = incoming.into_blocking().and_then(|mut stream| {
        let drain = |stream: &socket2::Socket| io::copy(&mut stream.take(READ_MAX), &mut io::sink());
        // It ends when nothing more has come, which is what is wanted.
        drain(&stream).ok();
        stream.write_all(rejection_of(refusal).as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        drain(&stream).ok();
        Ok(())
    });
    if let Err(error) = told {
        tracing::debug!(%error, "a client left before it was told why it was turned away");
    }
}

/// What a client is told that is turned away.
fn rejection_of(refusal: Refusal) -> String {
    let text = format!("{refusal}; try again soon\n");
    let status = match refusal {
        Refusal::Full(_) => "503 Service Unavailable",
        // RFC 6585 §4: it is this client that asks too much.
        Refusal::AddressFull(_) => "429 Too Many Requests",
    };
    format!(
        "HTTP/1.1 {status}\r\nretry-after: {RETRY_AFTER_S}\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )
}

fn note_panic(ended: Result<(), JoinError>, panics: &Panics) {
    if let Err(error) = ended
        && error.is_panic()
    {
        panics.note();
        tracing::error!("a connection ended by a bug: {error}; please report this");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn who_is_turned_away_is_told_why_and_when_to_come_again() {
        let check = async |refusal, expect: &str| {
            let door = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let mut client = TcpStream::connect(door.local_addr().expect("it listens")).await.expect("connects");
            let (stream, peer) = door.accept().await.expect("somebody came");
            let stream = Incoming::Tcp(stream, peer);
            let rejection = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("there is one");
            let told = tokio::spawn(reject(stream, refusal, rejection));
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.expect("text");
            drop(client);
            told.await.expect("no panic");
            let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
            assert!(head.starts_with(&format!("HTTP/1.1 {expect}\r\nretry-after: 5\r\n")), "{head}");
            assert!(
                head.contains(&format!("content-length: {}\r\n", body.len())) && body.ends_with("; try again soon\n"),
                "{answer}"
            );
        };
        check(Refusal::Full(8), "503 Service Unavailable").await;
        check(Refusal::AddressFull(2), "429 Too Many Requests").await;
    }

    #[tokio::test]
    async fn in_a_flood_who_has_asked_is_told_too() {
        let door = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut client = TcpStream::connect(door.local_addr().expect("it listens")).await.expect("connects");
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it fits");
        let (stream, peer) = door.accept().await.expect("somebody came");
        stream.readable().await.expect("it has asked");
        reject_at_once(Incoming::Tcp(stream, peer), Refusal::Full(8));
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("text, and no reset");
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("; try again soon\n"), "{answer}");
    }
}
