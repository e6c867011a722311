//! What was typed of `hlscam doctor`.

use crate::server::{BIND_DEFAULT, PORT_DEFAULT};
use clap::Args;
use std::path::PathBuf;

/// `hlscam doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// The address at which hlscam is to listen
    #[arg(long, value_name = "ADDR", default_value = BIND_DEFAULT.to_string())]
    pub bind: String,
    /// The port at which it is to listen
    #[arg(long, value_name = "N", default_value = PORT_DEFAULT.to_string())]
    pub port: String,
    /// The folder in which it is to keep its history: a few MB are written there, and removed
    #[arg(long, value_name = "DIR")]
    pub storage: Option<PathBuf>,
    /// Print JSON to stdout
    #[arg(long)]
    pub json: bool,
}
