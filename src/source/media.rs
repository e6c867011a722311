//! The FFmpeg demuxing adapter: any file that FFmpeg reads, as if it were a camera. No FFmpeg type leaves this file.
//!
//! In real time a picture is handed out when its time has come, and the file is looped; unpaced, as fast as it can be decoded.

use super::{NEXT_WAIT_MAX, OpenError, Pace, Source, SourceError, SourceFormat};
use crate::{
    encode::settle_ffmpeg,
    picture::{Picture, PicturePool, SIDE_MAX, Size},
    time::{Clock, FrameRate, Span, TICKS_PER_S, Ticks},
};
use ffmpeg_next::{
    Error, Rational, codec, decoder,
    format::{self, Pixel},
    frame, media,
    packet::Packet,
    software::scaling,
};
use std::path::Path;

/// The rate taken where a file names none that makes sense.
const RATE_DEFAULT: FrameRate = FrameRate::whole(30);

/// Frame rates above this are a broken header, not a video.
const RATE_MAX: f64 = 240.0;

/// A jump in a file's time stamps beyond this is damage, or an edit that nobody wants to sit through.
const GAP_MAX: Span = Span::from_ms(10_000);

/// Packets in a row that give no picture before the file is called broken.
const EMPTY_PACKETS_MAX: u32 = 10_000;

/// An open file.
pub(super) struct MediaSource {
    input: format::context::Input,
    stream: usize,
    time_base: Rational,
    decoder: decoder::Video,
    converter: Option<scaling::Context>,
    decoded: frame::Video,
    converted: frame::Video,
    format: SourceFormat,
    pool: PicturePool,
    pace: Pace,
    timeline: Timeline,
    /// Decoded, and waiting for its time.
    waiting: Option<Picture>,
    draining: bool,
    pictures: u64,
}

/// Where the file's time stamps lie on the stream's clock.
struct Timeline {
    rate: FrameRate,
    /// The file's first time stamp.
    first: Option<Ticks>,
    /// Clock time of the file's first picture in this round.
    origin: Option<Ticks>,
    /// Place of the last picture in this round.
    last: Option<Span>,
    /// Where the next picture would be, from `origin`, if the file did not say.
    next: Span,
}

impl Timeline {
    /// The place of a picture from the start of this round; strictly growing, and never more than [`GAP_MAX`] ahead, whatever the file
    /// says.
    fn place(&mut self, stamp: Option<Ticks>) -> Span {
        let first = *self.first.get_or_insert(stamp.unwrap_or_default());
        let said = stamp.map_or(self.next, |stamp| Span(stamp.0.saturating_sub(first.0)));
        let earliest = self.last.map_or(Span::ZERO, |last| last + Span(1));
        let place = said.clamp(earliest, earliest.max(self.next + GAP_MAX));
        self.last = Some(place);
        self.next = place + self.rate.frame_start(1);
        place
    }
}

impl MediaSource {
    /// Opens a file.
    pub(super) fn open(path: &Path, pace: Pace, pool: PicturePool) -> Result<MediaSource, OpenError> {
        settle_ffmpeg();
        let name = path.display();
        let failed = |error: Error| OpenError(format!("cannot read {name} as a video: {error}; name a file that FFmpeg plays"));
        if let Err(error) = std::fs::metadata(path) {
            return Err(OpenError(format!("cannot open {name}: {error}; check the path, or try --device test")));
        }
        let input = format::input(path).map_err(failed)?;
        let Some(stream) = input.streams().best(media::Type::Video) else {
            return Err(OpenError(format!("{name} holds no video stream; name a file that does")));
        };
        let parameters = stream.parameters();
        let codec_name = decoder::find(parameters.id()).map_or_else(|| "unknown".to_owned(), |codec| codec.name().to_owned());
        let decoder = codec::Context::from_parameters(parameters).and_then(|context| context.decoder().video()).map_err(failed)?;
        let (width, height) = (decoder.width() & !1, decoder.height() & !1);
        let Some(size) = Size::new(width, height) else {
            return Err(OpenError(format!(
                "{name} is {}x{}, and hlscam takes 2x2 to {SIDE_MAX}x{SIDE_MAX}",
                decoder.width(),
                decoder.height()
            )));
        };
        let rate = frame_rate(stream.avg_frame_rate()).or_else(|| frame_rate(stream.rate())).unwrap_or(RATE_DEFAULT);
        let file_name = path.file_name().map_or_else(|| name.to_string(), |name| name.to_string_lossy().into_owned());
        let format = SourceFormat { name: file_name, size, rate, pixels: codec_name, reason: String::new() };
        Ok(MediaSource {
            stream: stream.index(),
            time_base: stream.time_base(),
            input,
            decoder,
            converter: None,
            decoded: frame::Video::empty(),
            converted: frame::Video::empty(),
            timeline: Timeline { rate, first: None, origin: None, last: None, next: Span::ZERO },
            format,
            pool,
            pace,
            waiting: None,
            draining: false,
            pictures: 0,
        })
    }

    /// The next picture of the file, stamped with its place in this round; [`SourceError::Ended`] at the end of it.
    fn decode(&mut self) -> Result<Picture, SourceError> {
        let mut empty = 0;
        loop {
            match self.decoder.receive_frame(&mut self.decoded) {
                Ok(()) => return self.take_decoded(),
                Err(Error::Eof) => return Err(SourceError::Ended),
                Err(Error::Other { errno }) if errno == ffmpeg_next::util::error::EAGAIN => {}
                Err(error) => return Err(SourceError::Damaged(error.to_string())),
            }
            empty += 1;
            if empty > EMPTY_PACKETS_MAX {
                return Err(SourceError::Lost(format!("{} gave no picture in {EMPTY_PACKETS_MAX} packets", self.format.name)));
            }
            self.feed()?;
        }
    }

    /// Gives the decoder one packet of our stream, or the end.
    fn feed(&mut self) -> Result<(), SourceError> {
        let mut packet = Packet::empty();
        let fed = match packet.read(&mut self.input) {
            Ok(()) if packet.stream() != self.stream => return Ok(()),
            Ok(()) => self.decoder.send_packet(&packet),
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

    fn take_decoded(&mut self) -> Result<Picture, SourceError> {
        let stamp = self.decoded.timestamp().map(|stamp| {
            let ticks = i128::from(stamp) * i128::from(self.time_base.numerator()) * i128::from(TICKS_PER_S);
            let ticks = ticks / i128::from(self.time_base.denominator().max(1));
            Ticks(ticks.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
        });
        let place = self.timeline.place(stamp);
        let (width, height) = (self.decoded.width() & !1, self.decoded.height() & !1);
        let Some(size) = Size::new(width, height) else {
            return Err(SourceError::Damaged(format!("a picture of {width}x{height}")));
        };
        let mut picture = self.pool.take(size, Ticks::default() + place);
        if self.decoded.format() == Pixel::YUV420P {
            copy_planes(&self.decoded, &mut picture);
        } else {
            self.convert(size).map_err(|error| SourceError::Damaged(error.to_string()))?;
            copy_planes(&self.converted, &mut picture);
        }
        self.pictures += 1;
        Ok(picture)
    }

    /// Converts the decoded picture to limited-range 4:2:0.
    fn convert(&mut self, size: Size) -> Result<(), Error> {
        let (format, width, height) = (self.decoded.format(), size.width() as u32, size.height() as u32);
        let definition = |format| scaling::context::Definition { format, width, height };
        let fits = |context: &scaling::Context| *context.input() == definition(format);
        let converter = match self.converter.take().filter(fits) {
            Some(converter) => converter,
            None => {
                // The last one had another size or format.
                self.converted = frame::Video::empty();
                scaling::Context::get(format, width, height, Pixel::YUV420P, width, height, scaling::Flags::BILINEAR)?
            }
        };
        // An odd last row or column is left out by asking for the even size alone.
        self.decoded.set_width(width);
        self.decoded.set_height(height);
        self.converter.insert(converter).run(&self.decoded, &mut self.converted)
    }

    /// Back to the file's beginning; the next picture follows the last one by a frame.
    fn rewind(&mut self) -> Result<(), SourceError> {
        if self.pictures == 0 {
            return Err(SourceError::Lost(format!(
                "no picture of {} can be decoded; name a file that FFmpeg plays",
                self.format.name
            )));
        }
        let lost = |error: Error| SourceError::Lost(format!("cannot loop {}: {error}", self.format.name));
        self.input.seek(i64::MIN, ..).map_err(lost)?;
        self.decoder.flush();
        self.draining = false;
        self.timeline.origin = self.timeline.origin.map(|origin| origin + self.timeline.next);
        self.timeline.next = Span::ZERO;
        self.timeline.first = None;
        self.timeline.last = None;
        Ok(())
    }

    /// The next picture with its time on the clock.
    fn next_due(&mut self, clock: &dyn Clock) -> Result<Picture, SourceError> {
        let looped = matches!(self.pace, Pace::Looped(_));
        let mut picture = match self.decode() {
            Err(SourceError::Ended) if looped => {
                self.rewind()?;
                self.decode()
            }
            other => other,
        }?;
        let now = clock.now();
        let origin = *self.timeline.origin.get_or_insert(now);
        let place = picture.at.since(Ticks::default());
        picture.at = origin + place;
        if now.since(picture.at) > NEXT_WAIT_MAX {
            // Decoding has fallen behind for good (a stopped process, a machine too slow): go on from now.
            self.timeline.origin = Some(now - place);
            picture.at = now;
        }
        Ok(picture)
    }
}

impl Source for MediaSource {
    fn next(&mut self) -> Result<Picture, SourceError> {
        let clock = match &self.pace {
            Pace::Unpaced => return self.decode(),
            Pace::Looped(clock) | Pace::Once(clock) => clock.clone(),
        };
        let picture = match self.waiting.take() {
            Some(picture) => picture,
            None => self.next_due(&*clock)?,
        };
        let wait_end = clock.now() + NEXT_WAIT_MAX;
        if picture.at > wait_end {
            clock.sleep_until(wait_end);
            self.waiting = Some(picture);
            return Err(SourceError::Silent);
        }
        clock.sleep_until(picture.at);
        Ok(picture)
    }

    fn format(&self) -> &SourceFormat {
        &self.format
    }
}

/// A rate that FFmpeg names, if it makes sense.
fn frame_rate(rate: Rational) -> Option<FrameRate> {
    let num = u32::try_from(rate.numerator()).ok().filter(|num| *num > 0)?;
    let den = u32::try_from(rate.denominator()).ok().filter(|den| *den > 0)?;
    let rate = FrameRate { num, den };
    (rate.as_f64() <= RATE_MAX && rate.as_f64() >= 1.0).then_some(rate)
}

/// Copies the planes of a 4:2:0 frame, at least as large as the picture, honouring its strides.
fn copy_planes(from: &frame::Video, to: &mut Picture) {
    let width = to.size().width();
    let planes = to.planes_mut();
    for (index, (plane, width)) in [(planes.y, width), (planes.u, width / 2), (planes.v, width / 2)].into_iter().enumerate() {
        let rows = from.data(index).chunks(from.stride(index));
        for (to, from) in plane.chunks_exact_mut(width).zip(rows) {
            to.copy_from_slice(&from[..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{ManualClock, WallTime};
    use std::{path::PathBuf, sync::Arc};

    /// A two-second clip at 10 fps, made by the FFmpeg command; `None` where there is none.
    fn clip(dir: &Path, options: &[&str]) -> Option<PathBuf> {
        let path = dir.join("clip.mkv");
        let mut ffmpeg = std::process::Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=66x50:rate=10:duration=2"]).args(options).arg(&path);
        match ffmpeg.status() {
            Ok(status) if status.success() => Some(path),
            _ => {
                eprintln!("skipped: no ffmpeg command here to make a clip with");
                None
            }
        }
    }

    fn count(source: &mut MediaSource) -> (usize, Vec<i64>) {
        let mut stamps = Vec::new();
        loop {
            match source.next() {
                Ok(picture) => stamps.push(picture.at.0),
                Err(SourceError::Ended) => return (stamps.len(), stamps),
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_file_gives_every_picture_with_its_time() {
        let dir = tempfile::tempdir().expect("a folder");
        for pixels in ["yuv420p", "yuvj422p", "rgb24"] {
            let Some(path) = clip(
                dir.path(),
                &["-c:v", if pixels == "rgb24" { "png" } else { "mjpeg" }, "-pix_fmt", pixels, "-strict", "-1", "-y"],
            ) else {
                return;
            };
            let mut source = MediaSource::open(&path, Pace::Unpaced, PicturePool::default()).expect("opens");
            assert_eq!(
                (source.format().size.to_string(), source.format().rate),
                ("66x50".to_owned(), FrameRate::whole(10)),
                "{pixels}"
            );
            assert_eq!(count(&mut source), (20, (0..20).map(|n| n * 9000).collect()), "{pixels}");
        }
    }

    #[test]
    fn a_looped_file_goes_on_without_a_gap() {
        let dir = tempfile::tempdir().expect("a folder");
        let Some(path) = clip(dir.path(), &["-y"]) else { return };
        let clock = Arc::new(ManualClock::at(WallTime(0)));
        let mut source = MediaSource::open(&path, Pace::Looped(clock.clone()), PicturePool::default()).expect("opens");
        for n in 0..50 {
            assert_eq!(source.next().expect("a picture").at, Ticks(n * 9000), "picture {n}");
            clock.advance(Span(9000));
        }
    }

    #[test]
    fn what_is_no_video_is_refused_in_one_sentence() {
        let dir = tempfile::tempdir().expect("a folder");
        let text = dir.path().join("notes.txt");
        std::fs::write(&text, "no video at all").expect("writes");
        for (path, expect) in [
            (dir.path().join("gone.mkv"), "No such file"),
            (text, "as a video: Invalid data found when processing input;"),
            (dir.path().to_owned(), "as a video"),
        ] {
            let error = MediaSource::open(&path, Pace::Unpaced, PicturePool::default()).err().expect("refused").to_string();
            assert!(error.contains(expect) && !error.contains('\n'), "{error}");
        }
    }
}
