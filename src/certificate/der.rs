//! The little of a certificate that is read here (RFC 5280 §4.1, in DER): when it is valid, and the common name. The rest is for clients.

use crate::time::WallTime;

/// Tags (X.690 §8).
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OBJECT_ID: u8 = 0x06;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which the first had not.
const VERSION: u8 = 0xa0;
/// `commonName` (RFC 5280 appendix A.1).
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) not_before: WallTime,
    pub(super) not_after: WallTime,
    /// What its owner is called, if it is a text, and stands first.
    pub(super) name: Option<String>,
}

/// Reads a certificate; none where it is not formed like one.
pub(super) fn facts(certificate: &[u8]) -> Option<Facts> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (signed, _) = element(whole, SEQUENCE)?;
    let rest = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_serial, rest) = element(rest, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    let (_issuer, rest) = element(rest, SEQUENCE)?;
    let (both, rest) = element(rest, SEQUENCE)?;
    let (not_before, last) = time(both)?;
    let (not_after, _) = time(last)?;
    let name = element(rest, SEQUENCE).and_then(|(subject, _)| common_name(subject));
    Some(Facts { not_before, not_after, name })
}

fn common_name(subject: &[u8]) -> Option<String> {
    let (first, _) = element(subject, SET)?;
    let (pair, _) = element(first, SEQUENCE)?;
    let (kind, rest) = element(pair, OBJECT_ID)?;
    let (text, _) = element(rest, UTF8).filter(|_| kind == COMMON_NAME)?;
    String::from_utf8(text.to_vec()).ok()
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
        let pair = [encoded(OBJECT_ID, &COMMON_NAME), encoded(UTF8, "ours".as_bytes())].concat();
        let parts = [
            version.to_vec(),
            encoded(INTEGER, &[7]),
            encoded(SEQUENCE, &[]),
            encoded(SEQUENCE, &vec![0; issuer_len]),
            encoded(SEQUENCE, &times),
            encoded(SEQUENCE, &encoded(SET, &encoded(SEQUENCE, &pair))),
        ];
        encoded(SEQUENCE, &encoded(SEQUENCE, &parts.concat()))
    }

    fn at(text: &str) -> WallTime {
        WallTime::parse(text).expect(text)
    }

    #[test]
    fn both_forms_of_time_are_read_and_the_name() {
        let check = |version: &[u8], issuer_len: usize, times: &[(u8, &str)], expect: Option<(&str, &str)>| {
            let expect = expect.map(|(from, to)| Facts { not_before: at(from), not_after: at(to), name: Some("ours".to_owned()) });
            assert_eq!(facts(&certificate(version, times, issuer_len)), expect, "{times:?}");
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
        assert!((0..whole.len()).all(|len| facts(&whole[..len]).is_none()), "what was cut is none");
    }
}
