//! Opening a camera: find it, choose a format, start it, and say in one sentence why not.

use super::{
    capture::{self, Capture, Inbox},
    error::{Failure, Kind, OR_TEST, called, cannot_open},
    feed::CameraSource,
    grab::NegotiatedFormat,
    negotiate::{Choice, Pixels, negotiate, only_mjpeg},
    platform,
    select::{select, select_again},
};
use crate::{
    picture::PicturePool,
    source::{
        Device, DeviceFormat, FormatRequest, OpenError, Source,
        control::{Control, PortError},
    },
    time::Clock,
};
use std::{path::PathBuf, sync::Arc};

/// The cameras of this host, by index. Metadata and codec nodes are not among them. Takes milliseconds; no camera is started.
/// One that may not be opened is listed without formats.
pub fn devices() -> Vec<Device> {
    platform::devices()
}

/// The controls of a camera, as they are now; it is not started for that.
pub fn controls(device: &Device) -> Result<Vec<Control>, PortError> {
    platform::controls(device)
}

/// Opens the camera that `selector` means (its index, its node, its `/dev/v4l/by-id/…` path, or a part of its name in any case) with the
/// format nearest to `request`, and waits for its first picture: up to 8 s for a camera that does not answer. Pictures are stamped with
/// their capture time on `clock`, and lie in buffers of `pool`.
///
/// [`Source::format`] then says what was chosen and why.
pub fn open(
    selector: &str,
    request: FormatRequest,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
) -> Result<Box<dyn Source>, OpenError> {
    opener(selector, request, clock, pool)()
}

/// Opens a camera as [`open`] does, and then the same one again, whatever number it has by then.
pub fn opener(
    selector: &str,
    request: FormatRequest,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
) -> impl FnMut() -> Result<Box<dyn Source>, OpenError> + Send + use<> {
    let (selector, mut known, mut has_told) = (selector.to_owned(), None::<Device>, false);
    move || {
        let all = devices();
        let node = std::fs::canonicalize(&selector).unwrap_or_else(|_| PathBuf::from(&selector));
        let device = match &known {
            None => select(&selector, &node, &all),
            Some(known) => select_again(known, (&selector, &node), &all),
        };
        let device = device.map_err(|why| {
            // A camera is there, and is not taken: who has plugged it in wants to know why.
            if known.is_some() && !has_told && select(&selector, &node, &all).is_ok() {
                tracing::warn!("{why}");
                has_told = true;
            }
            OpenError(why)
        })?;
        has_told = false;
        let source = open_device((device, &all), request, (clock.clone(), pool.clone()))?;
        // One that is there before udev has given it its stable path is known by its name until it is opened again.
        known.get_or_insert_with(|| device.clone());
        Ok(source)
    }
}

fn open_device(
    (device, all): (&Device, &[Device]),
    request: FormatRequest,
    (clock, pool): (Arc<dyn Clock>, PicturePool),
) -> Result<Box<dyn Source>, OpenError> {
    let refused = |wanted: &str, failure: &Failure| {
        let holder = if failure.kind() == Kind::Busy { platform::holder(&device.path) } else { None };
        OpenError(cannot_open(device, wanted, failure, holder.as_ref(), all))
    };
    let formats = platform::formats(device).map_err(|failure| refused("any format", &failure))?;
    let choose = |formats: &[DeviceFormat]| {
        let unusable = |clause: String| OpenError(format!("{} cannot be used: {clause}{OR_TEST}", called(device)));
        negotiate(formats, request).map_err(unusable)
    };
    let mut choice = choose(&formats)?;
    let mut started = capture::start(device, &choice, clock.clone());
    if let Err(failure) = &started
        && let Some(smaller) = less_bandwidth(failure, &choice, &formats, request)
    {
        choice = smaller;
        started = capture::start(device, &choice, clock.clone());
    }
    let (agreed, inbox, capture) = started.map_err(|failure| refused(&wanted(&choice), &failure))?;
    source(device, agreed, choice.reason, (inbox, capture), (clock, pool))
}

/// MJPEG instead of the raw format for which the bus has no room.
fn less_bandwidth(failure: &Failure, choice: &Choice, formats: &[DeviceFormat], request: FormatRequest) -> Option<Choice> {
    if failure.kind() != Kind::NoBandwidth || choice.pixels == Pixels::Mjpeg {
        return None;
    }
    let mut smaller = negotiate(&only_mjpeg(formats), request).ok()?;
    smaller.reason = format!("{}, for the USB bus has no room for {}", smaller.reason, choice.pixels.name());
    Some(smaller)
}

fn source(
    device: &Device,
    agreed: NegotiatedFormat,
    reason: String,
    (inbox, capture): (Inbox, Capture),
    with: (Arc<dyn Clock>, PicturePool),
) -> Result<Box<dyn Source>, OpenError> {
    Ok(Box::new(CameraSource::new(device, agreed, reason, inbox, Some(capture), with)?))
}

fn wanted(choice: &Choice) -> String {
    format!("{} {}x{} at {} fps", choice.pixels.name(), choice.width, choice.height, choice.rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_is_not_there_is_one_sentence() {
        let clock = Arc::new(crate::time::SystemClock::start());
        let Err(OpenError(said)) = open("/dev/video999", FormatRequest::default(), clock, PicturePool::default()) else {
            panic!("there is no such camera");
        };
        assert!(said.starts_with("/dev/video999 is not a camera; ") && said.ends_with(", or try --device test"), "{said}");
    }

    #[test]
    fn a_full_bus_is_tried_again_with_mjpeg_only() {
        let format = |pixels: &str| DeviceFormat { pixels: pixels.to_owned(), width: 640, height: 480, fps: vec![30.0] };
        let formats = [format("YUYV"), format("MJPEG")];
        let choice = negotiate(&formats, FormatRequest::default()).expect("a choice");
        let full = Failure { errno: Some(28), text: String::new() };
        let smaller = less_bandwidth(&full, &choice, &formats, FormatRequest::default()).expect("MJPEG");
        assert_eq!(
            smaller.reason,
            "640x480 as asked, 30 fps as asked, MJPEG is all there is, for the USB bus has no room for YUYV"
        );
        assert_eq!(less_bandwidth(&full, &smaller, &formats, FormatRequest::default()), None);
        assert_eq!(less_bandwidth(&Failure::said("other"), &choice, &formats, FormatRequest::default()), None);
        assert_eq!(less_bandwidth(&full, &choice, &formats[..1], FormatRequest::default()), None);
    }
}
