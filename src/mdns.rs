//! The name `hlscam-HOST.local`, told to the network by multicast DNS (RFC 6762), and the page as a service that other programs list
//! (RFC 6763).

use crate::certificate::mdns_name;
use mdns_sd::{DaemonEvent, Receiver, ServiceDaemon, ServiceInfo};
use std::{net::IpAddr, time::Duration};

/// Longest wait at the end of the program for the word that the name is gone.
const GOODBYE_PATIENCE: Duration = Duration::from_millis(300);

/// What is told: dropping it takes the name back.
pub struct Announcement {
    daemon: ServiceDaemon,
    events: Receiver<DaemonEvent>,
    /// `hlscam-HOST.local`.
    pub name: String,
    is_failure_told: bool,
}

/// What is to be announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The address; all of this computer where it is unspecified.
    pub bound: IpAddr,
    /// The port.
    pub port: u16,
    /// `http` or `https`.
    pub scheme: &'static str,
}

impl Announcement {
    /// Begins to tell it; a thread answers whoever asks. The reason where that cannot be.
    pub fn start(host: &str, service: Service) -> Result<Announcement, String> {
        let name = mdns_name(host).ok_or_else(|| format!("{host:?} is no name for a network"))?;
        let info = info(host, &name, service).map_err(|error| error.to_string())?;
        let daemon = ServiceDaemon::new().map_err(|error| error.to_string())?;
        let events = daemon.monitor().map_err(|error| error.to_string())?;
        daemon.register(info).map_err(|error| error.to_string())?;
        Ok(Announcement { daemon, events, name, is_failure_told: false })
    }

    /// What has gone wrong since the last look, told once.
    pub fn trouble(&mut self) -> Option<String> {
        let failed = |event| match event {
            DaemonEvent::Error(error) => Some(error.to_string()),
            DaemonEvent::NameChange(change) if change.original.trim_end_matches('.') == self.name => {
                Some(format!("another computer of the network is {}; write the address of this one", self.name))
            }
            _ => None,
        };
        let told = self.events.try_iter().filter_map(failed).last()?;
        (!std::mem::replace(&mut self.is_failure_told, true)).then_some(told)
    }
}

fn info(host: &str, name: &str, Service { bound, port, scheme }: Service) -> Result<ServiceInfo, mdns_sd::Error> {
    let kind = format!("_{scheme}._tcp.local.");
    let address = if bound.is_unspecified() { String::new() } else { bound.to_string() };
    let short = host.split('.').next().unwrap_or(host);
    let info = ServiceInfo::new(&kind, &format!("hlscam on {short}"), &format!("{name}."), address, port, &[("path", "/")][..])?;
    Ok(if bound.is_unspecified() { info.enable_addr_auto() } else { info })
}

impl Drop for Announcement {
    fn drop(&mut self) {
        if let Ok(done) = self.daemon.shutdown() {
            // Who does not hear it forgets the name two minutes later.
            done.recv_timeout(GOODBYE_PATIENCE).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_told_under_the_name_and_port() {
        let service = Service { bound: [0, 0, 0, 0].into(), port: 8080, scheme: "https" };
        let told = info("Pi4.garden.example", "hlscam-pi4.local", service).expect("it is right");
        assert_eq!((told.get_type(), told.get_hostname(), told.get_port()), ("_https._tcp.local.", "hlscam-pi4.local.", 8080));
        assert_eq!(told.get_fullname(), "hlscam on Pi4._https._tcp.local.");
        assert!(told.is_addr_auto());
        let one = info("pi4", "hlscam-pi4.local", Service { bound: [10, 0, 0, 7].into(), scheme: "http", ..service });
        let one = one.expect("it is right");
        assert_eq!((one.get_type(), one.is_addr_auto()), ("_http._tcp.local.", false));
        assert!(one.get_addresses().contains(&IpAddr::from([10, 0, 0, 7])));
        assert!(Announcement::start("no name", service).is_err());
    }
}
