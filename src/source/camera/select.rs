//! Which camera is meant by what was typed. Pure.

use super::error::{OR_TEST, called, listed, shortened};
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

/// The camera that is to be opened again: the one that was opened first, `known`, whatever number it has now. One without a stable path is
/// known by its name, and where none has that, what `selector` means is taken. Another camera in its place is not taken where the two can be
/// told apart: its pictures would be shown under the name of the first.
pub fn select_again<'a>(known: &Device, (selector, node): (&str, &Path), devices: &'a [Device]) -> Result<&'a Device, String> {
    let is_known = |device: &&Device| match &known.stable_path {
        Some(path) => device.stable_path.as_ref() == Some(path),
        None => device.name == known.name,
    };
    let mut fitting = devices.iter().filter(is_known);
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => return Ok(only),
        // Of several of one name the one in its place is the best guess.
        (Some(first), Some(_)) => return Ok(select(selector, node, devices).ok().filter(|it| is_known(it)).unwrap_or(first)),
        (None, _) => {}
    }
    let found = select(selector, node, devices)?;
    // udev makes the stable path a moment after the node.
    let may_be_it = known.stable_path.is_none() || (found.stable_path.is_none() && found.name == known.name);
    if may_be_it {
        return Ok(found);
    }
    let (is, was) = (called(found), shortened(&known.name));
    Err(format!("{is} is another camera than the {was} that was lost; plug that in again, or start hlscam anew"))
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
    fn a_camera_that_is_back_is_found_by_what_it_is_and_not_by_its_number() {
        let stable =
            |index: u32, name: &str, path: Option<&str>| Device { stable_path: path.map(PathBuf::from), ..device(index, name) };
        let check = |known: &Device, selector: &str, devices: &[Device], expect: Result<u32, &str>| {
            let got = select_again(known, (selector, Path::new(selector)), devices).map(|device| device.index);
            assert_eq!(got.as_ref().map_err(String::as_str).copied(), expect, "{devices:?}");
        };
        let (brio, other) = (stable(0, "Brio", Some("/by-id/brio")), stable(0, "C920", Some("/by-id/c920")));
        check(&brio, "0", &[other.clone(), stable(3, "Brio", Some("/by-id/brio"))], Ok(3));
        let why = "camera 0 (C920) is another camera than the Brio that was lost; plug that in again, or start hlscam anew";
        check(&brio, "0", std::slice::from_ref(&other), Err(why));
        check(&brio, "0", &[stable(0, "Brio", None)], Ok(0));
        check(&brio, "0", &[], Err("there is no camera 0; there is none on this host, plug one in, or try --device test"));
        let plain = stable(1, "Brio", None);
        check(&plain, "1", &[stable(1, "C920", None), stable(2, "Brio", None)], Ok(2));
        check(&plain, "1", &[stable(0, "Brio", None), stable(1, "Brio", None)], Ok(1));
        check(&plain, "1", &[stable(0, "Brio", None), stable(2, "Brio", None)], Ok(0));
        check(&plain, "1", &[stable(1, "C920", None)], Ok(1));
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
