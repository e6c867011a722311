//! The names and addresses of this host, under which alone it is answered: a page whose name was made to lead here (DNS rebinding) still
//! sends its own name in `Host`, and so learns nothing.

use crate::{
    certificate::mdns_name,
    host,
    server::authority::Host,
    sync::lock,
    time::{Span, Ticks},
};
use std::{net::IpAddr, sync::Mutex};

/// What the system says is asked for again when an unknown host comes after this time: addresses change with every network that a laptop
/// joins, and a flood of unknown hosts must not become one of questions.
const ASK_INTERVAL: Span = Span::from_ms(2000);

/// The names.
#[derive(Debug, Default)]
pub(in crate::server) struct OwnNames {
    /// Those of `--host-name`.
    named: Vec<Host>,
    system: Mutex<System>,
}

/// What the system says.
#[derive(Debug, Default)]
struct System {
    hosts: Vec<Host>,
    asked_at: Option<Ticks>,
}

impl OwnNames {
    pub(in crate::server) fn new(named: Vec<Host>) -> OwnNames {
        OwnNames { named, system: Mutex::default() }
    }

    /// Whether `host` is this host. `local` is the address at which the connection came in.
    pub(in crate::server) fn have(&self, host: &Host, local: Option<IpAddr>, now: Ticks) -> bool {
        let is_plain = match host {
            // RFC 6761 §6.3: these lead to the asking computer itself, whatever a name server says.
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Address(address) => address.is_loopback() || Some(*address) == local.map(|local| local.to_canonical()),
        };
        is_plain || self.named.contains(host) || self.system_has(host, now)
    }

    fn system_has(&self, host: &Host, now: Ticks) -> bool {
        let mut system = lock(&self.system);
        let is_known = system.hosts.contains(host);
        if is_known || system.asked_at.is_some_and(|at| now.since(at) < ASK_INTERVAL) {
            return is_known;
        }
        *system = System { hosts: names_of(&host::name()).chain(addresses()).collect(), asked_at: Some(now) };
        system.hosts.contains(host)
    }
}

/// What a host that calls itself so is called on its network: as it says, by the first label, and by that in mDNS (RFC 6762 §3); and what
/// hlscam calls itself there.
fn names_of(node: &str) -> impl Iterator<Item = Host> {
    let short = node.split('.').next().filter(|short| !short.is_empty());
    let names = short.map(|short| [node.to_owned(), short.to_owned(), format!("{short}.local")]);
    names.into_iter().flatten().chain(mdns_name(node)).filter_map(|name| Host::parse(&name))
}

fn addresses() -> impl Iterator<Item = Host> {
    host::addresses().into_iter().map(|address| Host::Address(address.to_canonical()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::parse(text).expect(text)
    }

    #[test]
    fn this_host_is_known_by_its_names_and_addresses_alone() {
        let names = OwnNames::new(vec![host("cam.example"), host("203.0.113.7")]);
        let local = Some("::ffff:192.0.2.5".parse().expect("an address"));
        let check = |text: &str, expect: bool| assert_eq!(names.have(&host(text), local, Ticks(0)), expect, "{text}");
        for ours in
            ["localhost", "LOCALHOST.", "cam.localhost", "127.0.0.1", "127.3.2.1", "[::1]", "192.0.2.5", "[::ffff:192.0.2.5]"]
        {
            check(ours, true);
        }
        for named in ["cam.example", "CAM.example.", "203.0.113.7"] {
            check(named, true);
        }
        for foreign in ["evil.example", "notlocalhost", "localhost.evil.example", "x.cam.example", "192.0.2.6", "0.0.0.0", "[::]"] {
            check(foreign, false);
        }
        let own = host::name();
        let short = own.split('.').next().unwrap_or_default();
        for name in [own.clone(), own.to_uppercase(), short.to_owned(), format!("{short}.local"), format!("{short}.local.")] {
            check(&name, true);
        }
        assert!(addresses().all(|address| names.have(&address, None, Ticks(0))));
    }

    #[test]
    fn a_name_with_dots_counts_by_its_first_label_too() {
        let names: Vec<String> = names_of("Cam.Garden.example").map(|host| host.to_string()).collect();
        assert_eq!(names, ["cam.garden.example", "cam", "cam.local", "hlscam-cam.local"]);
        assert_eq!(names_of("").count(), 0, "a host without a name");
    }

    #[test]
    fn the_system_is_asked_again_after_a_while_and_not_for_each_unknown_host() {
        let names = OwnNames::default();
        assert!(!names.have(&host("evil.example"), None, Ticks(0)));
        let asked_at = || names.system.lock().expect("not poisoned").asked_at;
        assert_eq!(asked_at(), Some(Ticks(0)));
        names.have(&host("evil.example"), None, Ticks(1));
        assert_eq!(asked_at(), Some(Ticks(0)));
        names.have(&host("evil.example"), None, Ticks(0) + ASK_INTERVAL);
        assert_eq!(asked_at(), Some(Ticks(0) + ASK_INTERVAL));
    }
}
