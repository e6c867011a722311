//! Where the server listens, and whom it answers, as typed.

use super::{tls::TlsArgs, users::UsersArgs};
use crate::server;
use clap::Args;

// Addresses would be links in a doc comment.
const ORIGIN_HELP: &str = "A page of another origin that may show the stream, https://home.example; or * for all pages; may be given \
                           several times";

/// The server.
#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
pub struct ServerArgs {
    /// IP address to listen on; 0.0.0.0 is every address of this host, for the network. Or a Unix socket, unix:PATH, or systemd: the
    /// socket that systemd has opened
    #[arg(long, value_name = "ADDR", default_value = server::BIND_DEFAULT.to_string())]
    pub bind: String,
    /// TCP port to listen on; 0 takes any free one
    #[arg(long, value_name = "N", default_value = server::PORT_DEFAULT.to_string())]
    pub port: String,
    /// A further name or address of the server, beside those of this computer: that of a reverse proxy, a router, a name server;
    /// may be given several times
    #[arg(long, value_name = "NAME")]
    pub host_name: Vec<String>,
    /// Pages of other origins that may show the stream.
    #[arg(long, value_name = "ORIGIN", help = ORIGIN_HELP)]
    pub allow_origin: Vec<String>,
    /// A network, 10.0.0.0/8, or address of reverse proxies: what they tell of who asks (X-Forwarded-For, -Proto, -Host, Forwarded)
    /// counts; may be given several times, and none believes nobody
    #[arg(long, value_name = "CIDR", default_values = server::PROXIES_DEFAULT)]
    pub trust_proxy: Vec<String>,
    /// Who may do what.
    #[command(flatten)]
    pub users: UsersArgs,
    /// TLS.
    #[command(flatten)]
    pub tls: TlsArgs,
}
