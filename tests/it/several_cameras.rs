//! Several cameras of one process, as a user starts them: the real binary with several `--device`.

use crate::support::{Answer, Running, ffmpeg, send};
use serde_json::Value;
use std::path::Path;

const SMALL: [&str; 6] = ["--size", "160x120", "--segment", "1s", "--detect", "none"];

/// A file of two seconds; `false` where there is no FFmpeg to make it.
fn make_film(path: &std::path::Path) -> bool {
    let path = path.to_str().expect("text");
    let film = ["-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=15:duration=2", "-pix_fmt", "yuv420p", path];
    ffmpeg("ffmpeg", &film).is_some()
}

#[test]
fn one_that_cannot_be_opened_is_tried_again_and_one_that_ends_leaves_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let (late, short, made) = (folder.path().join("late.mp4"), folder.path().join("short.mp4"), folder.path().join("made.mp4"));
    if !make_film(&short) || !make_film(&made) {
        return;
    }
    let (late_spec, short_spec) = (format!("file:{}", late.display()), format!("file:{}", short.display()));
    let own = ["--device", "test", "--name", "desk", "--device", &late_spec, "--name", "late", "--device", &short_spec, "--once"];
    // A file keeps its own size, so that of the drawn picture is its own.
    let running = Running::start(&[&["--segment", "1s", "--detect", "none"][..], &own, &["--part", "500ms"]].concat());

    let states = |wanted: [&str; 3]| {
        running.wait_for("/api/cameras", |answer| {
            let listed = answer.json()["cameras"].as_array().expect("a list").clone();
            listed.iter().map(|camera| camera["state"].as_str().unwrap_or_default()).eq(wanted)
        })
    };
    // The one that ends has ended, and its playlist says so; the first goes on, and the second says why it is not there.
    let listed = states(["live", "opening", "ended"]).json();
    let reason = listed["cameras"][1]["reason"].as_str().expect("a reason");
    assert!(reason.contains("late.mp4") && reason.ends_with("; it is tried again"), "{reason}");
    assert_eq!(listed["cameras"][2]["name"], "cam-3");
    let refused = running.get("/late/index.m3u8");
    assert!(refused.status == 503 && refused.text().contains("there is no stream yet: cannot open "), "{}", refused.text());
    running.wait_for("/cam-3/video.m3u8", |list| list.text().ends_with("#EXT-X-ENDLIST\n"));
    let status = running.get("/api/status").json();
    assert_eq!((&status["camera"], &status["source"]["name"]), (&"desk".into(), &"test source".into()));
    assert_eq!(status["cameras"]["late"]["source"]["state"], "opening");
    assert_eq!(running.get("/readyz").status, 503);

    // It comes when it is there.
    std::fs::rename(&made, &late).expect("there is room");
    states(["live", "live", "ended"]);
    running.wait_for("/late/video.m3u8", |list| list.text().contains("seg-"));

    let last = running.get("/api/status?camera=desk").json()["window"]["last_msn"].as_u64().expect("a number");
    running.wait_for(&format!("/desk/video.m3u8?_HLS_msn={}", last + 1), |list| !list.text().contains("ENDLIST"));
    let (status, log) = running.interrupt();
    assert_eq!(status.code(), Some(0), "{log:?}");
}

#[test]
fn the_front_page_is_a_grid_and_each_camera_has_a_page_and_a_history() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = folder.path().join("kept").display().to_string();
    let own = ["--device", "test", "--storage", &storage, "--device", "test", "--name", "porch"];
    let running = Running::start(&[&SMALL[..], &own].concat());
    running.wait_for("/readyz", |_| true);
    assert!(running.get("/").text().contains("grid.js"));
    assert!(running.get("/?camera=porch").text().contains("data-camera=\"porch\" data-others"));
    let unknown = running.get("/?camera=attic");
    assert_eq!((unknown.status, unknown.text().as_str()), (404, "there is no camera of that name; there is cam, porch\n"));
    let made = send(&running.address, "POST", "/api/markers?camera=porch", r#"{"kind":"bell"}"#).expect("it answers").json();
    assert_eq!(made["camera"], "porch");
    // Each keeps its own, in the one folder.
    for camera in ["cam", "porch"] {
        running.wait_for(&format!("/api/history?camera={camera}"), |answer| !answer.json()["disk"].is_null());
        assert!(folder.path().join("kept").join(camera).is_dir(), "{camera}");
    }
    let (status, log) = running.interrupt();
    assert_eq!(status.code(), Some(0), "{log:?}");
}

#[test]
fn a_bug_in_one_leaves_the_others_and_the_log_names_it() {
    let own = ["--device", "test", "--name", "desk", "--device", "test", "--name", "porch"];
    // Both count, and one of them meets it.
    let running = Running::start_with(&[&SMALL[..], &own].concat(), &[("HLSCAM_DRILL", Path::new("encode:120"))]);
    let states = |answer: &Answer| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let listed = answer.json()["cameras"].as_array().expect("a list").clone();
        listed.iter().map(|camera| (text(&camera["state"]), text(&camera["name"]))).collect()
    };
    let listed = running.wait_for("/api/cameras", |answer| states(answer).iter().any(|(state, _)| state == "ended"));
    let mut states = states(&listed);
    states.sort();
    let [(ended, bad), (live, good)] = &states[..] else { panic!("{states:?}") };
    assert_eq!((ended.as_str(), live.as_str()), ("ended", "live"));
    running.wait_for(&format!("/{bad}/video.m3u8"), |list| list.text().ends_with("#EXT-X-ENDLIST\n"));
    let last = running.get(&format!("/api/status?camera={good}")).json()["window"]["last_msn"].as_u64().expect("a number");
    running.wait_for(&format!("/{good}/video.m3u8?_HLS_msn={}", last + 1), |list| !list.text().contains("ENDLIST"));
    let (status, log) = running.interrupt();
    assert_eq!(status.code(), Some(1), "{log:#?}");
    let told = format!("ERROR {bad}: the stream has failed: the thread encode ended by a bug");
    assert!(log.iter().any(|line| line.contains(&told)), "{log:#?}");
}
