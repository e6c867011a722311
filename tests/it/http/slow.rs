//! Readers that do not read: what they hold is bounded, and they are ended.

use super::{
    running::{Running, read_all, send, soon, start},
    stream::{open, publish},
};
use bytes::Bytes;
use hlscam::{
    marker::draft::Draft,
    server::{ANSWERS_BYTES_MAX, Limits},
    time::{Clock, Span},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{net::TcpSocket, task::JoinHandle};

/// A peer that answers pings and never lets a byte of an answer come: its windows are zero.
async fn stuck(server: &Running, target: &str) -> (u16, h2::RecvStream, JoinHandle<()>) {
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let stream = server.connect().await;
    let (client, connection) = soon(builder.handshake::<_, Bytes>(stream)).await.expect("HTTP/2");
    let ended = tokio::spawn(async move { drop(connection.await) });
    let mut client = soon(client.ready()).await.expect("ready");
    let request = hyper::Request::get(format!("http://test{target}")).body(()).expect("a request");
    let (answer, _) = client.send_request(request, true).expect("sent");
    let answer = soon(answer).await.expect("its head comes");
    (answer.status().as_u16(), answer.into_body(), ended)
}

async fn answers(server: &Running) -> Value {
    let status: Value = serde_json::from_slice(&server.get("/api/status").await.body).expect("JSON");
    status["answers"].clone()
}

/// Markers that make a page of some 3 MB.
async fn fill(server: &Running) {
    let begin = server.clock.wall();
    for n in 0..700 {
        let at = begin + Span::from_ms(n);
        let data = Some(json!("y".repeat(4000)));
        server.journal.add(Draft { kind: "door".to_owned(), text: None, begin: at, end: Some(at), data }).await.expect("made");
    }
}

#[tokio::test]
async fn a_peer_with_a_window_of_zero_that_answers_pings_is_ended() {
    let server = start(Limits { patience: Duration::from_millis(100), ..Limits::default() });
    publish(&server, 3);
    open(&server, 4);
    let targets = ["/cam/seg-t-1.m4s", "/cam/seg-t-4.m4s", "/cam/video.m3u8", "/api/markers", "/api/events", "/hls.js"];
    for target in targets {
        let (status, body, ended) = stuck(&server, target).await;
        assert_eq!(status, 200, "{target}");
        soon(ended).await.expect("no panic");
        drop(body);
    }
    let told = answers(&server).await;
    assert_eq!(told["slow"], targets.len(), "{told}");
    soon(async {
        // The status is an answer too.
        while answers(&server).await["under_way"] != 0 || server.window.waiters() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_of_http_1_that_does_not_read_is_ended() {
    let server = start(Limits { patience: Duration::from_millis(100), ..Limits::default() });
    fill(&server).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = soon(socket.connect(server.at)).await.expect("the server listens");
    // More in one connection than the system's buffers take.
    let page = "GET /api/markers HTTP/1.1\r\nhost: test\r\n\r\n";
    send(&mut stream, &page.repeat(8)).await;
    soon(async {
        while answers(&server).await["slow"] == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    read_all(&mut stream).await;
}

#[tokio::test]
async fn pages_of_markers_that_nobody_reads_hold_so_much_and_no_more() {
    let server = start(Limits::default());
    fill(&server).await;
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(stuck(&server, "/api/markers").await);
    }
    let told = answers(&server).await;
    assert!(told["bytes"].as_u64().is_some_and(|bytes| bytes <= ANSWERS_BYTES_MAX as u64 + 64 * 1024), "{told}");
    assert_eq!(told["bytes_max"], ANSWERS_BYTES_MAX, "{told}");
    let refused = readers.iter().filter(|(status, ..)| *status == 503).count() as u64;
    assert!(told["refused"].as_u64() == Some(refused) && (refused > 0 || told["slow"].as_u64() > Some(0)), "{told}");
    assert_eq!(server.get("/healthz").await.status, 200);
}
