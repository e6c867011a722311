//! A camera's name: the first part of its addresses, and what tells its markers and events from those of others.

use serde::{Serialize, Serializer};
use std::{fmt, sync::Arc};

/// Longest name: it stands in every address, event and topic.
pub const NAME_LEN_MAX: usize = 32;
/// The name of a camera that is given none.
pub const NAME_DEFAULT: &str = "cam";
/// What the server says at the first part of an address itself, now or some day.
const RESERVED: [&str; 18] = [
    "api", "assets", "auth", "embed", "favicon", "health", "healthz", "hlscam", "login", "logout", "metrics", "readyz", "send",
    "static", "status", "time", "trust", "web",
];

/// A name: lower-case letters, digits and hyphens, and none that the server needs for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraName(Arc<str>);

/// Why a text is no name, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It is not made of what a name is made of.
    #[error(
        "a camera's name is 1 to {NAME_LEN_MAX} lower-case letters, digits and hyphens, with a letter or a digit first; write porch or cam-2"
    )]
    Form,
    /// The server answers there itself.
    #[error("this address is the server's own; write another name, like porch")]
    Reserved,
}

impl CameraName {
    /// The name that a text is.
    pub fn parse(text: &str) -> Result<CameraName, BadName> {
        let is_plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_plain || text.is_empty() || text.len() > NAME_LEN_MAX || text.starts_with('-') {
            return Err(BadName::Form);
        }
        if RESERVED.contains(&text) { Err(BadName::Reserved) } else { Ok(CameraName(text.into())) }
    }

    /// The name of a camera that is given none: `cam` of the first, `cam-2` of the next, and so on.
    pub fn of_index(index: usize) -> CameraName {
        if index == 0 { CameraName::default() } else { CameraName(format!("{NAME_DEFAULT}-{}", index + 1).into()) }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that is there twice.
pub fn repeated<'a>(names: impl Iterator<Item = &'a CameraName>) -> Option<&'a CameraName> {
    let mut names: Vec<&CameraName> = names.collect();
    names.sort();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

impl Default for CameraName {
    fn default() -> CameraName {
        CameraName(NAME_DEFAULT.into())
    }
}

impl fmt::Display for CameraName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for CameraName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_plain_and_not_an_address_of_the_server() {
        for good in [NAME_DEFAULT, "porch", "cam-2", "2", &"a".repeat(NAME_LEN_MAX)] {
            assert_eq!(CameraName::parse(good).as_ref().map(CameraName::as_str), Ok(good));
        }
        for bad in
            ["", "-a", "Porch", "front door", "a/b", "..", "a.b", "tür", "a_b", "%63am", "a\n", &"a".repeat(NAME_LEN_MAX + 1)]
        {
            assert_eq!(CameraName::parse(bad), Err(BadName::Form), "{bad:?}");
        }
        for routed in ["api", "healthz", "readyz", "time"] {
            assert!(RESERVED.contains(&routed), "{routed}");
        }
        for taken in RESERVED {
            assert_eq!(CameraName::parse(taken), Err(BadName::Reserved));
        }
    }
}
