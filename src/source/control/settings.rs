//! What somebody wants to have set, `exposure=auto,brightness=128`, and what that means for the controls that a source has. Pure.
//!
//! A name is that of a control, or a short word: the names of drivers differ from kernel to kernel, and what one wants is the exposure.

use super::{Control, ControlKind};
use serde::Serialize;
use std::fmt;

/// Settings that are given in one go: more than any camera has controls.
pub const SETTINGS_MAX: usize = 64;
/// Controls and entries that are named in one sentence.
const NAMED_MAX: usize = 40;

/// A control and its value, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The control's name, or a short word.
    pub name: String,
    /// A number, `on` or `off`, the name of an entry, `auto` or `manual`.
    pub value: String,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

/// A control that is to get a value that it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The control, as it was.
    pub control: Control,
    /// Its new value.
    pub value: i64,
}

/// Why a setting has no meaning for a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {why}")]
pub struct BadSetting {
    /// The setting.
    pub setting: Setting,
    /// What is wrong, and what there is.
    pub why: String,
}

/// A short word: the controls whose value it is, and those that set it by themselves, by their names in newer and older kernels.
struct ShortWord {
    word: &'static str,
    values: &'static [&'static str],
    autos: &'static [&'static str],
}

const fn short(word: &'static str, values: &'static [&'static str], autos: &'static [&'static str]) -> ShortWord {
    ShortWord { word, values, autos }
}

const SHORT_WORDS: [ShortWord; 12] = [
    short("exposure", &["exposure_time_absolute", "exposure_absolute", "exposure"], &["auto_exposure", "exposure_auto"]),
    short(
        "white_balance",
        &["white_balance_temperature", "white_balance"],
        &["white_balance_automatic", "white_balance_temperature_auto", "white_balance_auto_preset"],
    ),
    short("focus", &["focus_absolute", "focus"], &["focus_automatic_continuous", "focus_auto"]),
    short("gain", &["gain"], &["gain_automatic", "gain_auto"]),
    short("brightness", &["brightness"], &["brightness_automatic", "brightness_auto"]),
    short("hue", &["hue"], &["hue_automatic", "hue_auto"]),
    short("zoom", &["zoom_absolute", "zoom"], &[]),
    short("pan", &["pan_absolute", "pan"], &[]),
    short("tilt", &["tilt_absolute", "tilt"], &[]),
    short("backlight", &["backlight_compensation"], &[]),
    short("power_line", &["power_line_frequency"], &[]),
    // Whether the camera may halve its rate in low light.
    short("dynamic_framerate", &["exposure_dynamic_framerate", "exposure_auto_priority"], &[]),
];

/// Reads `exposure=auto,brightness=128`; the error says what is wrong with which part.
pub fn parse(text: &str) -> Result<Vec<Setting>, String> {
    let setting = |part: &str| match part.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok(Setting { name: name.trim().to_ascii_lowercase(), value: value.trim().to_ascii_lowercase() })
        }
        _ => {
            Err("a control is set by its name and its value; write it like brightness=128, several with commas between".to_owned())
        }
    };
    let settings = text.split(',').map(setting).collect::<Result<Vec<_>, _>>()?;
    if settings.len() > SETTINGS_MAX {
        return Err(format!("no camera has as many controls; write {SETTINGS_MAX} at most"));
    }
    Ok(settings)
}

/// What settings mean for these controls, or what is wrong with the first of them that means nothing. Of several for one control the last
/// counts. What switches something comes first, for a value may have no effect before.
pub fn resolve(settings: &[Setting], controls: &[Control]) -> Result<Vec<Change>, BadSetting> {
    let mut changes: Vec<Change> = Vec::new();
    for (index, setting) in settings.iter().enumerate() {
        if settings[index + 1..].iter().any(|later| later.name == setting.name) {
            continue;
        }
        let found = resolve_one(setting, controls).map_err(|why| BadSetting { setting: setting.clone(), why })?;
        changes.retain(|before| found.iter().all(|change| change.control.name != before.control.name));
        changes.extend(found);
    }
    changes.sort_by_key(|change| matches!(change.control.kind, ControlKind::Integer { .. }));
    Ok(changes)
}

fn resolve_one(setting: &Setting, controls: &[Control]) -> Result<Vec<Change>, String> {
    let of_name = |name: &str| controls.iter().find(|control| control.name == name);
    let first_of = |names: &[&str]| names.iter().find_map(|name| of_name(name));
    let change = |control: &Control, value: i64| Change { control: control.clone(), value };
    let word = SHORT_WORDS.iter().find(|short| short.word == setting.name);
    let (value, auto) = match word {
        Some(short) => (first_of(short.values).or_else(|| of_name(short.word)), first_of(short.autos)),
        None => (of_name(&setting.name), None),
    };
    match (setting.value.as_str(), value, auto) {
        (_, None, None) => Err(no_such(controls)),
        (mode @ ("auto" | "manual"), _, Some(auto)) => {
            let value = mode_of(auto, mode == "auto");
            value.map(|value| vec![change(auto, value)]).ok_or_else(|| format!("{} has no such mode; {}", auto.name, takes(auto)))
        }
        (text, Some(control), auto) => {
            let value = value_of(text, control).ok_or_else(|| takes(control))?;
            // Who names a value does not want the camera to choose another.
            let manual = auto.and_then(|auto| Some(change(auto, mode_of(auto, false)?)));
            Ok(manual.into_iter().chain([change(control, value)]).collect())
        }
        (_, None, Some(auto)) => Err(format!("this camera takes auto and manual for it, and no value; {}", takes(auto))),
    }
}

/// The value of a control that lets the camera choose, or keeps it from choosing.
fn mode_of(auto: &Control, is_auto: bool) -> Option<i64> {
    match &auto.kind {
        ControlKind::Switch => Some(i64::from(is_auto)),
        ControlKind::Menu { entries } => {
            // UVC's name of what all others call automatic.
            let chooses = |name: &str| name.starts_with("auto") || name.starts_with("aperture_priority");
            let fits = |name: &str| if is_auto { chooses(name) } else { name.starts_with("manual") };
            entries.iter().find(|entry| fits(&entry.name)).map(|entry| entry.value)
        }
        ControlKind::Integer { .. } => None,
    }
}

/// The value that a text means, if the control takes it.
fn value_of(text: &str, control: &Control) -> Option<i64> {
    match &control.kind {
        ControlKind::Integer { min, max, step } => {
            let value: i64 = text.parse().ok()?;
            ((*min..=*max).contains(&value) && (value - min) % step == 0).then_some(value)
        }
        ControlKind::Switch => match text {
            "on" | "true" | "yes" | "1" | "auto" => Some(1),
            "off" | "false" | "no" | "0" | "manual" => Some(0),
            _ => None,
        },
        ControlKind::Menu { entries } => {
            let name = super::plain_name(text);
            let of_name = || entries.iter().find(|entry| entry.name == name);
            let of_value = || text.parse().ok().and_then(|value: i64| entries.iter().find(|entry| entry.value == value));
            of_name().or_else(of_value).map(|entry| entry.value)
        }
    }
}

/// What a control takes: a clause of a sentence.
pub fn takes(control: &Control) -> String {
    let name = &control.name;
    match &control.kind {
        ControlKind::Integer { min, max, step: 1 } => format!("{name} takes a whole number from {min} to {max}"),
        ControlKind::Integer { min, max, step } => format!("{name} takes a number from {min} to {max} in steps of {step}"),
        ControlKind::Switch => format!("{name} is on or off"),
        ControlKind::Menu { entries } => {
            let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
            format!("{name} is one of {}", listed(&names))
        }
    }
}

fn no_such(controls: &[Control]) -> String {
    if controls.is_empty() {
        return "this camera has no controls; leave it out".to_owned();
    }
    let names: Vec<&str> = controls.iter().map(|control| control.name.as_str()).collect();
    format!("this camera has no such control; it has {}", listed(&names))
}

fn listed(names: &[&str]) -> String {
    let mut named = names[..names.len().min(NAMED_MAX)].join(", ");
    if names.len() > NAMED_MAX {
        named += &format!(" and {} more", names.len() - NAMED_MAX);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{control, integer, menu},
        *,
    };

    /// A webcam of a newer kernel.
    fn webcam() -> Vec<Control> {
        vec![
            control("Brightness", integer(0, 255, 1), 128),
            control("Gain", integer(0, 100, 5), 0),
            control("White Balance, Automatic", ControlKind::Switch, 1),
            control("White Balance Temperature", integer(2800, 6500, 1), 4000),
            control("Power Line Frequency", menu(&[(0, "Disabled"), (1, "50 Hz"), (2, "60 Hz")]), 2),
            control("Auto Exposure", menu(&[(1, "Manual Mode"), (3, "Aperture Priority Mode")]), 3),
            control("Exposure Time, Absolute", integer(3, 2047, 1), 250),
        ]
    }

    fn check_on(controls: &[Control], text: &str, expect: Result<&[(&str, i64)], &str>) {
        let changes = resolve(&parse(text).expect("well formed"), controls);
        let changes = changes
            .as_ref()
            .map(|changes| changes.iter().map(|change| (change.control.name.as_str(), change.value)).collect::<Vec<_>>());
        assert_eq!(changes.map_err(|bad| bad.to_string()), expect.map(<[_]>::to_vec).map_err(str::to_owned), "{text}");
    }

    fn check(text: &str, expect: Result<&[(&str, i64)], &str>) {
        check_on(&webcam(), text, expect);
    }

    #[test]
    fn a_value_goes_to_the_control_of_that_name() {
        check("brightness=0", Ok(&[("brightness", 0)]));
        check("Brightness = 255", Ok(&[("brightness", 255)]));
        check("exposure_time_absolute=3", Ok(&[("exposure_time_absolute", 3)]));
        check("white_balance_automatic=off", Ok(&[("white_balance_automatic", 0)]));
        check("power_line_frequency=50 hz", Ok(&[("power_line_frequency", 1)]));
        check("power_line_frequency=2", Ok(&[("power_line_frequency", 2)]));
        check("auto_exposure=aperture_priority_mode", Ok(&[("auto_exposure", 3)]));
    }

    #[test]
    fn short_words_find_the_control_and_turn_the_automatic_off_and_on() {
        check("exposure=auto", Ok(&[("auto_exposure", 3)]));
        check("exposure=100", Ok(&[("auto_exposure", 1), ("exposure_time_absolute", 100)]));
        check("white_balance=auto,exposure=manual", Ok(&[("white_balance_automatic", 1), ("auto_exposure", 1)]));
        check("power_line=60_hz", Ok(&[("power_line_frequency", 2)]));
        check("gain=15", Ok(&[("gain", 15)]));
        let older = [
            control("Exposure, Auto", menu(&[(1, "Manual Mode"), (3, "Aperture Priority Mode")]), 3),
            control("Exposure (Absolute)", integer(3, 2047, 1), 250),
            control("Focus, Auto", ControlKind::Switch, 1),
            control("White Balance, Auto & Preset", menu(&[(0, "Manual"), (1, "Auto"), (2, "Incandescent")]), 1),
        ];
        check_on(&older, "exposure=9,focus=auto", Ok(&[("exposure_auto", 1), ("focus_auto", 1), ("exposure_absolute", 9)]));
        check_on(&older, "white_balance=auto", Ok(&[("white_balance_auto_preset", 1)]));
        let numbers = [control("ISO", menu(&[(0, "100"), (1, "200"), (2, "1")]), 0)];
        check_on(&numbers, "iso=200", Ok(&[("iso", 1)]));
        check_on(&numbers, "iso=1", Ok(&[("iso", 2)]));
    }

    #[test]
    fn the_last_of_several_counts_and_what_switches_comes_first() {
        check("brightness=1,brightness=2", Ok(&[("brightness", 2)]));
        check("exposure=9,exposure=auto", Ok(&[("auto_exposure", 3)]));
        check("exposure_time_absolute=9,auto_exposure=manual_mode", Ok(&[("auto_exposure", 1), ("exposure_time_absolute", 9)]));
        check("exposure_time_absolute=9,exposure=8", Ok(&[("auto_exposure", 1), ("exposure_time_absolute", 8)]));
    }

    #[test]
    fn what_means_nothing_is_answered_with_what_there_is() {
        let all = "brightness, gain, white_balance_automatic, white_balance_temperature, power_line_frequency, auto_exposure, \
                   exposure_time_absolute";
        let wrong = |text: &str, why: &str| check(text, Err(&format!("{text}: {why}")));
        wrong("zoom=1", &format!("this camera has no such control; it has {all}"));
        wrong("nothing=1", &format!("this camera has no such control; it has {all}"));
        for value in ["256", "-1", "on", "1.5", "99999999999999999999"] {
            wrong(&format!("brightness={value}"), "brightness takes a whole number from 0 to 255");
        }
        wrong("gain=3", "gain takes a number from 0 to 100 in steps of 5");
        wrong("white_balance_automatic=7", "white_balance_automatic is on or off");
        wrong("power_line=70_hz", "power_line_frequency is one of disabled, 50_hz, 60_hz");
        wrong("gain=auto", "gain takes a number from 0 to 100 in steps of 5");
        check_on(&[], "a=1", Err("a=1: this camera has no controls; leave it out"));
        let auto = [control("Focus, Auto", ControlKind::Switch, 1)];
        check_on(&auto, "focus=4", Err("focus=4: this camera takes auto and manual for it, and no value; focus_auto is on or off"));
        let one = [control("Auto Exposure", menu(&[(3, "Aperture Priority Mode")]), 3)];
        let why = "exposure=manual: auto_exposure has no such mode; auto_exposure is one of aperture_priority_mode";
        check_on(&one, "exposure=manual", Err(why));
    }

    #[test]
    fn what_is_no_setting_is_told_before_there_is_a_camera() {
        for text in ["", "brightness", "=3", "brightness=", "brightness=1,", ",brightness=1"] {
            assert!(parse(text).is_err_and(|why| why.contains("write it like brightness=128")), "{text}");
        }
        assert!(parse(&vec!["a=1"; SETTINGS_MAX + 1].join(",")).is_err_and(|why| why.contains("64 at most")));
    }
}
