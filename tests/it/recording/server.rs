//! `hlscam record --from`: the stream of a hlscam that runs.

use super::{end, files, frame_count, is_whole, run, wait_until};
use crate::support::{Running, request};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

const SERVED: [&str; 8] = ["--device", "test", "--size", "320x240", "--detect", "none", "--segment", "1s"];

fn record(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    command.arg("record").args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server with so many segments behind it.
fn served(segments: usize) -> (Running, String) {
    let running = Running::start(&SERVED);
    running.wait_for("/cam/video.m3u8", |answer| answer.text().matches("#EXTINF").count() >= segments);
    let url = format!("http://{}/", running.address);
    (running, url)
}

/// A server on that port, which is ended like any other child.
fn on_port(address: &str, size: &str) -> Child {
    let (_, port) = address.rsplit_once(':').expect("a port");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    let child = command.args(SERVED).args(["--size", size, "--port", port]).stderr(Stdio::piped()).spawn().expect("runs");
    let has_picture = || request(address, "/cam/video.m3u8").is_ok_and(|answer| answer.text().contains("#EXT-X-PART:"));
    wait_until("the server has a picture", has_picture);
    child
}

fn plain(path: &Path) -> &str {
    path.to_str().expect("plain")
}

#[test]
fn a_running_server_is_recorded_frame_by_frame() {
    let (_running, url) = served(1);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.mp4");
    run(&mut record(&["--from", &url, "--duration", "3s", "--output", plain(&file)]), 0);
    // By the address of its page or playlist too, and to a reader.
    let piped = folder.path().join("piped.mp4");
    let output = run(&mut record(&["--from", &format!("{url}cam/index.m3u8"), "--duration", "1550ms", "--output", "-"]), 0);
    fs::write(&piped, output.stdout).expect("there is room");
    for (file, count) in [(file, 90), (piped, 47)] {
        let Some(strips) = is_whole(&[file]) else { return };
        assert_eq!(strips.len(), count);
    }
}

#[test]
fn the_past_comes_first() {
    let (_running, url) = served(5);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.mp4");
    run(&mut record(&["--from", &url, "--pre-roll", "3s", "--duration", "1s", "--output", plain(&file)]), 0);
    let Some(strips) = is_whole(&[file]) else { return };
    // A second at most comes before, for the sake of a key frame.
    assert!((120..=150).contains(&strips.len()), "{} frames", strips.len());
}

#[test]
fn more_of_the_past_than_there_is_is_told() {
    let (_running, url) = served(1);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.mp4");
    let output =
        run(&mut record(&["--from", &url, "--pre-roll", "1h", "--duration", "1s", "--split", "1s", "--output", plain(&file)]), 0);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(" has no more than "), "{said}");
    let Some(strips) = is_whole(&[file, folder.path().join("out-2.mp4")]) else { return };
    assert!(strips.len() >= 60, "{} frames", strips.len());
}

#[test]
fn a_restarted_server_is_come_back_to_and_the_hole_is_told() {
    let (running, url) = served(1);
    let address = running.address.clone();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.mp4");
    let mut recording = record(&["--from", &url, "--output", plain(&file)]).spawn().expect("runs");
    let grows_beyond = |path: &Path, len: u64| fs::metadata(path).is_ok_and(|file| file.len() > len);
    wait_until("it records", || grows_beyond(&file, 100_000));
    // Killed, and there again with the same picture: the same file goes on.
    drop(running);
    let len = fs::metadata(&file).expect("it is there").len();
    let again = on_port(&address, "320x240");
    wait_until("it goes on", || grows_beyond(&file, len + 100_000));
    // Ended by itself, and there again with another picture: another file.
    end(again);
    let other = on_port(&address, "640x480");
    let second = folder.path().join("out-2.mp4");
    wait_until("it goes on in another file", || {
        assert!(recording.try_wait().expect("it is our child").is_none(), "it runs");
        grows_beyond(&second, 400_000)
    });
    let (status, said) = end(recording);
    end(other);
    assert_eq!(status.code(), Some(1), "{said}");
    for part in ["it is tried again", "is there again", "has ended its stream", "s are missing here", "goes on in another file"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        said.trim_end().lines().last().is_some_and(|last| last.starts_with("error: ") && last.contains("are missing in")),
        "{said}"
    );
    assert_eq!(files(folder.path()), [second.clone(), file.clone()]);
    for file in [file, second] {
        let Some(count) = frame_count(&file) else { return };
        assert!(count > 20, "{count} frames");
    }
}

#[test]
fn what_cannot_be_recorded_from_is_told_in_one_sentence() {
    let (_running, url) = served(1);
    let folder = tempfile::tempdir().expect("a folder");
    let fake = |answer: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                if stream.read(&mut [0; 4096]).is_ok_and(|len| len > 0) {
                    write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok();
                }
            }
        });
        format!("http://me:secret@{address}/")
    };
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("it is bound");
    for (url, expect) in [
        (format!("http://{gone}/"), "cannot be reached"),
        (fake("404 Not Found"), " is no hlscam; write the address"),
        (fake("401 Unauthorized"), " wants a password, or another one; write it into the address"),
        (fake("500 Oops"), " answers 500 Internal Server Error to /api/cameras"),
        (format!("{url}yard"), " has no camera yard; it has cam"),
    ] {
        let output = run(&mut record(&["--from", &url, "--duration", "1s", "--output", plain(&folder.path().join("a.mp4"))]), 1);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: ") && last.contains(expect) && !said.contains("secret"), "{url}: {said}");
        assert_eq!(files(folder.path()), Vec::<std::path::PathBuf>::new(), "nothing is left of it");
    }
}
