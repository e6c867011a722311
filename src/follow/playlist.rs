//! The media playlist of another hlscam, read: which segments and parts there are, and when they were captured. Pure.

use crate::time::{Span, WallTime};

/// Segments that a playlist may list: a day of the shortest.
const SEGMENTS_MAX: usize = 100_000;

/// A media playlist, as far as a recording needs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaPlaylist {
    /// The first Media Sequence Number that is kept there.
    pub first: u64,
    /// The segments that are told, in order; those of a delta update begin later than at `first`.
    pub segments: Vec<ListedSegment>,
    /// EXT-X-PART-INF.
    pub part_target: Span,
    /// EXT-X-ENDLIST.
    pub ended: bool,
}

/// A segment of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListedSegment {
    /// Its Media Sequence Number.
    pub msn: u64,
    /// Its address, once it is whole.
    pub uri: Option<String>,
    /// Its parts, where they are told.
    pub parts: Vec<ListedPart>,
    /// Its length, once it is whole.
    pub duration: Span,
    /// EXT-X-PROGRAM-DATE-TIME.
    pub wall: WallTime,
    /// EXT-X-MAP; none where a delta update leaves it out.
    pub map: Option<String>,
    /// EXT-X-DISCONTINUITY.
    pub discontinuity: bool,
    /// EXT-X-GAP.
    pub gap: bool,
}

/// A part.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedPart {
    /// Its address.
    pub uri: String,
    /// Its length.
    pub duration: Span,
    /// It begins with a key frame.
    pub independent: bool,
}

/// Where a recording is: the next part that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Of this segment.
    pub msn: u64,
    /// From 0.
    pub part: usize,
}

impl ListedSegment {
    /// Its length so far.
    fn length(&self) -> Span {
        let parts = self.parts.iter().fold(Span::ZERO, |sum, part| sum + part.duration);
        if self.uri.is_some() { self.duration } else { parts }
    }

    /// When its first `count` parts are over.
    pub fn wall_of(&self, count: usize) -> WallTime {
        self.wall + self.parts.iter().take(count).fold(Span::ZERO, |sum, part| sum + part.duration)
    }

    /// The parts with which decoding can begin, and where they begin in it.
    fn keys(&self) -> impl DoubleEndedIterator<Item = (usize, WallTime)> {
        let keys = self.parts.iter().enumerate().filter(|(n, part)| part.independent || *n == 0);
        let listed: Vec<(usize, WallTime)> = keys.map(|(n, _)| (n, self.wall_of(n))).collect();
        // Each segment begins with a key frame.
        if listed.is_empty() && self.uri.is_some() { vec![(0, self.wall)] } else { listed }.into_iter()
    }
}

impl MediaPlaylist {
    /// Reads a playlist; `None` where it is none.
    pub fn parse(text: &str) -> Option<MediaPlaylist> {
        let mut lines = text.lines();
        if lines.next()?.trim_end() != "#EXTM3U" {
            return None;
        }
        let mut list = MediaPlaylist::default();
        let (mut next, mut map) = (ListedSegment::default(), None::<String>);
        for line in lines.map(str::trim_end) {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            match tag {
                "#EXT-X-MEDIA-SEQUENCE" => {
                    list.first = value.parse().ok()?;
                    next.msn = list.first;
                }
                "#EXT-X-SKIP" => next.msn = next.msn.checked_add(attribute(value, "SKIPPED-SEGMENTS")?.parse().ok()?)?,
                "#EXT-X-PART-INF" => list.part_target = seconds(attribute(value, "PART-TARGET")?)?,
                "#EXT-X-MAP" => map = Some(attribute(value, "URI")?.to_owned()),
                "#EXT-X-PROGRAM-DATE-TIME" => next.wall = WallTime::parse(value)?,
                "#EXT-X-DISCONTINUITY" => next.discontinuity = true,
                "#EXT-X-GAP" => next.gap = true,
                "#EXT-X-ENDLIST" => list.ended = true,
                "#EXTINF" => next.duration = seconds(value.split(',').next()?)?,
                "#EXT-X-PART" => next.parts.push(ListedPart {
                    uri: attribute(value, "URI")?.to_owned(),
                    duration: seconds(attribute(value, "DURATION")?)?,
                    independent: attribute(value, "INDEPENDENT") == Some("YES"),
                }),
                _ if line.is_empty() || line.starts_with('#') => {}
                _ => {
                    let after = ListedSegment { msn: next.msn.checked_add(1)?, ..ListedSegment::default() };
                    let whole = std::mem::replace(&mut next, after);
                    list.segments.push(ListedSegment { uri: Some(line.to_owned()), map: map.clone(), ..whole });
                    if list.segments.len() > SEGMENTS_MAX {
                        return None;
                    }
                }
            }
        }
        if !next.parts.is_empty() {
            list.segments.push(ListedSegment { map, ..next });
        }
        Some(list)
    }

    /// When the newest that is told was captured.
    pub fn edge(&self) -> Option<WallTime> {
        self.segments.last().map(|last| last.wall + last.length())
    }

    /// Where a recording begins that is to have so much of the past: with the newest key frame that is old enough, or with the oldest one
    /// there is. When its first frame was captured comes with it.
    pub fn start(&self, pre_roll: Span) -> Option<(Cursor, WallTime)> {
        let target = WallTime(self.edge()?.0 - pre_roll.as_us());
        let mut keys = self
            .segments
            .iter()
            .filter(|segment| !segment.gap)
            .flat_map(|segment| segment.keys().map(|(part, wall)| (Cursor { msn: segment.msn, part }, wall)));
        let first = keys.next()?;
        Some(keys.take_while(|(_, wall)| *wall <= target).last().unwrap_or(first))
    }
}

/// The value of an attribute (rfc8216bis §4.2), without its quotes.
fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    while let Some((key, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, next) = quoted.split_once('"')?;
                (value, next.strip_prefix(',').unwrap_or(next))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim() == name {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// To the nearest tick.
fn seconds(text: &str) -> Option<Span> {
    let seconds: f64 = text.parse().ok()?;
    // Longer than a day is none of ours.
    (0.0..86_400.0).contains(&seconds).then(|| Span((seconds * 90_000.0).round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(name: &str) -> MediaPlaylist {
        let path = format!("{}/tests/golden/{name}.m3u8", env!("CARGO_MANIFEST_DIR"));
        MediaPlaylist::parse(&std::fs::read_to_string(path).expect("it is there")).expect("a playlist")
    }

    fn at(text: &str) -> WallTime {
        WallTime::parse(&format!("2026-11-20T16:19:{text}Z")).expect("a time")
    }

    #[test]
    fn a_playlist_of_ours_is_read() {
        let list = golden("live_start");
        let [segment] = list.segments.as_slice() else { panic!("{list:?}") };
        assert_eq!((list.first, list.part_target, list.ended), (1, Span::from_ms(200), false));
        assert_eq!((segment.msn, segment.uri.as_deref(), segment.map.as_deref()), (1, Some("seg-r-1.m4s"), Some("init-r-1.mp4")));
        assert_eq!((segment.duration, segment.wall, segment.parts.len()), (Span::from_ms(1000), at("12"), 5));
        let part =
            |n: usize, independent| ListedPart { uri: format!("part-r-1.{n}.m4s"), duration: Span::from_ms(200), independent };
        assert_eq!(segment.parts[..2], [part(0, true), part(1, false)]);
        assert!(golden("ended").ended);
        let list = golden("discontinuity_gone");
        assert_eq!((list.first, list.segments.len(), list.segments[11].msn), (5, 12, 16));
        assert_eq!(list.segments[0].map.as_deref(), Some("init-r-3.mp4"));
    }

    #[test]
    fn a_delta_update_is_read() {
        let list = golden("delta");
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/delta.m3u8")).expect("it is there");
        let skipped = text.lines().find_map(|line| line.strip_prefix("#EXT-X-SKIP:SKIPPED-SEGMENTS=")).expect("it skips");
        let skipped: u64 = skipped.split(',').next().and_then(|n| n.parse().ok()).expect("a number");
        assert_eq!(list.segments[0].msn, list.first + skipped);
    }

    #[test]
    fn a_recording_begins_with_a_key_frame() {
        let list = golden("discontinuity_gone");
        let check = |ms: i64, msn: u64, wall: &str| {
            assert_eq!(list.start(Span::from_ms(ms)), Some((Cursor { msn, part: 0 }, at(wall))), "{ms} ms");
        };
        // The edge is at 28 s.
        check(0, 16, "27");
        check(1000, 16, "27");
        check(1001, 15, "26");
        check(9500, 7, "18");
        check(60_000, 5, "16");
        let mut growing = golden("live_start");
        let part = |independent| ListedPart { uri: "p".to_owned(), duration: Span::from_ms(200), independent };
        let parts = vec![part(true), part(false), part(true), part(false)];
        growing.segments.push(ListedSegment { msn: 2, wall: at("13"), parts, ..ListedSegment::default() });
        assert_eq!(growing.start(Span::ZERO), Some((Cursor { msn: 2, part: 2 }, at("13.4"))));
        assert_eq!(growing.start(Span::from_ms(500)), Some((Cursor { msn: 2, part: 0 }, at("13"))));
        assert_eq!(MediaPlaylist::default().start(Span::ZERO), None);
    }

    #[test]
    fn gaps_are_passed_over_and_what_is_none_is_refused() {
        let text = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-GAP\n#EXTINF:2.0,\na\n#EXT-X-DISCONTINUITY\n#EXTINF:2.0,\nb\n";
        let list = MediaPlaylist::parse(text).expect("a playlist");
        assert_eq!(list.start(Span::from_ms(3_600_000)).map(|(cursor, _)| cursor), Some(Cursor { msn: 8, part: 0 }));
        assert!(list.segments[0].gap && list.segments[1].discontinuity && !list.segments[1].gap);
        for text in ["", "<html>", "#EXTM3U\n#EXTINF:x,\na\n", "#EXTM3U\n#EXT-X-PART:URI=\"a\n", "#EXTM3U\n#EXT-X-SKIP:A=B\n"] {
            assert_eq!(MediaPlaylist::parse(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(#EXTM3U\n)?(#EXT-X-(PART|MAP|SKIP|MEDIA-SEQUENCE|GAP):[A-Z=\",0-9.]{0,20}\n|[a-z#]{0,5}\n){0,8}") {
            if let Some(list) = MediaPlaylist::parse(&text) {
                list.start(Span::from_ms(1000));
            }
        }
    }
}
