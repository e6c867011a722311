//! Whether somebody wants the pictures of a camera: who watches, and who records. While nobody does, the camera may be closed or slowed down.

use crate::{
    sync::lock,
    time::{Clock, FrameRate, Span, Ticks, WallTime},
};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::{
    fmt,
    sync::{Arc, Mutex},
};

/// Pictures are wanted this long after the last request of a viewer: a page that is loaded again, a phone that changes its cell and a player
/// of ten-second segments make no camera go off and on.
pub const LINGER: Span = Span::from_ms(15_000);

/// What is done with a camera while nobody wants its pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Unwatched {
    /// It goes on.
    #[default]
    Stream,
    /// It is closed, and opened with the next viewer.
    Close,
    /// So many of its pictures are taken a second, at most.
    Slow(FrameRate),
}

/// Whether something beside viewers wants pictures at a time.
pub type Wants = Box<dyn Fn(WallTime) -> bool + Send + Sync>;

/// The demand for the pictures of a camera.
pub struct Demand {
    unwatched: Unwatched,
    clock: Arc<dyn Clock>,
    wants: Wants,
    /// Called when the camera was closed.
    on_rest: Box<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
    /// Wakes who waits in [`Demand::wait`].
    wake: (Sender<()>, Receiver<()>),
}

#[derive(Debug, Default)]
struct State {
    /// When pictures were last wanted.
    last: Option<Ticks>,
    holders: usize,
}

/// Somebody who wants pictures until it is dropped.
#[derive(Debug)]
pub struct DemandHold(Arc<Demand>);

impl Drop for DemandHold {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.holders -= 1;
        state.last = Some(self.0.clock.now());
    }
}

impl Demand {
    /// The demand for a camera with which that is done while there is none. `wants` is asked beside the viewers, `on_rest` is told when the
    /// camera was closed.
    pub fn new(unwatched: Unwatched, clock: Arc<dyn Clock>, wants: Wants, on_rest: Box<dyn Fn() + Send + Sync>) -> Demand {
        Demand { unwatched, clock, wants, on_rest, state: Mutex::default(), wake: bounded(1) }
    }

    /// The demand for a camera that goes on whatever is wanted.
    pub fn unlimited(clock: Arc<dyn Clock>) -> Demand {
        Demand::new(Unwatched::Stream, clock, Box::new(|_| true), Box::new(|| ()))
    }

    /// What is done while there is none.
    pub fn unwatched(&self) -> Unwatched {
        self.unwatched
    }

    /// A viewer has asked for pictures.
    pub fn note(&self) {
        lock(&self.state).last = Some(self.clock.now());
        self.wake.0.try_send(()).ok();
    }

    /// Pictures are wanted until what comes back is dropped.
    pub fn hold(self: &Arc<Self>) -> DemandHold {
        lock(&self.state).holders += 1;
        self.wake.0.try_send(()).ok();
        DemandHold(self.clone())
    }

    /// Whether pictures are wanted now, or were up to [`LINGER`] ago.
    pub fn is_wanted(&self) -> bool {
        let now = self.clock.now();
        let is_recorded = (self.wants)(self.clock.wall());
        let mut state = lock(&self.state);
        if is_recorded || state.holders > 0 {
            state.last = Some(now);
        }
        state.last.is_some_and(|last| now.since(last) < LINGER)
    }

    /// Whether the camera is to be closed now.
    pub(super) fn is_to_rest(&self) -> bool {
        self.unwatched == Unwatched::Close && !self.is_wanted()
    }

    /// The rate to which it is to be slowed down now.
    pub(super) fn slow_rate(&self) -> Option<FrameRate> {
        match self.unwatched {
            Unwatched::Slow(rate) if !self.is_wanted() => Some(rate),
            _ => None,
        }
    }

    /// Waits for a viewer, that long at most.
    pub(super) fn wait(&self, span: Span) {
        self.wake.1.recv_timeout(span.to_duration()).ok();
    }

    /// The camera was closed.
    pub(super) fn rest(&self) {
        (self.on_rest)();
    }
}

impl fmt::Debug for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demand").field("unwatched", &self.unwatched).field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ManualClock;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn demand(unwatched: Unwatched) -> (Arc<Demand>, Arc<ManualClock>, Arc<AtomicBool>) {
        let (clock, records) = (Arc::new(ManualClock::at(WallTime(0))), Arc::new(AtomicBool::default()));
        let wants = records.clone();
        let wants = Box::new(move |_: WallTime| wants.load(Ordering::Relaxed));
        (Arc::new(Demand::new(unwatched, clock.clone(), wants, Box::new(|| ()))), clock, records)
    }

    #[test]
    fn a_viewer_wants_pictures_for_a_while() {
        let (demand, clock, _) = demand(Unwatched::Close);
        assert!(demand.is_to_rest(), "nobody has come yet");
        demand.note();
        clock.advance(LINGER - Span(1));
        assert!(!demand.is_to_rest());
        demand.note();
        clock.advance(LINGER - Span(1));
        assert!(!demand.is_to_rest());
        clock.advance(Span(1));
        assert!(demand.is_to_rest());
    }

    #[test]
    fn who_holds_and_who_records_want_pictures_and_are_viewers_until_then() {
        let (demand, clock, records) = demand(Unwatched::Close);
        let (one, other) = (demand.hold(), demand.hold());
        clock.advance(LINGER * 2);
        drop(one);
        clock.advance(LINGER * 2);
        assert!(!demand.is_to_rest());
        drop(other);
        clock.advance(LINGER - Span(1));
        assert!(!demand.is_to_rest());
        records.store(true, Ordering::Relaxed);
        clock.advance(LINGER * 2);
        assert!(!demand.is_to_rest());
        records.store(false, Ordering::Relaxed);
        assert!(!demand.is_to_rest(), "what was recorded last is encoded yet");
        clock.advance(LINGER);
        assert!(demand.is_to_rest());
    }

    #[test]
    fn a_camera_that_is_not_to_be_closed_is_slowed_down_or_goes_on() {
        let slow = FrameRate::whole(5);
        let (demand, ..) = demand(Unwatched::Slow(slow));
        assert!(!demand.is_to_rest());
        assert_eq!(demand.slow_rate(), Some(slow));
        demand.note();
        assert_eq!(demand.slow_rate(), None);
        let unlimited = Demand::unlimited(Arc::new(ManualClock::at(WallTime(0))));
        assert_eq!((unlimited.is_to_rest(), unlimited.slow_rate()), (false, None));
    }
}
