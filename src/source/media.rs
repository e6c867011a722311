//! The FFmpeg demuxing adapter: any file that FFmpeg reads, as if it were a camera, and cameras on the network (`network`), and of
//! browsers (`browser`). No FFmpeg type
//! leaves this folder.
//!
//! Of a file in real time a picture is handed out when its time has come, and the file is looped: by going back to its beginning, or, where it
//! has none to go back to (a raw stream, a still, a pipe), by opening it again. Unpaced, it is read as fast as it can be decoded.

pub(super) mod browser;
mod camera_clock;
mod coded;
mod connection;
mod input;
mod interlaced;
pub(super) mod network;
mod rate;
mod reader;
mod refusal;
mod search;
mod shape;
#[cfg(test)]
mod tests;
mod timeline;
mod units;
mod watch;

use super::{
    Given, NEXT_WAIT_MAX, OpenError, Pace, Source, SourceError, SourceFormat, Stop,
    coded::{CodedFrame, Fitness, PassSwitch},
};
use crate::{
    picture::{Picture, PicturePool, SIDE_MAX},
    threads,
    time::Ticks,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use ffmpeg_next::frame;
use input::Input;
use reader::Kind;
use shape::Shaper;
use std::path::{Path, PathBuf};
use timeline::Timeline;
use units::Units;

/// Damaged pictures in a row before the file is called lost: it was overwritten, and its rest may be damaged without an end.
const DAMAGED_MAX: u32 = 1000;

/// An access unit and its picture, where one is wanted.
type CodedPicture = (CodedFrame, Option<Picture>);

/// An open file.
pub(super) struct MediaSource {
    path: PathBuf,
    stop: Stop,
    pool: PicturePool,
    pace: Pace,
    input: Input,
    shaper: Shaper,
    decoded: frame::Video,
    format: SourceFormat,
    timeline: Timeline,
    /// The clock's time at the timeline's beginning.
    origin: Option<Ticks>,
    /// Decoded, and waiting for its time.
    waiting: Option<Picture>,
    looping: Looping,
    /// Pictures of this round.
    pictures: u64,
    /// Damaged ones since the last good one.
    damaged: u32,
    /// What it has coded is handed on while that says so, with what takes it apart; `None` where it never is.
    pass: Option<(PassSwitch, Units)>,
    /// Pictures are decoded beside it.
    decodes: bool,
    /// An access unit that waits for its time.
    waiting_coded: Option<CodedPicture>,
}

/// How the file begins again.
enum Looping {
    /// It is sought.
    Seek,
    /// It is opened again when it has ended.
    Reopen,
    /// It is opened again while it still plays, so that nobody waits for that.
    Ahead(Receiver<Result<Spare, OpenError>>),
}

/// What the second opening of a file gave.
enum Spare {
    /// It can be sought, so it is not needed.
    NotNeeded,
    /// The file, open at its beginning.
    Input(Box<Input>),
}

impl MediaSource {
    /// Opens a file that holds a picture; with `pass`, what it has coded is handed on while that says so.
    pub(super) fn open(
        path: &Path,
        pace: Pace,
        pool: PicturePool,
        (stop, pass): (Stop, Option<PassSwitch>),
    ) -> Result<MediaSource, OpenError> {
        let name = path.display();
        let mut input = Input::open(path, pass.is_some(), &stop)?;
        let shaper = Shaper::new(input.display);
        let Some(size) = input.first().and_then(|first| shaper.size(first)) else {
            return Err(OpenError(format!(
                "{name} has pictures of a size that hlscam does not take: it takes 2x2 to {SIDE_MAX}x{SIDE_MAX}"
            )));
        };
        let looping = match (&pace, input.kind) {
            (Pace::Looped(_), Kind::Seekable) => open_ahead(path, (pass.is_some(), &stop), true),
            _ => Looping::Reopen,
        };
        let file_name = path.file_name().map_or_else(|| name.to_string(), |name| name.to_string_lossy().into_owned());
        let (fitness, units) = if pass.is_some() { input.measure(shaper.changes()) } else { (Fitness::NotAsked, None) };
        let (size, rate) = match &fitness {
            Fitness::Fits(coding) => (coding.format.size, coding.rate),
            Fitness::NotAsked | Fitness::Unfit(_) => (size, input.rate),
        };
        let pixels = input.codec.clone();
        let format = SourceFormat { name: file_name, size, rate, pixels, reason: String::new(), fitness };
        let pass = pass.zip(units);
        if pass.is_none() {
            input.forget_kept();
        }
        Ok(MediaSource {
            path: path.to_owned(),
            stop,
            pool,
            pace,
            shaper,
            decoded: frame::Video::empty(),
            timeline: Timeline::new(format.rate.frame_span()),
            origin: None,
            input,
            format,
            waiting: None,
            looping,
            pictures: 0,
            damaged: 0,
            pass,
            decodes: false,
            waiting_coded: None,
        })
    }

    /// The next picture, stamped with its place from the opening on; [`SourceError::Ended`] at the end of a file that is not looped.
    fn decode(&mut self) -> Result<Picture, SourceError> {
        loop {
            match self.input.decode(&mut self.decoded) {
                Ok(()) => {}
                Err(SourceError::Ended) if matches!(self.pace, Pace::Looped(_)) => {
                    self.begin_again()?;
                    continue;
                }
                Err(SourceError::Damaged(reason)) => return Err(self.damaged(reason)),
                Err(other) => return Err(other),
            }
            let (stamp, duration) = self.input.times(&self.decoded);
            let place = self.timeline.place(stamp, duration);
            let shaped = self.shaper.shape(&mut self.decoded, Ticks::default() + place, &self.pool);
            let picture = shaped.map_err(|reason| self.damaged(reason))?;
            self.pictures += 1;
            self.damaged = 0;
            return Ok(picture);
        }
    }

    fn damaged(&mut self, reason: String) -> SourceError {
        self.damaged += 1;
        if self.damaged < DAMAGED_MAX {
            return SourceError::Damaged(reason);
        }
        SourceError::Lost(format!("{DAMAGED_MAX} damaged pictures of {} in a row: {reason}", self.format.name))
    }

    /// Back to the file's beginning; the next picture follows the last one by a frame.
    fn begin_again(&mut self) -> Result<(), SourceError> {
        let has_sought = matches!(self.looping, Looping::Seek);
        let is_empty = self.pictures == 0;
        let is_current = self.input.is_current(&self.path);
        self.timeline.begin_round(self.pictures);
        self.pictures = 0;
        let spare = match std::mem::replace(&mut self.looping, Looping::Reopen) {
            // What was sought and gave nothing is opened again, and then it has a picture or is lost.
            Looping::Seek if is_current && !is_empty && self.input.rewind() => {
                self.looping = Looping::Seek;
                return Ok(());
            }
            Looping::Seek => None,
            Looping::Reopen if is_empty => return Err(SourceError::Lost(format!("{} has become empty", self.format.name))),
            Looping::Reopen => None,
            Looping::Ahead(spare) => self.wait_for(&spare)?,
        };
        match spare {
            Some(Ok(Spare::NotNeeded)) if is_current && self.input.rewind() => {
                self.looping = Looping::Seek;
                return Ok(());
            }
            Some(Ok(Spare::Input(input))) if input.is_current(&self.path) => self.input = *input,
            _ => {
                self.input = Input::open(&self.path, self.pass.is_some(), &self.stop)
                    .map_err(|OpenError(reason)| SourceError::Lost(reason))?;
            }
        }
        self.shaper = Shaper::new(self.input.display);
        if self.input.kind == Kind::Seekable {
            // What was sought and is open again may be another file by now.
            self.looping = open_ahead(&self.path, (self.pass.is_some(), &self.stop), has_sought);
        }
        Ok(())
    }

    /// What was opened ahead; `None` where its thread could not be begun, or failed.
    fn wait_for(&self, spare: &Receiver<Result<Spare, OpenError>>) -> Result<Option<Result<Spare, OpenError>>, SourceError> {
        while !self.stop.is_raised() {
            match spare.recv_timeout(NEXT_WAIT_MAX.to_duration()) {
                Ok(opened) => return Ok(Some(opened)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
        Err(SourceError::Ended)
    }
}

/// When it is given.
impl MediaSource {
    /// Waits until what lies there from the opening on is due, and says when that is. `None` when it has waited as long as it may.
    fn wait(&mut self, from_opening: Ticks) -> Option<Ticks> {
        let (Pace::Looped(clock) | Pace::Once(clock)) = &self.pace else { return Some(from_opening) };
        let now = clock.now();
        let place = from_opening.since(Ticks::default());
        let due = *self.origin.get_or_insert(now - place) + place;
        if now.since(due) > NEXT_WAIT_MAX {
            // Decoding has fallen behind for good (a stopped process, a machine too slow): go on from now.
            self.origin = Some(now - place);
            return Some(now);
        }
        let wait_end = now + NEXT_WAIT_MAX;
        if due > wait_end {
            clock.sleep_until(wait_end);
            return None;
        }
        clock.sleep_until(due);
        Some(due)
    }
}

/// Opens the file once more, on a thread of its own; `try_seek` finds out whether that is needed at all.
fn open_ahead(path: &Path, (passes, stop): (bool, &Stop), try_seek: bool) -> Looping {
    let (sender, spare) = bounded(1);
    let (path, stop) = (path.to_owned(), stop.clone());
    let open = move || {
        let opened = Input::open(&path, passes, &stop).and_then(|mut input| {
            if try_seek && input.rewind() {
                return Ok(Spare::NotNeeded);
            }
            // The trial has lost its place.
            let input = if try_seek { Input::open(&path, passes, &stop)? } else { input };
            Ok(Spare::Input(Box::new(input)))
        });
        // The source may be gone by now.
        sender.send(opened).ok();
    };
    match threads::spawn("file ahead", open) {
        Ok(_left_to_itself) => Looping::Ahead(spare),
        Err(_) => Looping::Reopen,
    }
}

impl Source for MediaSource {
    fn next(&mut self) -> Result<Picture, SourceError> {
        let mut picture = match self.waiting.take() {
            Some(picture) => picture,
            None => self.decode()?,
        };
        match self.wait(picture.at) {
            Some(due) => picture.at = due,
            None => {
                self.waiting = Some(picture);
                return Err(SourceError::NotDue);
            }
        }
        Ok(picture)
    }

    fn next_given(&mut self) -> Result<Given, SourceError> {
        self.next_as_coded()
    }

    fn format(&self) -> &SourceFormat {
        &self.format
    }
}
