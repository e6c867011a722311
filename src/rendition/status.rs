//! The counts of a rendition.

use crate::{
    counter::{Counter, RateMeter, Samples},
    sync::lock,
};
use std::sync::Mutex;

/// What a rendition tells of itself.
#[derive(Debug, Default)]
pub struct RenditionStatus {
    /// Pictures that were encoded: one that is shown again is not.
    pub frames: RateMeter,
    /// All frames encoded so far.
    pub encoded: Counter,
    /// Encoding.
    pub encode_latency: Samples,
    /// Cutting a part from its encoded frames.
    pub package_latency: Samples,
    encoder: Mutex<EncoderFacts>,
}

/// Which encoder is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncoderFacts {
    /// Its FFmpeg name; empty before there is one.
    pub name: String,
    /// The `CODECS` value of what it makes; empty before its first frame.
    pub codecs: String,
}

impl RenditionStatus {
    /// An encoder was opened, or has made its first frame.
    pub fn set_encoder(&self, name: &str, codecs: &str) {
        *lock(&self.encoder) = EncoderFacts { name: name.to_owned(), codecs: codecs.to_owned() };
    }

    /// Which encoder is open.
    pub fn encoder(&self) -> EncoderFacts {
        lock(&self.encoder).clone()
    }
}
