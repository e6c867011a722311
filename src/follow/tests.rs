//! Following a server that is made up: what it lists, and when, is in the hands of the test.

use super::*;
use crate::{
    encode::{self, EncodedFrame},
    grid::Grid,
    http_client::parse_address,
    package::segment::{Segmenter, SegmenterConfig},
    package::{FirstSegment, media_bytes::MediaBytes},
    picture::Size,
    sync::lock,
    time::WallAnchor,
};
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const GRID: Grid = Grid { rate: FrameRate::whole(30), part_frames: 6, segment_parts: 5, key_parts: 5, lead_parts: 5 };
const WALL: WallTime = WallTime(1_795_191_552_000_000);
/// Parts of a segment, each of six frames and 200 ms.
const PARTS: usize = 5;

/// What the server answers, by path, and how often it was asked.
#[derive(Default)]
struct World {
    answers: Mutex<BTreeMap<String, Vec<u8>>>,
    requests: Mutex<usize>,
}

impl World {
    fn set(&self, path: &str, body: impl Into<Vec<u8>>) {
        lock(&self.answers).insert(path.to_owned(), body.into());
    }

    /// Lists these segments, of which the last has only so many parts yet.
    fn list(&self, segments: std::ops::RangeInclusive<u64>, growing: usize, end: &str) {
        let mut text = format!("#EXTM3U\n#EXT-X-PART-INF:PART-TARGET=0.20000\n#EXT-X-MEDIA-SEQUENCE:{}\n", segments.start());
        for msn in segments.clone() {
            writeln!(text, "#EXT-X-MAP:URI=\"init.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:{}", wall_of(msn)).expect("it is a text");
            let is_whole = msn != *segments.end() || growing == PARTS;
            for part in 0..if is_whole { PARTS } else { growing } {
                let key = if part == 0 { ",INDEPENDENT=YES" } else { "" };
                writeln!(text, "#EXT-X-PART:DURATION=0.20000,URI=\"{msn}.{part}.m4s\"{key}").expect("it is a text");
            }
            if is_whole {
                writeln!(text, "#EXTINF:1.00000,\n{msn}.m4s").expect("it is a text");
            }
        }
        self.set("/cam/video.m3u8", text + end);
    }
}

fn wall_of(msn: u64) -> WallTime {
    WALL + Span::from_ms(1000 * msn as i64)
}

/// A server with all the bytes of ten segments, which lists nothing yet.
async fn world() -> (Arc<World>, Address) {
    let world = Arc::new(World::default());
    world.set("/api/cameras", r#"{"cameras":[{"name":"cam","state":"live"}]}"#);
    let params = encode::fixture::params(Size::new(64, 48).expect("even"), GRID.rate, 0);
    let anchor = WallAnchor { at: Ticks(0), wall: WALL };
    let mut segmenter = Segmenter::new(FirstSegment::NEW, SegmenterConfig { params: params.into(), grid: Some(GRID), anchor })
        .expect("it is sound");
    let frame = |n: i64| EncodedFrame {
        at: Ticks(3000 * n),
        duration: Span(3000),
        key: n % 30 == 0,
        data: vec![n as u8; 10 + n as usize % 7].into(),
    };
    let bytes = |data: &MediaBytes| data.read().expect("it is in memory").to_vec();
    for event in (0..300).flat_map(|n| segmenter.push(frame(n)).expect("frames follow each other")) {
        match event {
            PackagerEvent::Init { data, .. } => world.set("/cam/init.mp4", bytes(&data)),
            PackagerEvent::Part(part) => {
                world.set(&format!("/cam/{}.{}.m4s", part.msn.0, part.index), bytes(&part.data));
                let path = format!("/cam/{}.m4s", part.msn.0);
                let mut whole = lock(&world.answers).get(&path).cloned().unwrap_or_default();
                whole.extend(bytes(&part.data));
                world.set(&path, whole);
            }
            PackagerEvent::Start(_) | PackagerEvent::End(_) => {}
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(serve(listener, world.clone()));
    (world, parse_address(&format!("http://{address}/")).expect("an address"))
}

async fn serve(listener: TcpListener, world: Arc<World>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut text = String::new();
        while !text.ends_with("\r\n\r\n") {
            let mut bytes = [0; 4096];
            match stream.read(&mut bytes).await {
                Ok(n @ 1..) => text.push_str(&String::from_utf8_lossy(&bytes[..n])),
                _ => break,
            }
        }
        let path = text.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
        *lock(&world.requests) += 1;
        let answer = lock(&world.answers).get(&path).cloned();
        let status = if answer.is_some() { "200 OK" } else { "404 Not Found" };
        let body = answer.unwrap_or_default();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat()).await.ok();
    }
}

/// Follows until the end; each part as its segment and index, what was missing in ms, and `then` is called with the number of parts so far.
async fn follow(address: &Address, pre_roll: Span, mut then: impl FnMut(usize) + Send) -> (Ended, Vec<String>) {
    let mut follower = Follower::connect(address).await.expect("it is there");
    follower.away_max = Duration::ZERO;
    let (mut told, mut count) = (Vec::new(), 0);
    let mut take = |followed| {
        match followed {
            Followed::Joined(past) => told.push(format!("past {}", past.as_ms())),
            Followed::Missing(span) => told.push(format!("missing {}", span.as_ms())),
            Followed::Event(PackagerEvent::Part(part)) => {
                count += 1;
                told.push(format!("{}.{}", part.msn.0, part.index));
                then(count);
            }
            Followed::Event(PackagerEvent::Start(start)) => assert_eq!(start.wall, wall_of(start.msn.0)),
            Followed::Event(_) => {}
        }
        true
    };
    let ended = follower.run(pre_roll, Patience::Limited, &mut take).await.expect("it begins");
    (ended, told)
}

fn parts(segments: std::ops::RangeInclusive<u64>) -> Vec<String> {
    segments.flat_map(|msn| (0..PARTS).map(move |part| format!("{msn}.{part}"))).collect()
}

#[tokio::test]
async fn each_part_is_told_once_from_a_key_frame_to_the_end_of_the_stream() {
    let (world, address) = world().await;
    world.list(1..=4, 2, "");
    let seen = world.clone();
    // It is asked again and again: this server does not hold a request until there is something new.
    let (ended, told) = follow(&address, Span::from_ms(2000), move |count| match count {
        9 => seen.list(1..=4, 4, ""),
        11 => seen.list(2..=5, 1, ""),
        13 => seen.list(3..=6, PARTS, "#EXT-X-ENDLIST\n"),
        _ => {}
    })
    .await;
    assert!(matches!(ended, Ended::Stream), "{ended:?}");
    assert_eq!(told, [vec!["past 2400".to_owned()], parts(2..=6)].concat());
    assert!(*lock(&world.requests) < 40, "it does not ask without a pause");
}

#[tokio::test]
async fn what_has_left_the_window_is_missing_and_said_so() {
    let (world, address) = world().await;
    world.list(1..=2, 3, "");
    let seen = world.clone();
    let (_, told) = follow(&address, Span::ZERO, move |count| {
        if count == 3 {
            seen.list(6..=7, PARTS, "#EXT-X-ENDLIST\n");
        }
    })
    .await;
    let before = ["past 600", "2.0", "2.1", "2.2", "missing 3400"].map(str::to_owned).to_vec();
    assert_eq!(told, [before, parts(6..=7)].concat());
}

#[tokio::test]
async fn a_server_that_counts_anew_is_gone_on_with() {
    let (world, address) = world().await;
    world.list(8..=9, 2, "");
    let seen = world.clone();
    let (_, told) = follow(&address, Span::ZERO, move |count| {
        if count == 2 {
            seen.list(1..=2, PARTS, "#EXT-X-ENDLIST\n");
        }
    })
    .await;
    // Its newest key frame.
    assert_eq!(told, [["past 400", "9.0", "9.1"].map(str::to_owned).to_vec(), parts(2..=2)].concat());
}

#[tokio::test]
async fn a_server_that_is_gone_or_serves_nonsense_ends_a_recording_of_a_length() {
    let (world, address) = world().await;
    for nonsense in [&b"#EXTM3U\n"[..], b"<html>"] {
        world.list(1..=2, 2, "");
        let seen = world.clone();
        let (ended, _) = follow(&address, Span::ZERO, move |count| {
            if count == 2 {
                seen.set("/cam/3.0.m4s", nonsense);
                seen.list(1..=3, 1, "");
            }
        })
        .await;
        assert!(matches!(&ended, Ended::Lost(FollowError::Unreadable { .. })), "{ended:?}");
    }
    lock(&world.answers).remove("/cam/2.m4s");
    lock(&world.answers).remove("/cam/2.0.m4s");
    world.list(1..=2, 2, "");
    let (ended, told) = follow(&address, Span::ZERO, |_| ()).await;
    assert!(matches!(&ended, Ended::Lost(FollowError::Client(error)) if error.status().is_some()), "{ended:?}");
    assert_eq!(told, ["past 400"]);
}

#[test]
fn an_address_may_name_the_camera_or_not_and_be_below_a_path() {
    let check = |path: &str, expect: &[(&str, Option<&str>)]| {
        let expect: Vec<_> = expect.iter().map(|(prefix, name)| ((*prefix).to_owned(), name.map(str::to_owned))).collect();
        assert_eq!(readings(path), expect, "{path}");
    };
    check("/", &[("/", None)]);
    check("", &[("/", None)]);
    check("/yard", &[("/", Some("yard")), ("/yard/", None)]);
    check("/yard/", &[("/", Some("yard")), ("/yard/", None)]);
    check("/cams/yard/index.m3u8?a=b", &[("/cams/", Some("yard")), ("/cams/yard/", None)]);
    check("/A%20b/", &[("/A%20b/", None)]);
}
