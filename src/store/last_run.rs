//! What outlives a run without `--storage`: its numbers in the machine's memory, in a file that is gone after the next boot.
//!
//! hls.js goes on over a restart when the numbers do: it looks for the segment after the last one that it played.
//! The clock alone gives numbers that grow, but none that go on.

use crate::{package::Msn, window::numbers::FirstNumbers};
use std::path::PathBuf;

/// The line of one stream in the file that all runs of a user share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    file: PathBuf,
    /// What players know the stream by: where the server listens and the camera's name.
    stream: String,
}

impl LastRun {
    /// The line of a stream of the server with that key ([`Place::key`](crate::server::Place::key)); none where the system has no such folder.
    #[cfg(target_os = "linux")]
    pub fn of(place: &str, camera: &str) -> Option<LastRun> {
        let user = rustix::process::geteuid().as_raw();
        let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir());
        let folder = own.unwrap_or_else(|| PathBuf::from("/dev/shm"));
        Some(LastRun::at(folder.join(format!("hlscam-{user}.run")), place, camera))
    }

    /// The line of a stream; none where the system has no such folder.
    #[cfg(not(target_os = "linux"))]
    pub fn of(_place: &str, _camera: &str) -> Option<LastRun> {
        None
    }

    /// The line of a stream in that file.
    #[cfg(any(test, target_os = "linux"))]
    pub(super) fn at(file: PathBuf, place: &str, camera: &str) -> LastRun {
        LastRun { file, stream: format!("{place}/{camera}") }
    }

    /// The numbers of a run that begins now: beyond the run before it, or `otherwise` where none is kept. Its room is kept at once, for this
    /// run may be killed before it says more.
    pub fn begin(&self, otherwise: FirstNumbers) -> std::io::Result<FirstNumbers> {
        let mut first = otherwise;
        self.replace(|kept| {
            first = kept.unwrap_or(otherwise);
            first.with_room()
        })?;
        Ok(first)
    }

    /// Keeps where the next run begins.
    pub fn keep(&self, next: FirstNumbers) -> std::io::Result<()> {
        self.replace(|_| next)
    }

    /// Puts others in the place of the numbers of this stream, and lets no other run between. The lines that were written last stay.
    #[cfg(unix)]
    fn replace(&self, new: impl FnOnce(Option<FirstNumbers>) -> FirstNumbers) -> std::io::Result<()> {
        use std::{
            fs::OpenOptions,
            io::{Error, Read, Seek, Write},
            os::unix::fs::{MetadataExt, OpenOptionsExt},
        };
        // A folder that others may write to: neither a link of theirs is followed, nor a file of theirs read.
        let no_link = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(no_link)
            .open(&self.file)?;
        let facts = file.metadata()?;
        if !facts.is_file() || facts.uid() != rustix::process::geteuid().as_raw() {
            return Err(Error::other("it is no file of this user"));
        }
        file.lock()?;
        let mut text = String::new();
        (&file).take(KEPT_LEN_MAX).read_to_string(&mut text)?;
        let (own, others): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.split(' ').next() == Some(&self.stream));
        let FirstNumbers { msn, discontinuities, key_frames } = new(own.first().and_then(|line| parse(line)));
        let mut lines = vec![format!("{} {} {discontinuities} {key_frames}\n", self.stream, msn.0)];
        lines.extend(others.iter().take(STREAMS_MAX - 1).map(|line| format!("{line}\n")));
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(lines.concat().as_bytes())
    }

    /// Keeps nothing.
    #[cfg(not(unix))]
    fn replace(&self, new: impl FnOnce(Option<FirstNumbers>) -> FirstNumbers) -> std::io::Result<()> {
        new(None);
        Ok(())
    }
}

/// The numbers of a line; none where somebody else wrote something else.
#[cfg(unix)]
fn parse(line: &str) -> Option<FirstNumbers> {
    let numbers: Vec<u64> = line.split(' ').skip(1).map_while(|word| word.parse().ok()).collect();
    match numbers[..] {
        [msn, discontinuities, key_frames] if numbers.iter().all(|number| (1..NUMBER_MAX).contains(number)) => {
            Some(FirstNumbers { msn: Msn(msn), discontinuities, key_frames })
        }
        _ => None,
    }
}

/// Streams that are remembered.
#[cfg(unix)]
const STREAMS_MAX: usize = 64;
/// More than the lines of so many streams.
#[cfg(unix)]
const KEPT_LEN_MAX: u64 = 16_384;
/// What no run reaches: a number of this size was written by somebody else, and would run over.
#[cfg(unix)]
const NUMBER_MAX: u64 = 1 << 53;
