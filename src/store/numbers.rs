//! The numbers of a stream, kept from run to run.

use super::{Result, Store};
use crate::{package::Msn, window::numbers::FirstNumbers};
use rusqlite::{Connection, OptionalExtension};

/// Not in the schema: files of before have no such table, and a hlscam of before does not look at it.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS run (
    camera TEXT PRIMARY KEY, msn INTEGER NOT NULL, discontinuities INTEGER NOT NULL, key_frames INTEGER NOT NULL
) STRICT";

impl Store {
    /// Where the next run of a camera begins, if that is kept.
    pub fn numbers(&self, camera: &str) -> Result<Option<FirstNumbers>> {
        if !self.db.table_exists(None, "run")? {
            return Ok(None);
        }
        let mut select = self.db.prepare("SELECT msn, discontinuities, key_frames FROM run WHERE camera = ?1")?;
        let found: Option<(i64, i64, i64)> =
            select.query_row([camera], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        // What somebody else has written there may be anything.
        Ok(found.map(|(msn, discontinuities, key_frames)| FirstNumbers {
            msn: Msn(msn.max(1) as u64),
            discontinuities: discontinuities.max(1) as u64,
            key_frames: key_frames.max(0) as u64,
        }))
    }

    /// Keeps where the next run of a camera begins.
    pub fn keep_numbers(&mut self, camera: &str, numbers: FirstNumbers) -> Result<()> {
        self.check_location()?;
        write(&self.db, camera, numbers)
    }
}

fn write(db: &Connection, camera: &str, FirstNumbers { msn, discontinuities, key_frames }: FirstNumbers) -> Result<()> {
    db.execute_batch(TABLE)?;
    let sql = "INSERT OR REPLACE INTO run (camera, msn, discontinuities, key_frames) VALUES (?1, ?2, ?3, ?4)";
    db.prepare_cached(sql)?.execute((camera, msn.0 as i64, discontinuities as i64, key_frames as i64))?;
    Ok(())
}
