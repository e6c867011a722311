//! One recording: into which file each part of a stream goes, where a file ends and the next begins, and when all is recorded.

use super::{
    Mp4File, Overwrite, RecordError, Recording,
    name::{FileName, Names},
    pipe::Mp4Pipe,
    read,
};
use crate::{
    package::{InitId, PackagerEvent, Part, SegmentStart, cmaf},
    time::{Span, Ticks, WallTime},
};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// Files that one recording may be divided into by changes of format; a source that changes more often is broken.
const FORMATS_MAX: u32 = 1000;
/// Longest file: its index is held in memory, 10 MB for a day.
pub const FILE_MAX: Span = Span::from_ms(24 * 3_600_000);

/// Where a recording goes.
pub enum Target {
    /// Into files.
    Files(FileName, Overwrite),
    /// To a reader, as one stream.
    Pipe(Box<dyn Write + Send>),
}

/// What happens to the files of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A file begins; its first frame was captured then.
    Begun(PathBuf, WallTime),
    /// A file is finished.
    Done(Recording),
}

/// What was recorded so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames in all files.
    pub frames: u64,
    /// Their length.
    pub duration: Span,
    /// Bytes of finished files, and of what went to a reader.
    pub bytes: u64,
    /// Finished files.
    pub files: u64,
}

/// What becomes of a stream's events.
pub struct Recorder {
    sink: Option<Sink>,
    /// What the next file is called; none for a reader.
    names: Option<Names>,
    /// A file ends at the first key frame from this length on.
    split: Span,
    /// All is recorded when so much is.
    length: Option<Span>,
    tell: Box<dyn FnMut(Notice) + Send>,
    init: Option<PackagerEvent>,
    start: Option<SegmentStart>,
    formats: u32,
    finished: Totals,
    is_complete: bool,
    /// Why nothing more is written.
    error: Option<RecordError>,
}

#[derive(Debug)]
enum Sink {
    File(Box<Mp4File>),
    Pipe(Mp4Pipe),
}

impl Sink {
    fn push(&mut self, event: &PackagerEvent) -> Result<(), RecordError> {
        match self {
            Sink::File(file) => file.push(event),
            Sink::Pipe(pipe) => pipe.push(event),
        }
    }

    fn totals(&self) -> Totals {
        let (frames, duration, bytes) = match self {
            Sink::File(file) => (file.frames(), file.duration(), 0),
            Sink::Pipe(pipe) => (pipe.frames(), pipe.duration(), pipe.bytes()),
        };
        Totals { frames, duration, bytes, files: 0 }
    }
}

impl Recorder {
    /// Files are divided at that length, and `tell` is called for each.
    pub fn new(target: Target, split: Option<Span>, tell: impl FnMut(Notice) + Send + 'static) -> Recorder {
        let (sink, names) = match target {
            Target::Files(name, overwrite) => (None, Some(Names::new(name, overwrite))),
            Target::Pipe(out) => (Some(Sink::Pipe(Mp4Pipe::new(out))), None),
        };
        Recorder {
            sink,
            names,
            split: split.unwrap_or(FILE_MAX).min(FILE_MAX),
            length: None,
            tell: Box::new(tell),
            init: None,
            start: None,
            formats: 0,
            finished: Totals::default(),
            is_complete: false,
            error: None,
        }
    }

    /// Makes the first file at once where its name is known, so that what is wrong with it is told before the stream begins.
    pub fn open_early(&mut self) -> Result<(), RecordError> {
        if self.names.as_ref().is_some_and(|names| !names.name.is_pattern()) {
            self.open(WallTime::default())?;
        }
        Ok(())
    }

    /// All is recorded when so much is. Frames behind it are left out.
    pub fn set_length(&mut self, length: Span) {
        self.length = Some(length);
    }

    /// What was recorded so far, in all files.
    pub fn totals(&self) -> Totals {
        let open = self.sink.as_ref().map(Sink::totals).unwrap_or_default();
        let Totals { frames, duration, bytes, files } = self.finished;
        Totals { frames: frames + open.frames, duration: duration + open.duration, bytes: bytes + open.bytes, files }
    }

    /// Whether all that was asked for is recorded.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Takes the next event of the stream; `false` when no more can or need be written.
    pub fn take(&mut self, event: &PackagerEvent) -> bool {
        if self.error.is_none() && !self.is_complete {
            self.error = self.push(event).err();
        }
        self.error.is_none() && !self.is_complete
    }

    /// Ends the file that is open; what comes next goes into another one.
    pub fn end_file(&mut self) -> bool {
        let ended = if matches!(self.sink, Some(Sink::File(_))) { self.close() } else { Ok(()) };
        self.error = self.error.take().or(ended.err());
        self.error.is_none()
    }

    /// Finishes the last file. What was written before an error stays and plays.
    pub fn finish(&mut self) -> (Totals, Option<RecordError>) {
        let ended = self.close();
        self.error = self.error.take().or(ended.err());
        (self.finished, self.error.take())
    }

    fn push(&mut self, event: &PackagerEvent) -> Result<(), RecordError> {
        match event {
            PackagerEvent::Init { id, data, .. } => self.begin_format(event, *id, &read(data)?),
            PackagerEvent::Start(start) => {
                self.start = Some(*start);
                Ok(())
            }
            PackagerEvent::Part(part) => self.add(part),
            PackagerEvent::End(_) => Ok(()),
        }
    }

    fn begin_format(&mut self, event: &PackagerEvent, id: InitId, data: &[u8]) -> Result<(), RecordError> {
        let is_new = match &self.init {
            Some(PackagerEvent::Init { data: before, .. }) => read(before)?[..] != *data,
            _ => false,
        };
        self.init = Some(event.clone());
        if !is_new || self.totals().frames == 0 {
            return Ok(());
        }
        self.formats += 1;
        if self.names.is_none() || self.formats > FORMATS_MAX {
            return Err(RecordError::PipeFormatChanged);
        }
        tracing::info!("the picture's format changed (init segment {}); recording goes on in another file", id.0);
        self.close()
    }

    fn add(&mut self, part: &Part) -> Result<(), RecordError> {
        if let Some(Sink::File(file)) = &self.sink
            && part.independent
            && file.duration() >= self.split
        {
            self.close()?;
        }
        let begins = self.sink.as_ref().is_none_or(|sink| sink.totals().frames == 0);
        if begins && (!part.independent || self.init.is_none()) {
            return Ok(());
        }
        let start = self.start.filter(|start| start.msn == part.msn);
        let wall = start.map_or(WallTime::default(), |start| start.wall + part.at.since(start.at));
        if self.sink.is_none() {
            self.open(wall)?;
        }
        let room = self.length.map(|length| Span(length.0 - self.totals().duration.0));
        let cut = room.filter(|room| part.duration > *room).map(|room| cut(part, room)).transpose()?;
        self.is_complete = room.is_some_and(|room| part.duration >= room);
        let Some(sink) = &mut self.sink else { return Ok(()) };
        if begins {
            self.init.iter().try_for_each(|init| sink.push(init))?;
            if let Sink::File(file) = sink {
                (self.tell)(Notice::Begun(file.path().to_owned(), wall));
            }
        }
        start.map_or(Ok(()), |start| sink.push(&PackagerEvent::Start(start)))?;
        match cut {
            Some(None) => Ok(()),
            Some(Some(cut)) => sink.push(&PackagerEvent::Part(cut)),
            None => sink.push(&PackagerEvent::Part(part.clone())),
        }
    }

    fn open(&mut self, wall: WallTime) -> Result<(), RecordError> {
        let Some(names) = &mut self.names else { return Ok(()) };
        let name = names.name.clone();
        let make = |path: &Path, overwrite| {
            // Where they cannot be made, the file cannot either, and that says why.
            name.make_folders(path).ok();
            Mp4File::create(path, overwrite)
        };
        let file = names.make(wall, make, |error| matches!(error, RecordError::Exists(_)))?;
        self.sink = Some(Sink::File(Box::new(file)));
        Ok(())
    }

    /// Finishes what is open.
    fn close(&mut self) -> Result<(), RecordError> {
        match self.sink.take() {
            Some(Sink::File(file)) => {
                let recording = file.finish()?;
                let Totals { frames, duration, bytes, files } = &mut self.finished;
                *frames += recording.frames;
                *duration = *duration + recording.duration;
                *bytes += recording.bytes;
                *files += 1;
                (self.tell)(Notice::Done(recording));
                Ok(())
            }
            Some(sink @ Sink::Pipe(_)) => {
                let open = sink.totals();
                self.finished = Totals { files: 1, ..open };
                if open.frames == 0 { Err(RecordError::Empty("-".into())) } else { Ok(()) }
            }
            None if self.finished.frames == 0 && self.error.is_none() => {
                let name = self.names.as_ref().map(|names| names.name.as_path().to_owned());
                Err(RecordError::Empty(name.unwrap_or_default()))
            }
            None => Ok(()),
        }
    }
}

/// The frames of a part that begin before `room` is full; none if it is.
fn cut(part: &Part, room: Span) -> Result<Option<Part>, RecordError> {
    let data = read(&part.data)?;
    let mut reading = cmaf::read_fragment(&data)?;
    let (mut count, mut duration) = (0, Span::ZERO);
    for sample in &reading.samples {
        if duration >= room {
            break;
        }
        (count, duration) = (count + 1, duration + Span(i64::from(sample.duration)));
    }
    if count == 0 {
        return Ok(None);
    }
    let start = reading.payload_start;
    let payload = reading.truncate(count);
    let data = [&reading.head_at(Ticks::default())?, &data[start..start + payload]].concat();
    Ok(Some(Part { data: data.into(), duration, ..part.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::tests::{WALL, folder, names, payload, synthetic},
        sync::lock,
        time::zone::Zone,
    };
    use std::sync::{Arc, Mutex};

    fn files(path: &Path) -> Target {
        Target::Files(FileName::parse(path, Zone::Utc).expect("a name"), Overwrite::Refuse)
    }

    fn record(recorder: &mut Recorder, events: &[PackagerEvent]) -> usize {
        events.iter().take_while(|event| recorder.take(event)).count()
    }

    #[test]
    fn files_end_at_key_frames_and_no_frame_is_lost_or_there_twice() {
        let (folder, path) = folder();
        let told = Arc::<Mutex<Vec<Notice>>>::default();
        let tell = told.clone();
        let mut recorder = Recorder::new(files(&path), Some(Span::from_ms(1500)), move |notice| lock(&tell).push(notice));
        // A key frame a second.
        record(&mut recorder, &synthetic(150, 0));
        let (totals, error) = recorder.finish();
        assert!(error.is_none() && (totals.frames, totals.files) == (150, 3), "{totals:?} {error:?}");
        assert_eq!(names(&folder), ["out-2.mp4", "out-3.mp4", "out.mp4"]);
        for (name, frames) in [("out.mp4", 0..60), ("out-2.mp4", 60..120), ("out-3.mp4", 120..150)] {
            assert!(std::fs::read(path.with_file_name(name)).expect("it is there").ends_with(&payload(frames)), "{name}");
        }
        let begun: Vec<_> = lock(&told)
            .iter()
            .filter_map(|notice| match notice {
                Notice::Begun(_, at) => Some(at.since(WALL).as_ms()),
                Notice::Done(_) => None,
            })
            .collect();
        assert_eq!(begun, [0.0, 2000.0, 4000.0]);
    }

    #[test]
    fn a_length_is_kept_to_the_frame() {
        for (ms, frames) in [(1000, 30), (1500, 45), (1550, 47), (1, 1)] {
            let (_folder, path) = folder();
            let mut recorder = Recorder::new(files(&path), None, |_| ());
            recorder.set_length(Span::from_ms(ms));
            record(&mut recorder, &synthetic(90, 0));
            assert!(recorder.is_complete());
            assert_eq!(recorder.finish().0.frames, frames, "{ms} ms");
            assert!(std::fs::read(&path).expect("it is there").ends_with(&payload(0..frames as i64)), "{ms} ms");
        }
    }

    #[test]
    fn another_format_goes_into_another_file_and_ends_a_pipe() {
        let (folder, path) = folder();
        let mut recorder = Recorder::new(files(&path), None, |_| ());
        recorder.open_early().expect("it can be made");
        let both = [synthetic(30, 0), synthetic(30, 1)].concat();
        record(&mut recorder, &both);
        assert_eq!(recorder.finish().0, Totals { files: 2, frames: 60, duration: Span(60 * 3000), bytes: size(&folder) });
        let mut recorder = Recorder::new(Target::Pipe(Box::new(std::io::sink())), None, |_| ());
        record(&mut recorder, &both);
        let (totals, error) = recorder.finish();
        assert!(matches!(error, Some(RecordError::PipeFormatChanged)) && totals.frames == 30, "{error:?}");
    }

    fn size(folder: &tempfile::TempDir) -> u64 {
        names(folder).iter().map(|name| folder.path().join(name).metadata().expect("it is there").len()).sum()
    }

    #[test]
    fn an_error_stays_told_whatever_comes_after_it() {
        let (folder, path) = folder();
        std::fs::write(&path, "precious").expect("it can be written");
        let mut recorder = Recorder::new(files(&path), None, |_| ());
        assert!(matches!(recorder.open_early(), Err(RecordError::Exists(_))));
        let taken = record(&mut recorder, &synthetic(30, 0));
        assert!(taken < 3, "events after an error are not taken");
        let (totals, error) = recorder.finish();
        assert!(totals.frames == 0 && matches!(error, Some(RecordError::Exists(_))));
        assert_eq!(names(&folder), ["out.mp4"]);
    }

    #[test]
    fn what_never_had_a_frame_is_said_to_be_empty() {
        let (folder, path) = folder();
        for early in [true, false] {
            let mut recorder = Recorder::new(files(&path), None, |_| ());
            if early {
                recorder.open_early().expect("it can be made");
            }
            assert!(matches!(recorder.finish().1, Some(RecordError::Empty(_))));
        }
        assert_eq!(names(&folder), [""; 0]);
    }

    #[test]
    fn a_reader_gets_a_stream_and_may_leave() {
        let mut recorder = Recorder::new(Target::Pipe(Box::new(std::io::sink())), None, |_| ());
        record(&mut recorder, &synthetic(45, 0));
        assert_eq!(recorder.finish().0.frames, 45);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut recorder = Recorder::new(Target::Pipe(Box::new(writer)), None, |_| ());
        record(&mut recorder, &synthetic(45, 0));
        assert!(matches!(recorder.finish().1, Some(RecordError::ReaderGone)));
    }
}
