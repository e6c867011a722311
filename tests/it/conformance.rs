//! What the draft (draft-pantos-hls-rfc8216bis-22) and Apple's authoring specification (AAS) ask of a live playlist, as a function of
//! the playlist's text and of those before it. Written from the rules; shares no code with what writes the playlists.

mod answers;
mod parse;
mod random;

use parse::{Attributes, Playlist, Segment};
use std::collections::{BTreeMap, BTreeSet};

/// Names the faults, each with the clause that it breaks.
macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident => $clause:literal,)+) => {
        /// What can be wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Fault { $($(#[$doc])* $name,)+ }

        impl Fault {
            fn clause(self) -> &'static str {
                match self { $(Fault::$name => $clause,)+ }
            }
        }
    };
}

faults! {
    FirstLine => "4.4.1.1",
    Text => "4.1",
    Attributes => "4.2",
    Once => "4.4.3",
    UnknownTag => "4",
    Inf => "4.4.4.1",
    Date => "4.4.4.6",
    SequenceOrder => "4.4.3.2",
    PartOrder => "4.4.4.9",
    VersionTooLow => "8",
    VersionTooHigh => "6.2.1",
    Target => "4.4.3.1",
    SegmentTooLong => "4.4.3.1",
    FirstNumber => "hls.js takes 0 for none",
    NoMap => "3.1.2",
    NoDate => "AAS 8.4",
    DateDrift => "AAS 8.1",
    DateBack => "6.2.1",
    PartTooLong => "4.4.4.9",
    PartTooShort => "4.4.4.9",
    PartSum => "3.2",
    PartTarget => "4.4.3.7",
    NotIndependent => "AAS 7.4",
    PartsMissing => "6.2.2, parts of the last 3 target durations",
    PartsStale => "6.2.2, parts beyond 3 target durations and a segment",
    HoldBack => "4.4.3.8",
    PartHoldBack => "4.4.3.8",
    SkipUntil => "4.4.3.8",
    BlockReload => "B.1",
    Hint => "B.1, 4.4.5.3",
    HintUri => "4.4.5.3",
    PlaylistType => "6.2.2",
    ByteRange => "4.4.3.6",
    Report => "4.4.5.4, and Apple's validator refuses one of an I-frame playlist",
    ReportStale => "4.4.5.4",
    ControlDiffers => "6.2.4",
    SkipTooMuch => "6.2.5.1",
    Range => "4.4.5.1",
    RangeChanged => "4.4.5.1",
    RangeReused => "6.2.1",
    RangeLost => "6.2.1",
    HeadChanged => "6.2.1",
    SequenceBack => "6.2.2",
    Regress => "6.2.1",
    SegmentChanged => "6.2.1",
    DiscontinuityMoved => "6.2.2",
    PartsChanged => "6.2.2",
    WindowShort => "6.2.2",
    AfterTheEnd => "6.2.1",
    UriReused => "6.2.1, one URI for one segment",
}

/// A broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    rule: Fault,
    /// Where it is written; read by people, from the `Debug` text.
    clause: &'static str,
    /// Line of the playlist, 0 for all of it.
    line: usize,
}

impl Violation {
    fn new(rule: Fault, line: usize) -> Violation {
        Violation { rule, clause: rule.clause(), line }
    }
}

/// What was seen of one playlist before.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    last: Option<Playlist>,
    numbers: BTreeMap<String, u64>,
    ranges_gone: BTreeSet<String>,
}

/// What is wrong with a full media or I-frame playlist, after those in `history`, to which it is added.
pub(crate) fn violations(text: &str, history: &mut History) -> Vec<Violation> {
    let playlist = parse::playlist(text);
    let mut faults = playlist.faults.clone();
    let mut check = |ok: bool, rule, line| {
        if !ok {
            faults.push(Violation::new(rule, line));
        }
    };
    head(&playlist, &mut check);
    segments(&playlist, &mut check);
    if playlist.head.contains_key("EXT-X-I-FRAMES-ONLY") {
        playlist.segments.iter().for_each(|segment| check(segment.range.is_some(), Fault::ByteRange, segment.line));
        check(playlist.reports.len() == usize::from(!playlist.ended), Fault::Report, 0);
    } else {
        parts(&playlist, &mut check);
        // There is one rendition, and no other to report.
        check(playlist.reports.is_empty(), Fault::Report, 0);
    }
    ranges(&playlist, &mut check);
    if let Some(last) = &history.last {
        evolution(last, &playlist, &mut check);
    }
    for segment in playlist.segments.iter().filter(|segment| segment.range.is_none()) {
        check(*history.numbers.entry(segment.uri.clone()).or_insert(segment.msn) == segment.msn, Fault::UriReused, segment.line);
    }
    for range in &playlist.ranges {
        check(!history.ranges_gone.contains(&range["ID"]), Fault::RangeReused, 0);
    }
    let gone =
        history.last.iter().flat_map(|last| &last.ranges).filter(|old| !playlist.ranges.iter().any(|new| new["ID"] == old["ID"]));
    history.ranges_gone.extend(gone.map(|range| range["ID"].clone()));
    history.last = Some(playlist);
    faults
}

/// Takes note of a broken rule.
type Check<'a> = &'a mut dyn FnMut(bool, Fault, usize);

fn head(playlist: &Playlist, check: Check<'_>) {
    let version = playlist.number("EXT-X-VERSION").unwrap_or(1);
    check(version >= playlist.version_needed, Fault::VersionTooLow, 2);
    check(version <= playlist.version_needed, Fault::VersionTooHigh, 2);
    let target = playlist.target();
    check(target > 0, Fault::Target, 0);
    check(!playlist.head.contains_key("EXT-X-PLAYLIST-TYPE"), Fault::PlaylistType, 0);
    check(playlist.number("EXT-X-MEDIA-SEQUENCE").is_some_and(|n| n >= 1), Fault::FirstNumber, 0);
    let control = |name| playlist.seconds("EXT-X-SERVER-CONTROL", name);
    check(control("HOLD-BACK") >= 3 * target, Fault::HoldBack, 0);
    check(control("CAN-SKIP-UNTIL") >= 6 * target, Fault::SkipUntil, 0);
    check(playlist.attribute("EXT-X-SERVER-CONTROL", "CAN-BLOCK-RELOAD").as_deref() == Some("YES"), Fault::BlockReload, 0);
    check(control("PART-HOLD-BACK") >= 3 * playlist.seconds("EXT-X-PART-INF", "PART-TARGET"), Fault::PartHoldBack, 0);
}

fn segments(playlist: &Playlist, check: Check<'_>) {
    let mut before: Option<&Segment> = None;
    let growing = (!playlist.growing.parts.is_empty()).then_some(&playlist.growing);
    for segment in playlist.segments.iter().chain(growing) {
        check((segment.duration + 50_000) / 100_000 * 100_000 <= playlist.target(), Fault::SegmentTooLong, segment.line);
        check(segment.map.is_some(), Fault::NoMap, segment.line);
        check(segment.date.is_some(), Fault::NoDate, segment.line);
        if let (Some(before), Some(date)) = (before, segment.date) {
            let expect = before.date.unwrap_or(0) + before.duration / 100;
            check(date >= expect - 34, Fault::DateBack, segment.line);
            // Within one frame, and a discontinuity may leave a hole.
            check(segment.discontinuity || (date - expect).abs() <= 34, Fault::DateDrift, segment.line);
        }
        before = Some(segment);
    }
}

fn parts(playlist: &Playlist, check: Check<'_>) {
    let target = playlist.seconds("EXT-X-PART-INF", "PART-TARGET");
    check(target > 0, Fault::PartTarget, 0);
    let mut after = playlist.growing.parts.iter().map(|part| part.duration).sum::<i64>();
    for segment in playlist.segments.iter().rev() {
        let listed = !segment.parts.is_empty();
        check(listed || after > 3 * playlist.target(), Fault::PartsMissing, segment.line);
        check(!listed || after <= 4 * playlist.target(), Fault::PartsStale, segment.line);
        let sum: i64 = segment.parts.iter().map(|part| part.duration).sum();
        check(!listed || (sum - segment.duration).abs() <= segment.parts.len() as i64, Fault::PartSum, segment.line);
        after += segment.duration;
    }
    for (segment, whole) in playlist.segments.iter().map(|segment| (segment, true)).chain([(&playlist.growing, false)]) {
        for (n, part) in segment.parts.iter().enumerate() {
            check(part.duration <= target, Fault::PartTooLong, segment.line);
            let last = whole && n + 1 == segment.parts.len();
            check(part.duration * 100 >= target * 85 || part.independent || last, Fault::PartTooShort, segment.line);
            check(n > 0 || part.independent, Fault::NotIndependent, segment.line);
        }
    }
    let hints = playlist.hints.iter().filter(|hint| hint.get("TYPE").is_some_and(|kind| kind == "PART")).count();
    check(hints == usize::from(!playlist.ended) && playlist.hints.len() == hints, Fault::Hint, 0);
}

fn ranges(playlist: &Playlist, check: Check<'_>) {
    for range in &playlist.ranges {
        let date = |name: &str| range.get(name).map(|text| parse::date(text));
        let start = date("START-DATE").flatten();
        let end_ok = match date("END-DATE") {
            None => true,
            Some(end) => end >= start && end.is_some(),
        };
        check(range.contains_key("ID") && start.is_some() && end_ok, Fault::Range, 0);
    }
}

fn evolution(old: &Playlist, new: &Playlist, check: Check<'_>) {
    for tag in ["EXT-X-VERSION", "EXT-X-TARGETDURATION", "EXT-X-SERVER-CONTROL", "EXT-X-PART-INF", "EXT-X-I-FRAMES-ONLY"] {
        check(old.head.get(tag) == new.head.get(tag), Fault::HeadChanged, 0);
    }
    for tag in ["EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE"] {
        check(new.number(tag) >= old.number(tag), Fault::SequenceBack, 0);
    }
    check(new.edge() >= old.edge(), Fault::Regress, 0);
    check(!old.ended || (new.ended && new.edge() == old.edge()), Fault::AfterTheEnd, 0);
    let removed = new.number("EXT-X-MEDIA-SEQUENCE") > old.number("EXT-X-MEDIA-SEQUENCE");
    check(!removed || new.duration() >= 3 * new.target(), Fault::WindowShort, 0);
    let first = new.segments.first().map_or(u64::MAX, |segment| segment.msn);
    let mut dropped_all = true;
    for was in old.segments.iter().chain([&old.growing]).filter(|was| was.msn >= first) {
        let Some(is) = new.segments.iter().chain([&new.growing]).find(|is| is.msn == was.msn) else {
            check(was.uri.is_empty() && was.parts.is_empty(), Fault::SegmentChanged, 0);
            continue;
        };
        if was.uri.is_empty() && was.parts.is_empty() {
            continue;
        }
        let kept = |segment: &Segment| (segment.date, segment.discontinuity, segment.map.clone());
        check(kept(was) == kept(is), Fault::SegmentChanged, is.line);
        check(was.discontinuity_sequence == is.discontinuity_sequence, Fault::DiscontinuityMoved, is.line);
        let whole = |segment: &Segment| (segment.uri.clone(), segment.duration, segment.range.clone());
        check(was.uri.is_empty() || whole(was) == whole(is), Fault::SegmentChanged, is.line);
        // Parts are appended to the growing segment, and dropped in order.
        let parts_ok = if was.uri.is_empty() {
            is.parts.starts_with(&was.parts) || is.parts.is_empty()
        } else {
            is.parts.is_empty() || is.parts == was.parts
        };
        check(parts_ok && (dropped_all || !is.parts.is_empty() || was.parts.is_empty()), Fault::PartsChanged, is.line);
        dropped_all &= is.parts.is_empty();
    }
    hint(old, new, check);
    for range in &old.ranges {
        range_evolution(range, new, check);
    }
}

/// What was hinted is what came, unless the segment ended before it.
fn hint(old: &Playlist, new: &Playlist, check: Check<'_>) {
    let Some(hinted) = old.hints.first().and_then(|hint| hint.get("URI")) else { return };
    let (msn, index) = old.edge();
    let came = |msn: u64, index: usize| {
        let segment = new.segments.iter().chain([&new.growing]).find(|segment| segment.msn == msn)?;
        segment.parts.get(index).map(|part| part.uri.clone())
    };
    if let Some(uri) = came(msn, index) {
        check(uri == *hinted, Fault::HintUri, 0);
    }
}

fn range_evolution(old: &Attributes, new: &Playlist, check: Check<'_>) {
    match new.ranges.iter().find(|range| range["ID"] == old["ID"]) {
        Some(range) => check(old.iter().all(|(name, value)| range.get(name) == Some(value)), Fault::RangeChanged, 0),
        None => {
            let first = new.segments.first().and_then(|segment| segment.date);
            let end = old.get("END-DATE").and_then(|text| parse::date(text));
            check(end.is_some_and(|end| first.is_some_and(|first| end < first)), Fault::RangeLost, 0);
        }
    }
}

/// What is wrong between the media playlist and the I-frame playlist of the same version.
pub(crate) fn disagreements(video: &str, iframes: &str) -> Vec<Violation> {
    let (video, iframes) = (parse::playlist(video), parse::playlist(iframes));
    let mut faults = Vec::new();
    let mut check = |ok: bool, rule| {
        if !ok {
            faults.push(Violation::new(rule, 0));
        }
    };
    for tag in ["EXT-X-SERVER-CONTROL", "EXT-X-TARGETDURATION"] {
        check(video.head.get(tag) == iframes.head.get(tag), Fault::ControlDiffers);
    }
    for report in &iframes.reports {
        let last = video.segments.iter().chain([&video.growing]).rfind(|segment| !segment.parts.is_empty());
        let expect = last.map(|segment| (segment.msn.to_string(), (segment.parts.len() - 1).to_string()));
        let told = report.get("LAST-MSN").cloned().zip(report.get("LAST-PART").cloned());
        check(told == expect && report.get("URI").is_some_and(|uri| uri == "video.m3u8"), Fault::ReportStale);
    }
    faults
}

/// What is wrong with a delta update, beside the full playlist of the same version.
pub(crate) fn delta_violations(delta: &str, full: &str) -> Vec<Violation> {
    let (delta, full) = (parse::playlist(delta), parse::playlist(full));
    let mut faults = delta.faults.clone();
    let mut check = |ok: bool, rule| {
        if !ok {
            faults.push(Violation::new(rule, 0));
        }
    };
    let version = delta.number("EXT-X-VERSION").unwrap_or(1);
    check(version >= delta.version_needed, Fault::VersionTooLow);
    check(version <= delta.version_needed, Fault::VersionTooHigh);
    for tag in
        ["EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE", "EXT-X-SERVER-CONTROL", "EXT-X-TARGETDURATION", "EXT-X-PART-INF"]
    {
        check(delta.head.get(tag) == full.head.get(tag), Fault::HeadChanged);
    }
    // The last one skipped ends farther from the end of the last segment than the boundary.
    let shown: i64 = full.segments.iter().skip(full.segments.len() - delta.segments.len()).map(|segment| segment.duration).sum();
    let rounding = delta.segments.len() as i64;
    check(delta.skip.is_none() || shown + rounding > full.seconds("EXT-X-SERVER-CONTROL", "CAN-SKIP-UNTIL"), Fault::SkipTooMuch);
    faults
}

/// The full playlist that a client has after merging a delta update into its copy (§6.3.7), as its entries and date ranges; `None` if
/// its copy lacks what is skipped.
pub(crate) fn merge(old: &str, delta: &str) -> Option<Playlist> {
    let (old, mut new) = (parse::playlist(old), parse::playlist(delta));
    let skip = new.skip.take()?;
    let skipped: u64 = skip.get("SKIPPED-SEGMENTS")?.parse().ok()?;
    let first = new.number("EXT-X-MEDIA-SEQUENCE")?;
    let known: Vec<Segment> = (first..first + skipped)
        .map(|msn| old.segments.iter().find(|segment| segment.msn == msn).cloned())
        .collect::<Option<_>>()?;
    // The client counts the discontinuities of what it skipped.
    let inside = known.iter().filter(|segment| segment.discontinuity).count() as u64;
    new.segments.iter_mut().chain([&mut new.growing]).for_each(|segment| segment.discontinuity_sequence += inside);
    let map = known.last().and_then(|segment| segment.map.clone());
    for segment in new.segments.iter_mut().chain([&mut new.growing]) {
        segment.map = segment.map.take().or(map.clone());
    }
    new.segments.splice(0..0, known);
    if let Some(removed) = skip.get("RECENTLY-REMOVED-DATERANGES") {
        let gone: Vec<&str> = removed.split('\t').collect();
        let told = std::mem::take(&mut new.ranges);
        let kept = old.ranges.into_iter().filter(|range| !gone.contains(&range["ID"].as_str()));
        let kept = kept.filter(|range| !told.iter().any(|new| new["ID"] == range["ID"]));
        new.ranges = kept.collect();
        new.ranges.extend(told);
    }
    Some(new)
}

/// Whether two playlists say the same of segments, parts, hints and date ranges.
pub(crate) fn same(a: &Playlist, b: &Playlist) -> bool {
    let plain = |playlist: &Playlist| {
        let mut segments = playlist.segments.clone();
        // Parts and lines that a client dropped or never saw are of no account for skipped segments.
        segments.iter_mut().for_each(|segment| (segment.line, segment.parts) = (0, Vec::new()));
        let mut ranges = playlist.ranges.clone();
        ranges.sort();
        (segments, playlist.growing.parts.clone(), playlist.hints.clone(), ranges, playlist.ended)
    };
    plain(a) == plain(b)
}
