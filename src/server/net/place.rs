//! Where a server listens: as it was asked, and as it came to be.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// Where the server is to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// At an address, with the port that is named beside it.
    Address(IpAddr),
    /// At a Unix socket in the file system, for programs of this computer.
    Unix(PathBuf),
    /// At the socket that systemd has opened (sd_listen_fds(3)).
    Systemd,
}

impl From<Ipv4Addr> for Bind {
    fn from(address: Ipv4Addr) -> Bind {
        Bind::Address(address.into())
    }
}

impl From<IpAddr> for Bind {
    fn from(address: IpAddr) -> Bind {
        Bind::Address(address)
    }
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an address and a port, the real one where 0 was asked.
    Network(SocketAddr),
    /// At a Unix socket.
    Unix(PathBuf),
}

impl Place {
    /// Whether other computers can reach it.
    pub fn is_offered(&self) -> bool {
        matches!(self, Place::Network(at) if !at.ip().is_loopback())
    }

    /// What tells one server of this computer from another, without spaces.
    pub fn key(&self) -> String {
        match self {
            Place::Network(at) => at.port().to_string(),
            Place::Unix(path) => format!("unix-{:08x}", crc32fast::hash(path.as_os_str().as_encoded_bytes())),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Network(at) => write!(f, "{at}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_short_key_and_tells_who_can_reach_it() {
        let network = |at: &str| Place::Network(at.parse().expect(at));
        let unix = |path: &str| Place::Unix(path.into());
        assert_eq!((network("127.0.0.1:8080").key(), network("127.0.0.1:8080").is_offered()), ("8080".to_owned(), false));
        assert!(network("0.0.0.0:8080").is_offered() && network("192.0.2.1:1").is_offered() && !unix("/x").is_offered());
        assert_eq!(unix("/run/a b").to_string(), "unix:/run/a b");
        assert!(unix("/run/a b").key() != unix("/run/a c").key() && !unix("/run/a b").key().contains(' '));
    }
}
