//! Pipelines for tests, with an encoder that is played.

use super::{ClockStrip, Detections, EncoderOpener, PipelineParts, PipelineStatus};
use crate::{
    compose::Overlay,
    encode::{
        BITRATE_DEFAULT, EncodeConfig, PRESET_DEFAULT,
        fixture::{FakeEncoder, Script},
    },
    grid::Lengths,
    package::Msn,
    time::{FrameRate, ManualClock, Span},
};
use std::sync::{Arc, Mutex};

/// Parts of a pipeline whose encoder plays this script, with parts of 200 ms.
pub(crate) fn parts(
    rate: FrameRate,
    clock: &Arc<ManualClock>,
    status: &Arc<PipelineStatus>,
    script: &Arc<Mutex<Script>>,
) -> PipelineParts {
    let opener: EncoderOpener = Box::new({
        let (clock, script) = (clock.clone(), script.clone());
        move |encode, size, rate, _| Ok(Box::new(FakeEncoder::open(&encode.encoder, &clock, &script, size, rate)))
    });
    PipelineParts {
        encode: EncodeConfig { encoder: "played".to_owned(), preset: PRESET_DEFAULT.to_owned(), bitrate: BITRATE_DEFAULT },
        lengths: Lengths { part: Span::from_ms(200), ..Lengths::default() },
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
