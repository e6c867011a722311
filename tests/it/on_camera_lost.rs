//! `--on-camera-lost exit`, as a user meets it: the real binary, whose drawn camera vanishes after a second.

use crate::{
    recording::{frame_count, run},
    support::Running,
};
use std::process::Command;

const SMALL: [&str; 6] = ["--size", "160x120", "--segment", "1s", "--detect", "none"];
const LOST: &str = "lost test source: the test source was unplugged by its script";

fn vanishing(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    command.args(args).args(SMALL).args(["--device", "test:vanish@1s..60s", "--on-camera-lost", "exit"]);
    command
}

#[test]
fn a_stream_and_a_recording_end_with_1_and_say_what_was_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.mp4");
    let path = file.to_str().expect("plain").to_owned();
    let recorded = std::thread::spawn(move || run(&mut vanishing(&["record", "--output", &path]), 1));
    let streamed = run(&mut vanishing(&["--port", "0"]), 1);
    for output in [streamed, recorded.join().expect("it ends with 1")] {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.trim_end().lines().last().is_some_and(|line| line.contains(LOST)), "{said}");
        assert!(!said.contains("again"), "{said}");
    }
    // What came before is whole.
    if let Some(count) = frame_count(&file) {
        assert!(count > 10, "{count} frames");
    }
}

#[test]
fn of_several_cameras_the_others_go_on_and_the_exit_code_tells_of_the_lost_one() {
    let porch = ["--name", "porch", "--device", "test:vanish@1s..60s", "--on-camera-lost", "exit"];
    let (device, name) = (["--device", "test"], ["--name", "desk"]);
    let running = Running::start(&[&SMALL[..], &porch[2..], &porch[..2], &device, &name].concat());
    running.wait_for("/porch/video.m3u8", |list| list.text().ends_with("#EXT-X-ENDLIST\n"));
    let listed = running.get("/api/cameras").json();
    assert_eq!((&listed["cameras"][0]["state"], &listed["cameras"][1]["state"]), (&"ended".into(), &"live".into()));
    let last = running.get("/api/status?camera=desk").json()["window"]["last_msn"].as_u64().expect("a number");
    running.wait_for(&format!("/desk/video.m3u8?_HLS_msn={}", last + 1), |list| !list.text().contains("ENDLIST"));
    let (status, log) = running.interrupt();
    assert_eq!(status.code(), Some(1), "{log:?}");
    assert!(log.iter().any(|line| line.contains(&format!("porch: the stream has failed: {LOST}"))), "{log:?}");
}
