//! An open file: its demuxer and decoder, from the first picture on. A file without a picture cannot be opened.

mod coded;

use super::{
    rate,
    reader::{Kind, Reader},
    search::Search,
    shape::Display,
};
use crate::{
    ffmpeg,
    picture::Rotation,
    source::{OpenError, RATE_DEFAULT, SourceError, Stop},
    time::{FrameRate, Span, TICKS_PER_S, Ticks},
};
use ffmpeg_next::{
    Error, Rational, codec, decoder,
    format::{self, context::StreamIo},
    frame, media,
    packet::{self, Packet},
};
use std::{collections::VecDeque, path::Path, time::SystemTime};

/// Packets in a row that give no picture before the file is called broken.
const EMPTY_PACKETS_MAX: u32 = 10_000;

/// Packets of a file whose spacing may vary that are looked at to find its rate, and how many bytes of them: some ten seconds of a screen
/// in motion, read in no time.
const AHEAD_PACKETS_MAX: usize = 600;
const AHEAD_BYTES_MAX: usize = 16 << 20;

/// An open file that has given a picture.
pub(super) struct Input {
    /// What the file is called in messages.
    name: String,
    /// Before `demuxer`, which it refers to.
    decoder: decoder::Video,
    demuxer: format::context::Input,
    stream: usize,
    time_base: Rational,
    /// Read already.
    ahead: VecDeque<Packet>,
    /// What was decoded since the opening, where that is handed on, too.
    kept: Option<VecDeque<Packet>>,
    /// The first picture, until it is asked for.
    first: Option<frame::Video>,
    draining: bool,
    /// A decoder that has seen nothing yet waits for a key frame: what comes before it shows nothing but grey.
    awaits_key: bool,
    /// The codec's name.
    pub(super) codec: String,
    /// The rate of its grid.
    pub(super) rate: FrameRate,
    /// How its pictures are shown.
    pub(super) display: Display,
    /// How its bytes are read.
    pub(super) kind: Kind,
    /// What was read of it since its last picture.
    search: Search,
    /// What the file looked like when it was opened.
    looked: Option<(u64, SystemTime)>,
}

impl Input {
    /// Opens a file and decodes its first picture; gives up when `stop` is raised, or when there is none in much of it.
    /// What it has coded is to be handed on where `passes` says so.
    pub(super) fn open(path: &Path, passes: bool, stop: &Stop) -> Result<Input, OpenError> {
        let search = Search::begin();
        Input::find(path, passes, (stop, search.clone())).map_err(|error| {
            if !search.is_over() || stop.is_raised() {
                return error;
            }
            OpenError(format!("cannot read {} as a video: {}; name a file that FFmpeg plays", path.display(), Search::limits()))
        })
    }

    fn find(path: &Path, passes: bool, (stop, search): (&Stop, Search)) -> Result<Input, OpenError> {
        ffmpeg::settle();
        let name = path.display();
        let reader = Reader::open(path, stop.clone(), search.clone())
            .map_err(|error| OpenError(format!("cannot open {name}: {error}; check the path")))?;
        let kind = reader.kind();
        let failed = |error: Error| OpenError(format!("cannot read {name} as a video: {error}; name a file that FFmpeg plays"));
        let demuxer = demuxer(path, reader, stop, &search).map_err(failed)?;
        let Some(stream) = demuxer.streams().best(media::Type::Video) else {
            return Err(OpenError(format!("{name} holds no video stream; name a file that does")));
        };
        let parameters = stream.parameters();
        let codec = decoder::find(parameters.id()).map_or_else(|| "unknown".to_owned(), |codec| codec.name().to_owned());
        let decoder = codec::Context::from_parameters(parameters).and_then(|context| context.decoder().video()).map_err(failed)?;
        let display = Display { pixel_aspect: pixel_aspect(&stream), turn: rotation(&stream) };
        let mut input = Input {
            name: name.to_string(),
            stream: stream.index(),
            time_base: stream.time_base(),
            decoder,
            demuxer,
            ahead: VecDeque::new(),
            kept: passes.then(VecDeque::new),
            first: None,
            draining: false,
            awaits_key: false,
            codec,
            rate: RATE_DEFAULT,
            display,
            kind,
            search,
            looked: look(path),
        };
        input.rate = input.find_rate();
        input.first = Some(input.find_first(stop)?);
        Ok(input)
    }

    /// The next picture; [`SourceError::Ended`] at the end of the file.
    pub(super) fn decode(&mut self, into: &mut frame::Video) -> Result<(), SourceError> {
        if let Some(first) = self.first.take() {
            *into = first;
            return Ok(());
        }
        for _ in 0..EMPTY_PACKETS_MAX {
            match self.decoder.receive_frame(into) {
                Ok(()) => {
                    self.search.found();
                    return Ok(());
                }
                Err(Error::Eof) => return Err(SourceError::Ended),
                Err(Error::Other { errno }) if errno == ffmpeg_next::util::error::EAGAIN => {}
                Err(error) => return Err(SourceError::Damaged(error.to_string())),
            }
            self.feed()?;
        }
        Err(SourceError::Lost(format!("{} gave no picture in {EMPTY_PACKETS_MAX} packets", self.name)))
    }

    /// The first picture, as long as it was not asked for.
    pub(super) fn first(&self) -> Option<&frame::Video> {
        self.first.as_ref()
    }

    /// Goes back to the beginning of the file, if it has one to go back to.
    pub(super) fn rewind(&mut self) -> bool {
        if self.kind != Kind::Seekable || self.demuxer.seek(i64::MIN, ..).is_err() {
            return false;
        }
        self.decoder.flush();
        self.ahead.clear();
        self.kept = None;
        self.first = None;
        self.draining = false;
        true
    }

    /// Whether the file of that name still is what was opened; what was overwritten or replaced is opened again.
    pub(super) fn is_current(&self, path: &Path) -> bool {
        self.looked == look(path)
    }

    /// A frame's time stamp and duration by the file's clock.
    pub(super) fn times(&self, frame: &frame::Video) -> (Option<Ticks>, Option<Span>) {
        let ticks = |stamp: i64| in_ticks(stamp, self.time_base);
        let duration = Some(frame.packet().duration).filter(|duration| *duration > 0);
        (frame.timestamp().map(|stamp| Ticks(ticks(stamp))), duration.map(|duration| Span(ticks(duration))))
    }

    fn find_first(&mut self, stop: &Stop) -> Result<frame::Video, OpenError> {
        let mut first = frame::Video::empty();
        let mut reason = String::new();
        while !stop.is_raised() {
            match self.decode(&mut first) {
                Ok(()) => return Ok(first),
                Err(SourceError::Damaged(error)) => reason = format!(" ({error})"),
                Err(_) => break,
            }
        }
        let name = &self.name;
        Err(OpenError(format!("no picture of {name} can be decoded{reason}; name a file that FFmpeg plays")))
    }

    /// Gives the decoder one packet of our stream, or the end.
    fn feed(&mut self) -> Result<(), SourceError> {
        let packet = match self.ahead.pop_front() {
            Some(packet) => Ok(packet),
            None => self.read(),
        };
        let fed = match packet {
            Ok(packet) if packet.stream() != self.stream => return Ok(()),
            Ok(packet) if self.awaits_key && !packet.is_key() => return Ok(()),
            Ok(packet) => {
                self.awaits_key = false;
                if let Some(kept) = &mut self.kept {
                    kept.push_back(packet.clone());
                }
                self.decoder.send_packet(&packet)
            }
            // Damage that the demuxer steps over.
            Err(Error::InvalidData) => return Ok(()),
            Err(_) if self.draining => return Ok(()),
            Err(_) => {
                self.draining = true;
                self.decoder.send_eof()
            }
        };
        fed.map_err(|error| SourceError::Damaged(error.to_string()))
    }

    fn read(&mut self) -> Result<Packet, Error> {
        let mut packet = Packet::empty();
        packet.read(&mut self.demuxer).map(|()| packet)
    }

    /// The rate by what FFmpeg says, or by the spacing of the first packets where that varies.
    fn find_rate(&mut self) -> FrameRate {
        let Some(stream) = self.demuxer.stream(self.stream) else { return RATE_DEFAULT };
        let named = |rate: Rational| rate::named(rate.numerator(), rate.denominator());
        let (average, base) = (named(stream.avg_frame_rate()), named(stream.rate()));
        let rate = average.or(base).unwrap_or(RATE_DEFAULT);
        // What comes live is not read ahead.
        if self.kind != Kind::Seekable || !rate::may_vary(average, base) {
            return rate;
        }
        let mut bytes = 0;
        while self.ahead.len() < AHEAD_PACKETS_MAX && bytes < AHEAD_BYTES_MAX {
            match self.read() {
                Ok(packet) if packet.stream() == self.stream => {
                    bytes += packet.size();
                    self.ahead.push_back(packet);
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let stamps = self.ahead.iter().filter_map(|packet| packet.pts().or(packet.dts()));
        let stamps = stamps.map(|stamp| in_ticks(stamp, self.time_base)).collect();
        rate::varied(stamps, average).unwrap_or(rate)
    }
}

/// A file's length and the time of its last change, where it tells them.
fn look(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

/// A stamp of any clock in ticks.
pub(super) fn in_ticks(stamp: i64, time_base: Rational) -> i64 {
    let ticks = i128::from(stamp) * i128::from(time_base.numerator()) * i128::from(TICKS_PER_S);
    let ticks = ticks / i128::from(time_base.denominator().max(1));
    ticks.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

fn demuxer(path: &Path, reader: Reader, stop: &Stop, search: &Search) -> Result<format::context::Input, Error> {
    let io = if reader.kind() == Kind::Seekable { StreamIo::from_read_seek(reader) } else { StreamIo::from_read(reader) }?;
    let (stop, search) = (stop.clone(), search.clone());
    format::input_from_stream_with_interrupt(io, hint(path).as_deref(), None, move || stop.is_raised() || search.is_over())
}

/// The name that FFmpeg may guess the format from, and find what a playlist names beside it. `file:` keeps colons from being a protocol; a
/// name that FFmpeg would read as a pattern of many keeps its ending only.
fn hint(path: &Path) -> Option<String> {
    let name = path.to_str()?;
    let is_pattern = name.contains(['%', '*', '?', '{', '[']);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some(extension) if is_pattern => {
            let plain: String = extension.chars().filter(char::is_ascii_alphanumeric).collect();
            Some(format!("file:video.{plain}"))
        }
        None if is_pattern => None,
        _ => Some(format!("file:{name}")),
    }
}

/// Width of a pixel by its height, as the container says.
pub(super) fn pixel_aspect(stream: &format::stream::Stream<'_>) -> Rational {
    #[expect(unsafe_code, reason = "ffmpeg-next has no safe form of AVStream.sample_aspect_ratio")]
    // SAFETY: the pointer is that of the stream borrowed here, which the demuxer keeps alive.
    let aspect = unsafe { (*stream.as_ptr()).sample_aspect_ratio };
    Rational::from(aspect)
}

/// The turn in the container's display matrix.
pub(super) fn rotation(stream: &format::stream::Stream<'_>) -> Rotation {
    let matrix = stream.side_data().find(|data| data.kind() == packet::side_data::Type::DisplayMatrix);
    matrix.map(|data| display_matrix(data.data())).unwrap_or_default()
}

/// The turn in a display matrix: nine numbers of 32 bits in the machine's order (libavutil/display.h).
pub(super) fn display_matrix(bytes: &[u8]) -> Rotation {
    let number = |at: usize| bytes.get(4 * at..4 * at + 4)?.try_into().ok().map(i32::from_ne_bytes);
    let numbers = || Some([number(0)?, number(1)?, number(3)?, number(4)?]);
    numbers().map(Rotation::of_matrix).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_address_and_no_pattern() {
        let check = |path: &str, expect: Option<&str>| assert_eq!(hint(Path::new(path)).as_deref(), expect, "{path}");
        check("/a/2026-11-25T03:10:00.mp4", Some("file:/a/2026-11-25T03:10:00.mp4"));
        check("concat:a.ts|b.ts", Some("file:concat:a.ts|b.ts"));
        check("http:", Some("file:http:"));
        check("snap%20d.png", Some("file:video.png"));
        check("clip[1].m4v", Some("file:video.m4v"));
        check("100%", None);
    }

    #[test]
    fn stamps_of_any_clock_become_ticks() {
        assert_eq!(in_ticks(1001, Rational(1, 30_000)), 3003);
        assert_eq!(in_ticks(-1, Rational(1, 25)), -3600);
        assert_eq!(in_ticks(i64::MAX, Rational(1, 1)), i64::MAX);
        assert_eq!(in_ticks(7, Rational(1, 0)), 7 * 90_000);
    }
}
