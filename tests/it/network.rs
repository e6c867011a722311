//! Cameras on the network: servers on this host that speak RTSP and HTTP, and do what cameras do wrong.

mod http;
mod pass_through;
mod rtsp;

use crate::{
    ports::closed_port,
    support::{DEADLINE, Running, base64},
};
use hlscam::{
    capture::{self, Capture, CaptureParts, CaptureStatus, OnLoss, SourceState, demand::Demand},
    picture::{Picture, PicturePool},
    source::{OpenError, Source, SourceError, Stop, address::NetworkAddress, network_opener},
    time::{Clock, FrameRate, Span, SystemClock, Ticks},
};
use http::{HttpCamera, answer};
use rtsp::{Play, RtspCamera, Then};
use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{Arc, atomic::Ordering},
};

/// What the FFmpeg command writes to its output; `None`, and a line saying so, where there is no such command.
fn made(args: &[&str]) -> Option<Vec<u8>> {
    let output = match Command::new("ffmpeg").args(["-v", "error"]).args(args).arg("-").stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(_) => {
            crate::missing::left_out("no ffmpeg here");
            return None;
        }
    };
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// Two seconds of H.264 at 25 fps of that size, with a key frame each second.
fn h264(size: &str, options: &[&str]) -> Option<Vec<u8>> {
    let source = format!("testsrc2=size={size}:rate=25:duration=2");
    let encoder = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "25", "-x264-params", "sliced-threads=0:slices=1"];
    made(&[&["-f", "lavfi", "-i", &source][..], &encoder, options, &["-f", "h264"]].concat())
}

/// A camera that sends that, and what follows.
fn play(h264: Vec<u8>, then: Then) -> Play {
    Play { h264, fps: 25, skip: 0, then, login: None, first_stamp: 0 }
}

/// As most cameras encode: no B-frames.
const LIVE: [&str; 4] = ["-tune", "zerolatency", "-preset", "ultrafast"];

fn open(url: &str) -> Result<Box<dyn Source>, OpenError> {
    let address = NetworkAddress::parse(url).expect(url);
    network_opener(address, Arc::new(SystemClock::start()), PicturePool::default(), None)(&Stop::default())
}

/// The sentence with which an address is refused.
fn refused(url: &str) -> String {
    let OpenError(said) = open(url).err().unwrap_or_else(|| panic!("{url} opens"));
    assert!(!said.contains("secret") && !said.contains("token"), "{said}");
    said
}

/// So many pictures.
fn take(source: &mut dyn Source, n: usize) -> Vec<Picture> {
    (0..n).map(|_| source.next().expect("a picture")).collect()
}

/// The spacing of pictures in ms.
fn spacings(pictures: &[Picture]) -> Vec<f64> {
    pictures.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_ms()).collect()
}

/// Whether a picture is more than one colour.
fn is_drawn(picture: &Picture) -> bool {
    let luma = picture.planes().y;
    luma.iter().max() > luma.iter().min().map(|least| least + 100).as_ref()
}

#[test]
fn a_camera_over_rtsp_is_shown_by_its_own_time_stamps() {
    let Some(h264) = h264("320x240", &LIVE) else { return };
    // Its clock wraps within the first second.
    let camera = RtspCamera::start(Play { first_stamp: u32::MAX - 45_000, ..play(h264, Then::Again) });
    let mut source = open(&format!("rtsp://127.0.0.1:{}/cam", camera.port)).expect("opens");
    let format = source.format().clone();
    assert_eq!((format.size.to_string().as_str(), format.rate, format.pixels.as_str()), ("320x240", FrameRate::whole(25), "h264"));
    assert_eq!((format.name, format.reason), (format!("rtsp://127.0.0.1:{}", camera.port), "over TCP".to_owned()));
    // What was looked at to find the rate comes at once.
    let pictures = take(source.as_mut(), 75).split_off(40);
    let uneven = spacings(&pictures).into_iter().filter(|ms| (ms - 40.0).abs() > 3.0).count();
    assert!(uneven <= 5 && pictures.iter().all(is_drawn), "{:?}", spacings(&pictures));
}

#[test]
fn pictures_are_shown_in_their_order_and_none_before_the_first_key_frame() {
    let Some(h264) = h264("320x240", &["-preset", "ultrafast", "-bf", "2"]) else { return };
    let camera = RtspCamera::start(Play { skip: 10, ..play(h264, Then::Close) });
    let mut source = open(&format!("rtsp://127.0.0.1:{}/cam", camera.port)).expect("opens");
    let mut pictures = Vec::new();
    loop {
        match source.next() {
            Ok(picture) => pictures.push(picture),
            Err(SourceError::Lost(said)) => break assert!(said.ends_with("has ended the stream"), "{said}"),
            Err(_) => {}
        }
    }
    // Those of the second second, but for what the decoder holds.
    assert!((18..=25).contains(&pictures.len()), "{}", pictures.len());
    assert!(pictures.iter().all(is_drawn) && spacings(&pictures).iter().all(|ms| *ms > 0.0), "{:?}", spacings(&pictures));
}

#[test]
fn a_size_that_changes_is_a_picture_of_another_size() {
    let (Some(small), Some(large)) = (h264("160x120", &LIVE), h264("320x240", &LIVE)) else { return };
    let camera = RtspCamera::start(play([small, large].concat(), Then::Again));
    let mut source = open(&format!("rtsp://127.0.0.1:{}/cam", camera.port)).expect("opens");
    let sizes: Vec<String> = take(source.as_mut(), 60).iter().map(|picture| picture.size().to_string()).collect();
    assert!(sizes[0] == "160x120" && sizes[59] == "320x240", "{sizes:?}");
}

#[test]
fn what_an_rtsp_camera_refuses_is_one_sentence() {
    let Some(h264) = h264("160x120", &LIVE) else { return };
    let login = Some(("me", "secret@1"));
    let camera = RtspCamera::start(Play { login, ..play(h264, Then::Again) });
    let shown = format!("rtsp://127.0.0.1:{}", camera.port);
    let at = |rest: &str| format!("rtsp://{rest}").replace("HOST", &format!("127.0.0.1:{}", camera.port));
    assert!(open(&at("me:secret%401@HOST/cam")).is_ok());
    let wanted = "wants a user and a password; write them into the address, like rtsp://user:password@host/path";
    assert_eq!(refused(&at("HOST/cam")), format!("{shown} {wanted}"));
    let wrong = "does not take this user and password; check them, and write @ in them as %40, : as %3A, / as %2F";
    assert_eq!(refused(&at("me:secret@HOST/cam")), format!("{shown} {wrong}"));
    let path = "knows no stream of that path; look up the path of the stream in the camera's manual";
    assert_eq!(refused(&at("me:secret%401@HOST/token")), format!("{shown} {path}"));
    let no_rtsp = HttpCamera::start(|_, stream| answer(stream, "400 Bad Request", "", b"no"));
    let said = refused(&format!("rtsp://me:secret@127.0.0.1:{}/token", no_rtsp.port));
    assert!(said.contains("127.0.0.1") && said.contains("; "), "{said}");
}

#[test]
fn what_an_http_server_refuses_is_one_sentence() {
    let page = HttpCamera::start(|head, stream| match head.split(' ').nth(1).unwrap_or_default() {
        "/page" => answer(stream, "200 OK", "Content-Type: text/html\r\n", b"<html><body>This is the camera.</body></html>\n"),
        "/login" => answer(stream, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"camera\"\r\n", b""),
        "/forbidden" => answer(stream, "403 Forbidden", "", b""),
        "/broken" => answer(stream, "500 Internal Server Error", "", b""),
        "/empty" => answer(stream, "200 OK", "Content-Type: video/mp4\r\n", b""),
        _ => answer(stream, "404 Not Found", "", b""),
    });
    let shown = format!("http://127.0.0.1:{}", page.port);
    let check = |path: &str, expect: &str| {
        assert_eq!(refused(&format!("http://me:secret@127.0.0.1:{}{path}", page.port)), format!("{shown} {expect}"));
    };
    check("/token", "knows no stream of that path; look up the path of the stream in the camera's manual");
    check("/forbidden", "forbids this stream to this user; give the user the right to see it");
    check("/login", "does not take this user and password; check them, and write @ in them as %40, : as %3A, / as %2F");
    let said = refused(&format!("http://127.0.0.1:{}/page", page.port));
    assert!(said.starts_with("what http://127.0.0.1:") && said.contains("like an HTML page"), "{said}");
    for path in ["/broken", "/empty"] {
        assert!(refused(&format!("{shown}{path}")).contains(&shown), "{path}");
    }
    let (_held, port) = closed_port();
    let said = refused(&format!("http://me:secret@127.0.0.1:{port}/token"));
    assert_eq!(said, format!("http://127.0.0.1:{port} refuses the connection; is the camera on, and is the port right?"));
    // No name has so long a part, so nobody is asked.
    let unknown = format!("rtsp://{}/token", "a".repeat(70));
    assert!(refused(&unknown).starts_with("cannot find the host of rtsp://aaa"), "{unknown}");
}

#[test]
fn sound_alone_and_single_pictures_are_no_stream() {
    let sound = made(&["-f", "lavfi", "-i", "sine=duration=2", "-c:a", "mp2", "-f", "mpegts"]);
    let picture = made(&["-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1", "-f", "mjpeg"]);
    let (Some(sound), Some(picture)) = (sound, picture) else { return };
    let server = HttpCamera::start(move |head, stream| match head.contains("/sound") {
        true => answer(stream, "200 OK", "", &sound),
        false => answer(stream, "200 OK", "Content-Type: image/jpeg\r\n", &picture),
    });
    let url = |path: &str| format!("http://127.0.0.1:{}/{path}", server.port);
    assert!(refused(&url("sound")).contains("sends no video, only sound or data"));
    assert!(refused(&url("snapshot.jpg")).contains("gives a single picture and no stream"));
}

/// A camera of MJPEG over HTTP, 20 pictures a second, that wants a password.
fn mjpeg_camera() -> Option<HttpCamera> {
    let jpeg = made(&["-f", "lavfi", "-i", "testsrc2=size=160x120", "-frames:v", "1", "-f", "mjpeg"])?;
    let login = format!("Authorization: Basic {}", base64(b"me:secret"));
    Some(HttpCamera::start(move |head, stream| {
        if head.starts_with("GET /old ") {
            return answer(stream, "302 Found", "Location: /video\r\n", b"");
        }
        if !head.contains(&login) {
            return answer(stream, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"camera\"\r\n", b"");
        }
        let sent = mjpeg(stream, &jpeg);
        // The client has gone.
        assert!(sent.is_err());
    }))
}

fn mjpeg(stream: &mut TcpStream, jpeg: &[u8]) -> std::io::Result<()> {
    let clock = SystemClock::start();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")?;
    let begin = clock.now();
    for n in 0.. {
        clock.sleep_until(begin + FrameRate::whole(20).frame_start(n));
        let head = format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        stream.write_all(&[head.as_bytes(), jpeg, b"\r\n"].concat())?;
    }
    Ok(())
}

#[test]
fn mjpeg_over_http_is_shown_as_it_comes_and_at_the_rate_that_was_counted() {
    let Some(camera) = mjpeg_camera() else { return };
    let mut source = open(&format!("http://me:secret@127.0.0.1:{}/video", camera.port)).expect("opens");
    assert_eq!((source.format().size.to_string(), source.format().rate), ("160x120".to_owned(), FrameRate::whole(20)));
    let pictures = take(source.as_mut(), 20).split_off(1);
    let seconds = pictures[18].at.since(pictures[0].at).as_s();
    assert!((0.6..1.5).contains(&seconds) && pictures.iter().all(is_drawn), "{seconds}");
    assert!(open(&format!("http://me:secret@127.0.0.1:{}/old", camera.port)).is_ok(), "it says where the stream is now");
    // The password is not taken to another server.
    let elsewhere = format!("Location: http://127.0.0.1:{}/video\r\n", camera.port);
    let other = HttpCamera::start(move |_, stream| answer(stream, "302 Found", &elsewhere, b""));
    let said = refused(&format!("http://me:secret@127.0.0.1:{}/video", other.port));
    assert!(said.contains("user and password"), "{said}");
}

/// A capture of a camera, and what it tells.
fn captured(url: &str) -> (Result<Capture, OpenError>, Arc<CaptureStatus>, Arc<SystemClock>) {
    let clock = Arc::new(SystemClock::start());
    let status = Arc::new(CaptureStatus::default());
    let opener = network_opener(NetworkAddress::parse(url).expect(url), clock.clone(), PicturePool::default(), None);
    let parts = CaptureParts {
        opener: Box::new(opener),
        tap: Box::new(|_| ()),
        masks: Vec::new(),
        on_loss: OnLoss::Wait,
        is_rate_watched: true,
        demand: Arc::new(Demand::unlimited(clock.clone())),
        clock: clock.clone(),
        status: status.clone(),
    };
    (capture::start(parts), status, clock)
}

/// Waits for a state, and takes what comes meanwhile; how long it took.
fn wait_for(capture: &Capture, clock: &SystemClock, is_there: impl Fn() -> bool) -> Span {
    let begin = clock.now();
    while !is_there() {
        assert!(clock.now().since(begin) < Span::from_duration(DEADLINE), "it never comes");
        capture.pictures.recv_timeout(std::time::Duration::from_millis(20)).ok();
    }
    clock.now().since(begin)
}

#[test]
fn a_camera_that_dies_stalls_or_sends_garbage_is_lost_and_is_back_as_soon_as_it_returns() {
    let Some(h264) = h264("160x120", &LIVE) else { return };
    let camera = RtspCamera::start(play(h264.clone(), Then::Close));
    let port = camera.port;
    let (capture, status, clock) = captured(&format!("rtsp://me:secret@127.0.0.1:{port}/cam"));
    let capture = capture.expect("opens");
    let is = |state: SourceState| status.state() == state;
    wait_for(&capture, &clock, || is(SourceState::Lost));
    drop(camera);
    for then in [Then::Garbage, Then::Stall, Then::Again] {
        // Nobody answers for a while.
        wait_for(&capture, &clock, || !is(SourceState::Live));
        let before = status.reopened.get();
        let listener = bound(port, &clock);
        let camera = RtspCamera::on(listener, play(h264.clone(), then));
        let back = wait_for(&capture, &clock, || status.reopened.get() > before);
        eprintln!("back after {:.2} s", back.as_s());
        assert!(back < Span::from_ms(5_000), "{back:?}");
        if then != Then::Again {
            let lost = wait_for(&capture, &clock, || !is(SourceState::Live));
            eprintln!("{then:?}: noticed after {:.2} s", lost.as_s());
            wait_for(&capture, &clock, || is(SourceState::Lost));
        }
        assert!(camera.played.load(Ordering::Relaxed) > 0);
        drop(camera);
    }
    assert!(capture.end());
}

/// The port again, as soon as the camera before has let go of it.
fn bound(port: u16, clock: &SystemClock) -> TcpListener {
    let begin: Ticks = clock.now();
    loop {
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(listener) => return listener,
            Err(error) => assert!(clock.now().since(begin) < Span::from_duration(DEADLINE), "{error}"),
        }
        clock.sleep_until(clock.now() + Span::from_ms(20));
    }
}

#[test]
fn a_wrong_password_is_not_tried_again_at_once() {
    let Some(h264) = h264("160x120", &LIVE) else { return };
    let camera = RtspCamera::start(Play { login: Some(("me", "secret")), ..play(h264.clone(), Then::Close) });
    let address = NetworkAddress::parse(&format!("rtsp://me:secret@127.0.0.1:{}/cam", camera.port)).expect("an address");
    let mut opener = network_opener(address, Arc::new(SystemClock::start()), PicturePool::default(), None);
    assert!(opener(&Stop::default()).is_ok());
    let port = camera.port;
    drop(camera);
    let clock = SystemClock::start();
    let changed = Play { login: Some(("me", "other")), ..play(h264, Then::Close) };
    let camera = RtspCamera::on(bound(port, &clock), changed);
    let first = opener(&Stop::default()).err().map(|error| error.0);
    assert!(first.as_ref().is_some_and(|said| said.contains("does not take this user")), "{first:?}");
    drop(camera);
    // Nobody is asked, so nobody is missed.
    assert_eq!(opener(&Stop::default()).err().map(|error| error.0), first);
}

#[test]
fn one_hlscam_shows_another_by_hls_and_by_mjpeg_and_no_secret_is_told() {
    let first = Running::start(&["--device", "test", "--size", "320x240", "--segment", "1s", "--detect", "none"]);
    first.wait_for("/cam/video.m3u8", |answer| answer.text().contains("seg-"));
    let port = first.address.rsplit(':').next().expect("a port").to_owned();
    for path in ["cam/index.m3u8?token=opensesame", "cam/stream.mjpg"] {
        // By another name than its own, by which it is looked for in the log.
        let url = format!("http://me:secret@localhost:{port}/{path}");
        let second = Running::start(&["--device", &url, "--detect", "none", "-vv"]);
        let status = second.wait_for("/api/status", |answer| answer.json()["source"]["state"] == "live");
        assert_eq!(status.json()["source"]["name"], format!("http://localhost:{port}"), "{}", status.text());
        second.wait_for("/cam/video.m3u8", |answer| answer.text().contains("seg-"));
        let status = second.get("/api/status").text();
        let (_, log) = second.interrupt();
        let told = [status, log.join("\n")].concat();
        assert!(!told.contains("secret") && !told.contains("opensesame"), "{told}");
        assert!(!log.iter().any(|line| line.contains("lost")), "nobody loses what was given up: {log:#?}");
    }
}
