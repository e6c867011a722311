//! Boxes around what was found. Pure.

use crate::{
    detect::{kind::Kind, track::Tracked},
    picture::{Area, Colour, KeepClear, Picture, fill},
};

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

/// Draws the outlines of what was found.
pub(super) fn draw_boxes(picture: &mut Picture, found: &[Tracked], clear: KeepClear) {
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
