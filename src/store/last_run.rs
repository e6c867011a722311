//! What outlives a run without `--storage`: its numbers in the machine's memory, in a file that is gone after the next boot.
//!
//! Players go on over a restart when the numbers do: hls.js, VLC and GStreamer look for the segment after the last one that they played.
//! The clock alone gives numbers that grow, but none that go on.

use crate::{segment::Msn, window::numbers::FirstNumbers};
use std::path::PathBuf;

/// The file, held by nobody: runs of one user take their numbers from it, whatever their ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun(PathBuf);

impl LastRun {
    /// The file of this user; none where the system has no such folder.
    #[cfg(target_os = "linux")]
    pub fn of_user() -> Option<LastRun> {
        let user = rustix::process::geteuid().as_raw();
        let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir());
        let folder = own.unwrap_or_else(|| PathBuf::from("/dev/shm"));
        Some(LastRun(folder.join(format!("hlscam-{user}.run"))))
    }

    /// The file of this user; none where the system has no such folder.
    #[cfg(not(target_os = "linux"))]
    pub fn of_user() -> Option<LastRun> {
        None
    }

    /// A file of tests.
    #[cfg(test)]
    pub fn at(path: PathBuf) -> LastRun {
        LastRun(path)
    }

    /// The numbers of a run that begins now: beyond all runs before it, or `otherwise` where none is kept. Its room is kept at once, for this
    /// run may be killed before it says more.
    pub fn begin(&self, otherwise: FirstNumbers) -> std::io::Result<FirstNumbers> {
        let mut first = otherwise;
        self.replace(|kept| {
            first = kept.unwrap_or(otherwise);
            first.with_room()
        })?;
        Ok(first)
    }

    /// Keeps where the next run begins. Numbers never go back: several runs share the file.
    pub fn raise(&self, next: FirstNumbers) -> std::io::Result<()> {
        self.replace(|kept| kept.map_or(next, |kept| kept.max(next)))
    }

    /// Puts others in the place of the numbers that are kept, and lets no other run between.
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
            .open(&self.0)?;
        let facts = file.metadata()?;
        if !facts.is_file() || facts.uid() != rustix::process::geteuid().as_raw() {
            return Err(Error::other("it is no file of this user"));
        }
        file.lock()?;
        let mut text = String::new();
        (&file).take(KEPT_LEN_MAX).read_to_string(&mut text)?;
        let FirstNumbers { msn, discontinuities, key_frames } = new(parse(&text));
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(format!("{} {discontinuities} {key_frames}\n", msn.0).as_bytes())
    }

    /// Keeps nothing.
    #[cfg(not(unix))]
    fn replace(&self, new: impl FnOnce(Option<FirstNumbers>) -> FirstNumbers) -> std::io::Result<()> {
        new(None);
        Ok(())
    }
}

/// The three numbers; none where somebody else wrote something else.
#[cfg(unix)]
fn parse(text: &str) -> Option<FirstNumbers> {
    let numbers: Vec<u64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    match numbers[..] {
        [msn, discontinuities, key_frames] if numbers.iter().all(|number| (1..NUMBER_MAX).contains(number)) => {
            Some(FirstNumbers { msn: Msn(msn), discontinuities, key_frames })
        }
        _ => None,
    }
}

/// Three numbers, and more than that.
#[cfg(unix)]
const KEPT_LEN_MAX: u64 = 96;
/// What no run reaches: a number of this size was written by somebody else, and would run over.
#[cfg(unix)]
const NUMBER_MAX: u64 = 1 << 53;
