//! The file of the store: opening it, whether it is still where it was opened, and a copy where it was taken away.

use super::{
    FROM_VERSION_1, Result, SCHEMA, SCHEMA_VERSION, StoreError,
    error::{first_line, has_no_room},
    row::COLUMNS,
};
use crate::{
    archive::inspect::{self, Inspected},
    plain_file::Identity,
    time::Span,
};
use rusqlite::{Connection, ErrorCode};
use std::{
    fmt::Display,
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// The name of the file in the folder of `--storage`.
pub const FILE_NAME: &str = "markers.sqlite";
/// What the log of the database may keep on the disk after a burst of writes, in bytes: as much as it needs between two checkpoints.
const JOURNAL_LEN_MAX: u32 = 4 << 20;
/// The columns of version 1.
const COLUMNS_1: &str = "number, kind, text, source, begin, end, known, class, count, confidence, best, data";
/// Tables of another program that are named.
const TABLES_NAMED_MAX: u32 = 3;

/// Looks at the store of a folder without holding it, and counts its markers.
pub fn inspect(folder: &Path) -> io::Result<Inspected<u64>> {
    inspect::inspect(&folder.join(FILE_NAME), SCHEMA_VERSION, |db| {
        let count = db.query_row("SELECT count(*) FROM marker", [], |row| row.get::<_, i64>(0));
        count.map(|count| count as u64).map_err(|error| first_line(&error))
    })
}

/// Where a file lies.
#[derive(Debug)]
pub(super) struct File {
    folder: PathBuf,
    /// Of the file that was opened.
    identity: Option<Identity>,
}

impl File {
    /// The file of a folder, as it is there now.
    pub(super) fn of(folder: &Path) -> File {
        File { folder: folder.to_owned(), identity: Identity::at(&folder.join(FILE_NAME)) }
    }

    /// The same where there was no room for one.
    pub(super) fn nowhere(folder: &Path) -> File {
        File { folder: folder.to_owned(), identity: None }
    }

    /// Its path.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(FILE_NAME)
    }

    /// The folder of `--storage`.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether what was opened still lies there: what is written to a file that was deleted is lost.
    pub(super) fn is_in_place(&self) -> bool {
        self.identity.is_some() && Identity::at(&self.path()) == self.identity
    }
}

/// Opens the file of a folder, and holds it: two programs on one file would give the same numbers. `None` where the disk has no room for a
/// new one.
pub(super) fn open(folder: &Path) -> Result<Option<Connection>> {
    let shown = folder.display();
    let fault = |what: &str, why: &dyn Display| StoreError::new(format!("cannot {what} in --storage {shown}: {why}"));
    match fs::create_dir_all(folder) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => return Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory) => {
            let why = format!("cannot create the folder --storage {shown}: it is a file, or lies below one; pass a folder");
            return Err(StoreError::new(why));
        }
        Err(error) => {
            let why = format!("cannot create the folder --storage {shown}: {error}; pass one that hlscam may write to");
            return Err(StoreError::new(why));
        }
    }
    // SQLite would wait for the writer of a pipe for ever.
    for name in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal"), format!("{FILE_NAME}-journal")] {
        if fs::metadata(folder.join(&name)).is_ok_and(|facts| !facts.is_file()) {
            return Err(fault("open the markers", &format!("{name} is no plain file; move it away")));
        }
    }
    match opened(&folder.join(FILE_NAME)) {
        Ok(db) => Ok(Some(db)),
        Err(Unusable::Sql(error)) if has_no_room(&error, folder) => Ok(None),
        Err(Unusable::Sql(error)) => Err(match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => {
                fault("open the markers", &"another hlscam uses them; end it, or pass a folder of its own")
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                fault("read the markers", &format!("{FILE_NAME} is damaged or no database; move it away, and a new one is made"))
            }
            _ => {
                let why = first_line(&error);
                fault(
                    "open the markers",
                    &format!("{FILE_NAME}: {why}; pass a folder that hlscam may write to, or move the file away"),
                )
            }
        }),
        Err(Unusable::Foreign(tables)) => {
            let why = format!(
                "{FILE_NAME} is a database of another program (with {tables}); pass another folder, or move it away and a new one is made"
            );
            Err(fault("keep the markers", &why))
        }
        Err(Unusable::Newer(version)) => {
            let why = format!("{FILE_NAME} is of version {version}, and this hlscam knows {SCHEMA_VERSION}; use a newer hlscam");
            Err(fault("read the markers", &why))
        }
    }
}

/// Why a file cannot be used.
enum Unusable {
    Sql(rusqlite::Error),
    /// The tables in it.
    Foreign(String),
    Newer(i64),
}

impl From<rusqlite::Error> for Unusable {
    fn from(error: rusqlite::Error) -> Unusable {
        Unusable::Sql(error)
    }
}

fn opened(path: &Path) -> std::result::Result<Connection, Unusable> {
    let db = Connection::open(path)?;
    db.busy_timeout(Span::ZERO.to_duration())?;
    // What stands in a file of another program is not run.
    db.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    // Exclusive before WAL: then no shared memory is needed, and the lock is held until the end. NORMAL: a power cut may cost the last
    // markers, a killed process none.
    db.execute_batch(&format!(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = {JOURNAL_LEN_MAX};"
    ))?;
    db.execute_batch("BEGIN EXCLUSIVE; COMMIT;")?;
    let tables = tables(&db)?;
    match db.query_row("PRAGMA user_version", [], |row| row.get(0))? {
        0 if tables.is_empty() => db.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;"))?,
        // A table of that name with other columns is another program's, too.
        SCHEMA_VERSION if db.prepare(&format!("SELECT {COLUMNS}, known, class FROM marker")).is_ok() => {}
        1 if db.prepare(&format!("SELECT {COLUMNS_1} FROM marker")).is_ok() => {
            // All of it or nothing: what ends it half-way leaves the file as it was.
            db.execute_batch(&format!("BEGIN; {FROM_VERSION_1} COMMIT;")).inspect_err(|_| _ = db.execute_batch("ROLLBACK"))?;
        }
        newer if newer > SCHEMA_VERSION && db.prepare("SELECT number FROM marker").is_ok() => return Err(Unusable::Newer(newer)),
        _ => {
            return Err(Unusable::Foreign(if tables.is_empty() { "no tables".to_owned() } else { format!("the tables {tables}") }));
        }
    }
    Ok(db)
}

/// Names of the tables of a file.
fn tables(db: &Connection) -> rusqlite::Result<String> {
    let mut select =
        db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name LIMIT ?1")?;
    let names: Vec<String> = select.query_map([TABLES_NAMED_MAX], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    // They stand in a sentence.
    Ok(names.join(", ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
}

/// Writes all that a database holds to a folder that has no file. Whatever ends it half-way, no half file has the name of a whole one.
pub(super) fn copy(db: &Connection, folder: &Path) -> Result<()> {
    let (path, half) = (folder.join(FILE_NAME), folder.join(format!("{FILE_NAME}.copy")));
    let failed = |error: std::io::Error| StoreError::new(format!("cannot copy the markers to {}: {error}", path.display()));
    // What a copy before this one has left, and the log of a file that is gone: SQLite would take it for that of the new one.
    for leftover in [half.clone(), folder.join(format!("{FILE_NAME}-wal"))] {
        fs::remove_file(leftover)
            .or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .map_err(failed)?;
    }
    db.execute("VACUUM INTO ?1", [half.to_string_lossy()])?;
    fs::rename(half, &path).map_err(failed)
}
