//! `--storage` on a disk that has no room from the start, as the whole binary meets it.

use crate::support::{self, DEADLINE};
use hlscam::{
    camera_name::CameraName,
    marker::{Marker, MarkerSource},
    store::{Location, Store},
    time::WallTime,
};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    thread,
};

/// `$1` is a folder with a store in `old`, `$2` the binary. The disk of 1 MB is seen by this process alone, and goes with it.
const SCRIPT: &str = r#"
mount -t tmpfs -o size=1m tmpfs "$1/disk" || exit 77
if [ -e "$1/old" ]; then cp "$1"/old/* "$1/disk/"; fi
cat /dev/zero > "$1/disk/fill" 2> /dev/null
exec "$2" --device test --detect none --size 320x240 --fps 10 --port 0 --storage "$1/disk"
"#;

/// The binary on a full disk; killed when dropped.
struct OnFullDisk {
    child: Child,
    address: String,
    log: Vec<String>,
}

impl Drop for OnFullDisk {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts it; `None`, and a line saying so, where no disk can be mounted.
fn start(folder: &Path) -> Option<OnFullDisk> {
    std::fs::create_dir(folder.join("disk")).expect("a folder");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"]).arg(folder).arg(env!("CARGO_BIN_EXE_hlscam"));
    let Ok(mut child) = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn() else {
        eprintln!("skipped: no unshare here");
        return None;
    };
    let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let (sender, received) = channel();
    thread::spawn(move || lines.map_while(Result::ok).all(|line| sender.send(line).is_ok()));
    let mut log = Vec::new();
    while let Ok(line) = received.recv_timeout(DEADLINE) {
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://127.0.0.1:"));
        let address = address.map(|port| format!("127.0.0.1:{}", port.trim_end_matches('/')));
        log.push(line);
        if let Some(address) = address {
            return Some(OnFullDisk { child, address, log });
        }
    }
    let log = log.join("\n");
    let has_mounted = !log.contains("unshare:") && !log.contains("mount:");
    child.kill().ok();
    let status = child.wait().expect("it is our child");
    assert!(!has_mounted, "{status}: {log}");
    eprintln!("skipped: no disk can be mounted here: {log}");
    None
}

#[test]
fn a_disk_that_is_full_at_the_start_costs_markers_and_not_the_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&Location::Folder(folder.path().join("old")), WallTime(0)).expect("a new file");
    let left = Marker {
        id: String::new(),
        camera: CameraName::default(),
        kind: "door".to_owned(),
        text: None,
        source: MarkerSource::Api,
        begin: WallTime(1_795_191_552_000_000),
        end: None,
        count: None,
        confidence: None,
        best: None,
        data: None,
    };
    let left = store.add(left).expect("room");
    drop(store);
    let Some(running) = start(folder.path()) else { return };
    let log = running.log.join("\n");
    assert!(log.contains("the disk is full; make room") && log.contains("markers.sqlite"), "{log}");
    let answer = support::request(&running.address, &format!("/api/markers/{}", left.id)).expect("it answers");
    assert_eq!((answer.status, &answer.json()["end"]), (200, &serde_json::Value::Null));
    let refused = support::send(&running.address, "POST", "/api/markers", r#"{"kind":"bell"}"#).expect("it answers");
    assert!(refused.status == 503 && refused.text().contains("make room"), "{} {}", refused.status, refused.text());
}

#[test]
fn a_new_store_on_a_full_disk_is_no_reason_not_to_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(running) = start(folder.path()) else { return };
    let refused = support::send(&running.address, "POST", "/api/markers", r#"{"kind":"bell"}"#).expect("it answers");
    assert!(refused.status == 503 && refused.text().contains("markers.sqlite"), "{} {}", refused.status, refused.text());
    let status = support::request(&running.address, "/api/status").expect("it answers").json();
    assert!(status["markers"]["trouble"].as_str().is_some_and(|why| why.contains("markers.sqlite")), "{}", status["markers"]);
}
