//! FFmpeg's scaler with the colours said: from any format, matrix and range to planar 4:2:0 in BT.601.
//!
//! The safe form in ffmpeg-next knows neither matrix nor range, and a range that is said after the scaler was made comes too late: it has
//! chosen to copy by then.

use crate::picture::Size;
use ffmpeg_next::{Error, color, ffi, format::Pixel, frame};
use std::ptr::{self, NonNull};

/// 1 in the fixed point of the scaler's contrast and saturation.
const ONE: i32 = 1 << 16;

/// What a scaler is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conversion {
    /// The format it takes.
    pub(crate) pixels: Pixel,
    /// Width and height that it takes.
    pub(crate) from: (u32, u32),
    /// The size that it gives.
    pub(crate) to: Size,
    /// The matrix of what it takes.
    pub(crate) space: color::Space,
    /// What it takes uses all values, 0 to 255.
    pub(crate) is_full: bool,
    /// What it gives uses all values, as JPEG does, or 16 to 235, as video.
    pub(crate) gives_full: bool,
}

impl Conversion {
    /// Whether what goes in would come out.
    pub(crate) fn changes_nothing(&self) -> bool {
        let same_size = self.from == (self.to.width() as u32, self.to.height() as u32);
        self.pixels == Pixel::YUV420P && same_size && self.is_full == self.gives_full && self.space == color::Space::SMPTE170M
    }
}

/// A scaler for one conversion.
pub(crate) struct Scaler {
    context: NonNull<ffi::SwsContext>,
    made_for: Conversion,
}

#[expect(unsafe_code, reason = "the context is not tied to a thread, and ffmpeg-next's own type of it cannot be made from one")]
// SAFETY: the context is owned by this value alone, and libswscale keeps nothing of the thread that made it.
unsafe impl Send for Scaler {}

impl Scaler {
    pub(crate) fn new(made_for: Conversion) -> Result<Scaler, Error> {
        let Conversion { pixels, from, to, space, is_full, gives_full } = made_for;
        #[expect(unsafe_code, reason = "ffmpeg-next has no safe form of a scaler with colours")]
        // SAFETY: the allocation is checked, and is freed by the Scaler that owns it from then on. Each option is set by its name, a C string,
        // and is a number. The tables of coefficients are static, and are copied.
        unsafe {
            let scaler = Scaler { context: NonNull::new(ffi::sws_alloc_context()).ok_or(Error::InvalidData)?, made_for };
            let context = scaler.context.as_ptr();
            let flags = ffi::SWS_BILINEAR as i64 | ffi::SWS_ACCURATE_RND as i64;
            for (name, value) in [
                (c"srcw", i64::from(from.0)),
                (c"srch", i64::from(from.1)),
                (c"src_format", i64::from(ffi::AVPixelFormat::from(pixels) as i32)),
                (c"src_range", i64::from(is_full)),
                (c"dstw", to.width() as i64),
                (c"dsth", to.height() as i64),
                (c"dst_format", i64::from(ffi::AVPixelFormat::from(Pixel::YUV420P) as i32)),
                (c"dst_range", i64::from(gives_full)),
                (c"sws_flags", flags),
            ] {
                check(ffi::av_opt_set_int(context.cast(), name.as_ptr(), value, 0))?;
            }
            check(ffi::sws_init_context(context, ptr::null_mut(), ptr::null_mut()))?;
            let coefficients = |space: color::Space| ffi::sws_getCoefficients(ffi::AVColorSpace::from(space) as i32);
            let (from, to) = (coefficients(space), coefficients(color::Space::SMPTE170M));
            // Refused for what has no matrix, and needs none.
            ffi::sws_setColorspaceDetails(context, from, i32::from(is_full), to, i32::from(gives_full), 0, ONE, ONE);
            Ok(scaler)
        }
    }

    /// What it was made for.
    pub(crate) fn made_for(&self) -> Conversion {
        self.made_for
    }

    /// Converts a frame of the format and size that it was made for, into one of the size that it gives.
    pub(crate) fn run(&mut self, from: &frame::Video, to: &mut frame::Video) -> Result<(), Error> {
        let Conversion { pixels, from: size, to: scaled, .. } = self.made_for;
        let fits_in = (from.format(), from.width(), from.height()) == (pixels, size.0, size.1);
        let fits_out =
            (to.format(), to.width() as usize, to.height() as usize) == (Pixel::YUV420P, scaled.width(), scaled.height());
        if !fits_in || !fits_out {
            return Err(Error::InputChanged);
        }
        #[expect(unsafe_code, reason = "ffmpeg-next has no safe form of sws_scale without its own context")]
        // SAFETY: both frames live through the call and are of the formats and sizes that the context was made for, which was just looked at;
        // `to` is this caller's alone, for it is borrowed mutably and was made by `frame::Video::new`.
        let rows = unsafe {
            let (from, to) = (from.as_ptr(), to.as_mut_ptr());
            ffi::sws_scale(
                self.context.as_ptr(),
                (*from).data.as_ptr().cast(),
                (*from).linesize.as_ptr(),
                0,
                size.1 as i32,
                (*to).data.as_ptr(),
                (*to).linesize.as_ptr(),
            )
        };
        check(rows)
    }
}

impl Drop for Scaler {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "what was allocated above is freed")]
        // SAFETY: the context is owned by this value, and nobody uses it after this.
        unsafe {
            ffi::sws_freeContext(self.context.as_ptr());
        }
    }
}

fn check(result: i32) -> Result<(), Error> {
    if result < 0 { Err(Error::from(result)) } else { Ok(()) }
}
