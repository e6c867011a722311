//! The config file, read again by a server that streams.

use crate::support::{Deadline, Running, send};
use serde_json::json;
use std::{fs, path::PathBuf, process::Command};

/// What all of these files say.
const COMMON: &str = "device = \"test\"\nsize = \"320x240\"\nfps = 10\nsegment = \"1s\"\n";

/// A server with a config file.
struct Reloading {
    running: Running,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Reloading {
    fn start(text: &str) -> Reloading {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hlscam.toml");
        fs::write(&file, format!("{COMMON}{text}")).expect("it is written");
        let running = Running::start_with(&[], &[("HLSCAM_CONFIG", &file)]);
        running.wait_for("/readyz", |_| true);
        Reloading { running, file, _folder: folder }
    }

    fn write(&self, text: &str) {
        fs::write(&self.file, format!("{COMMON}{text}")).expect("it is written");
    }

    /// The status and the body of what is said of another file.
    fn reload(&self, text: &str) -> (u16, String) {
        self.write(text);
        let answer = send(&self.running.address, "POST", "/api/config/reload", "").expect("it answers");
        (answer.status, answer.text())
    }

    fn reloaded(&self, text: &str) -> serde_json::Value {
        let (status, body) = self.reload(text);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("json")
    }

    fn status(&self, pointer: &str) -> serde_json::Value {
        self.running.get("/api/status").json().pointer(pointer).cloned().unwrap_or_default()
    }

    /// How often the stream has begun anew, as far as the playlist tells.
    fn discontinuities(&self) -> u64 {
        let text = self.running.get("/cam/video.m3u8").text();
        let before = text.lines().find_map(|line| line.strip_prefix("#EXT-X-DISCONTINUITY-SEQUENCE:")?.parse::<u64>().ok());
        before.unwrap_or_default() + text.matches("#EXT-X-DISCONTINUITY\n").count() as u64
    }

    /// Waits until the status says it.
    fn wait_until(&self, what: &str, is: impl Fn() -> bool) {
        let deadline = Deadline::start();
        while !is() {
            assert!(!deadline.is_over(), "{what}: {}", self.running.get("/api/status").text());
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
    }
}

#[test]
fn what_can_be_changed_is_changed_and_the_rest_is_told() {
    let reloading = Reloading::start("");
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(reloading.reloaded(""), json!({"applied": [], "needs_restart": []}));
    let events = folder.path().join("events");
    let text = format!(
        "overlay = \"labels\"\nmask = \"0,25%,100%,75%\"\ndetect = \"none\"\ndetect-fps = 5\nwindow = \"20s\"\nport = 1\n\
         bitrate = \"1M\"\npreset = \"superfast\"\non-event-exec = \"cat >> '{}'\"\n",
        events.display()
    );
    let applied = json!(["bitrate", "detect", "detect-fps", "on-event-exec", "overlay", "window"]);
    // The port is that of the command line, as ever.
    assert_eq!(reloading.reloaded(&text), json!({"applied": applied, "needs_restart": ["mask", "preset"]}));
    // What was not done is told again.
    assert_eq!(reloading.reloaded(&text), json!({"applied": [], "needs_restart": ["mask", "preset"]}));
    let begun = reloading.discontinuities();
    reloading.wait_until("the encoder is another one", || reloading.discontinuities() > begun);
    assert_eq!(reloading.status("/encoder/bitrate"), 1_000_000);
    // The hook begins in a moment.
    reloading.wait_until("the command is run", || {
        let marker = send(&reloading.running.address, "POST", "/api/markers", r#"{"kind":"door"}"#).expect("it answers");
        assert!([201, 429].contains(&marker.status), "{}", marker.text());
        fs::read_to_string(&events).is_ok_and(|text| text.contains("door"))
    });
    // Nothing is searched, so that faces are gone; and then they are there again.
    let runs = || reloading.status("/detection/runs").as_u64().expect("it is counted");
    assert_eq!(reloading.reloaded("")["applied"], applied);
    let paused = runs();
    reloading.wait_until("it is searched again", || runs() > paused + 3);
}

#[test]
fn a_file_that_is_wrong_changes_nothing_and_says_why() {
    let reloading = Reloading::start("window = \"1m\"\n");
    let (status, why) = reloading.reload("window = \"2m\"\ndetect-fps = 0\n");
    let expect = "hlscam.toml:6:14: --detect-fps 0: searches per second are 0.1 to 60; write --detect none to search nothing\n";
    assert!(status == 422 && why.ends_with(expect), "{status} {why}");
    assert_eq!(reloading.reloaded("window = \"2m\"\n"), json!({"applied": ["window"], "needs_restart": []}));
    // As while an editor saves it.
    fs::remove_file(&reloading.file).expect("it is there");
    let answer = send(&reloading.running.address, "POST", "/api/config/reload", "").expect("it answers");
    assert!(answer.status == 422 && answer.text().contains("hlscam.toml"), "{}", answer.text());
    let page = request_of_another_page(&reloading);
    assert_eq!(page, 403);
}

/// What a page of another origin gets.
fn request_of_another_page(reloading: &Reloading) -> u16 {
    let headers = [("Origin", "http://elsewhere.example")];
    let address = &reloading.running.address;
    crate::support::send_with(address, ("POST", "/api/config/reload"), &headers, "").expect("it answers").status
}

#[test]
fn a_hangup_reads_the_file_again_and_the_stream_goes_on() {
    let reloading = Reloading::start("window = \"1m\"\n");
    reloading.write("window = \"2m\"\n");
    // Not by a process that has begun it, as a shell that closes would.
    let script = format!("kill -HUP {}", reloading.running.id());
    assert!(Command::new("sh").args(["-c", &script]).status().expect("a shell").success());
    let deadline = Deadline::start();
    let is_told = |line: String| line.contains("the options were read again; changed: window");
    while !reloading.running.next_line().is_some_and(is_told) {
        assert!(!deadline.is_over(), "nothing is told");
    }
    assert_eq!(reloading.running.get("/readyz").status, 200);
}
