//! What subscribers of a broker see: sensors that are right after a crash, a lost camera, a broken link; moments; two programs on one topic.

use super::{DEADLINE, Messages, Mosquitto, post};
use crate::http::running::{Running, soon, start};
use crate::ports::free_port;
use hlscam::{
    capture::SourceState,
    detect::kind::Kind,
    hooks::{Hooks, HooksConfig, HooksCounts, Keep, broker},
    server::Limits,
    time::Span,
};
use std::sync::{Arc, mpsc::channel};

/// Tells what happens on a server to a topic.
fn hooks(server: &Running, mosquitto: &Mosquitto, topic: &str, counts: &HooksCounts, kinds: &[Kind]) -> Hooks {
    hooks_with(server, mosquitto, topic, counts, (kinds, None))
}

/// The same where what just happened can be kept.
fn hooks_with(
    server: &Running,
    mosquitto: &Mosquitto,
    topic: &str,
    counts: &HooksCounts,
    (kinds, keep): (&[Kind], Option<Keep>),
) -> Hooks {
    let address = format!("mqtt://cam:p%40ss@127.0.0.1:{}/{topic}", mosquitto.port);
    let target = broker::BrokerAddress::parse(&address).expect("an address").of_camera("host", "test");
    Hooks::start(HooksConfig { broker: Some(target), ..HooksConfig::default() }, &server.journal, counts, (kinds.to_vec(), keep))
}

/// The payloads of one topic.
fn of<'a>(messages: &'a [String], topic: &str) -> Vec<&'a str> {
    messages.iter().filter_map(|line| line.strip_prefix(topic)?.strip_prefix(' ')).collect()
}

/// What is retained of a topic now.
fn retained(mosquitto: &Mosquitto, begin: &str) -> String {
    mosquitto.subscribe().wait_for(begin)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_run_left_on_is_told_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mosquitto) = Mosquitto::start(folder.path(), free_port()) else { return };
    let mut messages = mosquitto.subscribe();
    let server = start(Limits::default());
    let killed = hooks(&server, &mosquitto, "yard", &HooksCounts::default(), &[Kind::FACE]);
    post(&server, r#"{"kind":"person"}"#).await;
    messages.wait_for("yard/person/state ON");
    drop(killed);
    messages.wait_for("yard/availability offline");
    assert_eq!(retained(&mosquitto, "yard/person/state "), "ON");
    let server = start(Limits::default());
    let _hooks = hooks(&server, &mosquitto, "yard", &HooksCounts::default(), &[]);
    let before = messages.all_until("yard/availability online");
    assert_eq!(of(&before, "yard/person/state"), ["OFF"], "before it is online: {before:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn introductions_of_another_device_on_our_topic_are_taken_back_and_no_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mosquitto) = Mosquitto::start(folder.path(), free_port()) else { return };
    let mut messages = mosquitto.subscribe();
    let ours = r#"{"state_topic":"yard/face/state"}"#;
    mosquitto.publish("homeassistant/binary_sensor/an_older_one/face/config", ours);
    mosquitto.publish("homeassistant/binary_sensor/lamp/power/config", r#"{"state_topic":"yardlamp/power"}"#);
    messages.wait_for("homeassistant/binary_sensor/lamp/power/config ");
    let server = start(Limits::default());
    let _hooks = hooks(&server, &mosquitto, "yard", &HooksCounts::default(), &[Kind::FACE]);
    messages.wait_for("yard/availability online");
    let mut late = mosquitto.subscribe();
    let all = late.all_until("yard/availability online");
    assert!(of(&all, "homeassistant/binary_sensor/an_older_one/face/config").is_empty(), "{all:?}");
    assert!(!of(&all, "homeassistant/binary_sensor/yard/face/config").is_empty(), "{all:?}");
    assert_eq!(retained(&mosquitto, "homeassistant/binary_sensor/lamp/power/config "), r#"{"state_topic":"yardlamp/power"}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_has_what_just_happened_kept_and_one_from_before_has_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mosquitto) = Mosquitto::start(folder.path(), free_port()) else { return };
    let mut messages = mosquitto.subscribe();
    mosquitto.publish("yard/keep", "5");
    let server = start(Limits::default());
    let (kept, asked) = channel();
    let keep: Keep = Arc::new(move |span| kept.send(span).map_err(|error| error.to_string()));
    let _hooks = hooks_with(&server, &mosquitto, "yard", &HooksCounts::default(), (&[], Some(keep)));
    let button = messages.wait_for("homeassistant/button/yard/keep_/config ");
    assert!(button.contains("\"command_topic\":\"yard/keep\""), "{button}");
    messages.wait_for("yard/availability online");
    mosquitto.send("yard/keep", "forever", &[]);
    mosquitto.send("yard/keep", "60", &[]);
    assert_eq!(asked.recv_timeout(DEADLINE), Ok(Some(Span::from_ms(60_000))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moment_is_told_once_and_not_retained() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mosquitto) = Mosquitto::start(folder.path(), free_port()) else { return };
    let mut messages = mosquitto.subscribe();
    let server = start(Limits::default());
    let _hooks = hooks(&server, &mosquitto, "yard", &HooksCounts::default(), &[]);
    messages.wait_for("yard/availability online");
    let ring = r#"{"kind":"bell","begin":1795191550,"end":1795191550}"#;
    let ids = [post(&server, ring).await, post(&server, ring).await];
    post(&server, r#"{"kind":"last"}"#).await;
    let mut all = messages.all_until("yard/bell/moment");
    assert!(of(&all, "homeassistant/event/yard/bell/config")[0].contains("\"device_class\":\"doorbell\""), "{all:?}");
    all.extend(messages.all_until("yard/bell/moment"));
    // It waits for nobody now.
    let third = post(&server, ring).await;
    all.extend(messages.all_until("yard/bell/moment"));
    let moments: Vec<serde_json::Value> =
        of(&all, "yard/bell/moment").iter().map(|text| serde_json::from_str(text).expect("JSON")).collect();
    assert_eq!(moments.iter().map(|moment| &moment["id"]).collect::<Vec<_>>(), [&ids[0], &ids[1], &third]);
    assert!(moments.iter().all(|moment| moment["event_type"] == "ring" && moment["kind"] == "bell"));
    let kept = mosquitto.subscribe().all_until("yard/last/state ON");
    assert!(of(&kept, "yard/bell/moment").is_empty() && of(&kept, "yard/bell/state").is_empty(), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_camera_makes_sensors_unavailable_and_tells_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mosquitto) = Mosquitto::start(folder.path(), free_port()) else { return };
    let mut messages = mosquitto.subscribe();
    let server = start(Limits::default());
    server.status.stream.capture.set_state(SourceState::Live, None);
    let _hooks = hooks(&server, &mosquitto, "yard", &HooksCounts::default(), &[Kind::FACE]);
    let all = messages.all_until("yard/availability online");
    assert!(of(&all, "homeassistant/binary_sensor/yard/face/config")[0].contains("yard/picture"), "{all:?}");
    assert_eq!((of(&all, "yard/problem"), of(&all, "yard/picture").last()), (vec!["OFF"], Some(&"online")), "{all:?}");
    server.status.stream.capture.set_state(SourceState::Lost, None);
    let all = messages.all_until("yard/picture offline");
    assert_eq!(of(&all, "yard/problem"), ["ON"]);
    assert!(of(&all, "yard/problem/reason")[0].contains("it is gone"), "{all:?}");
    server.status.stream.capture.set_state(SourceState::Live, None);
    let all = messages.all_until("yard/picture online");
    assert_eq!(of(&all, "yard/problem"), ["OFF"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_broken_link_states_are_told_once_and_what_happened_only_as_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mosquitto) = Mosquitto::start(folder.path(), free_port()) else { return };
    let (port, server, counts) = (mosquitto.port, start(Limits::default()), HooksCounts::default());
    let _hooks = hooks(&server, &mosquitto, "yard", &counts, &[]);
    let mut messages = mosquitto.subscribe();
    messages.wait_for("yard/availability online");
    let open = post(&server, r#"{"kind":"door"}"#).await;
    messages.wait_for("yard/door/state ON");
    messages.wait_for("yard/events ");
    drop((messages, mosquitto));
    let broken = async {
        while !counts.report().mqtt.hook.failing {
            tokio::task::yield_now().await;
        }
    };
    soon(broken).await;
    // Three visits, a bell, and the door is shut.
    let end = |id: &str| (format!("/api/markers/{id}"), r#"{"end":1795191553}"#);
    for _ in 0..3 {
        let id = post(&server, r#"{"kind":"door"}"#).await;
        let (path, body) = end(&id);
        assert_eq!(server.send("PATCH", &path, "content-type: application/json\r\n", body).await.status, 200);
    }
    post(&server, r#"{"kind":"bell","begin":1795191550,"end":1795191550}"#).await;
    let (path, body) = end(&open);
    assert_eq!(server.send("PATCH", &path, "content-type: application/json\r\n", body).await.status, 200);
    let n_events = server.journal.events.count();
    let mosquitto = Mosquitto::start(folder.path(), port).expect("it was there");
    let mut messages = mosquitto.subscribe();
    let mut all = Vec::new();
    let last = format!("\"event_id\":\"t-{n_events}\"");
    while !of(&all, "yard/events").iter().any(|text| text.contains(&last)) {
        all.extend(messages.all_until("yard/events"));
    }
    // Whoever is asked once more says what it is now; that comes after all of the past.
    let door = post(&server, r#"{"kind":"door"}"#).await;
    all.extend(messages.all_until("yard/door/state ON"));
    assert_eq!(of(&all, "yard/door/state"), ["OFF", "ON"], "{all:?}");
    assert!(of(&all, "yard/bell/moment").is_empty(), "{all:?}");
    assert!(of(&all, "yard/door/marker").last().is_some_and(|newest| newest.contains(&door)));
    // Those on the way when the link broke are told again, and none is left out.
    let told = of(&all, "yard/events");
    for number in 2..=n_events {
        assert!(told.iter().any(|text| text.contains(&format!("\"event_id\":\"t-{number}\""))), "{number}: {told:?}");
    }
    assert!(told.iter().all(|text| text.contains("\"at\":\"")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_one_on_the_same_topic_is_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mosquitto) = Mosquitto::start(folder.path(), free_port()) else { return };
    let mut messages = mosquitto.subscribe();
    let servers = [start(Limits::default()), start(Limits::default())];
    let counts = [HooksCounts::default(), HooksCounts::default()];
    let shared = |n: usize| counts[n].report().mqtt.topic_shared;
    let _first = hooks(&servers[0], &mosquitto, "", &counts[0], &[Kind::FACE]);
    let all = messages.all_until("hlscam/availability online");
    assert!(!of(&all, "homeassistant/binary_sensor/_host_test/face/config").is_empty(), "{all:?}");
    let second = hooks(&servers[1], &mosquitto, "", &counts[1], &[Kind::FACE]);
    let both = async {
        while !(shared(0) && shared(1)) {
            tokio::task::yield_now().await;
        }
    };
    soon(both).await;
    // Neither throws the other off, and who stays is there when the other is gone.
    drop(second);
    let alone = async {
        while shared(0) {
            tokio::task::yield_now().await;
        }
    };
    soon(alone).await;
    assert_eq!((counts[0].broker.failed.get(), counts[0].report().mqtt.hook.failing), (0, false));
    let offline_then = |messages: &mut Messages| {
        messages.wait_for("hlscam/availability offline");
        messages.wait_for("hlscam/availability online");
    };
    offline_then(&mut messages);
    assert_eq!(retained(&mosquitto, "hlscam/availability "), "online");
}

/// The drawn faces are found, and found again by the next run.
#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
#[test]
fn who_is_still_there_after_a_restart_is_not_told_as_new() {
    use crate::support;
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mosquitto) = Mosquitto::start(folder.path(), free_port()) else { return };
    let broker = format!("mqtt://cam:p%40ss@127.0.0.1:{}/yard", mosquitto.port);
    let args = ["--device", "test", "--size", "640x480", "--fps", "10", "--mqtt", &broker];
    let mut messages = mosquitto.subscribe();
    let running = support::Running::start(&args);
    messages.wait_for("yard/face/state ON");
    assert!(running.interrupt().0.success());
    let end = messages.all_until("yard/availability offline");
    assert!(of(&end, "yard/face/state").is_empty(), "{end:?}");
    let running = support::Running::start(&args);
    let mut all = messages.all_until("yard/availability online");
    running.wait_for("/api/markers", |answer| answer.text().contains("\"end\":null"));
    all.extend(messages.all_until("yard/face/marker"));
    // Which of the two comes first is not told.
    if of(&all, "yard/face/state").is_empty() {
        all.extend(messages.all_until("yard/face/state"));
    }
    assert_eq!(of(&all, "yard/face/state"), ["ON"], "{all:?}");
    // Without a detector nobody is seen, and nobody waits for that.
    drop(running);
    let _running = support::Running::start(&["--device", "test", "--detect", "none", "--mqtt", &broker]);
    messages.wait_for("yard/face/state OFF");
}
