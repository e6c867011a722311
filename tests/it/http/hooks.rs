//! Hooks against the real thing: a receiver of HTTP, a command, and mosquitto where it is installed.

use super::running::{DEADLINE, Running, soon, start};
use crate::{
    missing::left_out,
    ports::{closed_port, free_port},
};
use hlscam::{
    detect::kind::Kind,
    hooks::{Hooks, HooksConfig, HooksCounts, broker, webhook},
    server::Limits,
};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

mod mqtt;
#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
mod tls;

async fn post(server: &Running, body: &str) -> String {
    let answer = server.send("POST", "/api/markers", "content-type: application/json\r\n", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let marker: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    marker["id"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_marker_reaches_a_webhook_and_a_command_although_the_others_are_not_there() {
    let server = start(Limits::default());
    let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.jsonl");
    let (_closed, port) = closed_port();
    let config = HooksConfig {
        webhook: Some(
            webhook::Endpoint::parse(&format!("http://{}/hook", receiver.local_addr().expect("it"))).expect("an address"),
        ),
        exec: Some(format!("cat >> '{}'", file.display())),
        broker: Some(broker::BrokerAddress::parse(&format!("mqtt://127.0.0.1:{port}")).expect("an address")),
    };
    let counts = HooksCounts::default();
    let hooks = Hooks::start(config, &server.journal, &counts, (vec![], None));
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
            left_out("no mosquitto here");
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

    /// Has somebody else retain a message there.
    fn publish(&self, topic: &str, payload: &str) {
        self.send(topic, payload, &["-r"]);
    }

    /// Has somebody else send a message, with more options of `mosquitto_pub`.
    fn send(&self, topic: &str, payload: &str, more: &[&str]) {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-u", "cam", "-P", "p@ss"]);
        command.args(["-q", "1", "-t", topic, "-m", payload]).args(more);
        assert!(command.status().expect("mosquitto_pub").success());
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
        let last = self.all_until(begin).pop().expect("at least that one");
        last[begin.len()..].to_owned()
    }

    /// All messages up to the first that begins so.
    fn all_until(&mut self, begin: &str) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let line = self.first.take().map_or_else(|| self.messages.recv_timeout(DEADLINE), Ok);
            all.push(line.unwrap_or_else(|error| panic!("{begin} does not come: {error}; what came: {all:?}")));
            if all.last().is_some_and(|line| line.starts_with(begin)) {
                return all;
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
    let target = broker::BrokerAddress::parse(&format!("mqtt://cam:p%40ss@127.0.0.1:{port}/yard/cam")).expect("an address");
    let counts = HooksCounts::default();
    let config = HooksConfig { broker: Some(target), ..HooksConfig::default() };
    // What is retained already would come in another order than it was published.
    let mut messages = mosquitto.subscribe();
    let hooks = Hooks::start(config, &server.journal, &counts, (vec![Kind::FACE], None));
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
    let target = broker::BrokerAddress::parse(&format!("mqtt://cam:p%40ss@127.0.0.1:{}", mosquitto.port)).expect("an address");
    let config = HooksConfig { broker: Some(target), ..HooksConfig::default() };
    let hooks = Hooks::start(config, &server.journal, &HooksCounts::default(), (vec![], None));
    let mut messages = mosquitto.subscribe();
    messages.wait_for("hlscam/availability online");
    drop(hooks);
    messages.wait_for("hlscam/availability offline");
}
