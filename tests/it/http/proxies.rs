//! The texts of docs/proxy.md, run by the programs that they are for; and the real binary as they reach it.

use super::running::{Answer, DEADLINE, Running, read_all, send, soon, start_with};
use crate::{missing::left_out, ports::free_port};
use hlscam::server::{AccessConfig, Limits, authority::Host};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
};
use tokio::{io::AsyncReadExt, net::TcpStream};

const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/proxy.md"));

/// A proxy; killed when dropped.
struct Proxy {
    child: Child,
    port: u16,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx and Apache end their children when they are asked to end, and not when they are killed.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().is_ok_and(|done| done.success());
        if !asked {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

/// The text of the document for that program, with ports of this test.
fn snippet(language: &str, server: &Running, port: u16) -> String {
    let (_, rest) = DOCUMENT.split_once(&format!("```{language}\n")).expect("it is in the document");
    let (text, _) = rest.split_once("```").expect("it has an end");
    let ports = [("127.0.0.1:8080", server.at.to_string()), (":80 ", format!(":{port} ")), (":80>", format!(":{port}>"))];
    let text = ports.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("listen 80;", &format!("listen 127.0.0.1:{port};"))
}

/// Where the program is; `None`, and a line saying so, where it is not installed.
fn program(names: &[&'static str]) -> Option<&'static str> {
    let found = names.iter().copied().find(|name| Path::new(name).exists());
    if found.is_none() {
        left_out(&format!("none of {names:?} here"));
    }
    found
}

/// Runs it and waits until it answers.
async fn begin(mut command: Command, port: u16) -> Proxy {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut proxy = Proxy { child: command.spawn().expect("it is installed"), port };
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
        assert!(proxy.child.try_wait().expect("it is ours").is_none(), "{command:?} ended at once");
        assert!(tokio::time::Instant::now() < deadline, "{command:?} does not listen");
        tokio::task::yield_now().await;
    }
    proxy
}

impl Proxy {
    async fn connect(&self) -> TcpStream {
        soon(TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))).await.expect("the proxy listens")
    }

    /// As a browser that was told `http://nas.lan:PORT/garden/`; over plain HTTP it tells no more than Origin.
    async fn ask(&self, method: &str, path: &str, origin: Option<&str>, body: &str) -> Answer {
        let mut stream = self.connect().await;
        let origin = origin.map_or_else(String::new, |origin| format!("origin: {origin}\r\n"));
        let head = format!(
            "{method} /garden/{path} HTTP/1.1\r\nhost: nas.lan:{}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n{origin}\r\n{body}",
            self.port,
            body.len()
        );
        send(&mut stream, &head).await;
        Answer::parse(&read_all(&mut stream).await)
    }
}

fn server() -> Running {
    start_with(Limits::default(), AccessConfig { host_names: vec![Host::Name("nas.lan".to_owned())], ..AccessConfig::default() })
}

/// What a viewer does behind any proxy.
async fn check(proxy: &Proxy) {
    let own = format!("http://nas.lan:{}", proxy.port);
    let page = proxy.ask("GET", "", None, "").await;
    assert!(page.status == 200 && page.text().contains("<title>"), "{}", page.text());
    let note = r#"{"kind":"note","text":"x"}"#;
    let added = proxy.ask("POST", "api/markers", Some(&own), note).await;
    assert_eq!(added.status, 201, "{}", added.text());
    for foreign in ["http://evil.example", "http://nas.lan:1", "null"] {
        let refused = proxy.ask("POST", "api/markers", Some(foreign), note).await;
        assert_eq!(refused.status, 403, "{foreign}");
        assert!(refused.text().contains("X-Forwarded-Host") && refused.text().contains("docs/proxy.md"), "{}", refused.text());
    }
    // Events come at once: nothing collects them.
    let mut stream = proxy.connect().await;
    send(&mut stream, &format!("GET /garden/api/events HTTP/1.1\r\nhost: nas.lan:{}\r\n\r\n", proxy.port)).await;
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("retry: ") {
        assert_ne!(soon(stream.read_buf(&mut seen)).await.expect("it lives"), 0, "it goes on");
    }
}

#[tokio::test]
async fn the_text_for_nginx_works() {
    let Some(nginx) = program(&["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"]) else { return };
    let (server, port, folder) = (server(), free_port(), tempfile::tempdir().expect("a folder"));
    let here = folder.path().display();
    let temporary =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {here}/{name};\n")).concat();
    let text = snippet("nginx", &server, port);
    let config = format!(
        "daemon off; pid {here}/pid; error_log {here}/error.log; worker_processes 1;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}{text}}}\n"
    );
    std::fs::write(folder.path().join("nginx.conf"), config).expect("a file");
    let mut command = Command::new(nginx);
    command.arg("-e").arg(folder.path().join("error.log")).arg("-c").arg(folder.path().join("nginx.conf"));
    check(&begin(command, port).await).await;
}

#[tokio::test]
async fn the_text_for_caddy_works() {
    let Some(caddy) = program(&["/usr/bin/caddy", "/usr/local/bin/caddy", "/opt/homebrew/bin/caddy"]) else { return };
    let (server, port, folder) = (server(), free_port(), tempfile::tempdir().expect("a folder"));
    let config = folder.path().join("Caddyfile");
    std::fs::write(&config, format!("{{\nadmin off\n}}\n{}", snippet("caddy", &server, port))).expect("a file");
    let mut command = Command::new(caddy);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&config).env("HOME", folder.path());
    check(&begin(command, port).await).await;
}

#[tokio::test]
async fn the_text_for_apache_works() {
    let Some(apache) = program(&["/usr/sbin/apache2", "/usr/sbin/httpd"]) else { return };
    let modules = ["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"].into_iter().find(|path| Path::new(path).exists());
    let Some(modules) = modules else { return left_out("Apache's modules are not where they are in Debian or Fedora") };
    let (server, port, folder) = (server(), free_port(), tempfile::tempdir().expect("a folder"));
    let here = folder.path().display();
    // Which of these are built in differs between systems.
    let load = ["mpm_event", "authz_core", "unixd", "proxy", "proxy_http"]
        .map(|name| format!("<IfModule !{name}_module>\nLoadModule {name}_module {modules}/mod_{name}.so\n</IfModule>\n"));
    let text = snippet("apache", &server, port);
    let config = format!(
        "ServerRoot {here}\nDefaultRuntimeDir {here}\nPidFile {here}/pid\nErrorLog {here}/error.log\nServerName localhost\n\
         {}Listen 127.0.0.1:{port}\n{text}",
        load.concat()
    );
    std::fs::write(folder.path().join("apache.conf"), config).expect("a file");
    let mut command = Command::new(apache);
    command.args(["-D", "FOREGROUND", "-f"]).arg(folder.path().join("apache.conf"));
    check(&begin(command, port).await).await;
}
