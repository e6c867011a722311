//! Users, their roles, and who is let in: the real binary over real HTTP.

use crate::support::{Answer, Deadline, Running, base64, send_with};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

const SMALL: [&str; 8] = ["--device", "test", "--size", "160x120", "--segment", "1s", "--detect", "none"];
/// Name, role and password of each user.
const USERS: [(&str, &str, &str); 3] =
    [("anna", "admin", "a few words"), ("otto", "operator", "other words"), ("vera", "viewer", "more words")];

/// `hlscam user`, with a password on its stdin.
fn user(args: &[&str], password: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    command.arg("user").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary is built with the tests");
    // One that asks for none does not read it.
    writeln!(child.stdin.take().expect("it is piped"), "{password}").ok();
    let output = child.wait_with_output().expect("it is our child");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), text.trim().to_owned())
}

struct House {
    folder: TempDir,
    running: Running,
}

impl House {
    fn file(folder: &Path) -> PathBuf {
        folder.join("users.txt")
    }

    fn start() -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let file = House::file(folder.path()).display().to_string();
        for (name, role, password) in USERS {
            assert_eq!(
                user(&["add", name, "--role", role, "--users", &file], password),
                (Some(0), format!("added {name}, {role}"))
            );
        }
        let running = Running::start(&[&SMALL[..], &["--users", &file]].concat());
        running.wait_for("/readyz", |_| true);
        House { folder, running }
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        send_with(&self.running.address, (method, path), headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends the form of the login as a browser does that has opened it.
    fn send_form(&self, typed: &str) -> Answer {
        let (cookie, form) = self.ask("GET", "/login", &[("Accept", "text/html")], "").form(typed);
        self.ask("POST", "/login", &[("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", &cookie)], &form)
    }

    /// Logs in by the form, and returns what the cookie header is from then on.
    fn log_in(&self, name: &str, password: &str) -> String {
        let form = format!("name={name}&password={}&next=%3Fcamera%3Dcam", password.replace(' ', "+"));
        let answer = self.send_form(&form);
        assert_eq!((answer.status, answer.header("location")), (303, "./?camera=cam"), "{}", answer.text());
        let cookie = answer.header("set-cookie");
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Max-Age=2592000"), "{cookie}");
        cookie.split(';').next().expect("a pair").to_owned()
    }
}

/// The header of HTTP Basic (RFC 7617).
fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{name}:{password}").as_bytes()))
}

/// The rows of the table of addresses in docs/http-api.md: an address of ours, a method, and who may.
fn documented() -> Vec<(String, String, String)> {
    let text = include_str!("../../docs/http-api.md");
    let rows = text.lines().skip_while(|line| !line.starts_with("| Address | Methods | Role |")).skip(2);
    let mut all = Vec::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let mut roles = cells[2].split("; ");
        let least = roles.next().expect("a role");
        let named: Vec<(&str, &str)> = roles.filter_map(|each| each.split_once(": ")).collect();
        for address in cells[0].split('`').filter(|text| text.starts_with('/')) {
            for method in cells[1].split(", ") {
                let role = named
                    .iter()
                    .find(|(methods, _)| methods.split(", ").any(|each| each == method))
                    .map_or(least, |(_, role)| role);
                all.push((address.to_owned(), method.to_owned(), role.to_owned()));
            }
        }
    }
    all
}

#[test]
fn every_route_answers_those_who_may_and_nobody_else() {
    let house = House::start();
    let roles = ["everybody", "viewer", "operator", "admin"];
    let rank = |role: &str| roles.iter().position(|each| *each == role).unwrap_or_else(|| panic!("there is no role {role}"));
    let rows = documented();
    assert!(rows.len() > 50, "the table is read: {rows:?}");
    let ended = house.log_in("anna", "a few words");
    assert_eq!(house.ask("POST", "/logout", &[("Cookie", &ended)], "").status, 303);
    for (address, method, role) in rows {
        // Streams of events and pictures do not end.
        let method = if method == "GET" { "HEAD" } else { &method };
        let is_to_json = matches!(method, "POST" | "PATCH" | "PUT") && address.starts_with("/api");
        let ask = |credential: Option<(&str, &str)>| {
            let headers: Vec<_> =
                credential.into_iter().chain(is_to_json.then_some(("Content-Type", "application/json"))).collect();
            house.ask(method, &address, &headers, if is_to_json { "{}" } else { "" }).status
        };
        if (address.as_str(), method) == ("/login", "POST") {
            // It is how a credential is shown, and has a test of its own.
            continue;
        }
        let is_open = role == "everybody";
        for (what, credential) in [
            ("nothing", None),
            ("an ended session", Some(("Cookie", ended.as_str()))),
            ("a forged one", Some(("Cookie", "hlscam_8080=00"))),
        ] {
            // A page that is opened leads to the login; this client is no browser.
            assert_eq!(ask(credential) == 401, !is_open, "{method} {address} with {what}");
        }
        for (name, of, password) in USERS {
            let status = ask(Some(("Authorization", &basic(name, password))));
            assert_ne!(status, 401, "{method} {address} as {of}");
            assert_eq!(status == 403, rank(of) < rank(&role), "{method} {address} as {of}: {status}");
        }
    }
    // What there is not is no secret to those who may watch alone.
    assert_eq!(house.ask("GET", "/porch/index.m3u8", &[], "").status, 401);
    assert_eq!(house.ask("GET", "/porch/index.m3u8", &[("Authorization", &basic("vera", "more words"))], "").status, 404);
}

#[test]
fn a_browser_logs_in_is_known_and_logs_out() {
    let house = House::start();
    let browser = ("Accept", "text/html,application/xhtml+xml");
    let led = house.ask("GET", "/?camera=cam", &[browser], "");
    assert_eq!((led.status, led.header("location")), (303, "login?next=%3Fcamera%3Dcam"));
    let led = house.ask("GET", "/send?camera=cam", &[browser], "");
    assert_eq!((led.status, led.header("location")), (303, "login?next=send%3Fcamera%3Dcam"));
    let page = house.ask("GET", "/login?next=%3Fcamera%3Dcam%22%3E", &[browser], "");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("name=\"next\" value=\"?camera=cam&quot;&gt;\""), "{}", page.text());
    let wrong = house.send_form("name=vera&password=wrong");
    assert_eq!(wrong.status, 401);
    assert!(wrong.text().contains("role=\"alert\">That name or password is wrong.</p>"), "{}", wrong.text());
    // Another page that sends the form knows no token, whatever cookies the browser adds.
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let held = page.header("set-cookie").split(';').next().expect("a pair").to_owned();
    for (headers, token) in
        [(vec![form], ""), (vec![form, ("Cookie", held.as_str())], ""), (vec![form, ("Cookie", &held)], "&token=00")]
    {
        let forged = house.ask("POST", "/login", &headers, &format!("name=vera&password=more+words{token}"));
        assert_eq!(forged.status, 403, "{headers:?} {token}");
        assert!(!forged.header("set-cookie").contains("Max-Age=2592000"), "{}", forged.head);
    }
    let cookie = house.log_in("vera", "more words");
    let cookie = ("Cookie", cookie.as_str());
    let session = house.ask("GET", "/api/session", &[cookie], "").json();
    assert_eq!(session, serde_json::json!({"protected": true, "user": "vera", "role": "viewer", "session": true}));
    // It is kept from the last use on.
    let page = house.ask("GET", "/", &[cookie], "");
    assert!(
        page.header("set-cookie").starts_with(cookie.1) && page.header("set-cookie").contains("Max-Age=2592000"),
        "{}",
        page.head
    );
    let playlist = house.ask("GET", "/cam/video.m3u8", &[cookie], "");
    assert_eq!((playlist.status, playlist.header("set-cookie")), (200, ""));
    // No cache that others use keeps what is for users alone.
    assert!(playlist.header("cache-control").starts_with("private, max-age="), "{}", playlist.head);
    let refused = house.ask("POST", "/api/markers", &[cookie, ("Content-Type", "application/json")], r#"{"kind":"bell"}"#);
    assert_eq!(
        (refused.status, refused.text().split(';').next().unwrap_or_default()),
        (403, "this needs the role operator, and yours is viewer")
    );
    // Who may watch alone sends no picture.
    let socket = [("Connection", "upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "a")];
    let refused = house.ask("GET", "/api/cameras/cam/send", &[&[cookie][..], &socket].concat(), "");
    assert_eq!((refused.status, refused.text().contains("this needs the role operator")), (403, true), "{}", refused.text());
    // A page of another origin has the cookie, and gets nothing for it.
    let foreign = ("Origin", "https://evil.example");
    assert_eq!(house.ask("POST", "/logout", &[cookie, foreign], "").status, 403);
    let of_admin = house.log_in("anna", "a few words");
    let listed = house.ask("GET", "/api/sessions", &[("Cookie", &of_admin)], "").json();
    let of_vera = listed["sessions"].as_array().expect("a list").iter().find(|session| session["user"] == "vera").expect("hers");
    let path = format!("/api/sessions/{}", of_vera["id"].as_str().expect("a text"));
    assert_eq!(house.ask("DELETE", &path, &[("Cookie", &of_admin)], "").status, 204);
    assert_eq!(house.ask("GET", "/cam/video.m3u8", &[cookie], "").status, 401);
    let (status, log) = house.running.interrupt();
    assert_eq!(status.code(), Some(0));
    let file = std::fs::read_to_string(house.folder.path().join("users.txt.sessions")).expect("it is kept");
    assert!(!file.contains(of_admin.split_once('=').expect("a pair").1), "the file has no key");
    let log = log.join("\n");
    assert!(
        log.contains("login refused from 127.0.0.1: vera, wrong password") && log.contains("login from 127.0.0.1: vera"),
        "{log}"
    );
    assert!(USERS.iter().all(|(_, _, password)| !log.contains(password)), "{log}");
}

#[test]
fn guessing_is_slowed_down_and_told_to_admins() {
    let house = House::start();
    let statuses: Vec<u16> = (0..6)
        .map(|i| house.ask("GET", "/api/status", &[("Authorization", &basic("vera", &format!("guess {i}")))], "").status)
        .collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
    let waiting = house.ask("GET", "/api/status", &[("Authorization", &basic("vera", "more words"))], "");
    assert_eq!((waiting.status, waiting.header("retry-after")), (429, "1"), "the right one has to wait as well");
    let (_, log) = house.running.interrupt();
    assert!(log.iter().any(|line| line.ends_with("login refused from 127.0.0.1: vera, wrong password")), "{log:#?}");
}

#[test]
fn users_are_managed_while_the_stream_runs() {
    let house = House::start();
    let file = House::file(house.folder.path()).display().to_string();
    let cookie = house.log_in("otto", "other words");
    let status = |cookie: &str| house.ask("GET", "/api/session", &[("Cookie", cookie)], "").status;
    assert_eq!(user(&["list", "--users", &file], ""), (Some(0), "anna  admin\notto  operator\nvera  viewer".to_owned()));
    assert_eq!(user(&["role", "otto", "viewer", "--users", &file], ""), (Some(0), "otto is viewer".to_owned()));
    let of_otto = send_with(&house.running.address, ("GET", "/api/session"), &[("Cookie", &cookie)], "").expect("it answers");
    assert_eq!(of_otto.status, 200);
    assert_eq!(user(&["remove", "otto", "--users", &file], ""), (Some(0), "removed otto".to_owned()));
    let deadline = crate::support::Deadline::start();
    while status(&cookie) != 401 {
        assert!(!deadline.is_over(), "otto is still let in");
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    let (code, why) = user(&["add", "anna", "--users", &file], "new words");
    assert!(code == Some(1) && why.contains("there is a user anna already"), "{why}");
    let (code, why) = user(&["add", "eve", "--users", &file], "short");
    assert!(code == Some(1) && why.contains("shorter than 8 characters"), "{why}");
    let (code, why) = user(&["add", "eve", "--role", "owner", "--users", &file], "long enough");
    assert!(code == Some(2) && why.contains("write viewer, operator or admin"), "{why}");
}

#[test]
fn nobody_is_offered_to_a_network_by_accident() {
    let fails = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hlscam"))
            .args(args)
            .args(["--device", "test", "--port", "0"])
            .output()
            .expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, why) = fails(&["--bind", "0.0.0.0"]);
    assert!(code == Some(2) && why.contains("--bind 0.0.0.0: everybody on the network could watch; add a user"), "{why}");
    let folder = tempfile::tempdir().expect("a folder");
    let (code, why) = fails(&["--bind", "0.0.0.0", "--storage", &folder.path().display().to_string()]);
    assert!(code == Some(1) && why.contains("everybody on the network could watch"), "{why}");
    let (code, why) = fails(&["--users", "/nonexistent/users"]);
    assert!(code == Some(1) && why.contains("cannot read /nonexistent/users"), "{why}");
}

#[test]
fn a_link_lets_others_watch_one_camera_or_have_one_clip() {
    let house = House::start();
    let (otto, vera) = (basic("otto", "other words"), basic("vera", "more words"));
    let share = |who: &str, body: &str| {
        house.ask("POST", "/api/links?camera=cam", &[("Authorization", who), ("Content-Type", "application/json")], body)
    };
    assert_eq!(share(&vera, "{}").status, 403);
    assert_eq!(share(&otto, "{\"hours\":9999}").status, 400);
    let made = share(&otto, "{\"hours\":1}").json();
    let stream = format!("/{}", made["stream"].as_str().expect("an address"));
    let token = stream.split_once("token=").expect("a token").1.to_owned();
    // A player that follows the addresses of the playlists comes to the media.
    let index = house.ask("GET", &stream, &[("Accept-Encoding", "gzip")], "");
    assert_eq!(index.status, 200, "{}", index.text());
    let text = index.text();
    let media = text.lines().find(|line| !line.starts_with('#') && !line.is_empty()).expect("a playlist").to_owned();
    assert!(media.ends_with(&format!("token={token}")), "{media}");
    let playlist = house.ask("GET", &format!("/cam/{media}"), &[], "").text();
    let segment = playlist.lines().find(|line| !line.starts_with('#') && !line.is_empty()).expect("a segment").to_owned();
    assert_eq!(house.ask("GET", &format!("/cam/{segment}"), &[], "").status, 200);
    assert!(playlist.lines().filter(|line| line.contains("URI=")).all(|line| line.contains(&token)), "{playlist}");
    assert_eq!(
        house
            .ask("GET", segment.split('?').next().map(|bare| format!("/cam/{bare}")).as_deref().unwrap_or_default(), &[], "")
            .status,
        401
    );
    let manifest = house.ask("GET", &format!("/cam/index.mpd?token={token}"), &[], "").text();
    assert!(manifest.contains(&format!("$Number$.m4s?token={token}\"")), "{manifest}");
    // The page gets a cookie, and watches by it; more it may not.
    let page = house.ask("GET", &format!("/?camera=cam&token={token}"), &[], "");
    let cookie = page.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    assert_eq!(page.status, 200, "{}", page.text());
    let cookie = ("Cookie", cookie.as_str());
    assert_eq!(house.ask("GET", "/api/status?camera=cam", &[cookie], "").status, 200);
    // A page to which a link has led is no reason to be refused a login of one's own.
    assert_eq!(house.ask("GET", "/api/cameras", &[cookie], "").status, 401);
    assert_eq!(house.ask("GET", &format!("/api/cameras?token={token}"), &[], "").status, 403);
    assert_eq!(
        house.ask("POST", "/api/markers", &[cookie, ("Content-Type", "application/json")], "{\"kind\":\"bell\"}").status,
        401
    );
    assert_eq!(house.ask("GET", &format!("/api/status?token={token}0"), &[], "").status, 401, "a token that was changed is none");
    // A clip is that clip.
    let status = house.ask("GET", "/api/status", &[("Authorization", &otto)], "").json();
    let to = status["time"].as_str().expect("a time").to_owned();
    let made = share(&otto, &format!("{{\"from\":\"2026-01-01T00:00:00Z\",\"to\":\"{to}\"}}")).json();
    let clip = format!("/{}", made["url"].as_str().expect("an address"));
    assert_eq!(house.ask("GET", &clip, &[], "").status, 200);
    let token = clip.split_once("token=").expect("a token").1;
    assert_eq!(house.ask("GET", &format!("/cam/clip.mp4?last=1&token={token}"), &[], "").status, 403);
    assert_eq!(
        house.ask("GET", &format!("{clip}&from=2026-11-01T00:00:00Z&to={to}"), &[], "").status,
        400,
        "two stretches are none"
    );
    assert_eq!(house.ask("GET", &clip, &[("Authorization", &otto)], "").status, 200, "a link does not hinder who has an account");
    assert_eq!(house.ask("GET", &format!("/cam/index.m3u8?token={token}"), &[], "").status, 403);
    // It ends with who shared it.
    let file = House::file(house.folder.path()).display().to_string();
    user(&["role", "otto", "viewer", "--users", &file], "");
    let deadline = Deadline::start();
    while house.ask("GET", &clip, &[], "").status != 401 {
        assert!(!deadline.is_over(), "a viewer shares nothing");
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    let (_, log) = house.running.interrupt();
    assert!(!log.join("\n").contains(token), "{log:#?}");
}
