//! The delivery directives in the query of a playlist request (rfc8216bis §6.2.5).

use crate::playlist::Extent;

/// Longest query that is read. Ours are under 60 bytes; players add tokens and CMCD of up to about 1 KB.
pub(crate) const QUERY_MAX: usize = 4096;

/// What a playlist request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing.
    No,
    /// `_HLS_msn` alone: the whole segment.
    Segment(u64),
    /// `_HLS_msn` and `_HLS_part`.
    Part(u64, u64),
}

/// The directives of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Directives {
    /// `_HLS_msn`, `_HLS_part`.
    pub(crate) wait: Wait,
    /// `_HLS_skip`.
    pub(crate) extent: Extent,
}

/// A query that no conforming client sends; the text says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadQuery(pub(crate) &'static str);

/// Reads a query. What does not begin with `_HLS_` is none of our business; what does must be known, well-formed and there once.
pub(crate) fn parse(query: &str) -> Result<Directives, BadQuery> {
    let (mut msn, mut part, mut skip) = (None, None, None);
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let slot = match key {
            "_HLS_msn" => &mut msn,
            "_HLS_part" => &mut part,
            "_HLS_skip" => &mut skip,
            _ if key.starts_with("_HLS_") => return Err(BadQuery("unknown delivery directive")),
            _ if is_disguised(key) => return Err(BadQuery("delivery directives are not percent-encoded")),
            _ => continue,
        };
        if slot.replace(value).is_some() {
            return Err(BadQuery("a delivery directive is there twice"));
        }
    }
    let wait = match (msn, part) {
        (None, None) => Wait::No,
        (None, Some(_)) => return Err(BadQuery("_HLS_part needs _HLS_msn")),
        (Some(msn), None) => Wait::Segment(number(msn)?),
        (Some(msn), Some(part)) => Wait::Part(number(msn)?, number(part)?),
    };
    let extent = match skip {
        None => Extent::Full,
        Some("YES") => Extent::Delta,
        Some("v2") => Extent::DeltaDates,
        Some(_) => return Err(BadQuery("_HLS_skip is YES or v2")),
    };
    Ok(Directives { wait, extent })
}

/// A percent-encoded key that may decode to one of ours.
fn is_disguised(key: &str) -> bool {
    key.contains('%') && (key.contains("HLS") || key.starts_with('%') || key.starts_with("_%"))
}

/// A decimal-integer of §4.2: digits, and below 2^64.
fn number(text: &str) -> Result<u64, BadQuery> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    if digits {
        text.parse().map_err(|_| BadQuery("a delivery directive is not a number below 2^64"))
    } else {
        Err(BadQuery("a delivery directive is not a number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expect: Result<(Wait, Extent), ()>) {
        assert_eq!(parse(query).map(|found| (found.wait, found.extent)).map_err(|_| ()), expect, "{query}");
    }

    #[test]
    fn directives_are_read() {
        check("", Ok((Wait::No, Extent::Full)));
        check("x=%20&hls_check=1&&=&_hls_msn=a", Ok((Wait::No, Extent::Full)));
        check("_HLS_msn=0", Ok((Wait::Segment(0), Extent::Full)));
        check("_HLS_skip=YES&token=a&_HLS_part=007&_HLS_msn=18446744073709551615", Ok((Wait::Part(u64::MAX, 7), Extent::Delta)));
        check("_HLS_skip=v2", Ok((Wait::No, Extent::DeltaDates)));
    }

    #[test]
    fn what_is_malformed_unknown_or_double_is_refused() {
        for query in [
            "_HLS_part=0",
            "_HLS_msn=",
            "_HLS_msn",
            "_HLS_msn=abc",
            "_HLS_msn=-1",
            "_HLS_msn=+1",
            "_HLS_msn=1.5",
            "_HLS_msn= 1",
            "_HLS_msn=%31",
            "_HLS_msn=18446744073709551616",
            "_HLS_msn=1&_HLS_part=x",
            "_HLS_msn=1&_HLS_msn=1",
            "_HLS_skip=yes",
            "_HLS_skip=",
            "_HLS_push=1",
            "%5FHLS_msn=1",
            "_%48LS_msn=1",
            "_HLS%5Fmsn=1",
        ] {
            check(query, Err(()));
        }
    }
}
