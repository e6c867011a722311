//! Where a JPEG begins and ends in a buffer. Pure.
//!
//! V4L2 cameras hand over a buffer as large as the largest picture; behind the picture lies what an older one left there.
//! So the markers are walked (ITU-T T.81, annex B) to the end-of-image marker, and the rest is cut.

/// End of image (T.81, B.1.1.3).
pub const END: [u8; 2] = [0xFF, 0xD9];
/// Some cameras put a few bytes before the picture; more than this is no JPEG.
const LEAD_MAX: usize = 64;

/// A JPEG found in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jpeg<'a> {
    /// From its start marker to its end marker, or to the end of the buffer.
    pub bytes: &'a [u8],
    /// Pixels across, as its frame header says.
    pub width: u32,
    /// Pixels down, as its frame header says.
    pub height: u32,
    /// Whether it has its end.
    pub ending: Ending,
}

/// How a JPEG ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With its end marker.
    Whole,
    /// The buffer ended first: the camera or the bus cut it.
    Missing,
}

/// The first JPEG in `bytes`, or one clause that says why there is none to decode.
pub fn find(bytes: &[u8]) -> Result<Jpeg<'_>, String> {
    let start = bytes.windows(3).take(LEAD_MAX).position(|window| window == [0xFF, 0xD8, 0xFF]);
    let bytes = &bytes[start.ok_or_else(|| format!("its {} bytes are no JPEG", bytes.len()))?..];
    let (mut at, mut size, mut scanned) = (2, None, false);
    let mut end = None;
    while let Some((marker, after)) = next_marker(bytes, at) {
        match marker {
            0xD9 => {
                end = Some(after);
                break;
            }
            // Markers that stand alone: TEM, restarts, a repeated start.
            0x01 | 0xD0..=0xD8 => at = after,
            _ => {
                let Some(len) = be16(bytes, after).filter(|len| *len >= 2) else { break };
                if is_frame_header(marker) {
                    size = be16(bytes, after + 5).zip(be16(bytes, after + 3));
                }
                scanned |= marker == 0xDA;
                at = after + len;
            }
        }
    }
    let (width, height) = size.ok_or("its JPEG ends before its frame header")?;
    if !scanned {
        return Err("its JPEG ends before its pixels".to_owned());
    }
    let (bytes, ending) = match end {
        Some(end) => (&bytes[..end], Ending::Whole),
        None => (bytes, Ending::Missing),
    };
    Ok(Jpeg { bytes, width: width as u32, height: height as u32, ending })
}

/// The next marker at or after `at`, and where it ends. Entropy-coded bytes, stuffed zeros and fill bytes are passed over.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xFF)?;
        match bytes.get(at + 1)? {
            0x00 => at += 2,
            0xFF => at += 1,
            marker => return Some((*marker, at + 2)),
        }
    }
}

/// SOF0 to SOF15 without DHT, JPG and DAC, which share the range (T.81, table B.1).
fn is_frame_header(marker: u8) -> bool {
    (0xC0..=0xCF).contains(&marker) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

fn be16(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..at + 2).map(|two| usize::from(two[0]) << 8 | usize::from(two[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Start, an APP0 that holds a false end marker, a 16×8 frame header, a scan with a stuffed FF and a restart, the end.
    const JPEG: &[u8] = &[
        0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0xFF, 0xD9, 0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0,
        63, 0, 1, 2, 0xFF, 0, 3, 0xFF, 0xD0, 4, 0xFF, 0xD9,
    ];

    fn check(bytes: &[u8], expect: Result<(usize, Ending), &str>) {
        let found = find(bytes).map(|jpeg| {
            assert_eq!((jpeg.width, jpeg.height), (16, 8));
            (jpeg.bytes.len(), jpeg.ending)
        });
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expect);
    }

    #[test]
    fn the_stale_tail_of_a_buffer_is_cut() {
        check(JPEG, Ok((JPEG.len(), Ending::Whole)));
        check(&[JPEG, &[0; 50]].concat(), Ok((JPEG.len(), Ending::Whole)));
        check(&[JPEG, JPEG].concat(), Ok((JPEG.len(), Ending::Whole)));
        check(&[&[0, 0, 0], JPEG].concat(), Ok((JPEG.len(), Ending::Whole)));
    }

    #[test]
    fn a_missing_end_is_tolerated() {
        check(&JPEG[..JPEG.len() - 2], Ok((JPEG.len() - 2, Ending::Missing)));
        check(&JPEG[..JPEG.len() - 5], Ok((JPEG.len() - 5, Ending::Missing)));
    }

    #[test]
    fn what_holds_no_pixels_is_refused() {
        check(&[], Err("its 0 bytes are no JPEG"));
        check(&[0; 300], Err("its 300 bytes are no JPEG"));
        check(&JPEG[..10], Err("its JPEG ends before its frame header"));
        check(&JPEG[..21], Err("its JPEG ends before its pixels"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_scanned_without_a_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), jpeg: bool) {
            if jpeg && bytes.len() > 4 {
                bytes[..3].copy_from_slice(&[0xFF, 0xD8, 0xFF]);
            }
            let len = bytes.len();
            if let Ok(found) = find(&bytes) {
                prop_assert!(found.bytes.len() <= len);
            }
        }
    }
}
