//! Logging in and out by the page, who is logged in, and which sessions there are.

use super::markers::reply_of;
use crate::{
    events::EventKind,
    server::{
        auth::{
            credential::NamedPassword,
            door::{Failed, Refused},
        },
        context::Shared,
        http::{
            answer::{Answer, Call},
            reply::{escaped, json, later, no_content, plain, text_of},
        },
        origin::Reply,
    },
    users::{Role, UserName},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{HeaderMap, header};
use std::{net::IpAddr, time::Duration};
use tokio::time::timeout;

/// Longest form, in bytes: a name, a password and where to go, all escaped.
const FORM_LEN_MAX: usize = 8 * 1024;
/// A form must be whole within this time.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds after which who was turned away may come again.
const RETRY_AFTER_S: u32 = 2;
/// The page, and what stands in it in place of what is wrong and of where to go.
const PAGE: &str = "/login.html";
const TROUBLE: &str = "<!-- trouble -->";
const NEXT: &str = "<!-- next -->";

const WRONG: &str = "That name or password is wrong.";
/// To a form without its token: another page has sent it, or it is from yesterday.
const NOT_OURS: &str = "This form was too old, or this browser keeps no cookies; type it again.";
const BUSY: &str = "Too many log in at this moment; try again.";

/// `GET /login`: the page.
pub(in crate::server) fn page(Call { shared, client, request, .. }: Call) -> Answer {
    if !shared.door.is_guarded() {
        return see_other("./".to_owned()).into();
    }
    let query = request.uri().query().unwrap_or_default();
    let next = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "next").map(|(_, next)| next.into_owned());
    form(&shared, (request.headers(), client.is_tls), (200, ""), &next.unwrap_or_default()).into()
}

/// The page with a form, and what was wrong with the last try.
fn form(shared: &Shared, (asked, is_tls): (&HeaderMap, bool), (status, trouble): (u16, &str), next: &str) -> Reply {
    let Some(asset) = shared.file(PAGE) else { return plain(500, "the page is not there; please report this\n") };
    let text = String::from_utf8_lossy(asset.plain()).into_owned();
    let trouble =
        if trouble.is_empty() { String::new() } else { format!("<p class=\"error\" role=\"alert\">{}</p>", escaped(trouble)) };
    let next = format!("<input type=\"hidden\" name=\"next\" value=\"{}\">", escaped(next));
    let Some((token, cookie)) = shared.door.form_token(asked, is_tls) else {
        return plain(500, "the form cannot be made; the log says why\n");
    };
    let token = format!("<input type=\"hidden\" name=\"token\" value=\"{token}\">");
    let body = text.replace(TROUBLE, &trouble).replace(NEXT, &(next + &token));
    let headers = vec![
        ("content-type", "text/html; charset=utf-8".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("set-cookie", cookie),
    ];
    Reply { status, headers, body: vec![Bytes::from(body)], rest: None }
}

/// `POST /login`: the form. A right one begins a session and leads to the page.
pub(in crate::server) fn log_in(call: Call) -> Answer {
    let Call { shared, client, request, .. } = call;
    Answer::held(reply_of(async move {
        if !shared.door.is_guarded() {
            return Ok(see_other("./".to_owned()));
        }
        let headers = request.headers().clone();
        let address = client.address;
        let body = timeout(FORM_TIMEOUT, Limited::new(request.into_body(), FORM_LEN_MAX).collect()).await;
        let Ok(Ok(body)) = body else { return Err(plain(400, "the form did not come whole\n")) };
        let Form { typed, next, token } = Form::parse(&body.to_bytes());
        if !shared.door.is_own_form(&headers, &token) {
            return Ok(form(&shared, (&headers, client.is_tls), (403, NOT_OURS), &next));
        }
        match shared.door.check(typed, address).await {
            Ok(visitor) => {
                shared.counts.logins.bump();
                let who = visitor.name.as_ref().map_or("with the password", UserName::as_str).to_owned();
                tracing::info!("login from {address}: {who}");
                let agent = text_of(&headers, header::USER_AGENT).unwrap_or_default();
                let cookie = shared.door.begin_session(&visitor, address, agent, client.is_tls);
                let cookie = cookie.ok_or_else(|| plain(500, "no session could be begun; the log says why\n"))?;
                let mut reply = see_other(target(&next));
                reply.headers.push(("set-cookie", cookie));
                Ok(reply)
            }
            Err(failed) => {
                note_failed(&shared, address, &failed);
                let (status, trouble) = match failed.refused {
                    Refused::Wrong => (401, WRONG.to_owned()),
                    Refused::Busy => (503, BUSY.to_owned()),
                    Refused::Wait(wait) => (429, format!("There were too many wrong tries; wait {} s.", wait.as_s().ceil())),
                };
                let mut reply = form(&shared, (&headers, client.is_tls), (status, &trouble), &next);
                reply.headers.extend(retry_after(&failed.refused));
                Ok(reply)
            }
        }
    }))
}

/// What the form holds.
struct Form {
    typed: NamedPassword,
    next: String,
    /// That of the page that the form stood in.
    token: String,
}

impl Form {
    fn parse(body: &[u8]) -> Form {
        let mut form = Form {
            typed: NamedPassword { name: String::new(), password: String::new() },
            next: String::new(),
            token: String::new(),
        };
        for (key, value) in form_urlencoded::parse(body) {
            match &*key {
                "name" => form.typed.name = value.trim().to_owned(),
                "password" => form.typed.password = value.into_owned(),
                "token" => form.token = value.into_owned(),
                "next" => form.next = value.into_owned(),
                _ => {}
            }
        }
        form
    }
}

/// The other page that a login leads to.
const SEND_PAGE: &str = "send";

/// Where the page leads after a login: to itself, with the query that it had. Never to another origin.
fn target(next: &str) -> String {
    let is_query = next.len() <= 1000
        && next.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\'));
    let (page, query) = next.split_at(next.find('?').unwrap_or(next.len()));
    match page {
        "" | SEND_PAGE if is_query => format!("./{page}{query}"),
        _ => "./".to_owned(),
    }
}

/// `POST /logout`: the session of this browser is over.
pub(in crate::server) fn log_out(Call { shared, client, visitor, .. }: Call) -> Answer {
    let mut reply = see_other("login".to_owned());
    if let Some(cookie) = shared.door.end_session(&visitor, client.is_tls) {
        tracing::info!("logout: {}", visitor.name.as_ref().map_or("with the password", UserName::as_str));
        reply.headers.push(("set-cookie", cookie));
    }
    reply.into()
}

/// `GET /api/session`: who asks, and what that visitor may do.
pub(in crate::server) fn session(Call { shared, visitor, .. }: Call) -> Answer {
    let name = visitor.name.as_ref().map(UserName::as_str);
    let body = serde_json::json!({
        "protected": shared.door.is_guarded(),
        "user": name,
        "role": visitor.role.name(),
        "session": visitor.session.is_some(),
    });
    json(200, &body).into()
}

/// `GET /api/sessions`: the browsers that are logged in; an admin sees all, others their own.
pub(in crate::server) fn sessions(Call { shared, visitor, .. }: Call) -> Answer {
    let listed: Vec<_> = shared
        .door
        .sessions(&visitor)
        .into_iter()
        .map(|(id, session, is_own)| {
            serde_json::json!({
                "id": id,
                "user": session.name,
                "begun": crate::time::WallTime(session.begun).to_string(),
                "seen": crate::time::WallTime(session.seen).to_string(),
                "address": session.address.to_string(),
                "browser": session.agent,
                "this": is_own,
            })
        })
        .collect();
    json(200, &serde_json::json!({ "sessions": listed })).into()
}

/// `DELETE /api/sessions/{id}`: that browser is logged in no more.
pub(in crate::server) fn revoke(call: Call) -> Answer {
    let is_ended = call.shared.door.revoke(&call.visitor, &call.id());
    if is_ended { no_content().into() } else { plain(404, "there is no session of that id that you may end\n").into() }
}

/// The answer to who must say first who asks. A page that somebody opens leads to the login; programs are told by the scheme what to send,
/// and scripts of a page are not, for a browser would ask by a window of its own.
pub(in crate::server) fn unauthorized(headers: &HeaderMap, is_page: bool, next: Option<&str>) -> Reply {
    // Without TLS browsers tell nothing else of themselves.
    let begins_as_browser = text_of(headers, header::USER_AGENT).is_some_and(|agent| agent.starts_with("Mozilla/"));
    let takes_pages = text_of(headers, header::ACCEPT).is_some_and(|types| types.contains("text/html"));
    let is_browser = headers.contains_key("sec-fetch-mode") || begins_as_browser || takes_pages;
    if is_page && is_browser && !headers.contains_key(header::AUTHORIZATION) {
        let next = next.map(|next| form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish());
        return see_other(next.map_or("login".to_owned(), |next| format!("login?{next}")));
    }
    let mut reply = plain(401, "a user and a password are needed here: log in on the page, or send them by HTTP Basic\n");
    if !is_browser {
        reply.headers.push(("www-authenticate", "Basic realm=\"hlscam\", charset=\"UTF-8\"".to_owned()));
    }
    reply
}

/// The answer to a name and a password that let nobody in.
pub(in crate::server) fn refused(shared: &Shared, address: IpAddr, failed: &Failed) -> Reply {
    note_failed(shared, address, failed);
    match failed.refused {
        Refused::Wrong => {
            let mut reply = plain(401, "that name or password is wrong\n");
            reply.headers.push(("www-authenticate", "Basic realm=\"hlscam\", charset=\"UTF-8\"".to_owned()));
            reply
        }
        Refused::Busy => later(503, "too many log in at this moment; come again\n", RETRY_AFTER_S),
        Refused::Wait(wait) => {
            let wait = wait.as_s().ceil() as u32;
            later(429, format!("there were too many wrong passwords; wait {wait} s\n"), wait)
        }
    }
}

fn retry_after(refused: &Refused) -> Option<(&'static str, String)> {
    match refused {
        Refused::Wrong => None,
        Refused::Busy => Some(("retry-after", RETRY_AFTER_S.to_string())),
        Refused::Wait(wait) => Some(("retry-after", wait.as_s().ceil().to_string())),
    }
}

/// The answer to who may watch, and not this.
pub(in crate::server) fn forbidden(role: Role, needed: Role) -> Reply {
    plain(403, format!("this needs the role {needed}, and yours is {role}; an admin gives another by `hlscam user role`\n"))
}

/// A count, a line in the log and an event. A name is told only where there is such a user: else it may be a password.
fn note_failed(shared: &Shared, address: IpAddr, failed: &Failed) {
    // Else nothing was checked; a wait was told of by the wrong password that it began with.
    if failed.refused != Refused::Wrong {
        return;
    }
    shared.counts.logins_failed.bump();
    if !shared.takes_note_of_failure() {
        return;
    }
    let who = failed.name.as_deref().unwrap_or("a name that nobody has");
    tracing::warn!("login refused from {address}: {who}, wrong password");
    let camera = &shared.cameras[0].camera;
    camera.markers.events.publish(camera.clock.wall(), EventKind::LoginFailed(format!("wrong password for {who} from {address}")));
}

/// 303, to another address of the page, which nobody may keep.
fn see_other(to: String) -> Reply {
    let headers = vec![("location", to), ("cache-control", "no-store".to_owned())];
    Reply { status: 303, headers, body: vec![], rest: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_the_page_alone() {
        assert_eq!(target("?camera=porch&kiosk"), "./?camera=porch&kiosk");
        assert_eq!(target("send?camera=porch"), "./send?camera=porch");
        assert_eq!(target("send"), "./send");
        for other in [
            "",
            "send/x",
            "sender?a",
            "https://evil.example",
            "//evil.example",
            "/x",
            "?a b",
            "?a#b",
            "?a\r\nset-cookie: b",
            "?\\evil",
            "?\"x",
        ] {
            assert_eq!(target(other), "./", "{other}");
        }
    }

    #[test]
    fn a_page_leads_to_the_login_and_a_program_is_told_what_to_send() {
        let headers = |lines: &[(&'static str, &'static str)]| -> HeaderMap {
            lines.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
        };
        let check = |lines: &[(&'static str, &'static str)], is_page, expect: (u16, Option<&str>, bool)| {
            let reply = unauthorized(&headers(lines), is_page, Some("?camera=porch&x=1"));
            let value = |wanted: &str| reply.headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
            assert_eq!((reply.status, value("location"), value("www-authenticate").is_some()), expect, "{lines:?}");
        };
        let browser = ("accept", "text/html,*/*");
        check(&[browser], true, (303, Some("login?next=%3Fcamera%3Dporch%26x%3D1"), false));
        check(&[("sec-fetch-mode", "cors")], false, (401, None, false));
        check(&[("accept", "*/*")], true, (401, None, true));
        check(&[], false, (401, None, true));
        check(&[("user-agent", "Mozilla/5.0"), ("accept", "*/*")], false, (401, None, false));
    }

    #[test]
    fn what_stands_in_the_page_is_escaped() {
        assert_eq!(escaped("<b a=\"&\">"), "&lt;b a=&quot;&amp;&quot;&gt;");
    }
}
