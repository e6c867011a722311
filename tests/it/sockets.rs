//! Where the program listens beside ports: at a Unix socket, and at what systemd has opened. The real binary over real HTTP.

use crate::support::Deadline;
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, net::UnixStream},
    },
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

const SMALL: [&str; 8] = ["--device", "test", "--size", "160x120", "--segment", "1s", "--detect", "none"];

/// The binary; killed when dropped.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Started {
    fn at(path: &Path) -> Started {
        Started(hlscam(path).spawn().expect("the binary is built with the tests"))
    }

    fn end(mut self) -> Option<i32> {
        let done = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().expect("kill is there");
        assert!(done.success());
        self.0.wait().expect("it is our child").code()
    }
}

fn hlscam(path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    command.args(SMALL).args(["--bind", &format!("unix:{}", path.display())]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// How a program ends that cannot begin: its code, and what it says last.
fn refused(mut command: Command) -> (Option<i32>, String) {
    let output = command.stderr(Stdio::piped()).output().expect("the binary is built with the tests");
    let told = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    (output.status.code(), told)
}

/// The status and the body of the answer to one request, as `host`.
fn ask(mut stream: impl Read + Write, host: &str, path: &str) -> std::io::Result<(u16, Vec<u8>)> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    Ok((head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), answer.split_off(end + 4)))
}

/// GETs a path until it is answered 200.
fn wait_for(path: &Path, asked: &str) -> Vec<u8> {
    let deadline = Deadline::start();
    loop {
        let answer = UnixStream::connect(path).and_then(|stream| ask(stream, "localhost", asked));
        if let Ok((200, body)) = answer {
            return body;
        }
        assert!(!deadline.is_over(), "GET {asked}: {answer:?}");
        thread::park_timeout(Duration::from_millis(50));
    }
}

#[test]
fn a_unix_socket_serves_the_stream_and_goes_with_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hlscam.sock");
    let first = Started::at(&path);
    wait_for(&path, "/readyz");
    assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o660);
    let list = String::from_utf8(wait_for(&path, "/cam/video.m3u8")).expect("text");
    let part = list.lines().rfind(|line| line.starts_with("#EXT-X-PART:")).expect("a part");
    let (_, uri) = part.split_once("URI=\"").expect("its address");
    let bytes = wait_for(&path, &format!("/cam/{}", &uri[..uri.find('"').expect("its end")]));
    assert!(bytes.windows(4).any(|four| four == b"moof"), "{} bytes", bytes.len());
    let foreign = ask(UnixStream::connect(&path).expect("it listens"), "evil.example", "/").expect("an answer");
    assert_eq!(foreign.0, 421, "the name of the host counts here too");
    let (code, told) = refused(hlscam(&path));
    let why = format!("cannot listen on unix:{}: another program listens there; pass another --bind unix:PATH", path.display());
    assert!(code == Some(1) && told.ends_with(&why), "{code:?} {told}");
    // What a killed one has left is no obstacle.
    drop(first);
    assert!(path.exists());
    let second = Started::at(&path);
    wait_for(&path, "/readyz");
    assert_eq!(second.end(), Some(0));
    assert!(!path.exists());
}

/// The binary as systemd starts it: with a socket as its third file.
fn activated(socket: TcpListener) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_hlscam")]);
    command.args(SMALL).args(["--bind", "systemd"]);
    command.stdin(OwnedFd::from(socket)).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn a_socket_of_systemd_is_taken_over_with_who_waits_there() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = socket.local_addr().expect("it is bound");
    let early = std::net::TcpStream::connect(at).expect("systemd listens");
    let started = Started(activated(socket).spawn().expect("a shell"));
    assert_eq!(ask(early, &at.to_string(), "/healthz").expect("an answer").0, 200);
    assert_eq!(started.end(), Some(0));
}

#[test]
fn without_a_socket_of_systemd_or_with_one_for_all_it_is_said_what_to_do() {
    let mut alone = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    alone.args(SMALL).args(["--bind", "systemd"]).stdin(Stdio::null());
    let (code, told) = refused(alone);
    assert!(code == Some(1) && told.contains("what systemd has opened: there is none; start hlscam by a unit"), "{code:?} {told}");
    let (code, told) = refused(activated(TcpListener::bind("0.0.0.0:0").expect("a port")));
    assert!(code == Some(1) && told.contains("everybody on the network could watch"), "{code:?} {told}");
}

/// What systemd hears: that the server answers, that pictures go on, that the end has begun.
#[cfg(target_os = "linux")]
#[test]
fn systemd_is_told_that_it_is_ready_that_it_lives_and_that_it_ends() {
    use std::os::unix::net::UnixDatagram;
    let folder = tempfile::tempdir().expect("a folder");
    let heard = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
    heard.set_read_timeout(Some(Duration::from_secs(30))).expect("it is set");
    let next = || {
        let mut bytes = [0; 1024];
        let len = heard.recv(&mut bytes).expect("systemd is told");
        String::from_utf8_lossy(&bytes[..len]).trim_end().to_owned()
    };
    let mut command = hlscam(&folder.path().join("hlscam.sock"));
    command.env("NOTIFY_SOCKET", folder.path().join("notify"));
    let started = Started(command.spawn().expect("the binary is built with the tests"));
    assert_eq!(next(), "READY=1");
    assert_eq!([next(), next(), next()], ["WATCHDOG=1"; 3]);
    assert_eq!(started.end(), Some(0));
    // Those that were on the way.
    let last = std::iter::repeat_with(next).take(20).find(|word| word != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}
