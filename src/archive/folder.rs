//! The folder of a camera's history: opening it, and finding after whatever end what of it is whole.

use super::{
    HistoryError,
    index::{self, FileRow, Index, IndexError, SegmentRow},
    record::{self, Damage, FileHeader, SegmentHeader},
};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

/// How the names of its files end.
pub const SUFFIX: &str = ".mp4";
/// So many files that are read whole at a start are told before: a gigabyte takes seconds.
const MANY_FILES: usize = 16;
/// What is read of a file to find its header: an init segment takes less than 2 KB.
const FILE_HEAD_LEN: u64 = 64 << 10;

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Its index.
    pub index: Arc<Index>,
    /// Bytes that were cut from the ends of files, because they were no whole segment.
    pub cut_bytes: u64,
    /// Segments that the index did not know.
    pub found: u64,
}

impl Folder {
    /// Opens it, makes it if it is not there, and brings the index and the files into line.
    pub fn open(path: &Path) -> Result<Folder, HistoryError> {
        fs::create_dir_all(path).map_err(|error| HistoryError::io("create the folder", path, &error))?;
        let index = Index::open(path).map_err(|error| HistoryError::index(path, &error))?;
        let mut folder = Folder { path: path.to_owned(), index: index.into(), cut_bytes: 0, found: 0 };
        folder.bring_into_line()?;
        Ok(folder)
    }

    /// The path of one of its files.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Says what an end that came unforeseen has left.
    pub fn tell_found(&self) {
        if self.cut_bytes > 0 || self.found > 0 {
            tracing::info!(
                "the last run did not end by itself: {} segments in {} were not in the index and are found, {} bytes were no whole \
                 segment and are cut off",
                self.found,
                self.path.display(),
                self.cut_bytes
            );
        }
    }

    fn bring_into_line(&mut self) -> Result<(), HistoryError> {
        let wrong = |path: &Path, error: IndexError| HistoryError::index(path, &error);
        let mut there = self.files()?;
        for row in self.index.files().map_err(|error| wrong(&self.path, error))? {
            match there.remove(&row.name) {
                None => self.index.remove_file(row.number).map_err(|error| wrong(&self.path, error))?,
                Some(len) if len == row.len => {}
                Some(len) if len > row.len => self.scan(&row, row.len)?,
                Some(len) => {
                    self.index.cut_file(row.number, len).map_err(|error| wrong(&self.path, error))?;
                    let end = self.index.end_of(row.number).map_err(|error| wrong(&self.path, error))?;
                    match end {
                        Some(end) => self.scan(&FileRow { len: end, ..row }, end)?,
                        None => {
                            self.index.remove_file(row.number).map_err(|error| wrong(&self.path, error))?;
                            there.insert(row.name, len);
                        }
                    }
                }
            }
        }
        // In the order of their segments, whatever the clock said.
        let mut unknown: Vec<String> = there.into_keys().collect();
        unknown.sort_by_key(|name| first_number(name));
        if unknown.len() >= MANY_FILES {
            tracing::info!(
                "{} files in {} are not in the index and are read: that may take minutes",
                unknown.len(),
                self.path.display()
            );
        }
        for name in unknown {
            self.take_unknown(&name)?;
        }
        self.remove_empty()
    }

    /// Removes the files without a segment: they were begun, and their names are free again.
    fn remove_empty(&mut self) -> Result<(), HistoryError> {
        let wrong = |error: IndexError| HistoryError::index(&self.path, &error);
        for row in self.index.files().map_err(wrong)? {
            if row.extent.is_none() {
                let path = self.path_of(&row.name);
                fs::remove_file(&path).map_err(|error| HistoryError::io("remove", &path, &error))?;
                self.index.remove_file(row.number).map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// The names of its files, and how long they are.
    fn files(&self) -> Result<BTreeMap<String, u64>, HistoryError> {
        let failed = |error: io::Error| HistoryError::io("read the folder", &self.path, &error);
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let facts = entry.metadata().map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if facts.is_file() && name.ends_with(SUFFIX) {
                files.insert(name, facts.len());
            }
        }
        Ok(files)
    }

    /// Takes a file that the index does not know. What is none of ours stays as it is.
    fn take_unknown(&mut self, name: &str) -> Result<(), HistoryError> {
        let path = self.path_of(name);
        let failed = |error: io::Error| HistoryError::io("read", &path, &error);
        let mut head = Vec::new();
        File::open(&path).map_err(failed)?.take(FILE_HEAD_LEN).read_to_end(&mut head).map_err(failed)?;
        let (header, begin): (FileHeader, u64) = match record::file_header(&head) {
            Ok(found) => found,
            // It was begun, and no segment is in it.
            Err(Damage::Cut) if first_number(name).is_some() && (head.len() as u64) < FILE_HEAD_LEN => {
                self.cut_bytes += head.len() as u64;
                return fs::remove_file(&path).map_err(|error| HistoryError::io("remove", &path, &error));
            }
            Err(damage) => {
                tracing::warn!("{} is left as it is: {damage}", path.display());
                return Ok(());
            }
        };
        let number = self.index.add_file(name, &header, begin).map_err(|error| HistoryError::index(&self.path, &error))?;
        self.scan(&FileRow { number, name: name.to_owned(), header, len: begin, extent: None }, begin)
    }

    /// Takes the segments that are whole from an offset on, and cuts off what is not.
    fn scan(&mut self, row: &FileRow, from: u64) -> Result<(), HistoryError> {
        let path = self.path_of(&row.name);
        let failed = |error: io::Error| HistoryError::io("read", &path, &error);
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        // Behind the last whole segment.
        let (mut end, mut at, mut rows) = (from, from, Vec::new());
        while at < len {
            let Some((header, offset, is_whole)) = next_segment(&mut file, at).map_err(failed)? else {
                match record::next_in(&mut file, at + 1).map_err(failed)? {
                    Some(next) => {
                        at = next;
                        continue;
                    }
                    None => break,
                }
            };
            at = offset + header.bytes();
            // One that is damaged takes no other with it.
            if is_whole {
                end = at;
                rows.push(SegmentRow { file: row.number, offset, header });
            }
        }
        self.index.add_segments(&rows).map_err(|error| HistoryError::index(&self.path, &error))?;
        self.found += rows.len() as u64;
        if end < len {
            self.cut_bytes += len - end;
            file.set_len(end).map_err(|error| HistoryError::io("cut", &path, &error))?;
        }
        Ok(())
    }
}

/// Whether a folder is not there, or has no file of a history.
pub fn is_empty(folder: &Path) -> bool {
    let names = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| first_number(&name)).next().is_none()
}

/// Moves a damaged index away, so that a new one is made from the files.
pub fn set_index_aside(folder: &Path) -> Result<(), HistoryError> {
    let bad = folder.join(index::FILE_NAME);
    let aside = folder.join(format!("{}.damaged", index::FILE_NAME));
    tracing::warn!("{} is damaged; it is moved to {}, and made anew from the files", bad.display(), aside.display());
    let log = folder.join(format!("{}-wal", index::FILE_NAME));
    for moved in [fs::remove_file(log), fs::rename(&bad, &aside)] {
        moved
            .or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .map_err(|error| HistoryError::io("move away the index in", folder, &error))?;
    }
    Ok(())
}

/// The number of the first segment of a file, as the names of ours end: `2026-11-24_05-51-48_000000000007.mp4`.
fn first_number(name: &str) -> Option<u64> {
    let (date, number) = name.strip_suffix(SUFFIX)?.rsplit_once('_')?;
    let is_ours = date.len() == 19 && number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|_| is_ours)
}

/// The segment whose record begins at an offset, where its bytes begin, and whether they are those that were written; none if it was not
/// written to its end.
fn next_segment(file: &mut File, at: u64) -> io::Result<Option<(SegmentHeader, u64, bool)>> {
    file.seek(SeekFrom::Start(at))?;
    let mut head = Vec::new();
    Read::take(&mut *file, FILE_HEAD_LEN).read_to_end(&mut head)?;
    let Ok((header, head_len)) = record::unboxed::<SegmentHeader>(&head) else { return Ok(None) };
    let offset = at + head_len as u64;
    file.seek(SeekFrom::Start(offset))?;
    let mut crc = crc32fast::Hasher::new();
    let (mut left, mut buffer) = (header.bytes(), vec![0; FILE_HEAD_LEN as usize]);
    while left > 0 {
        let n = file.read(&mut buffer[..left.min(FILE_HEAD_LEN) as usize])?;
        if n == 0 {
            return Ok(None);
        }
        crc.update(&buffer[..n]);
        left -= n as u64;
    }
    let is_whole = crc.finalize() == header.crc;
    Ok(Some((header, offset, is_whole)))
}
