//! SQLite files of ours: how one is opened and held, and brought to the version that this hlscam knows. What stands in them is known by
//! their owners, `archive` and `store`; no other module names rusqlite.

use crate::time::Span;
use rusqlite::{Connection, ErrorCode};
use std::path::Path;

/// What the log of a database may keep on the disk after a burst of writes, in bytes: as much as it needs between two checkpoints.
const JOURNAL_LEN_MAX: u32 = 4 << 20;
/// Tables of another program that are named.
const TABLES_NAMED_MAX: u32 = 3;

/// What a file holds.
pub(crate) struct Schema<'a> {
    /// Makes all of the newest version in an empty one, `user_version` included.
    pub(crate) create: &'a str,
    /// From version 1 to 2, and so on; the last leads to the newest.
    pub(crate) upgrades: &'a [&'a str],
    /// Whether a file that says it is of a version is: 0 is a new one, and what is newer than the newest is asked, too.
    pub(crate) is_ours: fn(&Connection, i64) -> rusqlite::Result<bool>,
}

/// Why a file cannot be used.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// What SQLite says.
    Sql(rusqlite::Error),
    /// It is another program's: the names of some of its tables.
    Foreign(String),
    /// A hlscam that is newer has written it: its version.
    Newer(i64),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> OpenError {
        OpenError::Sql(error)
    }
}

/// Opens a file, or makes it, and holds it until the end: no other program can open it meanwhile.
pub(crate) fn open(path: &Path, schema: &Schema<'_>) -> Result<Connection, OpenError> {
    let db = hold(path)?;
    let newest = schema.upgrades.len() as i64 + 1;
    let mut version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    loop {
        if version < 0 || !(schema.is_ours)(&db, version)? {
            return Err(OpenError::Foreign(tables(&db).unwrap_or_default()));
        }
        let (step, next) = match version {
            newer if newer > newest => return Err(OpenError::Newer(newer)),
            0 => (schema.create, newest),
            older => match schema.upgrades.get(older as usize - 1) {
                Some(upgrade) => (*upgrade, older + 1),
                None => return Ok(db),
            },
        };
        // All of it or nothing: what ends it half-way leaves the file as it was.
        db.execute_batch(&format!("BEGIN; {step} COMMIT;")).inspect_err(|_| _ = db.execute_batch("ROLLBACK"))?;
        version = next;
    }
}

fn hold(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(Span::ZERO.to_duration())?;
    // What stands in a file of another program is not run. Exclusive before WAL: then no shared memory is needed, and the lock is held
    // until the end. NORMAL: a power cut may cost the last markers, a killed process none; the last rows of an index are in its files.
    db.execute_batch(&format!(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = {JOURNAL_LEN_MAX}; BEGIN EXCLUSIVE; COMMIT;"
    ))?;
    Ok(db)
}

/// Names of some tables of a file, which are none of SQLite's own.
pub(crate) fn tables(db: &Connection) -> rusqlite::Result<String> {
    let mut select =
        db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name LIMIT ?1")?;
    let names: Vec<String> = select.query_map([TABLES_NAMED_MAX], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    // They stand in a sentence.
    Ok(names.join(", ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
}

/// Whether a file is damaged, or no database.
pub(crate) fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// Whether another program holds a file.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: &str = "CREATE TABLE a (b, c, d); PRAGMA user_version = 3;";
    const TO_2: &str = "ALTER TABLE a ADD COLUMN c; PRAGMA user_version = 2;";
    const TO_3: &str = "ALTER TABLE a ADD COLUMN d; PRAGMA user_version = 3;";

    fn is_ours(db: &Connection, version: i64) -> rusqlite::Result<bool> {
        Ok(if version == 0 { tables(db)?.is_empty() } else { db.prepare("SELECT b FROM a").is_ok() })
    }

    /// Opens a file that holds this; says what it has then.
    fn opened(sql: &str, upgrades: &[&str]) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.sqlite");
        Connection::open(&path).and_then(|db| db.execute_batch(sql)).expect("a database");
        let opened = open(&path, &Schema { create: CREATE, upgrades, is_ours });
        let busy = open(&path, &Schema { create: CREATE, upgrades, is_ours });
        assert_eq!(opened.is_ok(), matches!(busy, Err(OpenError::Sql(error)) if is_busy(&error)), "it is held");
        let told = opened.map_or_else(|error| format!("{error:?}"), |_| "open".to_owned());
        let columns = "SELECT group_concat(name, '') FROM pragma_table_info('a')";
        let look = |db: Connection| {
            let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            Ok((version, db.query_row(columns, [], |row| row.get::<_, Option<String>>(0))?.unwrap_or_default()))
        };
        let (version, columns) = Connection::open(&path).and_then(look).expect("it can be read");
        format!("{told}, {version} {columns}")
    }

    #[test]
    fn a_file_is_made_or_brought_to_the_newest_version_step_by_step() {
        for sql in ["", "CREATE TABLE a (b); PRAGMA user_version = 1;", "CREATE TABLE a (b, c); PRAGMA user_version = 2;", CREATE] {
            assert_eq!(opened(sql, &[TO_2, TO_3]), "open, 3 bcd", "{sql}");
        }
    }

    #[test]
    fn what_cannot_be_used_stays_as_it_is() {
        let upgrades = [TO_2, TO_3];
        assert_eq!(opened("CREATE TABLE a (b); PRAGMA user_version = 4;", &upgrades), "Newer(4), 4 b");
        assert_eq!(opened("CREATE TABLE x (b); CREATE TABLE y (b);", &upgrades), "Foreign(\"x, y\"), 0 ");
        assert_eq!(opened("CREATE TABLE a (x); PRAGMA user_version = 1;", &upgrades), "Foreign(\"a\"), 1 x");
        assert_eq!(opened("CREATE TABLE a (b); PRAGMA user_version = -1;", &upgrades), "Foreign(\"a\"), -1 b");
        let broken = [TO_2, "ALTER TABLE a ADD COLUMN d; ALTER TABLE a ADD COLUMN b; PRAGMA user_version = 3;"];
        let told = opened("CREATE TABLE a (b, c); PRAGMA user_version = 2;", &broken);
        assert!(told.contains("duplicate column") && told.ends_with(", 2 bc"), "{told}");
    }
}
