//! The store of markers: SQLite, in memory or in a file. The one adapter that names rusqlite; it is made, used and dropped on one thread.
//!
//! Which markers overlap a stretch of time is the question that must be fast. An index on the beginning alone would have to look at all
//! markers before it, for any of them may be long. So markers are filed by length (`class`): those of one class are at most so long, and
//! only those that begin within that length before the stretch are looked at.

#[cfg(test)]
mod tests;

use crate::{
    marker::{Marker, id_of, parts_of},
    time::{Span, WallTime},
};
use rusqlite::{Connection, OptionalExtension, Row, Rows, ToSql, named_params, types::Type};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Most markers: some 30 MB; at one a minute, two months. Beyond it the oldest go.
pub const MARKERS_MAX: u64 = 100_000;
/// The name of the file in the folder of `--storage`.
pub const FILE_NAME: &str = "markers.sqlite";
/// What the file holds; a newer hlscam may know more.
const SCHEMA_VERSION: i64 = 1;
/// Classes of length: the first is up to [`CLASS_MS`], each next one twice as long; the last spans centuries. Class 0 is open.
const CLASSES: i64 = 35;
/// Length of the first class, in milliseconds.
const CLASS_MS: i64 = 1000;
/// Prepared statements that are kept: one for each class, and the few others.
const STATEMENTS_MAX: usize = CLASSES as usize + 16;

const SCHEMA: &str = "
    CREATE TABLE marker (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL, text TEXT, source TEXT NOT NULL,
        begin INTEGER NOT NULL, end INTEGER, known INTEGER NOT NULL, class INTEGER NOT NULL,
        count INTEGER, confidence REAL, best TEXT, data TEXT
    ) STRICT;
    CREATE INDEX marker_time ON marker (class, begin, number);
    CREATE INDEX marker_end ON marker (end);
    PRAGMA user_version = 1;";

const COLUMNS: &str = "number, kind, text, source, begin, end, count, confidence, best, data";

/// Where markers are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory, for one run.
    Memory,
    /// In a folder, from run to run.
    Folder(PathBuf),
}

/// Which markers are asked for: those that overlap a stretch of time, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
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

/// Why the store fails: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        StoreError(format!("the store of markers failed: {error}"))
    }
}

type Result<T> = std::result::Result<T, StoreError>;

/// The store.
#[derive(Debug)]
pub struct Store {
    db: Connection,
    len: u64,
}

impl Store {
    /// Opens it. In memory, numbers begin with the seconds of `now`, so that ids of two runs differ. In a file, markers that a dead run
    /// left open are closed when they were last known to go on.
    pub fn open(place: &Place, now: WallTime) -> Result<Store> {
        let db = match place {
            Place::Memory => Connection::open_in_memory()?,
            Place::Folder(folder) => open_file(folder)?,
        };
        db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        if *place == Place::Memory {
            db.execute_batch(SCHEMA)?;
            db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('marker', ?1)", [now.as_unix_ms() / 1000])?;
        }
        let len = db.query_row("SELECT count(*) FROM marker", [], |row| row.get::<_, i64>(0))? as u64;
        let store = Store { db, len };
        store.close_all()?;
        Ok(store)
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
        let sql = "INSERT INTO marker (kind, text, source, begin, end, known, class, count, confidence, best, data)
                   VALUES (:kind, :text, :source, :begin, :end, :known, :class, :count, :confidence, :best, :data)";
        let begin = marker.begin.as_unix_ms();
        self.write(sql, &marker, &[(":kind", &marker.kind), (":begin", &begin), (":known", &begin)])?;
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
        Ok(find.query_row((number, kind), read).optional()?.map(|(_, marker)| marker))
    }

    /// Removes one, and says whether it was there.
    pub fn remove(&mut self, id: &str) -> Result<bool> {
        let Some((kind, number)) = parts_of(id) else { return Ok(false) };
        let removed = self.db.execute("DELETE FROM marker WHERE number = ?1 AND kind = ?2", (number, kind))?;
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
        let kinds = serde_json::to_string(&query.kinds).map_err(|error| StoreError(error.to_string()))?;
        let after = query.after.unwrap_or(Cursor { begin_ms: i64::MIN, number: 0 });
        let (from, to) = (query.from.as_unix_ms(), query.to.as_unix_ms());
        let statements: Result<Vec<_>> = (0..=CLASSES).map(|class| Ok(self.db.prepare_cached(&select(class))?)).collect();
        let mut statements = statements?;
        let mut shares = Vec::new();
        for statement in &mut statements {
            shares.push(statement.query(named_params! {
                ":to": to, ":from": from, ":after_begin": after.begin_ms, ":after_number": after.number, ":kinds": kinds,
            })?);
        }
        // The first of each class that is not taken yet.
        let mut heads = BTreeMap::new();
        for (class, share) in shares.iter_mut().enumerate() {
            heads.extend(head(class, share)?);
        }
        let (mut last, mut left, mut has_room) = (None, query.limit, true);
        while let Some(((begin_ms, number), (class, marker))) = heads.pop_first() {
            if left == 0 || !has_room {
                return Ok(last);
            }
            (last, left) = (Some(Cursor { begin_ms, number }), left - 1);
            has_room = take(marker)?;
            heads.extend(head(class, &mut shares[class])?);
        }
        Ok(None)
    }

    /// The open markers, oldest first.
    pub fn open_ones(&self) -> Result<Vec<Marker>> {
        let mut select = self.db.prepare_cached(&format!("SELECT {COLUMNS} FROM marker WHERE class = 0 ORDER BY begin, number"))?;
        let rows = select.query_map([], read)?;
        Ok(rows.map(|row| row.map(|(_, marker)| marker)).collect::<rusqlite::Result<_>>()?)
    }

    /// Open markers go on at that time: what is remembered if this run dies.
    pub fn touch(&mut self, now: WallTime) -> Result<()> {
        self.db.prepare_cached("UPDATE marker SET known = max(known, ?1) WHERE class = 0")?.execute([now.as_unix_ms()])?;
        Ok(())
    }

    /// Removes the markers that ended before then.
    pub fn forget_before(&mut self, first: WallTime) -> Result<()> {
        let removed = self.db.prepare_cached("DELETE FROM marker WHERE end < ?1")?.execute([first.as_unix_ms()])?;
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

    /// Closes what is open, when it was last known to go on.
    fn close_all(&self) -> Result<()> {
        let open: Vec<(i64, i64, i64)> = self
            .db
            .prepare("SELECT number, begin, max(begin, known) FROM marker WHERE class = 0")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (number, begin_ms, end_ms) in open {
            let sql = "UPDATE marker SET end = ?2, class = ?3 WHERE number = ?1";
            self.db.execute(sql, (number, end_ms, class_of(Some(end_ms - begin_ms))))?;
        }
        Ok(())
    }

    /// Runs a statement on the columns of a marker that may change, and `more`.
    fn write(&self, sql: &str, marker: &Marker, more: &[(&str, &dyn ToSql)]) -> Result<usize> {
        let json = |value: serde_json::Result<String>| value.map_err(|error| StoreError(error.to_string()));
        let (begin, end) = (marker.begin.as_unix_ms(), marker.end.map(WallTime::as_unix_ms));
        let source = if marker.source == crate::marker::Maker::Api { "api" } else { "detector" };
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

/// The next marker of a class, by its place in the order of all: beginning and number.
type Head = ((i64, i64), (usize, Marker));

/// The next marker of a class, if there is one.
fn head(class: usize, share: &mut Rows<'_>) -> Result<Option<Head>> {
    let Some((number, marker)) = share.next()?.map(read).transpose()? else { return Ok(None) };
    Ok(Some(((marker.begin.as_unix_ms(), number), (class, marker))))
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
         AND (:kinds = '[]' OR kind IN (SELECT value FROM json_each(:kinds)))
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

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Marker)> {
    let (number, kind): (i64, String) = (row.get(0)?, row.get(1)?);
    let json = |column, error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error));
    let best: Option<String> = row.get(8)?;
    let best: Option<Placed> = best.map(|best| serde_json::from_str(&best).map_err(|error| json(8, error))).transpose()?;
    let data: Option<String> = row.get(9)?;
    let marker = Marker {
        id: id_of(&kind, number),
        kind,
        text: row.get(2)?,
        source: if row.get_ref(3)?.as_str()? == "api" { crate::marker::Maker::Api } else { crate::marker::Maker::Detector },
        begin: WallTime::from_unix_ms(row.get(4)?),
        end: row.get::<_, Option<i64>>(5)?.map(WallTime::from_unix_ms),
        count: row.get(6)?,
        confidence: row.get(7)?,
        best: best.map(|best| crate::marker::Best { area: best.area, at: WallTime::from_unix_ms(best.at_ms) }),
        data: data.map(|data| serde_json::from_str(&data).map_err(|error| json(9, error))).transpose()?,
    };
    Ok((number, marker))
}

/// Opens the file of a folder, and holds it: two programs on one file would give the same numbers.
fn open_file(folder: &Path) -> Result<Connection> {
    let shown = folder.display();
    let fault = |what: &str, why: &dyn std::fmt::Display| StoreError(format!("cannot {what} in --storage {shown}: {why}"));
    fs::create_dir_all(folder).map_err(|error| {
        StoreError(format!("cannot create the folder --storage {shown}: {error}; pass one that hlscam may write to"))
    })?;
    let advice = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy) => {
            fault("open the markers", &"another hlscam uses them; end it, or pass a folder of its own")
        }
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            fault("read the markers", &format!("{FILE_NAME} is damaged or no database; move it away, and a new one is made"))
        }
        _ => fault("open the markers", &format!("{error}; pass a folder that hlscam may write to")),
    };
    let db = Connection::open(folder.join(FILE_NAME)).map_err(advice)?;
    db.busy_timeout(Span::ZERO.to_duration()).map_err(advice)?;
    // Exclusive before WAL: then no shared memory is needed, and the lock is held until the end. NORMAL: a power cut may cost the last
    // markers, a killed process none.
    db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;").map_err(advice)?;
    db.execute_batch("BEGIN EXCLUSIVE; COMMIT;").map_err(advice)?;
    match db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(advice)? {
        0 => db.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;")).map_err(advice)?,
        SCHEMA_VERSION => {}
        newer => {
            let why = format!("{FILE_NAME} is of version {newer}, and this hlscam knows {SCHEMA_VERSION}; use a newer hlscam");
            return Err(fault("read the markers", &why));
        }
    }
    Ok(db)
}
