//! Rows as markers. One that cannot be read, after a flipped bit or a script that edited the file, does not take the others with it: it is
//! left out, counted, told once, and can be deleted.

use super::Placed;
use crate::{
    camera_name::CameraName,
    marker::{Best, Marker, MarkerSource, id_of, is_kind},
    time::WallTime,
};
use rusqlite::Row;
use std::{cell::RefCell, collections::BTreeSet};

/// The columns that are read.
pub(super) const COLUMNS: &str = "number, kind, text, source, begin, end, count, confidence, best, data, camera";
/// Unreadable rows that are remembered; of more it is only known that there are so many at least.
const UNREADABLE_MAX: usize = 1000;
/// Unreadable rows that are told one by one.
const TOLD_MAX: usize = 10;
/// The last millisecond of the year 9999: no later time can be told.
const LATEST_MS: i64 = 253_402_300_799_999;
/// Stands for a kind that cannot be read, in the id under which such a row can be deleted.
const KIND_UNKNOWN: &str = "unreadable";

/// A row.
pub(super) enum Found {
    /// A marker.
    Marker(Marker),
    /// It cannot be read; the reason.
    Unreadable(String),
}

/// The rows that could not be read so far.
#[derive(Debug, Default)]
pub(super) struct Unreadable(RefCell<BTreeSet<i64>>);

impl Unreadable {
    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub(super) fn contains(&self, number: i64) -> bool {
        self.0.borrow().contains(&number)
    }

    /// It is gone.
    pub(super) fn forget(&self, number: i64) {
        self.0.borrow_mut().remove(&number);
    }

    /// Takes a row, and remembers one that cannot be read. Its number is the one thing that is always there.
    pub(super) fn take(&self, row: &Row<'_>) -> rusqlite::Result<(i64, Found)> {
        let number: i64 = row.get(0)?;
        match read(row, number) {
            Ok(marker) => Ok((number, Found::Marker(marker))),
            Err(why) => {
                self.note(number, row, &why);
                Ok((number, Found::Unreadable(why)))
            }
        }
    }

    fn note(&self, number: i64, row: &Row<'_>, why: &str) {
        let mut numbers = self.0.borrow_mut();
        if numbers.len() >= UNREADABLE_MAX || !numbers.insert(number) || numbers.len() > TOLD_MAX {
            return;
        }
        let kind = row.get::<_, String>(1).ok().filter(|kind| is_kind(kind)).unwrap_or_else(|| KIND_UNKNOWN.to_owned());
        let id = id_of(&kind, number);
        tracing::warn!("the marker {id} cannot be read ({why}), and is left out; DELETE /api/markers/{id} removes it");
        if numbers.len() == TOLD_MAX {
            tracing::warn!("more markers that cannot be read are only counted");
        }
    }
}

/// The marker of a row, or why it is none.
fn read(row: &Row<'_>, number: i64) -> Result<Marker, String> {
    let wrong = |error: rusqlite::Error| super::error::first_line(&error);
    let kind: String = row.get(1).map_err(wrong)?;
    if !is_kind(&kind) {
        return Err("its kind is none".to_owned());
    }
    let time = |ms: i64| {
        let is_time = (0..=LATEST_MS).contains(&ms);
        is_time.then(|| WallTime::from_unix_ms(ms)).ok_or_else(|| "its time is none".to_owned())
    };
    let begin = time(row.get(4).map_err(wrong)?)?;
    let end = row.get::<_, Option<i64>>(5).map_err(wrong)?.map(time).transpose()?;
    if end.is_some_and(|end| end < begin) {
        return Err("it ends before it begins".to_owned());
    }
    let best: Option<String> = row.get(8).map_err(wrong)?;
    let best = best.map(|best| serde_json::from_str::<Placed>(&best)).transpose().map_err(|error| format!("its box: {error}"))?;
    let best = best.map(|best| Ok::<_, String>(Best { area: best.area, at: time(best.at_ms)? })).transpose()?;
    let data: Option<String> = row.get(9).map_err(wrong)?;
    let source: String = row.get(3).map_err(wrong)?;
    let camera: String = row.get(10).map_err(wrong)?;
    Ok(Marker {
        id: id_of(&kind, number),
        camera: CameraName::parse(&camera).map_err(|_| "its camera has no name".to_owned())?,
        kind,
        text: row.get(2).map_err(wrong)?,
        source: if source == "api" { MarkerSource::Api } else { MarkerSource::Detector },
        begin,
        end,
        count: row.get(6).map_err(wrong)?,
        confidence: row.get(7).map_err(wrong)?,
        best,
        data: data.map(|data| serde_json::from_str(&data)).transpose().map_err(|error| format!("its data: {error}"))?,
    })
}
