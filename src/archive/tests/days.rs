//! Footage that a window lists no longer: kept, found, protected and deleted.

use super::{
    super::recordings::{Cause, Draft},
    *,
};
use crate::{
    playlist::archive::{self, Entries},
    window::footage::{Footage, TimeRange},
};

/// Of days, as far as the catalogue has them.
fn all_before(run: &Run) -> Footage {
    let time = TimeRange { from: WallTime(0), to: WallTime(i64::MAX) };
    run.archivist.catalog.footage(time, run.feed.window.first_listed(), 10_000).expect("the index is open")
}

#[test]
fn what_the_window_lists_no_longer_is_kept_and_found_as_it_was() {
    let storage = tempfile::tempdir().expect("a folder");
    let room = DiskRoom { span: Span::from_ms(60_000), ..ROOM };
    let mut first = Run::start(storage.path(), "first", BEGIN, room);
    first.archivist.writer.as_mut().expect("there is room").file_len_max = 30_000;
    let mut shown = BTreeMap::new();
    for _ in 0..30 {
        first.push(&seconds(1));
        shown.extend(first.bytes());
    }
    drop(first);
    let mut second = Run::start(storage.path(), "second", BEGIN + PAUSE, room);
    second.archivist.writer.as_mut().expect("there is room").file_len_max = 30_000;
    for _ in 0..20 {
        second.push(&seconds(1));
        shown.extend(second.bytes());
    }
    let older = all_before(&second);
    assert_eq!(older.segments.len() + second.feed.window.summary().segments, 50);
    for segment in &older.segments {
        assert_eq!(read(segment), shown.get(&name_of(segment)).copied(), "{}", name_of(segment));
    }
    let text = archive::render(&older, Entries::Segments, true).plain().concat();
    let text = String::from_utf8(text).expect("text");
    let first_msn = older.first().expect("there is one").0;
    assert!(
        text.starts_with(&format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:1\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:{first_msn}\n\
         #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init-first-1.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-20T16:19:12.000Z\n\
         #EXTINF:1.00000,\nseg-first-{first_msn}.m4s\n"
        )),
        "{text}"
    );
    let seam = format!("#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init-second-2.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:{}\n", BEGIN + PAUSE);
    assert!(
        text.contains(&seam) && text.matches("#EXT-X-DISCONTINUITY").count() == 1 && text.ends_with("m4s\n#EXT-X-ENDLIST\n"),
        "{text}"
    );
    let catalog = &second.archivist.catalog;
    let found = catalog.segment("first", Msn(first_msn)).expect("the index is open").expect("it is kept");
    assert_eq!(
        found.read().expect("it is there"),
        older.segments[0].parts.iter().flat_map(|part| part.data.read().expect("it is there")).collect::<Vec<u8>>()
    );
    assert!(catalog.segment("second", Msn(first_msn)).expect("the index is open").is_none(), "of another run");
    assert!(catalog.init("first", InitId(1)).expect("the index is open").is_some());
    assert!(catalog.init("first", InitId(2)).expect("the index is open").is_none());
    let spans = serde_json::to_string(&catalog.coverage().expect("the index is open")).expect("JSON");
    assert_eq!(spans.matches("from").count(), 2, "{spans}");
    // A minute of newer footage lets the first run go, a file at a time.
    second.push(&seconds(70));
    let kept: Span = all_before(&second).segments.iter().map(|segment| segment.duration).sum();
    assert!((48.0..56.0).contains(&kept.as_s()), "{} s behind the 12 that are listed", kept.as_s());
    assert_eq!(all_before(&second).segments[0].run.as_ref(), "second");
}

#[test]
fn protected_footage_outlives_its_time_until_its_recording_is_deleted() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut run = Run::start(storage.path(), "r", BEGIN, DiskRoom { span: Span::from_ms(20_000), ..ROOM });
    let notices = Arc::new(Mutex::new(Vec::new()));
    let heard = notices.clone();
    run.archivist.tell = Box::new(move |notice| lock(&heard).push(notice));
    run.archivist.writer.as_mut().expect("there is room").file_len_max = 20_000;
    run.push(&seconds(8));
    let at = |s: i64| BEGIN + Span::from_ms(s * 1000);
    let draft = Draft { name: None, from: at(2), to: Some(at(4)), protect: true, keep: None, cause: Cause::Request };
    let kept = run.archivist.recordings.add(draft, at(8)).expect("it is kept");
    run.push(&seconds(60));
    let has = |run: &Run, s| {
        let time = TimeRange { from: at(s), to: at(s + 1) };
        !run.archivist.catalog.footage(time, Msn(u64::MAX), 10).expect("the index is open").segments.is_empty()
    };
    assert_eq!([0, 2, 3, 30].map(|s| has(&run, s)), [false, true, true, false]);
    assert!(run.archivist.status.report().protected_bytes > 0);
    let pruned = lock(&notices).iter().filter(|notice| matches!(notice, Notice::Pruned(_))).count();
    assert!(pruned > 10, "what was deleted is told: {pruned}");
    run.archivist.recordings.remove(&kept.id, BEGIN).expect("it is there");
    run.push(&seconds(2));
    assert!(!has(&run, 2));
    assert_eq!(run.archivist.status.report().protected_bytes, 0);
}

#[test]
fn protected_footage_that_takes_all_the_room_is_told_before_it_does() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut run = Run::start(storage.path(), "r", BEGIN, DiskRoom { bytes_max: 100_000, ..ROOM });
    let notices = Arc::new(Mutex::new(Vec::new()));
    let heard = notices.clone();
    run.archivist.tell = Box::new(move |notice| lock(&heard).push(notice));
    run.archivist.writer.as_mut().expect("there is room").file_len_max = 20_000;
    let open = Draft { name: None, from: BEGIN, to: None, protect: true, keep: None, cause: Cause::Request };
    let kept = run.archivist.recordings.add(open, BEGIN).expect("it is kept");
    let mut told_after = None;
    for n in 0..20 {
        run.push(&seconds(1));
        let is_told = lock(&notices).iter().any(|notice| matches!(notice, Notice::Low(_)));
        told_after = told_after.or(is_told.then_some(n));
        if run.archivist.status.report().lost_segments > 0 {
            break;
        }
    }
    assert!(run.archivist.status.report().trouble.is_some_and(|why| why.contains("nothing older can be deleted")));
    assert!(told_after.is_some_and(|n| n < 12), "{told_after:?}");
    assert_eq!(lock(&notices).len(), 1, "it is told once, and nothing was deleted");
    run.archivist.recordings.remove(&kept.id, BEGIN).expect("it is there");
    run.push(&seconds(1));
    assert_eq!(run.archivist.status.report().trouble, None);
}

#[test]
fn an_index_of_version_1_is_taken_over() {
    let storage = tempfile::tempdir().expect("a folder");
    let mut first = Run::start(storage.path(), "first", BEGIN, ROOM);
    first.archivist.writer.as_mut().expect("there is room").file_len_max = 20_000;
    first.push(&seconds(8));
    let extents = |folder: &Folder| folder.index.files().expect("it is sound").iter().map(|file| file.extent).collect::<Vec<_>>();
    let folder = storage.path().join("cam");
    drop(first);
    let before = extents(&Folder::open(&folder).expect("it is sound"));
    let db = rusqlite::Connection::open(folder.join(index::FILE_NAME)).expect("an index");
    let columns = ["first", "last", "from_wall", "to_wall", "footage"].map(|name| format!("ALTER TABLE file DROP COLUMN {name};"));
    db.execute_batch(&format!("{} PRAGMA user_version = 1", columns.concat())).expect("it can be written");
    drop(db);
    assert_eq!(extents(&Folder::open(&folder).expect("it is sound")), before);
    assert!(before.len() > 2 && before.iter().all(Option::is_some), "{before:?}");
}
