//! `--mqtt`: every event to a broker (MQTT 3.1.1), and for each kind whether it is there now, retained. The one adapter that names rumqttc.
//!
//! Two tasks: one holds the connection and opens it again, one tells. While there is no connection nothing is taken from the ring of
//! events, so the ring is the queue; what is there now is told anew with every connection.

use super::{
    HookCounts, event_of, homeassistant, payload, tls,
    url::{self, Address},
};
use crate::{
    detect::kind::Kind,
    events::{Event, Listener, News},
    marker::{journal::Journal, parts_of},
    store::Query,
    time::WallTime,
};
use rumqttc::{
    AsyncClient, ClientError, Event as Noted, EventLoop, LastWill, MqttOptions, Packet, QoS, TlsConfiguration, Transport,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet, time::sleep};

/// The port of MQTT without TLS.
pub const PORT_DEFAULT: u16 = 1883;
/// The port of MQTT over TLS.
pub const TLS_PORT_DEFAULT: u16 = 8883;
/// Topic when none is given.
pub const TOPIC_DEFAULT: &str = "hlscam";
/// Longest topic of ours, in bytes: the others are made of it.
const TOPIC_LEN_MAX: usize = 200;
/// A broker that hears nothing for half as long again tells the last will.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Pause before a connection is tried again; it doubles.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Messages between the two tasks.
const MESSAGES_MAX: usize = 16;
/// Kinds that are told: a client that posts a new kind each time must not fill the broker.
const KINDS_MAX: usize = 64;

/// Which broker, and where there.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    address: Address,
    topics: Topics,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Target {
    /// Reads `mqtt[s]://[user:password@]host[:port][/topic]`.
    pub fn parse(text: &str) -> Result<Target, String> {
        let address = url::parse(text, "mqtt")?;
        let topic = address.path.trim_matches('/');
        if topic.contains('+') || topic.len() > TOPIC_LEN_MAX {
            return Err(format!("the topic holds +, or is longer than {TOPIC_LEN_MAX} bytes; write it like yard/camera"));
        }
        let topics = Topics::below(if topic.is_empty() { TOPIC_DEFAULT } else { topic });
        Ok(Target { address, topics })
    }

    fn options(&self, run: &str) -> Result<MqttOptions, rustls::Error> {
        let host = self.address.host.trim_start_matches('[').trim_end_matches(']');
        let id = format!("{}-{run}", self.topics.node());
        let port = self.address.port.unwrap_or(if self.address.is_tls { TLS_PORT_DEFAULT } else { PORT_DEFAULT });
        let mut options = MqttOptions::new(id, host, port);
        if self.address.is_tls {
            let config = TlsConfiguration::Rustls(Arc::new(tls::client_config(&self.address)?));
            options.set_transport(Transport::tls_with_config(config));
        }
        options.set_keep_alive(KEEP_ALIVE);
        options.set_last_will(LastWill::new(self.topics.availability(), "offline", QoS::AtLeastOnce, true));
        if let Some((user, password)) = &self.address.credentials {
            options.set_credentials(user, password);
        }
        Ok(options)
    }
}

/// The topics below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Topics(String);

impl Topics {
    pub(super) fn below(topic: &str) -> Topics {
        Topics(topic.to_owned())
    }

    /// `online`, or `offline` as the last will.
    pub(super) fn availability(&self) -> String {
        format!("{}/availability", self.0)
    }

    /// `ON` while a marker of that kind is open, else `OFF`.
    pub(super) fn state(&self, kind: &str) -> String {
        format!("{}/{kind}/state", self.0)
    }

    /// The newest marker of that kind.
    pub(super) fn attributes(&self, kind: &str) -> String {
        format!("{}/{kind}/marker", self.0)
    }

    /// All events.
    fn events(&self) -> String {
        format!("{}/events", self.0)
    }

    /// The topic as one word.
    pub(super) fn node(&self) -> String {
        self.0.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
    }
}

/// What is there now: for each kind the ids of its open markers, and the newest marker as JSON.
#[derive(Debug, Default)]
struct Presence {
    kinds: BTreeMap<String, (BTreeSet<String>, Option<String>)>,
}

impl Presence {
    fn of(kinds: &[Kind]) -> Presence {
        Presence { kinds: kinds.iter().map(|kind| (kind.name().to_owned(), Default::default())).collect() }
    }

    /// Takes an event, and gives the kind that it changes.
    fn take(&mut self, news: &News) -> Option<String> {
        let kind = match news {
            News::MarkerRemoved(id) => parts_of(id)?.0.to_owned(),
            other => other.marker()?.kind.clone(),
        };
        if !self.kinds.contains_key(&kind) && self.kinds.len() >= KINDS_MAX {
            return None;
        }
        let (open, newest) = self.kinds.entry(kind.clone()).or_default();
        if let News::MarkerRemoved(id) = news {
            open.remove(id);
        } else if let Some(marker) = news.marker() {
            if marker.end.is_none() {
                _ = open.insert(marker.id.clone())
            } else {
                _ = open.remove(&marker.id)
            }
            *newest = serde_json::to_string(marker).ok();
        }
        Some(kind)
    }
}

/// Tells a broker of all events, until they end.
pub(super) async fn run(target: Target, journal: Arc<Journal>, counts: Arc<HookCounts>, kinds: Vec<Kind>) {
    let name = format!("the MQTT broker on {target:?}");
    let options = match target.options(journal.events.run()) {
        Ok(options) => options,
        Err(error) => return tracing::warn!("{name} is not told of events: {error}"),
    };
    let (client, connection) = AsyncClient::new(options, MESSAGES_MAX);
    let (linked, link) = watch::channel(0);
    // Ends with this task, whatever ends that.
    let mut held = JoinSet::new();
    held.spawn(hold(connection, linked, name, counts.clone()));
    let mut teller = Teller { client, topics: target.topics, counts, presence: Presence::of(&kinds), journal };
    // The one error is that the other task is gone.
    let _ = teller.tell(link).await;
    drop(teller);
    held.join_next().await;
}

/// Holds the connection, and counts in `linked` how often it was opened; an odd count is an open one. Ends when the teller is gone.
async fn hold(mut connection: EventLoop, linked: watch::Sender<u64>, name: String, counts: Arc<HookCounts>) {
    let mut pause = PAUSE_FIRST;
    loop {
        match connection.poll().await {
            Ok(Noted::Incoming(Packet::ConnAck(_))) => {
                pause = PAUSE_FIRST;
                counts.succeed(&name);
                linked.send_modify(|count| *count += 1);
            }
            Ok(_) => {}
            Err(error) => {
                linked.send_modify(|count| *count += *count % 2);
                if linked.receiver_count() == 0 {
                    return;
                }
                counts.fail(&name, &tls::advised(error.to_string()));
                tokio::select! {
                    () = sleep(pause) => {}
                    () = linked.closed() => return,
                }
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

struct Teller {
    client: AsyncClient,
    topics: Topics,
    counts: Arc<HookCounts>,
    presence: Presence,
    journal: Arc<Journal>,
}

impl Teller {
    async fn tell(&mut self, mut link: watch::Receiver<u64>) -> Result<(), ClientError> {
        let events = self.journal.events.clone();
        let mut listener: Listener = events.listen_after("");
        let mut announced = 0;
        loop {
            let count = *link.borrow_and_update();
            let is_open = count % 2 == 1;
            if is_open && count != announced {
                announced = count;
                self.announce().await?;
            }
            tokio::select! {
                changed = link.changed() => if changed.is_err() { return Ok(()) },
                heard = listener.next(), if is_open => match heard {
                    None => break,
                    Some(heard) => match event_of(heard, &self.counts) {
                        Some(event) => self.pass_on(&event).await?,
                        None => self.look_again().await?,
                    },
                },
            }
        }
        self.retain(self.topics.availability(), "offline".to_owned()).await?;
        self.client.disconnect().await
    }

    /// Tells all that is there now.
    async fn announce(&self) -> Result<(), ClientError> {
        for kind in self.presence.kinds.keys() {
            self.introduce(kind).await?;
            self.tell_kind(kind).await?;
        }
        self.retain(self.topics.availability(), "online".to_owned()).await
    }

    async fn pass_on(&mut self, event: &Event) -> Result<(), ClientError> {
        let n_kinds = self.presence.kinds.len();
        if let Some(kind) = self.presence.take(&event.news) {
            if self.presence.kinds.len() > n_kinds {
                self.introduce(&kind).await?;
            }
            self.tell_kind(&kind).await?;
        }
        let text = payload(&self.journal.events, event);
        self.client.publish(self.topics.events(), QoS::AtLeastOnce, false, text).await?;
        self.counts.sent.bump();
        Ok(())
    }

    /// Events were missed: asks the journal what is open.
    async fn look_again(&mut self) -> Result<(), ClientError> {
        let now = WallTime(i64::MAX);
        let query = Query { from: now, to: now, kinds: vec![], limit: crate::server::LIMIT_MAX, after: None };
        let Ok((open, _)) = self.journal.list(query).await else { return Ok(()) };
        self.presence.kinds.values_mut().for_each(|(ids, _)| ids.clear());
        for marker in open.into_iter().filter(|marker| marker.end.is_none()) {
            self.presence.take(&News::MarkerBegin(marker));
        }
        self.announce().await
    }

    async fn introduce(&self, kind: &str) -> Result<(), ClientError> {
        let (topic, config) = homeassistant::sensor(&self.topics, kind);
        self.retain(topic, config).await
    }

    async fn tell_kind(&self, kind: &str) -> Result<(), ClientError> {
        let Some((open, newest)) = self.presence.kinds.get(kind) else { return Ok(()) };
        if let Some(newest) = newest {
            self.retain(self.topics.attributes(kind), newest.clone()).await?;
        }
        self.retain(self.topics.state(kind), if open.is_empty() { "OFF" } else { "ON" }.to_owned()).await
    }

    async fn retain(&self, topic: String, text: String) -> Result<(), ClientError> {
        self.client.publish(topic, QoS::AtLeastOnce, true, text).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_named_with_its_topic() {
        let topic = |text: &str| Target::parse(text).map(|target| target.topics.0);
        assert_eq!(topic("mqtt://host").as_deref(), Ok("hlscam"));
        assert_eq!(topic("mqtt://me:pw@host:1884/yard/cam/").as_deref(), Ok("yard/cam"));
        assert!(topic("mqtt://host/a/+").is_err_and(|why| why.contains("holds +")));
        assert!(topic("mqtt://host/a/#").is_err_and(|why| why.contains("holds a #")));
        assert!(topic("tcp://host").is_err());
    }
}
