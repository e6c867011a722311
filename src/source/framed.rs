//! A source whose pictures are turned, mirrored and cut as they come, so that all behind it know of nothing else.

use super::{Losses, OpenError, Source, SourceError, SourceFormat, control::ControlPort};
use crate::picture::{Framing, Picture, PicturePool};
use std::sync::Arc;

/// Any other source, framed.
struct FramedSource {
    source: Box<dyn Source>,
    framing: Framing,
    format: SourceFormat,
    pool: PicturePool,
}

/// The source, with its pictures framed in buffers of the pool; fails where they lack what is to be cut out of them.
pub fn framed(source: Box<dyn Source>, framing: Framing, pool: PicturePool) -> Result<Box<dyn Source>, OpenError> {
    if framing.changes_nothing() {
        return Ok(source);
    }
    let opened = source.format();
    let size = framing.size(opened.size).map_err(|error| OpenError(error.to_string()))?;
    let from = format!("framed from {}", opened.size);
    let reason = if opened.reason.is_empty() { from } else { format!("{}; {from}", opened.reason) };
    let format = SourceFormat { size, reason, ..opened.clone() };
    Ok(Box::new(FramedSource { source, framing, format, pool }))
}

impl Source for FramedSource {
    /// A picture of another size than was opened, which lacks what is to be cut out, counts as damaged.
    fn next(&mut self) -> Result<Picture, SourceError> {
        let picture = self.source.next()?;
        self.framing.apply(&picture, &self.pool).map_err(|error| SourceError::Damaged(error.to_string()))
    }

    fn format(&self) -> &SourceFormat {
        &self.format
    }

    fn losses(&self) -> Losses {
        self.source.losses()
    }

    fn controls(&self) -> Option<Arc<dyn ControlPort>> {
        self.source.controls()
    }
}
