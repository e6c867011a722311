//! A connection to a camera on the network: its demuxer and decoder, from the first picture on.

mod coded;

use super::{
    camera_clock::CameraClock,
    input::{in_ticks, pixel_aspect, rotation},
    rate,
    refusal::Refusal,
    shape::Display,
    units::Units,
    watch::Watch,
};
use crate::{
    ffmpeg,
    source::{
        RATE_DEFAULT, SourceError, Stop,
        address::{NetworkAddress, Scheme, Transport},
        coded::CodedFrame,
    },
    time::{Clock, FrameRate, Span, Ticks},
};
use ffmpeg_next::{
    Dictionary, Error, Rational, codec, decoder,
    format::{self, stream::Stream},
    frame, media,
    packet::Packet,
};
use std::{collections::VecDeque, net::ToSocketAddrs, sync::Arc};

/// From the address to the first picture. Cameras send a key frame every ten seconds at least, and take a second or two to begin.
const OPEN_MAX: Span = Span::from_ms(15_000);

/// A camera that has sent no picture for this long is lost, as one on USB is.
const STALL_MAX: Span = Span::from_ms(5_000);

/// The same of a server of files: segments last ten seconds at most, and there is nothing new between two.
const STALL_OF_FILES_MAX: Span = Span::from_ms(15_000);

/// How long FFmpeg may look for what a stream is, and how many pictures it has in a second. What is looked at is decoded later.
const PROBE_MAX: Span = Span::from_ms(1_000);

/// The same of a camera that is back: it is to be shown at once, and its rate is known. All else stands in its first key frame.
const PROBE_AGAIN_MAX: Span = Span::from_ms(100);

/// Bytes that FFmpeg may look at: a key frame of 4K has less than 2 MB.
const PROBE_BYTES_MAX: u32 = 4 << 20;

/// Where nothing says how many pictures come in a second, they are counted for this long.
const COUNT_SPAN: Span = Span::from_ms(1_500);

/// Bytes that the system keeps of datagrams: a key frame comes all at once.
const DATAGRAM_BYTES: u32 = 1 << 20;

/// Pictures that are counted at most, whatever their stamps say.
const COUNT_MAX: u32 = 400;

/// Wait for a protocol that has nothing and does not wait itself.
const NOTHING_WAIT: Span = Span::from_ms(5);

/// Time stamps beyond this, 400,000 years, are damage, and too large to count with.
const STAMP_MAX: i64 = 1 << 60;

/// Damaged packets in a row before the camera is called lost.
const DAMAGED_MAX: u32 = 1000;

/// How the time of its pictures is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timing {
    /// They come as they are captured, with the camera's time stamps.
    Stamped,
    /// They come as they are captured, and nothing says when that was.
    Arrival,
    /// They lie in files, from which many come at once, and are shown one by one.
    Files,
}

/// Whether a camera was open before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Its rate is known.
    Yes,
    /// Nothing of it is known.
    No,
}

/// An open connection, which has given a picture.
pub(super) struct Connection {
    shown: String,
    /// Before `demuxer`, which it refers to.
    decoder: decoder::Video,
    demuxer: format::context::Input,
    stream: usize,
    time_base: Rational,
    watch: Watch,
    clock: Arc<dyn Clock>,
    /// No key frame has come yet.
    awaits_key: bool,
    damaged: u32,
    /// The first picture, until it is asked for.
    first: Option<frame::Video>,
    /// The codec's name.
    pub(super) codec: String,
    /// Pictures in a second.
    pub(super) rate: FrameRate,
    /// How its pictures are shown.
    pub(super) display: Display,
    /// How the time of its pictures is known.
    pub(super) timing: Timing,
    /// Takes its time stamps to our clock.
    camera_clock: CameraClock,
    /// Where its access units are handed on: what takes them apart, or why they cannot be.
    units: Option<Result<Units, String>>,
    /// Access units that were read before anybody asked for them, with their stamps.
    kept: VecDeque<(Ticks, CodedFrame)>,
    /// What is read is kept.
    keeps: bool,
    /// A packet that was read to stamp the one before it.
    ahead: Option<Packet>,
}

impl Connection {
    /// Connects, and decodes the first picture; looks closely only at a camera that was not open before. Gives up when `stop` is
    /// raised. What the camera has coded is to be handed on where `passes` says so.
    pub(super) fn open(
        address: &NetworkAddress,
        (known, passes): (Known, bool),
        clock: Arc<dyn Clock>,
        stop: &Stop,
    ) -> Result<Connection, Refusal> {
        ffmpeg::settle();
        if let Some(host) = address.host() {
            // FFmpeg would call it an input/output error.
            host.to_socket_addrs().map_err(Refusal::Unknown)?;
        }
        let watch = Watch::begin(OPEN_MAX, stop.clone());
        let failed = |error: Error| Refusal::of(error, &watch);
        let interrupt = watch.clone();
        let demuxer =
            format::input_with_interrupt_and_dictionary(address.url(), move || interrupt.is_ended(), options(address, known));
        let demuxer = demuxer.map_err(failed)?;
        let format = demuxer.format().name().to_owned();
        if format.ends_with("_pipe") || format.starts_with("image2") {
            return Err(Refusal::Still);
        }
        let stream = demuxer.streams().best(media::Type::Video).ok_or(Refusal::NoVideo)?;
        let parameters = stream.parameters();
        let codec = decoder::find(parameters.id()).ok_or(Refusal::NoDecoder(parameters.id().name()))?.name().to_owned();
        let decoder = decoder_of(parameters).map_err(failed)?;
        let timing = timing(&demuxer, &format, address);
        let rate = told_rate(&stream).filter(|_| timing != Timing::Arrival);
        let units = passes.then(|| Units::new(&stream));
        let mut connection = Connection {
            shown: address.to_string(),
            stream: stream.index(),
            time_base: stream.time_base(),
            display: Display { pixel_aspect: pixel_aspect(&stream), turn: rotation(&stream) },
            decoder,
            demuxer,
            watch: watch.clone(),
            clock,
            awaits_key: true,
            damaged: 0,
            first: None,
            codec,
            rate: rate.unwrap_or(RATE_DEFAULT),
            timing,
            camera_clock: CameraClock::default(),
            keeps: passes,
            units,
            kept: VecDeque::new(),
            ahead: None,
        };
        connection.find_first()?;
        if known == Known::No && rate.is_none() {
            connection.rate = connection.counted_rate();
        }
        Ok(connection)
    }

    /// The next picture; blocks until it comes, or the camera is lost.
    pub(super) fn decode(&mut self, into: &mut frame::Video) -> Result<(), SourceError> {
        if let Some(first) = self.first.take() {
            *into = first;
            return Ok(());
        }
        self.read_picture(into)
    }

    /// The first picture, as long as it was not asked for.
    pub(super) fn first(&self) -> Option<&frame::Video> {
        self.first.as_ref()
    }

    /// A picture's time stamp by the camera's clock.
    pub(super) fn stamp(&self, picture: &frame::Video) -> Option<Ticks> {
        picture.timestamp().and_then(|stamp| self.ticks(stamp))
    }

    fn ticks(&self, stamp: i64) -> Option<Ticks> {
        Some(Ticks(in_ticks(stamp, self.time_base))).filter(|ticks| ticks.0.unsigned_abs() < STAMP_MAX as u64)
    }

    /// When a picture that was just decoded was captured, on our clock.
    pub(super) fn captured_at(&mut self, picture: &frame::Video) -> Ticks {
        let stamp = self.stamp(picture).filter(|_| self.timing == Timing::Stamped);
        self.camera_clock.place(stamp, self.clock.now())
    }

    fn read_picture(&mut self, into: &mut frame::Video) -> Result<(), SourceError> {
        loop {
            match self.decoder.receive_frame(into) {
                Ok(()) => {
                    self.damaged = 0;
                    return Ok(());
                }
                Err(Error::Other { errno }) if errno == ffmpeg_next::util::error::EAGAIN => {}
                Err(error) => return Err(self.damaged(error)),
            }
            self.feed()?;
        }
    }

    /// Gives the decoder the next packet of our stream.
    fn feed(&mut self) -> Result<(), SourceError> {
        let Some(packet) = self.read_packet()? else { return Ok(()) };
        self.decoder.send_packet(&packet).map_err(|error| self.damaged(error))
    }

    /// The next packet of our stream; `None` before the first key frame, for that shows nothing but grey.
    fn read_packet(&mut self) -> Result<Option<Packet>, SourceError> {
        let packet = self.read_stamped()?;
        self.awaits_key &= !packet.is_key();
        if self.awaits_key {
            return Ok(None);
        }
        if self.first.is_none() && !self.keeps {
            self.watch.renew(self.stall_max());
        }
        if let Some(stamp) = packet.pts().and_then(|stamp| self.ticks(stamp)) {
            self.camera_clock.arrived(stamp, self.clock.now());
        }
        if self.keeps {
            self.keep(&packet);
        }
        Ok(Some(packet))
    }

    fn read_any(&mut self) -> Result<Packet, SourceError> {
        let mut packet = Packet::empty();
        loop {
            match packet.read(&mut self.demuxer) {
                Ok(()) => {}
                // Nothing is there yet; most protocols wait for it themselves.
                Err(Error::Other { errno }) if errno == ffmpeg_next::util::error::EAGAIN && !self.watch.is_ended() => {
                    self.clock.sleep_until(self.clock.now() + NOTHING_WAIT);
                    continue;
                }
                Err(error) => return Err(self.failed(error)),
            }
            // Sound goes on when the picture does not, and at its end a demuxer gives what it has held back.
            if self.watch.is_ended() {
                return Err(self.failed(Error::Exit));
            }
            if packet.stream() == self.stream {
                return Ok(packet);
            }
        }
    }

    fn stall_max(&self) -> Span {
        if self.timing == Timing::Files { STALL_OF_FILES_MAX } else { STALL_MAX }
    }

    fn failed(&mut self, error: Error) -> SourceError {
        let shown = &self.shown;
        SourceError::Lost(match error {
            _ if self.watch.is_over() => format!("{shown} has sent no picture for {:.0} s", self.watch.span().as_s()),
            Error::Eof => format!("{shown} has ended the stream"),
            Error::InvalidData => return self.damaged(error),
            error => format!("{shown} has failed: {error}"),
        })
    }

    fn damaged(&mut self, error: Error) -> SourceError {
        self.damaged += 1;
        if self.damaged < DAMAGED_MAX {
            return SourceError::Damaged(error.to_string());
        }
        SourceError::Lost(format!("{DAMAGED_MAX} damaged pictures of {} in a row: {error}", self.shown))
    }

    fn find_first(&mut self) -> Result<(), Refusal> {
        let mut first = frame::Video::empty();
        let mut reason = None;
        while !self.watch.is_ended() {
            match self.read_picture(&mut first) {
                Ok(()) => {
                    self.first = Some(first);
                    return Ok(());
                }
                Err(SourceError::Damaged(error)) => reason = Some(error),
                Err(_) if self.watch.is_ended() => break,
                Err(SourceError::Lost(_)) if reason.is_none() => return Err(Refusal::Failed(Error::Eof)),
                Err(_) => break,
            }
        }
        Err(reason.map_or(Refusal::Silent(self.watch.span()), Refusal::NoPicture))
    }

    /// The pictures of a while, counted. The newest is then the first.
    fn counted_rate(&mut self) -> FrameRate {
        let mut picture = frame::Video::empty();
        let Some(mut begun) = self.first.as_ref().map(|first| self.time_of(first)) else { return RATE_DEFAULT };
        let (mut n, mut last) = (0, begun);
        for _ in 0..COUNT_MAX {
            if last.since(begun) >= COUNT_SPAN || self.read_picture(&mut picture).is_err() {
                break;
            }
            last = self.time_of(&picture);
            n += 1;
            if last < begun {
                (begun, n) = (last, 0);
            }
            self.first = Some(std::mem::replace(&mut picture, frame::Video::empty()));
        }
        rate::counted(n, last.since(begun)).unwrap_or(RATE_DEFAULT)
    }

    fn time_of(&self, picture: &frame::Video) -> Ticks {
        let stamp = self.stamp(picture).filter(|_| self.timing != Timing::Arrival);
        stamp.unwrap_or_else(|| self.clock.now())
    }
}

/// A decoder that has seen nothing yet.
fn decoder_of(parameters: codec::Parameters) -> Result<decoder::Video, Error> {
    let mut context = codec::Context::from_parameters(parameters)?;
    context.set_flags(codec::Flags::LOW_DELAY);
    context.decoder().video()
}

/// What FFmpeg is told before it connects. Nothing that a server sends may lead it to a file, or to another kind of address.
fn options(address: &NetworkAddress, known: Known) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    let protocols = match address.scheme() {
        Scheme::Rtsp | Scheme::Rtsps => "rtp,srtp,udp,tcp,tls",
        Scheme::Http | Scheme::Https => "http,https,httpproxy,tcp,tls,crypto,data",
        Scheme::Srt => "srt",
        Scheme::Udp => "udp",
    };
    options.set("protocol_whitelist", protocols);
    let probe = if known == Known::Yes { PROBE_AGAIN_MAX } else { PROBE_MAX };
    options.set("analyzeduration", &probe.as_us().to_string());
    options.set("probesize", &PROBE_BYTES_MAX.to_string());
    match address.scheme() {
        Scheme::Rtsp | Scheme::Rtsps => {
            options.set("rtsp_transport", if address.transport() == Transport::Udp { "udp" } else { "tcp" });
            // Sound is not used, and its clock would be mixed in.
            options.set("allowed_media_types", "video");
            options.set("buffer_size", &DATAGRAM_BYTES.to_string());
        }
        Scheme::Udp => {
            options.set("buffer_size", &DATAGRAM_BYTES.to_string());
            options.set("overrun_nonfatal", "1");
        }
        Scheme::Http | Scheme::Https | Scheme::Srt => {}
    }
    options
}

fn timing(demuxer: &format::context::Input, format: &str, address: &NetworkAddress) -> Timing {
    #[expect(unsafe_code, reason = "ffmpeg-next has no safe form of AVInputFormat.flags")]
    // SAFETY: the pointer is that of the format of an open demuxer, which FFmpeg never frees.
    let flags = unsafe { (*demuxer.format().as_ptr()).flags };
    let has_end = demuxer.duration() > 0 && matches!(address.scheme(), Scheme::Http | Scheme::Https);
    if has_end || matches!(format, "hls" | "dash") {
        Timing::Files
    } else if flags & format::format::Flags::NO_TIMESTAMPS.bits() != 0 {
        Timing::Arrival
    } else {
        Timing::Stamped
    }
}

/// The rate that the stream says it has.
fn told_rate(stream: &Stream<'_>) -> Option<FrameRate> {
    let named = |rate: Rational| rate::named(rate.numerator(), rate.denominator());
    named(stream.avg_frame_rate()).or(named(stream.rate())).map(rate::usual)
}
