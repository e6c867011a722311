//! Cameras of Linux, by V4L2: exact lists, and a way in for what nokhwa 0.10.11 cannot open.
//!
//! nokhwa lists metadata and codec nodes as cameras, panics on a node without a number, drops every rate that is not whole, and looks
//! for grey by a FourCC that V4L2 does not have. So the listing is done here, and so is the setting of the format, after which nokhwa
//! finds the camera as it wants it and only has to read it. GREY and rates that are not whole are read directly.

use super::{
    convert::Layout,
    error::{Failure, Holder},
    grab::{Grab, NegotiatedFormat, ThroughNokhwa},
    negotiate::{Choice, Pixels},
};
use crate::{
    source::{Device, DeviceFormat},
    time::FrameRate,
};
use std::{fs, path::Path};
use v4l::{Format, FourCC, Fraction, video::Capture, video::capture::Parameters};

mod controls;
mod direct;
mod list;

pub(super) use controls::{controls, port};
pub(super) use list::devices;

/// What the camera lists; known since it was found, but for one that may not be opened.
pub(super) fn formats(device: &Device) -> Result<Vec<DeviceFormat>, Failure> {
    if device.formats.is_empty() {
        v4l::Device::with_path(&device.path).map_err(|error| Failure::of_io(&error))?;
    }
    Ok(device.formats.clone())
}

/// Sets the format and starts reading.
pub(super) fn grabber(device: &Device, choice: &Choice) -> Result<(NegotiatedFormat, Box<dyn Grab>), Failure> {
    let agreed = agree(&device.path, choice)?;
    if agreed.pixels != Pixels::Grey && agreed.rate.den == 1 {
        match ThroughNokhwa::open(device.index, &agreed) {
            Ok(grabber) => return Ok((agreed, Box::new(grabber))),
            Err(failure) if failure.errno.is_some() => return Err(failure),
            // nokhwa refused what the driver has accepted: it compares in ways of its own.
            Err(failure) => tracing::debug!("nokhwa refuses {}: {}; reading it directly", device.path.display(), failure.text),
        }
    }
    Ok((agreed, Box::new(direct::Direct::open(&device.path)?)))
}

/// Asks the driver for `choice` and takes what it makes of it, but for another pixel format.
fn agree(path: &Path, choice: &Choice) -> Result<NegotiatedFormat, Failure> {
    let failed = |error: std::io::Error| Failure::of_io(&error);
    let device = v4l::Device::with_path(path).map_err(failed)?;
    let fourcc = fourcc(choice.pixels);
    let format = device.set_format(&Format::new(choice.width, choice.height, fourcc)).map_err(failed)?;
    if format.fourcc != fourcc {
        return Err(Failure::said(format!("its driver gives {} instead", format.fourcc)));
    }
    let interval = Fraction::new(choice.rate.den, choice.rate.num);
    // A driver without rates (some capture cards) answers with an error, and gives what its signal has.
    let rate = device.set_params(&Parameters::new(interval)).ok().and_then(|given| rate_of(given.interval));
    let tight = NegotiatedFormat::tight(&Choice { width: format.width, height: format.height, ..choice.clone() });
    let stride = (format.stride as usize).max(tight.layout.stride);
    let layout = Layout { stride, ..tight.layout };
    Ok(NegotiatedFormat { layout, rate: rate.unwrap_or(choice.rate), ..tight })
}

fn fourcc(pixels: Pixels) -> FourCC {
    FourCC::new(match pixels {
        Pixels::Nv12 => b"NV12",
        Pixels::Yuyv => b"YUYV",
        Pixels::Mjpeg => b"MJPG",
        Pixels::Grey => b"GREY",
    })
}

/// Our name of a V4L2 pixel format.
fn pixels_name(fourcc: FourCC) -> String {
    match &fourcc.repr {
        b"MJPG" | b"JPEG" => Pixels::Mjpeg.name().to_owned(),
        repr => String::from_utf8_lossy(repr).trim_end().to_owned(),
    }
}

/// The rate of an interval in seconds, in lowest terms.
fn rate_of(interval: Fraction) -> Option<FrameRate> {
    let (num, den) = (interval.denominator, interval.numerator);
    let (mut a, mut b) = (num, den);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (num > 0 && den > 0).then(|| FrameRate { num: num / a, den: den / a })
}

/// Who has the node open: the first program found in /proc that does. Other users' programs are seen only by root.
pub(super) fn holder(node: &Path) -> Option<Holder> {
    let own = std::process::id();
    let mut holders: Vec<u32> = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| has_open(*pid, node))
        .collect();
    // This program has the node open whenever it asks; another holder says more.
    holders.sort_by_key(|pid| (*pid == own, *pid));
    let pid = *holders.first()?;
    if pid == own {
        return Some(Holder::Ourselves);
    }
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(Holder::Program { name: name.trim().to_owned(), pid })
}

fn has_open(pid: u32, node: &Path) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.into_iter().any(|file| fs::read_link(file.path()).is_ok_and(|target| target == node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_become_rates_in_lowest_terms() {
        let check = |numerator, denominator, expect: Option<(u32, u32)>| {
            let rate = rate_of(Fraction::new(numerator, denominator)).map(|rate| (rate.num, rate.den));
            assert_eq!(rate, expect, "{numerator}/{denominator}");
        };
        check(1, 30, Some((30, 1)));
        check(2, 15, Some((15, 2)));
        check(1001, 30_000, Some((30_000, 1001)));
        check(256, 7680, Some((30, 1)));
        check(0, 30, None);
        check(1, 0, None);
    }

    #[test]
    fn the_holder_of_a_file_is_found() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let path = file.path().canonicalize().expect("a path");
        assert_eq!(holder(&path), Some(Holder::Ourselves));
        let mut other = std::process::Command::new("sleep").arg("60").stdin(file.reopen().expect("again")).spawn().expect("sleep");
        let found = holder(&path);
        other.kill().expect("ends");
        let pid = other.id();
        other.wait().expect("ended");
        assert_eq!(found, Some(Holder::Program { name: "sleep".to_owned(), pid }));
        assert_eq!(holder(Path::new("/nowhere")), None);
    }
}
