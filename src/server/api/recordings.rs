//! `/api/recordings`: stretches of the history that somebody wants to keep ([`crate::archive::recordings`]), as JSON and as files.

use super::markers::{body_of, may_change, reply_of};
use crate::{
    archive::recordings::{Cause, Change, Draft, Recording, RecordingError, Recordings},
    camera::{Camera, keep::KeepError},
    marker::draft::{self, AHEAD_MAX, BadJson, Time},
    server::{
        context::Shared,
        http::{
            answer::{Answer, Call},
            reply::{json, later, no_content, plain},
        },
        origin::{Reply, handler::recorded},
    },
    time::{Span, WallTime},
    window::footage::TimeRange,
};
use serde::Deserialize;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Longest name, in characters: a line of a list.
const NAME_CHARS_MAX: usize = 200;
/// How far ahead a recording may end, in seconds: what lies further ahead is a mistake.
const LENGTH_MAX_S: f64 = 31.0 * 24.0 * 3600.0;
/// Longest way back from `from`, in seconds.
const PRE_ROLL_MAX_S: f64 = 24.0 * 3600.0;
/// How the address of a file ends.
const FILE_SUFFIX: &str = ".mp4";
/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_S: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    name: Option<String>,
    from: Option<Time>,
    to: Option<Time>,
    pre_roll_s: Option<f64>,
    duration_s: Option<f64>,
    protect: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patched {
    #[serde(default, deserialize_with = "draft::present")]
    name: Option<Option<String>>,
    to: Option<Time>,
    stop: Option<bool>,
    protect: Option<bool>,
}

fn bad<T>(why: impl Into<String>) -> Result<T, BadJson> {
    Err(BadJson(why.into()))
}

/// Reads a recording to be made: it begins now unless it says otherwise, and goes on unless it says how long.
fn read_draft(body: &[u8], now: WallTime) -> Result<Draft, BadJson> {
    let Posted { name, from, to, pre_roll_s, duration_s, protect } = draft::parse(body)?;
    let pre_roll = pre_roll_s.map_or(Ok(Span::ZERO), |s| span("pre_roll_s", s, PRE_ROLL_MAX_S))?;
    let begin = from.map_or(Ok(now.whole_ms()), |from| draft::time("from", from, now))?;
    let to = match (to, duration_s) {
        (Some(_), Some(_)) => return bad("send to or duration_s, not both"),
        (Some(to), None) => Some(end("to", to, now)?),
        (None, Some(s)) => Some(begin + span("duration_s", s, LENGTH_MAX_S)?),
        (None, None) => None,
    };
    let from = begin + Span(-pre_roll.0);
    if to.is_some_and(|to| to <= from) {
        return bad(format!("to is not after from ({from})"));
    }
    let (protect, name) = (protect.unwrap_or(true), self::name(name)?);
    Ok(Draft { name, from, to, protect, keep: None, cause: Cause::Request })
}

/// Reads a change.
fn read_change(body: &[u8], now: WallTime) -> Result<Change, BadJson> {
    let Patched { name, to, stop, protect } = draft::parse(body)?;
    let to = match (to, stop) {
        (Some(_), Some(_)) => return bad("send to or stop, not both"),
        (Some(to), None) => Some(end("to", to, now)?),
        (None, Some(true)) => Some(now.whole_ms()),
        (None, Some(false)) => return bad("stop is true, or left out"),
        (None, None) => None,
    };
    if name.is_none() && to.is_none() && protect.is_none() {
        return bad("nothing would change; send name, to, stop or protect");
    }
    Ok(Change { name: name.map(self::name).transpose()?, to, protect })
}

/// An end, which may lie ahead.
fn end(field: &str, time: Time, now: WallTime) -> Result<WallTime, BadJson> {
    let latest = now + Span::from_ms((LENGTH_MAX_S * 1000.0) as i64);
    draft::time(field, time, latest + Span(-AHEAD_MAX.0))
}

fn span(field: &str, seconds: f64, max: f64) -> Result<Span, BadJson> {
    if (0.0..=max).contains(&seconds) {
        Ok(Span::from_ms((seconds * 1000.0).round() as i64))
    } else {
        bad(format!("{field} is 0 to {max} seconds"))
    }
}

/// A name without a visible character is none.
fn name(name: Option<String>) -> Result<Option<String>, BadJson> {
    match name {
        Some(name) if name.chars().count() > NAME_CHARS_MAX => bad(format!("name is longer than {NAME_CHARS_MAX} characters")),
        name => Ok(name.filter(|name| !draft::is_blank(name))),
    }
}

/// The recordings of a camera, or why it has none.
fn recordings_of(camera: &Camera) -> Result<Arc<Recordings>, Reply> {
    camera.recordings.clone().ok_or_else(|| refusal(&KeepError::NoStorage))
}

/// `GET /api/recordings`.
pub(in crate::server) fn list(Call { shared, request, .. }: Call) -> Answer {
    match shared.camera(request.uri()) {
        Ok(camera) => {
            let all = camera.recordings.as_ref().map_or_else(Vec::new, |recordings| recordings.list());
            json(200, &serde_json::json!({ "recordings": all })).into()
        }
        Err(reply) => reply.into(),
    }
}

/// `GET /api/recordings/{id}`, and its file.
pub(in crate::server) fn one(call: Call) -> Answer {
    let id = call.id();
    let camera = match call.shared.camera(call.uri()) {
        Ok(camera) => camera.clone(),
        Err(reply) => return reply.into(),
    };
    let (id, is_file) = id.strip_suffix(FILE_SUFFIX).map_or((&*id, false), |id| (id, true));
    match camera.recordings.as_ref().and_then(|recordings| recordings.find(id)) {
        None => refused(&RecordingError::NotFound).into(),
        Some(found) if is_file => {
            let to = found.to.unwrap_or(WallTime(i64::MAX)).min(camera.clock.wall());
            if to <= found.from {
                return plain(404, "there is no footage of this recording yet\n").into();
            }
            recorded(call, camera, TimeRange { from: found.from, to }, file_name(&found))
        }
        Some(found) => json(200, &found).into(),
    }
}

/// What a browser saves it as: its name as far as it can stand in a header and a file system, or else its id.
fn file_name(recording: &Recording) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || " ._-+".contains(char);
    let name: String =
        recording.name.iter().flat_map(|name| name.chars()).map(|char| if is_plain(char) { char } else { '_' }).collect();
    let name = name.trim().trim_start_matches('.');
    let stem = if name.chars().any(|char| char.is_ascii_alphanumeric()) { name } else { &recording.id };
    format!("{stem}{FILE_SUFFIX}")
}

/// `POST /api/recordings`.
pub(in crate::server) fn add(Call { shared, request, .. }: Call) -> Answer {
    Answer::held(reply_of(async move {
        let camera = shared.camera(request.uri())?.clone();
        recordings_of(&camera)?;
        let body = body_of(&shared, request).await?;
        let draft = read_draft(&body, camera.clock.wall()).map_err(|bad| plain(400, format!("{bad}\n")))?;
        let made = change(&shared, move || camera.keep(draft)).await?;
        let mut reply = json(201, &made);
        // Relative to `/api/recordings`, as that of a marker.
        reply.headers.push(("location", format!("recordings/{}", made.id)));
        Ok(reply)
    }))
}

/// `PATCH /api/recordings/{id}`.
pub(in crate::server) fn edit(call: Call) -> Answer {
    let id = call.id();
    let Call { shared, request, .. } = call;
    Answer::held(reply_of(async move {
        let camera = shared.camera(request.uri())?.clone();
        let recordings = recordings_of(&camera)?;
        let body = body_of(&shared, request).await?;
        let now = camera.clock.wall();
        let edit = read_change(&body, now).map_err(|bad| plain(400, format!("{bad}\n")))?;
        Ok(json(200, &change(&shared, move || Ok(recordings.change(&id, edit, now)?)).await?))
    }))
}

/// `DELETE /api/recordings/{id}`.
pub(in crate::server) fn remove(call: Call) -> Answer {
    let id = call.id();
    Answer::held(reply_of(async move {
        may_change(&call.shared)?;
        let camera = call.shared.camera(call.request.uri())?.clone();
        let shared = call.shared.clone();
        drop(call);
        let recordings = recordings_of(&camera)?;
        change(&shared, move || Ok(recordings.remove(&id, camera.clock.wall())?)).await?;
        Ok(no_content())
    }))
}

/// Changes something, where waiting for the disk holds up nobody else.
async fn change<T: Send + 'static>(
    shared: &Shared,
    change: impl FnOnce() -> Result<T, KeepError> + Send + 'static,
) -> Result<T, Reply> {
    let turn = shared.looks.clone().try_acquire_owned().map_err(|_| Shared::too_many_looks())?;
    let changed = spawn_blocking(move || {
        let _turn = turn;
        change()
    });
    match changed.await {
        Ok(Ok(changed)) => Ok(changed),
        Ok(Err(error)) => Err(refusal(&error)),
        Err(_) => Err(plain(500, "the recording could not be changed: a bug, which is in the log\n")),
    }
}

fn refusal(error: &KeepError) -> Reply {
    match error {
        KeepError::Recording(error) => refused(error),
        KeepError::NoFootage(_) => plain(400, format!("{error}\n")),
        KeepError::NoStorage => plain(409, format!("{error}\n")),
    }
}

fn refused(error: &RecordingError) -> Reply {
    let text = format!("{error}\n");
    match error {
        RecordingError::NotFound => plain(404, text),
        RecordingError::Order(_) => plain(400, text),
        RecordingError::TooMany => plain(409, text),
        RecordingError::Disk(_) => later(503, text, RETRY_AFTER_S),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime(1_795_191_552_000_000);

    #[test]
    fn a_recording_begins_now_and_goes_on_unless_it_says_otherwise() {
        let after = |s: i64| NOW + Span::from_ms(s * 1000);
        let read = |body: &str| read_draft(body.as_bytes(), NOW).map_err(|bad| bad.to_string());
        let open = Draft { name: None, from: NOW, to: None, protect: true, keep: None, cause: Cause::Request };
        assert_eq!(read("{}"), Ok(open.clone()));
        assert_eq!(read(r#"{"pre_roll_s": 10, "name": " "}"#), Ok(Draft { from: after(-10), ..open.clone() }));
        let named = Draft { name: Some("door".to_owned()), from: after(-30), to: Some(after(0)), protect: false, ..open.clone() };
        assert_eq!(read(r#"{"name": "door", "from": 1795191522, "duration_s": 30, "protect": false}"#), Ok(named));
        let ahead = Draft { from: after(-5), to: Some(after(3600)), ..open };
        assert_eq!(read(r#"{"to": "2026-11-20T17:19:12Z", "pre_roll_s": 5}"#), Ok(ahead));
        for (body, why) in [
            (r#"{"from": "noon"}"#, "from is no time"),
            (r#"{"from": "2026-11-20T17:19:12Z"}"#, "from lies in the future"),
            (r#"{"to": "2027-11-20T17:19:12Z"}"#, "to lies in the future"),
            (r#"{"from": 1795191522, "to": 1795191522}"#, "to is not after from"),
            (r#"{"duration_s": 0}"#, "to is not after from"),
            (r#"{"duration_s": -1}"#, "duration_s is 0 to 2678400 seconds"),
            (r#"{"pre_roll_s": 1e9}"#, "pre_roll_s is 0 to 86400 seconds"),
            (r#"{"duration_s": 3, "to": 1795191600}"#, "send to or duration_s"),
            (r#"{"length": 3}"#, "the body is not the JSON that is wanted here"),
            ("", "the body is not the JSON that is wanted here"),
        ] {
            assert!(read(body).is_err_and(|said| said.starts_with(why)), "{body}: {:?}", read(body));
        }
    }

    #[test]
    fn a_change_says_what_changes() {
        let read = |body: &str| read_change(body.as_bytes(), NOW).map_err(|bad| bad.to_string());
        assert_eq!(read(r#"{"stop": true}"#), Ok(Change { to: Some(NOW), ..Change::default() }));
        assert_eq!(read(r#"{"name": null, "protect": false}"#), Ok(Change { name: Some(None), to: None, protect: Some(false) }));
        for (body, why) in [
            ("{}", "nothing would change"),
            (r#"{"stop": false}"#, "stop is true"),
            (r#"{"stop": true, "to": 5}"#, "send to or stop"),
        ] {
            assert!(read(body).is_err_and(|said| said.starts_with(why)), "{body}: {:?}", read(body));
        }
    }

    #[test]
    fn a_file_is_named_as_its_recording_where_that_is_a_name() {
        let recording = |name: &str| Recording {
            id: "recording-7".to_owned(),
            camera: Default::default(),
            name: Some(name.to_owned()),
            from: NOW,
            to: None,
            protect: true,
            protected_until: None,
            cause: Cause::Request,
            file: String::new(),
        };
        let named = |name: &str| file_name(&recording(name));
        assert_eq!(named("Front door"), "Front door.mp4");
        assert_eq!(named("../a\"b\r\n/é"), "_a_b____.mp4");
        assert_eq!([named("日本"), named("...")], ["recording-7.mp4", "recording-7.mp4"]);
    }
}
