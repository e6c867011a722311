//! Links that let whoever has one watch a camera, or have a stretch of it, until they expire: what they allow stands in the link, sealed with
//! a key that only the server has (HMAC-SHA256, RFC 2104). Pure, but for the key's file.

use super::sessions::{hex, unhex};
use crate::{
    camera_name::CameraName,
    plain_file,
    server::{context::camera_asked, http::query, origin::clip, routes::Route},
    time::{Span, WallTime},
    users::read_secret,
};
use hyper::Uri;
use ring::hmac::{self, HMAC_SHA256, Key};
use std::path::Path;

/// The longest life of a link.
pub(in crate::server) const LINK_SPAN_MAX: Span = Span::from_ms(30 * 24 * 3_600_000);
/// What stands before it in a query.
pub(in crate::server) const PARAMETER: &str = "token";
/// Letters that tell who shares a link, of the 64 of a hash.
const SHARER_LEN: usize = 16;
/// Longest text of one: a name, three times, who shares it and a seal.
const TEXT_LEN_MAX: usize = 160;
/// Bytes of the key.
const KEY_LEN: usize = 32;
/// Longest file of a key, in bytes.
const KEY_FILE_LEN_MAX: u64 = 256;

/// What a link allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct Link {
    /// The camera.
    pub(in crate::server) camera: CameraName,
    /// Of it this stretch alone, as a file; else all of it, live and as far back as it goes.
    pub(in crate::server) stretch: Option<(WallTime, WallTime)>,
    /// When it expires.
    pub(in crate::server) until: WallTime,
    /// Who shares it: it ends with that user.
    pub(in crate::server) by: Sharer,
}

/// Who shares a link, told without the name, which is not for whoever gets the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct Sharer(String);

impl Sharer {
    /// The user of that name; where there is one password for all, the empty name.
    /// Sealed, for a name is short enough to be guessed from its hash.
    pub(in crate::server) fn of(name: &str, key: &Key) -> Sharer {
        let mut seal = hex(hmac::sign(key, format!("by.{name}").as_bytes()).as_ref());
        seal.truncate(SHARER_LEN);
        Sharer(seal)
    }

    fn parse(text: &str) -> Option<Sharer> {
        (text.len() == SHARER_LEN && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| Sharer(text.to_owned()))
    }
}

impl Link {
    fn text(&self) -> String {
        let ms = |time: &WallTime| time.0 / 1000;
        let stretch = self.stretch.as_ref().map(|(from, to)| format!(".{}.{}", ms(from), ms(to))).unwrap_or_default();
        format!("{}.{}.{}{stretch}", ms(&self.until), self.camera, self.by.0)
    }

    /// The link with its seal, as it stands in an address: it needs no escapes.
    pub(in crate::server) fn sealed(&self, key: &Key) -> String {
        let text = self.text();
        let seal = hmac::sign(key, text.as_bytes());
        format!("{text}.{}", hex(seal.as_ref()))
    }

    /// Reads one that was sealed with that key, and has not expired.
    pub(in crate::server) fn open(sealed: &str, key: &Key, now: WallTime) -> Option<Link> {
        let (text, seal) = Some(sealed).filter(|sealed| sealed.len() <= TEXT_LEN_MAX)?.rsplit_once('.')?;
        // In constant time.
        hmac::verify(key, text.as_bytes(), &unhex(seal)?).ok()?;
        let fields: Vec<&str> = text.split('.').collect();
        let time = |text: &str| text.parse().ok().map(WallTime::from_unix_ms);
        let (until, camera, by, stretch) = match fields[..] {
            [until, camera, by] => (until, camera, by, None),
            [until, camera, by, from, to] => (until, camera, by, Some((time(from)?, time(to)?))),
            _ => return None,
        };
        let link = Link { camera: CameraName::parse(camera).ok()?, stretch, until: time(until)?, by: Sharer::parse(by)? };
        (link.until > now).then_some(link)
    }

    /// Whether it allows to read what a route and its query lead to. `is_only` tells that there is no other camera, so that none need be named.
    pub(in crate::server) fn allows(&self, route: Option<Route<'_>>, uri: &Uri, is_only: bool) -> bool {
        let is_named = || camera_asked(uri).map_or(is_only, |name| name == self.camera.as_str());
        match (route, self.stretch) {
            (Some(Route::Stream(camera, clip::NAME)), Some(stretch)) if camera == self.camera.as_str() => {
                asked(uri) == Some(stretch)
            }
            (_, Some(_)) => false,
            (Some(Route::Stream(camera, _) | Route::Controls(camera)), None) => camera == self.camera.as_str(),
            (Some(Route::Page | Route::Status | Route::History | Route::Recordings | Route::Markers), None) => is_named(),
            (Some(Route::Recording(_) | Route::Marker(_) | Route::Events | Route::Detections), None) => is_named(),
            (Some(Route::Session | Route::File(_) | Route::Time), None) => true,
            _ => false,
        }
    }
}

/// The stretch that a query of a clip asks for.
fn asked(uri: &Uri) -> Option<(WallTime, WallTime)> {
    let field = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        pairs.find(|(name, _)| name == wanted).and_then(|(name, value)| query::time(&name, &value).ok())
    };
    Some((field("from")?, field("to")?))
}

/// The sealed link in a query.
pub(in crate::server) fn in_query(uri: &Uri) -> Option<&str> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == PARAMETER).map(|(_, value)| value)
}

/// The address without the link, which is for nobody else to read.
pub(in crate::server) fn without(uri: &Uri) -> Uri {
    let rest: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| pair.split_once('=').is_none_or(|(name, _)| name != PARAMETER))
        .collect();
    let query = if rest.join("").is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    format!("{}{query}", uri.path()).parse().unwrap_or_else(|_| uri.clone())
}

/// The key in a file, which is made if it is not there. One that cannot be read or kept is of this run alone, and so are its links.
pub(in crate::server) fn key(path: &Path) -> Key {
    let is_there = path.symlink_metadata().is_ok();
    if is_there {
        match read_secret(path, KEY_FILE_LEN_MAX) {
            Ok(text) if text.trim().len() >= 2 * KEY_LEN => return Key::new(HMAC_SHA256, text.trim().as_bytes()),
            Ok(_) => tracing::warn!(
                "{} is too short for a key; links of earlier runs do not count, and those of this run end with it",
                path.display()
            ),
            Err(error) => tracing::warn!("{error}; links of earlier runs do not count, and those of this run end with it"),
        }
    }
    let mut bytes = [0; KEY_LEN];
    getrandom::fill(&mut bytes).expect("the system has random bytes: users were hashed with some");
    let text = hex(&bytes);
    if !is_there && let Err(error) = plain_file::replace_secret(path, text.as_bytes()) {
        tracing::warn!("cannot write {}: {error}; links that are shared end with this run", path.display());
    }
    Key::new(HMAC_SHA256, text.as_bytes())
}

/// A playlist or a manifest with the link in each address of it, so that players that follow them are let in.
pub(in crate::server) fn carried(text: &str, sealed: &str) -> String {
    let with = |address: &str, and: &str| {
        let joint = if address.contains('?') { and } else { "?" };
        format!("{address}{joint}{PARAMETER}={sealed}")
    };
    if text.trim_start().starts_with('<') {
        return ["media=\"", "initialization=\"", "<Location>"].into_iter().fold(text.to_owned(), |text, before| {
            within(&text, before, if before.ends_with('"') { '"' } else { '<' }, |address| with(address, "&amp;"))
        });
    }
    let line = |line: &str| match line {
        "" => String::new(),
        tag if tag.starts_with('#') => within(tag, "URI=\"", '"', |address| with(address, "&")),
        address => with(address, "&"),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// The text with what stands between `before` and `end` made into something else, each time.
fn within(text: &str, before: &str, end: char, make: impl Fn(&str) -> String) -> String {
    let mut pieces = text.split(before);
    let mut made = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (address, rest) = piece.split_at(piece.find(end).unwrap_or(piece.len()));
        made.extend([before, &make(address), rest]);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: WallTime = WallTime(1_795_191_552_000_000);

    fn secret() -> Key {
        Key::new(HMAC_SHA256, b"a key")
    }

    fn link(stretch: Option<(WallTime, WallTime)>) -> Link {
        Link {
            camera: CameraName::parse("porch").expect("a name"),
            stretch,
            until: NOW + Span::from_ms(1000),
            by: Sharer::of("otto", &secret()),
        }
    }

    #[test]
    fn a_link_is_read_until_it_expires_and_with_its_key_alone() {
        for stretch in [None, Some((NOW, NOW + Span::from_ms(30_000)))] {
            let sealed = link(stretch).sealed(&secret());
            assert_eq!(Link::open(&sealed, &secret(), NOW), Some(link(stretch)));
            assert_eq!(Link::open(&sealed, &secret(), NOW + Span::from_ms(1000)), None);
            assert_eq!(Link::open(&sealed, &Key::new(HMAC_SHA256, b"another"), NOW), None);
        }
    }

    proptest! {
        #[test]
        fn a_link_that_was_changed_is_none(at in 0..80_usize, byte in "[0-9a-z.]") {
            let sealed = link(None).sealed(&secret());
            let mut changed = sealed.clone();
            let at = at % sealed.len();
            changed.replace_range(at..=at, &byte);
            prop_assert_eq!(Link::open(&changed, &secret(), NOW).is_some(), changed == sealed);
        }

        #[test]
        fn no_text_is_more_than_refused(text in "\\PC{0,200}") {
            prop_assert_eq!(Link::open(&text, &secret(), NOW), None);
        }
    }

    #[test]
    fn a_link_allows_its_camera_or_its_stretch_and_nothing_else() {
        let check = |stretch, address: &str, expect: bool| {
            let uri: Uri = address.parse().expect("an address");
            assert_eq!(link(stretch).allows(Route::parse(uri.path()), &uri, false), expect, "{address} {stretch:?}");
        };
        for address in
            ["/porch/index.m3u8", "/porch/clip.mp4?last=30", "/?camera=porch", "/api/status?camera=porch", "/api/session"]
        {
            check(None, address, true);
        }
        for address in ["/cam/index.m3u8", "/", "/?camera=cam", "/api/status", "/api/cameras", "/api/sessions", "/api/sessions/a"] {
            check(None, address, false);
        }
        let stretch = Some((WallTime(1_795_191_000_000_000), WallTime(1_795_191_030_000_000)));
        check(stretch, "/porch/clip.mp4?from=1795191000&to=1795191030", true);
        for address in [
            "/porch/clip.mp4?from=1795191000&to=1795191031",
            "/porch/clip.mp4?last=30",
            "/porch/snapshot.jpg?at=1795191000",
            "/cam/clip.mp4?from=1795191000&to=1795191030",
            "/porch/index.m3u8",
            "/?camera=porch",
            "/api/status?camera=porch",
        ] {
            check(stretch, address, false);
        }
        let uri = Uri::from_static("/api/status");
        assert!(link(None).allows(Some(Route::Status), &uri, true), "there is no other");
    }

    #[test]
    fn the_address_without_the_link_is_what_the_others_read() {
        let check = |address: &'static str, expect: &str| {
            let uri = without(&Uri::from_static(address));
            assert_eq!(uri.path_and_query().map(|both| both.as_str()), Some(expect), "{address}");
        };
        check("/cam/clip.mp4?from=1&token=T&to=2", "/cam/clip.mp4?from=1&to=2");
        check("/cam/video.m3u8?token=T", "/cam/video.m3u8");
        check("/cam/video.m3u8?_HLS_msn=1", "/cam/video.m3u8?_HLS_msn=1");
        check("/?embed&token=T", "/?embed");
    }

    #[test]
    fn playlists_and_manifests_carry_the_link() {
        let playlist =
            "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXT-X-PART:DURATION=0.1,URI=\"p.m4s?a=b\",INDEPENDENT=YES\n\nseg.m4s\n";
        let expect = "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4?token=T\"\n#EXT-X-PART:DURATION=0.1,URI=\"p.m4s?a=b&token=T\",INDEPENDENT=YES\n\n\
                      seg.m4s?token=T\n";
        assert_eq!(carried(playlist, "T"), expect);
        let manifest = "<?xml version=\"1.0\"?><MPD><Location>index.mpd?p=1</Location><SegmentTemplate media=\"s-$Number$.m4s\" \
                        initialization=\"i.mp4\"/></MPD>";
        let expect = "<?xml version=\"1.0\"?><MPD><Location>index.mpd?p=1&amp;token=T</Location><SegmentTemplate \
                      media=\"s-$Number$.m4s?token=T\" initialization=\"i.mp4?token=T\"/></MPD>";
        assert_eq!(carried(manifest, "T"), expect);
    }
}
