//! The sequence parameter set (H.264 §7.3.2.1.1), and of the picture parameter set its number.

use crate::picture::Size;

/// Profiles whose SPS tells the chroma format.
const PROFILES_WITH_CHROMA: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// `aspect_ratio_idc` of a ratio that is written out.
const ASPECT_EXTENDED: u32 = 255;
/// Bits of an Exp-Golomb code behind its first 1, at most: a bit rate of 2 Gbit/s takes them.
const CODE_BITS_MAX: u32 = 24;
/// Reference frames in a cycle, at most (H.264 §7.4.2.1.1).
const ORDER_CYCLE_MAX: u32 = 255;

/// What an SPS says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// `profile_idc`.
    pub profile: u32,
    /// 4:2:0 with 8 bits.
    pub is_plain: bool,
    /// Size of the pictures that are shown; none of odd sides, or of nonsense.
    pub size: Option<Size>,
    /// Every picture is a whole frame.
    pub is_progressive: bool,
    /// Width of a pixel by its height, where it is told.
    pub pixel_aspect: Option<(u32, u32)>,
    /// Pictures that a decoder holds back to bring others into order; `None` where it is not told.
    pub reordered: Option<u32>,
}

impl Sps {
    /// Reads a NAL unit without start code; `None` where it ends too early, or says what no H.264 stream does.
    pub fn read(unit: &[u8]) -> Option<Sps> {
        let bytes = plain(unit);
        let profile = u32::from(*bytes.get(1)?);
        let mut bits = Bits { bytes: &bytes, at: 32 };
        bits.ue()?; // seq_parameter_set_id
        let is_plain = !PROFILES_WITH_CHROMA.contains(&profile) || read_chroma(&mut bits)?;
        bits.ue()?; // log2_max_frame_num_minus4
        let order = read_order(&mut bits)?;
        bits.ue()?; // max_num_ref_frames
        bits.flag()?; // gaps_in_frame_num_value_allowed_flag
        let (columns, rows) = (bits.ue()?.checked_add(1)?, bits.ue()?.checked_add(1)?);
        let is_progressive = bits.flag()?;
        if !is_progressive {
            bits.flag()?; // mb_adaptive_frame_field_flag
        }
        bits.flag()?; // direct_8x8_inference_flag
        let crop = if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
        let size = shown_size((columns, rows), is_progressive, crop);
        // What a stream of this order shows is what was coded before.
        let in_order = (order == 2).then_some(0);
        let (pixel_aspect, reordered) = if bits.flag()? { read_vui(&mut bits)? } else { (None, None) };
        Some(Sps { profile, is_plain, size, is_progressive, pixel_aspect, reordered: in_order.or(reordered) })
    }
}

/// Number of a PPS, a NAL unit without start code.
pub fn pps_id(unit: &[u8]) -> Option<u32> {
    let bytes = plain(unit);
    Bits { bytes: &bytes, at: 8 }.ue()
}

/// Whether it is 4:2:0 with 8 bits.
fn read_chroma(bits: &mut Bits<'_>) -> Option<bool> {
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.flag()?; // separate_colour_plane_flag
    }
    let (luma_depth, chroma_depth) = (bits.ue()?, bits.ue()?);
    bits.flag()?; // qpprime_y_zero_transform_bypass_flag
    if bits.flag()? {
        let lists = if chroma == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.flag()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(chroma == 1 && luma_depth == 0 && chroma_depth == 0)
}

fn skip_scaling_list(bits: &mut Bits<'_>, len: u32) -> Option<()> {
    let (mut last, mut next) = (8_i32, 8_i32);
    for _ in 0..len {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// `pic_order_cnt_type`.
fn read_order(bits: &mut Bits<'_>) -> Option<u32> {
    let order = bits.ue()?;
    match order {
        0 => _ = bits.ue()?, // log2_max_pic_order_cnt_lsb_minus4
        1 => {
            bits.flag()?;
            let (_non_reference, _top_to_bottom) = (bits.se()?, bits.se()?);
            let cycle = bits.ue().filter(|cycle| *cycle <= ORDER_CYCLE_MAX)?;
            for _ in 0..cycle {
                bits.se()?;
            }
        }
        2 => {}
        _ => return None,
    }
    Some(order)
}

fn shown_size((columns, rows): (u32, u32), is_progressive: bool, [left, right, top, bottom]: [u32; 4]) -> Option<Size> {
    let fields = if is_progressive { 1 } else { 2 };
    let across = columns.checked_mul(16)?.checked_sub(left.checked_add(right)?.checked_mul(2)?)?;
    let down = rows.checked_mul(16 * fields)?.checked_sub(top.checked_add(bottom)?.checked_mul(2 * fields)?)?;
    Size::new(across, down)
}

/// Width of a pixel by its height, where it is told.
type Aspect = Option<(u32, u32)>;

/// The pixels' aspect, and how many pictures are held back (H.264 §E.1.1).
fn read_vui(bits: &mut Bits<'_>) -> Option<(Aspect, Option<u32>)> {
    let mut aspect = None;
    if bits.flag()? {
        aspect = match bits.u(8)? {
            0 => None,
            1 => Some((1, 1)),
            ASPECT_EXTENDED => Some((bits.u(16)?, bits.u(16)?)),
            // One of a table, and none of them is square.
            _ => Some((0, 1)),
        };
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if bits.flag()? {
        bits.u(4)?; // video_format, video_full_range_flag
        if bits.flag()? {
            bits.u(24)?; // colour_primaries, transfer_characteristics, matrix_coefficients
        }
    }
    if bits.flag()? {
        let (_top, _bottom) = (bits.ue()?, bits.ue()?); // chroma_sample_loc_type
    }
    if bits.flag()? {
        bits.u(32)?; // num_units_in_tick
        bits.u(32)?; // time_scale
        bits.flag()?; // fixed_frame_rate_flag
    }
    let (nal_hrd, vcl_hrd) = (read_hrd(bits)?, read_hrd(bits)?);
    if nal_hrd || vcl_hrd {
        bits.flag()?; // low_delay_hrd_flag
    }
    bits.flag()?; // pic_struct_present_flag
    if !bits.flag()? {
        return Some((aspect, None));
    }
    bits.flag()?; // motion_vectors_over_pic_boundaries_flag
    for _ in 0..4 {
        bits.ue()?; // max_bytes_per_pic_denom to log2_max_mv_length_vertical
    }
    Some((aspect, Some(bits.ue()?)))
}

/// Skips the parameters of a hypothetical decoder (H.264 §E.1.2); whether there were any.
fn read_hrd(bits: &mut Bits<'_>) -> Option<bool> {
    if !bits.flag()? {
        return Some(false);
    }
    let count = bits.ue().filter(|count| *count < 32)?;
    bits.u(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..=count {
        let (_rate, _size) = (bits.ue()?, bits.ue()?);
        bits.flag()?; // cbr_flag
    }
    bits.u(20)?; // four lengths of 5 bits
    Some(true)
}

/// A NAL unit without its emulation prevention bytes (H.264 §7.4.1.1).
pub fn plain(unit: &[u8]) -> Vec<u8> {
    let (mut out, mut n_zeros) = (Vec::with_capacity(unit.len()), 0);
    for &byte in unit {
        if byte == 3 && n_zeros >= 2 {
            n_zeros = 0;
            continue;
        }
        n_zeros = if byte == 0 { n_zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// Reads bits, most significant first; `None` behind the end.
pub struct Bits<'a> {
    /// The bytes, without emulation prevention.
    pub bytes: &'a [u8],
    /// Where the next bit is.
    pub at: usize,
}

impl Bits<'_> {
    /// `n` bits, 32 at most.
    pub fn u(&mut self, n: u32) -> Option<u32> {
        (0..n).try_fold(0_u32, |value, _| {
            let bit = (self.bytes.get(self.at / 8)? >> (7 - self.at % 8)) & 1;
            self.at += 1;
            Some((value << 1) | u32::from(bit))
        })
    }

    /// One bit.
    pub fn flag(&mut self) -> Option<bool> {
        Some(self.u(1)? == 1)
    }

    /// Exp-Golomb, unsigned (H.264 §9.1); none of more than [`CODE_BITS_MAX`] is met in what is read here.
    pub fn ue(&mut self) -> Option<u32> {
        let mut n_zeros = 0;
        while !self.flag()? {
            n_zeros += 1;
        }
        if n_zeros > CODE_BITS_MAX {
            return None;
        }
        Some((1 << n_zeros) - 1 + self.u(n_zeros)?)
    }

    /// Exp-Golomb, signed.
    pub fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        i32::try_from(if code % 2 == 1 { (code + 1) / 2 } else { -code / 2 }).ok()
    }
}
