//! Snapshots and the stream of pictures of the whole program. The test source writes the time of capture into its pictures.

use crate::support::{Answer, Deadline, Running};
use hlscam::{
    picture::{
        Picture, PicturePool,
        strip::{self, Strip},
    },
    source::mjpeg::MjpegDecoder,
    time::{Ticks, WallTime},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

const FPS: i64 = 10;

fn start() -> Running {
    Running::start(&["--device", "test", "--detect", "none", "--size", "320x240", "--fps", "10", "--segment", "1s"])
}

fn decoded(jpeg: &[u8]) -> Picture {
    MjpegDecoder::open().expect("opens").decode(jpeg, Ticks(0), &PicturePool::default()).expect("a JPEG picture")
}

fn strip_of(jpeg: &[u8]) -> Strip {
    strip::read_strip(&decoded(jpeg)).expect("the test source has a strip")
}

/// When the picture says that it was captured, in ms since 1970.
fn shown_ms(answer: &Answer) -> i64 {
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/jpeg"), "{}", answer.text());
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    strip_of(&answer.body).unix_ms
}

#[test]
fn a_snapshot_is_the_newest_picture_or_that_of_a_moment_to_the_frame() {
    let server = start();
    let first = server.wait_for("/cam/snapshot.jpg", |_| true);
    assert_eq!((first.header("cache-control"), first.header("etag")), ("no-store", ""));
    let begin = shown_ms(&first);
    let newest = server.wait_for("/cam/snapshot.jpg", |answer| shown_ms(answer) > begin + 2500);
    let newest = shown_ms(&newest);
    assert!(newest - begin < 30_000, "it is the newest");

    for ms in [1000, 1350, 1999, 2050] {
        let at = begin + ms;
        let time = WallTime::from_unix_ms(at).to_string();
        let path = format!("/cam/snapshot.jpg?at={time}");
        let answer = server.wait_for(&path, |_| true);
        let shown = shown_ms(&answer);
        // The date of a frame is that of its point on the grid, which is off by half a frame at most from the time of capture; a busy machine repeats some.
        assert!((at - shown) >= -1000 / FPS / 2 - 2 && (at - shown) <= 1000 / FPS * 6, "at {at} {shown} is shown");
        assert_eq!(answer.header("cache-control"), "private, max-age=3600");
        let (tag, name) = (answer.header("etag"), answer.header("content-disposition"));
        let named = format!("inline; filename=\"cam_{}.jpg\"", WallTime::from_unix_ms(shown).to_file_name());
        // At the turn of a second the name may be that of the grid point before.
        assert!(tag.len() > 10 && (name == named || shown % 1000 < 100 || shown % 1000 > 900), "{tag} {name} {named}");

        let small = server.get(&format!("{path}&width=161"));
        assert_eq!((shown_ms(&small), decoded(&small.body).size().to_string().as_str()), (shown, "160x120"));
        assert_ne!(small.header("etag"), tag);

        let thumb = server.get(&format!("/cam/thumb.jpg?at={time}"));
        let key = shown_ms(&thumb);
        assert!(key <= shown && shown - key <= 1000, "the key frame before: {key} of {shown}");
        assert_eq!((decoded(&thumb.body).size().width(), thumb.header("cache-control")), (160, "private, max-age=3600"));
        assert!(server.get(&format!("/cam/thumb.jpg?at={time}")).body == thumb.body, "it was kept");
    }
    let early = server.get("/cam/snapshot.jpg?at=2026-01-01T00:00:00Z");
    assert_eq!(early.status, 404);
    let told = early.text();
    assert!(told.starts_with("there is no picture of that time; there are some from 20") && told.contains("Z to 20"), "{told}");
}

#[test]
fn a_picture_that_the_client_has_is_not_made_again() {
    let server = start();
    let first = shown_ms(&server.wait_for("/cam/snapshot.jpg", |_| true));
    for name in ["snapshot", "thumb"] {
        let path = format!("/cam/{name}.jpg?at={}", WallTime::from_unix_ms(first + 200));
        let answer = server.wait_for(&path, |_| true);
        let mut stream = TcpStream::connect(&server.address).expect("the server listens");
        let head = format!("host: {}\r\nconnection: close\r\nif-none-match: {}", server.address, answer.header("etag"));
        write!(stream, "GET {path} HTTP/1.1\r\n{head}\r\n\r\n").expect("it reads");
        let mut again = String::new();
        stream.read_to_string(&mut again).expect("an answer without a body");
        assert!(again.starts_with("HTTP/1.1 304") && again.contains(answer.header("etag")), "{again}");
    }
}

/// The stream of pictures, part by part.
struct Watched {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Watched {
    /// HTTP/1.0, for then the body is not in chunks.
    fn open(server: &Running) -> Watched {
        let mut stream = TcpStream::connect(&server.address).expect("the server listens");
        write!(stream, "GET /cam/stream.mjpg HTTP/1.0\r\nhost: {}\r\n\r\n", server.address).expect("it reads");
        let mut watched = Watched { stream, bytes: Vec::new() };
        let head = watched.until(b"\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.0 200") && head.contains("multipart/x-mixed-replace; boundary=hlscam-picture"), "{head}");
        assert_eq!(watched.until(b"--hlscam-picture\r\n").as_deref(), Some("--hlscam-picture\r\n"));
        watched
    }

    /// Reads more; `false` at the end.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 65536];
        let n = self.stream.read(&mut bytes).unwrap_or(0);
        self.bytes.extend_from_slice(&bytes[..n]);
        n > 0
    }

    fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.bytes.windows(end.len()).position(|window| window == end) {
                return Some(String::from_utf8_lossy(&self.bytes.drain(..at + end.len()).collect::<Vec<u8>>()).into_owned());
            }
            if !self.read() {
                return None;
            }
        }
    }

    /// The next picture; `None` after the end.
    fn next(&mut self) -> Option<Vec<u8>> {
        let head = self.until(b"\r\n\r\n")?;
        let len = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        let len: usize = len.parse().expect("a number");
        let ending = b"\r\n--hlscam-picture\r\n";
        while self.bytes.len() < len + ending.len() {
            assert!(self.read(), "a picture is whole");
        }
        let jpeg: Vec<u8> = self.bytes.drain(..len).collect();
        assert_eq!(self.bytes.drain(..ending.len()).collect::<Vec<u8>>(), ending);
        Some(jpeg)
    }
}

#[test]
fn the_stream_of_pictures_moves_for_all_who_watch_and_ends_with_the_server() {
    let server = start();
    server.wait_for("/readyz", |_| true);
    let (mut one, mut other) = (Watched::open(&server), Watched::open(&server));
    let mut last = 0;
    for _ in 0..8 {
        let shown = strip_of(&one.next().expect("a picture")).unix_ms;
        assert!(shown > last, "{shown} after {last}");
        last = shown;
    }
    // One who has not read meanwhile is not behind for long: what its socket does not hold it has missed.
    let deadline = Deadline::start();
    while strip_of(&other.next().expect("a picture")).unix_ms < last {
        assert!(!deadline.is_over());
    }
    assert!(server.get("/api/status").json()["viewers"].as_u64() >= Some(1), "who watches is a viewer");
    let ending = std::thread::spawn(move || while one.next().is_some() {});
    let (status, log) = server.interrupt();
    assert!(status.success(), "{log:?}");
    ending.join().expect("the body has ended");
    while other.next().is_some() {}
}
