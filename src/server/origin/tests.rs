//! Requests × states → answers. No socket, and no time but the clock that the feed moves.

use super::*;
use crate::{
    gzip::unpack,
    time::Span,
    window::{
        WindowConfig,
        feed::{Feed, config},
    },
};
use std::collections::HashSet;

mod first;
mod waiters;

impl Request {
    /// A GET without a header, of a name and a query.
    pub(super) fn get(target: &str) -> Request {
        let (name, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: Method::Get,
            name: name.to_owned(),
            query: query.to_owned(),
            range: None,
            if_none_match: None,
            if_range: None,
            accept_encoding: None,
        }
    }
}

fn get(target: &str) -> Request {
    Request::get(target)
}

fn playlists(feed: &Feed) -> Arc<Playlists> {
    Arc::new(Playlists::new(feed.window.clone()))
}

fn answer(feed: &Feed, request: &Request) -> Resolution {
    feed.read(|state| resolve(request, state))
}

fn reply(feed: &Feed, request: &Request) -> Reply {
    match answer(feed, request) {
        Resolution::Ready(reply) => reply,
        Resolution::Await(awaited) => panic!("{request:?} waits for {awaited:?}"),
    }
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    let mut found = reply.headers.iter().filter(|(n, _)| *n == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} is there twice");
    value
}

/// Segments of 1 s in 5 parts, whole up to 10, and 11 with 2 parts; 3 TD are 3 s, the advance part limit is 15.
fn steady() -> Feed {
    let mut feed = Feed::new(config());
    feed.push(&"K....|".repeat(10)).push("K.");
    feed
}

/// A status, or `wait`.
fn check(feed: &Feed, target: &str, expect: &str) {
    let got = match answer(feed, &get(target)) {
        Resolution::Ready(reply) => reply.status.to_string(),
        Resolution::Await(_) => "wait".to_owned(),
    };
    assert_eq!(got, expect, "{target}");
}

#[test]
fn a_stream_that_ended_without_a_segment_is_not_found() {
    let feed = Feed::new(config());
    feed.window.end();
    check(&feed, "video.m3u8", "404");
    check(&feed, "index.m3u8", "404");
    check(&feed, "part-r-1.0.m4s", "404");
}

#[test]
fn a_blocking_reload_waits_for_what_it_asks_and_no_more() {
    let feed = steady();
    for (query, expect) in [
        // A whole segment: the last is 10.
        ("_HLS_msn=0", "200"),
        ("_HLS_msn=10", "200"),
        ("_HLS_msn=11", "wait"),
        ("_HLS_msn=12", "wait"),
        ("_HLS_msn=13", "400"),
        ("_HLS_msn=18446744073709551615", "400"),
        // A part: the last is 11.1.
        ("_HLS_msn=3&_HLS_part=0", "200"),
        ("_HLS_msn=3&_HLS_part=999", "200"),
        ("_HLS_msn=11&_HLS_part=0", "200"),
        ("_HLS_msn=11&_HLS_part=1", "200"),
        ("_HLS_msn=11&_HLS_part=2", "wait"),
        ("_HLS_msn=11&_HLS_part=16", "wait"),
        ("_HLS_msn=11&_HLS_part=17", "400"),
        ("_HLS_msn=12&_HLS_part=0", "wait"),
        ("_HLS_msn=12&_HLS_part=14", "wait"),
        ("_HLS_msn=12&_HLS_part=15", "400"),
        ("_HLS_msn=13&_HLS_part=0", "400"),
        ("_HLS_msn=11&_HLS_part=18446744073709551615", "400"),
        // Past the end of a whole segment: part 0 of the next, which is there.
        ("_HLS_msn=10&_HLS_part=4", "200"),
        ("_HLS_msn=10&_HLS_part=5", "200"),
        ("_HLS_msn=10&_HLS_part=5000", "200"),
        ("_HLS_part=0", "400"),
        ("_HLS_msn=x", "400"),
        ("_HLS_msn=11&_HLS_part=2&_HLS_skip=v2", "wait"),
        ("x=%20&y", "200"),
    ] {
        check(&feed, &format!("video.m3u8?{query}"), expect);
    }
}

#[test]
fn a_part_past_the_end_of_a_segment_waits_for_the_next_one() {
    let mut feed = steady();
    feed.push("...|");
    check(&feed, "video.m3u8?_HLS_msn=11", "200");
    check(&feed, "video.m3u8?_HLS_msn=11&_HLS_part=4", "200");
    check(&feed, "video.m3u8?_HLS_msn=11&_HLS_part=5", "wait");
    check(&feed, "video.m3u8?_HLS_msn=12&_HLS_part=0", "wait");
    feed.push("K");
    check(&feed, "video.m3u8?_HLS_msn=11&_HLS_part=5", "200");
    check(&feed, "video.m3u8?_HLS_msn=12&_HLS_part=0", "200");
}

#[test]
fn the_advance_part_limit_is_3_for_parts_of_a_second_and_more() {
    let mut feed = Feed::new(WindowConfig { part_target: Span::from_ms(1000), ..config() });
    feed.push("K....|K");
    check(&feed, "video.m3u8?_HLS_msn=2&_HLS_part=3", "wait");
    check(&feed, "video.m3u8?_HLS_msn=2&_HLS_part=4", "400");
}

#[test]
fn the_iframe_playlist_blocks_on_its_own_numbers_and_overlooks_parts() {
    let mut feed = Feed::new(config());
    feed.push(&"K.K..|".repeat(10)).push("K.");
    check(&feed, "iframes.m3u8?_HLS_msn=20", "200");
    check(&feed, "iframes.m3u8?_HLS_msn=20&_HLS_part=7", "200");
    check(&feed, "iframes.m3u8?_HLS_msn=21&_HLS_part=0", "wait");
    check(&feed, "iframes.m3u8?_HLS_msn=23", "400");
    check(&feed, "iframes.m3u8?_HLS_part=0", "400");
    feed.push("K..|");
    check(&feed, "iframes.m3u8?_HLS_msn=21&_HLS_part=0", "200");
}

#[test]
fn at_the_end_directives_are_ignored() {
    let feed = steady();
    feed.window.end();
    for query in ["_HLS_msn=500", "_HLS_msn=12&_HLS_part=3", "_HLS_skip=YES"] {
        let reply = reply(&feed, &get(&format!("video.m3u8?{query}")));
        let text = String::from_utf8(reply.body.concat()).unwrap();
        assert!(reply.status == 200 && text.ends_with("#EXT-X-ENDLIST\n") && !text.contains("EXT-X-SKIP"), "{query}");
    }
    check(&feed, "part-r-11.2.m4s", "404");
}

#[test]
fn a_hinted_part_is_held_and_an_unknown_one_is_not_found() {
    let mut feed = steady();
    let hint = "part-r-11.2.m4s";
    check(&feed, hint, "wait");
    for unknown in ["part-r-11.3.m4s", "part-r-12.0.m4s", "part-r-10.5.m4s", "part-r-99.0.m4s", "seg-r-14.m4s", "init-r-2.mp4"] {
        check(&feed, unknown, "404");
    }
    feed.push(".");
    let reply = reply(&feed, &get(hint));
    assert_eq!((reply.status, header(&reply, "content-type")), (200, Some("video/iso.segment")));
    // The segment ends early: what was hinted never comes.
    check(&feed, "part-r-11.3.m4s", "wait");
    feed.push("|");
    check(&feed, "part-r-11.3.m4s", "404");
    check(&feed, "part-r-12.0.m4s", "wait");
}

#[test]
fn after_the_last_part_of_a_segment_the_hint_is_the_next_segments_even_before_its_end_is_known() {
    let mut feed = steady();
    feed.push("...");
    check(&feed, "part-r-12.0.m4s", "wait");
    check(&feed, "part-r-11.5.m4s", "404");
    check(&feed, "video.m3u8?_HLS_msn=11", "wait");
}

#[test]
fn a_segment_is_its_parts_and_shares_their_bytes() {
    let feed = steady();
    let segment = reply(&feed, &get("seg-r-7.m4s"));
    let parts: Vec<_> = (0..5).flat_map(|n| reply(&feed, &get(&format!("part-r-7.{n}.m4s"))).body).collect();
    assert_eq!(segment.body, parts);
    assert!(segment.body.iter().zip(&parts).all(|(a, b)| a.as_ptr() == b.as_ptr()));
    assert_eq!((header(&segment, "content-length"), header(&segment, "content-type")), (Some("7000"), Some("video/iso.segment")));
    assert_eq!(header(&reply(&feed, &get("init-r-1.mp4")), "content-type"), Some("video/mp4"));
}

#[test]
fn one_range_is_a_206_and_a_range_beyond_is_a_416() {
    let feed = steady();
    let whole = reply(&feed, &get("seg-r-7.m4s")).body.concat();
    let ranged = |range: &str| reply(&feed, &Request { range: Some(range.to_owned()), ..get("seg-r-7.m4s") });
    for (range, first, last) in
        [("bytes=0-99", 0, 99), ("bytes=2990-4100", 2990, 4100), ("bytes=-50", 6950, 6999), ("bytes=6999-", 6999, 6999)]
    {
        let part = ranged(range);
        assert_eq!((part.status, part.body.concat().as_slice()), (206, &whole[first..=last]), "{range}");
        assert_eq!(header(&part, "content-range"), Some(format!("bytes {first}-{last}/7000").as_str()));
    }
    let beyond = ranged("bytes=7000-");
    assert_eq!((beyond.status, header(&beyond, "content-range")), (416, Some("bytes */7000")));
    assert_eq!((ranged("bytes=0-1,5-6").status, ranged("pages=1-2").status), (200, 200));
}

#[test]
fn a_range_of_another_file_of_that_name_gets_the_whole() {
    let feed = steady();
    let tag = header(&reply(&feed, &get("seg-r-7.m4s")), "etag").expect("a tag").to_owned();
    let date = "Fri, 20 Nov 2026 16:19:12 GMT";
    for (named, expect) in [
        (tag.as_str(), 206),
        ("\"other\"", 200),
        (&format!("W/{tag}"), 200),
        (date, 200),
        ("", 200),
        (&format!("{tag}, \"b\""), 200),
    ] {
        let request = Request { range: Some("bytes=0-99".to_owned()), if_range: Some(named.to_owned()), ..get("seg-r-7.m4s") };
        let reply = reply(&feed, &request);
        assert_eq!((reply.status, header(&reply, "content-range").is_some()), (expect, expect == 206), "{named}");
        assert_eq!(reply.body.concat().len(), if expect == 206 { 100 } else { 7000 }, "{named}");
        // What is not there in this file may be there in the other.
        let beyond = Request { range: Some("bytes=9000-".to_owned()), ..request };
        assert_eq!(
            feed.read(|state| resolve(&beyond, state)),
            Resolution::Ready(match expect {
                206 => Reply::error(416, "the range is not within the file", 1).with("content-range", "bytes */7000"),
                _ => reply,
            })
        );
    }
}

#[test]
fn head_is_get_without_its_body() {
    let feed = steady();
    for target in ["index.m3u8", "video.m3u8", "seg-r-7.m4s", "part-r-11.1.m4s", "init-r-1.mp4", "nothing", "video.m3u8?_HLS_msn=x"]
    {
        let (get, head) = (reply(&feed, &get(target)), reply(&feed, &Request { method: Method::Head, ..get(target) }));
        assert_eq!((get.status, &get.headers), (head.status, &head.headers), "{target}");
        assert!(head.body.is_empty() && !get.body.is_empty(), "{target}");
        assert_eq!(header(&get, "content-length"), Some(get.body.concat().len().to_string().as_str()), "{target}");
    }
    let other = reply(&feed, &Request { method: Method::Other, ..get("video.m3u8") });
    assert_eq!((other.status, header(&other, "allow")), (405, Some("GET,HEAD")));
}

#[test]
fn an_entity_tag_that_still_holds_gets_a_304() {
    let mut feed = steady();
    let mut tags = HashSet::new();
    for (target, coding) in [
        ("index.m3u8", None),
        ("video.m3u8", None),
        ("video.m3u8", Some("gzip")),
        ("video.m3u8?_HLS_skip=YES", None),
        ("seg-r-7.m4s", None),
    ] {
        let request = Request { accept_encoding: coding.map(str::to_owned), ..get(target) };
        let first = reply(&feed, &request);
        let tag = header(&first, "etag").unwrap().to_owned();
        assert!(tags.insert(tag.clone()), "{tag} is there twice");
        let again = reply(&feed, &Request { if_none_match: Some(tag), ..request });
        assert_eq!((again.status, again.body.len(), header(&again, "content-length")), (304, 0, None), "{target}");
        assert_eq!(header(&again, "cache-control"), header(&first, "cache-control"));
    }
    feed.push(".");
    let stale = tags.iter().cloned().collect::<Vec<_>>().join(", ");
    assert_eq!(reply(&feed, &Request { if_none_match: Some(stale), ..get("video.m3u8") }).status, 200);
}

#[test]
fn playlists_are_compressed_when_asked_and_say_the_same() {
    let feed = steady();
    for target in ["index.m3u8", "video.m3u8", "iframes.m3u8", "video.m3u8?_HLS_skip=v2", "index.mpd"] {
        let plain = reply(&feed, &get(target));
        assert_eq!((header(&plain, "content-encoding"), header(&plain, "vary")), (None, Some("Accept-Encoding")));
        let packed = reply(&feed, &Request { accept_encoding: Some("br, gzip".to_owned()), ..get(target) });
        assert_eq!((header(&packed, "content-encoding"), header(&packed, "vary")), (Some("gzip"), Some("Accept-Encoding")));
        assert_eq!(unpack(&packed.body.concat()), plain.body.concat());
        assert_ne!(header(&packed, "etag"), header(&plain, "etag"));
    }
}

#[test]
fn cache_lifetimes_are_those_of_the_table() {
    let mut feed = Feed::new(WindowConfig { target_duration_s: 2, segment_parts: 10, ..config() });
    feed.push(&"K.........|".repeat(8)).push("K");
    for (target, expect) in [
        ("video.m3u8", "max-age=0, s-maxage=1"),
        ("index.m3u8", "max-age=0, s-maxage=1"),
        ("video.m3u8?_HLS_skip=YES", "max-age=0, s-maxage=1"),
        ("video.m3u8?_HLS_msn=3", "max-age=0, s-maxage=12"),
        ("video.m3u8?_HLS_msn=90", "max-age=0, s-maxage=8"),
        ("video.m3u8?_HLS_part=1", "max-age=0, s-maxage=8"),
        ("nothing.m3u8", "max-age=0, s-maxage=2"),
        ("seg-r-900.m4s", "max-age=0, s-maxage=2"),
        // First listed 200 ms ago; 2 s of its own and a window of 12 s.
        ("seg-r-8.m4s", "max-age=13, immutable"),
        ("part-r-9.0.m4s", "max-age=12, immutable"),
        // No longer listed since 14 s; 2 s of its own and 3 target durations are over at 22 s, and it is 16.2 s now.
        ("seg-r-1.m4s", "max-age=5, immutable"),
        ("init-r-1.mp4", "max-age=12, immutable"),
    ] {
        let reply = reply(&feed, &get(target));
        assert_eq!(header(&reply, "cache-control"), Some(expect), "{target}");
        assert_eq!(header(&reply, "expires").is_some(), expect.ends_with("immutable"), "{target}");
    }
    assert_eq!(header(&reply(&feed, &get("seg-r-8.m4s")), "expires"), Some("Fri, 20 Nov 2026 16:19:41 GMT"));
}

#[test]
fn hostile_names_are_not_found_at_once() {
    let feed = steady();
    let long = "a".repeat(70_000);
    for name in [
        "",
        "/",
        "..",
        "../index.m3u8",
        "%2e%2e/etc/passwd",
        "video%2em3u8",
        "a\0.m3u8",
        "\u{feff}video.m3u8",
        "video.m3u8/",
        "INDEX.M3U8",
        &long,
    ] {
        check(&feed, name, "404");
    }
    check(&feed, &format!("video.m3u8?{}", "q=1&".repeat(3000)), "414");
}

#[test]
fn the_growing_segment_is_sent_as_it_grows_and_the_next_ones_are_waited_for() {
    let mut feed = steady();
    for method in [Method::Get, Method::Head] {
        let request =
            Request { method, range: Some("bytes=0-9".to_owned()), if_none_match: Some("*".to_owned()), ..get("seg-r-11.m4s") };
        let reply = reply(&feed, &request);
        assert_eq!((reply.status, header(&reply, "content-type")), (200, Some("video/iso.segment")));
        assert_eq!((header(&reply, "content-length"), header(&reply, "accept-ranges")), (None, None));
        assert!(header(&reply, "cache-control").is_some_and(|value| value.ends_with(", immutable")));
        assert_eq!((reply.body, reply.rest), (vec![], Some(Rest::SegmentTail(SegmentTail { msn: Msn(11), next: 0 }))));
    }
    check(&feed, "seg-r-12.m4s", "wait");
    check(&feed, "seg-r-13.m4s", "wait");
    check(&feed, "seg-r-14.m4s", "404");
    feed.push("...|");
    let whole = reply(&feed, &get("seg-r-11.m4s"));
    assert_eq!((header(&whole, "content-length"), &whole.rest), (Some("7000"), &None));
    check(&feed, "seg-r-12.m4s", "wait");
    check(&feed, "seg-r-14.m4s", "wait");
    check(&feed, "seg-r-15.m4s", "404");
    feed.window.end();
    check(&feed, "seg-r-11.m4s", "200");
    check(&feed, "seg-r-12.m4s", "404");
}

#[test]
fn the_manifest_has_its_type_and_a_tag_that_stays() {
    let mut feed = steady();
    feed.push("...|").push(&"K....|".repeat(5)).push("K.");
    let playlists = playlists(&feed);
    let ask = |request: &Request| match look(&playlists, request) {
        Resolution::Ready(reply) => reply,
        Resolution::Await(awaited) => panic!("{request:?} waits for {awaited:?}"),
    };
    let first = ask(&get("index.mpd?_HLS_msn=x"));
    assert_eq!((first.status, header(&first, "content-type")), (200, Some("application/dash+xml")));
    let tag = header(&first, "etag").map(str::to_owned);
    feed.push("...|K");
    assert_eq!(ask(&Request { if_none_match: tag, ..get("index.mpd") }).status, 304);
}
