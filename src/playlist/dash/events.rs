//! Date ranges as an EventStream of the Period in which they begin (ISO/IEC 23009-1 §5.10.2). Only those that have ended are listed: an
//! `Event` cannot be open, and one that a player knows keeps its length.

use super::{
    Times,
    elements::{Event, EventStream},
};
use crate::{
    marker::parts_of,
    time::{Span, WallTime},
    window::{ranges::DateRange, snapshot::Snapshot},
};

/// Whose events these are; their text is JSON with `id`, `kind` and `text`.
const SCHEME: &str = "urn:hlscam:marker:2026";
/// Units per second: markers have milliseconds.
const TIMESCALE: u32 = 1000;

/// The events of a Period; `None` if there are none.
pub(super) fn stream(state: &Snapshot, times: &Times) -> Option<EventStream> {
    let first = times.first.wall;
    // One that goes on ends, for now, with what there is: a clock that was set back has dated others beyond that.
    let newest = state.growing.as_ref().or(state.last());
    let len_us = times.len_us.or(newest.map(|newest| newest.end().since(times.first.at).as_us()));
    let end = len_us.map(|len_us| WallTime(first.0 + len_us));
    let is_inside = |range: &&DateRange| range.start >= first && end.is_none_or(|end| range.start < end);
    let events: Vec<Event> =
        state.ranges.listed().map(|listed| &listed.range).filter(is_inside).filter_map(|range| event(range, first)).collect();
    (!events.is_empty()).then_some(EventStream { scheme_id_uri: SCHEME, timescale: TIMESCALE, events })
}

fn event(range: &DateRange, first: WallTime) -> Option<Event> {
    let ms = |span: Span| span.as_ms().round().max(0.0) as u64;
    let (_, number) = parts_of(&range.id)?;
    let attribute = |name: &str| range.extra.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let message = serde_json::json!({"id": range.id, "kind": attribute("X-KIND"), "text": attribute("X-TEXT")});
    Some(Event {
        presentation_time: ms(range.start.since(first)),
        duration: ms(range.end?.since(range.start)),
        id: number as u64,
        message: message.to_string(),
    })
}
