//! What peers do wrong: counted for the status, and told in the log once a minute for each kind and address, so that nobody who sends
//! rubbish fills a disk.

use super::admission::network_of;
use crate::{
    counter::Counter,
    sync::lock,
    time::{Span, Ticks},
};
use serde::Serialize;
use std::{collections::HashMap, fmt::Display, net::IpAddr, sync::Mutex};

/// The same fault of the same address is told again after this.
const TOLD_AGAIN: Span = Span::from_ms(60_000);

/// Faults and addresses remembered; while so many are told within a minute, others are only counted.
const TOLD_MAX: usize = 32;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::server) enum Fault {
    /// What it sends is not HTTP, or breaks its rules.
    Protocol,
    /// A request that it began did not come whole in time.
    TooSlow,
    /// Its TLS handshake failed.
    Tls,
    /// It has all the connections that an address may have, and wants more.
    TooMany,
}

/// All faults so far.
#[derive(Debug, Default)]
pub(in crate::server) struct Faults {
    protocol: Counter,
    too_slow: Counter,
    tls: Counter,
    too_many: Counter,
    told: Mutex<HashMap<(Fault, IpAddr), Ticks>>,
}

/// The faults in `GET /api/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(in crate::server) struct FaultsReport {
    pub(in crate::server) protocol: u64,
    pub(in crate::server) too_slow: u64,
    pub(in crate::server) tls: u64,
    pub(in crate::server) too_many: u64,
}

impl Faults {
    /// `peer` did something wrong, which `what` says.
    pub(in crate::server) fn note(&self, fault: Fault, peer: IpAddr, now: Ticks, what: &dyn Display) {
        match fault {
            Fault::Protocol => &self.protocol,
            Fault::TooSlow => &self.too_slow,
            Fault::Tls => &self.tls,
            Fault::TooMany => &self.too_many,
        }
        .bump();
        if self.is_told(fault, network_of(peer), now) {
            tracing::info!("{peer}: {what}; more of it within a minute is only counted");
        }
    }

    fn is_told(&self, fault: Fault, network: IpAddr, now: Ticks) -> bool {
        let mut told = lock(&self.told);
        told.retain(|_, at| now.since(*at) < TOLD_AGAIN);
        let is_due = told.len() < TOLD_MAX && !told.contains_key(&(fault, network));
        if is_due {
            told.insert((fault, network), now);
        }
        is_due
    }

    pub(in crate::server) fn report(&self) -> FaultsReport {
        FaultsReport {
            protocol: self.protocol.get(),
            too_slow: self.too_slow.get(),
            tls: self.tls.get(),
            too_many: self.too_many.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_an_address_is_told_once_a_minute() {
        let faults = Faults::default();
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let start = Ticks(0);
        assert!(faults.is_told(Fault::Protocol, one, start));
        assert!(!faults.is_told(Fault::Protocol, one, start + Span::from_ms(59_999)));
        assert!(faults.is_told(Fault::TooSlow, one, start), "another kind");
        assert!(faults.is_told(Fault::Protocol, two, start), "another address");
        assert!(faults.is_told(Fault::Protocol, one, start + TOLD_AGAIN));
    }

    #[test]
    fn many_addresses_do_not_make_many_lines_and_all_are_counted() {
        let faults = Faults::default();
        let told = (0..10_000u32).filter(|n| {
            faults.note(Fault::Protocol, IpAddr::from(n.to_be_bytes()), Ticks(0), &"it speaks no HTTP");
            faults.is_told(Fault::TooMany, IpAddr::from(n.to_be_bytes()), Ticks(0))
        });
        assert!(told.count() <= TOLD_MAX);
        assert_eq!(faults.report(), FaultsReport { protocol: 10_000, too_slow: 0, tls: 0, too_many: 0 });
    }
}
