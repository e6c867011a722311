//! TLS: what is spoken, what is shown, and what becomes of those who speak HTTP without it. The real binary, asked by rustls and by OpenSSL.

mod acme;
mod own;

use crate::support::{Answer, Deadline, Running, send_with};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
    version,
};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};
use tempfile::TempDir;

const SMALL: [&str; 8] = ["--device", "test", "--size", "160x120", "--segment", "1s", "--detect", "none"];

/// An authority of the test's own.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Authority { issuer: Issuer::new(params, key), certificate }
    }

    /// Writes a certificate of this host and its key into a folder.
    fn issue(&self, folder: &Path) -> CertificateDer<'static> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "cam.example.org".to_owned()];
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(names).expect("names").signed_by(&key, &self.issuer).expect("it is signed");
        fs::write(folder.join("cam.pem"), certificate.pem()).expect("it is written");
        let path = folder.join("cam.key");
        fs::write(&path, key.serialize_pem()).expect("it is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        certificate.der().clone()
    }
}

/// A stream over TLS, and who trusts it.
struct House {
    folder: TempDir,
    authority: Authority,
    certificate: CertificateDer<'static>,
    running: Running,
}

impl House {
    fn start(more: &[&str]) -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new();
        fs::write(folder.path().join("ca.pem"), authority.certificate.pem()).expect("it is written");
        let certificate = authority.issue(folder.path());
        let [shown, key] = ["cam.pem", "cam.key"].map(|name| folder.path().join(name).display().to_string());
        let running = Running::start(&[&SMALL[..], &["--tls-cert", &shown, "--tls-key", &key], more].concat());
        House { folder, authority, certificate, running }
    }

    fn client(&self, protocols: &[&str]) -> Client {
        Client {
            address: self.running.address.clone(),
            config: config(self.authority.certificate.der(), protocols, &version::TLS13),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn config(root: &CertificateDer<'static>, protocols: &[&str], version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).expect("a certificate");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).expect("it is known");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// A client of HTTP/1.1 over TLS.
struct Client {
    address: String,
    config: Arc<ClientConfig>,
}

impl Client {
    /// A connection after its handshake.
    fn connect(&self, name: &str) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut socket = TcpStream::connect(&self.address)?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let mut connection = ClientConnection::new(self.config.clone(), name).expect("it is sound");
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(connection, socket))
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.connect("127.0.0.1").expect("it is trusted");
        let host =
            if headers.iter().any(|(name, _)| *name == "Host") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {}\r\n{lines}\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an end that is told");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head, body: bytes.split_off(end + 4) }
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }
}

/// What OpenSSL says of the server; none where it is not installed.
fn openssl(house: &House, options: &[&str]) -> Option<String> {
    let ca = house.path("ca.pem").display().to_string();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &house.running.address, "-CAfile", &ca, "-verify_ip", "127.0.0.1"]).args(options);
    match command.stdin(Stdio::null()).output() {
        Ok(output) => Some([output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()),
        Err(_) => {
            crate::missing::left_out("no openssl here");
            None
        }
    }
}

#[test]
fn tls_1_2_and_1_3_are_spoken_with_a_chain_that_holds_and_nothing_older() {
    let house = House::start(&[]);
    for (options, expect) in [
        (&["-tls1_2"][..], Some("TLSv1.2")),
        (&["-tls1_3"], Some("TLSv1.3")),
        (&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], None),
        (&["-tls1_2", "-cipher", "AES256-SHA:AES128-SHA256:ECDHE-RSA-AES256-SHA"], None),
    ] {
        let Some(told) = openssl(&house, options) else { return };
        match expect {
            Some(version) => {
                assert!(told.contains("Verify return code: 0 (ok)") && told.contains(version), "{options:?}: {told}");
            }
            None => assert!(told.contains("Cipher is (NONE)") && told.contains("alert"), "{options:?}: {told}"),
        }
    }
    let told = openssl(&house, &["-alpn", "h2,http/1.1"]).unwrap_or_default();
    assert!(told.contains("ALPN protocol: h2"), "{told}");
    let chosen = |protocols: &[&str]| {
        let stream = house.client(protocols).connect("localhost").expect("it is trusted");
        stream.conn.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    };
    assert_eq!(chosen(&["http/1.1", "h2"]).as_deref(), Some("h2"));
    assert_eq!(chosen(&["http/1.1"]).as_deref(), Some("http/1.1"));
    assert_eq!(chosen(&[]), None);
    let stranger = Authority::new();
    let config = config(stranger.certificate.der(), &[], &version::TLS12);
    assert!(Client { address: house.running.address.clone(), config }.connect("localhost").is_err(), "another authority");
    let log = house.running.interrupt().1;
    let is_told = |line: &&String| line.contains("127.0.0.1: it does not trust") || line.contains("its TLS handshake failed");
    assert_eq!(log.iter().filter(is_told).count(), 1, "of one address one line a minute: {log:?}");
}

#[tokio::test]
async fn the_page_and_the_stream_come_over_http_2() {
    let house = House::start(&[]);
    let config = config(house.authority.certificate.der(), &["h2"], &version::TLS13);
    let socket = tokio::net::TcpStream::connect(&house.running.address).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = tokio_rustls::TlsConnector::from(config).connect(name, socket).await.expect("it is trusted");
    let (mut client, connection) = h2::client::handshake(stream).await.expect("it is spoken");
    let driven = tokio::spawn(connection);
    let port = house.running.address.rsplit(':').next().expect("a port");
    // Side by side on one connection.
    let mut answers = Vec::new();
    for path in ["/", "/hls.js", "/cam/index.m3u8", "/api/status"] {
        let request = hyper::Request::get(format!("https://localhost:{port}{path}")).body(()).expect("a request");
        client = client.ready().await.expect("it is open");
        answers.push((path, client.send_request(request, true).expect("it is sent").0));
    }
    for (path, answer) in answers {
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        let mut body = answer.into_body();
        let mut len = 0;
        while let Some(bytes) = body.data().await {
            let bytes = bytes.expect("it comes whole");
            len += bytes.len();
            body.flow_control().release_capacity(bytes.len()).expect("it was taken");
        }
        assert!(len > 100, "{path}: {len}");
    }
    driven.abort();
}

#[test]
fn who_speaks_http_without_tls_is_sent_to_the_same_address_over_it() {
    let house = House::start(&["--host-name", "cam.example.org"]);
    let plain = |path: &str, headers: &[(&str, &str)]| {
        send_with(&house.running.address, ("GET", path), headers, "").unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let answer = plain("/cam/index.m3u8?x=1", &[]);
    let expect = format!("https://{}/cam/index.m3u8?x=1", house.running.address);
    assert_eq!((answer.status, answer.header("location")), (307, &*expect));
    assert_eq!((answer.header("cache-control"), answer.header("strict-transport-security")), ("no-store", ""));
    for path in ["/healthz", "/readyz"] {
        assert!([200, 503].contains(&plain(path, &[]).status), "{path} tells nothing that is secret");
    }
    // A proxy on this computer has TLS of its own; it is not sent in a circle.
    assert_eq!(plain("/", &[("X-Forwarded-Proto", "https")]).status, 200);
    let client = house.client(&["http/1.1"]);
    let strict = |host: &str| client.send("GET", "/", &[("Host", host)], "");
    let (public, local) = (strict("cam.example.org"), strict(&house.running.address));
    assert_eq!((public.status, public.header("strict-transport-security")), (200, "max-age=15552000"));
    assert_eq!((local.status, local.header("strict-transport-security")), (200, ""));
    assert_eq!(strict("evil.example").status, 421, "the names of this host count over TLS, too");
    let note = |origin: &str| {
        let headers = [("Content-Type", "application/json"), ("Origin", origin)];
        client.send("POST", "/api/markers", &headers, r#"{"kind":"note"}"#).status
    };
    assert_eq!(note(&format!("http://{}", house.running.address)), 403, "somebody on the way may have written that page");
    assert_eq!(note(&format!("https://{}", house.running.address)), 201);
}

#[test]
fn a_session_over_tls_never_leaves_without_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    fs::write(&password, "a few words\n").expect("it is written");
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let house = House::start(&["--password-file", &password.display().to_string()]);
    let (cookie, form) = house.client(&[]).get("/login").form("name=&password=a+few+words&next=");
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookie.as_str())];
    let answer = house.client(&[]).send("POST", "/login", &headers, &form);
    let cookie = answer.header("set-cookie");
    assert!(answer.status == 303 && cookie.ends_with("; Secure") && cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    let session = cookie.split(';').next().expect("a pair");
    assert_eq!(house.client(&[]).send("GET", "/api/status", &[("Cookie", session)], "").status, 200);
    assert_eq!(house.client(&[]).get("/api/status").status, 401);
}

#[test]
fn a_new_certificate_is_shown_without_a_restart() {
    let house = House::start(&[]);
    let shown = || {
        let stream = house.client(&[]).connect("localhost").expect("it is trusted");
        stream.conn.peer_certificates().expect("they are shown")[0].clone().into_owned()
    };
    assert_eq!(shown(), house.certificate);
    let open = house.client(&[]).connect("localhost").expect("it is trusted");
    let next = house.authority.issue(house.folder.path());
    let deadline = Deadline::start();
    while shown() != next {
        assert!(!deadline.is_over(), "it still shows the old one");
        thread::park_timeout(Duration::from_millis(100));
    }
    fs::write(house.path("cam.pem"), "none").expect("it is written");
    drop(open);
    let deadline = Deadline::start();
    let mut log = Vec::new();
    while !log.iter().any(|line: &String| line.contains("stays in use")) {
        assert!(!deadline.is_over(), "{log:?}");
        log.extend(house.running.next_line());
    }
    assert_eq!(shown(), next, "what was good stays");
}

#[test]
fn handshakes_that_fail_cost_a_line_and_nobody_else() {
    let house = House::start(&[]);
    // A TLS record that is none, one that stops in the middle, and one that leaves at once.
    let hello = [0x16, 3, 1, 2, 0, 1, 0];
    let mut held = Vec::new();
    for n in 0..300 {
        let mut stream = TcpStream::connect(&house.running.address).expect("it listens");
        match n % 3 {
            0 => stream.write_all(&[0x16, 0xff, 0xff, 0, 5, 1, 2, 3, 4, 5]).expect("it is taken"),
            1 => stream.write_all(&hello).expect("it is taken"),
            _ => {}
        }
        if n % 3 != 2 {
            held.push(stream);
        }
    }
    let client = house.client(&["http/1.1"]);
    assert_eq!(client.get("/").status, 200, "with {} that hang", held.len());
    let (deadline, failed) = (Deadline::start(), || client.get("/api/status").json()["peers"]["tls"].as_u64());
    while failed() != Some(100) {
        assert!(!deadline.is_over(), "{:?} of 100 have failed", failed());
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    drop(held);
    let (status, log) = house.running.interrupt();
    assert!(status.success());
    let told = log.iter().filter(|line| line.contains("its TLS handshake failed")).count();
    assert_eq!(told, 1, "{log:?}");
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_before_anything_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    Authority::new().issue(folder.path());
    let [shown, key] = ["cam.pem", "cam.key"].map(|name| folder.path().join(name).display().to_string());
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
        let output = command.args(["--device", "test", "--port", "0"]).args(args).output().expect("it is built");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let check = |args: &[&str], code: i32, expect: &str| {
        let (status, told) = run(args);
        assert!(status == Some(code) && told.contains(expect) && told.lines().count() == 1, "{args:?}: {status:?} {told}");
    };
    check(&["--tls-cert", &shown], 2, "its private key is missing");
    check(&["--tls-cert", "nowhere.pem", "--tls-key", &key], 1, "cannot read nowhere.pem");
    let ca = folder.path().join("ca.key").display().to_string();
    fs::write(&ca, "none").expect("it is written");
    fs::set_permissions(&ca, fs::Permissions::from_mode(0o600)).expect("it is ours");
    check(&["--tls-cert", &shown, "--tls-key", &ca], 1, "holds no private key in PEM");
    fs::write(folder.path().join("cam.key"), KeyPair::generate().expect("a key").serialize_pem()).expect("it is written");
    check(&["--tls-cert", &shown, "--tls-key", &key], 1, "does not fit the certificate");
    fs::set_permissions(folder.path().join("cam.key"), fs::Permissions::from_mode(0o644)).expect("it is ours");
    check(&["--tls-cert", &shown, "--tls-key", &key], 1, "everybody on this computer may open");
}
