//! A growing segment over real sockets, as DASH players ask for it.

use super::{
    running::{Answer, Running, read_all, send, soon, start},
    stream::{PARTS, open, part, publish},
};
use hlscam::{
    package::{Msn, PackagerEvent},
    server::Limits,
};
use tokio::{io::AsyncReadExt, net::TcpStream};

fn bytes_of(msn: u64, parts: std::ops::Range<u32>) -> Vec<u8> {
    parts.flat_map(|index| part(msn, index).data.read().expect("it is in memory")).collect()
}

/// Publishes parts of segment 4 up to the one before `to`, and its end if that is all.
fn grow(server: &Running, from: u32, to: u32) {
    let end = (to == PARTS).then_some(PackagerEvent::End(Msn(4)));
    server.window.push_all((from..to).map(|index| PackagerEvent::Part(part(4, index))).chain(end));
}

async fn ask(server: &Running, msn: u64) -> TcpStream {
    let mut stream = server.connect().await;
    send(&mut stream, &format!("GET /cam/seg-t-{msn}.m4s HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")).await;
    stream
}

/// The bytes of a chunked body, and whether its last chunk is there.
fn unchunk(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let len = usize::from_str_radix(std::str::from_utf8(&body[..end]).expect("a number"), 16).expect("a number");
        if len == 0 {
            return (out, true);
        }
        let data = &body[end + 2..];
        out.extend_from_slice(&data[..len.min(data.len())]);
        body = data.get(len + 2..).unwrap_or_default();
    }
    (out, false)
}

/// Reads on until so many bytes of the body are there.
async fn read_body(stream: &mut TcpStream, seen: &mut Vec<u8>, len: usize) -> Answer {
    soon(async {
        loop {
            if seen.windows(4).any(|four| four == b"\r\n\r\n") {
                let answer = Answer::parse(seen);
                if unchunk(&answer.body).0.len() >= len {
                    return answer;
                }
            }
            assert_ne!(stream.read_buf(seen).await.expect("the connection lives"), 0, "the answer goes on");
        }
    })
    .await
}

#[tokio::test]
async fn each_part_is_sent_as_soon_as_it_is_there() {
    let server = start(Limits::default());
    publish(&server, 3);
    open(&server, 4);
    let mut stream = ask(&server, 4).await;
    let mut seen = Vec::new();
    for parts in 1..PARTS {
        let so_far = bytes_of(4, 0..parts);
        let answer = read_body(&mut stream, &mut seen, so_far.len()).await;
        assert_eq!((answer.status, answer.header("transfer-encoding")), (200, "chunked"));
        assert_eq!(answer.header("content-length"), "");
        assert_eq!(answer.header("access-control-allow-origin"), "", "no page elsewhere was allowed");
        assert_eq!(unchunk(&answer.body), (so_far, false));
        grow(&server, parts, parts + 1);
    }
    seen.extend(read_all(&mut stream).await);
    let whole = bytes_of(4, 0..PARTS);
    assert_eq!(unchunk(&Answer::parse(&seen).body), (whole.clone(), true));
    let again = server.get("/cam/seg-t-4.m4s").await;
    assert_eq!(again.header("content-length"), whole.len().to_string());
    assert_eq!(again.body, whole);
}

#[tokio::test]
async fn the_segment_that_comes_next_is_waited_for() {
    let server = start(Limits::default());
    publish(&server, 3);
    assert_eq!(server.get("/cam/seg-t-9.m4s").await.status, 404);
    let mut stream = ask(&server, 4).await;
    soon(async {
        while server.window.waiters() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    open(&server, 4);
    let mut seen = Vec::new();
    read_body(&mut stream, &mut seen, bytes_of(4, 0..1).len()).await;
    server.window.end();
    seen.extend(read_all(&mut stream).await);
    assert_eq!(unchunk(&Answer::parse(&seen).body), (bytes_of(4, 0..1), true));
}

#[tokio::test]
async fn head_of_a_growing_segment_has_no_length_and_no_body() {
    let server = start(Limits::default());
    publish(&server, 3);
    open(&server, 4);
    let head = server.ask("HEAD", "/cam/seg-t-4.m4s", "").await;
    assert_eq!((head.status, head.header("content-type"), head.header("content-length")), (200, "video/iso.segment", ""));
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn http_2_gets_it_part_by_part_too() {
    let server = start(Limits::default());
    publish(&server, 3);
    open(&server, 4);
    let (client, connection) = soon(h2::client::handshake(server.connect().await)).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut client = soon(client.ready()).await.expect("ready");
    let request = hyper::Request::get("http://test/cam/seg-t-4.m4s").body(()).expect("a request");
    let (answer, _) = client.send_request(request, true).expect("sent");
    let mut body = soon(answer).await.expect("an answer").into_body();
    let mut got = Vec::new();
    for parts in 1..=PARTS {
        while got.len() < bytes_of(4, 0..parts).len() {
            let data = soon(body.data()).await.expect("more").expect("data");
            body.flow_control().release_capacity(data.len()).expect("it was received");
            got.extend_from_slice(&data);
        }
        assert_eq!(got, bytes_of(4, 0..parts));
        grow(&server, parts, (parts + 1).min(PARTS));
    }
    assert!(soon(body.data()).await.is_none_or(|last| last.is_ok_and(|data| data.is_empty())));
}

#[tokio::test]
async fn a_player_that_goes_away_frees_its_place_at_once() {
    let server = start(Limits::default());
    publish(&server, 3);
    open(&server, 4);
    let mut stream = ask(&server, 4).await;
    read_body(&mut stream, &mut Vec::new(), bytes_of(4, 0..1).len()).await;
    assert_eq!(server.window.waiters(), 1);
    drop(stream);
    soon(async {
        while server.window.waiters() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_manifest_names_what_is_there() {
    let server = start(Limits::default());
    let comes = async {
        while server.window.waiters() == 0 {
            tokio::task::yield_now().await;
        }
        publish(&server, 3);
    };
    let (manifest, ()) = tokio::join!(server.get("/cam/index.mpd"), comes);
    assert_eq!((manifest.status, manifest.header("content-type")), (200, "application/dash+xml"));
    let attribute = |name: &str| {
        let text = manifest.text().split_once(&format!(" {name}=\"")).expect(name).1;
        text.split_once('"').expect("an end").0.to_owned()
    };
    assert_eq!(server.get(&format!("/cam/{}", attribute("initialization"))).await.status, 200);
    let first = attribute("media").replace("$Number$", &attribute("startNumber"));
    assert_eq!(server.get(&format!("/cam/{first}")).await.body, bytes_of(1, 0..PARTS));
    let clock = manifest.text().split_once("value=\"..").expect("a clock").1.split_once('"').expect("an end").0.to_owned();
    let time = server.get(&clock).await;
    assert!(clock.starts_with("/time?zero=") && time.status == 200 && time.body == server.get("/time").await.body);
    let location = manifest.text().split_once("Location>").expect("a place").1.split_once('<').expect("an end").0.to_owned();
    assert_eq!(server.get(&format!("/cam/{location}")).await.body, manifest.body);
    assert!(time.header("access-control-allow-origin").is_empty());
    let (list, hidden) = (server.get("/cam/video.m3u8").await, "seg-t-4.m4s");
    assert!(!list.text().contains(hidden), "HLS does not list what still grows");
}
