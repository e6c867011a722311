//! Every option and variable that names a file, with what may lie there instead of what is wanted: it is refused in one sentence that names
//! it, or the stream goes on; nothing hangs, fills the memory, or ends by a signal.

use crate::{
    ending::{Streaming, hlscam_after},
    support::Deadline,
};
use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

/// What lies there.
const KINDS: [&str; 11] =
    ["missing", "empty", "folder", "pipe", "socket", "binary", "huge", "loop", "dangling", "below a file", "endless"];

/// More than any file that is wanted has, and than the memory.
const HUGE: u64 = 64 << 30;

/// Makes it. The name has a line break in it, where a sentence may not have one.
fn make(path: &Path, kind: &str) {
    match kind {
        "empty" => drop(fs::File::create(path).expect("room")),
        "folder" => fs::create_dir(path).expect("room"),
        "pipe" => assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo is there").success()),
        "socket" => drop(UnixListener::bind(path).expect("room")),
        "binary" => {
            fs::write(path, (0..65_536_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>()).expect("room")
        }
        "huge" => fs::File::create(path).and_then(|file| file.set_len(HUGE)).expect("a file with a hole"),
        "loop" => symlink(path, path).expect("room"),
        "dangling" => symlink("/nowhere/at all", path).expect("room"),
        "below a file" => fs::write(path.parent().expect("it has one"), "").expect("room"),
        "endless" => symlink("/dev/zero", path).expect("room"),
        _ => assert_eq!(kind, "missing"),
    }
}

/// Ends a child that does not end.
struct Tried(Child);

impl Drop for Tried {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// How it ends and what it said last, by itself.
fn ends(command: &mut Command, what: &str) -> (ExitStatus, String) {
    let mut tried = Tried(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it is built"));
    let deadline = Deadline::start();
    let status = loop {
        if let Some(status) = tried.0.try_wait().expect("it is our child") {
            break status;
        }
        assert!(!deadline.is_over(), "{what}: it hangs");
        thread::park_timeout(crate::ending::LOOK);
    };
    let said = std::io::read_to_string(tried.0.stderr.take().expect("it is piped")).expect("text");
    (status, said)
}

/// One option with everything that may lie there, but for what it takes.
fn refuses(option: &str, arguments: &[&str], file_name: &str, takes: &[&str]) {
    for kind in KINDS.iter().filter(|kind| !takes.contains(kind)) {
        let folder = tempfile::tempdir().expect("a folder");
        let below = if *kind == "below a file" { "a\nfile/" } else { "" };
        let path = folder.path().join(format!("{below}{file_name}"));
        make(&path, kind);
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
        command.args(arguments.iter().map(|argument| argument.replace("PATH", path.to_str().expect("text"))));
        let what = format!("{option}, {kind}");
        let (status, said) = ends(&mut command, &what);
        let last = said.lines().last().unwrap_or_default();
        let name = format!("{}", path.file_stem().expect("a name").display()).replace('\n', "\\n");
        assert_eq!(status.code(), Some(1), "{what}: {said}");
        assert!(last.starts_with("error: ") && last.contains(&name) && !last.contains("bug"), "{what}: {said}");
    }
}

#[test]
fn whatever_lies_where_a_file_is_named_is_refused_in_one_sentence() {
    let test = ["--port", "0", "--device", "test", "--size", "320x240"];
    let with = |more: &[&'static str]| [&test[..], more].concat();
    thread::scope(|scope| {
        // Where a video is read, a pipe and a device may be a receiver's: they are waited for until somebody ends it.
        scope.spawn(|| {
            refuses("--device", &["--port", "0", "--detect", "none", "--device", "file:PATH"], "a\nb.mp4", &["pipe", "endless"])
        });
        scope.spawn(|| refuses("detect", &["detect", "PATH"], "a\nb.mp4", &["pipe", "endless"]));
        scope.spawn(|| refuses("bench", &["bench", "PATH"], "a\nb.mp4", &["pipe", "endless"]));
        scope.spawn(|| refuses("--detect", &with(&["--detect", "PATH"]), "a\nb.xml", &[]));
        scope.spawn(|| refuses("--model", &with(&["--model", "PATH"]), "a\nb.tflite", &[]));
        scope.spawn(|| {
            // A folder that is missing is made, one that is empty is taken.
            let arguments = with(&["--detect", "none", "--storage", "PATH"]);
            refuses("--storage", &arguments, "a\nb", &["missing", "folder"]);
        });
        scope.spawn(|| {
            let arguments = ["record", "--duration", "1s", "--device", "test", "--detect", "none", "--output", "PATH"];
            refuses("--output", &arguments, "a\nb.mp4", &["missing"]);
        });
    });
}

/// What lies in the folder of `--storage` under the names of the store.
#[test]
fn what_is_no_file_in_the_storage_is_refused_in_one_sentence() {
    for name in ["markers.sqlite", "markers.sqlite-wal", "markers.sqlite-journal"] {
        for kind in ["folder", "pipe", "socket", "endless"] {
            let folder = tempfile::tempdir().expect("a folder");
            make(&folder.path().join(name), kind);
            let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
            command.args(["--port", "0", "--device", "test", "--detect", "none", "--storage"]).arg(folder.path());
            let (status, said) = ends(&mut command, &format!("{name}, {kind}"));
            assert_eq!(status.code(), Some(1), "{name}, {kind}: {said}");
            assert!(
                said.lines().last().is_some_and(|last| last.contains(&format!("{name} is no plain file; move it away"))),
                "{said}"
            );
        }
    }
}

/// Variables of the system name files that can be done without.
#[test]
fn what_lies_where_a_variable_names_a_file_keeps_nothing_from_streaming() {
    for (variable, file_name, more, kinds) in [
        ("SSL_CERT_FILE", "ca.pem", "--on-event https://127.0.0.1:1/", &["pipe", "huge", "endless", "binary"][..]),
        ("SSL_CERT_DIR", "ca.pem", "--mqtt mqtts://127.0.0.1:1", &["pipe", "loop"]),
        ("XDG_RUNTIME_DIR", "hlscam-0.run", "", &["pipe", "huge", "binary", "folder"]),
    ] {
        for kind in kinds {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join(file_name);
            make(&path, kind);
            let named = if variable.ends_with("FILE") { &path } else { folder.path() };
            let mut command = hlscam_after(":");
            command.env(variable, named).args(more.split_whitespace());
            let mut streaming = Streaming::start(command, "test");
            streaming.wait_until("there is a segment", |status| status["window"]["segments"].as_u64() > Some(0));
            streaming.signal("-TERM");
            assert_eq!(streaming.ends().code(), Some(0), "{variable}, {kind}");
        }
    }
}
