//! A client of another server: commands that work on a running hlscam ask it through this. A server that does not answer, or not in time, or
//! with more than was expected, is an error in one sentence.

use crate::hooks::{
    tls,
    url::{self, Address},
    webhook::{base64, chain},
};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode, body::Incoming, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{fmt, time::Duration};
use tokio::time::timeout;

/// A host that is there takes a connection by then, even over a radio link.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server begins to answer within this time. hlscam holds a request for what is not there yet for three target durations at most, and a
/// target duration is 10 s at most.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);
/// A body that comes goes on within this time; event streams have a sign of life every 10 s.
pub const READ_TIMEOUT: Duration = Duration::from_secs(25);
/// Bytes of an answer that is taken whole: a segment of 10 s at 100 Mbit/s is 125 MB.
pub const WHOLE_MAX: usize = 160 << 20;
/// Characters of a refusal that are told.
const REASON_MAX: usize = 200;

/// Why there is no answer, or not the one that was asked for. All but the last are of the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nobody takes the connection.
    #[error("{server} cannot be reached: {why}; is hlscam running there, and is the address right?")]
    Unreachable {
        /// As it was typed, without a password.
        server: String,
        /// The system's word.
        why: String,
    },
    /// It does not answer, or stops in the middle.
    #[error("{server} does not answer: {why}")]
    Silent {
        /// As it was typed, without a password.
        server: String,
        /// What was waited for.
        why: String,
    },
    /// It wants to know who asks.
    #[error("{0} wants a password, or another one; write it into the address, like http://user:password@host:8080/")]
    Password(String),
    /// It answers with another status.
    #[error("{server} answers {status} to {path}{reason}")]
    Status {
        /// As it was typed, without a password.
        server: String,
        /// What was asked.
        path: String,
        /// Its answer.
        status: StatusCode,
        /// What it says, behind a colon.
        reason: String,
    },
}

impl ClientError {
    /// The status that it answered with.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            ClientError::Status { status, .. } => Some(*status),
            ClientError::Password(_) => Some(StatusCode::UNAUTHORIZED),
            _ => None,
        }
    }
}

/// A server, and the connections to it that are kept.
#[derive(Clone)]
pub struct HttpClient {
    /// Scheme, host and port.
    origin: String,
    authorization: Option<String>,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

/// Without the password.
impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// Reads `http[s]://[user:password@]host[:port][/path]`; the reason if it is none.
pub fn parse_address(text: &str) -> Result<Address, String> {
    url::parse(text, "http")
}

/// What opens connections to the server of that address.
pub(crate) fn connector(address: &Address) -> Result<HttpsConnector<HttpConnector>, rustls::Error> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.enforce_http(false);
    connector.set_nodelay(true);
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls::client_config(address)?);
    Ok(builder.https_or_http().enable_http1().wrap_connector(connector))
}

impl HttpClient {
    /// A client of the server of that address; nothing is connected yet.
    pub fn new(address: &Address) -> Result<HttpClient, ClientError> {
        let scheme = if address.is_tls { "https" } else { "http" };
        let port = address.port.map_or_else(String::new, |port| format!(":{port}"));
        let origin = format!("{scheme}://{}{port}", address.host);
        let connector =
            connector(address).map_err(|error| ClientError::Unreachable { server: origin.clone(), why: error.to_string() })?;
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let credentials = address.credentials.as_ref();
        let authorization =
            credentials.map(|(user, password)| format!("Basic {}", base64(format!("{user}:{password}").as_bytes())));
        Ok(HttpClient { origin, authorization, client })
    }

    /// As it was typed, without path and password.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The whole body of a path that answers 200.
    pub async fn get(&self, path: &str) -> Result<Bytes, ClientError> {
        let mut body = self.open(path).await?;
        let mut whole = BytesMut::new();
        while let Some(chunk) = body.next().await? {
            if whole.len() + chunk.len() > WHOLE_MAX {
                return Err(self.silent(format!("its answer to {path} is longer than {} MB", WHOLE_MAX >> 20)));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// The body of a path that answers 200, as it comes.
    pub async fn open(&self, path: &str) -> Result<Body, ClientError> {
        let mut request = Request::get(format!("{}{path}", self.origin))
            .header(header::USER_AGENT, concat!("hlscam/", env!("CARGO_PKG_VERSION")))
            .header(header::ACCEPT, "*/*");
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::new()).map_err(|error| self.silent(error.to_string()))?;
        let response = match timeout(ANSWER_TIMEOUT, self.client.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => {
                return Err(ClientError::Unreachable { server: self.origin.clone(), why: tls::advised(chain(&error)) });
            }
            Ok(Err(error)) => return Err(self.silent(chain(&error))),
            Err(_) => return Err(self.silent(format!("nothing came within {} s", ANSWER_TIMEOUT.as_secs()))),
        };
        let status = response.status();
        let mut body = Body { server: self.origin.clone(), headers: response.headers().clone(), body: response.into_body() };
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::UNAUTHORIZED => Err(ClientError::Password(self.origin.clone())),
            status => {
                let reason = body.reason().await;
                Err(ClientError::Status { server: self.origin.clone(), path: path.to_owned(), status, reason })
            }
        }
    }

    fn silent(&self, why: String) -> ClientError {
        ClientError::Silent { server: self.origin.clone(), why }
    }
}

/// A body that is still coming.
pub struct Body {
    server: String,
    headers: header::HeaderMap,
    body: Incoming,
}

impl Body {
    /// A header; empty where it is not there, or is no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The next bytes; none at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let why = match timeout(READ_TIMEOUT, self.body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => continue,
                },
                Ok(Some(Err(error))) => format!("the connection broke: {}", chain(&error)),
                Err(_) => format!("it stopped in the middle for {} s", READ_TIMEOUT.as_secs()),
            };
            return Err(ClientError::Silent { server: self.server.clone(), why });
        }
    }

    /// Says what is wrong with what has come.
    pub fn broken(&self, why: &str) -> ClientError {
        ClientError::Silent { server: self.server.clone(), why: why.to_owned() }
    }

    /// The first line of a refusal.
    async fn reason(&mut self) -> String {
        let text = self.next().await.ok().flatten().unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let line: String = text.lines().next().unwrap_or_default().chars().take(REASON_MAX).collect();
        let is_page = line.trim_start().starts_with('<');
        if line.trim().is_empty() || is_page { String::new() } else { format!(": {}", line.trim()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpSocket},
    };

    /// A server that answers each connection with the next of these, and the requests that it got.
    async fn server(answers: Vec<&'static str>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let served = tokio::spawn(async move {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a client");
                let mut text = String::new();
                while !text.ends_with("\r\n\r\n") {
                    let mut bytes = [0; 4096];
                    let n = stream.read(&mut bytes).await.expect("a request");
                    text.push_str(&String::from_utf8_lossy(&bytes[..n]));
                }
                requests.push(text);
                stream.write_all(answer.as_bytes()).await.expect("it reads");
            }
            requests
        });
        (address, served)
    }

    fn client(address: &str) -> HttpClient {
        HttpClient::new(&parse_address(address).expect("an address")).expect("it is sound")
    }

    #[tokio::test]
    async fn a_body_is_got_with_the_password_of_the_address() {
        let (address, served) = server(vec!["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"]).await;
        let client = client(&format!("http://me:pw@{address}/cam"));
        assert_eq!(client.get("/cam/a?b=c").await.expect("an answer"), "hello");
        let requests = served.await.expect("it served").remove(0).to_ascii_lowercase();
        assert!(requests.starts_with("get /cam/a?b=c http/1.1\r\n"), "{requests}");
        assert!(requests.contains("authorization: basic bwu6chc=\r\n"), "{requests}");
        assert!(!format!("{client:?}").contains("pw"));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_told_in_one_sentence() {
        let head = "connection: close\r\ncontent-length: 9\r\n\r\n";
        let answers = [
            ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n".to_owned(), "wants a password"),
            (format!("HTTP/1.1 404 Not Found\r\n{head}not here\n"), "answers 404 Not Found to /x: not here"),
            (format!("HTTP/1.1 502 Bad\r\n{head}<html>bad"), "answers 502 Bad Gateway to /x"),
            (format!("HTTP/1.1 200 OK\r\n{head}half"), "does not answer: the connection broke"),
            ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "does not answer"),
        ];
        for (answer, expect) in answers {
            let (address, served) = server(vec![answer.clone().leak()]).await;
            let told = client(&format!("http://{address}/")).get("/x").await.expect_err(expect).to_string();
            assert!(told.contains(expect) && !told.contains("html"), "{answer}: {told}");
            served.await.expect("it served");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_so() {
        // Nobody listens there, and nobody else can.
        let held = TcpSocket::new_v4().expect("a socket");
        held.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let address = held.local_addr().expect("it is bound");
        let error = client(&format!("http://me:pw@{address}/")).get("/").await.expect_err("nobody is there");
        let told = error.to_string();
        assert!(matches!(error, ClientError::Unreachable { .. }) && told.contains("refused") && !told.contains("pw"), "{told}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let client = client(&format!("http://{}/", listener.local_addr().expect("it is bound")));
        let told = client.get("/").await.expect_err("nothing comes").to_string();
        assert!(told.contains("does not answer: nothing came within 35 s") || told.contains("cannot be reached"), "{told}");
    }
}
