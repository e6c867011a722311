//! The index of a camera's history: SQLite beside its files. What is in it can be made anew from the files; it is there so that neither a
//! start nor a seek reads all of them. It is made, used and dropped on one thread.

use super::record::{FileHeader, SegmentHeader};
use crate::{package::Msn, time::Span};
use rusqlite::{Connection, ErrorCode, Row, params};
use std::path::Path;

/// The name of the file.
pub const FILE_NAME: &str = "index.sqlite";
/// What it holds; a newer hlscam may know more.
const SCHEMA_VERSION: i64 = 1;
/// What the log of the database may keep on the disk, in bytes: as much as it needs between two checkpoints.
const JOURNAL_LEN_MAX: u32 = 4 << 20;

const SCHEMA: &str = "
    CREATE TABLE file (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, header TEXT NOT NULL, len INTEGER NOT NULL) STRICT;
    CREATE TABLE segment (
        msn INTEGER PRIMARY KEY, file INTEGER NOT NULL, offset INTEGER NOT NULL, len INTEGER NOT NULL,
        wall INTEGER NOT NULL, duration INTEGER NOT NULL, header TEXT NOT NULL
    ) STRICT;
    CREATE INDEX segment_file ON segment (file, offset);
    CREATE INDEX segment_wall ON segment (wall);
    PRAGMA user_version = 1;";

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
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => IndexError::Damaged,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => IndexError::Busy,
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => IndexError::Disk,
            _ => IndexError::Sql(error.to_string().lines().next().unwrap_or_default().to_owned()),
        }
    }
}

type Result<T> = std::result::Result<T, IndexError>;

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

/// The index.
#[derive(Debug)]
pub struct Index {
    db: Connection,
}

impl Index {
    /// Opens that of a folder, and holds it.
    pub fn open(folder: &Path) -> Result<Index> {
        let db = Connection::open(folder.join(FILE_NAME))?;
        db.busy_timeout(Span::ZERO.to_duration())?;
        // NORMAL: a power cut may cost the last rows, and the files have them. Exclusive before WAL, as in the store of markers.
        db.execute_batch(&format!(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = {JOURNAL_LEN_MAX}; BEGIN EXCLUSIVE; COMMIT;"
        ))?;
        match db.query_row("PRAGMA user_version", [], |row| row.get(0))? {
            0 => match db.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;")) {
                Ok(()) => {}
                // Tables of another program.
                Err(_) if !db.is_autocommit() => return Err(IndexError::Damaged),
                Err(error) => return Err(error.into()),
            },
            SCHEMA_VERSION if db.prepare("SELECT msn, file, offset, len, wall, duration, header FROM segment").is_ok() => {}
            SCHEMA_VERSION => return Err(IndexError::Damaged),
            newer if newer > SCHEMA_VERSION => return Err(IndexError::Newer(newer)),
            _ => return Err(IndexError::Damaged),
        }
        Ok(Index { db })
    }

    /// The files, oldest first.
    pub fn files(&self) -> Result<Vec<FileRow>> {
        let mut select = self.db.prepare_cached("SELECT number, name, header, len FROM file ORDER BY number")?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?)))?;
        let files = rows.map(|row| {
            let (number, name, header, len) = row?;
            let header = serde_json::from_str(&header).map_err(|_| IndexError::Damaged)?;
            Ok(FileRow { number, name, header, len: len as u64 })
        });
        files.collect()
    }

    /// A file was made, and so much of it is known.
    pub fn add_file(&mut self, name: &str, header: &FileHeader, len: u64) -> Result<i64> {
        let header = serde_json::to_string(header).unwrap_or_default();
        let sql = "INSERT INTO file (name, header, len) VALUES (?1, ?2, ?3)";
        self.db.prepare_cached(sql)?.execute(params![name, header, len as i64])?;
        Ok(self.db.last_insert_rowid())
    }

    /// A segment was written; all of the file up to its end is known. It takes the place of another with its number.
    pub fn add_segment(&mut self, row: &SegmentRow) -> Result<()> {
        let SegmentRow { file, offset, header } = row;
        let (len, duration) = (header.bytes() as i64, header.duration().0);
        let text = serde_json::to_string(header).unwrap_or_default();
        let sql =
            "INSERT OR REPLACE INTO segment (msn, file, offset, len, wall, duration, header) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let change = self.db.transaction()?;
        change.prepare_cached(sql)?.execute(params![header.msn as i64, file, *offset as i64, len, header.wall, duration, text])?;
        change.prepare_cached("UPDATE file SET len = ?2 WHERE number = ?1")?.execute((file, *offset as i64 + len))?;
        Ok(change.commit()?)
    }

    /// A file is gone.
    pub fn remove_file(&mut self, number: i64) -> Result<()> {
        let change = self.db.transaction()?;
        change.execute("DELETE FROM segment WHERE file = ?1", [number])?;
        change.execute("DELETE FROM file WHERE number = ?1", [number])?;
        Ok(change.commit()?)
    }

    /// A file ends there; what lay behind it is gone.
    pub fn cut_file(&mut self, number: i64, len: u64) -> Result<()> {
        let change = self.db.transaction()?;
        change.execute("DELETE FROM segment WHERE file = ?1 AND offset + len > ?2", (number, len as i64))?;
        change.execute("UPDATE file SET len = ?2 WHERE number = ?1", (number, len as i64))?;
        Ok(change.commit()?)
    }

    /// Where the last segment of a file ends; none without one.
    pub fn end_of(&self, number: i64) -> Result<Option<u64>> {
        let sql = "SELECT max(offset + len) FROM segment WHERE file = ?1";
        let end: Option<i64> = self.db.query_row(sql, [number], |row| row.get(0))?;
        Ok(end.map(|end| end as u64))
    }

    /// The number of the last segment of a file.
    pub fn last_of(&self, number: i64) -> Result<Option<Msn>> {
        let last: Option<i64> = self.db.query_row("SELECT max(msn) FROM segment WHERE file = ?1", [number], |row| row.get(0))?;
        Ok(last.map(|last| Msn(last as u64)))
    }

    /// How much footage there is behind a segment.
    pub fn span_after(&self, last: Msn) -> Result<Span> {
        let sql = "SELECT coalesce(sum(duration), 0) FROM segment WHERE msn > ?1";
        Ok(Span(self.db.prepare_cached(sql)?.query_row([last.0 as i64], |row| row.get(0))?))
    }

    /// Segments from the newest to the oldest, for as long as `take` wants more.
    pub fn visit_newest(&self, mut take: impl FnMut(SegmentRow) -> bool) -> Result<()> {
        let mut select = self.db.prepare_cached("SELECT file, offset, header FROM segment ORDER BY msn DESC")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            if !take(segment(row)?) {
                break;
            }
        }
        Ok(())
    }

    /// Segments and their bytes.
    pub fn sums(&self) -> Result<(u64, u64)> {
        let sql = "SELECT (SELECT count(*) FROM segment), (SELECT coalesce(sum(len), 0) FROM file)";
        Ok(self.db.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?)
    }
}

fn segment(row: &Row<'_>) -> Result<SegmentRow> {
    let text: String = row.get(2)?;
    let header = serde_json::from_str(&text).map_err(|_| IndexError::Damaged)?;
    Ok(SegmentRow { file: row.get(0)?, offset: row.get::<_, i64>(1)? as u64, header })
}
