//! The server over real sockets on 127.0.0.1: what each address answers, and how the limits hold.

mod access;
mod cameras;
mod controls;
mod events;
mod growing;
mod hooks;
mod hostile;
mod markers;
mod metrics;
mod pictures;
mod proxies;
mod running;
mod slow;
mod stream;

use bytes::Bytes;
use hlscam::{
    capture::SourceState,
    server::Limits,
    time::{Clock, Span},
};
use running::{Answer, read_all, send, soon, start};
use std::time::Duration;
use tokio::{io::AsyncReadExt, net::TcpStream};

#[tokio::test]
async fn every_address_answers_with_its_type_and_its_caching() {
    let server = start(Limits::default());
    let check = async |target: &str, status: u16, content_type: &str, cache: &str| {
        let answer = server.get(target).await;
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(answer.header("content-type"), content_type, "{target}");
        assert_eq!(answer.header("cache-control"), cache, "{target}");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{target}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{target}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{target}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'self'; "), "{target}");
        assert!(!answer.header("date").is_empty(), "{target}");
    };
    let (plain, script) = ("text/plain; charset=utf-8", "text/javascript; charset=utf-8");
    check("/", 200, "text/html; charset=utf-8", "no-cache").await;
    check("/?player=native", 200, "text/html; charset=utf-8", "no-cache").await;
    check("/index.html", 200, "text/html; charset=utf-8", "no-cache").await;
    check("/style.css", 200, "text/css; charset=utf-8", "no-cache").await;
    check("/viewer.js", 200, script, "no-cache").await;
    check("/hls.js", 200, script, "no-cache").await;
    check("/icon.svg", 200, "image/svg+xml; charset=utf-8", "no-cache").await;
    check("/favicon.ico", 200, "image/svg+xml; charset=utf-8", "no-cache").await;
    check("/healthz", 200, plain, "no-store").await;
    check("/readyz", 503, plain, "no-store").await;
    check("/time", 200, plain, "no-store").await;
    check("/api/status", 200, "application/json", "no-store").await;
    check("/nothing", 404, plain, "no-store").await;
    check("/api", 404, plain, "no-store").await;
    check("/cam", 404, plain, "no-store").await;
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = start(Limits::default());
    // Playlists of a stream that has begun are answered at once.
    stream::publish(&server, 1);
    for target in ["/", "/hls.js", "/healthz", "/readyz", "/api/status", "/nothing", "/cam/nothing", "/cam/index.m3u8"] {
        let (get, head) = (server.get(target).await, server.ask("HEAD", target, "").await);
        assert_eq!(head.status, get.status, "{target}");
        assert!(head.body.is_empty(), "{target}");
        let lasting = |answer: &Answer| {
            answer
                .headers
                .iter()
                .filter(|(name, _)| *name != "date")
                .map(|(name, value)| format!("{name}: {value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(lasting(&head), lasting(&get), "{target}");
    }
}

#[tokio::test]
async fn the_page_is_sent_compressed_and_only_once() {
    let server = start(Limits::default());
    let plain = server.get("/hls.js").await;
    let packed = server.ask("GET", "/hls.js", "accept-encoding: deflate, gzip\r\n").await;
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "Accept-Encoding"));
    assert!(packed.body.len() * 2 < plain.body.len(), "{} of {}", packed.body.len(), plain.body.len());
    let mut unpacked = Vec::new();
    let read = std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed.body[..]), &mut unpacked);
    assert!(read.is_ok() && unpacked == plain.body, "{read:?}");
    assert_ne!(packed.header("etag"), plain.header("etag"));

    let again = server.ask("GET", "/hls.js", &format!("if-none-match: {}\r\n", plain.header("etag"))).await;
    assert_eq!((again.status, again.header("etag"), again.body.len()), (304, plain.header("etag"), 0));
    assert_eq!(again.header("content-length"), "", "it would be the length of the body left out");
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = start(Limits::default());
    let mut stream = server.connect().await;
    let request = "GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n";
    for _ in 0..3 {
        send(&mut stream, request).await;
        let mut answer = vec![0; 4096];
        let n = soon(stream.read(&mut answer)).await.expect("an answer");
        assert_eq!(Answer::parse(&answer[..n]).text(), "ok\n");
    }
    send(&mut stream, &format!("{request}GET /healthz HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")).await;
    let both = read_all(&mut stream).await;
    assert_eq!(String::from_utf8_lossy(&both).matches("HTTP/1.1 200 OK").count(), 2, "pipelined requests are answered in order");
}

#[tokio::test]
async fn http_2_is_spoken_with_those_who_begin_with_it() {
    let server = start(Limits::default());
    let (client, connection) = soon(h2::client::handshake(server.connect().await)).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut client = soon(client.ready()).await.expect("ready");
    let ask = |path: &str| hyper::Request::get(format!("http://test{path}")).body(()).expect("a request");
    let (page, _) = client.send_request(ask("/"), true).expect("sent");
    let (player, _) = client.send_request(ask("/hls.js"), true).expect("sent");
    let page = soon(page).await.expect("an answer");
    assert_eq!((page.status().as_u16(), page.version()), (200, hyper::Version::HTTP_2));
    assert!(page.headers().contains_key("content-security-policy"));
    let (head, mut body) = soon(player).await.expect("an answer").into_parts();
    let mut len = 0;
    while let Some(bytes) = soon(body.data()).await {
        let bytes: Bytes = bytes.expect("data");
        body.flow_control().release_capacity(bytes.len()).expect("it was received");
        len += bytes.len();
    }
    assert_eq!(head.headers["content-length"], len.to_string());
}

/// The addresses of docs/http-api.md with the methods that each takes.
fn documented() -> Vec<(&'static str, Vec<&'static str>)> {
    let rows = include_str!("../../docs/http-api.md").lines().skip_while(|line| !line.starts_with("| Address | Methods")).skip(2);
    let cells = rows.take_while(|row| row.starts_with('|')).map(|row| row.trim_matches('|').split(" | ").collect::<Vec<_>>());
    let addresses = |cells: Vec<&'static str>| {
        let paths = cells[0].split('`').filter(|text| text.starts_with('/'));
        paths.map(move |path| (path, cells[1].trim().split(", ").collect())).collect::<Vec<_>>()
    };
    cells.flat_map(addresses).collect()
}

#[tokio::test]
async fn who_uses_another_method_is_told_which_there_are() {
    let server = start(Limits::default());
    let addresses = documented();
    assert!(addresses.len() > 15, "the table is read: {addresses:?}");
    for (target, taken) in addresses {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
            if !taken.contains(&method) {
                let answer = server.ask(method, target, "content-length: 0\r\n").await;
                assert_eq!((answer.status, answer.header("allow")), (405, &*taken.join(",")), "{method} {target}");
            }
        }
    }
}

#[tokio::test]
async fn bad_requests_get_a_4xx_and_the_server_lives_on() {
    let server = start(Limits::default());
    let targets = [
        "/../etc/passwd",
        "/..",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%252e%252e/etc/passwd",
        "/cam/../../etc/passwd",
        "/cam/..%2f..%2fetc%2fpasswd",
        "/cam/%252e%252e%252fCargo.toml",
        "/cam/%00",
        "/style.css%00",
        "/cam/a%00.mp4",
        "/%",
        "/%zz",
        "/cam/%",
        "/cam/%ff%fe",
        "//",
        "/cam//",
        "/cam/",
        "/./",
        "/Style.css",
        "/style.css/",
        "/cam\\index.m3u8",
        "/node_modules/hls.js/package.json",
        "/package.json",
    ];
    for target in targets {
        let status = server.get(target).await.status;
        assert!((400..500).contains(&status), "{target}: {status}");
    }
}

#[tokio::test]
async fn what_is_too_long_or_no_http_is_refused_at_once() {
    let server = start(Limits::default());
    let long = |len: usize| format!("/{}", "a".repeat(len - 1));
    let check = async |request: String, expect: u16| {
        let mut stream = server.connect().await;
        send(&mut stream, &request).await;
        let answer = Answer::parse(&read_all(&mut stream).await);
        assert_eq!(answer.status, expect, "{:.60}", request);
    };
    check(format!("GET {} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n", long(4096)), 414).await;
    check(format!("GET {} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n", long(64 * 1024)), 431).await;
    check(format!("GET / HTTP/1.1\r\nhost: test\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024)), 431).await;
    check(format!("GET / HTTP/1.1\r\nhost: test\r\n{}\r\n", "x: y\r\n".repeat(1000)), 431).await;
    check("GET / HTTP/1.1\r\nhost: test\r\ncontent-length: 100000\r\nconnection: close\r\n\r\n".to_owned(), 413).await;
    check("GET /\0 HTTP/1.1\r\nhost: test\r\n\r\n".to_owned(), 400).await;
    check("nonsense\r\n\r\n".to_owned(), 400).await;
    check("GET / HTTP/9.9\r\n\r\n".to_owned(), 400).await;
    check("CONNECT test:80 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n".to_owned(), 404).await;
    assert_eq!(server.get("/healthz").await.status, 200);
}

/// In this time a client on this computer has sent what it wants to, however busy that is.
const UNHURRIED: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_connection_that_brings_no_whole_request_is_closed() {
    let server = start(Limits { first_request: UNHURRIED, ..Limits::default() });
    let check = async |start: &str, expect: &str| {
        let mut stream = server.connect().await;
        send(&mut stream, start).await;
        let bytes = read_all(&mut stream).await;
        let status = if bytes.is_empty() { String::new() } else { Answer::parse(&bytes).status.to_string() };
        assert_eq!(status, expect, "{start:?}");
    };
    tokio::join!(
        check("", ""),
        check("P", ""),
        check("PRI * HTTP/2.0\r\n", ""),
        check("G", "408"),
        check("GET / HTTP/1.1\r\nhost: te", "408"),
        check("HEAD /", "408"),
    );
}

#[tokio::test]
async fn a_connection_that_brings_no_further_request_is_closed() {
    let server = start(Limits { next_request: Duration::from_millis(50), ..Limits::default() });
    let mut stream = server.connect().await;
    send(&mut stream, "GET /healthz HTTP/1.1\r\nhost: test\r\n\r\nGET /heal").await;
    assert_eq!(Answer::parse(&read_all(&mut stream).await).text(), "ok\n");
}

#[tokio::test]
async fn an_idle_http_2_connection_is_closed() {
    let server = start(Limits { first_request: UNHURRIED, idle: Duration::from_millis(50), ..Limits::default() });
    let (client, connection) = soon(h2::client::handshake(server.connect().await)).await.expect("HTTP/2");
    let ended = tokio::spawn(connection);
    let mut client = soon(client.ready()).await.expect("ready");
    let (answer, _) =
        client.send_request(hyper::Request::get("http://test/healthz").body(()).expect("a request"), true).expect("sent");
    assert_eq!(soon(answer).await.expect("an answer").status().as_u16(), 200);
    // Whether it ends by GOAWAY or by a closed socket does not matter.
    let _ = soon(ended).await.expect("no panic");
}

#[tokio::test]
async fn a_full_server_says_so_and_has_room_again_when_one_leaves() {
    let server = start(Limits { connections: 1, ..Limits::default() });
    let mut first = server.connect().await;
    send(&mut first, "GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut answer = vec![0; 4096];
    let n = soon(first.read(&mut answer)).await.expect("an answer");
    assert_eq!(Answer::parse(&answer[..n]).status, 200);

    let refused = server.get("/healthz").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    assert_eq!(refused.text(), "the server is full with 1 connections; try again soon\n");
    assert_eq!(refused.header("content-length"), refused.body.len().to_string());

    drop(first);
    soon(async { while server.get("/healthz").await.status != 200 {} }).await;
}

#[tokio::test]
async fn time_is_the_clocks_wall_time() {
    let server = start(Limits::default());
    assert_eq!(server.get("/time").await.text(), "2026-11-20T16:19:12.123Z");
    server.clock.advance(Span::from_ms(1000));
    assert_eq!(server.get("/time").await.text(), server.clock.wall().to_string());
}

#[tokio::test]
async fn readiness_tells_what_is_in_the_way() {
    let server = start(Limits::default());
    for (state, reason) in [
        (SourceState::Opening, "the source is being opened"),
        (SourceState::Live, "the first pictures are being encoded"),
        (SourceState::Silent, "the source gives no pictures"),
        (SourceState::Lost, "the source is gone, and is being opened again"),
        (SourceState::Ended, "the stream has ended"),
    ] {
        server.status.stream.capture.set_state(state, None);
        let answer = server.get("/readyz").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{state:?}");
        assert_eq!(answer.text(), format!("not ready: {reason}\n"));
    }
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_client_that_says_nothing_more() {
    let grace = Duration::from_millis(50);
    let server = start(Limits { grace, ..Limits::default() });
    let mut half = server.connect().await;
    send(&mut half, "GET /healthz HTTP/1.1\r\nhost: test\r\n\r\nGET / HT").await;
    let mut first = [0; 12];
    soon(half.read_exact(&mut first)).await.expect("the first answer");
    server.stop.send(()).expect("the server runs");
    soon(server.ended).await.expect("no panic").expect("a clean end");
    assert!(TcpStream::connect(server.at).await.is_err(), "nobody listens any more");
}
