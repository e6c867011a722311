//! Short texts that stay legible on any picture, because they bring their own background: what a box is, and the time. Pure.

use super::{
    font::GLYPH_HEIGHT,
    text::{DETAIL_PER_HEIGHT, draw_text, scale_to_fit, text_width},
};
use crate::{
    detect::track::Tracked,
    picture::{Area, CHROMA_NEUTRAL, Colour, KeepClear, LUMA_BLACK, Picture, Size, clear_corner, fill},
};

/// What lies under the text: white on black has the most contrast that there is, and is cheap to encode.
const BACKGROUND: Colour = Colour { y: LUMA_BLACK, u: CHROMA_NEUTRAL, v: CHROMA_NEUTRAL };
/// Background around the text, in dots of its glyphs.
const PADDING: usize = 2;

/// Names what was found: kind and id, above the box where there is room.
pub(super) fn draw_labels(picture: &mut Picture, found: &[Tracked], clear: KeepClear) {
    for tracked in found {
        let caption = Caption::new(format!("{} {}", tracked.kind, tracked.id), picture.size());
        let place = caption.beside(tracked, picture.size(), clear);
        caption.draw(picture, place, clear);
    }
}

/// Writes the time into the bottom left corner, away from a clock strip.
pub(super) fn draw_clock(picture: &mut Picture, time: &str, clear: KeepClear) {
    let caption = Caption::new(time.to_owned(), picture.size());
    let bottom = picture.size().height() as i64 - caption.height;
    caption.draw(picture, (0, bottom), clear);
}

/// A text and how large it will be.
struct Caption {
    text: String,
    scale: usize,
    width: i64,
    height: i64,
}

impl Caption {
    fn new(text: String, size: Size) -> Caption {
        let scale = scale_to_fit(size, &text, DETAIL_PER_HEIGHT);
        let padded = |length: usize| (length + 2 * PADDING * scale).next_multiple_of(2) as i64;
        let (width, height) = (padded(text_width(&text, scale)), padded(GLYPH_HEIGHT * scale));
        Caption { text, scale, width, height }
    }

    /// Left-top corner: above the box, else below it, else in it; the first place that is free.
    fn beside(&self, tracked: &Tracked, size: Size, clear: KeepClear) -> (i64, i64) {
        let area = tracked.area;
        let left = i64::from(area.x & !1).min(size.width() as i64 - self.width).max(0);
        let (top, bottom) = (i64::from(area.y & !1), i64::from(area.y) + i64::from(area.height));
        let (clear_right, clear_bottom) = clear_corner(size, clear);
        let is_free = |top: &i64| {
            let is_inside = *top >= 0 && top + self.height <= size.height() as i64;
            is_inside && (left >= clear_right as i64 || *top >= clear_bottom as i64)
        };
        let tops = [top - self.height, (bottom + 1) & !1, top];
        (left, tops.into_iter().find(is_free).unwrap_or((size.height() as i64 - self.height).max(0)))
    }

    fn draw(&self, picture: &mut Picture, (left, top): (i64, i64), clear: KeepClear) {
        let area = Area { left, top, right: left + self.width, bottom: top + self.height };
        fill(picture, area, BACKGROUND, clear);
        let padding = (PADDING * self.scale) as i64;
        draw_text(picture, &self.text, (left + padding, top + padding), self.scale, clear);
    }
}
