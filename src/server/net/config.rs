//! Where the server listens.

use super::place::Bind;
use crate::{
    certificate::CertificateSource,
    server::auth::{access::AccessConfig, protection::Protection},
};
use std::net::{IpAddr, Ipv4Addr};

/// Address when none is asked: this host alone.
pub const BIND_DEFAULT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Port when none is asked: the usual second port of HTTP, open to every user.
pub const PORT_DEFAULT: u16 = 8080;

/// Where the server listens, and whom it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where it listens; at loopback unless told otherwise.
    pub bind: Bind,
    /// The port of an address; 0 lets the system choose.
    pub port: u16,
    /// Whom it answers.
    pub access: AccessConfig,
    /// Who may do what.
    pub protection: Protection,
    /// What it shows over TLS; without it there is none.
    pub certificate: Option<CertificateSource>,
    /// Its name is told to the network, if it listens there.
    pub is_announced: bool,
}

impl ServerConfig {
    /// With what its addresses begin.
    pub fn scheme(&self) -> &'static str {
        if self.certificate.is_some() { "https" } else { "http" }
    }
}
