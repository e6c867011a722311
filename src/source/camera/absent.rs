//! What stands for the cameras in a build without them.

use crate::{
    picture::PicturePool,
    source::{
        Device, FormatRequest, OpenError, Source,
        control::{Control, PortError},
    },
    time::Clock,
};
use std::sync::Arc;

/// None can be listed.
pub fn devices() -> Vec<Device> {
    Vec::new()
}

/// None can be set.
pub fn controls(_device: &Device) -> Result<Vec<Control>, PortError> {
    Ok(Vec::new())
}

/// None can be opened.
pub fn open(
    selector: &str,
    _wish: FormatRequest,
    _clock: Arc<dyn Clock>,
    _pool: PicturePool,
) -> Result<Box<dyn Source>, OpenError> {
    let advice = "build it with the feature camera, or try --device test";
    Err(OpenError(format!("cannot open camera {selector}: this build is without cameras; {advice}")))
}

/// None can be opened.
pub fn opener(
    selector: &str,
    request: FormatRequest,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
) -> impl FnMut() -> Result<Box<dyn Source>, OpenError> + Send + use<> {
    let selector = selector.to_owned();
    move || open(&selector, request, clock.clone(), pool.clone())
}
