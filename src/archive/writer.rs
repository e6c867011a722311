//! Writing: whole segments, one after the other, to the newest file.

use super::{
    HistoryError,
    folder::{Folder, SUFFIX},
    index::{Extent, FileRow, IndexError, SegmentRow},
    record::{FileHeader, SegmentHeader, StretchHeader, boxed},
    recordings::{Protected, Recordings},
};
use crate::{
    package::{
        Msn, SegmentStart,
        key_group::by_key_frames,
        media_bytes::{FileRange, MediaBytes},
    },
    plain_file::{self, Identity},
    time::{Clock, Span, WallTime},
    window::{
        DiskRoom,
        footage::{Coverage, TimeRange},
        state::{Init, Whole},
    },
};
use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::Path,
    sync::Arc,
};

/// A file is not made longer: the history is forgotten a file at a time, and one of this length is some minutes.
const FILE_LEN_MAX: u64 = 64 << 20;
/// A segment that begins so long after the one before it begins a file: what files span says where there is footage.
const GAP_MIN: Span = Span::from_ms(1000);

/// The file that is written.
struct Open {
    file: File,
    path: Arc<Path>,
    number: i64,
    /// Bytes of whole records.
    len: u64,
    run: Arc<str>,
    init: crate::package::InitId,
    /// Number of the first segment of the stretch that it told last; none before its first segment.
    stretch: Option<Msn>,
    /// Number of the next segment, and when it begins; none before the first.
    next: Option<(Msn, WallTime)>,
}

/// Writes segments to a folder, and forgets the oldest files when there is no room.
pub struct Writer {
    camera: String,
    folder: Folder,
    room: DiskRoom,
    /// What is not deleted.
    recordings: Arc<Recordings>,
    clock: Arc<dyn Clock>,
    files: VecDeque<FileRow>,
    /// Bytes of all files but the open one.
    closed_bytes: u64,
    open: Option<Open>,
    /// [`FILE_LEN_MAX`].
    pub(super) file_len_max: u64,
}

impl Writer {
    /// Goes on behind what a folder holds.
    pub fn new(
        camera: &str,
        folder: Folder,
        room: DiskRoom,
        recordings: Arc<Recordings>,
        clock: Arc<dyn Clock>,
    ) -> Result<Writer, HistoryError> {
        let files: VecDeque<FileRow> = folder.index.files().map_err(|error| HistoryError::index(&folder.path, &error))?.into();
        let closed_bytes = files.iter().map(|file| file.len).sum();
        Ok(Writer {
            camera: camera.to_owned(),
            folder,
            room,
            recordings,
            clock,
            files,
            closed_bytes,
            open: None,
            file_len_max: FILE_LEN_MAX,
        })
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.closed_bytes + self.open.as_ref().map_or(0, |open| open.len)
    }

    /// Bytes that its files may have in all: what is allowed, or what the disk has room for.
    pub fn room_bytes(&self) -> u64 {
        let free = free_bytes(&self.folder.path).map_or(u64::MAX, |free| free.saturating_sub(self.room.min_free));
        self.room.bytes_max.min(self.bytes().saturating_add(free))
    }

    /// Files.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Writes a segment, and says where its bytes are; its stretch is told where that begins, and at the beginning of a file. On an error the
    /// folder is as it was.
    pub fn write(&mut self, whole: &Whole) -> Result<MediaBytes, HistoryError> {
        let Whole { segment, init, stretch, zero, .. } = whole;
        let mut header = header_of(whole);
        let len_max = self.file_len_max;
        if self.open.as_ref().is_none_or(|open| !open.takes(init, segment.start, header.bytes(), len_max)) {
            self.begin_file(init, segment.start.wall, segment.start.msn)?;
        }
        let Some(open) = self.open.as_mut() else { return Err(self.is_gone()) };
        if open.stretch != Some(stretch.first.msn) {
            header.stretch = Some(StretchHeader::of(stretch, *zero));
        }
        let mut record = boxed(&header);
        let head_len = record.len() as u64;
        for part in &segment.parts {
            record.extend_from_slice(part.data.memory().map_or(&[][..], |bytes| bytes));
        }
        let offset = open.len + head_len;
        let row = SegmentRow { file: open.number, offset, header };
        let written = open.append(&record).map_err(|error| HistoryError::io("write", &open.path, &error));
        let indexed = written
            .and_then(|()| self.folder.index.add_segment(&row).map_err(|error| HistoryError::index(&self.folder.path, &error)));
        if let Err(error) = indexed {
            // What was written of it is no whole record, or one that the index does not know.
            open.file.set_len(open.len).ok();
            if !open.is_in_place() {
                self.close_file();
            }
            return Err(error);
        }
        open.len += record.len() as u64;
        open.stretch = Some(stretch.first.msn);
        let end = segment.start.wall + segment.duration;
        open.next = Some((Msn(segment.start.msn.0 + 1), end));
        if let Some(file) = self.files.back_mut() {
            file.extent = Some(match file.extent {
                Some(known) => Extent { last: segment.start.msn, to: end, footage: known.footage + segment.duration, ..known },
                None => {
                    let (msn, from) = (segment.start.msn, segment.start.wall);
                    Extent { first: msn, last: msn, from, to: end, footage: segment.duration }
                }
            });
        }
        Ok(MediaBytes::File(FileRange::new(open.path.clone(), offset, row.header.bytes() as usize)))
    }

    fn is_gone(&self) -> HistoryError {
        HistoryError::io("write to", &self.folder.path, &ErrorKind::NotFound.into())
    }

    /// Begins a file with an init segment.
    fn begin_file(&mut self, init: &Init, wall: WallTime, msn: Msn) -> Result<(), HistoryError> {
        self.close_file();
        let Some(head) = init.data.memory() else { return Err(self.is_gone()) };
        let Some(header) = FileHeader::of(&self.camera, init, head.len()) else { return Err(self.is_gone()) };
        let name = format!("{}_{:012}{SUFFIX}", wall.to_file_name(), msn.0);
        let path: Arc<Path> = self.folder.path_of(&name).into();
        let failed = |error: io::Error| HistoryError::io("begin", &path, &error);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
        let bytes = [&head[..], &boxed(&header)].concat();
        let written =
            file.write_all(&bytes).and_then(|()| file.sync_all()).and_then(|()| plain_file::sync_folder(&self.folder.path));
        if let Err(error) = written {
            fs::remove_file(&path).ok();
            return Err(failed(error));
        }
        let len = bytes.len() as u64;
        let number = match self.folder.index.add_file(&name, &header, len) {
            Ok(number) => number,
            Err(error) => {
                fs::remove_file(&path).ok();
                return Err(HistoryError::index(&self.folder.path, &error));
            }
        };
        self.files.push_back(FileRow { number, name, header, len, extent: None });
        self.open = Some(Open { file, path, number, len, run: init.run.clone(), init: init.id, stretch: None, next: None });
        Ok(())
    }

    fn close_file(&mut self) {
        if let Some(open) = self.open.take() {
            self.closed_bytes += open.len;
            if let Some(row) = self.files.back_mut() {
                row.len = open.len;
            }
        }
    }

    /// Whether the index and the file that is written are still where they were: what is written to a file that was deleted is lost.
    pub fn is_in_place(&self) -> bool {
        self.folder.path.join(super::index::FILE_NAME).exists() && self.open.as_ref().is_none_or(Open::is_in_place)
    }

    /// Forgets the files whose segments are all older than that, and of which there is as much newer footage as is kept. The window alone does
    /// not say what may go: it lists less than there is where days are kept, or where the disk could not be read when it began. Gives what
    /// was forgotten.
    pub fn forget_before(&mut self, first: Msn) -> Result<Vec<TimeRange>, HistoryError> {
        let (mut forgotten, protected) = (Vec::new(), self.protected());
        while let Some(oldest) = self.oldest(&protected.now).filter(|oldest| last_of(&self.files[*oldest]) < first) {
            let newer: Span = self.files.iter().skip(oldest + 1).filter_map(|file| file.extent).map(|extent| extent.footage).sum();
            if newer < self.room.span {
                break;
            }
            forgotten.extend(self.remove(oldest)?);
        }
        Ok(forgotten)
    }

    fn protected(&self) -> Arc<Protected> {
        self.recordings.protected(self.clock.wall())
    }

    /// The place of the oldest file that may be deleted: it is not written any more, and not protected.
    fn oldest(&self, protected: &Coverage) -> Option<usize> {
        let closed = self.files.len() - usize::from(self.open.is_some());
        self.files.iter().take(closed).position(|file| file.extent.is_none_or(|extent| !protected.has(extent.time())))
    }

    /// Bytes of the files that recordings protect.
    pub fn protected_bytes(&self) -> u64 {
        let protected = self.protected();
        let len = |file: &FileRow| if self.is_open(file) { self.open.as_ref().map_or(0, |open| open.len) } else { file.len };
        self.files.iter().filter(|file| file.extent.is_some_and(|extent| protected.now.has(extent.time()))).map(len).sum()
    }

    fn is_open(&self, file: &FileRow) -> bool {
        self.open.as_ref().is_some_and(|open| open.number == file.number)
    }

    /// Whether the files may be so much longer in all.
    pub fn is_allowed(&self, len: u64) -> bool {
        self.bytes().saturating_add(len) <= self.room.bytes_max
    }

    /// Whether the disk has room for so many more bytes.
    pub fn is_free(&self, len: u64) -> bool {
        free_bytes(&self.folder.path).is_none_or(|free| free >= self.room.min_free.saturating_add(len))
    }

    /// The place of the file that is deleted first for want of room, and the number of its last segment: the oldest that is not protected,
    /// else the oldest that is protected for a time only. None if there is none.
    pub fn first_to_go(&self) -> Option<(usize, Msn)> {
        let protected = self.protected();
        let place = self.oldest(&protected.now).or_else(|| self.oldest(&protected.always))?;
        Some((place, last_of(&self.files[place])))
    }

    /// The first moment of which there is a file; none without any.
    pub fn first_kept(&self) -> Option<WallTime> {
        self.files.iter().filter_map(|file| file.extent).map(|extent| extent.from).min()
    }

    /// Removes a file by its place; says what was in it.
    pub fn remove(&mut self, place: usize) -> Result<Option<TimeRange>, HistoryError> {
        let oldest = &self.files[place];
        let path = self.folder.path_of(&oldest.name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(HistoryError::io("remove", &path, &error)),
            _ => {}
        }
        let removed: Result<(), IndexError> = self.folder.index.remove_file(oldest.number);
        removed.map_err(|error| HistoryError::index(&self.folder.path, &error))?;
        let forgotten = oldest.extent.map(|extent| extent.time());
        self.closed_bytes = self.closed_bytes.saturating_sub(oldest.len);
        self.files.remove(place);
        Ok(forgotten)
    }
}

/// The number of the last segment of a file. One without a segment is older than all.
fn last_of(file: &FileRow) -> Msn {
    file.extent.map_or(Msn(0), |extent| extent.last)
}

/// What stands before a segment.
fn header_of(whole: &Whole) -> SegmentHeader {
    let (start, mut crc) = (whole.segment.start, crc32fast::Hasher::new());
    for part in &whole.segment.parts {
        crc.update(part.data.memory().map_or(&[][..], |bytes| bytes));
    }
    let groups = by_key_frames(&whole.segment.parts).into_iter();
    let groups = groups.map(|group| (group.duration.0, group.len as u32, group.first.key_len.unwrap_or_default())).collect();
    SegmentHeader {
        msn: start.msn.0,
        at: start.at.0,
        wall: start.wall.0,
        discontinuities: whole.discontinuities,
        key_frames: whole.key_frames,
        stretch: None,
        discontinuity: start.discontinuity,
        groups,
        crc: crc.finalize(),
    }
}

impl Open {
    /// Whether a segment of that init segment belongs into it.
    fn takes(&self, init: &Init, start: SegmentStart, len: u64, len_max: u64) -> bool {
        let goes_on = |(msn, wall): (Msn, WallTime)| msn == start.msn && start.wall.since(wall) < GAP_MIN;
        (&self.run, self.init) == (&init.run, init.id)
            && self.next.is_none_or(goes_on)
            && (self.stretch.is_none() || self.len + len <= len_max)
            && self.is_in_place()
    }

    /// Whether it still lies there: what is written to a file that was deleted is lost.
    fn is_in_place(&self) -> bool {
        Identity::at(&self.path) == Identity::of(&self.file)
    }

    /// One write, which is on the disk when this returns.
    fn append(&mut self, record: &[u8]) -> io::Result<()> {
        use std::io::Seek;
        self.file.seek(io::SeekFrom::Start(self.len))?;
        self.file.write_all(record)?;
        self.file.sync_data()
    }
}

/// Bytes of the disk that this user may still fill; none where the system does not say.
#[cfg(unix)]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of the disk that this user may still fill; none where the system does not say.
#[cfg(not(unix))]
pub fn free_bytes(_: &Path) -> Option<u64> {
    None
}
