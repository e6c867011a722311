//! Sources that are slow, or blocked, or not what they seem, through the real binary.

use crate::support::Running;
use std::process::Command;

#[test]
fn the_port_answers_while_a_source_that_blocks_is_opened_and_the_end_does_not_wait_for_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let fifo = dir.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo is there").success());
    // Nobody ever writes into it.
    let running = Running::start(&["--device", &format!("file:{}", fifo.display()), "--detect", "none"]);
    assert_eq!(running.get("/healthz").status, 200);
    let ready = running.get("/readyz");
    assert_eq!((ready.status, ready.text().as_str()), (503, "not ready: the source is being opened\n"));
    assert_eq!(running.get("/api/status").json()["source"]["state"], "opening");
    let (status, log) = running.interrupt();
    assert!(status.success(), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("does not end")), "{log:?}");
}
