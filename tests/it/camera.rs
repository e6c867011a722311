//! The camera adapter on a real driver. `tests/camera-vm/run` starts this in a VM; without its environment every test says that it is
//! skipped. Camera 0 is a UVC camera (MJPEG at 30 fps, YUYV at 15), camera 2 one that cuts every fifth JPEG, camera 4 is vivid.

use hlscam::{
    picture::{Picture, PicturePool, Size},
    source::{
        FormatRequest, OpenError, Source, SourceError, camera,
        control::{ControlKind, board::ControlBoard, settings::parse},
    },
    time::{Clock, FrameRate, Span, SystemClock, Ticks},
};
use std::{
    env, fs,
    io::Read,
    process::{Command, Stdio},
    sync::Arc,
};

/// A rig of cameras, and the clock that the tests wait on.
struct Rig {
    clock: Arc<SystemClock>,
}

/// The emulated machine is slow when the host is busy.
const PATIENCE: Span = Span::from_ms(30_000);

impl Rig {
    fn here() -> Option<Rig> {
        if env::var_os("HLSCAM_CAMERA").is_none() || env::var_os("HLSCAM_CAMERA_REFUSED").is_some() {
            eprintln!("skipped: there is no camera rig; tests/camera-vm/run makes one");
            return None;
        }
        Some(Rig { clock: Arc::new(SystemClock::start()) })
    }

    fn open(&self, selector: &str, request: FormatRequest) -> Result<Box<dyn Source>, OpenError> {
        camera::open(selector, request, self.clock.clone(), PicturePool::default())
    }

    fn opened(&self, selector: &str, request: FormatRequest) -> Box<dyn Source> {
        let start = self.clock.now();
        let source = self.open(selector, request).unwrap_or_else(|error| panic!("{selector}: {error}"));
        eprintln!("opened in {:.0} ms: {:?}", self.clock.now().since(start).as_ms(), source.format());
        source
    }

    /// Asks again until it opens.
    fn reopened(&self, selector: &str) -> Box<dyn Source> {
        let start = self.clock.now();
        loop {
            match self.open(selector, FormatRequest::default()) {
                Ok(source) => {
                    eprintln!("open again after {:.1} s", self.clock.now().since(start).as_s());
                    return source;
                }
                Err(error) if self.clock.now().since(start) > PATIENCE => panic!("{error}"),
                Err(_) => self.clock.sleep_until(self.clock.now() + Span::from_ms(200)),
            }
        }
    }

    /// That many pictures; how many were damaged on the way.
    fn take(&self, source: &mut dyn Source, count: usize) -> (Vec<Picture>, usize) {
        let (mut pictures, mut damaged, start) = (Vec::new(), 0, self.clock.now());
        while pictures.len() < count {
            assert!(self.clock.now().since(start) < PATIENCE, "only {} of {count} pictures", pictures.len());
            match source.next() {
                Ok(picture) => pictures.push(picture),
                Err(SourceError::Silent | SourceError::NotDue) => {}
                Err(SourceError::Damaged(_)) => damaged += 1,
                Err(error) => panic!("{error}"),
            }
        }
        let (first, last) = (pictures[0].at, pictures[count - 1].at);
        let fps = (count - 1) as f64 / last.since(first).as_s();
        let age = self.clock.now().since(last).as_ms();
        eprintln!("{count} pictures at {fps:.2} fps, newest {age:.1} ms old, {damaged} damaged, {:?}", source.losses());
        (pictures, damaged)
    }

    /// How long until it is lost, and what is said.
    fn lost(&self, source: &mut dyn Source) -> (Span, String) {
        let start = self.clock.now();
        loop {
            assert!(self.clock.now().since(start) < PATIENCE, "it is never lost");
            if let Err(SourceError::Lost(said)) = source.next() {
                let after = self.clock.now().since(start);
                eprintln!("lost after {:.2} s: {said}", after.as_s());
                return (after, said);
            }
        }
    }
}

fn request(width: u32, height: u32, num: u32, den: u32) -> FormatRequest {
    FormatRequest { size: Size::new(width, height), rate: Some(FrameRate { num, den }) }
}

/// The pictures are of that size, are not all of one colour, and their times rise.
fn assert_alive(pictures: &[Picture], size: (u32, u32)) {
    let mut before = Ticks(i64::MIN);
    for picture in pictures {
        assert_eq!(picture.size(), Size::new(size.0, size.1).expect("even"));
        let luma = picture.planes().y;
        let (low, high) = (luma.iter().min().expect("luma"), luma.iter().max().expect("luma"));
        assert!(high - low > 50, "a flat picture: {low} to {high}");
        assert!(picture.at > before, "{:?} after {before:?}", picture.at);
        before = picture.at;
    }
}

#[test]
fn listed_are_cameras_and_not_their_metadata_nodes() {
    let Some(_rig) = Rig::here() else { return };
    let devices = camera::devices();
    let listed: Vec<(u32, &str)> = devices.iter().map(|device| (device.index, device.name.as_str())).collect();
    eprintln!("{listed:?}");
    assert_eq!(listed.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!((listed[0].1, listed[1].1), ("UVC Sim Camera", "Broken Camera"));
    let stable = devices[0].stable_path.as_deref().expect("a stable path").to_string_lossy().into_owned();
    assert_eq!(stable, "/dev/v4l/by-id/usb-Linux_Foundation_UVC_Sim_Camera_0001-video-index0");
    let rates = |pixels: &str| {
        let format = devices[0].formats.iter().find(|format| (format.pixels.as_str(), format.width) == (pixels, 640));
        format.expect("a format").fps.clone()
    };
    assert_eq!((rates("MJPEG"), rates("YUYV")), (vec![30.0, 15.0, 10.0], vec![15.0, 10.0]));
}

#[test]
fn mjpeg_runs_at_30_fps() {
    let Some(rig) = Rig::here() else { return };
    let mut source = rig.opened("/dev/v4l/by-id/usb-Linux_Foundation_UVC_Sim_Camera_0001-video-index0", FormatRequest::default());
    assert_eq!((source.format().pixels.as_str(), source.format().rate), ("MJPEG", FrameRate::whole(30)));
    let (pictures, damaged) = rig.take(source.as_mut(), 60);
    // Before the pictures are looked through, which takes a second on a machine without hardware virtualisation.
    let age = rig.clock.now().since(pictures[59].at);
    assert!(age < Span::from_ms(1000), "the newest picture is {age:?} old");
    assert_alive(&pictures, (640, 480));
    assert_eq!(damaged, 0);
}

#[test]
fn yuyv_is_taken_where_it_is_fast_enough() {
    let Some(rig) = Rig::here() else { return };
    let mut source = rig.opened("uvc sim", request(640, 480, 15, 1));
    assert_eq!(source.format().pixels, "YUYV");
    assert_alive(&rig.take(source.as_mut(), 30).0, (640, 480));
}

#[test]
fn vivid_runs_raw_and_at_a_rate_that_is_not_whole() {
    let Some(rig) = Rig::here() else { return };
    let mut source = rig.opened("4", request(640, 480, 25, 1));
    assert_alive(&rig.take(source.as_mut(), 30).0, (640, 480));
    drop(set_and_read_back(source));
    let mut source = rig.opened("vivid", request(1280, 720, 25, 2));
    assert_eq!(source.format().rate, FrameRate { num: 25, den: 2 });
    assert_alive(&rig.take(source.as_mut(), 10).0, (1280, 720));
}

/// vivid has controls of every kind; what cannot be set by one number is not among those that are listed.
fn set_and_read_back(source: Box<dyn Source>) -> Box<dyn Source> {
    let board = Arc::new(ControlBoard::new(parse("contrast=100").expect("well formed")));
    let mut source = board.attach(source).expect("it is set");
    let controls = board.list().expect("listed");
    let names: Vec<&str> = controls.iter().map(|control| control.name.as_str()).collect();
    eprintln!("vivid has {}", names.join(", "));
    let of = |name: &str| controls.iter().find(|control| control.name == name).unwrap_or_else(|| panic!("{name} in {names:?}"));
    assert_eq!((&of("brightness").kind, of("brightness").default), (&ControlKind::Integer { min: 0, max: 255, step: 1 }, 128));
    assert_eq!(of("contrast").value, Some(100));
    assert!(matches!(&of("test_pattern").kind, ControlKind::Menu { entries } if entries.len() > 10));
    assert!(["button", "string", "bitmask", "disconnect"].iter().all(|name| !names.contains(name)), "{names:?}");
    let wanted = parse("brightness=200,gain=100,horizontal_flip=on,test_pattern=2").expect("well formed");
    let (told, controls) = board.set(&wanted);
    eprintln!("set {told:?}");
    let controls = controls.expect("set");
    let now = |name: &str| controls.iter().find(|control| control.name == name).and_then(|control| control.value);
    assert_eq!(["brightness", "gain", "gain_automatic", "horizontal_flip", "test_pattern"].map(now), [200, 100, 0, 1, 2].map(Some));
    assert!(board.set(&parse("brightness=256").expect("well formed")).1.is_err());
    assert!(source.next().is_ok() || source.next().is_ok(), "it goes on");
    source
}

#[test]
fn cut_jpegs_do_not_stop_the_stream() {
    let Some(rig) = Rig::here() else { return };
    let mut source = rig.opened("broken", FormatRequest::default());
    assert_eq!(source.format().pixels, "MJPEG");
    rig.take(source.as_mut(), 60);
}

#[test]
fn an_unplugged_camera_is_lost_and_comes_back() {
    let Some(rig) = Rig::here() else { return };
    let board = Arc::new(ControlBoard::new(parse("contrast=7").expect("well formed")));
    let mut source = board.attach(rig.opened("0", FormatRequest::default())).expect("it is set");
    board.set(&parse("brightness=77").expect("well formed")).1.expect("set");
    rig.take(source.as_mut(), 5);
    fs::write("/sys/devices/platform/vhci_hcd.0/detach", "0").expect("unplugs");
    let (after, said) = rig.lost(source.as_mut());
    assert!(after < Span::from_ms(4_000), "lost only after {:.1} s", after.as_s());
    assert_eq!(said, "camera 0 (UVC Sim Camera) was unplugged");
    drop(source);
    let Err(error) = rig.open("0", FormatRequest::default()) else { panic!("it is unplugged") };
    eprintln!("{error}");
    assert!(error.to_string().starts_with("there is no camera 0; there is 2 (Broken Camera) or 4 ("), "{error}");
    let attach = env::var("HLSCAM_CAMERA_ATTACH").expect("set by the rig");
    assert!(Command::new("bash").args(["-c", &attach]).status().expect("bash").success());
    let mut source = board.attach(rig.reopened("0")).expect("it is set again");
    let set: Vec<_> = board.list().expect("listed").into_iter().map(|control| (control.name, control.value)).collect();
    assert_eq!(set, [("brightness".to_owned(), Some(77)), ("contrast".to_owned(), Some(7))]);
    rig.take(source.as_mut(), 5);
}

#[test]
fn a_busy_camera_names_who_holds_it() {
    let Some(rig) = Rig::here() else { return };
    let mut holder = Command::new("ffmpeg")
        .args("-nostdin -v error -f v4l2 -input_format yuyv422 -i /dev/video0 -f rawvideo -".split(' '))
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg");
    let mut pictures = holder.stdout.take().expect("piped");
    pictures.read_exact(&mut [0]).expect("it streams");
    let Err(OpenError(said)) = rig.open("0", FormatRequest::default()) else { panic!("it is busy") };
    let pid = holder.id();
    holder.kill().expect("ends");
    holder.wait().expect("ended");
    eprintln!("{said}");
    assert!(
        said.starts_with(&format!("camera 0 (UVC Sim Camera) is busy: ffmpeg (pid {pid}) holds it; close that program")),
        "{said}"
    );
    assert!(said.ends_with(", or try --device test"), "{said}");
}

#[test]
fn a_stalled_camera_is_lost_and_comes_back() {
    let Some(rig) = Rig::here() else { return };
    let stall = env::var("HLSCAM_CAMERA_STALL").expect("set by the rig");
    let mut source = rig.opened("0", FormatRequest::default());
    rig.take(source.as_mut(), 5);
    fs::write(&stall, "").expect("stalls");
    let (after, _) = rig.lost(source.as_mut());
    let start = rig.clock.now();
    drop(source);
    eprintln!("given up in {:.2} s", rig.clock.now().since(start).as_s());
    fs::remove_file(&stall).expect("goes on");
    assert!(after > camera::STALL_MAX - Span::from_ms(500), "lost after {:.1} s already", after.as_s());
    rig.take(rig.reopened("0").as_mut(), 5);
}

#[test]
fn refused_cameras_say_which_group_to_join() {
    if env::var_os("HLSCAM_CAMERA_REFUSED").is_none() {
        eprintln!("skipped: this user may open cameras");
        return;
    }
    let clock = Arc::new(SystemClock::start());
    let Err(OpenError(said)) = camera::open("0", FormatRequest::default(), clock, PicturePool::default()) else {
        panic!("it may not be opened");
    };
    eprintln!("{said}");
    assert!(said.starts_with("camera 0 (UVC Sim Camera) is refused to this user; run `sudo usermod -aG video $USER`"), "{said}");
}
