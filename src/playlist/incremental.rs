//! Text that grows at its end and is cut at its front, entry by entry, with its compressed form kept beside it.
//!
//! A day of 2 s segments is 43,200 entries: publishing one more must not cost a walk over all of them, nor serving them a copy and a
//! compression of 5 MB. So each [`CHUNK_ENTRIES`] finished entries are a block that is compressed once, and a playlist is a list of such
//! blocks and of the text after them.

use crate::gzip::{Block, Writer};
use bytes::Bytes;
use std::{collections::VecDeque, sync::Arc};

/// Entries per block: about 8 KB of text. Longer blocks compress better, but the one that is being cut is compressed anew.
const CHUNK_ENTRIES: usize = 64;

/// A piece of a page.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Text that is not compressed yet.
    Plain(Bytes),
    /// A finished block.
    Frozen(Arc<Block>),
}

impl Piece {
    /// The text.
    pub fn text(&self) -> &Bytes {
        match self {
            Piece::Plain(text) => text,
            Piece::Frozen(block) => block.text(),
        }
    }
}

/// The pieces in gzip. Blocks are taken as they are; runs of plain pieces are compressed together.
pub fn pack(pieces: &[Piece]) -> Vec<Bytes> {
    let mut writer = Writer::default();
    for piece in pieces {
        match piece {
            Piece::Plain(text) => writer.add(text),
            Piece::Frozen(block) => writer.join(block),
        }
    }
    writer.finish()
}

/// The text itself. Appending and cutting cost O(1), amortised over a chunk.
#[derive(Debug, Default)]
pub struct IncrementalText {
    frozen: VecDeque<(Arc<Block>, Vec<usize>)>,
    /// Entries that are cut from the front of the first chunk.
    cut: usize,
    growing: String,
    starts: Vec<usize>,
    len: usize,
    /// Frozen since the last look, and not compressed yet.
    fresh: Vec<Arc<Block>>,
}

impl IncrementalText {
    /// Entries in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an entry.
    pub fn push(&mut self, entry: &str) {
        self.starts.push(self.growing.len());
        self.growing.push_str(entry);
        self.len += 1;
        if self.starts.len() == CHUNK_ENTRIES {
            let text = Bytes::from(std::mem::take(&mut self.growing));
            let frozen = Arc::new(Block::new(text));
            self.fresh.push(frozen.clone());
            self.frozen.push_back((frozen, std::mem::take(&mut self.starts)));
        }
    }

    /// What was frozen since the last call, to be compressed where nobody waits.
    pub fn take_fresh(&mut self) -> Vec<Arc<Block>> {
        std::mem::take(&mut self.fresh)
    }

    /// Cuts the first entry.
    pub fn pop(&mut self) {
        if self.len == 0 {
            return;
        }
        self.len -= 1;
        self.cut += 1;
        if self.cut == CHUNK_ENTRIES {
            // A chunk is frozen as soon as it is full, so a chunk that is cut to nothing is a frozen one.
            self.frozen.pop_front();
            self.cut = 0;
        }
    }

    /// The text from entry `from` on, counted from the first that is left; shared but for the growing end.
    pub fn pieces(&self, from: usize) -> Vec<Piece> {
        let from = self.cut + from.min(self.len);
        let mut pieces = Vec::with_capacity(self.frozen.len() + 1);
        for (frozen, starts) in self.frozen.iter().skip(from / CHUNK_ENTRIES) {
            let first = if pieces.is_empty() { from % CHUNK_ENTRIES } else { 0 };
            pieces.push(match starts[first] {
                0 => Piece::Frozen(frozen.clone()),
                start => Piece::Plain(frozen.text().slice(start..)),
            });
        }
        let skipped = from.saturating_sub(self.frozen.len() * CHUNK_ENTRIES);
        let start = self.starts.get(skipped).copied().unwrap_or(self.growing.len());
        if start < self.growing.len() {
            pieces.push(Piece::Plain(Bytes::copy_from_slice(&self.growing.as_bytes()[start..])));
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gzip::unpack;
    use proptest::prelude::*;

    fn written(pieces: &[Piece]) -> String {
        pieces.iter().map(|piece| std::str::from_utf8(piece.text()).unwrap()).collect()
    }

    fn unpacked(pieces: &[Piece]) -> String {
        String::from_utf8(unpack(&pack(pieces).concat())).unwrap()
    }

    proptest! {
        #[test]
        fn a_roll_is_the_text_of_its_entries_and_its_gzip_unpacks_to_it(steps in prop::collection::vec(0..5u8, 0..500), from in 0..40usize) {
            let mut text = IncrementalText::default();
            let mut model = VecDeque::new();
            for (n, step) in steps.iter().enumerate() {
                if *step == 0 {
                    text.pop();
                    model.pop_front();
                } else {
                    let entry = format!("entry {n}\n").repeat(usize::from(*step) - 1);
                    text.push(&entry);
                    model.push_back(entry);
                }
            }
            prop_assert_eq!(text.len(), model.len());
            let expect: String = model.iter().skip(from).cloned().collect();
            let pieces = text.pieces(from);
            prop_assert_eq!(&written(&pieces), &expect);
            prop_assert_eq!(unpacked(&pieces), expect);
        }
    }

    #[test]
    fn a_long_roll_is_served_from_few_shared_pieces() {
        let mut text = IncrementalText::default();
        (0..43_200).for_each(|n| text.push(&format!("#EXTINF:2.00000,\nseg-r-{n}.m4s\n")));
        let pieces = text.pieces(0);
        assert_eq!(pieces.len(), 43_200 / CHUNK_ENTRIES);
        assert!(pieces.iter().all(|piece| matches!(piece, Piece::Frozen(_))));
        assert_eq!(unpacked(&pieces), written(&pieces));
    }
}
