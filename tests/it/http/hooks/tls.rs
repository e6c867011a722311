//! The binary's hooks over TLS, against mosquitto and a server of OpenSSL's.

use super::Mosquitto;
use crate::{missing::left_out, ports::free_port, support};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A certificate of `localhost` and its key, which nobody vouches for; `None`, and a line saying so, where openssl is not installed.
fn certificate(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    command.args([
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]);
    let made = command.arg("-out").arg(&certificate).arg("-keyout").arg(&key).stderr(Stdio::null()).status();
    if made.is_err() {
        left_out("no openssl here");
        return None;
    }
    assert!(made.is_ok_and(|made| made.success()), "{command:?}");
    Some((certificate, key))
}

/// A server of OpenSSL's that answers nothing by itself; killed when dropped.
struct TlsServer {
    child: Child,
    port: u16,
}

impl TlsServer {
    fn start((certificate, key): &(PathBuf, PathBuf)) -> TlsServer {
        let port = free_port();
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}"), "-cert"])
            .arg(certificate)
            .arg("-key")
            .arg(key);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("openssl");
        // It listens a moment later, and on a busy machine after the first event.
        let deadline = support::Deadline::start();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(!deadline.is_over(), "openssl does not listen");
            std::thread::yield_now();
        }
        TlsServer { child, port }
    }

    /// Waits for a request with JSON, and answers it; the request.
    fn answer(&mut self) -> String {
        let (mut text, stdout) = (String::new(), self.child.stdout.as_mut().expect("it is piped"));
        while !text.ends_with('}') {
            let mut bytes = [0; 4096];
            let n = stdout.read(&mut bytes).expect("it writes");
            assert!(n > 0, "it ended after {text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
        let stdin = self.child.stdin.as_mut().expect("it is piped");
        stdin.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").and_then(|()| stdin.flush()).expect("it reads");
        text
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What both hooks are started with: the test source without detection, so that nothing happens by itself.
const QUIET: [&str; 8] = ["--device", "test", "--detect", "none", "--size", "320x240", "--fps", "10"];

/// Makes an event.
fn ring(running: &support::Running) {
    let answer = support::send(&running.address, "POST", "/api/markers", r#"{"kind":"bell"}"#).expect("it answers");
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn webhook_and_broker_are_told_over_tls_when_their_certificate_is_trusted() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(pair) = certificate(folder.path()) else { return };
    let (certificate, key) = (pair.0.display(), pair.1.display());
    let tls_port = free_port();
    let more = format!("listener {tls_port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n");
    let Some(mosquitto) = Mosquitto::start_with(folder.path(), free_port(), &more) else { return };
    let mut receiver = TlsServer::start(&pair);
    let (hook, broker) = (format!("https://localhost:{}/hook", receiver.port), format!("mqtts://cam:p%40ss@localhost:{tls_port}"));
    let args = [&QUIET[..], &["--on-event", &hook, "--mqtt", &broker]].concat();
    let running = support::Running::start_with(&args, &[("SSL_CERT_FILE", &pair.0)]);
    let mut messages = mosquitto.subscribe();
    messages.wait_for("hlscam/availability online");
    ring(&running);
    assert!(messages.wait_for("hlscam/events ").contains("\"kind\":\"bell\""));
    let request = receiver.answer();
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n") && request.contains("\"kind\":\"bell\""), "{request}");
}

#[test]
fn who_shows_a_certificate_that_is_not_trusted_is_told_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(pair) = certificate(folder.path()) else { return };
    let other = folder.path().join("other");
    std::fs::create_dir(&other).expect("a folder");
    let Some(trusted) = self::certificate(&other) else { return };
    let receiver = TlsServer::start(&pair);
    let hook = format!("https://localhost:{}/hook", receiver.port);
    let running = support::Running::start_with(&[&QUIET[..], &["--on-event", &hook]].concat(), &[("SSL_CERT_FILE", &trusted.0)]);
    ring(&running);
    running.wait_for("/api/status", |status| status.json()["hooks"]["webhook"]["failing"] == true);
    let (_, log) = running.interrupt();
    let log = log.join("\n");
    assert!(log.contains("invalid peer certificate") && log.contains("set SSL_CERT_FILE"), "{log}");
}
