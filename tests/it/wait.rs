//! `--wait`, as a user meets it: the real binary, whose drawn camera is not there for the first second.

use crate::{
    recording::{frame_count, run},
    support::Running,
};
use std::process::Command;

const SMALL: [&str; 6] = ["--size", "160x120", "--segment", "1s", "--detect", "none"];
const ABSENT: [&str; 2] = ["--device", "test:vanish@0s..1s"];
const WHY: &str = "cannot open the test source: its script has unplugged it";

fn hlscam(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    command.args(args).args(SMALL).args(ABSENT);
    command
}

#[test]
fn a_source_that_is_not_there_is_an_error_or_is_waited_for() {
    let refused = run(&mut hlscam(&["--port", "0"]), 1);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains(&format!("error: {WHY}")) && !said.contains("again"), "{said}");
    let running = Running::start(&[&SMALL[..], &ABSENT, &["--wait"]].concat());
    let status = running.wait_for("/api/status", |status| status.json()["source"]["state"] == "live").json();
    assert_eq!((&status["source"]["opened"], &status["source"]["reopened"]), (&1.into(), &0.into()));
    running.wait_for("/cam/video.m3u8", |list| list.text().contains("#EXTINF"));
    let (status, log) = running.interrupt();
    assert_eq!(status.code(), Some(0), "{log:?}");
}

#[test]
fn a_recording_of_a_source_that_is_not_there_yet_begins_with_its_first_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.mp4");
    let recorded = run(&mut hlscam(&["record", "--wait", "--duration", "1s", "--output", file.to_str().expect("plain")]), 0);
    let said = String::from_utf8_lossy(&recorded.stderr).into_owned();
    assert_eq!(said.matches(&format!("{WHY}; it is tried again")).count(), 1, "{said}");
    if let Some(count) = frame_count(&file) {
        assert_eq!(count, 30);
    }
}
