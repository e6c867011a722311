//! How many connections are let in, in all and from one address.

use crate::{server::TrustedProxies, sync::lock};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex},
};

/// Counts the connections that are open. One entry per address that has one, so the map is bounded by `all_max`.
#[derive(Debug)]
pub(in crate::server) struct Admission {
    all_max: usize,
    address_max: usize,
    /// Of the loopback address, and of a trusted proxy.
    proxy_max: usize,
    proxies: TrustedProxies,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection let in; dropping it makes room.
#[derive(Debug)]
pub(in crate::server) struct Permit {
    admission: Arc<Admission>,
    address: IpAddr,
}

/// Why a connection was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::server) enum Refusal {
    /// The server is full.
    #[error("the server is full with {0} connections")]
    Full(usize),
    /// This address has its share.
    #[error("one address holds {0} connections, its most")]
    AddressFull(usize),
}

impl Admission {
    /// Lets in `all_max` connections, of one address `address_max`. The loopback address and the proxies may have all, for behind a reverse
    /// proxy everybody comes from there.
    pub(in crate::server) fn new(all_max: usize, address_max: usize, proxies: TrustedProxies) -> Arc<Admission> {
        Admission::shared_out(all_max, address_max, (all_max, proxies))
    }

    /// The same where the loopback address and the proxies have a share of their own, each.
    pub(in crate::server) fn shared_out(
        all_max: usize,
        address_max: usize,
        (proxy_max, proxies): (usize, TrustedProxies),
    ) -> Arc<Admission> {
        Arc::new(Admission { all_max, address_max, proxy_max, proxies, open: Mutex::default() })
    }

    /// How many are let in now.
    pub(in crate::server) fn len(&self) -> usize {
        lock(&self.open).all
    }

    /// Lets one connection of `address` in, or says why not.
    pub(in crate::server) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Permit, Refusal> {
        let is_proxy = address.to_canonical().is_loopback() || self.proxies.has(address);
        let address = network_of(address);
        let mut open = lock(&self.open);
        if open.all >= self.all_max {
            return Err(Refusal::Full(self.all_max));
        }
        let here = open.by_address.get(&address).copied().unwrap_or_default();
        let share = if is_proxy { self.proxy_max } else { self.address_max };
        if here >= share {
            return Err(Refusal::AddressFull(share));
        }
        open.all += 1;
        open.by_address.insert(address, here + 1);
        Ok(Permit { admission: self.clone(), address })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = lock(&self.admission.open);
        open.all -= 1;
        if let Some(here) = open.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// One IPv6 host may use every address of its /64 (RFC 4291 §2.5.4), so the /64 is counted.
pub(in crate::server) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        canonical => canonical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Network;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_address_gets_its_share_and_no_more() {
        let admission = Admission::new(10, 2, TrustedProxies::default());
        let first = admission.admit(address("10.0.0.1"));
        let _second = admission.admit(address("::ffff:10.0.0.1"));
        assert_eq!(admission.admit(address("10.0.0.1")).err(), Some(Refusal::AddressFull(2)));
        assert!(admission.admit(address("10.0.0.2")).is_ok());
        drop(first);
        assert!(admission.admit(address("10.0.0.1")).is_ok());
    }

    #[test]
    fn a_full_server_lets_nobody_in_until_one_leaves() {
        let admission = Admission::new(2, 2, TrustedProxies::default());
        let first = admission.admit(address("127.0.0.1"));
        let _second = admission.admit(address("10.0.0.1"));
        assert_eq!(admission.admit(address("10.0.0.2")).err(), Some(Refusal::Full(2)));
        drop(first);
        assert!(admission.admit(address("10.0.0.2")).is_ok());
    }

    #[test]
    fn the_share_holds_for_a_whole_ipv6_network_and_not_for_loopback() {
        let admission = Admission::new(10, 1, TrustedProxies::default());
        let _first = admission.admit(address("2001:db8::1"));
        assert_eq!(admission.admit(address("2001:db8::2")).err(), Some(Refusal::AddressFull(1)));
        assert!(admission.admit(address("2001:db8:0:1::1")).is_ok());
        let held: Vec<_> = (0..5).map(|_| admission.admit(address("::1"))).collect();
        assert!(held.iter().all(Result::is_ok));
    }

    #[test]
    fn the_loopback_address_may_have_a_share_of_its_own() {
        let admission =
            Admission::shared_out(4, 1, (3, TrustedProxies::of(vec![Network::parse("10.9.0.0/16").expect("a network")])));
        let held: Vec<_> = (0..3).map(|_| admission.admit(address("127.0.0.1"))).collect();
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(admission.admit(address("127.0.0.1")).err(), Some(Refusal::AddressFull(3)));
        drop(held);
        let held: Vec<_> = (0..3).map(|_| admission.admit(address("10.9.1.1"))).collect();
        assert!(held.iter().all(Result::is_ok), "a proxy, too");
        assert!(admission.admit(address("10.0.0.1")).is_ok());
        assert_eq!(admission.len(), 3);
    }

    #[test]
    fn nothing_is_remembered_of_those_who_left() {
        let admission = Admission::new(10, 2, TrustedProxies::default());
        for n in 0..100 {
            drop(admission.admit(IpAddr::from([10, 0, 0, n])));
        }
        assert!(admission.open.lock().expect("not poisoned").by_address.is_empty());
    }
}
