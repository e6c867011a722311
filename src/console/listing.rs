//! Results as text for stdout: cameras, and what was found in files. Pure.

use crate::{
    detect::{
        kind::Kind,
        track::{TrackId, Tracked},
    },
    source::{
        Device,
        control::{Control, ControlKind},
    },
    time::Span,
};
use serde::Serialize;
use std::{borrow::Cow, fmt::Write, path::Path};

/// A camera, and what can be set of it where that is listed.
#[derive(Debug, Serialize)]
pub struct ListedDevice {
    /// The camera.
    #[serde(flatten)]
    pub device: Device,
    /// Its controls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controls: Option<Vec<Control>>,
}

/// The cameras of this host, for people: one line per camera, one per format and size, one per control.
pub fn devices(devices: &[ListedDevice]) -> String {
    let mut text = String::new();
    for ListedDevice { device, controls } in devices {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}  {}  {}", device.index, device.name, device.path.display());
        let _ = match &device.stable_path {
            Some(path) => writeln!(text, "  {}", path.display()),
            None => writeln!(text),
        };
        for format in &device.formats {
            let size = format!("{}x{}", format.width, format.height);
            let fps: Vec<String> = format.fps.iter().map(|fps| number(*fps)).collect();
            let _ = writeln!(text, "   {:5}  {size:>9}  {} fps", format.pixels, fps.join(", "));
        }
        for control in controls.iter().flatten() {
            let _ = writeln!(text, "   {}", control_line(control));
        }
        if controls.as_ref().is_some_and(Vec::is_empty) {
            let _ = writeln!(text, "   no controls");
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// A control: what it takes, its default, and its value.
fn control_line(control: &Control) -> String {
    let takes = match &control.kind {
        ControlKind::Integer { min, max, step: 1 } => format!("{min} to {max}"),
        ControlKind::Integer { min, max, step } => format!("{min} to {max} in steps of {step}"),
        ControlKind::Switch => "on or off".to_owned(),
        ControlKind::Menu { entries } => entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(" or "),
    };
    let default = control.told(control.default);
    let now = control.value.map_or_else(|| "unknown".to_owned(), |value| control.told(value).to_string());
    let inactive = if control.is_active { "" } else { ", without effect now" };
    format!("{}  {takes}, default {default}, now {now}{inactive}", control.name)
}

/// The cameras of this host, for programs: an array, and empty when there is none. Fails only on a path that is not UTF-8.
pub fn devices_json(devices: &[ListedDevice]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(devices)
}

/// What was found in one frame of a file.
#[derive(Clone, Copy, Debug)]
pub struct FoundInFrame<'a> {
    /// The file, as it was named on the command line.
    pub file: &'a Path,
    /// Number of the frame, from 0.
    pub frame: u64,
    /// Its time, from the file's start.
    pub at: Span,
    /// What was found, in pixels of the full picture.
    pub tracks: &'a [Tracked],
}

/// One frame for people.
pub fn found(found: FoundInFrame<'_>) -> String {
    let words =
        |Tracked { id, kind, area, .. }: &Tracked| format!("{kind} {id} {}x{} at {},{}", area.width, area.height, area.x, area.y);
    let boxes: Vec<String> = found.tracks.iter().map(words).collect();
    let boxes = if boxes.is_empty() { "nothing".to_owned() } else { boxes.join(", ") };
    format!("{} frame {} at {:.3} s: {boxes}", found.file.display(), found.frame, found.at.as_s())
}

/// One frame for programs, a line of JSON: `{"file","frame","at","boxes":[[x,y,width,height]…],"tracks":[{"id","kind","confidence"}…]}`,
/// `at` in seconds, and a track for each box, in the same order.
pub fn found_json(found: FoundInFrame<'_>) -> serde_json::Result<String> {
    serde_json::to_string(&FoundLine {
        file: found.file.to_string_lossy(),
        frame: found.frame,
        at: (found.at.as_s() * 1000.0).round() / 1000.0,
        boxes: found.tracks.iter().map(|Tracked { area, .. }| [area.x, area.y, area.width, area.height]).collect(),
        tracks: found.tracks.iter().map(TrackLine::of).collect(),
    })
}

/// The line of [`found_json`]; a file name that is not UTF-8 is shown as well as it can be.
#[derive(Serialize)]
struct FoundLine<'a> {
    file: Cow<'a, str>,
    frame: u64,
    at: f64,
    boxes: Vec<[u32; 4]>,
    tracks: Vec<TrackLine>,
}

#[derive(Serialize)]
struct TrackLine {
    id: TrackId,
    kind: Kind,
    confidence: f64,
}

impl TrackLine {
    fn of(tracked: &Tracked) -> TrackLine {
        let confidence = (tracked.confidence * 1000.0).round() / 1000.0;
        TrackLine { id: tracked.id, kind: tracked.kind, confidence }
    }
}

/// A rate with at most two decimals, and none where it is whole.
fn number(fps: f64) -> String {
    let text = format!("{fps:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        picture::BoundingBox,
        source::{DeviceFormat, control::MenuEntry},
    };

    fn cameras() -> Vec<ListedDevice> {
        let format =
            |pixels: &str, width, height, fps: &[f64]| DeviceFormat { pixels: pixels.into(), width, height, fps: fps.into() };
        let devices = [
            Device {
                index: 0,
                path: "/dev/video0".into(),
                stable_path: Some("/dev/v4l/by-id/usb-Brio-index0".into()),
                name: "Brio".into(),
                formats: vec![format("MJPEG", 1280, 720, &[60.0, 30.0]), format("YUYV", 640, 480, &[29.97, 7.5])],
            },
            Device { index: 2, path: "/dev/video2".into(), stable_path: None, name: "Dummy".into(), formats: vec![] },
        ];
        devices.map(|device| ListedDevice { device, controls: None }).into()
    }

    fn controls() -> Vec<Control> {
        let control = |name: &str, kind, default, value, is_active| Control {
            id: 1,
            name: name.to_owned(),
            label: name.to_owned(),
            kind,
            default,
            value,
            is_active,
        };
        let entry = |value, name: &str| MenuEntry { value, name: name.to_owned(), label: name.to_owned() };
        vec![
            control("gain", ControlKind::Integer { min: 0, max: 100, step: 5 }, 50, Some(60), false),
            control("zoom", ControlKind::Integer { min: 1, max: 4, step: 1 }, 1, None, true),
            control("focus_auto", ControlKind::Switch, 1, Some(0), true),
            control("mains", ControlKind::Menu { entries: vec![entry(0, "off"), entry(2, "60_hz")] }, 2, Some(0), true),
        ]
    }

    #[test]
    fn what_can_be_set_is_listed_with_its_camera() {
        let mut cameras = cameras();
        cameras[0].device.formats.clear();
        (cameras[0].controls, cameras[1].controls) = (Some(controls()), Some(Vec::new()));
        let expect = "\
0  Brio  /dev/video0  /dev/v4l/by-id/usb-Brio-index0
   gain  0 to 100 in steps of 5, default 50, now 60, without effect now
   zoom  1 to 4, default 1, now unknown
   focus_auto  on or off, default on, now off
   mains  off or 60_hz, default 60_hz, now off
2  Dummy  /dev/video2
   no controls";
        assert_eq!(devices(&cameras), expect);
        let json = devices_json(&cameras).unwrap();
        assert!(json.contains(r#""controls": []"#) && json.contains(r#""kind": "menu""#), "{json}");
    }

    #[test]
    fn cameras_are_listed_for_people() {
        let expect = "\
0  Brio  /dev/video0  /dev/v4l/by-id/usb-Brio-index0
   MJPEG   1280x720  60, 30 fps
   YUYV     640x480  29.97, 7.5 fps
2  Dummy  /dev/video2";
        assert_eq!(devices(&cameras()), expect);
        assert_eq!(devices(&[]), "");
    }

    #[test]
    fn cameras_are_listed_for_programs() {
        let expect = r#"[
  {
    "index": 0,
    "path": "/dev/video0",
    "stable_path": "/dev/v4l/by-id/usb-Brio-index0",
    "name": "Brio",
    "formats": [
      {
        "pixels": "YUYV",
        "width": 640,
        "height": 480,
        "fps": [
          29.97,
          7.5
        ]
      }
    ]
  }
]"#;
        let mut cameras = cameras();
        cameras.truncate(1);
        cameras[0].device.formats.remove(0);
        assert_eq!(devices_json(&cameras).unwrap(), expect);
        assert_eq!(devices_json(&[]).unwrap(), "[]");
    }

    #[test]
    fn a_frame_is_a_line() {
        let tracked = |id, kind, x| Tracked { id, kind, confidence: 0.67891, area: BoundingBox { x, y: 2, width: 3, height: 4 } };
        let tracks = [tracked(0, Kind::FACE, 1), tracked(7, Kind::PROFILE, 5)];
        let frame = |tracks| FoundInFrame { file: Path::new("a.mp4"), frame: 7, at: Span(21_021), tracks };
        assert_eq!(found(frame(&tracks)), "a.mp4 frame 7 at 0.234 s: face 0 3x4 at 1,2, profile 7 3x4 at 5,2");
        assert_eq!(found(frame(&[])), "a.mp4 frame 7 at 0.234 s: nothing");
        let expect = r#"{"file":"a.mp4","frame":7,"at":0.234,"boxes":[[1,2,3,4],[5,2,3,4]],"tracks":[{"id":0,"kind":"face","confidence":0.679},{"id":7,"kind":"profile","confidence":0.679}]}"#;
        assert_eq!(found_json(frame(&tracks)).unwrap(), expect);
    }
}
