//! Lines of text, and how large they may be. Pure.

use super::font::{GLYPH_WIDTH, glyph};
use crate::picture::{Area, CHROMA_NEUTRAL, Colour, KeepClear, LUMA_WHITE, Picture, Size, fill};

/// Colour of text.
const TEXT_COLOUR: Colour = Colour { y: LUMA_WHITE, u: CHROMA_NEUTRAL, v: CHROMA_NEUTRAL };
/// Height of the picture for each pixel of a glyph's dot, in the slate's title…
pub(super) const TITLE_PER_HEIGHT: usize = 120;
/// …and in the line under it, and in captions.
pub(super) const DETAIL_PER_HEIGHT: usize = 240;

/// Writes one line of white text with its left-top corner at (`left`, `top`); a dot of a glyph has `scale` × `scale` pixels.
pub(super) fn draw_text(picture: &mut Picture, text: &str, (left, top): (i64, i64), scale: usize, clear: KeepClear) {
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

/// Pixels that a line of text is wide.
pub(super) fn text_width(text: &str, scale: usize) -> usize {
    (text.chars().count() * (GLYPH_WIDTH + 1)).saturating_sub(1) * scale
}

/// The scale for this picture height, or the largest at which the text fits the width; at least 1.
pub(super) fn scale_to_fit(size: Size, text: &str, per_height: usize) -> usize {
    (size.height() / per_height).min(size.width() / text_width(text, 1).max(1)).max(1)
}
