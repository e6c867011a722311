//! A browser that is the camera, as a WebSocket client that sends what FFmpeg has encoded: the real binary over real sockets.

use crate::support::{DEADLINE, Running, ffmpeg, send_with};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::path::Path;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

const CAMERA: [&str; 6] = ["--device", "browser", "--segment", "1s", "--detect", "none"];
const AT: &str = "/api/cameras/cam/send";
const RATE: i64 = 10;

/// A second of a moving picture, encoded so.
fn encoded(options: &[&str], name: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(name);
    let file = file.to_str().expect("plain");
    let source = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=1", "-pix_fmt", "yuv420p"];
    ffmpeg("ffmpeg", &[&source[..], options, &[file]].concat())?;
    Some(std::fs::read(Path::new(file)).expect("it is written"))
}

/// A second of H.264, frame by frame; the first is a key frame.
fn h264() -> Option<Vec<Vec<u8>>> {
    const DELIMITER: [u8; 5] = [0, 0, 0, 1, 9];
    let options = ["-c:v", "libx264", "-tune", "zerolatency", "-profile:v", "baseline", "-bsf:v", "h264_metadata=aud=insert"];
    let bytes = encoded(&options, "a.h264")?;
    let begins: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&DELIMITER)).collect();
    let ends = begins.iter().skip(1).copied().chain([bytes.len()]);
    Some(begins.iter().zip(ends).map(|(begin, end)| bytes[*begin..end].to_vec()).collect())
}

/// As the page writes a frame.
fn message(number: i64, data: &[u8]) -> Message {
    let stamp_us = number * 1_000_000 / RATE;
    Message::binary([&[u8::from(number % RATE == 0)][..], &stamp_us.to_be_bytes(), data].concat())
}

struct Sender {
    socket: WebSocketStream<TcpStream>,
    sent: i64,
}

impl Sender {
    /// Connects as a page of that origin does; or the status with which that is refused.
    async fn connect(running: &Running, headers: &[(&'static str, &str)]) -> Result<Sender, u16> {
        let mut request = format!("ws://{}{AT}", running.address).into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a value"));
        }
        let stream = TcpStream::connect(&running.address).await.expect("it listens");
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Sender { socket, sent: 0 }),
            Err(tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects and says who it is.
    async fn greet(running: &Running, hello: Value) -> Sender {
        let mut sender = Sender::connect(running, &[]).await.expect("it is let in");
        sender.say(hello).await;
        sender
    }

    async fn say(&mut self, what: Value) {
        self.socket.send(Message::text(what.to_string())).await.expect("it is there");
    }

    /// What it is told next.
    async fn told(&mut self) -> Value {
        loop {
            match timeout(DEADLINE, self.socket.next()).await.expect("something is said") {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Sends a second of frames.
    async fn second(&mut self, frames: &[Vec<u8>]) {
        for frame in frames {
            self.socket.send(message(self.sent, frame)).await.expect("it is there");
            self.sent += 1;
        }
    }
}

fn token(running: &Running) -> String {
    running.get(AT).json()["token"].as_str().expect("a token").to_owned()
}

fn hello(running: &Running, page: &str, begin: Value) -> Value {
    json!({ "token": token(running), "page": page, "begin": begin })
}

fn frames_begin() -> Value {
    json!({ "way": "frames", "type": "avc1.42e01e", "fps": RATE })
}

/// What the status says of the source, as soon as it is so.
fn wait_for_source(running: &Running, wanted: impl Fn(&Value) -> bool) -> Value {
    running.wait_for("/api/status", |status| wanted(&status.json()["source"])).json()["source"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_sent_become_the_stream_of_one_sender_at_a_time() {
    let Some(frames) = h264() else { return };
    let running = Running::start(&CAMERA);
    let listed = running.get("/api/cameras").json();
    let waiting = "no browser sends yet; open /send?camera=cam and press START";
    assert_eq!((&listed["cameras"][0]["state"], &listed["cameras"][0]["reason"]), (&json!("opening"), &json!(waiting)));
    let page = running.get("/send");
    assert_eq!((page.status, page.header("permissions-policy").starts_with("camera=(self), ")), (200, true), "{}", page.head);
    assert!(page.text().contains("data-camera=\"cam\""));

    let mut anna = Sender::greet(&running, hello(&running, "annasPage1", frames_begin())).await;
    assert_eq!(anna.told().await, json!({"accepted": true}));
    anna.second(&frames).await;
    assert_eq!(anna.told().await, json!({"shown": true}));
    let source = wait_for_source(&running, |source| source["state"] == "live");
    assert_eq!((&source["width"], &source["height"]), (&json!(160), &json!(120)), "{source}");

    let mut otto = Sender::greet(&running, hello(&running, "ottosPage1", frames_begin())).await;
    let told = otto.told().await;
    assert_eq!(told["end"], "occupied");
    assert!(told["why"].as_str().expect("a text").starts_with("127.0.0.1 sends to this camera already, since "), "{told}");
    assert_eq!(running.get(AT).json()["sender"]["who"], "127.0.0.1");
    let mut takes_over = hello(&running, "ottosPage1", frames_begin());
    takes_over["take_over"] = json!(true);
    let mut otto = Sender::greet(&running, takes_over).await;
    assert_eq!(otto.told().await, json!({"accepted": true}));
    assert_eq!(anna.told().await, json!({"end": "taken", "why": "127.0.0.1 has taken over"}));
    otto.second(&frames).await;
    assert_eq!(otto.told().await, json!({"shown": true}));

    // Its network is cut, and it comes again.
    drop(otto);
    wait_for_source(&running, |source| source["state"] == "lost");
    let mut again = Sender::greet(&running, hello(&running, "ottosPage1", frames_begin())).await;
    assert_eq!(again.told().await, json!({"accepted": true}));
    again.second(&frames).await;
    assert_eq!(again.told().await, json!({"shown": true}));
    wait_for_source(&running, |source| source["state"] == "live" && source["reopened"].as_u64() >= Some(1));
    // A slate was shown meanwhile, and a player sees it all. Who sends is heard of now and then.
    again.second(&frames).await;
    running.wait_for("/cam/video.m3u8", |list| list.text().contains("#EXTINF"));
    again.second(&frames).await;
    let (status, log) = running.interrupt();
    assert_eq!(status.code(), Some(0), "{log:#?}");
    let ended = again.told().await;
    assert_eq!(ended, json!({"end": "ended", "why": "the camera's stream has ended"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_never_ends_is_played_and_may_begin_anew_with_another_size() {
    let Some(webm) = encoded(&["-c:v", "libvpx", "-deadline", "realtime", "-f", "webm", "-live", "1"], "a.webm") else { return };
    let small =
        encoded(&["-s", "128x96", "-c:v", "libx264", "-movflags", "frag_every_frame+empty_moov+default_base_moof"], "a.mp4");
    let running = Running::start(&CAMERA);
    let begin = json!({ "way": "file", "type": "video/webm;codecs=vp8", "fps": RATE });
    let mut sender = Sender::greet(&running, hello(&running, "somePage1", begin)).await;
    assert_eq!(sender.told().await, json!({"accepted": true}));
    for piece in webm.chunks(700) {
        sender.socket.send(Message::binary(piece.to_vec())).await.expect("it is there");
    }
    assert_eq!(sender.told().await, json!({"shown": true}));
    let before = wait_for_source(&running, |source| source["state"] == "live")["pictures"].clone();
    sender.say(json!({ "begin": { "way": "file", "type": "video/mp4;codecs=avc1", "fps": RATE } })).await;
    sender.socket.send(Message::binary(small.expect("FFmpeg is there"))).await.expect("it is there");
    wait_for_source(&running, |source| source["pictures"].as_u64() > before.as_u64());
    // What cannot be read is told, and the next one may send.
    sender.say(json!({ "begin": { "way": "file", "type": "video/webm", "fps": RATE } })).await;
    sender.socket.send(Message::binary(vec![0x5a; 100_000])).await.expect("it is there");
    expect_end(&mut sender, "unreadable", "cannot be read as").await;
    let (_, log) = running.interrupt();
    let told: Vec<&String> = log.iter().filter(|line| line.contains("cannot be read as")).collect();
    assert_eq!(told.len(), 1, "{log:#?}");
}

/// What it is told next is its end.
async fn expect_end(sender: &mut Sender, word: &str, why: &str) {
    let mut told = sender.told().await;
    // Frames that come faster than they are read are left out, and a key frame is asked for.
    while told == json!({"key": true}) {
        told = sender.told().await;
    }
    assert_eq!(told["end"], word, "{told}");
    assert!(told["why"].as_str().is_some_and(|text| text.contains(why)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_send_and_what_is_no_message_is_refused() {
    let running = Running::start(&CAMERA);
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(Sender::connect(&running, &foreign).await.map(drop), Err(403));
    let own = format!("http://{}", running.address);
    let other_site = [("origin", own.as_str()), ("sec-fetch-site", "same-site")];
    assert_eq!(Sender::connect(&running, &other_site).await.map(drop), Err(403));
    assert!(Sender::connect(&running, &[("origin", own.as_str()), ("sec-fetch-site", "same-origin")]).await.is_ok());

    let check = async |hello: Value, more: Option<Message>, word: &str, why: &str| {
        let mut sender = Sender::greet(&running, hello).await;
        if let Some(message) = more {
            assert_eq!(sender.told().await, json!({"accepted": true}));
            // It may be told before all of it is sent.
            sender.socket.send(message).await.ok();
        }
        expect_end(&mut sender, word, why).await;
    };
    let with_token = |token: &str| json!({ "token": token, "page": "somePage1", "begin": frames_begin() });
    check(with_token(""), None, "token", "none of ours").await;
    check(with_token(&token(&running).replace('.', "0.")), None, "token", "none of ours").await;
    check(json!({"hello": 1}), None, "bad", "not the JSON that is wanted").await;
    let begin = json!({ "way": "frames", "type": "hev1.1.6.L93" });
    check(hello(&running, "somePage1", begin), None, "bad", "is no type that hlscam reads").await;
    let good = || hello(&running, "somePage1", frames_begin());
    check(good(), Some(Message::binary(vec![1; 5])), "bad", "a frame has 5 bytes").await;
    check(good(), Some(Message::binary(vec![0; (4 << 20) + 1])), "bad", "a message is longer than").await;
    check(good(), Some(Message::text("{}")), "bad", "not the JSON").await;
    // Frames of noise.
    let mut noise = Sender::greet(&running, good()).await;
    assert_eq!(noise.told().await, json!({"accepted": true}));
    for number in 0..100 {
        noise.socket.send(message(number * RATE, &[0x77; 400])).await.ok();
    }
    expect_end(&mut noise, "unreadable", "cannot be read as").await;
    let plain = [("connection", "upgrade"), ("upgrade", "websocket")];
    let refused = send_with(&running.address, ("GET", AT), &plain, "").expect("an answer");
    assert_eq!(refused.status, 426, "{}", refused.text());
    let none = running.get("/api/cameras/porch/send");
    assert_eq!(none.status, 404);
}

#[test]
fn a_camera_that_is_none_of_a_browser_takes_nothing() {
    let running = Running::start(&["--device", "test", "--size", "160x120", "--detect", "none"]);
    let refused = running.get(AT);
    assert_eq!((refused.status, refused.text().contains("--device browser")), (409, true), "{}", refused.text());
    assert_eq!(running.get("/send").status, 404);
}
