//! `hlscam storage repair`: what a start does by itself, by hand; and an index that does not say what the files are is made anew.

use super::{
    HistoryError,
    check::{self, CameraCheck},
    folder::{self, Folder},
    index::{self, Index},
};
use std::path::Path;

/// What was done to a camera's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repair {
    /// The index was made anew.
    pub is_index_new: bool,
    /// Segments that the index did not know.
    pub found: u64,
    /// Bytes that were cut from the ends of files.
    pub cut_bytes: u64,
    /// As it is now.
    pub after: CameraCheck,
}

/// Mends the history of a camera; refused while another program uses it, and where it is of a newer one.
pub fn repair(storage: &Path, camera: &str) -> Result<Repair, HistoryError> {
    let path = storage.join(camera);
    let look = || check::check(storage, camera).map_err(|error| HistoryError::io("read", &path, &error));
    let before = look()?;
    let was_there = path.join(index::FILE_NAME).exists();
    let is_damaged = match Index::open(&path) {
        Ok(_) => false,
        Err(error) => {
            let error = HistoryError::index(&path, &error);
            if !error.is_damaged {
                return Err(error);
            }
            true
        }
    };
    let is_index_new = was_there && (is_damaged || before.is_index_wrong);
    if is_index_new {
        folder::set_index_aside(&path)?;
    }
    let Folder { found, cut_bytes, .. } = Folder::open(&path)?;
    Ok(Repair { is_index_new, found, cut_bytes, after: look()? })
}

impl Repair {
    /// What was done, in lines for people.
    pub fn lines(&self) -> Vec<String> {
        let camera = &self.after.camera;
        let mut done = Vec::new();
        if self.is_index_new {
            done.push("the index was made anew, and the old one is kept beside it".to_owned());
        }
        if self.found > 0 {
            done.push(format!("{} segments were put into the index", self.found));
        }
        if self.cut_bytes > 0 {
            done.push(format!("{} bytes that were no whole segment were cut off", self.cut_bytes));
        }
        let done = if done.is_empty() { "nothing was to be done".to_owned() } else { done.join("; ") };
        [format!("{camera}: {done}")].into_iter().chain(self.after.lines()).collect()
    }
}
