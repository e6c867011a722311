//! `hlscam detect FILE…`: the live detection on files, one line per frame, with the boxes as they would be drawn on it.

use super::{Failure, failed, out};
use crate::{
    config::{DetectFilesConfig, Listing},
    console::listing::{self, FoundInFrame},
    detect::{self, Detector, track::Tracker},
    picture::PicturePool,
    source::{Pace, SourceError, Stop, framed, open_file},
    time::Ticks,
};
use std::{ops::ControlFlow, path::Path};

/// Searches every file in turn, as often as the live stream would.
pub(super) fn run(config: &DetectFilesConfig) -> Result<(), Failure> {
    for file in &config.files {
        // A detector per file, so that no file's result depends on the one before.
        let Some(detector) = detect::open(&config.detect).map_err(failed)? else { continue };
        if search(file, detector, config)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn search(path: &Path, mut detector: Box<dyn Detector>, config: &DetectFilesConfig) -> Result<ControlFlow<()>, Failure> {
    let source = open_file(path, Pace::Unpaced, PicturePool::default(), (Stop::default(), None)).map_err(failed)?;
    let mut source = framed(source, config.framing, PicturePool::default()).map_err(failed)?;
    let (mut frame, mut tracker, mut last_run) = (0, Tracker::default(), None);
    loop {
        let picture = match source.next() {
            Ok(picture) => picture,
            Err(SourceError::Ended) if frame == 0 => {
                return Err(Failure(format!("{} holds no picture that can be decoded", path.display())));
            }
            Err(SourceError::Ended) => return Ok(ControlFlow::Continue(())),
            Err(SourceError::Damaged(reason)) => {
                tracing::warn!("{}: left out a damaged picture behind frame {frame}: {reason}", path.display());
                continue;
            }
            Err(SourceError::Silent | SourceError::NotDue) => continue,
            Err(SourceError::Lost(reason)) => return Err(Failure(reason)),
        };
        if detect::is_due(picture.at, last_run, config.detect.fps) {
            detect::follow(&mut *detector, &mut tracker, &picture).map_err(failed)?;
            last_run = Some(picture.at);
        }
        let found =
            FoundInFrame { file: path, frame, at: picture.at.since(Ticks::default()), tracks: &tracker.boxes_at(picture.at) };
        let text = match config.listing {
            Listing::Text => listing::found(found),
            Listing::Json => listing::found_json(found).map_err(failed)?,
        };
        if out(&text)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        frame += 1;
    }
}
