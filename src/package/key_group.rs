//! Parts in groups, each from a key frame up to the next one.

use super::Part;
use crate::time::Span;

/// Parts that follow each other from a key frame up to the next one.
#[derive(Clone, Copy, Debug)]
pub struct KeyGroup<'a> {
    /// The first of them.
    pub first: &'a Part,
    /// Their length.
    pub duration: Span,
    /// Their bytes.
    pub len: usize,
}

/// Parts in groups that begin with a key frame each; the first of all may begin without one.
pub fn by_key_frames(parts: &[Part]) -> Vec<KeyGroup<'_>> {
    let mut groups: Vec<KeyGroup<'_>> = Vec::new();
    for part in parts {
        match groups.last_mut().filter(|_| part.key_len.is_none()) {
            Some(group) => (group.duration, group.len) = (group.duration + part.duration, group.len + part.data.len()),
            None => groups.push(KeyGroup { first: part, duration: part.duration, len: part.data.len() }),
        }
    }
    groups
}
