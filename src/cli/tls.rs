//! The options of the server that are about TLS, as typed.

use clap::Args;
use std::path::PathBuf;

/// The authority when none is named: Let's Encrypt.
const ACME_SERVER_DEFAULT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// TLS.
#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
pub struct TlsArgs {
    /// Answer over TLS (https) with a certificate of hlscam's own making, for this computer in its network; a phone trusts it once its
    /// user has installed the authority, as the page /trust says
    #[arg(long)]
    pub tls: bool,
    /// Answer over TLS (https) with the certificate in this file, in PEM, with those that lead to its root; a changed file is read
    /// again [needs --tls-key]
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, in PEM, without a password; it may be the same file
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Answer over TLS (https) with a certificate of a public authority, ordered by ACME and renewed by itself, for this name, which leads
    /// to this computer from everywhere; port 443 of it must lead to --port. You agree to the authority's terms. For several names give it
    /// several times
    #[arg(long, value_name = "NAME")]
    pub acme_domain: Vec<String>,
    /// Where the authority of --acme-domain writes to when something is wrong
    #[arg(long, value_name = "ADDRESS")]
    pub acme_email: Option<String>,
    /// The directory of the authority of --acme-domain
    #[arg(long, value_name = "URL", default_value = ACME_SERVER_DEFAULT)]
    pub acme_server: String,
    /// Do not tell the network the name hlscam-HOST.local, which is told when --bind is beyond this computer
    #[arg(long)]
    pub no_mdns: bool,
}
