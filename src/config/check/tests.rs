use super::*;
use crate::{
    cli,
    encode::{BITRATE_DEFAULT, PRESET_DEFAULT},
    picture::{
        Crop, Framing, Rotation,
        mask::{Mask, Measure},
    },
    server::{BIND_DEFAULT, PORT_DEFAULT, Protection},
    source::{address::NetworkAddress, coded::PassThrough, test::Script},
    time::FrameRate,
};
use std::{
    ffi::OsString,
    net::{IpAddr, Ipv6Addr},
};

/// Reads a line as a shell would without quotes; `''` is the empty argument.
pub(in crate::config) fn meaning(line: &str) -> Result<Invocation, String> {
    let words = line.split_whitespace().map(|word| if word == "''" { "" } else { word });
    match cli::parse(std::iter::once("hlscam").chain(words).map(OsString::from)) {
        Ok(cli) => read(&cli).map_err(|error| error.to_string()),
        Err(stop) => panic!("{line}: {stop:?}"),
    }
}

pub(in crate::config) fn check(line: &str, expect: &str) {
    assert_eq!(meaning(line).expect_err(line), expect, "{line}");
}

fn streamed(line: &str) -> (CameraConfig, ServerConfig) {
    match meaning(line).unwrap_or_else(|error| panic!("{line}: {error}")).command {
        Command::Stream(mut cameras, server, _) => (cameras.remove(0), server),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn without_options_the_defaults_are_meant() {
    let config = CameraConfig {
        name: CameraName::default(),
        source: SourceSpec::Camera("0".to_owned()),
        once: false,
        is_waited_for: false,
        on_loss: OnLoss::Wait,
        pass_through: PassThrough::Auto,
        format_request: FormatRequest { size: None, rate: None },
        controls: Vec::new(),
        framing: Framing::default(),
        detect: DetectConfig {
            cascades: vec![CascadeSpec::Face],
            by: DetectorChoice::Auto,
            model: None,
            fps: detect::FPS_DEFAULT,
            width: detect::WIDTH_DEFAULT,
        },
        overlay: Overlay { boxes: true, ..Overlay::default() },
        masks: Vec::new(),
        clock_strip: false,
        encode: EncodeConfig { encoder: "libx264".to_owned(), preset: PRESET_DEFAULT.to_owned(), bitrate: BITRATE_DEFAULT },
        lengths: Lengths::default(),
        history: History::default(),
        rules: RecordRules::default(),
        unwatched: Unwatched::Stream,
    };
    assert_eq!(
        streamed(""),
        (
            config,
            ServerConfig {
                bind: BIND_DEFAULT.into(),
                port: PORT_DEFAULT,
                access: AccessConfig::default(),
                protection: Protection::default(),
                certificate: None,
                is_announced: true
            }
        )
    );
}

#[test]
fn every_option_reaches_its_stage() {
    let mask = |left, top| Mask { left, top, width: Measure::Percent(100.0), height: Measure::Pixels(9) };
    let (config, server) = streamed(
        "--device file:a.mp4 --name porch --once --wait --on-camera-lost exit --rotate 90 --flip h --crop 640x50.5%+0%+2 --fps 29.97 --overlay clock,blur,labels,clock --mask 0,50%,100%,9 --mask 64,0.5%,100%,9 --clock-strip --detect cat,profile --detect-fps 8.5 \
         --detect-width 320 --encoder h264_vaapi --preset p1 --bitrate 2.5M --part 500ms --segment 1s --window 24h \
         --window-bytes 500M --bind ::1 --port 0 --host-name NAS.lan. --host-name 203.0.113.7 --host-name 2001:db8::5 \
         --allow-origin https://home.example/ --allow-origin http://10.0.0.2:8123 --trust-proxy 10.0.0.0/8 --trust-proxy fd00::1",
    );
    let expect = CameraConfig {
        name: CameraName::parse("porch").unwrap(),
        source: SourceSpec::File("a.mp4".into()),
        once: true,
        is_waited_for: true,
        on_loss: OnLoss::Exit,
        pass_through: PassThrough::Auto,
        format_request: FormatRequest { size: None, rate: Some(FrameRate { num: 30_000, den: 1001 }) },
        controls: Vec::new(),
        framing: Framing {
            turn: Rotation::of_exif(5),
            crop: Some(Crop {
                width: Measure::Pixels(640),
                height: Measure::Percent(50.5),
                corner: Some((Measure::Percent(0.0), Measure::Pixels(2))),
            }),
        },
        detect: DetectConfig {
            cascades: ["cat", "profile"].map(CascadeSpec::System).into(),
            by: DetectorChoice::Auto,
            model: None,
            fps: 8.5,
            width: 320,
        },
        overlay: Overlay { boxes: false, labels: true, clock: true, blur: true },
        masks: vec![mask(Measure::Pixels(0), Measure::Percent(50.0)), mask(Measure::Pixels(64), Measure::Percent(0.5))],
        clock_strip: true,
        encode: EncodeConfig { encoder: "h264_vaapi".to_owned(), preset: "p1".to_owned(), bitrate: 2_500_000 },
        lengths: Lengths { part: Span::from_ms(500), segment: Span::from_ms(1000) },
        history: History { span: WINDOW_MAX, bytes_max: 500 << 20, disk: None },
        rules: RecordRules::default(),
        unwatched: Unwatched::Stream,
    };
    let access = AccessConfig {
        host_names: ["nas.lan", "203.0.113.7", "[2001:db8::5]"].map(|host| Host::parse(host).unwrap()).into(),
        origins: AllowedOrigins::Listed(
            ["https://home.example", "http://10.0.0.2:8123"].map(|it| Origin::parse(it).unwrap()).into(),
        ),
        proxies: TrustedProxies::of(["10.0.0.0/8", "fd00::1"].map(|it| Network::parse(it).unwrap()).into()),
    };
    assert_eq!(
        (config, server),
        (
            expect,
            ServerConfig {
                bind: IpAddr::from(Ipv6Addr::LOCALHOST).into(),
                port: 0,
                access,
                protection: Protection::default(),
                certificate: None,
                is_announced: true
            }
        )
    );
}

#[test]
fn a_lost_camera_is_waited_for_or_ends_its_stream() {
    let why = "a lost camera is waited for, or ends its stream; write wait or exit";
    check("--on-camera-lost restart", &format!("--on-camera-lost restart: {why}"));
    check("record --output a.mp4 --on-camera-lost=", &format!("--on-camera-lost: {why}"));
}

#[test]
fn controls_are_read_in_their_order_and_refused_where_there_are_none() {
    let (config, _) = streamed("--control exposure=auto,Brightness=-5 --control zoom=3 --device test");
    let told: Vec<String> = config.controls.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["exposure=auto", "brightness=-5", "zoom=3"]);
    let why = "a control is set by its name and its value; write it like brightness=128, several with commas between";
    check("--control zoom", &format!("--control zoom: {why}"));
    check("--control zoom=1 --device file:a.mp4", "--control zoom=1: a file has nothing that can be set; leave it out");
    let why = "a camera on the network is set in its own settings; leave it out";
    check("--control zoom=1 --device rtsp://a/b", &format!("--control zoom=1: {why}"));
}

#[test]
fn a_picture_is_turned_mirrored_and_cut_as_it_can_be() {
    for bad in ["45", "-90", "0", "left"] {
        let why = "a picture is turned clockwise by quarters; write 90, 180 or 270, or leave it out";
        check(&format!("--rotate={bad}"), &format!("--rotate {bad}: {why}"));
    }
    let why = "a picture is mirrored left to right or top to bottom; write h or v, and for both --rotate 180";
    check("--flip hv", &format!("--flip hv: {why}"));
    let why = "this is no part of a picture; write WxH+X+Y in pixels or per cent, like 640x360+320+0 or 50%x100%+25%+0";
    for bad in ["640", "640x", "640x480+1", "640x480+1+2+3", "640x480-2-2", "101%x5%", "640:480:0:0", "NaN%x2", "+0+0"] {
        check(&format!("--crop {bad}"), &format!("--crop {bad}: {why}"));
    }
    check("--crop=", &format!("--crop: {why}"));
    check("--crop 640x0+0+0", "--crop 640x0+0+0: a picture of no size shows nothing; give it a width and a height");
    let why = "all of it must be even, for colour is halved; write";
    check("--crop 1x33+5%+7", &format!("--crop 1x33+5%+7: {why} 2x32+5%+6"));
    check("bench a.mp4 --crop 33x32", &format!("--crop 33x32: {why} 32x32"));
    check(
        "detect a.mp4 --rotate 1",
        "--rotate 1: a picture is turned clockwise by quarters; write 90, 180 or 270, or leave it out",
    );
}

#[test]
fn a_name_or_page_that_cannot_be_is_refused() {
    for bad in ["http://nas.lan", "nas.lan:8080", "nas.lan/cam", "*", "[::1]:80", "a@b"] {
        let why = "a name is written alone, without http:// and without a port; write it like cam.lan";
        check(&format!("--host-name {bad}"), &format!("--host-name {bad}: {why}"));
    }
    for bad in ["home.example", "https://home.example/page", "//home.example", "https://a@b"] {
        let why = "an origin is a scheme and a host; write it like https://home.example, or * for all pages";
        check(&format!("--allow-origin {bad}"), &format!("--allow-origin {bad}: {why}"));
    }
    let why = "every page can have a frame of that origin; write * to allow all pages";
    check("--allow-origin null", &format!("--allow-origin null: {why}"));
    let all = streamed("--allow-origin https://home.example --allow-origin *").1.access.origins;
    assert_eq!(all, AllowedOrigins::Any);
}

#[test]
fn a_proxy_is_an_address_or_a_network() {
    let why = "it is no network; write the address of the proxy, or its network like 10.0.0.0/8, or none";
    for bad in ["nas.lan", "10.0.0.0/33", "0.0.0.0/0", "::/0", "None"] {
        check(&format!("--trust-proxy {bad}"), &format!("--trust-proxy {bad}: {why}"));
    }
    let both = "other proxies are named, too; leave one of them out";
    check("--trust-proxy none --trust-proxy 10.0.0.1", &format!("--trust-proxy none: {both}"));
    assert_eq!(streamed("--trust-proxy none").1.access.proxies, TrustedProxies::of(vec![]));
    assert_eq!(streamed("").1.access.proxies, TrustedProxies::default());
}

#[test]
fn a_camera_name_that_cannot_stand_in_an_address_is_refused() {
    let why =
        "a camera's name is 1 to 32 lower-case letters, digits and hyphens, with a letter or a digit first; write porch or cam-2";
    for bad in ["Porch", "front_door", "a/b", "..", "cam.m3u8"] {
        check(&format!("--name {bad}"), &format!("--name {bad}: {why}"));
    }
    check("--name ''", &format!("--name: {why}"));
    let taken = "this address is the server's own; write another name, like porch";
    for own in ["api", "embed", "time", "healthz"] {
        check(&format!("--name {own}"), &format!("--name {own}: {taken}"));
    }
}

#[test]
fn a_device_is_a_camera_unless_it_says_otherwise() {
    let source = |spec: &str| streamed(&format!("--device {spec}")).0.source;
    for camera in ["0", "/dev/video2", "/dev/v4l/by-id/usb-046d_C920-video-index0", "Brio", "Cam:HD", "testcard"] {
        assert_eq!(source(camera), SourceSpec::Camera(camera.to_owned()));
    }
    assert_eq!(source("test"), SourceSpec::Test(Script::default()));
    assert_eq!(source("file:/a:b/c.mp4"), SourceSpec::File("/a:b/c.mp4".into()));
}

#[test]
fn a_device_may_stand_in_a_file_so_that_no_list_of_processes_shows_its_password() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "rtsp://me:secret@cam/1\n").expect("writes");
    let source = streamed(&format!("--device @{}", file.path().display())).0.source;
    assert_eq!(source, SourceSpec::Network(NetworkAddress::parse("rtsp://me:secret@cam/1").expect("an address")));
    assert_eq!((format!("{source:?}"), source.name()), ("Network(rtsp://cam)".to_owned(), "rtsp://cam".to_owned()));
    std::fs::write(file.path(), "ftp://me:secret@cam/1").expect("writes");
    let told = meaning(&format!("--device @{}", file.path().display())).expect_err("no address");
    assert!(told.starts_with("--device ftp://...: ") && !told.contains("secret"), "{told}");
}

#[test]
fn what_makes_no_sense_of_a_browser_is_refused() {
    if !cfg!(feature = "ffmpeg") {
        let without = "this build is without FFmpeg, which reads what a browser sends; build it with the feature ffmpeg";
        return check("--device browser", &format!("--device browser: {without}"));
    }
    check("--device browser --once", "--once: only a file has an end; leave it out, or write --device file:PATH");
    let own = "the camera of a browser is set on its page, /send; leave it out";
    check("--device browser --control zoom=2", &format!("--control zoom=2: {own}"));
    let open = "a browser sends while somebody has its page open, watched or not; leave it out";
    check("--device browser --on-demand", &format!("--on-demand: {open}"));
    let server = "a browser sends to a stream; stream it, and record from there: hlscam record --from URL";
    check("record --output a.mp4 --device browser", &format!("--device browser: {server}"));
}

#[test]
fn a_device_that_cannot_be_one_is_refused() {
    check("--device ''", "--device: no source is named; write 0 for the first camera, or test, or file:PATH");
    check("--device file:", "--device file:: the path is missing; write file:PATH, like file:clip.mp4");
    check("--device clip.MP4", "--device clip.MP4: this is the path of a file, not a camera; write file:clip.MP4");
    check("--device /a/b", "--device /a/b: this is the path of a file, not a camera; write file:/a/b");
    let schemes = "write rtsp://, rtsps://, http://, https://, srt:// or udp://";
    check("--device ftp://me:secret@cam/1", &format!("--device ftp://...: this kind of address is not supported; {schemes}"));
    check("--device rtsp:/me:secret@cam", &format!("--device rtsp://...: this is no address; {schemes}"));
    check("--device rtsp://cam/1 --once", "--once: only a file has an end; leave it out, or write --device file:PATH");
    check(
        "--device rtsp://cam/1 --size 640x480",
        "--size 640x480: a camera on the network is set to its size in its own settings; leave it out",
    );
    check("bench rtsp://me:secret@cam/1", "FILE rtsp://...: this command takes files only; record the camera first: hlscam record");
    check(
        "--device @/nowhere/at/all",
        "--device @/nowhere/at/all: cannot read the file: No such file or directory (os error 2); check the path",
    );
    check("--once", "--once: only a file has an end; leave it out, or write --device file:PATH");
}

#[test]
fn a_picture_that_cannot_be_is_refused() {
    check("--size 641x480", "--size 641x480: both sides must be even, for colour is halved; write 640x480");
    check("--size 99999x480", "--size 99999x480: a side is 32 to 8192 pixels; write it like 640x480");
    check("--size vga", "--size vga: this is no size; write width and height in pixels, like 640x480");
    check("--fps 0", "--fps 0: a frame rate is 1 to 240; write it like 30, 29.97 or 30000/1001");
    check("--fps -5", "--fps -5: a frame rate is 1 to 240; write it like 30, 29.97 or 30000/1001");
    check("--fps NaN", "--fps NaN: a frame rate is 1 to 240; write it like 30, 29.97 or 30000/1001");
    check(
        "--overlay box",
        "--overlay box: there is no overlay \"box\"; write none, or some of boxes, labels, clock, blur with commas between",
    );
    check(
        "--overlay boxes,",
        "--overlay boxes,: there is no overlay \"\"; write none, or some of boxes, labels, clock, blur with commas between",
    );
    check("--overlay boxes,none", "--overlay boxes,none: none stands alone; leave it or the others out");
    check(
        "--overlay blur --detect none",
        "--overlay blur: nothing is searched, so nothing can be blurred; leave --detect none out",
    );
    check("--overlay blur --detect-fps 4.9", "--detect-fps 4.9: to blur face takes more searches per second; write 5 at least");
    check(
        "--overlay blur --detect face,profile,cat",
        "--detect-fps 10: to blur face,profile,cat takes more searches per second; write 12 at least",
    );
    assert!(streamed("--overlay blur --detect face,profile").0.overlay.blur);
    assert_eq!(streamed("--overlay none").0.overlay, Overlay::default());
}

#[test]
fn a_mask_that_cannot_be_is_refused() {
    for text in ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "-1,0,9,9", "0,0,NaN,9", "0,0,101%,9", "0,0,,9", "1.5,0,9,9", "0,0,9,%"] {
        let (typed, shown) = if text.is_empty() { ("''", String::new()) } else { (text, format!(" {text}")) };
        let why = "this is no mask; write left, top, width and height in pixels or per cent, like 0,0,120,80 or 50%,0,50%,25%";
        check(&format!("--mask {typed}"), &format!("--mask{shown}: {why}"));
    }
    for text in ["0,0,0,9", "0,0,9,0.0%"] {
        let why = "a mask of no size hides nothing; give it a width and a height";
        check(&format!("--mask {text}"), &format!("--mask {text}: {why}"));
    }
}

#[test]
fn a_search_that_cannot_be_is_refused() {
    check(
        "--detect dog",
        "--detect dog: nothing of the name dog is known; write face, face-alt2, profile, eye, smile, upperbody, fullbody, cat, none \
         or PATH.xml",
    );
    for fps in ["0", "61", "-1", "fast", "NaN", "1/2"] {
        let why = "searches per second are 0.1 to 60; write --detect none to search nothing";
        check(&format!("--detect-fps {fps}"), &format!("--detect-fps {fps}: {why}"));
    }
    check("--detect-width 0", "--detect-width 0: the searched picture is 80 to 8192 pixels wide; 640 finds most faces");
    let missing = "there is a name missing in the list; write it like face,profile,cat";
    for list in ["face,", ",face", "face,,cat", ","] {
        check(&format!("--detect {list}"), &format!("--detect {list}: {missing}"));
    }
    check("--detect ''", &format!("--detect: {missing}"));
    for list in ["none,face", "cat,none"] {
        let why = "none stands alone; leave it out of the list, or write nothing else";
        check(&format!("--detect {list}"), &format!("--detect {list}: {why}"));
    }
    for (list, kind) in
        [("face,face", "face"), ("face,cat,face-alt2", "face"), ("cat,./a/Cat.xml", "cat"), ("a/x.xml,b/x.xml", "x")]
    {
        let why = format!("two of them find the kind {kind}; leave one out, or give its file another name");
        check(&format!("--detect {list}"), &format!("--detect {list}: {why}"));
    }
    let nine = "face,profile,eye,smile,upperbody,fullbody,cat,./a,./b";
    check(&format!("--detect {nine}"), &format!("--detect {nine}: more than 8 kinds of things cannot be searched; name fewer"));
}

#[test]
fn what_is_searched_is_a_list() {
    let cascades = |what: &str| streamed(&format!("--detect {what}")).0.detect.cascades;
    assert_eq!(cascades("none"), []);
    assert_eq!(cascades("face-alt2"), [CascadeSpec::System("face-alt2")]);
    assert_eq!(cascades("./face"), [CascadeSpec::File("./face".into())]);
    assert_eq!(cascades("Mine.XML"), [CascadeSpec::File("Mine.XML".into())]);
    assert_eq!(
        cascades("face,profile,a.xml"),
        [CascadeSpec::Face, CascadeSpec::System("profile"), CascadeSpec::File("a.xml".into())]
    );
    let detect = streamed("--detect face,profile,a/My_Car.xml").0.detect;
    assert_eq!(detect.what(), "face,profile,a/My_Car.xml");
    assert_eq!(detect.cascades.iter().map(|cascade| cascade.kind().to_string()).collect::<Vec<_>>(), ["face", "profile", "my-car"]);
}

#[test]
fn an_encoder_setting_that_cannot_be_is_refused() {
    check("--encoder ''", "--encoder: no encoder is named; write libx264, or another H.264 encoder of FFmpeg");
    check(
        "--preset fastest",
        "--preset fastest: libx264 has no such preset; write one of ultrafast, superfast, veryfast, faster, fast, medium, slow, \
         slower, veryslow, placebo",
    );
    check("--bitrate 2", "--bitrate 2: a bit rate is 50k to 100M; write it like 500k or 2M");
    check("--bitrate 1G", "--bitrate 1G: a bit rate is 50k to 100M; write it like 500k or 2M");
    check("--bitrate 2m", "--bitrate 2m: this is no bit rate; write bit/s with k or M, like 500k, 2M or 2.5M");
}

#[test]
fn cuts_that_do_not_fit_are_refused() {
    check("--part 200", "--part 200: the unit is missing; write 200s for seconds or 200ms for milliseconds");
    check("--part 300ms", "--part 300ms: it does not divide the segment of 2s; write 250ms or 400ms");
    check("--part 1.1s --segment 2s", "--part 1.1s: it does not divide the segment of 2s; write 1s or 2s");
    check("--part 110ms --segment 1s", "--part 110ms: it does not divide the segment of 1s; write 100ms or 125ms");
    check("--part 101ms --segment 1009ms", "--part 101ms: it does not divide the segment of 1009ms; write 1009ms");
    check("--part 99ms", "--part 99ms: shorter parts cost more than they carry; write 100ms at least");
    check("--part 0s", "--part 0s: shorter parts cost more than they carry; write 100ms at least");
    check("--part 3s", "--part 3s: a part is no longer than its segment of 2s; write --part 2s at most");
    check("--segment 500ms", "--segment 500ms: a segment is 1s to 10s long; 2s suits most");
    check("--segment 11s", "--segment 11s: a segment is 1s to 10s long; 2s suits most");
    assert_eq!(streamed("--part 2s").0.lengths.part, Span::from_ms(2000));
}

#[test]
fn a_window_that_cannot_work_is_refused() {
    check("--window 5s", "--window 5s: players need three segments of 2s; write 6s at least");
    check("--segment 10s --window 29s", "--window 29s: players need three segments of 10s; write 30s at least");
    check("--window 25h", "--window 25h: without --storage it is held in memory; write 24h at most, or pass a folder");
    check(
        "--storage /x --record-keep 1d",
        "--record-keep 1d: nothing is recorded by itself; write --record-on face or --record-schedule too",
    );
    check(
        "--storage /x --record-on Face",
        "--record-on Face: this is no kind of marker; write face, or several with commas between",
    );
    let why = "\"8:00\" is no time of the day; write days and hours, like mon-fri 08:00-18:00; several have a comma between";
    check("--storage /x --record-schedule 8:00-09:00", &format!("--record-schedule 8:00-09:00: {why}"));
    let why = "this is 0s to 1h long; write 10s or 2m";
    check("--storage /x --record-on face --record-pre-roll 2h", &format!("--record-pre-roll 2h: {why}"));
    check("--window 367d --storage /x", "--window 367d: this is too long; write 366d at most");
    check("--window-bytes 1M", "--window-bytes 1M: four segments of 2s do not fit at this bit rate; write 2M at least");
    check("--window-bytes 65G", "--window-bytes 65G: the window is held in memory; write 64G at most");
    check("--window-bytes all", "--window-bytes all: this is no amount of memory; write bytes with k, M or G, like 500M or 1G");
    assert_eq!(streamed("--window 6s --window-bytes 2M").0.history.span, Span::from_ms(6000));
}

#[test]
fn an_address_that_is_none_is_refused() {
    check("--bind localhost", "--bind localhost: this is a name, not an IP address; write 127.0.0.1");
    check("--bind 0.0.0.0:9000", "--bind 0.0.0.0:9000: the port is an option of its own; write --bind 0.0.0.0 --port 9000");
    check(
        "--bind eth0",
        "--bind eth0: this is no IP address; write 127.0.0.1 for this computer alone, or 0.0.0.0 for the whole network",
    );
    for port in ["65536", "-1", "http", ""] {
        let typed = if port.is_empty() { "''" } else { port };
        let shown = if port.is_empty() { "--port".to_owned() } else { format!("--port {port}") };
        check(&format!("--port {typed}"), &format!("{shown}: a port is 0 to 65535; write 8080, or 0 for any free one"));
    }
    assert_eq!(streamed("--bind [::] --open").1.bind, IpAddr::from(Ipv6Addr::UNSPECIFIED).into());
}

#[test]
fn files_are_benched_and_searched() {
    let command = |line: &str| meaning(line).map(|invocation| invocation.command);
    let Ok(Command::Bench(config, Listing::Json)) = command("bench a.mp4 --json --detect none") else { panic!("no bench") };
    assert_eq!((config.source, config.once, config.detect.cascades), (SourceSpec::File("a.mp4".into()), true, vec![]));
    let expect = DetectFilesConfig {
        files: vec!["a.mp4".into(), "b.mp4".into()],
        framing: Framing::default(),
        detect: DetectConfig {
            cascades: vec![CascadeSpec::System("eye")],
            by: DetectorChoice::Auto,
            model: None,
            fps: 10.0,
            width: 640,
        },
        listing: Listing::Text,
    };
    assert_eq!(command("detect a.mp4 b.mp4 --detect eye"), Ok(Command::Detect(expect)));
    check("detect a.mp4 --detect none", "--detect none: nothing would be searched; leave it out to find faces");
    let devices = |with_controls, listing| Ok(Command::Devices(DevicesConfig { with_controls, listing }));
    assert_eq!(command("devices --json"), devices(false, Listing::Json));
    assert_eq!(command("devices --controls"), devices(true, Listing::Text));
}

#[test]
fn a_sentence_stays_on_one_line() {
    let cli = cli::parse(["hlscam", "--size", "1\n2\u{1b}[31m"].map(OsString::from)).unwrap();
    let expect = "--size 1\\n2\\u{1b}[31m: this is no size; write width and height in pixels, like 640x480";
    assert_eq!(read(&cli).unwrap_err().to_string(), expect);
}

#[test]
fn cameras_that_are_given_no_name_have_one_of_their_own() {
    let names = |line: &str| match meaning(line).unwrap_or_else(|error| panic!("{line}: {error}")).command {
        Command::Stream(cameras, ..) => cameras.iter().map(|camera| camera.name.to_string()).collect::<Vec<_>>(),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(names("--device 0 --name door"), ["door"]);
    assert_eq!(names("--device test --device test --name porch --device 0"), ["cam", "porch", "cam-3"]);
    check("--device 0 --name a --device 1 --name a", "--name a: two cameras have it; give each one of its own");
    check("--device 0 --name cam-2 --device 1", "--name cam-2: two cameras have it; give each one of its own");
    check("--device 0 --device 1 --name api", "--name api: this address is the server's own; write another name, like porch");
    check("--device 0 --device test --size 1x1", &meaning("--device test --size 1x1").expect_err("too small"));
}
