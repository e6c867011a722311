//! The markers of another hlscam, followed by its events (`GET /api/events`); after each connection the list of markers says what was missed.

use super::Follower;
use crate::{
    http_client::{Body, ClientError, HttpClient},
    time::WallTime,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;
use tokio::time::sleep;

/// Pause after the first failure; it doubles.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// Longest line of an event stream: a marker has 16 KiB at most.
const LINE_MAX: usize = 1 << 20;

/// What is told of markers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkerNews {
    /// These are open now, by that clock, and no others.
    Open(Vec<(String, WallTime)>, WallTime),
    /// A marker begins, or is open.
    Begin(String, WallTime),
    /// It has ended.
    End(String, WallTime, WallTime),
    /// It was deleted.
    Removed(String),
}

/// Where to ask.
#[derive(Clone, Debug)]
pub struct MarkerFeed {
    client: HttpClient,
    events: String,
    list: String,
    time: String,
}

#[derive(Deserialize)]
struct EventData {
    marker: Option<MarkerData>,
    id: Option<String>,
}

#[derive(Deserialize)]
struct MarkerList {
    markers: Vec<MarkerData>,
}

#[derive(Deserialize)]
struct MarkerData {
    id: String,
    kind: String,
    begin: String,
    end: Option<String>,
}

impl MarkerData {
    /// What it says, where its times can be read.
    fn news(self) -> Option<MarkerNews> {
        let begin = WallTime::parse(&self.begin)?;
        match self.end {
            None => Some(MarkerNews::Begin(self.id, begin)),
            Some(end) => Some(MarkerNews::End(self.id, begin, WallTime::parse(&end)?)),
        }
    }
}

impl MarkerFeed {
    /// Of the camera that is followed.
    pub fn of(follower: &Follower) -> MarkerFeed {
        let name = &follower.name;
        MarkerFeed {
            client: follower.client().clone(),
            events: follower.path(&format!("api/events?camera={name}")),
            list: follower.path(&format!("api/markers?camera={name}")),
            time: follower.path("time"),
        }
    }

    /// Tells of markers of these kinds, for ever. A server that goes away is come back to.
    pub async fn watch(&self, kinds: &[String], tell: &mut (dyn FnMut(MarkerNews) + Send)) {
        let mut pause = PAUSE_FIRST;
        loop {
            let Err(error) = self.watch_once(kinds, tell, &mut pause).await;
            if pause == PAUSE_FIRST {
                tracing::warn!("markers are not heard of: {error}; it is tried again");
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn watch_once(
        &self,
        kinds: &[String],
        tell: &mut (dyn FnMut(MarkerNews) + Send),
        pause: &mut Duration,
    ) -> Result<std::convert::Infallible, ClientError> {
        // Events first: what happens while the list is on its way is then told after it.
        let mut events = Lines { body: self.client.open(&self.events).await?, rest: Vec::new() };
        let now = String::from_utf8_lossy(&self.client.get(&self.time).await?).trim().to_owned();
        let mut open = Vec::new();
        for kind in kinds {
            // Those that are open overlap now.
            let list: Option<MarkerList> = read(&self.client.get(&format!("{}&kind={kind}&from={now}", self.list)).await?);
            let all = list.into_iter().flat_map(|list| list.markers).filter_map(MarkerData::news);
            open.extend(all.filter_map(|news| if let MarkerNews::Begin(id, begin) = news { Some((id, begin)) } else { None }));
        }
        tell(MarkerNews::Open(open, WallTime::parse(&now).unwrap_or_default()));
        *pause = PAUSE_FIRST;
        loop {
            let line = events.next().await?;
            let Some(EventData { marker, id }) = line.strip_prefix(b"data:").and_then(read) else { continue };
            match (marker, id) {
                (Some(marker), _) if kinds.contains(&marker.kind) => marker.news().into_iter().for_each(&mut *tell),
                (None, Some(id)) => tell(MarkerNews::Removed(id)),
                _ => {}
            }
        }
    }
}

/// JSON, or nothing of ours.
fn read<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

/// The lines of a body that is still coming.
struct Lines {
    body: Body,
    rest: Vec<u8>,
}

impl Lines {
    async fn next(&mut self) -> Result<Vec<u8>, ClientError> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.rest.drain(..=end).collect();
                line.pop();
                return Ok(line);
            }
            match self.body.next().await? {
                Some(bytes) if self.rest.len() + bytes.len() <= LINE_MAX => self.rest.extend_from_slice(&bytes),
                Some(_) => return Err(self.body.broken("a line of its events has no end")),
                None => return Err(self.body.broken("it has ended its events")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_an_event_is_read() {
        let news = |json: &str| read::<EventData>(json.as_bytes()).and_then(|data| data.marker).and_then(MarkerData::news);
        let begin = r#"{"at":"2026-11-20T16:19:12.123Z","camera":"cam","marker":{"id":"face-17","kind":"face","begin":"1970-01-01T00:00:01.000Z","end":null,"count":1}}"#;
        assert_eq!(news(begin), Some(MarkerNews::Begin("face-17".to_owned(), WallTime(1_000_000))));
        let end = begin.replace("null", "\"1970-01-01T00:00:02.000Z\"");
        assert_eq!(news(&end), Some(MarkerNews::End("face-17".to_owned(), WallTime(1_000_000), WallTime(2_000_000))));
        for none in ["", "{}", r#"{"at":"x","reason":"y"}"#, &begin.replace("1970", "year")] {
            assert_eq!(news(none), None, "{none}");
        }
    }
}
