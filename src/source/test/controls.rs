//! The controls of the test source: they change what is drawn, as a camera's do.

use crate::{
    picture::{CHROMA_NEUTRAL, Picture},
    source::control::{Control, ControlKind, ControlPort, MenuEntry, PortError, plain_name},
    sync::lock,
};
use std::sync::{Arc, Mutex};

const BRIGHTNESS: u32 = 1;
const GAIN_AUTOMATIC: u32 = 2;
const GAIN: u32 = 3;
const COLOR_EFFECTS: u32 = 4;

/// Steps of luma that are added, up or down.
const BRIGHTNESS_MAX: i64 = 100;
/// The gain of what is drawn, in per cent; the automatic takes it.
const GAIN_DEFAULT: i64 = 100;

/// What is set; a source that is opened anew has its defaults, as a camera that was without power.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Values {
    brightness: i64,
    is_gain_automatic: bool,
    gain: i64,
    is_grey: bool,
}

impl Default for Values {
    fn default() -> Values {
        Values { brightness: 0, is_gain_automatic: true, gain: GAIN_DEFAULT, is_grey: false }
    }
}

/// The controls of one test source.
#[derive(Debug, Default)]
pub(super) struct TestControls {
    values: Mutex<Values>,
}

impl TestControls {
    /// Those of a source that was just opened.
    pub(super) fn open() -> Arc<TestControls> {
        Arc::default()
    }

    /// Changes a drawn picture as it is set; whether anything was changed.
    pub(super) fn apply(&self, picture: &mut Picture) -> bool {
        let values = *lock(&self.values);
        if values == Values::default() {
            return false;
        }
        let gain = if values.is_gain_automatic { GAIN_DEFAULT } else { values.gain };
        let mut luma = [0; 256];
        for (from, to) in (0..).zip(&mut luma) {
            *to = (from * gain / GAIN_DEFAULT + values.brightness).clamp(0, 255) as u8;
        }
        let planes = picture.planes_mut();
        planes.y.iter_mut().for_each(|y| *y = luma[usize::from(*y)]);
        if values.is_grey {
            planes.u.fill(CHROMA_NEUTRAL);
            planes.v.fill(CHROMA_NEUTRAL);
        }
        true
    }
}

impl ControlPort for TestControls {
    fn controls(&self) -> Result<Vec<Control>, PortError> {
        let values = *lock(&self.values);
        let control = |id: u32, label: &str, kind: ControlKind, default: i64, value: i64| Control {
            id,
            name: plain_name(label),
            label: label.to_owned(),
            kind,
            default,
            value: Some(value),
            is_active: true,
        };
        let entry = |value: i64, label: &str| MenuEntry { value, name: plain_name(label), label: label.to_owned() };
        let brightness = ControlKind::Integer { min: -BRIGHTNESS_MAX, max: BRIGHTNESS_MAX, step: 1 };
        let gain = ControlKind::Integer { min: 50, max: 200, step: 5 };
        let color = ControlKind::Menu { entries: vec![entry(0, "None"), entry(1, "Black & White")] };
        Ok(vec![
            control(BRIGHTNESS, "Brightness", brightness, 0, values.brightness),
            control(GAIN_AUTOMATIC, "Gain, Automatic", ControlKind::Switch, 1, i64::from(values.is_gain_automatic)),
            Control { is_active: !values.is_gain_automatic, ..control(GAIN, "Gain", gain, GAIN_DEFAULT, values.gain) },
            control(COLOR_EFFECTS, "Color Effects", color, 0, i64::from(values.is_grey)),
        ])
    }

    fn set(&self, control: &Control, value: i64) -> Result<(), PortError> {
        let mut values = lock(&self.values);
        match control.id {
            BRIGHTNESS => values.brightness = value,
            GAIN_AUTOMATIC => values.is_gain_automatic = value != 0,
            GAIN if values.is_gain_automatic => return Err(PortError::Refused("the gain is automatic".to_owned())),
            GAIN => values.gain = value,
            COLOR_EFFECTS => values.is_grey = value != 0,
            _ => return Err(PortError::Refused("the test source has no such control".to_owned())),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        picture::{PicturePool, Size},
        source::control::settings::{parse, resolve},
        time::Ticks,
    };

    fn drawn(settings: &str) -> (u8, u8) {
        let controls = TestControls::default();
        for change in resolve(&parse(settings).expect("well formed"), &controls.controls().expect("listed")).expect("there") {
            controls.set(&change.control, change.value).expect("set");
        }
        let mut picture = PicturePool::default().take(Size::new(2, 2).expect("even"), Ticks(0));
        picture.as_bytes_mut().copy_from_slice(&[100, 100, 100, 100, 90, 140]);
        controls.apply(&mut picture);
        (picture.as_bytes()[0], picture.as_bytes()[4])
    }

    #[test]
    fn what_is_set_is_drawn() {
        assert_eq!(drawn("brightness=0"), (100, 90));
        assert_eq!(drawn("brightness=-100"), (0, 90));
        assert_eq!(drawn("gain=150"), (150, 90));
        assert_eq!(drawn("gain=200,brightness=100"), (255, 90));
        assert_eq!(drawn("color_effects=black_white"), (100, CHROMA_NEUTRAL));
    }

    #[test]
    fn gain_has_no_effect_while_it_is_automatic() {
        let controls = TestControls::default();
        let all = controls.controls().expect("listed");
        let gain = all.iter().find(|control| control.name == "gain").expect("it is there");
        assert!(!gain.is_active);
        assert!(controls.set(gain, 150).is_err());
    }
}
