//! Checks at the start whether the system gives a command what it needs, so that a limit that is too small is one sentence and not a stream
//! that hangs.

use super::{Failure, cgroup};
use crate::{picture::Size, sync::lock};
use crossbeam_channel::bounded;
use std::{io, sync::Mutex, thread};

/// Threads that are started beyond the first, whatever is streamed: log, two of the server; and two to spare, for what asks names of a
/// hook's server and for an encoder that is opened again.
const THREADS_OF_ALL: usize = 5;
/// Threads of each camera: its own, source, capture, detection, encoder, markers.
const THREADS_PER_CAMERA: usize = 6;

/// Files that a stream has open with some ten viewers: 17 of its own, and a few to open a camera again.
#[cfg(unix)]
const FILES_MIN: u64 = 40;
/// Files of each further camera: the device, its history, and a few to open it again.
#[cfg(unix)]
const FILES_PER_CAMERA: u64 = 8;

/// Address space with which a stream of faces in 640x480 was seen to run, 735 MB, and room for its window. Less ends it anywhere.
#[cfg(unix)]
const ADDRESS_SPACE_MIN: u64 = 1 << 30;

/// What each further camera adds to it; 163 MB were seen.
const ADDRESS_SPACE_PER_CAMERA: u64 = 256 << 20;

/// Of it, what is not the window: the rest may be the window's.
const ADDRESS_SPACE_BESIDE_WINDOW: u64 = 768 << 20;

/// What a stream needs beside what its pictures need, and that for each pixel: 3840x2160 fails with 1024 MiB and runs with 1144, 1920x1080
/// runs with 1024.
const ADDRESS_SPACE_OF_NO_PICTURE: u64 = 896 << 20;
const ADDRESS_SPACE_PER_PIXEL: u64 = 32;

/// Memory that a stream of faces has beside what its pictures need, and that for each pixel, the window left out: 36, 48, 107 and 306 MB
/// were seen with 320x240, 640x480, 1920x1080 and 3840x2160. With 40 MiB 640x480 was killed, with 48 it ran; 1920x1080 with 96 and 128.
const MEMORY_OF_NO_PICTURE: u64 = 40 << 20;
const MEMORY_PER_PIXEL: u64 = 36;
/// What each further camera adds to it before it has pictures: 39 MB were seen with 640x480, a few of them of its window.
const MEMORY_PER_CAMERA: u64 = 28 << 20;

/// Raises what this process may raise by itself, and refuses what is still too little for so many cameras.
pub(super) fn ensure(n_cameras: usize) -> Result<(), Failure> {
    let further = n_cameras.saturating_sub(1) as u64;
    #[cfg(unix)]
    {
        ensure_files(FILES_MIN + further * FILES_PER_CAMERA)?;
        ensure_address_space(ADDRESS_SPACE_MIN + further * ADDRESS_SPACE_PER_CAMERA)?;
    }
    ensure_memory(cgroup::memory_max(), "it", MEMORY_OF_NO_PICTURE + further * MEMORY_PER_CAMERA)?;
    let threads = THREADS_OF_ALL + n_cameras * THREADS_PER_CAMERA;
    ensure_threads(threads, |idle| thread::Builder::new().name("spare".to_owned()).spawn(idle).map(drop))
}

/// Many systems start a program with 1024 files and let it ask for more.
#[cfg(unix)]
fn ensure_files(needed: u64) -> Result<(), Failure> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// All that can be used: see the server's budget. A limit of a billion makes other programs, which close all they might have, slow.
    const FILES_WANTED: u64 = 16_384;
    let limit = getrlimit(Resource::Nofile);
    let of = |bound: Option<u64>| bound.unwrap_or(u64::MAX);
    let (mut have, most) = (of(limit.current), of(limit.maximum).min(FILES_WANTED));
    if have < most && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }).is_ok() {
        have = most;
    }
    if have < needed {
        return Err(Failure(format!(
            "the system lets this program open {have} files, and it needs {needed}; raise the limit (ulimit -n, or LimitNOFILE= of \
             its service)"
        )));
    }
    Ok(())
}

#[cfg(unix)]
fn ensure_address_space(needed: u64) -> Result<(), Failure> {
    match address_space() {
        Some(have) if have < needed => Err(Failure(format!(
            "the system gives this program {} MiB of address space, and it needs {} MiB; raise the limit (ulimit -v)",
            have >> 20,
            needed >> 20
        ))),
        _ => Ok(()),
    }
}

/// The kernel kills, without a message, a process that takes more than its service or container may have.
fn ensure_memory(have: Option<u64>, who: &str, needed: u64) -> Result<(), Failure> {
    match have {
        Some(have) if have < needed => Err(Failure(format!(
            "the system gives this program {} MiB of memory, and {who} need{} {} MiB; raise the limit (MemoryMax= of its service, or that of \
             its container)",
            have >> 20,
            if who == "it" { "s" } else { "" },
            needed.div_ceil(1 << 20)
        ))),
        _ => Ok(()),
    }
}

/// The pictures of the cameras that are open: how many cameras, and how many pixels their pictures have together.
static PICTURES: Mutex<(u64, u64)> = Mutex::new((0, 0));

/// Refuses pictures that are too large for the memory or the address space there is, beside those of cameras that were opened before: an
/// encoder that gets none fails at each picture.
pub(super) fn ensure_picture(size: Size) -> Result<(), Failure> {
    let mut pictures = lock(&PICTURES);
    let (others, pixels) = (pictures.0, pictures.1 + size.luma_len() as u64);
    let who = format!("pictures of {size}{}", if others > 0 { " with those of the other cameras" } else { "" });
    let memory = MEMORY_OF_NO_PICTURE + others * MEMORY_PER_CAMERA + MEMORY_PER_PIXEL * pixels;
    ensure_memory(cgroup::memory_max(), &who, memory)?;
    let needed = ADDRESS_SPACE_OF_NO_PICTURE + others * ADDRESS_SPACE_PER_CAMERA + ADDRESS_SPACE_PER_PIXEL * pixels;
    match address_space() {
        Some(have) if have < needed => Err(Failure(format!(
            "the system gives this program {} MiB of address space, and {who} need {} MiB; raise the limit (ulimit -v), or choose a \
             smaller picture (--size)",
            have >> 20,
            needed >> 20
        ))),
        _ => {
            *pictures = (others + 1, pixels);
            Ok(())
        }
    }
}

/// Bytes that the window of each of so many cameras may have: as many as are wanted, or as the address space has room for. Windows that grow
/// until there is no more memory would end the streams after hours.
pub(super) fn window_bytes(wanted: u64, n_cameras: usize) -> u64 {
    let (n, further) = (n_cameras.max(1) as u64, n_cameras.saturating_sub(1) as u64);
    let beside = ADDRESS_SPACE_BESIDE_WINDOW + further * ADDRESS_SPACE_PER_CAMERA;
    let room = address_space().map_or(u64::MAX, |have| have.saturating_sub(beside) / n);
    if room < wanted {
        tracing::info!(
            "the system's limit of address space leaves {} MiB for the window; more needs a higher one (ulimit -v)",
            room >> 20
        );
    }
    // Half of what is left, for all else grows with viewers and markers.
    let beside = MEMORY_OF_NO_PICTURE + further * MEMORY_PER_CAMERA;
    let memory = cgroup::memory_max().map_or(u64::MAX, |have| have.saturating_sub(beside) / 2 / n);
    if memory < wanted.min(room) {
        tracing::info!(
            "the limit of memory of this service or container leaves {} MiB for the window; more needs a higher one",
            memory >> 20
        );
    }
    wanted.min(room).min(memory)
}

#[cfg(unix)]
fn address_space() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

#[cfg(not(unix))]
fn address_space() -> Option<u64> {
    None
}

/// Takes all threads at once, and gives them back: the first that is refused later would leave a stream without its server.
fn ensure_threads(needed: usize, mut spawn: impl FnMut(Box<dyn FnOnce() + Send>) -> io::Result<()>) -> Result<(), Failure> {
    let (hold, held) = bounded::<()>(0);
    let (leave, left) = bounded::<()>(0);
    let mut refused = None;
    for n in 0..needed {
        let (held, leave) = (held.clone(), leave.clone());
        let idle = move || {
            // Until the other end is dropped.
            held.recv().ok();
            drop(leave);
        };
        if let Err(error) = spawn(Box::new(idle)) {
            refused = Some((n, error));
            break;
        }
    }
    drop((hold, leave));
    // Closed when the last thread has gone.
    left.recv().ok();
    match refused {
        None => Ok(()),
        Some((have, error)) => Err(Failure(format!(
            "the system gives this program {have} threads, and it needs {needed}: {error}; raise the limit (ulimit -u, or \
             TasksMax= of its service, or the container's limit of processes)"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_threads_are_a_sentence() {
        let mut given = 0;
        let few = ensure_threads(10, |idle| {
            if given == 8 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            given += 1;
            thread::Builder::new().spawn(idle).map(drop)
        });
        let text = few.expect_err("two are missing").to_string();
        assert!(text.starts_with("the system gives this program 8 threads, and it needs 10: "), "{text}");
    }

    #[test]
    fn too_little_memory_of_a_container_is_a_sentence() {
        assert_eq!(ensure_memory(None, "it", MEMORY_OF_NO_PICTURE).map_err(|error| error.to_string()), Ok(()));
        assert!(ensure_memory(Some(MEMORY_OF_NO_PICTURE), "it", MEMORY_OF_NO_PICTURE).is_ok());
        let told = |who: &str| ensure_memory(Some(32 << 20), who, MEMORY_OF_NO_PICTURE).expect_err("too little").to_string();
        assert!(told("it").starts_with("the system gives this program 32 MiB of memory, and it needs 40 MiB; raise the limit"));
        assert!(told("pictures of 640x480").contains("and pictures of 640x480 need 40 MiB"));
    }

    #[test]
    fn the_window_is_as_large_as_was_wanted_where_nothing_limits_it() {
        // A service or container that runs the tests may limit it.
        let wanted = cgroup::memory_max().map_or(1 << 30, |have| (have / 4).min(1 << 30));
        assert_eq!(window_bytes(wanted, 1), wanted);
    }

    #[test]
    fn enough_is_enough() {
        ensure(1).expect("tests run where a stream can");
    }
}
