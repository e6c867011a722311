//! Server-sent events over real sockets.

use super::running::{Running, send, soon, start};
use hlscam::{
    events::EventKind,
    server::{Limits, SUBSCRIBERS_MAX, SUBSCRIBERS_OF_PROXY_MAX},
    time::Clock,
};
use std::time::Duration;
use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, TcpStream},
};

/// A client of an event stream.
struct Client {
    stream: TcpStream,
    text: String,
}

impl Client {
    async fn connect(server: &Running, target: &str, headers: &str) -> Client {
        Client::connect_from(server, "127.0.0.1", target, headers).await
    }

    /// The same from another address of this computer.
    async fn connect_from(server: &Running, address: &str, target: &str, headers: &str) -> Client {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(format!("{address}:0").parse().expect("an address")).expect("all of 127.0.0.0/8 is here");
        let mut stream = soon(socket.connect(server.at)).await.expect("the server listens");
        send(&mut stream, &format!("GET {target} HTTP/1.1\r\nhost: test\r\n{headers}\r\n")).await;
        Client { stream, text: String::new() }
    }

    /// Reads until there is so much; returns all so far.
    async fn read_until(&mut self, what: &str) -> &str {
        let mut bytes = [0; 4096];
        while !self.text.contains(what) {
            let n = soon(self.stream.read(&mut bytes)).await.expect("the server writes");
            assert!(n > 0, "ended without {what}: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
        &self.text
    }

    /// Reads to the end of the body.
    async fn rest(mut self) -> String {
        self.read_until("\r\n0\r\n\r\n").await;
        self.text
    }
}

fn publish(server: &Running, reason: &'static str) {
    server.journal.events.publish(server.clock.wall(), EventKind::CameraLost(reason));
}

#[tokio::test]
async fn an_event_reaches_who_listens_and_who_comes_back() {
    let server = start(Limits::default());
    publish(&server, "before");
    let mut client = Client::connect(&server, "/api/events", "").await;
    let head = client.read_until("retry: 2000\n\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/event-stream\r\n") && head.contains("cache-control: no-store\r\n"), "{head}");
    assert!(!head.contains("access-control-allow-origin"), "{head}");
    publish(&server, "now");
    let expect =
        "id: t-2\nevent: camera-lost\ndata: {\"at\":\"2026-11-20T16:19:12.123Z\",\"camera\":\"cam\",\"reason\":\"now\"}\n\n";
    assert!(client.read_until("now").await.contains(expect));
    drop(client);
    publish(&server, "later");
    let mut back = Client::connect(&server, "/api/events", "last-event-id: t-1\r\n").await;
    let text = back.read_until("later").await;
    assert!(text.contains("id: t-2\n") && text.contains("id: t-3\n") && !text.contains("id: t-1\n"), "{text}");
}

#[tokio::test]
async fn the_end_of_the_stream_ends_the_answer_and_tells_browsers_to_stay_away() {
    let server = start(Limits::default());
    let mut client = Client::connect(&server, "/api/events", "").await;
    let mut detections = Client::connect(&server, "/api/detections", "").await;
    client.read_until("retry").await;
    detections.read_until("retry").await;
    server.journal.end("a test");
    assert!(
        client
            .rest()
            .await
            .contains("event: stream-ended\ndata: {\"at\":\"2026-11-20T16:19:12.123Z\",\"camera\":\"cam\",\"reason\":\"a test\"}")
    );
    detections.rest().await;
    assert_eq!(server.get("/api/events").await.status, 204);
    assert_eq!(server.get("/api/detections").await.status, 204);
    assert!(Client::connect(&server, "/api/events", "last-event-id: t-0\r\n").await.rest().await.contains("stream-ended"));
    assert_eq!(server.ask("GET", "/api/events", "last-event-id: t-1\r\n").await.status, 204);
}

#[tokio::test]
async fn clients_are_bounded_and_a_place_is_free_again() {
    let server = start(Limits::default());
    let mut clients = Vec::new();
    let mut listen = async |address: &str| {
        let target = ["/api/events", "/api/detections"][clients.len() % 2];
        let mut client = Client::connect_from(&server, address, target, "").await;
        client.read_until("\r\n\r\n").await;
        let head = client.text.clone();
        let is_in = head.starts_with("HTTP/1.1 200 ");
        clients.push(client);
        assert!(is_in || head.contains("retry-after: 5\r\n"), "{head}");
        head.split(' ').nth(1).map(str::to_owned)
    };
    // This computer, where a proxy would bring everybody, leaves places for who comes without it.
    for _ in 0..SUBSCRIBERS_OF_PROXY_MAX {
        assert_eq!(listen("127.0.0.1").await.as_deref(), Some("200"));
    }
    assert_eq!(listen("127.0.0.1").await.as_deref(), Some("429"));
    for _ in SUBSCRIBERS_OF_PROXY_MAX..SUBSCRIBERS_MAX {
        assert_eq!(listen("127.0.0.2").await.as_deref(), Some("200"));
    }
    assert_eq!(listen("127.0.0.3").await.as_deref(), Some("503"));
    // The one of 127.0.0.2 that came last but is there.
    clients.remove(SUBSCRIBERS_MAX);
    let freed = async {
        while server.ask("HEAD", "/api/events", "").await.status != 429 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut next = Client::connect_from(&server, "127.0.0.3", "/api/events", "").await;
        while !next.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 200 ") {
            next = Client::connect_from(&server, "127.0.0.3", "/api/events", "").await;
        }
    };
    soon(freed).await;
}

#[tokio::test]
async fn who_does_not_read_stalls_nobody_and_is_told_what_was_missed() {
    let server = start(Limits::default());
    let mut slow = Client::connect(&server, "/api/events", "").await;
    slow.read_until("retry").await;
    let mut swift = Client::connect(&server, "/api/events", "").await;
    swift.read_until("retry").await;
    // More than sockets buffer.
    for n in 0..60 {
        (0..900)
            .for_each(|_| publish(&server, "a long story of a camera that is lost again and again, and comes back, and is lost"));
        swift.read_until(&format!("id: t-{}\n", (n + 1) * 900)).await;
        swift.text.clear();
    }
    assert!(slow.read_until("event: missed\ndata: {\"count\":").await.contains("id: t-1\n"));
    slow.read_until("id: t-54000\n").await;
}
