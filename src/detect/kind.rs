//! What a thing is, by a short name: a face, a cat. The name is drawn, listed, marked and asked for everywhere. Pure.

use serde::{Serialize, Serializer};
use std::{fmt, path::Path};

/// Longest name: it stands in labels, addresses and playlists.
pub const KIND_CHARS_MAX: usize = 32;

/// The kind of a thing. Its name has 1 to [`KIND_CHARS_MAX`] characters of `a-z`, `0-9` and `-`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// The name, filled up with zeros.
    bytes: [u8; KIND_CHARS_MAX],
}

impl Kind {
    /// A face, seen from the front.
    pub const FACE: Kind = Kind::of("face");
    /// A face, seen from the side.
    pub const PROFILE: Kind = Kind::of("profile");

    /// The kind of that name; `None` if it can be none.
    pub fn named(name: &str) -> Option<Kind> {
        let is_name = (1..=KIND_CHARS_MAX).contains(&name.len()) && name.bytes().all(is_allowed);
        is_name.then(|| Kind::of(name))
    }

    /// The kind that a cascade file finds: its name without the ending, in characters that a kind may have.
    pub fn of_file(path: &Path) -> Kind {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let name: String = stem.chars().map(|c| if u8::try_from(c).is_ok_and(is_allowed) { c } else { '-' }).collect();
        let name = name.trim_matches('-');
        // Every character is one byte here.
        Kind::named(&name[..name.len().min(KIND_CHARS_MAX)]).unwrap_or(Kind::of("file"))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        let length = self.bytes.iter().position(|byte| *byte == 0).unwrap_or(KIND_CHARS_MAX);
        std::str::from_utf8(&self.bytes[..length]).expect("a name is ASCII")
    }

    /// Whether the two are views of the same thing, so that one track may be hit by both: a head that turns stays the same head.
    pub fn is_same_thing(self, other: Kind) -> bool {
        let is_face = |kind| kind == Kind::FACE || kind == Kind::PROFILE;
        self == other || (is_face(self) && is_face(other))
    }

    /// Copies a name that is known to be one.
    const fn of(name: &str) -> Kind {
        let (from, mut bytes, mut at) = (name.as_bytes(), [0; KIND_CHARS_MAX], 0);
        while at < from.len() {
            bytes[at] = from[at];
            at += 1;
        }
        Kind { bytes }
    }
}

fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_a_short_name() {
        let longest = "a".repeat(KIND_CHARS_MAX);
        for name in ["face", "cat", "a", "4-wheels", &longest] {
            assert_eq!(Kind::named(name).expect(name).name(), name);
        }
        for name in ["", "Face", "a b", "ä", "a\0", "a/b", "a,b", &format!("{longest}a")] {
            assert_eq!(Kind::named(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_file_gives_its_name_to_what_it_finds() {
        let kind = |path: &str| Kind::of_file(Path::new(path)).to_string();
        assert_eq!(kind("/a/haarcascade_frontalface_default.xml"), "haarcascade-frontalface-default");
        assert_eq!(kind("Mine.XML"), "mine");
        assert_eq!(kind("./_Kühe 2_.xml"), "k-he-2");
        assert_eq!(kind("日本.xml"), "file");
        assert_eq!(kind(&format!("{}.xml", "x".repeat(99))), "x".repeat(KIND_CHARS_MAX));
    }

    #[test]
    fn a_face_from_the_side_is_a_face() {
        let cat = Kind::named("cat").expect("a kind");
        assert!(Kind::FACE.is_same_thing(Kind::PROFILE) && Kind::PROFILE.is_same_thing(Kind::FACE) && cat.is_same_thing(cat));
        assert!(!cat.is_same_thing(Kind::FACE) && !Kind::PROFILE.is_same_thing(cat));
    }
}
