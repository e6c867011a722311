//! One picture: planar YUV 4:2:0, 8 bit, BT.601 limited range, from a pool of buffers.
//!
//! The whole pipeline works on this shape; nothing on the hot path is RGB.
//! A picture is shared by `Arc` between the encoder and the detector, and copied only by the one that draws on it.

mod area;
mod deinterlace;
pub(crate) mod fit;
mod framing;
pub mod mask;
mod rotation;
pub mod strip;

pub use area::{Area, BoundingBox, KeepClear};
pub(crate) use area::{Colour, clear_corner, fill};
pub use deinterlace::{FieldPlane, deinterlace};
pub use fit::fit;
pub use framing::{Crop, CropError, Framing};
pub use rotation::Rotation;

use crate::{sync::lock, time::Ticks};
use std::{
    fmt,
    sync::{Arc, Mutex},
};

/// Widest and highest picture that is accepted: 8K. A larger number in a file's header is damage or malice.
pub const SIDE_MAX: u32 = 8192;

/// Luma of black in limited range (BT.601, 16).
pub const LUMA_BLACK: u8 = 16;
/// Luma of white in limited range (BT.601, 235).
pub const LUMA_WHITE: u8 = 235;
/// Chroma of grey.
pub const CHROMA_NEUTRAL: u8 = 128;

/// Width and height in pixels; both even and from 2 to [`SIDE_MAX`], for 4:2:0 halves them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    width: u32,
    height: u32,
}

impl Size {
    /// A size, if both sides are even and in range.
    pub fn new(width: u32, height: u32) -> Option<Size> {
        let fits = |side: u32| (2..=SIDE_MAX).contains(&side) && side.is_multiple_of(2);
        (fits(width) && fits(height)).then_some(Size { width, height })
    }

    /// Pixels across.
    pub fn width(self) -> usize {
        self.width as usize
    }

    /// Pixels down.
    pub fn height(self) -> usize {
        self.height as usize
    }

    /// Bytes of the luma plane.
    pub fn luma_len(self) -> usize {
        self.width() * self.height()
    }

    /// Bytes of one chroma plane.
    pub fn chroma_len(self) -> usize {
        self.luma_len() / 4
    }

    /// Bytes of the three planes.
    pub fn picture_len(self) -> usize {
        self.luma_len() + 2 * self.chroma_len()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl fmt::Debug for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A picture and the moment it was captured. Planes are tight: luma stride = width, chroma stride = width / 2.
pub struct Picture {
    /// When it was captured, on the stream's monotonic clock.
    pub at: Ticks,
    size: Size,
    /// Y, then U, then V.
    bytes: Vec<u8>,
    home: Option<Arc<FreeBuffers>>,
}

/// The three planes of a picture, to read.
#[derive(Clone, Copy)]
pub struct Planes<'a> {
    /// Luma, `width × height`.
    pub y: &'a [u8],
    /// Blue difference, `width/2 × height/2`.
    pub u: &'a [u8],
    /// Red difference, `width/2 × height/2`.
    pub v: &'a [u8],
}

/// The three planes of a picture, to write.
pub struct PlanesMut<'a> {
    /// Luma, `width × height`.
    pub y: &'a mut [u8],
    /// Blue difference, `width/2 × height/2`.
    pub u: &'a mut [u8],
    /// Red difference, `width/2 × height/2`.
    pub v: &'a mut [u8],
}

impl Picture {
    /// A black picture without a pool; for tests and for the rare picture.
    pub fn black(size: Size, at: Ticks) -> Picture {
        let mut picture = Picture { at, size, bytes: vec![0; size.picture_len()], home: None };
        picture.fill_black();
        picture
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The planes, to read.
    pub fn planes(&self) -> Planes<'_> {
        let (y, chroma) = self.bytes.split_at(self.size.luma_len());
        let (u, v) = chroma.split_at(self.size.chroma_len());
        Planes { y, u, v }
    }

    /// The planes, to write.
    pub fn planes_mut(&mut self) -> PlanesMut<'_> {
        let (y, chroma) = self.bytes.split_at_mut(self.size.luma_len());
        let (u, v) = chroma.split_at_mut(self.size.chroma_len());
        PlanesMut { y, u, v }
    }

    /// Y, U and V one after the other, as `rawvideo` yuv420p is laid out.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As [`Picture::as_bytes`], to write.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Makes every pixel black.
    pub fn fill_black(&mut self) {
        let planes = self.planes_mut();
        planes.y.fill(LUMA_BLACK);
        planes.u.fill(CHROMA_NEUTRAL);
        planes.v.fill(CHROMA_NEUTRAL);
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.put_back(std::mem::take(&mut self.bytes));
        }
    }
}

/// Debug prints the shape, not the pixels.
impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} at {})", self.size, self.at.0)
    }
}

/// Buffers kept for reuse by one pool: enough for those in flight between capture, detector and encoder.
const POOL_BUFFERS_MAX: usize = 8;

/// A pool of picture buffers. Cloning shares it. Taking never blocks: an empty pool allocates.
#[derive(Clone, Debug, Default)]
pub struct PicturePool {
    free_buffers: Arc<FreeBuffers>,
}

#[derive(Default)]
struct FreeBuffers {
    free: Mutex<Vec<Vec<u8>>>,
}

impl fmt::Debug for FreeBuffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreeBuffers")
    }
}

impl PicturePool {
    /// A picture whose pixels are whatever the buffer last held; the caller writes all of them.
    pub fn take(&self, size: Size, at: Ticks) -> Picture {
        let mut bytes = lock(&self.free_buffers.free).pop().unwrap_or_default();
        bytes.resize(size.picture_len(), 0);
        Picture { at, size, bytes, home: Some(self.free_buffers.clone()) }
    }

    /// A copy of `picture` in a buffer of this pool.
    pub fn copy(&self, picture: &Picture) -> Picture {
        let mut copy = self.take(picture.size, picture.at);
        copy.bytes.copy_from_slice(&picture.bytes);
        copy
    }
}

impl FreeBuffers {
    fn put_back(&self, bytes: Vec<u8>) {
        let mut free = lock(&self.free);
        // A buffer of another size than its neighbours belongs to a camera that has changed its format.
        if free.len() < POOL_BUFFERS_MAX && free.first().is_none_or(|first| first.len() == bytes.len()) {
            free.push(bytes);
        } else if free.first().is_some_and(|first| first.len() != bytes.len()) {
            free.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_or_absurd_sizes_are_refused() {
        assert!(Size::new(640, 480).is_some());
        for (width, height) in [(0, 480), (641, 480), (640, 0), (640, 481), (SIDE_MAX + 2, 480)] {
            assert!(Size::new(width, height).is_none(), "{width}x{height}");
        }
    }

    #[test]
    fn planes_are_where_they_should_be() {
        let size = Size::new(4, 2).expect("even");
        let mut picture = Picture::black(size, Ticks(0));
        picture.planes_mut().u.fill(1);
        picture.planes_mut().v.fill(2);
        assert_eq!(picture.as_bytes(), [16, 16, 16, 16, 16, 16, 16, 16, 1, 1, 2, 2]);
    }

    #[test]
    fn a_dropped_picture_gives_its_buffer_back() {
        let (pool, size) = (PicturePool::default(), Size::new(64, 48).expect("even"));
        let first = pool.take(size, Ticks(0));
        let address = first.as_bytes().as_ptr();
        drop(first);
        assert_eq!(pool.take(size, Ticks(1)).as_bytes().as_ptr(), address);
    }

    #[test]
    fn the_pool_keeps_a_bounded_number_of_buffers_of_one_size() {
        let (pool, size) = (PicturePool::default(), Size::new(64, 48).expect("even"));
        let many: Vec<_> = (0..20).map(|n| pool.take(size, Ticks(n))).collect();
        drop(many);
        assert_eq!(lock(&pool.free_buffers.free).len(), POOL_BUFFERS_MAX);
        drop(pool.take(Size::new(32, 48).expect("even"), Ticks(0)));
        assert!(lock(&pool.free_buffers.free).len() < POOL_BUFFERS_MAX);
    }
}
