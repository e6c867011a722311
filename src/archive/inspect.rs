//! Looking at a database of ours without holding it and without changing anything, also where another program has it open.

use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// What a database is.
#[derive(Debug, PartialEq, Eq)]
pub enum Inspected<T> {
    /// There is none.
    Absent,
    /// Another program has it open.
    Held,
    /// The program that wrote it did not end by itself: there is a log beside it that the next one takes in.
    Unmerged,
    /// It was written by a newer hlscam.
    Newer(i64),
    /// It is damaged: SQLite's word.
    Damaged(String),
    /// It is sound, and this was read of it.
    Sound(T),
}

/// Checks a database all through, and reads something of it. Newer than `version_max` is not read.
pub fn inspect<T>(path: &Path, version_max: i64, read: impl FnOnce(Connection) -> Result<T, String>) -> io::Result<Inspected<T>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Inspected::Absent),
        opened => opened?,
    };
    if !try_hold(&file)? {
        return Ok(Inspected::Held);
    }
    // From here on nobody writes to it: who would have to hold it alone.
    let log = |ending: &str| fs::metadata(format!("{}{ending}", path.display())).is_ok_and(|facts| facts.len() > 0);
    if log("-wal") || log("-journal") {
        return Ok(Inspected::Unmerged);
    }
    Ok(match look(path, version_max, read) {
        Ok(inspected) => inspected,
        Err(error) => Inspected::Damaged(error),
    })
}

fn look<T>(path: &Path, version_max: i64, read: impl FnOnce(Connection) -> Result<T, String>) -> Result<Inspected<T>, String> {
    let told = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => "it is no database".to_owned(),
        _ => error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    let db = Connection::open_with_flags(immutable(path), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI);
    let db = db.map_err(told)?;
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(told)?;
    if version > version_max {
        return Ok(Inspected::Newer(version));
    }
    let verdict: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(told)?;
    if verdict != "ok" {
        return Ok(Inspected::Damaged(verdict.lines().next().unwrap_or_default().to_owned()));
    }
    read(db).map(Inspected::Sound)
}

/// The address under which SQLite neither locks the file nor makes others beside it.
fn immutable(path: &Path) -> String {
    let escaped: String = path
        .to_string_lossy()
        .chars()
        .map(|c| match c {
            '%' => "%25".to_owned(),
            '?' => "%3f".to_owned(),
            '#' => "%23".to_owned(),
            c => c.to_string(),
        })
        .collect();
    format!("file:{escaped}?immutable=1")
}

/// Whether no other program holds the file alone, as ours do while they run.
#[cfg(unix)]
fn try_hold(file: &File) -> io::Result<bool> {
    use rustix::{
        fs::{FlockOperation, fcntl_lock},
        io::Errno,
    };
    match fcntl_lock(file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(true),
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
        // A file system without locks.
        Err(_) => Ok(true),
    }
}

#[cfg(not(unix))]
fn try_hold(_file: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(path: &Path) -> Inspected<i64> {
        let count =
            |db: Connection| db.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).map_err(|error| error.to_string());
        inspect(path, 3, count).expect("it can be read")
    }

    #[test]
    fn a_database_is_looked_at_and_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("50%?.sqlite");
        assert_eq!(state(&path), Inspected::Absent);
        let db = Connection::open(&path).expect("a new one");
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE a (b); INSERT INTO a VALUES (1), (2); PRAGMA user_version = 3;")
            .expect("it is written");
        assert_eq!(state(&path), Inspected::Unmerged);
        drop(db);
        let before = fs::read(&path).expect("it is there");
        assert_eq!(state(&path), Inspected::Sound(2));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is made beside it");
        assert!(fs::read(&path).expect("it is there") == before);

        let mut newer = before.clone();
        newer[60..64].copy_from_slice(&4_u32.to_be_bytes());
        fs::write(&path, &newer).expect("there is room");
        assert_eq!(state(&path), Inspected::Newer(4));
        let mut damaged = before.clone();
        damaged[4096..8192].fill(0x55);
        fs::write(&path, &damaged).expect("there is room");
        assert!(matches!(state(&path), Inspected::Damaged(_)));
        fs::write(&path, "no database at all").expect("there is room");
        assert_eq!(state(&path), Inspected::Damaged("it is no database".to_owned()));
    }
}
