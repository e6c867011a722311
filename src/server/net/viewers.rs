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
    seen: HashMap<IpAddr, Seen>,
}

/// When an address asked for anything, and for media that it got; `None` once it asks for media that are not there.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Ticks,
    media: Option<Ticks>,
}

impl Viewers {
    /// `address` has asked for the stream.
    pub(in crate::server) fn note(&mut self, address: IpAddr, now: Ticks) {
        let address = address.to_canonical();
        if self.seen.len() < VIEWERS_MAX || self.seen.contains_key(&address) {
            self.seen.entry(address).and_modify(|seen| seen.at = now).or_insert(Seen { at: now, media: None });
        }
    }

    /// `address` has asked for media, which are there or not.
    pub(in crate::server) fn note_media(&mut self, address: IpAddr, is_there: bool, now: Ticks) {
        if let Some(seen) = self.seen.get_mut(&address.to_canonical()) {
            seen.media = is_there.then_some(now);
        }
    }

    /// When `address` last got media, if all that it asked for since was there.
    pub(in crate::server) fn got_media(&self, address: IpAddr) -> Option<Ticks> {
        self.seen.get(&address.to_canonical())?.media
    }

    /// Forgets the viewers that have stopped asking, and counts the rest.
    pub(in crate::server) fn count(&mut self, now: Ticks) -> u64 {
        self.seen.retain(|_, seen| now.since(seen.at) < VIEWER_SPAN);
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
    fn an_address_plays_until_it_asks_for_what_is_not_there() {
        let mut viewers = Viewers::default();
        let one = IpAddr::from([10, 0, 0, 1]);
        viewers.note_media(one, true, START);
        assert_eq!(viewers.got_media(one), None, "it is no viewer yet");
        viewers.note(one, START);
        viewers.note_media(one, true, START + Span(1));
        viewers.note(one, START + Span(2));
        assert_eq!(viewers.got_media(one), Some(START + Span(1)));
        viewers.note_media(one, false, START + Span(3));
        assert_eq!(viewers.got_media(one), None);
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
