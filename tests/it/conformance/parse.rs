//! A strict reader of playlists, after draft-pantos-hls-rfc8216bis-22 §4, for the conformance checks alone.

use super::{Fault, Violation};
use std::collections::BTreeMap;

/// The attributes of a tag, quotes taken off.
pub(crate) type Attributes = BTreeMap<String, String>;

/// Tags that stand for the whole playlist, once.
const HEAD: [&str; 9] = [
    "EXT-X-VERSION",
    "EXT-X-TARGETDURATION",
    "EXT-X-SERVER-CONTROL",
    "EXT-X-PART-INF",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-I-FRAMES-ONLY",
    "EXT-X-INDEPENDENT-SEGMENTS",
    "EXT-X-PLAYLIST-TYPE",
];

/// A part as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) uri: String,
    /// 10 µs.
    pub(crate) duration: i64,
    pub(crate) independent: bool,
}

/// A segment as listed; without a URI, the one that grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) msn: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) uri: String,
    /// 10 µs.
    pub(crate) duration: i64,
    /// Unix milliseconds.
    pub(crate) date: Option<i64>,
    pub(crate) discontinuity: bool,
    pub(crate) map: Option<String>,
    pub(crate) range: Option<String>,
    pub(crate) parts: Vec<Part>,
    /// Where its URI stands, from 1.
    pub(crate) line: usize,
    has_inf: bool,
}

/// A media playlist as read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Playlist {
    pub(crate) head: BTreeMap<String, String>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) growing: Segment,
    pub(crate) hints: Vec<Attributes>,
    pub(crate) ranges: Vec<Attributes>,
    pub(crate) reports: Vec<Attributes>,
    pub(crate) skip: Option<Attributes>,
    pub(crate) ended: bool,
    pub(crate) faults: Vec<Violation>,
    /// The least version that may carry what was read (§8).
    pub(crate) version_needed: u64,
}

impl Playlist {
    /// An attribute of a head tag.
    pub(crate) fn attribute(&self, tag: &str, name: &str) -> Option<String> {
        attributes(self.head.get(tag)?).ok()?.remove(name)
    }

    /// A decimal attribute of a head tag, 10 µs.
    pub(crate) fn seconds(&self, tag: &str, name: &str) -> i64 {
        self.attribute(tag, name).and_then(|text| decimal(&text)).unwrap_or(0)
    }

    /// EXT-X-TARGETDURATION, 10 µs.
    pub(crate) fn target(&self) -> i64 {
        self.number("EXT-X-TARGETDURATION").unwrap_or(0) as i64 * 100_000
    }

    /// A number of the head.
    pub(crate) fn number(&self, tag: &str) -> Option<u64> {
        self.head.get(tag)?.parse().ok()
    }

    /// Sum of the segments, 10 µs.
    pub(crate) fn duration(&self) -> i64 {
        self.segments.iter().map(|segment| segment.duration).sum()
    }

    /// Where it ends: the growing segment's number and its count of parts.
    pub(crate) fn edge(&self) -> (u64, usize) {
        (self.growing.msn, self.growing.parts.len())
    }

    fn fault(&mut self, rule: Fault, line: usize) {
        self.faults.push(Violation::new(rule, line));
    }

    fn needs(&mut self, version: u64) {
        self.version_needed = self.version_needed.max(version);
    }
}

/// Digits with an optional fraction of at most 5 digits, in 10 µs.
pub(crate) fn decimal(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 5 {
        return None;
    }
    Some(whole.parse::<i64>().ok()? * 100_000 + format!("{fraction:0<5}").parse::<i64>().ok()?)
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn date(text: &str) -> Option<i64> {
    let exact = text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.';
    exact.then(|| text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond())).flatten()
}

/// An attribute list (§4.2).
pub(crate) fn attributes(text: &str) -> Result<Attributes, Fault> {
    let mut found = Attributes::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or(Fault::Attributes)?;
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-') {
            return Err(Fault::Attributes);
        }
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or(Fault::Attributes)?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if found.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Fault::Attributes);
        }
        rest = match after.strip_prefix(',') {
            Some("") => return Err(Fault::Attributes),
            Some(more) => more,
            None if after.is_empty() => after,
            None => return Err(Fault::Attributes),
        };
    }
    Ok(found)
}

/// Reads a media playlist; what is wrong with its form is in `faults`.
pub(crate) fn playlist(text: &str) -> Playlist {
    let mut found = Playlist { version_needed: 1, ..Playlist::default() };
    let tabs = text.contains("RECENTLY-REMOVED-DATERANGES");
    if text.chars().any(|c| (c.is_control() && c != '\n' && !(c == '\t' && tabs)) || c == '\u{feff}') || !text.ends_with('\n') {
        found.fault(Fault::Text, 0);
    }
    if text.lines().next() != Some("#EXTM3U") {
        found.fault(Fault::FirstLine, 1);
    }
    let mut reading = Reading::default();
    for (n, line) in text.lines().enumerate().skip(1) {
        match line.strip_prefix('#') {
            Some(tag) => reading.tag(&mut found, tag, n + 1),
            None => reading.uri(&mut found, line, n + 1),
        }
    }
    if reading.segment.has_inf {
        found.fault(Fault::Inf, text.lines().count());
    }
    found.growing = reading.segment;
    (found.growing.msn, found.growing.discontinuity_sequence) = (reading.msn, reading.discontinuities);
    found.growing.map = found.growing.map.or(reading.map);
    found
}

/// What is carried from line to line.
#[derive(Default)]
struct Reading {
    segment: Segment,
    msn: u64,
    discontinuities: u64,
    map: Option<String>,
}

impl Reading {
    fn uri(&mut self, found: &mut Playlist, line: &str, n: usize) {
        if !std::mem::take(&mut self.segment.has_inf) || line.is_empty() || line.trim() != line {
            found.fault(Fault::Inf, n);
        }
        let mut segment = std::mem::take(&mut self.segment);
        (segment.uri, segment.line, segment.msn) = (line.to_owned(), n, self.msn);
        (segment.discontinuity_sequence, segment.map) = (self.discontinuities, self.map.clone());
        self.msn += 1;
        found.segments.push(segment);
    }

    fn tag(&mut self, found: &mut Playlist, tag: &str, n: usize) {
        let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
        if HEAD.contains(&name) {
            return self.head(found, name, value, n);
        }
        let listed = match name {
            "EXTINF" | "EXT-X-DISCONTINUITY" | "EXT-X-PROGRAM-DATE-TIME" | "EXT-X-BYTERANGE" | "EXT-X-ENDLIST" => {
                Ok(Attributes::new())
            }
            _ => attributes(value),
        };
        let Ok(mut listed) = listed else { return found.fault(Fault::Attributes, n) };
        // §4.4.4.9: what holds for the segment comes before its first part.
        if matches!(name, "EXT-X-DISCONTINUITY" | "EXT-X-PROGRAM-DATE-TIME" | "EXT-X-MAP") && !self.segment.parts.is_empty() {
            found.fault(Fault::PartOrder, n);
        }
        match name {
            "EXTINF" => match value.strip_suffix(',').and_then(decimal) {
                Some(duration) if !self.segment.has_inf => {
                    (self.segment.duration, self.segment.has_inf) = (duration, true);
                    found.needs(3);
                }
                _ => found.fault(Fault::Inf, n),
            },
            "EXT-X-BYTERANGE" => {
                self.segment.range = Some(value.to_owned());
                found.needs(4);
            }
            "EXT-X-DISCONTINUITY" => {
                self.discontinuities += 1;
                self.segment.discontinuity = true;
            }
            "EXT-X-PROGRAM-DATE-TIME" => {
                self.segment.date = date(value);
                if self.segment.date.is_none() {
                    found.fault(Fault::Date, n);
                }
            }
            "EXT-X-MAP" => {
                self.map = listed.remove("URI");
                found.needs(if found.head.contains_key("EXT-X-I-FRAMES-ONLY") { 5 } else { 6 });
            }
            "EXT-X-PART" => match (listed.remove("URI"), listed.get("DURATION").and_then(|text| decimal(text))) {
                (Some(uri), Some(duration)) => {
                    let independent = listed.get("INDEPENDENT").is_some_and(|value| value == "YES");
                    self.segment.parts.push(Part { uri, duration, independent });
                }
                _ => found.fault(Fault::Attributes, n),
            },
            "EXT-X-SKIP" => {
                if found.skip.is_some() || !found.segments.is_empty() {
                    found.fault(Fault::Once, n);
                }
                self.msn += listed.get("SKIPPED-SEGMENTS").and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
                found.needs(if listed.contains_key("RECENTLY-REMOVED-DATERANGES") { 10 } else { 9 });
                found.skip = Some(listed);
            }
            "EXT-X-DATERANGE" => found.ranges.push(listed),
            "EXT-X-PRELOAD-HINT" => found.hints.push(listed),
            "EXT-X-ENDLIST" => found.ended = true,
            "EXT-X-RENDITION-REPORT" => found.reports.push(listed),
            _ => found.fault(Fault::UnknownTag, n),
        }
    }

    fn head(&mut self, found: &mut Playlist, name: &str, value: &str, n: usize) {
        if found.head.insert(name.to_owned(), value.to_owned()).is_some() {
            found.fault(Fault::Once, n);
        }
        let sequence = matches!(name, "EXT-X-MEDIA-SEQUENCE" | "EXT-X-DISCONTINUITY-SEQUENCE");
        if sequence && (!found.segments.is_empty() || found.skip.is_some() || self.segment != Segment::default()) {
            found.fault(Fault::SequenceOrder, n);
        }
        match (name, value.parse()) {
            ("EXT-X-MEDIA-SEQUENCE", Ok(number)) => self.msn = number,
            ("EXT-X-DISCONTINUITY-SEQUENCE", Ok(number)) => self.discontinuities = number,
            ("EXT-X-MEDIA-SEQUENCE" | "EXT-X-DISCONTINUITY-SEQUENCE" | "EXT-X-TARGETDURATION" | "EXT-X-VERSION", Err(_)) => {
                found.fault(Fault::Attributes, n);
            }
            ("EXT-X-SERVER-CONTROL" | "EXT-X-PART-INF", _) if attributes(value).is_err() => found.fault(Fault::Attributes, n),
            _ => {}
        }
    }
}
