//! The topics below one, and the name of the device that stands for them. Pure.

use std::fmt::Write;

/// Topic when none is given.
pub const TOPIC_DEFAULT: &str = "hlscam";

/// The topics below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hooks) struct Topics(pub(super) String);

impl Topics {
    pub(in crate::hooks) fn below(topic: &str) -> Topics {
        Topics(topic.to_owned())
    }

    /// `online`, or `offline` as the last will.
    pub(in crate::hooks) fn availability(&self) -> String {
        format!("{}/availability", self.0)
    }

    /// `online` while pictures come, else `offline`.
    pub(in crate::hooks) fn picture(&self) -> String {
        format!("{}/picture", self.0)
    }

    /// `ON` while the camera is lost, else `OFF`.
    pub(in crate::hooks) fn problem(&self) -> String {
        format!("{}/problem", self.0)
    }

    /// Why the camera is lost, and since when.
    pub(in crate::hooks) fn problem_reason(&self) -> String {
        format!("{}/problem/reason", self.0)
    }

    /// `ON` while a marker of that kind is open, else `OFF`.
    pub(in crate::hooks) fn state(&self, kind: &str) -> String {
        format!("{}/{kind}/state", self.0)
    }

    /// The kind of a topic made by [`Topics::state`].
    pub(super) fn kind_of_state<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(&self.0)?.strip_prefix('/')?.strip_suffix("/state").filter(|kind| crate::marker::is_kind(kind))
    }

    /// The newest marker of that kind.
    pub(in crate::hooks) fn attributes(&self, kind: &str) -> String {
        format!("{}/{kind}/marker", self.0)
    }

    /// Moments of that kind as they happen.
    pub(in crate::hooks) fn moment(&self, kind: &str) -> String {
        format!("{}/{kind}/moment", self.0)
    }

    /// The kind of a topic made by [`Topics::moment`].
    pub(super) fn kind_of_moment<'a>(&self, topic: &'a str) -> Option<&'a str> {
        topic.strip_prefix(&self.0)?.strip_prefix('/')?.strip_suffix("/moment").filter(|kind| crate::marker::is_kind(kind))
    }

    /// All events.
    pub(super) fn events(&self) -> String {
        format!("{}/events", self.0)
    }

    /// Where others ask that what just happened is kept.
    pub(in crate::hooks) fn keep(&self) -> String {
        format!("{}/keep", self.0)
    }

    /// Which run tells on these topics: its client id.
    pub(super) fn run(&self) -> String {
        format!("{}/run", self.0)
    }

    /// Filter of the states of all kinds.
    pub(super) fn all_states(&self) -> String {
        format!("{}/+/state", self.0)
    }

    /// Whether a topic lies below ours.
    pub(super) fn is_below(&self, topic: &str) -> bool {
        topic.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// What Home Assistant shows the sensors under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hooks) struct Device {
    /// In ids and topics; see [`escaped`].
    pub(in crate::hooks) id: String,
    /// For people.
    pub(in crate::hooks) name: String,
}

impl Device {
    /// The device of a topic that was chosen: that is its name.
    pub(in crate::hooks) fn of_topic(topic: &str) -> Device {
        Device { id: escaped(topic), name: topic.replace('/', " ") }
    }

    /// The device of a camera at the default topic, where all tell who have chosen none.
    pub(in crate::hooks) fn of_camera(host: &str, camera: &str) -> Device {
        // No topic begins with a slash, so none of them is escaped to the same.
        Device { id: escaped(&format!("/{host}/{camera}")), name: format!("{TOPIC_DEFAULT} {host} {camera}") }
    }
}

/// A path in letters, digits, `-` and `_`, which is all that ids of Home Assistant may have; no two paths become one. A slash becomes
/// `_`, and what has no letter of its own becomes `__` and its two hexadecimal digits. A slash behind a slash is one of these, so that `__`
/// and two digits mean nothing else.
fn escaped(path: &str) -> String {
    let mut id = String::with_capacity(path.len());
    let mut last = 0;
    for byte in path.bytes() {
        match byte {
            b'/' if last != b'/' => id.push('_'),
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => id.push(char::from(byte)),
            byte => write!(id, "__{byte:02x}").expect("a text takes whatever is written"),
        }
        last = byte;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What [`escaped`] made of a path, back again.
    fn unescaped(id: &str) -> Vec<u8> {
        let (mut bytes, mut path) = (id.as_bytes(), Vec::new());
        while let [first, rest @ ..] = bytes {
            let code = rest.strip_prefix(b"_").and_then(|code| code.get(..2)).filter(|_| *first == b'_');
            let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
            path.push(code.unwrap_or(if *first == b'_' { b'/' } else { *first }));
            bytes = if code.is_some() { &rest[3..] } else { rest };
        }
        path
    }

    #[test]
    fn ids_are_readable_and_of_allowed_characters() {
        let check = |path: &str, expect: &str| assert_eq!(escaped(path), expect, "{path}");
        check("hlscam", "hlscam");
        check("yard/cam-2", "yard_cam-2");
        check("garden/cäm", "garden_c__c3__a4m");
        check("garden_c_m", "garden__5fc__5fm");
        check("a//b", "a___2fb");
        assert_eq!(Device::of_camera("pi", "/dev/video0").id, "_pi___2fdev_video0");
        assert_eq!(Device::of_camera("pi", "0").name, "hlscam pi 0");
    }

    #[test]
    fn kinds_are_read_from_their_topics() {
        let topics = Topics::below("yard/cam");
        assert_eq!(topics.kind_of_state(&topics.state("door-bell")), Some("door-bell"));
        assert_eq!(topics.kind_of_moment(&topics.moment("bell")), Some("bell"));
        for other in
            ["yard/cam/a/b/state", "yard/camera/face/state", "yard/cam/face/marker", "yard/cam/Face/state", "yard/cam//state"]
        {
            assert_eq!(topics.kind_of_state(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_two_paths_become_one_id(path in "[a-c/_ ä25f-]{0,12}") {
            let id = escaped(&path);
            prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{}", id);
            prop_assert_eq!(unescaped(&id), path.as_bytes(), "{}", id);
        }
    }
}
