//! The drawn test source: moving schematic faces and a clock strip, with scripted faults, in place of a camera.
//!
//! Every frame is a pure function of (seed, n), its capture time is exactly its time on the frame grid, and all waiting is done on the
//! stream's clock. Opened by the app for `--device test`, and by tests.

use super::{
    FormatRequest, NEXT_WAIT_MAX, OpenError, RATE_DEFAULT, SIZE_DEFAULT, Source, SourceError, SourceFormat, coded::Fitness,
    control::ControlPort,
};
use crate::{
    picture::{
        Picture, PicturePool, Size,
        strip::{Strip, draw_strip},
    },
    sync::lock,
    time::{Clock, Span, Ticks},
};
use std::sync::{Arc, Mutex};

mod controls;
pub mod draw;
mod script;

use controls::TestControls;
use draw::Scene;
pub use script::Script;

/// Frames that wait for a late reader, as in a camera driver's queue; older ones are lost, and their numbers are skipped.
const BACKLOG_FRAMES: i64 = 4;

/// Opens test sources that continue each other: the script's times count from the first opening.
pub struct TestOpener {
    script: Script,
    request: FormatRequest,
    seed: u64,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
    progress: Arc<Mutex<Option<Progress>>>,
}

/// How far the frames have come, over all sources of one opener.
#[derive(Clone, Copy)]
struct Progress {
    /// The first opening.
    start: Ticks,
    /// The last frame that was due and taken or lost: its time since `start` and its number.
    last: Option<(Span, u64)>,
}

/// A running test source.
pub struct TestSource {
    script: Script,
    seed: u64,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
    format: SourceFormat,
    progress: Arc<Mutex<Option<Progress>>>,
    start: Ticks,
    /// Frames before it belong to the source that was open then.
    opened: Span,
    scene: Scene,
    controls: Arc<TestControls>,
    shown: Option<Strip>,
    is_lost: bool,
}

impl TestOpener {
    /// Sources of this script; `seed` chooses background and paths of the faces.
    pub fn new(script: Script, request: FormatRequest, seed: u64, clock: Arc<dyn Clock>, pool: PicturePool) -> TestOpener {
        TestOpener { script, request, seed, clock, pool, progress: Arc::default() }
    }

    /// Opens the source, for the first time or again; fails while the script says that it is gone.
    pub fn open(&self) -> Result<TestSource, OpenError> {
        let now = self.clock.now();
        let progress = *lock(&self.progress).get_or_insert(Progress { start: now, last: None });
        let opened = now.since(progress.start);
        if self.script.vanished_since(opened).is_some() {
            return Err(OpenError("cannot open the test source: its script has unplugged it".into()));
        }
        let requested = self.request.size.unwrap_or_else(size_default);
        let rate = self.request.rate.unwrap_or(RATE_DEFAULT);
        let size = self.script.size_at(opened, requested);
        let format = SourceFormat {
            name: "test source".into(),
            size,
            rate,
            pixels: "drawn".into(),
            reason: String::new(),
            fitness: Fitness::NotAsked,
        };
        Ok(TestSource {
            script: self.script.clone(),
            seed: self.seed,
            clock: self.clock.clone(),
            pool: self.pool.clone(),
            format,
            progress: self.progress.clone(),
            start: progress.start,
            opened,
            scene: Scene::new(self.seed, self.script.faces(), size),
            controls: TestControls::open(),
            shown: None,
            is_lost: false,
        })
    }
}

impl Source for TestSource {
    fn next(&mut self) -> Result<Picture, SourceError> {
        let (due, number) = self.next_due();
        let vanished = self.script.vanished_since(due);
        if !self.is_lost {
            self.wait_until(vanished.unwrap_or(due))?;
        }
        // Once lost it stays lost: a camera's handle does not come back with the camera.
        self.is_lost |= vanished.is_some();
        if self.is_lost {
            return Err(SourceError::Lost("the test source was unplugged by its script".into()));
        }
        if let Some(progress) = lock(&self.progress).as_mut() {
            progress.last = Some((due, number));
        }
        Ok(self.draw(due, number))
    }

    fn format(&self) -> &SourceFormat {
        &self.format
    }

    fn controls(&self) -> Option<Arc<dyn ControlPort>> {
        Some(self.controls.clone())
    }
}

impl TestSource {
    /// The frame to deliver next, which may lie a little in the past, and its number.
    fn next_due(&self) -> (Span, u64) {
        let now = self.clock.now().since(self.start);
        let oldest = (now - self.format.rate.frame_span() * BACKLOG_FRAMES).max(self.opened);
        let mut last = lock(&self.progress).and_then(|progress| progress.last);
        loop {
            let due = self.script.next_frame(last.map(|(at, _)| at), self.format.rate);
            let number = last.map_or(0, |(_, number)| number + 1);
            if due >= oldest {
                return (due, number);
            }
            last = Some((due, number));
        }
    }

    fn wait_until(&self, offset: Span) -> Result<(), SourceError> {
        let (at, give_up) = (self.start + offset, self.clock.now() + NEXT_WAIT_MAX);
        self.clock.sleep_until(at.min(give_up));
        if at > give_up { Err(SourceError::Silent) } else { Ok(()) }
    }

    fn draw(&mut self, due: Span, number: u64) -> Picture {
        let size = self.script.size_at(due, self.format.size);
        if size != self.scene.size() {
            self.scene = Scene::new(self.seed, self.script.faces(), size);
        }
        let at = self.start + due;
        let wall = self.clock.wall() + at.since(self.clock.now());
        let strip = match self.shown {
            Some(shown) if self.script.is_frozen(due) => shown,
            _ => Strip { unix_ms: wall.as_unix_ms(), number },
        };
        self.shown = Some(strip);
        let mut picture = self.scene.draw(strip, at, &self.pool);
        if self.controls.apply(&mut picture) {
            draw_strip(&mut picture, strip);
        }
        picture
    }
}

fn size_default() -> Size {
    Size::new(SIZE_DEFAULT.0, SIZE_DEFAULT.1).expect("the default size is even and small")
}

#[cfg(test)]
mod tests;
