//! USB: cameras that share the bandwidth of one controller, or that are plugged in where there is little.

use super::Finding;
use std::{collections::BTreeMap, fs, path::Path};

/// What USB 2 carries, Mbit/s. One camera of 640x480 without compression takes a third of what is usable of it.
const USB_2: u32 = 480;

/// A camera at a bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UsbCamera {
    /// Path and name.
    pub(super) camera: String,
    /// The controller's bus: cameras at the same share its bandwidth.
    pub(super) bus: String,
    /// Mbit/s at which it is connected.
    pub(super) speed: u32,
}

/// Where a device of sysfs is plugged in; none if not by USB.
pub(super) fn read(device: &Path, camera: &str) -> Option<UsbCamera> {
    let bus = bus_of(device)?;
    // The camera's own folder, some steps above that of its pictures, tells its speed.
    let speed = device.ancestors().find_map(|folder| fs::read_to_string(folder.join("speed")).ok())?;
    // USB 1 may have 1.5, which is no camera.
    Some(UsbCamera { camera: camera.to_owned(), bus, speed: speed.trim().parse::<f64>().ok()? as u32 })
}

/// `usb1` of `/sys/devices/…/usb1/1-2/1-2:1.0`.
fn bus_of(device: &Path) -> Option<String> {
    let parts = device.iter().filter_map(|part| part.to_str());
    let is_bus = |part: &&str| part.strip_prefix("usb").is_some_and(|n| n.parse::<u32>().is_ok());
    parts.into_iter().find(is_bus).map(str::to_owned)
}

/// Judges them together.
pub(super) fn judge(cameras: &[UsbCamera]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut buses: BTreeMap<&str, Vec<&UsbCamera>> = BTreeMap::new();
    for camera in cameras {
        if camera.speed < USB_2 {
            let what =
                format!("{} is connected with {} Mbit/s, as by USB 1, which is too slow for pictures", camera.camera, camera.speed);
            findings.push(Finding::failed("usb", what, "use another port or cable, and no old hub; `lsusb -t` shows the speeds"));
        } else if camera.speed == USB_2 {
            buses.entry(&camera.bus).or_default().push(camera);
        }
    }
    for (bus, sharing) in buses {
        let names: Vec<&str> = sharing.iter().map(|camera| camera.camera.as_str()).collect();
        findings.push(match names[..] {
            [one] => Finding::ok("usb", format!("{one} has the {USB_2} Mbit/s of {bus} for itself")),
            _ => Finding::warning(
                "usb",
                format!("{} share the {USB_2} Mbit/s of {bus}; pictures without compression may not fit", names.join(" and ")),
                "plug one in at another controller (`lsusb -t`), or choose a smaller --size or --fps, at which they send less",
            ),
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn at(camera: &str, bus: &str, speed: u32) -> UsbCamera {
        UsbCamera { camera: camera.to_owned(), bus: bus.to_owned(), speed }
    }

    fn verdicts(cameras: &[UsbCamera]) -> Vec<Verdict> {
        judge(cameras).iter().map(|finding| finding.verdict).collect()
    }

    #[test]
    fn cameras_that_share_a_slow_controller_are_told_of() {
        assert_eq!(verdicts(&[]), []);
        assert_eq!(verdicts(&[at("a", "usb1", 480), at("b", "usb2", 480)]), [Verdict::Ok, Verdict::Ok]);
        assert_eq!(verdicts(&[at("a", "usb2", 5000), at("b", "usb2", 5000)]), [], "there is enough for both");
        let told = judge(&[at("a", "usb1", 480), at("b", "usb1", 480), at("c", "usb2", 5000)]);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].what, "a and b share the 480 Mbit/s of usb1; pictures without compression may not fit");
        assert_eq!(verdicts(&[at("a", "usb1", 12)]), [Verdict::Failed]);
    }

    #[test]
    fn a_bus_is_read_from_where_the_kernel_keeps_the_device() {
        let device = Path::new("/sys/devices/pci0000:00/0000:00:14.0/usb3/3-2/3-2:1.0");
        assert_eq!(bus_of(device).as_deref(), Some("usb3"));
        assert_eq!(bus_of(Path::new("/sys/devices/platform/vivid.0")), None);
    }

    #[test]
    fn the_speed_is_that_of_the_device_above_its_pictures() {
        let folder = tempfile::tempdir().expect("a folder");
        let device = folder.path().join("usb3/3-2/3-2:1.0");
        fs::create_dir_all(&device).expect("room");
        fs::write(folder.path().join("usb3/3-2/speed"), "480\n").expect("room");
        assert_eq!(read(&device, "a"), Some(at("a", "usb3", 480)));
    }
}
