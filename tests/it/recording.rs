//! `hlscam record` as scripts use it: to a reader, in pieces, by the clock, and what its exit codes say.

mod marked;
mod server;

use crate::{
    pipeline::frames,
    support::{Deadline, ffmpeg},
};
use hlscam::picture::{
    Size,
    strip::{Strip, read_strip},
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::Duration,
};

/// Small and quick.
const SOURCE: [&str; 7] = ["record", "--device", "test", "--size", "320x240", "--detect", "none"];

pub(crate) fn record(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    command.args(SOURCE).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("TZ", "UTC");
    command
}

pub(crate) fn run(command: &mut Command, code: i32) -> Output {
    let output = command.output().expect("the binary is built with the tests");
    assert_eq!(output.status.code(), Some(code), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Asks a child to end as Ctrl-C does, and waits for it.
pub(crate) fn end(mut child: Child) -> (ExitStatus, String) {
    let done = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill is there");
    assert!(done.success());
    let mut said = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut said).expect("text");
    (child.wait().expect("it is our child"), said)
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Deadline::start();
    while !is_so() {
        assert!(!deadline.is_over(), "{what}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// The files of a folder, by name.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// How many frames a file has, all of which can be decoded.
pub(crate) fn frame_count(file: &Path) -> Option<u64> {
    let path = file.to_str().expect("plain");
    ffmpeg("ffmpeg", &["-v", "error", "-i", path, "-f", "null", "-"])?;
    let count = ["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path];
    Some(ffmpeg("ffprobe", &count)?.trim().parse().expect("a number"))
}

/// The clock strips of files that follow each other have no gap.
pub(crate) fn is_whole(files: &[PathBuf]) -> Option<Vec<Strip>> {
    let mut strips = Vec::new();
    for file in files {
        let frames = frames(file, Size::new(320, 240).expect("even"))?;
        strips.extend(frames.iter().map(|frame| read_strip(frame).expect("the strip is readable")));
    }
    for pair in strips.windows(2) {
        // A busy machine may repeat or drop a frame; none goes back.
        assert!((pair[0].number..=pair[0].number + 3).contains(&pair[1].number), "{pair:?}");
    }
    Some(strips)
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_reader_gets_fragmented_mp4_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(&mut record(&["--duration", "2s", "--output", "-"]), 0);
    let file = folder.path().join("piped.mp4");
    fs::write(&file, &output.stdout).expect("there is room");
    let Some(strips) = is_whole(&[file]) else { return };
    assert_eq!(strips.len(), 60);
    // And from the pipe itself.
    let mut recording = record(&["--duration", "2s", "--output", "-"]).stderr(Stdio::null()).spawn().expect("runs");
    let piped = recording.stdout.take().expect("it is piped");
    let reader = ["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", "-i", "-"];
    let read = Command::new("ffprobe").args(reader).stdin(piped).output().expect("runs");
    assert_eq!(String::from_utf8_lossy(&read.stdout).trim(), "60", "{}", String::from_utf8_lossy(&read.stderr));
    assert_eq!(recording.wait().expect("it is our child").code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_ends_the_recording_and_is_no_failure() {
    let mut child = record(&["--output", "-"]).spawn().expect("runs");
    let mut first = [0; 1000];
    child.stdout.take().expect("it is piped").read_exact(&mut first).expect("it begins");
    assert_eq!(&first[4..8], b"ftyp");
    let mut said = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut said).expect("text");
    assert_eq!(child.wait().expect("it is our child").code(), Some(0), "{said}");
    assert!(said.contains("the reader of stdout has gone"), "{said}");
}

#[test]
fn a_reader_that_stands_still_does_not_hold_up_the_end() {
    let mut child = record(&["--size", "1280x720", "--bitrate", "20M", "--output", "-"]).spawn().expect("runs");
    // Kept open, and not read beyond the first bytes: the pipe, which holds 64 KiB in pages that need not be full, is full in no time.
    let mut reader = child.stdout.take().expect("it is piped");
    reader.read_exact(&mut [0; 100_000]).expect("it begins");
    let (mut waiting, mut looks) = (0, 0);
    wait_until("the pipe fills", || {
        let now = rustix::io::ioctl_fionread(&reader).expect("it is a pipe");
        looks = if now == waiting && now > 16_000 { looks + 1 } else { 0 };
        waiting = now;
        looks > 20
    });
    let (status, said) = end(child);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("the reader of stdout does not read"), "{said}");
    drop(reader);
}

#[test]
fn a_terminal_gets_no_recording() {
    // `script` gives the command a terminal.
    let line = format!("'{}' record --device test --output -", env!("CARGO_BIN_EXE_hlscam"));
    let mut command = Command::new("script");
    let output = command.args(["--return", "--quiet", "--command", &line, "/dev/null"]).stdin(Stdio::null()).output();
    let Ok(output) = output else { return crate::missing::left_out("no `script` here") };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error: a terminal cannot show a recording; write `hlscam record"), "{said}");
}

#[test]
fn a_divided_recording_loses_no_frame_and_tells_each_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = folder.path().join("out.mp4");
    let name = name.to_str().expect("plain");
    let output = run(&mut record(&["--duration", "5s", "--split", "2s", "--json", "--output", name]), 0);
    let lines = lines(&output);
    let files = [name.to_owned(), name.replace("out.mp4", "out-2.mp4"), name.replace("out.mp4", "out-3.mp4")];
    let told = |event: &str| -> Vec<Value> { lines.iter().filter(|line| line["event"] == event).cloned().collect() };
    let counts: Vec<u64> = told("file").iter().map(|line| line["frames"].as_u64().expect("a number")).collect();
    assert_eq!(counts, [60, 60, 30], "{lines:?}");
    assert_eq!(told("begin").iter().map(|line| line["file"].as_str().expect("text").to_owned()).collect::<Vec<_>>(), files);
    let end = &told("end")[0];
    assert_eq!((end["frames"].as_u64(), end["files"].as_u64(), end["seconds"].as_f64()), (Some(150), Some(3), Some(5.0)), "{end}");
    assert!(end["error"].is_null() && told("progress").len() > 3, "{lines:?}");
    let Some(strips) = is_whole(&files.map(PathBuf::from)) else { return };
    assert_eq!(strips.len(), 150);
}

#[test]
fn names_are_filled_with_the_time_of_the_first_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    let pattern = folder.path().join("%Y-%m-%d/%H-%M.mp4");
    let mut command = record(&["--duration", "3s", "--split", "1s", "--output", pattern.to_str().expect("plain")]);
    run(command.env("TZ", "<X>-05:30"), 0);
    let days = files(folder.path());
    let names: Vec<String> = days
        .iter()
        .flat_map(|day| files(day))
        .map(|file| file.strip_prefix(folder.path()).expect("in it").display().to_string())
        .collect();
    // At least two of the three share a minute, and one of them has a number.
    assert!(names.len() == 3 && names.iter().any(|name| name.ends_with("-2.mp4")), "{names:?}");
    let now = |zone: &str| Command::new("date").arg("+%Y-%m-%d/%H").env("TZ", zone).output().expect("runs").stdout;
    let hour = String::from_utf8(now("<X>-05:30")).expect("text");
    let shift = |name: &String| name[..13].cmp(hour.trim());
    assert!(names.iter().all(|name| shift(name).is_le() && name[..10] >= hour[..8]), "{names:?} at {hour}");
}

#[test]
fn recordings_are_made_by_the_clock_until_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let pattern = folder.path().join("%S.mp4");
    let command = ["--every", "10s", "--duration", "1s", "--utc", "--json", "--output", pattern.to_str().expect("plain")];
    let mut child = record(&command).spawn().expect("runs");
    let told = BufReader::new(child.stdout.take().expect("it is piped"));
    let events: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"))
        .filter(|line| line["event"] == "end")
        .take(2)
        .collect();
    let (status, said) = end(child);
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(events.iter().all(|end| end["frames"] == 30), "{events:?}");
    let seconds: Vec<u32> = files(folder.path())
        .iter()
        .map(|file| file.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).expect("a number"))
        .collect();
    // A busy machine takes some seconds to begin.
    assert!(seconds.len() >= 2 && seconds.iter().all(|second| second % 10 < 9), "{seconds:?}");
}

#[test]
fn a_recording_without_a_length_is_ended_by_the_user_and_plays() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out.mp4");
    let child = record(&["--output", file.to_str().expect("plain")]).spawn().expect("runs");
    wait_until("nothing was recorded", || fs::metadata(&file).is_ok_and(|file| file.len() > 300_000));
    let (status, said) = end(child);
    assert_eq!(status.code(), Some(0), "{said}");
    let Some(count) = frame_count(&file) else { return };
    assert!(count > 10, "{count}: {said}");
    assert_eq!(files(folder.path()), [file]);
}

#[test]
fn starts_and_stops_in_a_row_all_play() {
    let folder = tempfile::tempdir().expect("a folder");
    for n in 0..5 {
        let file = folder.path().join(format!("{n}.mp4"));
        run(&mut record(&["--duration", "300ms", "--output", file.to_str().expect("plain")]), 0);
        let Some(count) = frame_count(&file) else { return };
        assert_eq!(count, 9, "{n}");
    }
}
