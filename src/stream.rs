//! One running stream: the threads from the source to the bus.
//!
//! `capture` feeds `encode` through a queue where the newest win; `detect` takes the newest picture when it has time. The end flows
//! downstream: the flag ends `capture`, its closed queue ends `encode`, which closes the last segment.
//!
//! Where the source hands on what it has coded, `encode` hands it on to the packager (`passing`), and encodes the slate alone.

use crate::{
    capture::{Capture, Captured, Passed, SourceState},
    failpoint,
    governor::{DETECTION_DIVISOR, Governor, Iteration, MachineReport, Notice, Shed},
    pacer::{HOLE_MAX, PacedFrame, Pacer, Shown},
    picture::Picture,
    pipeline::{Pipeline, PipelineError, PipelineParts},
    source::{SILENCE_MAX, Stop},
    threads,
    time::{Clock, FrameRate, Span, Ticks},
};
use crossbeam_channel::{Receiver, never, select};
use std::{sync::Arc, thread};

mod passing;
mod status;

pub use passing::PassParts;
pub use status::StreamStatus;

/// The encode thread sees within this time that it is to end.
const STOP_WAIT_MAX: Span = Span::from_ms(250);

/// A picture that has waited so long for the encoder is left out for a newer one: more than a hiccup of the machine that the queue rides
/// out, and little of the second from capture to publication.
const WAIT_MAX: Span = Span::from_ms(200);

/// Grid points that are so overdue show that the machine is behind, whatever the reason: what can be left out is.
const OVERDUE_MAX: Span = Span::from_ms(250);

/// What a stream is made of, besides its source.
pub struct StreamParts {
    /// What the encode thread runs.
    pub pipeline: PipelineParts,
    /// The stream ends by itself after so many frames.
    pub frames_max: Option<u64>,
    /// The stream's clock.
    pub clock: Arc<dyn Clock>,
    /// Searches per second that were asked for; none where nothing is searched.
    pub detect_fps: Option<f64>,
    /// What the source has coded is handed on so.
    pub pass: Option<PassParts>,
    /// What is told of the stream.
    pub status: Arc<StreamStatus>,
}

/// A running stream.
pub struct Stream {
    capture: Capture,
    encode: thread::JoinHandle<Result<(), PipelineError>>,
}

/// Starts to encode what an open source captures.
pub fn start(capture: Capture, parts: StreamParts) -> std::io::Result<Stream> {
    let (pictures, coded, stop) = (capture.pictures.clone(), capture.coded.clone(), capture.stop.clone());
    let encode = threads::spawn("encode", move || {
        let StreamParts { pipeline, frames_max, clock, detect_fps, pass, status } = parts;
        let rate = pipeline.grid.rate;
        let frames_left = frames_max.unwrap_or(u64::MAX);
        let encode = EncodeLoop::new(
            Pipeline::new(pipeline),
            rate,
            frames_left,
            StreamEnds { stop: stop.clone(), clock, detect_fps, pass, status },
        );
        let result = encode.run(&pictures, coded);
        // An encoder that failed, or a subscriber that wants no more, ends the source too.
        stop.raise();
        result
    })?;
    Ok(Stream { capture, encode })
}

impl Stream {
    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.encode.is_finished()
    }

    /// Ends it: no more pictures are taken, what is inside is encoded, the last segment is closed. What remains is the capture, to be ended
    /// when viewers have been told: its source may be held in its driver.
    pub fn end(self) -> (Result<(), PipelineError>, Capture) {
        let Stream { capture, encode } = self;
        capture.stop.raise();
        // A panic is an error here, so that the caller still ends the stream for its viewers.
        (encode.join().unwrap_or(Err(PipelineError::Panicked("encode"))), capture)
    }
}

/// Where a grid begins that begins with this picture: at its capture, unless it has waited while the machine stood still.
fn grid_start(captured: &Captured, now: Ticks) -> Ticks {
    captured.picture.at.max(now - SILENCE_MAX).min(now)
}

/// What the loop is connected to.
struct StreamEnds {
    stop: Stop,
    clock: Arc<dyn Clock>,
    detect_fps: Option<f64>,
    pass: Option<PassParts>,
    status: Arc<StreamStatus>,
}

struct EncodeLoop {
    pipeline: Pipeline,
    rate: FrameRate,
    /// The grid begins with the first picture, so that the first frame waits for nothing.
    pacer: Option<Pacer>,
    governor: Governor,
    frames_left: u64,
    /// What was open has ended, for the source is asleep.
    rests: bool,
    /// Pictures shown in this turn.
    shown: u64,
    /// What the status counted as overtaken after the last turn.
    overtaken: u64,
    /// What the source has coded is handed on.
    passing: Option<passing::Passing>,
    /// The next picture begins a new grid.
    is_to_restart: bool,
    stop: Stop,
    clock: Arc<dyn Clock>,
    status: Arc<StreamStatus>,
}

impl EncodeLoop {
    fn new(pipeline: Pipeline, rate: FrameRate, frames_left: u64, ends: StreamEnds) -> EncodeLoop {
        let StreamEnds { stop, clock, detect_fps, pass, status } = ends;
        let passing = pass.map(|parts| passing::Passing::new(parts, detect_fps.is_some(), clock.now()));
        let detect_fps = detect_fps.filter(|_| pipeline.may_search_less());
        let governor = Governor::new(rate, detect_fps);
        let (pacer, rests, shown, overtaken) = (None, false, 0, 0);
        let is_to_restart = false;
        EncodeLoop {
            pipeline,
            rate,
            pacer,
            governor,
            frames_left,
            rests,
            shown,
            overtaken,
            passing,
            is_to_restart,
            stop,
            clock,
            status,
        }
    }

    fn run(mut self, pictures: &Receiver<Captured>, coded: Receiver<Passed>) -> Result<(), PipelineError> {
        // An essential subscriber that has left ends the stream, and nothing has failed.
        let judge =
            |result: Result<(), PipelineError>| result.or_else(|error| if error.is_failure() { Err(error) } else { Ok(()) });
        let result = judge(self.pace(pictures, coded));
        // Whatever ended it, what is inside is not lost; why it ended is told before why the rest could not be had.
        result.and(judge(self.pipeline.finish()))
    }

    fn pace(&mut self, pictures: &Receiver<Captured>, mut coded: Receiver<Passed>) -> Result<(), PipelineError> {
        while !self.stop.is_raised() {
            let due = self.pacer.as_ref().filter(|_| !self.rests).map(|pacer| pacer.deadline().max(self.silent_at()));
            let wait = due.map_or(STOP_WAIT_MAX, |due| due.since(self.clock.now()).min(STOP_WAIT_MAX));
            let goes_on = select! {
                recv(coded) -> passed => match passed {
                    Ok(passed) => self.take_passed(passed)?,
                    // Pictures may be left.
                    Err(_) => {
                        coded = never();
                        true
                    }
                },
                recv(pictures) -> captured => match captured {
                    Ok(captured) => self.take_captured(captured, pictures)?,
                    Err(_) => {
                        coded.try_iter().try_fold(true, |goes_on, passed| Ok::<_, PipelineError>(goes_on && self.take_passed(passed)?))?;
                        return Ok(());
                    }
                },
                default(wait.to_duration()) => !coded.is_empty() || self.take_silence(pictures)?,
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// One turn of the loop: a picture has come, or time has passed without one. `false` when the stream has as many frames as were asked for.
    fn iterate(&mut self, captured: Option<Captured>, pictures: &Receiver<Captured>) -> Result<bool, PipelineError> {
        if captured.is_none() && self.is_resting(pictures)? {
            return Ok(true);
        }
        let now = self.clock.now();
        let mut pacer = match (self.pacer.take(), &captured) {
            (Some(pacer), _) => pacer,
            (None, Some(captured)) => Pacer::new(self.rate, grid_start(captured, now)),
            (None, None) => return Ok(true),
        };
        let is_thrifty = self.governor.shed() == Shed::FrameRate || now.since(pacer.deadline()) > OVERDUE_MAX;
        self.pipeline.set_thrifty(is_thrifty);
        let captured = captured.map(|captured| self.newest(captured, pictures, now, is_thrifty));
        if let Some(woken) = captured.as_ref().filter(|captured| captured.woke || self.rests || self.is_to_restart) {
            pacer.restart(grid_start(woken, now).max(self.pipeline.reached().unwrap_or_default()));
            self.pipeline.interrupt()?;
            (self.rests, self.is_to_restart) = (false, false);
        } else if pacer.is_beyond_repair(now) {
            tracing::warn!(
                "the stream fell {} s behind and goes on behind a discontinuity; if this machine did not sleep it cannot keep up: \
                 try --preset ultrafast, or a smaller --size or --fps",
                HOLE_MAX.as_s()
            );
            pacer.restart(captured.as_ref().map_or(now, |captured| grid_start(captured, now)));
            self.pipeline.interrupt()?;
        }
        let goes_on = self.show(&mut pacer, captured, now, is_thrifty)?;
        self.status.set_pacer(pacer.counts());
        self.pacer = Some(pacer);
        self.note(now);
        Ok(goes_on)
    }

    /// Whether the source is asleep and nothing is left of it. What is open ends then, and what comes next stands behind a discontinuity: no
    /// picture is made up of the time between.
    fn is_resting(&mut self, pictures: &Receiver<Captured>) -> Result<bool, PipelineError> {
        if !self.rests && self.status.capture.state() == SourceState::Asleep && pictures.is_empty() {
            self.pipeline.interrupt()?;
            self.rests = true;
        }
        Ok(self.rests)
    }

    /// The picture to show now: a machine that is behind takes the newest, so that what it shows is as new as it can be.
    fn newest(&self, mut captured: Captured, pictures: &Receiver<Captured>, now: Ticks, is_thrifty: bool) -> Captured {
        while is_thrifty || now.since(captured.arrived) > WAIT_MAX {
            let Ok(mut newer) = pictures.try_recv() else { break };
            if newer.stands {
                continue;
            }
            newer.woke |= captured.woke;
            if !captured.stands {
                self.status.capture.overtaken.bump();
            }
            captured = newer;
        }
        captured
    }

    /// Encodes what the pacer makes of it. `false` when the stream has as many frames as were asked for.
    fn show(&mut self, pacer: &mut Pacer, captured: Option<Captured>, now: Ticks, is_thrifty: bool) -> Result<bool, PipelineError> {
        // A picture that waited in the queue while the encoder was busy is not late: its point is not given away by the clock.
        let captured = match captured {
            Some(Captured { arrived, stands: true, .. }) => {
                pacer.hold(arrived);
                None
            }
            other => other,
        };
        let Some(Captured { picture, arrived, before, .. }) = captured else {
            return pacer.tick(now).into_iter().try_fold(true, |goes_on, frame| Ok(goes_on && self.put(frame, None)?));
        };
        if let Some(before) = before {
            pacer.note_capture(before);
        }
        let mut points = pacer.push(picture.at, arrived);
        if is_thrifty {
            self.spare_key_frame(&mut points);
        }
        let mut goes_on = true;
        for frame in points {
            let fresh = (frame.shown == Shown::Fresh).then_some(&picture);
            if fresh.is_some() {
                self.status.pace_latency.add(now.since(arrived));
                self.shown += 1;
            }
            goes_on = goes_on && self.put(frame, fresh)?;
        }
        Ok(goes_on)
    }

    /// A segment that begins while no picture was taken would begin with the old one, encoded again, and the new one would come right
    /// after. It begins with the new one instead.
    fn spare_key_frame(&self, points: &mut [PacedFrame]) {
        let is_spared = |frame: &PacedFrame| frame.shown == Shown::Repeat && self.pipeline.begins_segment(frame.number);
        let Some(at) = points.iter().rposition(is_spared) else { return };
        if points[at..].iter().any(|frame| matches!(frame.shown, Shown::Slate { .. })) {
            return;
        }
        points[at..].iter_mut().for_each(|frame| frame.shown = Shown::Repeat);
        points[at].shown = Shown::Fresh;
    }

    /// Tells how busy the turn was that began then, and does less or more from now on.
    fn note(&mut self, begun: Ticks) {
        let (now, overtaken) = (self.clock.now(), self.status.capture.overtaken.get());
        self.status.load.mark(begun, now);
        let left_out = overtaken - self.overtaken;
        self.overtaken = overtaken;
        let shown = std::mem::take(&mut self.shown);
        let notice = self.governor.note(Iteration { now, busy: now.since(begun), shown, left_out });
        match &notice {
            Some(Notice::Less(sentence)) => tracing::warn!("{sentence}"),
            Some(Notice::More(sentence)) => tracing::info!("{sentence}"),
            None => {}
        }
        let shed = self.governor.shed();
        self.status.detector.divisor.set(if shed == Shed::Nothing { 1 } else { DETECTION_DIVISOR });
        self.status.set_machine(MachineReport { shed, sentence: self.governor.sentence() });
    }

    fn put(&mut self, frame: PacedFrame, fresh: Option<&Arc<Picture>>) -> Result<bool, PipelineError> {
        failpoint::hit("encode");
        self.pipeline.put(frame, fresh)?;
        self.frames_left -= 1;
        Ok(self.frames_left > 0)
    }
}

#[cfg(test)]
mod tests;
