//! Hooks against the real thing: a receiver of HTTP, a command, and mosquitto where it is installed.

use super::running::{DEADLINE, Running, soon, start};
use crate::support;
use hlscam::{
    detect::kind::Kind,
    hooks::{Hooks, HooksConfig, HooksCounts, broker, webhook},
    server::Limits,
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn post(server: &Running, body: &str) -> String {
    let answer = server.send("POST", "/api/markers", "content-type: application/json\r\n", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let marker: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    marker["id"].as_str().expect("a text").to_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

#[tokio::test]
async fn a_marker_reaches_a_webhook_and_a_command_although_the_others_are_not_there() {
    let server = start(Limits::default());
    let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.jsonl");
    let config = HooksConfig {
        webhook: Some(webhook::Target::parse(&format!("http://{}/hook", receiver.local_addr().expect("it"))).expect("an address")),
        exec: Some(format!("cat >> '{}'", file.display())),
        broker: Some(broker::Target::parse(&format!("mqtt://127.0.0.1:{}", free_port())).expect("an address")),
    };
    let counts = HooksCounts::default();
    let hooks = Hooks::start(config, &server.journal, &counts, vec![]);
    let id = post(&server, r#"{"kind":"door"}"#).await;
    let (mut stream, _) = soon(receiver.accept()).await.expect("it comes");
    let mut text = String::new();
    while !text.ends_with("}}") {
        let mut bytes = [0; 4096];
        let n = soon(stream.read(&mut bytes)).await.expect("it writes");
        text.push_str(&String::from_utf8_lossy(&bytes[..n]));
    }
    assert!(
        text.starts_with("POST /hook HTTP/1.1\r\n") && text.contains("\"event\":\"marker-begin\"") && text.contains(&id),
        "{text}"
    );
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.expect("it reads");
    let told = async {
        while counts.exec.sent.get() == 0 || counts.webhook.sent.get() == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon(told).await;
    assert!(std::fs::read_to_string(&file).expect("it was written").contains(&id));
    assert!(serde_json::to_value(counts.report()).expect("data")["mqtt"]["failing"].as_bool().expect("a flag"));
    assert_eq!(server.get("/api/markers").await.status, 200);
    drop(hooks);
}

/// A broker of our own; killed when dropped.
struct Mosquitto {
    child: Child,
    port: u16,
}

impl Mosquitto {
    /// `None`, and a line saying so, where it is not installed.
    fn start(folder: &Path, port: u16) -> Option<Mosquitto> {
        Mosquitto::start_with(folder, port, "")
    }

    /// The same with more lines in its configuration.
    fn start_with(folder: &Path, port: u16, more: &str) -> Option<Mosquitto> {
        let program = ["/usr/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto"].into_iter().find(|path| Path::new(path).exists());
        let program = program.unwrap_or("mosquitto");
        let (config, passwords) = (folder.join("mosquitto.conf"), folder.join("passwords"));
        let made = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&passwords).args(["cam", "p@ss"]).status();
        if !made.is_ok_and(|made| made.success()) {
            eprintln!("skipped: no mosquitto here");
            return None;
        }
        // It must not become another user, who could not read our folder.
        let text =
            format!("listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\nuser root\n{more}", passwords.display());
        std::fs::write(&config, text).expect("a file");
        let child =
            Command::new(program).arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mosquitto");
        Some(Mosquitto { child, port })
    }

    /// All that is published from now on, and what is retained: `TOPIC PAYLOAD`.
    fn subscribe(&self) -> Messages {
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-u", "cam", "-P", "p@ss", "-v", "-t", "#"]);
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("mosquitto_sub");
            let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
            let (sender, messages) = channel();
            thread::spawn(move || lines.map_while(Result::ok).all(|line| sender.send(line).is_ok()));
            // It ends at once while the broker is not up yet.
            match messages.recv_timeout(std::time::Duration::from_secs(2)) {
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) if tokio::time::Instant::now() < deadline => {
                    child.wait().ok();
                }
                first => return Messages { child, first: first.ok(), messages },
            }
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

struct Messages {
    child: Child,
    first: Option<String>,
    messages: Receiver<String>,
}

impl Messages {
    /// Waits for a message that begins so; returns the rest of it.
    fn wait_for(&mut self, begin: &str) -> String {
        loop {
            let line = self.first.take().map_or_else(|| self.messages.recv_timeout(DEADLINE), Ok);
            let line = line.unwrap_or_else(|error| panic!("{begin} does not come: {error}"));
            if let Some(rest) = line.strip_prefix(begin) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_is_told_what_is_there_and_again_after_it_was_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mosquitto) = Mosquitto::start(folder.path(), free_port()) else { return };
    let port = mosquitto.port;
    let server = start(Limits::default());
    let target = broker::Target::parse(&format!("mqtt://cam:p%40ss@127.0.0.1:{port}/yard/cam")).expect("an address");
    let counts = HooksCounts::default();
    let config = HooksConfig { broker: Some(target), ..HooksConfig::default() };
    let hooks = Hooks::start(config, &server.journal, &counts, vec![Kind::FACE]);
    let mut messages = mosquitto.subscribe();
    assert!(messages.wait_for("homeassistant/binary_sensor/yard_cam/face/config ").contains("\"name\":\"Face seen\""));
    messages.wait_for("yard/cam/face/state OFF");
    messages.wait_for("yard/cam/availability online");
    let id = post(&server, r#"{"kind":"face"}"#).await;
    assert!(messages.wait_for("yard/cam/face/marker ").contains(&id));
    messages.wait_for("yard/cam/face/state ON");
    assert!(messages.wait_for("yard/cam/events ").starts_with("{\"event\":\"marker-begin\",\"event_id\":\"t-1\","));
    drop((messages, mosquitto));
    // It has forgotten everything, and hears it anew; what happened meanwhile comes late.
    let bell = post(&server, r#"{"kind":"bell","begin":1795191500,"end":1795191500}"#).await;
    let mosquitto = Mosquitto::start(folder.path(), port).expect("it was there");
    let mut messages = mosquitto.subscribe();
    messages.wait_for("yard/cam/face/state ON");
    let mut late = mosquitto.subscribe();
    assert!(late.wait_for("yard/cam/bell/marker ").contains(&bell));
    server.journal.end("a test");
    messages.wait_for("yard/cam/face/state OFF");
    assert!(messages.wait_for("yard/cam/events {\"event\":\"stream-ended\"").contains("a test"));
    messages.wait_for("yard/cam/availability offline");
    soon(hooks.end()).await;
    assert_eq!(counts.broker.dropped.get(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_tells_the_last_will_of_who_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mosquitto) = Mosquitto::start(folder.path(), free_port()) else { return };
    let server = start(Limits::default());
    let target = broker::Target::parse(&format!("mqtt://cam:p%40ss@127.0.0.1:{}", mosquitto.port)).expect("an address");
    let config = HooksConfig { broker: Some(target), ..HooksConfig::default() };
    let hooks = Hooks::start(config, &server.journal, &HooksCounts::default(), vec![]);
    let mut messages = mosquitto.subscribe();
    messages.wait_for("hlscam/availability online");
    drop(hooks);
    messages.wait_for("hlscam/availability offline");
}

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
        eprintln!("skipped: no openssl here");
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
