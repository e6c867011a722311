//! The errors of a camera, each as one sentence. Pure.

use crate::source::Device;

/// The end of every sentence: what works on any machine.
pub const OR_TEST: &str = ", or try --device test";
/// Cameras named in one sentence; more would not fit a line.
const LISTED_MAX: usize = 6;
/// Letters of a camera's name in a list; V4L2 names have up to 31.
const NAME_MAX: usize = 32;

/// A failed call to the driver or to nokhwa.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The system's error number, where there is one.
    pub errno: Option<i32>,
    /// What the library said.
    pub text: String,
}

impl Failure {
    /// A failure that carries its error number in its text, as nokhwa's do: `… (os error 16)`.
    pub fn of_text(text: impl ToString) -> Failure {
        let text = text.to_string();
        let number = text.rsplit_once("(os error ").and_then(|(_, rest)| rest.split(')').next());
        Failure { errno: number.and_then(|number| number.parse().ok()), text }
    }

    /// A failed call to the system.
    pub fn of_io(error: &std::io::Error) -> Failure {
        Failure { errno: error.raw_os_error(), text: error.to_string() }
    }

    /// A failure that no error number describes.
    pub fn said(text: impl Into<String>) -> Failure {
        Failure { errno: None, text: text.into() }
    }

    /// Its kind, by Linux's error numbers; other systems give text only.
    pub fn kind(&self) -> Kind {
        match self.errno {
            Some(1 | 13) => Kind::Refused,
            Some(2 | 6 | 19) => Kind::Gone,
            Some(16) => Kind::Busy,
            Some(28) => Kind::NoBandwidth,
            _ => Kind::Other,
        }
    }
}

/// What a failure means for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// EPERM, EACCES: this user may not.
    Refused,
    /// ENOENT, ENXIO, ENODEV: it was unplugged.
    Gone,
    /// EBUSY: another program has it.
    Busy,
    /// ENOSPC of STREAMON: the USB bus, not a disk, is full.
    NoBandwidth,
    /// Anything else.
    Other,
}

/// Who has a device open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Another program.
    Program {
        /// Its name.
        name: String,
        /// Its process number.
        pid: u32,
    },
    /// This one: a capture that stalled and cannot be ended from outside.
    Ourselves,
}

/// Why `device` could not be opened, and what to do. `wanted` is what was asked of it; `all` are the cameras of this host.
pub fn cannot_open(device: &Device, wanted: &str, failure: &Failure, holder: Option<&Holder>, all: &[Device]) -> String {
    let camera = called(device);
    let said = match failure.kind() {
        Kind::Busy => match holder {
            Some(Holder::Program { name, pid }) => format!("{camera} is busy: {name} (pid {pid}) holds it; close that program"),
            Some(Holder::Ourselves) => {
                format!("{camera} is held by a capture of this program that stalled; unplug it and plug it in again")
            }
            None => format!("{camera} is busy: another program holds it; close that program"),
        },
        Kind::Refused => format!("{camera} is refused to this user; run `sudo usermod -aG video $USER` and log in again"),
        Kind::Gone => format!("{camera} has just gone; plug it in again"),
        Kind::NoBandwidth => {
            format!("{camera} cannot start: its USB bus has no room for {wanted}; ask for less, use another USB port")
        }
        Kind::Other => format!("{camera} cannot be opened with {wanted}: {}; plug it in again", failure.text),
    };
    // Who may not open one camera may open none.
    let refused = failure.kind() == Kind::Refused;
    let others: Vec<&Device> = all.iter().filter(|other| !refused && other.index != device.index).collect();
    if others.is_empty() { format!("{said}{OR_TEST}") } else { format!("{said}, take {}{OR_TEST}", listed(&others)) }
}

/// Why a camera that ran is given up.
pub fn lost(device: &Device, failure: &Failure) -> String {
    match failure.kind() {
        Kind::Gone => format!("{} was unplugged", called(device)),
        _ => format!("{} failed: {}", called(device), failure.text),
    }
}

/// Camera 0 (HD Webcam).
pub fn called(device: &Device) -> String {
    format!("camera {} ({})", device.index, shortened(&device.name))
}

/// 0 (HD Webcam), 2 (IR Webcam) or 4 (Capture Card); the whole of it fits one line.
pub fn listed(devices: &[&Device]) -> String {
    let mut named: Vec<String> =
        devices.iter().take(LISTED_MAX).map(|device| format!("{} ({})", device.index, shortened(&device.name))).collect();
    if devices.len() > LISTED_MAX {
        named.push(format!("{} more", devices.len() - LISTED_MAX));
    }
    match named.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => named.concat(),
    }
}

/// A name that fits a list.
pub(super) fn shortened(name: &str) -> String {
    let name: String = name.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if name.chars().count() <= NAME_MAX { name } else { name.chars().take(NAME_MAX - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(index: u32, name: &str) -> Device {
        Device { index, path: format!("/dev/video{index}").into(), stable_path: None, name: name.to_owned(), formats: Vec::new() }
    }

    fn check(failure: Failure, holder: Option<Holder>, expect: &str) {
        let all = [device(0, "HD Webcam"), device(2, "IR")];
        assert_eq!(cannot_open(&all[0], "YUYV 640x480 at 30 fps", &failure, holder.as_ref(), &all), expect);
    }

    fn errno(errno: i32) -> Failure {
        Failure { errno: Some(errno), text: String::new() }
    }

    #[test]
    fn each_trouble_says_what_failed_and_what_to_do() {
        check(
            errno(16),
            Some(Holder::Program { name: "ffmpeg".to_owned(), pid: 77 }),
            "camera 0 (HD Webcam) is busy: ffmpeg (pid 77) holds it; close that program, take 2 (IR), or try --device test",
        );
        check(
            errno(16),
            None,
            "camera 0 (HD Webcam) is busy: another program holds it; close that program, take 2 (IR), or try --device test",
        );
        check(
            errno(16),
            Some(Holder::Ourselves),
            "camera 0 (HD Webcam) is held by a capture of this program that stalled; unplug it and plug it in again, take 2 (IR), \
             or try --device test",
        );
        check(
            errno(13),
            None,
            "camera 0 (HD Webcam) is refused to this user; run `sudo usermod -aG video $USER` and log in again, or try --device test",
        );
        check(
            errno(28),
            None,
            "camera 0 (HD Webcam) cannot start: its USB bus has no room for YUYV 640x480 at 30 fps; ask for less, use another USB port, \
             take 2 (IR), or try --device test",
        );
        check(errno(19), None, "camera 0 (HD Webcam) has just gone; plug it in again, take 2 (IR), or try --device test");
        check(
            Failure::said("the driver said no"),
            None,
            "camera 0 (HD Webcam) cannot be opened with YUYV 640x480 at 30 fps: the driver said no; plug it in again, take 2 (IR), \
             or try --device test",
        );
    }

    #[test]
    fn the_error_number_is_read_out_of_a_text() {
        let failure = Failure::of_text("Could not capture frame: No such device (os error 19)");
        assert_eq!((failure.errno, failure.kind()), (Some(19), Kind::Gone));
        assert_eq!(Failure::of_text("Not same/Rejected").errno, None);
        assert_eq!(lost(&device(0, "HD"), &failure), "camera 0 (HD) was unplugged");
    }

    #[test]
    fn a_long_list_fits_one_line() {
        let many: Vec<Device> = (0..40).map(|n| device(n, &"name\n".repeat(20))).collect();
        let line = listed(&many.iter().collect::<Vec<_>>());
        assert!(line.ends_with(" or 34 more") && !line.contains('\n') && line.chars().count() < 260, "{line}");
        assert_eq!(listed(&[]), "");
    }
}
