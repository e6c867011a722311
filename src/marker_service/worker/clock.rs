//! Follows steps of the wall clock: both dates of a marker are of one clock, so that its length is that of the monotonic clock. An open
//! marker ends at the step, and a new one begins behind it.

use super::*;
use crate::{
    package::SegmentStart,
    window::timeline::{Stretch, has_stepped},
};

/// The clock that the playlists go by, as far as the service has followed it.
#[derive(Debug, Default)]
pub(super) struct Dates {
    /// The newest stretch that was seen.
    newest: Option<SegmentStart>,
    /// Markers of clients that were open at a step, and the ones that go on for them: a client ends its marker by the first id.
    successors: HashMap<String, String>,
    /// Markers dated by a clock that was ahead, until what they date has left the window.
    stale: Vec<String>,
}

impl Worker {
    /// The date of now, as the playlists will tell it: until they have followed a step, by the clock before it.
    pub(super) fn today(&self) -> WallTime {
        self.wall_at(self.parts.clock.now())
    }

    /// Whether a picture was captured before the last step.
    pub(super) fn is_of_old_clock(&self, at: Ticks, wall: WallTime) -> bool {
        let newest = self.dates.newest.filter(|newest| at < newest.at);
        newest.is_some_and(|newest| has_stepped(wall.0 - newest.wall.0, at.since(newest.at).as_us()))
    }

    /// Follows the playlists into a new stretch. Where its dates do not go on from the last, the wall clock was stepped.
    pub(super) fn follow_clock(&mut self) {
        let Some(Stretch { first: newest, .. }) = self.parts.window.newest_stretch() else { return };
        let Some(before) = self.dates.newest.replace(newest).filter(|before| before.msn != newest.msn) else { return };
        let passed = newest.at.since(before.at);
        if !has_stepped(newest.wall.0 - before.wall.0, passed.as_us()) {
            return;
        }
        let over = self.observer.finish();
        self.take(over);
        let done = self.begin_anew((before.wall + passed).whole_ms(), newest.wall);
        self.note(done);
        self.count();
    }

    /// Ends what is open at the step, by the clock before it, and begins what clients have open again by the new one.
    fn begin_anew(&mut self, ended: WallTime, begin: WallTime) -> Result<(), StoreError> {
        for mut marker in self.open_ones()? {
            // A client whose clock is right may have dated it by the clock that is right now.
            if marker.begin > ended && marker.begin <= begin {
                continue;
            }
            marker.end = Some(ended.max(marker.begin));
            let (id, source) = (marker.id.clone(), marker.source);
            let anew = Marker { id: String::new(), begin, end: None, ..marker.clone() };
            self.close(marker)?;
            if source == MarkerSource::Api {
                let anew = self.add(anew)?;
                self.dates.successors.values_mut().filter(|last| **last == id).for_each(|last| last.clone_from(&anew.id));
                self.dates.successors.insert(id, anew.id);
            }
        }
        if begin < ended && self.parts.retention == Retention::Window {
            let camera = self.parts.camera.clone();
            let query =
                Query { camera, from: begin, to: WallTime(i64::MAX), kinds: Vec::new(), limit: MARKERS_MAX as usize, after: None };
            let (ahead, _) = self.store().list(&query)?;
            let is_over = |marker: &Marker| marker.begin > begin && marker.end.is_some();
            self.dates.stale.extend(ahead.into_iter().filter(is_over).map(|marker| marker.id));
        }
        Ok(())
    }

    /// Forgets what was dated by a clock that was ahead, once nothing of that is left to watch.
    pub(super) fn forget_stale(&mut self) -> Result<(), StoreError> {
        if !self.dates.stale.is_empty() && self.parts.window.has_one_clock() {
            for id in std::mem::take(&mut self.dates.stale) {
                self.store().remove(&id)?;
            }
        }
        Ok(())
    }

    /// The marker that goes on for one that was open at a step, or that one.
    pub(super) fn successor(&self, id: String) -> String {
        self.dates.successors.get(&id).cloned().unwrap_or(id)
    }

    /// A marker is over: nobody asks for what went on for it.
    pub(super) fn forget_successor(&mut self, id: &str) {
        self.dates.successors.retain(|_, last| last != id);
    }
}
