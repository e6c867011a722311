//! What can be set of a camera, over real sockets: the drawn test source behind the board of a camera.

use super::running::{NOW, Running, start};
use super::*;
use hlscam::{
    events::{EventKind, Received},
    picture::PicturePool,
    source::{
        FormatRequest, Source,
        control::board::ControlBoard,
        test::{Script, TestOpener},
    },
};
use serde_json::{Value, json};
use std::sync::Arc;

const AT: &str = "/api/cameras/cam/controls";
const JSON: &str = "content-type: application/json\r\n";

/// Opens the test source of a server's camera; it is there until what comes back is dropped.
fn open(server: &Running, board: &Arc<ControlBoard>) -> Box<dyn Source> {
    let clock = server.clock.clone();
    let opener = TestOpener::new(Script::default(), FormatRequest::default(), 1, clock, PicturePool::default());
    let source = board.attach(Box::new(opener.open().expect("it opens"))).expect("its controls are as asked");
    server.status.stream.capture.set_state(SourceState::Live, None);
    source
}

async fn put(server: &Running, body: &str) -> Answer {
    server.send("PUT", AT, JSON, body).await
}

/// The controls of an answer, by their names.
fn value(answer: &Answer, name: &str) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let all = body["controls"].as_array().expect("a list");
    all.iter().find(|control| control["name"] == name).unwrap_or_else(|| panic!("{name} in {body}"))["value"].clone()
}

#[tokio::test]
async fn what_is_set_is_told_and_stays_when_the_camera_is_back() {
    let server = start(Limits::default());
    let board = server.controls.clone();
    let source = open(&server, &board);
    let mut events = server.journal.events.listen();
    let listed = server.get(AT).await;
    assert_eq!(listed.header("cache-control"), "no-store");
    let expect = json!({"name": "brightness", "label": "Brightness", "kind": "integer", "min": -100, "max": 100, "step": 1,
        "default": 0, "value": 0, "active": true});
    let body: Value = serde_json::from_slice(&listed.body).expect("JSON");
    assert_eq!(body["controls"][0], expect);
    let answer = put(&server, r#"{"brightness": -40, "color_effects": "black_white", "gain": 150}"#).await;
    assert_eq!(value(&answer, "brightness"), -40);
    assert_eq!(value(&answer, "gain_automatic"), false);
    let Some(Received::Event(event)) = soon(events.next()).await else { panic!("an event") };
    assert!(matches!(event.kind, EventKind::ControlsChanged(_)), "{event:?}");
    let expect = json!({"at": NOW.to_string(), "camera": "cam",
        "controls": {"brightness": -40, "color_effects": "black_white", "gain": 150, "gain_automatic": false}});
    assert_eq!(serde_json::from_str::<Value>(&event.json).expect("JSON"), expect);
    drop(source);
    let _source = open(&server, &board);
    let again = server.get(AT).await;
    assert_eq!((value(&again, "brightness"), value(&again, "gain")), (json!(-40), json!(150)));
}

#[tokio::test]
async fn what_cannot_be_set_is_refused_in_a_sentence_and_nothing_is_set() {
    let server = start(Limits::default());
    let source = open(&server, &server.controls.clone());
    let check = async |method: &str, target: &str, headers: &str, body: &str, status: u16, why: &str| {
        let answer = server.send(method, target, headers, body).await;
        assert_eq!(answer.status, status, "{method} {target} {headers} {body}: {}", answer.text());
        assert!(answer.text().contains(why), "{}", answer.text());
    };
    let good = r#"{"brightness":1}"#;
    check("PUT", AT, JSON, r#"{"brightness":101}"#, 400, "brightness takes a whole number from -100 to 100").await;
    check("PUT", AT, JSON, r#"{"brightness":5,"zoom":1}"#, 400, "this camera has no such control; it has brightness, gain_aut")
        .await;
    check("PUT", AT, JSON, r#"{"color_effects":"sepia"}"#, 400, "color_effects is one of none, black_white").await;
    check("PUT", AT, JSON, "[]", 400, "not the JSON that is wanted").await;
    check("PUT", AT, JSON, r#"{"gain":{}}"#, 400, "gain is a number, a text, true or false").await;
    check("PUT", AT, "", good, 415, "Content-Type: application/json").await;
    check("PUT", "/api/cameras/porch/controls", JSON, good, 404, "there is no camera of that name; there is cam").await;
    check("GET", "/api/cameras/porch/controls", "", "", 404, "there is no camera of that name").await;
    check("POST", AT, JSON, good, 405, "Allow").await;
    let foreign = format!("{JSON}origin: https://evil.example\r\nsec-fetch-site: cross-site\r\n");
    check("PUT", AT, &foreign, good, 403, "").await;
    assert_eq!(value(&server.get(AT).await, "brightness"), 0);
    // It is unplugged.
    drop(source);
    server.status.stream.capture.set_state(SourceState::Lost, None);
    check("GET", AT, "", "", 503, "the source is gone, and is being opened again").await;
    check("PUT", AT, JSON, good, 503, "the source is gone, and is being opened again").await;
    // Its source is one that has none.
    server.status.stream.capture.set_state(SourceState::Live, None);
    check("GET", AT, "", "", 200, "{\"controls\":[]}").await;
    check("PUT", AT, JSON, good, 409, "this camera has nothing that can be set here").await;
}
