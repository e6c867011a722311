//! Rules over a folder of recordings.

use super::{super::recordings::Change, *};
use crate::camera_name::CameraName;
use std::path::Path;

/// A Friday, 7:59 UTC.
const NOW: WallTime = WallTime(1_795_766_340_000_000);

fn after_s(s: i64) -> WallTime {
    NOW + Span::from_ms(s * 1000)
}

fn auto(folder: &Path, rules: RecordRules) -> AutoRecord {
    let recordings = Recordings::open(&CameraName::default(), folder, NOW).expect("the folder can be read");
    AutoRecord::new(rules, recordings.into())
}

fn on_face() -> RecordRules {
    RecordRules { kinds: vec!["face".to_owned()], ..RecordRules::default() }
}

/// Names, beginnings and ends in seconds after [`NOW`].
fn listed(auto: &AutoRecord) -> Vec<(Option<String>, i64, Option<i64>)> {
    let after = |at: WallTime| (at.0 - NOW.0) / 1_000_000;
    auto.recordings.list().into_iter().map(|kept| (kept.name, after(kept.from), kept.to.map(after))).collect()
}

#[test]
fn markers_that_are_near_each_other_are_one_recording_with_what_came_before_and_after() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut auto = auto(folder.path(), on_face());
    auto.begin("motion-1", "motion", after_s(0));
    assert!(auto.look(after_s(1)).is_empty());
    auto.begin("face-1", "face", after_s(10));
    let begun = auto.look(after_s(11));
    assert_eq!((begun.len(), begun[0].cause, begun[0].protect), (1, Cause::Marker, false));
    auto.end("face-1", "face", (after_s(10), after_s(20)));
    assert!(auto.look(after_s(29)).is_empty());
    // Before the rest is over, another comes; and one that was told as a whole.
    auto.begin("face-2", "face", after_s(29));
    auto.end("face-3", "face", (after_s(30), after_s(31)));
    assert!(auto.look(after_s(45)).is_empty());
    auto.end("face-2", "face", (after_s(29), after_s(50)));
    assert!(auto.look(after_s(59)).is_empty());
    let face = Some("face".to_owned());
    assert_eq!(listed(&auto), [(face.clone(), 5, None)]);
    assert!(auto.look(after_s(63)).is_empty());
    assert_eq!(listed(&auto), [(face.clone(), 5, Some(60))]);
    auto.begin("face-4", "face", after_s(70));
    auto.look(after_s(71));
    auto.finish(after_s(72));
    assert_eq!(listed(&auto)[1..], [(face, 65, Some(72))]);
}

#[test]
fn what_a_person_has_ended_or_deleted_stays_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut auto = auto(folder.path(), on_face());
    for deleted in [false, true] {
        auto.begin("face-1", "face", after_s(10));
        let id = auto.look(after_s(11)).remove(0).id;
        if deleted {
            auto.recordings.remove(&id, after_s(12)).expect("it is there");
        } else {
            let stopped = Change { to: Some(after_s(12)), ..Change::default() };
            auto.recordings.change(&id, stopped, after_s(12)).expect("it is there");
        }
        auto.end("face-1", "face", (after_s(10), after_s(20)));
        assert!(auto.look(after_s(40)).is_empty());
        assert_eq!(listed(&auto), [(Some("face".to_owned()), 5, Some(12))]);
    }
}

#[test]
fn hours_begin_and_end_with_their_minute() {
    let folder = tempfile::tempdir().expect("a folder");
    let hours = WeeklyHours::parse("mon-fri 08:00-08:05").expect("hours");
    let mut auto = auto(folder.path(), RecordRules { hours: Some(hours), zone: Zone::Utc, ..RecordRules::default() });
    assert!(auto.look(after_s(50)).is_empty());
    let begun = auto.look(after_s(63));
    assert_eq!((begun.len(), begun[0].cause), (1, Cause::Schedule));
    assert!(auto.look(after_s(300)).is_empty());
    // The machine slept through their end.
    assert!(auto.look(after_s(3600)).is_empty());
    assert_eq!(listed(&auto), [(None, 60, Some(3600))]);
    // It begins where they are already.
    let hours = WeeklyHours::parse("07:00-10:00").expect("hours");
    auto.rules.hours = Some(hours);
    assert_eq!(auto.look(after_s(3700)).len(), 1);
    assert_eq!(listed(&auto)[1], (None, 3700, None));
}

#[test]
fn what_is_kept_for_a_time_is_protected_that_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut auto = auto(folder.path(), RecordRules { keep: Some(Span::from_ms(3_600_000)), ..on_face() });
    auto.end("face-1", "face", (after_s(10), after_s(20)));
    auto.look(after_s(31));
    let kept = auto.recordings.list().remove(0);
    assert_eq!((kept.protect, kept.protected_until), (true, Some(after_s(30 + 3600))));
    let time = crate::window::footage::TimeRange { from: kept.from, to: after_s(30) };
    let protected = |auto: &AutoRecord, s: i64| {
        let protected = auto.recordings.protected(after_s(s));
        (protected.now.has(time), protected.always.has(time))
    };
    assert_eq!((protected(&auto, 3629), protected(&auto, 3630)), ((true, false), (false, false)));
    // Its footage goes, and it goes with it; one that a person wants stays.
    auto.recordings.forget_before(after_s(29), after_s(4000)).expect("the disk takes it");
    assert_eq!(listed(&auto).len(), 1);
    let wanted = Change { protect: Some(true), ..Change::default() };
    let wanted = auto.recordings.change(&kept.id, wanted, after_s(4000)).expect("it is there");
    assert_eq!((wanted.protected_until, protected(&auto, 9999)), (None, (true, true)));
    auto.recordings.forget_before(after_s(30), after_s(4000)).expect("the disk takes it");
    assert_eq!(listed(&auto).len(), 1);
    let unwanted = Change { protect: Some(false), ..Change::default() };
    auto.recordings.change(&kept.id, unwanted, after_s(4000)).expect("it is there");
    auto.recordings.forget_before(after_s(30), after_s(4000)).expect("the disk takes it");
    assert!(listed(&auto).is_empty());
}

#[test]
fn a_run_that_was_killed_has_ended_with_its_footage() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut killed = auto(folder.path(), on_face());
    killed.begin("face-1", "face", after_s(10));
    killed.look(after_s(11));
    drop(killed);
    let next = auto(folder.path(), on_face());
    next.recordings.end_left(after_s(15), after_s(100)).expect("the disk takes it");
    assert_eq!(listed(&next), [(Some("face".to_owned()), 5, Some(15))]);
}
