//! A camera that is closed, or slowed down, while nobody watches: the whole of it on a clock that the test moves, and its server.

use crate::{
    conformance::{History, violations},
    support::{Answer, Deadline, request, send},
};
use hlscam::{
    camera::{Camera, Cameras, LiveCamera},
    capture::{self, Opened, Opening, demand::LINGER},
    cli,
    config::{Command, read},
    server::{AccessConfig, Door, Limits, Protection, ServerConfig, Site, bind, serve},
    store::Store,
    time::{Clock, ManualClock, Span, WallTime},
};
use serde_json::Value;
use std::{
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

const BEGIN: WallTime = WallTime(1_795_191_552_000_000);
/// Between two pictures.
const FRAME: Span = Span::from_ms(100);
/// A viewer has the first picture so soon.
const FIRST_PICTURE_MAX: Span = Span::from_ms(1500);
/// What is let pass to see that nothing happens.
const WHILE: Span = Span::from_ms(10_000);
/// A slowed camera gives a picture after so many points of the grid.
const UNDECIDED_MAX: u64 = 5;
/// An answer that is ready is there after so many looks.
const ANSWER_LOOKS: u32 = 30;
/// A condition is looked at this often.
const LOOK: Duration = Duration::from_millis(1);

/// How far a camera is.
enum Flow {
    Opening(Box<hlscam::camera::PendingCamera>, Opening),
    Live(Box<LiveCamera>),
}

/// A camera on such a clock, and its server.
struct Stage {
    clock: Arc<ManualClock>,
    camera: Arc<Camera>,
    flow: Option<Flow>,
    /// Points of the grid that wait for a picture.
    n_undecided: u64,
    /// Points that were given out by the last step.
    n_points: u64,
    address: String,
    runtime: runtime::Runtime,
    stop: oneshot::Sender<()>,
}

impl Stage {
    fn start(line: &str) -> Stage {
        let clock = Arc::new(ManualClock::at(BEGIN));
        let words = std::iter::once("hlscam").chain(line.split_whitespace()).map(OsString::from);
        let Command::Stream(mut configs, _, events) = read(&cli::parse(words).expect(line)).expect(line).command else {
            panic!("{line} streams")
        };
        let store = Store::open_shared(&events.location, BEGIN).expect("a store");
        let (pending, parts) = Camera::start(configs.remove(0), (store, None), clock.clone()).expect("it starts");
        let camera = pending.camera.clone();
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
        let site = Site::new(&Cameras::one(camera.clone()), AccessConfig::default(), Door::open_to_all());
        runtime.spawn(serve(listener, site, Limits::default(), async { stopped.await.unwrap_or(()) }));
        let opening = capture::begin(parts).expect("a thread");
        Stage {
            clock,
            camera,
            flow: Some(Flow::Opening(Box::new(pending), opening)),
            n_undecided: 0,
            n_points: 0,
            address,
            runtime,
            stop,
        }
    }

    fn get(&self, path: &str) -> Answer {
        request(&self.address, path).expect("it answers")
    }

    fn status(&self) -> Value {
        self.get("/api/status").json()
    }

    fn state(&self) -> String {
        self.status()["source"]["state"].as_str().expect("a state").to_owned()
    }

    fn opened(&self) -> u64 {
        self.status()["source"]["opened"].as_u64().expect("a count")
    }

    /// Pictures that were encoded.
    fn frames(&self) -> u64 {
        self.status()["pacer"]["frames"].as_u64().expect("a count")
    }

    /// Moves the clock on by a frame; the stream is not left behind.
    fn step(&mut self) {
        self.flow = self.flow.take().map(|flow| match flow {
            Flow::Opening(pending, opening) => match opening.wait(Span::from_ms(1)) {
                Opened::Yes(capture) => Flow::Live(Box::new(pending.run(capture).expect("it runs"))),
                Opened::No(error) => panic!("{error}"),
                Opened::NotYet(opening) => Flow::Opening(pending, opening),
            },
            live => live,
        });
        let points = |status: &Value| {
            let count = |name: &str| status["pacer"][name].as_u64().expect("a count");
            count("frames") + count("repeated")
        };
        self.clock.advance(FRAME);
        if !matches!(self.flow, Some(Flow::Live(_))) {
            thread::park_timeout(LOOK);
            return;
        }
        let due = self.clock.now();
        let deadline = Deadline::start();
        loop {
            let now = self.status();
            // A picture that was taken late by this clock would make the stream wait longer for all after it.
            let is_taken = self.camera.status.stream.capture.pictures.last() >= Some(due);
            if now["source"]["state"] == "live" && !is_taken {
                assert!(!deadline.is_over(), "the source keeps up with the clock: {now}");
                thread::park_timeout(LOOK);
                continue;
            }
            let is_on = points(&now) > self.n_points;
            // A point without a picture is given out only when the picture is overdue.
            let may_wait = now["source"]["slowed"] == true && self.n_undecided < UNDECIDED_MAX;
            if now["source"]["state"] != "live" || is_on || may_wait {
                self.n_undecided = if is_on { 0 } else { self.n_undecided + 1 };
                self.n_points = points(&now);
                break;
            }
            assert!(!deadline.is_over(), "the stream keeps up with the clock: {now}");
            thread::park_timeout(LOOK);
        }
        thread::park_timeout(LOOK);
    }

    /// Lets time pass until it is so. How long that was.
    fn step_until(&mut self, what: &str, most: Span, is_so: impl Fn(&Stage) -> bool) -> Span {
        let begin = self.clock.wall();
        while !is_so(self) {
            assert!(self.clock.wall().since(begin) < most, "{what}: {}", self.status());
            self.step();
        }
        self.clock.wall().since(begin)
    }

    fn pass(&mut self, span: Span) {
        let end = self.clock.wall() + span;
        self.step_until("time passes", span * 2, |stage| stage.clock.wall() >= end);
    }

    /// GETs a path while time passes. The answer, and how long it took.
    fn watch(&mut self, path: &str) -> (Answer, Span) {
        let (address, path) = (self.address.clone(), path.to_owned());
        let asked = thread::spawn(move || request(&address, &path).expect("it answers"));
        // The clock stands until the request has been heard, and the first picture is there: the source needs no time of this clock for it.
        let deadline = Deadline::start();
        while self.state() != "live" && !asked.is_finished() {
            assert!(!deadline.is_over(), "the request opens the camera");
            thread::park_timeout(LOOK);
        }
        let took = self.step_until("it is answered", FIRST_PICTURE_MAX * 4, |_| {
            // It stands a moment after each step, too: a busy machine that answers late is not late by this clock.
            (0..ANSWER_LOOKS).any(|_| {
                thread::park_timeout(LOOK);
                asked.is_finished()
            })
        });
        (asked.join().expect("no panic"), took)
    }

    fn fall_asleep(&mut self) {
        self.step_until("it is closed", LINGER + Span::from_ms(2000), |stage| stage.state() == "asleep");
        self.pass(FRAME * 5);
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
        match self.flow {
            Some(Flow::Live(live)) => {
                let (result, remains) = live.end();
                assert_eq!((result, remains.end()), (Ok(()), Ok(())));
            }
            Some(Flow::Opening(pending, opening)) => {
                opening.end();
                pending.end("a test");
            }
            None => {}
        }
        is_over.store(true, Ordering::Relaxed);
        ticking.join().expect("no panic");
        self.stop.send(()).ok();
        drop(self.runtime);
    }
}

fn check_playlist(text: &str) {
    let broken = violations(text, &mut History::default());
    assert!(broken.is_empty(), "{broken:?}\n{text}");
}

#[test]
fn a_camera_is_open_while_somebody_watches_and_closed_while_nobody_does() {
    let mut stage = Stage::start("--device test --on-demand --size 160x120 --fps 10 --detect none");
    stage.step_until("it waits", WHILE, |stage| stage.state() == "asleep");
    for path in ["/", "/api/status", "/api/markers", "/api/cameras", "/readyz", "/cam/clip.mp4?last=1s"] {
        stage.get(path);
    }
    let head = send(&stage.address, "HEAD", "/cam/video.m3u8", "").expect("it answers");
    assert_eq!((head.status, stage.get("/readyz").status), (503, 200));
    stage.pass(WHILE);
    assert_eq!((stage.state().as_str(), stage.opened()), ("asleep", 0), "none of them is a viewer");
    assert!(stage.get("/api/cameras").text().contains("the camera is closed, and is opened with the next viewer"));

    let (list, took) = stage.watch("/cam/video.m3u8");
    assert!(list.status == 200 && took <= FIRST_PICTURE_MAX, "{} after {} ms", list.status, took.as_ms());
    check_playlist(&list.text());
    stage.pass(Span::from_ms(5000));
    assert_eq!((stage.state().as_str(), stage.opened()), ("live", 1));
    stage.fall_asleep();
    let (frames, last) = (stage.frames(), stage.camera.window.summary().last_msn);
    stage.pass(WHILE);
    assert_eq!((stage.frames(), stage.opened()), (frames, 1), "nothing is encoded meanwhile");
    assert_eq!(stage.status()["pacer"]["slates"], 0);

    let (list, took) = stage.watch("/cam/index.m3u8");
    assert!(list.status == 200 && took <= FIRST_PICTURE_MAX, "{} after {} ms", list.status, took.as_ms());
    let text = stage.get("/cam/video.m3u8").text();
    check_playlist(&text);
    // What there was is still there, and behind it what comes now, at its own time.
    let (before, now) = text.rsplit_once("#EXT-X-DISCONTINUITY\n").expect("a discontinuity");
    let date = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:")).expect("a date");
        WallTime::parse(line).expect("a time")
    };
    assert!(
        date(now).since(date(before)) > WHILE && before.contains(&format!("seg-{}-{last}.m4s", stage.camera.window.config().run))
    );
    assert!(stage.clock.wall().since(date(now)) <= FIRST_PICTURE_MAX, "{text}");
    assert_eq!((stage.get("/cam/index.mpd").status, stage.opened()), (200, 2));
    stage.fall_asleep();
    let (picture, took) = stage.watch("/cam/snapshot.jpg");
    assert!(picture.status == 200 && took <= FIRST_PICTURE_MAX, "{} after {} ms", picture.status, took.as_ms());
    assert_eq!(stage.opened(), 3);
    stage.end();
}

#[test]
fn who_records_is_a_viewer() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = format!("--device test --on-demand --size 160x120 --fps 10 --detect none --storage {}", folder.path().display());
    let mut stage = Stage::start(&line);
    stage.step_until("it waits", WHILE, |stage| stage.state() == "asleep");
    let made = send(&stage.address, "POST", "/api/recordings", "{}").expect("it answers").json();
    stage.step_until("it is open", WHILE, |stage| stage.state() == "live");
    stage.pass(LINGER + WHILE);
    assert_eq!((stage.state().as_str(), stage.opened()), ("live", 1), "it goes on");
    let id = made["recording"]["id"].as_str().or(made["id"].as_str()).expect("an id").to_owned();
    let to = format!("{{\"to\":\"{}\"}}", stage.clock.wall());
    let changed = send(&stage.address, "PATCH", &format!("/api/recordings/{id}"), &to).expect("it answers");
    assert_eq!(changed.status, 200, "{}", changed.text());
    stage.fall_asleep();
    assert_eq!(stage.opened(), 1);
    stage.end();
}

#[test]
fn a_camera_that_nobody_watches_is_slowed_down() {
    let mut stage = Stage::start("--device test --idle-fps 2 --size 160x120 --fps 10 --detect none");
    stage.step_until("it is live", WHILE, |stage| stage.state() == "live");
    stage.pass(WHILE);
    let status = stage.status();
    let count = |status: &Value, name: &str| status["pacer"][name].as_u64().expect("a count");
    assert_eq!(status["source"]["slowed"], true);
    let (pictures, repeated) = (status["source"]["pictures"].as_u64().expect("a count"), count(&status, "repeated"));
    assert!((18..=23).contains(&pictures) && (70..=85).contains(&repeated) && count(&status, "slates") == 0, "{status}");
    let list = stage.get("/cam/video.m3u8").text();
    check_playlist(&list);
    stage.pass(Span::from_ms(5000));
    let status = stage.status();
    assert_eq!(status["source"]["slowed"], false, "somebody watches");
    assert!(count(&status, "repeated") <= repeated + 6, "{status}");
    stage.end();
}
