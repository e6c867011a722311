//! Connections: sockets, deadlines, limits, and how bytes go out.

pub(super) mod activity;
pub(super) mod admission;
pub(super) mod body;
pub(super) mod config;
pub(super) mod connection;
pub(super) mod faults;
pub(super) mod files;
pub(super) mod in_flight;
pub(super) mod limits;
pub(super) mod listener;
pub(super) mod log_throttle;
pub(super) mod memfd_cache;
pub(super) mod place;
pub(super) mod prefaced_io;
pub(super) mod sendfile;
pub(super) mod socket;
#[cfg(target_os = "linux")]
mod systemd;
pub(super) mod tls;
#[cfg(unix)]
mod unix_socket;
pub(super) mod viewers;
