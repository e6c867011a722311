//! Reading a history from its files alone, without its index and without changing anything: beside a server that writes to it, or where
//! there is none.

use super::{
    folder::SUFFIX,
    record::{self, Damage, FileHeader, SegmentHeader},
};
use crate::{
    package::media_bytes::{FileRange, MediaBytes},
    time::WallTime,
    window::{
        footage::{Footage, TimeRange},
        state::MapLine,
    },
};
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What is read of a file to find its header: an init segment takes less than 2 KB.
const FILE_HEAD_LEN: u64 = 64 << 10;
/// What is read to find the head of a segment: most have less.
const SEGMENT_HEAD_LEN: u64 = 2 << 10;
/// Longest head of a segment.
const SEGMENT_HEAD_MAX: u64 = 64 << 10;

/// How much of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The first segment's head.
    First,
    /// What stands before each segment.
    Heads,
    /// All of it.
    Checksums,
}

/// A file as it is.
#[derive(Clone, Debug)]
pub struct FileScan {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub len: u64,
    /// What stands at its beginning.
    pub header: FileHeader,
    /// Its segments, first to last.
    pub segments: Vec<SegmentScan>,
    /// Stretches between them that are none, from where to where.
    pub gaps: Vec<(u64, u64)>,
    /// Where the last whole segment ends, or the header.
    pub end: u64,
    /// Why what lies behind that is no segment.
    pub rest: Option<Damage>,
}

/// A segment as it is.
#[derive(Clone, Debug)]
pub struct SegmentScan {
    /// Where its bytes begin.
    pub offset: u64,
    /// What stands before it.
    pub header: SegmentHeader,
    /// Its bytes are those that were written, as far as they were read.
    pub is_sound: bool,
}

/// What a file of a folder is.
#[derive(Debug)]
pub enum Scanned {
    /// One of a history.
    File(FileScan),
    /// It is not read.
    Other(PathBuf, u64, Damage),
    /// It was deleted meanwhile, as the oldest are.
    Gone,
}

/// The names of the files in a folder, in order.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.ends_with(SUFFIX) && entry.metadata().is_ok_and(|facts| facts.is_file()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The cameras that have a history in a folder of `--storage`, by name.
pub fn cameras(storage: &Path) -> io::Result<Vec<String>> {
    let mut cameras = Vec::new();
    for entry in fs::read_dir(storage)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let folder = entry.path();
        if folder.is_dir() && (folder.join(super::index::FILE_NAME).exists() || !super::folder::is_empty(&folder)) {
            cameras.push(name);
        }
    }
    cameras.sort();
    Ok(cameras)
}

/// Reads a file.
pub fn scan(path: &Path, depth: Depth) -> io::Result<Scanned> {
    match scan_there(path, depth) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Scanned::Gone),
        scanned => scanned,
    }
}

fn scan_there(path: &Path, depth: Depth) -> io::Result<Scanned> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    let (header, begin) = match record::file_header(&read_at(&mut file, 0, FILE_HEAD_LEN)?) {
        Ok(found) => found,
        Err(damage) => return Ok(Scanned::Other(path.to_owned(), len, damage)),
    };
    let mut scan = FileScan { path: path.to_owned(), len, header, segments: Vec::new(), gaps: Vec::new(), end: begin, rest: None };
    while scan.end < len {
        match segment_at(&mut file, scan.end, depth, len)? {
            Ok(segment) => {
                scan.end = segment.offset + segment.header.bytes();
                scan.segments.push(segment);
            }
            // One whose head is damaged takes no other with it.
            Err(damage) => match record::next_in(&mut file, scan.end + 1)? {
                Some(next) => {
                    scan.gaps.push((scan.end, next));
                    scan.end = next;
                }
                None => {
                    scan.rest = Some(damage);
                    break;
                }
            },
        }
        if depth == Depth::First {
            break;
        }
    }
    Ok(Scanned::File(scan))
}

fn read_at(file: &mut File, at: u64, len: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    Read::take(file, len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn segment_at(file: &mut File, at: u64, depth: Depth, file_len: u64) -> io::Result<Result<SegmentScan, Damage>> {
    let mut read = record::unboxed::<SegmentHeader>(&read_at(file, at, SEGMENT_HEAD_LEN)?);
    if read == Err(Damage::Cut) {
        read = record::unboxed(&read_at(file, at, SEGMENT_HEAD_MAX)?);
    }
    let (header, head_len) = match read {
        Ok(read) => read,
        Err(damage) => return Ok(Err(damage)),
    };
    let offset = at + head_len as u64;
    if offset + header.bytes() > file_len {
        return Ok(Err(Damage::Cut));
    }
    let is_sound = depth != Depth::Checksums || checksum(file, offset, header.bytes())? == header.crc;
    Ok(Ok(SegmentScan { offset, header, is_sound }))
}

fn checksum(file: &mut File, offset: u64, mut left: u64) -> io::Result<u32> {
    file.seek(SeekFrom::Start(offset))?;
    let (mut crc, mut buffer) = (crc32fast::Hasher::new(), vec![0; FILE_HEAD_LEN as usize]);
    while left > 0 {
        let n = file.read(&mut buffer[..left.min(FILE_HEAD_LEN) as usize])?;
        if n == 0 {
            break;
        }
        crc.update(&buffer[..n]);
        left -= n as u64;
    }
    Ok(crc.finalize())
}

/// The files of a camera's history, and when each begins.
#[derive(Debug)]
pub struct FileList {
    files: Vec<(PathBuf, WallTime)>,
    kept: Option<TimeRange>,
}

/// Finds the files in the folder of a camera.
pub fn list(folder: &Path) -> io::Result<FileList> {
    let mut files = Vec::new();
    for name in names(folder)? {
        let path = folder.join(name);
        if let Scanned::File(FileScan { segments, .. }) = scan(&path, Depth::First)?
            && let Some(first) = segments.first()
        {
            files.push((first.header.msn, path, WallTime(first.header.wall)));
        }
    }
    // In the order of their segments, whatever the clock said.
    files.sort();
    let files: Vec<(PathBuf, WallTime)> = files.into_iter().map(|(_, path, wall)| (path, wall)).collect();
    let ends = match files.last().map(|(path, _)| scan(path, Depth::Heads)).transpose()? {
        Some(Scanned::File(last)) => last.segments.last().map(|last| WallTime(last.header.wall) + last.header.duration()),
        _ => None,
    };
    let kept = files.first().zip(ends).map(|((_, from), to)| TimeRange { from: *from, to });
    Ok(FileList { files, kept })
}

impl FileList {
    /// From when to when there is footage; none without any.
    pub fn kept(&self) -> Option<TimeRange> {
        self.kept
    }

    /// The footage of a time. Files that begin behind it, or are followed by one that begins before it, are not read.
    pub fn footage(&self, time: TimeRange) -> io::Result<Footage> {
        let mut footage = Footage { kept: self.kept, has_ended: true, ..Footage::default() };
        for (idx, (path, wall)) in self.files.iter().enumerate() {
            let is_before = self.files.get(idx + 1).is_some_and(|(_, next)| wall <= next && *next <= time.from);
            if is_before || *wall >= time.to {
                continue;
            }
            if let Scanned::File(file) = scan(path, Depth::Heads)? {
                add(&mut footage, &file, time);
            }
        }
        Ok(footage)
    }
}

fn add(footage: &mut Footage, file: &FileScan, time: TimeRange) {
    let path: Arc<Path> = file.path.as_path().into();
    let data = MediaBytes::File(FileRange::new(path.clone(), 0, file.header.init_len as usize));
    let Some(init) = file.header.init(data) else { return };
    for SegmentScan { offset, header, .. } in &file.segments {
        let bytes = MediaBytes::File(FileRange::new(path.clone(), *offset, header.bytes() as usize));
        let segment = header.segment(init.run.clone(), init.id, MapLine::Own, &bytes);
        if time.has(&segment) {
            footage.segments.push(Arc::new(segment));
        }
    }
    if !footage.inits.iter().any(|known| (&known.run, known.id) == (&init.run, init.id)) {
        footage.inits.push(init);
    }
}
