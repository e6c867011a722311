//! The stream over real sockets: held requests, and what becomes of them.

use super::running::{Answer, Running, read_all, send, soon, start};
use bytes::Bytes;
use hlscam::{
    capture::SourceState,
    encode::VideoParams,
    package::{InitId, Msn, PackagerEvent, Part, SegmentStart},
    picture::Size,
    server::{Limits, VIEWER_SPAN},
    time::{FrameRate, Span, Ticks},
};
use std::time::Duration;
use tokio::io::AsyncReadExt;

const PART: Span = Span::from_ms(200);
pub(super) const PARTS: u32 = 10;

pub(super) fn part(msn: u64, index: u32) -> Part {
    let n = (msn as i64 - 1) * i64::from(PARTS) + i64::from(index);
    let data = format!("[{msn}.{index}]").repeat(1000).into_bytes().into();
    let independent = index.is_multiple_of(5);
    Part { msn: Msn(msn), index, at: Ticks(0) + PART * n, duration: PART, independent, key_len: independent.then_some(100), data }
}

/// Publishes the init segment and segments 1 to `last`, whole.
pub(super) fn publish(server: &Running, last: u64) {
    let params = VideoParams {
        size: Size::new(640, 480).expect("even"),
        rate: FrameRate::whole(30),
        sps: Bytes::from_static(&[0x67, 0x64, 0x00, 0x1e]),
        pps: Bytes::from_static(&[0x68, 0xee]),
        bitrate_max: 2_000_000,
        passed: false,
    };
    server.window.push(PackagerEvent::Init { id: InitId(1), data: Bytes::from_static(b"init").into(), params: params.into() });
    for msn in 1..=last {
        open(server, msn);
        server.window.push_all((1..PARTS).map(|index| PackagerEvent::Part(part(msn, index))).chain([PackagerEvent::End(Msn(msn))]));
    }
}

/// Publishes a segment whose parts are stretches of one file.
fn publish_from_file(server: &Running, msn: u64) -> (tempfile::NamedTempFile, Vec<u8>) {
    use hlscam::{
        package::media_bytes::{FileRange, MediaBytes},
        time::Clock,
    };
    use std::io::Write;
    let parts: Vec<Part> = (0..PARTS).map(|index| part(msn, index)).collect();
    let whole: Vec<u8> = parts.iter().flat_map(|part| part.data.read().expect("it is in memory")).collect();
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    // As in an archive, where other segments stand before it.
    file.write_all(b"before").and_then(|()| file.write_all(&whole)).expect("there is room");
    let mut offset = 6;
    let start = SegmentStart { msn: Msn(msn), at: parts[0].at, wall: server.clock.wall(), init: InitId(1), discontinuity: false };
    let stored = parts.into_iter().map(|part| {
        let len = part.data.len();
        let data = MediaBytes::File(FileRange::new(file.path().into(), offset, len));
        offset += len as u64;
        PackagerEvent::Part(Part { data, ..part })
    });
    let events: Vec<PackagerEvent> =
        [PackagerEvent::Start(start)].into_iter().chain(stored).chain([PackagerEvent::End(Msn(msn))]).collect();
    server.window.push_all(events);
    (file, whole)
}

#[tokio::test]
async fn what_lies_in_a_file_is_answered_as_what_lies_in_memory() {
    let server = start(Limits::default());
    publish(&server, 3);
    let (_file, whole) = publish_from_file(&server, 4);
    let (held, stored) = (server.get("/cam/seg-t-3.m4s").await, server.get("/cam/seg-t-4.m4s").await);
    assert!(stored.body == whole && held.body.len() == whole.len());
    for name in ["content-length", "content-type", "accept-ranges", "connection"] {
        assert_eq!(stored.header(name), held.header(name), "{name}");
    }
    let range = server.ask("GET", "/cam/seg-t-4.m4s", "range: bytes=4990-5009\r\n").await;
    assert_eq!((range.status, range.header("content-length")), (206, "20"));
    assert_eq!(range.body, &whole[4990..=5009], "of two parts");
    let part = server.get("/cam/part-t-4.1.m4s").await;
    assert_eq!(part.body, &whole[5000..10_000]);
    let head = server.ask("HEAD", "/cam/seg-t-4.m4s", "").await;
    assert_eq!((head.header("content-length"), head.body.len()), (stored.header("content-length"), 0));
}

/// Begins a segment with its first part.
pub(super) fn open(server: &Running, msn: u64) {
    use hlscam::time::Clock;
    let (at, wall) = (part(msn, 0).at, server.clock.wall());
    let start = SegmentStart { msn: Msn(msn), at, wall, init: InitId(1), discontinuity: false };
    server.window.push_all([PackagerEvent::Start(start), PackagerEvent::Part(part(msn, 0))]);
}

#[tokio::test]
async fn a_player_finds_its_way_from_the_first_playlist_to_the_media() {
    let server = start(Limits::default());
    let comes = async {
        while server.window.waiters() == 0 {
            tokio::task::yield_now().await;
        }
        publish(&server, 3);
    };
    let (early, ()) = tokio::join!(server.get("/cam/index.m3u8"), comes);
    assert_eq!(early.status, 200, "who comes before the first segment waits for it");
    let uri_in = |text: &str, suffix: &str| text.lines().find(|line| line.ends_with(suffix)).expect("a URI").to_owned();

    let multivariant = server.get("/cam/index.m3u8").await;
    assert_eq!((multivariant.status, multivariant.header("content-type")), (200, "application/vnd.apple.mpegurl"));
    let media = server.get(&format!("/cam/{}", uri_in(multivariant.text(), ".m3u8"))).await;
    assert_eq!((media.status, media.header("content-type")), (200, "application/vnd.apple.mpegurl"));
    let segment = server.get(&format!("/cam/{}", uri_in(media.text(), ".m4s"))).await;
    assert_eq!((segment.status, segment.header("content-type")), (200, "video/iso.segment"));
    let whole: Vec<u8> = (0..PARTS).flat_map(|index| part(1, index).data.read().expect("it is in memory")).collect();
    assert_eq!(segment.body, whole, "a segment is its parts");
    assert_eq!(segment.header("content-length"), whole.len().to_string());
    assert_eq!(segment.header("x-content-type-options"), "nosniff");
    assert!(!multivariant.text().contains("/cam/") && !media.text().contains("/cam/"), "relative URLs only");
}

#[tokio::test]
async fn readiness_follows_the_stream() {
    let server = start(Limits::default());
    server.status.stream.capture.set_state(SourceState::Live, None);
    assert_eq!(server.get("/readyz").await.status, 503);
    publish(&server, 3);
    assert_eq!(server.get("/readyz").await.text(), "ready\n");
    server.status.stream.capture.set_state(SourceState::Lost, None);
    assert_eq!(server.get("/readyz").await.status, 503);
}

#[tokio::test]
async fn the_status_tells_the_window_and_who_asks_for_the_stream() {
    let server = start(Limits::default());
    publish(&server, 3);
    let status = async || -> serde_json::Value { serde_json::from_slice(&server.get("/api/status").await.body).expect("JSON") };
    server.get("/").await;
    server.get("/cam/nothing").await;
    assert_eq!(status().await["viewers"], 0);
    server.get("/cam/video.m3u8").await;
    server.get("/cam/index.m3u8").await;
    let report = status().await;
    assert_eq!(report["viewers"], 1);
    assert_eq!((&report["window"]["segments"], &report["window"]["last_msn"]), (&3.into(), &3.into()));
    assert_eq!(report["time"], "2026-11-20T16:19:12.123Z");
    server.clock.advance(VIEWER_SPAN);
    assert_eq!(status().await["viewers"], 0);
}

/// Sends a request that is held until part 1 of segment 4, behind one whose answer tells that the server has read both.
async fn hold(server: &Running) -> tokio::net::TcpStream {
    let mut stream = server.connect().await;
    let held = "GET /cam/video.m3u8?_HLS_msn=4&_HLS_part=1 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    send(&mut stream, &format!("GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n{held}")).await;
    let mut bytes = vec![0; 4096];
    let n = soon(stream.read(&mut bytes)).await.expect("the first answer");
    assert_eq!(Answer::parse(&bytes[..n]).text(), "ok\n", "nothing of the held answer is sent");
    stream
}

#[tokio::test]
async fn held_requests_are_answered_when_their_part_comes() {
    let server = start(Limits::default());
    publish(&server, 3);
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(hold(&server).await);
    }
    open(&server, 4);
    server.window.push(PackagerEvent::Part(part(4, 1)));
    for mut stream in held {
        let answer = Answer::parse(&read_all(&mut stream).await);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text().lines().filter(|line| line.starts_with("#EXT-X-PART:") && line.contains("-4.")).count(), 2);
    }
}

#[tokio::test]
async fn held_requests_are_answered_when_the_stream_ends() {
    let server = start(Limits::default());
    publish(&server, 3);
    let mut stream = hold(&server).await;
    server.window.end();
    let answer = Answer::parse(&read_all(&mut stream).await);
    assert_eq!((answer.status, answer.text().lines().last()), (200, Some("#EXT-X-ENDLIST")));
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_waiter_at_once() {
    let server = start(Limits::default());
    publish(&server, 3);
    let waiters = async |count: usize| {
        let reached = async {
            while server.window.waiters() != count {
                tokio::task::yield_now().await;
            }
        };
        // The requests would be held for 3 target durations, 6 s.
        tokio::time::timeout(Duration::from_secs(4), reached).await.expect("so many wait");
    };
    let held = [hold(&server).await, hold(&server).await];
    waiters(2).await;
    drop(held);
    waiters(0).await;

    let (client, connection) = soon(h2::client::handshake(server.connect().await)).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut client = soon(client.ready()).await.expect("ready");
    let mut ask = |target: &str| {
        let request = hyper::Request::get(format!("http://test/cam/{target}")).body(()).expect("a request");
        client.send_request(request, true).expect("sent")
    };
    let one = ask("video.m3u8?_HLS_msn=4");
    let _other = ask("part-t-4.0.m4s");
    waiters(2).await;
    // One stream is reset, the connection lives on.
    drop(one);
    waiters(1).await;
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_connection_at_once() {
    let server = start(Limits { connections: 1, ..Limits::default() });
    publish(&server, 3);
    drop(hold(&server).await);
    let freed = async { while server.get("/healthz").await.status != 200 {} };
    // The request would be held for 3 target durations, 6 s.
    tokio::time::timeout(Duration::from_secs(4), freed).await.expect("the place is free");
}

#[tokio::test]
async fn the_end_lets_answers_out_and_does_not_wait_for_held_requests() {
    let server = start(Limits { grace: Duration::from_millis(100), ..Limits::default() });
    publish(&server, 3);
    let mut streams = vec![hold(&server).await, hold(&server).await];
    server.stop.send(()).expect("the server runs");
    // The requests would be held for 6 s.
    let ended = tokio::time::timeout(Duration::from_secs(4), server.ended).await.expect("it does not hang");
    ended.expect("no panic").expect("a clean end");
    for stream in &mut streams {
        assert_eq!(read_all(stream).await, b"");
    }
}

#[tokio::test]
async fn an_answer_under_way_at_the_end_is_finished() {
    let server = start(Limits::default());
    publish(&server, 3);
    let mut stream = hold(&server).await;
    server.stop.send(()).expect("the server runs");
    server.window.end();
    assert_eq!(Answer::parse(&read_all(&mut stream).await).status, 200);
    soon(server.ended).await.expect("no panic").expect("a clean end");
}
