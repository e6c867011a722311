//! The stream of another hlscam, followed as a player follows it, for a recording without a second encoder: its media playlist, its init
//! segments, its segments and parts, and from them what its packager has said.
//!
//! A server that goes away is come back to, with pauses; what was missed meanwhile is had from its window, and what is not there any more is
//! told.

pub mod markers;
pub mod playlist;

use crate::{
    camera_name::CameraName,
    hooks::url::Address,
    http_client::{ClientError, HttpClient},
    package::{
        InitId, Msn, PackagerEvent, Part, SegmentStart,
        cmaf::{self, CmafError},
    },
    time::{FrameRate, Span, Ticks, WallTime},
};
use bytes::Bytes;
use playlist::{Cursor, ListedSegment, MediaPlaylist};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::sleep;

/// Parts are waited for in steps of this length: a request for each would gain a recording nothing.
const STEP: Span = Span::from_ms(500);
/// Pause after the first failure; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// Longest pause: who restarts a server does not wait for its recording.
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// A stream that has ended may begin again, as that of a service that is restarted. A recording of a given length waits no longer for a
/// server that is gone either.
pub const AWAY_MAX: Duration = Duration::from_secs(60);
/// A hole between two segments that is longer than this is one: dates are told in milliseconds.
const HOLE_MIN: Span = Span::from_ms(50);

/// Why another hlscam cannot be followed: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The connection, or what is answered.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Another kind of server.
    #[error("{0} is no hlscam; write the address that hlscam prints when it starts, like http://host:8080/")]
    NoHlscam(String),
    /// It has others.
    #[error("{server} has no camera {name}; it has {others}")]
    NoCamera {
        /// The server.
        server: String,
        /// What was asked for.
        name: String,
        /// What it has.
        others: String,
    },
    /// It has not begun.
    #[error("{0} has no picture yet; try again when its page shows one")]
    NoPicture(String),
    /// What it sends is not what hlscam makes.
    #[error("what {server} sends cannot be recorded: {why}")]
    Unreadable {
        /// The server.
        server: String,
        /// Why.
        why: String,
    },
}

/// What is told of a stream that is followed.
#[derive(Debug)]
pub enum Followed {
    /// The stream begins here; so much of it is of the past.
    Joined(Span),
    /// What its packager has said.
    Event(PackagerEvent),
    /// So much is missing before what comes next.
    Missing(Span),
}

/// How long a server that is gone is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// For ever, but not when it has ended its stream itself.
    Endless,
    /// [`AWAY_MAX`].
    Limited,
}

/// How following has ended.
#[derive(Debug)]
pub enum Ended {
    /// Nobody wants more.
    Enough,
    /// The stream has ended and has not begun again.
    Stream,
    /// The server is gone, or does not serve what can be recorded.
    Lost(FollowError),
}

/// A camera of another hlscam.
#[derive(Debug)]
pub struct Follower {
    client: HttpClient,
    /// The path of the server, `/` at the end.
    prefix: String,
    /// The camera.
    pub name: String,
    cursor: Option<Cursor>,
    /// The address of the current init segment, and its number.
    map: (String, u32),
    /// Its bytes; told together with the first part that needs it, which knows the frame rate.
    init: Option<Bytes>,
    /// Media time of the next frame.
    at: Ticks,
    /// The segment whose start was told.
    started: Option<u64>,
    /// When the next frame should have been captured.
    expected: Option<WallTime>,
    /// [`AWAY_MAX`], but for tests.
    away_max: Duration,
}

#[derive(Deserialize)]
struct CameraList {
    cameras: Vec<CameraItem>,
}

#[derive(Deserialize)]
struct CameraItem {
    name: String,
}

impl Follower {
    /// Finds the camera: that of the address, or the first one.
    pub async fn connect(address: &Address) -> Result<Follower, FollowError> {
        let client = HttpClient::new(address)?;
        let mut last = None;
        for (prefix, name) in readings(&address.path) {
            let cameras = match client.get(&format!("{prefix}api/cameras")).await {
                Ok(body) => serde_json::from_slice::<CameraList>(&body).ok(),
                Err(error) if error.status().is_some_and(|status| status.as_u16() == 404) => None,
                Err(error) => return Err(error.into()),
            };
            let Some(CameraList { cameras }) = cameras else { continue };
            let found = cameras.iter().find(|camera| name.as_ref().is_none_or(|name| *name == camera.name));
            match (found, name) {
                (Some(camera), _) => return Ok(Follower::of(client, prefix, camera.name.clone())),
                (None, name) => {
                    let others = cameras.iter().map(|camera| camera.name.as_str()).collect::<Vec<_>>().join(", ");
                    let name = name.unwrap_or_default();
                    last = Some(FollowError::NoCamera { server: client.origin().to_owned(), name, others });
                }
            }
        }
        Err(last.unwrap_or_else(|| FollowError::NoHlscam(client.origin().to_owned())))
    }

    fn of(client: HttpClient, prefix: String, name: String) -> Follower {
        Follower {
            client,
            prefix,
            name,
            cursor: None,
            map: (String::new(), 0),
            init: None,
            at: Ticks::default(),
            started: None,
            expected: None,
            away_max: AWAY_MAX,
        }
    }

    /// The server and the camera, for people.
    pub fn title(&self) -> String {
        format!("{}{}{}", self.client.origin(), self.prefix, self.name)
    }

    /// What asks the server.
    pub fn client(&self) -> &HttpClient {
        &self.client
    }

    /// The path of one of the server's other addresses, such as `api/events`.
    pub fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }

    /// Follows the stream from the newest key frame that is so old, until `take` wants no more.
    pub async fn run(
        &mut self,
        pre_roll: Span,
        patience: Patience,
        take: &mut (dyn FnMut(Followed) -> bool + Send),
    ) -> Result<Ended, FollowError> {
        // What is wrong at the start is told at once: whoever typed it waits for it.
        let mut list = self.list("").await?;
        let (cursor, wall) = list.start(pre_roll).ok_or_else(|| FollowError::NoPicture(self.title()))?;
        let past = list.edge().map_or(Span::ZERO, |edge| edge.since(wall));
        if past.0 + STEP.0 < pre_roll.0 {
            tracing::warn!("{} has no more than {:.1} s of the past", self.title(), past.as_s());
        }
        self.cursor = Some(cursor);
        if !take(Followed::Joined(past)) {
            return Ok(Ended::Enough);
        }
        let (mut away, mut pause, mut has_ended) = (Duration::ZERO, PAUSE_FIRST, false);
        loop {
            let before = self.cursor;
            let failure = match self.step(&mut list, take).await {
                Ok(Step::Enough) => return Ok(Ended::Enough),
                Ok(Step::On) => {
                    if away > Duration::ZERO {
                        tracing::info!("{} is there again", self.title());
                    }
                    (away, pause, has_ended) = (Duration::ZERO, PAUSE_FIRST, false);
                    if self.cursor == before {
                        // Something on the way does not hold requests until there is something new.
                        sleep(STEP.to_duration()).await;
                    }
                    continue;
                }
                Ok(Step::Ended) => {
                    has_ended = true;
                    None
                }
                Err(error) => Some(error),
            };
            if away >= self.away_max && (has_ended || patience == Patience::Limited) {
                return Ok(failure.map_or(Ended::Stream, |error| if has_ended { Ended::Stream } else { Ended::Lost(error) }));
            }
            if away.is_zero() {
                let why = failure.as_ref().map_or_else(|| format!("{} has ended its stream", self.title()), ToString::to_string);
                tracing::warn!("{why}; it is tried again");
            }
            sleep(pause).await;
            (away, pause) = (away + pause, (pause * 2).min(PAUSE_MAX));
            // A delta update might begin behind what is needed next.
            if let Ok(whole) = self.list("").await {
                list = whole;
            }
        }
    }

    /// Takes what the playlist has, then waits for more of it.
    async fn step(
        &mut self,
        list: &mut MediaPlaylist,
        take: &mut (dyn FnMut(Followed) -> bool + Send),
    ) -> Result<Step, FollowError> {
        let before = self.cursor;
        self.rejoin(list);
        for segment in &list.segments {
            if !self.take_segment(segment, take).await? {
                return Ok(Step::Enough);
            }
        }
        if list.ended {
            return Ok(if self.cursor == before { Step::Ended } else { Step::On });
        }
        let Some(cursor) = self.cursor else { return Ok(Step::Ended) };
        let parts = (STEP.0 / list.part_target.0.max(1)).clamp(1, 10) as usize;
        let query = format!("?_HLS_msn={}&_HLS_part={}&_HLS_skip=YES", cursor.msn, cursor.part + parts - 1);
        *list = self.list(&query).await?;
        if list.segments.first().is_some_and(|first| first.msn > cursor.msn && list.first <= cursor.msn) {
            *list = self.list("").await?;
        }
        Ok(Step::On)
    }

    /// Where what comes next is not there any more, or not for long, goes on with what is.
    fn rejoin(&mut self, list: &MediaPlaylist) {
        let Some(cursor) = self.cursor else { return };
        let last = list.segments.last().map_or(list.first, |last| last.msn);
        if cursor.msn > last + 1 {
            tracing::warn!("{} counts anew; the recording goes on with what it has now", self.title());
            self.cursor = list.start(Span::ZERO).map(|(cursor, _)| cursor);
        } else if cursor.msn < list.first {
            self.cursor = Some(Cursor { msn: list.first, part: 0 });
        }
    }

    /// Takes what is new of a segment. `false` when nobody wants more.
    async fn take_segment(
        &mut self,
        segment: &ListedSegment,
        take: &mut (dyn FnMut(Followed) -> bool + Send),
    ) -> Result<bool, FollowError> {
        let Some(cursor) = self.cursor.filter(|cursor| segment.msn >= cursor.msn) else { return Ok(true) };
        let from = if segment.msn == cursor.msn { cursor.part } else { 0 };
        let next = Cursor { msn: segment.msn + 1, part: 0 };
        if segment.gap {
            self.cursor = Some(next);
            return Ok(true);
        }
        self.ready(segment.map.as_deref()).await?;
        let mut goes_on = true;
        match &segment.uri {
            Some(uri) if from == 0 || segment.parts.len() < from => {
                let data = self.get(uri).await?;
                for (n, (fragment, is_key)) in self.fragments(&data)?.into_iter().enumerate().skip(from) {
                    goes_on = goes_on && self.tell(segment, (n, &fragment, is_key), take)?;
                    self.cursor = Some(Cursor { msn: segment.msn, part: n + 1 });
                }
            }
            _ => {
                for (n, part) in segment.parts.iter().enumerate().skip(from) {
                    let data = self.get(&part.uri).await?;
                    goes_on = goes_on && self.tell(segment, (n, &data, part.independent), take)?;
                    self.cursor = Some(Cursor { msn: segment.msn, part: n + 1 });
                }
            }
        }
        if segment.uri.is_some() {
            goes_on = goes_on && take(Followed::Event(PackagerEvent::End(Msn(segment.msn))));
            self.cursor = Some(next);
        }
        Ok(goes_on)
    }

    /// Gets the init segment that a segment needs.
    async fn ready(&mut self, map: Option<&str>) -> Result<(), FollowError> {
        match map {
            Some(map) if map != self.map.0 => {
                self.init = Some(self.get(map).await?);
                self.map = (map.to_owned(), self.map.1 + 1);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Tells of a part, and of what must be known before it.
    fn tell(
        &mut self,
        segment: &ListedSegment,
        (n, data, independent): (usize, &Bytes, bool),
        take: &mut (dyn FnMut(Followed) -> bool + Send),
    ) -> Result<bool, FollowError> {
        let reading = cmaf::read_fragment(data).map_err(|error| self.unreadable(&error))?;
        let (id, msn) = (InitId(self.map.1), Msn(segment.msn));
        if let Some(init) = self.init.take() {
            let den = reading.samples.first().map_or(1, |sample| sample.duration.max(1));
            let params = cmaf::read_init(&init, FrameRate { num: 90_000, den }).map_err(|error| self.unreadable(&error))?;
            if !take(Followed::Event(PackagerEvent::Init { id, data: init.into(), params })) {
                return Ok(false);
            }
        }
        if self.started != Some(segment.msn) {
            self.started = Some(segment.msn);
            let begin = segment.wall_of(n);
            let hole = self.expected.map_or(Span::ZERO, |expected| begin.since(expected));
            if hole > HOLE_MIN && !take(Followed::Missing(hole)) {
                return Ok(false);
            }
            // Parts before this one belong to it, though they are not taken.
            let at = Ticks(self.at.0 - begin.since(segment.wall).0);
            let discontinuity = segment.discontinuity;
            let start = SegmentStart { msn, at, wall: segment.wall, init: id, discontinuity };
            if !take(Followed::Event(PackagerEvent::Start(start))) {
                return Ok(false);
            }
            self.expected = Some(begin);
        }
        let duration = reading.samples.iter().fold(Span::ZERO, |sum, sample| sum + Span(i64::from(sample.duration)));
        let part = Part { msn, index: n as u32, at: self.at, duration, independent, key_len: None, data: data.clone().into() };
        self.at = self.at + duration;
        self.expected = self.expected.map(|expected| expected + duration);
        Ok(take(Followed::Event(PackagerEvent::Part(part))))
    }

    /// The fragments of a segment, and whether each begins with a key frame.
    fn fragments(&self, data: &Bytes) -> Result<Vec<(Bytes, bool)>, FollowError> {
        let (mut rest, mut fragments) = (data.clone(), Vec::new());
        while !rest.is_empty() {
            let (reading, payload) = cmaf::read_fragment_head(&rest).map_err(|error| self.unreadable(&error))?;
            let len = reading.payload_start + payload;
            if len > rest.len() {
                let why = "a segment ends in the middle of a frame".to_owned();
                return Err(FollowError::Unreadable { server: self.title(), why });
            }
            fragments.push((rest.split_to(len), reading.samples.first().is_some_and(|sample| sample.key)));
        }
        Ok(fragments)
    }

    async fn list(&self, query: &str) -> Result<MediaPlaylist, FollowError> {
        let path = format!("{}{}/video.m3u8{query}", self.prefix, self.name);
        let body = match self.client.get(&path).await {
            Err(error) if error.status().is_some_and(|status| status.as_u16() == 503) => {
                return Err(FollowError::NoPicture(self.title()));
            }
            body => body?,
        };
        let list = std::str::from_utf8(&body).ok().and_then(MediaPlaylist::parse);
        list.ok_or_else(|| FollowError::Unreadable { server: self.title(), why: "its playlist is none of hlscam".to_owned() })
    }

    async fn get(&self, uri: &str) -> Result<Bytes, FollowError> {
        Ok(self.client.get(&format!("{}{}/{uri}", self.prefix, self.name)).await?)
    }

    fn unreadable(&self, error: &CmafError) -> FollowError {
        FollowError::Unreadable { server: self.title(), why: error.to_string() }
    }
}

/// How a step has gone.
enum Step {
    On,
    Enough,
    Ended,
}

/// What a path may mean: where the server is, with a slash at the end, and the camera. That of a page or playlist of it means the same.
fn readings(path: &str) -> Vec<(String, Option<String>)> {
    let path = path.split('?').next().unwrap_or_default();
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    // `/cam/index.m3u8` is what is in `/cam`.
    let path = if file.contains('.') { folder } else { path };
    let trimmed = path.trim_end_matches('/');
    let mut readings = Vec::new();
    if let Some((prefix, name)) = trimmed.rsplit_once('/')
        && CameraName::parse(name).is_ok()
    {
        readings.push((format!("{prefix}/"), Some(name.to_owned())));
    }
    readings.push((format!("{trimmed}/"), None));
    readings
}

#[cfg(test)]
mod tests;
