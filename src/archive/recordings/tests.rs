//! Recordings as files, over restarts.

use super::*;
use crate::time::Span;

const NOW: WallTime = WallTime(1_795_191_552_000_000);

fn after_s(s: i64) -> WallTime {
    NOW + Span::from_ms(s * 1000)
}

fn draft(from_s: i64, to_s: Option<i64>, protect: bool) -> Draft {
    Draft {
        name: Some("door".to_owned()),
        from: after_s(from_s),
        to: to_s.map(after_s),
        protect,
        keep: None,
        cause: Cause::Request,
    }
}

fn open(folder: &Path) -> Recordings {
    Recordings::open(&CameraName::default(), folder, NOW).expect("the folder can be read")
}

#[test]
fn what_was_made_changed_and_deleted_is_so_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let recordings = open(folder.path());
    let first = recordings.add(draft(-60, Some(-30), true), NOW).expect("it is kept");
    let second = recordings.add(draft(-10, None, true), NOW).expect("it is kept");
    let third = recordings.add(draft(-5, Some(60), false), NOW).expect("it is kept");
    assert_eq!([&first.id, &second.id, &third.id], ["recording-1795191552", "recording-1795191553", "recording-1795191554"]);
    let change = Change { name: Some(None), to: Some(after_s(-1)), protect: None };
    let second = recordings.change(&second.id, change, NOW).expect("it is changed");
    assert_eq!((second.name.clone(), second.to), (None, Some(after_s(-1))));
    recordings.remove(&third.id, NOW).expect("it is removed");
    assert_eq!(recordings.list(), [first.clone(), second.clone()]);
    drop(recordings);
    let again = open(folder.path());
    assert_eq!(again.list(), [first, second.clone()]);
    assert_eq!(again.find(&second.id), Some(second));
    assert!(again.find("recording-01795191553").is_none() && again.find("x").is_none());
}

#[test]
fn an_end_is_told_once_and_not_again_by_the_next_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let recordings = open(folder.path());
    let open_end = recordings.add(draft(0, None, true), NOW).expect("it is kept");
    let ahead = recordings.add(draft(0, Some(10), true), NOW).expect("it is kept");
    let ids = |ended: Vec<Recording>| ended.into_iter().map(|recording| recording.id).collect::<Vec<_>>();
    assert!(recordings.take_ended(after_s(9)).is_empty());
    assert_eq!(ids(recordings.take_ended(after_s(10))), [ahead.id]);
    let change = Change { to: Some(after_s(20)), ..Change::default() };
    recordings.change(&open_end.id, change, after_s(20)).expect("it is changed");
    assert_eq!(ids(recordings.take_ended(after_s(20))), [open_end.id]);
    assert!(recordings.take_ended(after_s(30)).is_empty());
    let again = Recordings::open(&CameraName::default(), folder.path(), after_s(40)).expect("the folder can be read");
    assert!(again.take_ended(after_s(50)).is_empty());
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let recordings = open(folder.path());
    assert!(matches!(recordings.add(draft(5, Some(5), true), NOW), Err(RecordingError::Order(_))));
    let made = recordings.add(draft(0, None, true), NOW).expect("it is kept");
    let early = Change { to: Some(after_s(-1)), ..Change::default() };
    assert!(matches!(recordings.change(&made.id, early, NOW), Err(RecordingError::Order(_))));
    assert!(matches!(recordings.change("recording-7", Change::default(), NOW), Err(RecordingError::NotFound)));
    assert!(matches!(recordings.remove("recording-7", NOW), Err(RecordingError::NotFound)));
    assert_eq!(recordings.list(), [made]);
    // A file of another program, and one of a hlscam to come.
    fs::write(folder.path().join("recordings/notes.txt"), "x").expect("there is room");
    fs::write(folder.path().join("recordings/recording-9999999999.json"), "{\"format\":2}").expect("there is room");
    let again = open(folder.path());
    assert_eq!(again.list().len(), 1);
    assert_eq!(again.add(draft(0, None, true), NOW).expect("it is kept").id, "recording-10000000000", "no file is replaced");
    let long_ago = TimeRange { from: WallTime(0), to: WallTime(1) };
    assert!(again.protected(NOW).now.has(long_ago), "what the other file protects is not known");
    fs::remove_file(folder.path().join("recordings/recording-9999999999.json")).expect("it is there");
    // Names that are none of ours.
    for name in ["recording-18446744073709551615.json", "recording-007.json"] {
        fs::write(folder.path().join("recordings").join(name), "x").expect("there is room");
    }
    let again = open(folder.path());
    assert!(!again.protected(NOW).now.has(long_ago) && again.list().len() == 2);
}
