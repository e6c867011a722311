//! This computer.

use std::{env, net::IpAddr, path::PathBuf};

/// What it calls itself; empty where it tells no name.
#[cfg(unix)]
pub(crate) fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What it calls itself; empty where it tells no name.
#[cfg(not(unix))]
pub(crate) fn name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// The addresses that it has now; none where the system does not tell them.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::debug!(%error, "the addresses of this computer cannot be listed");
        Vec::new()
    });
    found.iter().map(if_addrs::Interface::ip).collect()
}

/// The folder for what programs of this user keep from run to run; none where the system tells none. A service of systemd has one of its own.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let told = |name: &str| env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    if cfg!(windows) {
        return told("LOCALAPPDATA").map(|folder| folder.join("hlscam"));
    }
    let home = || told("HOME");
    if cfg!(target_os = "macos") {
        return home().map(|home| home.join("Library/Application Support/hlscam"));
    }
    let shared = || told("XDG_STATE_HOME").or_else(|| home().map(|home| home.join(".local/state")));
    // There may be several (systemd.exec).
    let of_service = told("STATE_DIRECTORY").and_then(|folders| env::split_paths(&folders).next());
    of_service.or_else(|| shared().map(|folder| folder.join("hlscam")))
}
