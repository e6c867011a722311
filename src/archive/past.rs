//! The newest part of a history as a window lists it.

use super::{
    HistoryError,
    folder::Folder,
    index::{FileRow, SegmentRow},
    record::StretchHeader,
};
use crate::{
    package::{
        InitId, Msn,
        media_bytes::{FileRange, MediaBytes},
    },
    time::{Span, Ticks, WallTime},
    window::{
        History,
        past::Past,
        state::{Gone, Init, MapLine, Segment},
    },
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Most segments that are listed as gone, in one hole. A wider hole ends what is listed: it lies behind days without a disk.
pub const HOLE_MAX: u64 = 10_000;

/// What a file gives to each of its segments: where it is, and their init segment.
type InFile = (Arc<Path>, Init);

/// Where a history ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Number of its last segment; 0 without one.
    pub msn: u64,
    /// Discontinuities up to its end.
    pub discontinuities: u64,
    /// Key frames up to its end.
    pub key_frames: u64,
    /// Number of its newest init segment; 0 without one.
    pub init: u32,
}

/// The newest segments, as many as a window of that size lists, and where the history ended.
pub fn newest(folder: &Folder, history: &History) -> Result<(Past, Ended), HistoryError> {
    let failed = |error| HistoryError::index(&folder.path, &error);
    let files: Vec<FileRow> = folder.index.files().map_err(failed)?;
    let in_files: BTreeMap<i64, InFile> =
        files.iter().filter_map(|file| Some((file.number, in_file(&folder.path, file)?))).collect();
    let mut rows = Newest { history, rows: Vec::new(), before: None, span: Span::ZERO, bytes: 0, is_full: false };
    folder.index.visit_newest(|row| in_files.contains_key(&row.file) && rows.take(row)).map_err(failed)?;
    let Newest { mut rows, before, .. } = rows;
    rows.reverse();
    let ended = rows.last().map_or(Ended::default(), |SegmentRow { header, .. }| Ended {
        msn: header.msn,
        discontinuities: header.discontinuities,
        key_frames: header.key_frames + header.key_count(),
        init: files.iter().map(|file| file.header.init).max().unwrap_or_default(),
    });
    Ok((listed(&rows, before, &in_files), ended))
}

/// The newest segments, from the last back, until a window is full; then on until the stretch of the oldest of them is told.
struct Newest<'a> {
    history: &'a History,
    rows: Vec<SegmentRow>,
    before: Option<StretchHeader>,
    span: Span,
    bytes: u64,
    is_full: bool,
}

impl Newest<'_> {
    /// Takes the segment before the last one that was taken; `false` when it wants no more.
    fn take(&mut self, row: SegmentRow) -> bool {
        let header = &row.header;
        let (len, is_near) = (header.bytes(), self.rows.last().is_none_or(|next| next.header.msn - header.msn <= HOLE_MAX));
        self.is_full |= self.span >= self.history.span || self.bytes + len > self.history.bytes_max || !is_near;
        if self.is_full {
            if self.rows.last().is_none_or(|oldest| oldest.header.stretch.is_some()) {
                return false;
            }
            self.before = header.stretch;
            return self.before.is_none();
        }
        (self.span, self.bytes) = (self.span + header.duration(), self.bytes + len);
        self.rows.push(row);
        true
    }
}

/// What a file of a folder gives to its segments.
pub(super) fn in_file(folder: &Path, file: &FileRow) -> Option<InFile> {
    let path: Arc<Path> = folder.join(&file.name).into();
    let data = FileRange::new(path.clone(), 0, file.header.init_len as usize);
    let init = file.header.init(MediaBytes::File(data))?;
    Some((path, init))
}

/// Rows as a window lists them; `before` is the stretch of the first, where that does not tell it itself.
fn listed(rows: &[SegmentRow], before: Option<StretchHeader>, in_files: &BTreeMap<i64, InFile>) -> Past {
    let (mut past, mut before) = (Past::default(), before);
    for row in rows {
        let (Some((path, init)), header) = (in_files.get(&row.file), &row.header) else { continue };
        if past.segments.is_empty() {
            let discontinuities = header.discontinuities.saturating_sub(u64::from(header.discontinuity));
            past.gone = Gone { discontinuities, key_frames: header.key_frames };
        }
        // What is gone belongs to no stretch.
        let end = past.segments.last().map(Segment::end);
        past.fill_to(Msn(header.msn), WallTime(header.wall));
        if let Some(stretch) = header.stretch.or(before.take()) {
            begin_stretch(&mut past, &stretch, init.id, end);
        }
        let is_same = past.inits.last().is_some_and(|last| (&last.run, last.id) == (&init.run, init.id));
        if !is_same {
            if past.inits.last().is_some_and(|last| last.id >= init.id) {
                // A run that could not read the folder when it began: nothing before it can be listed with it.
                return listed_from(rows, row, in_files);
            }
            // Its file may be deleted before others of the same run.
            let Ok(data) = init.data.read() else { continue };
            past.inits.push(Init { data: data.into(), ..init.clone() });
        }
        let map = if is_same { MapLine::Inherited } else { MapLine::Own };
        let bytes = MediaBytes::File(FileRange::new(path.clone(), row.offset, header.bytes() as usize));
        past.segments.push(header.segment(init.run.clone(), init.id, map, &bytes));
    }
    if let (Some(stretch), Some(last)) = (past.stretches.last_mut(), past.segments.last()) {
        stretch.end = Some(last.end());
    }
    past
}

/// The same from a row on; its stretch is told, for it begins a run.
fn listed_from(rows: &[SegmentRow], first: &SegmentRow, in_files: &BTreeMap<i64, InFile>) -> Past {
    let later: Vec<SegmentRow> = rows.iter().filter(|row| row.header.msn >= first.header.msn).cloned().collect();
    listed(&later, None, in_files)
}

/// A stretch is told; it may be told again where a file begins.
fn begin_stretch(past: &mut Past, header: &StretchHeader, init: InitId, end: Option<Ticks>) {
    past.zero = WallTime(header.zero_us);
    let stretch = header.stretch(init);
    match past.stretches.last_mut() {
        Some(last) if last.first == stretch.first => return,
        Some(last) => last.end = end,
        None => {}
    }
    past.stretches.push(stretch);
}
