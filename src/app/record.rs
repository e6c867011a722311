//! `hlscam record`: a source into MP4 files or to a reader, once or again and again.

mod pipeline;
mod report;
mod server;
mod sightings;
pub(super) mod stdout;

use super::{Failure, failed, interrupt::Interrupt};
use crate::{
    camera::CameraConfig,
    config::{Output, RecordConfig},
    console::{Console, STATUS_PERIOD},
    record::{
        Overwrite, RecordError,
        marked::{Intake, MarkedRecorder, Triggers},
        name::FileName,
        recorder::{Recorder, Target, Totals},
        schedule::{Due, Schedule},
    },
    time::{Clock, Span},
};
use report::Report;
use std::{
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicBool},
};
use stdout::Stdout;

/// While something is waited for, the user is asked this often.
const LOOK: Span = Span::from_ms(50);

/// Records what was asked for.
pub(super) fn run(config: &CameraConfig, record: &RecordConfig, clock: &Arc<dyn Clock>, console: &Console) -> Result<(), Failure> {
    let interrupt = Interrupt::install()?;
    check_output(&record.output, record.overwrite)?;
    let report = Report::new(console, record.listing);
    let recording = Recording { record, interrupt: &interrupt, report: &report, ending: Arc::default() };
    match record.every {
        None => recording.once(config, clock).1.map_or(Ok(()), Err),
        Some(period) => recording.repeatedly(period, config, clock),
    }
}

/// Told before anything is opened; the file itself is made, or emptied, only once there is something to record.
fn check_output(output: &Output, overwrite: Overwrite) -> Result<(), Failure> {
    match output {
        Output::Stdout if stdout::is_terminal() => Err(Failure(
            "a terminal cannot show a recording; write `hlscam record … --output - | PROGRAM`, or name a file".to_owned(),
        )),
        Output::Stdout => Ok(()),
        Output::Files(FileName::Plain(path)) if overwrite == Overwrite::Refuse && path.exists() => {
            Err(failed(RecordError::Exists(path.clone())))
        }
        Output::Files(name) => {
            let parent = name.as_path().parent().unwrap_or(Path::new(""));
            let is_filled = name.is_pattern() && parent.to_string_lossy().contains('%');
            let is_there = is_filled || parent.as_os_str().is_empty() || parent.is_dir();
            let missing = || format!("cannot record to {name}: its folder does not exist; make the folder first");
            is_there.then_some(()).ok_or_else(|| Failure(missing()))
        }
    }
}

/// What all recordings of a command share.
struct Recording<'a> {
    record: &'a RecordConfig,
    interrupt: &'a Interrupt,
    report: &'a Report<'a>,
    /// Raised when a reader that stands still is not waited for any more.
    ending: Arc<AtomicBool>,
}

/// What is not in a recording, and why.
#[derive(Clone, Copy)]
enum Missing {
    /// The disk was too slow.
    Disk(Span),
    /// The server was away, or the recording was behind what it keeps.
    Server(Span),
}

/// How a recording ended.
struct Outcome {
    totals: Totals,
    missing: Span,
    /// Why it is not what was asked for.
    failure: Option<Failure>,
}

impl Outcome {
    /// Nothing came of it.
    fn none(failure: Failure) -> Outcome {
        Outcome { totals: Totals::default(), missing: Span::ZERO, failure: Some(failure) }
    }

    /// What went wrong with the stream is told before what went wrong with its recording.
    fn new(totals: Totals, missing: Missing, failure: Option<Failure>, error: Option<RecordError>, name: &str) -> Outcome {
        let error = match error {
            Some(RecordError::ReaderGone) => {
                tracing::info!("the reader of stdout has gone, and so the recording ends");
                None
            }
            error => error.map(failed),
        };
        let (missing, why) = match missing {
            Missing::Disk(span) => (span, "the disk was too slow"),
            Missing::Server(span) => (span, "the server was away for longer than its window reaches, or had no stream"),
        };
        let holes = || Failure(format!("{:.1} s are missing in {name}: {why}", missing.as_s()));
        let failure = failure.or(error).or_else(|| (missing > Span::ZERO).then(holes));
        Outcome { totals, missing, failure }
    }
}

impl Recording<'_> {
    /// The markers that are waited for; none where all is recorded.
    fn triggers(&self) -> Option<Arc<Mutex<Triggers>>> {
        let RecordConfig { on, pre_roll, post_roll, .. } = self.record;
        on.as_ref().map(|_| Arc::new(Mutex::new(Triggers::new(*pre_roll, *post_roll))))
    }

    /// Writes a stream to where it was asked, or what those markers want of it.
    fn intake(&self, triggers: Option<&Arc<Mutex<Triggers>>>) -> Intake {
        match triggers {
            None => Intake::All(Box::new(self.recorder())),
            Some(triggers) => Intake::Marked(Box::new(MarkedRecorder::new(self.recorder(), triggers.clone()))),
        }
    }

    fn recorder(&self) -> Recorder {
        let target = match &self.record.output {
            Output::Files(name) => Target::Files(name.clone(), self.record.overwrite),
            Output::Stdout => Target::Pipe(Box::new(Stdout::new(self.ending.clone()))),
        };
        Recorder::new(target, self.record.split, self.report.tell())
    }

    /// One recording: what came of it, and why that is not what was asked for.
    fn once(&self, config: &CameraConfig, clock: &Arc<dyn Clock>) -> (Totals, Option<Failure>) {
        let Outcome { totals, missing, failure } = match &self.record.from {
            Some(address) => server::run(self, address),
            None => pipeline::run(self, config, clock),
        }
        .unwrap_or_else(Outcome::none);
        self.report.ended(totals, missing, failure.as_ref().map(|failure| failure.0.as_str()));
        (totals, failure)
    }

    /// Recordings whenever the clock shows a multiple of the period, until the user ends it. One that fails is told, and the next is made.
    fn repeatedly(&self, period: Span, config: &CameraConfig, clock: &Arc<dyn Clock>) -> Result<(), Failure> {
        let mut schedule = Schedule::new(period, self.record.zone, clock.wall());
        let (mut made, mut failed, mut last, mut announced) = (0, 0, None, false);
        loop {
            match schedule.look(clock.wall()) {
                Due::At(at) => {
                    if !announced {
                        tracing::info!("the next recording begins at {}", at.to_local());
                    }
                    announced = true;
                    if self.interrupt.wait(STATUS_PERIOD.min(at.since(clock.wall())).max(LOOK)) {
                        break;
                    }
                }
                Due::Missed(at) => {
                    let reason = "the one before took longer, the clock was set, or the computer slept";
                    self.report.skipped(at, reason);
                    announced = false;
                }
                Due::Now(_) => {
                    announced = false;
                    made += 1;
                    let (totals, failure) = self.once(config, clock);
                    let ended = self.interrupt.was_told();
                    // One that the user has ended before its first frame has not failed.
                    if let Some(failure) = failure.filter(|_| !ended || totals.frames > 0) {
                        tracing::warn!("{failure}");
                        failed += 1;
                        last = Some(failure);
                    }
                    if ended {
                        break;
                    }
                }
            }
        }
        last.map_or(Ok(()), |last| Err(Failure(format!("{failed} of {made} recordings failed; the last: {last}"))))
    }
}
