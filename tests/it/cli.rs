//! The command line, through the real binary: exit codes, the one sentence on stderr, help texts.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A finished run of the binary.
struct Run {
    line: String,
    output: Output,
}

/// Runs the binary with arguments that hold no spaces. Nothing of the caller's terminal reaches it.
fn hlscam(line: &str) -> Run {
    run(line.split_whitespace())
}

fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    command.args(args).stdin(Stdio::null()).env_remove("COLUMNS").env_remove("RUST_BACKTRACE");
    // Nor does what this computer's own stream is told.
    command.env("HLSCAM_CONFIG", "none");
    let output = command.output().expect("the binary is built with the tests");
    Run { line: format!("{command:?}"), output }
}

impl Run {
    /// It ended with this code.
    fn exits(self, code: i32) -> Run {
        assert_eq!(self.output.status.code(), Some(code), "{}\n{}", self.line, self.stderr());
        self
    }

    /// It said exactly this on stderr, in one line.
    fn says(self, sentence: &str) -> Run {
        assert_eq!(self.stderr(), format!("{sentence}\n"), "{}", self.line);
        self
    }

    /// It wrote exactly what the golden file holds; `UPDATE_GOLDEN=1` rewrites the file.
    fn writes_golden(self, name: &str) -> Run {
        let path = golden(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, self.stdout()).expect("the golden file can be written");
        }
        let expect = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(self.stdout(), expect, "{}: `UPDATE_GOLDEN=1 cargo test` rewrites {name}", self.line);
        self
    }

    /// It wrote nothing to stderr.
    fn says_nothing(self) -> Run {
        assert_eq!(self.stderr(), "", "{}", self.line);
        self
    }

    /// It wrote exactly this to stdout.
    fn writes(self, text: &str) -> Run {
        assert_eq!(self.stdout(), text, "{}", self.line);
        self
    }

    fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name)
}

#[test]
fn help_is_complete() {
    hlscam("--help").exits(0).says_nothing().writes_golden("help.txt");
    hlscam("devices --help").exits(0).says_nothing().writes_golden("help-devices.txt");
    hlscam("bench --help").exits(0).says_nothing().writes_golden("help-bench.txt");
    hlscam("record --help").exits(0).says_nothing().writes_golden("help-record.txt");
    hlscam("snapshot --help").exits(0).says_nothing().writes_golden("help-snapshot.txt");
    hlscam("storage --help").exits(0).says_nothing().writes_golden("help-storage.txt");
    hlscam("export --help").exits(0).says_nothing().writes_golden("help-export.txt");
    hlscam("doctor --help").exits(0).says_nothing().writes_golden("help-doctor.txt");
    hlscam("detect --help").exits(0).says_nothing().writes_golden("help-detect.txt");
    hlscam("completions --help").exits(0).says_nothing().writes_golden("help-completions.txt");
    hlscam("user --help").exits(0).says_nothing().writes_golden("help-user.txt");
    hlscam("user add --help").exits(0).says_nothing().writes_golden("help-user-add.txt");
    hlscam("user list --help").exits(0).says_nothing().writes_golden("help-user-list.txt");
    hlscam("config --help").exits(0).says_nothing().writes_golden("help-config.txt");
    hlscam("config show --help").exits(0).says_nothing().writes_golden("help-config-show.txt");
    hlscam("config example").exits(0).says_nothing().writes_golden("config-example.toml");
}

#[test]
fn short_help_is_the_same_help() {
    assert_eq!(hlscam("-h").exits(0).stdout(), hlscam("--help").exits(0).stdout());
}

#[test]
fn version_names_the_program_and_its_version() {
    hlscam("--version").exits(0).says_nothing().writes(&format!("hlscam {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_one_sentence_and_exit_2() {
    let wrong = |line: &str, sentence: &str| hlscam(line).exits(2).says(&format!("error: {sentence}")).writes("");
    wrong("--prot 9000", "there is no option --prot; did you mean --port?");
    wrong("strem", "there is no command or argument strem; `hlscam --help` lists what there is");
    wrong("--part 300ms", "--part 300ms: it does not divide the segment of 2s; write 250ms or 400ms");
    wrong("--window 4s", "--window 4s: players need three segments of 2s; write 6s at least");
    wrong("--fps 0", "--fps 0: a frame rate is 1 to 240; write it like 30, 29.97 or 30000/1001");
    wrong("--size 0x0", "--size 0x0: a side is 32 to 8192 pixels; write it like 640x480");
    wrong(
        "--device rtsp://me:secret@cam:x/1",
        "--device rtsp://...: the host or its port is wrong; write it like rtsp://user:password@host/path",
    );
    wrong("--bind localhost", "--bind localhost: this is a name, not an IP address; write 127.0.0.1");
    wrong("snapshot", "`hlscam snapshot` needs --output <FILE.jpg>; `hlscam snapshot --help` explains");
    wrong(
        "snapshot -o a.jpg --at now",
        "--at now: this is no time; write RFC 3339 like 2026-11-20T16:19:12Z, or seconds since 1970",
    );
    wrong("snapshot -o a.jpg --width 3", "--width 3: this is no number from 16 to 8192; write one like 640");
    wrong("snapshot -o a.jpg --from host", "--from host: the scheme is missing; write http://… or https://…");
    let lacking = "`hlscam export` needs --from <TIME> and --to <TIME>, or --last <TIME>; `hlscam export --help` explains";
    wrong("export -o a.mp4", lacking);
    wrong("export -o a.mp4 --from 1", lacking);
    wrong("export -o a.mp4 --from 1 --to 2 --last 3s", lacking);
    wrong("export -o a.mp4 --from 2 --to 1", "--to 1: it is not after --from 2; write the later time there");
    wrong("export -o a.mp4 --last 9h", "--last 9h: that is no length of a clip; write 6h at most, or --from and --to");
    wrong("export -o a.mp4 --last 9s --as film", "--as film: write clip or timelapse");
    wrong("export -o a.mp4 --last 9s --speed 60", "--speed 60: a clip is as fast as it was; pass --as timelapse, too");
    wrong("export -o a.mp4 --last 9s --as timelapse --speed 1", "--speed 1: this is no number from 2 to 100000; write one like 60");
    wrong("export -o a.mp4 --last 9s --camera cam", "`hlscam export` needs --storage <DIR>; `hlscam export --help` explains");
    wrong("detect", "`hlscam detect` needs <FILE>...; `hlscam detect --help` explains");
    wrong("--device 0 --name a --device 1 --name a", "--name a: two cameras have it; give each one of its own");
    wrong(
        "--device 0 --device 1 --port 80 --device 2 --port 81",
        "--port is one for all cameras, and is given two values; write it once",
    );
    wrong(
        "--name a --device 0 --device 1",
        "--name a: it stands before the first --device, and no two cameras have one name; write it behind the --device of its camera",
    );
    wrong(
        "record -o a.mp4 --device 0 --device 1",
        "one camera is recorded at a time; write --device once, or stream them all and record each by --from",
    );
    wrong("bench a.mp4 --device 0 --device 1", "there is no option --device; `hlscam bench --help` lists what there is");
    wrong("record --duration 1s", "`hlscam record` needs --output <FILE.mp4>; `hlscam record --help` explains");
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_text_are_refused_without_a_panic() {
    use std::os::unix::ffi::OsStrExt;
    let sentence = "error: an argument is not valid UTF-8; name the file or device by another path";
    run([OsStr::new("--device"), OsStr::from_bytes(b"\xff\xfe")]).exits(2).says(sentence);
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hlscam"))
        .arg("--help")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary is built with the tests");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn what_the_world_refuses_is_told_in_one_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let check = |line: &str, expect: &str| {
        let run = hlscam(line).exits(1);
        let stderr = run.stderr();
        // Log lines may stand before it; it is the last word, and one line.
        let last = stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: ") && last.contains(expect), "{line}: {stderr}");
        assert_eq!(stderr.matches("error: ").count(), 1, "{line}: {stderr}");
    };
    check(&format!("--device test --port {port}"), "the port is in use; pass --port");
    check("--device test --bind 203.0.113.7 --port 0 --open", "it is not an address of this host");
    check("--device file:there/is/none.mkv --detect none --port 0", "cannot open there/is/none.mkv");
    check("record --device test --detect none --duration 1s --output there/is/none.mp4", "its folder does not exist");
    check(
        "--device test --size 320x240 --detect none --port 0 --mask 320,0,9,9",
        "--mask number 1 lies outside the picture, which is 320x240",
    );
    check(
        "--device test --detect none --port 0 --control brightness=101",
        "cannot set the controls of test source: brightness=101: brightness takes a whole number from -100 to 100",
    );
    check(
        "record --device test --detect none --duration 1s --output none.mp4 --control zoom=1",
        "zoom=1: this camera has no such control; it has brightness, gain_automatic, gain, color_effects",
    );
    if cfg!(feature = "opencv") {
        check("--device test --detect ./none.xml --port 0", "cannot read the cascade ./none.xml");
        check("--device test --detect ./Cargo.toml --port 0", "it is no cascade");
    }
    if cfg!(feature = "ffmpeg") {
        check("--device file:Cargo.toml --detect none --port 0", "; name a file that");
        check("bench Cargo.toml --detect none", "; name a file that");
    }
    if cfg!(all(feature = "ffmpeg", feature = "opencv")) {
        check("detect Cargo.toml", "; name a file that");
    }
}
