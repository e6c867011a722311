//! The listening socket, taken early: an address that cannot be had is told before the camera is opened.

#[cfg(target_os = "linux")]
use super::systemd::{self, Inherited};
use super::{
    place::{Bind, Place},
    socket::ListeningSocket,
};
use crate::{
    certificate::{Certificates, PublicAuthority},
    host,
    server::ServerConfig,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    fmt::Write,
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
};
#[cfg(unix)]
use {
    super::unix_socket::{self, SocketFile},
    std::os::unix::net::UnixListener,
};

/// Connections that the system may keep until the accept loop takes them: a class of viewers that reloads at once.
const BACKLOG: i32 = 1024;

/// Ports tried after a busy one, to name one that is free.
const PORTS_TRIED: u16 = 100;

/// Named instead of a privileged port.
const PORT_UNPRIVILEGED: u16 = 8080;

/// A socket that listens already; nobody is answered before [`serve`](crate::server::serve) takes it.
#[derive(Debug)]
pub struct Listener {
    socket: Open,
    place: Place,
    certificates: Option<Arc<Certificates>>,
}

impl Listener {
    /// The same over TLS.
    pub fn over_tls(self, certificates: Arc<Certificates>) -> Listener {
        Listener { certificates: Some(certificates), ..self }
    }

    /// The authority that vouches for what it shows over TLS, where that is hlscam's own.
    pub fn authority(&self) -> Option<&PublicAuthority> {
        self.certificates.as_ref()?.authority()
    }

    /// What it shows over TLS.
    pub(in crate::server) fn certificates(&self) -> Option<&Arc<Certificates>> {
        self.certificates.as_ref()
    }

    /// The address and port that it listens on, if it is no Unix socket; the port is the real one where 0 was asked.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self.place {
            Place::Network(at) => Some(at),
            Place::Unix(_) => None,
        }
    }

    /// Where it listens.
    pub fn place(&self) -> &Place {
        &self.place
    }

    pub(in crate::server) fn into_tokio(self) -> io::Result<ListeningSocket> {
        match self.socket {
            Open::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                tokio::net::TcpListener::from_std(socket).map(ListeningSocket::Tcp)
            }
            #[cfg(unix)]
            Open::Unix(socket, file) => {
                socket.set_nonblocking(true)?;
                tokio::net::UnixListener::from_std(socket).map(|socket| ListeningSocket::Unix(socket, file))
            }
        }
    }
}

/// A socket that is open.
#[derive(Debug)]
enum Open {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, Option<SocketFile>),
}

/// Why the server cannot listen: one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program has the port.
    #[error("cannot listen on {at}: the port is in use; {}", free.map_or_else(|| "pass another one with --port".to_owned(), |port| format!("pass --port {port}")))]
    InUse {
        /// What was asked.
        at: SocketAddr,
        /// The next port that is free.
        free: Option<u16>,
    },
    /// The address belongs to another host.
    #[error("cannot listen on {address}: it is not an address of this host; pass --bind with one of {}", listed(own))]
    NotHere {
        /// What was asked.
        address: IpAddr,
        /// The addresses that this host has.
        own: Vec<IpAddr>,
    },
    /// The system keeps the port for administrators.
    #[error("cannot listen on {at}: this system keeps that port for administrators; pass --port {PORT_UNPRIVILEGED}")]
    Privileged {
        /// What was asked.
        at: SocketAddr,
    },
    /// Another program listens at that file.
    #[error("cannot listen on unix:{}: another program listens there; pass another --bind unix:PATH", path.display())]
    UnixInUse {
        /// What was asked.
        path: PathBuf,
    },
    /// There is a file that is no socket.
    #[error("cannot listen on unix:{}: there is a file that is no socket; pass another --bind unix:PATH", path.display())]
    NoSocket {
        /// What was asked.
        path: PathBuf,
    },
    /// The system refuses for another reason.
    #[error("cannot listen on unix:{}: {error}; pass another --bind unix:PATH", path.display())]
    UnixRefused {
        /// What was asked.
        path: PathBuf,
        /// Its reason.
        error: io::Error,
    },
    /// There is no such socket on this system, or systemd has opened none.
    #[error("cannot listen on what systemd has opened: {0}")]
    Systemd(String),
    /// There are no such sockets on this system.
    #[error("cannot listen on {0}: this system has no such sockets; pass --bind with an address")]
    NotOnThisSystem(String),
    /// The system refuses for another reason.
    #[error("cannot listen on {at}: {error}; pass another --bind or --port")]
    Refused {
        /// What was asked.
        at: SocketAddr,
        /// Its reason.
        error: io::Error,
    },
}

/// Takes the port or the file. Blocks no longer than the system call; needs no runtime.
pub fn bind(config: &ServerConfig) -> Result<Listener, BindError> {
    let opened = |socket, place| Listener { socket, place, certificates: None };
    match &config.bind {
        Bind::Address(address) => {
            let (socket, local) = bind_port(SocketAddr::new(*address, config.port))?;
            Ok(opened(Open::Tcp(socket), Place::Network(local)))
        }
        #[cfg(unix)]
        Bind::Unix(path) => {
            let (socket, file) = unix_socket::listen(path, BACKLOG)?;
            Ok(opened(Open::Unix(socket, Some(file)), Place::Unix(path.clone())))
        }
        #[cfg(target_os = "linux")]
        Bind::Systemd => inherited().map(|(socket, place)| opened(socket, place)),
        #[cfg(not(unix))]
        Bind::Unix(path) => Err(BindError::NotOnThisSystem(Place::Unix(path.clone()).to_string())),
        #[cfg(not(target_os = "linux"))]
        Bind::Systemd => Err(BindError::NotOnThisSystem("what systemd has opened".to_owned())),
    }
}

/// What systemd has opened. Its files are its own, and stay.
#[cfg(target_os = "linux")]
fn inherited() -> Result<(Open, Place), BindError> {
    let unknown = |error: io::Error| BindError::Systemd(error.to_string());
    match systemd::take()? {
        Inherited::Tcp(socket) => {
            let local = socket.local_addr().map_err(unknown)?;
            Ok((Open::Tcp(socket), Place::Network(local)))
        }
        Inherited::Unix(socket) => {
            let local = socket.local_addr().map_err(unknown)?;
            let path = local.as_pathname().map_or_else(|| PathBuf::from("of systemd"), Into::into);
            Ok((Open::Unix(socket, None), Place::Unix(path)))
        }
    }
}

fn bind_port(at: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let listen = || {
        let socket = listen(at)?;
        let local = socket.local_addr()?;
        Ok((socket, local))
    };
    listen().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { at, free: free_port_after(at) },
        io::ErrorKind::AddrNotAvailable => BindError::NotHere { address: at.ip(), own: own_addresses() },
        io::ErrorKind::PermissionDenied => BindError::Privileged { at },
        _ => BindError::Refused { at, error },
    })
}

fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.is_ipv6() {
        // `::` answers IPv4 too, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    // Without it a restart within a minute fails, for old connections linger in TIME_WAIT. On Windows it would share a port in use.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&at.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn free_port_after(at: SocketAddr) -> Option<u16> {
    (at.port()..=u16::MAX).skip(1).take(usize::from(PORTS_TRIED)).find(|port| listen(SocketAddr::new(at.ip(), *port)).is_ok())
}

fn own_addresses() -> Vec<IpAddr> {
    let mut own = host::addresses();
    own.sort();
    own.dedup();
    own
}

fn listed(addresses: &[IpAddr]) -> String {
    let mut text = "0.0.0.0".to_owned();
    for address in addresses {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {address}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{AccessConfig, Protection};
    use std::net::Ipv4Addr;

    fn on_loopback(port: u16) -> ServerConfig {
        ServerConfig {
            bind: Ipv4Addr::LOCALHOST.into(),
            port,
            access: AccessConfig::default(),
            protection: Protection::default(),
            certificate: None,
            is_announced: false,
        }
    }

    #[test]
    fn port_zero_takes_a_free_port_and_tells_it() {
        let listener = bind(&on_loopback(0)).expect("a free port");
        let at = listener.local_addr().expect("a port");
        assert_eq!(at.ip(), IpAddr::from(Ipv4Addr::LOCALHOST));
        assert_ne!(at.port(), 0);
    }

    #[test]
    fn a_busy_port_names_one_that_is_free() {
        let first = bind(&on_loopback(0)).expect("a free port");
        let at = first.local_addr().expect("a port");
        let error = bind(&on_loopback(at.port())).expect_err("it is taken");
        let BindError::InUse { free, .. } = error else { panic!("{error}") };
        let text = BindError::InUse { at, free }.to_string();
        match free {
            Some(port) => assert_eq!(text, format!("cannot listen on {at}: the port is in use; pass --port {port}")),
            None => assert_eq!(text, format!("cannot listen on {at}: the port is in use; pass another one with --port")),
        }
    }

    #[test]
    fn an_address_of_another_host_lists_ours() {
        // RFC 5737: reserved for documentation, so no host has it.
        let asked = ServerConfig { bind: Ipv4Addr::new(192, 0, 2, 1).into(), ..on_loopback(0) };
        let text = bind(&asked).expect_err("not ours").to_string();
        let head = "cannot listen on 192.0.2.1: it is not an address of this host; pass --bind with one of 0.0.0.0, ";
        assert!(text.starts_with(head) && text.contains("127.0.0.1"), "{text}");
    }

    #[test]
    fn a_privileged_port_says_so() {
        let text = BindError::Privileged { at: SocketAddr::from(([0, 0, 0, 0], 80)) }.to_string();
        assert_eq!(text, "cannot listen on 0.0.0.0:80: this system keeps that port for administrators; pass --port 8080");
    }
}
