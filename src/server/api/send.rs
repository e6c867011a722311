//! `/api/cameras/NAME/send`: a browser that is the camera ([`crate::source::inbox`]). Asked plainly it gives the page a token and says who
//! sends; a WebSocket (RFC 6455) takes what is sent.

mod hello;
mod socket;
mod ticket;

pub(in crate::server) use ticket::Tickets;

use crate::{
    camera::Camera,
    server::{
        context::camera_asked,
        http::{
            answer::{Answer, Call},
            reply::{json, later, list_of, plain, respond},
        },
        origin::Reply,
        routes::Route,
    },
    source::inbox::{Inbox, Who},
    users::UserName,
};
use hyper::{HeaderMap, Method, Version, header, upgrade};
use socket::Connected;
use std::{net::IpAddr, sync::Arc};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Connections of senders at a time: one for each camera, and those who are told that somebody else sends.
pub(in crate::server) const SENDERS_MAX: usize = 32;
/// Of these from one address.
pub(in crate::server) const SENDERS_PER_ADDRESS_MAX: usize = 8;
/// Of these from the loopback address, where a reverse proxy connects from.
pub(in crate::server) const SENDERS_OF_PROXY_MAX: usize = 24;
/// Seconds after which a sender that was turned away may come again.
const RETRY_AFTER_S: u32 = 5;
/// The one version of the protocol there is (RFC 6455 §4.1).
const VERSION: &str = "13";

/// `GET /api/cameras/NAME/send`: a token, and who sends; or the WebSocket that is asked for.
pub(in crate::server) fn send(call: Call) -> Answer {
    let told = match receiver(&call) {
        Ok((camera, inbox)) if is_upgrade(&call) => connect(call, camera, inbox),
        Ok((camera, inbox)) => Ok(state(&call, &camera, &inbox)),
        Err(refused) => Err(refused),
    };
    told.unwrap_or_else(|refused| refused).into()
}

/// Whether the request asks for another protocol; HEAD asks for nothing but a head.
fn is_upgrade(call: &Call) -> bool {
    call.request.method() == Method::GET && call.request.headers().contains_key(header::UPGRADE)
}

/// The camera that the path names, and where its sender sends to.
fn receiver(call: &Call) -> Result<(Arc<Camera>, Arc<Inbox>), Reply> {
    let name = if let Some(Route::Send(name)) = Route::parse(call.uri().path()) { name } else { "" };
    let served = call.shared.find(name).ok_or_else(|| call.shared.no_camera())?;
    let inbox = served.camera.inbox.clone().ok_or_else(|| {
        plain(409, format!("no browser can send to {name}; start hlscam with --device browser for a camera that one can\n"))
    })?;
    Ok((served.camera.clone(), inbox))
}

fn state(call: &Call, camera: &Camera, inbox: &Inbox) -> Reply {
    let Some(token) = call.shared.tickets.issue(&camera.name, &call.visitor, camera.clock.wall()) else {
        return plain(500, "the system gives no random bytes, so nobody can send\n");
    };
    let sender = inbox.sender().map(|(Who(who), since)| serde_json::json!({ "who": who, "since": since.to_string() }));
    json(200, &serde_json::json!({ "camera": camera.name.as_str(), "token": token, "sender": sender }))
}

/// Changes to the protocol of WebSockets; what comes then is taken by a task of its own.
fn connect(mut call: Call, camera: Arc<Camera>, inbox: Arc<Inbox>) -> Result<Reply, Reply> {
    let accept = accepted(call.request.version(), call.request.headers())?;
    let permit = call
        .shared
        .senders
        .admit(call.client.address)
        .map_err(|refusal| later(503, format!("too many senders: {refusal}; come again soon\n"), RETRY_AFTER_S))?;
    let from = call.client.address;
    let upgrading = upgrade::on(&mut call.request);
    let who = Who(who(call.visitor.name.as_ref(), from));
    let connected = Connected { shared: call.shared, camera, inbox, visitor: call.visitor, who };
    tokio::spawn(async move {
        connected.serve(upgrading).await;
        drop(permit);
    });
    let headers = vec![("connection", "upgrade".to_owned()), ("upgrade", "websocket".to_owned()), ("sec-websocket-accept", accept)];
    Ok(Reply { status: 101, headers, body: vec![], rest: None })
}

/// A user with its address; where there are no users, the address.
fn who(name: Option<&UserName>, from: IpAddr) -> String {
    name.map_or_else(|| from.to_string(), |name| format!("{} ({from})", name.as_str()))
}

/// What a WebSocket is accepted with (RFC 6455 §4.2.2), or why the request is none.
fn accepted(version: Version, headers: &HeaderMap) -> Result<String, Reply> {
    let has = |name, wanted: &str| {
        list_of(headers, name).is_some_and(|list| list.split(',').any(|each| each.trim().eq_ignore_ascii_case(wanted)))
    };
    if version != Version::HTTP_11 || !has(header::UPGRADE, "websocket") || !has(header::CONNECTION, "upgrade") {
        return Err(plain(400, "this is no request for a WebSocket, as RFC 6455 §4.1 wants it, over HTTP/1.1\n"));
    }
    if !has(header::SEC_WEBSOCKET_VERSION, VERSION) {
        let mut reply = plain(426, format!("WebSockets are spoken here in version {VERSION} alone\n"));
        reply.headers.push(("sec-websocket-version", VERSION.to_owned()));
        return Err(reply);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| !key.is_empty());
    key.map(|key| derive_accept_key(key.as_bytes())).ok_or_else(|| plain(400, "Sec-WebSocket-Key is missing\n"))
}

/// `GET /send`: the page, of the camera that is named, or of the only one that a browser can send to.
pub(in crate::server) fn page(Call { shared, request, .. }: Call) -> Answer {
    /// What stands in the page in place of the camera's name.
    const CAMERA: &str = "data-camera=\"cam\"";
    /// What of the device the page may use (Permissions Policy): its camera, and a screen that stays on.
    const MAY_USE: &str = "camera=(self), screen-wake-lock=(self), microphone=(), geolocation=(), display-capture=()";
    let names: Vec<&str> = shared.cameras().filter(|camera| camera.inbox.is_some()).map(|camera| camera.name.as_str()).collect();
    let name = match (camera_asked(request.uri()), &names[..]) {
        (Some(asked), _) if names.contains(&asked) => asked,
        (None, [only]) => only,
        (Some(asked), _) if shared.find(asked).is_none() => return shared.no_camera().into(),
        (_, []) => return plain(404, "no browser can send here; start hlscam with --device browser\n").into(),
        (_, names) => {
            let paths: Vec<String> = names.iter().map(|name| format!("/send?camera={name}")).collect();
            return plain(404, format!("a browser can send to {}\n", paths.join(", "))).into();
        }
    };
    let Some(asset) = shared.file("/send") else { return plain(500, "the page is not there; please report this\n").into() };
    let text = String::from_utf8_lossy(asset.plain()).replace(CAMERA, &format!("data-camera=\"{name}\""));
    let headers = vec![
        ("content-type", "text/html; charset=utf-8".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("permissions-policy", MAY_USE.to_owned()),
    ];
    respond(Reply { status: 200, headers, body: vec![text.into()], rest: None }).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_a_websocket_is_accepted_as_the_rfc_says() {
        let check = |version: Version, lines: &[(&'static str, &'static str)], expect: Result<&str, u16>| {
            let headers = lines.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
            let accepted = accepted(version, &headers.collect());
            assert_eq!(accepted.map_err(|reply| reply.status), expect.map(str::to_owned), "{lines:?}");
        };
        let (upgrade, connection) = (("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade"));
        let (version, key) = (("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="));
        check(Version::HTTP_11, &[upgrade, connection, version, key], Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        check(Version::HTTP_2, &[upgrade, connection, version, key], Err(400));
        check(Version::HTTP_11, &[("upgrade", "h2c"), connection, version, key], Err(400));
        check(Version::HTTP_11, &[upgrade, version, key], Err(400));
        check(Version::HTTP_11, &[upgrade, connection, ("sec-websocket-version", "8"), key], Err(426));
        check(Version::HTTP_11, &[upgrade, connection, version], Err(400));
    }
}
