//! Bad input over real sockets: each gets a 4xx at once, and never a file, a 5xx or a hang.

use super::{
    running::{Answer, Running, read_all, send, soon, start},
    stream::publish,
};
use hlscam::server::{HEAD_LEN_MAX, Limits, URI_LEN_MAX};
use std::time::Duration;

/// A server with segments 1 to 3, which answers anything at once that need not wait for a part.
fn streaming() -> Running {
    let server = start(Limits::default());
    publish(&server, 3);
    server
}

#[tokio::test]
async fn malformed_directives_are_refused_at_once() {
    let server = streaming();
    for query in [
        "_HLS_part=0",
        "_HLS_msn=",
        "_HLS_msn",
        "_HLS_msn=x",
        "_HLS_msn=-1",
        "_HLS_msn=1e3",
        "_HLS_msn=%34",
        "_HLS_msn=4%00",
        "_HLS_msn=18446744073709551616",
        "_HLS_msn=18446744073709551615",
        "_HLS_msn=6",
        "_HLS_msn=4&_HLS_part=99999999999999999999",
        "_HLS_msn=4&_HLS_part=99",
        "_HLS_msn=4&_HLS_msn=4",
        "_HLS_skip=yes",
        "_HLS_push=1",
        "%5fHLS_msn=4",
    ] {
        for playlist in ["video.m3u8", "iframes.m3u8"] {
            if (playlist, query) == ("iframes.m3u8", "_HLS_msn=4&_HLS_part=99")
                || (playlist, query) == ("iframes.m3u8", "_HLS_msn=6")
            {
                // It counts its own entries, and has no parts.
                continue;
            }
            let answer = server.get(&format!("/cam/{playlist}?{query}")).await;
            assert_eq!(answer.status, 400, "{playlist}?{query}");
            assert!(answer.header("cache-control").starts_with("max-age="), "{query}");
        }
    }
}

#[tokio::test]
async fn names_that_are_not_ours_are_not_found_however_they_are_written() {
    let server = streaming();
    for name in [
        "..",
        "../Cargo.toml",
        "..%2fCargo.toml",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "%252e%252e%252fetc%252fpasswd",
        "..%5c..%5cwindows%5cwin.ini",
        "%c0%ae%c0%ae/etc/passwd",
        "video%2em3u8",
        "video.m3u8%00",
        "video.m3u8%00.mp4",
        "video.m3u8/",
        "video.m3u8//",
        "./video.m3u8",
        "VIDEO.M3U8",
        "seg-t-01.m4s",
        "seg-t-%31.m4s",
        "seg-t-18446744073709551616.m4s",
        "part-t-1.4294967296.m4s",
        "init-t-2.mp4",
        "seg-u-1.m4s",
    ] {
        let answer = server.get(&format!("/cam/{name}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (404, "text/plain; charset=utf-8"), "{name}");
        assert!(!answer.text().contains("root:"), "{name}");
    }
}

#[tokio::test]
async fn bad_ranges_are_refused_and_what_is_no_range_is_overlooked() {
    let server = streaming();
    let len = server.get("/cam/seg-t-1.m4s").await.body.len();
    let check = async |range: &str, expect: u16| {
        let answer = server.ask("GET", "/cam/seg-t-1.m4s", &format!("range: {range}\r\n")).await;
        assert_eq!(answer.status, expect, "{range}");
        match expect {
            416 => assert_eq!(answer.header("content-range"), format!("bytes */{len}"), "{range}"),
            _ => assert_eq!(answer.body.len(), len, "{range}"),
        }
    };
    for range in
        [&format!("bytes={len}-"), "bytes=5-2", "bytes=-0", "bytes=", "bytes=-", "bytes=x-y", "bytes=0x0-0x9", "bytes=1-2-3"]
    {
        check(range, 416).await;
    }
    for range in ["", "bytes", "lines=1-2", "bytes=0-1,5-6", "bytes 0-1"] {
        check(range, 200).await;
    }
    check("bytes=0-99999999999999999999999999", 206).await;
}

#[tokio::test]
async fn what_is_too_big_is_refused_by_its_size() {
    let server = streaming();
    let get = |target: String, fields: &str| format!("GET {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{fields}\r\n");
    let url = |len: usize| format!("/cam/video.m3u8?{}", "q".repeat(len - "/cam/video.m3u8?".len()));
    let field = |len: usize| format!("x: {}\r\n", "a".repeat(len));
    for (request, expect) in [
        (get(url(URI_LEN_MAX), ""), 200),
        (get(url(URI_LEN_MAX + 1), ""), 414),
        (get(url(64 << 10), ""), 431),
        (get("/cam/video.m3u8".to_owned(), &field(HEAD_LEN_MAX)), 431),
        (get("/cam/video.m3u8".to_owned(), &field(1 << 20)), 431),
        (get("/cam/video.m3u8".to_owned(), &"x: y\r\n".repeat(101)), 431),
        (get("/cam/video.m3u8".to_owned(), "content-length: 16385\r\n"), 413),
        (get("/cam/video.m3u8".to_owned(), "content-length: -1\r\n"), 400),
        (get("/cam/video.m3u8".to_owned(), "content-length: 1\r\ncontent-length: 2\r\n"), 400),
        (get("/cam/video.m3u8".to_owned(), "bad header: 1\r\n"), 400),
        (get("/cam/video.m3u8\0".to_owned(), ""), 400),
        (get("/cam/video.m3u8 x".to_owned(), ""), 400),
        (get("cam/video.m3u8".to_owned(), ""), 400),
        ("GET /cam/video.m3u8 HTTP/3.0\r\nhost: test\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n".to_owned(), 400),
        ("BREW /cam/video.m3u8 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".to_owned(), 405),
        ("POST /cam/seg-t-1.m4s HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(), 405),
        ("G\u{1}T / HTTP/1.1\r\nhost: test\r\n\r\n".to_owned(), 400),
    ] {
        let mut stream = server.connect().await;
        // The server may close before it has read everything.
        let _ = soon(tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())).await;
        let bytes = read_all(&mut stream).await;
        assert!(!bytes.is_empty(), "no answer to {request:.60}");
        assert_eq!(Answer::parse(&bytes).status, expect, "{request:.60}");
    }
    assert_eq!(server.get("/cam/video.m3u8").await.status, 200, "the server lives on");
}

#[tokio::test]
async fn headers_that_drip_in_do_not_hold_a_connection() {
    let limit = Duration::from_millis(150);
    let server = start(Limits { first_request: limit, next_request: limit, ..Limits::default() });
    publish(&server, 3);
    let mut stream = server.connect().await;
    send(&mut stream, "GET /cam/video.m3u8 HTTP/1.1\r\n").await;
    // A byte now and then does not lengthen the time.
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        while tokio::io::AsyncWriteExt::write_all(&mut writer, b"x").await.is_ok() {
            pause.tick().await;
        }
    };
    let closed = async {
        let mut bytes = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut bytes).await;
        bytes
    };
    let (bytes, ()) = soon(async { tokio::join!(closed, drip) }).await;
    // The client may write over the answer, and lose it.
    assert!(bytes.is_empty() || Answer::parse(&bytes).status == 408, "{}", String::from_utf8_lossy(&bytes));
    soon(async { while server.get("/healthz").await.status != 200 {} }).await;
}
