//! Pictures of real H.264, told apart by what the decoder shows of them.

use super::*;
use crate::{
    clip::tests::{BEGIN, after_ms, filled},
    package::media_bytes::FileRange,
    time::ManualClock,
    window::{Window, feed::config},
};
use std::{io::Write, sync::Arc};

fn footage_of(window: &Window, moment: Moment) -> Footage {
    window.footage(moment.time(window.newest_wall().unwrap_or(WallTime(0))))
}

fn found(window: &Window, ms: i64, accuracy: Accuracy) -> Result<Found, SnapshotError> {
    let moment = Moment::At(after_ms(ms));
    find(&footage_of(window, moment), moment, accuracy)
}

#[test]
fn a_moment_is_found_to_the_frame() {
    let Some(window) = filled() else { return };
    // 30 fps, a key frame a second: how long after the beginning it is shown, and how many frames are decoded.
    for (ms, shown_ms, units) in
        [(0, 0, 1), (32, 0, 1), (34, 33, 2), (999, 966, 30), (1000, 1000, 1), (3517, 3500, 16), (5999, 5966, 30)]
    {
        let found = found(&window, ms, Accuracy::Frame).expect("there is footage");
        assert_eq!((found.at.since(BEGIN).0 / 90, found.units.len()), (shown_ms, units), "{ms}");
    }
    for (ms, shown_ms) in [(0, 0), (999, 0), (1000, 1000), (3999, 3000), (5999, 5000)] {
        let found = found(&window, ms, Accuracy::KeyFrame).expect("there is footage");
        assert_eq!((found.at.since(BEGIN).0 / 90, found.units.len()), (shown_ms, 1), "{ms}");
    }
    let newest = find(&footage_of(&window, Moment::Newest), Moment::Newest, Accuracy::Frame).expect("there is footage");
    assert_eq!((newest.at.since(BEGIN).0 / 90, newest.units.len()), (5966, 30));
    let names: std::collections::BTreeSet<String> =
        (0..180).map(|n| found(&window, n * 1000 / 30 + 1, Accuracy::Frame).expect("there is footage").name).collect();
    assert_eq!(names.len(), 180, "each picture has a name of its own");
}

#[test]
fn where_there_is_no_picture_the_sentence_says_what_there_is() {
    let Some(window) = filled() else { return };
    for ms in [-1, 6000, 6001, 60_000] {
        let error = found(&window, ms, Accuracy::Frame).expect_err("there is nothing").to_string();
        let expect = "there is no picture of that time; there are some from 2026-11-20T16:19:12.000Z to 2026-11-20T16:19:18.000Z";
        assert_eq!(error, expect, "{ms}");
    }
    let moment = Moment::At(after_ms(2500));
    let mut footage = footage_of(&window, moment);
    footage.segments.iter_mut().for_each(|segment| Arc::make_mut(segment).parts.clear());
    let error = find(&footage, moment, Accuracy::KeyFrame).expect_err("it is gone").to_string();
    let expect = "there is no picture of that time: the stream had a hole then; there are some from 2026-11-20T16:19:12.000Z to \
                  2026-11-20T16:19:18.000Z";
    assert_eq!(error, expect);
    let mut soon = window.footage(soon_after(after_ms(2500)));
    Arc::make_mut(&mut soon.segments[0]).parts.clear();
    assert_eq!(first_after(&soon), Some(after_ms(4000)), "the first after the hole");
    soon.segments.iter_mut().for_each(|segment| Arc::make_mut(segment).parts.clear());
    assert_eq!(first_after(&Footage { growing: None, ..soon }), None);
    let empty = Window::new(config(), Arc::new(ManualClock::at(BEGIN)));
    assert!(matches!(find(&footage_of(&empty, Moment::Newest), Moment::Newest, Accuracy::Frame), Err(SnapshotError::Empty)));
}

#[test]
fn what_lies_in_a_file_is_found_alike_and_what_was_deleted_is_an_error() {
    let Some(window) = filled() else { return };
    let in_memory = window.footage(TimeRange { from: BEGIN, to: after_ms(6000) });
    let mut stored = in_memory.clone();
    let mut disk = tempfile::NamedTempFile::new().expect("a file");
    let mut offset = 0;
    for segment in &mut stored.segments {
        let bytes = segment.parts.iter().map(|part| part.data.read().expect("it is there")).collect::<Vec<_>>().concat();
        disk.write_all(&bytes).expect("there is room");
        let data = MediaBytes::File(FileRange::new(disk.path().into(), offset, bytes.len()));
        offset += bytes.len() as u64;
        // As one stretch.
        let segment = Arc::make_mut(segment);
        segment.parts = vec![Part { data, duration: segment.duration, ..segment.parts[0].clone() }];
    }
    let read = |found: &Found| found.units.iter().map(|unit| unit.read().expect("it is there")).collect::<Vec<_>>();
    for ms in [0, 2980, 4500] {
        // All of the footage is there, so it is narrowed down to what is asked for.
        let pair = [&in_memory, &stored].map(|all| find(all, Moment::At(after_ms(ms)), Accuracy::Frame).expect("there is footage"));
        assert_eq!((&pair[0].name, pair[0].at), (&pair[1].name, pair[1].at), "{ms}");
        assert!(read(&pair[0]) == read(&pair[1]), "{ms}");
    }
    drop(disk);
    assert!(matches!(find(&stored, Moment::At(after_ms(4500)), Accuracy::Frame), Err(SnapshotError::Unreadable(_))));
}

#[cfg(feature = "ffmpeg")]
#[test]
fn the_picture_is_the_one_of_that_moment_in_the_width_asked_for() {
    use crate::{
        picture::{Picture, PicturePool},
        source::mjpeg::MjpegDecoder,
        time::Ticks,
    };
    let Some(window) = filled() else { return };
    let decode =
        |jpeg: &[u8]| MjpegDecoder::open().expect("opens").decode(jpeg, Ticks(0), &PicturePool::default()).expect("a JPEG");
    let at = |ms| decode(&found(&window, ms, Accuracy::Frame).expect("there is footage").jpeg(None).expect("it is made"));
    let far = |one: &Picture, other: &Picture| -> u64 {
        one.planes().y.iter().zip(other.planes().y).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum()
    };
    let (shown, same, later) = (at(1510), at(1530), at(1610));
    assert!(shown.as_bytes() == same.as_bytes(), "one frame is shown for 33 ms");
    assert!(far(&shown, &later) > 0, "the picture moves");
    let small = found(&window, 1510, Accuracy::Frame).and_then(|found| found.jpeg(Some(100))).expect("it is made");
    assert_eq!(decode(&small).size().to_string(), "100x76");
}
