//! Pipelines for tests, with an encoder that is played.

use super::{ClockStrip, Detections, EncoderOpener, PipelineParts};
use crate::{
    config::{
        BITRATE_DEFAULT, EncodeConfig, Overlay, PRESET_DEFAULT, PackageConfig, SEGMENT_DEFAULT, WINDOW_BYTES_DEFAULT,
        WINDOW_DEFAULT,
    },
    encode::fixture::{FakeEncoder, Script},
    segment::Msn,
    status::Status,
    time::{FrameRate, ManualClock, Span},
};
use std::sync::{Arc, Mutex};

/// Parts of a pipeline whose encoder plays this script, with parts of 200 ms.
pub(crate) fn parts(rate: FrameRate, clock: &Arc<ManualClock>, status: &Arc<Status>, script: &Arc<Mutex<Script>>) -> PipelineParts {
    let opener: EncoderOpener = Box::new({
        let (clock, script) = (clock.clone(), script.clone());
        move |encode, size, rate, _| Ok(Box::new(FakeEncoder::open(&encode.encoder, &clock, &script, size, rate)))
    });
    PipelineParts {
        encode: EncodeConfig { encoder: "played".to_owned(), preset: PRESET_DEFAULT.to_owned(), bitrate: BITRATE_DEFAULT },
        package: PackageConfig {
            part: Span::from_ms(200),
            segment: SEGMENT_DEFAULT,
            window: WINDOW_DEFAULT,
            window_bytes: WINDOW_BYTES_DEFAULT,
        },
        overlay: Overlay::default(),
        clock_strip: ClockStrip::None,
        rate,
        first_msn: Msn(1),
        opener,
        detections: Detections { newest: Box::new(Arc::default), hiding: None },
        clock: clock.clone(),
        status: status.clone(),
    }
}
