//! The slate of a silent source. Pure.

use super::{
    font::GLYPH_HEIGHT,
    text::{DETAIL_PER_HEIGHT, TITLE_PER_HEIGHT, draw_text, scale_to_fit, text_width},
};
use crate::{
    picture::{CHROMA_NEUTRAL, KeepClear, LUMA_BLACK, Picture, clear_corner},
    time::{Span, WallTime},
};

/// A slate keeps a quarter of the last picture's light: enough to see where it is, too little to take it for live.
const SLATE_SHIFT: u8 = 2;

/// Makes a slate of the last picture, or of a black one: darkened, with `NO SIGNAL`, the time of the last picture and how long ago that was.
pub(super) fn draw_slate(picture: &mut Picture, since: WallTime, silent_for: Span, clear: KeepClear) {
    darken(picture, clear);
    let size = picture.size();
    let title = "NO SIGNAL";
    let detail = format!("since {} UTC · {}", time_of_day(since), length_text(silent_for));
    let (title_scale, detail_scale) = (scale_to_fit(size, title, TITLE_PER_HEIGHT), scale_to_fit(size, &detail, DETAIL_PER_HEIGHT));
    let middle = size.height() as i64 / 2;
    let centred = |text: &str, scale: usize| (size.width() as i64 - text_width(text, scale) as i64) / 2;
    let title_top = middle - (GLYPH_HEIGHT * title_scale) as i64;
    draw_text(picture, title, (centred(title, title_scale), title_top), title_scale, clear);
    let detail_top = middle + (GLYPH_HEIGHT * detail_scale) as i64;
    draw_text(picture, &detail, (centred(&detail, detail_scale), detail_top), detail_scale, clear);
}

/// `HH:MM:SS` of a wall time, UTC.
fn time_of_day(time: WallTime) -> String {
    let day_s = time.0.div_euclid(1_000_000).rem_euclid(24 * 3600);
    format!("{:02}:{:02}:{:02}", day_s / 3600, day_s / 60 % 60, day_s % 60)
}

/// A length of time in its two largest units.
fn length_text(length: Span) -> String {
    let s = length.to_duration().as_secs();
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s / 60 % 60),
    }
}

fn darken(picture: &mut Picture, clear: KeepClear) {
    let size = picture.size();
    let (clear_right, clear_bottom) = clear_corner(size, clear);
    let planes = picture.planes_mut();
    for (y, row) in planes.y.chunks_exact_mut(size.width()).enumerate() {
        let from = if y < clear_bottom { clear_right } else { 0 };
        row[from..].iter_mut().for_each(|luma| *luma = LUMA_BLACK + (luma.saturating_sub(LUMA_BLACK) >> SLATE_SHIFT));
    }
    for plane in [planes.u, planes.v] {
        for (y, row) in plane.chunks_exact_mut(size.width() / 2).enumerate() {
            let from = if y < clear_bottom / 2 { clear_right / 2 } else { 0 };
            // Towards neutral from both sides; the offset keeps the subtraction unsigned.
            let offset = CHROMA_NEUTRAL - (CHROMA_NEUTRAL >> SLATE_SHIFT);
            row[from..].iter_mut().for_each(|chroma| *chroma = offset + (*chroma >> SLATE_SHIFT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_silence_is_told_in_its_largest_units() {
        assert_eq!(
            [0, 59_999, 60_000, 3_725_000, 90_000_000].map(|ms| length_text(Span::from_ms(ms))),
            ["0 s", "59 s", "1 min 0 s", "1 h 2 min", "25 h 0 min"]
        );
        assert_eq!(
            (time_of_day(WallTime(1_795_191_552_123_456)), time_of_day(WallTime(-1))),
            ("16:19:12".into(), "23:59:59".into())
        );
    }
}
