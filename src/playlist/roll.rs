//! Text that grows at its end and is cut at its front, entry by entry, with its compressed form kept beside it.
//!
//! A day of 2 s segments is 43,200 entries: publishing one more must not cost a walk over all of them, nor serving them a copy and a
//! compression of 5 MB. So finished stretches of [`CHUNK_ENTRIES`] entries are frozen and compressed once, on their own, and a page is
//! a list of such stretches: deflate streams that end on a byte border can be joined (RFC 1951 §3.2.4), and their checksums combined.

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use std::{collections::VecDeque, sync::Arc};

/// Entries per frozen stretch: about 8 KB of text. Longer ones compress better, but the one that is being cut is compressed anew.
const CHUNK_ENTRIES: usize = 64;
/// The gzip header of RFC 1952 §2.3: deflate, no flags, no time, unknown system. The same text gives the same bytes.
const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty final deflate block.
const DEFLATE_END: &[u8] = &[3, 0];

/// A piece of a page.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Text that is not compressed yet.
    Plain(Bytes),
    /// A frozen stretch.
    Frozen(Arc<Frozen>),
}

impl Piece {
    /// The text.
    pub fn text(&self) -> &Bytes {
        match self {
            Piece::Plain(text) => text,
            Piece::Frozen(frozen) => &frozen.text,
        }
    }
}

/// Text with its deflated form, which ends on a byte border and is not final.
#[derive(Debug)]
pub struct Frozen {
    text: Bytes,
    deflated: Bytes,
    crc: Crc,
}

impl Frozen {
    fn new(text: Bytes) -> Frozen {
        let mut crc = Crc::new();
        crc.update(&text);
        Frozen { deflated: deflate(&text), crc, text }
    }
}

/// Compresses on its own, up to a byte border.
fn deflate(text: &[u8]) -> Bytes {
    let mut packer = Compress::new(Compression::default(), false);
    // Deflate grows what it cannot shrink by 5 bytes per 16 KB block; 64 more are for the flush.
    let mut out = Vec::with_capacity(text.len() + text.len() / 1024 + 64);
    packer.compress_vec(text, &mut out, FlushCompress::Sync).expect("deflate of memory into memory with room to spare cannot fail");
    debug_assert_eq!(packer.total_in(), text.len() as u64);
    Bytes::from(out)
}

/// One gzip stream (a single member) over the pieces. Frozen ones are taken as they are; runs of plain ones are compressed together.
pub fn gzip(pieces: &[Piece]) -> Vec<Bytes> {
    let mut out = vec![Bytes::from_static(GZIP_HEADER)];
    let mut crc = Crc::new();
    let mut plain: Vec<u8> = Vec::new();
    let flush = |plain: &mut Vec<u8>, crc: &mut Crc, out: &mut Vec<Bytes>| {
        if !plain.is_empty() {
            crc.update(plain);
            out.push(deflate(plain));
            plain.clear();
        }
    };
    for piece in pieces {
        match piece {
            Piece::Plain(text) => plain.extend_from_slice(text),
            Piece::Frozen(frozen) => {
                flush(&mut plain, &mut crc, &mut out);
                crc.combine(&frozen.crc);
                out.push(frozen.deflated.clone());
            }
        }
    }
    flush(&mut plain, &mut crc, &mut out);
    let mut end = DEFLATE_END.to_vec();
    end.extend_from_slice(&crc.sum().to_le_bytes());
    end.extend_from_slice(&crc.amount().to_le_bytes());
    out.push(Bytes::from(end));
    out
}

/// The text itself. Appending and cutting cost O(1), amortised over a chunk.
#[derive(Debug, Default)]
pub struct Roll {
    frozen: VecDeque<(Arc<Frozen>, Vec<usize>)>,
    /// Entries that are cut from the front of the first chunk.
    cut: usize,
    growing: String,
    starts: Vec<usize>,
    len: usize,
}

impl Roll {
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
            self.frozen.push_back((Arc::new(Frozen::new(text)), std::mem::take(&mut self.starts)));
        }
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
                start => Piece::Plain(frozen.text.slice(start..)),
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
    use proptest::prelude::*;
    use std::io::Read;

    fn text(pieces: &[Piece]) -> String {
        pieces.iter().map(|piece| std::str::from_utf8(piece.text()).unwrap()).collect()
    }

    fn gunzip(packed: &[Bytes]) -> String {
        // `GzDecoder` reads one member only, as browsers do.
        let mut out = String::new();
        flate2::read::GzDecoder::new(packed.concat().as_slice()).read_to_string(&mut out).unwrap();
        out
    }

    proptest! {
        #[test]
        fn a_roll_is_the_text_of_its_entries_and_its_gzip_unpacks_to_it(steps in prop::collection::vec(0..5u8, 0..500), from in 0..40usize) {
            let mut roll = Roll::default();
            let mut model = VecDeque::new();
            for (n, step) in steps.iter().enumerate() {
                if *step == 0 {
                    roll.pop();
                    model.pop_front();
                } else {
                    let entry = format!("entry {n}\n").repeat(usize::from(*step) - 1);
                    roll.push(&entry);
                    model.push_back(entry);
                }
            }
            prop_assert_eq!(roll.len(), model.len());
            let expect: String = model.iter().skip(from).cloned().collect();
            let pieces = roll.pieces(from);
            prop_assert_eq!(&text(&pieces), &expect);
            prop_assert_eq!(gunzip(&gzip(&pieces)), expect);
        }
    }

    #[test]
    fn a_long_roll_is_served_from_few_shared_pieces() {
        let mut roll = Roll::default();
        (0..43_200).for_each(|n| roll.push(&format!("#EXTINF:2.00000,\nseg-r-{n}.m4s\n")));
        let pieces = roll.pieces(0);
        assert_eq!(pieces.len(), 43_200 / CHUNK_ENTRIES);
        assert!(pieces.iter().all(|piece| matches!(piece, Piece::Frozen(_))));
        assert_eq!(gunzip(&gzip(&pieces)), text(&pieces));
    }

    #[test]
    fn nothing_is_a_valid_gzip_stream_too() {
        assert_eq!(gunzip(&gzip(&[])), "");
    }
}
