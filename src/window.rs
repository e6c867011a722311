//! The rolling window.

use crate::{
    segment::Cut,
    time::{Clock, Span},
};
use std::sync::Arc;

/// What a window is, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowConfig {
    /// Short id of this run of the program, in every file name, so that caches never mix two runs. Letters and digits.
    pub run: String,
    /// EXT-X-TARGETDURATION in seconds, at least 1: the segment length, rounded.
    pub target_duration_s: u32,
    /// PART-TARGET: the longest a part can be.
    pub part_target: Span,
    /// Parts in a full segment, at least 1.
    pub segment_parts: u32,
    /// Length of the window.
    pub span: Span,
    /// Bytes that the window may hold.
    pub bytes_max: u64,
}

/// The rolling window: the only shared mutable state.
pub struct Window {}

impl Window {
    /// An empty window.
    pub fn new(_config: WindowConfig, _clock: Arc<dyn Clock>) -> Window {
        Window {}
    }

    /// Takes one cut from the segmenter.
    pub fn push(&self, cut: Cut) {
        self.push_all([cut]);
    }

    /// Takes cuts that belong together: no reader sees a state between them.
    pub fn push_all(&self, _cuts: impl IntoIterator<Item = Cut>) {}

    /// The stream has ended: ENDLIST. All waiters are answered.
    pub fn end(&self) {}
}
