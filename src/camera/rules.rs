//! What the rules of recording are told: the markers of their camera, with each segment.

use crate::{
    archive::{
        Look, Moment,
        auto_record::{AutoRecord, RecordRules},
        recordings::Recordings,
    },
    events::{EventKind, Events, Received},
    time::WallTime,
};
use std::sync::Arc;

/// Looks for what the rules of a camera record.
pub(super) fn look_by(rules: RecordRules, recordings: Arc<Recordings>, events: &Arc<Events>) -> Look {
    if !rules.is_any() {
        return Box::new(|_| Vec::new());
    }
    let (mut auto, mut listener) = (AutoRecord::new(rules, recordings), events.listen());
    Box::new(move |moment| {
        let now = moment.time();
        while let Some(heard) = listener.try_next() {
            tell(&mut auto, &heard, now);
        }
        let begun = auto.look(now);
        if matches!(moment, Moment::End(_)) {
            auto.finish(now);
        }
        begun
    })
}

fn tell(auto: &mut AutoRecord, heard: &Received, now: WallTime) {
    let event = match heard {
        Received::Missed(_) => return auto.forget_all(now),
        Received::Event(event) => event,
    };
    match &event.kind {
        EventKind::MarkerRemoved(id) => auto.forget(id, now),
        kind => {
            if let Some(marker) = kind.marker() {
                match marker.end {
                    None => auto.begin(&marker.id, &marker.kind, marker.begin),
                    Some(end) => auto.end(&marker.id, &marker.kind, (marker.begin, end)),
                }
            }
        }
    }
}
