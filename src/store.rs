//! The store of markers: SQLite, in memory or in a file. The cameras of a process share one store: see [`SharedStore`].
//!
//! Which markers overlap a stretch of time is the question that must be fast. An index on the beginning alone would have to look at all
//! markers before it, for any of them may be long. So markers are filed by length (`class`): those of one class are at most so long, and
//! only those that begin within that length before the stretch are looked at.

mod error;
mod file;
pub mod last_run;
mod numbers;
mod row;
#[cfg(test)]
mod tests;

use crate::{
    camera_name::CameraName,
    marker::{Marker, id_of, parts_of},
    time::WallTime,
};
use file::File;
use row::{COLUMNS, Found, Unreadable};
use rusqlite::{Connection, OptionalExtension, Rows, ToSql, named_params};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub use error::StoreError;
pub use file::{FILE_NAME, inspect};

/// Most markers: some 30 MB; at one a minute, two months. Beyond it the oldest go.
pub const MARKERS_MAX: u64 = 100_000;
/// What the file holds; a newer hlscam may know more.
const SCHEMA_VERSION: i64 = 2;
/// Classes of length: the first is up to [`CLASS_MS`], each next one twice as long; the last spans centuries. Class 0 is open.
const CLASSES: i64 = 35;
/// Length of the first class, in milliseconds.
const CLASS_MS: i64 = 1000;
/// Prepared statements that are kept: one for each class, and the few others.
const STATEMENTS_MAX: usize = CLASSES as usize + 16;

const SCHEMA: &str = "
    CREATE TABLE marker (
        number INTEGER PRIMARY KEY AUTOINCREMENT, camera TEXT NOT NULL,
        kind TEXT NOT NULL, text TEXT, source TEXT NOT NULL,
        begin INTEGER NOT NULL, end INTEGER, known INTEGER NOT NULL, class INTEGER NOT NULL,
        count INTEGER, confidence REAL, best TEXT, data TEXT
    ) STRICT;
    CREATE INDEX marker_time ON marker (class, begin, number);
    CREATE INDEX marker_end ON marker (end);
    PRAGMA user_version = 2;";

/// From version 1, which knew one camera, and that was named `cam`.
const FROM_VERSION_1: &str = "
    ALTER TABLE marker ADD COLUMN camera TEXT NOT NULL DEFAULT 'cam';
    PRAGMA user_version = 2;";

/// Where markers are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In memory, for one run.
    Memory,
    /// In a folder, from run to run.
    Folder(PathBuf),
}

/// Which markers are asked for: those that overlap a stretch of time, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Of this camera.
    pub camera: CameraName,
    /// From.
    pub from: WallTime,
    /// To.
    pub to: WallTime,
    /// Of these kinds; of all if there is none.
    pub kinds: Vec<String>,
    /// At most so many.
    pub limit: usize,
    /// Only those behind this place.
    pub after: Option<Cursor>,
}

/// A place in the order of markers: by beginning, then by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Beginning, in milliseconds.
    pub begin_ms: i64,
    /// Number.
    pub number: i64,
}

type Result<T> = std::result::Result<T, StoreError>;

/// A store in which all cameras of a process keep their markers: its file can be opened once only.
pub type SharedStore = Arc<Mutex<Store>>;

/// The store.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    len: u64,
    /// None in memory.
    file: Option<File>,
    /// Markers up to this number that are open were left so by a run that died, and could not be closed yet.
    left_until: Option<i64>,
    unreadable: Unreadable,
}

impl Store {
    /// Opens it. In memory, numbers begin with the seconds of `now`, so that ids of two runs differ. In a file, markers that a dead run
    /// left open are closed when they were last known to go on. A disk without room is no reason not to begin: what it cannot take yet is
    /// [told](Store::location_error).
    pub fn open(location: &Location, now: WallTime) -> Result<Store> {
        let (db, file) = match location {
            Location::Memory => (None, None),
            Location::Folder(folder) => (file::open(folder)?, Some(folder)),
        };
        let is_new = db.is_none();
        let db = db.map_or_else(Connection::open_in_memory, Ok)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        if is_new {
            db.execute_batch(SCHEMA)?;
            db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('marker', ?1)", [now.as_unix_ms() / 1000])?;
        }
        // One that is in memory because there was no room for a file is not in its place.
        let file = file.map(|folder| if is_new { File::nowhere(folder) } else { File::of(folder) });
        let mut store = Store { db, len: 0, file, left_until: None, unreadable: Unreadable::default() };
        store.take_over().map_err(|error| store.named(error))?;
        Ok(store)
    }

    /// Opens it for several cameras.
    pub fn open_shared(location: &Location, now: WallTime) -> Result<SharedStore> {
        Ok(Arc::new(Mutex::new(Store::open(location, now)?)))
    }

    /// Whether it is meant to last for one run only.
    pub fn is_in_memory(&self) -> bool {
        self.file.is_none()
    }

    /// The folder in which it is kept; none in memory.
    pub fn folder(&self) -> Option<&Path> {
        self.file.as_ref().map(File::folder)
    }

    /// Counts what is there, and closes what a dead run left open.
    fn take_over(&mut self) -> Result<()> {
        self.len = self.db.query_row("SELECT count(*) FROM marker", [], |row| row.get::<_, i64>(0))? as u64;
        self.left_until = self.db.query_row("SELECT max(number) FROM marker WHERE class = 0", [], |row| row.get(0))?;
        let Err(error) = self.close_left() else { return Ok(()) };
        if !self.file.as_ref().is_some_and(|file| error::has_no_room(&error, file.folder())) {
            return Err(error.into());
        }
        let error = self.named(error.into());
        tracing::warn!("{error}; markers that the last run left open are closed when there is room");
        Ok(())
    }

    /// The same error with the name of the file in it, and why the disk fails where it says so.
    pub fn named(&self, error: StoreError) -> StoreError {
        match &self.file {
            Some(file) => error.of(file.folder()),
            None => error,
        }
    }

    /// Why nothing can be kept at the moment, if so: the file is not there any more.
    pub fn location_error(&self) -> Option<StoreError> {
        let file = self.file.as_ref().filter(|file| !file.is_in_place())?;
        let path = file.path();
        Some(StoreError::new(format!(
            "the markers cannot be kept: {} is not there any more, or there was no room for it; they are kept again when its folder is back",
            path.display()
        )))
    }

    /// Tries to keep markers again after a failure: where the file was taken away and its folder is there, in a copy of all that is known or in
    /// the file that lies there now. An error says that it still fails.
    pub fn recover(&mut self) -> Result<()> {
        if let Some(file) = self.file.as_ref().filter(|file| !file.is_in_place()) {
            let folder = file.folder().to_owned();
            if !folder.is_dir() {
                return self.location_error().map_or(Ok(()), Err);
            }
            let is_empty = !file.path().exists();
            if is_empty {
                file::copy(&self.db, &folder)?;
            }
            self.move_to(&folder, is_empty)?;
        }
        // Something is written, so that a disk without room says so; open markers are left as they are.
        self.close_left()?;
        Ok(self.db.execute_batch(&format!("PRAGMA user_version = {SCHEMA_VERSION}"))?)
    }

    /// Goes on in the file of a folder, which is a copy of this one or another. Numbers go on from the higher of both.
    fn move_to(&mut self, folder: &std::path::Path, is_copy: bool) -> Result<()> {
        let last: i64 =
            self.db.query_row("SELECT max(seq) FROM sqlite_sequence", [], |row| row.get::<_, Option<i64>>(0))?.unwrap_or(0);
        let Some(db) = file::open(folder)? else { return self.location_error().map_or(Ok(()), Err) };
        db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        let has_sequence = db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'marker'", [last])? > 0;
        if !has_sequence {
            db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('marker', ?1)", [last])?;
        }
        let len = db.query_row("SELECT count(*) FROM marker", [], |row| row.get::<_, i64>(0))? as u64;
        if !is_copy {
            // What is open in there was left so by another run.
            self.left_until = db.query_row("SELECT max(number) FROM marker WHERE class = 0", [], |row| row.get(0))?;
        }
        (self.db, self.len, self.file, self.unreadable) = (db, len, Some(File::of(folder)), Unreadable::default());
        Ok(())
    }

    /// Rows that could not be read so far.
    pub fn n_unreadable(&self) -> u64 {
        self.unreadable.len() as u64
    }

    /// Markers in it.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds one, whose id it gives; what it comes with is not read.
    pub fn add(&mut self, mut marker: Marker) -> Result<Marker> {
        let sql = "INSERT INTO marker (camera, kind, text, source, begin, end, known, class, count, confidence, best, data)
                   VALUES (:camera, :kind, :text, :source, :begin, :end, :known, :class, :count, :confidence, :best, :data)";
        let begin = marker.begin.as_unix_ms();
        self.write(
            sql,
            &marker,
            &[(":camera", &marker.camera.as_str()), (":kind", &marker.kind), (":begin", &begin), (":known", &begin)],
        )?;
        self.len += 1;
        marker.id = id_of(&marker.kind, self.db.last_insert_rowid());
        Ok(marker)
    }

    /// Saves what has changed of one; id, kind and beginning never do. Says whether it is there.
    pub fn save(&mut self, marker: &Marker) -> Result<bool> {
        let Some((_, number)) = parts_of(&marker.id) else { return Ok(false) };
        let sql = "UPDATE marker SET text = :text, source = :source, end = :end, class = :class,
                   count = :count, confidence = :confidence, best = :best, data = :data WHERE number = :number";
        Ok(self.write(sql, marker, &[(":number", &number)])? > 0)
    }

    /// The marker of that id.
    pub fn find(&self, id: &str) -> Result<Option<Marker>> {
        let Some((kind, number)) = parts_of(id) else { return Ok(None) };
        let mut find = self.db.prepare_cached(&format!("SELECT {COLUMNS} FROM marker WHERE number = ?1 AND kind = ?2"))?;
        match find.query_row((number, kind), |row| self.unreadable.take(row)).optional()? {
            Some((_, Found::Marker(marker))) => Ok(Some(marker)),
            Some((_, Found::Unreadable(why))) => {
                Err(StoreError::new(format!("the marker {id} cannot be read ({why}); DELETE removes it")))
            }
            None => Ok(None),
        }
    }

    /// Removes one, also one that cannot be read, and says whether it was there.
    pub fn remove(&mut self, id: &str) -> Result<bool> {
        let Some((kind, number)) = parts_of(id) else { return Ok(false) };
        self.check_location()?;
        // The kind of one that cannot be read may be anything.
        let is_unreadable = self.unreadable.contains(number);
        let sql = "DELETE FROM marker WHERE number = ?1 AND (kind = ?2 OR ?3)";
        let removed = self.db.execute(sql, (number, kind, is_unreadable))?;
        self.unreadable.forget(number);
        self.len -= removed as u64;
        Ok(removed > 0)
    }

    /// The first markers that are asked for, and where the next ones begin if there are more.
    pub fn list(&self, query: &Query) -> Result<(Vec<Marker>, Option<Cursor>)> {
        let mut found = Vec::new();
        let next = self.visit(query, |marker| {
            found.push(marker);
            Ok(true)
        })?;
        Ok((found, next))
    }

    /// The same one by one, as they are read, until `take` has no room for another. No more is read than is taken, and one of
    /// each class.
    pub fn visit(&self, query: &Query, mut take: impl FnMut(Marker) -> Result<bool>) -> Result<Option<Cursor>> {
        let kinds = serde_json::to_string(&query.kinds).map_err(|error| StoreError::new(error.to_string()))?;
        let after = query.after.unwrap_or(Cursor { begin_ms: i64::MIN, number: 0 });
        let (from, to) = (query.from.as_unix_ms(), query.to.as_unix_ms());
        let statements: Result<Vec<_>> = (0..=CLASSES).map(|class| Ok(self.db.prepare_cached(&select(class))?)).collect();
        let mut statements = statements?;
        let mut shares = Vec::new();
        for statement in &mut statements {
            shares.push(statement.query(named_params! {
                ":to": to, ":from": from, ":after_begin": after.begin_ms, ":after_number": after.number, ":kinds": kinds, ":camera": query.camera.as_str(),
            })?);
        }
        // The first of each class that is not taken yet.
        let mut heads = BTreeMap::new();
        for (class, share) in shares.iter_mut().enumerate() {
            heads.extend(head(class, share, &self.unreadable)?);
        }
        let (mut last, mut left, mut has_room) = (None, query.limit, true);
        while let Some(((begin_ms, number), (class, marker))) = heads.pop_first() {
            if left == 0 || !has_room {
                return Ok(last);
            }
            (last, left) = (Some(Cursor { begin_ms, number }), left - 1);
            has_room = take(marker)?;
            heads.extend(head(class, &mut shares[class], &self.unreadable)?);
        }
        Ok(None)
    }

    /// The open markers of a camera in this run, oldest first.
    pub fn open_ones(&self, camera: &CameraName) -> Result<Vec<Marker>> {
        let sql = format!("SELECT {COLUMNS} FROM marker WHERE class = 0 AND number > ?1 AND camera = ?2 ORDER BY begin, number");
        let mut select = self.db.prepare_cached(&sql)?;
        let mut rows = select.query((self.left_until.unwrap_or(-1), camera.as_str()))?;
        let mut open = Vec::new();
        while let Some(row) = rows.next()? {
            if let (_, Found::Marker(marker)) = self.unreadable.take(row)? {
                open.push(marker);
            }
        }
        Ok(open)
    }

    /// Notes that the open markers of a camera go on at that time: where they are closed if this run dies.
    pub fn touch(&mut self, camera: &CameraName, now: WallTime) -> Result<()> {
        let sql = "UPDATE marker SET known = max(known, ?1) WHERE class = 0 AND number > ?2 AND camera = ?3";
        self.db.prepare_cached(sql)?.execute((now.as_unix_ms(), self.left_until.unwrap_or(-1), camera.as_str()))?;
        Ok(())
    }

    /// Removes the markers of a camera that ended before then.
    pub fn forget_before(&mut self, camera: &CameraName, first: WallTime) -> Result<()> {
        let sql = "DELETE FROM marker WHERE end < ?1 AND camera = ?2";
        let removed = self.db.prepare_cached(sql)?.execute((first.as_unix_ms(), camera.as_str()))?;
        self.len -= removed as u64;
        Ok(())
    }

    /// Removes the markers that ended first, until there are `most`.
    pub fn shrink_to(&mut self, most: u64) -> Result<()> {
        let Some(excess) = self.len.checked_sub(most).filter(|excess| *excess > 0) else { return Ok(()) };
        let sql = "DELETE FROM marker WHERE number IN (SELECT number FROM marker WHERE end NOT NULL ORDER BY end LIMIT ?1)";
        self.len -= self.db.prepare_cached(sql)?.execute([excess as i64])? as u64;
        Ok(())
    }

    /// Closes what a dead run left open, when it was last known to go on.
    fn close_left(&mut self) -> rusqlite::Result<()> {
        let Some(until) = self.left_until else { return Ok(()) };
        let select = "SELECT number, begin, max(begin, known) FROM marker WHERE class = 0 AND number <= ?1";
        let open: Vec<(i64, i64, i64)> = self
            .db
            .prepare(select)?
            .query_map([until], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (number, begin_ms, end_ms) in open {
            let sql = "UPDATE marker SET end = ?2, class = ?3 WHERE number = ?1";
            self.db.execute(sql, (number, end_ms, class_of(Some(end_ms.saturating_sub(begin_ms)))))?;
        }
        self.left_until = None;
        Ok(())
    }

    /// What is written to a file that is not in its place is lost.
    fn check_location(&self) -> Result<()> {
        self.location_error().map_or(Ok(()), Err)
    }

    /// Runs a statement on the columns of a marker that may change, and `more`.
    fn write(&self, sql: &str, marker: &Marker, more: &[(&str, &dyn ToSql)]) -> Result<usize> {
        self.check_location()?;
        let json = |value: serde_json::Result<String>| value.map_err(|error| StoreError::new(error.to_string()));
        let (begin, end) = (marker.begin.as_unix_ms(), marker.end.map(WallTime::as_unix_ms));
        let source = if marker.source == crate::marker::MarkerSource::Api { "api" } else { "detector" };
        let best = marker.best.map(|best| json(serde_json::to_string(&Placed::from(best)))).transpose()?;
        let data = marker.data.as_ref().map(|data| json(serde_json::to_string(data))).transpose()?;
        let class = class_of(end.map(|end| end - begin));
        let mut params: Vec<(&str, &dyn ToSql)> = vec![
            (":text", &marker.text),
            (":source", &source),
            (":end", &end),
            (":class", &class),
            (":count", &marker.count),
            (":confidence", &marker.confidence),
            (":best", &best),
            (":data", &data),
        ];
        params.extend_from_slice(more);
        Ok(self.db.prepare_cached(sql)?.execute(&params[..])?)
    }
}

/// The best moment as it is stored: areas and time in one JSON.
#[derive(serde::Serialize, serde::Deserialize)]
struct Placed {
    area: crate::marker::Fractions,
    at_ms: i64,
}

impl From<crate::marker::Best> for Placed {
    fn from(best: crate::marker::Best) -> Placed {
        Placed { area: best.area, at_ms: best.at.as_unix_ms() }
    }
}

/// The first marker of a class that is not taken yet: its place in the order of all, its class, and itself.
type Head = ((i64, i64), (usize, Marker));

/// The next one of a class, if there is one.
fn head(class: usize, share: &mut Rows<'_>, unreadable: &Unreadable) -> Result<Option<Head>> {
    while let Some(row) = share.next()? {
        if let (number, Found::Marker(marker)) = unreadable.take(row)? {
            return Ok(Some(((marker.begin.as_unix_ms(), number), (class, marker))));
        }
    }
    Ok(None)
}

/// One class's share of a query. An empty list of kinds means all.
fn select(class: i64) -> String {
    let earliest = match reach_ms(class) {
        i64::MAX => ":after_begin".to_owned(),
        reach => format!("max(:from - {reach}, :after_begin)"),
    };
    format!(
        "SELECT {COLUMNS} FROM marker
         WHERE class = {class} AND begin BETWEEN {earliest} AND :to AND (class = 0 OR end >= :from)
         AND (begin > :after_begin OR number > :after_number)
         AND camera = :camera AND (:kinds = '[]' OR kind IN (SELECT value FROM json_each(:kinds)))
         ORDER BY begin, number"
    )
}

/// The class of a marker of that length; open ones have none.
fn class_of(len_ms: Option<i64>) -> i64 {
    let Some(len_ms) = len_ms else { return 0 };
    (1..CLASSES).find(|class| len_ms <= reach_ms(*class)).unwrap_or(CLASSES)
}

/// How long a marker of a class can be.
fn reach_ms(class: i64) -> i64 {
    match class {
        0 => i64::MAX,
        class if class < CLASSES => CLASS_MS << (class - 1),
        _ => i64::MAX,
    }
}
