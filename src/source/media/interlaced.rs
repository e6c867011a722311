//! Interlaced frames as whole ones, before they are scaled: what is scaled first has its fields mixed for good.

use crate::{
    ffmpeg::scaler::{Conversion, Scaler},
    picture::{FieldPlane, Size, deinterlace},
};
use ffmpeg_next::{Error, color, format::Pixel, frame};
use std::mem;

/// What takes interlaced frames in a row.
pub(super) struct Deinterlacer {
    /// The frame before, as planes of bytes.
    before: Option<frame::Video>,
    whole: frame::Video,
    scaler: Option<Scaler>,
}

impl Deinterlacer {
    pub(super) fn new() -> Deinterlacer {
        Deinterlacer { before: None, whole: frame::Video::empty(), scaler: None }
    }

    /// A whole frame stands between: what was before is long ago.
    pub(super) fn forget(&mut self) {
        self.before = None;
    }

    /// The frame without its second field, and how it is to be converted from there. `decoded` is kept, and left empty.
    pub(super) fn run(&mut self, decoded: &mut frame::Video, conversion: Conversion) -> Result<(&frame::Video, Conversion), Error> {
        let first = usize::from(!decoded.is_top_first());
        let taken = mem::replace(decoded, frame::Video::empty());
        let (now, conversion) = if is_planar(conversion.pixels) { (taken, conversion) } else { self.planar(&taken, conversion)? };
        let shape = |frame: &frame::Video| (frame.format(), frame.width(), frame.height());
        if shape(&self.whole) != shape(&now) {
            self.whole = frame::Video::new(now.format(), now.width(), now.height());
        }
        let before = self.before.take().filter(|before| shape(before) == shape(&now));
        for index in 0..now.planes() {
            let plane = |frame: &'_ frame::Video| (frame.stride(index), frame.plane_height(index) as usize);
            let (stride, height) = plane(&self.whole);
            let width = self.whole.plane_width(index) as usize;
            let field = |bytes, stride| FieldPlane { bytes, stride };
            let before = before.as_ref().map(|before| field(before.data(index), before.stride(index)));
            let planes = (before, field(now.data(index), now.stride(index)));
            deinterlace(planes, (self.whole.data_mut(index), stride), (width, height), first);
        }
        self.before = Some(now);
        Ok((&self.whole, conversion))
    }

    /// The same picture in planes of bytes. Where its chroma has half the rows, that of the two fields is mixed a little.
    fn planar(&mut self, taken: &frame::Video, conversion: Conversion) -> Result<(frame::Video, Conversion), Error> {
        let (width, height) = (taken.width() & !1, taken.height() & !1);
        let to = Size::new(width, height).ok_or(Error::InvalidData)?;
        let made_for = Conversion { to, ..conversion };
        let scaler = match self.scaler.take().filter(|scaler| scaler.made_for() == made_for) {
            Some(scaler) => scaler,
            None => Scaler::new(made_for)?,
        };
        let mut planar = frame::Video::new(Pixel::YUV420P, width, height);
        self.scaler.insert(scaler).run(taken, &mut planar)?;
        let (space, is_full) = (color::Space::SMPTE170M, conversion.gives_full);
        Ok((planar, Conversion { pixels: Pixel::YUV420P, from: (width, height), space, is_full, ..conversion }))
    }
}

/// Whether each plane has a byte for each sample.
fn is_planar(pixels: Pixel) -> bool {
    matches!(
        pixels,
        Pixel::YUV420P
            | Pixel::YUVJ420P
            | Pixel::YUV422P
            | Pixel::YUVJ422P
            | Pixel::YUV444P
            | Pixel::YUVJ444P
            | Pixel::YUV411P
            | Pixel::YUV410P
            | Pixel::GRAY8
    )
}
