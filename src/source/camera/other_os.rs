//! Cameras of macOS and Windows, through nokhwa alone.
//!
//! A camera's formats are known only when it is open, so it is opened once to list them, in whatever format, and again in the one chosen.

use super::{
    error::{Failure, Holder},
    grab::{Grab, NegotiatedFormat, ThroughNokhwa, failure},
    negotiate::{Choice, Pixels},
};
use crate::source::{
    Device, DeviceFormat,
    control::{Control, ControlPort, PortError},
};
use nokhwa::{
    Camera, query,
    utils::{ApiBackend, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType},
};
use std::{
    panic::catch_unwind,
    path::{Path, PathBuf},
    sync::Arc,
};

const FORMATS: [FrameFormat; 6] =
    [FrameFormat::MJPEG, FrameFormat::YUYV, FrameFormat::NV12, FrameFormat::GRAY, FrameFormat::RAWRGB, FrameFormat::RAWBGR];

/// The cameras, by index, without their formats: to list those would switch every camera on.
pub(super) fn devices() -> Vec<Device> {
    let found = catch_unwind(|| query(ApiBackend::Auto)).ok().and_then(Result::ok).unwrap_or_default();
    let device = |index: u32, name: String| Device {
        index,
        path: PathBuf::from(index.to_string()),
        stable_path: None,
        name,
        formats: Vec::new(),
    };
    let mut devices: Vec<Device> =
        found.iter().filter_map(|info| Some(device(info.index().as_index().ok()?, info.human_name()))).collect();
    devices.sort_by_key(|device| device.index);
    devices
}

/// What the camera lists.
pub(super) fn formats(device: &Device) -> Result<Vec<DeviceFormat>, Failure> {
    let index = device.index;
    let listed = catch_unwind(|| {
        let request = RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS);
        Camera::new(CameraIndex::Index(index), request).and_then(|mut camera| camera.compatible_camera_formats())
    });
    let listed = listed.map_err(|_| Failure::said("its driver's library has failed"))?.map_err(failure)?;
    let mut formats: Vec<DeviceFormat> = Vec::new();
    for listed in listed {
        let pixels = match listed.format() {
            FrameFormat::MJPEG => Pixels::Mjpeg.name(),
            FrameFormat::YUYV => Pixels::Yuyv.name(),
            FrameFormat::NV12 => Pixels::Nv12.name(),
            FrameFormat::GRAY => Pixels::Grey.name(),
            FrameFormat::RAWRGB => "RGB3",
            FrameFormat::RAWBGR => "BGR3",
        };
        let (width, height, fps) = (listed.width(), listed.height(), f64::from(listed.frame_rate()));
        let known =
            formats.iter_mut().find(|format| (format.pixels.as_str(), format.width, format.height) == (pixels, width, height));
        match known {
            Some(format) => format.fps.push(fps),
            None => formats.push(DeviceFormat { pixels: pixels.to_owned(), width, height, fps: vec![fps] }),
        }
    }
    for format in &mut formats {
        format.fps.sort_by(|a, b| b.total_cmp(a));
        format.fps.dedup();
    }
    Ok(formats)
}

/// Opens the camera with the choice.
pub(super) fn grabber(device: &Device, choice: &Choice) -> Result<(NegotiatedFormat, Box<dyn Grab>), Failure> {
    let agreed = NegotiatedFormat::tight(choice);
    Ok((agreed, Box::new(ThroughNokhwa::open(device.index, &agreed)?)))
}

/// These systems do not tell.
pub(super) fn holder(_node: &Path) -> Option<Holder> {
    None
}

/// None can be set yet.
pub(super) fn controls(_device: &Device) -> Result<Vec<Control>, PortError> {
    Ok(Vec::new())
}

/// None can be set yet.
pub(super) fn port(_device: &Device) -> Option<Arc<dyn ControlPort>> {
    None
}
