//! Clips of real H.264, looked at by ffprobe.

use super::*;
use crate::{
    encode::EncodedFrame,
    grid::{Grid, Lengths},
    package::{
        FirstSegment, Part,
        cmaf::footage::{footage, probe},
        media_bytes::FileRange,
        segment::{Segmenter, SegmenterConfig},
    },
    time::{FrameRate, ManualClock, Ticks, WallAnchor},
    window::{Window, WindowConfig, feed::config},
};
use std::{io::Write, sync::Arc};

pub(crate) const BEGIN: WallTime = WallTime(1_795_191_552_000_000);

/// A window of 6 s of real footage, a key frame a second, in segments of 2 s.
pub(crate) fn filled() -> Option<Arc<Window>> {
    let (params, frames): (_, Vec<EncodedFrame>) = footage(180, Ticks(0))?;
    let grid = Grid::new(FrameRate::whole(30), Lengths::default());
    let window = Arc::new(Window::new(WindowConfig { target_duration_s: 2, ..config() }, Arc::new(ManualClock::at(BEGIN))));
    let anchor = WallAnchor { at: Ticks(0), wall: BEGIN };
    let stretch = SegmenterConfig { params: params.into(), grid: Some(grid), anchor };
    let mut segmenter = Segmenter::new(FirstSegment::NEW, stretch).expect("the parameters are sound");
    for frame in frames {
        window.push_all(segmenter.push(frame).expect("frames follow each other"));
    }
    Some(window)
}

pub(crate) fn after_ms(ms: i64) -> WallTime {
    BEGIN + Span::from_ms(ms)
}

fn clip(window: &Window, from_ms: i64, to_ms: i64) -> Result<Clip, ClipError> {
    let time = TimeRange { from: after_ms(from_ms), to: after_ms(to_ms) };
    cut(&window.footage(time), time)
}

fn bytes(clip: &Clip) -> Vec<u8> {
    clip.pieces.iter().map(|piece| piece.read().expect("it is there")).collect::<Vec<_>>().concat()
}

#[test]
fn a_clip_shows_exactly_what_was_asked_for() {
    let Some(window) = filled() else { return };
    let cases = [
        (0, 6000, 0, 6000),
        (1000, 2000, 1000, 1000),
        (1500, 3500, 1500, 2000),
        (2950, 3050, 2933, 134),
        (-5000, 100, 0, 100),
        (5900, 9000, 5900, 100),
    ];
    for (from_ms, to_ms, begin_ms, shown_ms) in cases {
        let clip = clip(&window, from_ms, to_ms).expect("there is footage");
        let shown = clip.shown.as_ms().round() as i64;
        // To a frame.
        let is_near = (clip.begin.0 - after_ms(begin_ms).0).abs() <= 1000 && (shown - shown_ms).abs() <= 1;
        assert!(is_near, "{from_ms} to {to_ms}: {clip:?}");
        let mut file = tempfile::Builder::new().suffix(".mp4").tempfile().expect("a file");
        file.write_all(&bytes(&clip)).expect("there is room");
        let Some(said) = probe(file.path().to_str().expect("a name")) else { return };
        let frames = (clip.shown.0 + 1500) / 3000;
        assert!(said.contains(&format!("nb_read_frames={frames} ")), "{from_ms} to {to_ms}: {frames} frames: {said}");
        assert!(said.contains("start_time=0.000000"), "{said}");
        let told = said.split("duration=").nth(1).map(|text| text.chars().take_while(|c| c.is_ascii_digit() || *c == '.'));
        let duration: f64 = told.and_then(|text| text.collect::<String>().parse().ok()).expect("a duration");
        assert!((duration * 1000.0 - shown as f64).abs() < 2.0, "{said}");
    }
}

#[test]
fn a_clip_of_no_footage_says_what_there_is() {
    let Some(window) = filled() else { return };
    for (from_ms, to_ms) in [(-5000, -1000), (7000, 9000), (3000, 3000), (4000, 3000)] {
        let error = clip(&window, from_ms, to_ms).expect_err("there is nothing").to_string();
        let expect = "there is no footage of that time; there is some from 2026-11-20T16:19:12.000Z to 2026-11-20T16:19:18.000Z";
        assert_eq!(error, expect, "{from_ms} to {to_ms}");
    }
    let empty = Window::new(config(), Arc::new(ManualClock::at(BEGIN)));
    assert!(matches!(clip(&empty, 0, 1), Err(ClipError::Empty)));
}

#[test]
fn parts_that_lie_in_a_file_give_the_same_clip() {
    let Some(window) = filled() else { return };
    let in_memory = clip(&window, 1500, 5500).expect("there is footage");
    let time = TimeRange { from: after_ms(1500), to: after_ms(5500) };
    let mut footage = window.footage(time);
    let mut disk = tempfile::NamedTempFile::new().expect("a file");
    let mut offset = 0;
    for segment in &mut footage.segments {
        let bytes = segment.parts.iter().map(|part| part.data.read().expect("it is there")).collect::<Vec<_>>().concat();
        disk.write_all(&bytes).expect("there is room");
        let data = MediaBytes::File(FileRange::new(disk.path().into(), offset, bytes.len()));
        offset += bytes.len() as u64;
        // As one stretch.
        let segment = Arc::make_mut(segment);
        segment.parts = vec![Part { data, duration: segment.duration, ..segment.parts[0].clone() }];
    }
    let stored = cut(&footage, time).expect("there is footage");
    assert!(bytes(&stored) == bytes(&in_memory));
    assert_eq!((stored.begin, stored.shown), (in_memory.begin, in_memory.shown));
}

fn lapse(window: &Window, (from_ms, to_ms): (i64, i64), speed: u32) -> Result<Clip, ClipError> {
    timelapse::timelapse((TimeRange { from: after_ms(from_ms), to: after_ms(to_ms) }, speed), |time| Ok(window.footage(time)))
}

#[test]
fn a_time_lapse_shows_each_key_frame_for_its_share() {
    let Some(window) = filled() else { return };
    // 6 s with a key frame a second. Above 60 of them a second some are left out, and the length stays right.
    for (speed, frames, shown) in [(2, 6, 270_000), (7, 6, 77_142), (60, 6, 9000), (120, 3, 4500), (360, 1, 1500), (100_000, 1, 5)]
    {
        let clip = lapse(&window, (0, 6000), speed).expect("there is footage");
        assert_eq!((clip.pieces.len() - 1, clip.shown.0, clip.begin), (frames, shown, BEGIN), "{speed}");
        assert!(clip.holes.is_empty(), "{:?}", clip.holes);
    }
    let clip = lapse(&window, (0, 6000), 4).expect("there is footage");
    let mut file = tempfile::Builder::new().suffix(".mp4").tempfile().expect("a file");
    file.write_all(&bytes(&clip)).expect("there is room");
    let Some(said) = probe(file.path().to_str().expect("a name")) else { return };
    assert!(said.contains("nb_read_frames=6 ") && said.contains("duration=1.500000"), "{said}");
    // Of a part, the key frames that begin in it.
    let some = lapse(&window, (1500, 4000), 4).expect("there is footage");
    assert_eq!((some.pieces.len() - 1, some.shown.0, some.begin), (2, 45_000, after_ms(2000)));
}

#[test]
fn a_time_lapse_in_steps_is_the_one_in_one_go_and_holes_are_named() {
    let Some(window) = filled() else { return };
    let time = TimeRange { from: after_ms(-3_600_000 * 5), to: after_ms(3_600_000) };
    let mut looks = 0;
    let all = timelapse::timelapse::<ClipError>((time, 4), |time| {
        looks += 1;
        Ok(window.footage(time))
    });
    let all = all.expect("there is footage");
    assert!(looks <= 3, "what is not kept is not looked for");
    assert_eq!(bytes(&all), bytes(&lapse(&window, (0, 6000), 4).expect("there is footage")));
    let edges = [(time.from, BEGIN), (after_ms(6000), time.to)].map(|(from, to)| TimeRange { from, to });
    assert_eq!(all.holes, edges);
    let error = lapse(&window, (-5000, -1000), 4).expect_err("there is nothing").to_string();
    assert!(error.starts_with("there is no footage of that time; there is some from 2026-11-20T16:19:12.000Z to"), "{error}");

    let mut footage = window.footage(TimeRange { from: BEGIN, to: after_ms(6000) });
    Arc::make_mut(&mut footage.segments[1]).parts.clear();
    let hole = vec![TimeRange { from: after_ms(2000), to: after_ms(4000) }];
    let time = TimeRange { from: BEGIN, to: after_ms(6000) };
    assert_eq!(cut(&footage, time).expect("there is footage").holes, hole);
    let lapsed = timelapse::timelapse::<ClipError>((time, 4), |_| Ok(footage.clone())).expect("there is footage");
    assert_eq!((lapsed.holes, lapsed.shown.0, lapsed.missing.0), (hole, 90_000, 180_000));
}
