//! A server on a free port of 127.0.0.1, and a client that sees every byte.

use hlscam::{
    camera::{Camera, Cameras},
    camera_name::CameraName,
    marker_service::{self, MarkerService, MarkerServiceParts, Retention},
    server::{AccessConfig, Door, Limits, Protection, ServerConfig, Site, authority::Host, bind, serve},
    source::control::board::ControlBoard,
    status::Status,
    store::{Location, Store},
    time::{ManualClock, Span, WallTime},
    window::{Window, WindowConfig, numbers::FirstNumbers},
};
use std::{
    collections::BTreeMap,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

/// Longer than anything here takes on a busy machine; a test that reaches it has failed.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// Fri, 20 Nov 2026 16:19:12.123 UTC.
pub(super) const NOW: WallTime = WallTime(1_795_191_552_123_000);

pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("it happens before the deadline")
}

pub(super) struct Running {
    pub(super) at: SocketAddr,
    pub(super) window: Arc<Window>,
    pub(super) status: Arc<Status>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) journal: Arc<MarkerService>,
    pub(super) controls: Arc<ControlBoard>,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) ended: JoinHandle<std::io::Result<()>>,
}

/// A server whose name is `test`.
pub(super) fn start(limits: Limits) -> Running {
    start_with(limits, AccessConfig { host_names: vec![Host::Name("test".to_owned())], ..AccessConfig::default() })
}

/// A server that answers those whom `access` lets in.
pub(super) fn start_with(limits: Limits, access: AccessConfig) -> Running {
    let clock = Arc::new(ManualClock::at(NOW));
    let camera = camera("cam", &clock);
    let (window, status, journal) = (camera.window.clone(), camera.status.clone(), camera.markers.clone());
    let controls = camera.controls.clone();
    let (at, stop, ended) = serve_cameras(&Cameras::one(camera), limits, access);
    Running { at, window, status, clock, journal, controls, stop, ended }
}

/// A camera of this name; a test pushes into its window what it needs.
pub(super) fn camera(name: &str, clock: &Arc<ManualClock>) -> Arc<Camera> {
    let name = CameraName::parse(name).expect("a name");
    let config = WindowConfig {
        run: "t".into(),
        first: FirstNumbers::NEW,
        target_duration_s: 2,
        part_target: Span::from_ms(200),
        segment_parts: 10,
        span: Span::from_ms(60_000),
        bytes_max: 1 << 20,
        memory_max: None,
    };
    let window = Arc::new(Window::new(config, clock.clone()));
    let status = Arc::new(Status::default());
    let (runs, queue) = marker_service::runs();
    let parts = MarkerServiceParts {
        camera: name.clone(),
        store: Store::open_shared(&Location::Memory, NOW).expect("memory"),
        retention: Retention::Window,
        runs: queue,
        window: window.clone(),
        capture: status.stream.capture.clone(),
        clock: clock.clone(),
        run: "t".to_owned(),
        last_run: None,
    };
    let markers = MarkerService::start(parts, &runs).expect("a thread");
    Arc::new(Camera::new(name, clock.clone(), window, status, markers))
}

/// Serves cameras: where, what ends it, and when it has ended.
pub(super) fn serve_cameras(
    cameras: &Cameras,
    limits: Limits,
    access: AccessConfig,
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<std::io::Result<()>>) {
    let config = ServerConfig {
        bind: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        access,
        protection: Protection::default(),
        certificate: None,
        is_announced: false,
    };
    let listener = bind(&config).expect("a free port");
    let site = Site::new(cameras, config.access, Door::open_to_all());
    let (stop, stopped) = oneshot::channel::<()>();
    let at = listener.local_addr().expect("a port");
    let ended = tokio::spawn(serve(listener, site, limits, async {
        // A test that drops the sender ends the server too.
        let _ = stopped.await;
    }));
    (at, stop, ended)
}

impl Running {
    pub(super) async fn connect(&self) -> TcpStream {
        soon(TcpStream::connect(self.at)).await.expect("the server listens")
    }

    /// One request on a connection of its own.
    pub(super) async fn ask(&self, method: &str, target: &str, headers: &str) -> Answer {
        let mut stream = self.connect().await;
        send(&mut stream, &format!("{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n")).await;
        Answer::parse(&read_all(&mut stream).await)
    }

    /// The same with a body.
    pub(super) async fn send(&self, method: &str, target: &str, headers: &str, body: &str) -> Answer {
        let mut stream = self.connect().await;
        let len = body.len();
        let head =
            format!("{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {len}\r\n{headers}\r\n");
        send(&mut stream, &(head + body)).await;
        Answer::parse(&read_all(&mut stream).await)
    }

    pub(super) async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "").await
    }
}

pub(super) async fn send(stream: &mut TcpStream, text: &str) {
    soon(stream.write_all(text.as_bytes())).await.expect("the server reads");
}

/// All bytes until the server closes; a reset counts as closing.
pub(super) async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    bytes
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn parse(bytes: &[u8]) -> Answer {
        let head_len = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or_else(|| {
            panic!("no whole head in {:?}", String::from_utf8_lossy(bytes));
        });
        let head = std::str::from_utf8(&bytes[..head_len]).expect("heads are text");
        let (first, rest) = head.split_once("\r\n").unwrap_or((head, ""));
        let status = first.split(' ').nth(1).expect("a status").parse().expect("a number");
        let headers =
            rest.lines().filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Answer { status, headers: headers.collect(), body: bytes[head_len + 4..].to_vec() }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }
}
