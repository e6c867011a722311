//! `hlscam snapshot` and `hlscam export`, of a running server and of the folder that it writes to.

use crate::support::{DEADLINE, Deadline, Running, ffmpeg};
use hlscam::{
    picture::{PicturePool, strip},
    source::mjpeg::MjpegDecoder,
    time::{Ticks, WallTime},
};
use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};
use tempfile::TempDir;

fn hlscam<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    command.args(args).stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    command.output().expect("the binary is built with the tests")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// It ended with this code, and what it said on stderr.
fn ends(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    said(output)
}

struct Setup {
    server: Running,
    folder: TempDir,
    storage: String,
    url: String,
}

fn serve(storage: &str) -> Running {
    let picture = ["--device", "test", "--detect", "none", "--size", "320x240", "--fps", "10", "--segment", "1s"];
    Running::start(&[&picture[..], &["--storage", storage]].concat())
}

/// A server with some seconds on the disk.
fn start() -> Setup {
    let folder = tempfile::tempdir().expect("a folder");
    let storage = folder.path().join("kept").display().to_string();
    let server = serve(&storage);
    until_written(&server, 5);
    let url = format!("http://{}/", server.address);
    Setup { server, folder, storage, url }
}

fn until_written(server: &Running, segments: u64) {
    server.wait_for("/api/status", |answer| answer.json()["history"]["written_segments"].as_u64() >= Some(segments));
}

impl Setup {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// All that lies beside the storage.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let names = entries.map(|entry| entry.expect("it is there").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name != "kept").collect();
        names.sort();
        names
    }
}

/// When the picture says that it was captured, and how wide it is.
fn jpeg(bytes: &[u8]) -> (Option<i64>, usize) {
    let decoded = MjpegDecoder::open().expect("opens").decode(bytes, Ticks(0), &PicturePool::default()).expect("a JPEG picture");
    (strip::read_strip(&decoded).map(|strip| strip.unix_ms), decoded.size().width())
}

#[test]
fn a_snapshot_is_saved_whole_or_not_at_all() {
    let setup = start();
    let file = setup.path("now.jpg");
    let done = ends(&hlscam(["snapshot", "--from", &setup.url, "-o", &file]), 0);
    assert!(done.starts_with(&format!("{file}: 0.0 MB")), "{done}");
    let (shown, width) = jpeg(&fs::read(&file).expect("it is there"));
    assert_eq!(width, 320);

    let told = ends(&hlscam(["snapshot", "--from", &setup.url, "-o", &file]), 1);
    assert!(told.ends_with("it exists; choose another name, or pass --force to replace it\n"), "{told}");
    let at = WallTime::from_unix_ms(shown.expect("a strip") - 1000).to_string();
    let name = format!("{}cam", setup.url);
    ends(&hlscam(["snapshot", "--from", &name, "--at", &at, "--width", "200", "--force", "-o", &file]), 0);
    let (then, width) = jpeg(&fs::read(&file).expect("it is there"));
    assert!(width == 200 && then.zip(shown).is_some_and(|(then, shown)| then < shown), "{then:?} {shown:?} {width}");

    let piped = hlscam(["snapshot", "--from", &setup.url, "-o", "-"]);
    assert_eq!((ends(&piped, 0).as_str(), jpeg(&piped.stdout).1), ("", 320));

    let nothing = setup.path("nothing.jpg");
    // Nobody listens to the port of tcpmux any more.
    let nobody = "http://127.0.0.1:1/".to_owned();
    for (from, at, told) in [
        (
            &setup.url,
            "2026-01-01T00:00:00Z",
            "answers 404 Not Found to /cam/snapshot.jpg?at=1767225600.000000: there is no picture of",
        ),
        (&format!("{}porch", setup.url), "2026-01-01T00:00:00Z", "answers 404 Not Found"),
        (&nobody, "2026-01-01T00:00:00Z", "cannot be reached"),
        (&format!("{}api/", setup.url), "2026-01-01T00:00:00Z", "answers 404 Not Found"),
    ] {
        let error = ends(&hlscam(["snapshot", "--from", from, "--at", at, "-o", &nothing]), 1);
        assert!(error.contains(told) && error.lines().count() == 1, "{from}: {error}");
    }
    let nowhere = setup.path("no/such/folder.jpg");
    assert!(ends(&hlscam(["snapshot", "--from", &setup.url, "-o", &nowhere]), 1).starts_with("error: cannot write "));
    assert_eq!(setup.files(), ["now.jpg"], "nothing half is left");
}

/// Frames and length, as ffprobe tells them; none without it.
fn probed(file: &str) -> Option<(u64, f64)> {
    let entries = "stream=nb_read_frames:format=duration";
    let args = ["-v", "error", "-count_frames", "-show_entries", entries, "-of", "default=nk=1:nw=1", file];
    let text = ffmpeg("ffprobe", &args)?;
    let mut lines = text.lines();
    Some((lines.next()?.trim().parse().ok()?, lines.next()?.trim().parse().ok()?))
}

#[test]
fn footage_is_got_out_of_a_server_or_of_its_folder_alike() {
    let setup = start();
    let status = setup.server.get("/api/status").json();
    let began = WallTime::parse(status["started"].as_str().expect("a time")).expect("a time").as_unix_ms();
    // Of what is on the disk already.
    let (from, to) = (began + 2000, began + 4050);
    let (from, to) = (WallTime::from_unix_ms(from).to_string(), WallTime::from_unix_ms(to).to_string());
    let time = ["--from", &from, "--to", &to, "--output"];
    let export = |to: &str, rest: &[&str]| hlscam([&["export"], &time[..], &[to], rest].concat());

    let (online, offline) = (setup.path("online.mp4"), setup.path("offline.mp4"));
    assert!(ends(&export(&online, &["--server", &setup.url]), 0).ends_with(" MB\n"));
    // A server has it open, and is not disturbed.
    ends(&export(&offline, &["--storage", &setup.storage]), 0);
    let clip = fs::read(&online).expect("it is there");
    assert!(clip == fs::read(&offline).expect("it is there"), "the same frames, and the same index");
    let piped = export("-", &["--storage", &setup.storage, "--camera", "cam"]);
    assert!(ends(&piped, 0).is_empty() && piped.stdout == clip);
    if let Some((frames, length)) = probed(&online) {
        // Frames that are begun at both ends are whole.
        assert!((21..=22).contains(&frames) && (length - frames as f64 / 10.0).abs() <= 0.01, "{frames} in {length} s");
    }
    let told = ends(&export(&online, &["--storage", &setup.storage]), 1);
    assert!(told.contains("it exists"), "{told}");

    let fast = setup.path("fast.mp4");
    ends(&export(&fast, &["--storage", &setup.storage, "--as", "timelapse", "--speed", "4"]), 0);
    let over_http = export("-", &["--server", &setup.url, "--as", "timelapse", "--speed", "4"]);
    assert!(over_http.stdout == fs::read(&fast).expect("it is there"), "{}", said(&over_http));
    if let Some((frames, length)) = probed(&fast) {
        assert!((2..=3).contains(&frames) && (0.4..=0.8).contains(&length), "{frames} key frames in {length} s");
    }
    let last = setup.path("last.mp4");
    ends(&hlscam(["export", "--last", "2s", "--server", &setup.url, "-o", &last]), 0);
    if let Some((frames, _)) = probed(&last) {
        assert!((19..=22).contains(&frames), "{frames}");
    }
    setup.server.wait_for("/readyz", |_| true);
    assert_eq!(setup.server.get("/api/status").json()["history"]["trouble"], serde_json::Value::Null);
    assert_eq!(setup.files(), ["fast.mp4", "last.mp4", "offline.mp4", "online.mp4"]);
}

#[test]
fn a_hole_is_named_and_what_is_not_there_is_told() {
    let setup = start();
    let Setup { server, folder, storage, .. } = setup;
    let began = WallTime::parse(server.get("/api/status").json()["started"].as_str().expect("a time")).expect("a time");
    let (status, log) = server.interrupt();
    assert!(status.success(), "{log:?}");
    // The pause between the runs is longer than a frame, however fast the machine.
    let second = serve(&storage);
    until_written(&second, 2);
    let (from, to) = (began.as_unix_ms() + 1500, began.as_unix_ms() + DEADLINE.as_millis() as i64 * 4);
    let time =
        ["--from", &WallTime::from_unix_ms(from).to_string(), "--to", &WallTime::from_unix_ms(to).to_string()].map(str::to_owned);
    let clip = folder.path().join("clip.mp4").display().to_string();
    let args = |rest: &[&str]| -> Vec<String> {
        let rest = rest.iter().map(|arg| (*arg).to_owned());
        ["export".to_owned()]
            .into_iter()
            .chain(time.clone())
            .chain(["-o".to_owned(), clip.clone(), "--force".to_owned()])
            .chain(rest)
            .collect()
    };
    let url = format!("http://{}/", second.address);
    for origin in [["--storage", &storage], ["--server", &url]] {
        let told = ends(&hlscam(args(&origin)), 0);
        let holes = told.lines().filter(|line| line.contains("there is no footage from 20") && line.contains("Z to 20")).count();
        assert_eq!(holes, 2, "between the runs, and at the end: {told}");
    }

    let none = |args: &[&str]| ends(&hlscam([&["export", "--from", "1", "--to", "2", "-o", "-"], args].concat()), 1);
    let empty = folder.path().join("empty").display().to_string();
    fs::create_dir(Path::new(&empty)).expect("a folder");
    for (args, told) in [
        (["--storage", &storage].to_vec(), "there is no footage of that time; there is some from 20"),
        (["--storage", &storage, "--camera", "porch"].to_vec(), "; there is cam"),
        (["--storage", &empty].to_vec(), "there is no footage in "),
        (["--storage", "/no/such/folder"].to_vec(), "cannot read --storage /no/such/folder: "),
        (["--server", &url].to_vec(), "answers 404 Not Found to /cam/clip.mp4?from=1.000000&to=2.000000: there is no footage"),
    ] {
        let error = none(&args);
        assert!(error.contains(told) && error.lines().count() == 1, "{args:?}: {error}");
    }
}

#[test]
fn a_folder_is_checked_beside_its_server_and_mended_without_it() {
    let Setup { server, storage, folder, .. } = start();
    let check = || hlscam(["storage", "check", &storage]);
    let repair = || hlscam(["storage", "repair", &storage]);
    let beside = check();
    assert!(ends(&beside, 0).is_empty(), "{}", said(&beside));
    let told = String::from_utf8_lossy(&beside.stdout).into_owned();
    assert!(told.starts_with("cam: 1 file, ") && told.contains("another hlscam uses it, so its index is not compared"), "{told}");
    assert!(told.ends_with("markers: another hlscam uses them, so they are not checked\n"), "{told}");
    let refused = ends(&repair(), 1);
    assert!(refused.contains("another hlscam uses ") && refused.lines().count() == 1, "{refused}");
    let written = server.get("/api/status").json()["history"]["written_segments"].as_u64().expect("a number");
    until_written(&server, written + 1);
    let (status, log) = server.interrupt();
    assert!(status.success(), "{log:?}");

    let sound = check();
    assert!(ends(&sound, 0).is_empty());
    assert!(String::from_utf8_lossy(&sound.stdout).ends_with(" MB\nmarkers: 0\n"), "{sound:?}");
    let file = fs::read_dir(Path::new(&storage).join("cam")).expect("a folder");
    let file = file.map(|entry| entry.expect("it is there").path()).find(|path| path.extension().is_some_and(|end| end == "mp4"));
    let file = fs::OpenOptions::new().append(true).open(file.expect("there is one")).expect("it can be written");
    (&file).write_all(b"half a segment").expect("there is room");
    let wrong = check();
    assert!(ends(&wrong, 1).starts_with("error: 1 of these are wrong"), "{}", said(&wrong));
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("the last 14 bytes are no whole segment"), "{wrong:?}");
    let mended = repair();
    assert!(ends(&mended, 0).is_empty());
    assert!(
        String::from_utf8_lossy(&mended.stdout).starts_with("cam: 14 bytes that were no whole segment were cut off\n"),
        "{mended:?}"
    );
    ends(&check(), 0);
    fs::write(Path::new(&storage).join("markers.sqlite"), "no database").expect("there is room");
    let wrong = check();
    ends(&wrong, 1);
    assert!(String::from_utf8_lossy(&wrong.stdout).contains("markers: markers.sqlite is damaged: it is no database"), "{wrong:?}");

    for (folder, told) in
        [(folder.path().display().to_string(), "there is nothing of hlscam in"), ("/no/such".to_owned(), "cannot read")]
    {
        let error = ends(&hlscam(["storage", "check", &folder]), 1);
        assert!(error.contains(told) && error.lines().count() == 1, "{error}");
    }
}

/// A server that answers each connection with half of what it promises; its connections.
fn half_a_server() -> (String, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/cam", listener.local_addr().expect("it is bound"));
    let (sender, connections) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut bytes = [0; 1024];
                let n = stream.read(&mut bytes).expect("a request");
                request.extend_from_slice(&bytes[..n]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: 10\r\n\r\nhalf!").expect("it reads");
            if sender.send(stream).is_err() {
                break;
            }
        }
    });
    (url, connections)
}

#[test]
fn what_breaks_off_or_is_ended_leaves_nothing_half() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.mp4");
    let (url, connections) = half_a_server();
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
        command.args(["export", "--last", "1s", "--server", &url, "-o"]).arg(&file);
        command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary is built with the tests")
    };
    let deadline = Deadline::start();
    let until_begun = || {
        while !folder.path().join("a.mp4.hlscam-part").exists() {
            assert!(!deadline.is_over(), "it writes what comes");
            thread::park_timeout(std::time::Duration::from_millis(20));
        }
    };
    let nothing_is_left = || assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);

    let broken = start();
    let connection = connections.recv_timeout(DEADLINE).expect("it connects");
    until_begun();
    drop(connection);
    let told = ends(&broken.wait_with_output().expect("it ends"), 1);
    assert!(told.contains("does not answer: the connection broke") && told.lines().count() == 1, "{told}");
    nothing_is_left();

    let ended = start();
    let connection = connections.recv_timeout(DEADLINE).expect("it connects");
    until_begun();
    let killed = Command::new("kill").args(["-TERM", &ended.id().to_string()]).status().expect("kill is there");
    assert!(killed.success());
    let told = ends(&ended.wait_with_output().expect("it ends"), 1);
    assert!(told.ends_with("error: ended before all was written; nothing is left of it\n"), "{told}");
    drop(connection);
    nothing_is_left();
}
