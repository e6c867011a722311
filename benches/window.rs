//! What a published part costs, with windows of a minute, an hour and a day of 2 s segments. Prints one line of JSON that benches/run reads.
//!
//! The windows take turns, round by round, so that a machine that slows down slows down for all. Each is in its steady state: one segment
//! comes, one leaves the playlist, and one that left it long ago is freed.

use bytes::Bytes;
use hlscam::{
    bus::{Bus, Importance, Publisher},
    encode::VideoParams,
    package::{InitId, Msn, PackagerEvent, Part, SegmentStart},
    picture::Size,
    playlist::Playlists,
    server::origin::{self, Method, Reply, Request},
    time::{Clock, FrameRate, ManualClock, Span, SystemClock, WallTime},
    window::{Window, WindowConfig, numbers::FirstNumbers},
};
use std::{
    io::{self, Write},
    sync::Arc,
};

/// 2 s segments in a minute, an hour and a day.
const SEGMENTS: [usize; 3] = [30, 1_800, 43_200];
const PARTS: u32 = 10;
const PART: Span = Span::from_ms(200);
/// As at 2 Mbit/s.
const PART_LEN: usize = 50_000;
const ROUNDS: usize = 15;
/// Segments published per round and kind of answer.
const ROUND_SEGMENTS: usize = 50;

/// One window, with what feeds it.
struct Feed {
    playlists: Playlists,
    clock: Arc<ManualClock>,
    msn: u64,
    data: Bytes,
    /// Gives the window its parts, as in a stream.
    events: Publisher<PackagerEvent>,
}

/// Who asks after each part.
#[derive(Clone, Copy)]
enum Asks {
    Nobody,
    Delta,
    Full,
}

impl Feed {
    fn new(segments: usize) -> Feed {
        let clock = Arc::new(ManualClock::at(WallTime(1_795_191_552_000_000)));
        let config = WindowConfig {
            run: "bench".into(),
            first: FirstNumbers::NEW,
            target_duration_s: 2,
            part_target: PART,
            segment_parts: PARTS,
            span: PART * i64::from(PARTS) * segments as i64,
            bytes_max: 1 << 50,
            memory_max: None,
        };
        let window = Arc::new(Window::new(config, clock.clone()));
        let params = VideoParams {
            size: Size::new(640, 480).expect("both sides are even"),
            rate: FrameRate::whole(30),
            sps: Bytes::from_static(&[0x67, 0x64, 0, 0x1f]),
            pps: Bytes::from_static(&[0x68]),
            bitrate_max: 2_000_000,
            passed: false,
        };
        let (bus, publishers) = Bus::open();
        let subscriber = window.clone();
        bus.events.call("window", Importance::Essential, move |events| subscriber.push_all(events.iter().cloned()));
        window.push(PackagerEvent::Init { id: InitId(1), data: Bytes::from_static(&[0; 700]).into(), params: params.into() });
        let data = Bytes::from(vec![7; PART_LEN]);
        let mut feed = Feed { playlists: Playlists::new(window), clock, msn: 1, data, events: publishers.events };
        // What leaves the playlist stays fetchable for about as long again.
        (0..2 * segments + 30).for_each(|_| feed.segment(|_| ()));
        feed
    }

    fn segment(&mut self, mut published: impl FnMut(&Playlists)) {
        let msn = Msn(self.msn);
        self.msn += 1;
        let mut events = vec![PackagerEvent::Start(SegmentStart {
            msn,
            at: self.clock.now(),
            wall: self.clock.wall(),
            init: InitId(1),
            discontinuity: false,
        })];
        for index in 0..PARTS {
            let (at, key) = (self.clock.now(), index == 0);
            self.clock.advance(PART);
            let key_len = key.then_some(9_000);
            events.push(PackagerEvent::Part(Part {
                msn,
                index,
                at,
                duration: PART,
                independent: key,
                key_len,
                data: self.data.clone().into(),
            }));
            if index + 1 == PARTS {
                events.push(PackagerEvent::End(msn));
            }
            self.events.publish(&events).expect("the window takes it");
            events.clear();
            published(&self.playlists);
        }
    }

    /// Microseconds per part.
    fn round(&mut self, clock: &SystemClock, runtime: &tokio::runtime::Runtime, asks: Asks) -> f64 {
        let begin = clock.now();
        for _ in 0..ROUND_SEGMENTS {
            self.segment(|playlists| match asks {
                Asks::Nobody => {}
                Asks::Delta => drop(runtime.block_on(ask(playlists, "_HLS_skip=YES"))),
                Asks::Full => drop(runtime.block_on(ask(playlists, ""))),
            });
        }
        clock.now().since(begin).as_us() as f64 / (ROUND_SEGMENTS as f64 * f64::from(PARTS))
    }
}

/// What a player gets, compressed with gzip.
async fn ask(playlists: &Playlists, query: &str) -> Reply {
    let request = Request {
        method: Method::Get,
        name: "video.m3u8".to_owned(),
        query: query.to_owned(),
        range: None,
        if_none_match: None,
        if_range: None,
        accept_encoding: Some("gzip".to_owned()),
    };
    origin::respond(playlists, request).await
}

fn len(reply: &Reply) -> usize {
    reply.body.iter().map(Bytes::len).sum()
}

/// Whether both consist of the very same bytes in memory.
fn shared(one: &Reply, other: &Reply) -> bool {
    one.body.iter().map(|piece| piece.as_ptr()).eq(other.body.iter().map(|piece| piece.as_ptr()))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let clock = SystemClock::start();
    let mut feeds: Vec<Feed> = SEGMENTS.into_iter().map(Feed::new).collect();
    let mut costs = vec![[Vec::new(), Vec::new(), Vec::new()]; feeds.len()];
    for _ in 0..ROUNDS {
        for (kind, asks) in [Asks::Nobody, Asks::Delta, Asks::Full].into_iter().enumerate() {
            for (feed, cost) in feeds.iter_mut().zip(&mut costs) {
                cost[kind].push(feed.round(&clock, &runtime, asks));
            }
        }
    }
    let mut lines = Vec::new();
    for (at, feed) in feeds.iter().enumerate() {
        let against_minute =
            |kind: usize| median(costs[at][kind].iter().zip(&costs[0][kind]).map(|(here, minute)| here / minute).collect());
        let (delta, full, again) = runtime.block_on(async {
            (ask(&feed.playlists, "_HLS_skip=YES").await, ask(&feed.playlists, "").await, ask(&feed.playlists, "").await)
        });
        lines.push(format!(
            "{{\"segments\":{},\"push_us\":{:.2},\"delta_us\":{:.2},\"full_us\":{:.2},\"push_ratio\":{:.3},\"delta_ratio\":{:.3},\
             \"delta_bytes\":{},\"full_bytes\":{},\"full_shared\":{}}}",
            SEGMENTS[at],
            median(costs[at][0].clone()),
            median(costs[at][1].clone()),
            median(costs[at][2].clone()),
            against_minute(0),
            against_minute(1),
            len(&delta),
            len(&full),
            shared(&full, &again),
        ));
    }
    writeln!(io::stdout(), "[{}]", lines.join(","))
}
