//! Waiting requests: until when they wait, how many may, and what they cost.

use super::*;
use crate::{
    time::Clock,
    window::{
        WAITERS_MAX,
        ranges::{DateRange, Origin as MarkedBy},
    },
};
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test(start_paused = true)]
async fn a_waiter_wakes_on_its_part_and_not_before() {
    let mut feed = steady();
    let playlists = playlists(&feed);
    let waiter = tokio::spawn(async move { respond(&playlists, get("video.m3u8?_HLS_msn=11&_HLS_part=3")).await });
    tokio::task::yield_now().await;
    feed.push(".");
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!waiter.is_finished());
    feed.push(".");
    let reply = waiter.await.unwrap();
    let text = String::from_utf8(reply.body.concat()).unwrap();
    assert!(reply.status == 200 && text.contains("part-r-11.3.m4s"), "{text}");
}

/// 20 markers a second would wake thousands of waiters 20 times a second, for nothing.
#[tokio::test(start_paused = true)]
async fn a_marker_wakes_no_waiter_and_rides_on_the_next_part() {
    let mut feed = steady();
    let playlists = playlists(&feed);
    let polls = Arc::new(AtomicUsize::new(0));
    let waiters: Vec<_> = ["video.m3u8?_HLS_msn=11&_HLS_part=2", "part-r-11.2.m4s"]
        .map(|target| {
            let (playlists, polls) = (playlists.clone(), polls.clone());
            tokio::spawn(async move {
                let mut answer = std::pin::pin!(respond(&playlists, get(target)));
                std::future::poll_fn(|context| {
                    polls.fetch_add(1, Ordering::Relaxed);
                    answer.as_mut().poll(context)
                })
                .await
            })
        })
        .into();
    let settle = async || {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    let begun = polls.load(Ordering::Relaxed);
    for n in 0..100 {
        let range = DateRange { id: format!("door-{n}"), class: None, start: feed.clock.wall(), end: None, extra: Vec::new() };
        assert!(feed.window.mark(range.clone(), MarkedBy::Client));
        settle().await;
        // Whoever asks sees it at once.
        let text = String::from_utf8(respond(&playlists, get("video.m3u8")).await.body.concat()).unwrap();
        assert!(text.contains(&range.id), "{text}");
    }
    assert_eq!((begun, polls.load(Ordering::Relaxed)), (2, 2), "nobody was woken");
    feed.push(".");
    for (waiter, expect) in waiters.into_iter().zip(["door-99", ""]) {
        let reply = waiter.await.unwrap();
        assert!(reply.status == 200 && String::from_utf8_lossy(&reply.body.concat()).contains(expect), "{reply:?}");
    }
    assert_eq!(polls.load(Ordering::Relaxed), 4, "each was woken once");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_gives_up_after_three_target_durations() {
    let feed = steady();
    let begin = tokio::time::Instant::now();
    for (target, lifetime) in [("video.m3u8?_HLS_msn=11", "max-age=0, s-maxage=4"), ("part-r-11.2.m4s", "max-age=0, s-maxage=1")] {
        let reply = respond(&playlists(&feed), get(target)).await;
        assert_eq!((reply.status, header(&reply, "cache-control")), (503, Some(lifetime)), "{target}");
    }
    assert_eq!(begin.elapsed().as_millis() / 10, 600);
}

#[tokio::test(start_paused = true)]
async fn the_end_answers_all_who_wait_and_a_hundred_share_one_rendering() {
    let feed = steady();
    let playlists = playlists(&feed);
    let wait = |target: &str| {
        let (playlists, request) = (playlists.clone(), get(target));
        tokio::spawn(async move { respond(&playlists, request).await })
    };
    let lists: Vec<_> = (0..100).map(|_| wait("video.m3u8?_HLS_msn=12")).collect();
    let part = wait("part-r-11.2.m4s");
    tokio::task::yield_now().await;
    feed.window.end();
    assert_eq!(part.await.unwrap().status, 404);
    let mut bodies = HashSet::new();
    for list in lists {
        let reply = list.await.unwrap();
        assert_eq!(reply.status, 200);
        bodies.extend(reply.body.last().map(|piece| piece.as_ptr()));
    }
    assert_eq!(bodies.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_frees_its_waiter() {
    let feed = steady();
    let playlists = playlists(&feed);
    let waiter = tokio::spawn(async move { respond(&playlists, get("part-r-11.2.m4s")).await });
    tokio::task::yield_now().await;
    assert_eq!(feed.window.waiters(), 1);
    waiter.abort();
    assert!(waiter.await.is_err());
    assert_eq!(feed.window.waiters(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_waiter_too_many_is_told_to_come_again() {
    let feed = steady();
    let mut places: Vec<_> = (0..WAITERS_MAX).map(|_| feed.window.waiter_permit().expect("there is room")).collect();
    for target in ["video.m3u8?_HLS_msn=11", "part-r-11.2.m4s", "seg-r-12.m4s"] {
        let reply = respond(&playlists(&feed), get(target)).await;
        assert_eq!(
            (reply.status, header(&reply, "retry-after"), header(&reply, "cache-control")),
            (503, Some("1"), Some("no-store"))
        );
    }
    assert_eq!(respond(&playlists(&feed), get("video.m3u8")).await.status, 200, "who need not wait is served");
    assert!(TailReader::new(feed.window.clone(), SegmentTail { msn: Msn(11), next: 0 }).is_none());
    places.pop();
    let playlists = playlists(&feed);
    let waiter = tokio::spawn(async move { respond(&playlists, get("part-r-11.2.m4s")).await });
    tokio::task::yield_now().await;
    assert!(!waiter.is_finished() && feed.window.waiters() == WAITERS_MAX);
}
