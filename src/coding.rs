//! Content codings (RFC 9110 §8.4.1): stretches of text compressed on their own, so that what is finished is compressed once and joined
//! with what is new. Pure.
//!
//! Each coding allows it in its way: deflate blocks that end on a byte border follow each other (RFC 1951 §3.2.4), so do the meta-blocks
//! of brotli (RFC 7932 §9.2), and zstd has frames (RFC 8878 §3).

use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use std::sync::OnceLock;

/// The gzip header of RFC 1952 §2.3: deflate, no flags, no time, unknown system. The same text gives the same bytes.
const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty final deflate block.
const DEFLATE_END: &[u8] = &[3, 0];

/// The window that the header of a brotli stream announces: 4 MB, what decoders of browsers are used to.
const BROTLI_WINDOW_BITS: i32 = 22;
/// RFC 7932 §9.1: that window in 4 bits, and an empty meta-block without data (§9.2) up to the next byte border.
const BROTLI_HEADER: &[u8] = &[0x6b, 0];
/// An empty last meta-block.
const BROTLI_END: &[u8] = &[3];
/// 40 µs for the new part of a playlist, 40 ms for hls.js; 9 takes twenty times as long for 5 % less.
const BROTLI_QUALITY: i32 = 5;

/// 20 µs for the new part of a playlist, 10 ms for hls.js; higher levels take thirty times as long for 2 % less.
const ZSTD_LEVEL: i32 = 9;

/// A coding. Sending a text as it is, `identity`, is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentCoding {
    /// `zstd`, RFC 8878.
    Zstd,
    /// `br`, RFC 7932.
    Brotli,
    /// `gzip`, RFC 1952.
    Gzip,
}

impl ContentCoding {
    /// All of them, best first: zstd is as small as brotli here, and takes half the time on both sides.
    pub const ALL: [ContentCoding; 3] = [ContentCoding::Zstd, ContentCoding::Brotli, ContentCoding::Gzip];

    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            ContentCoding::Zstd => "zstd",
            ContentCoding::Brotli => "br",
            ContentCoding::Gzip => "gzip",
        }
    }

    /// What stands before the first stretch.
    fn head(self) -> &'static [u8] {
        match self {
            ContentCoding::Zstd => &[],
            ContentCoding::Brotli => BROTLI_HEADER,
            ContentCoding::Gzip => GZIP_HEADER,
        }
    }

    fn squeeze(self, text: &[u8]) -> Bytes {
        match self {
            ContentCoding::Zstd => {
                zstd::bulk::compress(text, ZSTD_LEVEL).expect("zstd of memory into memory fails only without memory").into()
            }
            ContentCoding::Brotli => brotli(text),
            ContentCoding::Gzip => deflate(text),
        }
    }

    /// What stands behind the last stretch.
    fn tail(self, crc: &Crc) -> Bytes {
        match self {
            ContentCoding::Zstd => Bytes::new(),
            ContentCoding::Brotli => Bytes::from_static(BROTLI_END),
            ContentCoding::Gzip => [DEFLATE_END, &crc.sum().to_le_bytes(), &crc.amount().to_le_bytes()].concat().into(),
        }
    }
}

/// Text with its compressed forms.
#[derive(Debug)]
pub struct Stretch {
    text: Bytes,
    packed: [OnceLock<Bytes>; ContentCoding::ALL.len()],
    crc: Crc,
}

impl Stretch {
    /// A text that is not compressed yet: that takes milliseconds, and whoever makes one may hold a lock.
    pub fn new(text: Bytes) -> Stretch {
        Stretch { packed: Default::default(), crc: checksum(&text), text }
    }

    /// Compresses in every coding, so that nobody waits for it later.
    pub fn pack(&self) {
        for coding in ContentCoding::ALL {
            self.packed(coding);
        }
    }

    fn packed(&self, coding: ContentCoding) -> &Bytes {
        self.packed[coding as usize].get_or_init(|| coding.squeeze(&self.text))
    }

    /// The text.
    pub fn text(&self) -> &Bytes {
        &self.text
    }
}

/// A body in a coding, written from its front to its end.
#[derive(Debug)]
pub struct Packer {
    coding: ContentCoding,
    out: Vec<Bytes>,
    /// What is not compressed yet.
    plain: Vec<u8>,
    crc: Crc,
}

impl Packer {
    /// An empty body.
    pub fn new(coding: ContentCoding) -> Packer {
        Packer { coding, out: vec![Bytes::from_static(coding.head())], plain: Vec::new(), crc: Crc::new() }
    }

    /// Adds text.
    pub fn add(&mut self, text: &[u8]) {
        self.plain.extend_from_slice(text);
    }

    /// Adds a stretch, as it was compressed.
    pub fn join(&mut self, stretch: &Stretch) {
        self.flush();
        self.crc.combine(&stretch.crc);
        self.out.push(stretch.packed(self.coding).clone());
    }

    /// The body, in pieces.
    pub fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.out.push(self.coding.tail(&self.crc));
        self.out
    }

    fn flush(&mut self) {
        if !self.plain.is_empty() {
            self.crc.update(&self.plain);
            self.out.push(self.coding.squeeze(&self.plain));
            self.plain.clear();
        }
    }
}

fn checksum(text: &[u8]) -> Crc {
    let mut crc = Crc::new();
    crc.update(text);
    crc
}

/// Deflates up to a byte border.
fn deflate(text: &[u8]) -> Bytes {
    let mut packer = Compress::new(Compression::default(), false);
    // Deflate grows what it cannot shrink by 5 bytes per 16 KB block; 64 more are for the flush.
    let mut out = Vec::with_capacity(text.len() + text.len() / 1024 + 64);
    packer.compress_vec(text, &mut out, FlushCompress::Sync).expect("deflate of memory into memory with room to spare cannot fail");
    debug_assert_eq!(packer.total_in(), text.len() as u64);
    Bytes::from(out)
}

/// Meta-blocks up to a byte border that look at nothing before them.
fn brotli(mut text: &[u8]) -> Bytes {
    let params = BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW_BITS,
        size_hint: text.len(),
        // Whatever stands before: no distance and no context is carried over, and the dictionary, which lies behind it, is not used.
        catable: true,
        appendable: true,
        use_dictionary: false,
        bare_stream: true,
        byte_align: true,
        ..BrotliEncoderParams::default()
    };
    let mut out = Vec::with_capacity(text.len() / 4 + 64);
    brotli::BrotliCompress(&mut text, &mut out, &params).expect("brotli of memory into memory cannot fail");
    Bytes::from(out)
}

/// For tests: what a client makes of a body.
#[cfg(test)]
pub(crate) fn unpack(coding: ContentCoding, body: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut text = Vec::new();
    let read = match coding {
        ContentCoding::Zstd => zstd::stream::copy_decode(body, &mut text),
        ContentCoding::Brotli => brotli::BrotliDecompress(&mut &body[..], &mut text),
        // `GzDecoder` reads one member only, as browsers do.
        ContentCoding::Gzip => flate2::read::GzDecoder::new(body).read_to_end(&mut text).map(|_| ()),
    };
    read.unwrap_or_else(|error| panic!("{coding:?}: {error}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_joined_unpacks_to_the_whole(pieces in prop::collection::vec((any::<bool>(), "[a-c]{0,3}|(#EXTINF:[0-9]\n){0,90}|.{0,40}"), 1..12)) {
            let whole: String = pieces.iter().map(|(_, text)| text.as_str()).collect();
            prop_assume!(!whole.is_empty());
            for coding in ContentCoding::ALL {
                let mut packer = Packer::new(coding);
                for (is_frozen, text) in &pieces {
                    match is_frozen {
                        true => packer.join(&Stretch::new(Bytes::from(text.clone()))),
                        false => packer.add(text.as_bytes()),
                    }
                }
                let body = packer.finish().concat();
                prop_assert_eq!(String::from_utf8(unpack(coding, &body)).unwrap(), whole.as_str(), "{:?}", coding);
            }
        }
    }
}
