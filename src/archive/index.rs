//! The index of a camera's history: SQLite beside its files. What is in it can be made anew from the files; it is there so that neither a
//! start nor a seek reads all of them. It is made, used and dropped on one thread.

use super::record::{FileHeader, SegmentHeader};
use crate::{
    package::{InitId, Msn},
    sqlite::{self, OpenError, Schema},
    sync::lock,
    time::{Span, WallTime},
    window::footage::TimeRange,
};
use rusqlite::{Connection, ErrorCode, Row, Transaction, params};
use std::{collections::BTreeMap, path::Path, sync::Mutex};

/// The name of the file.
pub const FILE_NAME: &str = "index.sqlite";
/// What it holds; a newer hlscam may know more.
pub(super) const SCHEMA_VERSION: i64 = 2;
/// No segment is longer, so one that reaches into a time began that long before it at most.
const SEGMENT_LEN_MAX: Span = Span::from_ms(120_000);

/// `first` to `footage` say what the segments of a file span, so that nobody counts a week of them.
const SCHEMA: &str = "
    CREATE TABLE file (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, header TEXT NOT NULL, len INTEGER NOT NULL,
        first INTEGER, last INTEGER, from_wall INTEGER, to_wall INTEGER, footage INTEGER
    ) STRICT;
    CREATE TABLE segment (
        msn INTEGER PRIMARY KEY, file INTEGER NOT NULL, offset INTEGER NOT NULL, len INTEGER NOT NULL,
        wall INTEGER NOT NULL, duration INTEGER NOT NULL, header TEXT NOT NULL
    ) STRICT;
    CREATE INDEX segment_file ON segment (file, offset);
    CREATE INDEX segment_wall ON segment (wall);
    PRAGMA user_version = 2;";

/// From version 1: what the segments of a file span was not there.
const TO_VERSION_2: &str = "
    ALTER TABLE file ADD COLUMN first INTEGER; ALTER TABLE file ADD COLUMN last INTEGER;
    ALTER TABLE file ADD COLUMN from_wall INTEGER; ALTER TABLE file ADD COLUMN to_wall INTEGER;
    ALTER TABLE file ADD COLUMN footage INTEGER;
    PRAGMA user_version = 2;";

/// How many of the names of [`SCHEMA`] a file has already.
const TAKEN_NAMES: &str =
    "SELECT count(*) FROM sqlite_schema WHERE name COLLATE NOCASE IN ('file', 'segment', 'segment_file', 'segment_wall')";
/// What an index can be asked; another program's table of that name cannot.
const KNOWN: [&str; 2] = ["SELECT msn, file, offset, len, wall, duration, header FROM segment", "SELECT footage FROM file"];

/// Counts what the segments of a file span.
const COUNT_EXTENT: &str = "
    UPDATE file SET (first, last, from_wall, to_wall, footage) = (
        SELECT min(msn), max(msn), min(wall), max(wall + duration * 100 / 9), sum(duration) FROM segment WHERE file = number
    )";

/// Adds a segment that is new to what its file spans: number, wall time, length.
const ADD_TO_EXTENT: &str = "
    UPDATE file SET len = ?2, first = min(coalesce(first, ?3), ?3), last = max(coalesce(last, ?3), ?3),
        from_wall = min(coalesce(from_wall, ?4), ?4),
        to_wall = max(coalesce(to_wall, ?4), ?4 + ?5 * 100 / 9),
        footage = coalesce(footage, 0) + ?5
    WHERE number = ?1";

/// Why the index fails.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It is damaged, or no index: a new one is made from the files.
    #[error("it is damaged")]
    Damaged,
    /// Another program has it open.
    #[error("another hlscam uses it; end it, or pass a folder of its own")]
    Busy,
    /// A hlscam that is newer has written it.
    #[error("it is of version {0}, and this hlscam knows {SCHEMA_VERSION}; use a newer hlscam")]
    Newer(i64),
    /// The disk is full, or fails. SQLite does not say more: a limit on the size of files is an I/O error to it.
    #[error("the disk does not take it; make room, or raise the limit on the size of files (ulimit -f)")]
    Disk,
    /// What SQLite says.
    #[error("{0}")]
    Sql(String),
}

impl From<rusqlite::Error> for IndexError {
    fn from(error: rusqlite::Error) -> IndexError {
        match error.sqlite_error_code() {
            _ if sqlite::is_damaged(&error) => IndexError::Damaged,
            _ if sqlite::is_busy(&error) => IndexError::Busy,
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => IndexError::Disk,
            _ => IndexError::Sql(error.to_string().lines().next().unwrap_or_default().to_owned()),
        }
    }
}

type Result<T> = std::result::Result<T, IndexError>;

/// What the segments of a file span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The lowest number.
    pub first: Msn,
    /// The highest.
    pub last: Msn,
    /// When the first of them begins.
    pub from: WallTime,
    /// When the last of them ends.
    pub to: WallTime,
    /// How long they are in all.
    pub footage: Span,
}

impl Extent {
    /// When that is.
    pub fn time(&self) -> TimeRange {
        TimeRange { from: self.from, to: self.to }
    }
}

/// A file of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Its number, which grows.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// What stands at its beginning.
    pub header: FileHeader,
    /// Bytes of it that are known.
    pub len: u64,
    /// What its segments span; none without one.
    pub extent: Option<Extent>,
}

/// A segment in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentRow {
    /// The number of its file.
    pub file: i64,
    /// Where its bytes begin.
    pub offset: u64,
    /// What stands before it.
    pub header: SegmentHeader,
}

/// The index. One thread writes to it; others may read a little meanwhile.
#[derive(Debug)]
pub struct Index {
    db: Mutex<Connection>,
}

/// Where the segments lie that an index of any version knows: the number of each by its file and its place in it.
pub(super) fn places(db: &Connection) -> rusqlite::Result<BTreeMap<(String, u64), u64>> {
    let mut select = db.prepare("SELECT name, offset, msn FROM segment JOIN file ON file.number = segment.file")?;
    let rows = select.query_map([], |row| Ok(((row.get(0)?, row.get::<_, i64>(1)? as u64), row.get::<_, i64>(2)? as u64)))?;
    rows.collect()
}

impl Index {
    /// Opens that of a folder, and holds it.
    pub fn open(folder: &Path) -> Result<Index> {
        let upgrade = format!("{TO_VERSION_2} {COUNT_EXTENT};");
        let schema = Schema { create: SCHEMA, upgrades: &[&upgrade], is_ours };
        let db = sqlite::open(&folder.join(FILE_NAME), &schema).map_err(|error| match error {
            OpenError::Sql(error) => error.into(),
            OpenError::Foreign(_) => IndexError::Damaged,
            OpenError::Newer(version) => IndexError::Newer(version),
        })?;
        Ok(Index { db: Mutex::new(db) })
    }

    /// The files, oldest first.
    pub fn files(&self) -> Result<Vec<FileRow>> {
        self.files_where("TRUE ORDER BY number", [])
    }

    /// A file that was made by a run with an init segment of that number.
    pub fn file_of(&self, run: &str, init: InitId) -> Result<Option<FileRow>> {
        let which = "json_extract(header, '$.run') = ?1 AND json_extract(header, '$.init') = ?2 LIMIT 1";
        Ok(self.files_where(which, (run, init.0))?.pop())
    }

    fn files_where(&self, which: &str, values: impl rusqlite::Params) -> Result<Vec<FileRow>> {
        let db = lock(&self.db);
        let sql = format!("SELECT number, name, header, len, first, last, from_wall, to_wall, footage FROM file WHERE {which}");
        let mut select = db.prepare_cached(&sql)?;
        let mut rows = select.query(values)?;
        let mut files = Vec::new();
        while let Some(row) = rows.next()? {
            files.push(file(row)?);
        }
        Ok(files)
    }

    /// A file was made, and so much of it is known.
    pub fn add_file(&self, name: &str, header: &FileHeader, len: u64) -> Result<i64> {
        let header = serde_json::to_string(header).unwrap_or_default();
        let (db, sql) = (lock(&self.db), "INSERT INTO file (name, header, len) VALUES (?1, ?2, ?3)");
        db.prepare_cached(sql)?.execute(params![name, header, len as i64])?;
        Ok(db.last_insert_rowid())
    }

    /// A segment was written; all of the file up to its end is known. It takes the place of another with its number.
    pub fn add_segment(&self, row: &SegmentRow) -> Result<()> {
        self.add_segments(std::slice::from_ref(row))
    }

    /// Segments of a file were found; all of it up to their end is known.
    pub fn add_segments(&self, rows: &[SegmentRow]) -> Result<()> {
        let mut db = lock(&self.db);
        let change = db.transaction()?;
        rows.iter().try_for_each(|row| add(&change, row))?;
        Ok(change.commit()?)
    }

    /// A file is gone.
    pub fn remove_file(&self, number: i64) -> Result<()> {
        let mut db = lock(&self.db);
        let change = db.transaction()?;
        change.execute("DELETE FROM segment WHERE file = ?1", [number])?;
        change.execute("DELETE FROM file WHERE number = ?1", [number])?;
        Ok(change.commit()?)
    }

    /// A file ends there; what lay behind it is gone.
    pub fn cut_file(&self, number: i64, len: u64) -> Result<()> {
        let mut db = lock(&self.db);
        let change = db.transaction()?;
        change.execute("DELETE FROM segment WHERE file = ?1 AND offset + len > ?2", (number, len as i64))?;
        change.execute("UPDATE file SET len = ?2 WHERE number = ?1", (number, len as i64))?;
        change.execute(&format!("{COUNT_EXTENT} WHERE number = ?1"), [number])?;
        Ok(change.commit()?)
    }

    /// Where the last segment of a file ends; none without one.
    pub fn end_of(&self, number: i64) -> Result<Option<u64>> {
        let sql = "SELECT max(offset + len) FROM segment WHERE file = ?1";
        let end: Option<i64> = lock(&self.db).query_row(sql, [number], |row| row.get(0))?;
        Ok(end.map(|end| end as u64))
    }

    /// Segments from the newest to the oldest, for as long as `take` wants more.
    pub fn visit_newest(&self, mut take: impl FnMut(SegmentRow) -> bool) -> Result<()> {
        let db = lock(&self.db);
        let mut select = db.prepare_cached("SELECT file, offset, header FROM segment ORDER BY msn DESC")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            if !take(segment(row)?) {
                break;
            }
        }
        Ok(())
    }

    /// The segments that reach into a time and have a lower number than `before`, in the order of their numbers; `max` of them at most.
    pub fn segments_of(&self, time: TimeRange, before: Msn, max: usize) -> Result<Vec<SegmentRow>> {
        let db = lock(&self.db);
        let sql = "SELECT file, offset, header FROM segment WHERE wall > ?1 - ?2 AND wall < ?3 AND wall + duration * 100 / 9 > ?1
            AND msn < ?4 ORDER BY msn LIMIT ?5";
        let mut select = db.prepare_cached(sql)?;
        let before = before.0.min(i64::MAX as u64) as i64;
        let mut rows = select.query((time.from.0, SEGMENT_LEN_MAX.as_us(), time.to.0, before, max as i64))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(segment(row)?);
        }
        Ok(found)
    }

    /// The segment of that number.
    pub fn segment(&self, msn: Msn) -> Result<Option<SegmentRow>> {
        let db = lock(&self.db);
        let mut select = db.prepare_cached("SELECT file, offset, header FROM segment WHERE msn = ?1")?;
        let mut rows = select.query([msn.0.min(i64::MAX as u64) as i64])?;
        rows.next()?.map(segment).transpose()
    }

    /// From when to when there is footage.
    pub fn kept(&self) -> Result<Option<TimeRange>> {
        let sql = "SELECT min(from_wall), max(to_wall) FROM file";
        let (from, to): (Option<i64>, Option<i64>) = lock(&self.db).query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(from.zip(to).map(|(from, to)| TimeRange { from: WallTime(from), to: WallTime(to) }))
    }

    /// The file of that number.
    pub fn file(&self, number: i64) -> Result<Option<FileRow>> {
        Ok(self.files_where("number = ?1", [number])?.pop())
    }
}

/// Whether a file that says it is of a version is an index of it. Tables of another program beside ours do no harm.
fn is_ours(db: &Connection, version: i64) -> rusqlite::Result<bool> {
    Ok(match version {
        0 => db.query_row(TAKEN_NAMES, [], |row| row.get::<_, i64>(0))? == 0,
        SCHEMA_VERSION => KNOWN.iter().all(|known| db.prepare(known).is_ok()),
        _ => true,
    })
}

fn add(change: &Transaction<'_>, SegmentRow { file, offset, header }: &SegmentRow) -> Result<()> {
    let (msn, len, duration) = (header.msn as i64, header.bytes() as i64, header.duration().0);
    let text = serde_json::to_string(header).unwrap_or_default();
    let sql = "INSERT OR REPLACE INTO segment (msn, file, offset, len, wall, duration, header) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let replaced: Option<i64> =
        change.prepare_cached("SELECT max(file) FROM segment WHERE msn = ?1")?.query_row([msn], |row| row.get(0))?;
    change.prepare_cached(sql)?.execute(params![msn, file, *offset as i64, len, header.wall, duration, text])?;
    change.prepare_cached(ADD_TO_EXTENT)?.execute(params![file, *offset as i64 + len, msn, header.wall, duration])?;
    if let Some(replaced) = replaced {
        change.execute(&format!("{COUNT_EXTENT} WHERE number IN (?1, ?2)"), (replaced, file))?;
    }
    Ok(())
}

fn file(row: &Row<'_>) -> Result<FileRow> {
    let header: String = row.get(2)?;
    let header = serde_json::from_str(&header).map_err(|_| IndexError::Damaged)?;
    let extent = match (row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?) {
        (Some(first), Some(last), Some(from), Some(to), Some(footage)) => {
            let (first, last): (i64, i64) = (first, last);
            let (first, last) = (Msn(first as u64), Msn(last as u64));
            Some(Extent { first, last, from: WallTime(from), to: WallTime(to), footage: Span(footage) })
        }
        _ => None,
    };
    Ok(FileRow { number: row.get(0)?, name: row.get(1)?, header, len: row.get::<_, i64>(3)? as u64, extent })
}

fn segment(row: &Row<'_>) -> Result<SegmentRow> {
    let text: String = row.get(2)?;
    let header = serde_json::from_str(&text).map_err(|_| IndexError::Damaged)?;
    Ok(SegmentRow { file: row.get(0)?, offset: row.get::<_, i64>(1)? as u64, header })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_index_is_damaged_and_tables_beside_one_stay() {
        let opened = |sql: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join(FILE_NAME);
            Connection::open(&path).and_then(|db| db.execute_batch(sql)).expect("a database");
            let told = Index::open(folder.path()).map(drop).map_err(|error| error.to_string());
            let count = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
            let tables: i64 =
                Connection::open(&path).and_then(|db| db.query_row(count, [], |row| row.get(0))).expect("it can be read");
            (told, tables)
        };
        let damaged = || Err(IndexError::Damaged.to_string());
        for (sql, expected) in [
            ("CREATE TABLE photos (id INTEGER);", (Ok(()), 3)),
            ("CREATE TABLE File (id INTEGER);", (damaged(), 1)),
            ("CREATE TABLE a (id INTEGER); CREATE INDEX segment_wall ON a (id);", (damaged(), 1)),
            ("CREATE TABLE file (id INTEGER); PRAGMA user_version = 2;", (damaged(), 1)),
            ("PRAGMA user_version = -1;", (damaged(), 0)),
            ("PRAGMA user_version = 9;", (Err(IndexError::Newer(9).to_string()), 0)),
        ] {
            assert_eq!(opened(sql), expected, "{sql}");
        }
        let (told, tables) = opened("CREATE TABLE photos (id INTEGER); PRAGMA user_version = 1;");
        assert!(told.is_err_and(|why| why.starts_with("no such table: file")) && tables == 1);
    }
}
