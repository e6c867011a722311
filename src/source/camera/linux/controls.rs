//! The controls of a camera, by V4L2.
//!
//! The calls are made here, for the v4l crate's own listing panics on a kind of control that it does not know (newer kernels have
//! rectangles), and reads no menu of numbers. What is left out: buttons, texts, bit masks, numbers of 64 bits, arrays, and what can only be
//! read or only be written.

use super::super::error::{Failure, Kind};
use crate::source::{
    Device,
    control::{CONTROLS_MAX, Control, ControlKind, ControlPort, MenuEntry, PortError, name_apart, plain_name},
};
use std::{io, path::PathBuf, ptr, sync::Arc};
use v4l::{
    control::{Flags, Type},
    v4l_sys::{v4l2_control, v4l2_queryctrl, v4l2_querymenu, v4l2_querymenu__bindgen_ty_1},
    v4l2::vidioc::{_IOC_TYPE, VIDIOC_G_CTRL, VIDIOC_QUERYCTRL, VIDIOC_QUERYMENU, VIDIOC_S_CTRL},
};

/// No such control: the answer behind the last one.
const EINVAL: i32 = 22;

/// The controls of a camera, as they are now.
pub(in super::super) fn controls(device: &Device) -> Result<Vec<Control>, PortError> {
    V4lPort { node: device.path.clone() }.controls()
}

/// The way to the controls of an open camera.
pub(in super::super) fn port(device: &Device) -> Option<Arc<dyn ControlPort>> {
    Some(Arc::new(V4lPort { node: device.path.clone() }))
}

/// The node of a camera, opened for each call: it may be opened beside the capture, and what is closed holds no camera that is gone.
struct V4lPort {
    node: PathBuf,
}

impl V4lPort {
    fn open(&self) -> Result<v4l::Device, PortError> {
        v4l::Device::with_path(&self.node).map_err(refused)
    }
}

impl ControlPort for V4lPort {
    fn controls(&self) -> Result<Vec<Control>, PortError> {
        let device = self.open()?;
        let mut controls = Vec::new();
        let mut last = 0;
        while controls.len() < CONTROLS_MAX {
            let query = match query_after(&device, last) {
                // A driver that does not count up would be asked for ever.
                Ok(query) if query.id > last => query,
                Ok(_) => break,
                Err(error) if error.raw_os_error() == Some(EINVAL) => break,
                Err(error) => return Err(refused(error)),
            };
            last = query.id;
            controls.extend(read(&device, &query));
        }
        name_apart(&mut controls);
        Ok(controls)
    }

    fn set(&self, control: &Control, value: i64) -> Result<(), PortError> {
        let value = i32::try_from(value).map_err(|_| PortError::Refused("no control of V4L2 is as great".to_owned()))?;
        let mut asked = v4l2_control { id: control.id, value };
        call(&self.open()?, VIDIOC_S_CTRL, &mut asked).map_err(refused)
    }
}

fn refused(error: io::Error) -> PortError {
    let failure = Failure::of_io(&error);
    match failure.kind() {
        Kind::Gone => PortError::Gone,
        _ => PortError::Refused(failure.text),
    }
}

/// A control that can be read and set by one number.
fn read(device: &v4l::Device, query: &v4l2_queryctrl) -> Option<Control> {
    let flags = Flags::from_bits_truncate(query.flags);
    if flags.intersects(Flags::DISABLED | Flags::READ_ONLY | Flags::WRITE_ONLY) {
        return None;
    }
    let (min, max) = (i64::from(query.minimum), i64::from(query.maximum));
    let kind = match Type::try_from(query.type_).ok()? {
        Type::Integer => ControlKind::Integer { min, max, step: i64::from(query.step).max(1) },
        Type::Boolean => ControlKind::Switch,
        is @ (Type::Menu | Type::IntegerMenu) => ControlKind::Menu { entries: entries(device, query, is) },
        _ => return None,
    };
    let mut asked = v4l2_control { id: query.id, value: 0 };
    let value = call(device, VIDIOC_G_CTRL, &mut asked).ok().map(|()| i64::from(asked.value));
    let label = text(&query.name);
    Some(Control {
        id: query.id,
        name: plain_name(&label),
        label,
        kind,
        default: i64::from(query.default_value),
        value,
        is_active: !flags.intersects(Flags::INACTIVE | Flags::GRABBED),
    })
}

/// A driver lists the range of its menu, and refuses those entries that it does not have.
fn entries(device: &v4l::Device, query: &v4l2_queryctrl, is: Type) -> Vec<MenuEntry> {
    let indices = (query.minimum.max(0)..=query.maximum).take(CONTROLS_MAX);
    let entry = |index: i32| {
        let nothing = v4l2_querymenu__bindgen_ty_1 { name: [0; 32] };
        let mut asked = v4l2_querymenu { id: query.id, index: index as u32, __bindgen_anon_1: nothing, reserved: 0 };
        call(device, VIDIOC_QUERYMENU, &mut asked).ok()?;
        let told = asked.__bindgen_anon_1;
        #[expect(unsafe_code, reason = "a union of C has no safe form")]
        // SAFETY: all 32 bytes were set, before the call or by it, and any bytes are a text and a number.
        let label = unsafe { if is == Type::IntegerMenu { told.value.to_string() } else { text(&told.name) } };
        let name = if is == Type::IntegerMenu { label.clone() } else { plain_name(&label) };
        Some(MenuEntry { value: i64::from(index), name, label })
    };
    indices.filter_map(entry).collect()
}

/// The control with the next greater number.
fn query_after(device: &v4l::Device, last: u32) -> io::Result<v4l2_queryctrl> {
    let mut query = v4l2_queryctrl {
        id: last | Flags::NEXT_CTRL.bits(),
        type_: 0,
        name: [0; 32],
        minimum: 0,
        maximum: 0,
        step: 0,
        default_value: 0,
        flags: 0,
        reserved: [0; 2],
    };
    call(device, VIDIOC_QUERYCTRL, &mut query)?;
    Ok(query)
}

/// The text of a driver, up to its zero; what is no UTF-8 (a long name cut in the middle of a letter) is replaced.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}

/// A request of V4L2, and the struct that belongs to it.
trait Request {}
impl Request for v4l2_control {}
impl Request for v4l2_queryctrl {}
impl Request for v4l2_querymenu {}

/// Calls the driver; it reads and writes `asked`, which must be the struct of that request.
fn call<T: Request>(device: &v4l::Device, request: _IOC_TYPE, asked: &mut T) -> io::Result<()> {
    #[expect(unsafe_code, reason = "the v4l crate has no safe form of these calls")]
    // SAFETY: the number of a request holds the size of its struct, and every caller here passes that struct. The kernel writes no further,
    // and keeps no pointer to it; none of the structs has a pointer in it. The descriptor is open as long as `device` is.
    unsafe {
        v4l::v4l2::ioctl(device.handle().fd(), request, ptr::from_mut(asked).cast())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_drivers_end_at_their_zero() {
        let check = |bytes: &[u8], expect: &str| assert_eq!(text(bytes), expect);
        check(b"Gain\0\0x", "Gain");
        check(b"Auto Exposure ", "Auto Exposure");
        check(b"Helligkeit \xC3", "Helligkeit \u{FFFD}");
        check(b"", "");
    }

    #[test]
    fn a_camera_that_is_gone_says_so() {
        let device =
            Device { index: 9, path: "/dev/video-none".into(), stable_path: None, name: String::new(), formats: Vec::new() };
        assert_eq!(controls(&device), Err(PortError::Gone));
    }

    #[test]
    fn what_is_no_camera_has_an_error_and_no_panic() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let port = V4lPort { node: file.path().to_owned() };
        assert!(matches!(port.controls(), Err(PortError::Refused(_))));
    }
}
