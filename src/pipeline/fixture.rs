//! Pipelines for tests, with an encoder that is played.

use super::{PipelineParts, PipelineStatus};
use crate::{
    bus::{Bus, Publishers},
    changeable::Changeable,
    compose::{
        Overlay,
        compositor::{ClockStrip, CompositorParts, Detections},
    },
    encode::{
        BITRATE_DEFAULT, EncodeConfig, PRESET_DEFAULT,
        fixture::{FakeEncoder, Script},
    },
    grid::{Grid, Lengths},
    package::FirstSegment,
    rendition::{EncoderOpener, RenditionParts},
    time::{FrameRate, ManualClock, Span},
};
use std::sync::{Arc, Mutex};

/// Parts of a pipeline whose encoder plays this script, with parts of 200 ms; and its bus.
pub(crate) fn parts(
    rate: FrameRate,
    clock: &Arc<ManualClock>,
    status: &Arc<PipelineStatus>,
    script: &Arc<Mutex<Script>>,
) -> (PipelineParts, Bus) {
    let opener: EncoderOpener = Box::new({
        let (clock, script) = (clock.clone(), script.clone());
        move |encode, size, rate, _| Ok(Box::new(FakeEncoder::open(&encode.encoder, &clock, &script, size, rate)))
    });
    let grid = Grid::new(rate, Lengths { part: Span::from_ms(200), ..Lengths::default() });
    let encode = EncodeConfig { encoder: "played".to_owned(), preset: PRESET_DEFAULT.to_owned(), bitrate: BITRATE_DEFAULT };
    let detections = Detections { newest: Box::new(Arc::default), hiding: None };
    assemble(grid, (encode, opener), (Overlay::default(), detections), clock, status)
}

/// Parts of a pipeline of one rendition with that encoder.
pub(crate) fn assemble(
    grid: Grid,
    (encode, opener): (EncodeConfig, EncoderOpener),
    (overlay, detections): (Overlay, Detections),
    clock: &Arc<ManualClock>,
    status: &Arc<PipelineStatus>,
) -> (PipelineParts, Bus) {
    let (bus, Publishers { pictures, frames, events }) = Bus::open();
    let compositor = CompositorParts {
        overlay: Changeable::new(overlay),
        clock_strip: ClockStrip::None,
        rate: grid.rate,
        detections,
        status: status.compositor.clone(),
    };
    let rendition = RenditionParts {
        size: None,
        encode,
        bitrate: Changeable::default(),
        grid,
        first: FirstSegment::NEW,
        opener,
        clock: clock.clone(),
        status: status.rendition.clone(),
        frames,
        events,
    };
    (PipelineParts { compositor, pictures, renditions: vec![rendition], grid, clock: clock.clone() }, bus)
}
