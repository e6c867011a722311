//! Small limits of the system: the program works, or says in one sentence what is missing and exits with 1. It never ends by a signal, hangs,
//! or listens without answering.

use crate::{
    ending::{LOOK, Streaming, hlscam_after},
    support::{Deadline, ffmpeg, request, send},
};
use std::{
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

#[test]
fn a_limit_on_the_size_of_files_is_told_like_a_full_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.mp4");
    let output = hlscam_after("ulimit -f 100")
        .args(["record", "--device", "test", "--detect", "none", "--duration", "60s", "--output"])
        .arg(&file)
        .stderr(Stdio::piped())
        .output()
        .expect("the binary is built with the tests");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.lines().last().is_some_and(|line| line.contains("the file system takes no larger file")), "{said}");
    assert!(file.metadata().expect("what was recorded stays").len() > 0);
}

/// In blocks of 512 bytes: none at all, less than a new store takes, and room for a few markers.
#[test]
fn a_store_that_meets_a_limit_on_the_size_of_files_says_so_and_the_stream_goes_on() {
    /// More than fit into the largest of the limits: each takes a page of 4 KiB.
    const MARKERS: usize = 60;
    let body = format!(r#"{{"kind":"bell","data":{{"x":"{}"}}}}"#, "x".repeat(700));
    for blocks in [0, 16, 200] {
        let folder = tempfile::tempdir().expect("a folder");
        let start = || {
            let mut command = hlscam_after(&format!("ulimit -f {blocks}"));
            command.arg("--storage").arg(folder.path().join("kept"));
            Streaming::start(command, "test")
        };
        let mut streaming = start();
        let refused = (0..MARKERS)
            .map(|_| send(&streaming.address, "POST", "/api/markers", &body).expect("it answers"))
            .find(|answer| answer.status != 201)
            .unwrap_or_else(|| panic!("{blocks} blocks: {MARKERS} markers were kept"));
        let said = refused.text();
        assert!(refused.status == 503 && said.contains("markers.sqlite"), "{blocks} blocks: {said}");
        if blocks > 16 {
            assert!(said.contains("the file system takes no larger file; raise the limit"), "{blocks} blocks: {said}");
        }
        streaming.wait_until("the trouble is told", |status| {
            status["markers"]["trouble"].as_str().is_some_and(|why| why.contains("markers.sqlite"))
        });
        let segments = |status: &serde_json::Value| status["window"]["segments"].as_u64();
        streaming.wait_until("the stream goes on", |status| segments(status) > Some(1));
        // What it leaves is no reason for the next run not to begin.
        streaming.signal("-KILL");
        streaming.ends();
        let mut streaming = start();
        streaming.signal("-TERM");
        assert_eq!(streaming.ends().code(), Some(0), "{blocks} blocks");
    }
}

/// What it said, whose last line must be why it exits with 1.
fn refusal(output: &Output, limit: &str) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{limit}: {said}");
    let last = said.lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("error: ") && !said.contains("bug"), "{limit}: {said}");
    last
}

#[test]
fn too_small_a_limit_is_a_sentence_at_the_start() {
    for (limit, size, expect) in [
        ("ulimit -n 4", "320x240", "the system lets this program open 4 files, and it needs 40"),
        ("ulimit -n 39", "320x240", "the system lets this program open 39 files, and it needs 40"),
        ("ulimit -v 900000", "320x240", "the system gives this program 878 MiB of address space, and it needs 1024 MiB"),
        (
            "ulimit -v 1048576",
            "3840x2160",
            "the system gives this program 1024 MiB of address space, and pictures of 3840x2160 need 1149 MiB",
        ),
    ] {
        let mut command = hlscam_after(limit);
        command.args(["--device", "test", "--detect", "none", "--port", "0", "--size", size]).stderr(Stdio::piped());
        let last = refusal(&command.output().expect("the binary is built with the tests"), limit);
        assert!(last.starts_with(&format!("error: {expect}")), "{limit}: {last}");
    }
}

/// Limits of threads count all that the user has running, so it must be a user who runs nothing else, and only root can become one.
#[test]
fn too_few_threads_are_a_sentence_and_enough_are_a_stream() {
    const STRANGER: &str = "64023";
    let folder = tempfile::tempdir().expect("a folder");
    let id = Command::new("id").arg("-u").output().expect("id is there");
    if id.stdout != b"0\n" {
        eprintln!("skipped: limits of threads are tried by root");
        return;
    }
    // Where the tests were built a stranger may not look.
    let binary = folder.path().join("hlscam");
    std::fs::copy(env!("CARGO_BIN_EXE_hlscam"), &binary).expect("there is room");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let limited = |threads: u32| {
        let mut command = Command::new("prlimit");
        command.arg(format!("--nproc={threads}:{threads}")).args([
            "setpriv",
            "--reuid",
            STRANGER,
            "--regid",
            STRANGER,
            "--clear-groups",
        ]);
        command.arg(&binary).stderr(Stdio::piped());
        command
    };
    // With 7 it listened and never answered, with 6 the runtime panicked.
    for threads in [1, 6, 7, 11] {
        let output =
            limited(threads).args(["--device", "test", "--detect", "none", "--port", "0"]).output().expect("prlimit is there");
        let last = refusal(&output, &format!("{threads} threads"));
        let expect = format!("error: the system gives this program {} threads, and it needs 11: ", threads - 1);
        assert!(last.starts_with(&expect), "{threads}: {last}");
    }
    let mut streaming = Streaming::start(limited(12), "test");
    streaming.signal("-TERM");
    assert_eq!(streaming.ends().code(), Some(0));
}

/// Whatever asks for memory first: a library that is loaded, FFmpeg, the network of faces, a picture of ours.
#[test]
fn too_little_memory_is_a_sentence_wherever_it_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("large.mp4");
    let path = file.to_str().expect("text");
    let source = "testsrc=size=3840x2160:rate=5";
    let made = ffmpeg("ffmpeg", &["-v", "error", "-f", "lavfi", "-i", source, "-frames:v", "2", "-pix_fmt", "yuv420p", path]);
    if made.is_none() {
        return;
    }
    // 134, an abort, at 280,000, 300,000 and 400,000.
    for kilobytes in (240_000..=440_000).step_by(20_000) {
        let limit = format!("ulimit -v {kilobytes}");
        let run =
            |args: &[&str]| hlscam_after(&limit).args(args).stdout(Stdio::null()).stderr(Stdio::piped()).output().expect("it runs");
        // The loader and the libraries' constructors end it before anything of ours begins.
        if !run(&["--version"]).status.success() {
            continue;
        }
        for name in ["detect", "bench"] {
            let output = run(&[name, path]);
            if output.status.code() != Some(0) {
                refusal(&output, &format!("{limit}, {name}"));
            }
        }
    }
}

/// None, less than a page table of a picture has, and a usual one.
#[test]
fn locked_memory_is_not_needed() {
    for kilobytes in [0, 64, 1024] {
        let mut streaming = Streaming::searching(hlscam_after(&format!("ulimit -l {kilobytes}")), "test", "face");
        streaming.signal("-TERM");
        assert_eq!(streaming.ends().code(), Some(0), "{kilobytes} KiB");
    }
}

/// A control group with a limit, removed when dropped.
struct Group {
    folder: PathBuf,
}

impl Group {
    /// None where the system lets us make none.
    fn new(kind: &str, limits: [(&str, &str); 2]) -> Option<Group> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("hlscam-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // The second version has one tree, the first one for each kind.
        for (parent, (file, limit)) in
            [PathBuf::from("/sys/fs/cgroup"), PathBuf::from("/sys/fs/cgroup").join(kind)].into_iter().zip(limits)
        {
            let group = Group { folder: parent.join(&name) };
            let is_made = parent.join("cgroup.procs").exists() && std::fs::create_dir(&group.folder).is_ok();
            if is_made && std::fs::write(group.folder.join(file), limit).is_ok() {
                return Some(group);
            }
        }
        eprintln!("skipped: no control group of {kind} can be made here");
        None
    }

    /// The binary in it.
    fn hlscam(&self) -> Command {
        hlscam_after(&format!("echo $$ > '{}'", self.folder.join("cgroup.procs").display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        std::fs::remove_dir(&self.folder).ok();
    }
}

/// The kernel kills who takes more memory than its container has, and refuses threads and processes beyond the limit.
#[test]
fn too_small_a_container_is_a_sentence_at_the_start() {
    for (mebibytes, size, expect) in [
        (24, "320x240", "the system gives this program 24 MiB of memory, and it needs 40 MiB"),
        (32, "320x240", "the system gives this program 32 MiB of memory, and it needs 40 MiB"),
        (96, "1920x1080", "the system gives this program 96 MiB of memory, and pictures of 1920x1080 need 112 MiB"),
    ] {
        let bytes = (mebibytes << 20).to_string();
        let Some(group) = Group::new("memory", [("memory.max", &bytes), ("memory.limit_in_bytes", &bytes)]) else { return };
        let mut command = group.hlscam();
        command.args(["--device", "test", "--port", "0", "--size", size]).stderr(Stdio::piped());
        let last = refusal(&command.output().expect("it is built"), &format!("{mebibytes} MiB"));
        assert!(last.starts_with(&format!("error: {expect}")), "{last}");
    }
    let bytes = (64 << 20).to_string();
    if let Some(group) = Group::new("memory", [("memory.max", &bytes), ("memory.limit_in_bytes", &bytes)]) {
        // What its window may have fits in, however much was asked for.
        let mut streaming = Streaming::searching(group.hlscam(), "test", "face");
        streaming.wait_until("there are segments", |status| status["window"]["segments"].as_u64() > Some(2));
        streaming.signal("-TERM");
        assert_eq!(streaming.ends().code(), Some(0));
    }
    for threads in [2, 8] {
        let limit = threads.to_string();
        let Some(group) = Group::new("pids", [("pids.max", &limit), ("pids.max", &limit)]) else { return };
        let mut command = group.hlscam();
        command.args(["--device", "test", "--detect", "none", "--port", "0"]).stderr(Stdio::piped());
        let last = refusal(&command.output().expect("it is built"), &format!("{threads} tasks"));
        assert!(last.contains("threads, and it needs 11: ") && last.contains("the container's limit of processes"), "{last}");
    }
    let Some(group) = Group::new("pids", [("pids.max", "12"), ("pids.max", "12")]) else { return };
    let mut streaming = Streaming::start(group.hlscam(), "test");
    streaming.signal("-TERM");
    assert_eq!(streaming.ends().code(), Some(0));
}

/// One budget: however many rest, all others are answered; when no more fit, they are told so; and a command of a hook still has its files.
#[test]
fn the_budget_of_files_fits_the_limit() {
    /// More than are let in beyond those that rest.
    const BEYOND: usize = 60;
    let lost_often = (2..30).map(|n| format!("vanish@{}s..{}s", 3 * n, 3 * n + 1)).collect::<Vec<_>>().join(",");
    for (files, resting) in [(64, 20), (256, 130), (1024, 690)] {
        let folder = tempfile::tempdir().expect("a folder");
        let told = folder.path().join("told");
        let mut command = hlscam_after(&format!("ulimit -n {files}"));
        command.args(["--on-event-exec", &format!("cat >>'{}'", told.display())]);
        let mut streaming = Streaming::start(command, &format!("test:{lost_often}"));
        streaming.wait_until("there is a playlist", |status| status["window"]["segments"].as_u64() > Some(0));
        let rest = |_| TcpStream::connect(&streaming.address).expect("it listens");
        let mut rested: Vec<TcpStream> = (0..resting).map(rest).collect();
        for n in 0..BEYOND {
            let answer = request(&streaming.address, "/cam/video.m3u8").expect("it answers");
            assert_eq!(answer.status, 200, "{files} files, request {n}");
        }
        rested.extend((0..BEYOND).map(rest));
        let deadline = Deadline::start();
        // A flood's answer may be lost to who has not asked by then.
        while !matches!(request(&streaming.address, "/cam/video.m3u8"), Ok(answer) if answer.status == 503) {
            assert!(!deadline.is_over(), "{files} files: nobody is told that it is full");
            thread::park_timeout(LOOK);
        }
        let heard = || told.metadata().map_or(0, |file| file.len());
        let before = heard();
        while heard() == before {
            assert!(!deadline.is_over(), "{files} files: a hook gets none");
            thread::park_timeout(LOOK);
        }
        drop(rested);
        streaming.signal("-TERM");
        assert_eq!(streaming.ends().code(), Some(0), "{files} files");
    }
}
