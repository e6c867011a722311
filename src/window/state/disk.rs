//! What of the window lies on the disk. The newest segments are in memory, where players ask for them; older ones leave it when the disk has
//! them. What no disk has taken stays in memory as long as there is room for it.

use super::{Part, Segment, State};
use crate::{
    package::{
        Msn,
        key_group::{KeyGroup, by_key_frames},
        media_bytes::MediaBytes,
    },
    time::Span,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// What stays in memory at least: players that are live, and those that have stumbled.
const MEMORY_SPAN: Span = Span::from_ms(30_000);
/// The same in target durations: parts can be fetched for three after their un-listing (rfc8216bis §6.2.2), which is three from the end.
const MEMORY_TARGETS: i64 = 8;

/// Which segments lie on the disk.
#[derive(Debug, Default)]
pub(super) struct OnDisk {
    /// What the disk has said of segments in memory: where they lie, or that it could not take them.
    told: BTreeMap<Msn, Option<MediaBytes>>,
    /// Segments from the front that have left the newest ones.
    old: usize,
    /// Length of the newest ones, with the growing one.
    newest: Span,
    /// Of the old ones, those that are in memory because no disk has taken them.
    untaken: VecDeque<Msn>,
    /// Bytes in memory.
    memory_bytes: u64,
}

impl OnDisk {
    /// A part has come.
    pub(super) fn hold(&mut self, duration: Span, bytes: u64) {
        self.newest = self.newest + duration;
        self.memory_bytes += bytes;
    }

    /// So many segments were found on the disk.
    pub(super) fn restored(&mut self, count: usize) {
        self.old = count;
    }

    /// The first segment is held no longer.
    pub(super) fn forget(&mut self, segment: &Segment) {
        let msn = segment.start.msn;
        self.told.remove(&msn);
        self.untaken.retain(|untaken| *untaken > msn);
        if self.old == 0 {
            self.newest = self.newest - segment.duration;
        }
        self.old = self.old.saturating_sub(1);
        self.memory_bytes -= in_memory(segment);
    }
}

/// Bytes of a segment that are in memory.
fn in_memory(segment: &Segment) -> u64 {
    if segment.parts.first().is_some_and(|part| part.data.memory().is_some()) { segment.bytes } else { 0 }
}

impl State {
    /// The disk has a segment: its bytes, from its first part to its last; `None` when it could not take it.
    pub(in crate::window) fn tell_stored(&mut self, msn: Msn, data: Option<MediaBytes>) {
        let Some(place) = self.segments.front().and_then(|front| msn.0.checked_sub(front.start.msn.0)) else { return };
        if place as usize >= self.on_disk.old {
            self.on_disk.told.insert(msn, data);
            return;
        }
        // The disk was slow, or has lost what it had.
        self.on_disk.untaken.retain(|untaken| *untaken != msn);
        match data {
            Some(data) => self.replace(place as usize, |segment| segment.lies_in(&data)),
            None => {
                let behind = self.on_disk.untaken.partition_point(|untaken| *untaken < msn);
                self.on_disk.untaken.insert(behind, msn);
            }
        }
    }

    /// The disk has lost all that it had. Says whether fewer segments are listed for that, and which is the first that is in memory.
    pub(in crate::window) fn forget_stored(&mut self) -> (bool, Option<Msn>) {
        self.on_disk.told.clear();
        self.on_disk.untaken.clear();
        let in_memory = |segment: &Arc<Segment>| in_memory(segment) > 0;
        let lost = self.segments.iter().rfind(|segment| !in_memory(segment)).map(|segment| segment.start.msn);
        let first = self.segments.iter().find(|segment| in_memory(segment)).map(|segment| segment.start.msn);
        (lost.is_some_and(|lost| self.forget_through(lost)), first)
    }

    /// Bytes of the window that are in memory.
    pub fn memory_bytes(&self) -> u64 {
        self.on_disk.memory_bytes
    }

    /// Lets go of the bytes that the disk has, and of the oldest that it has not when memory is short.
    pub(super) fn leave_memory(&mut self) {
        let Some(memory_max) = self.config.memory_max else { return };
        let newest_min = MEMORY_SPAN.max(self.config.target_duration() * MEMORY_TARGETS);
        while let Some(oldest) =
            self.segments.get(self.on_disk.old).filter(|oldest| self.on_disk.newest - oldest.duration >= newest_min)
        {
            let (msn, duration) = (oldest.start.msn, oldest.duration);
            match self.on_disk.told.remove(&msn) {
                Some(Some(data)) => self.replace(self.on_disk.old, |segment| segment.lies_in(&data)),
                Some(None) => self.on_disk.untaken.push_back(msn),
                // It waits for the disk.
                None if self.on_disk.memory_bytes <= memory_max => break,
                None => self.on_disk.untaken.push_back(msn),
            }
            self.on_disk.old += 1;
            self.on_disk.newest = self.on_disk.newest - duration;
        }
        while self.on_disk.memory_bytes > memory_max
            && let Some(msn) = self.on_disk.untaken.pop_front()
        {
            let first = self.segments.front().map_or(msn, |first| first.start.msn);
            self.replace((msn.0 - first.0) as usize, Segment::is_lost);
        }
    }

    /// The bytes of a segment are gone, though it is listed.
    pub(super) fn lose(&mut self, place: usize) {
        self.replace(place, Segment::is_lost);
    }

    fn replace(&mut self, place: usize, change: impl FnOnce(&mut Segment)) {
        let Some(segment) = self.segments.get_mut(place) else { return };
        self.on_disk.memory_bytes -= in_memory(segment);
        change(Arc::make_mut(segment));
        self.on_disk.memory_bytes += in_memory(segment);
    }
}

impl Segment {
    /// Its bytes are these, on the disk. Its parts are not fetched any more by now; those that reach from one key frame to the next say all
    /// that is still asked, and are fewer.
    fn lies_in(&mut self, data: &MediaBytes) {
        self.parts = joined(&self.parts, data);
        self.has_published_parts = false;
    }

    /// Its bytes are gone.
    fn is_lost(&mut self) {
        for part in &mut self.parts {
            part.data = MediaBytes::Lost(part.data.len());
        }
    }
}

/// Parts joined to groups that begin with a key frame, in the bytes of all of them.
fn joined(parts: &[Part], data: &MediaBytes) -> Vec<Part> {
    let mut begin = 0;
    let groups = by_key_frames(parts).into_iter().enumerate();
    let parts = groups.map(|(index, KeyGroup { first, duration, len })| {
        let data = data.slice(begin..begin + len);
        begin += len;
        Part { index: index as u32, duration, data, ..first.clone() }
    });
    parts.collect()
}
