//! Damage that is done to real folders: what is told of it, and what mending makes of it.

use super::*;
use crate::{
    archive::{
        record::{self, FORMAT, boxed},
        repair::{Repair, repair},
        tests::{ROOM, Run, files, seconds},
    },
    window::feed::BEGIN,
};
use std::fs;
use tempfile::TempDir;

/// A history of nine seconds, in two files.
fn kept() -> TempDir {
    let storage = tempfile::tempdir().expect("a folder");
    Run::start(storage.path(), "first", BEGIN, ROOM).push(&seconds(5)).push("!K....|").push(&seconds(3));
    storage
}

fn checked(storage: &TempDir) -> CameraCheck {
    check(storage.path(), "cam").expect("it can be read")
}

fn repaired(storage: &TempDir) -> Repair {
    repair(storage.path(), "cam").expect("nobody holds it")
}

/// All files of a folder.
fn bytes(storage: &TempDir) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(storage.path().join("cam")).expect("it is there");
    let read = |path: std::path::PathBuf| (path.display().to_string(), fs::read(&path).expect("it is there"));
    entries.map(|entry| read(entry.expect("it is there").path())).collect()
}

/// Changes a file.
fn change(path: &Path, what: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("it is there");
    what(&mut bytes);
    fs::write(path, bytes).expect("there is room");
}

/// Where the records of a file begin.
fn records(bytes: &[u8]) -> Vec<usize> {
    let all = bytes.windows(4).enumerate().filter(|(_, window)| window == b"uuid").map(|(at, _)| at - 4);
    // The first is that of the file.
    all.skip(1).collect()
}

#[test]
fn a_sound_folder_is_told_with_all_that_is_in_it_and_is_left_as_it_is() {
    let storage = kept();
    let before = bytes(&storage);
    let found = checked(&storage);
    assert_eq!((found.files, found.segments, found.footage), (2, 9, Span::from_ms(9000)));
    assert_eq!((&found.findings, &found.remarks, found.is_held, found.is_index_wrong), (&vec![], &vec![], false, false));
    let lines = found.lines();
    assert!(lines.len() == 1 && lines[0].starts_with("cam: 2 files, 9 segments, 9.0 s between 20"), "{lines:?}");
    assert!(bytes(&storage) == before, "nothing is changed");
    let done = repaired(&storage);
    assert_eq!((done.is_index_new, done.found, done.cut_bytes, &done.after), (false, 0, 0, &found));
    assert_eq!(done.lines()[0], "cam: nothing was to be done");
}

/// What is done to the folder, what the check says, and after the repair: segments that are there, and findings that stay.
type Case = (&'static str, fn(&TempDir), &'static [&'static str], (u64, usize));

const CASES: [Case; 9] = [
    (
        "a byte of a segment",
        |storage| {
            change(&files(storage)[0], |bytes| *records(bytes).get(2).map(|at| &mut bytes[*at - 1]).expect("three records") ^= 1)
        },
        &[": a segment is damaged, from 20", "the index knows 1 segment that is not there as written"],
        (8, 1),
    ),
    (
        "a byte of the head of a segment",
        |storage| {
            change(&files(storage)[0], |bytes| *records(bytes).get(2).map(|at| &mut bytes[*at + 40]).expect("three records") ^= 1)
        },
        &["bytes in its middle are damaged, and what they were is not known", "the index knows 1 segment that is not there"],
        (8, 1),
    ),
    (
        "the end of the last file",
        |storage| change(&files(storage)[1], |bytes| bytes.truncate(bytes.len() - 3)),
        &["are no whole segment: it is cut off", "the index knows 1 segment that is not there"],
        (8, 0),
    ),
    (
        "bytes behind the last segment",
        |storage| change(&files(storage)[1], |bytes| bytes.extend_from_slice(b"what a power cut leaves")),
        &["the last 23 bytes are no whole segment"],
        (9, 0),
    ),
    (
        "a file that is missing",
        |storage| fs::remove_file(&files(storage)[0]).expect("it is there"),
        &["is missing: 5 segments in it are gone"],
        (4, 0),
    ),
    (
        "the index",
        |storage| fs::remove_file(storage.path().join("cam/index.sqlite")).expect("it is there"),
        &["index.sqlite is missing"],
        (9, 0),
    ),
    (
        "garbage for an index",
        |storage| {
            fs::write(storage.path().join("cam/index.sqlite"), "this is no database, and long enough").expect("there is room")
        },
        &["index.sqlite is damaged: it is no database"],
        (9, 0),
    ),
    (
        "a file of a newer hlscam",
        |storage| {
            change(&files(storage)[0], |bytes| {
                let (mut header, begin) = record::file_header(bytes).expect("it is ours");
                header.format = FORMAT + 1;
                bytes.splice(header.init_len as usize..begin as usize, boxed(&header));
            });
        },
        &["it was written by a newer hlscam, in format 2; use that one", "the index knows 5 segments that are not there"],
        (4, 1),
    ),
    (
        "the beginning of a file",
        |storage| change(&files(storage)[0], |bytes| bytes.truncate(100)),
        &["its beginning cannot be read (100 bytes): it is cut off", "the index knows 5 segments that are not there"],
        (4, 0),
    ),
];

#[test]
fn damage_is_told_and_what_can_be_mended_is_mended() {
    for (what, damage, told, (segments, left)) in CASES {
        let storage = kept();
        damage(&storage);
        let before = bytes(&storage);
        let found = checked(&storage);
        assert!(bytes(&storage) == before, "{what}: a check changes nothing");
        assert_eq!(found.findings.len(), told.len(), "{what}: {:?}", found.findings);
        for (finding, told) in found.findings.iter().zip(told) {
            assert!(finding.contains(told), "{what}: {finding}");
        }
        let done = repaired(&storage);
        assert_eq!((done.after.segments, done.after.findings.len()), (segments, left), "{what}: {:?}", done.after.findings);
        assert!(!done.after.is_index_wrong, "{what}: {:?}", done.after.findings);
        let again = repaired(&storage);
        assert_eq!((again.is_index_new, again.found, again.cut_bytes, again.after), (false, 0, 0, done.after), "{what}");
        // And the next run begins with it.
        Run::start(storage.path(), "second", BEGIN + Span::from_ms(3_600_000), ROOM).push(&seconds(1));
        let after = checked(&storage);
        assert_eq!((after.segments, after.is_index_wrong), (segments + 1, false), "{what}: {:?}", after.findings);
    }
}

#[test]
fn files_of_other_programs_are_remarked_and_left_alone() {
    let storage = kept();
    let foreign = storage.path().join("cam/holiday.mp4");
    fs::write(&foreign, b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08free and much more than that").expect("there is room");
    let found = checked(&storage);
    assert_eq!((found.segments, found.findings.len()), (9, 0), "{:?}", found.findings);
    assert_eq!(found.remarks, ["holiday.mp4: it is no history of hlscam, and is left as it is"]);
    repaired(&storage);
    assert!(foreign.exists());
}

#[test]
fn an_index_of_a_newer_hlscam_is_refused() {
    let storage = kept();
    change(&storage.path().join("cam/index.sqlite"), |bytes| bytes[60..64].copy_from_slice(&99_u32.to_be_bytes()));
    let found = checked(&storage);
    assert_eq!(found.findings, ["index.sqlite was written by a newer hlscam, in version 99; use that one"]);
    let told = repair(storage.path(), "cam").expect_err("it is newer").to_string();
    assert!(told.contains("it is of version 99"), "{told}");
}
