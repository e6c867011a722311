//! From the packets of a stream to access units that can be handed on as they are.

use crate::{
    h264::{
        nal::{self, AccessUnit},
        sps,
    },
    source::coded::{CodedFormat, CodedFrame, Coding, REORDERED},
    time::{FrameRate, Span, TICKS_PER_S, Ticks},
};
use bytes::Bytes;
use ffmpeg_next::{codec, format::stream::Stream, packet::Packet, packet::side_data::Type};
use std::sync::Arc;

/// Key frames lie no further apart than this: a segment begins with one, and a player without low latency stays three segments behind.
pub(super) const GOP_MAX: Span = Span::from_ms(10_000);

/// Bytes that are read at most to find the second key frame: ten seconds at 50 Mbit/s.
pub(super) const GOP_BYTES_MAX: usize = 64 << 20;

/// Fewer pictures in a second than this would each be as long as a silence.
const RATE_MIN: f64 = 2.0;

/// Stamps that lie no further back than this are out of order; beyond it the clock was set, or the file begins again.
const REORDER_MAX: Span = Span::from_ms(1_000);

/// So many of them between two key frames are B-frames; fewer are a clock that was set.
const BEHIND_MAX: u32 = 3;

/// Pictures in a row that may have no stamp.
const UNSTAMPED_MAX: u32 = 3;

/// The bit rate that is declared, in hundredths of that of the first pictures.
const BITRATE_PERCENT: i64 = 125;

/// Takes the packets of one stream apart.
pub(super) struct Units {
    /// Bytes of the lengths before NAL units; `None` where they stand behind start codes.
    length_size: Option<usize>,
    sps: Option<Bytes>,
    pps: Option<Bytes>,
    /// What both say.
    format: Option<Arc<CodedFormat>>,
    /// The latest stamp, and how many lay before the one before them since the last key frame.
    last: Option<Ticks>,
    behind: u32,
    /// From one picture to the next, and how many of late had no stamp.
    step: Span,
    unstamped: u32,
    /// A key frame has come.
    has_begun: bool,
}

impl Units {
    /// Of that stream; or why its packets cannot be handed on.
    pub(super) fn new(stream: &Stream<'_>) -> Result<Units, String> {
        let parameters = stream.parameters();
        if parameters.id() != codec::Id::H264 {
            return Err(format!("it is {} and not H.264", parameters.id().name()));
        }
        #[expect(unsafe_code, reason = "ffmpeg-next has no safe form of AVCodecParameters.extradata and video_delay")]
        // SAFETY: the pointers are those of the stream borrowed here, which the demuxer keeps alive; the length is that of the buffer.
        let (extradata, delay) = unsafe {
            let raw = &*parameters.as_ptr();
            let is_there = !raw.extradata.is_null() && raw.extradata_size > 0;
            let bytes = if is_there { std::slice::from_raw_parts(raw.extradata, raw.extradata_size as usize) } else { &[][..] };
            (bytes.to_vec(), raw.video_delay)
        };
        if delay > 0 {
            return Err(REORDERED.to_owned());
        }
        let mut units = Units {
            length_size: None,
            sps: None,
            pps: None,
            format: None,
            last: None,
            behind: 0,
            step: Span(1),
            unstamped: 0,
            has_begun: false,
        };
        units.read_extradata(&extradata)?;
        Ok(units)
    }

    /// What comes next begins anew: another round of a file.
    pub(super) fn begin_round(&mut self) {
        (self.last, self.has_begun) = (None, false);
    }

    /// The access unit of a packet with that stamp; `None` before the first key frame. Or why it cannot be handed on.
    pub(super) fn take(&mut self, packet: &Packet, stamp: Option<Ticks>) -> Result<Option<CodedFrame>, String> {
        if let Some(data) = packet.side_data().find(|data| data.kind() == Type::NewExtraData) {
            self.read_extradata(data.data())?;
        }
        let bytes = packet.data().unwrap_or_default();
        let unit = match self.length_size {
            Some(length_size) => nal::split_prefixed(bytes, length_size),
            None => nal::split_access_unit(bytes),
        };
        let before = self.format.clone();
        self.take_sets(&unit)?;
        if unit.data.is_empty() {
            return Ok(None);
        }
        self.has_begun |= unit.idr;
        let Some(format) = self.format.clone().filter(|_| self.has_begun) else { return Ok(None) };
        if !unit.idr && before.as_ref() != Some(&format) {
            return Err("its parameters change between key frames".to_owned());
        }
        let at = self.stamp(stamp)?;
        let is_behind = self.last.is_some_and(|last| at < last && Span(last.0.saturating_sub(at.0)) <= REORDER_MAX);
        self.behind = if unit.idr { 0 } else { self.behind + u32::from(is_behind) };
        if self.behind >= BEHIND_MAX {
            return Err(REORDERED.to_owned());
        }
        self.last = Some(at);
        Ok(Some(CodedFrame { at, key: unit.idr, data: unit.data, format }))
    }

    /// The stamp of a picture that has this one, or none: then it follows the one before.
    fn stamp(&mut self, told: Option<Ticks>) -> Result<Ticks, String> {
        let at = match (told, self.last) {
            (Some(told), last) => {
                self.step = last.map_or(self.step, |last| Span(told.0.saturating_sub(last.0)).clamp(Span(1), REORDER_MAX));
                self.unstamped = 0;
                told
            }
            (None, Some(last)) if self.unstamped < UNSTAMPED_MAX => {
                self.unstamped += 1;
                last + self.step
            }
            (None, _) => return Err("its pictures have no time stamps".to_owned()),
        };
        Ok(at)
    }

    fn read_extradata(&mut self, bytes: &[u8]) -> Result<(), String> {
        let read = nal::read_extradata(bytes);
        self.length_size = read.length_size;
        self.take_sets(&read.sets)
    }

    fn take_sets(&mut self, unit: &AccessUnit) -> Result<(), String> {
        let AccessUnit { sps, pps, .. } = unit;
        let is_other = |new: &Option<Bytes>, known: &Option<Bytes>| new.is_some() && new != known;
        if !is_other(sps, &self.sps) && !is_other(pps, &self.pps) && unit.pps_count < 2 {
            return Ok(());
        }
        let id = |pps: &Option<Bytes>| pps.as_deref().and_then(sps::pps_id);
        if unit.pps_count > 1 || (sps.is_none() && self.pps.is_some() && id(pps) != id(&self.pps)) {
            return Err("it has several sets of picture parameters (PPS)".to_owned());
        }
        self.sps = sps.clone().or(self.sps.take());
        self.pps = pps.clone().or(self.pps.take());
        if let (Some(sps), Some(pps)) = (&self.sps, &self.pps) {
            self.format = Some(Arc::new(CodedFormat::read(sps.clone(), pps.clone())?));
        }
        Ok(())
    }
}

/// What the first access units tell of all: from the first key frame to the second. `None` while the second has not come.
pub(super) fn coding<'a>(frames: impl Iterator<Item = (Ticks, &'a CodedFrame)>, told: FrameRate) -> Option<Result<Coding, String>> {
    let mut frames = frames.skip_while(|(_, frame)| !frame.key);
    let (begun, first) = frames.next()?;
    let (mut count, mut bytes) = (1_u32, first.data.len());
    for (at, frame) in frames {
        let gop = at.since(begun);
        if gop > GOP_MAX || bytes > GOP_BYTES_MAX {
            return Some(Err(too_long()));
        }
        if frame.key {
            return Some(measured(first, (count, bytes), gop, told));
        }
        (count, bytes) = (count + 1, bytes + frame.data.len());
    }
    None
}

/// Why a stream without a second key frame cannot be handed on.
pub(super) fn too_long() -> String {
    format!("its key frames are more than {} s apart", GOP_MAX.as_s())
}

fn measured(first: &CodedFrame, (count, bytes): (u32, usize), gop: Span, told: FrameRate) -> Result<Coding, String> {
    if gop <= Span::ZERO {
        return Err("its time stamps stand still".to_owned());
    }
    // Pictures that are left out in the dark come again; what is told is the least.
    let counted = super::rate::counted(count, gop).filter(|counted| counted.as_f64() > told.as_f64() * 1.05);
    let rate = counted.unwrap_or(told);
    if rate.as_f64() < RATE_MIN {
        return Err(format!("it has fewer than {RATE_MIN} pictures in a second"));
    }
    let bits = bytes as i64 * 8 * BITRATE_PERCENT / 100;
    let bitrate = u32::try_from(bits * TICKS_PER_S / gop.0).unwrap_or(u32::MAX);
    Ok(Coding { format: first.format.clone(), rate, gop, bitrate })
}
