//! The decoder of what one sender sends, with a demuxer where it is a file.

use super::super::{
    camera_clock::CameraClock,
    input::{in_ticks, pixel_aspect, rotation},
    shape::{Display, Shaper},
    watch::Watch,
};
use crate::{
    ffmpeg,
    picture::{Picture, PicturePool},
    source::{
        NEXT_WAIT_MAX, Stop,
        inbox::{Coding, Container, Found, FrameCodec, Inbox, Item, SentFrame, Take},
    },
    time::{Clock, Span, Ticks},
};
use bytes::{Buf, Bytes};
use ffmpeg_next::{
    Dictionary, Error, Rational, codec, decoder,
    format::{self, context::StreamIo},
    frame, media,
    packet::{self, Packet},
};
use std::{
    io::{self, Read},
    sync::Arc,
    time::Duration,
};

/// From what a sender begins with to its first picture.
const FIRST_MAX: Span = Span::from_ms(10_000);

/// Damaged packets in a row before what is sent is called unreadable: two seconds of frames.
const DAMAGED_MAX: u32 = 60;

/// Bytes that FFmpeg may look at to find out what a file is: a key frame of 4K has less.
const PROBE_BYTES_MAX: u32 = 2 << 20;

/// How much of a file FFmpeg may look at before it begins, in microseconds: all that counts stands before the first picture.
const PROBE_US_MAX: u32 = 1;

/// What is decoded. FFmpeg has many more decoders, for which a sender would have no use but harm.
const CODECS: [codec::Id; 4] = [codec::Id::H264, codec::Id::VP8, codec::Id::VP9, codec::Id::AV1];

/// A read that finds nothing looks this often whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// Why there is no picture.
#[derive(Debug)]
pub(super) enum Stuck {
    /// This one was damaged; others may come.
    Damaged(String),
    /// None will ever come: why.
    Unreadable(String),
    /// What was sent is over.
    Over,
}

/// Plays what a sender sends from one beginning to the next.
pub(super) struct Player {
    /// Before the demuxer, which it refers to.
    decoder: decoder::Video,
    input: Input,
    codec: String,
    inbox: Arc<Inbox>,
    number: u64,
    shaper: Shaper,
    decoded: frame::Video,
    camera_clock: CameraClock,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
    watch: Watch,
    awaits_key: bool,
    /// A frame has come.
    has_begun: bool,
    has_shown: bool,
    damaged: u32,
}

/// Where packets come from.
enum Input {
    Frames,
    File { demuxer: format::context::Input, stream: usize, time_base: Rational },
}

impl Player {
    /// Begins to play. What keeps it from that is the end of a sentence.
    pub(super) fn open(
        (inbox, number): (Arc<Inbox>, u64),
        take: Take,
        (clock, pool): (Arc<dyn Clock>, PicturePool),
        stop: &Stop,
    ) -> Result<Player, String> {
        ffmpeg::settle();
        let watch = Watch::begin(FIRST_MAX, stop.clone());
        let upright = Display { pixel_aspect: Rational(0, 1), turn: Default::default() };
        let (input, decoder, display) = match take.coding {
            Coding::Frames(codec) => (Input::Frames, frame_decoder(codec)?, upright),
            Coding::Container(container) => {
                let reader = Reader { inbox: inbox.clone(), number, rest: Bytes::new(), has_begun: false, watch: watch.clone() };
                let demuxer = demuxer(reader, container, &watch).map_err(|error| told(error, &watch))?;
                let stream = demuxer.streams().best(media::Type::Video).ok_or("it holds no video")?;
                let display = Display { pixel_aspect: pixel_aspect(&stream), turn: rotation(&stream) };
                let id = stream.parameters().id();
                if !CODECS.contains(&id) {
                    return Err(format!("it holds {}, and H.264, VP8, VP9 and AV1 are read", id.name()));
                }
                decoder::find(id).ok_or_else(|| format!("this FFmpeg has no decoder for {}", id.name()))?;
                let decoder = decoder_of(codec::Context::from_parameters(stream.parameters()));
                let decoder = decoder.map_err(|error| error.to_string())?;
                let (stream, time_base) = (stream.index(), stream.time_base());
                (Input::File { demuxer, stream, time_base }, decoder, display)
            }
        };
        let codec = decoder.codec().map_or_else(|| take.media_type.clone(), |codec| codec.name().to_owned());
        Ok(Player {
            decoder,
            input,
            codec,
            inbox,
            number,
            shaper: Shaper::new(display),
            decoded: frame::Video::empty(),
            camera_clock: CameraClock::default(),
            clock,
            pool,
            watch,
            awaits_key: true,
            has_begun: false,
            has_shown: false,
            damaged: 0,
        })
    }

    /// FFmpeg's name of the codec.
    pub(super) fn codec(&self) -> &str {
        &self.codec
    }

    /// The next picture; `None` where nothing came in time.
    pub(super) fn next(&mut self) -> Result<Option<Picture>, Stuck> {
        loop {
            match self.decoder.receive_frame(&mut self.decoded) {
                Ok(()) => {
                    let stamp = self.decoded.timestamp().map(Ticks);
                    let at = self.camera_clock.place(stamp, self.clock.now());
                    let shaped = self.shaper.shape(&mut self.decoded, at, &self.pool);
                    let picture = shaped.map_err(|why| self.damage(why))?;
                    (self.damaged, self.has_shown) = (0, true);
                    // From now on the silence of a sender is told by its connection.
                    self.watch.renew(Span(i64::MAX));
                    return Ok(Some(picture));
                }
                Err(Error::Other { errno }) if errno == ffmpeg_next::util::error::EAGAIN => {}
                Err(error) => return Err(self.damage(error.to_string())),
            }
            let Some((packet, stamp)) = self.packet()? else { return Ok(None) };
            self.awaits_key &= !packet.is_key();
            if self.awaits_key {
                continue;
            }
            if let Some(stamp) = stamp {
                self.camera_clock.arrived(stamp, self.clock.now());
            }
            self.decoder.send_packet(&packet).map_err(|error| self.damage(error.to_string()))?;
        }
    }

    fn damage(&mut self, why: String) -> Stuck {
        self.damaged += 1;
        if self.damaged < DAMAGED_MAX { Stuck::Damaged(why) } else { Stuck::Unreadable(why) }
    }

    /// The next packet, and its stamp; `None` where none came in time.
    fn packet(&mut self) -> Result<Option<(Packet, Option<Ticks>)>, Stuck> {
        if !self.has_shown && self.watch.is_over() {
            return Err(Stuck::Unreadable(format!("no picture came out of it in {} s", FIRST_MAX.as_s())));
        }
        let Input::File { demuxer, stream, time_base } = &mut self.input else { return self.frame() };
        let mut packet = Packet::empty();
        loop {
            match packet.read(demuxer) {
                Ok(()) if packet.stream() == *stream => {
                    let ticks = |stamp: Option<i64>| stamp.map(|stamp| in_ticks(stamp, *time_base));
                    let (shown, decoded) = (ticks(packet.pts()), ticks(packet.dts()));
                    packet.set_pts(shown);
                    packet.set_dts(decoded);
                    return Ok(Some((packet, shown.map(Ticks))));
                }
                Ok(()) => {}
                Err(Error::Other { errno }) if errno == ffmpeg_next::util::error::EAGAIN => return Ok(None),
                Err(Error::InvalidData) => return Err(self.damage(Error::InvalidData.to_string())),
                Err(_) if !self.has_shown && self.watch.is_over() => {}
                Err(_) => return Err(Stuck::Over),
            }
            if !self.has_shown && self.watch.is_over() {
                return Err(Stuck::Unreadable(format!("no picture came out of it in {} s", FIRST_MAX.as_s())));
            }
        }
    }

    /// The next frame, as a packet.
    fn frame(&mut self) -> Result<Option<(Packet, Option<Ticks>)>, Stuck> {
        loop {
            match self.inbox.take_same(self.number, NEXT_WAIT_MAX.to_duration()) {
                Found::Item(Item::Frame(SentFrame { stamp_us, key, data })) => {
                    self.has_begun = true;
                    let stamp = in_ticks(stamp_us, Rational(1, 1_000_000));
                    let mut packet = Packet::copy(&data);
                    packet.set_pts(Some(stamp));
                    packet.set_dts(Some(stamp));
                    if key {
                        packet.set_flags(packet::Flags::KEY);
                    }
                    return Ok(Some((packet, Some(Ticks(stamp)))));
                }
                // What is of no frame.
                Found::Item(_) => {}
                Found::Nothing => {
                    // A page in the background sends nothing, and that can be read.
                    if !self.has_begun {
                        self.watch.renew(FIRST_MAX);
                    }
                    return Ok(None);
                }
                Found::Gone => return Err(Stuck::Over),
            }
        }
    }
}

/// A decoder of single frames.
fn frame_decoder(codec: FrameCodec) -> Result<decoder::Video, String> {
    let id = match codec {
        FrameCodec::H264 => codec::Id::H264,
        FrameCodec::Vp8 => codec::Id::VP8,
        FrameCodec::Vp9 => codec::Id::VP9,
        FrameCodec::Av1 => codec::Id::AV1,
    };
    let found = decoder::find(id).ok_or_else(|| format!("this FFmpeg has no decoder for {}", id.name()))?;
    decoder_of(Ok(codec::Context::new_with_codec(found))).map_err(|error| error.to_string())
}

/// A decoder that holds nothing back.
fn decoder_of(context: Result<codec::Context, Error>) -> Result<decoder::Video, Error> {
    let mut context = context?;
    context.set_flags(codec::Flags::LOW_DELAY);
    context.decoder().video()
}

/// Opens a demuxer of that kind alone: what a sender sends is no playlist, and leads to no file and no address.
fn demuxer(reader: Reader, container: Container, watch: &Watch) -> Result<format::context::Input, Error> {
    let mut options = Dictionary::new();
    let formats = match container {
        Container::Mp4 => "mov,mp4,m4a,3gp,3g2,mj2",
        Container::WebM => "matroska,webm",
    };
    options.set("format_whitelist", formats);
    options.set("protocol_whitelist", "");
    options.set("probesize", &PROBE_BYTES_MAX.to_string());
    options.set("analyzeduration", &PROBE_US_MAX.to_string());
    options.set("fpsprobesize", "0");
    let watch = watch.clone();
    format::input_from_stream_with_interrupt(StreamIo::from_read(reader)?, None, Some(options), move || watch.is_ended())
}

/// An error in words.
fn told(error: Error, watch: &Watch) -> String {
    if watch.is_over() { format!("no picture came out of it in {} s", FIRST_MAX.as_s()) } else { error.to_string() }
}

/// The bytes of one file.
struct Reader {
    inbox: Arc<Inbox>,
    number: u64,
    rest: Bytes,
    /// Bytes have come.
    has_begun: bool,
    watch: Watch,
}

impl Read for Reader {
    /// As any read; `Interrupted` when nothing came for a while, upon which FFmpeg asks its interrupt callback and reads on.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.watch.is_ended() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.rest.is_empty() {
            match self.inbox.take_same(self.number, LOOK) {
                Found::Item(Item::Bytes(bytes)) => (self.rest, self.has_begun) = (bytes, true),
                Found::Item(_) | Found::Nothing => {
                    if !self.has_begun {
                        self.watch.renew(FIRST_MAX);
                    }
                    return Err(io::ErrorKind::Interrupted.into());
                }
                Found::Gone => return Ok(0),
            }
        }
        let given = buffer.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut buffer[..given]);
        Ok(given)
    }
}
