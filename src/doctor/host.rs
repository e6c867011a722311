//! The clock, the disk and the memory of this host.

use super::{Finding, text::quoted};
use crate::{
    time::{Clock, SystemClock},
    window::MIN_FREE_DEFAULT,
};
use std::{fs, io, io::Write, path::Path};

/// Bytes that are written to measure a disk: more than the buffer of a card, and done within seconds by the slowest.
const PROBE_LEN: usize = 8 << 20;
/// A disk that writes less a second is slower than four streams of 2 Mbit/s with all that is written beside.
const SLOW: f64 = 4e6;
/// And one that writes less cannot keep up with one.
const TOO_SLOW: f64 = 0.5e6;

/// Memory that a stream of 640x480 and its window of the default length have, with some room.
const MEMORY_GOOD: u64 = 256 << 20;
/// What it needs at least.
const MEMORY_MIN: u64 = 64 << 20;

/// What a disk does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Disk {
    /// Bytes a second, written and synced.
    speed: f64,
    /// Bytes that are free; none where the system does not tell.
    free: Option<u64>,
}

/// Whether the kernel's clock is kept right by somebody; none where the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn read_clock() -> Option<bool> {
    #[expect(unsafe_code, reason = "neither the standard library nor rustix asks for it")]
    // SAFETY: the call writes into the struct alone, of which all bytes may be zero; with no mode set it changes nothing.
    let (state, status) = unsafe {
        let mut told: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut told), told.status)
    };
    (state >= 0).then_some(state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read_clock() -> Option<bool> {
    None
}

/// Judges the clock.
pub(super) fn judge_clock(is_synchronised: Option<bool>) -> Option<Finding> {
    Some(if is_synchronised? {
        Finding::ok("clock", "the clock is kept right by a time server")
    } else {
        let what =
            "no time server keeps the clock right; times of markers and recordings may be wrong, and certificates look expired";
        Finding::warning("clock", what, "sudo timedatectl set-ntp true")
    })
}

/// The folder itself where it is there, else the nearest above it that is.
pub(super) fn nearest(folder: &Path) -> &Path {
    let mut all = folder.ancestors().map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above });
    // What cannot be looked at may be there; writing there tells.
    all.find(|above| !matches!(above.try_exists(), Ok(false))).unwrap_or(folder)
}

/// Writes a file, syncs it and removes it.
pub(super) fn read_disk(folder: &Path) -> io::Result<Disk> {
    let path = folder.join(format!(".hlscam-doctor-{}", std::process::id()));
    let written = write_probe(&path);
    let removed = fs::remove_file(&path);
    let speed = written?;
    removed?;
    Ok(Disk { speed, free: free(folder) })
}

/// Bytes a second.
fn write_probe(path: &Path) -> io::Result<f64> {
    // What cannot be compressed, as pictures are.
    let mut state = 0x9e37_79b9_u32;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    })
    .take(PROBE_LEN)
    .collect();
    let clock = SystemClock::start();
    let mut file = fs::File::options().write(true).create_new(true).open(path)?;
    let begin = clock.now();
    file.write_all(&bytes)?;
    file.sync_all()?;
    Ok(PROBE_LEN as f64 / clock.now().since(begin).as_s().max(1e-3))
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

/// Judges the disk of a folder by what was measured in `nearest`: that folder, or one above it where hlscam will make it.
pub(super) fn judge_disk(folder: &Path, nearest: &Path, disk: &io::Result<Disk>) -> Finding {
    let disk = match disk {
        Ok(disk) => disk,
        Err(error) => return judge_unwritable(folder, nearest, error),
    };
    let is_made_later = if nearest == folder { "" } else { ", which hlscam will make," };
    let shown = format!("{}{is_made_later}", folder.display());
    let speed = format!("{:.1} MB/s", disk.speed / 1e6);
    if let Some(free) = disk.free.filter(|free| *free < MIN_FREE_DEFAULT) {
        let what = format!("{shown} has {} MiB left, less than --min-free keeps free: nothing is kept there", free >> 20);
        let mend = if cfg!(unix) {
            format!("`du -xh {} | sort -h | tail` shows what is large; or pass a smaller --min-free", quoted(nearest))
        } else {
            "make room, or pass a smaller --min-free".to_owned()
        };
        return Finding::failed("disk", what, mend);
    }
    let free = disk.free.map(|free| format!(" and has {} GiB left", free >> 30)).unwrap_or_default();
    if disk.speed < TOO_SLOW {
        return Finding::failed(
            "disk",
            format!("{shown} writes {speed}, less than a stream has"),
            "pass --storage a folder of another disk",
        );
    }
    if disk.speed < SLOW {
        let what = format!("{shown} writes {speed}{free}, enough for one stream and not for several");
        return Finding::warning("disk", what, "pass --storage a folder of another disk, or a lower --bitrate");
    }
    Finding::ok("disk", format!("{shown} writes {speed}{free}"))
}

fn judge_unwritable(folder: &Path, nearest: &Path, error: &io::Error) -> Finding {
    let (shown, is_there) = (folder.display(), nearest == folder);
    let what = if is_there {
        format!("{shown} cannot be written: {error}")
    } else {
        format!("{shown} cannot be made, for {} cannot be written: {error}", nearest.display())
    };
    let (folder, nearest) = (quoted(folder), quoted(nearest));
    let mend = match error.kind() {
        _ if cfg!(not(unix)) => "pass --storage a folder that this user may write".to_owned(),
        io::ErrorKind::NotFound => format!("mkdir -p {folder}"),
        io::ErrorKind::PermissionDenied if is_there => format!("sudo chown \"$USER\" {folder}"),
        io::ErrorKind::PermissionDenied => format!("sudo mkdir -p {folder} && sudo chown \"$USER\" {folder}"),
        _ if cfg!(target_os = "linux") => format!("`df -h {nearest}` and `findmnt -T {nearest}` say what it is on"),
        _ => format!("`df -h {nearest}` says what it is on"),
    };
    Finding::failed("disk", what, mend)
}

/// Bytes of memory that programs can have now (proc_meminfo(5)).
pub(super) fn read_memory() -> Option<u64> {
    available(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Judges the memory that is there now, and that this process may have.
pub(super) fn judge_memory(available: Option<u64>, max: Option<u64>) -> Option<Finding> {
    let (have, mend) = match (available, max) {
        (Some(available), Some(max)) if max < available => (max, "raise MemoryMax= of the service, or the limit of the container"),
        (Some(available), _) => {
            (available, "end other programs (`ps aux --sort=-rss | head`), or pass a smaller --window or --size")
        }
        (None, max) => (max?, "raise MemoryMax= of the service, or the limit of the container"),
    };
    let what = format!("{} MiB can be had", have >> 20);
    Some(match have {
        _ if have < MEMORY_MIN => Finding::failed("memory", format!("{what}, too little for a stream"), mend),
        _ if have < MEMORY_GOOD => {
            Finding::warning("memory", format!("{what}, enough for a small picture and a short window"), mend)
        }
        _ => Finding::ok("memory", what),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_clock_that_nobody_keeps_right_is_told() {
        let verdict = |is_synchronised| judge_clock(is_synchronised).map(|finding| finding.verdict);
        assert_eq!((verdict(Some(true)), verdict(Some(false)), verdict(None)), (Some(Verdict::Ok), Some(Verdict::Warning), None));
    }

    #[test]
    fn a_disk_is_judged_by_its_speed_and_by_what_is_free() {
        let folder = Path::new("/srv/cam");
        let check = |speed: f64, free: Option<u64>, verdict, what: &str| {
            let finding = judge_disk(folder, folder, &Ok(Disk { speed, free }));
            assert_eq!((finding.verdict, finding.what.as_str()), (verdict, what));
        };
        check(50e6, Some(100 << 30), Verdict::Ok, "/srv/cam writes 50.0 MB/s and has 100 GiB left");
        check(50e6, None, Verdict::Ok, "/srv/cam writes 50.0 MB/s");
        check(
            2e6,
            Some(100 << 30),
            Verdict::Warning,
            "/srv/cam writes 2.0 MB/s and has 100 GiB left, enough for one stream and not for several",
        );
        check(0.1e6, None, Verdict::Failed, "/srv/cam writes 0.1 MB/s, less than a stream has");
        check(
            50e6,
            Some(100 << 20),
            Verdict::Failed,
            "/srv/cam has 100 MiB left, less than --min-free keeps free: nothing is kept there",
        );
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_measured_above_it() {
        let finding = judge_disk(Path::new("/srv/cam"), Path::new("/srv"), &Ok(Disk { speed: 50e6, free: None }));
        assert_eq!(finding, Finding::ok("disk", "/srv/cam, which hlscam will make, writes 50.0 MB/s"));
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(nearest(folder.path()), folder.path());
        assert_eq!(nearest(&folder.path().join("a/b")), folder.path());
        assert_eq!(nearest(Path::new("no-such-folder/b")), Path::new("."));
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_not_there_or_not_ones_own_says_what_to_do() {
        let folder = Path::new("/srv/my cam");
        let mend = |kind: io::ErrorKind| judge_disk(folder, folder, &Err(kind.into())).mend;
        assert_eq!(mend(io::ErrorKind::NotFound).as_deref(), Some("mkdir -p '/srv/my cam'"));
        assert_eq!(mend(io::ErrorKind::PermissionDenied).as_deref(), Some("sudo chown \"$USER\" '/srv/my cam'"));
        assert!(mend(io::ErrorKind::StorageFull).is_some_and(|mend| mend.contains("df -h")));
        assert!(read_disk(Path::new("/nowhere/at/all")).is_err());
        let above = judge_disk(Path::new("/srv/cam"), Path::new("/srv"), &Err(io::ErrorKind::PermissionDenied.into()));
        assert!(above.what.starts_with("/srv/cam cannot be made, for /srv cannot be written: "), "{above:?}");
        assert_eq!(above.mend.as_deref(), Some("sudo mkdir -p /srv/cam && sudo chown \"$USER\" /srv/cam"));
    }

    #[test]
    fn memory_is_the_least_of_what_is_there_and_what_is_allowed() {
        let check = |available: Option<u64>, max: Option<u64>, expect: Option<(Verdict, &str)>| {
            let finding = judge_memory(available.map(|mib| mib << 20), max.map(|mib| mib << 20));
            assert_eq!(finding.as_ref().map(|finding| (finding.verdict, finding.what.as_str())), expect);
        };
        check(Some(4096), None, Some((Verdict::Ok, "4096 MiB can be had")));
        check(Some(4096), Some(128), Some((Verdict::Warning, "128 MiB can be had, enough for a small picture and a short window")));
        check(Some(32), Some(128), Some((Verdict::Failed, "32 MiB can be had, too little for a stream")));
        check(None, Some(512), Some((Verdict::Ok, "512 MiB can be had")));
        check(None, None, None);
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"), Some(2 << 20));
    }
}
