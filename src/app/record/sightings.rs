//! What the detector of this program sees, as markers for which is recorded.

use crate::{
    detect::Detection,
    marker::observer::{Observer, Seen, Step},
    marker_service::seen_of,
    record::marked::Triggers,
    sync::lock,
    time::Clock,
};
use std::sync::{Arc, Mutex};

/// From the detector's runs to markers.
pub(super) struct Sightings {
    observer: Observer,
    kinds: Vec<String>,
    triggers: Arc<Mutex<Triggers>>,
    clock: Arc<dyn Clock>,
}

impl Sightings {
    /// Of these kinds.
    pub(super) fn new(kinds: Vec<String>, triggers: Arc<Mutex<Triggers>>, clock: Arc<dyn Clock>) -> Sightings {
        Sightings { observer: Observer::default(), kinds, triggers, clock }
    }

    /// Takes what a run found.
    pub(super) fn take(&mut self, run: &Detection) {
        let seen = seen_of(run).into_iter().map(|(_, seen)| seen);
        let seen: Vec<Seen> = seen.filter(|seen| self.kinds.contains(&seen.kind)).collect();
        let wall = self.clock.wall() + run.at.since(self.clock.now());
        let steps = self.observer.take(run.at, wall, &seen);
        self.tell(steps);
    }

    /// Time passes, with runs or without.
    pub(super) fn pass(&mut self) {
        let steps = self.observer.pass(self.clock.now());
        self.tell(steps);
    }

    /// One marker of a kind is open at a time, so the kind is its id.
    fn tell(&self, steps: Vec<Step>) {
        let mut triggers = lock(&self.triggers);
        for step in steps {
            match step {
                Step::Begin(sighting) => {
                    tracing::info!("{} since {}", sighting.kind, sighting.begin.to_local());
                    triggers.begin(&sighting.kind, sighting.begin);
                }
                Step::Change(_) => {}
                Step::End(sighting, end) => triggers.end(&sighting.kind, sighting.begin, end),
            }
        }
    }
}
