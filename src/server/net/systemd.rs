//! The socket that systemd has opened and handed over (sd_listen_fds(3)): it may have a port that is kept for administrators, and it takes
//! connections before the program runs and while it is started anew.

use super::listener::BindError;
use listenfd::ListenFd;
use std::{
    net::TcpListener,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixListener,
    },
};

/// What is handed over.
pub(in crate::server) enum Inherited {
    /// A port.
    Tcp(TcpListener),
    /// A file.
    Unix(UnixListener),
}

/// Takes it. There must be one, which listens.
pub(in crate::server) fn take() -> Result<Inherited, BindError> {
    let mut handed = ListenFd::from_env();
    match handed.len() {
        0 => return Err(BindError::Systemd("there is none; start hlscam by a unit that belongs to a .socket unit".to_owned())),
        1 => {}
        n => return Err(BindError::Systemd(format!("there are {n}; write one ListenStream= into the .socket unit"))),
    }
    let neither =
        |error| BindError::Systemd(format!("it is no stream that listens ({error}); write ListenStream= into the .socket unit"));
    // With Accept=yes a connection is handed over.
    let listens = |fd: BorrowedFd<'_>| rustix::net::sockopt::socket_acceptconn(fd).unwrap_or(true);
    let no_listener = || neither(std::io::Error::other("it does not listen"));
    if let Ok(Some(listener)) = handed.take_tcp_listener(0) {
        return if listens(listener.as_fd()) { Ok(Inherited::Tcp(listener)) } else { Err(no_listener()) };
    }
    match handed.take_unix_listener(0) {
        Ok(Some(listener)) if !listens(listener.as_fd()) => Err(no_listener()),
        Ok(Some(listener)) => Ok(Inherited::Unix(listener)),
        Ok(None) => Err(neither(std::io::Error::from(std::io::ErrorKind::NotFound))),
        Err(error) => Err(neither(error)),
    }
}
