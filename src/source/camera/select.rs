//! Which camera is meant by what was typed. Pure.

use super::error::{OR_TEST, listed};
use crate::source::Device;
use std::path::Path;

/// The camera meant by `selector`: its number, its node, its stable path, or a part of its name in any case. `node` is the selector
/// with symbolic links followed, for the paths that udev makes. The error is the whole sentence.
pub fn select<'a>(selector: &str, node: &Path, devices: &'a [Device]) -> Result<&'a Device, String> {
    let missing = |what: String| format!("{what}; {}{OR_TEST}", there_is(devices));
    if let Ok(index) = selector.parse::<u32>() {
        let found = devices.iter().find(|device| device.index == index);
        return found.ok_or_else(|| missing(format!("there is no camera {index}")));
    }
    if selector.starts_with('/') {
        let typed = Path::new(selector);
        let is_it =
            |device: &&Device| [typed, node].contains(&device.path.as_path()) || device.stable_path.as_deref() == Some(typed);
        return devices.iter().find(is_it).ok_or_else(|| missing(format!("{selector} is not a camera")));
    }
    let part = selector.to_lowercase();
    let mut fitting = devices.iter().filter(|device| device.name.to_lowercase().contains(&part));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(missing(format!("no camera has a name with \"{selector}\""))),
        (Some(first), Some(second)) => {
            let all: Vec<&Device> = [first, second].into_iter().chain(fitting).collect();
            Err(format!("\"{selector}\" is in the name of {}; give its number{OR_TEST}", listed(&all)))
        }
    }
}

fn there_is(devices: &[Device]) -> String {
    match devices {
        [] => "there is none on this host, plug one in".to_owned(),
        _ => format!("there is {}", listed(&devices.iter().collect::<Vec<_>>())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const BY_ID: &str = "/dev/v4l/by-id/usb-Sim_0001-video-index0";

    fn device(index: u32, name: &str) -> Device {
        let stable_path = (index == 0).then(|| PathBuf::from(BY_ID));
        Device { index, path: format!("/dev/video{index}").into(), stable_path, name: name.to_owned(), formats: Vec::new() }
    }

    fn check(selector: &str, node: &str, expect: Result<u32, &str>) {
        let devices = [device(0, "HD Webcam"), device(2, "IR Webcam"), device(4, "Capture Card")];
        let got = select(selector, Path::new(node), &devices).map(|device| device.index);
        assert_eq!(got.as_ref().map_err(String::as_str).copied(), expect, "{selector}");
    }

    #[test]
    fn a_camera_is_found_by_number_node_stable_path_and_part_of_its_name() {
        check("2", "2", Ok(2));
        check("/dev/video4", "/dev/video4", Ok(4));
        check(BY_ID, "/dev/video0", Ok(0));
        check("/dev/v4l/by-path/pci-0", "/dev/video2", Ok(2));
        check("capture", "capture", Ok(4));
        check("hd web", "hd web", Ok(0));
    }

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        let all = "there is 0 (HD Webcam), 2 (IR Webcam) or 4 (Capture Card), or try --device test";
        check("1", "1", Err(&format!("there is no camera 1; {all}")));
        check("/dev/video1", "/dev/video1", Err(&format!("/dev/video1 is not a camera; {all}")));
        check("nikon", "nikon", Err(&format!("no camera has a name with \"nikon\"; {all}")));
        let none = select("0", Path::new("0"), &[]).expect_err("none");
        assert_eq!(none, "there is no camera 0; there is none on this host, plug one in, or try --device test");
    }

    #[test]
    fn an_ambiguous_name_lists_those_it_fits() {
        let expect = "\"webcam\" is in the name of 0 (HD Webcam) or 2 (IR Webcam); give its number, or try --device test";
        check("webcam", "webcam", Err(expect));
    }
}
