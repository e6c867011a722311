//! Host names and origins that the server accepts beside its own.

use super::{
    authority::{Host, Origin},
    proxies::TrustedProxies,
};

/// Whom the server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessConfig {
    /// Names and addresses that it has beside those of this host.
    pub host_names: Vec<Host>,
    /// Pages of other origins that may show the stream.
    pub origins: AllowedOrigins,
    /// Reverse proxies whose word counts.
    pub proxies: TrustedProxies,
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
