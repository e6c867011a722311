//! The port, who has it, and what may stand before it.

use super::{
    Finding, Plan,
    programs::{self, Holder},
};
use std::{
    fs,
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpListener},
    path::Path,
};

/// What became of an attempt to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Port {
    Free,
    /// By whom, as far as this user may see.
    Taken(Vec<Holder>),
    NotHere,
    Privileged,
    Refused(String),
}

/// What may keep others out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Firewall {
    Ufw,
    Firewalld,
    Nftables,
}

/// Listens for a moment.
pub(super) fn read_port(plan: &Plan) -> Port {
    let planned = SocketAddr::new(plan.bind, plan.port);
    match TcpListener::bind(planned) {
        Ok(_) => Port::Free,
        Err(error) => match error.kind() {
            ErrorKind::AddrInUse => Port::Taken(holders_of(planned)),
            ErrorKind::AddrNotAvailable => Port::NotHere,
            ErrorKind::PermissionDenied => Port::Privileged,
            _ => Port::Refused(error.to_string()),
        },
    }
}

fn holders_of(planned: SocketAddr) -> Vec<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: Vec<String> =
        tables.iter().flat_map(|table| listening(table, planned)).map(|inode| format!("socket:[{inode}]")).collect();
    let mut all: Vec<Holder> = programs::holders(&sockets).into_values().flatten().collect();
    all.sort_by_key(|holder| holder.process);
    all.dedup();
    all
}

/// The inodes of the sockets that listen where `planned` is in their way, of `/proc/net/tcp` (proc_pid_net(5)).
fn listening(table: &str, planned: SocketAddr) -> Vec<u64> {
    /// `TCP_LISTEN` of the kernel.
    const LISTENS: &str = "0A";
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let here = lines.filter_map(|fields| {
        let (address, port) = fields.get(1)?.split_once(':')?;
        let held = SocketAddr::new(address_of(address)?, u16::from_str_radix(port, 16).ok()?);
        (is_in_the_way(held, planned) && *fields.get(3)? == LISTENS).then(|| fields.get(9)?.parse().ok())?
    });
    here.collect()
}

/// Whether one socket at most can listen at these: they have the port and the address in common, or one is for all addresses.
fn is_in_the_way(held: SocketAddr, planned: SocketAddr) -> bool {
    // A socket of IPv6 may have an address of IPv4 inside, and `::` is usually for IPv4, too.
    let (here, there) = (held.ip().to_canonical(), planned.ip().to_canonical());
    let has = |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    held.port() == planned.port() && (here == there || has(here, there) || has(there, here))
}

/// An address as the kernel's table has it: words of 32 bits, each as this machine's number of its bytes.
fn address_of(hex: &str) -> Option<IpAddr> {
    let word = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 8)?;
        u32::from_str_radix(digits, 16).ok()
    };
    let words: Vec<u32> = hex.as_bytes().chunks(8).map(word).collect::<Option<_>>()?;
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    let v4 = <[u8; 4]>::try_from(&bytes[..]).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(&bytes[..]).map(IpAddr::from)).ok()
}

/// Judges the port.
pub(super) fn judge_port(plan: &Plan, port: &Port) -> Finding {
    let at = SocketAddr::new(plan.bind, plan.port);
    match port {
        Port::Free => Finding::ok("port", format!("{at} is free")),
        Port::Taken(holders) if holders.is_empty() => {
            if !cfg!(target_os = "linux") {
                return Finding::failed("port", format!("{at} is taken by another program"), "pass another --port");
            }
            let what = format!("{at} is taken by a program of another user");
            Finding::failed("port", what, format!("sudo ss -ltnp 'sport = :{0}' says which; or pass another --port", plan.port))
        }
        Port::Taken(holders) => {
            let what = format!("{at} is taken by {}", programs::listed(holders));
            Finding::failed("port", what, format!("{}, or pass another --port", programs::end(holders)))
        }
        Port::NotHere => Finding::failed(
            "port",
            format!("{} is no address of this host", plan.bind),
            if cfg!(target_os = "linux") { "`ip address` lists them; or pass --bind 0.0.0.0" } else { "pass --bind 0.0.0.0" },
        ),
        Port::Privileged => Finding::failed(
            "port",
            format!("{at}: this system keeps that port for administrators"),
            "pass --port 8080, or use a proxy (docs/proxy.md)",
        ),
        Port::Refused(why) => Finding::failed("port", format!("cannot listen on {at}: {why}"), "pass another --bind or --port"),
    }
}

/// Those that are switched on, as far as files and processes tell: their rules are for root to read. None where those of the system are not
/// known.
pub(super) fn read_firewalls() -> Option<Vec<Firewall>> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let ufw = fs::read_to_string("/etc/ufw/ufw.conf").unwrap_or_default();
    let names = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut names = names.filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok());
    let is_on = [
        (Firewall::Ufw, is_ufw_on(&ufw)),
        (Firewall::Firewalld, names.any(|name| name.trim() == "firewalld")),
        (Firewall::Nftables, Path::new("/etc/systemd/system/sysinit.target.wants/nftables.service").exists()),
    ];
    Some(is_on.into_iter().filter_map(|(firewall, is_on)| is_on.then_some(firewall)).collect())
}

fn is_ufw_on(config: &str) -> bool {
    config.lines().any(|line| line.trim() == "ENABLED=yes")
}

/// Judges them: a hint, for nobody but root knows the rules.
pub(super) fn judge_firewall(plan: &Plan, firewalls: Option<&[Firewall]>) -> Option<Finding> {
    if plan.bind.is_loopback() {
        return Some(Finding::ok("firewall", format!("{} is for this computer alone, whatever there is", plan.bind)));
    }
    let port = plan.port;
    let (name, mend) = match firewalls?.first() {
        None => return Some(Finding::ok("firewall", "none was seen on this host")),
        Some(Firewall::Ufw) => ("ufw", format!("sudo ufw allow {port}/tcp")),
        Some(Firewall::Firewalld) => {
            ("firewalld", format!("sudo firewall-cmd --permanent --add-port={port}/tcp && sudo firewall-cmd --reload"))
        }
        Some(Firewall::Nftables) => ("nftables", format!("sudo nft add rule inet filter input tcp dport {port} accept")),
    };
    let what = format!("{name} is on, and may keep others from port {port}");
    Some(Finding::warning("firewall", what, format!("{mend} (if others cannot connect)")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn plan(bind: [u8; 4]) -> Plan {
        Plan { bind: bind.into(), port: 8080, storage: None }
    }

    #[test]
    fn who_listens_at_a_port_is_read_from_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41234 1 0 100 0 0 10 0\n   \
            1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 41235 1 0 100 0 0 10 0\n   \
            2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0 100 0 0 10 0\nnonsense\n";
        let inodes = |planned: &str| listening(table, planned.parse().expect("an address"));
        assert_eq!((inodes("127.0.0.1:8080"), inodes("127.0.0.1:80")), (vec![41234], vec![]));
        assert_eq!(inodes("192.0.2.1:8080"), [0_u64; 0], "it listens at another address");
        assert_eq!((inodes("0.0.0.0:8080"), inodes("[::]:8080")), (vec![41234], vec![41234]));
        assert_eq!((inodes("192.0.2.1:22"), inodes("[::1]:22")), (vec![99], vec![]), "it listens at all addresses of IPv4");
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn addresses_are_read_from_the_kernels_table() {
        let check = |hex: &str, expect: Option<&str>| {
            assert_eq!(address_of(hex), expect.map(|address| address.parse::<IpAddr>().expect("an address")), "{hex}");
        };
        check("0100007F", Some("127.0.0.1"));
        check("00000000", Some("0.0.0.0"));
        check("00000000000000000000000001000000", Some("::1"));
        check("B80D0120000000000000000001000000", Some("2001:db8::1"));
        check("0000000000000000FFFF00000100007F", Some("::ffff:127.0.0.1"));
        for wrong in ["", "0100007", "0100007G", "010000", "0100007F0100007F", "0100007€"] {
            check(wrong, None);
        }
        let held = SocketAddr::new(address_of("0000000000000000FFFF00000100007F").expect("an address"), 80);
        assert!(is_in_the_way(held, SocketAddr::from(([127, 0, 0, 1], 80))), "it is the same address");
    }

    #[test]
    fn a_port_that_cannot_be_had_says_why_and_by_whom() {
        let check = |port: Port, verdict, what: &str| {
            let finding = judge_port(&plan([127, 0, 0, 1]), &port);
            assert_eq!((finding.verdict, finding.what.as_str()), (verdict, what));
        };
        check(Port::Free, Verdict::Ok, "127.0.0.1:8080 is free");
        let holder = Holder { process: 17, name: "nginx".to_owned() };
        check(Port::Taken(vec![holder]), Verdict::Failed, "127.0.0.1:8080 is taken by nginx (process 17)");
        let unseen = if cfg!(target_os = "linux") { "a program of another user" } else { "another program" };
        check(Port::Taken(vec![]), Verdict::Failed, &format!("127.0.0.1:8080 is taken by {unseen}"));
        check(Port::NotHere, Verdict::Failed, "127.0.0.1 is no address of this host");
        check(Port::Privileged, Verdict::Failed, "127.0.0.1:8080: this system keeps that port for administrators");
        check(Port::Refused("odd".to_owned()), Verdict::Failed, "cannot listen on 127.0.0.1:8080: odd");
    }

    #[test]
    fn a_port_that_somebody_has_is_seen_as_taken() {
        let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = held.local_addr().expect("it listens").port();
        // This program's own sockets are left out.
        assert_eq!(read_port(&Plan { port, ..plan([127, 0, 0, 1]) }), Port::Taken(vec![]));
    }

    #[test]
    fn a_firewall_is_a_hint_where_others_are_to_connect() {
        let verdict = |bind, firewalls: Option<&[Firewall]>| judge_firewall(&plan(bind), firewalls).map(|finding| finding.verdict);
        assert_eq!(verdict([127, 0, 0, 1], Some(&[Firewall::Ufw])), Some(Verdict::Ok));
        assert_eq!(verdict([127, 0, 0, 1], None), Some(Verdict::Ok));
        assert_eq!(verdict([0, 0, 0, 0], Some(&[])), Some(Verdict::Ok));
        assert_eq!(verdict([0, 0, 0, 0], None), None, "what is not known is left out");
        for (firewall, command) in
            [(Firewall::Ufw, "ufw allow"), (Firewall::Firewalld, "firewall-cmd"), (Firewall::Nftables, "nft add")]
        {
            let finding = judge_firewall(&plan([0, 0, 0, 0]), Some(&[firewall])).expect("it is known");
            assert_eq!(finding.verdict, Verdict::Warning);
            assert!(finding.mend.is_some_and(|mend| mend.contains(command) && mend.contains("8080")));
        }
        assert!(is_ufw_on("# x\nENABLED=yes\n") && !is_ufw_on("ENABLED=no\n"));
    }
}
