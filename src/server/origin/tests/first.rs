//! Requests before the first segment of a run, and of players of the run before.

use super::*;

const FIRST_ASKED: [&str; 6] =
    ["index.m3u8", "video.m3u8", "iframes.m3u8", "index.mpd", "video.m3u8?_HLS_msn=1&_HLS_part=0", "video.m3u8?_HLS_skip=YES"];

#[test]
fn before_the_first_segment_playlists_wait_for_it() {
    let mut feed = Feed::new(config());
    for script in ["", "K.."] {
        feed.push(script);
        for target in FIRST_ASKED {
            assert_eq!(answer(&feed, &get(target)), Resolution::Await(Awaited::FirstSegment), "{target}");
        }
    }
    check(&feed, "video.m3u8?_HLS_part=0", "400");
    check(&feed, "part-r-1.1.m4s", "200");
    check(&feed, "part-r-1.3.m4s", "wait");
    check(&feed, "seg-r-1.m4s", "200");
    feed.window.end();
    check(&feed, "video.m3u8", "200");
}

#[tokio::test(start_paused = true)]
async fn players_that_come_first_get_the_first_segment() {
    let mut feed = Feed::new(config());
    let shared = playlists(&feed);
    let waiters = FIRST_ASKED.map(|target| {
        let (playlists, request) = (shared.clone(), get(target));
        tokio::spawn(async move { respond(&playlists, request).await })
    });
    tokio::time::sleep(FIRST_SEGMENT_WAIT.to_duration() - std::time::Duration::from_millis(10)).await;
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    feed.push("K....|K");
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap().status, 200);
    }
    // What waited for the first segment waits for its part as long as ever.
    let (mut feed, begin) = (Feed::new(config()), tokio::time::Instant::now());
    let playlists = playlists(&feed);
    let waiter = tokio::spawn(async move { respond(&playlists, get("video.m3u8?_HLS_msn=2&_HLS_part=0")).await });
    tokio::time::sleep(std::time::Duration::from_secs(9)).await;
    feed.push("K....|");
    assert_eq!((waiter.await.unwrap().status, begin.elapsed().as_millis() / 10), (503, 1200));
}

#[tokio::test(start_paused = true)]
async fn where_no_picture_comes_playlists_ask_for_patience() {
    let feed = Feed::new(config());
    for target in FIRST_ASKED {
        let begin = tokio::time::Instant::now();
        let reply = respond(&playlists(&feed), get(target)).await;
        assert_eq!((reply.status, header(&reply, "retry-after")), (503, Some("1")), "{target}");
        assert_eq!((header(&reply, "cache-control"), begin.elapsed().as_millis() / 10), (Some("no-store"), 1000), "{target}");
    }
    assert_eq!(feed.window.waiters(), 0);
}

#[test]
fn a_reload_of_what_the_last_run_was_about_to_write_is_answered_at_once() {
    let mut feed =
        Feed::new(WindowConfig { first: crate::window::numbers::FirstNumbers::at(crate::window::feed::BEGIN), ..config() });
    feed.push("K....|");
    let before = feed.read(|state| state.config.first);
    for target in ["video.m3u8?_HLS_msn=1795191551&_HLS_part=3", "video.m3u8?_HLS_msn=7", "iframes.m3u8?_HLS_msn=17951915520"] {
        check(&feed, target, "200");
    }
    assert_eq!((before.msn, before.key_frames), (Msn(1_795_191_552), 17_951_915_520));
    check(&feed, "video.m3u8?_HLS_msn=1795191553&_HLS_part=0", "wait");
    check(&feed, "iframes.m3u8?_HLS_msn=17951915522", "wait");
}
