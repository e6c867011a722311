//! `POST /api/links`: a link that lets others watch a camera, or have a stretch of it, for a while.

use super::markers::{body_of, reply_of};
use crate::{
    marker::draft::{self, BadJson, Time},
    server::{
        auth::link::{LINK_SPAN_MAX, Link, PARAMETER},
        http::{
            answer::{Answer, Call},
            reply::{json, plain},
        },
        origin::clip,
    },
    time::{Span, WallTime},
    users::UserName,
};
use serde::Deserialize;

/// How long a link lives when nothing is said.
const HOURS_DEFAULT: f64 = 24.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    from: Option<Time>,
    to: Option<Time>,
    hours: Option<f64>,
}

/// `POST /api/links?camera=NAME`.
pub(in crate::server) fn add(call: Call) -> Answer {
    let Call { shared, visitor, request, .. } = call;
    Answer::held(reply_of(async move {
        let camera = shared.camera(request.uri())?.clone();
        let body = body_of(&shared, request).await?;
        let now = camera.clock.wall();
        let (stretch, until) = read(&body, now).map_err(|bad| plain(400, format!("{bad}\n")))?;
        let sealed = shared.door.sharer(&visitor).and_then(|by| {
            let link = Link { camera: camera.name.clone(), stretch, until, by };
            shared.door.seal(&link)
        });
        let Some(sealed) = sealed else {
            return Err(plain(409, "everybody may watch here, so that any address is a link\n"));
        };
        let name = &camera.name;
        let url = match stretch {
            Some((from, to)) => format!("{name}/{}?from={from}&to={to}&{PARAMETER}={sealed}", clip::NAME),
            None => format!("./?camera={name}&{PARAMETER}={sealed}"),
        };
        let stream = stretch.is_none().then(|| format!("{name}/index.m3u8?{PARAMETER}={sealed}"));
        let who = visitor.name.as_ref().map_or("who has the password", UserName::as_str);
        tracing::info!("{who} shares {name} until {until}{}", if stretch.is_some() { ", a stretch of it" } else { "" });
        Ok(json(201, &serde_json::json!({"url": url, "stream": stream, "until": until.to_string()})))
    }))
}

/// The stretch, if it is one, and when the link expires.
fn read(body: &[u8], now: WallTime) -> Result<(Option<(WallTime, WallTime)>, WallTime), BadJson> {
    let bad = |why: String| Err(BadJson(why));
    let Posted { from, to, hours } = draft::parse(body)?;
    let hours = hours.unwrap_or(HOURS_DEFAULT);
    let hours_max = LINK_SPAN_MAX.as_s() / 3600.0;
    if !(hours > 0.0 && hours <= hours_max) {
        return bad(format!("hours is more than 0 and at most {hours_max}"));
    }
    let stretch = match (from, to) {
        (None, None) => None,
        (Some(from), Some(to)) => Some((draft::time("from", from, now)?.whole_ms(), draft::time("to", to, now)?.whole_ms())),
        _ => return bad("a stretch has from and to; send both, or none for all of the camera".to_owned()),
    };
    if stretch.is_some_and(|(from, to)| to <= from) {
        return bad("to is not after from".to_owned());
    }
    Ok((stretch, now + Span::from_ms((hours * 3_600_000.0) as i64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_for_a_while_and_for_all_or_a_stretch() {
        let now = WallTime(1_795_191_552_000_000);
        let hours = |n: i64| now + Span::from_ms(n * 3_600_000);
        assert_eq!(read(b"{}", now), Ok((None, hours(24))));
        let from = WallTime(1_795_191_000_000_000);
        let read_stretch = read(br#"{"from":1795191000,"to":1795191030,"hours":1}"#, now);
        assert_eq!(read_stretch, Ok((Some((from, from + Span::from_ms(30_000))), hours(1))));
        for bad in
            [r#"{"hours":0}"#, r#"{"hours":721}"#, r#"{"from":1795191000}"#, r#"{"from":1795191000,"to":1795191000}"#, r#"{"x":1}"#]
        {
            assert!(read(bad.as_bytes(), now).is_err(), "{bad}");
        }
    }
}
