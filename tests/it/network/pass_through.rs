//! H.264 that is handed on as the source has coded it.

use super::{LIVE, RtspCamera, SystemClock, Then, bound, h264, play};
use crate::support::{Answer, Running, ffmpeg};
use std::{path::Path, process::Command};

const PLAIN: [&str; 8] = ["--overlay", "none", "--detect", "none", "--segment", "1s", "--pass-through", "always"];

fn started(port: u16, more: &[&str]) -> Running {
    let url = format!("rtsp://127.0.0.1:{port}/cam");
    Running::start(&[&["--device", &url][..], &PLAIN, more].concat())
}

fn is_passing(status: &Answer) -> bool {
    status.json()["pass_through"]["active"] == true
}

/// The attribute of each line that begins with that tag, as a number.
fn numbers(playlist: &str, tag: &str, attribute: &str) -> Vec<f64> {
    let lines = playlist.lines().filter_map(|line| line.strip_prefix(tag));
    let number = |line: &str| line.split([',', ':']).find_map(|pair| pair.strip_prefix(attribute)?.parse().ok());
    lines.map(|line| number(line).unwrap_or_else(|| panic!("{tag}{line}"))).collect()
}

/// Asserts what a player relies on of lengths.
fn check_lengths(playlist: &str) {
    let target = numbers(playlist, "#EXT-X-PART-INF", "PART-TARGET=")[0];
    let target_duration = numbers(playlist, "#EXT-X-TARGETDURATION", "")[0];
    let mut parts: Vec<f64> = Vec::new();
    for line in playlist.lines() {
        if line.starts_with("#EXT-X-PART:") {
            parts.push(numbers(line, "#EXT-X-PART", "DURATION=")[0]);
        } else if let Some(length) = line.strip_prefix("#EXTINF:") {
            let length: f64 = length.trim_end_matches(',').parse().expect(line);
            assert!(length.round() <= target_duration, "{line}: {playlist}");
            // The last of a segment may be short.
            parts.pop();
        }
    }
    assert!(parts.iter().all(|part| *part <= target && *part >= target * 0.85), "{parts:?} of {target}: {playlist}");
}

/// The bytes of the first IDR of an Annex B stream.
fn first_idr(h264: &[u8]) -> &[u8] {
    let begin = h264.windows(4).position(|bytes| bytes[..3] == [0, 0, 1] && bytes[3] & 0x1f == 5).expect("an IDR") + 3;
    let len = h264[begin..].windows(3).position(|bytes| bytes == [0, 0, 1]).expect("another NAL unit");
    &h264[begin..begin + len - 1]
}

#[test]
fn a_camera_is_passed_through_with_a_slate_while_it_is_gone() {
    let Some(h264) = h264("320x240", &LIVE) else { return };
    let camera = RtspCamera::start(play(h264.clone(), Then::Again));
    let port = camera.port;
    let running = started(port, &[]);
    let playlist = running.wait_for("/cam/video.m3u8", |answer| answer.text().matches("#EXTINF").count() >= 3).text();
    check_lengths(&playlist);
    let status = running.wait_for("/api/status", is_passing).json();
    assert_eq!((&status["encoder"]["name"], &status["pass_through"]["why_not"]), (&"pass-through".into(), &"".into()));
    // What the camera has coded is served, byte for byte.
    let segment = playlist.lines().find(|line| line.starts_with("seg-")).expect("a segment");
    let bytes = running.get(&format!("/cam/{segment}")).body;
    let idr = first_idr(&h264);
    assert!(bytes.windows(idr.len()).any(|window| window == idr), "the first key frame of {} bytes is in none", idr.len());
    let manifest = running.get("/cam/index.mpd").text();
    assert!(manifest.contains("<SegmentTimeline>") && manifest.contains("<S t="), "{manifest}");
    let picture = running.get("/cam/snapshot.jpg");
    assert!(picture.status == 200 && picture.body.starts_with(&[0xff, 0xd8]), "{}", picture.head);
    drop(camera);
    running.wait_for("/api/status", |answer| answer.json()["pacer"]["slates"].as_u64() > Some(10) && !is_passing(answer));
    let _camera = RtspCamera::on(bound(port, &SystemClock::start()), play(h264, Then::Again));
    running.wait_for("/api/status", is_passing);
    let is_back = |answer: &Answer| {
        let after = answer.text().rsplit("#EXT-X-DISCONTINUITY\n").next().map_or(0, |after| after.matches("#EXTINF").count());
        answer.text().matches("#EXT-X-DISCONTINUITY\n").count() >= 2 && after >= 1
    };
    let playlist = running.wait_for("/cam/video.m3u8", is_back).text();
    assert!(playlist.matches("#EXT-X-MAP").count() >= 3, "{playlist}");
    check_lengths(&playlist);
}

#[test]
fn another_format_of_the_camera_is_another_init_segment() {
    let (Some(small), Some(large)) = (h264("160x120", &LIVE), h264("320x240", &LIVE)) else { return };
    let camera = RtspCamera::start(play([small, large].concat(), Then::Again));
    let running = started(camera.port, &[]);
    let both =
        |answer: &Answer| answer.text().matches("#EXT-X-MAP").count() >= 2 && answer.text().contains("#EXT-X-DISCONTINUITY\n");
    let playlist = running.wait_for("/cam/video.m3u8", both).text();
    check_lengths(&playlist);
    running.wait_for("/api/status", is_passing);
}

#[test]
fn what_cannot_be_passed_through_is_encoded_or_refused_with_the_reason() {
    let Some(h264) = h264("160x120", &["-preset", "ultrafast", "-bf", "2"]) else { return };
    let camera = RtspCamera::start(play(h264, Then::Again));
    let url = format!("rtsp://127.0.0.1:{}/cam", camera.port);
    let auto = Running::start(&["--device", &url, "--overlay", "none", "--detect", "none"]);
    let status = auto.wait_for("/api/status", |answer| answer.json()["encoder"]["codecs"] != "").json();
    assert_eq!((&status["pass_through"]["active"], &status["pass_through"]["why_not"]), (&false.into(), &"it has B-frames".into()));
    let mut always = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    let output = always.args(["--device", &url, "--port", "0"]).args(PLAIN).output().expect("it is built");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let wanted = "cannot be passed through: it has B-frames; leave --pass-through always out";
    assert!(said.contains(wanted), "{said}");
}

/// The pictures of a film, as sums of what is decoded.
fn pictures(film: &Path) -> Option<Vec<String>> {
    let film = film.to_str().expect("plain");
    let text = ffmpeg("ffmpeg", &["-v", "error", "-i", film, "-an", "-f", "framemd5", "-"])?;
    Some(
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit(", ").next()).map(str::to_owned).collect(),
    )
}

#[test]
fn a_recording_of_a_file_that_is_passed_through_has_the_same_pictures() {
    let dir = tempfile::tempdir().expect("a folder");
    let (film, copy) = (dir.path().join("film.mp4"), dir.path().join("copy.mp4"));
    let source = "testsrc2=size=320x240:rate=25:duration=2.4";
    let make = ["-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "30"];
    if ffmpeg("ffmpeg", &[&make[..], &[film.to_str().expect("plain")]].concat()).is_none() {
        return;
    }
    let device = format!("file:{}", film.display());
    let mut record = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    record.args(["record", "--once", "--device", &device, "--output"]).arg(&copy).args(&PLAIN[..4]);
    let output = record.output().expect("it is built");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("is passed through as it is"), "{said}");
    assert_eq!(pictures(&copy), pictures(&film));
}
