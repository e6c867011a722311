//! Hooks: webhook, command and MQTT broker, which get the events. Each is a task of the server's runtime that listens to the ring of events
//! ([`crate::events`]). The ring is its queue, so a hook that hangs holds nothing up, and the events that it misses are counted.

pub mod broker;
pub mod exec;
pub mod homeassistant;
pub(crate) mod tls;
pub mod url;
pub mod webhook;

use crate::{
    camera_name::CameraName,
    counter::{Counter, Gauge},
    detect::kind::Kind,
    events::{Event, Events, Listener, Received},
    host,
    marker_service::MarkerService,
    panics::{Panics, PanicsReport},
    time::Span,
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::timeout};
use tracing::Instrument;

/// At the end, the last events get this long to go out.
pub const END_GRACE: Duration = Duration::from_secs(2);

/// Keeps what just happened, that long, or as long as is usual; blocks as the disk does. The reason where it cannot.
pub type Keep = Arc<dyn Fn(Option<Span>) -> Result<(), String> + Send + Sync>;

/// The hooks to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HooksConfig {
    /// A server that takes a POST for each event.
    pub webhook: Option<webhook::Endpoint>,
    /// A command that is run for each event.
    pub exec: Option<String>,
    /// An MQTT broker.
    pub broker: Option<broker::BrokerAddress>,
}

impl HooksConfig {
    /// The same for that camera of this host: a broker where no topic was chosen is told by its name.
    pub fn of_camera(self, camera: &str) -> HooksConfig {
        HooksConfig { broker: self.broker.map(|broker| broker.of_camera(&host_name(), camera)), ..self }
    }

    /// The same for one of several cameras: it has topics of its own below that of the broker.
    pub fn of_one_of_several(self, camera: &CameraName) -> HooksConfig {
        HooksConfig { broker: self.broker.map(|broker| broker.of_one_of_several(&host_name(), camera.as_str())), ..self }
    }
}

/// The name of this host; `host` where it tells none.
fn host_name() -> String {
    let name = host::name();
    if name.is_empty() { "host".to_owned() } else { name }
}

/// What one hook has done so far.
#[derive(Debug, Default)]
pub struct HookCounts {
    /// Events told.
    pub sent: Counter,
    /// Events given up: refused, too late, or failed after all tries.
    pub failed: Counter,
    /// Events that the ring had lost before the hook came to them.
    pub dropped: Counter,
    /// Whether the last try failed; told once per burst.
    failing: Gauge,
    /// Bugs, after each of which the hook began anew.
    pub panics: Panics,
}

impl HookCounts {
    fn succeed(&self, hook: &str) {
        if self.failing.get() == 1 {
            self.failing.set(0);
            tracing::info!("{hook} works again");
        }
    }

    /// Logs the first failure of a burst.
    fn fail(&self, hook: &str, why: &str) {
        if self.failing.get() == 0 {
            self.failing.set(1);
            tracing::warn!("{hook} failed: {why}; the stream goes on, and further failures are only counted");
        }
    }

    fn report(&self) -> HookReport {
        HookReport {
            sent: self.sent.get(),
            failed: self.failed.get(),
            dropped: self.dropped.get(),
            failing: self.failing.get() == 1,
            panics: self.panics.report(),
        }
    }
}

/// What all hooks have done; clones are the same counts.
#[derive(Clone, Debug, Default)]
pub struct HooksCounts {
    /// The webhook.
    pub webhook: Arc<HookCounts>,
    /// The command.
    pub exec: Arc<HookCounts>,
    /// The broker.
    pub broker: Arc<HookCounts>,
    /// 1 while another hlscam is online at our topic of the broker.
    pub topic_shared: Arc<Gauge>,
}

/// One hook in `GET /api/status`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct HookReport {
    pub sent: u64,
    pub failed: u64,
    pub dropped: u64,
    pub failing: bool,
    #[serde(flatten)]
    pub panics: PanicsReport,
}

/// The hooks in `GET /api/status`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct HooksReport {
    pub webhook: HookReport,
    pub exec: HookReport,
    pub mqtt: BrokerReport,
}

/// The broker in `GET /api/status`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md describes each field, and the names say it")]
pub struct BrokerReport {
    #[serde(flatten)]
    pub hook: HookReport,
    pub topic_shared: bool,
}

impl HooksCounts {
    /// Whether one of them has met a bug, and has not worked since.
    pub fn is_panicking(&self) -> bool {
        [&self.webhook, &self.exec, &self.broker].into_iter().any(|hook| hook.panics.is_recent())
    }

    /// For the status.
    pub fn report(&self) -> HooksReport {
        let mqtt = BrokerReport { hook: self.broker.report(), topic_shared: self.topic_shared.get() == 1 };
        HooksReport { webhook: self.webhook.report(), exec: self.exec.report(), mqtt }
    }
}

/// Running hooks.
pub struct Hooks {
    config: HooksConfig,
    parts: HooksParts,
    webhook: JoinSet<()>,
    exec: JoinSet<()>,
    broker: JoinSet<()>,
}

/// What hooks work with.
struct HooksParts {
    markers: Arc<MarkerService>,
    counts: HooksCounts,
    kinds: Vec<Kind>,
    keep: Option<Keep>,
}

/// From when on a hook is told what happens.
#[derive(Clone, Copy)]
enum Since {
    Beginning,
    Now,
}

impl Hooks {
    /// Starts what is asked for; must be called inside a runtime. `kinds` are those that the detector may find.
    /// `keep` is called when a broker asks that what just happened is kept.
    pub fn start(
        config: HooksConfig,
        markers: &Arc<MarkerService>,
        counts: &HooksCounts,
        (kinds, keep): (Vec<Kind>, Option<Keep>),
    ) -> Hooks {
        let parts = HooksParts { markers: markers.clone(), counts: counts.clone(), kinds, keep };
        let webhook = config.webhook.clone().map(|target| parts.webhook(target, Since::Beginning)).unwrap_or_default();
        let exec = config.exec.clone().map(|command| parts.exec(command, Since::Beginning)).unwrap_or_default();
        let broker = config.broker.clone().map(|target| parts.broker(target, Since::Beginning)).unwrap_or_default();
        Hooks { config, parts, webhook, exec, broker }
    }

    /// Those that are asked for now, from now on; must be called inside a runtime. A hook that stays the same goes on; of one that is
    /// replaced, what it was telling is given up.
    pub async fn change(&mut self, config: HooksConfig) {
        let (before, parts) = (std::mem::replace(&mut self.config, config.clone()), &self.parts);
        if config.webhook != before.webhook {
            self.webhook.shutdown().await;
            self.webhook = config.webhook.map(|target| parts.webhook(target, Since::Now)).unwrap_or_default();
        }
        if config.exec != before.exec {
            self.exec.shutdown().await;
            self.exec = config.exec.map(|command| parts.exec(command, Since::Now)).unwrap_or_default();
        }
        if config.broker != before.broker {
            self.broker.shutdown().await;
            self.broker = config.broker.map(|target| parts.broker(target, Since::Now)).unwrap_or_default();
        }
    }

    /// Waits until the last events are told, but not for long. The markers must have ended.
    pub async fn end(mut self) {
        let all = async {
            for tasks in [&mut self.webhook, &mut self.exec, &mut self.broker] {
                while tasks.join_next().await.is_some() {}
            }
        };
        if timeout(END_GRACE, all).await.is_err() {
            tracing::warn!("a hook did not end within {} s, and is aborted", END_GRACE.as_secs());
        }
    }
}

impl HooksParts {
    fn webhook(&self, target: webhook::Endpoint, since: Since) -> JoinSet<()> {
        let (events, counts) = (self.markers.events.clone(), self.counts.webhook.clone());
        task(kept((events, since), counts.clone(), move |heard| webhook::run(target.clone(), heard, counts.clone())))
    }

    fn exec(&self, command: String, since: Since) -> JoinSet<()> {
        let (events, counts) = (self.markers.events.clone(), self.counts.exec.clone());
        task(kept((events, since), counts.clone(), move |heard| exec::run(command.clone(), exec::TIMEOUT, heard, counts.clone())))
    }

    fn broker(&self, target: broker::BrokerAddress, since: Since) -> JoinSet<()> {
        let (counts, shared) = (self.counts.broker.clone(), self.counts.topic_shared.clone());
        let (markers, events) = (self.markers.clone(), self.markers.events.clone());
        let (kinds, keep) = (self.kinds.clone(), self.keep.clone());
        task(kept((events, since), counts.clone(), move |(_, listener)| {
            let ours = (kinds.clone(), keep.clone());
            broker::run(target.clone(), markers.clone(), listener, (counts.clone(), shared.clone()), ours)
        }))
    }
}

fn task(hook: impl Future<Output = ()> + Send + 'static) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(hook.in_current_span());
    tasks
}

/// Runs a hook on what happens from the run's beginning on, or from now on. One that ends by a bug begins anew with what happens after it: the event that it
/// died of might kill the next one, too.
async fn kept<Hook: Future<Output = ()> + Send + 'static>(
    (events, since): (Arc<Events>, Since),
    counts: Arc<HookCounts>,
    run: impl Fn((Arc<Events>, Listener)) -> Hook,
) {
    let mut first = Some(match since {
        Since::Beginning => events.listen_after(""),
        Since::Now => events.listen(),
    });
    let begin = || {
        let listener = first.take().unwrap_or_else(|| {
            counts.failed.bump();
            events.listen()
        });
        run((events.clone(), listener))
    };
    counts.panics.keep(begin).await;
}

/// An event as a hook gets it: its data, its name and its id in one object.
fn payload(events: &Events, event: &Event) -> String {
    let rest = event.json.strip_prefix('{').unwrap_or_default();
    format!("{{\"event\":\"{}\",\"event_id\":\"{}\",{rest}", event.kind.name(), events.id(event))
}

/// The event of what was heard; what was missed is counted.
fn event_of(heard: Received, counts: &HookCounts) -> Option<Arc<Event>> {
    match heard {
        Received::Event(event) => Some(event),
        Received::Missed(count) => {
            counts.dropped.add(count);
            None
        }
    }
}

/// An empty ring, for the tests of hooks.
#[cfg(test)]
fn ring() -> Arc<Events> {
    Arc::new(Events::new("r".to_owned(), crate::camera_name::CameraName::default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{events::EventKind, time::WallTime};

    #[tokio::test]
    async fn a_payload_is_the_data_with_name_and_id() {
        let events = ring();
        let mut listener = events.listen();
        events.publish(WallTime(0), EventKind::CameraBack("pictures come again"));
        let event = listener.next().await.and_then(|heard| event_of(heard, &HookCounts::default())).expect("an event");
        assert_eq!(
            payload(&events, &event),
            r#"{"event":"camera-back","event_id":"r-1","at":"1970-01-01T00:00:00.000Z","camera":"cam","reason":"pictures come again"}"#
        );
    }
}
