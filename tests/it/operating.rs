//! What helps whoever runs the program: `hlscam doctor`, and a log for programs.

use crate::{
    ending::{LOOK, Streaming, hlscam},
    support::{Deadline, request},
};
use serde_json::Value;
use std::{
    io::Read,
    net::TcpListener,
    process::{Command, Stdio},
    thread,
};

#[test]
fn the_doctor_names_the_port_that_is_taken_and_by_whom() {
    let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = held.local_addr().expect("it listens").port().to_string();
    let doctor = |port: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
        command.args(["doctor", "--json", "--port", port]).output().expect("the binary is built with the tests")
    };
    let told = doctor(&port);
    let report: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let about = |what: &str| {
        let all = report["findings"].as_array().expect("a list").iter();
        all.filter(|finding| finding["about"] == what).cloned().collect::<Vec<_>>()
    };
    let [port] = &about("port")[..] else { panic!("one port: {report}") };
    assert_eq!((told.status.code(), &port["verdict"]), (Some(1), &Value::from("failed")), "{report}");
    let who = format!("(process {})", std::process::id());
    assert!(port["what"].as_str().is_some_and(|what| what.contains(&who)), "{port}");
    assert!(about("encoder").iter().chain(&about("camera")).count() >= 2, "{report}");
    // Whatever else this host lacks, the exit code says whether something failed.
    let free = doctor("0");
    let report: Value = serde_json::from_slice(&free.stdout).expect("JSON");
    assert_eq!(free.status.code() == Some(0), report["failed"] == 0, "{report}");
}

#[test]
fn a_log_for_programs_is_an_object_a_line_and_tells_no_secret() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let address = format!("127.0.0.1:{port}");
    let mut command = hlscam();
    command.args(["--log-format", "json", "--log", "debug,hlscam::server::http=trace", "--port", &port.to_string()]);
    command.args(["--device", "test", "--detect", "none", "--size", "320x240"]);
    // A camera that cannot be reached, of which it is told again and again.
    command.args(["--device", "rtsp://me:secret@127.0.0.1:1/x", "--wait"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary is built with the tests");
    let mut stderr = child.stderr.take().expect("it is piped");
    let mut streaming = Streaming { child, address: address.clone() };
    // It is read while it is written, so that no full pipe is in the way.
    let log = thread::spawn(move || {
        let mut log = String::new();
        stderr.read_to_string(&mut log).map(|_| log)
    });
    let deadline = Deadline::start();
    while !request(&address, "/healthz?token=hush").is_ok_and(|answer| answer.status == 200) {
        assert!(!deadline.is_over() && streaming.child.try_wait().is_ok_and(|ended| ended.is_none()), "it does not answer");
        thread::park_timeout(LOOK);
    }
    while !request(&address, "/api/cameras").is_ok_and(|answer| answer.text().contains("tried again")) {
        assert!(!deadline.is_over(), "the second camera is not told of");
        thread::park_timeout(LOOK);
    }
    streaming.signal("-INT");
    streaming.ends();
    let log = log.join().expect("it does not panic").expect("text");
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect();
    let asked = lines.iter().find(|line| line["message"] == "GET /healthz").unwrap_or_else(|| panic!("{log}"));
    assert!(asked["request"].is_u64() && asked["level"] == "trace" && asked["fields"]["status"] == 200, "{asked}");
    assert!(lines.iter().any(|line| line["camera"] == "cam-2" && line["level"] == "warn"), "{log}");
    assert!(!log.contains("secret") && !log.contains("hush"), "{log}");
}
