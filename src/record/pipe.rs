//! A recording that another program reads while it is made: fragmented MP4, one part after the other.

use super::{RecordError, failure, read};
use crate::{
    package::{PackagerEvent, Part, cmaf},
    time::{Span, Ticks},
};
use bytes::Bytes;
use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

/// A recording on its way to a reader. Its first frame is at time 0, and a hole in media time is closed up.
pub struct Mp4Pipe {
    out: Box<dyn Write + Send>,
    init: Option<Bytes>,
    frames: u64,
    duration: Span,
    bytes: u64,
}

impl fmt::Debug for Mp4Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mp4Pipe({} frames, {} bytes)", self.frames, self.bytes)
    }
}

impl Mp4Pipe {
    /// To that reader.
    pub fn new(out: Box<dyn Write + Send>) -> Mp4Pipe {
        Mp4Pipe { out, init: None, frames: 0, duration: Span::ZERO, bytes: 0 }
    }

    /// Frames so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Length so far.
    pub fn duration(&self) -> Span {
        self.duration
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// As of [`Mp4File`](super::Mp4File::push).
    pub fn push(&mut self, event: &PackagerEvent) -> Result<(), RecordError> {
        match event {
            PackagerEvent::Init { data, .. } => {
                let data = read(data)?;
                match &self.init {
                    Some(written) if *written == data => Ok(()),
                    Some(_) => Err(RecordError::PipeFormatChanged),
                    None => {
                        self.write(&[&data])?;
                        self.init = Some(data);
                        Ok(())
                    }
                }
            }
            PackagerEvent::Part(part) if self.init.is_some() && (self.frames > 0 || part.independent) => self.add(part),
            PackagerEvent::Part(_) | PackagerEvent::Start(_) | PackagerEvent::End(_) => Ok(()),
        }
    }

    fn add(&mut self, part: &Part) -> Result<(), RecordError> {
        let data = read(&part.data)?;
        let reading = cmaf::read_fragment(&data)?;
        let head = reading.head_at(Ticks::default() + self.duration)?;
        self.write(&[&head, &data[reading.payload_start..]])?;
        self.frames += reading.samples.len() as u64;
        self.duration = reading.samples.iter().fold(self.duration, |sum, sample| sum + Span(i64::from(sample.duration)));
        Ok(())
    }

    fn write(&mut self, pieces: &[&[u8]]) -> Result<(), RecordError> {
        let written = pieces.iter().try_for_each(|piece| self.out.write_all(piece)).and_then(|()| self.out.flush());
        self.bytes += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        written.map_err(|source| match source.kind() {
            ErrorKind::BrokenPipe => RecordError::ReaderGone,
            ErrorKind::TimedOut => reader_stands(source),
            _ => failure("cannot write to stdout", source, ""),
        })
    }
}

fn reader_stands(source: io::Error) -> RecordError {
    let sentence = "the reader of stdout does not read; what was still to be written to it is lost".to_owned();
    RecordError::Io { sentence, source }
}
