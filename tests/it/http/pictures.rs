//! Snapshots, small pictures and the stream of pictures over real sockets: what is refused and how, and how many may watch. What they show
//! is for tests of the whole program.

use super::running::{Running, read_all, send, soon, start};
use hlscam::{capture::SourceState, server::Limits, time::WallTime};
use tokio::{io::AsyncReadExt, net::TcpStream};

fn set(server: &Running, state: SourceState, since: Option<WallTime>) {
    server.status.stream.capture.set_state(state, since);
}

#[tokio::test]
async fn without_a_camera_the_reason_is_told_and_the_past_is_asked_for_by_time() {
    let server = start(Limits::default());
    set(&server, SourceState::Lost, Some(WallTime(1_795_191_550_000_000)));
    let told = server.get("/cam/snapshot.jpg").await.text().to_owned();
    assert!(told.contains("(since 2026-11-20T16:19:10.000Z; ?at= gives one of before)"), "{told}");
    // The end is the last that is told of a source.
    for (state, why) in [
        (SourceState::Opening, "the source is being opened"),
        (SourceState::Silent, "the source gives no pictures"),
        (SourceState::Lost, "the source is gone, and is being opened again"),
        (SourceState::Ended, "the stream has ended"),
    ] {
        set(&server, state, None);
        for target in ["/cam/snapshot.jpg", "/cam/snapshot.jpg?width=100", "/cam/thumb.jpg"] {
            let answer = server.get(target).await;
            assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{target} {state:?}");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.text(), format!("there is no picture now: {why}\n"), "{target}");
        }
        let past = server.get("/cam/snapshot.jpg?at=2026-11-20T16:19:00Z").await;
        assert_eq!((past.status, past.text()), (404, "there is no picture yet\n"), "{state:?}");
    }
}

#[tokio::test]
async fn what_is_no_moment_or_no_width_is_refused_in_a_sentence() {
    let server = start(Limits::default());
    set(&server, SourceState::Live, None);
    for (target, why) in [
        ("/cam/snapshot.jpg?at=yesterday", "at is no time; send RFC 3339 like 2026-11-20T16:19:12Z, or seconds since 1970"),
        ("/cam/snapshot.jpg?width=0", "width is no number from 16 to 8192"),
        ("/cam/snapshot.jpg?quality=3", "unknown field `quality`; a snapshot takes at and width"),
        ("/cam/thumb.jpg?width=64", "unknown field `width`; a small picture takes at"),
        ("/cam/stream.mjpg?fps=3", "this stream takes no fields; it is as wide as the picture, and 1280 pixels at most"),
    ] {
        let answer = server.get(target).await;
        assert_eq!((answer.status, answer.text().to_owned()), (400, format!("{why}\n")), "{target}");
    }
    assert_eq!(server.get("/other/snapshot.jpg").await.status, 404);
    for target in ["/cam/snapshot.jpg", "/cam/thumb.jpg", "/cam/stream.mjpg"] {
        let answer = server.ask("GET", target, "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n").await;
        assert_eq!(answer.status, 403, "{target}: pages of others see nothing");
    }
}

/// Asks for the stream of pictures, and gives what came with the head of the answer.
async fn watch(server: &Running) -> (TcpStream, String) {
    let mut stream = server.connect().await;
    send(&mut stream, "GET /cam/stream.mjpg HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("\r\n\r\n") {
        let mut bytes = [0; 4096];
        let n = soon(stream.read(&mut bytes)).await.expect("an answer");
        assert!(n > 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&bytes[..n]);
    }
    (stream, String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn so_many_watch_and_who_leaves_makes_room() {
    let server = start(Limits::default());
    set(&server, SourceState::Live, None);
    let head = server.ask("HEAD", "/cam/stream.mjpg", "").await;
    assert_eq!((head.status, head.header("cache-control")), (200, "no-store"));
    assert_eq!(head.header("content-type"), "multipart/x-mixed-replace; boundary=hlscam-picture");
    let mut watchers = Vec::new();
    loop {
        let (stream, head) = watch(&server).await;
        if !head.starts_with("HTTP/1.1 200") {
            assert!(head.starts_with("HTTP/1.1 429") && head.to_ascii_lowercase().contains("retry-after: 5"), "{head}");
            break;
        }
        watchers.push(stream);
    }
    // Of the loopback address; the rest is for those who come without a proxy.
    assert_eq!(watchers.len(), 24);
    watchers.pop();
    let (mut again, mut head) = watch(&server).await;
    let admitted = async {
        while !head.starts_with("HTTP/1.1 200") {
            tokio::task::yield_now().await;
            (again, head) = watch(&server).await;
        }
    };
    soon(admitted).await;
    // The server ends, and with it all bodies, though no picture ever came.
    drop(server.stop);
    assert!(soon(server.ended).await.expect("no bug").is_ok());
    read_all(&mut again).await;
    for mut stream in watchers {
        read_all(&mut stream).await;
    }
}

#[tokio::test]
async fn before_the_first_picture_and_after_the_last_there_is_nothing_to_watch() {
    let server = start(Limits::default());
    for (state, status) in
        [(SourceState::Opening, 503), (SourceState::Lost, 200), (SourceState::Silent, 200), (SourceState::Ended, 503)]
    {
        set(&server, state, None);
        // HEAD, for the body of the others does not end.
        assert_eq!(server.ask("HEAD", "/cam/stream.mjpg", "").await.status, status, "{state:?}");
    }
}

#[tokio::test]
async fn pictures_are_watched_over_http_2_too() {
    let server = start(Limits::default());
    set(&server, SourceState::Live, None);
    let (client, connection) = soon(h2::client::handshake(server.connect().await)).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut client = soon(client.ready()).await.expect("ready");
    let request = hyper::Request::get("http://test/cam/stream.mjpg").body(()).expect("a request");
    let (answer, _) = client.send_request(request, true).expect("sent");
    let (head, mut body) = soon(answer).await.expect("an answer").into_parts();
    assert_eq!((head.status.as_u16(), head.headers["cache-control"].as_bytes()), (200, &b"no-store"[..]));
    let first = soon(body.data()).await.expect("it goes on").expect("data");
    assert_eq!(first, "--hlscam-picture\r\n");
    drop(server.stop);
    assert!(soon(server.ended).await.expect("no bug").is_ok());
}
