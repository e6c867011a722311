//! When a certificate is valid, read from its bytes (RFC 5280 §4.1, in DER). What else stands in it is for clients to read.

use crate::time::{Span, WallTime};

/// Tags of DER (X.690 §8).
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which the first had not.
const VERSION: u8 = 0xa0;
/// So long before its end is a certificate late: Let's Encrypt's are renewed 30 days before, so two weeks later something is wrong.
const LATE: Span = Span::from_ms(14 * 24 * 3_600_000);

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: WallTime,
    pub(super) not_after: WallTime,
}

/// What a moment is to a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not valid yet.
    Early,
    Good,
    /// Its end is near.
    Late,
    /// Its end is past.
    Over,
}

impl Validity {
    /// Of a certificate; none where it is not formed like one.
    pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
        let (whole, _) = element(certificate, SEQUENCE)?;
        let (signed, _) = element(whole, SEQUENCE)?;
        let rest = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
        let (_serial, rest) = element(rest, INTEGER)?;
        let (_algorithm, rest) = element(rest, SEQUENCE)?;
        let (_issuer, rest) = element(rest, SEQUENCE)?;
        let (both, _) = element(rest, SEQUENCE)?;
        let (not_before, rest) = time(both)?;
        let (not_after, _) = time(rest)?;
        Some(Validity { not_before, not_after })
    }

    pub(super) fn at(self, now: WallTime) -> Phase {
        match now {
            now if now < self.not_before => Phase::Early,
            now if now > self.not_after => Phase::Over,
            now if self.not_after.since(now) < LATE => Phase::Late,
            _ => Phase::Good,
        }
    }
}

/// The content of the element of that tag with which the bytes begin, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&short, rest) = rest.split_first()?;
    // X.690 §8.1.3: the length in one byte, or the number of bytes that it takes.
    let (len, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81..=0x83 => {
            let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            (long.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len).filter(|_| found == tag)
}

/// A time of RFC 5280 §4.1.2.5: `YYMMDDhhmmssZ` of the years 1950 to 2049, or `YYYYMMDDhhmmssZ`. What is before 1970 is 1970.
fn time(bytes: &[u8]) -> Option<(WallTime, &[u8])> {
    let (text, century, rest) = match element(bytes, UTC_TIME) {
        Some((text, rest)) => (text, if text.first()? < &b'5' { "20" } else { "19" }, rest),
        None => element(bytes, GENERALIZED_TIME).map(|(text, rest)| (text, "", rest))?,
    };
    let text = format!("{century}{}", std::str::from_utf8(text).ok()?);
    let digits = text.strip_suffix('Z').filter(|digits| digits.len() == 14 && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let part = |from: usize, to: usize| &digits[from..to];
    let [year, month, day] = [part(0, 4), part(4, 6), part(6, 8)];
    let [hour, minute, second] = [part(8, 10), part(10, 12), part(12, 14)];
    let at = WallTime::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"));
    Some((if year < "1970" { WallTime::default() } else { at? }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        match content.len() {
            len @ ..0x80 => bytes.push(len as u8),
            len @ ..0x1_0000 => bytes.extend([0x82, (len >> 8) as u8, len as u8]),
            len => panic!("{len}"),
        }
        [&bytes[..], content].concat()
    }

    /// A certificate as far as it is read.
    fn certificate(version: &[u8], times: &[(u8, &str)], issuer_len: usize) -> Vec<u8> {
        let times: Vec<u8> = times.iter().flat_map(|(tag, text)| encoded(*tag, text.as_bytes())).collect();
        let parts = [
            version.to_vec(),
            encoded(INTEGER, &[7]),
            encoded(SEQUENCE, &[]),
            encoded(SEQUENCE, &vec![0; issuer_len]),
            encoded(SEQUENCE, &times),
        ];
        encoded(SEQUENCE, &encoded(SEQUENCE, &parts.concat()))
    }

    fn at(text: &str) -> WallTime {
        WallTime::parse(text).expect(text)
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let check = |version: &[u8], issuer_len: usize, times: &[(u8, &str)], expect: Option<(&str, &str)>| {
            let expect = expect.map(|(from, to)| Validity { not_before: at(from), not_after: at(to) });
            assert_eq!(Validity::of(&certificate(version, times, issuer_len)), expect, "{times:?}");
        };
        let third = encoded(VERSION, &encoded(INTEGER, &[2]));
        let times = [(UTC_TIME, "260102030405Z"), (GENERALIZED_TIME, "20500102030405Z")];
        check(&third, 9, &times, Some(("2026-01-02T03:04:05Z", "2050-01-02T03:04:05Z")));
        check(&[], 400, &times, Some(("2026-01-02T03:04:05Z", "2050-01-02T03:04:05Z")));
        check(&third, 9, &[(UTC_TIME, "500101000000Z"), times[1]], Some(("1970-01-01T00:00:00Z", "2050-01-02T03:04:05Z")));
        for bad in ["", "2601020304Z", "260102030405", "2601020304055", "26010203040xZ", "261302030405Z", "\u{e9}1302030405Z"] {
            check(&third, 9, &[(UTC_TIME, bad), times[1]], None);
        }
        check(&third, 9, &times[..1], None);
        let whole = certificate(&third, &times, 9);
        assert!((0..whole.len()).all(|len| Validity::of(&whole[..len]).is_none()), "what was cut is none");
    }

    #[test]
    fn a_certificate_is_told_of_before_its_end() {
        let validity = Validity { not_before: at("2026-01-02T00:00:00Z"), not_after: at("2026-04-02T00:00:00Z") };
        let check = |now: &str, expect: Phase| assert_eq!(validity.at(at(now)), expect, "{now}");
        check("1970-01-01T00:00:00Z", Phase::Early);
        check("2026-01-02T00:00:00Z", Phase::Good);
        check("2026-03-19T00:00:00Z", Phase::Good);
        check("2026-03-19T00:00:01Z", Phase::Late);
        check("2026-04-02T00:00:00Z", Phase::Late);
        check("2026-04-02T00:00:01Z", Phase::Over);
    }
}
