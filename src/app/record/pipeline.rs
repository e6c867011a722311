//! A recording of a source of this computer: its own capture, its own encoder.

use super::{Missing, Outcome, Recording, STATUS_PERIOD, sightings::Sightings};
use crate::{
    app::{Failure, failed, open_source, retry::tried_again},
    camera::{
        CameraConfig,
        flow::{Flow, FlowLimits},
    },
    capture::demand::Demand,
    detect::Detection,
    package::FirstSegment,
    record::{
        marked::Intake,
        recorder::Totals,
        writer::{self, Write},
    },
    sync::lock,
    time::Clock,
};
use std::sync::{Arc, Mutex, MutexGuard, atomic::Ordering};

/// Records until the time is over, the source ends, or the user ends it.
pub(super) fn run(recording: &Recording<'_>, config: &CameraConfig, clock: &Arc<dyn Clock>) -> Result<Outcome, Failure> {
    let Recording { record, interrupt, report, .. } = recording;
    let triggers = recording.triggers();
    let sightings = triggers.clone().zip(record.on.clone());
    let sightings = sightings.map(|(triggers, kinds)| Arc::new(Mutex::new(Sightings::new(kinds, triggers, clock.clone()))));
    let on_run = sightings.clone();
    let on_run = move |run: &Detection| on_run.iter().for_each(|sightings| lock(sightings).take(run));
    let demand = Arc::new(Demand::unlimited(clock.clone()));
    let (flow, source) = Flow::new(config, (clock.clone(), demand), Box::new(on_run)).map_err(failed)?;
    let source = if config.is_waited_for { tried_again(source, "", || ()) } else { source };
    let Some(capture) = open_source(source, |span| interrupt.wait(span), || ())? else {
        return Err(Failure("ended before the source was open; nothing was recorded".to_owned()));
    };
    let mut recorder = recording.intake(triggers.as_ref());
    if let Err(error) = recorder.open_early() {
        // Why there is no file says more than how the source ended.
        let _ = capture.end();
        return Err(failed(error));
    }
    let rate = flow.rate(&capture.format);
    let frames = record.duration.map(|duration| ((duration.as_s() * rate.as_f64()).round() as u64).max(1));
    let recorder = Arc::new(Mutex::new(recorder));
    // Beside the recorder, whose lock is held as long as a slow disk takes.
    let written = Arc::new(Mutex::new(Totals::default()));
    let write: Write = {
        let (recorder, written) = (recorder.clone(), written.clone());
        Box::new(move |event| {
            let mut recorder: MutexGuard<'_, Intake> = lock(&recorder);
            let goes_on = recorder.take(event);
            *lock(&written) = recorder.totals();
            goes_on
        })
    };
    let name = record.output.to_string();
    let events = flow.bus.events.subscribe(writer::queue_config(&name, writer::QUEUE_BYTES_MAX));
    let writer = writer::start(events, write).map_err(failed)?;
    let running = flow.start(capture, FlowLimits { first: FirstSegment::NEW, frames_max: frames }).map_err(failed)?;
    let mut display = report.display(frames);
    let mut interrupted = false;
    while !interrupted && !running.has_ended() {
        interrupted = interrupt.wait(STATUS_PERIOD);
        sightings.iter().for_each(|sightings| lock(sightings).pass());
        report.show(&mut display, *lock(&written));
    }
    recording.ending.store(interrupted, Ordering::Relaxed);
    let (ended, remains) = running.end();
    let captured = remains.end();
    while !writer.has_ended() {
        // A reader that does not read is waited for until the user ends it.
        if interrupt.wait(super::LOOK) {
            recording.ending.store(true, Ordering::Relaxed);
        }
    }
    drop(display);
    let missing = writer.end();
    let (totals, error) = lock(&recorder).finish();
    // Why the stream failed says more than that nothing was recorded.
    let failure = ended.and(captured).err().map(failed);
    Ok(Outcome::new(totals, Missing::Disk(missing), failure, error, &name))
}
