//! The real binary as a running server, and a plain HTTP/1.1 client.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// A running server must say where it is, and answer, within this time; a busy machine needs seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The binary. What begins the tests may ignore signals itself, as `nohup` and background jobs do: here they have their usual meaning.
#[cfg(target_os = "linux")]
fn program() -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal=INT,HUP", env!("CARGO_BIN_EXE_hlscam")]);
    command
}

#[cfg(not(target_os = "linux"))]
fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_hlscam"))
}

/// The binary, streaming; killed when dropped.
pub(crate) struct Running {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    log: Receiver<String>,
}

impl Running {
    /// Starts `hlscam ARGS --port 0` and waits until it tells its address.
    pub(crate) fn start(args: &[&str]) -> Running {
        Running::start_with(args, &[])
    }

    /// The same with variables in its environment.
    pub(crate) fn start_with(args: &[&str], variables: &[(&str, &Path)]) -> Running {
        let mut command = program();
        command
            .env("HLSCAM_CONFIG", "none")
            .envs(variables.iter().copied())
            .args(args)
            .args(["--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary is built with the tests");
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let (lines, log) = channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).all(|line| lines.send(line).is_ok()));
        let mut seen = Vec::new();
        while let Ok(line) = log.recv_timeout(DEADLINE) {
            let is_address = |word: &&str| word.starts_with("http://127.0.0.1:") || word.starts_with("https://127.0.0.1:");
            if let Some((_, url)) = line.split_whitespace().find(is_address).and_then(|word| word.split_once("127.0.0.1:")) {
                let address = format!("127.0.0.1:{}", url.trim_end_matches('/'));
                return Running { child, address, log };
            }
            seen.push(line);
        }
        child.kill().ok();
        child.wait().ok();
        panic!("{command:?} told no address:\n{}", seen.join("\n"));
    }

    /// Its process.
    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// GETs a path. Any answer will do.
    pub(crate) fn get(&self, path: &str) -> Answer {
        request(&self.address, path).unwrap_or_else(|error| panic!("GET {path} of {}: {error}", self.address))
    }

    /// GETs a path until it answers 200 with a body that satisfies `wanted`.
    pub(crate) fn wait_for(&self, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        wait_for(&self.address, path, wanted)
    }

    /// What it logs next, if it does so soon.
    #[cfg(target_os = "linux")]
    pub(crate) fn next_line(&self) -> Option<String> {
        self.log.recv_timeout(Duration::from_secs(1)).ok()
    }

    /// Asks it to end, and waits for its end. Not by SIGINT: a background job of a shell, as the tests may be, ignores it. Returns also what it logged since the start.
    pub(crate) fn interrupt(mut self) -> (ExitStatus, Vec<String>) {
        let done = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill is there");
        assert!(done.success());
        let status = self.child.wait().expect("it is our child");
        (status, self.log.iter().collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// GETs a path until it answers 200 with a body that satisfies `wanted`.
pub(crate) fn wait_for(address: &str, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let deadline = Deadline::start();
    loop {
        let answer = request(address, path).unwrap_or_else(|error| panic!("GET {path} of {address}: {error}"));
        if answer.status == 200 && wanted(&answer) {
            return answer;
        }
        assert!(!deadline.is_over(), "GET {path}: {} {}", answer.status, answer.text());
        thread::park_timeout(Duration::from_millis(50));
    }
}

/// A moment after which a condition is given up.
pub(crate) struct Deadline(std::time::Instant);

impl Deadline {
    /// [`DEADLINE`] from now.
    #[expect(clippy::disallowed_methods, reason = "a deadline for a real process is real time")]
    pub(crate) fn start() -> Deadline {
        Deadline(std::time::Instant::now())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.elapsed() > DEADLINE
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The status line and the headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header; empty where it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let named = |line: &'_ str| line.split_once(": ").is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
        self.head.lines().find(|line| named(line)).map_or("", |line| &line[name.len() + 2..])
    }

    /// Of the page with the form of the login: the cookie header, and the form with what is typed there.
    pub(crate) fn form(&self, typed: &str) -> (String, String) {
        let text = self.text();
        let (_, token) = text.split_once("name=\"token\" value=\"").expect("a token");
        let cookie = self.header("set-cookie").split(';').next().expect("a pair");
        (cookie.to_owned(), format!("{typed}&token={}", &token[..token.find('"').expect("its end")]))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// GETs a path on a connection of its own.
pub(crate) fn request(address: &str, path: &str) -> std::io::Result<Answer> {
    send(address, "GET", path, "")
}

/// Sends JSON, or nothing, on a connection of its own.
pub(crate) fn send(address: &str, method: &str, path: &str, json: &str) -> std::io::Result<Answer> {
    let headers = [("Content-Type", "application/json")];
    send_with(address, (method, path), if json.is_empty() { &[] } else { &headers }, json)
}

/// Sends a body, or nothing, with these headers on a connection of its own.
pub(crate) fn send_with(
    address: &str,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n")?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    if !body.is_empty() {
        write!(stream, "Content-Length: {}\r\n", body.len())?;
    }
    write!(stream, "\r\n{body}")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status =
        head.lines().next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Answer { status, head, body: bytes.split_off(end + 4) })
}

/// The folder of labelled clips beside the checkout; `None`, and a line saying so, where it is not there.
pub(crate) fn media() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/media");
    if folder.join("labels.json").exists() {
        return Some(folder);
    }
    eprintln!("skipped: no labelled clips beside the checkout");
    None
}

/// Runs a command of FFmpeg's; `None`, and a line saying so, where it is not installed. Panics if it fails.
pub(crate) fn ffmpeg(program: &str, args: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(args).stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(_) => {
            crate::missing::left_out(&format!("no {program} here"));
            return None;
        }
    };
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && errors.trim().is_empty(), "{program} {args:?}: {errors}");
    Some(out.into_owned())
}

/// Base 64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        let digit = |idx: usize| char::from(DIGITS[(bits >> (18 - 6 * idx)) as usize & 63]);
        text.extend((0..4).map(|idx| if idx <= three.len() { digit(idx) } else { '=' }));
    }
    text
}
