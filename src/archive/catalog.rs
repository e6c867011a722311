//! What requests read of a history while its thread writes to it. They share its index with that thread, for some milliseconds at a time;
//! who asks waits for the disk.

use super::{
    HistoryError,
    index::{FileRow, Index, IndexError, SegmentRow},
    past::in_file,
};
use crate::{
    package::{
        InitId, Msn,
        media_bytes::{FileRange, MediaBytes},
    },
    sync::lock,
    time::{Span, WallTime},
    window::{
        footage::{Footage, TimeRange},
        state::{Init, MapLine},
    },
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
};

/// Between two files, so much without footage is none: the writer begins a file where a second is missing.
const SEAM_MAX: Span = Span::from_ms(2000);

/// The catalogue of a history.
#[derive(Debug)]
pub struct Catalog {
    folder: PathBuf,
    /// The index that the thread has open; it opens another one where the disk was away.
    index: Mutex<Weak<Index>>,
}

/// Times with footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// When it begins.
    pub from: WallTime,
    /// When it ends.
    pub to: WallTime,
    /// Its bytes.
    pub bytes: u64,
}

impl Catalog {
    /// Of the history in a folder, before its index is open.
    pub(super) fn new(folder: &Path) -> Catalog {
        Catalog { folder: folder.to_owned(), index: Mutex::default() }
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
    pub fn coverage(&self) -> Result<Vec<Coverage>, HistoryError> {
        let files = self.read(Index::files)?;
        let mut spans: Vec<Coverage> = files
            .iter()
            .filter_map(|file| file.extent.map(|extent| Coverage { from: extent.from, to: extent.to, bytes: file.len }))
            .collect();
        spans.sort_by_key(|span| span.from);
        let mut joined: Vec<Coverage> = Vec::new();
        for span in spans {
            match joined.last_mut().filter(|last| span.from.since(last.to) < SEAM_MAX) {
                Some(last) => (last.to, last.bytes) = (last.to.max(span.to), last.bytes + span.bytes),
                None => joined.push(span),
            }
        }
        Ok(joined)
    }

    fn path_of(&self, file: &FileRow) -> Arc<Path> {
        self.folder.join(&file.name).into()
    }
}

fn bytes_of(row: &SegmentRow, path: &Arc<Path>) -> MediaBytes {
    MediaBytes::File(FileRange::new(path.clone(), row.offset, row.header.bytes() as usize))
}
