//! Whether what a camera's source has coded is handed on as it is: by what is asked, and by what the source is.

use super::{CameraConfig, CameraError, flow::Flow};
use crate::{
    compose::Overlay,
    grid::Grid,
    package::spacing::Cuts,
    source::{
        FormatRequest, SourceFormat, SourceSpec,
        coded::{Coding, Fitness, PassSwitch, PassThrough},
    },
    stream::PassParts,
};

/// FFmpeg's name of what can be handed on.
const CODEC: &str = "h264";

impl CameraConfig {
    /// What of all that is asked keeps it from being handed on, as the end of a sentence; `None` where nothing does.
    pub fn what_prevents_passing(&self) -> Option<&'static str> {
        match &self.source {
            SourceSpec::Camera(_) => {
                return Some("the pictures of a local camera are encoded here; name a camera on the network or a file");
            }
            SourceSpec::Test(_) => {
                return Some("the pictures of the test source are encoded here; name a camera on the network or a file");
            }
            SourceSpec::Browser => {
                return Some("what a browser sends changes its size and its rate; name a camera on the network or a file");
            }
            SourceSpec::File(_) | SourceSpec::Network(_) => {}
        }
        if self.overlay != Overlay::default() {
            return Some("something is drawn into the picture; write --overlay none with it");
        }
        if !self.masks.is_empty() {
            return Some("a mask is drawn into the picture; leave --mask out");
        }
        if !self.framing.changes_nothing() {
            return Some("the picture is turned, mirrored or cut; leave --rotate, --flip and --crop out");
        }
        if self.format_request != FormatRequest::default() {
            return Some("another size or rate takes an encoder; leave --size and --fps out");
        }
        self.clock_strip.then_some("the clock strip is drawn into the picture; leave --clock-strip out")
    }
}

/// Tells the source to hand on what it has coded, where that may be.
pub(super) fn switch(config: &CameraConfig) -> Option<PassSwitch> {
    let is_asked = config.pass_through != PassThrough::Never && config.what_prevents_passing().is_none();
    is_asked.then(PassSwitch::passing)
}

/// Where what an open source has coded is cut; `None` where it is not handed on.
pub(super) fn cuts(config: &CameraConfig, format: &SourceFormat) -> Option<Cuts> {
    let Fitness::Fits(Coding { rate, gop, .. }) = &format.fitness else { return None };
    Some(Cuts::new(&Grid::new(*rate, config.lengths), *gop))
}

/// How what an open source has coded is handed on, if it is; tells why it is not. Fails where it was to be in any case.
pub(super) fn begin(flow: &Flow, format: &SourceFormat) -> Result<Option<PassParts>, CameraError> {
    let Flow { config, pass, status, .. } = flow;
    let always = config.pass_through == PassThrough::Always;
    let why = match (pass, cuts(config, format), &format.fitness) {
        (Some(switch), Some(cuts), Fitness::Fits(Coding { bitrate, gop, format: coded, .. })) => {
            tracing::info!("{} is passed through as it is, with a key frame every {:.1} s", format.name, gop.as_s());
            return Ok(Some(PassParts { switch: switch.clone(), cuts, bitrate: *bitrate, size: coded.size, always }));
        }
        (Some(switch), _, Fitness::Unfit(why)) => {
            switch.end();
            why.as_str()
        }
        _ => config.what_prevents_passing().unwrap_or("--pass-through never was asked for"),
    };
    status.stream.set_not_passed(why);
    if always {
        return Err(CameraError(format!("{} cannot be passed through: {why}; leave --pass-through always out", format.name)));
    }
    // Of all others nobody expects it.
    if format.pixels == CODEC && config.pass_through == PassThrough::Auto {
        tracing::info!("{} is encoded, and not passed through: {why}", format.name);
    }
    Ok(None)
}
