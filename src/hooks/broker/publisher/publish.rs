//! Publishes states first, unless the link stalls, then moments and events.

use super::{Known, Publisher, SignalState, Stop};
use crate::hooks::{
    broker::found::{OFFLINE, ONLINE},
    homeassistant,
};
use std::time::Duration;
use tokio::time::Instant;

/// A moment that could not be told for longer is past: a bell that rings minutes later frightens people.
const MOMENT_LATE_MAX: Duration = Duration::from_secs(5);

/// A moment that waits to be published.
pub(super) struct Moment {
    pub(super) kind: String,
    pub(super) text: String,
    /// Not before then.
    pub(super) due: Instant,
}

/// What was published of a kind on this connection.
#[derive(Default)]
pub(super) struct Published {
    /// Its sensor was introduced.
    pub(super) sensor: bool,
    /// Its moments were.
    pub(super) event: bool,
    /// Whether one is open.
    pub(super) open: Option<bool>,
    /// The newest marker.
    pub(super) newest: Option<String>,
}

impl Publisher {
    /// Hands over what is to be told: states unless the link stalls, then moments and events.
    pub(super) async fn publish_all(&mut self) -> Result<(), Stop> {
        let (changed, signal) = (self.changed(), *self.signals.borrow_and_update());
        let has_states = !changed.is_empty() || self.signal != Some(signal) || !self.is_announced;
        if has_states && !self.is_stalled() {
            for (kind, known) in changed {
                self.publish_kind(&kind, &known).await?;
            }
            self.publish_signal(signal).await?;
            if !std::mem::replace(&mut self.is_announced, true) {
                self.retain(self.topics.availability(), ONLINE.to_owned()).await?;
            }
        } else if has_states {
            return Ok(());
        }
        self.publish_moments().await?;
        while self.has_room()
            && let Some(text) = self.queue.pop_front()
        {
            self.publish(self.topics.events(), text.clone(), false, Some(text)).await?;
            self.counts.sent.bump();
        }
        Ok(())
    }

    /// The kinds of which something was not told yet.
    pub(super) fn changed(&self) -> Vec<(String, Known)> {
        let is_told = |kind: &String, known: &Known| {
            let Some(told) = self.told.get(kind) else { return false };
            let is_open = Some(known.is_open()).filter(|_| known.lasts && !self.is_held(kind, known));
            (!known.lasts || told.sensor)
                && (!known.has_moments || told.event)
                && (is_open.is_none() || told.open == is_open)
                && told.newest == known.newest
        };
        let kinds = self.presence.kinds().filter(|(kind, known)| !is_told(kind, known));
        kinds.map(|(kind, known)| (kind.clone(), known.clone())).collect()
    }

    async fn publish_kind(&mut self, kind: &str, known: &Known) -> Result<(), Stop> {
        let told = self.told.remove(kind).unwrap_or_default();
        if known.lasts && !told.sensor {
            let (topic, config) = homeassistant::sensor(&self.topics, &self.device, kind);
            self.retain(topic, config).await?;
        }
        if known.has_moments && !told.event {
            let (topic, config) = homeassistant::event(&self.topics, &self.device, kind);
            self.retain(topic, config).await?;
        }
        if let Some(newest) = known.newest.as_ref().filter(|newest| told.newest.as_ref() != Some(newest)) {
            self.retain(self.topics.attributes(kind), newest.clone()).await?;
        }
        let mut open = told.open;
        if known.lasts && !self.is_held(kind, known) && open != Some(known.is_open()) {
            open = Some(known.is_open());
            self.retain(self.topics.state(kind), if known.is_open() { "ON" } else { "OFF" }.to_owned()).await?;
        }
        let told = Published { sensor: known.lasts, event: known.has_moments, open, newest: known.newest.clone() };
        self.told.insert(kind.to_owned(), told);
        Ok(())
    }

    async fn publish_signal(&mut self, signal: SignalState) -> Result<(), Stop> {
        if self.signal == Some(signal) {
            return Ok(());
        }
        let reason = match signal {
            SignalState::Lost { reason, since } => serde_json::json!({ "reason": reason, "since": since }),
            SignalState::Pending | SignalState::Live => serde_json::json!({ "reason": null, "since": null }),
        };
        let is_lost = matches!(signal, SignalState::Lost { .. });
        self.retain(self.topics.problem_reason(), reason.to_string()).await?;
        self.retain(self.topics.problem(), if is_lost { "ON" } else { "OFF" }.to_owned()).await?;
        self.retain(self.topics.picture(), if signal == SignalState::Live { ONLINE } else { OFFLINE }.to_owned()).await?;
        self.signal = Some(signal);
        Ok(())
    }

    async fn publish_moments(&mut self) -> Result<(), Stop> {
        while self.has_room()
            && !self.is_stalled()
            && self.moments.front().is_some_and(|moment| moment.due <= self.now)
            && let Some(Moment { kind, text, due }) = self.moments.pop_front()
        {
            if self.now - due <= MOMENT_LATE_MAX {
                self.publish(self.topics.moment(&kind), text, false, None).await?;
            }
        }
        Ok(())
    }
}
