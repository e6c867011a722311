//! NAL units: from an encoder's byte stream (H.264 Annex B) to length-prefixed access units (ISO 14496-15 §5.3). Pure.

use bytes::{BufMut, Bytes, BytesMut};

/// `nal_unit_type` of H.264 table 7-1, as far as it is told apart here.
mod unit_type {
    pub(super) const IDR: u8 = 5;
    pub(super) const SPS: u8 = 7;
    pub(super) const PPS: u8 = 8;
    pub(super) const DELIMITER: u8 = 9;
    pub(super) const FILLER: u8 = 12;
}

/// An access unit taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AccessUnit {
    /// The NAL units that are samples, each behind its length in 4 bytes. Parameter sets (they go into `avcC`), delimiters and filler
    /// are left out.
    pub data: Bytes,
    /// The last sequence parameter set in it.
    pub sps: Option<Bytes>,
    /// The last picture parameter set in it.
    pub pps: Option<Bytes>,
    /// Picture parameter sets in it.
    pub pps_count: u32,
    /// It holds an IDR slice.
    pub idr: bool,
}

/// Takes an Annex B access unit apart. Bytes before the first start code are not a NAL unit and are skipped.
pub fn split_access_unit(annex_b: &[u8]) -> AccessUnit {
    gather(annex_b.len(), nal_units(annex_b))
}

/// Takes an access unit apart whose NAL units stand behind lengths of so many bytes (ISO 14496-15 §5.3.3). What is cut off is left out.
pub fn split_prefixed(unit: &[u8], length_size: usize) -> AccessUnit {
    gather(unit.len(), prefixed_units(unit, length_size))
}

/// What a decoder is told before the first picture: in a record (`avcC`, ISO 14496-15 §5.3.3.1), or as a byte stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Extradata {
    /// Bytes of the lengths before NAL units; `None` where they stand behind start codes.
    pub length_size: Option<usize>,
    /// The parameter sets.
    pub sets: AccessUnit,
}

/// Reads what a container tells of a stream; empty where it tells nothing.
pub fn read_extradata(bytes: &[u8]) -> Extradata {
    let [1, _, _, _, lengths, sps_count, rest @ ..] = bytes else {
        return Extradata { length_size: None, sets: split_access_unit(bytes) };
    };
    let (sps, rest) = take_sets(rest, usize::from(sps_count & 0x1f));
    let (pps, _) = rest.split_first().map_or((Vec::new(), rest), |(count, rest)| take_sets(rest, usize::from(*count)));
    Extradata { length_size: Some(usize::from(lengths & 3) + 1), sets: gather(bytes.len(), sps.into_iter().chain(pps)) }
}

/// So many NAL units, each behind its length in 2 bytes, and what follows them.
fn take_sets(mut rest: &[u8], count: usize) -> (Vec<&[u8]>, &[u8]) {
    let mut units = Vec::new();
    for _ in 0..count {
        let Some((unit, after)) = take_prefixed(rest, 2) else { break };
        rest = after;
        units.push(unit);
    }
    (units, rest)
}

fn prefixed_units(bytes: &[u8], length_size: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (unit, after) = take_prefixed(rest, length_size)?;
        rest = after;
        Some(unit)
    })
    .filter(|unit| !unit.is_empty())
}

fn take_prefixed(bytes: &[u8], length_size: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(length_size)?;
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    rest.split_at_checked(length)
}

fn gather<'a>(len: usize, units: impl Iterator<Item = &'a [u8]>) -> AccessUnit {
    let mut unit = AccessUnit::default();
    // Start codes of 3 bytes become lengths of 4: a byte more for each, and encoders write few NAL units.
    let mut data = BytesMut::with_capacity(len + 64);
    for nal in units {
        let Some(kind) = nal.first().map(|first| first & 0x1f) else { continue };
        match kind {
            unit_type::SPS => unit.sps = Some(Bytes::copy_from_slice(nal)),
            unit_type::PPS => {
                unit.pps_count += 1;
                unit.pps = Some(Bytes::copy_from_slice(nal));
            }
            unit_type::DELIMITER | unit_type::FILLER => {}
            _ => {
                unit.idr |= kind == unit_type::IDR;
                data.put_u32(nal.len() as u32);
                data.put_slice(nal);
            }
        }
    }
    unit.data = data.freeze();
    unit
}

/// The NAL units of a byte stream, without start codes and trailing zeros; none is empty.
fn nal_units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(bytes).map(|(_, end)| &bytes[end..]);
    std::iter::from_fn(move || {
        let current = rest?;
        let (nal, next) = match start_code(current) {
            Some((begin, end)) => (&current[..begin], Some(&current[end..])),
            None => (current, None),
        };
        rest = next;
        Some(nal)
    })
    .map(|nal| &nal[..nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)])
    .filter(|nal| !nal.is_empty())
}

/// The first `00 00 01`: where it begins and ends.
fn start_code(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut from = 0;
    // Only a 1 can end a start code, and a 1 is found fast.
    while let Some(one) = bytes[from..].iter().position(|byte| *byte == 1).map(|at| from + at) {
        if one >= 2 && bytes[one - 1] == 0 && bytes[one - 2] == 0 {
            return Some((one - 2, one + 1));
        }
        from = one + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_unit_becomes_length_prefixed() {
        let unit = split_access_unit(&[
            0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 0x64, 0, 0x1e, 0, 0, 1, 0x68, 0xee, 0, 0, 1, 0x65, 0x88, 0, 1, 0, 0, 1, 0x41, 7,
            0, 0,
        ]);
        assert_eq!(unit.sps.as_deref(), Some(&[0x67, 0x64, 0, 0x1e][..]));
        assert_eq!(unit.pps.as_deref(), Some(&[0x68, 0xee][..]));
        assert!(unit.idr);
        assert_eq!(unit.data[..], [0, 0, 0, 4, 0x65, 0x88, 0, 1, 0, 0, 0, 2, 0x41, 7]);
    }

    #[test]
    fn damaged_streams_give_what_is_there() {
        for bytes in [&[][..], &[0, 0], &[0, 0, 1], &[5, 5, 5], &[0, 0, 1, 0, 0, 1]] {
            assert_eq!(split_access_unit(bytes), AccessUnit::default(), "{bytes:?}");
        }
        assert_eq!(split_prefixed(&[0, 0, 0, 2, 0x41, 7, 0, 0, 0, 9, 1], 4).data[..], [0, 0, 0, 2, 0x41, 7]);
        assert_eq!(read_extradata(&[1, 66, 0, 30, 0xff, 0xe1, 0, 9, 0x67]).sets, AccessUnit::default());
        let unit = split_access_unit(&[7, 0, 0, 1, 0x41]);
        assert_eq!((unit.idr, &unit.data[..]), (false, &[0, 0, 0, 1, 0x41][..]));
    }

    #[test]
    fn parameter_sets_come_in_a_record_or_as_a_byte_stream() {
        let (sps, pps) = ([0x67, 66, 0, 30], [0x68, 0xee]);
        let record = [&[1, 66, 0, 30, 0xff, 0xe1, 0, 4][..], &sps, &[1, 0, 2], &pps].concat();
        let stream = [&[0, 0, 0, 1][..], &sps, &[0, 0, 1], &pps].concat();
        for (bytes, length_size) in [(record, Some(4)), (stream, None)] {
            let read = read_extradata(&bytes);
            assert_eq!(
                (read.length_size, read.sets.sps.as_deref(), read.sets.pps.as_deref()),
                (length_size, Some(&sps[..]), Some(&pps[..]))
            );
        }
        let unit = split_prefixed(&[0, 4, 0x67, 66, 0, 30, 0, 2, 0x65, 9, 0, 2, 9, 0xf0], 2);
        assert_eq!((unit.idr, unit.sps.as_deref(), &unit.data[..]), (true, Some(&sps[..]), &[0, 0, 0, 2, 0x65, 9][..]));
    }
}
