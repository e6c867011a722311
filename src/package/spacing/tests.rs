//! What a player relies on, whatever a source does.

use super::*;
use crate::{grid::Lengths, picture::Size, source::coded::CodedFormat, time::FrameRate};
use bytes::Bytes;
use proptest::prelude::*;
use std::sync::Arc;

const GOP: Span = Span::from_ms(2_000);

fn grid(fps: u32, part_ms: i64) -> Grid {
    Grid::new(FrameRate::whole(fps), Lengths { part: Span::from_ms(part_ms), ..Lengths::default() })
}

fn frame(at: i64, key: bool) -> CodedFrame {
    let format = CodedFormat { size: Size::new(64, 48).unwrap(), sps: Bytes::new(), pps: Bytes::new() };
    CodedFrame { at: Ticks(at), key, data: Bytes::copy_from_slice(&at.to_be_bytes()), format: Arc::new(format) }
}

/// Lays out frames at those stamps, key frames where told; the run's parts, and whether it came to its end.
fn lay_out(cuts: Cuts, frames: &[(i64, bool)]) -> (Vec<CutPart>, bool) {
    let mut frames = frames.iter().map(|(at, key)| frame(*at, *key));
    let mut spacing = Spacing::begin(cuts, frames.next().unwrap(), Ticks(0));
    let mut parts = Vec::new();
    let is_whole = frames.try_for_each(|frame| spacing.push(frame, &mut parts)).is_ok();
    parts.extend(spacing.finish());
    (parts, is_whole)
}

/// The lengths of the parts in frames of 3000 ticks, `|` behind each segment.
fn text(parts: &[CutPart]) -> String {
    let mut text = String::new();
    for part in parts {
        let length = |frame: &EncodedFrame| format!("{}", (frame.duration.0 as f64 / 30.0).round() / 100.0);
        let lengths: Vec<String> = part.frames.iter().map(length).collect();
        text += &lengths.join("+");
        text += if part.ends_segment { "|" } else { " " };
    }
    text
}

/// Frames at those times in frames of 3000 ticks; a key frame where one is told as negative.
fn check(times: &[f64], expect: &str) {
    let frames: Vec<(i64, bool)> =
        times.iter().map(|time| ((time.abs() * 3000.0).round() as i64, time.is_sign_negative())).collect();
    let (parts, is_whole) = lay_out(Cuts::new(&grid(30, 100), GOP), &frames);
    assert_eq!((text(&parts).trim_end(), is_whole), (expect, true), "{times:?}");
}

#[test]
fn even_frames_lie_where_they_were() {
    check(&[-0.0, 1.0, 2.0, 3.0, 4.0], "1+1+1 1+1|");
    check(&[-0.0], "1|");
}

#[test]
fn jitter_is_followed_as_far_as_a_slot_gives_way() {
    check(&[-0.0, 1.04, 2.0, 3.0], "1.04+0.96+1 1|");
    check(&[-0.0, 1.2, 2.0, 3.0], "1.06+0.94+1 1|");
}

#[test]
fn a_missing_frame_is_shown_longer_before_it() {
    check(&[-0.0, 2.0, 3.0, 4.0], "2+1 1+1|");
    // It would reach into the next part: it ends with its own, and the next one is longer.
    check(&[-0.0, 1.0, 2.0, 4.0, 5.0, 6.0], "1+2 1+1+1 1|");
    check(&[-0.0, 1.0, 4.0, 5.0, 6.0], "1+2.12 1.88+1 1|");
}

#[test]
fn a_frame_that_stands_long_is_caught_up_with() {
    check(&[-0.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0], "3.19 2.81 1+1+1 1+1|");
}

#[test]
fn segments_end_before_key_frames_when_they_are_long_enough() {
    let frames: Vec<(i64, bool)> = (0..190).map(|n| (n * 3000, n % 60 == 0)).collect();
    let cuts = Cuts::new(&grid(30, 1000), GOP);
    let (parts, _) = lay_out(cuts, &frames);
    let segments: Vec<i64> = parts
        .split_inclusive(|part| part.ends_segment)
        .map(|parts| parts.iter().flat_map(|part| &part.frames).map(|frame| frame.duration.0 / 3000).sum())
        .collect();
    assert_eq!((segments, cuts.target_duration_s), (vec![60, 60, 60, 10], 2));
    assert!(parts.iter().filter(|part| part.frames[0].key).count() == 4);
}

#[test]
fn the_target_duration_is_that_of_the_source() {
    let target = |gop_ms: i64| Cuts::new(&grid(30, 100), Span::from_ms(gop_ms)).target_duration_s;
    assert_eq!([100, 500, 1_000, 2_000, 2_040, 3_000, 4_010, 8_330, 10_000].map(target), [2, 2, 2, 2, 2, 3, 4, 9, 10]);
}

#[test]
fn a_group_that_is_longer_than_a_segment_ends_the_run() {
    let frames: Vec<(i64, bool)> = (0..90).map(|n| (n * 3000, n == 0)).collect();
    let (parts, is_whole) = lay_out(Cuts::new(&grid(30, 100), GOP), &frames);
    let length: Span = parts.iter().flat_map(|part| &part.frames).map(|frame| frame.duration).sum();
    assert!(!is_whole && parts.last().unwrap().ends_segment);
    assert!(length > GOP && length <= GOP + ROUNDING, "{length:?}");
}

#[test]
fn a_source_that_becomes_faster_ends_the_run() {
    let frames: Vec<(i64, bool)> = (0..200).map(|n| (n * 1500, n % 60 == 0)).collect();
    assert!(!lay_out(Cuts::new(&grid(30, 100), GOP), &frames).1);
}

/// Spacings of a source: mostly a frame with some jitter, sometimes more.
fn spacings() -> impl Strategy<Value = Vec<(i64, bool)>> {
    let spacing = prop_oneof![20 => 2_500_i64..3_500, 3 => 0_i64..12_000, 1 => -3_000_i64..60_000];
    prop::collection::vec((spacing, prop::bool::weighted(0.03)), 1..400)
}

proptest! {
    #[test]
    fn whatever_comes_parts_and_segments_keep_the_rules(
        fps in prop_oneof![Just(10_u32), Just(15), Just(25), Just(30), Just(60)],
        part_ms in prop_oneof![Just(100_i64), Just(200), Just(333), Just(1000)],
        gop_ms in 300_i64..9_000,
        spacings in spacings(),
    ) {
        let grid = grid(fps, part_ms);
        let cuts = Cuts::new(&grid, Span::from_ms(gop_ms));
        let mut at = 1_000_000;
        let frames: Vec<(i64, bool)> = spacings.iter().enumerate().map(|(n, (spacing, key))| {
            at += spacing;
            (at, *key || n == 0)
        }).collect();
        let (parts, is_whole) = lay_out(cuts, &frames);
        let target = cuts.part_target();
        let mut end = None;
        let mut n_frames = 0;
        for segment in parts.split_inclusive(|part| part.ends_segment) {
            prop_assert!(segment[0].frames[0].key, "a segment begins with a key frame");
            let mut length = Span::ZERO;
            for part in segment {
                let duration: Span = part.frames.iter().map(|frame| frame.duration).sum();
                prop_assert!(duration > Span::ZERO && duration <= target, "{duration:?} of {target:?}");
                prop_assert!(part.ends_segment || duration.0 * 100 >= target.0 * 85, "{duration:?} of {target:?}");
                for frame in &part.frames {
                    prop_assert!(frame.duration > Span::ZERO);
                    prop_assert!(end.is_none_or(|end| end == frame.at), "decode times are continuous");
                    // The same frames in the same order.
                    prop_assert_eq!(&frame.data[..], &frames[n_frames].0.to_be_bytes()[..]);
                    prop_assert_eq!(frame.key, frames[n_frames].1);
                    (end, n_frames) = (Some(frame.at + frame.duration), n_frames + 1);
                }
                length = length + duration;
            }
            prop_assert!(length.as_s().round() as u32 <= cuts.target_duration_s, "{length:?}");
        }
        prop_assert!(parts.last().is_some_and(|part| part.ends_segment));
        prop_assert!(!is_whole || n_frames == frames.len());
    }
}
