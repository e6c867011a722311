//! An encoder for tests that takes time on a clock of its own, and fails as it is told to.

use super::{EncodeError, EncodedFrame, Encoder, EncoderInput, VideoParams};
use crate::{
    picture::Size,
    sync::lock,
    time::{FrameRate, ManualClock, Span, Ticks},
};
use bytes::Bytes;
use std::sync::{Arc, Mutex};

/// What a test sets, and sees.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// How long a picture takes.
    pub(crate) cost: Span,
    /// The end of an encoder fails.
    pub(crate) cannot_finish: bool,
    /// Only its first frame is a key frame, whatever is asked.
    pub(crate) ignores_keys: bool,
    /// Encoders opened, by the name asked for.
    pub(crate) opened: Vec<String>,
    /// Pictures encoded.
    pub(crate) encoded: u64,
    /// Frames shown again.
    pub(crate) stills: u64,
}

/// Parameters of a stream without pictures in it; `format` tells formats apart.
pub(crate) fn params(size: Size, rate: FrameRate, format: u8) -> VideoParams {
    VideoParams {
        size,
        rate,
        sps: vec![0x67, 66, 0, 10, format].into(),
        pps: Bytes::from_static(&[0x68, 1]),
        bitrate_max: 1_000_000,
        passed: false,
    }
}

/// The encoder.
pub(crate) struct FakeEncoder {
    clock: Arc<ManualClock>,
    script: Arc<Mutex<Script>>,
    params: VideoParams,
    n_frames: u64,
}

impl FakeEncoder {
    pub(crate) fn open(
        name: &str,
        clock: &Arc<ManualClock>,
        script: &Arc<Mutex<Script>>,
        size: Size,
        rate: FrameRate,
    ) -> FakeEncoder {
        lock(script).opened.push(name.to_owned());
        FakeEncoder { clock: clock.clone(), script: script.clone(), params: params(size, rate, 1), n_frames: 0 }
    }
}

impl Encoder for FakeEncoder {
    fn encode(&mut self, input: EncoderInput<'_>) -> Result<Vec<EncodedFrame>, EncodeError> {
        let mut script = lock(&self.script);
        script.encoded += 1;
        self.clock.advance(script.cost);
        let key = input.key && (self.n_frames == 0 || !script.ignores_keys);
        self.n_frames += 1;
        Ok(vec![EncodedFrame { at: input.at, duration: input.duration, key, data: Bytes::from_static(b"picture") }])
    }

    fn still(&mut self, at: Ticks, duration: Span) -> Option<EncodedFrame> {
        lock(&self.script).stills += 1;
        Some(EncodedFrame { at, duration, key: false, data: Bytes::from_static(b"again") })
    }

    fn finish(&mut self) -> Result<Vec<EncodedFrame>, EncodeError> {
        if lock(&self.script).cannot_finish { Err(EncodeError("encoder fake did not end".to_owned())) } else { Ok(Vec::new()) }
    }

    fn params(&self) -> Option<&VideoParams> {
        Some(&self.params)
    }

    fn name(&self) -> &str {
        "fake"
    }
}
