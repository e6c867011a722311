//! Publishes to the broker: the current states to their topics, each once, and every event with its time to the topic of events.
//!
//! The publisher counts unacknowledged messages. While the broker owes an acknowledgement for long, no state is published, and afterwards
//! only the current one, so that a link that stalls or breaks delivers no outdated states. Events wait in order; those that were
//! unacknowledged when the link broke are published again.

mod keeping;
mod publish;

use super::{
    BrokerAddress, Device, Link, Topics,
    found::{Found, Message, OFFLINE, ONLINE},
    presence::{KINDS_MAX, Known, Presence},
};
use crate::{
    counter::Gauge,
    detect::kind::Kind,
    events::{EVENTS_MAX, Event, Listener, Received},
    failpoint,
    hooks::{HookCounts, Keep, homeassistant, payload},
    marker_service::{MarkerService, SignalState},
    store::Query,
    time::WallTime,
};
use keeping::Keeping;
use publish::{Moment, Published};
use rumqttc::{AsyncClient, QoS, SubscribeFilter};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

/// Unacknowledged messages before events wait: what a stalled link holds is delivered late.
const UNDER_WAY_MAX: u64 = 16;
/// A broker that owes an acknowledgement for so long may be out of reach. A healthy one takes up to 50 ms, by Nagle's algorithm.
const STALL: Duration = Duration::from_millis(250);
/// Time for the broker to send its retained messages; one on the LAN sends them within milliseconds.
const READING_MAX: Duration = Duration::from_secs(1);
/// A broker that breaks the link this often while retained messages are read does not allow it; they are not read any more.
const READINGS_BROKEN_MAX: u32 = 2;
/// Time for the detector to find again what the last run had found: two searches, on a machine that is busy starting.
const SETTLE: Duration = Duration::from_secs(3);
/// Kinds of earlier runs that are taken over as sensors, and as events: there is room for new ones.
const ADOPTED_MAX: usize = KINDS_MAX / 4;
/// Home Assistant listens to what was introduced to it after a few tenths of a second; the first moment of a kind waits for that.
const INTRODUCTION: Duration = Duration::from_millis(500);

/// Why publishing stops.
pub(super) enum Stop {
    /// The link broke; there may be another.
    Broken,
    /// The task that holds the connection is gone.
    Gone,
}

/// How far this connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no connection.
    Down,
    /// Retained messages are being read, until then.
    Reading(Instant),
    /// States and events are published.
    Publishing,
}

/// Publishes to one broker.
pub(super) struct Publisher {
    client: AsyncClient,
    link: watch::Receiver<Link>,
    topics: Topics,
    device: Device,
    /// Our client id.
    run: String,
    markers: Arc<MarkerService>,
    counts: Arc<HookCounts>,
    shared: Arc<Gauge>,
    searched: BTreeSet<String>,
    presence: Presence,
    /// Until then the detector may find again what the last run had found.
    settle_at: Instant,
    readings_broken: u32,
    /// As often did it break the link when it was asked for messages to keep something.
    keeps_broken: u32,
    /// When it was asked for them on this connection.
    keep_asked: Option<Instant>,
    /// Events to publish.
    queue: VecDeque<String>,
    signals: watch::Receiver<SignalState>,
    /// When this turn began.
    now: Instant,
    moments: VecDeque<Moment>,
    // What follows is of this connection.
    phase: Phase,
    met: u64,
    found: Found,
    told: BTreeMap<String, Published>,
    signal: Option<SignalState>,
    is_announced: bool,
    /// What was handed over and is not acknowledged, and since when: events, and nothing for all else.
    under_way: VecDeque<(Instant, Option<String>)>,
    acked: u64,
    /// Where what just happened can be kept.
    keeping: Option<Keeping>,
}

impl Publisher {
    pub(super) fn new(
        target: &BrokerAddress,
        run: String,
        (client, link): (AsyncClient, watch::Receiver<Link>),
        markers: Arc<MarkerService>,
        (counts, shared): (Arc<HookCounts>, Arc<Gauge>),
        (kinds, keep): (&[Kind], Option<Keep>),
    ) -> Publisher {
        Publisher {
            client,
            link,
            topics: target.topics.clone(),
            device: target.device.clone(),
            run,
            signals: markers.signal.clone(),
            markers,
            counts,
            shared,
            searched: kinds.iter().map(|kind| kind.name().to_owned()).collect(),
            presence: Presence::of(kinds),
            now: Instant::now(),
            settle_at: Instant::now() + SETTLE,
            readings_broken: 0,
            keeps_broken: 0,
            keep_asked: None,
            queue: VecDeque::new(),
            moments: VecDeque::new(),
            phase: Phase::Down,
            met: 0,
            found: Found::default(),
            told: BTreeMap::new(),
            signal: None,
            is_announced: false,
            under_way: VecDeque::new(),
            acked: 0,
            keeping: keep.map(Keeping::new),
        }
    }

    /// Tells until the events end, or nobody holds the link any more.
    pub(super) async fn run(&mut self, mut listener: Listener, mut inbox: mpsc::Receiver<Message>) {
        loop {
            failpoint::hit("broker");
            match self.step(&mut listener, &mut inbox).await {
                Ok(true) => break,
                // The turn after it sees the link as it is.
                Ok(false) | Err(Stop::Broken) => {}
                Err(Stop::Gone) => return,
            }
        }
        self.take_leave().await.ok();
    }

    /// Tells what can be told, and takes what comes next; whether that was the end.
    async fn step(&mut self, listener: &mut Listener, inbox: &mut mpsc::Receiver<Message>) -> Result<bool, Stop> {
        self.now = Instant::now();
        let link = *self.link.borrow_and_update();
        if link.count != self.met {
            self.meet(link).await?;
        }
        self.acknowledge(link);
        match self.phase {
            Phase::Reading(until) if self.now >= until => self.catch_up(listener).await?,
            Phase::Publishing => self.publish_all().await?,
            _ => {}
        }
        let (is_publishing, due) = (self.phase == Phase::Publishing, self.due());
        tokio::select! {
            biased;
            changed = self.link.changed() => changed.map_err(|_| Stop::Gone)?,
            Some(message) = inbox.recv() => self.read(message, listener).await?,
            heard = listener.next(), if is_publishing => match heard {
                None => return Ok(true),
                Some(heard) => self.take_event(heard, true).await,
            },
            Ok(()) = self.signals.changed(), if is_publishing => {}
            () = sleep_until(due.unwrap_or(self.now)), if due.is_some() => {}
        }
        Ok(false)
    }

    /// When there is something to do although nothing comes.
    fn due(&self) -> Option<Instant> {
        match self.phase {
            Phase::Down => None,
            Phase::Reading(until) => Some(until),
            Phase::Publishing => {
                let settle = Some(self.settle_at).filter(|_| self.has_held());
                // One that is due and was not told waits for what is under way.
                self.moments.iter().map(|moment| moment.due).filter(|due| *due > self.now).chain(settle).min()
            }
        }
    }

    /// The link is another one than before, or none.
    async fn meet(&mut self, link: Link) -> Result<(), Stop> {
        if let Phase::Reading(_) = self.phase {
            self.readings_broken += 1;
        }
        if self.keep_asked.take().is_some_and(|asked| self.now - asked < READING_MAX) {
            self.keeps_broken += 1;
        }
        self.met = link.count;
        (self.phase, self.is_announced, self.signal, self.acked) = (Phase::Down, false, None, 0);
        self.told.clear();
        // A moment is told when it is, or not at all.
        self.moments.clear();
        let lost = std::mem::take(&mut self.under_way);
        lost.into_iter().rev().filter_map(|(_, event)| event).for_each(|event| self.queue.push_front(event));
        if !link.is_open() {
            return Ok(());
        }
        self.found = Found::default();
        self.phase = Phase::Reading(self.now + READING_MAX);
        if self.readings_broken < READINGS_BROKEN_MAX {
            let topics = &self.topics;
            let filters = [topics.availability(), topics.run(), topics.all_states()];
            let filters = filters.into_iter().chain(homeassistant::INTRODUCTIONS.map(str::to_owned));
            let filters: Vec<_> = filters.map(|filter| SubscribeFilter::new(filter, QoS::AtLeastOnce)).collect();
            let client = self.client.clone();
            self.unless_broken(async move { client.subscribe_many(filters).await.is_ok() }).await?;
        } else {
            self.phase = Phase::Reading(self.now);
        }
        // What is retained comes before this comes back.
        self.retain(self.topics.run(), self.run.clone()).await
    }

    fn acknowledge(&mut self, link: Link) {
        let n_acked = link.acked.saturating_sub(self.acked).min(self.under_way.len() as u64);
        self.acked = link.acked;
        self.under_way.drain(..n_acked as usize);
    }

    /// Takes a message of the broker's.
    async fn read(&mut self, message: Message, listener: &mut Listener) -> Result<(), Stop> {
        let text = String::from_utf8_lossy(&message.payload).into_owned();
        let is_reading = matches!(self.phase, Phase::Reading(_));
        if message.is_retained {
            self.found.take(&message, &self.topics, &self.device);
            if self.phase == Phase::Publishing {
                // It came late.
                self.adopt();
            }
        } else if message.topic == self.topics.keep() {
            if let Some(keeping) = &mut self.keeping {
                keeping.take(&text, self.now);
            }
        } else if message.topic == self.topics.run() {
            if text == self.run && is_reading {
                self.catch_up(listener).await?;
            } else if text != self.run {
                self.note_other(true);
            }
        } else if message.topic == self.topics.availability() && text == OFFLINE {
            // The last will of another one, or of our last connection: we are here.
            self.note_other(false);
            self.take_back_strangers().await?;
            if self.is_announced {
                self.retain(self.topics.availability(), ONLINE.to_owned()).await?;
            }
        }
        Ok(())
    }

    /// What is retained was read: takes all events that there are, which are past, and begins to tell.
    async fn catch_up(&mut self, listener: &mut Listener) -> Result<(), Stop> {
        self.phase = Phase::Publishing;
        self.note_other(self.found.has_other(&self.run));
        while listener.has_more() {
            let Some(heard) = listener.next().await else { break };
            self.take_event(heard, false).await;
        }
        self.adopt();
        let left = self.found.states.iter().filter(|(kind, is_on)| **is_on && self.presence.get(kind).is_none());
        for kind in left.map(|(kind, _)| kind.clone()).collect::<Vec<_>>() {
            self.retain(self.topics.state(&kind), "OFF".to_owned()).await?;
        }
        if self.shared.get() == 0 {
            self.take_back_strangers().await?;
        }
        let (all_states, client) = (self.topics.all_states(), self.client.clone());
        let filters = homeassistant::INTRODUCTIONS.map(str::to_owned).into_iter().chain([all_states]);
        for filter in filters {
            // Our own would come back to us.
            let client = client.clone();
            self.unless_broken(async move { client.unsubscribe(filter).await.is_ok() }).await?;
        }
        self.offer_to_keep().await?;
        let (topic, config) = homeassistant::problem(&self.topics, &self.device);
        self.retain(topic, config).await
    }

    /// Listens to whoever wants what just happened kept, and introduces the button for it; or takes back that of an earlier run.
    async fn offer_to_keep(&mut self) -> Result<(), Stop> {
        let is_allowed = self.readings_broken < READINGS_BROKEN_MAX && self.keeps_broken < READINGS_BROKEN_MAX;
        let (topic, config) = homeassistant::keep_button(&self.topics, &self.device);
        if self.keeping.is_some() && is_allowed {
            self.keep_asked = Some(self.now);
            let (client, filter) = (self.client.clone(), self.topics.keep());
            self.unless_broken(async move { client.subscribe(filter, QoS::AtLeastOnce).await.is_ok() }).await?;
            return self.retain(topic, config).await;
        }
        if self.found.has_button { self.retain(topic, String::new()).await } else { Ok(()) }
    }

    /// What was found of kinds is ours from now on.
    fn adopt(&mut self) {
        for kind in self.found.states.keys().take(ADOPTED_MAX) {
            if let Some(known) = self.presence.entry(kind) {
                known.lasts = true;
            }
        }
        for kind in self.found.moments.iter().take(ADOPTED_MAX) {
            if let Some(known) = self.presence.entry(kind) {
                known.has_moments = true;
            }
        }
    }

    async fn take_back_strangers(&mut self) -> Result<(), Stop> {
        for topic in std::mem::take(&mut self.found.strangers) {
            self.retain(topic, String::new()).await?;
        }
        Ok(())
    }

    /// Somebody else tells on our topic, or no longer.
    fn note_other(&self, is_there: bool) {
        if is_there && self.shared.get() == 0 {
            tracing::warn!(
                "another hlscam is online at the topic {} of the broker (or it was cut off within the last half minute), and their states \
                 are mixed up; give each a topic of its own: --mqtt mqtt://HOST/TOPIC",
                self.topics.0
            );
        }
        self.shared.set(u64::from(is_there));
    }

    /// Takes an event; `is_now` is false for what happened while nobody could be told.
    async fn take_event(&mut self, heard: Received, is_now: bool) {
        let event = match heard {
            Received::Event(event) => event,
            Received::Missed(count) => {
                self.counts.dropped.add(count);
                return self.reload_open().await;
            }
        };
        self.take(&event, is_now);
        if self.queue.len() == EVENTS_MAX {
            self.queue.pop_front();
            self.counts.dropped.bump();
        }
        self.queue.push_back(payload(&self.markers.events, &event));
    }

    fn take(&mut self, event: &Event, is_now: bool) {
        let Some(change) = self.presence.take(event) else { return };
        let Some(marker) = change.moment.filter(|_| is_now) else { return };
        let (now, is_known) = (self.now, self.told.get(&change.kind).is_some_and(|told| told.event));
        let due = if is_known { now } else { now + INTRODUCTION };
        let text = homeassistant::moment(&change.kind, &marker);
        self.moments.push_back(Moment { kind: change.kind, text, due });
    }

    /// Events were missed: asks the markers what is open.
    async fn reload_open(&mut self) {
        let now = WallTime(i64::MAX);
        let query = Query {
            camera: self.markers.camera.clone(),
            from: now,
            to: now,
            kinds: vec![],
            limit: crate::marker_service::LIST_LEN_MAX,
            after: None,
        };
        if let Ok((open, _)) = self.markers.list(query).await {
            self.presence.reload_open(open.into_iter().filter(|marker| marker.end.is_none()).collect());
        }
    }

    /// Whether more may be handed over.
    fn has_room(&self) -> bool {
        (self.under_way.len() as u64) < UNDER_WAY_MAX
    }

    /// Whether the link may be dead.
    fn is_stalled(&self) -> bool {
        self.under_way.front().is_some_and(|(since, _)| self.now - *since >= STALL)
    }

    /// Whether a kind was there in the last run, and may be found again.
    fn is_held(&self, kind: &str, known: &Known) -> bool {
        let was_on = self.found.states.get(kind) == Some(&true);
        was_on && !known.is_open() && self.searched.contains(kind) && self.now < self.settle_at
    }

    fn has_held(&self) -> bool {
        self.presence.kinds().any(|(kind, known)| self.is_held(kind, known))
    }

    /// Tells what is left, and that we go.
    async fn take_leave(&mut self) -> Result<(), Stop> {
        self.now = Instant::now();
        self.moments.iter_mut().for_each(|moment| moment.due = moment.due.min(self.now));
        while !self.queue.is_empty() || !self.changed().is_empty() || !self.moments.is_empty() {
            let link = *self.link.borrow_and_update();
            self.acknowledge(link);
            self.publish_all().await?;
            if !self.under_way.is_empty() {
                self.link.changed().await.map_err(|_| Stop::Gone)?;
                if self.link.borrow().count != self.met {
                    return Err(Stop::Broken);
                }
            }
        }
        self.is_announced = false;
        self.retain(self.topics.availability(), OFFLINE.to_owned()).await?;
        self.client.disconnect().await.map_err(|_| Stop::Gone)
    }

    async fn retain(&mut self, topic: String, text: String) -> Result<(), Stop> {
        self.publish(topic, text, true, None).await
    }

    async fn publish(&mut self, topic: String, text: String, retain: bool, event: Option<String>) -> Result<(), Stop> {
        self.under_way.push_back((self.now, event));
        let client = self.client.clone();
        self.unless_broken(async move { client.publish(topic, QoS::AtLeastOnce, retain, text).await.is_ok() }).await
    }

    /// Hands something over, and gives it up when the link breaks meanwhile.
    async fn unless_broken(&mut self, handing: impl Future<Output = bool>) -> Result<(), Stop> {
        let met = self.met;
        let mut link = self.link.clone();
        tokio::select! {
            biased;
            changed = link.wait_for(|link| link.count != met) => Err(if changed.is_ok() { Stop::Broken } else { Stop::Gone }),
            is_done = handing => if is_done { Ok(()) } else { Err(Stop::Gone) },
        }
    }
}
