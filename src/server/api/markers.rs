//! `/api/markers`: reading, posting, changing and deleting markers. What a body may hold is in `marker::draft`; here are the headers, the
//! limits, and the answers.

use crate::{
    camera_name::CameraName,
    marker::{
        Marker,
        draft::{self, AHEAD_MAX, BODY_LEN_MAX},
        is_kind,
    },
    marker_service::{CommandError, LIST_LEN_MAX, MarkerPage},
    server::{
        context::Shared,
        http::{
            answer::{Answer, Call},
            query,
            reply::{json, json_text, later, no_content, plain},
            token_bucket::CHANGES_PER_S,
        },
        origin::Reply,
    },
    store::{Cursor, Query},
    time::WallTime,
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{Request, Uri, body::Incoming, header};
use std::{borrow::Cow, time::Duration};
use tokio::time::timeout;

/// Markers in an answer when the query names no limit.
pub const LIMIT_DEFAULT: usize = 1000;
/// A body must be whole within this time.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_S: u32 = 1;
/// The query of `GET /api/markers`, as typed.
#[derive(Debug, Default)]
struct ListQuery<'a> {
    from: Option<Cow<'a, str>>,
    to: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    limit: Option<Cow<'a, str>>,
    cursor: Option<Cow<'a, str>>,
    /// Read before.
    camera: Option<Cow<'a, str>>,
}

impl<'a> ListQuery<'a> {
    fn parse(query: &'a str) -> Result<ListQuery<'a>, String> {
        let mut fields = ListQuery::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*key {
                "from" => &mut fields.from,
                "to" => &mut fields.to,
                "kind" => &mut fields.kind,
                "limit" => &mut fields.limit,
                "cursor" => &mut fields.cursor,
                "camera" => &mut fields.camera,
                _ => return Err(format!("unknown field `{key}`")),
            };
            if slot.replace(value).is_some() {
                return Err(format!("duplicate field `{key}`"));
            }
        }
        Ok(fields)
    }
}

/// Pages of markers that are made at a time: each is in memory whole, and the store answers one after the other anyway.
pub(in crate::server) const PAGES_AT_ONCE: usize = 2;

/// A page around the JSON of its markers, which is not copied.
fn listing(MarkerPage { json, next }: MarkerPage) -> Reply {
    let next = next.map_or_else(|| "null".to_owned(), |Cursor { begin_ms, number }| format!("\"{begin_ms}-{number}\""));
    let body = vec![Bytes::from_static(b"{\"markers\":["), json.into(), format!("],\"next\":{next}}}\n").into()];
    json_text(200, body)
}

/// `GET /api/markers`.
pub(in crate::server) fn list(Call { shared, request, .. }: Call) -> Answer {
    let camera = match shared.camera(request.uri()) {
        Ok(camera) => camera.clone(),
        Err(reply) => return reply.into(),
    };
    let query = match read_query(request.uri(), &camera.name, camera.clock.wall()) {
        Ok(query) => query,
        Err(why) => return plain(400, why + "\n").into(),
    };
    Answer::held(async move {
        // Held until the answer is counted among those under way.
        let Ok(_turn) = shared.pages.acquire().await else { return refused(&CommandError::Ended) };
        camera.markers.page(query).await.map_or_else(|error| refused(&error), listing)
    })
}

/// `GET /api/markers/{id}`.
pub(in crate::server) fn one(call: Call) -> Answer {
    let id = call.id();
    match call.shared.camera(call.uri()).cloned() {
        Ok(camera) => Answer::held(async move { answer(camera.markers.find(id).await, 200) }),
        Err(reply) => reply.into(),
    }
}

/// `POST /api/markers`.
pub(in crate::server) fn add(Call { shared, request, .. }: Call) -> Answer {
    Answer::held(reply_of(async move {
        let camera = shared.camera(request.uri())?.clone();
        let body = body_of(&shared, request).await?;
        let draft = draft::draft(&body, camera.clock.wall()).map_err(|bad| plain(400, format!("{bad}\n")))?;
        let marker = camera.markers.add(draft).await.map_err(|error| refused(&error))?;
        let mut reply = json(201, &marker);
        // Relative to `/api/markers`, so that a proxy may put all of it under a path of its own (RFC 9110 §10.2.2).
        reply.headers.push(("location", format!("markers/{}", marker.id)));
        Ok(reply)
    }))
}

/// `PATCH /api/markers/{id}`.
pub(in crate::server) fn edit(call: Call) -> Answer {
    let id = call.id();
    let Call { shared, request, .. } = call;
    Answer::held(reply_of(async move {
        let camera = shared.camera(request.uri())?.clone();
        let body = body_of(&shared, request).await?;
        let edit = draft::edit(&body, camera.clock.wall()).map_err(|bad| plain(400, format!("{bad}\n")))?;
        Ok(answer(camera.markers.edit(id, edit).await, 200))
    }))
}

/// `DELETE /api/markers/{id}`.
pub(in crate::server) fn remove(call: Call) -> Answer {
    let id = call.id();
    Answer::held(reply_of(async move {
        may_change(&call.shared)?;
        let camera = call.shared.camera(call.request.uri())?.clone();
        drop(call);
        camera.markers.remove(id).await.map_err(|error| refused(&error))?;
        Ok(no_content())
    }))
}

/// The reply, whichever way it came about.
pub(super) async fn reply_of(reply: impl Future<Output = Result<Reply, Reply>>) -> Reply {
    reply.await.unwrap_or_else(|refusal| refusal)
}

/// Whether one more request may change something now. Those of pages of other origins do not come so far.
pub(super) fn may_change(shared: &Shared) -> Result<(), Reply> {
    if !shared.take_change() {
        return Err(later(429, format!("more than {CHANGES_PER_S} changes a second; slow down\n"), RETRY_AFTER_S));
    }
    Ok(())
}

/// The JSON that a request brings.
pub(super) async fn body_of(shared: &Shared, request: Request<Incoming>) -> Result<Bytes, Reply> {
    may_change(shared)?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // A form or a text can be posted by any page without asking; JSON cannot (Fetch §4.8, CORS preflight).
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(plain(415, "the body must be JSON; send Content-Type: application/json\n"));
    }
    match timeout(BODY_TIMEOUT, Limited::new(request.into_body(), BODY_LEN_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(plain(413, format!("the body is longer than {BODY_LEN_MAX} bytes\n")))
        }
        Ok(Err(error)) => Err(plain(400, format!("the body did not come whole: {error}\n"))),
        Err(_) => Err(plain(408, format!("the body did not come within {} s\n", BODY_TIMEOUT.as_secs()))),
    }
}

fn answer(marker: Result<Marker, CommandError>, status: u16) -> Reply {
    match marker {
        Ok(marker) => json(status, &marker),
        Err(error) => refused(&error),
    }
}

fn refused(error: &CommandError) -> Reply {
    let status = match error {
        CommandError::Past(_) => 400,
        CommandError::NotFound(_) => 404,
        CommandError::Conflict(_) => 409,
        CommandError::TooManyOpen => 429,
        CommandError::Store(_) => 500,
        CommandError::Unkept(_) | CommandError::Busy | CommandError::Ended => 503,
    };
    let text = format!("{error}\n");
    if matches!(status, 429 | 503) { later(status, text, RETRY_AFTER_S) } else { plain(status, text) }
}

/// What a query means, or what is wrong with it.
fn read_query(uri: &Uri, camera: &CameraName, now: WallTime) -> Result<Query, String> {
    let query = ListQuery::parse(uri.query().unwrap_or_default())
        .map_err(|reason| format!("the query is wrong: {reason}; it takes from, to, kind, limit, cursor and camera"))?;
    let time =
        |name: &str, text: Option<&Cow<'_, str>>, default: WallTime| text.map_or(Ok(default), |text| query::time(name, text));
    let (from, to) = (time("from", query.from.as_ref(), WallTime(0))?, time("to", query.to.as_ref(), now + AHEAD_MAX)?);
    if to < from {
        return Err("to is before from".to_owned());
    }
    let kinds: Vec<String> = query.kind.iter().flat_map(|kinds| kinds.split(',')).map(str::to_owned).collect();
    if let Some(bad) = kinds.iter().find(|kind| !is_kind(kind)) {
        return Err(format!("kind {bad:?} is none; send kinds with commas between, like face,door-bell"));
    }
    let limit = query.limit.as_ref().map_or(Ok(LIMIT_DEFAULT), |limit| match limit.parse() {
        Ok(limit) if (1..=LIST_LEN_MAX).contains(&limit) => Ok(limit),
        _ => Err(format!("limit is 1 to {LIST_LEN_MAX}")),
    })?;
    let after =
        query.cursor.as_ref().map(|cursor| cursor_of(cursor).ok_or("cursor is not one of ours; send the `next` of an answer"));
    Ok(Query { camera: camera.clone(), from, to, kinds, limit, after: after.transpose()? })
}

fn cursor_of(text: &str) -> Option<Cursor> {
    let (begin_ms, number) = text.split_once('-')?;
    Some(Cursor { begin_ms: begin_ms.parse().ok()?, number: number.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime(1_795_191_552_123_000);

    #[test]
    fn a_query_is_read_or_refused_with_the_reason() {
        let check = |query: &str, expect: Result<Query, &str>| {
            let uri: Uri = format!("/api/markers?{query}").parse().expect("a URI");
            match (read_query(&uri, &CameraName::default(), NOW), expect) {
                (Err(told), Err(expect)) => assert!(told.contains(expect), "{query}: {told}"),
                (read, expect) => assert_eq!(read, expect.map_err(str::to_owned), "{query}"),
            }
        };
        let all = Query {
            camera: CameraName::default(),
            from: WallTime(0),
            to: NOW + AHEAD_MAX,
            kinds: vec![],
            limit: 1000,
            after: None,
        };
        let hour = Query { from: WallTime(1_795_190_400_000_000), to: WallTime(1_795_194_000_000_000), ..all.clone() };
        check("", Ok(all.clone()));
        check("from=2026-11-20T16:00:00Z&to=1795194000", Ok(hour.clone()));
        check("from=2026-11-20T17:00:00%2B01:00&to=2026-11-20T18:00:00+01:00", Ok(hour));
        let kinds = vec!["face".to_owned(), "cat".to_owned()];
        check("kind=face,cat&limit=5", Ok(Query { kinds, limit: 5, ..all.clone() }));
        check("cursor=1795191552123-17", Ok(Query { after: Some(Cursor { begin_ms: 1_795_191_552_123, number: 17 }), ..all }));
        check("from=yesterday", Err("from is no time"));
        check("from=NaN", Err("from is no time"));
        check("to=1e400", Err("to is no time"));
        check("from=20&to=10", Err("to is before from"));
        check("kind=Face", Err("kind \"Face\" is none"));
        check("kind=", Err("kind \"\" is none"));
        check("limit=0", Err("limit is 1 to 10000"));
        check("limit=10001", Err("limit is 1 to 10000"));
        check("limit=-1", Err("limit is 1 to 10000"));
        check("cursor=x", Err("cursor is not one of ours"));
        check("ts_start=5", Err("unknown field `ts_start`"));
        check("from=1&from=2", Err("duplicate field `from`"));
    }
}
