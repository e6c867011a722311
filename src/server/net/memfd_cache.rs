//! Copies of what many clients ask for, in files in memory: the system sends a file without copying it once more for each client
//! (`sendfile`), which for a segment is a quarter of the whole cost. [`sendfile`](super::sendfile) uses them. Linux only; elsewhere nothing is
//! ever held here.
//!
//! A piece is known by the address of its bytes: it is kept alive here, so no other bytes can be at that address. A file is written once
//! and never changed, for the system may be sending from it long after.

use crate::sync::lock;
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    io::{self, Write},
    sync::{Arc, Mutex},
};

/// Shortest answer that is worth it: below, one more system call costs more than the copy. It is above the 16 KB of an HTTP/2 frame,
/// which is never sent from a file.
pub(in crate::server) const LEN_MIN: usize = 32 * 1024;

/// Bytes held at most: the segments and parts of the last seconds, of which live players ask for the same; at 8 Mbit/s, 4 segments.
const LEN_MAX: usize = 8 << 20;

/// Files held at most: as many as there are of the shortest in all bytes. The budget of open files may give fewer.
pub(in crate::server) const FILES_MAX: usize = LEN_MAX / LEN_MIN;

/// Responses that were sent once, of which the next request makes a copy. One viewer alone is not worth a copy.
const ONCE_MAX: usize = 64;

/// The copies.
#[derive(Debug, Default)]
pub(in crate::server) struct MemfdCache {
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    files_max: usize,
    /// By the address of the first byte.
    regions: BTreeMap<usize, Region>,
    /// Oldest first, with their lengths.
    files: VecDeque<(Arc<File>, usize)>,
    len: usize,
    once: VecDeque<usize>,
}

impl Default for Held {
    fn default() -> Held {
        Held { files_max: FILES_MAX, regions: BTreeMap::new(), files: VecDeque::new(), len: 0, once: VecDeque::new() }
    }
}

#[derive(Debug)]
struct Region {
    piece: Bytes,
    file: Arc<File>,
    offset: u64,
}

/// A range of bytes of a file.
#[derive(Debug)]
pub(in crate::server) struct FileRange {
    pub(in crate::server) file: Arc<File>,
    pub(in crate::server) offset: u64,
    pub(in crate::server) len: usize,
}

impl MemfdCache {
    /// Holds so many files at most from now on.
    pub(in crate::server) fn set_files_max(&self, files_max: usize) {
        lock(&self.held).files_max = files_max;
    }

    /// Notes that these pieces are sent as one response. The second time, they get a file.
    pub(in crate::server) fn note(&self, pieces: &[Bytes]) {
        let len = pieces.iter().map(Bytes::len).sum::<usize>();
        let Some(first) = pieces.first().filter(|_| (LEN_MIN..=LEN_MAX).contains(&len)).map(address) else { return };
        let mut held = lock(&self.held);
        if held.run(pieces.iter().map(|piece| &piece[..])).is_some_and(|(_, _, run)| run == len) {
            return;
        }
        // A segment begins where its first part does; its length tells them apart.
        let mark = first ^ len;
        if !held.once.contains(&mark) {
            held.once.truncate(ONCE_MAX - 1);
            held.once.push_front(mark);
            return;
        }
        if held.files_max == 0 {
            return;
        }
        match file_of(pieces) {
            Ok(file) => held.add(Arc::new(file), pieces, len),
            Err(error) => tracing::debug!(%error, "no file in memory for what many ask for"),
        }
    }

    /// The range of a file that holds the first slice and those after it, as far as they follow in the file.
    pub(in crate::server) fn find<'a>(&self, slices: impl Iterator<Item = &'a [u8]>) -> Option<FileRange> {
        let held = lock(&self.held);
        held.run(slices).map(|(file, offset, len)| FileRange { file: file.clone(), offset, len })
    }
}

impl Held {
    fn region(&self, bytes: &[u8]) -> Option<(&Arc<File>, u64)> {
        let from = bytes.as_ptr().addr();
        let (start, region) = self.regions.range(..=from).next_back()?;
        let skipped = from - start;
        (skipped + bytes.len() <= region.piece.len()).then(|| (&region.file, region.offset + skipped as u64))
    }

    fn run<'a>(&self, mut slices: impl Iterator<Item = &'a [u8]>) -> Option<(&Arc<File>, u64, usize)> {
        let first = slices.next().filter(|slice| !slice.is_empty())?;
        let (file, offset) = self.region(first)?;
        let mut len = first.len();
        for slice in slices {
            match self.region(slice) {
                Some((other, at)) if Arc::ptr_eq(other, file) && at == offset + len as u64 => len += slice.len(),
                _ => break,
            }
        }
        Some((file, offset, len))
    }

    fn add(&mut self, file: Arc<File>, pieces: &[Bytes], len: usize) {
        while (self.len + len > LEN_MAX || self.files.len() >= self.files_max)
            && let Some((oldest, oldest_len)) = self.files.pop_front()
        {
            self.regions.retain(|_, region| !Arc::ptr_eq(&region.file, &oldest));
            self.len -= oldest_len;
        }
        self.len += len;
        self.files.push_back((file.clone(), len));
        let mut offset = 0;
        for piece in pieces {
            self.regions.insert(address(piece), Region { piece: piece.clone(), file: file.clone(), offset });
            offset += piece.len() as u64;
        }
    }
}

fn address(piece: &Bytes) -> usize {
    piece.as_ptr().addr()
}

#[cfg(target_os = "linux")]
fn file_of(pieces: &[Bytes]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("hlscam", rustix::fs::MemfdFlags::CLOEXEC)?);
    pieces.iter().try_for_each(|piece| file.write_all(piece))?;
    Ok(file)
}

#[cfg(not(target_os = "linux"))]
fn file_of(_: &[Bytes]) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    fn piece(fill: u8, len: usize) -> Bytes {
        Bytes::from(vec![fill; len])
    }

    fn twice(cache: &MemfdCache, pieces: &[Bytes]) {
        cache.note(pieces);
        cache.note(pieces);
    }

    fn find(cache: &MemfdCache, bytes: &[u8]) -> Option<FileRange> {
        cache.find([bytes].into_iter())
    }

    fn run_len(cache: &MemfdCache, pieces: &[Bytes]) -> usize {
        cache.find(pieces.iter().map(|piece| &piece[..])).map_or(0, |stretch| stretch.len)
    }

    #[test]
    fn what_is_asked_for_twice_is_found_with_any_stretch_of_it() {
        let cache = MemfdCache::default();
        let pieces = [piece(1, 40_000), piece(2, 50_000)];
        cache.note(&pieces);
        assert_eq!(run_len(&cache, &pieces), 0);
        cache.note(&pieces);
        assert_eq!(run_len(&cache, &pieces), 90_000);
        let found = find(&cache, &pieces[1][10_000..20_000]).expect("it is held");
        let mut read = vec![0; 10_000];
        found.file.read_exact_at(&mut read, found.offset).expect("it is all there");
        assert_eq!((found.offset, found.len, read), (50_000, 10_000, vec![2; 10_000]));
        assert!(find(&cache, &piece(1, 40_000)).is_none(), "the same text elsewhere is another piece");
        assert!(find(&cache, &[]).is_none());
    }

    #[test]
    fn a_segment_gets_a_file_of_its_own_though_its_parts_have_theirs() {
        let cache = MemfdCache::default();
        let pieces = [piece(1, 40_000), piece(2, 50_000)];
        pieces.iter().for_each(|piece| twice(&cache, std::slice::from_ref(piece)));
        assert_eq!(run_len(&cache, &pieces), 40_000);
        twice(&cache, &pieces);
        assert_eq!(run_len(&cache, &pieces), 90_000);
        twice(&cache, &pieces);
        assert_eq!(cache.held.lock().unwrap().files.len(), 3);
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let cache = MemfdCache::default();
        let pieces: Vec<Bytes> = (0..20).map(|n| piece(n, 1 << 20)).collect();
        pieces.iter().for_each(|piece| twice(&cache, std::slice::from_ref(piece)));
        let kept: Vec<bool> = pieces.iter().map(|piece| find(&cache, piece).is_some()).collect();
        assert_eq!(kept, [vec![false; 12], vec![true; 8]].concat());
        assert_eq!(cache.held.lock().unwrap().regions.len(), 8);
    }

    #[test]
    fn what_is_short_or_too_long_gets_no_file() {
        let cache = MemfdCache::default();
        for pieces in [vec![piece(1, 1000)], vec![], vec![piece(1, LEN_MAX + 1)]] {
            twice(&cache, &pieces);
        }
        assert!(cache.held.lock().unwrap().files.is_empty());
    }

    #[test]
    fn no_more_files_are_held_than_the_budget_has() {
        let cache = MemfdCache::default();
        cache.set_files_max(2);
        for n in 0..5 {
            let pieces = [piece(n, LEN_MIN)];
            cache.note(&pieces);
            cache.note(&pieces);
            assert!(cache.find([&pieces[0][..]].into_iter()).is_some(), "the newest has a file");
        }
        assert_eq!(cache.held.lock().expect("no panic").files.len(), 2);
        cache.set_files_max(0);
        let pieces = [piece(9, LEN_MIN)];
        cache.note(&pieces);
        cache.note(&pieces);
        assert!(cache.find([&pieces[0][..]].into_iter()).is_none());
    }
}
