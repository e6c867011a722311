//! How a picture is framed before anything sees it: turned, mirrored, and cut, in this order. Pure.

use super::{Picture, PicturePool, Rotation, Size, mask::Measure};
use std::fmt;

/// What becomes of every picture of a source; nothing, by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Framing {
    /// How it is turned and mirrored.
    pub turn: Rotation,
    /// What is left of it then.
    pub crop: Option<Crop>,
}

/// A part of a picture whose size is not known yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    /// Across; not zero, and even where it is in pixels.
    pub width: Measure,
    /// Down; the same.
    pub height: Measure,
    /// Its left and top edge, even where they are in pixels; without them it is in the middle.
    pub corner: Option<(Measure, Measure)>,
}

/// As it would be typed.
impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Crop { width, height, corner } = self;
        write!(f, "{width}x{height}")?;
        corner.map_or(Ok(()), |(left, top)| write!(f, "+{left}+{top}"))
    }
}

/// A part that the picture does not have.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("--crop {crop} reaches beyond the picture, which is {size} where it is cut; make it smaller, or move it inside")]
pub struct CropError {
    crop: Crop,
    size: Size,
}

/// A part of a picture in pixels; all even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Region {
    left: usize,
    top: usize,
    size: Size,
}

impl Framing {
    /// Whether it leaves pictures as they are.
    pub fn changes_nothing(&self) -> bool {
        *self == Framing::default()
    }

    /// The size that becomes of a picture of this size.
    pub fn size(&self, of: Size) -> Result<Size, CropError> {
        self.region(of).map(|region| region.size)
    }

    /// The picture so framed, in a buffer of the pool: every byte that stays is copied once.
    pub fn apply(&self, picture: &Picture, pool: &PicturePool) -> Result<Picture, CropError> {
        let Region { left, top, size } = self.region(picture.size())?;
        let mut framed = pool.take(size, picture.at);
        let (source, target) = (picture.planes(), framed.planes_mut());
        let stored = picture.size();
        for (from, to, half) in [(source.y, target.y, 0), (source.u, target.u, 1), (source.v, target.v, 1)] {
            let sides = (stored.width() >> half, stored.height() >> half);
            let (width, height) = (size.width() >> half, size.height() >> half);
            let begin = self.begin(sides, (left >> half, top >> half), (width, height));
            self.turn.copy_plane(&from[begin..], sides.0, to, (width, height));
        }
        Ok(framed)
    }

    /// What is left of a picture of this size, once it is turned.
    fn region(&self, of: Size) -> Result<Region, CropError> {
        let (width, height) = self.turn.sides((of.width, of.height));
        let turned = Size { width, height };
        let Some(crop) = self.crop else { return Ok(Region { left: 0, top: 0, size: turned }) };
        let (left, top) = crop.corner.unzip();
        let across = part(crop.width, left, width);
        let down = part(crop.height, top, height);
        let error = CropError { crop, size: turned };
        let ((left, width), (top, height)) = across.zip(down).ok_or(error)?;
        Ok(Region { left: left as usize, top: top as usize, size: Size::new(width, height).ok_or(error)? })
    }

    /// The byte of a stored plane with these sides at which the region begins that has this corner and these sides after the turn.
    fn begin(&self, (stored_width, stored_height): (usize, usize), corner: (usize, usize), sides: (usize, usize)) -> usize {
        let ((left, top), (width, height)) = (self.turn.sides(corner), self.turn.sides(sides));
        let column = if self.turn.from_right { stored_width - left - width } else { left };
        let row = if self.turn.from_bottom { stored_height - top - height } else { top };
        row * stored_width + column
    }
}

/// Begin and length of a part of a side, both even; `None` where it reaches beyond. Per cents are rounded.
fn part(length: Measure, begin: Option<Measure>, side: u32) -> Option<(u32, u32)> {
    let pixels = |measure: Measure| match measure {
        Measure::Pixels(n) => f64::from(n),
        Measure::Percent(percent) => percent / 100.0 * f64::from(side),
    };
    // A per cent is typed with few digits: a thousandth of a pixel too much is none.
    let reach = pixels(length) + begin.map_or(0.0, pixels);
    if reach > f64::from(side) + 1e-3 {
        return None;
    }
    let even = |pixels: f64| 2 * (pixels / 2.0).round() as u32;
    let length = even(pixels(length)).clamp(2, side);
    let begin = begin.map_or(((side - length) / 2) & !1, |begin| even(pixels(begin)).min(side - length));
    Some((begin, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Ticks;
    use Measure::{Percent, Pixels};

    fn size(width: u32, height: u32) -> Size {
        Size::new(width, height).expect("even")
    }

    /// Luma `A` to `X` row by row, 6 by 4; chroma `a` to `f` and `t` to `y`, 3 by 2.
    fn letters() -> Picture {
        let mut picture = Picture::black(size(6, 4), Ticks(7));
        let planes = picture.planes_mut();
        planes.y.copy_from_slice(b"ABCDEFGHIJKLMNOPQRSTUVWX");
        planes.u.copy_from_slice(b"abcdef");
        planes.v.copy_from_slice(b"tuvwxy");
        picture
    }

    /// What becomes of the letters: rows of the three planes.
    fn check(framing: Framing, expect: [&str; 3]) {
        let framed = framing.apply(&letters(), &PicturePool::default()).expect("inside");
        let width = framed.size().width();
        let rows = |plane: &[u8], width: usize| {
            plane.chunks(width).map(|row| String::from_utf8_lossy(row).into_owned()).collect::<Vec<_>>().join("/")
        };
        let planes = framed.planes();
        assert_eq!([rows(planes.y, width), rows(planes.u, width / 2), rows(planes.v, width / 2)], expect, "{framing:?}");
        assert_eq!((framing.size(size(6, 4)), framed.at), (Ok(framed.size()), Ticks(7)));
    }

    fn turned(orientation: u32) -> Framing {
        Framing { turn: Rotation::of_exif(orientation), crop: None }
    }

    /// Four by two, two pixels from the left and two from the top.
    const CROP: Crop = Crop { width: Pixels(2), height: Pixels(2), corner: Some((Pixels(2), Pixels(2))) };

    #[test]
    fn all_planes_are_turned_and_mirrored() {
        check(Framing::default(), ["ABCDEF/GHIJKL/MNOPQR/STUVWX", "abc/def", "tuv/wxy"]);
        check(turned(6), ["SMGA/TNHB/UOIC/VPJD/WQKE/XRLF", "da/eb/fc", "wt/xu/yv"]);
        check(turned(3), ["XWVUTS/RQPONM/LKJIHG/FEDCBA", "fed/cba", "yxw/vut"]);
        check(turned(8), ["FLRX/EKQW/DJPV/CIOU/BHNT/AGMS", "cf/be/ad", "vy/ux/tw"]);
        check(turned(2), ["FEDCBA/LKJIHG/RQPONM/XWVUTS", "cba/fed", "vut/yxw"]);
        check(turned(4), ["STUVWX/MNOPQR/GHIJKL/ABCDEF", "def/abc", "wxy/tuv"]);
    }

    #[test]
    fn what_is_cut_is_cut_of_the_turned_picture() {
        let cut = |orientation| Framing { crop: Some(CROP), ..turned(orientation) };
        check(cut(1), ["OP/UV", "e", "x"]);
        check(cut(2), ["PO/VU", "e", "x"]);
        check(cut(3), ["JI/DC", "b", "u"]);
        check(cut(6), ["IC/JD", "b", "u"]);
        check(cut(8), ["PV/OU", "e", "x"]);
    }

    #[test]
    fn per_cents_and_the_middle_are_rounded_to_whole_chroma() {
        let region = |crop: Crop, of: Size| {
            let region = Framing { crop: Some(crop), ..Framing::default() }.region(of);
            region.map(|region| (region.left, region.top, region.size)).map_err(|error| error.to_string())
        };
        let middle = |width, height| Crop { width, height, corner: None };
        let at = |width, height, left, top| Crop { width, height, corner: Some((left, top)) };
        assert_eq!(region(middle(Pixels(320), Pixels(240)), size(640, 480)), Ok((160, 120, size(320, 240))));
        assert_eq!(region(middle(Percent(50.0), Pixels(478)), size(640, 480)), Ok((160, 0, size(320, 478))));
        assert_eq!(region(middle(Percent(0.01), Percent(100.0)), size(640, 480)), Ok((318, 0, size(2, 480))));
        assert_eq!(
            region(at(Percent(33.3), Percent(50.0), Percent(66.7), Percent(50.0)), size(640, 480)),
            Ok((426, 240, size(214, 240)))
        );
        assert_eq!(
            region(at(Percent(50.0), Percent(50.0), Percent(50.1), Pixels(0)), size(640, 480)),
            Err("--crop 50%x50%+50.1%+0 reaches beyond the picture, which is 640x480 where it is cut; make it smaller, or move it inside"
                .to_owned())
        );
        assert!(region(at(Pixels(322), Pixels(2), Pixels(320), Pixels(0)), size(640, 480)).is_err());
        assert!(region(middle(Pixels(u32::MAX - 1), Pixels(2)), size(640, 480)).is_err());
    }
}
