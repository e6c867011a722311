//! Decides what is hidden in each frame. Pure: the detector's results come in with each run, and frames wait here until enough is known.
//!
//! A detector sees a new face late: its search takes time, and not every size is searched in every run. So a frame waits until so many runs
//! on pictures that are not older have been made that each size was searched and one more, and everything that these runs and the ones
//! before say is hidden in it. A frame for which they are not made in time (the detector fails, or is too slow) is hidden as a whole.
//! Nothing is ever shown as it is because nothing is known.

use crate::{
    detect::{
        Detection,
        track::{RedactionArea, TRACKS_MAX},
    },
    pacer::{PacedFrame, Shown},
    picture::{BoundingBox, Picture},
    time::{FrameRate, Span, Ticks},
};
use std::{collections::VecDeque, sync::Arc};

/// Runs on older pictures that count too: what was lost just before.
const RUNS_BEFORE: usize = 3;
/// A frame that lies in a gap between two runs that is longer was not watched: somebody may have come and gone in it.
const GAP_MAX: Span = Span::from_ms(350);
/// Longest that a frame waits for its runs, on the frame grid: well beyond [`BLUR_DELAY_MAX`]…
const WAIT_MAX: Span = Span::from_ms(1000);
/// …or so many frames of a slow grid.
const WAIT_FRAMES_MIN: i64 = 6;
/// More areas than the tracker follows things are a crowd of which it misses some: the frame is hidden as a whole.
const AREAS_MAX: usize = TRACKS_MAX;
/// Two areas of which the smaller lies in the other with so much of its area become one.
const MERGE_MIN: f64 = 0.5;

/// Longest that the search may take to be sure, where what is found is to be hidden: every frame waits for that.
pub const BLUR_DELAY_MAX: Span = Span::from_ms(600);

/// What is hidden of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cover {
    /// These areas.
    Areas(Vec<RedactionArea>),
    /// Everything, because nobody knows.
    Whole,
}

/// A frame that may be shown now.
#[derive(Clone, Debug)]
pub struct ReadyFrame {
    /// The frame.
    pub frame: PacedFrame,
    /// The picture that it shows.
    pub picture: Arc<Picture>,
    /// What is to be hidden of it.
    pub cover: Cover,
    /// The run whose boxes fit it best.
    pub detection: Arc<Detection>,
}

/// Frames that wait, and the runs that tell about them.
#[derive(Debug)]
pub struct RedactionQueue {
    wait_max: Span,
    runs_after: usize,
    runs: VecDeque<Arc<Detection>>,
    waiting: VecDeque<(PacedFrame, Arc<Picture>)>,
}

impl RedactionQueue {
    /// An empty queue for a frame grid, in which a frame waits for so many runs on pictures that are not older.
    pub fn new(rate: FrameRate, runs_after: usize) -> RedactionQueue {
        let wait_max = WAIT_MAX.max(rate.frame_span() * WAIT_FRAMES_MIN);
        RedactionQueue { wait_max, runs_after, runs: VecDeque::new(), waiting: VecDeque::new() }
    }

    /// Takes what a run found; they come in order.
    pub fn push_run(&mut self, run: Arc<Detection>) {
        self.runs.push_back(run);
    }

    /// Takes a frame and the picture that it shows; they come in order, and leave in it.
    pub fn put(&mut self, frame: PacedFrame, picture: Arc<Picture>) {
        self.waiting.push_back((frame, picture));
    }

    /// The next frame, if it need not wait any more.
    pub fn take_ready(&mut self) -> Option<ReadyFrame> {
        let ((frame, picture), (newest, _)) = (self.waiting.front()?, self.waiting.back()?);
        let is_due = is_slate(frame) || self.is_known(picture.at) || newest.at.since(frame.at) >= self.wait_max;
        if is_due { self.take_anyway() } else { None }
    }

    /// The next frame, with what is known by now; for the end, when nothing more will come.
    pub fn take_anyway(&mut self) -> Option<ReadyFrame> {
        let (frame, picture) = self.waiting.pop_front()?;
        let first_after = self.runs.iter().position(|run| run.at >= picture.at);
        // A slate stands for a camera that is gone: there is nothing in it to be seen, and it is shown for as long as that takes.
        let is_known = self.is_known(picture.at) && !is_slate(&frame);
        let cover = first_after.filter(|_| is_known).map_or(Cover::Whole, |first| self.cover(picture.at, first));
        let detection = first_after.map(|first| &self.runs[first]).or(self.runs.back()).cloned().unwrap_or_default();
        let n_old = first_after.unwrap_or(self.runs.len()).saturating_sub(RUNS_BEFORE);
        self.runs.drain(..n_old);
        Some(ReadyFrame { frame, picture, cover, detection })
    }

    fn is_known(&self, at: Ticks) -> bool {
        self.runs.iter().rev().take_while(|run| run.at >= at).count() >= self.runs_after
    }

    /// What is hidden of a picture captured at `at`, where `first` is the first run that is not older.
    fn cover(&self, at: Ticks, first: usize) -> Cover {
        let after = self.runs[first].at;
        let before = first.checked_sub(1).map_or(at, |idx| self.runs[idx].at);
        if after > at && after.since(before) > GAP_MAX {
            return Cover::Whole;
        }
        let near = first.saturating_sub(RUNS_BEFORE)..(first + self.runs_after).min(self.runs.len());
        let tracks = self.runs.range(near).filter_map(|run| run.tracks.as_ref());
        let areas = merged(tracks.flat_map(|tracks| tracks.redaction_areas_at(at)));
        if areas.len() > AREAS_MAX { Cover::Whole } else { Cover::Areas(areas) }
    }
}

fn is_slate(frame: &PacedFrame) -> bool {
    matches!(frame.shown, Shown::Slate { .. })
}

/// Fewer and larger areas that hide no less.
fn merged(areas: impl Iterator<Item = RedactionArea>) -> Vec<RedactionArea> {
    let mut kept: Vec<RedactionArea> = Vec::new();
    for mut area in areas {
        while let Some(idx) = kept.iter().position(|other| is_same(other.area, area.area)) {
            area = around(kept.swap_remove(idx), area);
        }
        kept.push(area);
    }
    kept
}

fn is_same(a: BoundingBox, b: BoundingBox) -> bool {
    a.common(b) >= MERGE_MIN * a.pixels().min(b.pixels())
}

/// The area around two; the larger face has the larger blocks, which hide the smaller one too.
fn around(a: RedactionArea, b: RedactionArea) -> RedactionArea {
    let span = |a: u32, a_length: u32, b: u32, b_length: u32| (a.min(b), (a + a_length).max(b + b_length) - a.min(b));
    let (x, width) = span(a.area.x, a.area.width, b.area.x, b.area.width);
    let (y, height) = span(a.area.y, a.area.height, b.area.y, b.area.height);
    RedactionArea { area: BoundingBox { x, y, width, height }, face_width: a.face_width.max(b.face_width) }
}

#[cfg(test)]
mod tests;
