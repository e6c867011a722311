//! `--on-event`: a POST of JSON for each event, in order, one at a time.
//!
//! What fails for now is tried again with growing pauses, [`TRIES`] times in all; meanwhile the ring of events is the queue.

use super::{
    HookCounts, event_of, payload, tls,
    url::{self, Address},
};
use crate::{
    events::{Events, Listener},
    failpoint,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// A server must have answered by then; a home automation does in milliseconds.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Tries for one event: over half a minute, in which a server is restarted.
pub const TRIES: u32 = 6;
/// Pause after the first failure; it doubles.
pub const PAUSE_FIRST: Duration = Duration::from_secs(1);

/// Where events go.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    uri: Uri,
    address: Address,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Endpoint {
    /// Reads `http[s]://[user:password@]host[:port]/path`.
    pub fn parse(text: &str) -> Result<Endpoint, String> {
        let address = url::parse(text, "http")?;
        let port = address.port.map_or_else(String::new, |port| format!(":{port}"));
        let scheme = if address.is_tls { "https" } else { "http" };
        let uri = format!("{scheme}://{}{port}{}", address.host, address.path);
        let uri = uri.parse().map_err(|_| "this is no address; write it like http://host/path".to_owned())?;
        Ok(Endpoint { uri, address })
    }
}

type Poster = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// How a try went.
enum Outcome {
    Taken,
    /// The server does not want this event; another one perhaps.
    Refused(String),
    /// It may want it later.
    NotNow(String),
}

/// Tells a server of all events, until they end.
pub(super) async fn run(target: Endpoint, (events, mut listener): (Arc<Events>, Listener), counts: Arc<HookCounts>) {
    let name = format!("the webhook on {:?}", target);
    let connector = match tls::client_config(&target.address) {
        Ok(config) => HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build(),
        Err(error) => return tracing::warn!("{name} gets no events: {error}"),
    };
    let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
    while let Some(heard) = listener.next().await {
        failpoint::hit("webhook");
        let Some(event) = event_of(heard, &counts) else { continue };
        deliver(&client, &target, &Bytes::from(payload(&events, &event)), &name, &counts).await;
    }
}

async fn deliver(client: &Poster, target: &Endpoint, body: &Bytes, name: &str, counts: &HookCounts) {
    let mut pause = PAUSE_FIRST;
    for attempt in 1..=TRIES {
        match post(client, target, body.clone()).await {
            Outcome::Taken => {
                counts.succeed(name);
                counts.sent.bump();
                return;
            }
            Outcome::Refused(why) => {
                counts.fail(name, &why);
                break;
            }
            Outcome::NotNow(why) => counts.fail(name, &why),
        }
        if attempt < TRIES {
            sleep(pause).await;
            pause *= 2;
        }
    }
    counts.failed.bump();
}

async fn post(client: &Poster, target: &Endpoint, body: Bytes) -> Outcome {
    let mut request = Request::post(target.uri.clone())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("hlscam/", env!("CARGO_PKG_VERSION")));
    if let Some((user, password)) = &target.address.credentials {
        request = request.header(header::AUTHORIZATION, format!("Basic {}", base64(format!("{user}:{password}").as_bytes())));
    }
    let request = match request.body(Full::new(body)) {
        Ok(request) => request,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let exchange = async {
        let response = client.request(request).await.map_err(|error| tls::advised(chain(&error)))?;
        let status = response.status();
        // Read to its end, so that the connection can be used again; what it says does not matter.
        let mut body = response.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        Ok::<StatusCode, String>(status)
    };
    match timeout(ANSWER_TIMEOUT, exchange).await {
        Ok(Ok(status)) if status.is_success() => Outcome::Taken,
        Ok(Ok(status)) if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) => {
            Outcome::NotNow(format!("it answers {status}"))
        }
        Ok(Ok(status)) => Outcome::Refused(format!("it answers {status}")),
        Ok(Err(why)) => Outcome::NotNow(why),
        Err(_) => Outcome::NotNow(format!("it does not answer within {} s", ANSWER_TIMEOUT.as_secs())),
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// RFC 4648 §4.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = three.iter().chain(&[0, 0]).take(3).fold(0usize, |bits, byte| bits << 8 | usize::from(*byte));
        (0..4).map(move |n| if n <= three.len() { char::from(DIGITS[bits >> (18 - 6 * n) & 63]) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::ring, *};
    use crate::{events::EventKind, time::WallTime};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpSocket},
    };

    #[test]
    fn base64_is_that_of_the_rfc() {
        let check = |text: &str, expect: &str| assert_eq!(base64(text.as_bytes()), expect);
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foobar", "Zm9vYmFy");
    }

    #[test]
    fn credentials_are_taken_out_of_the_address() {
        let target = Endpoint::parse("http://me:secret@host:81/a?b=c").expect("an address");
        assert_eq!((target.uri.to_string().as_str(), format!("{target:?}").as_str()), ("http://host:81/a?b=c", "host"));
        assert_eq!(Endpoint::parse("https://me@host/a").expect("an address").uri.to_string(), "https://host/a");
    }

    /// Answers each request with the next of these heads; the text of all requests.
    async fn receiver(heads: Vec<&'static str>) -> (Endpoint, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target =
            Endpoint::parse(&format!("http://me:pw@{}/hook", listener.local_addr().expect("an address"))).expect("an address");
        let received = tokio::spawn(async move {
            let mut requests = Vec::new();
            for head in heads {
                let (mut stream, _) = listener.accept().await.expect("a client");
                let mut text = String::new();
                while !text.ends_with('}') {
                    let mut bytes = [0; 4096];
                    let n = stream.read(&mut bytes).await.expect("a request");
                    text.push_str(&String::from_utf8_lossy(&bytes[..n]));
                }
                requests.push(text);
                stream
                    .write_all(format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes())
                    .await
                    .ok();
            }
            requests
        });
        (target, received)
    }

    #[tokio::test]
    async fn events_are_posted_in_order_and_tried_again_where_it_helps() {
        let (target, received) = receiver(vec!["200 OK", "503 Busy", "204 No Content", "400 Bad", "201 Created"]).await;
        let (events, counts) = (ring(), Arc::new(HookCounts::default()));
        for reason in ["a", "b", "c", "d"] {
            events.publish(WallTime(0), EventKind::CameraLost(reason));
        }
        events.close();
        let listener = events.listen_after("");
        run(target, (events, listener), counts.clone()).await;
        let requests = received.await.expect("all came");
        let reasons: Vec<_> =
            requests.iter().map(|text| text.split("reason\":\"").nth(1).expect("a reason")[..1].to_owned()).collect();
        assert_eq!(reasons, ["a", "b", "b", "c", "d"]);
        let head = requests[0].to_ascii_lowercase();
        assert!(head.starts_with("post /hook http/1.1\r\n") && head.contains("content-type: application/json\r\n"), "{head}");
        assert!(requests[0].contains("Basic bWU6cHc=\r\n"), "{head}");
        assert_eq!((counts.sent.get(), counts.failed.get(), counts.dropped.get()), (3, 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_not_there_costs_events_and_nothing_else() {
        // Nobody listens there, and nobody else can.
        let held = TcpSocket::new_v4().expect("a socket");
        held.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let port = held.local_addr().expect("it is bound").port();
        let target = Endpoint::parse(&format!("http://127.0.0.1:{port}/")).expect("an address");
        let (events, counts) = (ring(), Arc::new(HookCounts::default()));
        (0..1003).for_each(|_| events.publish(WallTime(0), EventKind::CameraLost("a test")));
        let mut late = events.listen_after("r-1");
        assert!(late.next().await.is_some_and(|heard| event_of(heard, &counts).is_none()));
        assert_eq!(counts.dropped.get(), 2);
        let few = ring();
        (0..2).for_each(|_| few.publish(WallTime(0), EventKind::CameraLost("a test")));
        few.close();
        let listener = few.listen_after("");
        run(target, (few, listener), counts.clone()).await;
        assert_eq!((counts.sent.get(), counts.failed.get()), (0, 2));
    }
}
