//! What is burnt into a picture: boxes, their labels, the time, masks, what hides faces, the slate of a silent source, the clock strip. Pure, on the YUV
//! planes.
//!
//! Everything clips at the picture's edges, and leaves a clock strip alone where the caller says that there is one.
//! Called by the encode thread on its own copy of a picture.

use crate::{
    detect::{kind::Kind, track::Tracked},
    picture::{Area, CHROMA_NEUTRAL, Colour, KeepClear, LUMA_BLACK, LUMA_WHITE, Picture, Size, clear_corner, fill},
    time::{Span, WallTime},
};

mod caption;
mod font;
mod pixelate;

pub use caption::{draw_clock, draw_labels};
pub use pixelate::{hide_all, hide_place};

use font::{GLYPH_HEIGHT, GLYPH_WIDTH, glyph};

/// What is burnt into the picture; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// Boxes around what was found.
    pub boxes: bool,
    /// The kind and id of what was found, beside it.
    pub labels: bool,
    /// The time of capture.
    pub clock: bool,
    /// What was found is made unrecognisable.
    pub blur: bool,
}

/// Colours of boxes by kind: bright ones that no skin or wall has, in BT.601 limited range. A face has the green of computer vision.
const BOX_COLOURS: [(&str, Colour); 6] = [
    ("face", Colour { y: 145, u: 54, v: 34 }),
    ("profile", Colour { y: 170, u: 166, v: 16 }),
    ("eye", Colour { y: 210, u: 16, v: 146 }),
    ("smile", Colour { y: 106, u: 202, v: 222 }),
    ("upperbody", Colour { y: 122, u: 193, v: 91 }),
    ("fullbody", Colour { y: 122, u: 193, v: 91 }),
];
/// Colour of every other kind: orange.
const OTHER_COLOUR: Colour = Colour { y: 146, u: 53, v: 193 };
/// Thinnest line of a box: one chroma sample is 2 px wide, and a thinner line loses its colour.
const LINE_MIN: usize = 2;
/// Lines of a picture for each pixel of line width: 2 px at 720 lines, 3 at 1080, so that a line looks the same on any screen.
const LINE_PER_HEIGHT: usize = 360;
/// Colour of text.
const TEXT_COLOUR: Colour = Colour { y: LUMA_WHITE, u: CHROMA_NEUTRAL, v: CHROMA_NEUTRAL };
/// Height of the picture for each pixel of a glyph's dot, in the slate's title and in the line under it.
const TITLE_PER_HEIGHT: usize = 120;
const DETAIL_PER_HEIGHT: usize = 240;
/// A slate keeps a quarter of the last picture's light: enough to see where it is, too little to take it for live.
const SLATE_SHIFT: u8 = 2;

/// Draws the outlines of what was found.
pub fn draw_boxes(picture: &mut Picture, found: &[Tracked], clear: KeepClear) {
    let line = (picture.size().height().div_ceil(LINE_PER_HEIGHT)).max(LINE_MIN) as i64;
    for tracked in found {
        let (a_box, colour) = (tracked.area, colour_of(tracked.kind));
        // An even corner, so that a line covers whole chroma samples.
        let (left, top) = (i64::from(a_box.x & !1), i64::from(a_box.y & !1));
        let (right, bottom) =
            (left + i64::from(a_box.width.next_multiple_of(2)), top + i64::from(a_box.height.next_multiple_of(2)));
        for side in [
            Area { left, top, right, bottom: top + line },
            Area { left, top: bottom - line, right, bottom },
            Area { left, top, right: left + line, bottom },
            Area { left: right - line, top, right, bottom },
        ] {
            fill(picture, side, colour, clear);
        }
    }
}

fn colour_of(kind: Kind) -> Colour {
    BOX_COLOURS.iter().find(|(name, _)| *name == kind.name()).map_or(OTHER_COLOUR, |(_, colour)| *colour)
}

/// Writes one line of white text with its left-top corner at (`left`, `top`); a dot of a glyph has `scale` × `scale` pixels.
pub fn draw_text(picture: &mut Picture, text: &str, (left, top): (i64, i64), scale: usize, clear: KeepClear) {
    let dot = scale as i64;
    for (idx, character) in text.chars().enumerate() {
        let glyph_left = left + idx as i64 * (GLYPH_WIDTH as i64 + 1) * dot;
        for (row, bits) in glyph(character).iter().enumerate() {
            let dot_top = top + row as i64 * dot;
            for column in (0..GLYPH_WIDTH).filter(|column| bits >> (GLYPH_WIDTH - 1 - column) & 1 == 1) {
                let dot_left = glyph_left + column as i64 * dot;
                let area = Area { left: dot_left, top: dot_top, right: dot_left + dot, bottom: dot_top + dot };
                fill(picture, area, TEXT_COLOUR, clear);
            }
        }
    }
}

/// Makes a slate of the last picture, or of a black one: darkened, with `NO SIGNAL`, the time of the last picture and how long ago that was.
pub fn draw_slate(picture: &mut Picture, since: WallTime, silent_for: Span, clear: KeepClear) {
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

/// Pixels that a line of text is wide.
fn text_width(text: &str, scale: usize) -> usize {
    (text.chars().count() * (GLYPH_WIDTH + 1)).saturating_sub(1) * scale
}

/// The scale for this picture height, or the largest at which the text fits the width; at least 1.
fn scale_to_fit(size: Size, text: &str, per_height: usize) -> usize {
    (size.height() / per_height).min(size.width() / text_width(text, 1).max(1)).max(1)
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
mod tests;
