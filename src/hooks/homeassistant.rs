//! What Home Assistant reads (MQTT discovery): a binary sensor "face seen" for each kind. Pure.

use super::broker::Topics;
use serde_json::json;

/// Where Home Assistant looks for devices that introduce themselves.
const DISCOVERY_PREFIX: &str = "homeassistant";

/// Topic and payload that introduce the sensor of a kind.
pub(super) fn sensor(topics: &Topics, kind: &str) -> (String, String) {
    let node = topics.node();
    let name = kind.replace('-', " ");
    let config = json!({
        "name": format!("{}{} seen", name[..1].to_uppercase(), &name[1..]),
        "unique_id": format!("{node}_{kind}"),
        "device_class": "occupancy",
        "state_topic": topics.state(kind),
        "json_attributes_topic": topics.attributes(kind),
        "availability_topic": topics.availability(),
        "device": {
            "identifiers": [node],
            "name": node,
            "model": "hlscam",
            "sw_version": env!("CARGO_PKG_VERSION"),
        },
    });
    (format!("{DISCOVERY_PREFIX}/binary_sensor/{node}/{kind}/config"), config.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensor_introduces_itself() {
        let (topic, config) = sensor(&Topics::below("home/door cam"), "door-bell");
        assert_eq!(topic, "homeassistant/binary_sensor/home_door_cam/door-bell/config");
        let config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
        assert_eq!(config["name"], "Door bell seen");
        assert_eq!(config["state_topic"], "home/door cam/door-bell/state");
        assert_eq!(config["availability_topic"], "home/door cam/availability");
        assert_eq!(config["unique_id"], "home_door_cam_door-bell");
    }
}
