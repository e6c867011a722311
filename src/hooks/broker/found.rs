//! The messages that the broker retains below our topic, from an earlier run or another hlscam. Pure.

use super::{Device, Topics};
use crate::hooks::homeassistant;
use std::collections::{BTreeMap, BTreeSet};

/// What `TOPIC/availability` says while a run is connected.
pub(super) const ONLINE: &str = "online";
/// And when it is not.
pub(super) const OFFLINE: &str = "offline";

/// Kinds and introductions that are taken from a broker, at most: clients with write access must not fill this program.
const FOUND_MAX: usize = 512;

/// A message from the broker.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Its topic.
    pub(super) topic: String,
    /// What it says.
    pub(super) payload: Vec<u8>,
    /// It was retained; else it was published just now.
    pub(super) is_retained: bool,
}

/// What was read back.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The sensors' kinds, and whether they are `ON`.
    pub(super) states: BTreeMap<String, bool>,
    /// Kinds with an event of ours.
    pub(super) moments: BTreeSet<String>,
    /// Introductions of other devices with states below our topic: of another camera, or of an older hlscam.
    pub(super) strangers: Vec<String>,
    /// The button that keeps what just happened was introduced.
    pub(super) has_button: bool,
    /// Which run was the last to come.
    run: Option<String>,
    is_online: bool,
}

impl Found {
    /// Takes a retained message.
    pub(super) fn take(&mut self, message: &Message, topics: &Topics, device: &Device) {
        let (topic, text) = (message.topic.as_str(), std::str::from_utf8(&message.payload).unwrap_or_default());
        if topic == topics.availability() {
            self.is_online = text == ONLINE;
        } else if topic == topics.run() {
            self.run = Some(text.to_owned());
        } else if let Some(kind) = topics.kind_of_state(topic) {
            if self.states.len() < FOUND_MAX {
                self.states.insert(kind.to_owned(), text == "ON");
            }
        } else if let Some(state) = homeassistant::introduced(topic, &message.payload).filter(|state| topics.is_below(state)) {
            if !homeassistant::is_of(device, topic) && self.strangers.len() < FOUND_MAX {
                self.strangers.push(topic.to_owned());
            } else if state == topics.keep() {
                self.has_button = true;
            } else if let Some(kind) = topics.kind_of_moment(&state).filter(|_| self.moments.len() < FOUND_MAX) {
                self.moments.insert(kind.to_owned());
            }
        }
    }

    /// Whether somebody else is connected, by what the broker says.
    pub(super) fn has_other(&self, run: &str) -> bool {
        self.is_online && self.run.as_deref() != Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(messages: &[(&str, &str)]) -> Found {
        let (topics, device, mut found) = (Topics::below("yard"), Device::of_topic("yard"), Found::default());
        for (topic, payload) in messages {
            let message = Message { topic: (*topic).to_owned(), payload: payload.as_bytes().to_vec(), is_retained: true };
            found.take(&message, &topics, &device);
        }
        found
    }

    #[test]
    fn states_and_introductions_are_read_back() {
        let found = found(&[
            ("yard/face/state", "ON"),
            ("yard/cat/state", "OFF"),
            ("yard/Not a kind/state", "ON"),
            ("homeassistant/event/yard/bell/config", r#"{"state_topic":"yard/bell/moment"}"#),
            ("homeassistant/binary_sensor/yard/face/config", r#"{"state_topic":"yard/face/state"}"#),
            ("homeassistant/binary_sensor/old/face/config", r#"{"state_topic":"yard/face/state"}"#),
            ("homeassistant/binary_sensor/lamp/power/config", r#"{"state_topic":"zigbee/lamp"}"#),
            ("homeassistant/binary_sensor/lamp/x/config", "no JSON"),
        ]);
        assert_eq!(found.states, BTreeMap::from([("face".to_owned(), true), ("cat".to_owned(), false)]));
        assert_eq!(found.moments, BTreeSet::from(["bell".to_owned()]));
        assert_eq!(found.strangers, ["homeassistant/binary_sensor/old/face/config"]);
    }

    #[test]
    fn another_one_is_who_is_online_and_not_we() {
        let has_other = |messages| found(messages).has_other("r1");
        assert!(!has_other(&[]));
        assert!(has_other(&[("yard/availability", "online")]), "one that tells no run");
        assert!(has_other(&[("yard/availability", "online"), ("yard/run", "r2")]));
        assert!(!has_other(&[("yard/availability", "online"), ("yard/run", "r1")]));
        assert!(!has_other(&[("yard/availability", "offline"), ("yard/run", "r2")]));
    }
}
