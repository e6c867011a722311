//! Quantities as people write them: `200ms`, `2M`, `1G`, `640x480`, `29.97`. Pure.
//!
//! An error is the second half of a sentence, after the option and its value: the reason, and what to write instead.

use crate::{
    console::shown,
    picture::{
        Crop, SIDE_MAX, Size,
        mask::{Mask, Measure},
    },
    time::{FrameRate, Span},
};

/// Slowest grid: below one frame per second a part is longer than a player waits.
pub const FPS_MIN: u32 = 1;
/// Fastest grid: no camera delivers more, and a part would hold more frames than a player expects.
pub const FPS_MAX: u32 = 240;
/// Smallest side of a picture: nothing is found or seen below it.
pub const SIDE_MIN: u32 = 32;
/// Largest picture in pixels: H.264 ends at 139,264 macroblocks of 16×16 (level 6.2, Table A-1).
pub const PIXELS_MAX: u64 = 139_264 * 256;
/// Longest length of time that any option takes: a year, beyond which a unit was mistyped.
pub const SPAN_MAX: Span = Span::from_ms(366 * 24 * 3_600_000);

/// The units of time, in milliseconds, largest first.
const UNITS: [(&str, i64); 5] = [("d", 24 * 3_600_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A length of time: a number and a unit, in whole milliseconds.
pub fn span(text: &str) -> Result<Span, String> {
    let (number, unit) = split(text);
    let Some(value) = decimal(number) else {
        return Err("this is no length of time; write a number and a unit, like 200ms, 2s, 5m or 7d".to_owned());
    };
    if unit.is_empty() {
        return Err(format!("the unit is missing; write {number}s for seconds or {number}ms for milliseconds"));
    }
    let Some((_, unit_ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("\"{}\" is no unit of time; write one number with ms, s, m, h or d", shown(unit)));
    };
    let ms = value * *unit_ms as f64;
    if ms > SPAN_MAX.as_ms() {
        return Err(format!("this is too long; write {} at most", span_text(SPAN_MAX)));
    }
    // Decimal fractions are not exact in binary: 1.1 s is 1100.0000000000002 ms.
    if (ms - ms.round()).abs() > 1e-6 {
        return Err("time is counted in whole milliseconds; leave the fraction of a millisecond out".to_owned());
    }
    Ok(Span::from_ms(ms.round() as i64))
}

/// A length of time as it would be typed, in the largest unit that needs no fraction.
pub fn span_text(span: Span) -> String {
    let ms = span.as_ms().round() as i64;
    // One day is 24h.
    let is_read = |(unit, unit_ms): &&(&str, i64)| ms % unit_ms == 0 && ms != 0 && (*unit != "d" || ms > *unit_ms);
    let (unit, unit_ms) = UNITS.iter().find(is_read).unwrap_or(&("s", 1000));
    format!("{}{unit}", ms / unit_ms)
}

/// A frame rate: a whole number, a decimal (the rates of television become exact fractions), or a fraction.
pub fn rate(text: &str) -> Result<FrameRate, String> {
    let limits = || format!("a frame rate is {FPS_MIN} to {FPS_MAX}; write it like 30, 29.97 or 30000/1001");
    let rate = match text.split_once('/') {
        Some((num, den)) => match (whole(num), whole(den)) {
            (Some(num), Some(den)) if den > 0 => reduced(num, den),
            _ => return Err(limits()),
        },
        None => decimal(text).map(rate_near).ok_or_else(limits)?,
    };
    let in_range = (f64::from(FPS_MIN)..=f64::from(FPS_MAX)).contains(&rate.as_f64());
    in_range.then_some(rate).ok_or_else(limits)
}

/// The fraction that was meant: 29.97 is 30000/1001, 12.5 is 25/2.
fn rate_near(fps: f64) -> FrameRate {
    // Television's rates are written with two or three digits: 23.976, 29.97, 59.94.
    let nominal = (fps * 1.001).round();
    if fps.fract() != 0.0 && (nominal / 1.001 - fps).abs() < 0.005 {
        return reduced(nominal as u32 * 1000, 1001);
    }
    reduced((fps * 1000.0).round() as u32, 1000)
}

fn reduced(num: u32, den: u32) -> FrameRate {
    let (mut a, mut b) = (num, den);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    FrameRate { num: num / a, den: den / a }
}

/// A picture size, `WxH`.
pub fn size(text: &str) -> Result<Size, String> {
    let sides = text.split_once(['x', 'X', '×']).and_then(|(width, height)| Some((whole(width)?, whole(height)?)));
    let Some((width, height)) = sides else {
        return Err("this is no size; write width and height in pixels, like 640x480".to_owned());
    };
    let fits = |side: u32| (SIDE_MIN..=SIDE_MAX).contains(&side);
    if !fits(width) || !fits(height) {
        return Err(format!("a side is {SIDE_MIN} to {SIDE_MAX} pixels; write it like 640x480"));
    }
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(format!("H.264 ends at {PIXELS_MAX} pixels; write 8192x4320 at most"));
    }
    let even = |side: u32| side & !1;
    Size::new(width, height)
        .ok_or_else(|| format!("both sides must be even, for colour is halved; write {}x{}", even(width), even(height)))
}

/// A mask: left, top, width and height, each in pixels or with a % sign.
pub fn mask(text: &str) -> Result<Mask, String> {
    let measures: Option<Vec<Measure>> = text.split(',').map(|part| measure(part.trim())).collect();
    let Some([left, top, width, height]) = measures.as_deref() else {
        return Err(
            "this is no mask; write left, top, width and height in pixels or per cent, like 0,0,120,80 or 50%,0,50%,25%".to_owned()
        );
    };
    if is_zero(width) || is_zero(height) {
        return Err("a mask of no size hides nothing; give it a width and a height".to_owned());
    }
    Ok(Mask { left: *left, top: *top, width: *width, height: *height })
}

/// A part of a picture: width, height, left and top, each in pixels or with a % sign; without the place it is the middle.
pub fn crop(text: &str) -> Result<Crop, String> {
    let unknown =
        || "this is no part of a picture; write WxH+X+Y in pixels or per cent, like 640x360+320+0 or 50%x100%+25%+0".to_owned();
    let (sides, corner) = text.split_once('+').map_or((text, None), |(sides, corner)| (sides, Some(corner)));
    let both = |text: &str, between: char| {
        let (one, other) = text.split_once(between)?;
        measure(one.trim()).zip(measure(other.trim()))
    };
    let (width, height) = both(sides, 'x').ok_or_else(unknown)?;
    let corner = corner.map(|corner| both(corner, '+').ok_or_else(unknown)).transpose()?;
    if is_zero(&width) || is_zero(&height) {
        return Err("a picture of no size shows nothing; give it a width and a height".to_owned());
    }
    let (left, top) = corner.unzip();
    let is_odd = |measure: &Measure| matches!(measure, Measure::Pixels(n) if n % 2 == 1);
    if [Some(width), Some(height), left, top].iter().flatten().any(is_odd) {
        let even = |measure: Measure| if let Measure::Pixels(n) = measure { Measure::Pixels(n & !1) } else { measure };
        let sides = |length: Measure| if let Measure::Pixels(n) = even(length) { Measure::Pixels(n.max(2)) } else { length };
        let crop = Crop { width: sides(width), height: sides(height), corner: corner.map(|(left, top)| (even(left), even(top))) };
        return Err(format!("all of it must be even, for colour is halved; write {crop}"));
    }
    Ok(Crop { width, height, corner })
}

fn is_zero(measure: &Measure) -> bool {
    matches!(measure, Measure::Pixels(0)) || *measure == Measure::Percent(0.0)
}

fn measure(text: &str) -> Option<Measure> {
    match text.strip_suffix('%') {
        Some(number) => decimal(number.trim_end()).filter(|percent| *percent <= 100.0).map(Measure::Percent),
        None => whole(text).filter(|_| !text.is_empty()).map(Measure::Pixels),
    }
}

/// A bit rate in bit/s; `k`, `M` and `G` are powers of 1000.
pub fn bits(text: &str) -> Result<u64, String> {
    scaled(text, 1000).ok_or_else(|| "this is no bit rate; write bit/s with k or M, like 500k, 2M or 2.5M".to_owned())
}

/// An amount of memory in bytes; `k`, `M` and `G` are powers of 1024.
pub fn bytes(text: &str) -> Result<u64, String> {
    scaled(text, 1024).ok_or_else(|| "this is no amount of memory; write bytes with k, M or G, like 500M or 1G".to_owned())
}

/// A bit rate as it would be typed, in the largest unit that needs no fraction.
pub fn bits_text(bits: u64) -> String {
    scaled_text(bits, 1000)
}

/// An amount of memory as it would be typed, in the largest unit that needs no fraction.
pub fn bytes_text(bytes: u64) -> String {
    scaled_text(bytes, 1024)
}

/// An amount of memory in megabytes, rounded up.
pub fn megabytes_text(bytes: u64) -> String {
    format!("{}M", bytes.div_ceil(1 << 20))
}

/// What [`scaled`] reads.
fn scaled_text(value: u64, thousand: u64) -> String {
    let divides = |power: &u32| value != 0 && value.is_multiple_of(thousand.pow(*power));
    let power = (1..=4).rev().find(divides).unwrap_or(0);
    format!("{}{}", value / thousand.pow(power), ["", "k", "M", "G", "T"][power as usize])
}

fn scaled(text: &str, thousand: u64) -> Option<u64> {
    let (number, unit) = split(text);
    let power = match unit {
        "" => 0,
        "k" | "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    let value = decimal(number)? * thousand.pow(power) as f64;
    // Casts saturate, and every caller has a ceiling far below.
    Some(value.round() as u64)
}

/// A plain decimal without sign or exponent, so never NaN or infinite in meaning.
pub fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.bytes().any(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|value: &f64| value.is_finite())
}

/// A whole number without sign.
pub fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn split(text: &str) -> (&str, &str) {
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    text.split_at(text.find(|c| !digits(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_of_time_need_a_unit() {
        let ms = |text: &str| span(text).map(|span| span.as_ms());
        for (text, expect) in [
            ("200ms", 200.0),
            ("2s", 2e3),
            ("0.2s", 200.0),
            (".5s", 500.0),
            ("1.1s", 1100.0),
            ("5m", 3e5),
            ("24h", 8.64e7),
            ("7d", 6.048e8),
        ] {
            assert_eq!(ms(text), Ok(expect), "{text}");
        }
        let wrong = |text: &str, expect: &str| assert_eq!(span(text), Err(expect.to_owned()), "{text}");
        wrong("200", "the unit is missing; write 200s for seconds or 200ms for milliseconds");
        wrong("2 s", "\" s\" is no unit of time; write one number with ms, s, m, h or d");
        wrong("1m30s", "\"m30s\" is no unit of time; write one number with ms, s, m, h or d");
        wrong("1e3s", "\"e3s\" is no unit of time; write one number with ms, s, m, h or d");
        wrong("1w", "\"w\" is no unit of time; write one number with ms, s, m, h or d");
        wrong("1.5ms", "time is counted in whole milliseconds; leave the fraction of a millisecond out");
        wrong("99999h", "this is too long; write 366d at most");
        for text in ["", "s", "-2s", "+2s", "nan", "infs", ".s", "1.2.3s"] {
            wrong(text, "this is no length of time; write a number and a unit, like 200ms, 2s, 5m or 7d");
        }
    }

    #[test]
    fn lengths_of_time_are_shown_as_typed() {
        let shown = |ms| span_text(Span::from_ms(ms));
        let texts = [200, 1500, 2000, 90_000, 300_000, 86_400_000, 0].map(shown);
        assert_eq!(texts, ["200ms", "1500ms", "2s", "90s", "5m", "24h", "0s"]);
    }

    #[test]
    fn rates_become_exact_fractions() {
        for (text, num, den) in [
            ("30", 30, 1),
            ("30.0", 30, 1),
            ("29.97", 30_000, 1001),
            ("23.976", 24_000, 1001),
            ("23.98", 24_000, 1001),
            ("59.94", 60_000, 1001),
            ("30000/1001", 30_000, 1001),
            ("60/2", 30, 1),
            ("12.5", 25, 2),
            ("7.5", 15, 2),
            ("1", 1, 1),
            ("240", 240, 1),
        ] {
            assert_eq!(rate(text), Ok(FrameRate { num, den }), "{text}");
        }
        let limits = "a frame rate is 1 to 240; write it like 30, 29.97 or 30000/1001";
        for text in
            ["0", "0.5", "240.1", "241", "-30", "NaN", "inf", "30/0", "0/1", "1/2/3", "/", "", "30fps", "1e2", "99999999999"]
        {
            assert_eq!(rate(text), Err(limits.to_owned()), "{text}");
        }
    }

    #[test]
    fn sizes_are_even_and_in_range() {
        for text in ["640x480", "640X480", "640×480"] {
            assert_eq!(size(text).map(|size| size.to_string()), Ok("640x480".to_owned()));
        }
        let wrong = |text: &str, expect: &str| assert_eq!(size(text), Err(expect.to_owned()), "{text}");
        wrong("641x479", "both sides must be even, for colour is halved; write 640x478");
        wrong("0x0", "a side is 32 to 8192 pixels; write it like 640x480");
        wrong("640x99999", "a side is 32 to 8192 pixels; write it like 640x480");
        wrong("8192x8192", "H.264 ends at 35651584 pixels; write 8192x4320 at most");
        for text in ["640", "640x", "x480", "640x480x3", "-640x480", "99999999999x480", "big", ""] {
            wrong(text, "this is no size; write width and height in pixels, like 640x480");
        }
    }

    #[test]
    fn bit_rates_count_in_thousands_and_bytes_in_1024s() {
        assert_eq!(
            (bits("2M"), bits("2.5M"), bits("500k"), bits("800000")),
            (Ok(2_000_000), Ok(2_500_000), Ok(500_000), Ok(800_000))
        );
        assert_eq!((bytes("1G"), bytes("500M"), bytes("4k"), bytes("2T")), (Ok(1 << 30), Ok(500 << 20), Ok(4096), Ok(2 << 40)));
        for text in ["", "2m", "2Mbit", "-2M", "fast", "NaN", "1P"] {
            assert!(bits(text).is_err() && bytes(text).is_err(), "{text}");
        }
        assert_eq!(megabytes_text((3 << 20) + 1), "4M");
    }

    proptest! {
        #[test]
        fn any_text_is_a_quantity_or_a_sentence(text in "\\PC*") {
            let _ = (span(&text), rate(&text), size(&text), bits(&text), bytes(&text));
            prop_assert!(!shown(&text).contains('\n'));
        }

        #[test]
        fn a_length_of_time_reads_back_as_written(ms in 1i64..3_600_000_000) {
            prop_assert_eq!(span(&span_text(Span::from_ms(ms))), Ok(Span::from_ms(ms)));
            prop_assert_eq!(bits(&bits_text(ms as u64 * 1000)), Ok(ms as u64 * 1000));
            prop_assert_eq!(bytes(&bytes_text((ms as u64) << 10)), Ok((ms as u64) << 10));
        }
    }
}
