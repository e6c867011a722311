//! The bytes of an init segment or a part: in memory, or a stretch of a file. Code that passes them on need not know which.
//!
//! A file is opened for each read: that costs some µs, and a history of thousands of files holds none of them open.

use bytes::Bytes;
use std::{fmt, fs::File, io, ops::Range, path::Path, sync::Arc};

/// The bytes of an init segment or a part; cheap to copy, for they are shared.
#[derive(Clone, PartialEq, Eq)]
pub enum MediaBytes {
    /// In memory.
    Memory(Bytes),
    /// In a file.
    File(FileRange),
    /// Neither: memory was short, and no disk took so many bytes.
    Lost(usize),
}

/// A stretch of a file whose bytes never change; reading it fails where the file was deleted.
#[derive(Clone, PartialEq, Eq)]
pub struct FileRange {
    path: Arc<Path>,
    offset: u64,
    len: usize,
}

impl FileRange {
    /// So many bytes from an offset on; the file has them.
    pub fn new(path: Arc<Path>, offset: u64, len: usize) -> FileRange {
        FileRange { path, offset, len }
    }

    /// Reads them. The caller waits for the disk.
    fn read(&self) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.len];
        read_exact_at(&File::open(&self.path)?, &mut bytes, self.offset)?;
        Ok(bytes.into())
    }
}

/// Reads many small stretches of few files: the last file stays open from one to the next, which is most of what a read costs.
#[derive(Debug, Default)]
pub struct StretchReader {
    open: Option<(Arc<Path>, File)>,
}

impl StretchReader {
    /// The first bytes from an offset on, so many where there are. Where they lie in a file, the caller waits for the disk.
    pub fn read(&mut self, bytes: &MediaBytes, offset: usize, len_max: usize) -> io::Result<Bytes> {
        let stretch = bytes.slice(offset..bytes.len().min(offset + len_max));
        let MediaBytes::File(range) = &stretch else { return stretch.read() };
        let file = match self.open.take().filter(|(path, _)| *path == range.path) {
            Some((_, file)) => file,
            None => File::open(&range.path)?,
        };
        let mut read = vec![0; range.len];
        read_exact_at(&file, &mut read, range.offset)?;
        self.open = Some((range.path.clone(), file));
        Ok(read.into())
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (bytes, offset) = (&mut bytes[n..], offset + n as u64);
    }
    Ok(())
}

impl MediaBytes {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            MediaBytes::Memory(bytes) => bytes.len(),
            MediaBytes::File(range) => range.len,
            MediaBytes::Lost(len) => *len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those in memory; `None` if they must be read.
    pub fn memory(&self) -> Option<&Bytes> {
        match self {
            MediaBytes::Memory(bytes) => Some(bytes),
            MediaBytes::File(_) | MediaBytes::Lost(_) => None,
        }
    }

    /// Some of them, shared; the range lies within.
    pub fn slice(&self, range: Range<usize>) -> MediaBytes {
        match self {
            MediaBytes::Memory(bytes) => MediaBytes::Memory(bytes.slice(range)),
            MediaBytes::File(FileRange { path, offset, .. }) => {
                MediaBytes::File(FileRange { path: path.clone(), offset: offset + range.start as u64, len: range.len() })
            }
            MediaBytes::Lost(_) => MediaBytes::Lost(range.len()),
        }
    }

    /// All of them in memory. Where they lie in a file, the caller waits for the disk.
    pub fn read(&self) -> io::Result<Bytes> {
        match self {
            MediaBytes::Memory(bytes) => Ok(bytes.clone()),
            MediaBytes::File(range) => range.read(),
            MediaBytes::Lost(_) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl From<Bytes> for MediaBytes {
    fn from(bytes: Bytes) -> MediaBytes {
        MediaBytes::Memory(bytes)
    }
}

impl From<Vec<u8>> for MediaBytes {
    fn from(bytes: Vec<u8>) -> MediaBytes {
        MediaBytes::Memory(bytes.into())
    }
}

/// Debug prints the shape, not the bytes.
impl fmt::Debug for MediaBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MediaBytes::Memory(bytes) => write!(f, "{} bytes", bytes.len()),
            MediaBytes::File(range) => write!(f, "{} bytes of {}, from {}", range.len, range.path.display(), range.offset),
            MediaBytes::Lost(len) => write!(f, "{len} bytes, lost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_stretch_of_a_file_and_of_memory_are_read_alike() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(b"0123456789").expect("there is room");
        let stored = MediaBytes::File(FileRange::new(file.path().into(), 2, 6));
        let held = MediaBytes::from(b"234567".to_vec());
        for bytes in [&stored, &held] {
            assert_eq!((bytes.len(), &bytes.read().expect("it is there")[..]), (6, &b"234567"[..]));
            let mut reader = StretchReader::default();
            let some = [(0, 2), (4, 9), (6, 1)].map(|(at, len)| reader.read(bytes, at, len).expect("it is there"));
            assert_eq!(some, [&b"23"[..], b"67", b""]);
            let middle = bytes.slice(1..4);
            assert_eq!((middle.len(), &middle.slice(1..3).read().expect("it is there")[..]), (3, &b"45"[..]));
            assert!(bytes.slice(2..2).is_empty());
        }
        assert!(stored.memory().is_none() && held.memory().is_some() && stored != held);
        assert_eq!(stored.slice(0..2), stored.slice(0..2));
    }

    #[test]
    fn a_file_that_was_cut_short_is_an_error() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let stored = MediaBytes::File(FileRange::new(file.path().into(), 0, 1));
        assert_eq!(stored.read().map_err(|error| error.kind()), Err(io::ErrorKind::UnexpectedEof));
    }
}
