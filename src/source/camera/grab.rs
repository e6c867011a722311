//! One picture after the other from nokhwa. A grabber is made, used and dropped on the capture thread.

use super::{
    convert::Layout,
    error::Failure,
    negotiate::{Choice, Pixels},
    stamp::Stamp,
};
use crate::time::FrameRate;
use bytes::Bytes;
use nokhwa::{
    Camera, NokhwaError,
    utils::{CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType, Resolution},
};

/// What the driver has agreed to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NegotiatedFormat {
    /// The pixel format.
    pub(super) pixels: Pixels,
    /// Pixels across; may be odd.
    pub(super) width: u32,
    /// Pixels down; may be odd.
    pub(super) height: u32,
    /// How a raw picture lies in its buffer.
    pub(super) layout: Layout,
    /// The rate.
    pub(super) rate: FrameRate,
}

impl NegotiatedFormat {
    /// The choice as it is, with rows as tight as they can be.
    pub(super) fn tight(choice: &Choice) -> NegotiatedFormat {
        let (pixels, width) = (choice.pixels, choice.width as usize);
        let stride = if pixels == Pixels::Yuyv { width.next_multiple_of(2) * 2 } else { width };
        let layout = Layout { height: choice.height as usize, stride };
        NegotiatedFormat { pixels, width: choice.width, height: choice.height, layout, rate: choice.rate }
    }
}

/// A buffer of the camera.
pub(super) struct Buffer {
    /// Its bytes; there may be more of them than the picture has.
    pub(super) bytes: Bytes,
    /// When it was captured.
    pub(super) stamp: Option<Stamp>,
}

/// What a look at the camera brings.
pub(super) enum Grabbed {
    /// A buffer.
    Buffer(Buffer),
    /// A buffer that the driver itself calls damaged.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nokhwa does not tell"))]
    Damaged,
    /// Nothing yet.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nokhwa waits for ever"))]
    Nothing,
}

/// A running camera.
pub(super) trait Grab {
    /// Waits for the next buffer; some drivers' libraries for ever.
    fn grab(&mut self) -> Result<Grabbed, Failure>;
}

/// nokhwa's camera. Its `frame` blocks for ever when the camera stalls without being unplugged (no poll time-out is ever set), and its
/// drop may panic: both are why it lives on a thread that can be left behind.
pub(super) struct ThroughNokhwa {
    camera: Camera,
}

impl ThroughNokhwa {
    /// Opens camera `index` with exactly what was agreed; nokhwa has no format for GREY and no rate that is not whole.
    pub(super) fn open(index: u32, agreed: &NegotiatedFormat) -> Result<ThroughNokhwa, Failure> {
        let format = match agreed.pixels {
            Pixels::Mjpeg => FrameFormat::MJPEG,
            Pixels::Yuyv => FrameFormat::YUYV,
            Pixels::Nv12 => FrameFormat::NV12,
            Pixels::Grey => FrameFormat::GRAY,
        };
        let exact = CameraFormat::new(Resolution::new(agreed.width, agreed.height), format, agreed.rate.num / agreed.rate.den);
        let request = RequestedFormat::with_formats(RequestedFormatType::Exact(exact), std::slice::from_ref(&format));
        let mut camera = Camera::new(CameraIndex::Index(index), request).map_err(failure)?;
        camera.open_stream().map_err(failure)?;
        Ok(ThroughNokhwa { camera })
    }
}

impl Grab for ThroughNokhwa {
    fn grab(&mut self) -> Result<Grabbed, Failure> {
        let buffer = self.camera.frame().map_err(failure)?;
        Ok(Grabbed::Buffer(Buffer { bytes: buffer.buffer_bytes(), stamp: buffer.capture_timestamp().map(Stamp::Wall) }))
    }
}

/// nokhwa's errors carry the system's only as text.
pub(super) fn failure(error: NokhwaError) -> Failure {
    Failure::of_text(error)
}
