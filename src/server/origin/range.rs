//! Byte ranges (RFC 9110 §14) over a body in pieces.

use crate::package::media_bytes::MediaBytes;

/// What a `Range` header asks of a body of a known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestedRange {
    /// All of it: no range, another unit, or several ranges, which a server may answer with the whole.
    Whole,
    /// Bytes `first..=last`.
    Bytes(u64, u64),
    /// Nothing that is there: 416.
    Nothing,
}

/// Reads a `Range` header.
pub(crate) fn asked(header: Option<&str>, len: u64) -> RequestedRange {
    let Some(set) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else { return RequestedRange::Whole };
    if set.contains(',') {
        return RequestedRange::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return RequestedRange::Nothing };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) => (first <= last && first < len).then(|| (first, last.min(len - 1))),
        (Some(first), None) if last.is_empty() => (first < len).then(|| (first, len - 1)),
        (None, Some(tail)) if first.is_empty() => (tail > 0 && len > 0).then(|| (len - tail.min(len), len - 1)),
        _ => None,
    };
    range.map_or(RequestedRange::Nothing, |(first, last)| RequestedRange::Bytes(first, last))
}

/// A number of bytes; one beyond 2^64 is as good as 2^64.
fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().unwrap_or(u64::MAX))
}

/// Bytes `first..=last` of the pieces, shared.
pub(crate) fn slice(pieces: &[MediaBytes], first: u64, last: u64) -> Vec<MediaBytes> {
    let mut out = Vec::new();
    let mut start = 0;
    for piece in pieces {
        let end = start + piece.len() as u64;
        let (from, to) = (first.max(start), (last + 1).min(end));
        if from < to {
            out.push(piece.slice((from - start) as usize..(to - start) as usize));
        }
        start = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(header: &str, expect: RequestedRange) {
        assert_eq!(asked(Some(header), 10), expect, "{header}");
    }

    #[test]
    fn one_range_is_served_and_what_is_not_there_is_refused() {
        check("bytes=0-9", RequestedRange::Bytes(0, 9));
        check("bytes=2-99999999999999999999999", RequestedRange::Bytes(2, 9));
        check("bytes=2-", RequestedRange::Bytes(2, 9));
        check("bytes=-3", RequestedRange::Bytes(7, 9));
        check("bytes=-30", RequestedRange::Bytes(0, 9));
        for nothing in
            ["bytes=10-", "bytes=5-2", "bytes=-0", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "bytes=1-2-3", "bytes=+1-2"]
        {
            check(nothing, RequestedRange::Nothing);
        }
        for whole in ["", "lines=1-2", "bytes", "bytes=0-1,3-4"] {
            check(whole, RequestedRange::Whole);
        }
        assert_eq!(
            (asked(None, 10), asked(Some("bytes=0-"), 0), asked(Some("bytes=-1"), 0)),
            (RequestedRange::Whole, RequestedRange::Nothing, RequestedRange::Nothing)
        );
    }

    proptest! {
        #[test]
        fn a_slice_of_pieces_is_the_slice_of_the_whole(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 1..6), a: u8, b: u8) {
            let whole = pieces.concat();
            let pieces: Vec<MediaBytes> = pieces.into_iter().map(MediaBytes::from).collect();
            prop_assume!(!whole.is_empty());
            let (a, b) = (usize::from(a) % whole.len(), usize::from(b) % whole.len());
            let (first, last) = (a.min(b), a.max(b));
            let read = |piece: &MediaBytes| piece.read().expect("it is in memory");
            let sliced: Vec<_> = slice(&pieces, first as u64, last as u64).iter().map(read).collect();
            prop_assert_eq!(sliced.concat(), &whole[first..=last]);
        }
    }
}
