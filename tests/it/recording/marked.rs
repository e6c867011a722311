//! `hlscam record --on`: a file for each time that something is there.

use super::{end, files, is_whole, wait_until};
use crate::support::{Running, send};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// Starts to record, and hands on the lines that it prints.
fn record(args: &[&str]) -> (Child, Receiver<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    command.arg("record").args(args).arg("--json").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("runs");
    let (lines, told) = channel();
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    thread::spawn(move || {
        let lines_of = stdout.lines().map_while(Result::ok);
        lines_of.map(|line| serde_json::from_str(&line).expect("JSON")).all(|line: Value| lines.send(line).is_ok())
    });
    (child, told)
}

/// Lines of progress, two a second, until a recording of a server has joined its stream and holds two seconds of it.
const PROGRESS_UNTIL_PAST: usize = 10;

/// The next line of that event.
fn next(told: &Receiver<Value>, event: &str) -> Value {
    let deadline = Duration::from_secs(60);
    loop {
        let line = told.recv_timeout(deadline).unwrap_or_else(|error| panic!("{event}: {error}"));
        if line["event"] == event {
            return line;
        }
    }
}

#[test]
fn markers_of_a_server_begin_and_end_files() {
    let running = Running::start(&["--device", "test", "--size", "320x240", "--detect", "none", "--segment", "1s"]);
    running.wait_for("/cam/video.m3u8", |answer| answer.text().matches("#EXTINF").count() >= 2);
    let folder = tempfile::tempdir().expect("a folder");
    let pattern = folder.path().join("%H-%M-%S.mp4");
    let url = format!("http://{}/", running.address);
    let args = ["--from", &url, "--on", "door,bell", "--pre-roll", "2s", "--post-roll", "1s", "--output"];
    let (child, told) = record(&[&args[..], &[pattern.to_str().expect("plain")]].concat());
    // Some come before it has joined the stream; there is a past of two seconds after so many.
    for _ in 0..PROGRESS_UNTIL_PAST {
        next(&told, "progress");
    }
    let post = |method: &str, path: &str, json: &str| {
        let answer = send(&running.address, method, path, json).expect("it answers");
        assert!(answer.status < 300, "{}", answer.text());
        answer.json()
    };
    // Another kind is nothing.
    post("POST", "/api/markers", r#"{"kind":"cat"}"#);
    let mut begins = Vec::new();
    for kind in ["door", "bell"] {
        let marker = post("POST", "/api/markers", &format!(r#"{{"kind":"{kind}"}}"#));
        begins.push(marker["begin"].as_str().expect("a time").to_owned());
        if kind == "door" {
            next(&told, "begin");
        }
        let id = marker["id"].as_str().expect("an id");
        let now = running.get("/time").text();
        post("PATCH", &format!("/api/markers/{id}"), &format!(r#"{{"end":"{now}"}}"#));
        if kind == "door" {
            // The first file is finished when no pre-roll can reach it any more.
            next(&told, "file");
        }
    }
    next(&told, "begin");
    next(&told, "file");
    let (status, said) = end(child);
    assert_eq!(status.code(), Some(0), "{said}");
    let files = files(folder.path());
    assert_eq!(files.len(), 2, "{files:?} {said}");
    for (file, begin) in files.into_iter().zip(begins) {
        let Some(strips) = is_whole(&[file]) else { return };
        let begin = hlscam::time::WallTime::parse(&begin).expect("a time").as_unix_ms();
        let (first, last) = (strips[0].unix_ms, strips[strips.len() - 1].unix_ms);
        // Up to a second more before, for the sake of a key frame; a part and a frame of play at both ends.
        assert!((begin - 3300..=begin - 1800).contains(&first) && last >= begin + 800, "{first} {begin} {last}");
    }
}

#[test]
fn faces_of_the_source_itself_begin_a_file_with_what_came_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let pattern = folder.path().join("%H-%M-%S.mp4");
    let args = ["--device", "test", "--on", "face", "--pre-roll", "1s", "--output", pattern.to_str().expect("plain")];
    let (child, told) = record(&args);
    let file = next(&told, "begin")["file"].as_str().expect("a name").to_owned();
    wait_until("it grows", || std::fs::metadata(&file).is_ok_and(|file| file.len() > 400_000));
    let (status, said) = end(child);
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(files(folder.path()), [std::path::PathBuf::from(&file)]);
    let Some(count) = super::frame_count(file.as_ref()) else { return };
    assert!(count >= 30, "{count} frames");
}

#[test]
fn nothing_that_was_there_is_no_failure_and_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let pattern = folder.path().join("%H-%M-%S.mp4");
    let args = ["--device", "test:faces:0", "--on", "face", "--output", pattern.to_str().expect("plain")];
    let (child, told) = record(&args);
    next(&told, "progress");
    let (status, said) = end(child);
    assert_eq!((status.code(), files(folder.path())), (Some(0), vec![]), "{said}");
}
