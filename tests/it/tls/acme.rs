//! A certificate of a public authority: Pebble is one, with a DNS of its own in which every name leads to this computer.

use super::{Authority, Client, SMALL, config};
use crate::{
    ports::free_port,
    support::{Deadline, Running},
};
use rustls::{
    pki_types::{CertificateDer, pem::PemObject},
    version,
};
use std::{
    fs, io,
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};
use tempfile::TempDir;

const NAME: &str = "cam.example.org";

/// An authority that looks at names on the port of `front`.
struct Pebble {
    programs: Vec<Child>,
    folder: TempDir,
    root: Authority,
    port: u16,
    management: u16,
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for program in &mut self.programs {
            program.kill().ok();
            program.wait().ok();
        }
    }
}

impl Pebble {
    /// None where it is not installed.
    fn start(front: u16) -> Option<Pebble> {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Authority::new();
        root.issue(folder.path());
        fs::write(folder.path().join("ca.pem"), root.certificate.pem()).expect("it is written");
        let [port, management, dns, dns_management] = [free_port(), free_port(), free_port(), free_port()];
        let text = format!(
            r#"{{"pebble": {{"listenAddress": "127.0.0.1:{port}", "managementListenAddress": "127.0.0.1:{management}",
                "certificate": "cam.pem", "privateKey": "cam.key", "httpPort": {front}, "tlsPort": {front}, "ocspResponderURL": ""}}}}"#
        );
        fs::write(folder.path().join("pebble.json"), text).expect("it is written");
        let run = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            command.current_dir(folder.path()).env("PEBBLE_VA_NOSLEEP", "1").args(args);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let (dns, dns_management) = (format!("127.0.0.1:{dns}"), format!("127.0.0.1:{dns_management}"));
        let none = ["-http01", "", "-https01", "", "-tlsalpn01", ""];
        let served = ["-dns01", &dns, "-management", &dns_management, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""];
        let Ok(names) = run("pebble-challtestsrv", &[&none[..], &served].concat()) else {
            crate::missing::left_out("no pebble here");
            return None;
        };
        let authority = run("pebble", &["-config", "pebble.json", "-dnsserver", &dns]).expect("it is installed with the other");
        let pebble = Pebble { programs: vec![names, authority], folder, root, port, management };
        let deadline = Deadline::start();
        while TcpStream::connect(("127.0.0.1", port)).is_err() || TcpStream::connect(&*dns_management).is_err() {
            assert!(!deadline.is_over(), "it does not begin");
            thread::park_timeout(Duration::from_millis(20));
        }
        Some(pebble)
    }

    /// A stream with the certificate for the name; `storage` keeps it.
    fn customer(&self, storage: &str) -> Running {
        let directory = format!("https://localhost:{}/dir", self.port);
        let args = ["--acme-domain", NAME, "--acme-server", &directory, "--storage", storage, "--acme-email", "me@example.org"];
        Running::start_with(&[&SMALL[..], &args].concat(), &[("SSL_CERT_FILE", &self.folder.path().join("ca.pem"))])
    }

    /// Who trusts what it vouches for.
    fn client(&self) -> impl Fn(&Running) -> Client {
        let own = config(self.root.certificate.der(), &[], &version::TLS13);
        let management = Client { address: format!("127.0.0.1:{}", self.management), config: own };
        let root = CertificateDer::from_pem_slice(&management.get("/roots/0").body).expect("PEM");
        move |running| Client { address: running.address.clone(), config: config(&root, &["http/1.1"], &version::TLS13) }
    }
}

/// Waits for a line of the log.
fn until_told(running: &Running, wanted: &str) -> String {
    let deadline = Deadline::start();
    let mut log = Vec::new();
    loop {
        match running.next_line() {
            Some(line) if line.contains(wanted) => return line,
            line => log.extend(line),
        }
        assert!(!deadline.is_over(), "{wanted}: {log:#?}");
    }
}

/// What comes to one port goes on to an address, as a router does it, once that is known.
fn forward(front: TcpListener, to: Receiver<String>) {
    thread::spawn(move || {
        let Ok(to) = to.recv() else { return };
        for incoming in front.incoming().map_while(Result::ok) {
            let Ok(onward) = TcpStream::connect(&to) else { continue };
            let copy = |mut from: TcpStream, mut to: TcpStream| {
                thread::spawn(move || {
                    io::copy(&mut from, &mut to).ok();
                    to.shutdown(Shutdown::Write).ok();
                });
            };
            let twice = |stream: &TcpStream| stream.try_clone().expect("it is open");
            copy(twice(&incoming), twice(&onward));
            copy(onward, incoming);
        }
    });
}

#[test]
fn a_public_authority_is_shown_the_proof_and_its_certificate_is_kept() {
    let front = TcpListener::bind("127.0.0.1:0").expect("a port");
    let Some(pebble) = Pebble::start(front.local_addr().expect("it is bound").port()) else { return };
    let storage = tempfile::tempdir().expect("a folder");
    let kept = storage.path().display().to_string();
    let (tell, told) = channel();
    forward(front, told);
    let running = pebble.customer(&kept);
    tell.send(running.address.clone()).expect("it is waited for");
    let client = pebble.client();
    until_told(&running, "the certificate for cam.example.org came from localhost");
    let deadline = Deadline::start();
    while let Err(error) = client(&running).connect(NAME) {
        assert!(!deadline.is_over(), "it is not shown: {error}");
    }
    client(&running).connect("other.example.org").expect_err("it is not for that");
    let shown = client(&running).connect(NAME).expect("it is trusted").conn.peer_certificates().map(<[_]>::to_vec);
    let of_name = |host: &str| {
        let mut stream = client(&running).connect(NAME).expect("it is trusted");
        let head = format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        io::Write::write_all(&mut stream, head.as_bytes()).and_then(|()| io::Read::read_to_string(&mut stream, &mut answer)).ok();
        answer.split(' ').nth(1).map(str::to_owned)
    };
    assert_ne!(of_name(NAME).as_deref(), Some("421"), "the name is one of this host");
    assert_eq!(of_name("evil.example").as_deref(), Some("421"));
    assert!(running.interrupt().0.success());
    let mode = |path: &Path| fs::metadata(path).expect("it is kept").permissions().mode() & 0o777;
    let tls = storage.path().join("tls");
    let folders: Vec<_> =
        fs::read_dir(tls.join("acme")).expect("it is kept").map(|entry| entry.expect("an entry").path()).collect();
    let [folder] = &folders[..] else { panic!("one of each authority: {folders:?}") };
    assert_eq!((mode(&tls), mode(folder)), (0o700, 0o700));
    for name in ["account.json", "certificate.pem", "tries.json"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    // The next run shows it at once, and asks nobody.
    let again = pebble.customer(&kept);
    let now = client(&again).connect(NAME).expect("it is trusted").conn.peer_certificates().map(<[_]>::to_vec);
    assert_eq!(now, shown);
}

#[test]
fn an_authority_that_does_not_find_this_computer_says_why_and_the_stream_goes_on() {
    // Nobody listens there: the router does not let it through.
    let Some(pebble) = Pebble::start(free_port()) else { return };
    let storage = tempfile::tempdir().expect("a folder");
    let running = pebble.customer(&storage.path().display().to_string());
    let told = until_told(&running, "gives no certificate");
    assert!(told.contains("it did not find this computer at cam.example.org: "), "{told}");
    assert!(told.contains("does port 443 of that name lead here?; the next try is in 5 min"), "{told}");
    pebble.client()(&running).connect(NAME).expect_err("nobody vouches for it");
}
