//! `--mqtt`: every event to a broker (MQTT 3.1.1), and for each kind whether it is there now, retained. The adapter that names rumqttc.
//!
//! One task holds the connection and opens it again, one [publishes](publisher). Without a connection nothing is taken from the ring of events,
//! so the ring is the queue. Each connection begins with the current states; changes from before it are published as events only.

mod found;
mod presence;
mod publisher;
mod topics;

use super::{
    HookCounts, Keep, tls,
    url::{self, Address},
};
use crate::{counter::Gauge, detect::kind::Kind, events::Listener, failpoint, marker_service::MarkerService};
use found::{Message, OFFLINE};
use publisher::Publisher;
use rumqttc::{AsyncClient, Event as Noted, EventLoop, LastWill, MqttOptions, Packet, Publish, QoS, TlsConfiguration, Transport};
use rustls::crypto::ring;
use std::{fmt, fmt::Write, panic::resume_unwind, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::sleep,
};
use tracing::Instrument;

pub use topics::TOPIC_DEFAULT;
pub(super) use topics::{Device, Topics};

/// The port of MQTT without TLS.
pub const PORT_DEFAULT: u16 = 1883;
/// The port of MQTT over TLS.
pub const TLS_PORT_DEFAULT: u16 = 8883;
/// Longest topic of ours, in bytes: the others are made of it.
const TOPIC_LEN_MAX: usize = 200;
/// A broker that hears nothing for half as long again tells the last will.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Pause before a connection is tried again; it doubles.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Messages from the publisher to the task that holds the connection.
const MESSAGES_MAX: usize = 16;
/// Messages of the broker's that wait to be read; more are left out. What it retains comes at once.
const INBOX_MAX: usize = 1024;
/// Largest message, either way: a marker with all its data is smaller, and so is any introduction.
const MESSAGE_LEN_MAX: usize = 256 * 1024;
/// Random bytes in a client id. With the word before them it has 22 characters, and every broker takes 23 (MQTT 3.1.1 §3.1.3.1).
const ID_BYTES: usize = 8;

/// Which broker, and where there.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    address: Address,
    topics: Topics,
    device: Device,
    /// No topic was given.
    has_default_topic: bool,
}

impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl BrokerAddress {
    /// Reads `mqtt[s]://[user:password@]host[:port][/topic]`.
    pub fn parse(text: &str) -> Result<BrokerAddress, String> {
        let address = url::parse(text, "mqtt")?;
        let topic = url::decoded_text(address.path.trim_matches('/')).unwrap_or_else(|| "\0".to_owned());
        if topic.contains(['+', '#']) || topic.contains(char::is_control) || topic.starts_with('$') || topic.len() > TOPIC_LEN_MAX {
            return Err(format!(
                "the topic holds +, # or what is no text, begins with $, or is longer than {TOPIC_LEN_MAX} bytes; write it like yard/camera"
            ));
        }
        let has_default_topic = topic.is_empty();
        let topic = if has_default_topic { TOPIC_DEFAULT } else { &topic };
        Ok(BrokerAddress { address, topics: Topics::below(topic), device: Device::of_topic(topic), has_default_topic })
    }

    /// The same for a camera: where no topic was chosen, the device is that of host and camera.
    pub fn of_camera(self, host: &str, camera: &str) -> BrokerAddress {
        let device = if self.has_default_topic { Device::of_camera(host, camera) } else { self.device };
        BrokerAddress { device, ..self }
    }

    /// The same for one of several cameras: all its topics are below its name, and it is a device of its own.
    pub fn of_one_of_several(self, host: &str, camera: &str) -> BrokerAddress {
        let topic = format!("{}/{camera}", self.topics.0);
        let device = if self.has_default_topic { Device::of_camera(host, camera) } else { Device::of_topic(&topic) };
        BrokerAddress { topics: Topics::below(&topic), device, ..self }
    }

    fn options(&self, id: &str) -> Result<MqttOptions, rustls::Error> {
        let host = self.address.host.trim_start_matches('[').trim_end_matches(']');
        let port = self.address.port.unwrap_or(if self.address.is_tls { TLS_PORT_DEFAULT } else { PORT_DEFAULT });
        let mut options = MqttOptions::new(id, host, port);
        if self.address.is_tls {
            let config = TlsConfiguration::Rustls(Arc::new(tls::client_config(&self.address)?));
            options.set_transport(Transport::tls_with_config(config));
        }
        options.set_keep_alive(KEEP_ALIVE);
        options.set_max_packet_size(MESSAGE_LEN_MAX, MESSAGE_LEN_MAX);
        options.set_last_will(LastWill::new(self.topics.availability(), OFFLINE, QoS::AtLeastOnce, true));
        if let Some((user, password)) = &self.address.credentials {
            options.set_credentials(user, password);
        }
        Ok(options)
    }
}

/// The connection, as the publisher sees it.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// How often it was opened or broke; an odd count is an open one.
    count: u64,
    /// What the broker has acknowledged on it.
    acked: u64,
}

impl Link {
    fn is_open(&self) -> bool {
        self.count % 2 == 1
    }
}

/// An id that no other client has, also one that starts in the same instant.
fn client_id() -> Result<String, rustls::Error> {
    let mut bytes = [0; ID_BYTES];
    ring::default_provider().secure_random.fill(&mut bytes)?;
    let mut id = "hlscam".to_owned();
    bytes.iter().for_each(|byte| write!(id, "{byte:02x}").expect("a text takes whatever is written"));
    Ok(id)
}

/// Tells a broker of all events, until they end. `shared` is 1 while another one tells on the same topic.
pub(super) async fn run(
    target: BrokerAddress,
    markers: Arc<MarkerService>,
    listener: Listener,
    (counts, shared): (Arc<HookCounts>, Arc<Gauge>),
    (kinds, keep): (Vec<Kind>, Option<Keep>),
) {
    let name = format!("the MQTT broker on {target:?}");
    let (id, options) = match client_id().and_then(|id| Ok((id.clone(), target.options(&id)?))) {
        Ok(made) => made,
        Err(error) => return tracing::warn!("{name} gets no events: {error}"),
    };
    let (client, mut connection) = AsyncClient::new(options, MESSAGES_MAX);
    // A small message waits for no other: with Nagle's algorithm each second one is 40 ms late.
    connection.network_options.set_tcp_nodelay(true);
    let (linked, link) = watch::channel(Link::default());
    let (outbox, inbox) = mpsc::channel(INBOX_MAX);
    // Ends with this task, whatever ends that.
    let mut held = JoinSet::new();
    let holder = Holder { linked, outbox, topics: target.topics.clone(), name, counts: counts.clone() };
    held.spawn(holder.hold(connection).in_current_span());
    let mut publisher = Publisher::new(&target, id, (client, link), markers, (counts, shared), (&kinds, keep));
    let ended = tokio::select! {
        () = publisher.run(listener, inbox) => None,
        ended = held.join_next() => ended,
    };
    drop(publisher);
    // It ends after the publisher, but for a bug; what the publisher notices first of one is that nothing comes any more.
    let ended = if ended.is_none() { held.join_next().await } else { ended };
    if let Some(Err(error)) = ended {
        resume_unwind(error.into_panic());
    }
}

/// Holds the connection.
struct Holder {
    linked: watch::Sender<Link>,
    outbox: mpsc::Sender<Message>,
    topics: Topics,
    name: String,
    counts: Arc<HookCounts>,
}

impl Holder {
    /// Opens the connection, and opens it again. Ends when the publisher is gone.
    async fn hold(self, mut connection: EventLoop) {
        let mut pause = PAUSE_FIRST;
        loop {
            failpoint::hit("broker-link");
            match connection.poll().await {
                Ok(Noted::Incoming(Packet::ConnAck(_))) => {
                    pause = PAUSE_FIRST;
                    self.counts.succeed(&self.name);
                    self.linked.send_modify(|link| *link = Link { count: link.count + 1, acked: 0 });
                }
                Ok(Noted::Incoming(Packet::PubAck(_))) => self.linked.send_modify(|link| link.acked += 1),
                Ok(Noted::Incoming(Packet::Publish(publish))) => self.hand_on(publish),
                Ok(_) => {}
                Err(error) => {
                    self.linked.send_modify(|link| link.count += link.count % 2);
                    if self.linked.receiver_count() == 0 {
                        return;
                    }
                    self.counts.fail(&self.name, &tls::advised(error.to_string()));
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = self.linked.closed() => return,
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                    // What was under way is told again by the publisher, as it is then.
                    connection.clean();
                    connection.pending.clear();
                }
            }
        }
    }

    /// Gives the publisher what concerns it: introductions of others come by hundreds.
    fn hand_on(&self, Publish { topic, payload, retain, .. }: Publish) {
        let names_us = || payload.windows(self.topics.0.len()).any(|window| window == self.topics.0.as_bytes());
        if self.topics.is_below(&topic) || (retain && names_us()) {
            let message = Message { topic, payload: payload.to_vec(), is_retained: retain };
            // Only a flood fills the inbox, and it holds nothing up.
            self.outbox.try_send(message).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_named_with_its_topic() {
        let topic = |text: &str| BrokerAddress::parse(text).map(|target| target.topics.0);
        assert_eq!(topic("mqtt://host").as_deref(), Ok("hlscam"));
        assert_eq!(topic("mqtt://me:pw@host:1884/yard/cam/").as_deref(), Ok("yard/cam"));
        assert_eq!(topic("mqtt://host/garden/c%C3%A4m").as_deref(), Ok("garden/cäm"));
        assert_eq!(topic("mqtt://host/garden/cäm").as_deref(), Ok("garden/cäm"));
        assert_eq!(topic("mqtt://host/a%20b%2Fc%zz").as_deref(), Ok("a b/c%zz"));
        assert!(topic("mqtt://host/a/+").is_err_and(|why| why.contains("holds +")));
        for bad in ["%2B", "a/%23", "%00", "a%0ab", "%ff", "$SYS/x", &"a".repeat(201)] {
            assert!(topic(&format!("mqtt://host/{bad}")).is_err_and(|why| why.contains("holds +")), "{bad}");
        }
        assert!(topic("mqtt://host/a/#").is_err_and(|why| why.contains("holds a #")));
        assert!(topic("tcp://host").is_err());
    }

    #[test]
    fn the_device_is_that_of_the_topic_or_of_host_and_camera() {
        let device = |text: &str| BrokerAddress::parse(text).expect("an address").of_camera("pi", "0").device;
        assert_eq!(device("mqtt://host"), Device::of_camera("pi", "0"));
        assert_eq!(device("mqtt://host/yard/cam"), Device::of_topic("yard/cam"));
    }

    #[test]
    fn each_of_several_cameras_has_topics_and_a_device_of_its_own() {
        let of = |text: &str| BrokerAddress::parse(text).expect("an address").of_one_of_several("pi", "porch");
        assert_eq!(of("mqtt://host").topics.state("face"), "hlscam/porch/face/state");
        assert_eq!(of("mqtt://host").device, Device::of_camera("pi", "porch"));
        assert_eq!(of("mqtt://host/house").topics.availability(), "house/porch/availability");
        assert_eq!(of("mqtt://host/house").device, Device::of_topic("house/porch"));
    }

    #[test]
    fn no_two_clients_have_one_id() {
        let ids: std::collections::BTreeSet<String> = (0..100).map(|_| client_id().expect("randomness")).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.len() <= 23 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}
