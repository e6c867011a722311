//! Where the server listens, and whom it answers.

use super::authority::{Host, Origin};
use std::net::{IpAddr, Ipv4Addr};

/// Address when none is asked: this host alone, for there is no password.
pub const BIND_DEFAULT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Port when none is asked: the usual second port of HTTP, open to every user.
pub const PORT_DEFAULT: u16 = 8080;

/// Where the server listens, and whom it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address; loopback unless told otherwise.
    pub bind: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Whom it answers.
    pub access: AccessConfig,
}

/// Whom the server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessConfig {
    /// Names and addresses that it has beside those of this host.
    pub host_names: Vec<Host>,
    /// Pages of other origins that may show the stream.
    pub origins: AllowedOrigins,
}

/// Pages of other origins that may show the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// All.
    Any,
    /// Those of these origins; none by default.
    Listed(Vec<Origin>),
}

impl Default for AllowedOrigins {
    fn default() -> AllowedOrigins {
        AllowedOrigins::Listed(Vec::new())
    }
}
