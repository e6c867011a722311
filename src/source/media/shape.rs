//! From a decoded frame to a [`Picture`]: square pixels, upright, BT.601 in limited range, in one conversion by FFmpeg's scaler.

use super::{input::display_matrix, interlaced::Deinterlacer};
use crate::{
    ffmpeg::scaler::{Conversion, Scaler},
    picture::{Picture, PicturePool, Rotation, SIDE_MAX, Size},
    time::Ticks,
};
use ffmpeg_next::{Error, Rational, color, format::Pixel, frame};

/// Pixels this many times as wide as high, or more, are a broken header; anamorphic film has 2.
const PIXEL_ASPECT_MAX: i64 = 8;

/// How the stored pictures of a file are to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Display {
    /// Width of a pixel by its height, as the container says; 0 where it does not.
    pub(super) pixel_aspect: Rational,
    /// How it is turned.
    pub(super) turn: Rotation,
}

/// Makes pictures of decoded frames.
pub(super) struct Shaper {
    display: Display,
    deinterlacer: Deinterlacer,
    scaler: Option<Scaler>,
    scaled: frame::Video,
}

impl Shaper {
    pub(super) fn new(display: Display) -> Shaper {
        Shaper { display, deinterlacer: Deinterlacer::new(), scaler: None, scaled: frame::Video::empty() }
    }

    /// Whether the container has its pictures turned, or made wider or higher.
    pub(super) fn changes(&self) -> bool {
        let Rational(across, down) = self.display.pixel_aspect;
        self.display.turn != Rotation::default() || (across > 0 && down > 0 && across != down)
    }

    /// The size of the picture that becomes of this frame; `None` if there can be none.
    pub(super) fn size(&self, decoded: &frame::Video) -> Option<Size> {
        let size = self.stored_size(decoded)?;
        let (width, height) = self.rotation(decoded).sides((size.width() as u32, size.height() as u32));
        Size::new(width, height)
    }

    /// The frame as a picture at `at`. It may be kept, and left empty.
    pub(super) fn shape(&mut self, decoded: &mut frame::Video, at: Ticks, pool: &PicturePool) -> Result<Picture, String> {
        let unfit = || format!("a picture of {}x{}", decoded.width(), decoded.height());
        let (size, stored) = (self.size(decoded).ok_or_else(unfit)?, self.stored_size(decoded).ok_or_else(unfit)?);
        let turn = self.rotation(decoded);
        let mut picture = pool.take(size, at);
        // An odd last row or column is left out.
        let cropped = (decoded.width() & !1, decoded.height() & !1);
        if cropped == (stored.width() as u32, stored.height() as u32) {
            decoded.set_width(cropped.0);
            decoded.set_height(cropped.1);
        }
        let conversion = Conversion {
            pixels: decoded.format(),
            from: (decoded.width(), decoded.height()),
            to: stored,
            space: matrix(decoded.color_space()),
            is_full: is_full(decoded),
            gives_full: false,
        };
        let Shaper { deinterlacer, scaler, scaled, .. } = self;
        let (whole, conversion) = if decoded.is_interlaced() {
            deinterlacer.run(decoded, conversion).map_err(|error| error.to_string())?
        } else {
            deinterlacer.forget();
            (&*decoded, conversion)
        };
        if conversion.changes_nothing() {
            copy_planes(whole, &mut picture, turn);
        } else {
            scale(whole, conversion, (scaler, scaled)).map_err(|error| error.to_string())?;
            copy_planes(scaled, &mut picture, turn);
        }
        Ok(picture)
    }

    /// The size with square pixels, before the turn. Nothing of the picture is lost: the shorter side of a pixel grows.
    fn stored_size(&self, decoded: &frame::Video) -> Option<Size> {
        let (width, height) = (i64::from(decoded.width()), i64::from(decoded.height()));
        let Rational(across, down) = self.pixel_aspect(decoded);
        let (across, down) = (i64::from(across), i64::from(down));
        let grown = |side: i64, times: i64, by: i64| ((side * times + by) / (2 * by)) * 2;
        let (width, height) = match (across, down) {
            (across, down) if across == down => (width & !1, height & !1),
            (across, down) if across > down => (grown(width, across, down), height & !1),
            (across, down) => (width & !1, grown(height, down, across)),
        };
        // What would be too large is shown as it is stored.
        let fits = |side: i64| u32::try_from(side).ok().filter(|side| *side <= SIDE_MAX);
        match (fits(width), fits(height)) {
            (Some(width), Some(height)) => Size::new(width, height),
            _ => Size::new(decoded.width() & !1, decoded.height() & !1),
        }
    }

    fn pixel_aspect(&self, decoded: &frame::Video) -> Rational {
        let is_believable = |Rational(across, down): &Rational| {
            let (across, down) = (i64::from(*across), i64::from(*down));
            across > 0 && down > 0 && across < down * PIXEL_ASPECT_MAX && down < across * PIXEL_ASPECT_MAX
        };
        // The container's word goes over the codec's, as in av_guess_sample_aspect_ratio.
        [self.display.pixel_aspect, decoded.aspect_ratio()].into_iter().find(is_believable).unwrap_or(Rational(1, 1))
    }

    fn rotation(&self, decoded: &frame::Video) -> Rotation {
        if self.display.turn != Rotation::default() {
            return self.display.turn;
        }
        // H.264 and H.265 may say it themselves, from picture to picture (SEI display orientation).
        if let Some(said) = decoded.side_data(frame::side_data::Type::DisplayMatrix) {
            return display_matrix(said.data());
        }
        let noted = decoded.metadata().get("Orientation").and_then(|noted| noted.trim().parse().ok());
        Rotation::of_exif(noted.unwrap_or_default())
    }
}

/// Scales a frame with a scaler that is made where the last one does not fit.
fn scale(
    from: &frame::Video,
    conversion: Conversion,
    (scaler, scaled): (&mut Option<Scaler>, &mut frame::Video),
) -> Result<(), Error> {
    let fitting = match scaler.take().filter(|scaler| scaler.made_for() == conversion) {
        Some(scaler) => scaler,
        None => {
            let (width, height) = (conversion.to.width() as u32, conversion.to.height() as u32);
            *scaled = frame::Video::new(Pixel::YUV420P, width, height);
            Scaler::new(conversion)?
        }
    };
    scaler.insert(fitting).run(from, scaled)
}

/// The matrix of the picture, one that the scaler knows. What says nothing is BT.601, as to FFmpeg itself.
fn matrix(space: color::Space) -> color::Space {
    use color::Space;
    match space {
        Space::BT709 | Space::FCC | Space::SMPTE240M | Space::BT2020NCL => space,
        Space::BT2020CL => Space::BT2020NCL,
        _ => Space::SMPTE170M,
    }
}

/// Whether all values are used, 0 to 255.
fn is_full(decoded: &frame::Video) -> bool {
    match decoded.color_range() {
        color::Range::JPEG => true,
        color::Range::MPEG => false,
        color::Range::Unspecified => matches!(
            decoded.format(),
            Pixel::YUVJ420P
                | Pixel::YUVJ422P
                | Pixel::YUVJ444P
                | Pixel::YUVJ440P
                | Pixel::YUVJ411P
                | Pixel::GRAY8
                | Pixel::GRAY16LE
                | Pixel::GRAY16BE
                | Pixel::YA8
        ),
    }
}

/// Copies the planes of a 4:2:0 frame, at least as large as the picture, honouring its strides.
fn copy_planes(from: &frame::Video, to: &mut Picture, turn: Rotation) {
    let (width, height) = (to.size().width(), to.size().height());
    let planes = to.planes_mut();
    for (index, (plane, half)) in [(planes.y, 0), (planes.u, 1), (planes.v, 1)].into_iter().enumerate() {
        turn.copy_plane(from.data(index), from.stride(index), plane, (width >> half, height >> half));
    }
}
