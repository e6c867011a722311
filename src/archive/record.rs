//! What a file of the history is: an MP4 that plays. It begins with the init segment, then segments follow one after the other as they were
//! published. Before each stands a box of the kind that players skip (`uuid`, ISO 14496-12 §11.1) with what the index knows of it, so that
//! the index can be made anew from the files. A new init segment begins a new file.
//!
//! ```text
//! ftyp moov │ uuid {file} │ uuid {segment} moof mdat moof mdat … │ uuid {segment} …
//! ```
//!
//! A record is valid when its box is whole and the checksum of its segment is right: whatever a kill or a power cut leaves of the last one,
//! it is seen.

use crate::{
    encode::VideoParams,
    package::{InitId, Msn, Part, SegmentStart, media_bytes::MediaBytes, track_params::TrackParams},
    picture::Size,
    time::{FrameRate, Span, Ticks, WallTime},
    window::{
        state::{Init, MapLine, Segment},
        timeline::Stretch,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
};

/// The format that is written. What is newer is refused.
pub const FORMAT: u32 = 1;
/// The kind of our boxes: drawn once at random.
const USER_TYPE: [u8; 16] = *b"\x8d\x1f\x52\xa6\xe0\x3b\x4c\x77\x9a\x64\x2e\x91\xc8\x05\xd3\x4f";
/// Of a box: its length and its type.
const BOX_HEADER_LEN: usize = 8;
/// Of our boxes, before the text.
const HEAD_LEN: usize = BOX_HEADER_LEN + USER_TYPE.len();
/// What is read at a time to find a box behind a damaged one.
const SEARCH_LEN: u64 = 1 << 20;
/// Longest box of ours: a segment of a minute with ten key frames a second takes a quarter of it. What claims more is damaged.
const BOX_LEN_MAX: usize = 64 << 10;

/// What stands in a file before its first segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHeader {
    /// [`FORMAT`].
    pub format: u32,
    /// The camera.
    pub camera: String,
    /// The run that made it.
    pub run: String,
    /// Number of its init segment.
    pub init: u32,
    /// Bytes of the init segment: the file's first.
    pub init_len: u32,
    /// Frames in a full segment.
    pub segment_frames: u32,
    /// Width and height, pixels.
    size: (u32, u32),
    /// Frames, and in how many seconds.
    rate: (u32, u32),
    /// Parameter sets, in hexadecimal.
    sps: String,
    pps: String,
    /// Ceiling of the bit rate, bit/s.
    bitrate_max: u32,
}

/// A stretch without a discontinuity: said of its first segment, and of the first of each file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StretchHeader {
    /// Number, media time, wall time of its first segment, and whether EXT-X-DISCONTINUITY stands before that.
    msn: u64,
    at: i64,
    wall: i64,
    discontinuity: bool,
    /// Its beginning, in µs since the zero of the timeline.
    pub start_us: i64,
    /// That zero, in µs since 1970.
    pub zero_us: i64,
    /// The wall clock was stepped there.
    pub stepped: bool,
}

/// What stands before a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHeader {
    /// Its media sequence number.
    pub msn: u64,
    /// Media time of its first frame, in ticks of 90 kHz.
    pub at: i64,
    /// Wall time of its first frame, in µs since 1970.
    pub wall: i64,
    /// The number of discontinuities up to its beginning: EXT-X-DISCONTINUITY-SEQUENCE, with its own.
    pub discontinuities: u64,
    /// Entries of the I-frame playlist before it.
    pub key_frames: u64,
    /// Its stretch, where that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stretch: Option<StretchHeader>,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// From key frame to key frame: ticks, bytes, and bytes to the end of the key frame.
    pub groups: Vec<(i64, u32, u32)>,
    /// CRC-32 of the segment's bytes.
    pub crc: u32,
}

/// Why a file or a record is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It was not written to its end.
    #[error("it is cut off")]
    Cut,
    /// What stands there is none of ours.
    #[error("it is no history of hlscam")]
    Foreign,
    /// A hlscam that is newer has written it.
    #[error("it was written by a newer hlscam, in format {0}")]
    Newer(u32),
    /// Its bytes are not those that were written.
    #[error("it is damaged")]
    Damaged,
}

impl FileHeader {
    /// Of an init segment.
    pub fn of(camera: &str, init: &Init, init_len: usize) -> Option<FileHeader> {
        let VideoParams { size, rate, sps, pps, bitrate_max, passed: _ } = init.params.video()?;
        Some(FileHeader {
            format: FORMAT,
            camera: camera.to_owned(),
            run: init.run.to_string(),
            init: init.id.0,
            init_len: init_len as u32,
            segment_frames: init.segment_frames,
            size: (size.width() as u32, size.height() as u32),
            rate: (rate.num, rate.den),
            sps: hex(sps),
            pps: hex(pps),
            bitrate_max: *bitrate_max,
        })
    }

    /// The init segment, whose bytes are these.
    pub fn init(&self, data: MediaBytes) -> Option<Init> {
        let params = VideoParams {
            size: Size::new(self.size.0, self.size.1)?,
            rate: FrameRate { num: self.rate.0, den: self.rate.1 },
            sps: unhex(&self.sps)?.into(),
            pps: unhex(&self.pps)?.into(),
            bitrate_max: self.bitrate_max,
            passed: self.segment_frames == 0,
        };
        let is_sound = params.rate.num > 0 && params.rate.den > 0;
        let (id, run) = (InitId(self.init), Arc::from(&self.run[..]));
        is_sound.then(|| Init { id, run, data, params: TrackParams::Video(params), segment_frames: self.segment_frames })
    }
}

impl StretchHeader {
    /// Of a stretch of that timeline.
    pub fn of(stretch: &Stretch, zero: WallTime) -> StretchHeader {
        let SegmentStart { msn, at, wall, discontinuity, .. } = stretch.first;
        let (start_us, zero_us, stepped) = (stretch.start_us, zero.0, stretch.stepped);
        StretchHeader { msn: msn.0, at: at.0, wall: wall.0, discontinuity, start_us, zero_us, stepped }
    }

    /// The stretch, whose init segment has that number.
    pub fn stretch(&self, init: InitId) -> Stretch {
        let (msn, at, wall) = (Msn(self.msn), Ticks(self.at), WallTime(self.wall));
        let first = SegmentStart { msn, at, wall, init, discontinuity: self.discontinuity };
        Stretch { first, start_us: self.start_us, stepped: self.stepped, end: None }
    }
}

impl SegmentHeader {
    /// Bytes of the segment.
    pub fn bytes(&self) -> u64 {
        self.groups.iter().map(|(_, len, _)| u64::from(*len)).sum()
    }

    /// Its length.
    pub fn duration(&self) -> Span {
        Span(self.groups.iter().map(|(ticks, ..)| *ticks).sum())
    }

    /// Its key frames.
    pub fn key_count(&self) -> u64 {
        self.groups.iter().filter(|(_, _, key)| *key > 0).count() as u64
    }

    /// The segment, whose bytes are these, as a window lists it.
    pub fn segment(&self, run: Arc<str>, init: InitId, map: MapLine, data: &MediaBytes) -> Segment {
        let start = SegmentStart {
            msn: Msn(self.msn),
            at: Ticks(self.at),
            wall: WallTime(self.wall),
            init,
            discontinuity: self.discontinuity,
        };
        let (mut offset, mut at) = (0, start.at);
        let parts = self.groups.iter().enumerate().map(|(index, (ticks, len, key))| {
            let (begin, first) = (offset, at);
            (offset, at) = (offset + *len as usize, at + Span(*ticks));
            Part {
                msn: start.msn,
                index: index as u32,
                at: first,
                duration: Span(*ticks),
                independent: *key > 0,
                key_len: (*key > 0).then_some(*key),
                data: data.slice(begin..offset),
            }
        });
        let parts: Vec<Part> = parts.collect();
        Segment {
            run,
            start,
            map,
            parts,
            has_published_parts: false,
            duration: self.duration(),
            bytes: self.bytes(),
            first_listed: Ticks::default(),
            key_count: 0,
            key_bytes: 0,
        }
    }
}

/// A box of ours with this in it.
pub fn boxed(header: &impl Serialize) -> Vec<u8> {
    let text = serde_json::to_vec(header).unwrap_or_default();
    let len = (HEAD_LEN + 4 + text.len()) as u32;
    let mut bytes = Vec::with_capacity(len as usize);
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(b"uuid");
    bytes.extend_from_slice(&USER_TYPE);
    bytes.extend_from_slice(&crc32fast::hash(&text).to_be_bytes());
    bytes.extend_from_slice(&text);
    bytes
}

/// The length of the box that begins here; it may be longer than what is given.
pub fn box_len(bytes: &[u8]) -> Result<usize, Damage> {
    let head = bytes.first_chunk::<BOX_HEADER_LEN>().ok_or(Damage::Cut)?;
    let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
    if len < BOX_HEADER_LEN { Err(Damage::Damaged) } else { Ok(len) }
}

/// What is in the box of ours that begins here, and its length.
pub fn unboxed<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), Damage> {
    let len = box_len(bytes)?;
    let head = bytes.get(BOX_HEADER_LEN - 4..HEAD_LEN).ok_or(Damage::Cut)?;
    if head[..4] != *b"uuid" || head[4..] != USER_TYPE {
        return Err(Damage::Foreign);
    }
    if !(HEAD_LEN + 4..=BOX_LEN_MAX).contains(&len) {
        return Err(Damage::Damaged);
    }
    let (crc, text) = bytes.get(HEAD_LEN..len).ok_or(Damage::Cut)?.split_at(4);
    if crc32fast::hash(text).to_be_bytes() != crc {
        return Err(Damage::Damaged);
    }
    // Its checksum is right: what cannot be read was written by another hlscam.
    serde_json::from_slice(text).map(|header| (header, len)).map_err(|_| Damage::Newer(FORMAT + 1))
}

/// The next place from an offset on where a record of a segment begins. All of the file up to there is read.
pub fn next_in(file: &mut (impl Read + Seek), from: u64) -> io::Result<Option<u64>> {
    let (mut at, mut bytes) = (from, Vec::new());
    loop {
        bytes.clear();
        file.seek(SeekFrom::Start(at))?;
        Read::take(&mut *file, SEARCH_LEN).read_to_end(&mut bytes)?;
        let places = bytes.windows(USER_TYPE.len()).enumerate().filter(|(_, window)| *window == USER_TYPE);
        for place in places.filter_map(|(place, _)| place.checked_sub(BOX_HEADER_LEN)) {
            let start = at + place as u64;
            let mut head = Vec::new();
            file.seek(SeekFrom::Start(start))?;
            Read::take(&mut *file, BOX_LEN_MAX as u64).read_to_end(&mut head)?;
            if unboxed::<SegmentHeader>(&head).is_ok() {
                return Ok(Some(start));
            }
        }
        if (bytes.len() as u64) < SEARCH_LEN {
            return Ok(None);
        }
        // A box may begin in one stretch and go on in the next.
        at += SEARCH_LEN - HEAD_LEN as u64;
    }
}

/// The init segment and the header of a file that begins with these bytes: the header, and where the first record begins.
pub fn file_header(bytes: &[u8]) -> Result<(FileHeader, u64), Damage> {
    let mut at = 0;
    for kind in [b"ftyp", b"moov"] {
        let rest = &bytes[at..];
        let len = box_len(rest)?;
        if rest.get(4..8) != Some(&kind[..]) {
            return Err(Damage::Foreign);
        }
        if rest.len() < len {
            return Err(Damage::Cut);
        }
        at += len;
    }
    let (header, len): (FileHeader, usize) = unboxed(&bytes[at..])?;
    if header.format > FORMAT {
        return Err(Damage::Newer(header.format));
    }
    if header.init_len as usize != at { Err(Damage::Damaged) } else { Ok((header, (at + len) as u64)) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            msn: 7,
            at: 90_000,
            wall: 1_795_191_552_000_000,
            discontinuities: 3,
            key_frames: 12,
            stretch: Some(StretchHeader {
                msn: 5,
                at: 0,
                wall: 1_795_191_551_000_000,
                discontinuity: true,
                start_us: 5,
                zero_us: 1_795_191_551_000_000,
                stepped: false,
            }),
            discontinuity: true,
            groups: vec![(18_000, 3000, 2500), (9000, 1000, 0)],
            crc: 9,
        }
    }

    #[test]
    fn what_is_boxed_is_read_back_and_players_skip_it() {
        let bytes = boxed(&header());
        assert_eq!((box_len(&bytes), &bytes[4..8]), (Ok(bytes.len()), &b"uuid"[..]));
        assert_eq!(unboxed(&bytes), Ok((header(), bytes.len())));
        assert_eq!((header().bytes(), header().duration(), header().key_count()), (4000, Span(27_000), 1));
    }

    proptest! {
        #[test]
        fn a_box_that_is_cut_or_changed_is_not_taken(cut in 0..300_usize, place in 0..300_usize, bit in 0..8_u8) {
            let whole = boxed(&header());
            if cut < whole.len() {
                prop_assert_eq!(unboxed::<SegmentHeader>(&whole[..cut]), Err(Damage::Cut));
            }
            if place < whole.len() {
                let mut changed = whole.clone();
                changed[place] ^= 1 << bit;
                prop_assert!(unboxed::<SegmentHeader>(&changed).is_err());
            }
        }

        #[test]
        fn any_bytes_give_a_header_or_damage(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(file_header(&bytes).is_err());
            prop_assert!(unboxed::<SegmentHeader>(&bytes).is_err());
        }
    }
}
