//! What is served where: an address is a [`Route`], and a route and a method are an action of one of the rooms. All addresses are relative
//! in page and playlists, so a reverse proxy may put the whole under a path of its own.

use super::{
    api::{config, controls, events, history, links, login, markers, metrics, program, recordings, send},
    http::answer::{Answer, Call},
    origin::handler as stream,
    page::{self, trust},
};
use crate::{camera_name::CameraName, users::Role};
use hyper::Method;
use std::fmt;

/// What a path leads to. Whether there is such a camera, file or marker is for others to know. It is read from the path as it came, not
/// percent-decoded, for no name of ours needs that: `%2e%2e`, `%00` and `%252f` are just unknown names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// The viewer page.
    Page,
    /// A file that the page loads.
    File(&'a str),
    /// What belongs to the stream of a camera: the camera's name, and the name below it.
    Stream(&'a str, &'a str),
    Cameras,
    /// What can be set of a camera, by its name.
    Controls(&'a str),
    /// Where a browser sends to that is a camera, by the camera's name.
    Send(&'a str),
    /// The page that does so.
    SendPage,
    Status,
    /// The same as numbers, for a server of metrics.
    Metrics,
    History,
    Recordings,
    /// A recording, by its id, or its file, by the id and `.mp4`.
    Recording(&'a str),
    Markers,
    /// A marker, by its id.
    Marker(&'a str),
    Events,
    Detections,
    Health,
    Readiness,
    Time,
    /// How a device is made to trust the server.
    Trust,
    /// The certificate that it is to trust.
    Authority,
    Login,
    Logout,
    /// Who asks.
    Session,
    /// Links for others.
    Links,
    /// The options are read again.
    Reload,
    Sessions,
    /// A session, by its public id.
    SessionOf(&'a str),
}

/// Whom a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Everybody.
    Everybody,
    /// Who has that role, or more.
    From(Role),
}

/// What is done with a call.
pub(super) type Handler = fn(Call) -> Answer;

/// What the address of a marker begins with, before its id.
const MARKER_PREFIX: &str = "/api/markers/";
/// The same of a session.
const SESSION_PREFIX: &str = "/api/sessions/";
/// The same of a recording.
const RECORDING_PREFIX: &str = "/api/recordings/";

/// Between these stands the name of a camera.
const CONTROLS_AROUND: (&str, &str) = ("/api/cameras/", "/controls");
const SEND_AROUND: (&str, &str) = ("/api/cameras/", "/send");
/// Files of the page that name cameras; the others are the same for everybody, and the login needs some.
const PAGES: [&str; 2] = ["index.html", "grid.html"];

/// Files that the page of trust loads.
const TRUST_FILES: [&str; 4] = ["style.css", "trust.css", "icon.svg", "favicon.ico"];

/// The addresses in which nothing varies.
const FIXED: [(&str, Route<'_>); 21] = [
    ("/", Route::Page),
    ("/api/cameras", Route::Cameras),
    ("/send", Route::SendPage),
    ("/api/status", Route::Status),
    ("/metrics", Route::Metrics),
    ("/api/history", Route::History),
    ("/api/recordings", Route::Recordings),
    ("/api/markers", Route::Markers),
    ("/api/events", Route::Events),
    ("/api/detections", Route::Detections),
    ("/healthz", Route::Health),
    ("/readyz", Route::Readiness),
    ("/time", Route::Time),
    ("/trust", Route::Trust),
    ("/trust/ca.crt", Route::Authority),
    ("/login", Route::Login),
    ("/logout", Route::Logout),
    ("/api/session", Route::Session),
    ("/api/links", Route::Links),
    ("/api/config/reload", Route::Reload),
    ("/api/sessions", Route::Sessions),
];

impl<'a> Route<'a> {
    /// What a path leads to, if it is formed like one of ours.
    pub(super) fn parse(path: &'a str) -> Option<Route<'a>> {
        if let Some((_, route)) = FIXED.iter().find(|(fixed, _)| *fixed == path) {
            return Some(*route);
        }
        let id = |prefix| path.strip_prefix(prefix).map(|id: &str| Some(id).filter(|id| !id.is_empty() && !id.contains('/')));
        if let Some(id) = id(MARKER_PREFIX) {
            return id.map(Route::Marker);
        }
        if let Some(id) = id(RECORDING_PREFIX) {
            return id.map(Route::Recording);
        }
        if let Some(name) = path.strip_prefix(CONTROLS_AROUND.0).and_then(|rest| rest.strip_suffix(CONTROLS_AROUND.1)) {
            return CameraName::parse(name).is_ok().then_some(Route::Controls(name));
        }
        if let Some(name) = path.strip_prefix(SEND_AROUND.0).and_then(|rest| rest.strip_suffix(SEND_AROUND.1)) {
            return CameraName::parse(name).is_ok().then_some(Route::Send(name));
        }
        if let Some(id) = id(SESSION_PREFIX) {
            return id.map(Route::SessionOf);
        }
        match path.strip_prefix('/')?.split_once('/') {
            Some((camera, name)) => CameraName::parse(camera).is_ok().then_some(Route::Stream(camera, name)),
            None => Some(Route::File(&path[1..])),
        }
    }

    /// Whom it answers to a method, and its handler.
    pub(super) fn action(self, method: &Method) -> Option<(Audience, Handler)> {
        const VIEWER: Audience = Audience::From(Role::Viewer);
        const ADMIN: Audience = Audience::From(Role::Admin);
        const OPERATOR: Audience = Audience::From(Role::Operator);
        let method = if method == Method::HEAD { &Method::GET } else { method };
        Some(match (self, method) {
            (Route::File(name), &Method::GET) if !PAGES.contains(&name) => (Audience::Everybody, page::file),
            (Route::Page | Route::File(_), &Method::GET) => (VIEWER, page::file),
            // It refuses other methods itself, and tells caches for how long (rfc8216bis appendix B.1).
            (Route::Stream(..), _) => (VIEWER, stream::answer),
            (Route::Cameras, &Method::GET) => (VIEWER, program::cameras),
            (Route::Controls(_), &Method::GET) => (VIEWER, controls::list),
            (Route::Controls(_), &Method::PUT) => (OPERATOR, controls::set),
            (Route::Send(_), &Method::GET) => (OPERATOR, send::send),
            (Route::SendPage, &Method::GET) => (OPERATOR, send::page),
            (Route::Status, &Method::GET) => (VIEWER, program::status),
            (Route::Metrics, &Method::GET) => (VIEWER, metrics::metrics),
            (Route::History, &Method::GET) => (VIEWER, history::history),
            (Route::Recordings, &Method::GET) => (VIEWER, recordings::list),
            (Route::Recordings, &Method::POST) => (OPERATOR, recordings::add),
            (Route::Recording(_), &Method::GET) => (VIEWER, recordings::one),
            (Route::Recording(_), &Method::PATCH) => (OPERATOR, recordings::edit),
            (Route::Recording(_), &Method::DELETE) => (OPERATOR, recordings::remove),
            (Route::Markers, &Method::GET) => (VIEWER, markers::list),
            (Route::Markers, &Method::POST) => (OPERATOR, markers::add),
            (Route::Marker(_), &Method::GET) => (VIEWER, markers::one),
            (Route::Marker(_), &Method::PATCH) => (OPERATOR, markers::edit),
            (Route::Marker(_), &Method::DELETE) => (OPERATOR, markers::remove),
            (Route::Events, &Method::GET) => (VIEWER, events::events),
            (Route::Detections, &Method::GET) => (VIEWER, events::detections),
            (Route::Health, &Method::GET) => (Audience::Everybody, program::health),
            (Route::Readiness, &Method::GET) => (Audience::Everybody, program::readiness),
            (Route::Time, &Method::GET) => (Audience::Everybody, program::time),
            (Route::Trust, &Method::GET) => (Audience::Everybody, trust::page),
            (Route::Authority, &Method::GET) => (Audience::Everybody, trust::certificate),
            (Route::Login, &Method::GET) => (Audience::Everybody, login::page),
            (Route::Login, &Method::POST) => (Audience::Everybody, login::log_in),
            (Route::Logout, &Method::POST) => (VIEWER, login::log_out),
            (Route::Session, &Method::GET) => (VIEWER, login::session),
            (Route::Links, &Method::POST) => (OPERATOR, links::add),
            (Route::Reload, &Method::POST) => (ADMIN, config::reload),
            (Route::Sessions, &Method::GET) => (VIEWER, login::sessions),
            (Route::SessionOf(_), &Method::DELETE) => (VIEWER, login::revoke),
            _ => return None,
        })
    }

    /// The methods that it takes, as `Allow` tells them (RFC 9110 §10.2.1).
    pub(super) fn allowed(self) -> String {
        let all = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let taken: Vec<&str> = all.iter().filter(|method| self.action(method).is_some()).map(Method::as_str).collect();
        taken.join(",")
    }

    /// Whether it is answered without TLS where there is TLS: there is nothing secret in how to trust the server, with what that page loads, and
    /// whether it is there.
    pub(super) fn is_for_strangers(self) -> bool {
        matches!(self, Route::Health | Route::Readiness | Route::Trust | Route::Authority)
            || matches!(self, Route::File(name) if TRUST_FILES.contains(&name))
    }

    /// Whether `--allow-origin` opens it to pages of other origins: the streams, and the time that their players need.
    pub(super) fn is_for_players(self) -> bool {
        matches!(self, Route::Stream(..) | Route::Time)
    }
}

/// The path that leads there.
impl fmt::Display for Route<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::File(name) => write!(f, "/{name}"),
            Route::Stream(camera, name) => write!(f, "/{camera}/{name}"),
            Route::Controls(name) => write!(f, "{}{name}{}", CONTROLS_AROUND.0, CONTROLS_AROUND.1),
            Route::Send(name) => write!(f, "{}{name}{}", SEND_AROUND.0, SEND_AROUND.1),
            Route::Marker(id) => write!(f, "{MARKER_PREFIX}{id}"),
            Route::Recording(id) => write!(f, "{RECORDING_PREFIX}{id}"),
            Route::SessionOf(id) => write!(f, "{SESSION_PREFIX}{id}"),
            fixed => f.write_str(FIXED.iter().find(|(_, route)| route == fixed).map_or("", |(path, _)| path)),
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Audience::Everybody => f.write_str("everybody"),
            Audience::From(role) => role.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::BTreeSet, mem::discriminant};

    /// One route of each kind; the compiler asks for a line here when there is a new one.
    fn each() -> Vec<Route<'static>> {
        let kinds =
            [Route::File("a.js"), Route::Stream("cam", "x"), Route::Controls("cam"), Route::Send("cam"), Route::Marker("face-1")];
        let kinds = kinds.into_iter().chain([Route::Recording("recording-1"), Route::SessionOf("0123456789abcdef")]);
        let all: Vec<_> = kinds.chain(FIXED.map(|(_, route)| route)).collect();
        for route in &all {
            match route {
                Route::Page | Route::File(_) | Route::Stream(..) | Route::Cameras | Route::Controls(_) | Route::Status => {}
                Route::Send(_) | Route::SendPage | Route::Metrics => {}
                Route::History | Route::Recordings | Route::Recording(_) | Route::Markers => {}
                Route::Marker(_) | Route::Events | Route::Detections | Route::Health | Route::Readiness | Route::Time => {}
                Route::Trust
                | Route::Authority
                | Route::Login
                | Route::Logout
                | Route::Links
                | Route::Reload
                | Route::Session
                | Route::Sessions
                | Route::SessionOf(_) => {}
            }
        }
        all
    }

    proptest! {
        #[test]
        fn a_route_is_read_from_the_path_that_it_is_written_as(camera in "[a-z0-9][a-z0-9-]{0,31}", name in "[^?#]{0,40}", id in "[^/?#]{1,40}") {
            let mut routes = each();
            if CameraName::parse(&camera).is_ok() {
                routes.push(Route::Stream(&camera, &name));
                routes.push(Route::Controls(&camera));
                routes.push(Route::Send(&camera));
            }
            routes.push(Route::Marker(&id));
            routes.push(Route::Recording(&id));
            routes.push(Route::SessionOf(&id));
            for route in routes {
                let path = route.to_string();
                prop_assert_eq!(Route::parse(&path), Some(route));
            }
        }

        #[test]
        fn any_path_that_leads_somewhere_is_written_as_it_was(path in "(/(cam|api|markers|time|\\.\\.|%2e|[a-z0-9.-]{0,9})){0,4}|\\PC{0,60}") {
            if let Some(route) = Route::parse(&path) {
                prop_assert_eq!(route.to_string(), path);
            }
        }
    }

    #[test]
    fn what_is_not_formed_like_an_address_of_ours_leads_nowhere() {
        for path in [
            "",
            "*",
            "cam",
            "/api/",
            "/api/markers/",
            "/api/markers/a/b",
            "/api/nothing",
            "/api/cameras/",
            "/api/cameras/a",
            "/api/cameras/A/controls",
            "/api/cameras/A/send",
            "//",
            "/./",
            "/../etc",
            "/CAM/x",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }

    /// The rows of the table of addresses in docs/http-api.md: addresses, methods, role.
    fn documented() -> Vec<(String, String, String)> {
        let text = include_str!("../../docs/http-api.md");
        let rows = text.lines().skip_while(|line| !line.starts_with("| Address | Methods | Role |")).skip(2);
        let rows = rows.take_while(|line| line.starts_with('|')).map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            (cells[0].to_owned(), cells[1].to_owned(), cells[2].to_owned())
        });
        rows.collect()
    }

    /// `viewer; PATCH, DELETE: operator` has the first for all methods but those that are named.
    fn role_of<'a>(text: &'a str, method: &str) -> &'a str {
        let mut roles = text.split("; ");
        let all = roles.next().unwrap_or_default();
        let named =
            roles.filter_map(|each| each.split_once(": ")).find(|(methods, _)| methods.split(", ").any(|each| each == method));
        named.map_or(all, |(_, role)| role)
    }

    #[test]
    fn every_route_is_documented_with_its_methods_and_its_role() {
        let mut told = BTreeSet::new();
        for (addresses, methods, role) in documented() {
            // Between backticks; what follows a `?` is not of the path.
            for address in addresses.split('`').filter(|text| text.starts_with('/')) {
                let path = address.split('?').next().unwrap_or_default();
                let route = Route::parse(path).unwrap_or_else(|| panic!("{address} leads nowhere"));
                let methods: Vec<&str> = methods.split(", ").collect();
                for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
                    let action = route.action(&method.parse().expect("a method"));
                    // Of a stream, tests/it asks the server itself.
                    if !matches!(route, Route::Stream(..)) {
                        assert_eq!(action.is_some(), methods.contains(&method), "{method} {address}");
                    }
                    let role = role_of(&role, method);
                    assert!(action.is_none_or(|(each, _)| each.to_string() == role), "{method} {address}: {role}");
                }
                let index = each().iter().position(|one| discriminant(one) == discriminant(&route));
                told.insert(index.expect("each kind is in the list"));
            }
        }
        let untold: Vec<_> = each().into_iter().enumerate().filter(|(index, _)| !told.contains(index)).collect();
        assert!(untold.is_empty(), "docs/http-api.md does not tell of {untold:?}");
    }

    #[test]
    fn allow_names_what_an_address_takes() {
        assert_eq!(Route::Status.allowed(), "GET,HEAD");
        assert_eq!(Route::Markers.allowed(), "GET,HEAD,POST");
        assert_eq!(Route::Marker("face-1").allowed(), "GET,HEAD,PATCH,DELETE");
        assert_eq!(Route::Controls("cam").allowed(), "GET,HEAD,PUT");
    }
}
