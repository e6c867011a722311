//! Files that a user names and that are read whole. A pipe that nobody writes to, or a device, neither holds the program up nor fills its
//! memory.

use std::{
    fs::{self, File},
    io::{self, Error, ErrorKind, Read},
    path::Path,
};

/// All bytes of a file. What is larger is refused as [`ErrorKind::FileTooLarge`], and no more of it is read.
pub(crate) fn read(path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    check(path)?;
    let mut bytes = Vec::new();
    File::open(path)?.take(len_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > len_max { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Whether what lies there may be opened: a plain file, at the end of links perhaps, or a folder, which the system refuses to read itself.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    let facts = fs::metadata(path)?;
    if facts.is_file() || facts.is_dir() { Ok(()) } else { Err(Error::new(ErrorKind::InvalidInput, "it is no plain file")) }
}
