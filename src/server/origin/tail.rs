//! A growing segment, part by part: what a DASH client reads while the camera still films it.

use crate::{
    package::{Msn, media_bytes::MediaBytes},
    server::http::file_body::load,
    window::{WaiterPermit, Window, state::State},
};
use bytes::Bytes;
use std::sync::Arc;
use tokio::{sync::watch, time::timeout};

/// What is still to come of a segment: its parts from a place on, until it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentTail {
    /// The segment.
    pub msn: Msn,
    /// The part that comes next.
    pub next: u32,
}

/// A segment that was begun and cannot be ended: nothing came for 3 target durations, or a slow client was overtaken by the window.
/// The client must see that what it has is not all, so the answer is broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {} could not be sent to its end", .0.0)]
pub struct Stalled(Msn);

/// Where a segment stands to a [`SegmentTail`].
#[derive(Clone, Debug, PartialEq, Eq)]
enum Progress {
    Part(MediaBytes),
    Ahead,
    Whole,
    Gone,
}

impl SegmentTail {
    fn progress(self, state: &State) -> Progress {
        if let Some((_, part)) = state.find_part(self.msn, self.next) {
            return Progress::Part(part.data.clone());
        }
        match state.growing() {
            _ if state.segment(self.msn).is_some() => Progress::Whole,
            Some(growing) if growing.start.msn == self.msn => Progress::Ahead,
            _ => Progress::Gone,
        }
    }
}

/// One client that reads a growing segment. It holds no bytes: each part is taken from the window when there is room to send it, so a
/// slow client costs no memory. Dropping it frees its place.
#[derive(Debug)]
pub struct TailReader {
    window: Arc<Window>,
    versions: watch::Receiver<u64>,
    tail: SegmentTail,
    _permit: WaiterPermit,
}

impl TailReader {
    /// One that begins where `tail` says; `None` when too many wait already.
    pub fn new(window: Arc<Window>, tail: SegmentTail) -> Option<TailReader> {
        Some(TailReader { versions: window.versions(), _permit: window.waiter_permit()?, window, tail })
    }

    /// The next part, when it is there; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<Bytes, Stalled>> {
        let (window, versions, tail) = (&self.window, &mut self.versions, self.tail);
        let patience = (window.config().target_duration() * 3).to_duration();
        let step = timeout(patience, async {
            loop {
                // Marked as seen before the look, so that no version falls between the two.
                versions.borrow_and_update();
                match window.read(|state| tail.progress(state)) {
                    // The window outlives this borrow of it, so its sender is there.
                    Progress::Ahead => _ = versions.changed().await,
                    other => return other,
                }
            }
        });
        match step.await {
            Ok(Progress::Part(data)) => {
                self.tail.next += 1;
                // A part that cannot be read breaks the answer off, too.
                Some(load(data).await.map_err(|_| Stalled(tail.msn)))
            }
            Ok(Progress::Whole) => None,
            Ok(Progress::Gone | Progress::Ahead) | Err(_) => Some(Err(Stalled(tail.msn))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::feed::{Feed, config};
    use std::time::Duration;

    /// Segment 1 is whole, and so many parts of segment 2 are there.
    fn feed(parts: usize) -> Feed {
        let mut feed = Feed::new(config());
        feed.push("K....|").push(&"K...."[..parts]);
        feed
    }

    fn follow(feed: &Feed, msn: u64) -> TailReader {
        TailReader::new(feed.window.clone(), SegmentTail { msn: Msn(msn), next: 0 }).expect("there is room")
    }

    async fn is_waiting(reader: &mut TailReader) -> bool {
        timeout(Duration::from_millis(1), reader.next()).await.is_err()
    }

    /// Takes a part if there is one; says whether there was none.
    async fn has_no_more(reader: &mut TailReader, lens: &mut Vec<usize>) -> bool {
        match timeout(Duration::from_millis(1), reader.next()).await {
            Ok(Some(part)) => lens.push(part.expect("it does not stall").len()),
            Ok(None) | Err(_) => return true,
        }
        false
    }

    #[tokio::test(start_paused = true)]
    async fn parts_come_one_by_one_until_the_segment_is_whole() {
        let mut feed = feed(2);
        let mut reader = follow(&feed, 2);
        let mut lens = Vec::new();
        for next in [".", ".", ".|", ""] {
            while !has_no_more(&mut reader, &mut lens).await {}
            feed.push(next);
        }
        assert_eq!(lens, [3000, 1000, 1000, 1000, 1000]);
        assert_eq!(reader.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_stream_makes_the_segment_whole() {
        let feed = feed(1);
        let mut reader = follow(&feed, 2);
        assert_eq!(reader.next().await.map(|part| part.map(|data| data.len())), Some(Ok(3000)));
        assert!(is_waiting(&mut reader).await);
        feed.window.end();
        assert_eq!(reader.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_stands_still_breaks_it_off() {
        let feed = feed(1);
        let mut reader = follow(&feed, 2);
        reader.next().await;
        let begin = tokio::time::Instant::now();
        assert_eq!(reader.next().await, Some(Err(Stalled(Msn(2)))));
        assert_eq!(begin.elapsed().as_millis() / 10, 300);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_overtaken_by_the_window_is_broken_off() {
        let mut feed = feed(1);
        let mut reader = follow(&feed, 2);
        reader.next().await;
        feed.push("....|").push(&"K....|".repeat(60));
        assert_eq!(reader.next().await, Some(Err(Stalled(Msn(2)))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_goes_away_frees_its_permit() {
        let feed = feed(1);
        let reader = follow(&feed, 2);
        assert_eq!(feed.window.waiters(), 1);
        drop(reader);
        assert_eq!(feed.window.waiters(), 0);
    }
}
