//! Properties of the segmenter, and the frame scripts that its tests are written in.

use super::*;
use crate::{
    encode,
    picture::Size,
    time::{FrameRate, Span, WallTime},
};
use proptest::prelude::*;
use std::fmt::Write;

pub(super) const ANCHOR: WallAnchor = WallAnchor { at: Ticks(0), wall: WallTime(1_795_191_552_000_000) };
/// Small enough to write by hand: 2 frames in a part, 3 parts in a segment.
const GRID: Grid = Grid { rate: FrameRate::whole(30), part_frames: 2, segment_parts: 3, key_parts: 2, lead_parts: 3 };

/// A stretch of the small grid; `format` tells formats apart.
pub(super) fn stretch(format: u8) -> SegmenterConfig {
    let params = encode::fixture::params(Size::new(64, 48).unwrap(), GRID.rate, format);
    SegmenterConfig { params: params.into(), grid: Some(GRID), anchor: ANCHOR }
}

pub(super) fn frame(at: i64, duration: i64, key: bool) -> EncodedFrame {
    let data = Bytes::copy_from_slice(&at.to_be_bytes());
    EncodedFrame { at: Ticks(at), duration: Span(duration), key, data }
}

/// Runs a script, a character per event: `K` a key frame, `.` another frame, `g` one that begins a tick late, `R` a restart with a
/// new format, `C` a restart with a new clock anchor, `E` the end, `D` tells the dropped frames; `|` is for the eye. Result, a word
/// per event: `init1`, `start2!@18000/2` (msn, `!` discontinuity, media time, init if not 1), `part2.0@18000+6000K` (msn.index, media
/// time + duration, `K` independent), `end2`, `[an error]`.
pub(super) fn run(script: &str) -> String {
    let mut segmenter = Some(Segmenter::new(FirstSegment::NEW, stretch(0)).unwrap());
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
            'E' => segmenter.take().unwrap().finish(),
            _ => continue,
        };
        match result {
            Ok(events) => words.extend(events.iter().map(word)),
            Err(error) => words.push(format!("[{error}]")),
        }
    }
    words.join(" ")
}

fn word(event: &PackagerEvent) -> String {
    match event {
        PackagerEvent::Init { id, .. } => format!("init{}", id.0),
        PackagerEvent::Start(start) => {
            let mut word = format!("start{}{}@{}", start.msn.0, if start.discontinuity { "!" } else { "" }, start.at.0);
            if start.init != InitId(1) {
                write!(word, "/{}", start.init.0).unwrap();
            }
            word
        }
        PackagerEvent::Part(part) => {
            let mark = if part.independent { "K" } else { "" };
            format!("part{}.{}@{}+{}{mark}", part.msn.0, part.index, part.at.0, part.duration.0)
        }
        PackagerEvent::End(msn) => format!("end{}", msn.0),
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
        lead_parts: segment_parts,
    })
}

/// Everything that came out, and what went in.
struct Outcome {
    events: Vec<PackagerEvent>,
    /// Bytes of the frames that were taken, in order.
    taken: Vec<u8>,
    frames: u64,
    dropped: u64,
    span: Span,
}

fn drive(grid: Grid, first: Msn, start: i64, events: &[Event]) -> Outcome {
    let mut format = 0;
    let mut segmenter =
        Segmenter::new(FirstSegment { msn: first, ..FirstSegment::NEW }, SegmenterConfig { grid: Some(grid), ..stretch(format) })
            .unwrap();
    let mut outcome = Outcome { events: Vec::new(), taken: Vec::new(), frames: 0, dropped: 0, span: Span::ZERO };
    let (mut origin, mut n, mut since_key) = (start, 0, None);
    for event in events {
        match *event {
            Event::Frame(len, wished) => {
                let key = wished || since_key.is_some_and(|since: u32| since.is_multiple_of(grid.segment_frames()));
                let at = Ticks(origin) + grid.rate.frame_start(n);
                let duration = (Ticks(origin) + grid.rate.frame_start(n + 1)).since(at);
                let data: Bytes = (0..len).map(|byte| (n as usize + byte) as u8).collect();
                n += 1;
                outcome.events.extend(segmenter.push(EncodedFrame { at, duration, key, data: data.clone() }).unwrap());
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
                outcome.events.extend(segmenter.restart(SegmenterConfig { grid: Some(grid), ..stretch(format) }).unwrap());
            }
        }
    }
    assert_eq!(segmenter.dropped(), outcome.dropped);
    outcome.events.extend(segmenter.finish().unwrap());
    outcome
}

/// Walks over the events and asserts what a player relies on.
struct Walk {
    grid: Grid,
    open: Option<SegmentStart>,
    next_msn: u64,
    init: u32,
    /// The init segment that the last event announced.
    announced: Option<InitId>,
    sequence: u32,
    index: u32,
    /// Where the last part ended.
    end: Option<Ticks>,
    /// The last part was short, so its segment must end.
    short: bool,
    payload: Vec<u8>,
    frames: u64,
    span: Span,
}

impl Walk {
    fn over(grid: Grid, first: Msn, events: &[PackagerEvent]) -> Walk {
        let mut walk = Walk {
            grid,
            open: None,
            next_msn: first.0,
            init: 0,
            announced: None,
            sequence: 1,
            index: 0,
            end: None,
            short: false,
            payload: Vec::new(),
            frames: 0,
            span: Span::ZERO,
        };
        for event in events {
            match event {
                PackagerEvent::Init { id, .. } => {
                    assert!(walk.open.is_none() && walk.announced.is_none() && id.0 == walk.init + 1);
                    (walk.init, walk.announced) = (id.0, Some(*id));
                }
                PackagerEvent::Start(start) => walk.start(start),
                PackagerEvent::Part(part) => walk.part(part),
                PackagerEvent::End(msn) => walk.end(*msn),
            }
        }
        assert!(walk.open.is_none() && walk.announced.is_none(), "every segment ends, every init segment has one");
        walk
    }

    fn start(&mut self, start: &SegmentStart) {
        assert!(self.open.is_none() && start.msn.0 == self.next_msn && start.init.0 == self.init);
        assert_eq!(start.wall, (ANCHOR.wall + start.at.since(ANCHOR.at)).whole_ms(), "as it is told");
        assert!(start.discontinuity || self.end.is_none_or(|end| end == start.at), "a hole needs a discontinuity");
        assert!(self.end.is_some() || !start.discontinuity, "the first segment continues nothing");
        assert!(start.discontinuity || self.end.is_none() || self.announced.is_none(), "a new format needs one too");
        (self.open, self.index, self.end, self.announced) = (Some(*start), 0, Some(start.at), None);
    }

    fn part(&mut self, part: &Part) {
        let segment = self.open.expect("a part is in a segment");
        assert_eq!((part.msn, part.index, Some(part.at)), (segment.msn, self.index, self.end));
        assert!(part.independent || part.index > 0, "a segment begins with a key frame");
        assert!(part.duration > Span::ZERO && part.duration <= self.grid.part_target());
        assert!(!self.short, "only a segment's last part is short");
        let data = part.data.read().unwrap();
        let reading = cmaf::read_fragment(&data).unwrap();
        let (samples, start) = (&reading.samples, reading.payload_start);
        self.short = samples.len() < self.grid.part_frames as usize;
        let moof = data.windows(4).position(|four| four == b"moof").unwrap() - 4;
        assert_eq!(moof > 0, part.index == 0, "only a segment begins with something else");
        if moof > 0 {
            assert!(data[4..].starts_with(b"styp") && data[28..].starts_with(b"prft"), "its type, and when it was captured");
        }
        assert_eq!(reading.head_at(part.at).unwrap(), &data[moof..start], "tfdt");
        assert_eq!(&data[moof + 20..moof + 24], u32::to_be_bytes(self.sequence), "mfhd");
        assert_eq!(samples.iter().map(|sample| i64::from(sample.duration)).sum::<i64>(), part.duration.0);
        assert_eq!(part.independent, samples[0].key);
        assert_eq!(part.key_len, part.independent.then(|| start as u32 + samples[0].size));
        self.payload.extend_from_slice(&data[start..]);
        (self.index, self.sequence, self.end) = (self.index + 1, self.sequence + 1, Some(part.at + part.duration));
        (self.frames, self.span) = (self.frames + samples.len() as u64, self.span + part.duration);
    }

    fn end(&mut self, msn: Msn) {
        let segment = self.open.take().expect("an open segment ends");
        assert!(msn == segment.msn && (1..=self.grid.segment_parts).contains(&self.index));
        assert!(self.end.unwrap().since(segment.at) <= self.grid.segment_target());
        (self.next_msn, self.short) = (self.next_msn + 1, false);
    }
}

proptest! {
    #[test]
    fn whatever_comes_the_cuts_are_sound(grid in grids(), first in 1_u64..1 << 40, start in 0_i64..1 << 40, events in events()) {
        let outcome = drive(grid, Msn(first), start, &events);
        let walk = Walk::over(grid, Msn(first), &outcome.events);
        prop_assert_eq!((walk.frames, walk.span), (outcome.frames, outcome.span));
        prop_assert_eq!(walk.payload, outcome.taken);
        let pushed = events.iter().filter(|event| matches!(event, Event::Frame(..))).count() as u64;
        prop_assert_eq!(outcome.frames + outcome.dropped, pushed);
    }

    #[test]
    fn full_parts_and_segments_have_the_length_of_the_grid(grid in grids(), segments in 1_u32..5) {
        let frames = (0..grid.segment_frames() * segments).map(|n| Event::Frame(1, n == 0)).collect::<Vec<_>>();
        let events = drive(grid, Msn(1), 0, &frames).events;
        let parts = events.iter().filter_map(|event| if let PackagerEvent::Part(part) = event { Some((part.at, part.duration)) } else { None });
        let starts = |n: u32| Ticks::default() + grid.rate.frame_start(i64::from(n * grid.part_frames));
        let expected = (0..segments * grid.segment_parts).map(|n| (starts(n), starts(n + 1).since(starts(n))));
        prop_assert_eq!(parts.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}
