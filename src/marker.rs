//! Markers: what was there, from when to when. The detector and clients make them.
//!
//! [`observer`] turns what is followed into markers, [`draft`] reads those that are posted; both are pure. [`marker_service`](crate::marker_service) is the
//! thread that keeps and publishes them.

pub mod draft;
pub mod observer;
pub mod range;

use crate::{camera_name::CameraName, detect::kind::Kind, time::WallTime};
use serde::{Deserialize, Serialize, Serializer};

/// A marker, as it is told in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Marker {
    /// `KIND-NUMBER`; the number is never used again.
    pub id: String,
    /// The camera whose picture it is about.
    pub camera: CameraName,
    /// What was there; see [`is_kind`].
    pub kind: String,
    /// For people.
    pub text: Option<String>,
    /// Who made it.
    pub source: MarkerSource,
    /// Since when.
    pub begin: WallTime,
    /// Until when; not before `begin`. None while it goes on.
    pub end: Option<WallTime>,
    /// Most at once.
    pub count: Option<u32>,
    /// Of the surest look, 0 to 1.
    #[serde(serialize_with = "thousandths")]
    pub confidence: Option<f64>,
    /// Where it was at its best moment.
    #[serde(rename = "box")]
    pub best: Option<Best>,
    /// Whatever a script wants to keep with it.
    pub data: Option<serde_json::Value>,
}

/// Who made a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkerSource {
    /// Our own detector.
    Detector,
    /// A client of the HTTP interface.
    Api,
}

/// A box as fractions of the picture's width and height, from its left-top corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fractions {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Of the picture's width.
    pub width: f64,
    /// Of the picture's height.
    pub height: f64,
}

/// Where something was when it was largest and surest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Where.
    #[serde(flatten)]
    pub area: Fractions,
    /// When.
    pub at: WallTime,
}

/// Whether a kind can be one: what clients mark is named as what the detector finds.
pub fn is_kind(text: &str) -> bool {
    Kind::named(text).is_some()
}

/// The id of the marker of that kind and number.
pub fn id_of(kind: &str, number: i64) -> String {
    format!("{kind}-{number}")
}

/// The kind and number that an id names.
pub fn parts_of(id: &str) -> Option<(&str, i64)> {
    let (kind, number) = id.rsplit_once('-')?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    (is_kind(kind) && is_plain).then(|| number.parse().ok()).flatten().map(|number| (kind, number))
}

/// More digits of a confidence mean nothing.
pub(crate) fn thousandths<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(|value| (value * 1000.0).round() / 1000.0).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_lower_case_letters_digits_and_hyphens() {
        let check = |text: &str, expect| assert_eq!(is_kind(text), expect, "{text:?}");
        check("face", true);
        check("door-bell2", true);
        check(&"a".repeat(32), true);
        check(&"a".repeat(33), false);
        check("", false);
        check("Face", false);
        check("a b", false);
        check("é", false);
        check("a/b", false);
    }

    #[test]
    fn an_id_names_its_kind_and_number() {
        let check = |id: &str, expect| assert_eq!(parts_of(id), expect, "{id:?}");
        check(&id_of("door-bell", 17), Some(("door-bell", 17)));
        check("face-1", Some(("face", 1)));
        check("face-01", None);
        check("face-", None);
        check("face--1", Some(("face-", 1)));
        check("face-+1", None);
        check("17", None);
        check("face-99999999999999999999", None);
    }

    #[test]
    fn json_is_as_documented() {
        let marker = Marker {
            id: "face-17".to_owned(),
            camera: CameraName::default(),
            kind: "face".to_owned(),
            text: None,
            source: MarkerSource::Detector,
            begin: WallTime(1_795_191_552_123_000),
            end: None,
            count: Some(2),
            confidence: Some(0.912_34),
            best: Some(Best {
                area: Fractions { x: 0.25, y: 0.5, width: 0.125, height: 0.2 },
                at: WallTime(1_795_191_553_000_000),
            }),
            data: None,
        };
        assert_eq!(
            serde_json::to_string(&marker).expect("plain data"),
            r#"{"id":"face-17","camera":"cam","kind":"face","text":null,"source":"detector","begin":"2026-11-20T16:19:12.123Z","end":null,"count":2,"confidence":0.912,"box":{"x":0.25,"y":0.5,"width":0.125,"height":0.2,"at":"2026-11-20T16:19:13.000Z"},"data":null}"#
        );
    }
}
