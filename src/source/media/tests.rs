//! Files made by the FFmpeg command, as a source.

use super::*;
use crate::time::{Clock, FrameRate, ManualClock, Span, WallTime};
use std::{
    io::Write,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

/// A two-second clip at 10 fps, made by the FFmpeg command; `None` where there is none.
fn clip(dir: &Path, options: &[&str]) -> Option<PathBuf> {
    named_clip(dir, "clip.mkv", options)
}

fn named_clip(dir: &Path, name: &str, options: &[&str]) -> Option<PathBuf> {
    let source = ["-f", "lavfi", "-i", "testsrc2=size=66x50:rate=10:duration=2"];
    made(&dir.join(name), &[&source, options].concat(), &[])
}

/// What the FFmpeg command makes of `options`, given `input`; `None` where there is no such command.
fn made(path: &Path, options: &[&str], input: &[u8]) -> Option<PathBuf> {
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y"]).args(options).arg(format!("file:{}", path.display())).stdin(Stdio::piped());
    let Ok(mut child) = ffmpeg.spawn() else {
        eprintln!("skipped: no ffmpeg command here to make a clip with");
        return None;
    };
    child.stdin.take().expect("piped").write_all(input).expect("it reads");
    assert!(child.wait().expect("it ends").success(), "{options:?}");
    Some(path.to_owned())
}

fn open(path: &Path, pace: Pace) -> Result<MediaSource, OpenError> {
    MediaSource::open(path, pace, PicturePool::default(), (Stop::default(), None))
}

fn count(source: &mut MediaSource) -> (usize, Vec<i64>) {
    let mut stamps = Vec::new();
    loop {
        match source.next() {
            Ok(picture) => stamps.push(picture.at.0),
            Err(SourceError::Ended) => return (stamps.len(), stamps),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_file_gives_every_picture_with_its_time() {
    let dir = tempfile::tempdir().expect("a folder");
    for pixels in ["yuv420p", "yuvj422p", "rgb24"] {
        let Some(path) =
            clip(dir.path(), &["-c:v", if pixels == "rgb24" { "png" } else { "mjpeg" }, "-pix_fmt", pixels, "-strict", "-1", "-y"])
        else {
            return;
        };
        let mut source = MediaSource::open(&path, Pace::Unpaced, PicturePool::default(), (Stop::default(), None)).expect("opens");
        assert_eq!(
            (source.format().size.to_string(), source.format().rate),
            ("66x50".to_owned(), FrameRate::whole(10)),
            "{pixels}"
        );
        assert_eq!(count(&mut source), (20, (0..20).map(|n| n * 9000).collect()), "{pixels}");
    }
}

#[test]
fn a_looped_file_goes_on_without_a_gap() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(path) = clip(dir.path(), &["-y"]) else { return };
    let clock = Arc::new(ManualClock::at(WallTime(0)));
    let mut source =
        MediaSource::open(&path, Pace::Looped(clock.clone()), PicturePool::default(), (Stop::default(), None)).expect("opens");
    for n in 0..50 {
        assert_eq!(source.next().expect("a picture").at, Ticks(n * 9000), "picture {n}");
        clock.advance(Span(9000));
    }
}

#[test]
fn what_is_no_video_is_refused_in_one_sentence() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "no video at all").expect("writes");
    for (path, expect) in [
        (dir.path().join("gone.mkv"), "No such file"),
        (text, "as a video: Invalid data found when processing input;"),
        (dir.path().to_owned(), "as a video"),
    ] {
        let error = MediaSource::open(&path, Pace::Unpaced, PicturePool::default(), (Stop::default(), None))
            .err()
            .expect("refused")
            .to_string();
        assert!(error.contains(expect) && !error.contains('\n'), "{error}");
    }
}

/// A clock on which nobody waits: who sleeps moves it on.
#[derive(Default)]
struct LeapingClock(AtomicI64);

impl Clock for LeapingClock {
    fn now(&self) -> Ticks {
        Ticks(self.0.load(Ordering::Relaxed))
    }

    fn wall(&self) -> WallTime {
        WallTime(0) + self.now().since(Ticks(0))
    }

    fn sleep_until(&self, at: Ticks) {
        self.0.fetch_max(at.0, Ordering::Relaxed);
    }
}

/// Plays a file in a loop, and says how far apart its pictures are, in milliseconds.
fn looped(path: &Path, pictures: usize) -> Vec<i64> {
    let mut source = open(path, Pace::Looped(Arc::new(LeapingClock::default()))).expect("opens");
    let mut stamps = Vec::new();
    while stamps.len() < pictures {
        match source.next() {
            Ok(picture) => stamps.push(picture.at),
            Err(SourceError::NotDue) => {}
            Err(error) => panic!("{}, picture {}: {error}", path.display(), stamps.len()),
        }
    }
    stamps.windows(2).map(|pair| pair[1].since(pair[0]).as_ms().round() as i64).collect()
}

#[test]
fn what_cannot_be_sought_loops_without_a_gap() {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, options) in [
        ("clip.h264", &["-c:v", "libx264", "-preset", "ultrafast"][..]),
        ("clip.hevc", &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"]),
        ("clip.y4m", &["-pix_fmt", "yuv420p"]),
        ("clip.mjpeg", &[]),
        ("clip.m2v", &[]),
        ("clip.ts", &["-c:v", "mpeg2video"]),
        ("clip.gif", &[]),
    ] {
        // At 25 fps, for raw streams have no other rate; each of its pictures is there, in what may leave repeats out too.
        let rate = if name == "clip.gif" { &[][..] } else { &["-r", "25", "-fps_mode", "cfr"] };
        let expect = if name == "clip.gif" { 100 } else { 40 };
        let Some(path) = named_clip(dir.path(), name, &[options, rate].concat()) else { return };
        let spacings = looped(&path, 120);
        assert!(spacings.iter().all(|spacing| (expect - 2..=expect + 2).contains(spacing)), "{name}: {spacings:?}");
    }
}

#[test]
fn a_still_stands_and_is_looked_at_again_each_second() {
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["still.jpg", "still.png"] {
        let Some(path) = named_clip(dir.path(), name, &["-frames:v", "1"]) else { return };
        assert_eq!(looped(&path, 4), [1000, 1000, 1000], "{name}");
    }
}

#[test]
fn joined_recordings_play_one_after_the_other() {
    let dir = tempfile::tempdir().expect("a folder");
    let Some(path) = named_clip(dir.path(), "one.ts", &["-c:v", "mpeg2video"]) else { return };
    let one = std::fs::read(&path).expect("it was made");
    let joined = dir.path().join("joined.ts");
    std::fs::write(&joined, [one.clone(), one].concat()).expect("writes");
    let (count, stamps) = count(&mut open(&joined, Pace::Unpaced).expect("opens"));
    let last = Ticks(stamps[stamps.len() - 1]).since(Ticks(0)).as_s();
    // 40 pictures at 10 fps.
    assert!(count >= 38 && (3.5..4.2).contains(&last), "{count} pictures, the last at {last}");
}

#[test]
fn a_file_that_is_emptied_or_overwritten_is_lost_whatever_its_container() {
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["clip.mp4", "clip.mkv", "clip.avi", "clip.ts", "clip.h264"] {
        let Some(path) = named_clip(dir.path(), name, &["-c:v", "libx264", "-preset", "ultrafast"]) else { return };
        let whole = std::fs::read(&path).expect("it was made");
        for rest in [vec![], vec![0; whole.len()], whole.iter().map(|byte| byte ^ 0x5a).collect()] {
            std::fs::write(&path, &whole).expect("writes");
            let clock = Arc::new(LeapingClock::default());
            let mut source = open(&path, Pace::Looped(clock.clone())).expect("opens");
            source.next().expect("a picture");
            std::fs::write(&path, &rest).expect("writes");
            let mut lost = None;
            for _ in 0..5000 {
                match source.next() {
                    Err(SourceError::Lost(reason)) => {
                        lost = Some(reason);
                        break;
                    }
                    Err(SourceError::Ended) => panic!("{name} has ended"),
                    Ok(_) | Err(_) => {}
                }
            }
            assert!(lost.is_some(), "{name} of {} bytes", rest.len());
            assert!(open(&path, Pace::Looped(clock)).is_err(), "{name}");
        }
    }
}

#[test]
fn a_file_without_a_picture_cannot_be_opened() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = ["-c:v", "libx264", "-preset", "ultrafast", "-movflags", "+faststart"];
    let Some(path) = named_clip(dir.path(), "clip.mp4", &options) else { return };
    let mut bytes = std::fs::read(&path).expect("it was made");
    let data = bytes.windows(4).position(|four| four == b"mdat").expect("there is data") + 4;
    bytes[data..].fill(0);
    std::fs::write(&path, bytes).expect("writes");
    for pace in [Pace::Unpaced, Pace::Looped(Arc::new(ManualClock::at(WallTime(0))))] {
        let error = open(&path, pace).err().expect("refused").to_string();
        assert!(error.starts_with("no picture of ") && error.ends_with("; name a file that FFmpeg plays"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn the_file_that_was_named_is_opened() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let dir = tempfile::tempdir().expect("a folder");
    for (kind, options) in [("mkv", &[][..]), ("png", &["-frames:v", "1"])] {
        let Some(path) = named_clip(dir.path(), &format!("clip.{kind}"), options) else { return };
        for name in ["2026-11-25T03:10:00.", "snap%20d.", "snap%d.", "*.", "a?b[1]{2}.", "concat:a|b.", "http:", "caf\u{e9}.", "-"]
        {
            let other = dir.path().join(format!("{name}{kind}"));
            std::fs::rename(&path, &other).expect("a name like any other");
            assert!(open(&other, Pace::Unpaced).is_ok(), "{}", other.display());
            std::fs::rename(&other, &path).expect("back");
        }
        let latin = dir.path().join(OsStr::from_bytes(b"caf\xe9.mp4"));
        std::fs::rename(&path, &latin).expect("a name like any other");
        assert_eq!(open(&latin, Pace::Unpaced).expect("opens").format().name, "caf\u{fffd}.mp4");
    }
}

#[test]
fn a_blocked_open_is_given_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("fifo");
    match std::process::Command::new("mkfifo").arg(&path).status() {
        Ok(status) if status.success() => {}
        _ => return,
    }
    let stop = Stop::default();
    let opening = {
        let stop = stop.clone();
        std::thread::spawn(move || MediaSource::open(&path, Pace::Unpaced, PicturePool::default(), (stop, None)).err())
    };
    stop.raise();
    assert!(opening.join().expect("no panic").is_some());
}

#[test]
fn the_grid_of_a_file_whose_spacing_varies_fits_its_motion() {
    let dir = tempfile::tempdir().expect("a folder");
    // A second at 30 fps, then four at 1 fps, then a second at 30 fps: 10.7 fps on average.
    let varied = ["-vf", "fps=30,setpts='if(lt(N,30),N/30,if(lt(N,34),N-29,5+(N-34)/30))/TB'", "-vsync", "vfr"];
    for name in ["varied.mkv", "varied.mp4"] {
        let Some(path) = named_clip(dir.path(), name, &[&varied[..], &["-c:v", "libx264", "-preset", "ultrafast"]].concat()) else {
            return;
        };
        assert_eq!(open(&path, Pace::Unpaced).expect("opens").format().rate, FrameRate::whole(30), "{name}");
    }
}

/// Eight bars, 40 pixels wide each, in RGB.
const BARS: [[u8; 3]; 8] =
    [[255, 255, 255], [255, 255, 0], [0, 255, 255], [0, 255, 0], [255, 0, 255], [255, 0, 0], [0, 0, 255], [0, 0, 0]];

/// A colour in BT.601 and limited range, by the definition.
fn bt601([r, g, b]: [u8; 3]) -> [f64; 3] {
    let [r, g, b] = [r, g, b].map(|part| f64::from(part) / 255.0);
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [16.0 + 219.0 * y, 128.0 + 224.0 * (b - y) / 1.772, 128.0 + 224.0 * (r - y) / 1.402]
}

/// Colour bars as FFmpeg codes them with those filters and options.
fn bars(path: &Path, filter: &str, options: &[&str]) -> Option<PathBuf> {
    let row: Vec<u8> = BARS.iter().flat_map(|bar| std::iter::repeat_n(*bar, 40)).flatten().collect();
    let input = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "320x240", "-r", "10", "-i", "-", "-vf", filter];
    made(path, &[&input, options].concat(), &row.repeat(240))
}

#[test]
fn colours_come_out_right_whatever_their_matrix_and_range() {
    let dir = tempfile::tempdir().expect("a folder");
    let x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "4"];
    let x265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:qp=4:range=full"];
    let vp9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "4M"];
    let av1 = ["-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-b:v", "4M"];
    let (full, bt709) = (["-color_range", "pc"], ["-colorspace", "bt709", "-color_range", "tv"]);
    let bt709_full = ["-colorspace", "bt709", "-color_range", "pc"];
    let (to_full, to_709) = ("scale=out_range=pc", "scale=out_color_matrix=bt709:out_range=tv");
    let to_709_full = "scale=out_color_matrix=bt709:out_range=pc";
    for (what, filter, options) in [
        ("H.264", "scale,format=yuv420p".to_owned(), x264.to_vec()),
        ("H.264 full", format!("{to_full},format=yuv420p"), [&x264[..], &full].concat()),
        ("H.264 4:2:2", "scale,format=yuv422p".to_owned(), x264.to_vec()),
        ("H.264 4:4:4", "scale,format=yuv444p".to_owned(), x264.to_vec()),
        ("H.264 10 bit BT.709", format!("{to_709},format=yuv420p10le"), [&x264[..], &bt709].concat()),
        ("odd sides", "scale,format=yuv444p,crop=319:239:0:0:exact=1".to_owned(), vec!["-c:v", "ffv1"]),
        ("odd sides in RGB", "crop=319:239:0:0:exact=1,format=gbrp".to_owned(), vec!["-c:v", "ffv1"]),
        ("H.264 BT.709", format!("{to_709},format=yuv420p"), [&x264[..], &bt709].concat()),
        ("H.264 BT.709 full", format!("{to_709_full},format=yuv420p"), [&x264[..], &bt709_full].concat()),
        (
            "H.264 BT.2020",
            "scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p".to_owned(),
            [&x264[..], &["-colorspace", "bt2020nc"]].concat(),
        ),
        ("HEVC 10 bit full", format!("{to_full},format=yuv420p10le"), [&x265[..], &full].concat()),
        ("VP9 full", format!("{to_full},format=yuv420p"), [&vp9[..], &full].concat()),
        ("VP9 BT.709", format!("{to_709},format=yuv420p"), [&vp9[..], &bt709].concat()),
        ("AV1 full", format!("{to_full},format=yuv420p"), [&av1[..], &full].concat()),
        ("FFV1 full", format!("{to_full},format=yuv420p"), [&["-c:v", "ffv1"][..], &full].concat()),
        ("FFV1 4:2:2 10 bit full", format!("{to_full},format=yuv422p10le"), [&["-c:v", "ffv1"][..], &full].concat()),
        ("FFV1 RGB", "format=gbrp10le".to_owned(), vec!["-c:v", "ffv1"]),
        ("PNG", "format=rgb24".to_owned(), vec!["-c:v", "png"]),
        ("MJPEG", "scale,format=yuvj420p".to_owned(), vec!["-c:v", "mjpeg", "-q:v", "1"]),
    ] {
        let Some(path) = bars(&dir.path().join("bars.mkv"), &filter, &options) else { return };
        let picture = open(&path, Pace::Unpaced).expect("opens").next().expect("a picture");
        let (planes, stride) = (picture.planes(), picture.size().width());
        assert_eq!(picture.size().to_string(), if what.starts_with("odd") { "318x238" } else { "320x240" }, "{what}");
        for (n, bar) in BARS.iter().enumerate() {
            let (x, y) = (n * 40 + 20, 120);
            let chroma = y / 2 * (stride / 2) + x / 2;
            let found = [planes.y[y * stride + x], planes.u[chroma], planes.v[chroma]].map(f64::from);
            let expect = bt601(*bar);
            let far = found.iter().zip(expect).map(|(found, expect)| (found - expect).abs()).fold(0.0, f64::max);
            assert!(far <= 4.0, "{what}: bar {n} is {found:?}, not {expect:?}");
        }
    }
}

/// Upright bars that run to the right: in a picture without combs all rows are one.
#[test]
fn interlaced_pictures_have_no_combs() {
    let dir = tempfile::tempdir().expect("a folder");
    let running =
        "color=black:size=320x240:rate=50:duration=0.4,format=yuv444p,geq=lum='if(lt(mod(X-N*6,80),40),235,16)':cb=90:cr=160";
    let (mpeg2, prores) = (["-c:v", "mpeg2video", "-q:v", "2"], ["-c:v", "prores_ks", "-q:v", "2"]);
    let x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "4"];
    for (what, field, aspect, pixels, codec) in [
        ("MPEG-2, top first", "top", "1", "yuv420p", &mpeg2[..]),
        ("MPEG-2, bottom first", "bottom", "1", "yuv420p", &mpeg2),
        ("H.264 with pixels of 8:9", "top", "8/9", "yuv420p", &x264),
        ("ProRes, 4:2:2 of 10 bit", "top", "1", "yuv422p10le", &prores),
    ] {
        let order = format!("{}ff", &field[..1]);
        let filter = format!("tinterlace=interleave_{field},setfield={order},setsar={aspect},format={pixels}");
        let options = ["-f", "lavfi", "-i", running, "-vf", &filter, "-flags", "+ildct+ilme"];
        let Some(path) = made(&dir.path().join("fields.mov"), &[&options, codec].concat(), &[]) else { return };
        let mut source = open(&path, Pace::Unpaced).expect("opens");
        assert_eq!(source.format().size.to_string(), if aspect == "1" { "320x240" } else { "320x270" }, "{what}");
        for number in 0..8 {
            let picture = source.next().expect("a picture");
            let planes = picture.planes();
            for (plane, width, far_max) in [(planes.y, 320, 24), (planes.u, 160, 8), (planes.v, 160, 8)] {
                let rows: Vec<&[u8]> = plane.chunks(width).collect();
                let is_far = |(a, b): (&u8, &u8)| a.abs_diff(*b) > far_max;
                let combs: usize =
                    rows.windows(2).map(|pair| pair[0].iter().zip(pair[1]).filter(|pair| is_far(*pair)).count()).sum();
                // Where an edge has just been is seen in the first picture alone, which has none before.
                assert!(combs <= plane.len() / 100, "{what}, picture {number}: {combs} combs of {}", plane.len());
            }
            let (luma, white) = (planes.y, planes.y.iter().filter(|luma| **luma > 125).count());
            assert!(white.abs_diff(luma.len() / 2) < luma.len() / 20, "{what}: {white} of {} are white", luma.len());
        }
    }
}

#[test]
fn pixels_are_square_and_pictures_upright() {
    let dir = tempfile::tempdir().expect("a folder");
    // (options, size, which bar is in the upper left corner)
    let check = |name: &str, filter: &str, options: &[&str], expect: &str, corner: usize| {
        let Some(path) = bars(&dir.path().join(name), filter, options) else { return };
        let mut source = open(&path, Pace::Unpaced).expect("opens");
        let picture = source.next().expect("a picture");
        assert_eq!(
            (source.format().size.to_string(), picture.size().to_string()),
            (expect.to_owned(), expect.to_owned()),
            "{name}"
        );
        let (luma, found) = (bt601(BARS[corner])[0], f64::from(picture.planes().y[8 * picture.size().width() + 8]));
        assert!((luma - found).abs() < 6.0, "{name}: {found} is not bar {corner}, {luma}");
    };
    let x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];
    check("wide.mp4", "scale,setsar=16/9", &x264, "568x240", 0);
    check("narrow.mp4", "scale,setsar=8/9", &x264, "320x270", 0);
    check("pal.ts", "scale,setsar=64/45", &["-c:v", "mpeg2video"], "426x240", 0);
    check("absurd.mkv", "scale,setsar=1/100", &x264, "320x240", 0);
    let Some(flat) = bars(&dir.path().join("flat.mp4"), "scale", &x264) else { return };
    // FFmpeg's option turns counter-clockwise; (degrees, size, bar in the upper left corner)
    for (degrees, expect, corner) in [("90", "240x320", 7), ("180", "320x240", 7), ("270", "240x320", 0)] {
        let path = dir.path().join("turned.mp4");
        let turned = ["-i", flat.to_str().expect("text"), "-c", "copy", "-metadata:s:v", &format!("rotate={degrees}")];
        made(&path, &turned, &[]);
        let mut source = open(&path, Pace::Unpaced).expect("opens");
        let picture = source.next().expect("a picture");
        assert_eq!((source.format().size.to_string(), picture.size()), (expect.to_owned(), source.format().size), "{degrees}");
        let (luma, found) = (bt601(BARS[corner])[0], f64::from(picture.planes().y[8 * picture.size().width() + 8]));
        assert!((luma - found).abs() < 6.0, "{degrees}: {found} is not bar {corner}, {luma}");
    }
}

#[cfg(unix)]
#[test]
fn what_never_ends_and_holds_no_picture_is_given_up() {
    let dir = tempfile::tempdir().expect("a folder");
    let link = |name: &str, to: &str| {
        let path = dir.path().join(name);
        std::os::unix::fs::symlink(to, &path).expect("there is room");
        path
    };
    let fifo = dir.path().join("fifo.mp4");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo is there").success());
    let flood = "exec cat /dev/zero > \"$0\"";
    let mut writer = std::process::Command::new("sh").args(["-c", flood]).arg(&fifo).spawn().expect("sh is there");
    for path in [link("zero.mp4", "/dev/zero"), link("zero.ts", "/dev/zero"), link("noise.mp4", "/dev/urandom"), fifo] {
        let Err(OpenError(reason)) = open(&path, Pace::Unpaced) else { panic!("{} has no picture", path.display()) };
        assert!(reason.contains("name a file that FFmpeg plays"), "{reason}");
    }
    writer.wait().expect("nobody reads on");
}
