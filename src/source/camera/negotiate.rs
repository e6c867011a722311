//! Which of a camera's formats to take. Pure: listed formats and a request in, a choice and its reason out.
//!
//! The order of decisions, each only among what the one before it left:
//! 1. Colour before grey: GREY is taken only of a camera that lists nothing else that we can use (an infrared camera).
//! 2. The nearest size that is not smaller than asked in either direction; if there is none, the largest.
//! 3. The nearest rate to the one asked; of two as near, the higher.
//! 4. NV12, then YUYV, then MJPEG. Raw comes first because decoding JPEG costs a core 1–3 ms per picture and adds its artefacts,
//!    while a camera lists a raw rate only where its bus can carry it; NV12 comes before YUYV because it is three quarters of the
//!    bytes and already 4:2:0. Where raw is too slow for the rate asked (most webcams above 640×480), rule 3 has taken MJPEG.
//!    When the bus turns out to be full (two cameras on one hub), the caller asks again with [`only_mjpeg`].

use crate::{
    picture::{SIDE_MAX, Size},
    source::{DeviceFormat, FormatRequest, RATE_DEFAULT, SIZE_DEFAULT},
    time::FrameRate,
};
use std::cmp::Reverse;

/// Two rates nearer than this are the same to a viewer: 29.97 and 30.
const SAME_FPS: f64 = 0.05;
/// Formats named in the sentence that says that none can be used; a capture card lists hundreds.
const NAMED_MAX: usize = 6;

/// The pixel formats that we can use, in order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pixels {
    /// Planar luma, then interleaved chroma, 4:2:0.
    Nv12,
    /// Packed 4:2:2.
    Yuyv,
    /// A JPEG per picture.
    Mjpeg,
    /// Luma only.
    Grey,
}

impl Pixels {
    /// The format of this name in [`DeviceFormat::pixels`], if we can use it.
    pub fn from_name(name: &str) -> Option<Pixels> {
        [Pixels::Nv12, Pixels::Yuyv, Pixels::Mjpeg, Pixels::Grey].into_iter().find(|pixels| pixels.name() == name)
    }

    /// Its name in [`DeviceFormat::pixels`].
    pub fn name(self) -> &'static str {
        match self {
            Pixels::Nv12 => "NV12",
            Pixels::Yuyv => "YUYV",
            Pixels::Mjpeg => "MJPEG",
            Pixels::Grey => "GREY",
        }
    }
}

/// What to ask the driver for.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The pixel format.
    pub pixels: Pixels,
    /// Pixels across, as the camera lists them; may be odd.
    pub width: u32,
    /// Pixels down, as the camera lists them; may be odd.
    pub height: u32,
    /// The rate.
    pub rate: FrameRate,
    /// Why, in one clause for the log.
    pub reason: String,
}

/// A format that can be used, at one rate.
struct Candidate {
    pixels: Pixels,
    width: u32,
    height: u32,
    rate: FrameRate,
}

impl Candidate {
    fn area(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    fn distance(&self, asked: FrameRate) -> f64 {
        let distance = (self.rate.as_f64() - asked.as_f64()).abs();
        if distance < SAME_FPS { 0.0 } else { distance }
    }
}

/// The format to take, or one clause that says what there is instead.
pub fn negotiate(formats: &[DeviceFormat], request: FormatRequest) -> Result<Choice, String> {
    let asked = request.size.map_or(SIZE_DEFAULT, |size| (size.width() as u32, size.height() as u32));
    let rate = request.rate.unwrap_or(RATE_DEFAULT);
    let mut candidates = candidates(formats, rate);
    if candidates.iter().any(|candidate| candidate.pixels != Pixels::Grey) {
        candidates.retain(|candidate| candidate.pixels != Pixels::Grey);
    }
    let fits = |candidate: &&Candidate| candidate.width >= asked.0 && candidate.height >= asked.1;
    let nearest = candidates.iter().filter(fits).min_by_key(|candidate| candidate.area());
    let Some(nearest) = nearest.or_else(|| candidates.iter().max_by_key(|candidate| candidate.area())) else {
        return Err(nothing_usable(formats));
    };
    let size = (nearest.width, nearest.height);
    candidates.retain(|candidate| (candidate.width, candidate.height) == size);
    let best = candidates.iter().min_by(|a, b| {
        let (near_a, near_b) = (a.distance(rate), b.distance(rate));
        near_a.total_cmp(&near_b).then_with(|| faster_first(a, b)).then(a.pixels.cmp(&b.pixels))
    });
    let best = best.ok_or_else(|| nothing_usable(formats))?;
    let reason = [size_reason(asked, size), rate_reason(rate, best.rate), pixels_reason(best, &candidates, rate)].join(", ");
    Ok(Choice { pixels: best.pixels, width: best.width, height: best.height, rate: best.rate, reason })
}

/// The MJPEG formats of a list: what is left to try when the bus has no room for raw pictures.
pub fn only_mjpeg(formats: &[DeviceFormat]) -> Vec<DeviceFormat> {
    formats.iter().filter(|format| format.pixels == Pixels::Mjpeg.name()).cloned().collect()
}

fn faster_first(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    // Rates that differ by less than a viewer can see must not decide before the pixel format does.
    let difference = b.rate.as_f64() - a.rate.as_f64();
    if difference.abs() < SAME_FPS { std::cmp::Ordering::Equal } else { difference.total_cmp(&0.0) }
}

/// Every usable format with each of its rates; one that lists no rate is taken at its word for the rate asked.
fn candidates(formats: &[DeviceFormat], asked: FrameRate) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for format in formats {
        let Some(pixels) = Pixels::from_name(&format.pixels) else { continue };
        if even(format.width, format.height).is_none() {
            continue;
        }
        let listed: Vec<FrameRate> = format.fps.iter().filter_map(|fps| exact_rate(*fps)).collect();
        let rates = if format.fps.is_empty() { vec![asked] } else { listed };
        candidates.extend(rates.into_iter().map(|rate| Candidate { pixels, width: format.width, height: format.height, rate }));
    }
    candidates
}

/// The size of the pictures that come of a camera's size: odd sides lose one pixel.
pub fn even(width: u32, height: u32) -> Option<Size> {
    Size::new(width & !1, height & !1).filter(|_| width <= SIDE_MAX && height <= SIDE_MAX)
}

/// The fraction that a listed number of frames per second stands for: 29.97002997… is 30000/1001 again. `None` for a number
/// that is no rate. The continued fraction ends at the first term that gives the number back, so a driver's fraction survives.
pub fn exact_rate(fps: f64) -> Option<FrameRate> {
    /// Slowest and fastest rate that means anything for a live picture.
    const FPS_RANGE: std::ops::RangeInclusive<f64> = 0.01..=1000.0;
    /// A driver's interval is in units of 100 ns at the finest, so its fraction has at most this denominator.
    const DEN_MAX: f64 = 1e7;
    if !FPS_RANGE.contains(&fps) {
        return None;
    }
    let (mut num, mut den, mut num_before, mut den_before) = (fps.floor(), 1.0, 1.0, 0.0);
    let mut rest = fps - num;
    while (num / den - fps).abs() > 1e-12 * fps && rest > 1e-9 {
        let term = (1.0 / rest).floor();
        rest = 1.0 / rest - term;
        let (num_next, den_next) = (term * num + num_before, term * den + den_before);
        if den_next > DEN_MAX || num_next > f64::from(u32::MAX) {
            break;
        }
        (num_before, den_before, num, den) = (num, den, num_next, den_next);
    }
    (num >= 1.0).then_some(FrameRate { num: num as u32, den: den as u32 })
}

fn size_reason(asked: (u32, u32), size: (u32, u32)) -> String {
    let (width, height) = size;
    if asked == size {
        format!("{width}x{height} as asked")
    } else if width >= asked.0 && height >= asked.1 {
        format!("{width}x{height} is the nearest size that covers {}x{}", asked.0, asked.1)
    } else {
        format!("{width}x{height} is the largest, {}x{} was asked", asked.0, asked.1)
    }
}

fn rate_reason(asked: FrameRate, rate: FrameRate) -> String {
    if (asked.as_f64() - rate.as_f64()).abs() < SAME_FPS {
        format!("{rate} fps as asked")
    } else {
        format!("{rate} fps is the nearest to {asked} at that size")
    }
}

fn pixels_reason(best: &Candidate, at_size: &[Candidate], asked: FrameRate) -> String {
    let name = best.pixels.name();
    let mut others = at_size.iter().filter(|other| other.pixels != best.pixels);
    if others.next().is_none() {
        return format!("{name} is all there is");
    }
    match best.pixels {
        Pixels::Mjpeg => {
            let raw = at_size.iter().filter(|other| other.pixels != Pixels::Mjpeg);
            let fastest = raw.min_by(|a, b| a.distance(asked).total_cmp(&b.distance(asked)));
            match fastest {
                Some(raw) => format!("{name} because {} gives {} fps there", raw.pixels.name(), raw.rate),
                None => format!("{name} is all there is"),
            }
        }
        _ => format!("{name} because it needs no decoding"),
    }
}

/// What there is, when nothing of it can be used.
fn nothing_usable(formats: &[DeviceFormat]) -> String {
    if formats.is_empty() {
        return "it lists no format".to_owned();
    }
    let mut formats: Vec<&DeviceFormat> = formats.iter().collect();
    formats.sort_by_key(|format| Reverse(u64::from(format.width) * u64::from(format.height)));
    let named: Vec<String> =
        formats.iter().take(NAMED_MAX).map(|format| format!("{} {}x{}", format.pixels, format.width, format.height)).collect();
    let more = formats.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("none of its formats can be used (MJPEG, YUYV, NV12 or GREY), it has {}{more}", named.join(", "))
}

#[cfg(test)]
mod tests;
