//! Histories in real folders: what a run leaves is what the next one lists, whatever ended it.

mod days;

use super::*;
use crate::{
    playlist::{Extent, Kind, texts::Texts},
    time::{ManualClock, WallTime},
    window::{
        WindowConfig,
        feed::{BEGIN, Feed, config},
        state::Segment,
    },
};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
};
use tempfile::TempDir;

pub(super) const ROOM: DiskRoom = DiskRoom { span: Span::from_ms(12_000), bytes_max: u64::MAX, min_free: 0 };
/// Between two runs.
const PAUSE: Span = Span::from_ms(3_600_000);

fn on_disk(room: DiskRoom) -> WindowConfig {
    WindowConfig { bytes_max: room.bytes_max, memory_max: Some(1 << 30), ..config() }
}

/// Length and checksum of a segment.
type Seen = (usize, u32);

/// A run of a camera, and the thread that keeps it, but in step with the test.
pub(super) struct Run {
    feed: Feed,
    archivist: Archivist,
}

impl Run {
    pub(super) fn start(storage: &Path, name: &str, begin: WallTime, room: DiskRoom) -> Run {
        let camera = CameraName::default();
        let history = History { span: config().span, bytes_max: 1 << 30, disk: Some(room) };
        let mut archive =
            Archive::open(&camera, storage, (&history, room), Arc::new(ManualClock::at(begin))).expect("the folder can be used");
        let (first, init) = (archive.first_numbers(None, FirstNumbers::at(BEGIN)), archive.first_init());
        let config = WindowConfig { run: name.into(), first, ..on_disk(room) };
        let feed = Feed::begin(config, begin, init, Some(archive.take_past()));
        let Archive { camera, folder, room, writer, status, catalog, recordings, clock, .. } = archive;
        let (window, next, tell) = (feed.window.clone(), first.msn, Box::new(|_| {}));
        let (look, is_low): (Look, _) = (Box::new(|_| Vec::new()), false);
        let archivist =
            Archivist { camera, folder, room, writer, window, next, status, catalog, recordings, clock, tell, look, is_low };
        Run { feed, archivist }
    }

    /// Publishes segments; each is kept before the next one comes.
    pub(super) fn push(&mut self, segments: &str) -> &mut Run {
        for segment in segments.split_inclusive('|') {
            self.feed.push(segment);
            self.archivist.keep_through(Msn(self.feed.window.summary().last_msn));
        }
        self
    }

    /// What the media playlist says of segments that have no parts: what stays the same from run to run.
    fn listed(&self) -> Vec<String> {
        let mut texts = Texts::default();
        texts.follow(self.feed.window.snapshot(texts.next()));
        let Some(page) = texts.page(Kind::Video(Extent::Full)) else { return Vec::new() };
        let text: String = page.plain().iter().map(|piece| String::from_utf8_lossy(piece).into_owned()).collect();
        let is_of_a_run =
            |line: &&str| !["#EXT-X-PART", "#EXT-X-PRELOAD-HINT", "#EXT-X-ENDLIST"].iter().any(|tag| line.starts_with(tag));
        text.lines().filter(is_of_a_run).map(str::to_owned).collect()
    }

    /// The length and the checksum of the listed segments that can be read, by their names.
    fn bytes(&self) -> BTreeMap<String, Seen> {
        self.feed.read(|state| state.listed().filter_map(|segment| Some((name_of(segment), read(segment)?))).collect())
    }
}

fn name_of(segment: &Segment) -> String {
    format!("{}-{}", segment.run, segment.start.msn.0)
}

fn read(segment: &Segment) -> Option<Seen> {
    let parts: io::Result<Vec<_>> = segment.parts.iter().map(|part| part.data.read()).collect();
    let bytes = parts.ok()?.concat();
    (!bytes.is_empty()).then(|| (bytes.len(), crc32fast::hash(&bytes)))
}

pub(super) fn seconds(n: usize) -> String {
    "K.K..|".repeat(n)
}

pub(super) fn files(storage: &TempDir) -> Vec<PathBuf> {
    let there = fs::read_dir(storage.path().join("cam")).expect("it was made");
    let mut files: Vec<PathBuf> = there
        .map(|entry| entry.expect("it is there").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "mp4"))
        .collect();
    files.sort();
    files
}

#[test]
fn the_next_run_lists_what_the_last_one_listed_under_the_same_names_and_numbers() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut first = Run::start(storage.path(), "first", BEGIN, ROOM);
    // Longer than the window, with a discontinuity in a new format in it.
    first.push(&seconds(9)).push("!K....|").push(&seconds(8));
    let (listed, bytes) = (first.listed(), first.bytes());
    assert_eq!(bytes.len(), 12);
    let summary = first.feed.window.summary();
    drop(first);

    let mut second = Run::start(storage.path(), "second", BEGIN + PAUSE, ROOM);
    assert_eq!((second.listed(), second.bytes()), (listed, bytes.clone()));
    let again = second.feed.window.summary();
    assert_eq!(
        (again.span_s, again.bytes, again.first_msn, again.peak_bps),
        (summary.span_s, summary.bytes, summary.first_msn, summary.peak_bps)
    );
    second.push(&seconds(2));
    let lines = second.listed();
    let seam = lines.iter().rposition(|line| line == "#EXT-X-DISCONTINUITY").expect("runs do not go on in each other");
    assert_eq!(lines[seam + 1], "#EXT-X-MAP:URI=\"init-second-3.mp4\"");
    assert!(lines[seam..].contains(&format!("seg-second-{}.m4s", summary.last_msn + 1)));
    let kept = second.bytes();
    assert!(kept.iter().filter(|(name, _)| name.starts_with("first")).all(|(name, segment)| bytes[name] == *segment));
    // The third finds two runs, and none of the names is used again.
    drop(second);
    let third = Run::start(storage.path(), "third", BEGIN + PAUSE * 2, ROOM);
    assert_eq!(third.bytes(), kept);
}

#[test]
fn a_stretch_that_began_before_what_is_listed_keeps_its_place_on_the_timeline() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut first = Run::start(storage.path(), "first", BEGIN, ROOM);
    first.push(&seconds(30));
    let stretches = |run: &Run| {
        let snapshot = run.feed.window.snapshot(Msn(0));
        let all = snapshot.timeline.stretches().map(|stretch| (stretch.first, stretch.start_us)).collect::<Vec<_>>();
        (snapshot.timeline.zero(), all)
    };
    let before = stretches(&first);
    drop(first);
    let mut second = Run::start(storage.path(), "second", BEGIN + PAUSE, ROOM);
    assert_eq!(stretches(&second), before);
    second.push(&seconds(1));
    let (zero, all) = stretches(&second);
    assert_eq!((zero, all[0], all[1].1), (before.0, before.1[0], PAUSE.as_us()), "its zero is that of the first run");
    drop(second);
    // A clock that was set back puts no run into another.
    let mut third = Run::start(storage.path(), "third", BEGIN + Span::from_ms(-7000), ROOM);
    third.push(&seconds(1));
    let (zero, all) = stretches(&third);
    assert_eq!(all.last().map(|(_, start_us)| *start_us), Some((PAUSE + Span::from_ms(1000)).as_us()));
    assert_eq!(zero, Some(BEGIN + Span::from_ms(-8000) + PAUSE * -1));
}

#[test]
fn what_was_told_and_not_kept_is_listed_as_gone() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut first = Run::start(storage.path(), "first", BEGIN, ROOM);
    first.push(&seconds(4));
    let last = first.feed.window.summary().last_msn;
    drop(first);
    let history = History { span: config().span, bytes_max: 1 << 30, disk: Some(ROOM) };
    // A second and a half later: there was no time for two whole ones.
    let clock = Arc::new(ManualClock::at(BEGIN + Span::from_ms(5500)));
    let mut archive = Archive::open(&CameraName::default(), storage.path(), (&history, ROOM), clock).expect("it is there");
    // The store of markers is two ahead.
    let first =
        archive.first_numbers(Some(FirstNumbers { msn: Msn(last + 3), ..FirstNumbers::at(BEGIN) }), FirstNumbers::at(BEGIN));
    let past = archive.take_past();
    assert_eq!((first.msn, past.next_msn()), (Msn(last + 3), Some(Msn(last + 3))));
    assert_eq!(past.segments.iter().map(Segment::is_gone).collect::<Vec<_>>(), [false, false, false, false, true, true]);
    let feed = Feed::begin(WindowConfig { first, ..on_disk(ROOM) }, BEGIN + PAUSE, archive.first_init(), Some(past));
    let mut texts = Texts::default();
    texts.follow(feed.window.snapshot(texts.next()));
    let page = texts.page(Kind::Video(Extent::Full)).expect("there is a past");
    let text = String::from_utf8(page.plain().concat()).expect("text");
    assert!(text.contains(&format!("#EXT-X-GAP\n#EXTINF:0.75000,\nseg-first-{}.m4s\n", last + 1)), "{text}");
}

#[test]
fn old_segments_leave_memory_and_the_disk_when_the_window_does() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut run = Run::start(storage.path(), "r", BEGIN, ROOM);
    run.archivist.writer.as_mut().expect("there is room").file_len_max = 30_000;
    // A window of 12 s is all in memory; it stays there for 30 s.
    run.push(&seconds(12));
    let in_memory = run.feed.read(crate::window::state::State::memory_bytes);
    assert_eq!(in_memory, run.feed.window.summary().held_bytes);
    run.push(&seconds(40));
    assert!(files(&storage).len() < 10, "{:?}", files(&storage));
    let known: u64 = files(&storage).iter().map(|path| fs::metadata(path).expect("it is there").len()).sum();
    assert_eq!(
        run.archivist.status.report(),
        HistoryReport {
            bytes: known,
            files: files(&storage).len() as u64,
            written_segments: 52,
            lost_segments: 0,
            protected_bytes: 0,
            trouble: None
        }
    );
    drop(run);

    let storage = tempfile::tempdir().expect("a folder");
    let archive = Run::start(storage.path(), "r", BEGIN, ROOM);
    let long = WindowConfig { span: Span::from_ms(120_000), ..on_disk(ROOM) };
    let feed = Feed::begin(WindowConfig { first: archive.feed.window.config().first, ..long }, BEGIN, InitId(1), None);
    let mut run = Run { archivist: Archivist { window: feed.window.clone(), ..archive.archivist }, feed };
    run.push(&seconds(100));
    let (held, in_memory) = (run.feed.window.summary().held_bytes, run.feed.read(crate::window::state::State::memory_bytes));
    assert!(in_memory * 3 <= held && in_memory * 4 > held, "30 of 100 s: {in_memory} of {held}");
    assert_eq!(run.bytes().len(), 100, "all can be read");
    let (_, key) = run
        .feed
        .read(|state| state.listed().map(|segment| (segment.has_published_parts, segment.key_frames())).next())
        .expect("the first");
    assert_eq!(
        key.iter().map(|key| (key.offset, key.len, key.duration.0)).collect::<Vec<_>>(),
        [(0, 2500, 36_000), (4000, 2500, 54_000)]
    );
}

#[test]
fn a_disk_without_room_costs_history_and_is_told_and_taken_up_again() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut run = Run::start(storage.path(), "r", BEGIN, DiskRoom { min_free: u64::MAX, ..ROOM });
    run.push(&seconds(5));
    let report = run.archivist.status.report();
    assert_eq!((report.written_segments, report.lost_segments), (0, 5));
    assert!(
        report.trouble.as_deref().is_some_and(|why| why.starts_with("no room for the history in ") && why.contains("--min-free")),
        "{report:?}"
    );
    assert_eq!(run.bytes().len(), 5, "they are in memory");
    run.archivist.writer = None;
    run.archivist.room = ROOM;
    run.push(&seconds(2));
    let report = run.archivist.status.report();
    assert_eq!((report.written_segments, report.lost_segments, report.trouble), (2, 5, None));
}

#[test]
fn history_bytes_are_kept_to_and_the_oldest_is_unlisted_with_its_file() {
    let storage = tempfile::tempdir().expect("a folder");
    let room = DiskRoom { bytes_max: 60_000, ..ROOM };
    let mut run = Run::start(storage.path(), "r", BEGIN, room);
    run.archivist.writer.as_mut().expect("there is room").file_len_max = 20_000;
    for n in 0..40 {
        run.push(&seconds(1));
        let known: u64 = files(&storage).iter().map(|path| fs::metadata(path).expect("it is there").len()).sum();
        assert!(known <= room.bytes_max, "{known} after {n}");
        assert_eq!(run.bytes().len(), run.feed.window.summary().segments, "what is listed is there");
    }
    assert_eq!(run.archivist.status.report().lost_segments, 0);
}

#[test]
fn a_folder_that_is_deleted_is_made_again() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut run = Run::start(storage.path(), "r", BEGIN, ROOM);
    run.push(&seconds(3));
    fs::remove_dir_all(storage.path().join("cam")).expect("it is there");
    run.push(&seconds(3));
    assert_eq!(run.archivist.status.report().lost_segments, 0);
    let listed = run.bytes();
    drop(run);
    let again = Run::start(storage.path(), "again", BEGIN + PAUSE, ROOM).bytes();
    assert_eq!((again, listed.len()), (listed, 6), "all of them were in memory");
}

#[test]
fn files_of_others_stay_as_they_are_and_a_newer_index_is_refused() {
    let storage = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(storage.path().join("cam")).expect("a folder");
    let foreign = storage.path().join("cam/holiday.mp4");
    fs::write(&foreign, b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08free").expect("there is room");
    // One that is being copied, and one whose index is longer than ours ever is.
    let (begun, long) = (storage.path().join("cam/begun.mp4"), storage.path().join("cam/long.mp4"));
    fs::write(&begun, b"").expect("there is room");
    let moov = [&b"\0\0\0\x10ftypisom\0\0\0\0"[..], &[0, 2, 0, 0], b"moov", &[0; 131_064]].concat();
    fs::write(&long, &moov).expect("there is room");
    let mut run = Run::start(storage.path(), "r", BEGIN, ROOM);
    run.push(&seconds(2));
    drop(run);
    let lens = [&foreign, &begun, &long].map(|path| fs::metadata(path).expect("it is there").len());
    assert_eq!(lens, [24, 0, moov.len() as u64]);
    let db = rusqlite::Connection::open(storage.path().join("cam").join(index::FILE_NAME)).expect("an index");
    db.execute_batch("PRAGMA user_version = 9").expect("it can be written");
    drop(db);
    let error = Folder::open(&storage.path().join("cam")).expect_err("it is newer");
    assert!(error.to_string().ends_with("it is of version 9, and this hlscam knows 2; use a newer hlscam"), "{error}");
}

#[test]
fn an_init_segment_outlives_the_first_file_of_its_run() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut first = Run::start(storage.path(), "first", BEGIN, ROOM);
    first.archivist.writer.as_mut().expect("there is room").file_len_max = 20_000;
    first.push(&seconds(12));
    drop(first);
    let oldest = files(&storage).remove(0);
    let mut second = Run::start(storage.path(), "second", BEGIN + PAUSE, ROOM);
    for _ in 0..30 {
        second.push(&seconds(1));
        let is_read = second.feed.read(|state| {
            state.listed().all(|segment| {
                state.init(segment.start.init).is_some_and(|init| init.run == segment.run && init.data.read().is_ok())
            })
        });
        assert!(is_read, "an init segment is gone with a file");
    }
    assert!(!oldest.exists(), "the first run has left the window by then");
}

#[test]
fn an_index_that_is_deleted_while_it_is_used_costs_nothing() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut run = Run::start(storage.path(), "r", BEGIN, ROOM);
    run.archivist.writer.as_mut().expect("there is room").file_len_max = 20_000;
    run.push(&seconds(10));
    let before = files(&storage);
    fs::remove_file(storage.path().join("cam").join(index::FILE_NAME)).expect("it is there");
    run.push(&seconds(2));
    assert!(before.iter().all(|file| file.exists()) && run.archivist.status.report().lost_segments == 0);
    let shown = run.bytes();
    assert_eq!(shown.len(), 12);
    drop(run);
    assert_eq!(Run::start(storage.path(), "again", BEGIN + PAUSE, ROOM).bytes(), shown);
}

#[test]
fn what_a_window_does_not_list_is_deleted_only_when_there_is_enough_that_is_newer() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut first = Run::start(storage.path(), "first", BEGIN, ROOM);
    first.archivist.writer.as_mut().expect("there is room").file_len_max = 20_000;
    first.push(&seconds(8));
    let shown = first.bytes();
    drop(first);
    // As where the disk could not be read when it began.
    let Run { feed: blind, archivist } = Run::start(storage.path(), "second", BEGIN + PAUSE, ROOM);
    let first = blind.window.config().first;
    let feed = Feed::begin(WindowConfig { run: "second".into(), first, ..on_disk(ROOM) }, BEGIN + PAUSE, InitId(2), None);
    let mut second = Run { archivist: Archivist { window: feed.window.clone(), ..archivist }, feed };
    second.push(&seconds(3));
    drop(second);
    let again = Run::start(storage.path(), "third", BEGIN + PAUSE * 2, ROOM).bytes();
    assert!(shown.iter().all(|(name, segment)| again.get(name) == Some(segment)), "{:?}", again.keys());
}

#[test]
fn a_damaged_segment_takes_no_other_with_it() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut run = Run::start(storage.path(), "r", BEGIN, ROOM);
    run.push(&seconds(6));
    let shown = run.bytes();
    drop(run);
    fs::remove_file(storage.path().join("cam").join(index::FILE_NAME)).expect("it is there");
    let file = files(&storage).remove(0);
    let mut bytes = fs::read(&file).expect("it is there");
    // Within the third segment; each is 8000 bytes behind some 250 of its box.
    let place = bytes.len() - 4 * 8250 + 4000;
    bytes[place] ^= 1;
    fs::write(&file, bytes).expect("there is room");
    let again = Run::start(storage.path(), "again", BEGIN + PAUSE, ROOM).bytes();
    assert_eq!((again.len(), shown.len()), (5, 6));
    assert!(again.iter().all(|(name, segment)| shown[name] == *segment));
}

#[test]
fn numbers_never_go_back_after_days_without_a_disk() {
    let storage = tempfile::tempdir().expect("a folder");
    Run::start(storage.path(), "r", BEGIN, ROOM).push(&seconds(2));
    let history = History { span: config().span, bytes_max: 1 << 30, disk: Some(ROOM) };
    let mut archive = Archive::open(&CameraName::default(), storage.path(), (&history, ROOM), Arc::new(ManualClock::at(BEGIN)))
        .expect("it is there");
    let stored = FirstNumbers { msn: Msn(archive.ended.msn + HOLE_MAX + 2), ..FirstNumbers::at(BEGIN) };
    assert_eq!(archive.first_numbers(Some(stored), FirstNumbers::at(BEGIN)), stored);
    assert!(archive.take_past().segments.is_empty());
}

/// What ends a run in the worst of ways.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// The newest file is cut.
    Cut(f64),
    /// Zeros stand in its end instead of what was written.
    Zeroed(f64),
    /// Something else was written behind it.
    Garbage(u8),
    /// The index is gone.
    IndexGone,
    /// The index is damaged.
    IndexDamaged(f64),
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        (0.0..1.0).prop_map(Blow::Cut),
        (0.0..1.0).prop_map(Blow::Zeroed),
        any::<u8>().prop_map(Blow::Garbage),
        Just(Blow::IndexGone),
        (0.0..1.0).prop_map(Blow::IndexDamaged),
    ]
}

fn strike(storage: &TempDir, blow: Blow) {
    let newest = files(storage).pop();
    let index = storage.path().join("cam").join(index::FILE_NAME);
    let open = |path: &Path| OpenOptions::new().write(true).open(path).expect("it is there");
    match (blow, newest) {
        (Blow::Cut(part), Some(path)) => {
            let len = fs::metadata(&path).expect("it is there").len();
            open(&path).set_len((len as f64 * part) as u64).expect("it is cut");
        }
        (Blow::Zeroed(part), Some(path)) => {
            let len = fs::metadata(&path).expect("it is there").len();
            let file = open(&path);
            file.set_len((len as f64 * part) as u64).and_then(|()| file.set_len(len)).expect("it is zeroed");
            // As after a power cut: the index has not seen the last segments.
            fs::remove_file(&index).expect("it is there");
        }
        (Blow::Garbage(byte), Some(path)) => {
            let mut bytes = fs::read(&path).expect("it is there");
            bytes.extend(vec![byte; 3000]);
            fs::write(&path, bytes).expect("there is room");
        }
        (Blow::IndexGone, _) => fs::remove_file(&index).expect("it is there"),
        (Blow::IndexDamaged(part), _) => {
            let mut bytes = fs::read(&index).expect("it is there");
            let from = (bytes.len() as f64 * part) as usize;
            bytes[from..].fill(0x5a);
            fs::write(&index, bytes).expect("there is room");
        }
        (_, None) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn after_any_blow_what_is_listed_is_what_was_shown(runs in prop::collection::vec((1..6_usize, blow()), 1..4), file_len in 10_000..60_000_u64) {
        let storage = tempfile::tempdir().expect("a folder");
        let mut shown: BTreeMap<String, Seen> = BTreeMap::new();
        let mut before = 0;
        for (n, (segments, blow)) in runs.into_iter().enumerate() {
            let mut run = Run::start(storage.path(), &format!("r{n}"), BEGIN + PAUSE * n as i64, ROOM);
            let found = run.bytes();
            for (name, bytes) in &found {
                prop_assert_eq!(shown.get(name), Some(bytes), "{}", name);
            }
            prop_assert!(matches!(blow, Blow::Zeroed(_) | Blow::Cut(_)) || n == 0 || found.len() <= before);
            run.archivist.writer.as_mut().expect("there is room").file_len_max = file_len;
            run.push(&seconds(segments));
            prop_assert_eq!(run.archivist.status.report().lost_segments, 0, "{:?}", run.archivist.status.report());
            before = run.bytes().len();
            shown.extend(run.bytes());
            drop(run);
            strike(&storage, blow);
        }
        // And the last one plays on behind all of it.
        let last = Run::start(storage.path(), "last", BEGIN + PAUSE * 9, ROOM);
        for (name, bytes) in last.bytes() {
            prop_assert_eq!(shown.get(&name), Some(&bytes), "{}", name);
        }
    }

    #[test]
    fn a_lost_index_costs_nothing_and_a_cut_costs_what_was_cut(segments in 1..10_usize, cut in 0..20_000_u64) {
        let storage = tempfile::tempdir().expect("a folder");
        let mut run = Run::start(storage.path(), "r", BEGIN, ROOM);
        run.push(&seconds(segments));
        let shown = run.bytes();
        drop(run);
        let index = storage.path().join("cam").join(index::FILE_NAME);
        fs::remove_file(&index).expect("it is there");
        let again = Run::start(storage.path(), "again", BEGIN + PAUSE, ROOM);
        prop_assert_eq!(again.bytes(), shown.clone());
        drop(again);
        let newest = files(&storage).pop().expect("a file");
        let len = fs::metadata(&newest).expect("it is there").len();
        OpenOptions::new().write(true).open(&newest).and_then(|file| file.set_len(len.saturating_sub(cut))).expect("it is cut");
        let left = Run::start(storage.path(), "left", BEGIN + PAUSE * 2, ROOM).bytes();
        // A segment is 7000 bytes and less than 500 of its box.
        let lost = shown.len() - left.len();
        prop_assert!(lost as u64 >= cut.div_ceil(9500).min(shown.len() as u64) && lost as u64 <= cut.div_ceil(7000), "{} of {} lost by {}", lost, shown.len(), cut);
        prop_assert!(left.iter().all(|(name, bytes)| shown[name] == *bytes));
    }
}
