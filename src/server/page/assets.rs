//! The page, embedded: the binary needs nothing beside it.

use crate::camera_name::CameraName;
use crate::gzip::Writer;
use crate::server::{
    http::{
        negotiation::{self, ContentCoding, entity_tag, is_known},
        reply::plain,
    },
    origin::Reply,
};
use bytes::Bytes;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::OnceLock,
};

/// Embeds files of `web/`: the name that each is served under, and its path.
macro_rules! web {
    ($($name:literal: $path:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $path)))),*]
    };
}

/// Embeds what build.rs made.
macro_rules! built {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!(env!("OUT_DIR"), "/", $name)))),*]
    };
}

/// What is served as it is in `web/`.
const FILES: &[(&str, &[u8])] = &web![
    "index.html": "index.html",
    "grid.html": "grid.html",
    "login.html": "login.html",
    "send.html": "send.html",
    "send.css": "send.css",
    "login.css": "login.css",
    "trust.html": "trust.html",
    "trust.css": "trust.css",
    "style.css": "style.css",
    "grid.css": "grid.css",
    "timeline.css": "timeline/timeline.css",
    "icon.svg": "icon.svg",
];

/// The page's modules, each entry with all that it imports, and the players from npm. dash.js is loaded only by those who ask for it.
const SCRIPTS: &[(&str, &[u8])] = &built!["viewer.js", "grid.js", "send.js", "shared-worker.js", "hls.js", "dash.js"];

/// One embedded file, compressed when it is first asked for: hls.js takes 30 ms.
#[derive(Debug)]
pub(in crate::server) struct Asset {
    name: &'static str,
    /// The path, and a query that asks for it where there is one.
    paths: Vec<String>,
    plain: Bytes,
    gzip: OnceLock<Bytes>,
    /// Names the content.
    hash: String,
}

/// The page of one camera, and where it names it; with others there is a way to their grid.
const PAGE: &str = "index.html";
const CAMERA_ATTRIBUTE: &str = "data-camera=\"cam\"";
/// The page of several cameras.
const GRID: &str = "grid.html";

/// The page of a browser that is a camera.
const SEND: &str = "send.html";

/// All embedded files, for a page that shows these cameras.
pub(in crate::server) fn load(cameras: &[&CameraName]) -> Vec<Asset> {
    let is_page = |name: &str| name == PAGE || name == GRID;
    let files = FILES.iter().chain(SCRIPTS).filter(|(name, _)| !is_page(name));
    let files = files.map(|(name, bytes)| Asset::new(name, Asset::paths_of(name), Bytes::from_static(bytes)));
    let pages = cameras.iter().map(|camera| page(camera, cameras.len()));
    let grid = FILES.iter().filter(|(name, _)| *name == GRID && cameras.len() > 1);
    let grid = grid.map(|(name, bytes)| Asset::new(name, FRONT_PATHS.map(str::to_owned).into(), Bytes::from_static(bytes)));
    files.chain(pages).chain(grid).collect()
}

/// Where the page is that a visitor sees first.
const FRONT_PATHS: [&str; 2] = ["/", "/index.html"];

/// The path and query that ask for the page of a camera.
pub(in crate::server) fn page_path(camera: &str) -> String {
    format!("/?camera={camera}")
}

/// The page of one of so many cameras.
fn page(camera: &CameraName, n_cameras: usize) -> Asset {
    let (name, bytes) = FILES[0];
    let others = if n_cameras > 1 { " data-others" } else { "" };
    let text = String::from_utf8_lossy(bytes).replace(CAMERA_ATTRIBUTE, &format!("data-camera=\"{camera}\"{others}"));
    let front = FRONT_PATHS.iter().filter(|_| n_cameras == 1).map(|path| (*path).to_owned());
    Asset::new(name, front.chain([page_path(camera.as_str())]).collect(), text.into())
}

impl Asset {
    fn new(name: &'static str, paths: Vec<String>, plain: Bytes) -> Asset {
        // One build has one standard library, and with it one hash per content; more is not asked of an entity tag.
        let mut hasher = DefaultHasher::new();
        plain.hash(&mut hasher);
        Asset { name, paths, plain, gzip: OnceLock::new(), hash: format!("{:016x}", hasher.finish()) }
    }

    fn paths_of(name: &str) -> Vec<String> {
        // Its camera is written into it.
        let mut paths = vec![if name == SEND { "/send".to_owned() } else { format!("/{name}") }];
        if name == "icon.svg" {
            // Browsers ask for it unbidden, and take any image type.
            paths.push("/favicon.ico".to_owned());
        }
        paths
    }

    /// Its bytes as they are.
    pub(in crate::server) fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The paths that it is served at.
    pub(in crate::server) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// The answer to a request with these headers.
    pub(in crate::server) fn reply(&self, if_none_match: Option<&str>, accept_encoding: Option<&str>) -> Reply {
        let coding = match negotiation::coding(accept_encoding) {
            ContentCoding::Gzip if self.gzip().len() < self.plain.len() => ContentCoding::Gzip,
            _ => ContentCoding::Identity,
        };
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
            ContentCoding::Gzip => {
                headers.push(("content-encoding", "gzip".to_owned()));
                self.gzip().clone()
            }
            ContentCoding::Identity => self.plain.clone(),
        };
        Reply { status: 200, headers, body: vec![body], rest: None }
    }

    fn gzip(&self) -> &Bytes {
        self.gzip.get_or_init(|| {
            let mut writer = Writer::default();
            writer.add(&self.plain);
            writer.finish().concat().into()
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
    use crate::gzip::unpack;

    #[test]
    fn everything_that_the_page_names_is_served() {
        let page = [FILES[0], FILES[1], *FILES.iter().find(|(name, _)| *name == SEND).expect("it is there")]
            .map(|(_, bytes)| std::str::from_utf8(bytes).expect("text"))
            .concat();
        let named = |attribute: &str| {
            let before = format!(" {attribute}=\"");
            let values = page.split(&before).skip(1).filter_map(|rest| rest.split('"').next());
            values.filter(|value| content_type(value).is_some()).map(str::to_owned).collect::<Vec<_>>()
        };
        let names = [named("src"), named("href")].concat();
        assert!(names.len() >= 5, "{names:?}");
        for name in names {
            assert!(FILES.iter().chain(SCRIPTS).any(|(served, _)| *served == name), "{name}");
        }
    }

    #[test]
    fn modules_are_joined_whole() {
        for (name, text) in &SCRIPTS[..4] {
            let text = std::str::from_utf8(text).expect("text");
            assert!(text.contains(&format!("// {name}\n")));
            let left = |line: &&str| line.starts_with("import ") || line.starts_with("export ");
            assert_eq!(text.lines().find(left), None, "{name}: `import {{ a, b }} from './file.js';` stands on one line");
        }
    }

    #[test]
    fn a_known_tag_is_not_sent_again() {
        let asset = Asset::new(
            "index.html",
            Vec::new(),
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
        let packed = asset.reply(None, Some("gzip"));
        assert_eq!(header(&packed, "content-encoding").as_deref(), Some("gzip"));
        assert_eq!(unpack(&packed.body.concat()), asset.plain);
        assert_eq!(header(&first, "content-encoding"), None);
    }

    #[test]
    fn what_gzip_makes_longer_is_sent_plain() {
        let reply = Asset::new("a.js", Vec::new(), Bytes::from_static(b"1")).reply(None, Some("gzip"));
        assert_eq!(reply.body, [Bytes::from_static(b"1")]);
    }
    #[test]
    fn one_camera_is_the_front_page_and_several_are_a_grid_with_a_page_each() {
        let names = ["porch", "yard"].map(|name| CameraName::parse(name).expect("a name"));
        let served = |cameras: &[&CameraName], path: &str| {
            let assets = load(cameras);
            let asset = assets.iter().find(|asset| asset.paths().iter().any(|each| each == path))?;
            Some((asset.name, String::from_utf8_lossy(&asset.plain).contains("data-camera=\"porch\" data-others")))
        };
        let [porch, yard] = &names;
        for path in ["/", "/index.html", "/?camera=porch"] {
            assert_eq!(served(&[porch], path), Some((PAGE, false)), "{path}");
        }
        assert_eq!(served(&[porch, yard], "/"), Some((GRID, false)));
        assert_eq!(served(&[porch, yard], "/?camera=porch"), Some((PAGE, true)));
        assert_eq!(served(&[porch, yard], "/?camera=attic"), None);
    }
}
