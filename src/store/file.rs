//! The file of the store: opening it, whether it is still where it was opened, and a copy where it was taken away.

use super::{
    FROM_VERSION_1, Result, SCHEMA, SCHEMA_VERSION, StoreError,
    error::{first_line, has_no_room},
    row::COLUMNS,
};
use crate::{
    archive::inspect::{self, Inspected},
    plain_file::Identity,
    sqlite::{self, OpenError, Schema},
};
use rusqlite::Connection;
use std::{
    fmt::Display,
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// The name of the file in the folder of `--storage`.
pub const FILE_NAME: &str = "markers.sqlite";
/// The columns of version 1.
const COLUMNS_1: &str = "number, kind, text, source, begin, end, known, class, count, confidence, best, data";

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
    let schema = Schema { create: SCHEMA, upgrades: &[FROM_VERSION_1], is_ours };
    match sqlite::open(&folder.join(FILE_NAME), &schema) {
        Ok(db) => Ok(Some(db)),
        Err(OpenError::Sql(error)) if has_no_room(&error, folder) => Ok(None),
        Err(OpenError::Sql(error)) if sqlite::is_busy(&error) => {
            Err(fault("open the markers", &"another hlscam uses them; end it, or pass a folder of its own"))
        }
        Err(OpenError::Sql(error)) if sqlite::is_damaged(&error) => {
            Err(fault("read the markers", &format!("{FILE_NAME} is damaged or no database; move it away, and a new one is made")))
        }
        Err(OpenError::Sql(error)) => {
            let why = first_line(&error);
            let why = format!("{FILE_NAME}: {why}; pass a folder that hlscam may write to, or move the file away");
            Err(fault("open the markers", &why))
        }
        Err(OpenError::Foreign(tables)) => {
            let tables = if tables.is_empty() { "no tables".to_owned() } else { format!("the tables {tables}") };
            let why = format!(
                "{FILE_NAME} is a database of another program (with {tables}); pass another folder, or move it away and a new one is made"
            );
            Err(fault("keep the markers", &why))
        }
        Err(OpenError::Newer(version)) => {
            let why = format!("{FILE_NAME} is of version {version}, and this hlscam knows {SCHEMA_VERSION}; use a newer hlscam");
            Err(fault("read the markers", &why))
        }
    }
}

/// Whether a file that says it is of a version is a store of it: a table of that name with other columns is another program's, too.
fn is_ours(db: &Connection, version: i64) -> rusqlite::Result<bool> {
    let is_empty = sqlite::tables(db)?.is_empty();
    let has = |columns: &str| db.prepare(&format!("SELECT {columns} FROM marker")).is_ok();
    Ok(match version {
        0 => is_empty,
        1 => has(COLUMNS_1),
        SCHEMA_VERSION => has(&format!("{COLUMNS}, known, class")),
        _ => has("number"),
    })
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
