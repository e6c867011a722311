//! Properties of the segmenter, and the frame scripts that its tests are written in.

use super::*;
use crate::{picture::Size, time::FrameRate};
use proptest::prelude::*;
use std::fmt::Write;

pub(super) const ANCHOR: WallAnchor = WallAnchor { at: Ticks(0), wall: WallTime(1_795_191_552_000_000) };
/// Small enough to write by hand: 2 frames in a part, 3 parts in a segment.
const GRID: Grid = Grid { rate: FrameRate::whole(30), part_frames: 2, segment_parts: 3, key_parts: 2 };

/// A stretch of the small grid; `format` tells formats apart.
pub(super) fn stretch(format: u8) -> Stretch {
    let params = VideoParams {
        size: Size::new(64, 48).unwrap(),
        rate: GRID.rate,
        sps: vec![0x67, 66, 0, 10, format].into(),
        pps: Bytes::from_static(&[0x68, 1]),
        bitrate_max: 1_000_000,
    };
    Stretch { params, grid: GRID, anchor: ANCHOR }
}

pub(super) fn frame(at: i64, duration: i64, key: bool) -> EncodedFrame {
    let data = Bytes::copy_from_slice(&at.to_be_bytes());
    EncodedFrame { at: Ticks(at), duration: Span(duration), key, data, captured: Ticks(at) }
}

/// Runs a script, a character per event: `K` a key frame, `.` another frame, `g` one that begins a tick late, `R` a restart with a new
/// format, `C` a restart with a new clock anchor, `E` the end, `D` tells the dropped frames; `|` is for the eye.
/// Result, a word per cut: `init1`, `start2!@18000/2` (msn, `!` discontinuity, media time, init if not 1), `part2.0@18000+6000K` (msn.index, media
/// time + duration, `K` independent), `end2`, `[an error]`.
pub(super) fn run(script: &str) -> String {
    let mut segmenter = Some(Segmenter::new(Msn(1), stretch(0)).unwrap());
    let (mut at, mut format, mut words) = (0, 0, Vec::new());
    for event in script.chars() {
        let Some(live) = segmenter.as_mut() else { break };
        let result = match event {
            'K' | '.' => {
                at += 3000;
                live.push(frame(at - 3000, 3000, event == 'K'))
            }
            'g' => live.push(frame(at + 1, 3000, false)),
            'R' => {
                format += 1;
                live.restart(stretch(format))
            }
            'C' => live.restart(stretch(format)),
            'D' => {
                words.push(format!("dropped{}", live.dropped()));
                continue;
            }
            'E' if script.ends_with('D') => {
                // The count is read before the end takes the segmenter.
                let dropped = format!("dropped{}", live.dropped());
                words.extend(segmenter.take().unwrap().finish().unwrap().iter().map(word));
                words.push(dropped);
                continue;
            }
            'E' => segmenter.take().unwrap().finish(),
            _ => continue,
        };
        match result {
            Ok(cuts) => words.extend(cuts.iter().map(word)),
            Err(error) => words.push(format!("[{error}]")),
        }
    }
    words.join(" ")
}

fn word(cut: &Cut) -> String {
    match cut {
        Cut::Init { id, .. } => format!("init{}", id.0),
        Cut::Start(start) => {
            let mut word = format!("start{}{}@{}", start.msn.0, if start.discontinuity { "!" } else { "" }, start.at.0);
            if start.init != InitId(1) {
                write!(word, "/{}", start.init.0).unwrap();
            }
            word
        }
        Cut::Part(part) => {
            let mark = if part.independent { "K" } else { "" };
            format!("part{}.{}@{}+{}{mark}", part.msn.0, part.index, part.at.0, part.duration.0)
        }
        Cut::End(msn) => format!("end{}", msn.0),
    }
}

/// Something that happens to a segmenter.
#[derive(Clone, Debug)]
enum Event {
    /// A frame of so many bytes; a key frame if the flag says so or the segmenter needs one.
    Frame(usize, bool),
    /// A restart, with a new format or only a new anchor, after a hole of so many ticks.
    Restart(bool, i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        30 => (1_usize..60, prop::bool::weighted(0.1)).prop_map(|(len, key)| Event::Frame(len, key)),
        1 => (any::<bool>(), 0_i64..1_000_000).prop_map(|(format, hole)| Event::Restart(format, hole)),
    ];
    prop::collection::vec(event, 0..300)
}

fn grids() -> impl Strategy<Value = Grid> {
    let rates = prop_oneof![Just((30, 1)), Just((30_000, 1001)), Just((7, 1)), Just((15, 2)), Just((60, 1))];
    (rates, 1_u32..7, 1_u32..6, 1_u32..4).prop_map(|((num, den), part_frames, segment_parts, key_parts)| Grid {
        rate: FrameRate { num, den },
        part_frames,
        segment_parts,
        key_parts,
    })
}

/// Everything that came out, and what went in.
struct Outcome {
    cuts: Vec<Cut>,
    /// Bytes of the frames that were taken, in order.
    taken: Vec<u8>,
    frames: u64,
    dropped: u64,
    span: Span,
}

fn drive(grid: Grid, first: Msn, start: i64, events: &[Event]) -> Outcome {
    let mut format = 0;
    let mut segmenter = Segmenter::new(first, Stretch { grid, ..stretch(format) }).unwrap();
    let mut outcome = Outcome { cuts: Vec::new(), taken: Vec::new(), frames: 0, dropped: 0, span: Span::ZERO };
    let (mut origin, mut n, mut since_key) = (start, 0, None);
    for event in events {
        match *event {
            Event::Frame(len, wished) => {
                let key = wished || since_key.is_some_and(|since: u32| since.is_multiple_of(grid.segment_frames()));
                let at = Ticks(origin) + grid.rate.frame_start(n);
                let duration = (Ticks(origin) + grid.rate.frame_start(n + 1)).since(at);
                let data: Bytes = (0..len).map(|byte| (n as usize + byte) as u8).collect();
                n += 1;
                outcome.cuts.extend(segmenter.push(EncodedFrame { at, duration, key, data: data.clone(), captured: at }).unwrap());
                if key || since_key.is_some() {
                    since_key = Some(since_key.unwrap_or(0) + 1);
                    outcome.frames += 1;
                    outcome.span = outcome.span + duration;
                    outcome.taken.extend_from_slice(&data);
                } else {
                    outcome.dropped += 1;
                }
            }
            Event::Restart(new_format, hole) => {
                format += u8::from(new_format);
                (origin, n, since_key) = (origin + grid.rate.frame_start(n).0 + hole, 0, None);
                outcome.cuts.extend(segmenter.restart(Stretch { grid, ..stretch(format) }).unwrap());
            }
        }
    }
    assert_eq!(segmenter.dropped(), outcome.dropped);
    outcome.cuts.extend(segmenter.finish().unwrap());
    outcome
}

proptest! {
    #[test]
    fn whatever_comes_the_cuts_are_sound(grid in grids(), first in 1_u64..u64::MAX / 2, start in 0_i64..1 << 40, events in events()) {
        let outcome = drive(grid, Msn(first), start, &events);
        let (mut open, mut next_msn, mut next_init, mut sequence) = (None::<SegmentStart>, first, 1, 1);
        let (mut index, mut end, mut last_end, mut parts_in_segment) = (0, Ticks(start), None, 0);
        let (mut payload, mut frames, mut span) = (Vec::new(), 0, Span::ZERO);
        for (n, cut) in outcome.cuts.iter().enumerate() {
            match cut {
                Cut::Init { id, .. } => {
                    prop_assert!(open.is_none() && id.0 == next_init);
                    prop_assert!(matches!(outcome.cuts[n + 1], Cut::Start(start) if start.init == *id && start.discontinuity == (next_init > 1)));
                    next_init += 1;
                }
                Cut::Start(segment) => {
                    prop_assert!(open.is_none() && segment.msn.0 == next_msn && segment.init.0 == next_init - 1);
                    prop_assert_eq!(segment.wall, ANCHOR.wall + segment.at.since(ANCHOR.at));
                    let joins = last_end.is_none_or(|last: Ticks| last == segment.at);
                    prop_assert!(joins || segment.discontinuity, "a hole needs a discontinuity");
                    prop_assert!(last_end.is_some() || !segment.discontinuity);
                    (open, index, end, parts_in_segment) = (Some(*segment), 0, segment.at, 0);
                }
                Cut::Part(part) => {
                    let segment = open.expect("a part is in a segment");
                    prop_assert_eq!((part.msn, part.index, part.at), (segment.msn, index, end));
                    prop_assert!(part.independent || index > 0, "a segment begins with a key frame");
                    prop_assert!(part.duration > Span::ZERO && part.duration <= grid.part_target());
                    let reading = cmaf::read_fragment(&part.data).unwrap();
                    prop_assert_eq!(reading.head_at(part.at).unwrap(), &part.data[..reading.payload_start]);
                    let sum: i64 = reading.samples.iter().map(|sample| i64::from(sample.duration)).sum();
                    prop_assert_eq!(sum, part.duration.0);
                    let last = matches!(outcome.cuts[n + 1], Cut::End(_));
                    prop_assert!(last || reading.samples.len() == grid.part_frames as usize, "only a segment's last part is short");
                    prop_assert_eq!(part.independent, reading.samples[0].key);
                    prop_assert_eq!(part.key_len, reading.samples[0].key.then(|| reading.payload_start as u32 + reading.samples[0].size));
                    prop_assert_eq!(&part.data[20..24], u32::to_be_bytes(sequence), "mfhd");
                    payload.extend_from_slice(&part.data[reading.payload_start..]);
                    (index, end, parts_in_segment) = (index + 1, end + part.duration, parts_in_segment + 1);
                    (sequence, frames, span) = (sequence + 1, frames + reading.samples.len() as u64, span + part.duration);
                }
                Cut::End(msn) => {
                    let segment = open.take().expect("an open segment ends");
                    prop_assert!(*msn == segment.msn && (1..=grid.segment_parts).contains(&parts_in_segment));
                    prop_assert!(end.since(segment.at) <= grid.segment_target());
                    (next_msn, last_end) = (next_msn + 1, Some(end));
                }
            }
        }
        prop_assert!(open.is_none());
        prop_assert_eq!((frames, span), (outcome.frames, outcome.span));
        prop_assert_eq!(payload, outcome.taken);
    }

    #[test]
    fn full_parts_and_segments_have_the_length_of_the_grid(grid in grids(), segments in 1_u32..5) {
        let frames = (0..grid.segment_frames() * segments).map(|n| Event::Frame(1, n == 0)).collect::<Vec<_>>();
        let outcome = drive(grid, Msn(1), 0, &frames);
        let parts: Vec<&Part> = outcome.cuts.iter().filter_map(|cut| if let Cut::Part(part) = cut { Some(part) } else { None }).collect();
        prop_assert_eq!(parts.len() as u32, segments * grid.segment_parts);
        for (n, part) in (0_i64..).zip(parts) {
            let start = |n: i64| Ticks::default() + grid.rate.frame_start(n * i64::from(grid.part_frames));
            prop_assert_eq!((part.at, part.duration), (start(n), start(n + 1).since(start(n))));
        }
    }
}
