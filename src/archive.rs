//! The history of a camera on the disk: the segments of its window, in files that play, with an index beside them. One thread writes; it is
//! told of each whole segment by the bus, and takes its bytes from the window, which keeps them until it has. Whatever the disk does, it
//! costs history, and never a picture that is live.
//!
//! A segment is on the disk before the index knows it, and the index knows it before the window lets go of its bytes. So a kill costs the
//! segment that was growing, and a power cut no more; [`folder`] finds what is whole.

pub mod auto_record;
pub mod catalog;
pub mod check;
pub mod folder;
pub mod index;
pub mod inspect;
pub mod past;
pub mod record;
pub mod recordings;
pub mod repair;
pub mod scan;
#[cfg(test)]
mod tests;
pub mod writer;

use crate::{
    bus::{Bus, Capacity, Policy, QueueConfig, Subscription},
    camera_name::CameraName,
    failpoint,
    package::{InitId, Msn, PackagerEvent, media_bytes::MediaBytes},
    sync::lock,
    threads,
    time::{Clock, Span, WallTime},
    window::{DiskRoom, History, Window, footage::TimeRange, numbers::FirstNumbers, past::Past},
};
use catalog::Catalog;
use crossbeam_channel::{Receiver, bounded};
use folder::Folder;
use index::IndexError;
use past::{Ended, HOLE_MAX};
use recordings::{Recording, Recordings};
use serde::Serialize;
use std::{
    io::{self, ErrorKind},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use writer::Writer;

/// Events that wait for the thread. Beyond it, it hears of a segment with the next one; nothing is lost by that.
const EVENTS_MAX: usize = 1024;
/// Bytes of the parts among them.
const EVENT_BYTES_MAX: usize = 16 << 20;
/// How long the end waits for the disk: most of what it may take in all.
const END_MAX: Span = Span::from_ms(700);

/// Why a history cannot be kept: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct HistoryError {
    sentence: String,
    /// It may pass: the disk is full, or fails.
    pub may_pass: bool,
    /// The index is damaged, and can be made anew from the files.
    is_damaged: bool,
}

impl HistoryError {
    /// What the system says when something is done to a file.
    pub(crate) fn io(what: &str, path: &Path, error: &io::Error) -> HistoryError {
        let may_pass = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge);
        HistoryError { sentence: format!("cannot {what} {}: {error}", path.display()), may_pass, is_damaged: false }
    }

    /// What the index of a folder says.
    pub(crate) fn index(folder: &Path, error: &IndexError) -> HistoryError {
        let path = folder.join(index::FILE_NAME);
        let sentence = format!("the index of the history {} fails: {error}", path.display());
        HistoryError { sentence, may_pass: matches!(error, IndexError::Disk), is_damaged: matches!(error, IndexError::Damaged) }
    }

    /// Its index is not open.
    pub(crate) fn not_open(folder: &Path) -> HistoryError {
        let sentence = format!("the history in {} is not open: the disk fails, or was taken away; see the log", folder.display());
        HistoryError { sentence, may_pass: true, is_damaged: false }
    }

    fn no_room(folder: &Path, min_free: u64) -> HistoryError {
        let sentence = format!(
            "no room for the history in {}: the disk is full but for the {} MB that --min-free keeps, and nothing older can be deleted; make \
             room, or pass a lower --min-free",
            folder.display(),
            min_free.div_ceil(1_000_000)
        );
        HistoryError { sentence, may_pass: true, is_damaged: false }
    }
}

/// What the history tells of itself.
#[derive(Debug, Default)]
pub struct HistoryStatus {
    bytes: AtomicU64,
    files: AtomicU64,
    written: AtomicU64,
    lost: AtomicU64,
    protected_bytes: AtomicU64,
    trouble: Mutex<Option<String>>,
}

/// What a history tells others of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The footage of that time was deleted: its time was over, or there was no room for it.
    Pruned(TimeRange),
    /// Recordings protect so much that there is soon no room for anything new: why, in a sentence.
    Low(String),
    /// A recording was begun by itself.
    RecordingBegun(Recording),
    /// A recording is over.
    RecordingEnded(Recording),
}

/// Hears notices; called by the thread that writes.
pub type Tell = Box<dyn Fn(Notice) + Send>;

/// Told of the time with each segment, by the thread that writes; and last when no more comes.
pub type Look = Box<dyn FnMut(Moment) -> Vec<Recording> + Send>;

/// When somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A segment has come.
    Segment(WallTime),
    /// It was the last.
    End(WallTime),
}

impl Moment {
    /// By the clock.
    pub fn time(self) -> WallTime {
        let (Moment::Segment(time) | Moment::End(time)) = self;
        time
    }
}

/// Protected footage that takes this share of the room is told, in hundredths; and again when it was below the second one.
const PROTECTED_TOLD: (u64, u64) = (80, 70);

/// The history's part of `GET /api/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HistoryReport {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// Segments that this run has written.
    pub written_segments: u64,
    /// Segments of this run that the disk did not take.
    pub lost_segments: u64,
    /// Bytes of files that recordings protect.
    pub protected_bytes: u64,
    /// Why nothing is kept at the moment.
    pub trouble: Option<String>,
}

impl HistoryStatus {
    /// As it is now.
    pub fn report(&self) -> HistoryReport {
        HistoryReport {
            bytes: self.bytes.load(Ordering::Relaxed),
            files: self.files.load(Ordering::Relaxed),
            written_segments: self.written.load(Ordering::Relaxed),
            lost_segments: self.lost.load(Ordering::Relaxed),
            protected_bytes: self.protected_bytes.load(Ordering::Relaxed),
            trouble: lock(&self.trouble).clone(),
        }
    }
}

/// A history that is open, and to which nothing is written yet.
pub struct Archive {
    camera: CameraName,
    folder: PathBuf,
    room: DiskRoom,
    /// None where the disk has no room to begin with.
    writer: Option<Writer>,
    past: Past,
    ended: Ended,
    /// What it tells of itself.
    pub status: Arc<HistoryStatus>,
    /// What is read of it.
    pub catalog: Arc<Catalog>,
    /// What somebody wants to keep of it.
    pub recordings: Arc<Recordings>,
    clock: Arc<dyn Clock>,
}

impl Archive {
    /// Opens the history of a camera in the folder of `--storage`, and finds what of it a window of that size lists. A disk without room is
    /// no reason not to begin.
    pub fn open(
        camera: &CameraName,
        storage: &Path,
        (history, room): (&History, DiskRoom),
        clock: Arc<dyn Clock>,
    ) -> Result<Archive, HistoryError> {
        let folder = storage.join(camera.as_str());
        let recordings = Arc::new(Recordings::open(camera, &folder, clock.wall())?);
        let (status, catalog) = (Arc::<HistoryStatus>::default(), Arc::new(Catalog::new(&folder, room)));
        let (past, ended) = (Past::default(), Ended::default());
        let mut archive =
            Archive { camera: camera.clone(), folder, room, writer: None, past, ended, status, catalog, recordings, clock };
        let opened = with_sound_index(&archive.folder, || {
            let opened = Folder::open(&archive.folder)?;
            opened.tell_found();
            archive.catalog.follow(&opened.index);
            let (past, ended) = past::newest(&opened, &History { bytes_max: room.bytes_max, ..*history })?;
            let writer = Writer::new(camera.as_str(), opened, room, archive.recordings.clone(), archive.clock.clone())?;
            Ok((writer, past, ended))
        });
        match opened {
            Ok((writer, past, ended)) => (archive.writer, archive.past, archive.ended) = (Some(writer), past, ended),
            Err(error) if error.may_pass => archive.status.fail(&error),
            Err(error) => return Err(error),
        }
        archive.end_recordings_of_last_run();
        Ok(archive)
    }

    /// What the last run recorded by itself has ended with its footage, if that run was killed.
    fn end_recordings_of_last_run(&self) {
        let now = self.clock.wall();
        let last = self.past.segments.last().map_or(now, |last| last.start.wall + last.duration);
        if let Err(error) = self.recordings.end_left(last, now) {
            tracing::error!("recordings of the last run cannot be ended: {error}");
        }
    }

    /// Where the numbers of a run begin that goes on behind this history; `stored` is what the store says, which is ahead of it after a kill,
    /// and `otherwise` where there is neither. What players were told of and was not kept is listed as gone; where that is too much, nothing
    /// of the past is listed, for numbers never go back.
    pub fn first_numbers(&mut self, stored: Option<FirstNumbers>, otherwise: FirstNumbers) -> FirstNumbers {
        let next = Msn(self.ended.msn + 1);
        if self.ended.msn == 0 || stored.is_some_and(|stored| stored.msn.0 > next.0 + HOLE_MAX) {
            self.past = Past::default();
            return stored.unwrap_or(otherwise);
        }
        let msn = stored.map_or(next, |stored| stored.msn.max(next));
        self.past.fill_to(msn, self.clock.wall());
        // Those of the listed past stay as they were told.
        FirstNumbers { msn, discontinuities: self.ended.discontinuities.max(1), key_frames: self.ended.key_frames }
    }

    /// The number of the first init segment of a run that goes on behind this history.
    pub fn first_init(&self) -> InitId {
        InitId(self.ended.init + 1)
    }

    /// What a window lists of it; once.
    pub fn take_past(&mut self) -> Past {
        std::mem::take(&mut self.past)
    }

    /// Writes what a bus tells of and a window holds, on a thread of its own.
    pub fn start(self, bus: &Bus, window: Arc<Window>, tell: Tell, look: Look) -> io::Result<Archiving> {
        let queue = QueueConfig::new("the history", Policy::NextEntry, Capacity { items: EVENTS_MAX, bytes: EVENT_BYTES_MAX });
        let mut events = bus.events.subscribe(queue);
        let Archive { camera, folder, room, writer, status, catalog, recordings, clock, .. } = self;
        let next = window.config().first.msn;
        let is_low = false;
        let mut archivist =
            Archivist { camera, folder, room, writer, window, next, status, catalog, recordings, clock, tell, look, is_low };
        archivist.tell_sizes();
        let (sender, ended) = bounded(1);
        threads::spawn("archive", move || {
            // A bug costs the segment that it met, and is told.
            while catch_unwind(AssertUnwindSafe(|| archivist.run(&mut events))).is_err() {
                archivist.give_up(archivist.next);
            }
            sender.send(()).ok();
        })?;
        Ok(Archiving { ended })
    }
}

/// Opens what lies in a folder; where its index is damaged, with one that is made anew from the files.
fn with_sound_index<T>(folder: &Path, open: impl Fn() -> Result<T, HistoryError>) -> Result<T, HistoryError> {
    match open() {
        Err(error) if error.is_damaged => {
            folder::set_index_aside(folder)?;
            open()
        }
        opened => opened,
    }
}

/// The thread that writes.
#[derive(Debug)]
pub struct Archiving {
    ended: Receiver<()>,
}

impl Archiving {
    /// Waits until all is written, which needs the stream to have ended; a disk that hangs is left behind. Says whether all was written.
    pub fn end(self) -> bool {
        self.ended.recv_timeout(END_MAX.to_duration()).is_ok()
    }
}

struct Archivist {
    camera: CameraName,
    folder: PathBuf,
    room: DiskRoom,
    writer: Option<Writer>,
    window: Arc<Window>,
    /// The segment that is written next.
    next: Msn,
    status: Arc<HistoryStatus>,
    catalog: Arc<Catalog>,
    recordings: Arc<Recordings>,
    clock: Arc<dyn Clock>,
    tell: Tell,
    look: Look,
    /// That protected footage takes most of the room was told.
    is_low: bool,
}

impl Archivist {
    fn run(&mut self, events: &mut Subscription<PackagerEvent>) {
        while let Ok(event) = events.recv() {
            if let PackagerEvent::End(msn) = event {
                self.keep_through(msn);
                self.look_for_recordings(Moment::Segment(self.clock.wall()));
            }
        }
        self.look_for_recordings(Moment::End(self.clock.wall()));
    }

    /// Tells of the recordings that have begun and ended.
    fn look_for_recordings(&mut self, moment: Moment) {
        let begun = (self.look)(moment);
        begun.into_iter().for_each(|begun| (self.tell)(Notice::RecordingBegun(begun)));
        self.recordings.take_ended(moment.time()).into_iter().for_each(|ended| (self.tell)(Notice::RecordingEnded(ended)));
    }

    /// A segment met a bug, and is not kept.
    fn give_up(&mut self, msn: Msn) {
        self.writer = None;
        self.status.lost.fetch_add(1, Ordering::Relaxed);
        self.window.tell_stored(msn, None);
        self.next = Msn(msn.0 + 1);
    }

    /// Writes all that is not written yet up to a segment.
    fn keep_through(&mut self, last: Msn) {
        while self.next <= last {
            failpoint::hit("archive");
            self.look_for_folder();
            self.keep(self.next);
            self.next.0 += 1;
        }
    }

    /// Where files were taken away, the folder is opened anew; where all were, what is in memory is written again, and what is not is lost.
    fn look_for_folder(&mut self) {
        if self.writer.as_ref().is_none_or(Writer::is_in_place) {
            return;
        }
        self.writer = None;
        if folder::is_empty(&self.folder) {
            tracing::error!("{} was taken away, and with it the history; it is made again", self.folder.display());
            self.next = self.window.forget_stored().map_or(self.next, |first| first.min(self.next));
        } else {
            tracing::error!("files in {} were taken away; the history goes on with those that are there", self.folder.display());
        }
    }

    fn keep(&mut self, msn: Msn) {
        let written = match self.write(msn) {
            Err(error) if error.is_damaged => self.mend_index().and_then(|()| self.write(msn)),
            written => written,
        };
        let data = match written {
            Ok(data) => {
                self.status.written.fetch_add(1, Ordering::Relaxed);
                self.status.recover();
                Some(data)
            }
            Err(error) => {
                self.status.lost.fetch_add(1, Ordering::Relaxed);
                self.status.fail(&error);
                None
            }
        };
        self.window.tell_stored(msn, data);
        self.tell_sizes();
    }

    /// The index is closed and set aside; the next write makes a new one from the files.
    fn mend_index(&mut self) -> Result<(), HistoryError> {
        self.writer = None;
        folder::set_index_aside(&self.folder)
    }

    fn write(&mut self, msn: Msn) -> Result<MediaBytes, HistoryError> {
        let whole = self.window.whole(msn);
        // Only where this thread was held up for longer than the window is.
        let whole = whole.filter(|whole| whole.segment.parts.iter().all(|part| part.data.memory().is_some()));
        let whole =
            whole.ok_or_else(|| HistoryError::io("keep up with the stream in", &self.folder, &ErrorKind::TimedOut.into()))?;
        if self.writer.is_none() {
            let opened = with_sound_index(&self.folder, || {
                let folder = Folder::open(&self.folder)?;
                self.catalog.follow(&folder.index);
                Writer::new(self.camera.as_str(), folder, self.room, self.recordings.clone(), self.clock.clone())
            });
            self.writer = Some(opened?);
        }
        let Some(writer) = self.writer.as_mut() else { return Err(HistoryError::no_room(&self.folder, self.room.min_free)) };
        let mut pruned = writer.forget_before(self.window.first_held())?;
        // A disk may give the room of a deleted file back later, so it is asked once for each segment.
        let mut may_remove_for_disk = true;
        while !writer.is_allowed(whole.segment.bytes) || (may_remove_for_disk && !writer.is_free(whole.segment.bytes)) {
            let Some((place, last)) = writer.first_to_go() else {
                return Err(HistoryError::no_room(&self.folder, self.room.min_free));
            };
            self.window.forget_through(last);
            pruned.extend(writer.remove(place)?);
            may_remove_for_disk = false;
        }
        let (written, first) = (writer.write(&whole), writer.first_kept());
        self.tell_pruned(pruned, first);
        written
    }

    /// Tells what was deleted. Recordings that were made by themselves go with their footage; the oldest that is left is from `first`.
    fn tell_pruned(&mut self, pruned: Vec<TimeRange>, first: Option<WallTime>) {
        if pruned.is_empty() {
            return;
        }
        pruned.into_iter().for_each(|time| (self.tell)(Notice::Pruned(time)));
        let forgotten = self.recordings.forget_before(first.unwrap_or(WallTime(i64::MAX)), self.clock.wall());
        if let Err(error) = forgotten {
            tracing::warn!("a recording whose footage was deleted is still listed: {error}");
        }
    }

    fn tell_sizes(&mut self) {
        let sizes = |writer: &Writer| (writer.bytes(), writer.files() as u64, writer.protected_bytes(), writer.room_bytes());
        let (bytes, files, protected, room) = self.writer.as_ref().map_or((0, 0, 0, u64::MAX), sizes);
        self.status.bytes.store(bytes, Ordering::Relaxed);
        self.status.files.store(files, Ordering::Relaxed);
        self.status.protected_bytes.store(protected, Ordering::Relaxed);
        self.look_for_room(protected, room);
    }

    /// What is protected is never deleted, so that it leaves no room is told before it does.
    fn look_for_room(&mut self, protected: u64, room: u64) {
        let (high, low) = PROTECTED_TOLD;
        let percent = (u128::from(protected) * 100 / u128::from(room.max(1))) as u64;
        if percent < low {
            self.is_low = false;
        } else if percent >= high && !self.is_low {
            self.is_low = true;
            let why = format!(
                "protected recordings take {percent} % of the room for the history in {}: delete some, or make room, for what is new \
                 will not be kept when they take all of it",
                self.folder.display()
            );
            tracing::warn!("{why}");
            (self.tell)(Notice::Low(why));
        }
    }
}

impl HistoryStatus {
    /// Nothing can be kept at the moment; each reason is told once.
    fn fail(&self, error: &HistoryError) {
        let mut trouble = lock(&self.trouble);
        if trouble.is_none() {
            tracing::error!(
                "{error}; the stream goes on, and what is older than memory holds is lost until the disk takes it again"
            );
        }
        *trouble = Some(error.to_string());
    }

    fn recover(&self) {
        if lock(&self.trouble).take().is_some() {
            let lost = self.lost.load(Ordering::Relaxed);
            tracing::info!("the history is kept again; {lost} segments were lost so far");
        }
    }
}
