//! What Home Assistant reads (MQTT discovery): for each kind a binary sensor "face seen", and an event where moments happen; a sensor of the
//! camera's problem. Pure.

use super::broker::{Device, Topics};
use serde_json::{Value, json};

/// Where Home Assistant looks for devices that introduce themselves.
const DISCOVERY_PREFIX: &str = "homeassistant";

/// Filters of the topics in which sensors and events are introduced, ours and those of others.
pub(super) const INTRODUCTIONS: [&str; 3] =
    ["homeassistant/binary_sensor/+/+/config", "homeassistant/event/+/+/config", "homeassistant/button/+/+/config"];

/// Names the problem sensor in ids. No kind has a `_`, so it is none of a kind.
const PROBLEM: &str = "problem_";

/// Names the button in ids.
const KEEP: &str = "keep_";

/// Topic and payload that introduce the sensor of a kind. It says nothing while no picture comes.
pub(super) fn sensor(topics: &Topics, device: &Device, kind: &str) -> (String, String) {
    let config = json!({
        "name": format!("{} seen", name_of(kind)),
        "unique_id": format!("{}_{kind}", device.id),
        "device_class": "occupancy",
        "state_topic": topics.state(kind),
        "json_attributes_topic": topics.attributes(kind),
        "availability": [{ "topic": topics.availability() }, { "topic": topics.picture() }],
        "availability_mode": "all",
        "device": about(device),
    });
    (format!("{DISCOVERY_PREFIX}/binary_sensor/{}/{kind}/config", device.id), config.to_string())
}

/// Topic and payload that introduce the moments of a kind.
pub(super) fn event(topics: &Topics, device: &Device, kind: &str) -> (String, String) {
    let mut config = json!({
        "name": name_of(kind),
        "unique_id": format!("{}_{kind}", device.id),
        "event_types": [event_type(kind)],
        "state_topic": topics.moment(kind),
        "availability_topic": topics.availability(),
        "device": about(device),
    });
    if let Some(class) = event_class(kind) {
        config["device_class"] = class.into();
    }
    (format!("{DISCOVERY_PREFIX}/event/{}/{kind}/config", device.id), config.to_string())
}

/// A moment as its event gets it: its type, and the marker.
pub(super) fn moment(kind: &str, marker: &str) -> String {
    format!("{{\"event_type\":\"{}\",{}", event_type(kind), marker.strip_prefix('{').unwrap_or_default())
}

/// Topic and payload that introduce the problem sensor of the camera.
pub(super) fn problem(topics: &Topics, device: &Device) -> (String, String) {
    let config = json!({
        "name": "Camera",
        "unique_id": format!("{}_{PROBLEM}", device.id),
        "device_class": "problem",
        "entity_category": "diagnostic",
        "state_topic": topics.problem(),
        "json_attributes_topic": topics.problem_reason(),
        "availability_topic": topics.availability(),
        "device": about(device),
    });
    (format!("{DISCOVERY_PREFIX}/binary_sensor/{}/{PROBLEM}/config", device.id), config.to_string())
}

/// Topic and payload that introduce the button which keeps what just happened.
pub(super) fn keep_button(topics: &Topics, device: &Device) -> (String, String) {
    let config = json!({
        "name": "Keep what just happened",
        "unique_id": format!("{}_{KEEP}", device.id),
        "icon": "mdi:content-save",
        "command_topic": topics.keep(),
        "availability_topic": topics.availability(),
        "device": about(device),
    });
    (format!("{DISCOVERY_PREFIX}/button/{}/{KEEP}/config", device.id), config.to_string())
}

/// The topic of its state, or of what a button sends, that an introduction names; `None` where it is none.
pub(super) fn introduced(topic: &str, payload: &[u8]) -> Option<String> {
    let config: Value = topic.starts_with(DISCOVERY_PREFIX).then(|| serde_json::from_slice(payload).ok())??;
    config["state_topic"].as_str().or(config["command_topic"].as_str()).map(str::to_owned)
}

/// Whether that topic introduces something of this device.
pub(super) fn is_of(device: &Device, topic: &str) -> bool {
    topic.split('/').nth(2) == Some(&device.id)
}

fn about(device: &Device) -> Value {
    json!({
        "identifiers": [device.id],
        "name": device.name,
        "model": "hlscam",
        "sw_version": env!("CARGO_PKG_VERSION"),
    })
}

/// `door-bell` as `Door bell`.
fn name_of(kind: &str) -> String {
    let name = kind.replace('-', " ");
    format!("{}{}", name[..1].to_uppercase(), &name[1..])
}

/// The classes that Home Assistant has for events.
fn event_class(kind: &str) -> Option<&'static str> {
    match kind {
        "bell" | "doorbell" | "door-bell" => Some("doorbell"),
        "motion" => Some("motion"),
        _ => None,
    }
}

/// An event of the class doorbell must know the type `ring`; the others are free.
fn event_type(kind: &str) -> &str {
    if event_class(kind) == Some("doorbell") { "ring" } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed((topic, config): (String, String)) -> (String, Value) {
        let config = serde_json::from_str(&config).expect("JSON");
        (topic, config)
    }

    #[test]
    fn a_sensor_introduces_itself() {
        let topics = Topics::below("home/door cam");
        let (topic, config) = parsed(sensor(&topics, &Device::of_topic("home/door cam"), "door-bell"));
        assert_eq!(topic, "homeassistant/binary_sensor/home_door__20cam/door-bell/config");
        assert_eq!(config["name"], "Door bell seen");
        assert_eq!(config["state_topic"], "home/door cam/door-bell/state");
        assert_eq!(config["availability"], json!([{"topic": "home/door cam/availability"}, {"topic": "home/door cam/picture"}]));
        assert_eq!(config["unique_id"], "home_door__20cam_door-bell");
        assert_eq!(introduced(&topic, config.to_string().as_bytes()).as_deref(), Some("home/door cam/door-bell/state"));
    }

    #[test]
    fn moments_and_trouble_introduce_themselves() {
        let (topics, device) = (Topics::below("yard"), Device::of_topic("yard"));
        let (topic, config) = parsed(event(&topics, &device, "bell"));
        assert_eq!((topic.as_str(), &config["name"]), ("homeassistant/event/yard/bell/config", &json!("Bell")));
        assert_eq!((&config["device_class"], &config["event_types"]), (&json!("doorbell"), &json!(["ring"])));
        assert_eq!(moment("bell", r#"{"id":"bell-1"}"#), r#"{"event_type":"ring","id":"bell-1"}"#);
        let (_, config) = parsed(event(&topics, &device, "motion"));
        assert_eq!((&config["device_class"], &config["event_types"]), (&json!("motion"), &json!(["motion"])));
        let (_, config) = parsed(event(&topics, &device, "goal"));
        assert_eq!((&config["device_class"], &config["event_types"]), (&Value::Null, &json!(["goal"])));
        let (topic, config) = parsed(problem(&topics, &device));
        assert_eq!(
            (topic.as_str(), &config["device_class"]),
            ("homeassistant/binary_sensor/yard/problem_/config", &json!("problem"))
        );
        assert!(is_of(&device, &topic) && !is_of(&device, "homeassistant/event/yards/bell/config"));
        assert_eq!(introduced("other/topic", b"{\"state_topic\":\"x\"}"), None);
        assert_eq!(introduced("homeassistant/event/yard/bell/config", b""), None);
    }
}
