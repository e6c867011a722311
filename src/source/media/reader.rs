//! The bytes of the file that was named, whatever its name means to FFmpeg, read so that every wait can be given up.
//!
//! FFmpeg takes a name for an address: `03:10:00.mp4` for a protocol, `snap%20d.png` for a row of files. So the file is opened here, and
//! FFmpeg is given its bytes.

use super::search::Search;
use crate::{source::Stop, time::Span};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

/// A read that finds nothing waits this long before it looks whether it is still wanted.
const WAIT: Span = Span::from_ms(100);

/// An open file, FIFO or device.
pub(super) struct Reader {
    file: File,
    kind: Kind,
    stop: Stop,
    search: Search,
}

/// What decides how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Has a beginning to go back to.
    Seekable,
    /// Bytes come once, in order.
    Stream,
    /// A FIFO of which nothing was read yet: its end may only mean that its writer has not come.
    Unwritten,
}

impl Reader {
    /// Opens the file; a FIFO without a writer, too.
    pub(super) fn open(path: &Path, stop: Stop, search: Search) -> io::Result<Reader> {
        let mut file = open(path)?;
        let kind = file.metadata()?.file_type();
        let kind = match file.stream_position() {
            _ if is_fifo(kind) => Kind::Unwritten,
            Ok(_) if kind.is_file() => Kind::Seekable,
            _ => Kind::Stream,
        };
        Ok(Reader { file, kind, stop, search })
    }

    /// What it is.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }
}

impl Read for Reader {
    /// As any read; `Interrupted` when nothing came for a while, upon which FFmpeg asks its interrupt callback and reads on.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_raised() || self.search.is_over() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match self.file.read(buffer) {
            Ok(0) if self.kind == Kind::Unwritten => match wait(&self.file)? {
                // A writer came and left without a word.
                Waited::HungUp => Ok(0),
                Waited::Nothing | Waited::Readable => Err(io::ErrorKind::Interrupted.into()),
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait(&self.file)?;
                Err(io::ErrorKind::Interrupted.into())
            }
            Ok(read) => {
                if self.kind == Kind::Unwritten {
                    self.kind = Kind::Stream;
                }
                self.search.read(read);
                Ok(read)
            }
            Err(error) => Err(error),
        }
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// How a wait for bytes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    Readable,
    HungUp,
    Nothing,
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // Without it the opening of a FIFO waits for its writer, and a read for bytes, and neither can be given up.
    std::fs::OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn is_fifo(kind: std::fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_fifo(_kind: std::fs::FileType) -> bool {
    false
}

/// Waits for bytes, for [`WAIT`] at most.
#[cfg(unix)]
fn wait(file: &File) -> io::Result<Waited> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let span = WAIT.to_duration();
    let timeout = Timespec { tv_sec: span.as_secs() as i64, tv_nsec: i64::from(span.subsec_nanos()) };
    let mut polled = [PollFd::new(file, PollFlags::IN)];
    match poll(&mut polled, Some(&timeout)) {
        Err(rustix::io::Errno::INTR) | Ok(0) => Ok(Waited::Nothing),
        Err(error) => Err(error.into()),
        Ok(_) if polled[0].revents().contains(PollFlags::IN) => Ok(Waited::Readable),
        Ok(_) => Ok(Waited::HungUp),
    }
}

/// Reads block elsewhere, and are never answered so.
#[cfg(not(unix))]
fn wait(_file: &File) -> io::Result<Waited> {
    Ok(Waited::Nothing)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::{io::Write, process::Command};

    /// A FIFO in a new folder.
    fn fifo() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo is there").success());
        (dir, path)
    }

    #[test]
    fn a_fifo_waits_for_its_writer_and_ends_with_it() {
        let (_dir, path) = fifo();
        let mut reader = Reader::open(&path, Stop::default(), Search::begin()).expect("opens without a writer");
        let mut buffer = [0; 8];
        assert_eq!(reader.read(&mut buffer).map_err(|error| error.kind()), Err(io::ErrorKind::Interrupted), "no writer yet");
        let mut writer = std::fs::OpenOptions::new().write(true).open(&path).expect("there is a reader");
        assert_eq!(reader.read(&mut buffer).map_err(|error| error.kind()), Err(io::ErrorKind::Interrupted), "nothing written");
        writer.write_all(b"abc").expect("there is room");
        assert_eq!(reader.read(&mut buffer).expect("bytes"), 3);
        drop(writer);
        assert_eq!(reader.read(&mut buffer).expect("the end"), 0);
    }

    #[test]
    fn a_read_that_nobody_wants_any_more_fails() {
        let (_dir, path) = fifo();
        let stop = Stop::default();
        let mut reader = Reader::open(&path, stop.clone(), Search::begin()).expect("opens");
        stop.raise();
        assert_eq!(reader.read(&mut [0; 8]).map_err(|error| error.kind()), Err(io::ErrorKind::BrokenPipe));
    }
}
