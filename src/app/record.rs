//! `hlscam record`: the live pipeline into an MP4 file, for a given time.

use super::{Failure, Wiring, failed, interrupt::Interrupt, pipeline_parts};
use crate::{
    capture::{self, CaptureParts},
    config::{Existing, RecordConfig, StreamConfig},
    console::{Console, STATUS_PERIOD},
    record::{Mp4File, Overwrite, RecordError, Recording, numbered},
    segment::Cut,
    stream::{self, Sink, StreamParts},
    time::{Clock, SystemClock},
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Files that one recording may be split into by changes of format; a source that changes more often is broken.
const FILES_MAX: usize = 1000;

/// Records until the time is over, the source ends, or the user ends it.
pub(super) fn run(config: &StreamConfig, record: &RecordConfig, console: &Console) -> Result<(), Failure> {
    let interrupt = Interrupt::install()?;
    let overwrite = match record.existing {
        Existing::Keep => Overwrite::Refuse,
        Existing::Replace => Overwrite::Replace,
    };
    let file = Mp4File::create(&record.output, overwrite).map_err(failed)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let Wiring { clock, status, opener, tap, detections, watcher } = Wiring::new(config, clock)?;
    let capture = capture::start(CaptureParts { opener, tap, clock: clock.clone(), status: status.clone() });
    let capture = match capture {
        Ok(capture) => capture,
        Err(error) => {
            // Nothing was recorded: no empty file is left behind.
            file.finish().ok();
            return Err(failed(error));
        }
    };
    let rate = config.wish.rate.unwrap_or(capture.format.rate);
    let frames = ((record.duration.as_s() * rate.as_f64()).round() as u64).max(1);
    let recorder = Arc::new(Mutex::new(Recorder::new(file, record.output.clone(), overwrite)));
    let sink: Sink = {
        let recorder = recorder.clone();
        Box::new(move |cuts| lock(&recorder).take(&cuts))
    };
    let pipeline = pipeline_parts(config, rate, detections, &clock, &status);
    let parts = StreamParts { pipeline, sink, frames_max: Some(frames), clock, status };
    let stream = stream::start(capture, parts).map_err(failed)?;
    let mut display = console.recording(frames);
    while !interrupt.wait(STATUS_PERIOD) && !stream.has_ended() {
        display.show(lock(&recorder).frames());
    }
    let ended = stream.end();
    drop((watcher, display));
    for recording in lock(&recorder).finish().map_err(failed)? {
        let Recording { path, frames, duration, bytes } = recording;
        console.print(&format!("{}: {frames} frames, {:.1} s, {:.1} MB", path.display(), duration.as_s(), bytes as f64 / 1e6));
    }
    ended.map_err(failed)
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

    /// Writes what was cut; `false` when no more can be written.
    fn take(&mut self, cuts: &[Cut]) -> bool {
        let result = cuts.iter().try_for_each(|cut| self.push(cut));
        self.error = result.err();
        self.error.is_none()
    }

    fn push(&mut self, cut: &Cut) -> Result<(), RecordError> {
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        match file.push(cut) {
            Err(RecordError::FormatChanged(_)) if self.recordings.len() < FILES_MAX => {
                self.recordings.extend(self.file.take().map(Mp4File::finish).transpose()?);
                let path = numbered(&self.output, self.recordings.len() as u32 + 1);
                tracing::info!("the picture's format changed; recording goes on in {}", path.display());
                self.file.insert(Mp4File::create(&path, self.overwrite)?).push(cut)
            }
            result => result,
        }
    }

    /// Finishes the last file. What was written before an error stays and plays.
    fn finish(&mut self) -> Result<Vec<Recording>, RecordError> {
        let last = self.file.take().map(Mp4File::finish).transpose();
        match self.error.take() {
            Some(error) => Err(error),
            None => {
                self.recordings.extend(last?);
                Ok(std::mem::take(&mut self.recordings))
            }
        }
    }
}

fn lock(recorder: &Mutex<Recorder>) -> MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}
