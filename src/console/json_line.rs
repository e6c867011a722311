//! A line of the log as a JSON object: what is looked for by programs stands in fields of its own.

use super::log::now;
use crate::threads::{CAMERA_SPAN, REQUEST_SPAN};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{error::Error, fmt};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, format::Writer},
    registry::LookupSpan,
};

/// The line of an event, or of what is told without one.
#[derive(Debug, Default, Serialize)]
struct Line<'a> {
    /// RFC 3339, UTC.
    time: String,
    level: &'a str,
    /// The module that says it.
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<String>,
    /// The number of the request, of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<u64>,
    message: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
}

/// What is told without an event: the failure that ends the program, a bug.
pub(super) fn of_text(level: Level, message: &str) -> String {
    let line = Line { time: now(), level: name(level), target: "hlscam", message: message.to_owned(), ..Line::default() };
    text_of(&line)
}

fn text_of(line: &Line<'_>) -> String {
    // All of it is text and numbers.
    serde_json::to_string(line).unwrap_or_default()
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Writes events so.
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (about, mut told) = (event.metadata(), Told::default());
        event.record(&mut told);
        let mut line = Line {
            time: now(),
            level: name(*about.level()),
            target: about.target(),
            message: told.message,
            fields: told.fields,
            ..Line::default()
        };
        for span in context.event_scope().into_iter().flatten() {
            let text = || span.extensions().get::<FormattedFields<N>>().map(|fields| fields.as_str().to_owned());
            match span.name() {
                CAMERA_SPAN => line.camera = text(),
                REQUEST_SPAN => line.request = text().and_then(|text| text.parse().ok()),
                _ => {}
            }
        }
        writeln!(writer, "{}", text_of(&line))
    }
}

/// What an event says.
#[derive(Default)]
struct Told {
    message: String,
    fields: Map<String, Value>,
}

impl Told {
    fn put(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            _ => self.put(field, text.into()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.put(field, value.into()),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, value.to_string().into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{camera_name::CameraName, sync::lock, threads};
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_an_object_a_line_with_its_camera_its_request_and_its_fields() {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).event_format(JsonLine).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || {
            let name = CameraName::parse("porch").expect("a name");
            let _camera = threads::of_camera(&name).entered();
            let _request = tracing::error_span!(REQUEST_SPAN, message = 17).entered();
            tracing::warn!(n = 3, is_full = true, what = "a \"b\"", peer = %"1.2.3.4", "two\nlines");
        });
        let text = String::from_utf8(lock(&written.0).clone()).expect("text");
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let mut line: Value = serde_json::from_str(&text).expect("JSON");
        assert!(line["time"].take().as_str().is_some_and(|time| time.ends_with('Z')));
        let fields = serde_json::json!({"n": 3, "is_full": true, "what": "a \"b\"", "peer": "1.2.3.4"});
        let target = "hlscam::console::json_line::tests";
        let expect = serde_json::json!({
            "time": null, "level": "warn", "target": target, "camera": "porch", "request": 17, "message": "two\nlines", "fields": fields,
        });
        assert_eq!(line, expect);
    }

    #[test]
    fn what_ends_the_program_is_an_object_too() {
        let line: Value = serde_json::from_str(&of_text(Level::ERROR, "a \"b\"\n")).expect("JSON");
        assert_eq!((&line["level"], &line["target"], &line["message"]), (&"error".into(), &"hlscam".into(), &"a \"b\"\n".into()));
        assert_eq!(line.as_object().map(Map::len), Some(4));
    }
}
