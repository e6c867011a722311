//! Files that a user names and that are read whole: a pipe that nobody writes to, or a device, neither holds the program up nor fills its
//! memory. And whether a name is on the disk, and still that of the same file.

use std::{
    fs::{self, File, Metadata},
    io::{self, Error, ErrorKind, Read},
    path::{Path, PathBuf},
};

/// All bytes of a file. What is larger is refused as [`ErrorKind::FileTooLarge`], and no more of it is read.
pub(crate) fn read(path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    check(path)?;
    let mut bytes = Vec::new();
    File::open(path)?.take(len_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > len_max { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Puts a file in the place of another, or of none: after whatever end, one of the two is there whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    put(path, bytes, (File::create(&beside)?, &beside))
}

/// The same for secrets: only the owner may open the file, and whoever could open the one before.
pub(crate) fn replace_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(name);
    // What an ended run may have left there; and nobody else has put there what is written into.
    fs::remove_file(&beside).ok();
    let file = options.write(true).create_new(true).open(&beside)?;
    keep_owner(path, &beside);
    put(path, bytes, (file, &beside))
}

/// Makes a folder that only its owner may open, where it is not there. Those above it are as others are.
pub(crate) fn make_secret_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        folder.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }
    #[cfg(not(unix))]
    fs::create_dir_all(folder)
}

/// A file that takes the place of another is its owner's and its group's, as far as this process may say so: who runs the server and who
/// manages its users need not be one.
#[cfg(unix)]
fn keep_owner(old: &Path, new: &Path) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let Ok(facts) = fs::metadata(old) else { return };
    if chown(new, Some(facts.uid()), Some(facts.gid())).is_ok() {
        fs::set_permissions(new, fs::Permissions::from_mode(facts.mode() & 0o660 | 0o600)).ok();
    }
}

/// Elsewhere files have no owners.
#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &Path) {}

/// Whether everybody on this computer may read or write a file, where the system knows.
pub(crate) fn is_open_to_all(path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    return Ok(std::os::unix::fs::MetadataExt::mode(&fs::metadata(path)?) & 0o007 != 0);
    #[cfg(not(unix))]
    fs::metadata(path).map(|_| false)
}

fn put(path: &Path, bytes: &[u8], (mut file, beside): (File, &Path)) -> io::Result<()> {
    use std::io::Write;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(beside, path));
    if written.is_err() {
        fs::remove_file(beside).ok();
    }
    written?;
    // A bare name has an empty one.
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}

/// A new name is on the disk when this returns, where folders can be synced.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Whether what lies there may be opened: a plain file, at the end of links perhaps, or a folder, which the system refuses to read itself.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    let facts = fs::metadata(path)?;
    if facts.is_file() || facts.is_dir() { Ok(()) } else { Err(Error::new(ErrorKind::InvalidInput, "it is no plain file")) }
}

/// Which file one is, whatever its name: its device, and its number there. Where the system does not say, it is known only that there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    #[cfg(unix)]
    node: (u64, u64),
}

impl Identity {
    /// Of the file that lies there now, if so.
    pub(crate) fn at(path: &Path) -> Option<Identity> {
        fs::metadata(path).ok().map(|facts| Identity::new(&facts))
    }

    /// Of a file that is open.
    pub(crate) fn of(file: &File) -> Option<Identity> {
        file.metadata().ok().map(|facts| Identity::new(&facts))
    }

    #[cfg(unix)]
    fn new(facts: &Metadata) -> Identity {
        use std::os::unix::fs::MetadataExt;
        Identity { node: (facts.dev(), facts.ino()) }
    }

    #[cfg(not(unix))]
    fn new(_: &Metadata) -> Identity {
        Identity {}
    }
}
