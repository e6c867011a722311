//! A file that is there whole or not at all: it is written beside its place, and put there in one step when all of it is on the disk.

use crate::record::Overwrite;
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// How the name ends beside its place.
const BESIDE: &str = ".hlscam-part";

/// Why there is no file: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum WholeFileError {
    /// It is there already, and [`Overwrite::Refuse`] was asked.
    #[error("cannot write {}: it exists; choose another name, or pass --force to replace it", .0.display())]
    Exists(PathBuf),
    /// It is a folder, a device or a pipe, which cannot be put there in one step.
    #[error("cannot write {}: it is no plain file; choose another name, or write - for stdout", .0.display())]
    NoFile(PathBuf),
    /// Another program is doing the same.
    #[error("cannot write {}: another program is writing it", .0.display())]
    Busy(PathBuf),
    /// The world said no: disk full, no permission, no such folder.
    #[error("cannot write {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// The file in the making. Where it is dropped before its end, nothing is left.
#[derive(Debug)]
pub struct WholeFile {
    /// As the user wrote it, for messages.
    path: PathBuf,
    /// Links resolved: what a link leads to is replaced, not the link.
    target: PathBuf,
    beside: PathBuf,
    /// None once it is in its place.
    file: Option<File>,
    overwrite: Overwrite,
}

impl WholeFile {
    /// Begins it.
    pub fn create(path: &Path, overwrite: Overwrite) -> Result<WholeFile, WholeFileError> {
        check(path, overwrite)?;
        let failed = |source| WholeFileError::Io { path: path.to_owned(), source };
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut name = OsString::from(target.as_os_str());
        name.push(BESIDE);
        let beside = PathBuf::from(name);
        // No link is followed from there.
        if fs::symlink_metadata(&beside).is_ok_and(|facts| !facts.is_file()) {
            return Err(WholeFileError::Exists(beside));
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&beside).map_err(failed)?;
        // What one that was killed has left is nobody's.
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(WholeFileError::Busy(path.to_owned())),
            // A file system without locks.
            Err(TryLockError::Error(_)) => {}
        }
        file.set_len(0).map_err(failed)?;
        Ok(WholeFile { path: path.to_owned(), target, beside, file: Some(file), overwrite })
    }

    /// Writes more of it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), WholeFileError> {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes));
        written.map_err(|source| self.failed(source))
    }

    /// It is whole: puts it in its place.
    pub fn finish(mut self) -> Result<(), WholeFileError> {
        self.file.as_ref().map_or(Ok(()), File::sync_all).map_err(|source| self.failed(source))?;
        // It may have come meanwhile.
        check(&self.path, self.overwrite)?;
        // Windows moves no file that is open.
        self.file = None;
        fs::rename(&self.beside, &self.target).map_err(|source| {
            fs::remove_file(&self.beside).ok();
            self.failed(source)
        })
    }

    fn failed(&self, source: io::Error) -> WholeFileError {
        WholeFileError::Io { path: self.path.clone(), source }
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        // Windows removes no file that is open.
        if self.file.take().is_some() {
            fs::remove_file(&self.beside).ok();
        }
    }
}

/// Whether a file may be put there.
pub fn check(path: &Path, overwrite: Overwrite) -> Result<(), WholeFileError> {
    match fs::metadata(path) {
        Ok(facts) if !facts.is_file() => Err(WholeFileError::NoFile(path.to_owned())),
        Ok(_) if overwrite == Overwrite::Refuse => Err(WholeFileError::Exists(path.to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("it is there").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jpg");
        let mut file = WholeFile::create(&path, Overwrite::Refuse).expect("it can be made");
        file.write(b"half").expect("there is room");
        assert_eq!(there(folder.path()), ["a.jpg.hlscam-part"]);
        assert!(matches!(WholeFile::create(&path, Overwrite::Replace), Err(WholeFileError::Busy(_))));
        drop(file);
        assert!(there(folder.path()).is_empty());
        // What a killed one has left is overwritten.
        fs::write(folder.path().join("a.jpg.hlscam-part"), "a long rest of another").expect("there is room");
        let mut file = WholeFile::create(&path, Overwrite::Refuse).expect("it can be made");
        file.write(b"whole").expect("there is room");
        file.finish().expect("it is put there");
        assert_eq!((there(folder.path()), fs::read(&path).expect("it is there")), (vec!["a.jpg".to_owned()], b"whole".to_vec()));
    }

    #[test]
    fn what_is_there_stays_unless_it_is_to_be_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jpg");
        fs::write(&path, "before").expect("there is room");
        let told = WholeFile::create(&path, Overwrite::Refuse).expect_err("it exists").to_string();
        assert!(told.ends_with("a.jpg: it exists; choose another name, or pass --force to replace it"), "{told}");
        WholeFile::create(&path, Overwrite::Replace).and_then(WholeFile::finish).expect("it is replaced");
        assert_eq!(fs::read(&path).expect("it is there"), b"");
        assert!(matches!(WholeFile::create(folder.path(), Overwrite::Replace), Err(WholeFileError::NoFile(_))));
        let nowhere = folder.path().join("no/such/a.jpg");
        assert!(matches!(WholeFile::create(&nowhere, Overwrite::Replace), Err(WholeFileError::Io { .. })));
        // One that came meanwhile stays, too.
        let other = folder.path().join("b.jpg");
        let file = WholeFile::create(&other, Overwrite::Refuse).expect("it can be made");
        fs::write(&other, "came first").expect("there is room");
        assert!(matches!(file.finish(), Err(WholeFileError::Exists(_))));
        assert_eq!(there(folder.path()), ["a.jpg", "b.jpg"]);
    }
}
