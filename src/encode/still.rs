//! Repeats the picture before as an access unit of some twenty bytes, without an encoder. Pure.
//!
//! Every part needs a frame, and a machine that is busy, or a camera that is slow, has none to give. Encoding the old picture again costs
//! as much as a new one. H.264 can say "as before" itself: a P slice in which every macroblock is skipped (`P_Skip`, H.264 §7.3.4), which
//! a decoder answers with an exact copy. Such a frame takes the place of the one reference, so that what the encoder writes next still
//! refers to the picture it means; the numbers of those frames (`frame_num`, §7.4.3) go up by what was put in, until the next IDR.
//! With more references than one this would not do: those before the last are told apart by numbers that wrap at 16.

use crate::h264::sps::{Bits, plain};
use bytes::{BufMut, Bytes, BytesMut};

/// `nal_unit_type` of a slice of a picture that is no IDR.
const SLICE: u8 = 1;
/// `nal_unit_type` of a slice of an IDR.
const SLICE_IDR: u8 = 5;
/// The NAL unit header of ours: a reference (`nal_ref_idc` 2), a slice.
const NAL_HEADER: u8 = 0x40 | SLICE;
/// `slice_type`: P, and so are all slices of the picture (H.264 table 7-6).
const SLICE_TYPE_P: u32 = 5;
/// Profiles whose SPS tells the chroma format (H.264 §7.3.2.1.1).
const PROFILES_WITH_CHROMA: [u8; 4] = [100, 110, 122, 244];
/// `chroma_format_idc` of 4:2:0.
const CHROMA_4_2_0: u32 = 1;
/// `pic_order_cnt_type` of pictures that are shown in the order of `frame_num`.
const ORDER_BY_FRAME_NUM: u32 = 2;
/// The coarsest quantiser. Nothing is quantised in our slices; it makes "skipped" the likely answer from the first macroblock on.
const QP_MAX: i32 = 51;
/// `cabac_init_idc` with which the state of `mb_skip_flag` begins at [`STATE_FIRST`] (H.264 table 9-13: m = 29, n = 16).
const CABAC_INIT: u32 = 2;
/// The state then: ((29 · 51) >> 4) + 16 − 64, with "skipped" as the likelier value.
const STATE_FIRST: usize = 44;
/// The last state that adapts.
const STATE_LAST: usize = 62;
/// `rangeTabLPS` (H.264 table 9-44) from [`STATE_FIRST`] to [`STATE_LAST`]: only likely values are coded here, so no other state is met.
const RANGES: [[u32; 4]; STATE_LAST - STATE_FIRST + 1] = [
    [14, 18, 21, 24],
    [14, 17, 20, 23],
    [13, 16, 19, 22],
    [12, 15, 18, 21],
    [12, 14, 17, 20],
    [11, 14, 16, 19],
    [11, 13, 15, 18],
    [10, 12, 15, 17],
    [10, 12, 14, 16],
    [9, 11, 13, 15],
    [9, 11, 12, 14],
    [8, 10, 12, 14],
    [8, 9, 11, 13],
    [7, 9, 11, 12],
    [7, 9, 10, 12],
    [7, 8, 10, 11],
    [6, 8, 9, 11],
    [6, 7, 9, 10],
    [6, 7, 8, 9],
];

/// Bytes of a slice in which all that is read of its header stands.
const SLICE_HEAD_MAX: usize = 32;

/// What of the parameter sets a slice depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Format {
    pps_id: u32,
    frame_num_bits: u32,
    macroblocks: u32,
    is_cabac: bool,
    active_references_default: u32,
    is_weighted: bool,
    qp_default: i32,
    has_deblocking_control: bool,
}

/// Puts pictures "as before" between those of one encoder.
#[derive(Debug)]
pub struct Stills {
    format: Format,
    /// Put in since the last IDR.
    put_in: u32,
    /// `frame_num` of the last frame; none before the first IDR.
    last: Option<u32>,
}

impl Stills {
    /// For frames with these parameter sets; `None` where they hold something that our slices do not (interlaced pictures, another order
    /// than that of coding, more references than one).
    pub fn new(sps: &[u8], pps: &[u8]) -> Option<Stills> {
        Some(Stills { format: read_format(sps, pps)?, put_in: 0, last: None })
    }

    /// Takes the encoder's next access unit, each NAL unit behind its length. Returns it with its place among those put in; as it was
    /// where it cannot be read, and then nothing more is put in before the next IDR.
    pub fn pass(&mut self, data: Bytes) -> Bytes {
        let numbered = self.numbered(&data);
        if numbered.is_none() {
            self.last = None;
        }
        numbered.flatten().unwrap_or(data)
    }

    /// The picture before once more; `None` before the first IDR.
    pub fn still(&mut self) -> Option<Bytes> {
        let number = (self.last? + 1) % (1 << self.format.frame_num_bits);
        self.last = Some(number);
        self.put_in += 1;
        let mut unit = vec![NAL_HEADER];
        unit.extend_from_slice(&escaped(&self.slice(number)));
        let mut data = BytesMut::with_capacity(unit.len() + 4);
        data.put_u32(unit.len() as u32);
        data.put_slice(&unit);
        Some(data.freeze())
    }

    /// `Some(None)` where the access unit stays as it is, `None` where it cannot be read.
    fn numbered(&mut self, data: &[u8]) -> Option<Option<Bytes>> {
        let (mut out, mut rest) = (BytesMut::new(), data);
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (unit, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            rest = after;
            let mut unit = std::borrow::Cow::Borrowed(unit);
            match unit.first()? & 0x1f {
                SLICE_IDR => (self.put_in, self.last) = (0, Some(0)),
                SLICE => {
                    self.last?;
                    let (number, at) = self.number(&plain(&unit[..unit.len().min(SLICE_HEAD_MAX)]))?;
                    self.last = Some(number);
                    if self.put_in > 0 {
                        let mut bytes = plain(&unit);
                        set_bits(&mut bytes, at, self.format.frame_num_bits, number);
                        unit = escaped(&bytes).into();
                    }
                }
                _ => {}
            }
            if self.put_in > 0 {
                out.put_u32(unit.len() as u32);
                out.put_slice(&unit);
            }
        }
        Some((self.put_in > 0).then(|| out.freeze()))
    }

    /// The number that a slice's frame has among those put in, and where it stands, in bits. `None` where the slice names its references
    /// by their numbers, which are others now.
    fn number(&self, slice: &[u8]) -> Option<(u32, usize)> {
        let mut bits = Bits { bytes: slice, at: 8 };
        let (_first_macroblock, _slice_type, _pps) = (bits.ue()?, bits.ue()?, bits.ue()?);
        let (at, n) = (bits.at, self.format.frame_num_bits);
        let number = (bits.u(n)? + self.put_in) % (1 << n);
        // num_ref_idx_active_override_flag, num_ref_idx_l0_active_minus1
        if bits.flag()? {
            bits.ue()?;
        }
        let is_reordered = bits.flag()?;
        (!is_reordered || self.put_in == 0).then_some((number, at))
    }

    /// The slice behind its NAL unit header (H.264 §7.3.3): header, then "skipped" for each macroblock.
    fn slice(&self, number: u32) -> Vec<u8> {
        let format = &self.format;
        let mut out = Writer::default();
        out.ue(0); // first_mb_in_slice
        out.ue(SLICE_TYPE_P);
        out.ue(format.pps_id);
        out.u(number, format.frame_num_bits);
        // One reference is enough: num_ref_idx_active_override_flag, num_ref_idx_l0_active_minus1.
        if format.active_references_default == 1 {
            out.u(0, 1);
        } else {
            out.u(1, 1);
            out.ue(0);
        }
        out.u(0, 1); // ref_pic_list_modification_flag_l0
        if format.is_weighted {
            // Denominators of 1, and no weight for luma or chroma.
            out.ue(0);
            out.ue(0);
            out.u(0, 2);
        }
        out.u(0, 1); // adaptive_ref_pic_marking_mode_flag: it takes the place of the one reference
        if format.is_cabac {
            out.ue(CABAC_INIT);
        }
        out.se(QP_MAX - format.qp_default);
        if format.has_deblocking_control {
            out.ue(1); // disable_deblocking_filter_idc
        }
        if format.is_cabac {
            out.align(1);
            Cabac::skip_all(&mut out, format.macroblocks);
        } else {
            out.ue(format.macroblocks); // mb_skip_run
            out.u(1, 1); // rbsp_stop_one_bit
        }
        out.align(0);
        out.bytes
    }
}

fn read_format(sps: &[u8], pps: &[u8]) -> Option<Format> {
    let (sps, pps) = (plain(sps), plain(pps));
    let profile = *sps.get(1)?;
    let mut bits = Bits { bytes: &sps, at: 32 };
    bits.ue()?; // seq_parameter_set_id
    if PROFILES_WITH_CHROMA.contains(&profile) {
        let chroma = bits.ue()?;
        let (_luma_depth, _chroma_depth) = (bits.ue()?, bits.ue()?);
        let (_lossless, has_scaling) = (bits.flag()?, bits.flag()?);
        if chroma != CHROMA_4_2_0 || has_scaling {
            return None;
        }
    }
    let frame_num_bits = bits.ue()? + 4;
    let order = bits.ue()?;
    if order != ORDER_BY_FRAME_NUM || frame_num_bits > 16 {
        return None;
    }
    let references = bits.ue()?;
    let _gaps_allowed = bits.flag()?;
    let (width, height) = (bits.ue()? + 1, bits.ue()? + 1);
    let is_progressive = bits.flag()?;
    let mut bits = Bits { bytes: &pps, at: 8 };
    let pps_id = bits.ue()?;
    let _sps_id = bits.ue()?;
    let is_cabac = bits.flag()?;
    let _field_order = bits.flag()?;
    let has_slice_groups = bits.ue()? > 0;
    let active_references_default = bits.ue()? + 1;
    let _active_references_of_b = bits.ue()?;
    let is_weighted = bits.flag()?;
    let _weighted_b = bits.u(2)?;
    let qp_default = 26 + bits.se()?;
    let (_qp_of_switching, _chroma_offset) = (bits.se()?, bits.se()?);
    let has_deblocking_control = bits.flag()?;
    let _constrained_intra = bits.flag()?;
    let is_redundant = bits.flag()?;
    let is_plain = is_progressive && !has_slice_groups && !is_redundant && references == 1;
    is_plain.then_some(Format {
        pps_id,
        frame_num_bits,
        macroblocks: width.checked_mul(height)?,
        is_cabac,
        active_references_default,
        is_weighted,
        qp_default,
        has_deblocking_control,
    })
}

/// A NAL unit with its emulation prevention bytes (H.264 §7.4.1.1).
fn escaped(plain: &[u8]) -> Vec<u8> {
    let (mut out, mut n_zeros) = (Vec::with_capacity(plain.len() + 8), 0);
    for &byte in plain {
        if byte <= 3 && n_zeros >= 2 {
            n_zeros = 0;
            out.push(3);
        }
        n_zeros = if byte == 0 { n_zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// Overwrites `n` bits that begin at bit `at`.
fn set_bits(bytes: &mut [u8], at: usize, n: u32, value: u32) {
    for bit in 0..n as usize {
        let (byte, mask) = ((at + bit) / 8, 0x80_u8 >> ((at + bit) % 8));
        let is_set = (value >> (n as usize - 1 - bit)) & 1 == 1;
        bytes[byte] = if is_set { bytes[byte] | mask } else { bytes[byte] & !mask };
    }
}

/// Writes bits, most significant first.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    /// Free bits of the last byte.
    free: u32,
}

impl Writer {
    fn bit(&mut self, bit: u32) {
        if self.free == 0 {
            self.bytes.push(0);
            self.free = 8;
        }
        self.free -= 1;
        if let Some(last) = self.bytes.last_mut() {
            *last |= ((bit & 1) as u8) << self.free;
        }
    }

    fn u(&mut self, value: u32, n: u32) {
        (0..n).rev().for_each(|at| self.bit(value >> at));
    }

    fn ue(&mut self, value: u32) {
        let n = (value + 1).ilog2();
        self.u(0, n);
        self.u(value + 1, n + 1);
    }

    fn se(&mut self, value: i32) {
        self.ue(if value > 0 { 2 * value as u32 - 1 } else { 2 * value.unsigned_abs() });
    }

    /// Fills the last byte with this bit.
    fn align(&mut self, bit: u32) {
        while self.free > 0 {
            self.bit(bit);
        }
    }
}

/// The arithmetic coder of H.264 §9.3.4, as far as "skipped, and the slice goes on" asks for it.
struct Cabac<'a> {
    out: &'a mut Writer,
    low: u32,
    range: u32,
    state: usize,
    /// Bits that are known to be the opposite of the next one.
    outstanding: u32,
    is_first: bool,
}

impl Cabac<'_> {
    /// `mb_skip_flag` 1 for each macroblock, `end_of_slice_flag` 1 after the last; the last bit written is the stop bit.
    fn skip_all(out: &mut Writer, macroblocks: u32) {
        let mut cabac = Cabac { out, low: 0, range: 510, state: STATE_FIRST, outstanding: 0, is_first: true };
        for n in 1..=macroblocks {
            cabac.likely();
            cabac.end(n == macroblocks);
        }
    }

    /// The likelier value.
    fn likely(&mut self) {
        self.range -= RANGES[self.state - STATE_FIRST][((self.range >> 6) & 3) as usize];
        self.state = (self.state + 1).min(STATE_LAST);
        self.renormalise();
    }

    /// Whether the slice ends here.
    fn end(&mut self, ends: bool) {
        self.range -= 2;
        if !ends {
            return self.renormalise();
        }
        self.low += self.range;
        self.range = 2;
        self.renormalise();
        self.put((self.low >> 9) & 1);
        self.out.u(((self.low >> 7) & 3) | 1, 2);
    }

    fn renormalise(&mut self) {
        while self.range < 256 {
            match self.low {
                0..256 => self.put(0),
                512.. => {
                    self.low -= 512;
                    self.put(1);
                }
                _ => {
                    self.low -= 256;
                    self.outstanding += 1;
                }
            }
            self.range <<= 1;
            self.low <<= 1;
        }
    }

    fn put(&mut self, bit: u32) {
        if self.is_first {
            self.is_first = false;
        } else {
            self.out.bit(bit);
        }
        for _ in 0..std::mem::take(&mut self.outstanding) {
            self.out.bit(1 - bit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_put_in_and_taken_out() {
        for (plain_bytes, escaped_bytes) in [
            (&[0, 0, 1, 9][..], &[0, 0, 3, 1, 9][..]),
            (&[0, 0, 0, 0, 0], &[0, 0, 3, 0, 0, 3, 0]),
            (&[0, 0, 3, 3], &[0, 0, 3, 3, 3]),
            (&[1, 0, 4, 0, 0, 4], &[1, 0, 4, 0, 0, 4]),
        ] {
            assert_eq!(escaped(plain_bytes), escaped_bytes);
            assert_eq!(plain(escaped_bytes), plain_bytes);
        }
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        let mut out = Writer::default();
        [0, 1, 2, 7, 8159, 65534].into_iter().for_each(|value| out.ue(value));
        [-26, 0, 25].into_iter().for_each(|value| out.se(value));
        out.align(0);
        let mut bits = Bits { bytes: &out.bytes, at: 0 };
        assert_eq!([0; 6].map(|_| bits.ue()), [0, 1, 2, 7, 8159, 65534].map(Some));
        assert_eq!([0; 3].map(|_| bits.se()), [-26, 0, 25].map(Some));
        assert_eq!(bits.u(20), None, "behind the end");
    }

    #[test]
    fn nothing_is_put_in_where_the_parameter_sets_are_not_understood() {
        for (sps, pps) in [(&[][..], &[][..]), (&[0x67, 66, 0, 10, 1], &[0x68, 1]), (&[0x67, 100, 0, 30, 0xff], &[0x68, 0xee])] {
            assert!(Stills::new(sps, pps).is_none(), "{sps:?}");
        }
    }
}
