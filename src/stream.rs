//! One running stream: the threads from the source to whoever takes the parts.
//!
//! `capture` feeds `encode` through a queue where the newest win; `detect` takes the newest picture when it has time. The end flows
//! downstream: the flag ends `capture`, its closed queue ends `encode`, which closes the last segment.

use crate::{
    capture::{Capture, Captured},
    pacer::{HOLE_MAX, PacedFrame, Pacer, SILENCE_MAX, Shown},
    picture::Picture,
    pipeline::{Pipeline, PipelineError, PipelineParts},
    segment::Cut,
    source::Stop,
    status::Status,
    time::{Clock, FrameRate, Span, Ticks},
};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::{sync::Arc, thread};

/// The encode thread sees within this time that it is to end.
const STOP_WAIT_MAX: Span = Span::from_ms(250);

/// Takes what was cut by one frame, on the encode thread; `false` ends the stream.
pub type Sink = Box<dyn FnMut(Vec<Cut>) -> bool + Send>;

/// What a stream is made of, besides its source.
pub struct StreamParts {
    /// What the encode thread runs.
    pub pipeline: PipelineParts,
    /// Takes the parts.
    pub sink: Sink,
    /// The stream ends by itself after so many frames.
    pub frames_max: Option<u64>,
    /// The stream's clock.
    pub clock: Arc<dyn Clock>,
    /// The stream's status.
    pub status: Arc<Status>,
}

/// A running stream.
pub struct Stream {
    capture: Capture,
    encode: thread::JoinHandle<Result<(), PipelineError>>,
}

/// Starts to encode what an open source captures.
pub fn start(capture: Capture, parts: StreamParts) -> std::io::Result<Stream> {
    let (pictures, stop) = (capture.pictures.clone(), capture.stop.clone());
    let encode = thread::Builder::new().name("encode".to_owned()).spawn(move || {
        let StreamParts { pipeline, sink, frames_max, clock, status } = parts;
        let rate = pipeline.rate;
        let frames_left = frames_max.unwrap_or(u64::MAX);
        let pipeline = Pipeline::new(pipeline);
        let encode = EncodeLoop { pipeline, sink, stop: stop.clone(), frames_left, clock, status };
        let result = encode.run(&pictures, rate);
        // An encoder that failed, or a sink that wants no more, ends the source too.
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
        (encode.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), capture)
    }
}

/// Where a grid begins that begins with this picture: at its capture, unless it has waited while the machine stood still.
fn grid_start(captured: &Captured, now: Ticks) -> Ticks {
    captured.picture.at.max(now - SILENCE_MAX).min(now)
}

struct EncodeLoop {
    pipeline: Pipeline,
    sink: Sink,
    stop: Stop,
    frames_left: u64,
    clock: Arc<dyn Clock>,
    status: Arc<Status>,
}

impl EncodeLoop {
    fn run(mut self, pictures: &Receiver<Captured>, rate: FrameRate) -> Result<(), PipelineError> {
        let result = self.pace(pictures, rate);
        // Whatever ended it, what is inside is not lost; why it ended is told before why the rest could not be had.
        let rest = self.pipeline.finish().map(|cuts| {
            self.hand_on(cuts);
        });
        result.and(rest)
    }

    fn pace(&mut self, pictures: &Receiver<Captured>, rate: FrameRate) -> Result<(), PipelineError> {
        // The grid begins with the first picture, so that the first frame waits for nothing.
        let mut pacer: Option<Pacer> = None;
        let mut goes_on = true;
        while goes_on && !self.stop.is_raised() {
            let wait = pacer.as_ref().map_or(STOP_WAIT_MAX, |pacer| pacer.deadline().since(self.clock.now()).min(STOP_WAIT_MAX));
            let captured = match pictures.recv_timeout(wait.to_duration()) {
                Ok(captured) => Some(captured),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let now = self.clock.now();
            let pacer = match (&mut pacer, &captured) {
                (Some(pacer), _) => pacer,
                (none, Some(captured)) => none.insert(Pacer::new(rate, grid_start(captured, now))),
                (None, None) => continue,
            };
            if pacer.is_beyond_repair(now) {
                tracing::warn!(
                    "the stream fell {} s behind and goes on behind a discontinuity; if this machine did not sleep it cannot keep up: \
                     try --preset ultrafast, or a smaller --size or --fps",
                    HOLE_MAX.as_s()
                );
                pacer.restart(captured.as_ref().map_or(now, |captured| grid_start(captured, now)));
                let cuts = self.pipeline.interrupt()?;
                goes_on = self.hand_on(cuts);
            }
            goes_on = goes_on && self.turn(pacer, captured, now)?;
            self.status.set_pacer(pacer.counts());
        }
        Ok(())
    }

    /// One turn of the loop: a picture has come, or time has passed without one. `false` when the sink wants no more.
    fn turn(&mut self, pacer: &mut Pacer, captured: Option<Captured>, now: Ticks) -> Result<bool, PipelineError> {
        // A picture that waited in the queue while the encoder was busy is not late: its point is not given away by the clock.
        let captured = match captured {
            Some(Captured { arrived, stands: true, .. }) => {
                pacer.stand(arrived);
                None
            }
            other => other,
        };
        let Some(Captured { picture, arrived, .. }) = captured else {
            return pacer.tick(now).into_iter().try_fold(true, |goes_on, frame| Ok(goes_on && self.put(frame, None)?));
        };
        let mut goes_on = true;
        for frame in pacer.push(picture.at, arrived) {
            let fresh = (frame.shown == Shown::Fresh).then_some(&picture);
            if fresh.is_some() {
                self.status.pace_latency.add(now.since(arrived));
            }
            goes_on = goes_on && self.put(frame, fresh)?;
        }
        Ok(goes_on)
    }

    fn put(&mut self, frame: PacedFrame, fresh: Option<&Arc<Picture>>) -> Result<bool, PipelineError> {
        let cuts = self.pipeline.put(frame, fresh)?;
        self.frames_left -= 1;
        Ok(self.hand_on(cuts) && self.frames_left > 0)
    }

    fn hand_on(&mut self, cuts: Vec<Cut>) -> bool {
        cuts.is_empty() || (self.sink)(cuts)
    }
}
