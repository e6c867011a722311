//! What a browser sends, as a [`Source`]: single frames, which go to a decoder as they are, or a file that never ends, which a demuxer reads.
//! Its pictures are shown when they come, by the browser's own time stamps.

mod player;

use crate::{
    picture::{Picture, PicturePool, Size},
    source::{
        FormatRequest, NEXT_WAIT_MAX, OpenError, Source, SourceError, SourceFormat, Stop,
        coded::Fitness,
        inbox::{Found, Inbox, Item, Take, Who},
    },
    time::{Clock, FrameRate},
};
use player::Player;
use std::{ops::RangeInclusive, sync::Arc, time::Duration};

/// Whoever waits for a sender looks this often whether that is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// Pictures a second that a sender may tell.
const FPS: RangeInclusive<u32> = 1..=120;

/// Opens what is sent to one camera, at first and again.
pub(in crate::source) struct BrowserOpener {
    inbox: Arc<Inbox>,
    request: FormatRequest,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
}

impl Drop for BrowserOpener {
    fn drop(&mut self) {
        // Nobody takes anything any more.
        self.inbox.close();
    }
}

impl BrowserOpener {
    /// Nobody sends yet.
    pub(in crate::source) fn new(
        inbox: Arc<Inbox>,
        request: FormatRequest,
        clock: Arc<dyn Clock>,
        pool: PicturePool,
    ) -> BrowserOpener {
        BrowserOpener { inbox, request, clock, pool }
    }

    /// Waits for a sender, and decodes its first picture. One that sends what cannot be read is told so, and the next one is waited for.
    pub(in crate::source) fn open(&self, stop: &Stop) -> Result<Box<dyn Source>, OpenError> {
        while !stop.is_raised() {
            let Some((number, who, take)) = self.inbox.await_sender(LOOK) else { continue };
            let sender = Sender { inbox: self.inbox.clone(), number, who };
            match self.first(sender, take, stop) {
                Ok(source) => return Ok(Box::new(source)),
                Err(error) if !stop.is_raised() => tracing::warn!("{error}"),
                Err(_) => {}
            }
        }
        Err(OpenError("no browser has sent anything".to_owned()))
    }

    fn first(&self, sender: Sender, take: Take, stop: &Stop) -> Result<BrowserSource, SourceError> {
        let rate = self.request.rate.unwrap_or_else(|| FrameRate::whole(take.fps.clamp(*FPS.start(), *FPS.end())));
        let name = format!("the browser of {}", sender.who);
        let media_type = take.media_type.clone();
        let mut source = BrowserSource {
            player: sender.play(take, (&self.clock, &self.pool), stop)?,
            format: SourceFormat {
                name,
                size: Size::new(2, 2).expect("the least size"),
                rate,
                pixels: media_type,
                reason: String::new(),
                fitness: Fitness::NotAsked,
            },
            sender,
            clock: self.clock.clone(),
            pool: self.pool.clone(),
            stop: stop.clone(),
            first: None,
        };
        let first = loop {
            match source.decode() {
                Ok(first) => break first,
                Err(SourceError::Silent | SourceError::Damaged(_)) if !stop.is_raised() => {}
                Err(error) => return Err(error),
            }
        };
        source.format.size = self.request.size.unwrap_or(first.size());
        source.format.pixels = source.player.codec().to_owned();
        source.first = Some(first);
        Ok(source)
    }
}

/// A sender as the source knows it.
struct Sender {
    inbox: Arc<Inbox>,
    number: u64,
    who: Who,
}

impl Sender {
    /// Begins to play what it begins to send; a sender of what cannot be read is told so, and goes.
    fn play(&self, mut take: Take, (clock, pool): (&Arc<dyn Clock>, &PicturePool), stop: &Stop) -> Result<Player, SourceError> {
        loop {
            let media_type = take.media_type.clone();
            let opened = Player::open((self.inbox.clone(), self.number), take, (clock.clone(), pool.clone()), stop);
            let why = match opened {
                Ok(player) => return Ok(player),
                Err(_) if stop.is_raised() => return Err(SourceError::Lost("it is not wanted any more".to_owned())),
                Err(why) => why,
            };
            // What breaks off cannot be read either, and that is not what is wrong.
            take = match self.inbox.begins_anew(self.number) {
                None => return Err(self.left()),
                Some(false) => return Err(self.refused(&media_type, &why)),
                Some(true) => match self.inbox.take(self.number, Duration::ZERO) {
                    Found::Item(Item::Begin(next)) => next,
                    _ => return Err(self.left()),
                },
            };
        }
    }

    /// It is told why, and goes.
    fn refused(&self, media_type: &str, why: &str) -> SourceError {
        let sentence = format!("what the browser of {} sends cannot be read as {media_type:?}: {why}", self.who);
        self.inbox.refuse(self.number, format!("{sentence}; choose another way to send, or another browser"));
        SourceError::Lost(sentence)
    }

    fn left(&self) -> SourceError {
        SourceError::Lost("it has left, or its network is gone".to_owned())
    }
}

/// What an open sender sends.
struct BrowserSource {
    player: Player,
    format: SourceFormat,
    sender: Sender,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
    stop: Stop,
    /// Decoded by the opening.
    first: Option<Picture>,
}

impl Drop for BrowserSource {
    fn drop(&mut self) {
        // Whoever has left, or was told so before, is not in its place any more.
        if !self.stop.is_raised() {
            let why = "the camera's stream cannot take such pictures; its log says why".to_owned();
            self.sender.inbox.refuse(self.sender.number, why);
        }
    }
}

impl BrowserSource {
    fn decode(&mut self) -> Result<Picture, SourceError> {
        loop {
            match self.player.next() {
                Ok(Some(picture)) => return Ok(picture),
                Ok(None) => return Err(SourceError::Silent),
                Err(player::Stuck::Damaged(why)) => return Err(SourceError::Damaged(why)),
                Err(player::Stuck::Unreadable(why)) => return Err(self.sender.refused(&self.format.pixels, &why)),
                Err(player::Stuck::Over) => self.begin_next()?,
            }
        }
    }

    /// What was played is over: the sender begins anew, or has left.
    fn begin_next(&mut self) -> Result<(), SourceError> {
        match self.sender.inbox.take(self.sender.number, NEXT_WAIT_MAX.to_duration()) {
            Found::Item(Item::Begin(take)) => {
                self.player = self.sender.play(take, (&self.clock, &self.pool), &self.stop)?;
                Ok(())
            }
            Found::Item(_) => Err(self.sender.refused(&self.format.pixels, "it breaks off")),
            Found::Nothing => Err(SourceError::Silent),
            Found::Gone => Err(self.sender.left()),
        }
    }
}

impl Source for BrowserSource {
    fn next(&mut self) -> Result<Picture, SourceError> {
        let picture = self.first.take().map_or_else(|| self.decode(), Ok)?;
        self.sender.inbox.note_shown(self.sender.number);
        Ok(picture)
    }

    fn format(&self) -> &SourceFormat {
        &self.format
    }
}
