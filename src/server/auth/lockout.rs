//! Guessing passwords takes ever longer: after some wrong ones an address has to wait, and so has who tries one name from many. Pure.

use crate::time::{Span, Ticks};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

/// Wrong passwords from one address before it waits: somebody mistypes one.
const ADDRESS_FREE: u32 = 5;
/// Wrong passwords of one name, from wherever, before who tries it waits: more, and for less long, so that nobody locks another one out.
const NAME_FREE: u32 = 20;
/// The first wait; it doubles with each wrong one.
const WAIT_FIRST: Span = Span::from_ms(1000);
/// More than lead to the longest wait.
const DOUBLINGS_MAX: u32 = 10;
/// The longest wait of an address.
const ADDRESS_WAIT_MAX: Span = Span::from_ms(15 * 60_000);
/// The longest wait for a name.
const NAME_WAIT_MAX: Span = Span::from_ms(30_000);
/// Without a wrong password for so long, all is forgotten.
const FORGOTTEN_AFTER: Span = Span::from_ms(3_600_000);
/// Addresses and names that are remembered; beyond, those forgotten soonest give way.
const REMEMBERED_MAX: usize = 4096;

/// Who is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Address(IpAddr),
    Name(String),
}

#[derive(Clone, Copy, Debug)]
struct Record {
    wrong: u32,
    last: Ticks,
    until: Ticks,
}

/// Counts what was wrong.
#[derive(Debug, Default)]
pub(in crate::server) struct Lockout {
    records: HashMap<Who, Record>,
}

impl Lockout {
    /// How long somebody has to wait who tries that name now; zero if not at all.
    pub(in crate::server) fn wait(&self, address: IpAddr, name: &str, now: Ticks) -> Span {
        let whos = [Who::Address(network(address)), Who::Name(name.to_owned())];
        let waits = whos.iter().filter_map(|who| self.records.get(who)).map(|record| record.until.since(now));
        waits.max().unwrap_or(Span::ZERO).max(Span::ZERO)
    }

    /// Counts a try, as wrong until it is known: those that come meanwhile are no way around the count.
    pub(in crate::server) fn note_try(&mut self, address: IpAddr, name: &str, now: Ticks) {
        self.count(Who::Address(network(address)), (ADDRESS_FREE, ADDRESS_WAIT_MAX), now);
        self.count(Who::Name(name.to_owned()), (NAME_FREE, NAME_WAIT_MAX), now);
    }

    /// It was the right one.
    pub(in crate::server) fn note_right(&mut self, address: IpAddr, name: &str) {
        self.records.remove(&Who::Address(network(address)));
        self.records.remove(&Who::Name(name.to_owned()));
    }

    fn count(&mut self, who: Who, (free, wait_max): (u32, Span), now: Ticks) {
        if self.records.len() >= REMEMBERED_MAX && !self.records.contains_key(&who) {
            self.records.retain(|_, record| now.since(record.last) < FORGOTTEN_AFTER);
            if self.records.len() >= REMEMBERED_MAX
                && let Some(oldest) = self.records.iter().min_by_key(|(_, record)| record.last.0).map(|(who, _)| who.clone())
            {
                self.records.remove(&oldest);
            }
        }
        let record = self.records.entry(who).or_insert(Record { wrong: 0, last: now, until: now });
        if now.since(record.last) >= FORGOTTEN_AFTER {
            record.wrong = 0;
        }
        record.wrong = record.wrong.saturating_add(1);
        record.last = now;
        if record.wrong >= free {
            let doubled = (record.wrong - free).min(DOUBLINGS_MAX);
            record.until = now + (WAIT_FIRST * (1 << doubled)).min(wait_max);
        }
    }
}

/// What one client may have: a host of IPv6 has a whole /64 of addresses.
pub(in crate::server) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn at(s: i64) -> Ticks {
        Ticks(0) + Span::from_ms(s * 1000)
    }

    #[test]
    fn each_wrong_password_doubles_the_wait_up_to_a_quarter_of_an_hour() {
        let mut lockout = Lockout::default();
        let waits: Vec<i64> = (0..18)
            .map(|_| {
                lockout.note_try(HERE, "anna", at(0));
                lockout.wait(HERE, "otto", at(0)).as_s() as i64
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]);
        assert_eq!(lockout.wait(HERE, "otto", at(899)).as_s() as i64, 1);
        assert_eq!(lockout.wait(HERE, "otto", at(901)), Span::ZERO);
        lockout.note_try(HERE, "anna", at(901 + 3600));
        assert_eq!(lockout.wait(HERE, "anna", at(901 + 3600)), Span::ZERO, "after an hour it begins anew");
        (0..5).for_each(|_| lockout.note_try(HERE, "anna", at(5000)));
        lockout.note_right(HERE, "anna");
        assert_eq!(lockout.wait(HERE, "anna", at(5000)), Span::ZERO);
    }

    #[test]
    fn one_name_from_many_addresses_waits_too_but_not_long() {
        let mut lockout = Lockout::default();
        for i in 0..100 {
            lockout.note_try(IpAddr::from([198, 51, 100, i]), "anna", at(0));
        }
        assert_eq!(lockout.wait(HERE, "anna", at(0)).as_s() as i64, 30);
        assert_eq!(lockout.wait(HERE, "otto", at(0)), Span::ZERO);
    }

    #[test]
    fn a_network_of_ipv6_is_one_and_a_flood_of_addresses_takes_no_memory() {
        let mut lockout = Lockout::default();
        for i in 0..5_u16 {
            lockout.note_try(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, i]), &format!("n{i}"), at(0));
        }
        assert!(lockout.wait(IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]), "x", at(0)) > Span::ZERO);
        assert_eq!(lockout.wait(IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]), "x", at(0)), Span::ZERO);
        for i in 0..10_000_u16 {
            lockout.note_try(IpAddr::from([0x2001, 0xdb8, 1, i, 0, 0, 0, 0]), "x", at(1));
        }
        assert!(lockout.records.len() <= REMEMBERED_MAX);
    }
}
