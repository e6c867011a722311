//! The whole of it: the real binary from a source to what a player downloads.

use crate::support::{Answer, Deadline, Running, ffmpeg, media, request};
use hlscam::{
    picture::{
        PicturePool, Size,
        strip::{Strip, read_strip},
    },
    time::Ticks,
};
use std::{fs, path::Path, process::Command};

/// Small and quick: the point is the path, not the picture.
const SMALL: [&str; 6] = ["--device", "test", "--size", "320x240", "--segment", "1s"];

/// The URIs of a media playlist: its init segment, then its segments.
fn uris(playlist: &str) -> (String, Vec<String>) {
    let map = playlist.lines().filter_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\"")).next_back().expect("an EXT-X-MAP");
    let map = map.split('"').next().expect("a quote").to_owned();
    (map, playlist.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect())
}

/// Downloads the init segment and the last `n` segments into one file.
fn download(running: &Running, n: usize, to: &Path) {
    let enough = |answer: &Answer| answer.text().matches("#EXTINF").count() >= n;
    let playlist = running.wait_for("/cam/video.m3u8", enough).text();
    let (map, segments) = uris(&playlist);
    let mut bytes = running.wait_for(&format!("/cam/{map}"), |_| true).body;
    for segment in &segments[segments.len() - n..] {
        bytes.extend(running.wait_for(&format!("/cam/{segment}"), |_| true).body);
    }
    fs::write(to, bytes).expect("writes");
}

/// The frames of a file as raw 4:2:0, through the FFmpeg command.
pub(crate) fn frames(path: &Path, size: Size) -> Option<Vec<hlscam::picture::Picture>> {
    let raw = path.with_extension("yuv");
    ffmpeg("ffmpeg", &["-v", "error", "-y", "-i", path.to_str()?, "-pix_fmt", "yuv420p", "-f", "rawvideo", raw.to_str()?])?;
    let pool = PicturePool::default();
    let bytes = fs::read(raw).expect("reads");
    Some(
        bytes
            .chunks_exact(size.picture_len())
            .map(|chunk| {
                let mut picture = pool.take(size, Ticks(0));
                picture.as_bytes_mut().copy_from_slice(chunk);
                picture
            })
            .collect(),
    )
}

#[test]
fn the_test_source_arrives_frame_by_frame_with_its_clock_strip() {
    let running = Running::start(&SMALL);
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("served.mp4");
    download(&running, 3, &file);
    let Some(frames) = frames(&file, Size::new(320, 240).expect("even")) else { return };
    assert_eq!(frames.len(), 90);
    let strips: Vec<Strip> = frames.iter().map(|frame| read_strip(frame).expect("the strip is readable")).collect();
    for pair in strips.windows(2) {
        // A busy machine may repeat or drop a frame; none goes back.
        assert!((pair[0].number..=pair[0].number + 3).contains(&pair[1].number), "{pair:?}");
        assert!(pair[1].unix_ms >= pair[0].unix_ms, "{pair:?}");
    }
    let report = running.get("/api/status").json();
    assert_eq!(report["source"]["state"], "live", "{report}");
    assert_eq!(report["source"]["name"], "test source", "{report}");
    assert!(report["window"]["segments"].as_u64().is_some_and(|n| n >= 3), "{report}");
    assert_eq!(running.get("/healthz").status, 200);
    assert_eq!(running.get("/readyz").status, 200);
}

#[test]
fn the_multivariant_playlist_tells_the_truth_about_the_stream() {
    let running = Running::start(&SMALL);
    let text = running.wait_for("/cam/index.m3u8", |_| true).text();
    for expect in ["RESOLUTION=320x240", "FRAME-RATE=30.000", "CODECS=\"avc1.64", "AVERAGE-BANDWIDTH=", "video.m3u8"] {
        assert!(text.contains(expect), "{expect}: {text}");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("served.mp4");
    download(&running, 2, &file);
    let path = file.to_str().expect("plain");
    let entries = "stream=codec_name,profile,width,height,pix_fmt,color_range,color_space,has_b_frames,r_frame_rate";
    let Some(text) = ffmpeg("ffprobe", &["-v", "error", "-show_entries", entries, "-of", "default=nw=1", path]) else { return };
    let expect = "codec_name=h264\nprofile=High\nwidth=320\nheight=240\nhas_b_frames=0\npix_fmt=yuv420p\ncolor_range=tv\n\
                  color_space=smpte170m\nr_frame_rate=30/1\n";
    assert_eq!(text, expect);
}

#[test]
fn a_size_change_and_a_vanished_source_stay_one_stream() {
    let running = Running::start(&["--device", "test:size:160x120@2s,vanish@3s..5s", "--size", "320x240", "--segment", "1s"]);
    running.wait_for("/api/status", |answer| answer.json()["source"]["state"] == "lost");
    running
        .wait_for("/api/status", |answer| answer.json()["source"]["state"] == "live" && answer.json()["source"]["reopened"] == 1);
    let report = running.get("/api/status").json();
    assert!(report["pacer"]["slates"].as_u64().is_some_and(|n| n > 0), "{report}");
    let playlist = running.get("/cam/video.m3u8").text();
    // The run itself begins with one.
    let lines = |line: &str| playlist.matches(line).count();
    assert_eq!((lines("#EXT-X-MAP"), lines("#EXT-X-DISCONTINUITY\n")), (1, 1), "{playlist}");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("served.mp4");
    download(&running, 3, &file);
    let Some(frames) = frames(&file, Size::new(320, 240).expect("even")) else { return };
    assert_eq!(frames.len(), 90);
}

#[test]
fn ctrl_c_closes_the_playlist_and_exits_with_zero() {
    let running = Running::start(&SMALL);
    running.wait_for("/cam/video.m3u8", |answer| answer.text().contains("#EXTINF"));
    let address = running.address.clone();
    let watcher = std::thread::spawn(move || {
        let deadline = Deadline::start();
        while !deadline.is_over() {
            match request(&address, "/cam/video.m3u8") {
                Ok(answer) if answer.text().ends_with("#EXT-X-ENDLIST\n") => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        false
    });
    let (status, _) = running.interrupt();
    assert_eq!(status.code(), Some(0));
    assert!(watcher.join().expect("no panic"), "ENDLIST was served before the end");
}

#[test]
fn a_clip_is_streamed_with_its_faces_found() {
    let Some(media) = media() else { return };
    let running = Running::start(&["--device", &format!("file:{}", media.join("brother.mkv").display())]);
    running.wait_for("/api/status", |answer| answer.json()["detection"]["faces"].as_u64().is_some_and(|n| n >= 1));
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("served.mp4");
    download(&running, 1, &file);
    let Some(frames) = frames(&file, Size::new(640, 480).expect("even")) else { return };
    assert_eq!(frames.len(), 60);
}

#[test]
fn a_recording_has_the_length_asked_and_plays() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("out.mp4");
    let record = |force: &[&str]| {
        let args = ["record", "--device", "test", "--size", "320x240", "--duration", "1500ms", "--output"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
        command.args(args).arg(&file).args(force).output().expect("runs")
    };
    let first = record(&[]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let before = fs::read(&file).expect("is there");
    let again = record(&[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    assert_eq!(fs::read(&file).expect("is there"), before, "a refused recording leaves the file alone");
    assert_eq!(record(&["--force"]).status.code(), Some(0));
    let args =
        ["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file.to_str().expect("plain")];
    let Some(counted) = ffmpeg("ffprobe", &args) else { return };
    assert_eq!(counted.trim(), "45");
}

#[test]
fn a_killed_recording_plays() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("out.mp4");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    // A part of six frames, so that one that is whole is enough.
    command.args(["record", "--device", "test", "--size", "320x240", "--part", "200ms", "--duration", "1h", "--output"]).arg(&file);
    let mut child = command.stderr(std::process::Stdio::null()).spawn().expect("runs");
    let deadline = Deadline::start();
    while fs::metadata(&file).map_or(0, |metadata| metadata.len()) < 20_000 {
        assert!(!deadline.is_over(), "nothing was recorded");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    child.kill().expect("it runs");
    child.wait().expect("it is our child");
    let args =
        ["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file.to_str().expect("plain")];
    let Some(counted) = ffmpeg("ffprobe", &args) else { return };
    assert!(counted.trim().parse::<u32>().expect("a number") >= 6, "{counted}");
}

#[test]
fn detect_prints_a_line_per_frame() {
    let Some(media) = media() else { return };
    let clip = media.join("thanks.mkv");
    let output = Command::new(env!("CARGO_BIN_EXE_hlscam")).args(["detect", "--json"]).arg(&clip).output().expect("runs");
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<serde_json::Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.len() > 30, "{} lines", lines.len());
    let found = lines.iter().filter(|line| line["boxes"].as_array().is_some_and(|boxes| !boxes.is_empty())).count();
    assert!(found * 2 > lines.len(), "faces in {found} of {} frames", lines.len());
    assert!(lines.iter().enumerate().all(|(n, line)| line["frame"] == n), "frames are numbered from 0");
}

#[test]
fn bench_tells_what_each_stage_costs() {
    let Some(media) = media() else { return };
    let clip = media.join("thanks.mkv");
    let output = Command::new(env!("CARGO_BIN_EXE_hlscam")).arg("bench").arg(&clip).arg("--json").output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for stage in ["decode", "detect", "encode"] {
        assert!(report["stages_ms"][stage].as_f64().is_some_and(|ms| ms > 0.0), "{stage}: {report}");
    }
}
