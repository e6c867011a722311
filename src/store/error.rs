//! Why the store fails, as one sentence: what SQLite says, and what the disk says where SQLite tells only that it failed.

use super::FILE_NAME;
use crate::sqlite;
use rusqlite::ErrorCode;
use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Seek, SeekFrom, Write},
    path::Path,
};

/// The file that is written to hear why the disk fails, beside the store's own.
const PROBE_NAME: &str = "markers.sqlite.probe";
/// What is written to it: more than a transaction of ours, of which the first page may have found room.
const PROBE_LEN: usize = 64 << 10;

/// Why the store fails: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{why}", if matches!(fault, Fault::Told) { "" } else { "the store of markers failed: " })]
pub struct StoreError {
    fault: Fault,
    why: String,
}

/// What an error still wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Nothing: its sentence is whole.
    Told,
    /// Which file failed.
    Sql,
    /// The same, and why the disk does.
    Disk,
}

impl StoreError {
    /// One whose sentence is whole.
    pub fn new(why: impl Into<String>) -> StoreError {
        StoreError { fault: Fault::Told, why: why.into() }
    }

    /// The same with the name of the file in it, and why the disk fails where it says so.
    pub(super) fn of(self, folder: &Path) -> StoreError {
        let why = match self.fault {
            Fault::Told => return self,
            Fault::Sql => self.why,
            Fault::Disk => refusal(folder).map_or(self.why, |error| disk_fails(&error)),
        };
        StoreError::new(format!("the store of markers {} failed: {why}", folder.join(FILE_NAME).display()))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        let (fault, why) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => (Fault::Sql, disk_fails(&ErrorKind::StorageFull.into())),
            Some(ErrorCode::ReadOnly) => (Fault::Sql, "it can only be read; let hlscam write there".to_owned()),
            _ if sqlite::is_damaged(&error) => {
                (Fault::Sql, "it is damaged; end hlscam and move it away, and a new one is made".to_owned())
            }
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => (
                Fault::Disk,
                format!("the disk cannot be read or written ({}); see that it is there and writable", first_line(&error)),
            ),
            _ => (Fault::Sql, first_line(&error)),
        };
        StoreError { fault, why }
    }
}

/// Whether an error may pass by itself: there is no room for what was written.
pub(super) fn has_no_room(error: &rusqlite::Error, folder: &Path) -> bool {
    let is_room =
        |error: io::Error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => true,
        Some(ErrorCode::SystemIoFailure) => refusal(folder).is_some_and(is_room),
        _ => false,
    }
}

/// Why a file as long as the store's cannot be written in a folder, if so: SQLite keeps the system's reason to itself.
fn refusal(folder: &Path) -> Option<io::Error> {
    let len = |name: &str| fs::metadata(folder.join(name)).map_or(0, |facts| facts.len());
    let beyond = len(FILE_NAME).max(len(&format!("{FILE_NAME}-wal")));
    let path = folder.join(PROBE_NAME);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        file.seek(SeekFrom::Start(beyond))?;
        file.write_all(&[0; PROBE_LEN])
    };
    // A run that was killed here has left it.
    fs::remove_file(&path).ok();
    let refused = write().err();
    fs::remove_file(path).ok();
    refused
}

/// Why a disk fails, and what to do.
fn disk_fails(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::StorageFull => "the disk is full; make room".to_owned(),
        ErrorKind::QuotaExceeded => "your quota is used up; make room".to_owned(),
        ErrorKind::FileTooLarge => {
            "the file system takes no larger file; raise the limit on the size of files (ulimit -f), or pass another folder"
                .to_owned()
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => "it can only be read; let hlscam write there".to_owned(),
        _ => format!("the disk cannot be read or written ({error}); see that it is there and writable"),
    }
}

/// The first line of an error: some show the whole statement.
pub(super) fn first_line(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}
