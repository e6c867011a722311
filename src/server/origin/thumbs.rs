//! Small pictures that were made last, so that a timeline that is drawn again costs no decoding. Pure.

use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};

/// Bytes of all of them: some 800 of 5 KB, more than a timeline shows.
const BYTES_MAX: usize = 4 << 20;

/// The pictures by their names. What was asked for longest ago goes first.
#[derive(Debug, Default)]
pub(super) struct Thumbs {
    by_name: HashMap<String, (u64, Bytes)>,
    by_use: BTreeMap<u64, String>,
    uses: u64,
    bytes: usize,
}

impl Thumbs {
    /// A picture, if it is there.
    pub(super) fn get(&mut self, name: &str) -> Option<Bytes> {
        self.uses += 1;
        let (used, bytes) = self.by_name.get_mut(name)?;
        self.by_use.remove(used);
        *used = self.uses;
        self.by_use.insert(self.uses, name.to_owned());
        Some(bytes.clone())
    }

    /// Keeps a picture, and lets go of others for it.
    pub(super) fn put(&mut self, name: String, bytes: Bytes) {
        self.uses += 1;
        self.bytes += bytes.len();
        self.by_use.insert(self.uses, name.clone());
        if let Some((used, before)) = self.by_name.insert(name, (self.uses, bytes)) {
            self.by_use.remove(&used);
            self.bytes -= before.len();
        }
        while self.bytes > BYTES_MAX {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.bytes -= self.by_name.remove(&oldest).map_or(0, |(_, bytes)| bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_longest_ago_goes_first_and_the_bytes_are_bounded() {
        let mut thumbs = Thumbs::default();
        let quarter = || Bytes::from(vec![0; BYTES_MAX / 4]);
        for name in ["a", "b", "c", "d"] {
            thumbs.put(name.to_owned(), quarter());
        }
        assert!(thumbs.get("a").is_some());
        thumbs.put("c".to_owned(), quarter());
        thumbs.put("e".to_owned(), quarter());
        let there: Vec<bool> = ["a", "b", "c", "d", "e"].map(|name| thumbs.get(name).is_some()).into();
        assert_eq!(there, [true, false, true, true, true]);
        assert_eq!((thumbs.bytes, thumbs.by_name.len(), thumbs.by_use.len()), (BYTES_MAX, 4, 4));
        thumbs.put("huge".to_owned(), Bytes::from(vec![0; BYTES_MAX + 1]));
        assert_eq!((thumbs.bytes, thumbs.by_name.len(), thumbs.by_use.len()), (0, 0, 0));
    }
}
