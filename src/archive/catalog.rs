//! What requests read of a history while its thread writes to it. They share its index with that thread, for some milliseconds at a time;
//! who asks waits for the disk.

use super::{
    HistoryError,
    index::{Extent, FileRow, Index, IndexError, SegmentRow},
    past::in_file,
    writer::free_bytes,
};
use crate::{
    package::{
        InitId, Msn,
        media_bytes::{FileRange, MediaBytes},
    },
    sync::lock,
    window::{
        DiskRoom,
        footage::{Coverage, Footage, TimeRange},
        state::{Init, MapLine},
    },
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
};

/// The catalogue of a history.
#[derive(Debug)]
pub struct Catalog {
    folder: PathBuf,
    room: DiskRoom,
    /// The index that the thread has open; it opens another one where the disk was away.
    index: Mutex<Weak<Index>>,
}

/// What room a history has, in `GET /api/history`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DiskReport {
    /// Seconds of footage that are kept where there is room.
    pub window_s: u64,
    /// Bytes of it that may be; none where only the disk sets a limit.
    pub bytes_max: Option<u64>,
    /// Bytes that stay free on the disk.
    pub min_free: u64,
    /// Bytes that are free on it; none where the system does not say.
    pub free: Option<u64>,
}

impl Catalog {
    /// Of the history in a folder, before its index is open.
    pub(super) fn new(folder: &Path, room: DiskRoom) -> Catalog {
        Catalog { folder: folder.to_owned(), room, index: Mutex::default() }
    }

    /// The index is open.
    pub(super) fn follow(&self, index: &Arc<Index>) {
        *lock(&self.index) = Arc::downgrade(index);
    }

    /// Reads the index; what was opened anew, or is being so, has no footage for now.
    fn read<T>(&self, look: impl FnOnce(&Index) -> Result<T, IndexError>) -> Result<T, HistoryError> {
        let open = lock(&self.index).upgrade().ok_or_else(|| HistoryError::not_open(&self.folder))?;
        look(&open).map_err(|error| HistoryError::index(&self.folder, &error))
    }

    /// The segments of a time that stand before a number; `max` of them at most.
    pub fn footage(&self, time: TimeRange, before: Msn, max: usize) -> Result<Footage, HistoryError> {
        self.read(|index| {
            let rows = index.segments_of(time, before, max)?;
            let mut footage = Footage::default();
            let mut files: BTreeMap<i64, Option<(Arc<Path>, Init)>> = BTreeMap::new();
            for row in &rows {
                if let Entry::Vacant(place) = files.entry(row.file) {
                    let known = index.file(row.file)?.and_then(|file| in_file(&self.folder, &file));
                    place.insert(known);
                }
                let Some(Some((path, init))) = files.get(&row.file) else { continue };
                footage.segments.push(Arc::new(row.header.segment(init.run.clone(), init.id, MapLine::Own, &bytes_of(row, path))));
                if !footage.inits.iter().any(|known| (&known.run, known.id) == (&init.run, init.id)) {
                    footage.inits.push(init.clone());
                }
            }
            footage.kept = index.kept()?;
            Ok(footage)
        })
    }

    /// The bytes of the segment of a run.
    pub fn segment(&self, run: &str, msn: Msn) -> Result<Option<MediaBytes>, HistoryError> {
        self.read(|index| {
            let Some(row) = index.segment(msn)? else { return Ok(None) };
            let file = index.file(row.file)?.filter(|file| file.header.run == run);
            Ok(file.map(|file| bytes_of(&row, &self.path_of(&file))))
        })
    }

    /// The init segment of a run.
    pub fn init(&self, run: &str, id: InitId) -> Result<Option<MediaBytes>, HistoryError> {
        self.read(|index| {
            let file = index.file_of(run, id)?;
            Ok(file.and_then(|file| in_file(&self.folder, &file)).map(|(_, init)| init.data))
        })
    }

    /// When there is footage, first to last.
    pub fn coverage(&self) -> Result<Coverage, HistoryError> {
        let mut coverage = Coverage::default();
        let files = self.read(Index::files)?;
        files.iter().filter_map(|file| file.extent).for_each(|Extent { from, to, .. }| coverage.add(TimeRange { from, to }));
        Ok(coverage)
    }

    /// What room it has now.
    pub fn disk(&self) -> DiskReport {
        let DiskRoom { span, bytes_max, min_free } = self.room;
        let bytes_max = (bytes_max < u64::MAX).then_some(bytes_max);
        DiskReport { window_s: span.as_s() as u64, bytes_max, min_free, free: free_bytes(&self.folder) }
    }

    fn path_of(&self, file: &FileRow) -> Arc<Path> {
        self.folder.join(&file.name).into()
    }
}

fn bytes_of(row: &SegmentRow, path: &Arc<Path>) -> MediaBytes {
    MediaBytes::File(FileRange::new(path.clone(), row.offset, row.header.bytes() as usize))
}
