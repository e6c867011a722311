//! The manifest of MPEG-DASH (MPD, ISO/IEC 23009-1): the same init segments and segments as HLS, described by a rule instead of a list.
//!
//! A Period is a run of segments without a discontinuity. Within it every segment is as long as the frame grid says, so a number gives
//! a time and nothing must be listed: the text changes only with a Period, and not with each part. What the source has coded has
//! segments of its own lengths; they are listed when they are whole, so players of it stay behind them.

pub mod elements;
mod events;
pub mod presentation;
pub mod published;
#[cfg(test)]
mod tests;

use super::{declared_bandwidth, name::Name};
use crate::{
    package::{Msn, SegmentStart},
    time::{FrameRate, Span, TICKS_PER_S},
    window::{snapshot::Snapshot, state::Segment, timeline::Stretch},
};
use elements::*;
use presentation::Presentation;
use published::Published;

/// What stands before the element.
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
/// The schema's name.
const NAMESPACE: &str = "urn:mpeg:dash:schema:mpd:2011";
/// The rules that the manifest keeps: segments by number (ISO/IEC 23009-1 §8.4), CMAF, and DASH-IF's low-latency guidelines.
const PROFILES: &str = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019,\
                        http://www.dashif.org/guidelines/low-latency-live-v5";
/// The latency asked of players, in parts: two that are being written and fetched, and three of buffer, as HLS's PART-HOLD-BACK.
const LATENCY_PARTS: i64 = 5;
/// The least depth, in target durations: the delay of players that know nothing of low latency, and two segments.
const DEPTH_MIN_TARGETS: i64 = 5;
/// The lowest latency asked: below it dash.js stalls on a machine that also encodes.
const LATENCY_MIN: Span = Span::from_ms(1000);
/// A player further behind than this many times the target jumps instead of playing faster.
const LATENCY_MAX_TIMES: i64 = 3;
/// How much slower and faster a player may play to keep the latency; beyond it movement looks wrong.
const RATE: (&str, &str) = ("0.9", "1.1");

/// How numbers and times hang together in a Period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Timing {
    /// Units per tick of 90 kHz; 1 but for rates that do not divide it.
    scale: u64,
    /// Length of a segment in units, exactly.
    duration: u64,
    /// Length of a segment, cut to a tick.
    span: Span,
}

impl Timing {
    /// Of segments of so many frames.
    fn new(rate: FrameRate, segment_frames: u32) -> Timing {
        let (num, den) = (i128::from(rate.num), i128::from(rate.den));
        let frames = i128::from(segment_frames);
        let ticks = i128::from(TICKS_PER_S) * frames * den;
        let common = gcd(ticks, num);
        Timing { scale: (num / common) as u64, duration: (ticks / common) as u64, span: rate.frame_start(frames as i64) }
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

/// Renders the manifest of a version that lists at least one segment, for those who play a presentation.
pub fn render(state: &Snapshot, presentation: Presentation, published: &mut Published) -> String {
    let mut text = DECLARATION.to_owned();
    let mut serializer = quick_xml::se::Serializer::new(&mut text);
    serializer.indent(' ', 2);
    let newest = manifest(state, Presentation::newest(&state.timeline));
    let publish_time = published.since(&newest, state.made_wall).to_string();
    let manifest = Mpd { publish_time, ..manifest(state, presentation) };
    serde::Serialize::serialize(&manifest, serializer).expect("a string takes everything, and no name here is dynamic");
    text.push('\n');
    text
}

/// The times of the run's clock that a Period spans, in µs since its zero.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// Number of the first segment that it ever had.
    named: Msn,
    first: SegmentStart,
    start_us: i64,
    /// Its length; not known while it goes on.
    len_us: Option<i64>,
}

fn manifest(state: &Snapshot, presentation: Presentation) -> Mpd {
    let times = times(state);
    let end_us = times.last().and_then(|last| last.len_us.map(|len| last.start_us + len));
    let config = &state.config;
    let live = |span: Span| (!state.ended).then(|| duration(span.as_us()));
    let target = (config.part_target * LATENCY_PARTS).max(LATENCY_MIN);
    Mpd {
        xmlns: NAMESPACE,
        xmlns_again: NAMESPACE,
        profiles: PROFILES,
        kind: if state.ended { "static" } else { "dynamic" },
        availability_start_time: presentation.zero().to_string(),
        // Depends on all the rest.
        publish_time: String::new(),
        minimum_update_period: live(config.target_duration()),
        time_shift_buffer_depth: live(depth(state)),
        suggested_presentation_delay: live(config.target_duration() * 3),
        media_presentation_duration: end_us.map(duration),
        min_buffer_time: duration(config.part_target.as_us()),
        max_segment_duration: duration(config.target_duration().as_us()),
        location: (!state.ended).then(|| presentation.location()),
        service: ServiceDescription {
            id: 0,
            latency: Latency {
                target: ms(target),
                min: ms(config.part_target * 3),
                max: ms(target * LATENCY_MAX_TIMES),
                reference_id: 0,
            },
            playback_rate: PlaybackRate { min: RATE.0, max: RATE.1 },
        },
        periods: (0..times.len()).filter_map(|n| period(state, presentation, &times[n..])).collect(),
        utc_timing: UtcTiming::http_xsdate(presentation.clock_url()),
    }
}

/// How far back a player may go: the window once it is full, before that and where bytes ran out what is there. FFmpeg's reader plays the
/// same segment again and again when the depth reaches beyond the stream's start, or is less than where it begins to play.
fn depth(state: &Snapshot) -> Span {
    state.config.span.min(state.sums.span.max(state.config.target_duration() * DEPTH_MIN_TARGETS))
}

/// The Periods, first to last. Each begins where the timeline says, and never before the one before it ends. After the end the first begins with what is left, for then nothing else says where the past is cut off.
fn times(state: &Snapshot) -> Vec<Times> {
    let stretches: Vec<Stretch> = state.timeline.stretches().copied().collect();
    let mut times: Vec<Times> = Vec::with_capacity(stretches.len());
    let oldest = state.first.as_ref().filter(|_| state.ended);
    for (place, stretch) in stretches.iter().enumerate() {
        let first = oldest.filter(|_| place == 0).map_or(stretch.first, |oldest| oldest.start);
        let end = stretch.end.or(state.last().filter(|_| state.ended).map(Segment::end));
        let previous_end = times.last().map_or(0, |before| before.start_us + before.len_us.unwrap_or_default());
        let start_us = (stretch.start_us + first.at.since(stretch.first.at).as_us()).max(previous_end);
        let len_us = end.map(|end| end.since(first.at).as_us());
        times.push(Times { named: stretch.first.msn, first, start_us, len_us });
    }
    times
}

/// The Period of the first of these times. Its init segment is held as long as one of its segments is.
fn period(state: &Snapshot, presentation: Presentation, times: &[Times]) -> Option<Period> {
    let (times, next) = (times.first()?, times.get(1));
    let first = times.first;
    let init = state.init(first.init)?;
    let params = init.params.video()?;
    let timing = Timing::new(params.rate, init.segment_frames);
    let at = first.at.0.max(0) as u64;
    let run = &init.run;
    // Segments of lengths of their own are told one by one, when they are whole.
    let told = params.passed.then(|| timeline(state, times.named, next.map(|next| next.named)));
    let start_number = match &told {
        Some(segments) => segments.first()?.0,
        None => first.msn.0,
    };
    let early = (!state.ended && !params.passed).then(|| decimal((timing.span - state.config.part_target).as_us().max(0)));
    Some(Period {
        id: format!("{run}-{}", times.named.0),
        start: duration(times.start_us),
        duration: times.len_us.map(duration),
        events: events::stream(state, times),
        set: AdaptationSet {
            id: 0,
            content_type: "video",
            mime_type: "video/mp4",
            segment_alignment: true,
            start_with_sap: 1,
            reference: ProducerReferenceTime {
                id: 0,
                inband: true,
                kind: "captured",
                wall_clock_time: presentation.told(first.wall, times.start_us).to_string(),
                presentation_time: at * timing.scale,
                utc_timing: UtcTiming::http_xsdate(presentation.clock_url()),
            },
            // Every part begins with a `moof`, not always with a picture that can be decoded alone.
            resync: Resync { kind: 0, spacing: state.config.part_target.0 as u64 * timing.scale },
            template: SegmentTemplate {
                timescale: TICKS_PER_S as u64 * timing.scale,
                duration: (!params.passed).then_some(timing.duration),
                start_number,
                presentation_time_offset: at * timing.scale,
                initialization: Name::Init(first.init).text(run),
                media: format!("seg-{run}-$Number$.m4s"),
                availability_time_complete: early.as_ref().map(|_| false),
                availability_time_offset: early,
                timeline: told.map(|segments| SegmentTimeline { segments: segments.into_iter().map(|(_, timed)| timed).collect() }),
            },
            representation: Representation {
                id: "video",
                codecs: params.codecs(),
                bandwidth: declared_bandwidth(state),
                width: params.size.width() as u32,
                height: params.size.height() as u32,
                frame_rate: frame_rate(params.rate),
            },
        },
    })
}

/// The whole segments from that number up to the next Period's first, as far back as the snapshot has them, with their numbers.
fn timeline(state: &Snapshot, from: Msn, before: Option<Msn>) -> Vec<(u64, TimedSegment)> {
    let segments = state.listed_from(0).filter(|segment| segment.start.msn >= from);
    let segments = segments.take_while(|segment| before.is_none_or(|before| segment.start.msn < before));
    let timed =
        |segment: &Segment| TimedSegment { at: segment.start.at.0.max(0) as u64, duration: segment.duration.0.max(0) as u64 };
    segments.map(|segment| (segment.start.msn.0, timed(segment))).collect()
}

fn frame_rate(rate: FrameRate) -> String {
    if rate.num.is_multiple_of(rate.den) { format!("{}", rate.num / rate.den) } else { format!("{}/{}", rate.num, rate.den) }
}

fn ms(span: Span) -> u64 {
    span.as_ms().round() as u64
}

/// Seconds as a decimal, exact to the microsecond and no longer than needed.
fn decimal(us: i64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An `xs:duration`.
fn duration(us: i64) -> String {
    format!("PT{}S", decimal(us))
}
