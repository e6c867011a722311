//! gzip (RFC 1952) of text in blocks: a finished block is compressed once, and joined with newer text in one gzip member. Pure.
//!
//! Deflate blocks that end on a byte border can follow each other (RFC 1951 §3.2.4), and their CRC-32 can be combined.

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use std::sync::OnceLock;

/// The header of RFC 1952 §2.3: deflate, no flags, no time, unknown system. The same text gives the same bytes.
const HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty final deflate block.
const DEFLATE_END: &[u8] = &[3, 0];

/// A finished text with its compressed form.
#[derive(Debug)]
pub struct Block {
    text: Bytes,
    deflated: OnceLock<Bytes>,
    crc: Crc,
}

impl Block {
    /// A text that is not compressed yet: that takes milliseconds, and the caller may hold a lock.
    pub fn new(text: Bytes) -> Block {
        let mut crc = Crc::new();
        crc.update(&text);
        Block { deflated: OnceLock::new(), crc, text }
    }

    /// The text.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// The deflated text, compressed on the first call only.
    pub fn deflated(&self) -> &Bytes {
        self.deflated.get_or_init(|| deflate(&self.text))
    }
}

/// A gzip member, written from its front to its end.
#[derive(Debug)]
pub struct Writer {
    out: Vec<Bytes>,
    /// Text that is not compressed yet.
    plain: Vec<u8>,
    crc: Crc,
}

impl Default for Writer {
    fn default() -> Writer {
        Writer { out: vec![Bytes::from_static(HEADER)], plain: Vec::new(), crc: Crc::new() }
    }
}

impl Writer {
    /// Adds text.
    pub fn add(&mut self, text: &[u8]) {
        self.plain.extend_from_slice(text);
    }

    /// Adds a finished block.
    pub fn join(&mut self, block: &Block) {
        self.flush();
        self.crc.combine(&block.crc);
        self.out.push(block.deflated().clone());
    }

    /// The member, in pieces.
    pub fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.out.push([DEFLATE_END, &self.crc.sum().to_le_bytes(), &self.crc.amount().to_le_bytes()].concat().into());
        self.out
    }

    fn flush(&mut self) {
        if !self.plain.is_empty() {
            self.crc.update(&self.plain);
            self.out.push(deflate(&self.plain));
            self.plain.clear();
        }
    }
}

/// Deflates up to a byte border.
fn deflate(text: &[u8]) -> Bytes {
    let mut compress = Compress::new(Compression::default(), false);
    // Deflate grows what it cannot shrink by 5 bytes per 16 KB block; 64 more are for the flush.
    let mut out = Vec::with_capacity(text.len() + text.len() / 1024 + 64);
    compress
        .compress_vec(text, &mut out, FlushCompress::Sync)
        .expect("deflate of memory into memory with room to spare cannot fail");
    debug_assert_eq!(compress.total_in(), text.len() as u64);
    Bytes::from(out)
}

/// What a client makes of a body.
#[cfg(test)]
pub(crate) fn unpack(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    // `GzDecoder` reads one member only, as browsers do.
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body), &mut text).expect("it is gzip");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn joined_blocks_unpack_to_the_whole(pieces in prop::collection::vec((any::<bool>(), "[a-c]{0,3}|(#EXTINF:[0-9]\n){0,90}|.{0,40}"), 1..12)) {
            let whole: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
            let mut writer = Writer::default();
            for (is_finished, text) in &pieces {
                match is_finished {
                    true => writer.join(&Block::new(Bytes::from(text.clone()))),
                    false => writer.add(text.as_bytes()),
                }
            }
            prop_assert_eq!(String::from_utf8(unpack(&writer.finish().concat())).unwrap(), whole);
        }
    }
}
