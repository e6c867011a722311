//! The bytes of CMAF (ISO 23000-19): the init segment, and one `moof` + `mdat` per part. Pure; no clock, no file.
//!
//! One track, H.264, 90 kHz, no edit list: the media time in `tfdt` is the stream's own, and nothing shifts it.
//! A part is one fragment; a segment's first part begins with `styp`, as a segment must (ISO 14496-12 §8.16.2), and with the capture time
//! of its first frame (`prft`, §8.16.5). So a segment is its parts one after the other, and HLS and DASH serve the same bytes. There is
//! no `sidx`. The segmenter writes fragments; the recorder reads them back and writes the index of a finished file (`movie`).

#[cfg(test)]
pub(crate) mod boxes;
#[cfg(test)]
pub(crate) mod footage;
mod movie;

use crate::{
    encode::EncodedFrame,
    package::track_params::TrackParams,
    time::{FrameRate, Span, Ticks, WallTime},
};
use bytes::Bytes;
use mp4_atom::{
    Atom, Decode, Encode, FourCC, Ftyp, Header, Mdat, Mfhd, Moof, Prft, ReferenceTime, Styp, Tfdt, Tfhd, Traf, Trun, TrunEntry,
};

pub use movie::SampleTable;

/// The only track.
const TRACK: u32 = 1;
/// Sample flags of an IDR: depends on no other (ISO 14496-12 §8.8.3.1).
const FLAGS_KEY: u32 = 0x0200_0000;
/// Sample flags of any other frame: depends on others, and is no sync sample.
const FLAGS_DELTA: u32 = 0x0101_0000;
/// Seconds from 1900, where NTP begins (RFC 5905 §6), to 1970.
const NTP_TO_UNIX_S: i64 = 2_208_988_800;
/// Bytes of a box header with a 32-bit size.
const HEADER_LEN: usize = 8;
/// Bytes of one frame, at most: far above an 8K IDR at any sane rate, far below what the 32-bit sizes of a fragment can hold.
const FRAME_BYTES_MAX: usize = 64 << 20;

/// Why frames cannot be packaged: one sentence. All of these are defects of the stage before, not of the world.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CmafError(String);

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// `moof` + `mdat`.
    pub data: Bytes,
    /// Bytes from the start to the end of the first frame, when that is an IDR.
    pub key_len: Option<u32>,
}

/// One frame as a fragment describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Bytes.
    pub size: u32,
    /// Ticks to the next frame.
    pub duration: u32,
    /// An IDR.
    pub key: bool,
}

/// A fragment of ours, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct FragmentReading {
    /// Its frames.
    pub samples: Vec<Sample>,
    /// Where the frames' bytes begin; they go to the end.
    pub payload_start: usize,
    moof: Moof,
}

/// The init segment (EXT-X-MAP): `ftyp` + `moov` without a single sample.
pub fn init_segment(params: &TrackParams) -> Result<Bytes, CmafError> {
    let ftyp = Ftyp {
        // tfdt and default-base-is-moof came with iso6; cmfc is CMAF's own (ISO 23000-19 §7.2).
        major_brand: FourCC::new(b"iso6"),
        minor_version: 0,
        compatible_brands: [b"iso6", b"cmfc", b"mp41"].map(FourCC::new).to_vec(),
    };
    let mut out = Vec::new();
    ftyp.encode(&mut out).map_err(unwritable)?;
    movie::write_fragmented(&mut out, params)?;
    Ok(out.into())
}

/// What an init segment of ours describes, which does not tell the frame rate.
pub fn read_init(data: &[u8], rate: FrameRate) -> Result<TrackParams, CmafError> {
    movie::read_params(data, rate)
}

/// Whether a frame can be packaged. The segmenter asks at its door, so that a bad frame is refused before anything depends on it.
pub fn check(frame: &EncodedFrame) -> Result<(), CmafError> {
    if frame.at < Ticks(0) {
        return Err(CmafError(format!(
            "the frame at media time {} cannot be packaged: it is before the stream's start",
            frame.at.0
        )));
    }
    if frame.duration <= Span::ZERO || frame.duration.0 > i64::from(u32::MAX) {
        let (at, ticks) = (frame.at.0, frame.duration.0);
        return Err(CmafError(format!("the frame at media time {at} cannot be packaged: its duration is {ticks} ticks")));
    }
    if frame.data.is_empty() || frame.data.len() > FRAME_BYTES_MAX {
        let (at, len) = (frame.at.0, frame.data.len());
        return Err(CmafError(format!("the frame at media time {at} cannot be packaged: it has {len} bytes")));
    }
    Ok(())
}

/// Where a part stands in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// It is the first: `styp` and `prft` go before it. Its first frame was captured then.
    First(WallTime),
    /// Others stand before it.
    Later,
}

/// One part of these frames, which follow each other without a gap. `sequence` goes up by one from part to part (`mfhd`).
/// The frames' bytes are copied once, into the one allocation that becomes the result.
pub fn fragment(sequence: u32, place: Position, frames: &[EncodedFrame]) -> Result<Fragment, CmafError> {
    let Some(first) = frames.first() else {
        return Err(CmafError("a part cannot be made of no frames".to_owned()));
    };
    frames.iter().try_for_each(check)?;
    let payload: usize = frames.iter().map(|frame| frame.data.len()).sum();
    let preamble = match place {
        Position::First(captured) => preamble(captured, first.at)?,
        Position::Later => Vec::new(),
    };
    let head = fragment_head(moof(sequence, first, frames), payload)?;

    let mut data = Vec::with_capacity(preamble.len() + head.len() + payload);
    data.extend_from_slice(&preamble);
    data.extend_from_slice(&head);
    frames.iter().for_each(|frame| data.extend_from_slice(&frame.data));
    // Both fit: fragment_head has refused what exceeds 31 bits.
    let key_len = first.key.then_some((preamble.len() + head.len() + first.data.len()) as u32);
    Ok(Fragment { data: data.into(), key_len })
}

/// Reads a fragment that [`fragment`] wrote.
pub fn read_fragment(data: &[u8]) -> Result<FragmentReading, CmafError> {
    let (reading, payload) = read_fragment_head(data)?;
    if data.len() != reading.payload_start + payload {
        return Err(CmafError("the part cannot be read: its frames do not fill it".to_owned()));
    }
    Ok(reading)
}

/// The same from its first bytes, up to the bytes of its frames; those that follow need not be there. How many bytes its frames are comes
/// with it.
pub fn read_fragment_head(data: &[u8]) -> Result<(FragmentReading, usize), CmafError> {
    let mut rest = data;
    if data.get(4..8) == Some(b"styp") {
        Styp::decode(&mut rest).map_err(unreadable)?;
    }
    if rest.get(4..8) == Some(b"prft") {
        Prft::decode(&mut rest).map_err(unreadable)?;
    }
    let preamble_len = data.len() - rest.len();
    let moof = Moof::decode(&mut rest).map_err(unreadable)?;
    let moof_len = data.len() - preamble_len - rest.len();
    let mdat = Header::decode(&mut rest).map_err(unreadable)?;
    let payload_start = data.len() - rest.len();
    let [Traf { tfhd, trun, .. }] = moof.traf.as_slice() else {
        return Err(CmafError("the part cannot be read: it has not exactly one track".to_owned()));
    };
    let [Trun { data_offset: Some(offset), samples: entries }] = trun.as_slice() else {
        return Err(CmafError("the part cannot be read: it has not exactly one run of frames".to_owned()));
    };
    let whole =
        |field: Option<u32>| field.ok_or_else(|| CmafError("the part cannot be read: a frame has no size or duration".to_owned()));
    let samples: Vec<Sample> = entries
        .iter()
        .map(|entry| {
            let flags = entry.flags.or(tfhd.default_sample_flags).unwrap_or(FLAGS_DELTA);
            let duration = whole(entry.duration.or(tfhd.default_sample_duration))?;
            Ok(Sample { size: whole(entry.size)?, duration, key: flags == FLAGS_KEY })
        })
        .collect::<Result<_, CmafError>>()?;
    let sum: u64 = samples.iter().map(|sample| u64::from(sample.size)).sum();
    let payload = mdat.size.unwrap_or_default();
    if mdat.kind != Mdat::KIND || sum != payload as u64 || usize::try_from(*offset) != Ok(moof_len + HEADER_LEN) {
        return Err(CmafError("the part cannot be read: its frames do not fill its mdat box".to_owned()));
    }
    Ok((FragmentReading { samples, payload_start, moof }, payload))
}

impl FragmentReading {
    /// Leaves out all frames behind the first `count`, and says how many bytes are left of them.
    pub fn truncate(&mut self, count: usize) -> usize {
        self.samples.truncate(count);
        for run in self.moof.traf.iter_mut().flat_map(|traf| &mut traf.trun) {
            run.samples = run.samples.iter().take(count).collect::<Vec<_>>().into();
        }
        self.samples.iter().map(|sample| sample.size as usize).sum()
    }

    /// All that stands before the frames' bytes but `styp` and `prft`, for the same fragment at another media time.
    pub fn head_at(&self, at: Ticks) -> Result<Vec<u8>, CmafError> {
        let mut moof = self.moof.clone();
        for traf in &mut moof.traf {
            traf.tfdt = Some(Tfdt { base_media_decode_time: at.0.max(0) as u64 });
        }
        fragment_head(moof, self.samples.iter().map(|sample| sample.size as usize).sum())
    }
}

/// What a segment begins with: `styp`, a segment (`msdh`) that is a CMAF segment (`cmfs`, ISO 23000-19 §7.3.3.1), and `prft`, the
/// capture time of its first frame.
fn preamble(captured: WallTime, at: Ticks) -> Result<Vec<u8>, CmafError> {
    let styp = Styp {
        major_brand: FourCC::new(b"msdh"),
        minor_version: 0,
        compatible_brands: [b"msdh", b"cmfs"].map(FourCC::new).to_vec(),
    };
    let prft = Prft {
        reference_track_id: TRACK,
        ntp_timestamp: ntp(captured),
        media_time: at.0 as u64,
        utc_time_semantics: ReferenceTime::RealTime,
    };
    let mut out = Vec::new();
    styp.encode(&mut out).and_then(|()| prft.encode(&mut out)).map_err(unwritable)?;
    Ok(out)
}

/// Seconds since 1900 and their 2^32th parts; from 2036 on they begin anew (RFC 5905 §6), which readers know.
fn ntp(at: WallTime) -> u64 {
    let (s, us) = (at.0.div_euclid(1_000_000), at.0.rem_euclid(1_000_000));
    let seconds = (s + NTP_TO_UNIX_S).rem_euclid(1 << 32) as u64;
    (seconds << 32) | (((us as u64) << 32) / 1_000_000)
}

/// What is true of all frames stands once in `tfhd`; only the sizes are told frame by frame.
fn moof(sequence: u32, first: &EncodedFrame, frames: &[EncodedFrame]) -> Moof {
    let even = frames.iter().all(|frame| frame.duration == first.duration);
    let only_first_is_key = first.key && frames.iter().skip(1).all(|frame| !frame.key);
    let no_key = frames.iter().all(|frame| !frame.key);
    let entry = |(n, frame): (usize, &EncodedFrame)| TrunEntry {
        duration: (!even).then_some(frame.duration.0 as u32),
        size: Some(frame.data.len() as u32),
        // Flags of the first entry alone become trun's first_sample_flags; keys elsewhere need flags on every entry.
        flags: match (no_key || (only_first_is_key && n > 0), frame.key) {
            (true, _) => None,
            (false, true) => Some(FLAGS_KEY),
            (false, false) => Some(FLAGS_DELTA),
        },
        cts: None,
    };
    let entries: Vec<TrunEntry> = frames.iter().enumerate().map(entry).collect();
    let traf = Traf {
        tfhd: Tfhd {
            track_id: TRACK,
            default_sample_duration: even.then_some(first.duration.0 as u32),
            default_sample_flags: Some(FLAGS_DELTA),
            default_base_is_moof: true,
            ..Tfhd::default()
        },
        tfdt: Some(Tfdt { base_media_decode_time: first.at.0 as u64 }),
        trun: vec![Trun { data_offset: Some(0), samples: entries.into() }],
        ..Traf::default()
    };
    Moof { mfhd: Mfhd { sequence_number: sequence }, traf: vec![traf] }
}

/// `moof` and the header of an `mdat` of `payload` bytes. `data_offset` counts from the start of `moof` to the first frame, which
/// is known only when `moof` is written: so it is written twice.
fn fragment_head(mut moof: Moof, payload: usize) -> Result<Vec<u8>, CmafError> {
    let mut head = Vec::new();
    moof.encode(&mut head).map_err(unwritable)?;
    let start = head.len() + HEADER_LEN;
    if i32::try_from(start + payload).is_err() {
        return Err(CmafError(format!("a part of {payload} bytes cannot be written: its sizes have 31 bits")));
    }
    for trun in moof.traf.iter_mut().flat_map(|traf| &mut traf.trun) {
        trun.data_offset = Some(start as i32);
    }
    head.clear();
    moof.encode(&mut head).map_err(unwritable)?;
    Header { kind: Mdat::KIND, size: Some(payload) }.encode(&mut head).map_err(unwritable)?;
    Ok(head)
}

fn unwritable(error: mp4_atom::Error) -> CmafError {
    CmafError(format!("the stream cannot be described as MP4: {error}"))
}

fn unreadable(error: mp4_atom::Error) -> CmafError {
    CmafError(format!("the part cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
