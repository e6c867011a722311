//! The controls of a source: what of it can be set while it runs, such as brightness, exposure or the mains frequency. Pure.
//!
//! [`settings`] reads what somebody wants to have set, [`board`] sets it when the source is opened, and again when it is opened again.

use serde::{Serialize, Serializer};
use std::collections::BTreeSet;

pub mod board;
pub mod settings;

/// Controls of one source; drivers have some dozens. What comes behind them is left out.
pub const CONTROLS_MAX: usize = 256;

/// A control, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// What the source knows it by.
    pub id: u32,
    /// Its name: that of the driver in lower case, with `_` between words. No two controls of a source have one name.
    pub name: String,
    /// What the driver calls it.
    pub label: String,
    /// What it takes.
    pub kind: ControlKind,
    /// Its value when nobody has set it.
    pub default: i64,
    /// Its value; `None` where the driver does not tell.
    pub value: Option<i64>,
    /// Whether it has an effect now. One that has none is set by the camera itself, or belongs to something that is switched off.
    pub is_active: bool,
}

/// What a control takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ControlKind {
    /// Every `step`th whole number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
        /// At least 1.
        step: i64,
    },
    /// On (1) or off (0).
    Switch,
    /// One of these.
    Menu {
        /// Those that the source has.
        entries: Vec<MenuEntry>,
    },
}

/// An entry of a menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MenuEntry {
    /// The control's value when it is chosen.
    #[serde(skip)]
    pub value: i64,
    /// Its name, written as those of controls are.
    pub name: String,
    /// What the driver calls it.
    pub label: String,
}

/// A value as people write it: a number, on or off, the name of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ToldValue {
    /// Of an integer.
    Number(i64),
    /// Of a switch.
    Switch(bool),
    /// Of a menu.
    Entry(String),
}

impl Control {
    /// How one of its values is told. A value that no entry of a menu has is told as the number that it is.
    pub fn told(&self, value: i64) -> ToldValue {
        match &self.kind {
            ControlKind::Integer { .. } => ToldValue::Number(value),
            ControlKind::Switch => ToldValue::Switch(value != 0),
            ControlKind::Menu { entries } => match entries.iter().find(|entry| entry.value == value) {
                Some(entry) => ToldValue::Entry(entry.name.clone()),
                None => ToldValue::Number(value),
            },
        }
    }
}

impl std::fmt::Display for ToldValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ToldValue::Number(number) => number.fmt(f),
            ToldValue::Switch(is_on) => f.write_str(if *is_on { "on" } else { "off" }),
            ToldValue::Entry(name) => f.write_str(name),
        }
    }
}

/// As `GET /api/cameras/NAME/controls` and `hlscam devices --controls --json` tell it; documented in docs/http-api.md.
#[derive(Serialize)]
struct ControlReport<'a> {
    name: &'a str,
    label: &'a str,
    #[serde(flatten)]
    kind: &'a ControlKind,
    default: ToldValue,
    value: Option<ToldValue>,
    active: bool,
}

impl Serialize for Control {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Control { name, label, kind, default, value, is_active, .. } = self;
        let (default, value) = (self.told(*default), value.map(|value| self.told(value)));
        ControlReport { name, label, kind, default, value, active: *is_active }.serialize(serializer)
    }
}

/// What lists and sets the controls of an open source. It may be called on any thread, and blocks for as long as the driver does.
pub trait ControlPort: Send + Sync {
    /// All that can be read and set, as they are now.
    fn controls(&self) -> Result<Vec<Control>, PortError>;

    /// Sets one of them to a value that it takes.
    fn set(&self, control: &Control, value: i64) -> Result<(), PortError>;
}

/// Why a driver did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The source is gone.
    #[error("the camera is gone")]
    Gone,
    /// It refuses, for this reason.
    #[error("{0}")]
    Refused(String),
}

/// A driver's name in lower case, with `_` between words: `White Balance, Automatic` is `white_balance_automatic`.
pub fn plain_name(label: &str) -> String {
    let words = label.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}

/// Gives every control a name of its own: a second `gain` is `gain_2`. One whose name has no letter or digit is called by its id.
pub fn name_apart(controls: &mut [Control]) {
    let mut taken = BTreeSet::new();
    for control in controls {
        if control.name.is_empty() {
            control.name = format!("control_{:x}", control.id);
        }
        let first = control.name.clone();
        let mut number = 2;
        while !taken.insert(control.name.clone()) {
            control.name = format!("{first}_{number}");
            number += 1;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A control that is active and at its default.
    pub(crate) fn control(label: &str, kind: ControlKind, default: i64) -> Control {
        let name = plain_name(label);
        Control { id: 1, name, label: label.to_owned(), kind, default, value: Some(default), is_active: true }
    }

    pub(crate) fn integer(min: i64, max: i64, step: i64) -> ControlKind {
        ControlKind::Integer { min, max, step }
    }

    pub(crate) fn menu(entries: &[(i64, &str)]) -> ControlKind {
        let entry = |(value, label): &(i64, &str)| MenuEntry { value: *value, name: plain_name(label), label: (*label).to_owned() };
        ControlKind::Menu { entries: entries.iter().map(entry).collect() }
    }

    #[test]
    fn names_are_those_of_the_driver_in_plain_letters() {
        let check = |label: &str, expect: &str| assert_eq!(plain_name(label), expect, "{label}");
        check("Brightness", "brightness");
        check("White Balance, Automatic", "white_balance_automatic");
        check("Exposure Time, Absolute", "exposure_time_absolute");
        check("Pan (Absolute)", "pan_absolute");
        check("  50 Hz ", "50_hz");
        check("Größe", "gr_e");
        check("--", "");
    }

    #[test]
    fn no_two_controls_have_one_name() {
        let mut controls = ["Gain", "gain", "GAIN", "é"].map(|label| control(label, ControlKind::Switch, 0));
        name_apart(&mut controls);
        assert_eq!(controls.map(|control| control.name), ["gain", "gain_2", "gain_3", "control_1"]);
    }

    #[test]
    fn a_control_is_told_as_it_is_written() {
        let json = |control: &Control| serde_json::to_string(control).expect("plain data");
        let expect = r#"{"name":"brightness","label":"Brightness","kind":"integer","min":-64,"max":64,"step":1,"default":0,"value":0,"active":true}"#;
        assert_eq!(json(&control("Brightness", integer(-64, 64, 1), 0)), expect);
        let expect = r#"{"name":"focus_auto","label":"Focus, Auto","kind":"switch","default":true,"value":null,"active":false}"#;
        assert_eq!(json(&Control { value: None, is_active: false, ..control("Focus, Auto", ControlKind::Switch, 1) }), expect);
        let expect = r#"{"name":"mains","label":"Mains","kind":"menu","entries":[{"name":"off","label":"Off"},{"name":"50_hz","label":"50 Hz"}],"default":"50_hz","value":7,"active":true}"#;
        assert_eq!(json(&Control { value: Some(7), ..control("Mains", menu(&[(0, "Off"), (1, "50 Hz")]), 1) }), expect);
    }
}
