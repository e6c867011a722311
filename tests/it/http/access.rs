//! Under which names the server answers, and what pages of other origins get, over real sockets.

use super::{
    running::{Answer, Running, read_all, send, soon, start, start_with},
    stream::{open, publish},
};
use hlscam::server::{AccessConfig, AllowedOrigins, Limits, authority::Origin};

/// What a browser sends of a page elsewhere: a script that reads, a picture or video that is shown, a form that is sent.
const READS: &str =
    "origin: https://evil.example\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: cors\r\nsec-fetch-dest: empty\r\n";
const SHOWS: &str = "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\nsec-fetch-dest: video\r\n";
const READS_PLAINLY: &str = "origin: http://evil.example\r\n";
const FRAMES: &str = "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: iframe\r\n";

async fn raw(server: &Running, head: &str) -> Answer {
    let mut stream = server.connect().await;
    send(&mut stream, &format!("{head}connection: close\r\n\r\n")).await;
    Answer::parse(&read_all(&mut stream).await)
}

#[tokio::test]
async fn who_asks_under_another_name_gets_nothing_and_changes_nothing() {
    let server = start(Limits::default());
    publish(&server, 3);
    for target in ["/", "/api/status", "/api/markers", "/cam/video.m3u8", "/cam/seg-t-1.m4s", "/api/events", "/healthz", "/nothing"]
    {
        let answer = raw(&server, &format!("GET {target} HTTP/1.1\r\nhost: evil.example:{}\r\n", server.at.port())).await;
        assert_eq!(answer.status, 421, "{target}");
        assert!(answer.text().contains("--host-name") && answer.header("cache-control") == "no-store", "{}", answer.text());
    }
    let own = "host: evil.example\r\norigin: http://evil.example\r\nsec-fetch-site: same-origin\r\n";
    let json = "content-type: application/json\r\ncontent-length: 12\r\n";
    let answer = raw(&server, &format!("POST /api/markers HTTP/1.1\r\n{own}{json}")).await;
    assert_eq!(answer.status, 421);
    assert_eq!(raw(&server, &format!("DELETE /api/markers/x-1 HTTP/1.1\r\n{own}")).await.status, 421);
    assert!(server.get("/api/markers").await.text().contains("\"markers\":[]"));
    for (hosts, expect) in [
        ("", 400),
        ("host: test\r\nhost: test\r\n", 400),
        ("host: test/x\r\n", 400),
        ("host: test:80:80\r\n", 400),
        ("host: 127.0.0.1\r\n", 200),
        ("host: [::1]:1\r\n", 200),
        ("host: LOCALHOST.:8080\r\n", 200),
    ] {
        assert_eq!(raw(&server, &format!("GET /healthz HTTP/1.1\r\n{hosts}")).await.status, expect, "{hosts:?}");
    }
}

#[tokio::test]
async fn the_name_counts_in_http_2_too() {
    let server = start(Limits::default());
    let (client, connection) = soon(h2::client::handshake(server.connect().await)).await.expect("HTTP/2");
    tokio::spawn(connection);
    for (uri, host, expect) in [
        ("http://test/healthz", None, 200),
        ("http://evil.example/healthz", None, 421),
        ("http://test/healthz", Some("evil.example"), 400),
        ("http://evil.example/healthz", Some("test"), 400),
    ] {
        let mut client = soon(client.clone().ready()).await.expect("ready");
        let request = hyper::Request::get(uri);
        let request = host.into_iter().fold(request, |request, host| request.header("host", host)).body(()).expect("a request");
        let (answer, _) = client.send_request(request, true).expect("sent");
        assert_eq!(soon(answer).await.expect("an answer").status().as_u16(), expect, "{uri} {host:?}");
    }
}

#[tokio::test]
async fn a_page_elsewhere_gets_no_byte_and_may_frame_the_picture_alone() {
    let server = start(Limits::default());
    publish(&server, 3);
    open(&server, 4);
    for target in ["/cam/index.m3u8", "/cam/seg-t-1.m4s", "/cam/seg-t-4.m4s", "/time", "/api/status", "/hls.js", "/healthz"] {
        for lines in [READS, SHOWS, READS_PLAINLY] {
            let answer = server.ask("GET", target, lines).await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (403, ""), "{target} {lines}");
            assert!(answer.text().contains("--allow-origin"), "{}", answer.text());
        }
        let own = server.ask("HEAD", target, "sec-fetch-site: same-origin\r\nsec-fetch-mode: cors\r\n").await;
        assert_eq!((own.status, own.header("cross-origin-resource-policy")), (200, "same-origin"), "{target}");
    }
    let framed = server.ask("GET", "/?embed", FRAMES).await;
    assert!(framed.status == 200 && framed.header("content-security-policy").ends_with("frame-ancestors *"));
    assert!(server.ask("GET", "/", FRAMES).await.header("content-security-policy").ends_with("frame-ancestors 'self'"));
}

#[tokio::test]
async fn a_page_that_is_allowed_reads_the_stream_and_nothing_else() {
    let origin = Origin::parse("https://evil.example").expect("an origin");
    for origins in [AllowedOrigins::Listed(vec![origin]), AllowedOrigins::Any] {
        let told = if origins == AllowedOrigins::Any { "*" } else { "https://evil.example" };
        let server = start_with(
            Limits::default(),
            AccessConfig {
                origins,
                host_names: vec![hlscam::server::authority::Host::Name("test".to_owned())],
                ..AccessConfig::default()
            },
        );
        publish(&server, 3);
        open(&server, 4);
        for target in ["/cam/index.m3u8", "/cam/seg-t-1.m4s", "/cam/seg-t-4.m4s", "/cam/nothing", "/time"] {
            let answer = server.ask("HEAD", target, READS).await;
            assert_eq!((answer.status == 403, answer.header("access-control-allow-origin")), (false, told), "{target}");
            assert!(answer.header("access-control-expose-headers").contains("ETag"), "{target}");
        }
        let asks = "access-control-request-method: GET\r\naccess-control-request-headers: cmcd-session\r\n";
        let answer = server.ask("OPTIONS", "/cam/index.m3u8", &format!("{READS}{asks}")).await;
        assert_eq!((answer.status, answer.header("access-control-allow-headers")), (204, "cmcd-session"));
        assert_eq!(
            (answer.header("access-control-allow-origin"), answer.header("access-control-allow-methods")),
            (told, "GET, HEAD")
        );
        assert_eq!(server.ask("GET", "/api/status", READS).await.status, 403);
        assert_eq!(server.ask("DELETE", "/api/markers/x-1", READS).await.status, 403);
        assert_eq!(server.ask("GET", "/cam/index.m3u8", SHOWS).await.status, if told == "*" { 200 } else { 403 });
    }
}
