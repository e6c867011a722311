//! The HTTP server: the accept loop, its limits, and its end. What is served is in [`routes`]; what the stream answers in [`origin`].
//!
//! Nothing here waits for a slow client: each connection is a task of its own, holds shared bytes only, and has deadlines. A client that
//! waits for the next part costs its connection and a future; how many may wait is [`crate::window::WAITERS_MAX`].

mod admission;
mod answer;
mod api;
mod assets;
pub mod authority;
mod body;
mod burst;
mod config;
mod connection;
mod events;
mod faults;
mod files;
mod following;
mod gate;
mod joined;
mod listener;
mod markers;
mod metered;
mod mirror;
mod negotiation;
pub mod origin;
mod outlet;
mod own_names;
mod pulse;
mod routes;
mod same_origin;
mod under_way;
mod viewers;

pub use config::{AccessConfig, AllowedOrigins, BIND_DEFAULT, PORT_DEFAULT, ServerConfig};
pub use connection::{HEAD_LEN_MAX, STREAMS_MAX};
pub use events::{HEARTBEAT, RETRY_MS, SUBSCRIBERS_MAX, SUBSCRIBERS_OF_PROXY_MAX, SUBSCRIBERS_PER_ADDRESS_MAX};
pub use listener::{BindError, Listener, bind};
pub use markers::{BODY_TIMEOUT, CHANGES_BURST, CHANGES_PER_S, LIMIT_DEFAULT};
pub use routes::{BODY_LEN_MAX, Site, URI_LEN_MAX};
pub use under_way::{ANSWER_PATIENCE, ANSWER_RATE_MIN, ANSWERS_BYTES_MAX};
pub use viewers::{VIEWER_SPAN, VIEWERS_MAX};

use admission::{Admission, Permit, Refusal};
use burst::Burst;
use connection::{Protocols, converse};
use faults::Fault;
use files::Budget;
use gate::Ends;
use outlet::Outlet;
use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinError, JoinSet},
    time::{interval, sleep, timeout},
};

/// Connections at a time: thousands of viewers at some 20 KB each. Fewer where the system's limit of open
/// files is lower.
pub const CONNECTIONS_MAX: usize = 8192;

/// Connections at a time from one address: a household or an office behind one router, at six per browser.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;

/// A new connection must bring its first request whole within this time. Browsers open some in advance, and do without.
pub const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The next request on an open HTTP/1 connection must be whole within this time after the last answer; players ask every few seconds.
pub const NEXT_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection on which nothing moved for this long is closed. Longer than any answer is held back.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Time that answers get to go out when the server ends: one part at the speed of a slow phone.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Wait after the system refused to accept, for it is out of files or memory: others must close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_S: u32 = 5;

/// Clients at a time that are told why they are turned away; more are just closed.
const FAREWELLS_MAX: usize = 64;

/// Time in which a client that is turned away must have read why.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(1);

/// Viewers are counted anew this often, for they leave without a word, and slow readers are looked for.
const VIEWERS_INTERVAL: Duration = Duration::from_secs(1);

/// The limits of the server; the default is the constants above, tests take shorter ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time from one address; the loopback address is exempt.
    pub connections_per_address: usize,
    /// Until the first request of a connection is whole.
    pub first_request: Duration,
    /// Until the next request of an HTTP/1 connection is whole.
    pub next_request: Duration,
    /// Without a byte moved, or a request come.
    pub idle: Duration,
    /// That an answer may stand still before its rate matters.
    pub patience: Duration,
    /// For answers to go out at the end.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: CONNECTIONS_MAX,
            connections_per_address: CONNECTIONS_PER_ADDRESS_MAX,
            first_request: FIRST_REQUEST_TIMEOUT,
            next_request: NEXT_REQUEST_TIMEOUT,
            idle: IDLE_TIMEOUT,
            patience: ANSWER_PATIENCE,
            grace: SHUTDOWN_GRACE,
        }
    }
}

/// Serves `site` until `shutdown` is ready; then takes no more connections, lets the answers that are under way go out for
/// `limits.grace`, and drops what is left. Held requests do not keep it from ending.
///
/// Fails only if the socket cannot be handed to the runtime; a failing accept is logged and tried again.
pub async fn serve(listener: Listener, site: Site, limits: Limits, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let socket = listener.into_tokio()?;
    let (stop, stopped) = watch::channel(());
    let mut door = Door::new(site, limits, stopped);
    let mut tasks = JoinSet::new();
    let mut viewers_due = interval(VIEWERS_INTERVAL);
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = socket.accept() => match accepted {
                Ok((stream, peer)) => door.receive(stream, peer, &mut tasks),
                Err(error) => door.pause_after(error).await,
            },
            Some(ended) = tasks.join_next() => tell_panic(ended),
            _ = viewers_due.tick() => {
                door.site.count_viewers();
                door.site.sweep(limits.patience);
            }
        }
    }
    drop((socket, stop));
    let drained = timeout(limits.grace, async {
        while let Some(ended) = tasks.join_next().await {
            tell_panic(ended);
        }
    });
    if drained.await.is_err() {
        tracing::info!("closing {} connections that were still open", tasks.len());
        tasks.shutdown().await;
    }
    Ok(())
}

/// What stands between the socket and the connections.
struct Door {
    site: Arc<Site>,
    protocols: Arc<Protocols>,
    limits: Limits,
    admission: Arc<Admission>,
    farewells: Arc<Semaphore>,
    stopped: watch::Receiver<()>,
    refused: Burst,
    failed: Burst,
}

impl Door {
    fn new(site: Site, limits: Limits, stopped: watch::Receiver<()>) -> Door {
        let budget = Budget::of_system(limits.connections);
        site.mirror().set_files_max(budget.copies);
        Door {
            site: Arc::new(site),
            protocols: Arc::new(Protocols::new(&limits)),
            limits,
            admission: Admission::new(budget.connections, limits.connections_per_address),
            farewells: Arc::new(Semaphore::new(budget.farewells)),
            stopped,
            refused: Burst::default(),
            failed: Burst::default(),
        }
    }

    fn receive(&mut self, stream: TcpStream, peer: SocketAddr, tasks: &mut JoinSet<()>) {
        // A part is sent the moment it is whole; waiting for more to fill a packet would cost up to 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "TCP_NODELAY not set");
        }
        match self.admission.admit(peer.ip()) {
            Ok(permit) => {
                tasks.spawn(self.welcome(stream, peer, permit));
            }
            Err(refusal) => {
                match refusal {
                    Refusal::AddressFull(_) => {
                        self.site.faults().note(Fault::TooMany, peer.ip(), self.site.now(), &refusal);
                    }
                    Refusal::Full(_) if self.refused.begins(self.site.now()) => {
                        tracing::warn!(%peer, "connections are turned away: {refusal}");
                    }
                    Refusal::Full(_) => {}
                }
                if let Ok(farewell) = self.farewells.clone().try_acquire_owned() {
                    tasks.spawn(turn_away(stream, refusal, farewell));
                } else {
                    turn_away_at_once(stream, refusal);
                }
            }
        }
    }

    fn welcome(&self, stream: TcpStream, peer: SocketAddr, permit: Permit) -> impl Future<Output = ()> + Send + use<> {
        let (site, protocols, limits, stopped) = (self.site.clone(), self.protocols.clone(), self.limits, self.stopped.clone());
        let ends = Ends { peer: peer.ip(), local: stream.local_addr().ok().map(|local| local.ip()) };
        async move {
            // TLS with ALPN would be accepted here: all below takes any stream of bytes.
            let outlet = Outlet::new(stream, site.mirror().clone());
            converse(outlet, ends, site, protocols, limits, stopped).await;
            drop(permit);
        }
    }

    async fn pause_after(&mut self, error: io::Error) {
        // The peer was gone before it was accepted: nothing is wrong here.
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return;
        }
        if self.failed.begins(self.site.now()) {
            tracing::error!("connections cannot be accepted now: {error}; trying on");
        }
        sleep(ACCEPT_PAUSE).await;
    }
}

/// Tells a client why it is turned away. Its request is read and dropped, for closing over unread bytes would destroy the answer.
async fn turn_away(mut stream: TcpStream, refusal: Refusal, farewell: OwnedSemaphorePermit) {
    let answer = farewell_of(refusal);
    let told = timeout(FAREWELL_TIMEOUT, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        let mut unread = [0; 1024];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    });
    if !matches!(told.await, Ok(Ok(()))) {
        tracing::debug!("a client left before it was told why it was turned away");
    }
    drop(farewell);
}

/// Tells it without waiting, in a flood: most have sent their request by then, and hear why.
fn turn_away_at_once(stream: TcpStream, refusal: Refusal) {
    use std::io::{Read, Write};
    /// Bytes of a request that are read and dropped; a longer one may lose the answer.
    const READ_MAX: u64 = 4096;
    let told = stream.into_std().and_then(|mut stream| {
        let drain = |stream: &std::net::TcpStream| io::copy(&mut stream.take(READ_MAX), &mut io::sink());
        // It ends when nothing more has come, which is what is wanted.
        drain(&stream).ok();
        stream.write_all(farewell_of(refusal).as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        drain(&stream).ok();
        Ok(())
    });
    if let Err(error) = told {
        tracing::debug!(%error, "a client left before it was told why it was turned away");
    }
}

/// What a client is told that is turned away.
fn farewell_of(refusal: Refusal) -> String {
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

fn tell_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
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
            let (stream, _) = door.accept().await.expect("somebody came");
            let farewell = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("there is one");
            let told = tokio::spawn(turn_away(stream, refusal, farewell));
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
        let (stream, _) = door.accept().await.expect("somebody came");
        stream.readable().await.expect("it has asked");
        turn_away_at_once(stream, Refusal::Full(8));
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("text, and no reset");
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("; try again soon\n"), "{answer}");
    }
}
