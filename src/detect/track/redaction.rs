//! The areas to hide. Pure.
//!
//! A drawn box should be true, so it waits for a second hit and goes soon after the last. Hiding should be complete: one weak hit is enough,
//! a lost track is still hidden, and every area has a margin.

use super::{Track, Tracks, centre};
use crate::{
    picture::{BoundingBox, Size},
    time::{Span, Ticks},
};

/// Beyond each side of a box, in its width: a face box leaves hair, ears and chin out.
const MARGIN: f64 = 0.3;
/// What is added to the margin for each second between a hit and the picture, in widths: nobody knows what a face does meanwhile.
const MARGIN_GROWTH_PER_S: f64 = 0.8;
/// The margin never grows beyond, in widths.
const MARGIN_MAX: f64 = 1.0;

/// A rectangle to be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedactionArea {
    /// With its margin; inside the picture.
    pub area: BoundingBox,
    /// Width of what may be there, in pixels; at least 1.
    pub face_width: u32,
}

impl Tracks {
    /// Every place of a picture captured at `at` where something may be, sure or not.
    pub fn redaction_areas_at(&self, at: Ticks) -> Vec<RedactionArea> {
        // A hit may be true even if no track has taken it, and is where it is even if its track has another opinion.
        let hits = self.hits.iter().filter_map(|hit| {
            let lengths = (f64::from(hit.width), f64::from(hit.height));
            place(&[centre(*hit)], lengths, at.since(self.at), self.size)
        });
        hits.chain(self.tracks.iter().filter_map(|track| track.redaction_area_at(at, self.size))).collect()
    }
}

impl Track {
    /// It may have stayed where it was hit last, or have moved on as it did.
    fn redaction_area_at(&self, at: Ticks, size: Size) -> Option<RedactionArea> {
        place(&[(self.x, self.y), self.centre_at(at)], (self.width, self.height), at.since(self.at), size)
    }
}

/// The rectangle around boxes with these centres and lengths, with the margin for a hit that is so old, or that is still to come.
fn place(centres: &[(f64, f64)], (width, height): (f64, f64), age: Span, size: Size) -> Option<RedactionArea> {
    let margin = width * (MARGIN + MARGIN_GROWTH_PER_S * age.as_s().abs()).min(MARGIN_MAX);
    let edges = |along: fn(&(f64, f64)) -> f64, length: f64, side: usize| {
        let (first, last) = centres.iter().map(along).fold((f64::MAX, f64::MIN), |(a, b), at| (a.min(at), b.max(at)));
        let cut = |edge: f64| edge.clamp(0.0, side as f64) as u32;
        (cut((first - length / 2.0 - margin).floor()), cut((last + length / 2.0 + margin).ceil()))
    };
    let (left, right) = edges(|centre| centre.0, width, size.width());
    let (top, bottom) = edges(|centre| centre.1, height, size.height());
    let area = BoundingBox { x: left, y: top, width: right.checked_sub(left)?, height: bottom.checked_sub(top)? };
    (area.width > 0 && area.height > 0).then_some(RedactionArea { area, face_width: (width as u32).max(1) })
}
