//! A whole camera on a clock that the test moves: source, capture, encoder, window, markers, and the server over it. Minutes of it take as
//! long as their encoding, and what is told has the time of the clock to the millisecond.

use crate::support::{Deadline, request};
use hlscam::{
    camera::{Camera, CameraConfig, Cameras, LiveCamera},
    capture, cli,
    config::{Command, read},
    events::{Event, Listener, Received},
    server::{AccessConfig, Door, Limits, Protection, ServerConfig, Site, bind, serve},
    store::{Location, Store},
    time::{Clock, ManualClock, Span, WallTime},
};
use std::{
    cell::Cell,
    ffi::OsString,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::{runtime, sync::oneshot};

/// 2026-11-20T16:19:12Z.
const BEGIN: WallTime = WallTime(1_795_191_552_000_000);
/// Between two pictures.
const FRAME: Span = Span::from_ms(100);
/// Points of the grid that may be undecided while no picture comes: so long the pacer waits for one before it goes on without.
const BEHIND_MAX: u64 = 20;
/// A condition is looked at this often.
const LOOK: Duration = Duration::from_millis(1);

/// What the status tells.
#[derive(Debug)]
struct Told {
    is_live: bool,
    /// Pictures that were encoded.
    frames: u64,
    /// Points of the grid for which none came.
    without: u64,
}

/// A camera on such a clock, and its server.
struct Stage {
    clock: Arc<ManualClock>,
    live: LiveCamera,
    address: String,
    /// Chunks without a picture.
    n_without: Cell<u64>,
    runtime: runtime::Runtime,
    stop: oneshot::Sender<()>,
}

impl Stage {
    fn start(line: &str) -> Stage {
        let clock = Arc::new(ManualClock::at(BEGIN));
        let shared: Arc<dyn Clock> = clock.clone();
        let store = Store::open_shared(&Location::Memory, BEGIN).expect("memory");
        let (waiting, source) = Camera::start(config(line), (store, None), shared).expect("it starts");
        let live = waiting.run(capture::start(source).expect("a test source opens")).expect("it runs");
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let server = ServerConfig {
            bind: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            access: AccessConfig::default(),
            protection: Protection::default(),
            certificate: None,
            is_announced: false,
        };
        let listener = bind(&server).expect("a port");
        let address = listener.local_addr().expect("a port").to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let site = Site::new(&Cameras::one(live.camera.clone()), AccessConfig::default(), Door::open_to_all());
        runtime.spawn(serve(listener, site, Limits::default(), async { stopped.await.unwrap_or(()) }));
        let stage = Stage { clock, live, address, n_without: Cell::new(0), runtime, stop };
        // Before the clock moves, or the first picture would come late.
        stage.wait("the first picture is there", || stage.status().frames > 0);
        stage
    }

    fn text(&self, path: &str) -> String {
        request(&self.address, path).expect("it answers").text()
    }

    fn status(&self) -> Told {
        let told = request(&self.address, "/api/status").expect("it answers").json();
        let count = |name: &str| told["pacer"][name].as_u64().expect("a count");
        let is_live = told["source"]["state"] == "live";
        Told { is_live, frames: count("frames"), without: count("repeated") + count("slates") }
    }

    /// Moves the clock on by a frame, and waits until the stream is there too: the picture of that moment is encoded, or time has shown that
    /// there is none.
    fn step(&self) {
        let before = self.status().frames;
        self.clock.advance(FRAME);
        self.wait("the stream keeps up with the clock", || {
            let told = self.status();
            if told.is_live { told.frames > before } else { told.without + BEHIND_MAX >= self.n_without.get() }
        });
        if !self.status().is_live {
            self.n_without.set(self.n_without.get() + 1);
        }
    }

    fn step_until(&self, at: Span) {
        while self.clock.wall() < BEGIN + at {
            self.step();
        }
    }

    fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Deadline::start();
        while !is_so() {
            assert!(!deadline.is_over(), "{what}: {:?} at {}", self.status(), self.clock.wall());
            thread::park_timeout(LOOK);
        }
    }

    fn next_event(&self, listener: &mut Listener) -> Event {
        let next = async { tokio::time::timeout(crate::support::DEADLINE, listener.next()).await };
        match self.runtime.block_on(next).expect("in time").expect("it goes on") {
            Received::Event(event) => (*event).clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Ends it; its source wakes with the clock.
    fn end(self) {
        let (clock, is_over) = (self.clock.clone(), Arc::new(AtomicBool::new(false)));
        let ticking = thread::spawn({
            let is_over = is_over.clone();
            move || {
                while !is_over.load(Ordering::Relaxed) {
                    clock.advance(FRAME);
                    thread::park_timeout(LOOK);
                }
            }
        });
        let (result, remains) = self.live.end();
        assert_eq!((result, remains.end()), (Ok(()), Ok(())));
        is_over.store(true, Ordering::Relaxed);
        ticking.join().expect("no panic");
        self.stop.send(()).ok();
    }
}

/// What a command line asks of its camera.
fn config(line: &str) -> CameraConfig {
    let words = std::iter::once("hlscam").chain(line.split_whitespace()).map(OsString::from);
    match read(&cli::parse(words).expect(line)).expect(line).command {
        Command::Stream(mut configs, ..) => configs.remove(0),
        other => panic!("{other:?}"),
    }
}

/// The times that a playlist tells, in milliseconds since the beginning.
fn dates_ms(playlist: &str) -> Vec<i64> {
    let dates = playlist.lines().filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    dates.map(|date| WallTime::parse(date).expect("a time").as_unix_ms() - BEGIN.as_unix_ms()).collect()
}

#[test]
fn a_minute_passes_with_the_clock_and_every_segment_has_its_second() {
    let stage = Stage::start("--device test --size 160x120 --fps 10 --segment 1s --window 5s --detect none");
    stage.step_until(Span::from_ms(60_000));
    assert_eq!(stage.text("/time"), "2026-11-20T16:20:12.000Z");
    let list = stage.text("/cam/video.m3u8");
    let dates = dates_ms(&list);
    // Of the minute the window has the last seconds, each at its own.
    assert!((5..=7).contains(&dates.len()) && dates.windows(2).all(|two| two[1] - two[0] == 1000), "{dates:?}");
    assert!(
        dates.iter().all(|ms| ms % 1000 == 0) && dates.last().is_some_and(|last| (59_000..=60_000).contains(last)),
        "{dates:?}"
    );
    assert_eq!(list.matches("#EXT-X-DISCONTINUITY\n").count(), 0, "{list}");
    let told = request(&stage.address, "/api/status").expect("it answers").json();
    assert_eq!(
        (&told["pacer"]["repeated"], &told["pacer"]["dropped"], &told["pacer"]["slates"]),
        (&0.into(), &0.into(), &0.into())
    );
    stage.end();
}

#[test]
fn a_camera_that_is_unplugged_is_told_at_its_moment_and_comes_back() {
    let stage = Stage::start("--device test:vanish@3s..6s --size 160x120 --fps 10 --segment 1s --detect none");
    let mut listener = stage.live.camera.markers.events.listen();
    stage.step_until(Span::from_ms(3000));
    stage.wait("it is unplugged", || !stage.status().is_live);
    let lost = stage.next_event(&mut listener);
    assert!(lost.at == BEGIN + Span::from_ms(3000) && lost.json.contains("\"reason\":\"it is gone"), "{}", lost.json);
    let marker = stage.next_event(&mut listener);
    assert!(marker.json.contains("\"kind\":\"camera-lost\""), "{}", marker.json);
    stage.step_until(Span::from_ms(6000));
    while !stage.status().is_live {
        assert!(stage.clock.wall() < BEGIN + Span::from_ms(60_000), "it comes back");
        stage.step();
    }
    let back = stage.next_event(&mut listener);
    assert!(back.json.contains("pictures come again"), "{}", back.json);
    // The grid has gone on meanwhile, with a picture that says so.
    stage.step_until(stage.clock.wall().since(BEGIN) + Span::from_ms(2000));
    let dates = dates_ms(&stage.text("/cam/video.m3u8"));
    assert!(dates.windows(2).all(|two| two[1] - two[0] == 1000) && dates.first() == Some(&0), "{dates:?}");
    let told = request(&stage.address, "/api/status").expect("it answers").json();
    assert!(told["pacer"]["slates"].as_u64() > Some(0) && told["source"]["reopened"] == 1, "{told}");
    stage.end();
}
