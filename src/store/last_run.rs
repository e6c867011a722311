//! What outlives a run without `--storage`: one number in the machine's memory, in a file that is gone after the next boot.
//!
//! EXT-X-DISCONTINUITY-SEQUENCE must grow over a restart that takes a second, and hls.js 1.7 walks through all numbers up to it with each
//! playlist (20 ns each): seconds since 2026 would cost it 0.6 s at a time, minutes 10 ms. So the clock gives the hours, and this file what
//! lies between.

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

    /// Keeps `least` where no more is kept. Gives what is kept then: more than all runs have used.
    #[cfg(unix)]
    pub fn raise(&self, least: u64) -> std::io::Result<u64> {
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
        let highest = least.max(text.trim().parse().unwrap_or(0));
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(format!("{highest}\n").as_bytes())?;
        Ok(highest)
    }

    /// Keeps nothing.
    #[cfg(not(unix))]
    pub fn raise(&self, least: u64) -> std::io::Result<u64> {
        Ok(least)
    }
}

/// Digits of a number, and more than that.
#[cfg(unix)]
const KEPT_LEN_MAX: u64 = 32;
