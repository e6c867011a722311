//! The cameras that Linux knows, and everything that each lists.

use super::{pixels_name, rate_of};
use crate::source::{Device, DeviceFormat};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};
use v4l::{
    FourCC, Fraction,
    capability::Flags,
    frameinterval::FrameIntervalEnum,
    framesize::{FrameSizeEnum, Stepwise},
    video::Capture,
};

/// Sizes that are listed of a driver that takes any size in steps, beside its smallest and largest.
const USUAL_SIZES: [(u32, u32); 6] = [(320, 240), (640, 360), (640, 480), (1280, 720), (1920, 1080), (3840, 2160)];
/// Rates that are listed of a driver that takes any rate in a range, beside its slowest and fastest.
const USUAL_FPS: [u32; 6] = [60, 50, 30, 25, 15, 10];

/// The cameras, by index.
pub(in super::super) fn devices() -> Vec<Device> {
    let nodes = fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut nodes: Vec<(u32, PathBuf)> = nodes.filter_map(|entry| Some((node_index(&entry.file_name())?, entry.path()))).collect();
    nodes.sort();
    let stable = stable_paths(Path::new("/dev/v4l/by-id"));
    // The v4l crate panics on a driver's text that is no UTF-8 (a long name cut in the middle of a letter).
    let probed = nodes.into_iter().filter_map(|(index, path)| catch_unwind(|| probe(index, path)).ok().flatten());
    probed.map(|device| Device { stable_path: stable.get(&device.path).cloned(), ..device }).collect()
}

/// The number of `videoN`; codec nodes of some boards are `video-dec0`.
fn node_index(name: &OsStr) -> Option<u32> {
    let digits = name.to_str()?.strip_prefix("video")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Where udev's links lead: node → the first link to it by name.
fn stable_paths(links: &Path) -> BTreeMap<PathBuf, PathBuf> {
    let mut links: Vec<PathBuf> = fs::read_dir(links).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    links.sort();
    links.reverse();
    links.into_iter().filter_map(|link| Some((fs::canonicalize(&link).ok()?, link))).collect()
}

/// The camera behind a node, if it is one.
fn probe(index: u32, path: PathBuf) -> Option<Device> {
    let told = |what: &str| fs::read_to_string(format!("/sys/class/video4linux/video{index}/{what}")).ok();
    let name = told("name").map_or_else(|| path.display().to_string(), |name| once(name.trim()).to_owned());
    let formats = match v4l::Device::with_path(&path) {
        // Whether it is a camera cannot be asked; the first node of each is.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && told("index").as_deref().map(str::trim) == Some("0") => {
            Vec::new()
        }
        Err(_) => return None,
        Ok(device) => {
            let able = device.query_caps().ok()?.capabilities;
            if !able.contains(Flags::VIDEO_CAPTURE | Flags::STREAMING)
                || able.intersects(Flags::VIDEO_M2M | Flags::VIDEO_M2M_MPLANE)
            {
                return None;
            }
            catch_unwind(AssertUnwindSafe(|| formats(&device))).unwrap_or_default()
        }
    };
    Some(Device { index, path, stable_path: None, name, formats })
}

/// UVC cameras without an interface name call themselves twice: `HD Webcam: HD Webcam`.
fn once(name: &str) -> &str {
    match name.split_once(": ") {
        Some((first, second)) if first.starts_with(second) => first,
        _ => name,
    }
}

fn formats(device: &v4l::Device) -> Vec<DeviceFormat> {
    let mut formats = Vec::new();
    for description in device.enum_formats().unwrap_or_default() {
        for (width, height) in sizes(device, description.fourcc) {
            let fps = rates(device, description.fourcc, width, height);
            formats.push(DeviceFormat { pixels: pixels_name(description.fourcc), width, height, fps });
        }
    }
    formats
}

fn sizes(device: &v4l::Device, fourcc: FourCC) -> Vec<(u32, u32)> {
    let listed = device.enum_framesizes(fourcc).unwrap_or_default();
    let sizes = listed.into_iter().flat_map(|listed| match listed.size {
        FrameSizeEnum::Discrete(size) => vec![(size.width, size.height)],
        FrameSizeEnum::Stepwise(steps) => stepped(&steps),
    });
    sizes.collect()
}

/// The usual sizes that the steps meet, between the smallest and the largest.
fn stepped(steps: &Stepwise) -> Vec<(u32, u32)> {
    let meets =
        |value: u32, min: u32, max: u32, step: u32| (min..=max).contains(&value) && (value - min).is_multiple_of(step.max(1));
    let usual = USUAL_SIZES.into_iter().filter(|(width, height)| {
        meets(*width, steps.min_width, steps.max_width, steps.step_width)
            && meets(*height, steps.min_height, steps.max_height, steps.step_height)
    });
    let mut sizes: Vec<(u32, u32)> =
        usual.chain([(steps.min_width, steps.min_height), (steps.max_width, steps.max_height)]).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Frames per second, highest first.
fn rates(device: &v4l::Device, fourcc: FourCC, width: u32, height: u32) -> Vec<f64> {
    let fps = |interval: Fraction| rate_of(interval).map(|rate| rate.as_f64());
    let mut rates: Vec<f64> = Vec::new();
    for listed in device.enum_frameintervals(fourcc, width, height).unwrap_or_default() {
        match listed.interval {
            FrameIntervalEnum::Discrete(interval) => rates.extend(fps(interval)),
            FrameIntervalEnum::Stepwise(steps) => {
                // The shortest interval is the fastest rate.
                let (Some(fast), Some(slow)) = (fps(steps.min), fps(steps.max)) else { continue };
                let usual = USUAL_FPS.into_iter().map(f64::from).filter(|usual| (slow..=fast).contains(usual));
                rates.extend(usual.chain([fast, slow]));
            }
        }
    }
    rates.sort_by(|a, b| b.total_cmp(a));
    rates.dedup();
    rates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbered_video_nodes_count() {
        let check = |name: &str, expect: Option<u32>| assert_eq!(node_index(OsStr::new(name)), expect, "{name}");
        check("video0", Some(0));
        check("video12", Some(12));
        for name in ["video", "video-dec0", "videoX", "video0x", "vbi0", "video+1", "video99999999999", "vidéo0"] {
            check(name, None);
        }
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(node_index(OsStr::from_bytes(b"video\xFF")), None);
    }

    #[test]
    fn names_that_are_said_twice_are_said_once() {
        let check = |name: &str, expect: &str| assert_eq!(once(name), expect);
        check("HD Webcam: HD Webcam", "HD Webcam");
        check("HD Pro Webcam C920: HD Pro Webca", "HD Pro Webcam C920");
        check("HD Webcam: IR", "HD Webcam: IR");
        check("vivid", "vivid");
    }

    #[test]
    fn a_driver_of_steps_lists_the_usual_sizes_and_its_ends() {
        let steps = Stepwise { min_width: 48, max_width: 1600, step_width: 16, min_height: 32, max_height: 1200, step_height: 8 };
        assert_eq!(stepped(&steps), [(48, 32), (320, 240), (640, 360), (640, 480), (1280, 720), (1600, 1200)]);
        let fixed = Stepwise { min_width: 720, max_width: 720, step_width: 0, min_height: 576, max_height: 576, step_height: 0 };
        assert_eq!(stepped(&fixed), [(720, 576)]);
    }

    #[test]
    fn stable_paths_lead_from_the_node_to_its_first_link() {
        let dir = tempfile::tempdir().expect("a folder");
        let node = dir.path().canonicalize().expect("a path").join("video0");
        fs::write(&node, "").expect("a node");
        let links = dir.path().join("by-id");
        fs::create_dir(&links).expect("a folder");
        for name in ["b", "a"] {
            std::os::unix::fs::symlink("../video0", links.join(name)).expect("a link");
        }
        std::os::unix::fs::symlink("../gone", links.join("dangling")).expect("a link");
        assert_eq!(stable_paths(&links), BTreeMap::from([(node, links.join("a"))]));
        assert!(stable_paths(Path::new("/nowhere")).is_empty());
    }
}
