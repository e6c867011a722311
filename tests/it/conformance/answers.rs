//! Which answers are right for any request at all, in states of a small window. A property test asks it here; the fuzz targets in `fuzz/`
//! include this file.

use bytes::Bytes;
use hlscam::{
    encode::VideoParams,
    package::{InitId, Msn, PackagerEvent, Part, SegmentStart},
    picture::Size,
    server::origin::{Method, Reply, Request, Resolution, resolve},
    time::{FrameRate, Span, Ticks, WallTime},
    window::{WindowConfig, numbers::FirstNumbers, state::State},
};

/// Parts in a segment, 200 ms each.
const PARTS: u64 = 5;

/// A live window after `seed % 128` parts; from 128 on the stream has ended.
fn state(seed: u8) -> State {
    let part_target = Span::from_ms(200);
    let mut state = State::new(WindowConfig {
        run: "r".into(),
        first: FirstNumbers::NEW,
        target_duration_s: 1,
        part_target,
        segment_parts: PARTS as u32,
        span: Span::from_ms(12_000),
        bytes_max: 1 << 20,
        memory_max: None,
    });
    let params = VideoParams {
        size: Size::new(320, 240).expect("both sides are even"),
        rate: FrameRate::whole(30),
        sps: Bytes::from_static(&[0x67, 0x64, 0, 0x1f]),
        pps: Bytes::from_static(&[0x68]),
        bitrate_max: 1_000_000,
        passed: false,
    };
    state.push(PackagerEvent::Init { id: InitId(1), data: Bytes::from_static(b"init").into(), params: params.into() });
    for n in 0..u64::from(seed % 128) {
        let (at, wall) = (Ticks(0) + part_target * n as i64, WallTime(1_795_191_552_000_000) + part_target * n as i64);
        let (msn, index) = (Msn(n / PARTS + 1), (n % PARTS) as u32);
        state.look(at + part_target, wall + part_target);
        if index == 0 {
            state.push(PackagerEvent::Start(SegmentStart { msn, at, wall, init: InitId(1), discontinuity: false }));
        }
        let (independent, data) = (index == 0, Bytes::from_static(b"a part of forty-two bytes, for all we know").into());
        state.push(PackagerEvent::Part(Part {
            msn,
            index,
            at,
            duration: part_target,
            independent,
            key_len: independent.then_some(30),
            data,
        }));
        if u64::from(index) + 1 == PARTS {
            state.push(PackagerEvent::End(msn));
        }
        state.publish();
    }
    if seed >= 128 {
        state.end();
        state.publish();
    }
    state
}

/// Asks, and panics when the answer is wrong: see the parts of it below.
pub(crate) fn check(request: &Request, seed: u8) {
    let state = state(seed);
    match resolve(request, &state) {
        Resolution::Ready(reply) => {
            status(request, seed, &reply);
            form(request, &reply);
            content(request, &reply);
        }
        Resolution::Await(_) => {
            assert!(seed < 128, "nobody waits after the end: {request:?}");
            assert!(asks_for_playlist(request) || asks_for_media(request), "only what may come is waited for: {request:?}");
            assert!(request.method != Method::Other);
        }
    }
}

fn asks_for_playlist(request: &Request) -> bool {
    ["index.m3u8", "video.m3u8", "iframes.m3u8", "index.mpd"].contains(&request.name.as_str())
}

/// Whether the name is one of media, to the letter.
fn asks_for_media(request: &Request) -> bool {
    let inner = |from: &str, to: &str| request.name.strip_prefix(from)?.strip_suffix(to).map(str::to_owned);
    let is_number = |text: &str| text.parse::<u64>().is_ok_and(|number| number.to_string() == text);
    inner("init-r-", ".mp4").is_some_and(|id| is_number(&id))
        || inner("seg-r-", ".m4s").is_some_and(|msn| is_number(&msn))
        || inner("part-r-", ".m4s")
            .is_some_and(|id| id.split_once('.').is_some_and(|(msn, index)| is_number(msn) && is_number(index)))
}

fn status(request: &Request, seed: u8, reply: &Reply) {
    let allowed: &[u16] = match (request.method, asks_for_playlist(request), asks_for_media(request)) {
        (Method::Other, ..) => &[405],
        _ if request.query.len() > 4096 => &[414],
        (_, true, _) if u64::from(seed % 128) < PARTS => &[200, 304, 400, 404, 503],
        (_, true, _) => &[200, 304, 400],
        (_, _, true) => &[200, 206, 304, 404, 416],
        _ => &[404],
    };
    assert!(allowed.contains(&reply.status), "{} for {request:?}, state {seed}", reply.status);
    let directives = request.query.contains("_HLS_") || request.query.contains('%');
    assert!(reply.status != 400 || directives, "400 without a directive: {request:?}");
    assert!(reply.status != 206 || request.range.is_some(), "206 without a range: {request:?}");
    assert!(reply.status != 304 || request.if_none_match.is_some(), "304 without a tag: {request:?}");
}

/// What every answer is as HTTP.
fn form(request: &Request, reply: &Reply) {
    let values =
        |name: &str| reply.headers.iter().filter(|(each, _)| *each == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>();
    for (name, value) in &reply.headers {
        assert!(value.bytes().all(|b| (0x20..0x7f).contains(&b)), "{name}: {value:?} for {request:?}");
        assert_eq!(values(name).len(), 1, "{name} once, for {request:?}");
    }
    let len = reply.body.iter().map(Bytes::len).sum::<usize>();
    match request.method {
        Method::Head => assert_eq!(len, 0, "HEAD has no body: {request:?}"),
        _ if reply.status == 304 || reply.rest.is_some() => {
            assert_eq!((len, values("content-length").len()), (0, 0), "{request:?}")
        }
        _ => assert_eq!(values("content-length"), [len.to_string().as_str()], "{request:?}"),
    }
    assert_eq!(values("cache-control").len(), 1, "{request:?}");
    assert_eq!(values("retry-after").len(), usize::from(reply.status == 503), "{request:?}");
    assert!(
        values("access-control-allow-origin").is_empty(),
        "what pages of other origins may read is the gate's to say: {request:?}"
    );
}

/// An error is a sentence of ours, and says nothing that the client has sent.
fn content(request: &Request, reply: &Reply) {
    let body = reply.body.concat();
    if reply.status < 400 || body.is_empty() {
        return;
    }
    let text = String::from_utf8(body).expect("an error is text");
    assert!(text.is_ascii() && text.ends_with('\n') && text.len() < 200, "{text:?} for {request:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_request_has_a_right_answer(
            method in prop_oneof![3 => Just(Method::Get), 1 => Just(Method::Head), 1 => Just(Method::Other)],
            name in prop_oneof![
                any::<String>(),
                "(seg|part|init)-r-[0-9]{0,3}(\\.[0-9]{0,2})?\\.(m4s|mp4)",
                "(index|video|iframes)\\.m3u8|index\\.mpd",
            ],
            query in prop_oneof![any::<String>(), "(_HLS_(msn|part|skip)=([0-9]{0,3}|YES|v2)&?){0,3}", "q{4090,4100}"],
            range in prop::option::of(prop_oneof![any::<String>(), "bytes=[0-9]{0,5}-[0-9]{0,5}"]),
            if_none_match in prop::option::of(prop_oneof![any::<String>(), Just("*".to_owned())]),
            if_range in prop::option::of(prop_oneof![any::<String>(), Just("\"seg-r-1.m4s\"".to_owned())]),
            accept_encoding in prop::option::of(prop_oneof![any::<String>(), "(gzip|br|zstd|\\*)(;q=0?\\.?[0-9]{0,4})?(, ?(gzip|br))?"]),
            seed: u8,
        ) {
            check(&Request { method, name, query, range, if_none_match, if_range, accept_encoding }, seed);
        }
    }
}
