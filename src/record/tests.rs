use super::*;
use crate::{
    encode::{self, EncodedFrame, VideoParams},
    grid::Grid,
    package::{
        FirstSegment,
        cmaf::{
            boxes::dump,
            footage::{footage, probe, tool},
        },
        segment::{Segmenter, SegmenterConfig},
    },
    picture::Size,
    time::{FrameRate, WallAnchor},
};
use tempfile::TempDir;

const GRID: Grid = Grid { rate: FrameRate::whole(30), part_frames: 6, segment_parts: 10, key_parts: 5, lead_parts: 10 };
/// An hour into the stream, and past 32 bits of ticks.
pub(super) const START: Ticks = Ticks(13 * 3600 * 90_000 + 3600 * 90_000);
pub(super) const WALL: WallTime = WallTime(1_795_191_552_000_000);

fn events(params: &VideoParams, frames: &[EncodedFrame]) -> Vec<PackagerEvent> {
    let anchor = WallAnchor { at: START, wall: WALL };
    let mut segmenter =
        Segmenter::new(FirstSegment::NEW, SegmenterConfig { params: params.clone().into(), grid: Some(GRID), anchor }).unwrap();
    let mut events: Vec<PackagerEvent> = frames.iter().flat_map(|frame| segmenter.push(frame.clone()).unwrap()).collect();
    events.extend(segmenter.finish().unwrap());
    events
}

/// A stream without pictures in it: `format` tells formats apart.
pub(super) fn synthetic(frames: i64, format: u8) -> Vec<PackagerEvent> {
    let params = encode::fixture::params(Size::new(64, 48).unwrap(), GRID.rate, format);
    let frame = |n: i64| EncodedFrame {
        at: START + Span(3000 * n),
        duration: Span(3000),
        key: n % 30 == 0,
        data: vec![n as u8; 10 + n as usize % 7].into(),
    };
    events(&params, &(0..frames).map(frame).collect::<Vec<_>>())
}

pub(super) fn payload(n: std::ops::Range<i64>) -> Vec<u8> {
    n.flat_map(|n| vec![n as u8; 10 + n as usize % 7]).collect()
}

pub(super) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.mp4");
    (folder, path)
}

fn record(path: &Path, events: &[PackagerEvent]) -> Mp4File {
    let mut file = Mp4File::create(path, Overwrite::Refuse).unwrap();
    events.iter().for_each(|event| file.push(event).unwrap());
    file
}

pub(super) fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The sentence, with the folder of this test run taken out of it.
fn said(error: RecordError, folder: &TempDir) -> String {
    error.to_string().replace(&format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR), "")
}

#[test]
fn a_finished_recording_has_its_index_in_front_and_every_frame_in_order() {
    let (folder, path) = folder();
    let recording = record(&path, &synthetic(95, 0)).finish().unwrap();
    let bytes = fs::read(&path).unwrap();
    let (frames, duration) = (95, Span(95 * 3000));
    assert_eq!(recording, Recording { path: path.clone(), frames, duration, bytes: bytes.len() as u64 });
    assert!(bytes.ends_with(&payload(0..95)));
    let text = dump(&bytes);
    assert!(text.contains("stts 24 version=0 flags=000000 entries=[95, 3000]\n"), "{text}");
    assert!(text.contains("stss 32 version=0 flags=000000 entries=[1, 31, 61, 91]\n"), "{text}");
    assert!(text.contains("stsc 40 version=0 flags=000000 entries=[1, 6, 1, 16, 5, 1]\n"), "{text}");
    assert!(text.contains("created_modified=[3878036352, 3878036352] timescale=90000 duration=285000"), "{text}");
    assert_eq!(names(&folder), ["out.mp4"]);
}

#[test]
fn a_recording_that_joins_late_begins_at_the_next_key_frame() {
    let (_folder, path) = folder();
    let all = synthetic(120, 0);
    // The init segment, then from the middle of the first segment's first second.
    let late = [&all[..1], &all[4..]].concat();
    record(&path, &late).finish().unwrap();
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.ends_with(&payload(30..120)));
    // Nobody told it when that segment began.
    assert!(dump(&bytes).contains("created_modified=[0, 0] timescale=90000 duration=270000"));
}

#[test]
fn an_existing_file_is_refused_or_replaced() {
    let (folder, path) = folder();
    fs::write(&path, "precious").unwrap();
    let error = Mp4File::create(&path, Overwrite::Refuse).unwrap_err();
    assert_eq!(said(error, &folder), "cannot record to out.mp4: it exists; choose another name, or pass --force to replace it");
    assert_eq!(fs::read(&path).unwrap(), b"precious");

    let mut file = Mp4File::create(&path, Overwrite::Replace).unwrap();
    synthetic(6, 0).iter().for_each(|event| file.push(event).unwrap());
    file.finish().unwrap();
    assert!(fs::read(&path).unwrap().ends_with(&payload(0..6)));
}

#[test]
fn a_path_that_cannot_be_a_recording_is_told_why() {
    let (folder, path) = folder();
    let refuse = |path: &Path| said(Mp4File::create(path, Overwrite::Replace).unwrap_err(), &folder);
    assert_eq!(
        refuse(&folder.path().join("no").join("out.mp4")).replace('\\', "/"),
        "cannot record to no/out.mp4: its folder does not exist; make the folder first"
    );
    fs::create_dir(&path).unwrap();
    assert_eq!(refuse(&path), "cannot record to out.mp4: it is a folder; name a file in it");
    if cfg!(unix) {
        let null = "cannot record to /dev/null: it is not a plain file; check the path and the disk";
        assert_eq!(refuse(Path::new("/dev/null")), null);
    }
}

#[test]
fn a_full_disk_is_told_in_a_sentence() {
    let Ok(full) = OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("skipped: there is no /dev/full here");
        return;
    };
    let mut file = Mp4File::growing("out.mp4".into(), "/nowhere".into(), full);
    let error = file.push(&synthetic(6, 0)[0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write to out.mp4: the disk is full; free some space; what was recorded until now stays and plays"
    );
}

#[test]
fn a_recording_that_cannot_be_finished_stays_as_it_grew() {
    let (folder, path) = folder();
    let file = record(&path, &synthetic(60, 0));
    let grown = fs::read(&path).unwrap();
    // A folder with files in it stands where the finished file would be written.
    fs::create_dir_all(folder.path().join("out.mp4.finishing/x")).unwrap();
    let sentence = said(file.finish().unwrap_err(), &folder);
    assert!(sentence.starts_with("cannot put the index of out.mp4 in front: "), "{sentence}");
    assert!(sentence.ends_with(" bytes beside it); until then it plays as it is, in fragments"), "{sentence}");
    assert_eq!(fs::read(&path).unwrap(), grown);
}

#[test]
fn a_failed_finish_leaves_nothing_beside() {
    let (folder, path) = folder();
    let file = record(&path, &synthetic(60, 0));
    OpenOptions::new().write(true).open(&path).unwrap().set_len(1000).unwrap();
    let sentence = said(file.finish().unwrap_err(), &folder);
    assert!(sentence.contains("it was cut short by another program"), "{sentence}");
    assert_eq!(names(&folder), ["out.mp4"]);
}

/// Says to this test's own child process where to record.
#[cfg(target_os = "linux")]
const TORN_PATH: &str = "HLSCAM_TEST_TORN_PATH";

/// The system tears a write in the middle for real: this test runs itself again under a limit on the size of files.
#[test]
#[cfg(target_os = "linux")]
fn a_torn_write_is_cut_back_to_whole_boxes() {
    if let Some(path) = std::env::var_os(TORN_PATH) {
        let path = PathBuf::from(path);
        let mut file = Mp4File::create(&path, Overwrite::Refuse).unwrap();
        let error = synthetic(300, 0).iter().find_map(|event| file.push(event).err()).unwrap();
        assert!(error.to_string().contains("the file system takes no larger file; record to another disk"), "{error}");
        let (len, grown) = (file.len, fs::read(&path).unwrap());
        assert!(file.frames() > 0 && len == grown.len() as u64 && !dump(&grown).is_empty());
        return;
    }
    let (_folder, path) = folder();
    let this = "record::tests::a_torn_write_is_cut_back_to_whole_boxes";
    // 8 blocks of 512 bytes; without the trap the limit would kill.
    let script = format!("trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact {this}");
    let child =
        std::process::Command::new("sh").args(["-c", &script]).arg(std::env::current_exe().unwrap()).env(TORN_PATH, &path).output();
    let child = child.unwrap();
    assert!(child.status.success(), "{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(path.exists(), "the child ran this test");
}

#[test]
fn a_change_of_format_is_for_the_next_file() {
    let (folder, path) = folder();
    let mut file = record(&path, &synthetic(60, 0));
    let error = file.push(&synthetic(1, 1)[0]).unwrap_err();
    assert!(matches!(error, RecordError::FormatChanged(_)));
    assert_eq!(said(error, &folder), "cannot go on in out.mp4: the stream's format has changed; go on in another file");
    file.push(&synthetic(1, 0)[0]).unwrap();
    assert_eq!(file.finish().unwrap().frames, 60);
    let second = path.with_file_name("out-2.mp4");
    record(&second, &synthetic(30, 1)).finish().unwrap();
    assert_eq!(names(&folder), ["out-2.mp4", "out.mp4"]);
}

#[test]
fn a_recording_of_nothing_leaves_nothing() {
    let (folder, path) = folder();
    let error = record(&path, &synthetic(0, 0)).finish().unwrap_err();
    assert_eq!(said(error, &folder), "nothing was recorded to out.mp4: the stream ended before its first key frame");
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
#[cfg(unix)]
fn a_link_stays_a_link() {
    let (folder, path) = folder();
    fs::write(folder.path().join("real.mp4"), "").unwrap();
    std::os::unix::fs::symlink("real.mp4", &path).unwrap();
    let mut file = Mp4File::create(&path, Overwrite::Replace).unwrap();
    synthetic(6, 0).iter().for_each(|event| file.push(event).unwrap());
    file.finish().unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert!(fs::read(folder.path().join("real.mp4")).unwrap().ends_with(&payload(0..6)));
}

#[test]
fn others_play_the_stream_the_killed_and_the_finished_recording() {
    let Some((params, frames)) = footage(95, START) else { return };
    let events = events(&params, &frames);
    let (folder, path) = folder();
    let name = path.to_str().unwrap();

    let stream = folder.path().join("stream.mp4");
    let bytes = events.iter().flat_map(|event| match event {
        PackagerEvent::Init { data, .. } | PackagerEvent::Part(Part { data, .. }) => data.read().unwrap().to_vec(),
        _ => Vec::new(),
    });
    fs::write(&stream, bytes.collect::<Vec<u8>>()).unwrap();
    let picture = "profile=High|width=320|height=240|color_range=tv|color_space=smpte170m";
    let Some(seen) = probe(stream.to_str().unwrap()) else { return };
    assert_eq!(seen, format!("{picture}|start_time=50400.000000|nb_read_frames=95 duration=50403.166667"));

    let file = record(&path, &events);
    assert_eq!(probe(name).unwrap(), format!("{picture}|start_time=0.000000|nb_read_frames=95 duration=3.166667"));
    let killed = folder.path().join("killed.mp4");
    let grown = fs::read(&path).unwrap();
    // Killed in the middle of its last part of 5 frames.
    fs::write(&killed, &grown[..grown.len() - 100]).unwrap();
    let seen = probe(killed.to_str().unwrap()).unwrap();
    assert!(seen.contains("nb_read_frames=94 ") || seen.contains("nb_read_frames=95 "), "{seen}");

    file.finish().unwrap();
    assert_eq!(probe(name).unwrap(), format!("{picture}|start_time=0.000000|nb_read_frames=95 duration=3.166667"));
    for file in [name, stream.to_str().unwrap()] {
        let Some(decoded) = tool("ffmpeg", &["-v", "warning", "-xerror", "-i", file, "-f", "null", "-"]) else { return };
        assert_eq!((decoded.status.success(), String::from_utf8_lossy(&decoded.stderr).as_ref()), (true, ""), "{file}");
    }
}
