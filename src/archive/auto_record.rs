//! Recordings that nobody asks for each time: while markers of some kinds are open, and in some hours of the week. They are [`Recordings`] as
//! any other; this is told of markers and of the time, and begins and ends them.

use super::recordings::{Cause, Draft, Recording, RecordingError, Recordings};
use crate::time::{Span, WallTime, hours::WeeklyHours, zone::Zone};
use std::{collections::BTreeSet, sync::Arc};

/// How much of the past comes first, unless it is told.
pub const PRE_ROLL_DEFAULT: Span = Span::from_ms(5000);
/// How much comes after the markers have ended, unless it is told. Who turns round for a moment is not recorded twice.
pub const POST_ROLL_DEFAULT: Span = Span::from_ms(10_000);
/// How far back is looked for the minute in which hours began: a segment is shorter, and a machine that slept has no footage of it.
const LOOK_BACK_MINUTES: i64 = 2;
/// µs of a minute, in which hours begin.
const MINUTE_US: i64 = 60_000_000;

/// When is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRules {
    /// While markers of these kinds are open.
    pub kinds: Vec<String>,
    /// In these hours.
    pub hours: Option<WeeklyHours>,
    /// In whose zone they are.
    pub zone: Zone,
    /// How much of the past comes before a marker.
    pub pre_roll: Span,
    /// How much comes after it.
    pub post_roll: Span,
    /// For how long what was recorded is protected behind its end; none is not at all: it is kept as long as all else.
    pub keep: Option<Span>,
}

impl Default for RecordRules {
    fn default() -> RecordRules {
        let (kinds, hours) = (Vec::new(), None);
        RecordRules { kinds, hours, zone: Zone::Local, pre_roll: PRE_ROLL_DEFAULT, post_roll: POST_ROLL_DEFAULT, keep: None }
    }
}

impl RecordRules {
    /// Whether anything is ever recorded by them.
    pub fn is_any(&self) -> bool {
        !self.kinds.is_empty() || self.hours.is_some()
    }

    fn draft(&self, name: Option<String>, from: WallTime, cause: Cause) -> Draft {
        Draft { name, from: from.whole_ms(), to: None, protect: self.keep.is_some(), keep: self.keep, cause }
    }
}

/// A time that is recorded because of markers.
#[derive(Debug)]
struct Marked {
    /// The kind of the first.
    kind: String,
    /// When the first began.
    begin: WallTime,
    /// Those that are open.
    open: BTreeSet<String>,
    /// When the last ended; the beginning before any has.
    last_end: WallTime,
    /// The recording, once the disk has taken it.
    id: Option<String>,
}

/// Begins and ends recordings by rules.
pub struct AutoRecord {
    rules: RecordRules,
    recordings: Arc<Recordings>,
    marked: Option<Marked>,
    /// The recording of the hours that are now.
    in_hours: Option<String>,
    looked_at: Option<WallTime>,
    has_failed: bool,
}

impl AutoRecord {
    /// By these rules.
    pub fn new(rules: RecordRules, recordings: Arc<Recordings>) -> AutoRecord {
        AutoRecord { rules, recordings, marked: None, in_hours: None, looked_at: None, has_failed: false }
    }

    /// A marker has begun, or is open since then.
    pub fn begin(&mut self, id: &str, kind: &str, begin: WallTime) {
        if !self.rules.kinds.iter().any(|wanted| wanted == kind) {
            return;
        }
        let marked = self.marked.get_or_insert_with(|| Marked {
            kind: kind.to_owned(),
            begin,
            open: BTreeSet::new(),
            last_end: begin,
            id: None,
        });
        marked.open.insert(id.to_owned());
    }

    /// A marker has ended; one that was never open lay between these times.
    pub fn end(&mut self, id: &str, kind: &str, (begin, end): (WallTime, WallTime)) {
        self.begin(id, kind, begin);
        self.forget(id, end);
    }

    /// A marker was deleted, or nobody knows of it any more.
    pub fn forget(&mut self, id: &str, now: WallTime) {
        if let Some(marked) = &mut self.marked
            && marked.open.remove(id)
        {
            marked.last_end = marked.last_end.max(now);
        }
    }

    /// What was heard of markers has a hole: those that are still open are heard of again.
    pub fn forget_all(&mut self, now: WallTime) {
        if let Some(marked) = self.marked.as_mut().filter(|marked| !marked.open.is_empty()) {
            marked.open.clear();
            marked.last_end = marked.last_end.max(now);
        }
    }

    /// To be called every few seconds: begins and ends what is due, and gives what has begun. What the disk does not take is tried again with
    /// the next call, and told once.
    pub fn look(&mut self, now: WallTime) -> Vec<Recording> {
        let mut begun = Vec::new();
        let done = self.look_at_markers(now, &mut begun).and_then(|()| self.look_at_hours(now, &mut begun));
        match done {
            Ok(()) => self.has_failed = false,
            Err(error) if !self.has_failed => {
                self.has_failed = true;
                tracing::error!("a recording is not made or ended, which is tried again: {error}");
            }
            Err(_) => {}
        }
        begun
    }

    /// No footage comes any more.
    pub fn finish(&mut self, now: WallTime) {
        let ids = [self.in_hours.take(), self.marked.take().and_then(|marked| marked.id)];
        for id in ids.into_iter().flatten() {
            if let Err(error) = self.recordings.stop(&id, now, now) {
                tracing::error!("{id} is not ended: {error}");
            }
        }
    }

    fn look_at_markers(&mut self, now: WallTime, begun: &mut Vec<Recording>) -> Result<(), RecordingError> {
        let Some(marked) = &mut self.marked else { return Ok(()) };
        if marked.id.is_none() {
            let from = marked.begin + Span(-self.rules.pre_roll.0);
            let draft = self.rules.draft(Some(marked.kind.clone()), from, Cause::Marker);
            let made = self.recordings.add_in_place(draft, now)?;
            marked.id = Some(made.id.clone());
            begun.push(made);
        }
        let to = marked.last_end + self.rules.post_roll;
        if marked.open.is_empty() && to <= now {
            let id = marked.id.clone().unwrap_or_default();
            self.recordings.stop(&id, to, now)?;
            self.marked = None;
        }
        Ok(())
    }

    fn look_at_hours(&mut self, now: WallTime, begun: &mut Vec<Recording>) -> Result<(), RecordingError> {
        let looked_at = self.looked_at.replace(now);
        let Some(hours) = &self.rules.hours else { return Ok(()) };
        if hours.has(now, self.rules.zone) == self.in_hours.is_some() {
            return Ok(());
        }
        let at = looked_at.map_or(now, |before| self.minute_of_change(before, now));
        // What fails is tried again, for the same minute.
        self.looked_at = looked_at;
        if let Some(id) = &self.in_hours {
            self.recordings.stop(id, at, now)?;
            self.in_hours = None;
        } else {
            let made = self.recordings.add_in_place(self.rules.draft(None, at, Cause::Schedule), now)?;
            self.in_hours = Some(made.id.clone());
            begun.push(made);
        }
        self.looked_at = Some(now);
        Ok(())
    }

    /// The minute between two looks in which hours began or ended; the later look where it is long ago.
    fn minute_of_change(&self, before: WallTime, now: WallTime) -> WallTime {
        let Some(hours) = &self.rules.hours else { return now };
        let is_in = |at| hours.has(at, self.rules.zone);
        let minute = WallTime(now.0 - now.0.rem_euclid(MINUTE_US));
        let mut minutes = (0..LOOK_BACK_MINUTES).map(|back| WallTime(minute.0 - back * MINUTE_US)).take_while(|at| *at > before);
        let is_change = |at: &WallTime| is_in(*at) == is_in(now) && is_in(WallTime(at.0 - MINUTE_US)) != is_in(now);
        minutes.find(is_change).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests;
