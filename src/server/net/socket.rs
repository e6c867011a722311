//! What a server listens at, and what comes in there.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use {
    super::unix_socket::SocketFile,
    tokio::net::{UnixListener, UnixStream},
};

/// What a server listens at.
pub(in crate::server) enum ListeningSocket {
    /// A port.
    Tcp(TcpListener),
    /// A file, which goes with the socket if the server has made it.
    #[cfg(unix)]
    Unix(UnixListener, #[expect(dead_code, reason = "it is dropped with the socket")] Option<SocketFile>),
}

/// A connection that came in.
pub(in crate::server) enum Incoming {
    /// From that address.
    Tcp(TcpStream, SocketAddr),
    /// From a program of this computer.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl ListeningSocket {
    pub(in crate::server) async fn accept(&self) -> io::Result<Incoming> {
        match self {
            ListeningSocket::Tcp(listener) => listener.accept().await.map(|(stream, peer)| Incoming::Tcp(stream, peer)),
            #[cfg(unix)]
            ListeningSocket::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Incoming::Unix(stream)),
        }
    }
}

impl Incoming {
    /// From where it came; what comes from this computer without an address has its own.
    pub(in crate::server) fn peer(&self) -> IpAddr {
        match self {
            Incoming::Tcp(_, peer) => peer.ip(),
            #[cfg(unix)]
            Incoming::Unix(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// The same without a runtime.
    pub(in crate::server) fn into_blocking(self) -> io::Result<socket2::Socket> {
        match self {
            Incoming::Tcp(stream, _) => stream.into_std().map(Into::into),
            #[cfg(unix)]
            Incoming::Unix(stream) => stream.into_std().map(Into::into),
        }
    }
}
