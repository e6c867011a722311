//! A camera on the network as a [`Source`]. What it sends is shown when it comes, with the camera's own time stamps; what a server of files
//! sends, of which many pictures come at once, is shown picture by picture.
//!
//! A wait for the network is ended by [`Watch`](super::watch::Watch); the look-up of a name is the one wait that nothing ends, and for that
//! the thread of the source may be left behind.

use super::{
    CodedPicture,
    connection::{Connection, Known, Timing},
    refusal::Refusal,
    shape::Shaper,
};
use crate::{
    picture::{Picture, PicturePool},
    source::{
        Given, NEXT_WAIT_MAX, OpenError, Source, SourceError, SourceFormat, Stop,
        address::{NetworkAddress, Scheme, Transport},
        coded::{Fitness, PassSwitch},
    },
    time::{Clock, Span, Ticks},
};
use ffmpeg_next::frame;
use std::sync::Arc;

/// A camera that refused the user is asked again after this long: many lock a user out who comes too often with a wrong password.
const LOGIN_WAIT: Span = Span::from_ms(30_000);

/// A picture of a file that is further ahead than this follows a leap of its time stamps.
const AHEAD_MAX: Span = Span::from_ms(1_000);

/// Opens one camera, at first and again.
pub(in crate::source) struct NetworkOpener {
    address: NetworkAddress,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
    /// What it has coded is handed on while that says so.
    pass: Option<PassSwitch>,
    /// Whether it was open once.
    known: Known,
    /// The user was refused then, in those words.
    refused: Option<(Ticks, String)>,
}

impl NetworkOpener {
    /// Connects nothing yet.
    pub(in crate::source) fn new(
        address: NetworkAddress,
        clock: Arc<dyn Clock>,
        pool: PicturePool,
        pass: Option<PassSwitch>,
    ) -> NetworkOpener {
        NetworkOpener { address, clock, pool, pass, known: Known::No, refused: None }
    }

    /// Connects, and waits for the first picture; gives up when `stop` is raised.
    pub(in crate::source) fn open(&mut self, stop: &Stop) -> Result<Box<dyn Source>, OpenError> {
        if let Some((at, said)) = &self.refused
            && self.clock.now().since(*at) < LOGIN_WAIT
        {
            return Err(OpenError(said.clone()));
        }
        self.refused = None;
        let opened = self.connect(stop).map_err(|refusal| {
            let error = refusal.sentence(&self.address);
            self.refused = refusal.is_login().then(|| (self.clock.now(), error.0.clone()));
            error
        })?;
        self.known = Known::Yes;
        Ok(Box::new(opened))
    }

    fn connect(&self, stop: &Stop) -> Result<NetworkSource, Refusal> {
        let passes = self.pass.as_ref().is_some_and(PassSwitch::passes);
        let mut connection = Connection::open(&self.address, (self.known, passes), self.clock.clone(), stop)?;
        let shaper = Shaper::new(connection.display);
        let size = match connection.first() {
            Some(first) => shaper.size(first).ok_or(Refusal::Size(first.width(), first.height()))?,
            None => return Err(Refusal::NoVideo),
        };
        // What it was found to be holds until hlscam ends.
        let fitness = match self.known {
            Known::No if passes && shaper.changes() => Fitness::Unfit("its pictures are to be turned or stretched".to_owned()),
            Known::No => connection.measure(),
            Known::Yes => Fitness::NotAsked,
        };
        let hands_on = passes && !matches!(fitness, Fitness::Unfit(_));
        if passes {
            connection.turn(hands_on);
        }
        let (size, rate) = match &fitness {
            Fitness::Fits(coding) => (coding.format.size, coding.rate),
            Fitness::NotAsked | Fitness::Unfit(_) => (size, connection.rate),
        };
        let format = SourceFormat {
            name: self.address.to_string(),
            size,
            rate,
            pixels: connection.codec.clone(),
            reason: self.reason().to_owned(),
            fitness,
        };
        Ok(NetworkSource {
            connection,
            shaper,
            format,
            clock: self.clock.clone(),
            pool: self.pool.clone(),
            decoded: frame::Video::empty(),
            offset: None,
            waiting: None,
            pass: self.pass.clone().filter(|_| hands_on),
            decodes: false,
            waiting_coded: None,
        })
    }

    fn reason(&self) -> &'static str {
        match (self.address.scheme(), self.address.transport()) {
            (Scheme::Rtsp, Transport::Tcp) => "over TCP",
            (Scheme::Rtsp, Transport::Udp) => "over UDP",
            _ => "",
        }
    }
}

/// An open camera.
struct NetworkSource {
    connection: Connection,
    shaper: Shaper,
    format: SourceFormat,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
    decoded: frame::Video,
    /// Of files: from a stamp to when it is due.
    offset: Option<Span>,
    /// Of files: decoded, and waiting for its time.
    waiting: Option<Picture>,
    /// What it has coded is handed on while that says so; `None` where it never is.
    pass: Option<PassSwitch>,
    /// Pictures are decoded beside it.
    decodes: bool,
    /// Of files: waiting for its time.
    waiting_coded: Option<CodedPicture>,
}

impl NetworkSource {
    /// The next picture, with when it was captured, or, of files, is due.
    fn decode(&mut self) -> Result<Picture, SourceError> {
        self.connection.decode(&mut self.decoded)?;
        let at = match self.connection.timing {
            Timing::Files => self.due(self.connection.stamp(&self.decoded), self.clock.now()),
            Timing::Stamped | Timing::Arrival => self.connection.captured_at(&self.decoded),
        };
        self.shaper.shape(&mut self.decoded, at, &self.pool).map_err(SourceError::Damaged)
    }

    /// When a picture of files is due. After a leap of the stamps, or where the network has fallen behind, it is due now.
    fn due(&mut self, stamp: Option<Ticks>, now: Ticks) -> Ticks {
        let Some(stamp) = stamp else { return now };
        let begin = now.since(stamp);
        let due = stamp + *self.offset.get_or_insert(begin);
        if (now - NEXT_WAIT_MAX..=now + AHEAD_MAX).contains(&due) {
            return due;
        }
        self.offset = Some(begin);
        now
    }
}

/// What the camera has coded.
impl NetworkSource {
    /// The next access unit, and its picture where one is wanted; or why it cannot be handed on.
    fn next_coded(&mut self, pictures: bool) -> Result<Result<CodedPicture, String>, SourceError> {
        let (mut frame, packet) = match self.connection.next_coded()? {
            Ok(coded) => coded,
            Err(why) => return Ok(Err(why)),
        };
        if self.connection.timing == Timing::Files {
            frame.at = self.due(Some(frame.at), self.clock.now());
        }
        if self.decodes && !pictures {
            self.connection.forget_pictures();
        }
        // Decoding begins with a key frame.
        self.decodes = pictures && (self.decodes || frame.key) && packet.is_some();
        let is_decoded =
            packet.filter(|_| self.decodes).is_some_and(|packet| self.connection.decode_packet(&packet, &mut self.decoded));
        let picture = is_decoded.then(|| self.shaper.shape(&mut self.decoded, frame.at, &self.pool).ok()).flatten();
        Ok(Ok((frame, picture)))
    }
}

impl Source for NetworkSource {
    fn next_given(&mut self) -> Result<Given, SourceError> {
        let Some(pass) = self.pass.clone() else { return self.next().map(Given::Picture) };
        if !pass.passes() {
            self.connection.turn(false);
            (self.pass, self.waiting_coded) = (None, None);
            return self.next().map(Given::Picture);
        }
        let (frame, picture) = match self.waiting_coded.take() {
            Some(waiting) => waiting,
            None => match self.next_coded(pass.decodes())? {
                Ok(coded) => coded,
                Err(why) => return Ok(Given::Unfit(why)),
            },
        };
        let wait_end = self.clock.now() + NEXT_WAIT_MAX;
        if frame.at > wait_end {
            self.clock.sleep_until(wait_end);
            self.waiting_coded = Some((frame, picture));
            return Err(SourceError::NotDue);
        }
        self.clock.sleep_until(frame.at);
        Ok(Given::Coded(frame, picture))
    }

    fn next(&mut self) -> Result<Picture, SourceError> {
        let picture = match self.waiting.take() {
            Some(picture) => picture,
            None => self.decode()?,
        };
        let wait_end = self.clock.now() + NEXT_WAIT_MAX;
        if picture.at > wait_end {
            self.clock.sleep_until(wait_end);
            self.waiting = Some(picture);
            return Err(SourceError::NotDue);
        }
        self.clock.sleep_until(picture.at);
        Ok(picture)
    }

    fn format(&self) -> &SourceFormat {
        &self.format
    }
}
