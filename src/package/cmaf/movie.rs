//! The `moov` box: without samples for an init segment, with the full sample table for a finished file.

use super::{CmafError, HEADER_LEN, Sample, TRACK, unreadable, unwritable};
use crate::{
    encode::VideoParams,
    package::track_params::TrackParams,
    picture::Size,
    time::{FrameRate, Span, TICKS_PER_S, WallTime},
};
use bytes::Bytes;
use mp4_atom::{
    Atom, Avc1, Avcc, AvccExt, BufMut, Co64, Codec, Colr, Decode, Dinf, Dref, DrefEntry, Edts, Elst, ElstEntry, Encode, FourCC,
    Ftyp, Hdlr, Mdat, Mdhd, Mdia, Minf, Moov, Mvex, Mvhd, Pasp, Stbl, Stco, Stsc, StscEntry, Stsd, Stss, Stsz, StszSamples, Stts,
    SttsEntry, Tkhd, Trak, Trex, Url, Visual, Vmhd,
};

/// MP4 counts its dates from 1904 (ISO 14496-12 §8.2.2.3), Unix from 1970.
const EPOCH_1904_TO_1970_S: i64 = 2_082_844_800;
/// H.264 profiles whose `avcC` ends without the chroma format and bit depths: Baseline, Main, Extended (ISO 14496-15 §5.3.3.1.2).
const PROFILES_WITHOUT_EXTENSION: [u8; 3] = [66, 77, 88];
/// BT.601 with 525 lines, for primaries, transfer and matrix (ISO 23091-2): what the whole pipeline works in.
const BT_601: u16 = 6;

/// The index of a file in the making: one chunk per part. 4 bytes per frame, so a day at 30 fps takes 10 MB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleTable {
    durations: Vec<SttsEntry>,
    keys: Vec<u32>,
    sizes: Vec<u32>,
    /// Where each chunk starts, counted from the first frame's first byte.
    chunk_starts: Vec<u64>,
    chunk_runs: Vec<StscEntry>,
    payload: u64,
    duration: Span,
}

impl SampleTable {
    /// Appends the frames of one part, whose bytes will stand behind all those before.
    pub fn push(&mut self, samples: &[Sample]) {
        self.chunk_starts.push(self.payload);
        let count = samples.len() as u32;
        if self.chunk_runs.last().is_none_or(|run| run.samples_per_chunk != count) {
            let first_chunk = self.chunk_starts.len() as u32;
            self.chunk_runs.push(StscEntry { first_chunk, samples_per_chunk: count, sample_description_index: 1 });
        }
        for sample in samples {
            self.sizes.push(sample.size);
            if sample.key {
                self.keys.push(self.sizes.len() as u32);
            }
            match self.durations.last_mut() {
                Some(run) if run.sample_delta == sample.duration => run.sample_count += 1,
                _ => self.durations.push(SttsEntry { sample_count: 1, sample_delta: sample.duration }),
            }
            self.payload += u64::from(sample.size);
            self.duration = self.duration + Span(i64::from(sample.duration));
        }
    }

    /// Frames so far.
    pub fn frames(&self) -> u64 {
        self.sizes.len() as u64
    }

    /// Sum of their durations.
    pub fn duration(&self) -> Span {
        self.duration
    }

    /// Bytes of the frames.
    pub fn payload(&self) -> u64 {
        self.payload
    }

    /// All of a progressive file that stands before its first frame: `ftyp`, `moov`, the header of `mdat`. The frames' bytes
    /// follow, in order. `created` is the wall time of the first frame, if known. What is `hidden` at the beginning is decoded and not shown,
    /// by an edit list (ISO 14496-12 §8.6.6).
    pub fn file_head(&self, params: &TrackParams, created: Option<WallTime>, hidden: Span) -> Result<Bytes, CmafError> {
        let ftyp = Ftyp {
            major_brand: FourCC::new(b"isom"),
            minor_version: 0,
            compatible_brands: [b"isom", b"iso2", b"avc1", b"mp41"].map(FourCC::new).to_vec(),
        };
        // Only the offsets depend on the length of what is before the frames, and their width is chosen beforehand: write twice.
        let mut start = 0;
        let mut out = Vec::new();
        for _ in 0..2 {
            out.clear();
            ftyp.encode(&mut out).map_err(unwritable)?;
            self.write(&mut out, params, (created, hidden), start)?;
            write_mdat_header(&mut out, self.payload);
            start = out.len() as u64;
        }
        Ok(out.into())
    }

    fn write(
        &self,
        out: &mut Vec<u8>,
        params: &TrackParams,
        (created, hidden): (Option<WallTime>, Span),
        start: u64,
    ) -> Result<(), CmafError> {
        let at = self.chunk_starts.iter().map(|chunk| start + chunk);
        // The last chunk decides, with room for the head: 32-bit offsets where they reach, for every reader knows them.
        let wide = self.payload + (1 << 30) > u64::from(u32::MAX);
        let stbl = Stbl {
            stts: Stts { entries: self.durations.clone() },
            stss: Some(Stss { entries: self.keys.clone() }),
            stsc: Stsc { entries: self.chunk_runs.clone() },
            stsz: Stsz { samples: StszSamples::Different { sizes: self.sizes.clone() } },
            stco: (!wide).then(|| Stco { entries: at.clone().map(|offset| offset as u32).collect() }),
            co64: wide.then(|| Co64 { entries: at.collect() }),
            ..Stbl::default()
        };
        // 0 stands for "unknown".
        let created_s = created.map_or(0, |wall| (wall.0.div_euclid(1_000_000) + EPOCH_1904_TO_1970_S).max(0) as u64);
        let mut moov = moov(params, stbl, self.duration, created_s)?;
        if hidden > Span::ZERO {
            hide(&mut moov, hidden);
        }
        write(out, &moov)
    }
}

/// `moov` of an init segment: no duration, no samples, and `mvex` that says that fragments follow.
pub(super) fn write_fragmented(out: &mut Vec<u8>, params: &TrackParams) -> Result<(), CmafError> {
    // A fragmented track has an empty stco (ISO 14496-12 §8.7.5: exactly one of stco and co64).
    let stbl = Stbl { stco: Some(Stco::default()), ..Stbl::default() };
    let trex = Trex { track_id: TRACK, default_sample_description_index: 1, ..Trex::default() };
    let moov = Moov { mvex: Some(Mvex { mehd: None, trex: vec![trex] }), ..moov(params, stbl, Span::ZERO, 0)? };
    write(out, &moov)
}

/// What an init segment of ours describes; it does not tell the frame rate, nor the ceiling of the bit rate.
pub(super) fn read_params(mut init: &[u8], rate: FrameRate) -> Result<TrackParams, CmafError> {
    Ftyp::decode(&mut init).map_err(unreadable)?;
    let moov = Moov::decode(&mut init).map_err(unreadable)?;
    let [Trak { mdia: Mdia { mdhd, minf, .. }, .. }] = moov.trak.as_slice() else {
        return Err(CmafError("the init segment cannot be read: it has not exactly one track".to_owned()));
    };
    let [Codec::Avc1(Avc1 { visual, avcc, colr, .. })] = minf.stbl.stsd.codecs.as_slice() else {
        return Err(CmafError("the init segment cannot be read: its track is not H.264".to_owned()));
    };
    let size = Size::new(u32::from(visual.width), u32::from(visual.height));
    let sets = (avcc.sequence_parameter_sets.as_slice(), avcc.picture_parameter_sets.as_slice());
    let (Some(size), ([sps], [pps]), 90_000) = (size, sets, mdhd.timescale) else {
        return Err(CmafError("the init segment cannot be read: hlscam did not make it".to_owned()));
    };
    let passed = colr.is_none();
    Ok(VideoParams { size, rate, sps: sps.clone().into(), pps: pps.clone().into(), bitrate_max: 0, passed }.into())
}

fn moov(params: &TrackParams, stbl: Stbl, duration: Span, created_s: u64) -> Result<Moov, CmafError> {
    let TrackParams::Video(params) = params;
    let (width, height) = (params.size.width() as u16, params.size.height() as u16);
    let (timescale, duration) = (TICKS_PER_S as u32, duration.0 as u64);
    let dates = (created_s, created_s);
    let mdhd = Mdhd { creation_time: dates.0, modification_time: dates.1, timescale, duration, language: "und".to_owned() };
    let minf = Minf {
        vmhd: Some(Vmhd::default()),
        dinf: Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url::default())] } },
        stbl: Stbl { stsd: Stsd { codecs: vec![Codec::Avc1(avc1(params)?)] }, ..stbl },
        ..Minf::default()
    };
    let tkhd = Tkhd {
        creation_time: dates.0,
        modification_time: dates.1,
        track_id: TRACK,
        duration,
        enabled: true,
        in_movie: true,
        width: width.into(),
        height: height.into(),
        ..Tkhd::default()
    };
    let hdlr = Hdlr { handler: FourCC::new(b"vide"), name: "video".to_owned() };
    let mvhd = Mvhd {
        creation_time: dates.0,
        modification_time: dates.1,
        timescale,
        duration,
        rate: 1.into(),
        volume: 1.into(),
        next_track_id: TRACK + 1,
        ..Mvhd::default()
    };
    Ok(Moov { mvhd, trak: vec![Trak { tkhd, mdia: Mdia { mdhd, hdlr, minf }, ..Trak::default() }], ..Moov::default() })
}

/// What stands before a moment of the track is not shown.
fn hide(moov: &mut Moov, hidden: Span) {
    let shown = moov.mvhd.duration.saturating_sub(hidden.0 as u64);
    moov.mvhd.duration = shown;
    for trak in &mut moov.trak {
        trak.tkhd.duration = shown;
        let entry = ElstEntry { segment_duration: shown, media_time: Some(hidden.0 as u64), media_rate: 1.into() };
        trak.edts = Some(Edts { elst: Some(Elst { entries: vec![entry] }) });
    }
}

fn avc1(params: &VideoParams) -> Result<Avc1, CmafError> {
    if params.sps.len() > usize::from(u16::MAX) || params.pps.is_empty() || params.pps.len() > usize::from(u16::MAX) {
        let (sps, pps) = (params.sps.len(), params.pps.len());
        return Err(CmafError(format!("the encoder's parameter sets cannot be used: {sps} and {pps} bytes")));
    }
    let plain = Avcc::new(&params.sps, &params.pps)
        .map_err(|_| CmafError(format!("the encoder's SPS cannot be used: it has {} bytes", params.sps.len())))?;
    // 4:2:0 and 8 bit are not read from the SPS, for a Picture is nothing else.
    let extended = !PROFILES_WITHOUT_EXTENSION.contains(&plain.avc_profile_indication);
    Ok(Avc1 {
        visual: Visual {
            data_reference_index: 1,
            width: params.size.width() as u16,
            height: params.size.height() as u16,
            ..Visual::default()
        },
        avcc: Avcc { ext: extended.then(AvccExt::default), ..plain },
        // What the source has coded has the colours that its SPS tells.
        colr: (!params.passed).then_some(Colr::Nclx {
            colour_primaries: BT_601,
            transfer_characteristics: BT_601,
            matrix_coefficients: BT_601,
            full_range_flag: false,
        }),
        pasp: Some(Pasp { h_spacing: 1, v_spacing: 1 }),
        ..Avc1::default()
    })
}

/// Writes the boxes in the order that ISO 14496-12 §6.3.4 recommends. mp4-atom's own order is legal, but puts `vmhd` behind `stbl`
/// and `mvex` before `trak`, which old players were never tried with.
fn write(out: &mut Vec<u8>, moov: &Moov) -> Result<(), CmafError> {
    out.encode_atom(Moov::KIND, |out| {
        moov.mvhd.encode(out)?;
        moov.trak.iter().try_for_each(|trak| write_trak(out, trak))?;
        moov.mvex.encode(out)
    })
    .map_err(unwritable)
}

fn write_trak(out: &mut Vec<u8>, Trak { tkhd, edts, mdia: Mdia { mdhd, hdlr, minf }, .. }: &Trak) -> mp4_atom::Result<()> {
    out.encode_atom(Trak::KIND, |out| {
        tkhd.encode(out)?;
        edts.encode(out)?;
        out.encode_atom(Mdia::KIND, |out| {
            mdhd.encode(out)?;
            hdlr.encode(out)?;
            out.encode_atom(Minf::KIND, |out| {
                minf.vmhd.encode(out)?;
                minf.dinf.encode(out)?;
                minf.stbl.encode(out)
            })
        })
    })
}

/// A 64-bit size where 32 bits do not reach. mp4-atom's header counts in `usize`, which is 32 bits on some machines.
fn write_mdat_header(out: &mut Vec<u8>, payload: u64) {
    let kind: [u8; 4] = Mdat::KIND.into();
    match u32::try_from(payload + HEADER_LEN as u64) {
        Ok(size) => {
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(&kind);
        }
        Err(_) => {
            out.extend_from_slice(&1_u32.to_be_bytes());
            out.extend_from_slice(&kind);
            out.extend_from_slice(&(payload + 2 * HEADER_LEN as u64).to_be_bytes());
        }
    }
}
