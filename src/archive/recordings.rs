//! Recordings: stretches of the history that somebody wants to keep. They are no copies; a protected one keeps the files in which it lies from
//! being deleted. Each is a small file in the folder `recordings` of its camera, so that no damage of the index lets protected footage go.

use super::HistoryError;
use crate::{
    camera_name::CameraName,
    plain_file,
    sync::lock,
    time::WallTime,
    window::footage::{Coverage, TimeRange},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Mutex,
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
    /// Its footage is never deleted.
    pub protect: bool,
    /// Where it is served as a file, below the address of the server.
    pub file: String,
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
}

/// A change of a recording: what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The new name, or none any more.
    pub name: Option<Option<String>>,
    /// Its end.
    pub to: Option<WallTime>,
    /// Whether its footage is protected.
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

    /// The one of that id.
    pub fn find(&self, id: &str) -> Option<Recording> {
        let number = number_of(id)?;
        lock(&self.state).recordings.get(&number).map(|kept| self.told(number, kept))
    }

    /// Makes one.
    pub fn add(&self, draft: Draft, now: WallTime) -> Result<Recording, RecordingError> {
        let Draft { name, from, to, protect } = draft;
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
        let kept = Kept { format: FORMAT, name, from: from.0, to: to.map(|to| to.0), protect };
        self.keep(number, &kept)?;
        let mut state = lock(&self.state);
        state.last = number;
        state.take(number, kept.clone(), now);
        Ok(self.told(number, &kept))
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
        kept.protect = change.protect.unwrap_or(kept.protect);
        self.keep(number, &kept)?;
        let mut state = lock(&self.state);
        let is_told = !state.going_on.contains(&number);
        state.take(number, kept.clone(), now);
        // What is over by this change is told as any other, by who asks for those that are.
        if !is_told {
            state.going_on.insert(number);
        }
        Ok(self.told(number, &kept))
    }

    /// Forgets one; its footage is deleted with its time.
    pub fn remove(&self, id: &str) -> Result<(), RecordingError> {
        let number = number_of(id).ok_or(RecordingError::NotFound)?;
        let _turn = lock(&self.writing);
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
        Ok(())
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

    /// The times whose footage is never deleted.
    pub(super) fn protected(&self) -> Coverage {
        let mut coverage = Coverage::default();
        let state = lock(&self.state);
        if state.unread.is_some() {
            coverage.add(TimeRange { from: WallTime(i64::MIN), to: WallTime(i64::MAX) });
            return coverage;
        }
        for kept in state.recordings.values().filter(|kept| kept.protect) {
            coverage.add(TimeRange { from: WallTime(kept.from), to: kept.to.map_or(WallTime(i64::MAX), WallTime) });
        }
        coverage
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

    fn take(&mut self, number: u64, kept: Kept, now: WallTime) {
        if kept.is_over(now) {
            self.going_on.remove(&number);
        } else {
            self.going_on.insert(number);
        }
        self.recordings.insert(number, kept);
    }
}

impl Kept {
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
mod tests {
    use super::*;
    use crate::time::Span;

    const NOW: WallTime = WallTime(1_795_191_552_000_000);

    fn after_s(s: i64) -> WallTime {
        NOW + Span::from_ms(s * 1000)
    }

    fn draft(from_s: i64, to_s: Option<i64>, protect: bool) -> Draft {
        Draft { name: Some("door".to_owned()), from: after_s(from_s), to: to_s.map(after_s), protect }
    }

    fn open(folder: &Path) -> Recordings {
        Recordings::open(&CameraName::default(), folder, NOW).expect("the folder can be read")
    }

    #[test]
    fn what_was_made_changed_and_deleted_is_so_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let recordings = open(folder.path());
        let first = recordings.add(draft(-60, Some(-30), true), NOW).expect("it is kept");
        let second = recordings.add(draft(-10, None, true), NOW).expect("it is kept");
        let third = recordings.add(draft(-5, Some(60), false), NOW).expect("it is kept");
        assert_eq!([&first.id, &second.id, &third.id], ["recording-1795191552", "recording-1795191553", "recording-1795191554"]);
        let change = Change { name: Some(None), to: Some(after_s(-1)), protect: None };
        let second = recordings.change(&second.id, change, NOW).expect("it is changed");
        assert_eq!((second.name.clone(), second.to), (None, Some(after_s(-1))));
        recordings.remove(&third.id).expect("it is removed");
        assert_eq!(recordings.list(), [first.clone(), second.clone()]);
        drop(recordings);
        let again = open(folder.path());
        assert_eq!(again.list(), [first, second.clone()]);
        assert_eq!(again.find(&second.id), Some(second));
        assert!(again.find("recording-01795191553").is_none() && again.find("x").is_none());
    }

    #[test]
    fn an_end_is_told_once_and_not_again_by_the_next_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let recordings = open(folder.path());
        let open_end = recordings.add(draft(0, None, true), NOW).expect("it is kept");
        let ahead = recordings.add(draft(0, Some(10), true), NOW).expect("it is kept");
        let ids = |ended: Vec<Recording>| ended.into_iter().map(|recording| recording.id).collect::<Vec<_>>();
        assert!(recordings.take_ended(after_s(9)).is_empty());
        assert_eq!(ids(recordings.take_ended(after_s(10))), [ahead.id]);
        let change = Change { to: Some(after_s(20)), ..Change::default() };
        recordings.change(&open_end.id, change, after_s(20)).expect("it is changed");
        assert_eq!(ids(recordings.take_ended(after_s(20))), [open_end.id]);
        assert!(recordings.take_ended(after_s(30)).is_empty());
        let again = Recordings::open(&CameraName::default(), folder.path(), after_s(40)).expect("the folder can be read");
        assert!(again.take_ended(after_s(50)).is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let recordings = open(folder.path());
        assert!(matches!(recordings.add(draft(5, Some(5), true), NOW), Err(RecordingError::Order(_))));
        let made = recordings.add(draft(0, None, true), NOW).expect("it is kept");
        let early = Change { to: Some(after_s(-1)), ..Change::default() };
        assert!(matches!(recordings.change(&made.id, early, NOW), Err(RecordingError::Order(_))));
        assert!(matches!(recordings.change("recording-7", Change::default(), NOW), Err(RecordingError::NotFound)));
        assert!(matches!(recordings.remove("recording-7"), Err(RecordingError::NotFound)));
        assert_eq!(recordings.list(), [made]);
        // A file of another program, and one of a hlscam to come.
        fs::write(folder.path().join("recordings/notes.txt"), "x").expect("there is room");
        fs::write(folder.path().join("recordings/recording-9999999999.json"), "{\"format\":2}").expect("there is room");
        let again = open(folder.path());
        assert_eq!(again.list().len(), 1);
        assert_eq!(again.add(draft(0, None, true), NOW).expect("it is kept").id, "recording-10000000000", "no file is replaced");
        let long_ago = TimeRange { from: WallTime(0), to: WallTime(1) };
        assert!(again.protected().has(long_ago), "what the other file protects is not known");
        fs::remove_file(folder.path().join("recordings/recording-9999999999.json")).expect("it is there");
        // Names that are none of ours.
        for name in ["recording-18446744073709551615.json", "recording-007.json"] {
            fs::write(folder.path().join("recordings").join(name), "x").expect("there is room");
        }
        let again = open(folder.path());
        assert!(!again.protected().has(long_ago) && again.list().len() == 2);
    }
}
