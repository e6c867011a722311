//! The files of `web/`, embedded: the binary needs nothing beside it.

use super::{origin::Reply, routes::plain};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
};

/// Embeds files of `web/` under their names.
macro_rules! web {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $name)))),*]
    };
}

/// Every file that the page loads. A new module of the page is one more line here.
const FILES: &[(&str, &[u8])] = &web![
    "index.html",
    "style.css",
    "icon.svg",
    "viewer.js",
    "page.js",
    "player.js",
    "engines.js",
    "hls-engine.js",
    "native-engine.js",
    "buffer.js",
    "latency.js",
    "server.js",
    "state.js",
    "clock.js",
    "keys.js",
    "retry.js",
];

/// The player, which build.rs takes from npm.
const HLS_JS: (&str, &[u8]) = ("hls.js", include_bytes!(concat!(env!("OUT_DIR"), "/hls.js")));

/// One embedded file, compressed once.
#[derive(Debug)]
pub(super) struct Asset {
    name: &'static str,
    plain: Bytes,
    gzip: Bytes,
    /// Names the content; each encoding adds its own mark (RFC 9110 §8.8.3.3).
    hash: String,
}

/// All embedded files. Compresses them, which takes some 20 ms.
pub(super) fn load() -> Vec<Asset> {
    FILES.iter().chain([&HLS_JS]).map(|(name, bytes)| Asset::new(name, bytes)).collect()
}

impl Asset {
    fn new(name: &'static str, bytes: &'static [u8]) -> Asset {
        // One build has one standard library, and with it one hash per content; more is not asked of an entity tag.
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Asset { name, plain: Bytes::from_static(bytes), gzip: gzip(bytes), hash: format!("{:016x}", hasher.finish()) }
    }

    /// The paths that it is served at.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = vec![format!("/{}", self.name)];
        match self.name {
            "index.html" => paths.push("/".to_owned()),
            // Browsers ask for it unbidden, and take any image type.
            "icon.svg" => paths.push("/favicon.ico".to_owned()),
            _ => {}
        }
        paths
    }

    /// The answer to a request with these headers.
    pub(super) fn reply(&self, if_none_match: Option<&str>, accept_encoding: Option<&str>) -> Reply {
        let compressed = self.gzip.len() < self.plain.len() && accept_encoding.is_some_and(takes_gzip);
        let etag = if compressed { format!("\"{}-gzip\"", self.hash) } else { format!("\"{}\"", self.hash) };
        let mut headers = vec![
            // The tag is asked about each time, so that a new version of hlscam is seen at once.
            ("cache-control", "no-cache".to_owned()),
            ("vary", "accept-encoding".to_owned()),
        ];
        if if_none_match.is_some_and(|tags| matches(tags, &etag)) {
            headers.push(("etag", etag));
            return Reply { status: 304, headers, body: Vec::new(), rest: None };
        }
        headers.push(("etag", etag));
        let Some(content_type) = content_type(self.name) else {
            return plain(500, "this file has no known type; please report this\n");
        };
        headers.push(("content-type", content_type.to_owned()));
        if compressed {
            headers.push(("content-encoding", "gzip".to_owned()));
        }
        Reply { status: 200, headers, body: vec![if compressed { self.gzip.clone() } else { self.plain.clone() }], rest: None }
    }
}

fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml; charset=utf-8",
        _ => return None,
    })
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let result = encoder.write_all(bytes).and_then(|()| encoder.finish());
    result.expect("writing to memory does not fail").into()
}

/// Whether `tag` is among the tags of an If-None-Match (RFC 9110 §13.1.2: the comparison is weak).
fn matches(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|each| each == "*" || each.strip_prefix("W/").unwrap_or(each) == tag)
}

/// Whether an Accept-Encoding takes gzip (RFC 9110 §12.5.3): named, or by `*`, and not with weight 0.
fn takes_gzip(accept: &str) -> bool {
    let weight_of = |coding: &str| {
        accept.split(',').find_map(|each| {
            let (name, parameters) = each.split_once(';').unwrap_or((each, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok());
            name.trim().eq_ignore_ascii_case(coding).then_some(weight.unwrap_or(0.0))
        })
    };
    weight_of("gzip").or_else(|| weight_of("*")).is_some_and(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs};

    #[test]
    fn every_file_of_web_that_a_page_can_load_is_embedded() {
        let web = concat!(env!("CARGO_MANIFEST_DIR"), "/web");
        let names = fs::read_dir(web).expect("web/ is there").map(|entry| entry.expect("readable"));
        let on_disk: BTreeSet<String> = names
            .filter(|entry| entry.path().is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| content_type(name).is_some())
            .collect();
        let embedded: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(embedded, on_disk);
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let check = |accept: &str, expect: bool| assert_eq!(takes_gzip(accept), expect, "{accept}");
        check("gzip", true);
        check("gzip, deflate, br, zstd", true);
        check("br;q=1.0, GZIP;q=0.8", true);
        check("*", true);
        check("identity;q=1, *;q=0", false);
        check("gzip;q=0", false);
        check("gzip; q=0.000, *", false);
        check("gzip;q=x", false);
        check("", false);
        check("x-gzip", false);
    }

    #[test]
    fn a_known_tag_is_not_sent_again() {
        let asset = Asset::new("index.html", b"<!doctype html><title>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</title>");
        let header =
            |reply: &Reply, name: &str| reply.headers.iter().find(|(each, _)| *each == name).map(|(_, value)| value.clone());
        let first = asset.reply(None, None);
        let tag = header(&first, "etag").expect("a tag");
        let check = |if_none_match: &str, accept: Option<&str>, expect: u16| {
            let reply = asset.reply(Some(if_none_match), accept);
            assert_eq!(reply.status, expect, "{if_none_match} {accept:?}");
            assert_eq!(reply.body.is_empty(), expect == 304);
        };
        check(&tag, None, 304);
        check(&format!("W/{tag}"), None, 304);
        check(&format!("\"other\", {tag}"), None, 304);
        check("*", None, 304);
        check("\"other\"", None, 200);
        check(&tag, Some("gzip"), 200);
        assert_eq!(header(&asset.reply(None, Some("gzip")), "content-encoding").as_deref(), Some("gzip"));
        assert_eq!(header(&first, "content-encoding"), None);
    }

    #[test]
    fn what_gzip_makes_longer_is_sent_plain() {
        let reply = Asset::new("a.js", b"1").reply(None, Some("gzip"));
        assert_eq!(reply.body, [Bytes::from_static(b"1")]);
    }
}
