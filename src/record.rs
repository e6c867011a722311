//! A recording: one MP4 file, written while the stream runs.
//!
//! It grows as fragments, so that whatever ends the program leaves a file that plays; at its end it is rewritten once, index first,
//! so that it plays everywhere and starts at once over a network. The caller owns the thread: a slow disk must not stall the
//! stream. A power cut may cost what the system had not yet written to the disk; a crash or a kill costs at most the part being
//! written.

pub mod marked;
pub mod name;
pub mod pipe;
pub mod recorder;
pub mod schedule;
pub mod writer;

use crate::{
    package::{
        PackagerEvent, Part, SegmentStart,
        cmaf::{self, CmafError, SampleTable},
        media_bytes::MediaBytes,
        track_params::TrackParams,
    },
    plain_file,
    time::{Span, Ticks, WallTime},
};
use bytes::Bytes;
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and nothing is recorded.
    Refuse,
    /// It is emptied at once.
    Replace,
}

/// Why nothing more can be recorded. What was recorded before stays and plays.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file is there already, and [`Overwrite::Refuse`] was asked.
    #[error("cannot record to {}: it exists; choose another name, or pass --force to replace it", .0.display())]
    Exists(PathBuf),
    /// The world said no: disk full, no permission, no such folder.
    #[error("{sentence}")]
    Io {
        /// What failed, on what, why, and what to do.
        sentence: String,
        /// The system's word.
        source: io::Error,
    },
    /// The stream has another format from here on, and one file holds one. Call [`Mp4File::finish`], and go on in a second file.
    #[error("cannot go on in {}: the stream's format has changed; go on in another file", .0.display())]
    FormatChanged(PathBuf),
    /// The stream has another format from here on, and a reader gets one stream.
    #[error("cannot go on: the stream's format has changed, and one stream has one format; begin anew")]
    PipeFormatChanged,
    /// The reader wants no more.
    #[error("the reader of stdout has gone")]
    ReaderGone,
    /// No frame came; the empty file was removed.
    #[error("nothing was recorded to {}: the stream ended before its first key frame", .0.display())]
    Empty(PathBuf),
    /// A part that was not made by this program.
    #[error(transparent)]
    Cmaf(#[from] CmafError),
}

/// A finished recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Where it is.
    pub path: PathBuf,
    /// Frames in it.
    pub frames: u64,
    /// Sum of their durations.
    pub duration: Span,
    /// Size of the file, bytes.
    pub bytes: u64,
}

/// A recording in the making. Its first frame is at time 0, whatever the stream's media time was, and a hole in media time is
/// closed up.
#[derive(Debug)]
pub struct Mp4File {
    /// As the user wrote it, for messages.
    path: PathBuf,
    /// The file itself, links resolved, whatever the working directory becomes.
    target: PathBuf,
    file: File,
    /// Bytes of whole boxes; the file is cut back to it when a write fails in the middle.
    len: u64,
    init: Option<(Bytes, TrackParams)>,
    /// The next part must begin with a key frame; others are left out.
    needs_key: bool,
    segment: Option<SegmentStart>,
    /// Wall time of the first frame, if its segment's start was seen.
    created: Option<WallTime>,
    table: SampleTable,
    /// Where the frames of each part are in the growing file: start and length. 16 bytes per part.
    payloads: Vec<(u64, u64)>,
}

impl Mp4File {
    /// Makes the file, still empty.
    pub fn create(path: &Path, overwrite: Overwrite) -> Result<Mp4File, RecordError> {
        let failed = |source| failure(&format!("cannot record to {}", path.display()), source, "");
        // Anything but a plain file, such as /dev/null, would be replaced by one when the recording is finished.
        if let Ok(there) = fs::metadata(path)
            && !there.is_file()
        {
            let kind = if there.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::InvalidInput };
            return Err(failed(io::Error::new(kind, "it is not a plain file")));
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        match overwrite {
            Overwrite::Refuse => options.create_new(true),
            Overwrite::Replace => options.create(true).truncate(true),
        };
        let file = options.open(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => RecordError::Exists(path.to_owned()),
            _ => failed(error),
        })?;
        let target = fs::canonicalize(path).map_err(failed)?;
        Ok(Mp4File::growing(path.to_owned(), target, file))
    }

    fn growing(path: PathBuf, target: PathBuf, file: File) -> Mp4File {
        Mp4File {
            path,
            target,
            file,
            len: 0,
            init: None,
            needs_key: true,
            segment: None,
            created: None,
            table: SampleTable::default(),
            payloads: Vec::new(),
        }
    }

    /// Takes the next event of the packager. Who joins a running stream pushes its current `Init` first, then from any event on: parts
    /// before the first `Init` and the first independent part are left out. After [`RecordError::Io`] the file is whole up to the
    /// part before; a caller that goes on gets a recording with a hole.
    pub fn push(&mut self, event: &PackagerEvent) -> Result<(), RecordError> {
        match event {
            PackagerEvent::Init { data, params, .. } => self.begin(&read(data)?, params),
            PackagerEvent::Start(start) => {
                self.segment = Some(*start);
                Ok(())
            }
            PackagerEvent::Part(part) => self.add(part),
            PackagerEvent::End(_) => Ok(()),
        }
    }

    /// As it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Frames so far.
    pub fn frames(&self) -> u64 {
        self.table.frames()
    }

    /// Length so far.
    pub fn duration(&self) -> Span {
        self.table.duration()
    }

    /// Rewrites the recording with its index in front, beside it, and puts that in its place in one step. On an error the growing
    /// file stays as it is, and plays.
    pub fn finish(self) -> Result<Recording, RecordError> {
        let (frames, duration) = (self.frames(), self.duration());
        let Some((_, params)) = self.init.as_ref().filter(|_| frames > 0) else {
            let Mp4File { file, path, target, .. } = self;
            drop(file);
            let _ = fs::remove_file(target);
            return Err(RecordError::Empty(path));
        };
        let head = self.table.file_head(params, self.created, Span::ZERO)?;
        let mut name = OsString::from(self.target.as_os_str());
        name.push(".finishing");
        let beside = PathBuf::from(name);
        let written = write_finished(&beside, &head, &self.file, &self.payloads);
        let bytes = head.len() as u64 + self.table.payload();
        let Mp4File { file, path, target, .. } = self;
        // Windows replaces no file that is open.
        drop(file);
        if let Err(source) = written.and_then(|()| fs::rename(&beside, &target)) {
            let _ = fs::remove_file(&beside);
            let remedy = format!(" ({bytes} bytes beside it); until then it plays as it is, in fragments");
            return Err(failure(&format!("cannot put the index of {} in front", path.display()), source, &remedy));
        }
        // Where this fails, a power cut leaves the old file or the new one.
        let _ = target.parent().map(plain_file::sync_folder);
        Ok(Recording { path, frames, duration, bytes })
    }

    fn begin(&mut self, data: &Bytes, params: &TrackParams) -> Result<(), RecordError> {
        match &self.init {
            Some((written, _)) if written == data => Ok(()),
            Some(_) => Err(RecordError::FormatChanged(self.path.clone())),
            None => {
                self.append(&[data])?;
                self.init = Some((data.clone(), params.clone()));
                Ok(())
            }
        }
    }

    fn add(&mut self, part: &Part) -> Result<(), RecordError> {
        if self.init.is_none() || (self.needs_key && !part.independent) {
            return Ok(());
        }
        let data = read(&part.data)?;
        let reading = cmaf::read_fragment(&data)?;
        let head = reading.head_at(Ticks::default() + self.duration())?;
        let (_, payload) = data.split_at(reading.payload_start);
        let start = self.append(&[&head, payload])?;
        if self.frames() == 0 {
            let segment = self.segment.filter(|segment| segment.msn == part.msn);
            self.created = segment.map(|segment| segment.wall + part.at.since(segment.at));
        }
        self.payloads.push((start + head.len() as u64, payload.len() as u64));
        self.table.push(&reading.samples);
        self.needs_key = false;
        Ok(())
    }

    /// Appends whole boxes, or nothing. Returns where they begin.
    fn append(&mut self, pieces: &[&[u8]]) -> Result<u64, RecordError> {
        let start = self.len;
        match pieces.iter().try_for_each(|piece| self.file.write_all(piece)) {
            Ok(()) => {
                self.len += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
                Ok(start)
            }
            Err(source) => {
                // Where even this fails, the torn end costs a player its last part and nothing else.
                let _ = self.file.set_len(start).and_then(|()| self.file.seek(SeekFrom::Start(start)));
                self.needs_key = true;
                let remedy = "; what was recorded until now stays and plays";
                Err(failure(&format!("cannot write to {}", self.path.display()), source, remedy))
            }
        }
    }
}

fn read(data: &MediaBytes) -> Result<Bytes, RecordError> {
    data.read().map_err(|source| failure("cannot read what is to be recorded", source, ""))
}

/// Copies the frames behind the head, part by part: memory does not grow with the recording.
fn write_finished(to: &Path, head: &[u8], mut from: &File, payloads: &[(u64, u64)]) -> io::Result<()> {
    let mut out = File::create(to)?;
    out.write_all(head)?;
    for &(start, len) in payloads {
        from.seek(SeekFrom::Start(start))?;
        if io::copy(&mut from.take(len), &mut out)? != len {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "it was cut short by another program"));
        }
    }
    // On the disk before it takes the other's name: a power cut leaves one of the two, whole.
    out.sync_all()
}

fn failure(what: &str, source: io::Error, remedy: &str) -> RecordError {
    let (why, advice) = match source.kind() {
        ErrorKind::StorageFull => ("the disk is full".to_owned(), "free some space"),
        ErrorKind::QuotaExceeded => ("your quota is used up".to_owned(), "free some space"),
        ErrorKind::FileTooLarge => {
            ("the file system takes no larger file".to_owned(), "record to another disk or in shorter pieces")
        }
        ErrorKind::PermissionDenied => ("permission denied".to_owned(), "choose a folder that you may write to"),
        ErrorKind::ReadOnlyFilesystem => ("the file system is read-only".to_owned(), "choose another folder"),
        ErrorKind::NotFound => ("its folder does not exist".to_owned(), "make the folder first"),
        ErrorKind::IsADirectory => ("it is a folder".to_owned(), "name a file in it"),
        ErrorKind::NotADirectory => ("a part of the path is no folder".to_owned(), "correct the path"),
        _ => (source.to_string(), "check the path and the disk"),
    };
    RecordError::Io { sentence: format!("{what}: {why}; {advice}{remedy}"), source }
}

#[cfg(test)]
mod tests;
