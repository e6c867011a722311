//! One finished picture per grid point: what is found is hidden and framed, the slate is drawn, the times are written. All renditions of a
//! camera encode the same finished pictures.

use super::{
    Overlay, draw_boxes, draw_clock, draw_labels, draw_slate, hide_all, hide_area,
    redaction::{Cover, ReadyFrame, RedactionQueue},
};
use crate::{
    changeable::Changeable,
    counter::{Counter, Samples},
    detect::Detection,
    pacer::{PacedFrame, Shown},
    picture::{
        KeepClear, Picture, PicturePool,
        strip::{Strip, draw_strip},
    },
    time::{FrameRate, WallAnchor},
};
use crossbeam_channel::Receiver;
use std::sync::Arc;

/// What the detector tells.
pub struct Detections {
    /// Gives the newest detection.
    pub newest: Box<dyn Fn() -> Arc<Detection> + Send>,
    /// There where what is found is to be hidden.
    pub hiding: Option<Hiding>,
}

/// What it takes to hide what is found.
pub struct Hiding {
    /// Every run, in order.
    pub runs: Receiver<Arc<Detection>>,
    /// Runs on later pictures for which a frame waits.
    pub runs_after: usize,
}

/// Where the machine-readable clock strip comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockStrip {
    /// There is none.
    None,
    /// The source has drawn it; nothing is painted over it.
    Source,
    /// It is burnt in here.
    Burn,
}

/// What a compositor is made of.
pub struct CompositorParts {
    /// What is burnt in.
    pub overlay: Changeable<Overlay>,
    /// Where the clock strip comes from.
    pub clock_strip: ClockStrip,
    /// The frame grid's rate.
    pub rate: FrameRate,
    /// What the detector tells.
    pub detections: Detections,
    /// What it tells of itself.
    pub status: Arc<CompositorStatus>,
}

/// What the compositor tells of itself.
#[derive(Debug, Default)]
pub struct CompositorStatus {
    /// Frames that were hidden as a whole, because the detector failed or did not keep up.
    pub hidden: Counter,
    /// Composing.
    pub latency: Samples,
}

/// The compositor of one camera.
pub struct Compositor {
    parts: CompositorParts,
    pool: PicturePool,
    /// The picture shown last.
    last: Option<Arc<Picture>>,
    /// Where frames wait for the detector, where what is found is to be hidden.
    waiting: Option<RedactionQueue>,
    /// The frame to show now, where nothing is to be hidden.
    ready: Option<ReadyFrame>,
    /// Frames hidden as a whole in a row, slates aside.
    n_hidden: u64,
}

impl Compositor {
    /// A compositor that has seen no picture yet.
    pub fn new(parts: CompositorParts) -> Compositor {
        let waiting = parts.detections.hiding.as_ref().map(|hiding| RedactionQueue::new(parts.rate, hiding.runs_after));
        Compositor { parts, pool: PicturePool::default(), last: None, waiting, ready: None, n_hidden: 0 }
    }

    /// Whether it hides what is found.
    pub fn hides(&self) -> bool {
        self.waiting.is_some()
    }

    /// Takes one point of the frame grid, with its picture if it shows a fresh one. Before the first picture there is nothing to show.
    pub fn put(&mut self, frame: PacedFrame, fresh: Option<&Arc<Picture>>) {
        if let Some(fresh) = fresh {
            self.last = Some(fresh.clone());
        }
        let Some(last) = self.last.clone() else { return };
        match (&self.parts.detections.hiding, self.waiting.as_mut()) {
            (Some(hiding), Some(waiting)) => {
                hiding.runs.try_iter().for_each(|run| waiting.push_run(run));
                waiting.put(frame, last);
            }
            _ => {
                let detection = (self.parts.detections.newest)();
                self.ready = Some(ReadyFrame { frame, picture: last, cover: Cover::Areas(Vec::new()), detection });
            }
        }
    }

    /// Shows that picture until another comes, if there is none yet.
    pub fn begin_with(&mut self, picture: impl FnOnce() -> Picture) {
        self.last.get_or_insert_with(|| Arc::new(picture()));
    }

    /// No picture is shown any more.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// The next frame that need not wait any more.
    pub fn take_ready(&mut self) -> Option<ReadyFrame> {
        let Some(waiting) = self.waiting.as_mut() else { return self.ready.take() };
        let ready = waiting.take_ready()?;
        self.note_hiding(&ready);
        Some(ready)
    }

    /// The next frame, with what is known by now; for the end, when nothing more will come.
    pub fn take_anyway(&mut self) -> Option<ReadyFrame> {
        self.waiting.as_mut()?.take_anyway()
    }

    /// Tells when nothing but the whole picture can be hidden, and when that is over.
    fn note_hiding(&mut self, ready: &ReadyFrame) {
        match (&ready.cover, ready.frame.shown) {
            (_, Shown::Slate { .. }) => {}
            (Cover::Whole, _) => {
                if self.n_hidden == 0 {
                    tracing::warn!("the detector fails or does not keep up; the whole picture is pixelated until it does");
                }
                self.n_hidden += 1;
                self.parts.status.hidden.bump();
            }
            (Cover::Areas(_), _) => {
                if self.n_hidden > 0 {
                    tracing::info!("the detector is back; {} frames were pixelated as a whole", self.n_hidden);
                }
                self.n_hidden = 0;
            }
        }
    }

    /// The finished picture of a frame, with the dates of that anchor; the source's own buffer where nothing is burnt in.
    pub fn compose(&self, ready: ReadyFrame, anchor: WallAnchor) -> Arc<Picture> {
        let ReadyFrame { frame, picture, cover, detection } = ready;
        let (Overlay { boxes, labels, clock, .. }, clock_strip) = (self.parts.overlay.get(), self.parts.clock_strip);
        let clear = match clock_strip {
            ClockStrip::None => KeepClear::Nothing,
            ClockStrip::Source | ClockStrip::Burn => KeepClear::ClockStrip,
        };
        // A strip that is burnt in later covers its place anyway; one that is in the picture already must stay readable.
        let keep = if clock_strip == ClockStrip::Source { clear } else { KeepClear::Nothing };
        let is_slate = matches!(frame.shown, Shown::Slate { .. });
        let found = if (boxes || labels) && !is_slate { detection.boxes_at(picture.at) } else { Vec::new() };
        let is_stamped = clock || clock_strip == ClockStrip::Burn;
        if cover == Cover::Areas(Vec::new()) && found.is_empty() && !is_slate && !is_stamped {
            return picture;
        }
        // A picture that waited long is nobody else's any more, and is drawn on as it is.
        let mut picture = Arc::try_unwrap(picture).unwrap_or_else(|shared| self.pool.copy(&shared));
        match cover {
            Cover::Areas(areas) => areas.iter().for_each(|area| hide_area(&mut picture, *area, keep)),
            Cover::Whole => hide_all(&mut picture, keep),
        }
        if let Shown::Slate { since } = frame.shown {
            draw_slate(&mut picture, anchor.wall_at(since), frame.at.since(since), clear);
        }
        if boxes {
            draw_boxes(&mut picture, &found, clear);
        }
        if labels {
            draw_labels(&mut picture, &found, clear);
        }
        self.stamp(&mut picture, frame, (clock, anchor), clear);
        Arc::new(picture)
    }

    /// Writes the times that were asked for; what has no picture of its own, a slate, has the time at which it is shown.
    fn stamp(&self, picture: &mut Picture, frame: PacedFrame, (clock, anchor): (bool, WallAnchor), clear: KeepClear) {
        if clock {
            let at = if matches!(frame.shown, Shown::Slate { .. }) { frame.at } else { picture.at };
            draw_clock(picture, &anchor.wall_at(at).to_local(), clear);
        }
        if self.parts.clock_strip == ClockStrip::Burn {
            let unix_ms = anchor.wall_at(picture.at).as_unix_ms();
            draw_strip(picture, Strip { unix_ms, number: frame.number as u64 });
        }
    }
}
