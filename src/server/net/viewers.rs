//! Viewers: the addresses that asked for the stream within the last seconds.

use crate::time::{Span, Ticks};
use std::{collections::HashMap, net::IpAddr};

/// An address counts as a viewer this long after its last request: players reload at least every target duration, and a phone that
/// changes its cell is not a viewer lost.
pub const VIEWER_SPAN: Span = Span::from_ms(10_000);

/// Addresses remembered at most; with more the count stands still. Some 100 bytes each.
pub const VIEWERS_MAX: usize = 10_000;

/// When each address last asked. Everybody behind one proxy or router is one viewer.
#[derive(Debug, Default)]
pub(in crate::server) struct Viewers {
    seen: HashMap<IpAddr, Ticks>,
}

impl Viewers {
    /// `address` has asked for the stream.
    pub(in crate::server) fn note(&mut self, address: IpAddr, now: Ticks) {
        let address = address.to_canonical();
        if self.seen.len() < VIEWERS_MAX || self.seen.contains_key(&address) {
            self.seen.insert(address, now);
        }
    }

    /// Forgets the viewers that have stopped asking, and counts the rest.
    pub(in crate::server) fn count(&mut self, now: Ticks) -> u64 {
        self.seen.retain(|_, at| now.since(*at) < VIEWER_SPAN);
        self.seen.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Ticks = Ticks(0);

    #[test]
    fn an_address_counts_once_until_it_stops_asking() {
        let mut viewers = Viewers::default();
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        viewers.note(one, START);
        viewers.note(one, START);
        viewers.note(two, START);
        assert_eq!(viewers.count(START), 2);
        viewers.note(one, START + Span::from_ms(9_999));
        assert_eq!(viewers.count(START + VIEWER_SPAN), 1);
        assert_eq!(viewers.count(START + VIEWER_SPAN * 2), 0);
    }

    #[test]
    fn a_flood_of_addresses_is_bounded() {
        let mut viewers = Viewers::default();
        for n in 0..VIEWERS_MAX as u32 + 10 {
            viewers.note(IpAddr::from(n.to_be_bytes()), START);
        }
        assert_eq!(viewers.count(START), VIEWERS_MAX as u64);
    }
}
