//! Dates that the program tells are dates that it takes. They are told in milliseconds, and pictures come at any microsecond.

use crate::{
    ending::{Streaming, hlscam_after},
    support::{request, send},
};
use serde_json::json;

/// Those of a run that has forgotten nothing yet: the first one is that of its first picture.
#[test]
fn the_first_date_of_the_window_is_taken_as_the_begin_and_the_end_of_a_marker() {
    let mut streaming = Streaming::start(hlscam_after(":"), "test");
    streaming.wait_until("there are segments", |status| status["window"]["segments"].as_u64() > Some(2));
    let ask = |method: &str, target: &str, body: serde_json::Value| {
        send(&streaming.address, method, target, &body.to_string()).expect("it answers")
    };
    let playlist = || request(&streaming.address, "/cam/video.m3u8").expect("it answers").text();
    let list = playlist();
    let dates: Vec<&str> = list.lines().filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:")).collect();
    assert!(dates.len() > 2, "{list}");
    for date in &dates {
        let made = ask("POST", "/api/markers", json!({"kind": "bell", "begin": date, "end": date}));
        assert_eq!(made.status, 201, "{date}: {}", made.text());
        assert_eq!((&made.json()["begin"], &made.json()["end"]), (&json!(date), &json!(date)));
    }
    // One that was open until then ends there, and says so to who has its begin in the playlist.
    let open = ask("POST", "/api/markers", json!({"kind": "door", "begin": dates[0]})).json();
    let id = open["id"].as_str().expect("a text");
    assert!(playlist().contains(&format!("ID=\"{id}\"")));
    let ended = ask("PATCH", &format!("/api/markers/{id}"), json!({"end": dates[0]}));
    assert_eq!((ended.status, &ended.json()["end"]), (200, &json!(dates[0])), "{}", ended.text());
    let list = playlist();
    let line = list.lines().rfind(|line| line.contains(&format!("ID=\"{id}\""))).expect("it is listed still");
    assert!(line.contains("END-DATE=") || line.contains("DURATION=0"), "{line}");
    streaming.signal("-TERM");
    assert_eq!(streaming.ends().code(), Some(0));
}
