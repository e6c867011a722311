//! What clients post: a marker to be made, or a change of one, read from JSON and checked. Pure.
//!
//! A refusal is one sentence for the client: what is wrong, and what to send instead.

use super::{Marker, is_kind};
use crate::{
    detect::kind::KIND_CHARS_MAX,
    time::{Span, WallTime},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

/// Longest text, in characters: a line beside a seek bar.
pub const TEXT_CHARS_MAX: usize = 200;
/// Most data, in bytes of JSON: it lies in memory, and in every answer that lists the marker.
pub const DATA_LEN_MAX: usize = 4096;
/// Most bytes of a body: data, text of 4-byte characters with escapes, and blanks.
pub const BODY_LEN_MAX: usize = 12 * 1024;
/// The kind of what people write: its text is all that it is.
const NOTE: &str = "note";
/// A time may lie this far ahead: clocks of a home differ by seconds, and what lies further ahead is a mistake.
pub const AHEAD_MAX: Span = Span::from_ms(60_000);

/// A marker to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What was there.
    pub kind: String,
    /// For people.
    pub text: Option<String>,
    /// Since when.
    pub begin: WallTime,
    /// Until when; none if it goes on.
    pub end: Option<WallTime>,
    /// The client's own.
    pub data: Option<serde_json::Value>,
}

/// A change of a marker: what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// The new text, or none any more.
    pub text: Option<Option<String>>,
    /// Its end.
    pub end: Option<WallTime>,
    /// The new data, or none any more.
    pub data: Option<Option<serde_json::Value>>,
}

/// Why JSON is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadJson(pub String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    kind: String,
    text: Option<String>,
    begin: Option<Time>,
    end: Option<Time>,
    data: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patched {
    #[serde(default, deserialize_with = "present")]
    text: Option<Option<String>>,
    end: Option<Time>,
    #[serde(default, deserialize_with = "present")]
    data: Option<Option<serde_json::Value>>,
}

/// A time as it is sent.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Time {
    Text(String),
    Seconds(f64),
}

/// `null` is a value, and not the same as a field that is not there.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a marker to be made; it begins now unless it says otherwise.
pub fn draft(body: &[u8], now: WallTime) -> Result<Draft, BadJson> {
    let Posted { kind, text, begin, end, data } = parse(body)?;
    if !is_kind(&kind) {
        return refuse(format!("kind must be 1 to {KIND_CHARS_MAX} of a-z, 0-9 and hyphen, like \"door-bell\""));
    }
    if kind == NOTE && text.as_deref().is_some_and(is_blank) {
        return refuse("a note needs a text; send one that says something");
    }
    let begin = begin.map_or(Ok(now.whole_ms()), |begin| time("begin", begin, now))?;
    let end = end.map(|end| time("end", end, now)).transpose()?;
    if end.is_some_and(|end| end < begin) {
        return refuse(format!("end is before begin ({begin}); send an end that is not"));
    }
    Ok(Draft { kind, text: self::text(text)?, begin, end, data: self::data(data)? })
}

/// Reads a change.
pub fn edit(body: &[u8], now: WallTime) -> Result<Edit, BadJson> {
    let Patched { text, end, data } = parse(body)?;
    if text.is_none() && end.is_none() && data.is_none() {
        return refuse("nothing would change; send text, end or data");
    }
    Ok(Edit {
        text: text.map(self::text).transpose()?,
        end: end.map(|end| time("end", end, now)).transpose()?,
        data: data.map(self::data).transpose()?,
    })
}

impl Edit {
    /// Changes a marker, or says why it cannot be changed so.
    pub fn apply(self, marker: &mut Marker) -> Result<(), Conflict> {
        if self.text == Some(None) && marker.kind == NOTE {
            return Err(Conflict("a note needs a text; send one that says something, or delete the note".to_owned()));
        }
        if let Some(end) = self.end {
            if marker.source == super::MarkerSource::Detector {
                return Err(Conflict("its end is set by the detector; send text or data alone".to_owned()));
            }
            if let Some(ended) = marker.end {
                return Err(Conflict(format!("it has ended already, at {ended}; an end is final, for players have it")));
            }
            if end < marker.begin {
                return Err(Conflict(format!("it began at {}; send an end that is not before", marker.begin)));
            }
            marker.end = Some(end);
        }
        if let Some(text) = self.text {
            marker.text = text;
        }
        if let Some(data) = self.data {
            marker.data = data;
        }
        Ok(())
    }
}

/// Why a change does not fit a marker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Conflict(pub String);

pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadJson> {
    serde_json::from_slice(body).map_err(|error| BadJson(format!("the body is not the JSON that is wanted here: {error}")))
}

fn refuse<T>(why: impl Into<String>) -> Result<T, BadJson> {
    Err(BadJson(why.into()))
}

pub(crate) fn time(field: &str, time: Time, now: WallTime) -> Result<WallTime, BadJson> {
    let read = match time {
        Time::Text(text) => WallTime::parse(&text),
        Time::Seconds(seconds) => WallTime::from_unix_s(seconds),
    };
    match read {
        None => refuse(format!("{field} is no time; send RFC 3339 like \"2026-11-20T16:19:12.123Z\", or seconds since 1970")),
        Some(read) if read > now + AHEAD_MAX => {
            refuse(format!("{field} lies in the future; it is {now} here, and {} s ahead is the most", AHEAD_MAX.as_s()))
        }
        Some(read) => Ok(read.whole_ms()),
    }
}

/// An empty text is none.
fn text(text: Option<String>) -> Result<Option<String>, BadJson> {
    match text {
        Some(text) if text.chars().count() > TEXT_CHARS_MAX => {
            refuse(format!("text is longer than {TEXT_CHARS_MAX} characters; put the rest into data"))
        }
        text => Ok(text.filter(|text| !is_blank(text))),
    }
}

/// Whether nobody sees anything of it: blanks, and the characters of Unicode that only steer (its category Cf, as far as keyboards and
/// other programs put them into texts).
pub(crate) fn is_blank(text: &str) -> bool {
    let steers =
        |char| matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    text.chars().all(|char| char.is_whitespace() || char.is_control() || steers(char))
}

fn data(data: Option<serde_json::Value>) -> Result<Option<serde_json::Value>, BadJson> {
    match data {
        Some(data) if data.to_string().len() > DATA_LEN_MAX => refuse(format!("data is larger than {DATA_LEN_MAX} bytes of JSON")),
        data => Ok(data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marker::MarkerSource;
    use proptest::prelude::*;

    const NOW: WallTime = WallTime(1_795_191_552_123_456);

    #[track_caller]
    fn check(body: &str, expect: &str) {
        let told = match draft(body.as_bytes(), NOW) {
            Ok(draft) => format!("{} {}..{}", draft.kind, draft.begin, draft.end.map_or_else(String::new, |end| end.to_string())),
            Err(error) => error.to_string(),
        };
        assert!(told.contains(expect), "{body}: {told}");
    }

    #[test]
    fn a_marker_begins_now_unless_it_says_otherwise() {
        check(r#"{"kind":"dog"}"#, "dog 2026-11-20T16:19:12.123Z..");
        check(r#"{"kind":"dog","begin":"2026-11-20T16:00:00Z"}"#, "dog 2026-11-20T16:00:00.000Z..");
        check(
            r#"{"kind":"dog","begin":1795191500.5,"end":1795191500.5}"#,
            "dog 2026-11-20T16:18:20.500Z..2026-11-20T16:18:20.500Z",
        );
        check(r#"{"kind":"dog","begin":"1795191500","end":"2026-11-20T17:18:21+01:00"}"#, "..2026-11-20T16:18:21.000Z");
        check(r#"{"kind":"dog","end":"2026-11-20T16:20:12Z"}"#, "..2026-11-20T16:20:12.000Z");
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        check("", "not the JSON that is wanted here: EOF");
        check("[]", "not the JSON that is wanted here");
        check("{}", "missing field `kind`");
        check(r#"{"kind":"dog","colour":1}"#, "unknown field `colour`");
        check(r#"{"kind":"Dog"}"#, "kind must be 1 to 32 of");
        check(r#"{"kind":7}"#, "invalid type: integer `7`");
        check(r#"{"kind":"dog"} {}"#, "trailing characters");
        check(r#"{"kind":"dog","begin":"2026-11-20T16:19:12Z","end":"2026-11-20T16:19:11Z"}"#, "end is before begin");
        check(r#"{"kind":"dog","begin":"2026-11-20T16:20:13Z"}"#, "begin lies in the future");
        check(r#"{"kind":"dog","end":253402300799}"#, "end lies in the future");
        check(r#"{"kind":"dog","begin":NaN}"#, "not the JSON that is wanted here");
        check(r#"{"kind":"dog","begin":1e999}"#, "not the JSON that is wanted here");
        check(r#"{"kind":"dog","begin":1e300}"#, "begin is no time");
        check(r#"{"kind":"dog","begin":-5}"#, "begin is no time");
        check(r#"{"kind":"dog","begin":"soon"}"#, "begin is no time");
        check(r#"{"kind":"dog","begin":[]}"#, "not the JSON that is wanted here");
        for blank in ["", "  ", "\\t", "\u{a0}\u{200b}\u{feff}"] {
            check(&format!(r#"{{"kind":"note","text":"{blank}"}}"#), "a note needs a text");
            check(&format!(r#"{{"kind":"dog","text":"{blank}"}}"#), "dog ");
        }
        check(r#"{"kind":"note","text":" x\u200b"}"#, "note ");
        check(&format!(r#"{{"kind":"dog","text":"{}"}}"#, "é".repeat(201)), "text is longer than 200 characters");
        check(&format!(r#"{{"kind":"dog","text":"{}"}}"#, "é".repeat(200)), "dog ");
        check(&format!(r#"{{"kind":"dog","data":"{}"}}"#, "x".repeat(4095)), "data is larger than 4096 bytes");
        check(&format!(r#"{{"kind":"dog","data":"{}"}}"#, "x".repeat(4094)), "dog ");
        check(&format!(r#"{{"kind":"dog","data":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000)), "recursion limit exceeded");
    }

    fn marker() -> Marker {
        Marker {
            id: "dog-1".to_owned(),
            camera: crate::camera_name::CameraName::default(),
            kind: "dog".to_owned(),
            text: Some("Rex".to_owned()),
            source: MarkerSource::Api,
            begin: WallTime(1_795_191_500_000_000),
            end: None,
            count: None,
            confidence: None,
            best: None,
            data: Some(1.into()),
        }
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let change = |body: &str, marker: &mut Marker| edit(body.as_bytes(), NOW).expect("it can be read").apply(marker);
        let mut changed = marker();
        assert_eq!(change(r#"{"text":null}"#, &mut changed), Ok(()));
        assert_eq!(changed, Marker { text: None, ..marker() });
        let mut note = Marker { kind: "note".to_owned(), ..marker() };
        for body in [r#"{"text":null,"data":2}"#, r#"{"text":" ","end":1795191500}"#] {
            assert!(change(body, &mut note).is_err_and(|error| error.0.contains("a note needs a text")), "{body}");
        }
        assert_eq!(note, Marker { kind: "note".to_owned(), ..marker() }, "nothing of a refused change is made");
        assert_eq!(change(r#"{"data":null,"text":"Bello","end":1795191500}"#, &mut changed), Ok(()));
        assert_eq!(changed, Marker { text: Some("Bello".to_owned()), data: None, end: Some(changed.begin), ..marker() });
        assert!(change(r#"{"end":1795191501}"#, &mut changed).expect_err("once only").0.starts_with("it has ended already"));
        assert!(change(r#"{"end":1795191499}"#, &mut marker()).expect_err("too early").0.starts_with("it began at"));
        let mut detected = Marker { source: MarkerSource::Detector, ..marker() };
        assert!(change(r#"{"end":1795191501}"#, &mut detected).expect_err("not theirs").0.contains("detector"));
        assert_eq!(change(r#"{"text":"me"}"#, &mut detected), Ok(()));
        for bad in ["{}", r#"{"kind":"cat"}"#, r#"{"begin":1}"#, r#"{"end":"x"}"#, "null", r#"{"text":5}"#] {
            assert!(edit(bad.as_bytes(), NOW).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = draft(&body, NOW);
            let _ = edit(&body, NOW);
        }
    }
}
