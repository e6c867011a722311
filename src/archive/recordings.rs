//! Recordings: stretches of the history that somebody wants to keep. They are no copies; a protected one keeps the files in which it lies from
//! being deleted. Each is a small file in the folder `recordings` of its camera, so that no damage of the index lets protected footage go.

use super::HistoryError;
use crate::{
    camera_name::CameraName,
    plain_file,
    sync::lock,
    time::{Span, WallTime},
    window::footage::{Coverage, TimeRange},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// The folder beside the files.
const FOLDER: &str = "recordings";
/// How the names of its files end.
const SUFFIX: &str = ".json";
/// The format that is written. What is newer cannot be read.
const FORMAT: u32 = 1;
/// Most recordings of a camera: one each quarter of an hour for three months.
pub const RECORDINGS_MAX: usize = 10_000;
/// No clock says so many seconds: a file of a higher number is none of ours.
const NUMBER_MAX: u64 = 1 << 40;
/// The shortest recording.
const SHORTEST: Span = Span::from_ms(1);
/// How an id begins.
const ID_PREFIX: &str = "recording-";

/// A recording, as it is told in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recording {
    /// `recording-NUMBER`; the number is never used again.
    pub id: String,
    /// The camera.
    pub camera: CameraName,
    /// For people.
    pub name: Option<String>,
    /// From this moment on.
    pub from: WallTime,
    /// Up to this one, which may lie ahead; none while it goes on.
    pub to: Option<WallTime>,
    /// Its footage is not deleted.
    pub protect: bool,
    /// Where it is protected for a time only: until when; none while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protected_until: Option<WallTime>,
    /// Who has made it.
    pub cause: Cause,
    /// Where it is served as a file, below the address of the server.
    pub file: String,
}

/// Who makes a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Somebody who asked for it.
    #[default]
    Request,
    /// Markers, by `--record-on`.
    Marker,
    /// The hours of the week, by `--record-schedule`.
    Schedule,
}

/// A recording to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// For people.
    pub name: Option<String>,
    /// From this moment on.
    pub from: WallTime,
    /// Up to this one; none if it goes on.
    pub to: Option<WallTime>,
    /// Whether its footage is protected.
    pub protect: bool,
    /// For how long behind its end; none is for ever.
    pub keep: Option<Span>,
    /// Who makes it.
    pub cause: Cause,
}

/// A change of a recording: what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The new name, or none any more.
    pub name: Option<Option<String>>,
    /// Its end.
    pub to: Option<WallTime>,
    /// Whether its footage is protected, and then for ever.
    pub protect: Option<bool>,
}

/// Why a recording is not made or changed: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// There is none of that id.
    #[error("there is no recording of that id; GET /api/recordings lists them")]
    NotFound,
    /// It would end before it begins.
    #[error("a recording ends after it begins, at {0}")]
    Order(WallTime),
    /// [`RECORDINGS_MAX`].
    #[error("there are {RECORDINGS_MAX} recordings, the most; delete some")]
    TooMany,
    /// The disk does not take it.
    #[error(transparent)]
    Disk(#[from] HistoryError),
}

/// What is kept of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    format: u32,
    name: Option<String>,
    /// µs since 1970.
    from: i64,
    to: Option<i64>,
    protect: bool,
    /// µs behind its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep: Option<i64>,
    #[serde(default, skip_serializing_if = "Cause::is_request")]
    cause: Cause,
}

/// Whom protected footage has to give way to.
#[derive(Clone, Debug, Default)]
pub(super) struct Protected {
    /// What is not deleted because its time is over.
    pub now: Coverage,
    /// What is not deleted for want of room either.
    pub always: Coverage,
}

#[derive(Debug, Default)]
struct State {
    recordings: BTreeMap<u64, Kept>,
    /// Those whose end is not told yet.
    going_on: BTreeSet<u64>,
    /// The highest number so far.
    last: u64,
    /// A file that cannot be understood: nobody knows what it protects.
    unread: Option<PathBuf>,
    /// What they protect, as of [`State::look`].
    protected: Arc<Protected>,
    /// When the next of them protects nothing any more.
    next_over: Option<WallTime>,
}

/// The recordings of a camera.
#[derive(Debug)]
pub struct Recordings {
    camera: CameraName,
    folder: PathBuf,
    /// Held by who writes, while the disk is waited for: one after the other.
    writing: Mutex<()>,
    /// Never held over a wait.
    state: Mutex<State>,
}

impl Recordings {
    /// Reads those in the folder of a camera's history. While there is a file that cannot be understood, nothing at all is deleted.
    pub(super) fn open(camera: &CameraName, history: &Path, now: WallTime) -> Result<Recordings, HistoryError> {
        let folder = history.join(FOLDER);
        let failed = |error| HistoryError::io("read the folder", &folder, &error);
        let mut state = State::default();
        match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(entries) => {
                for entry in entries {
                    let name = entry.map_err(failed)?.file_name();
                    let Some(number) = name.to_str().and_then(|name| number_of(name.strip_suffix(SUFFIX)?)) else { continue };
                    let path = folder.join(&name);
                    let bytes = fs::read(&path).map_err(|error| HistoryError::io("read", &path, &error))?;
                    state.read(number, &bytes, path, now);
                }
            }
        }
        state.look(now);
        if let Some(unread) = &state.unread {
            tracing::error!(
                "{} is no recording that this hlscam can read, and nothing is deleted while it is there: move it away, or use the hlscam \
                 that has written it",
                unread.display()
            );
        }
        Ok(Recordings { camera: camera.clone(), folder, writing: Mutex::default(), state: Mutex::new(state) })
    }

    /// All of them, first to last.
    pub fn list(&self) -> Vec<Recording> {
        lock(&self.state).recordings.iter().map(|(number, kept)| self.told(*number, kept)).collect()
    }

    /// Whether one of them takes what is captured now.
    pub fn is_recorded(&self, now: WallTime) -> bool {
        let state = lock(&self.state);
        let going_on = state.going_on.iter().filter_map(|number| state.recordings.get(number));
        going_on.into_iter().any(|kept| kept.from <= now.0 && !kept.is_over(now))
    }

    /// The one of that id.
    pub fn find(&self, id: &str) -> Option<Recording> {
        let number = number_of(id)?;
        lock(&self.state).recordings.get(&number).map(|kept| self.told(number, kept))
    }

    /// Makes one.
    pub fn add(&self, draft: Draft, now: WallTime) -> Result<Recording, RecordingError> {
        let Draft { name, from, to, protect, keep, cause } = draft;
        if to.is_some_and(|to| to <= from) {
            return Err(RecordingError::Order(from));
        }
        let _turn = lock(&self.writing);
        // Seconds since 1970, as long as there are fewer than one a second: a number that was deleted is not given again by a later run.
        let number = {
            let state = lock(&self.state);
            if state.recordings.len() >= RECORDINGS_MAX {
                return Err(RecordingError::TooMany);
            }
            (state.last + 1).max((now.0 / 1_000_000).max(0) as u64)
        };
        let keep = keep.map(Span::as_us);
        let kept = Kept { format: FORMAT, name, from: from.0, to: to.map(|to| to.0), protect, keep, cause };
        self.keep(number, &kept)?;
        let mut state = lock(&self.state);
        state.last = number;
        state.take(number, kept.clone(), now);
        state.look(now);
        Ok(self.told(number, &kept))
    }

    /// Makes one; where there are too many, in place of the oldest that no person has made or wants kept.
    pub(super) fn add_in_place(&self, draft: Draft, now: WallTime) -> Result<Recording, RecordingError> {
        match self.add(draft.clone(), now) {
            Err(RecordingError::TooMany) => {
                let oldest = lock(&self.state).recordings.iter().find(|(_, kept)| !kept.is_wanted()).map(|(number, _)| *number);
                self.remove(&format!("{ID_PREFIX}{}", oldest.ok_or(RecordingError::TooMany)?), now)?;
                self.add(draft, now)
            }
            made => made,
        }
    }

    /// Changes one.
    pub fn change(&self, id: &str, change: Change, now: WallTime) -> Result<Recording, RecordingError> {
        let number = number_of(id).ok_or(RecordingError::NotFound)?;
        let _turn = lock(&self.writing);
        let mut kept = lock(&self.state).recordings.get(&number).ok_or(RecordingError::NotFound)?.clone();
        if let Some(to) = change.to {
            if to.0 <= kept.from {
                return Err(RecordingError::Order(WallTime(kept.from)));
            }
            kept.to = Some(to.0);
        }
        kept.name = change.name.unwrap_or(kept.name);
        if let Some(protect) = change.protect {
            (kept.protect, kept.keep) = (protect, None);
        }
        self.keep(number, &kept)?;
        let mut state = lock(&self.state);
        let is_told = !state.going_on.contains(&number);
        state.take(number, kept.clone(), now);
        state.look(now);
        // What is over by this change is told as any other, by who asks for those that are.
        if !is_told {
            state.going_on.insert(number);
        }
        Ok(self.told(number, &kept))
    }

    /// Forgets one; its footage is deleted with its time.
    pub fn remove(&self, id: &str, now: WallTime) -> Result<(), RecordingError> {
        let number = number_of(id).ok_or(RecordingError::NotFound)?;
        let _turn = lock(&self.writing);
        self.remove_number(number, now)
    }

    fn remove_number(&self, number: u64, now: WallTime) -> Result<(), RecordingError> {
        if !lock(&self.state).recordings.contains_key(&number) {
            return Err(RecordingError::NotFound);
        }
        let path = self.path_of(number);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(HistoryError::io("remove", &path, &error).into()),
            _ => {}
        }
        let mut state = lock(&self.state);
        state.recordings.remove(&number);
        state.going_on.remove(&number);
        state.look(now);
        Ok(())
    }

    /// Ends those that another run has made by itself and not ended: its last footage is from `last`.
    pub(super) fn end_left(&self, last: WallTime, now: WallTime) -> Result<(), RecordingError> {
        let mut made = self.list().into_iter().filter(|found| found.cause != Cause::Request);
        made.try_for_each(|found| self.stop(&found.id, last, now))
    }

    /// Ends one at that time, if it goes on. One that would end before it begins is as short as can be: nothing of it was kept, or the clock
    /// was set back.
    pub(super) fn stop(&self, id: &str, to: WallTime, now: WallTime) -> Result<(), RecordingError> {
        match self.find(id) {
            Some(Recording { to: None, from, .. }) => {
                self.change(id, Change { to: Some(to.max(from + SHORTEST)), ..Change::default() }, now).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Forgets those that no person has made and of which there is no footage any more: the oldest is from `first`.
    pub(super) fn forget_before(&self, first: WallTime, now: WallTime) -> Result<(), RecordingError> {
        let is_gone = |kept: &Kept| !kept.is_wanted() && kept.to.is_some_and(|to| to <= first.0);
        let _turn = lock(&self.writing);
        let gone: Vec<u64> =
            lock(&self.state).recordings.iter().filter(|(_, kept)| is_gone(kept)).map(|(number, _)| *number).collect();
        gone.into_iter().try_for_each(|number| self.remove_number(number, now))
    }

    /// Those that are over by now, and were not told as such; each once.
    pub fn take_ended(&self, now: WallTime) -> Vec<Recording> {
        let mut state = lock(&self.state);
        let ended: Vec<u64> = state
            .going_on
            .iter()
            .filter(|number| state.recordings.get(number).is_none_or(|kept| kept.is_over(now)))
            .copied()
            .collect();
        ended.iter().for_each(|number| _ = state.going_on.remove(number));
        ended.iter().filter_map(|number| Some(self.told(*number, state.recordings.get(number)?))).collect()
    }

    /// The times whose footage is not deleted now.
    pub(super) fn protected(&self, now: WallTime) -> Arc<Protected> {
        let mut state = lock(&self.state);
        if state.next_over.is_some_and(|over| over <= now) {
            state.look(now);
        }
        state.protected.clone()
    }

    fn told(&self, number: u64, kept: &Kept) -> Recording {
        let id = format!("{ID_PREFIX}{number}");
        Recording {
            file: format!("api/recordings/{id}.mp4?camera={}", self.camera.as_str()),
            id,
            camera: self.camera.clone(),
            name: kept.name.clone(),
            from: WallTime(kept.from),
            to: kept.to.map(WallTime),
            protect: kept.protect,
            protected_until: kept.protected_until().filter(|_| kept.protect && kept.to.is_some()),
            cause: kept.cause,
        }
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{ID_PREFIX}{number}{SUFFIX}"))
    }

    /// Writes its file: whole or not at all.
    fn keep(&self, number: u64, kept: &Kept) -> Result<(), HistoryError> {
        let path = self.path_of(number);
        fs::create_dir_all(&self.folder).map_err(|error| HistoryError::io("create the folder", &self.folder, &error))?;
        let text = serde_json::to_vec(kept).unwrap_or_default();
        plain_file::replace(&path, &text).map_err(|error| HistoryError::io("write", &path, &error))
    }
}

impl State {
    fn read(&mut self, number: u64, bytes: &[u8], path: PathBuf, now: WallTime) {
        self.last = self.last.max(number);
        match serde_json::from_slice::<Kept>(bytes).ok().filter(|kept| kept.format <= FORMAT) {
            Some(kept) => self.take(number, kept, now),
            None => self.unread = Some(path),
        }
    }

    /// Finds out what they protect by now.
    fn look(&mut self, now: WallTime) {
        let (mut protected, mut next_over) = (Protected::default(), None);
        if self.unread.is_some() {
            let all = TimeRange { from: WallTime(i64::MIN), to: WallTime(i64::MAX) };
            [&mut protected.now, &mut protected.always].into_iter().for_each(|coverage| coverage.add(all));
        }
        for kept in self.recordings.values().filter(|kept| kept.protect) {
            let until = kept.protected_until();
            if until.is_some_and(|until| until <= now) {
                continue;
            }
            next_over = [next_over, until].into_iter().flatten().min();
            let time = TimeRange { from: WallTime(kept.from), to: kept.to.map_or(WallTime(i64::MAX), WallTime) };
            protected.now.add(time);
            if kept.keep.is_none() {
                protected.always.add(time);
            }
        }
        (self.protected, self.next_over) = (protected.into(), next_over);
    }

    fn take(&mut self, number: u64, kept: Kept, now: WallTime) {
        if kept.is_over(now) {
            self.going_on.remove(&number);
        } else {
            self.going_on.insert(number);
        }
        self.recordings.insert(number, kept);
    }
}

impl Cause {
    fn is_request(&self) -> bool {
        *self == Cause::Request
    }
}

impl Kept {
    /// Whether a person has made it, or wants it kept.
    fn is_wanted(&self) -> bool {
        self.cause.is_request() || (self.protect && self.keep.is_none())
    }

    /// Until when its footage is protected, if it is.
    fn protected_until(&self) -> Option<WallTime> {
        match (self.keep, self.to) {
            (Some(keep), Some(to)) => Some(WallTime(to.saturating_add(keep))),
            _ => None,
        }
    }

    fn is_over(&self, now: WallTime) -> bool {
        self.to.is_some_and(|to| to <= now.0)
    }
}

fn number_of(id: &str) -> Option<u64> {
    let digits = id.strip_prefix(ID_PREFIX)?;
    // An id has one form only.
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits && *number <= NUMBER_MAX)
}

#[cfg(test)]
mod tests;
