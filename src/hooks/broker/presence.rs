//! The current state of each kind, from events. Pure.

use crate::{
    detect::kind::Kind,
    events::{Event, EventKind},
    marker::{Marker, MarkerSource, parts_of},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most kinds that are published: a client that posts a new kind each time must not fill the broker.
pub(super) const KINDS_MAX: usize = 64;

/// The state of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Ids of its open markers.
    open: BTreeSet<String>,
    /// Its newest marker as JSON.
    pub(super) newest: Option<String>,
    /// Something of it lasts, or may: it has a sensor.
    pub(super) lasts: bool,
    /// It has moments: it has an event.
    pub(super) has_moments: bool,
}

impl Known {
    /// Whether a marker of it is open.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }
}

/// What an event changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The kind whose state changed.
    pub(super) kind: String,
    /// The marker as JSON, where its begin is its end.
    pub(super) moment: Option<String>,
}

/// The states of all kinds.
#[derive(Debug, Default)]
pub(super) struct Presence(BTreeMap<String, Known>);

impl Presence {
    /// Nothing, of what is searched.
    pub(super) fn of(kinds: &[Kind]) -> Presence {
        let known = || Known { lasts: true, ..Known::default() };
        Presence(kinds.iter().map(|kind| (kind.name().to_owned(), known())).collect())
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = (&String, &Known)> {
        self.0.iter()
    }

    pub(super) fn get(&self, kind: &str) -> Option<&Known> {
        self.0.get(kind)
    }

    /// The entry of a kind; `None` where there is no room for another one.
    pub(super) fn entry(&mut self, kind: &str) -> Option<&mut Known> {
        let has_room = self.0.len() < KINDS_MAX || self.0.contains_key(kind);
        has_room.then(|| self.0.entry(kind.to_owned()).or_default())
    }

    /// Takes an event, and says what it changes.
    pub(super) fn take(&mut self, event: &Event) -> Option<Change> {
        if let EventKind::MarkerRemoved(id) = &event.kind {
            let kind = parts_of(id)?.0.to_owned();
            self.0.get_mut(&kind)?.open.remove(id);
            return Some(Change { kind, moment: None });
        }
        let marker = event.kind.marker()?;
        let known = self.entry(&marker.kind)?;
        let newest = serde_json::to_string(marker).ok();
        let is_moment = marker.end == Some(marker.begin) && !known.open.contains(&marker.id);
        known.newest.clone_from(&newest);
        known.has_moments |= is_moment;
        known.lasts |= !is_moment;
        if marker.end.is_none() {
            known.open.insert(marker.id.clone());
        } else if !(event.is_of_end && marker.source == MarkerSource::Detector) {
            // The detector has stopped, and what it followed may still be there: the next run finds out.
            known.open.remove(&marker.id);
        }
        let moment = newest.filter(|_| is_moment && matches!(event.kind, EventKind::MarkerBegin(_)));
        Some(Change { kind: marker.kind.clone(), moment })
    }

    /// Events were missed: these are the markers that are open now.
    pub(super) fn reload_open(&mut self, open: Vec<Marker>) {
        self.0.values_mut().for_each(|known| known.open.clear());
        for marker in open {
            if let Some(known) = self.entry(&marker.kind) {
                known.lasts = true;
                known.newest = serde_json::to_string(&marker).ok();
                known.open.insert(marker.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Span, WallTime};

    const AT: WallTime = WallTime(1_000_000);

    fn marker(id: &str, source: MarkerSource, end: Option<WallTime>) -> Marker {
        let kind = parts_of(id).expect("an id").0.to_owned();
        let (text, count, confidence, best, data) = (None, None, None, None, None);
        Marker {
            id: id.to_owned(),
            camera: crate::camera_name::CameraName::default(),
            kind,
            text,
            source,
            begin: AT,
            end,
            count,
            confidence,
            best,
            data,
        }
    }

    fn event(kind: EventKind, is_of_end: bool) -> Event {
        Event { number: 1, at: AT, kind, json: String::new(), is_of_end }
    }

    fn is_open(presence: &Presence, kind: &str) -> bool {
        presence.get(kind).is_some_and(Known::is_open)
    }

    #[test]
    fn what_lasts_is_there_until_the_last_of_it_has_ended() {
        let mut presence = Presence::of(&[Kind::FACE]);
        let mut take = |kind| presence.take(&event(kind, false)).map(|change| (change.kind, change.moment.is_some()));
        assert_eq!(take(EventKind::MarkerBegin(marker("door-1", MarkerSource::Api, None))), Some(("door".to_owned(), false)));
        take(EventKind::MarkerBegin(marker("door-2", MarkerSource::Api, None)));
        take(EventKind::MarkerEnd(marker("door-1", MarkerSource::Api, Some(AT + Span::from_ms(5)))));
        assert!(is_open(&presence, "door"));
        presence.take(&event(EventKind::MarkerRemoved("door-2".to_owned()), false));
        assert!(!is_open(&presence, "door") && presence.get("door").is_some_and(|door| door.lasts && !door.has_moments));
        assert_eq!(presence.take(&event(EventKind::MarkerRemoved("window-1".to_owned()), false)), None);
        assert_eq!(presence.take(&event(EventKind::CameraLost("a test"), false)), None);
    }

    #[test]
    fn a_moment_is_told_once_and_needs_no_sensor() {
        let mut presence = Presence::default();
        let bell = marker("bell-1", MarkerSource::Api, Some(AT));
        let begin = presence.take(&event(EventKind::MarkerBegin(bell.clone()), false)).expect("a change");
        assert!(begin.moment.is_some_and(|json| json.contains("\"bell-1\"")));
        let end = presence.take(&event(EventKind::MarkerEnd(bell), false)).expect("a change");
        assert_eq!(end.moment, None);
        let known = presence.get("bell").expect("it is known");
        assert!(known.has_moments && !known.lasts && !known.is_open() && known.newest.is_some());
        // One that was open, and is ended where it began, lasted.
        presence.take(&event(EventKind::MarkerBegin(marker("door-2", MarkerSource::Api, None)), false));
        presence.take(&event(EventKind::MarkerEnd(marker("door-2", MarkerSource::Api, Some(AT))), false));
        assert!(presence.get("door").is_some_and(|door| door.lasts && !door.has_moments));
    }

    #[test]
    fn who_is_there_at_the_end_of_the_stream_may_be_there_at_the_next_start() {
        let mut presence = Presence::default();
        for (id, source) in [("face-1", MarkerSource::Detector), ("door-2", MarkerSource::Api)] {
            presence.take(&event(EventKind::MarkerBegin(marker(id, source, None)), false));
            presence.take(&event(EventKind::MarkerEnd(marker(id, source, Some(AT + Span::from_ms(5)))), true));
        }
        assert!(is_open(&presence, "face") && !is_open(&presence, "door"));
    }

    #[test]
    fn kinds_are_bounded_and_a_second_look_counts() {
        let mut presence = Presence::default();
        for n in 0..KINDS_MAX + 5 {
            presence.take(&event(EventKind::MarkerBegin(marker(&format!("kind{n}-1"), MarkerSource::Api, None)), false));
        }
        assert_eq!(presence.kinds().count(), KINDS_MAX);
        presence.reload_open(vec![marker("kind3-1", MarkerSource::Api, None), marker("other-1", MarkerSource::Api, None)]);
        assert_eq!(presence.kinds().filter(|(_, known)| known.is_open()).count(), 1);
        assert!(is_open(&presence, "kind3"));
    }
}
