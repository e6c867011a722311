//! How the program ends, and that nobody who reads its log, slowly, no longer or never, keeps it from working or from ending.

use crate::support::{DEADLINE, Deadline, request};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

/// Between two looks at a condition.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// The binary, streaming; killed when dropped.
pub(crate) struct Streaming {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Streaming {
    /// Starts what `command` begins with, with `device` on a free port, and waits until it streams.
    pub(crate) fn start(command: Command, device: &str) -> Streaming {
        Streaming::searching(command, device, "none")
    }

    /// The same with detection.
    pub(crate) fn searching(mut command: Command, device: &str, detect: &str) -> Streaming {
        // Nobody else takes it: the system gives the same free port out late.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        command.args(["--device", device, "--detect", detect, "--size", "320x240", "--port", &port.to_string()]);
        let child = command.stdout(Stdio::null()).spawn().expect("the binary is built with the tests");
        let mut streaming = Streaming { child, address: format!("127.0.0.1:{port}") };
        streaming.wait_until("it streams", |status| status["source"]["state"] == "live");
        streaming
    }

    pub(crate) fn wait_until(&mut self, what: &str, wanted: impl Fn(&serde_json::Value) -> bool) {
        let deadline = Deadline::start();
        loop {
            match request(&self.address, "/api/status") {
                Ok(answer) if answer.status == 200 && wanted(&answer.json()) => return,
                _ => {}
            }
            assert!(self.child.try_wait().expect("it is our child").is_none(), "it ended before {what}");
            assert!(!deadline.is_over(), "{what}: not within {DEADLINE:?}");
            thread::park_timeout(LOOK);
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    pub(crate) fn ends(&mut self) -> ExitStatus {
        let deadline = Deadline::start();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(!deadline.is_over(), "it does not end");
            thread::park_timeout(LOOK);
        }
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn signal(process: u32, name: &str) {
    // The process may have ended by then.
    Command::new("kill").args([name, &process.to_string()]).stderr(Stdio::null()).status().expect("kill is there");
}

/// What begins the tests may ignore signals itself, as `nohup` and background jobs do: here they have their usual meaning.
const USUAL_SIGNALS: &str = "--default-signal=INT,HUP";

pub(crate) fn hlscam() -> Command {
    let mut command = Command::new("env");
    command.args([USUAL_SIGNALS, env!("CARGO_BIN_EXE_hlscam")]);
    command
}

/// Through a shell that runs `before` and then becomes the binary.
pub(crate) fn hlscam_after(before: &str) -> Command {
    let mut command = Command::new("env");
    let script = format!("{before}; exec \"$0\" \"$@\"");
    command.args([USUAL_SIGNALS, "sh", "-c", &script, env!("CARGO_BIN_EXE_hlscam")]).stderr(Stdio::null());
    command
}

/// A log whose reader is there and does not read, and into which nothing more fits.
fn stalled() -> (UnixStream, Stdio) {
    let (reader, mut writer) = UnixStream::pair().expect("two ends");
    writer.set_nonblocking(true).expect("it can be set");
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    writer.set_nonblocking(false).expect("it can be set");
    (reader, OwnedFd::from(writer).into())
}

#[test]
fn a_log_that_nobody_reads_stops_neither_the_camera_nor_the_end() {
    let (_reader, log) = stalled();
    let mut command = hlscam();
    command.stderr(log);
    // The loss and the return are logged on the thread of the camera.
    let mut streaming = Streaming::start(command, "test:vanish@2s..3s,vanish@5s..6s");
    streaming
        .wait_until("the camera is back twice", |status| status["source"]["reopened"] == 2 && status["source"]["state"] == "live");
    streaming.signal("-INT");
    assert_eq!(streaming.ends().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once_whatever_hangs() {
    let (_reader, log) = stalled();
    let mut command = hlscam();
    command.stderr(log);
    let mut streaming = Streaming::start(command, "test");
    let deadline = Deadline::start();
    // It takes longer than this to end properly, for ENDLIST is served meanwhile.
    while streaming.child.try_wait().expect("it is our child").is_none() {
        streaming.signal("-TERM");
        assert!(!deadline.is_over(), "it does not end");
        thread::park_timeout(LOOK);
    }
    assert_eq!(streaming.ends().code(), Some(130));
}

#[test]
fn a_log_whose_reader_is_gone_or_whose_disk_is_full_does_not_matter() {
    let gone = UnixStream::pair().map(|(_, writer)| Stdio::from(OwnedFd::from(writer))).expect("two ends");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").map(Stdio::from);
    for log in [Some(gone), full.ok()].into_iter().flatten() {
        let mut command = hlscam();
        command.stderr(log);
        let mut streaming = Streaming::start(command, "test:vanish@1s..2s");
        streaming.wait_until("the camera is back", |status| status["source"]["reopened"] == 1);
        streaming.signal("-INT");
        assert_eq!(streaming.ends().code(), Some(0));
    }
}

#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    let mut streaming = Streaming::start(hlscam_after("trap '' HUP INT"), "test");
    for name in ["-HUP", "-INT"] {
        streaming.signal(name);
    }
    // Two seconds later it would have ended.
    streaming.wait_until("it goes on", |status| status["pacer"]["frames"].as_u64() > Some(150));
    streaming.signal("-TERM");
    assert_eq!(streaming.ends().code(), Some(0));
}

#[test]
fn a_lost_terminal_ends_what_was_not_told_to_ignore_it() {
    let mut streaming = Streaming::start(hlscam_after(":"), "test");
    streaming.signal("-HUP");
    assert_eq!(streaming.ends().code(), Some(0));
}

#[test]
fn a_script_can_interrupt_the_job_that_it_put_into_the_background() {
    let script = "\"$0\" \"$@\" & p=$!; read go; kill -INT $p; wait $p";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_hlscam")]).stderr(Stdio::null()).stdin(Stdio::piped());
    let mut streaming = Streaming::start(command, "test");
    streaming.child.stdin.take().expect("it is piped").write_all(b"go\n").expect("it reads");
    assert_eq!(streaming.ends().code(), Some(0));
}

/// Listens to what happens until the server says no more.
pub(crate) fn events(address: &str) -> thread::JoinHandle<String> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("it can be set");
    write!(stream, "GET /api/events HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("it reads");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before the connection was cut counts.
        stream.read_to_end(&mut bytes).ok();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Panics on purpose exist where the binary has debug assertions, as that of the tests has.
pub(crate) fn drilled(plan: &str) -> Command {
    let mut command = hlscam();
    command.env("HLSCAM_DRILL", plan).stderr(Stdio::null());
    command
}

#[test]
fn after_a_panic_the_end_is_told_and_the_exit_code_is_1() {
    for plan in ["source:150", "capture:150", "encode:150", "window:40", "main:12", "markers:60+"] {
        let mut streaming = Streaming::start(drilled(plan), "test");
        let told = events(&streaming.address);
        let (deadline, mut has_endlist) = (Deadline::start(), false);
        while streaming.child.try_wait().expect("it is our child").is_none() {
            let playlist = request(&streaming.address, "/cam/video.m3u8").map(|answer| answer.text());
            has_endlist |= playlist.is_ok_and(|text| text.contains("#EXT-X-ENDLIST"));
            assert!(!deadline.is_over(), "{plan}: it does not end");
            thread::park_timeout(LOOK);
        }
        assert_eq!(streaming.ends().code(), Some(1), "{plan}");
        assert!(has_endlist, "{plan}: viewers were not told");
        let told = told.join().expect("no panic");
        assert!(told.contains("event: stream-ended"), "{plan}: listeners were not told: {told}");
    }
}

#[test]
fn markers_and_detection_begin_anew_after_a_panic() {
    let check = |plan: &str, wanted: fn(&serde_json::Value) -> bool| {
        let mut streaming = Streaming::searching(drilled(plan), "test", "face");
        streaming.wait_until("it has failed once, and works", wanted);
        streaming.signal("-TERM");
        assert_eq!(streaming.ends().code(), Some(0), "{plan}");
    };
    check("markers:20", |status| status["markers"]["failed"] == 1 && status["markers"]["panicking"] == false);
    check("detect:5", |status| {
        let detection = &status["detection"];
        detection["errors"] == 1 && detection["failing"] == false && detection["runs"].as_u64() > Some(6)
    });
}

/// The status of a drilled stream, after it has met its bugs and works.
fn recovers(plan: &str, hook: &[&str], wanted: impl Fn(&serde_json::Value) -> bool) {
    let mut command = drilled(plan);
    command.args(hook);
    let lost_often = (1..20).map(|n| format!("vanish@{}s..{}s", 3 * n, 3 * n + 1)).collect::<Vec<_>>().join(",");
    let mut streaming = Streaming::start(command, &format!("test:{lost_often}"));
    streaming.wait_until(plan, wanted);
    streaming.signal("-TERM");
    assert_eq!(streaming.ends().code(), Some(0), "{plan}");
}

#[test]
fn hooks_begin_anew_after_a_panic() {
    let receiver = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = receiver.local_addr().expect("it listens");
    thread::spawn(move || {
        for stream in receiver.incoming().map_while(Result::ok) {
            let mut stream = stream;
            if !stream.read(&mut [0; 8192]).is_ok_and(|len| len > 0) {
                continue;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok();
        }
    });
    let check = |plan: &str, name: &'static str, option: &str, value: &str| {
        recovers(plan, &[option, value], |status| {
            let hook = &status["hooks"][name];
            hook["panics"] == 1 && hook["failed"] == 1 && hook["sent"].as_u64() > Some(2) && hook["panicking"] == false
        });
    };
    check("webhook:2", "webhook", "--on-event", &format!("http://{address}/"));
    check("exec:2", "exec", "--on-event-exec", "true");
    check("exec-command:2", "exec", "--on-event-exec", "true");
    // Nobody is there; that both tasks of it begin anew is all that is asked.
    for plan in ["broker:2", "broker-link:2"] {
        recovers(plan, &["--mqtt", "mqtt://127.0.0.1:9"], |status| {
            status["hooks"]["mqtt"]["panics"] == 1 && status["hooks"]["mqtt"]["panicking"] == false
        });
    }
}

#[test]
fn the_server_goes_on_after_a_panic_and_ends_after_many() {
    recovers("accept:4", &[], |status| status["server"]["panics"] == 1 && status["server"]["panicking"] == false);
    recovers("connection:4", &[], |status| status["server"]["panics"] == 1);
    recovers("playlists:20", &[], |status| {
        let playlists = &status["server"]["playlists"];
        playlists["panics"] == 1 && playlists["panicking"] == false
    });
    recovers("log:2", &[], |status| status["source"]["reopened"].as_u64() > Some(1));
    recovers("log:2+", &[], |status| status["source"]["reopened"].as_u64() > Some(1));
    let mut streaming = Streaming::start(drilled("accept:40+"), "test");
    let deadline = Deadline::start();
    while streaming.child.try_wait().expect("it is our child").is_none() {
        request(&streaming.address, "/healthz").ok();
        assert!(!deadline.is_over(), "it does not end");
    }
    assert_eq!(streaming.ends().code(), Some(1));
}

#[test]
fn a_hook_that_meets_a_bug_is_told_by_readyz() {
    let mut command = drilled("exec:1+");
    command.args(["--on-event-exec", "true"]);
    let streaming = Streaming::start(command, "test:vanish@3s..4s");
    let deadline = Deadline::start();
    loop {
        let answer = request(&streaming.address, "/readyz").expect("it answers");
        if answer.status == 503 && answer.text() == "not ready: a hook meets a bug and begins anew\n" {
            break;
        }
        assert!(!deadline.is_over(), "{}", answer.text());
        thread::park_timeout(LOOK);
    }
}

#[test]
fn a_panic_of_the_record_writer_ends_the_recording_with_1_and_keeps_what_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.mp4");
    let mut command = drilled("record:40");
    command.args(["record", "--device", "test", "--detect", "none", "--duration", "60s", "--output"]).arg(&file);
    let output = command.stderr(Stdio::piped()).output().expect("the binary is built with the tests");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the failpoint record") && file.metadata().expect("it stays").len() > 0, "{said}");
}

#[test]
fn clients_that_break_the_rules_are_counted_and_do_not_fill_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let mut command = hlscam();
    command.stderr(std::fs::File::create(&log).expect("it can be made"));
    let mut streaming = Streaming::start(command, "test");
    for _ in 0..200 {
        let mut stream = TcpStream::connect(&streaming.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("it can be set");
        stream.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").expect("it reads");
        stream.read_to_end(&mut Vec::new()).ok();
    }
    streaming.wait_until("all are counted", |status| status["peers"]["protocol"] == 200);
    streaming.signal("-TERM");
    assert_eq!(streaming.ends().code(), Some(0));
    let log = std::fs::read_to_string(&log).expect("it is text");
    assert_eq!(log.lines().filter(|line| line.contains("127.0.0.1: its connection ended")).count(), 1, "{log}");
    assert!(log.lines().count() < 10, "{log}");
}
