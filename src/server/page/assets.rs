//! The files of `web/`, embedded: the binary needs nothing beside it.

use super::joined::joined;
use crate::camera_name::CameraName;
use crate::coding::{Coding, Packer};
use crate::server::{
    http::{
        negotiation::{self, entity_tag, is_known},
        reply::plain,
    },
    origin::Reply,
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::OnceLock,
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
    "timeline.css",
    "icon.svg",
    "viewer.js",
    "page.js",
    "player.js",
    "options.js",
    "engines.js",
    "hls-engine.js",
    "dash-engine.js",
    "native-engine.js",
    "hls-loaders.js",
    "live-feed.js",
    "live-playlist.js",
    "growing-segment.js",
    "boxes.js",
    "requests.js",
    "joined-requests.js",
    "shared.js",
    "shared-worker.js",
    "buffer.js",
    "latency.js",
    "server.js",
    "state.js",
    "stats.js",
    "clock.js",
    "keys.js",
    "kiosk.js",
    "retry.js",
    "past.js",
    "dates.js",
    "rewind.js",
    "seek-bar.js",
    "bar-drawing.js",
    "timeline.js",
    "ticks.js",
    "preview.js",
    "thumbnails.js",
    "key-frames.js",
    "markers.js",
    "marker-store.js",
    "marker-feed.js",
    "marker-spans.js",
    "marker-list.js",
    "events.js",
    "note.js",
    "save.js",
    "moment.js",
    "double-tap.js",
    "probe.js",
    "thin-link.js",
    "stills.js",
    "newest-key-frame.js",
];

/// The players, which build.rs takes from npm. dash.js is loaded only by those who ask for it.
const PLAYERS: [(&str, &[u8]); 2] = [
    ("hls.js", include_bytes!(concat!(env!("OUT_DIR"), "/hls.js"))),
    ("dash.js", include_bytes!(concat!(env!("OUT_DIR"), "/dash.js"))),
];

/// One embedded file, compressed once for each coding that is asked for: hls.js takes some 10 ms in zstd, 40 ms in the others.
#[derive(Debug)]
pub(in crate::server) struct Asset {
    name: &'static str,
    plain: Bytes,
    packed: [OnceLock<Bytes>; Coding::ALL.len()],
    /// Names the content.
    hash: String,
}

/// The modules that a page or a worker begins with. Each is served with all that it needs.
const ENTRIES: [&str; 2] = ["viewer.js", "shared-worker.js"];

/// The page, and where it names its camera.
const PAGE: &str = "index.html";
const CAMERA_ATTRIBUTE: &str = "data-camera=\"cam\"";

/// All embedded files, for a page that shows this camera.
pub(in crate::server) fn load(camera: &CameraName) -> Vec<Asset> {
    FILES.iter().chain(&PLAYERS).map(|(name, bytes)| Asset::new(name, content(name, bytes, camera))).collect()
}

/// What is served under a name.
fn content(name: &str, bytes: &'static [u8], camera: &CameraName) -> Bytes {
    if let (PAGE, Ok(page)) = (name, std::str::from_utf8(bytes)) {
        return page.replace(CAMERA_ATTRIBUTE, &format!("data-camera=\"{camera}\"")).into();
    }
    let whole = ENTRIES.contains(&name).then(|| joined(name, &modules()));
    // Where they cannot be joined, which a test forbids, the browser finds the modules one by one.
    whole.and_then(Result::ok).map_or(Bytes::from_static(bytes), Bytes::from)
}

/// The modules of the page by their names.
fn modules() -> BTreeMap<&'static str, &'static str> {
    let scripts = FILES.iter().filter(|(name, _)| name.ends_with(".js"));
    scripts.filter_map(|(name, bytes)| Some((*name, std::str::from_utf8(bytes).ok()?))).collect()
}

impl Asset {
    fn new(name: &'static str, plain: Bytes) -> Asset {
        // One build has one standard library, and with it one hash per content; more is not asked of an entity tag.
        let mut hasher = DefaultHasher::new();
        plain.hash(&mut hasher);
        Asset { name, plain, packed: Default::default(), hash: format!("{:016x}", hasher.finish()) }
    }

    /// The paths that it is served at.
    pub(in crate::server) fn paths(&self) -> Vec<String> {
        let mut paths = vec![format!("/{}", self.name)];
        match self.name {
            PAGE => paths.push("/".to_owned()),
            // Browsers ask for it unbidden, and take any image type.
            "icon.svg" => paths.push("/favicon.ico".to_owned()),
            _ => {}
        }
        paths
    }

    /// The answer to a request with these headers.
    pub(in crate::server) fn reply(&self, if_none_match: Option<&str>, accept_encoding: Option<&str>) -> Reply {
        let coding = negotiation::coding(accept_encoding).filter(|coding| self.packed(*coding).len() < self.plain.len());
        let etag = entity_tag(&self.hash, coding);
        let mut headers = vec![
            // The tag is asked about each time, so that a new version of hlscam is seen at once.
            ("cache-control", "no-cache".to_owned()),
            ("vary", "Accept-Encoding".to_owned()),
        ];
        if is_known(if_none_match, &etag) {
            headers.push(("etag", etag));
            return Reply { status: 304, headers, body: Vec::new(), rest: None };
        }
        headers.push(("etag", etag));
        let Some(content_type) = content_type(self.name) else {
            return plain(500, "this file has no known type; please report this\n");
        };
        headers.push(("content-type", content_type.to_owned()));
        let body = match coding {
            Some(coding) => {
                headers.push(("content-encoding", coding.name().to_owned()));
                self.packed(coding).clone()
            }
            None => self.plain.clone(),
        };
        Reply { status: 200, headers, body: vec![body], rest: None }
    }

    fn packed(&self, coding: Coding) -> &Bytes {
        self.packed[coding as usize].get_or_init(|| {
            let mut packer = Packer::new(coding);
            packer.add(&self.plain);
            packer.finish().concat().into()
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coding::unpack;
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
    fn a_page_and_a_worker_begin_with_one_file_each() {
        for entry in ENTRIES {
            let text = joined(entry, &modules()).expect(entry);
            assert!(text.contains(&format!("// {entry}\n")));
            let left = |line: &&str| line.starts_with("import ") || line.starts_with("export ");
            assert_eq!(text.lines().find(left), None, "{entry}: `import {{ a, b }} from './file.js';` stands on one line");
        }
    }

    #[test]
    fn a_known_tag_is_not_sent_again() {
        let asset = Asset::new(
            "index.html",
            Bytes::from_static(b"<!doctype html><title>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</title>"),
        );
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
        for coding in Coding::ALL {
            let reply = asset.reply(None, Some(coding.name()));
            assert_eq!(header(&reply, "content-encoding").as_deref(), Some(coding.name()));
            assert_eq!(unpack(coding, &reply.body.concat()), asset.plain);
        }
        assert_eq!(header(&first, "content-encoding"), None);
    }

    #[test]
    fn what_a_coding_makes_longer_is_sent_plain() {
        let reply = Asset::new("a.js", Bytes::from_static(b"1")).reply(None, Some("gzip"));
        assert_eq!(reply.body, [Bytes::from_static(b"1")]);
    }
}
