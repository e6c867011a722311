//! `hlscam record`: the live pipeline into an MP4 file, for a given time.

use super::{Failure, failed, interrupt::Interrupt, open_source};
use crate::{
    camera::{
        CameraConfig,
        flow::{Flow, FlowLimits},
    },
    config::RecordConfig,
    console::{Console, STATUS_PERIOD},
    counter::Gauge,
    package::{FirstSegment, PackagerEvent},
    record::{
        Mp4File, Overwrite, RecordError, Recording, numbered,
        writer::{self, Write},
    },
    sync::lock,
    time::{Clock, Span},
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

/// Files that one recording may be split into by changes of format; a source that changes more often is broken.
const FILES_MAX: usize = 1000;

/// Records until the time is over, the source ends, or the user ends it.
pub(super) fn run(config: &CameraConfig, record: &RecordConfig, clock: Arc<dyn Clock>, console: &Console) -> Result<(), Failure> {
    let interrupt = Interrupt::install()?;
    // Told before anything is opened; the file itself is made, or emptied, only once there is something to record.
    if record.overwrite == Overwrite::Refuse && record.output.exists() {
        return Err(failed(RecordError::Exists(record.output.clone())));
    }
    let (flow, source) = Flow::new(config, clock, Box::new(|_| ())).map_err(failed)?;
    let Some(capture) = open_source(source, &interrupt, || ())? else {
        return Err(Failure("ended before the source was open; nothing was recorded".to_owned()));
    };
    let file = match Mp4File::create(&record.output, record.overwrite) {
        Ok(file) => file,
        Err(error) => {
            // Why there is no file says more than how the source ended.
            let _ = capture.end();
            return Err(failed(error));
        }
    };
    let rate = flow.rate(&capture.format);
    let frames = ((record.duration.as_s() * rate.as_f64()).round() as u64).max(1);
    let recorder = Arc::new(Mutex::new(Recorder::new(file, record.output.clone(), record.overwrite)));
    // Beside the recorder, whose lock is held as long as a slow disk takes.
    let written = Arc::new(Gauge::default());
    let write: Write = {
        let (recorder, written) = (recorder.clone(), written.clone());
        Box::new(move |event| {
            let mut recorder = lock(&recorder);
            let goes_on = recorder.take(event);
            written.set(recorder.frames());
            goes_on
        })
    };
    let events = flow.bus.events.subscribe(writer::queue_config(&record.output.display().to_string(), writer::QUEUE_BYTES_MAX));
    let writer = writer::start(events, write).map_err(failed)?;
    let running = flow.start(capture, FlowLimits { first: FirstSegment::NEW, frames_max: Some(frames) }).map_err(failed)?;
    let mut display = console.recording(frames);
    while !interrupt.wait(STATUS_PERIOD) && !running.has_ended() {
        display.show(written.get());
    }
    let (ended, remains) = running.end();
    let captured = remains.end();
    drop(display);
    let missing = writer.end();
    if missing > Span::ZERO {
        tracing::warn!("{:.1} s are missing in {}: the disk was too slow", missing.as_s(), record.output.display());
    }
    let (recordings, error) = lock(&recorder).finish();
    for Recording { path, frames, duration, bytes } in recordings {
        console.print(&format!("{}: {frames} frames, {:.1} s, {:.1} MB", path.display(), duration.as_s(), bytes as f64 / 1e6));
    }
    // Why the stream failed says more than that nothing was recorded.
    ended.and(captured).map_err(failed)?;
    error.map_or(Ok(()), |error| Err(failed(error)))
}

/// The files of one recording: a second one begins where the format changes.
struct Recorder {
    file: Option<Mp4File>,
    output: PathBuf,
    overwrite: Overwrite,
    /// Finished, in order.
    recordings: Vec<Recording>,
    /// Why nothing more is written.
    error: Option<RecordError>,
}

impl Recorder {
    fn new(file: Mp4File, output: PathBuf, overwrite: Overwrite) -> Recorder {
        Recorder { file: Some(file), output, overwrite, recordings: Vec::new(), error: None }
    }

    /// Frames written so far, in all files.
    fn frames(&self) -> u64 {
        let finished: u64 = self.recordings.iter().map(|recording| recording.frames).sum();
        finished + self.file.as_ref().map_or(0, Mp4File::frames)
    }

    /// Writes an event of the packager; `false` when no more can be written.
    fn take(&mut self, event: &PackagerEvent) -> bool {
        if self.error.is_none() {
            self.error = self.push(event).err();
        }
        self.error.is_none()
    }

    fn push(&mut self, event: &PackagerEvent) -> Result<(), RecordError> {
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        match file.push(event) {
            Err(RecordError::FormatChanged(_)) if self.recordings.len() < FILES_MAX => {
                self.recordings.extend(self.file.take().map(Mp4File::finish).transpose()?);
                let path = numbered(&self.output, self.recordings.len() as u32 + 1);
                tracing::info!("the picture's format changed; recording goes on in {}", path.display());
                self.file.insert(Mp4File::create(&path, self.overwrite)?).push(event)
            }
            result => result,
        }
    }

    /// Finishes the last file. What was written before an error stays and plays.
    fn finish(&mut self) -> (Vec<Recording>, Option<RecordError>) {
        match self.file.take().map(Mp4File::finish).transpose() {
            Ok(last) => self.recordings.extend(last),
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
        (std::mem::take(&mut self.recordings), self.error.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Msn;

    #[test]
    fn an_error_stays_told_whatever_comes_after_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("out.mp4");
        let mut recorder =
            Recorder::new(Mp4File::create(&path, Overwrite::Refuse).expect("makes it"), path.clone(), Overwrite::Refuse);
        recorder.error = Some(RecordError::Exists(path));
        assert!(!recorder.take(&PackagerEvent::End(Msn(1))), "events after an error are not taken");
        let (recordings, error) = recorder.finish();
        assert!(recordings.is_empty() && matches!(error, Some(RecordError::Exists(_))));
    }
}
