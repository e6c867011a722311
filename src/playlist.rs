//! Playlists: what the window holds, as text. What is finished lies written and compressed in [`Texts`]; it is put between a head and a
//! tail that are written anew for each version, once for all requests. All of it is made from a snapshot, without the window's lock:
//! publishing never waits for a text.

pub mod archive;
pub mod dash;
pub mod hls;
pub mod incremental;
mod lines;
pub mod name;
#[cfg(test)]
mod tests;
pub mod texts;

use crate::{
    encode::VBV_SPAN,
    failpoint,
    sync::lock,
    time::Span,
    window::{
        Window,
        snapshot::Snapshot,
        state::{MapLine, Segment, bit_rate},
    },
};
use bytes::Bytes;
use dash::presentation::Presentation;
use hls::{Flag, Seconds};
use incremental::{Piece, pack};
use name::Name;
use std::{
    fmt::{self, Display, Write},
    hash::{DefaultHasher, Hasher},
    sync::{Arc, Mutex, OnceLock},
};
use texts::Texts;

/// Bytes that a part adds to its frames: `moof`, `mdat` and one run header.
const PART_OVERHEAD_BYTES: u64 = 200;
/// Bytes that a frame adds to its data: its entry in the run, and rounding.
const FRAME_OVERHEAD_BYTES: u64 = 16;

/// How much of a media playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Full,
    /// `_HLS_skip=YES`: without old segments.
    Delta,
    /// `_HLS_skip=v2`: without old date ranges, too.
    DeltaDates,
}

/// A playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The multivariant playlist.
    Multivariant,
    /// The media playlist.
    Video(Extent),
    /// The I-frame playlist.
    IFrames(Extent),
    /// The manifest of MPEG-DASH.
    Manifest,
    /// The same, for who plays since before the clock was set; written for each who asks.
    Former(Presentation),
}

impl Kind {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// Its place among them.
    pub fn index(self) -> usize {
        match self {
            Kind::Multivariant => 0,
            Kind::Video(extent) => 1 + extent as usize,
            Kind::IFrames(extent) => 4 + extent as usize,
            Kind::Manifest | Kind::Former(_) => 7,
        }
    }

    /// The same playlist, all of it.
    pub fn full(self) -> Kind {
        match self {
            Kind::Multivariant => Kind::Multivariant,
            Kind::Video(_) => Kind::Video(Extent::Full),
            Kind::IFrames(_) => Kind::IFrames(Extent::Full),
            Kind::Manifest | Kind::Former(_) => self,
        }
    }
}

/// A rendered playlist: pieces to be sent in order, shared by all requests.
#[derive(Debug)]
pub struct RenderedPlaylist {
    pieces: Vec<Piece>,
    tag: String,
    gzip: OnceLock<Vec<Bytes>>,
}

impl RenderedPlaylist {
    fn new(pieces: Vec<Piece>, tag: String) -> RenderedPlaylist {
        RenderedPlaylist { pieces, tag, gzip: OnceLock::new() }
    }

    /// The text.
    pub fn plain(&self) -> Vec<Bytes> {
        self.pieces.iter().map(|piece| piece.text().clone()).collect()
    }

    /// The text in gzip, compressed on the first call only. That takes milliseconds, for which other callers wait.
    pub fn gzip(&self) -> &[Bytes] {
        self.gzip.get_or_init(|| pack(&self.pieces))
    }

    /// What tells it from all other pages of this run; the base of its entity tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

/// The playlists of a window.
pub struct Playlists {
    window: Arc<Window>,
    /// Taken before the window's lock, never under it.
    texts: Mutex<Texts>,
}

impl Playlists {
    /// The playlists of this window.
    pub fn new(window: Arc<Window>) -> Playlists {
        Playlists { window, texts: Mutex::default() }
    }

    /// The window.
    pub fn window(&self) -> &Arc<Window> {
        &self.window
    }

    /// A playlist of a version or a later one, written on the first call only; who asks meanwhile waits for that. `None` before the first
    /// whole segment.
    pub fn page(&self, kind: Kind, version: u64) -> Option<Arc<RenderedPlaylist>> {
        let mut texts = lock(&self.texts);
        if texts.version() < version {
            let snapshot = self.window.snapshot(texts.next());
            texts.follow(snapshot);
        }
        texts.page(kind)
    }

    /// Keeps up with the window for as long as it is polled.
    pub(crate) async fn follow(&self) {
        let mut versions = self.window.versions();
        // The window outlives this borrow of it, so its sender is there.
        while versions.changed().await.is_ok() {
            failpoint::hit("playlists");
            self.keep_up();
        }
    }

    /// Writes and compresses what does not change any more. Called for every version, it leaves little to do for who asks; where it is
    /// not, the first to ask waits for all of it.
    pub fn keep_up(&self) {
        let fresh = {
            let mut texts = lock(&self.texts);
            let snapshot = self.window.snapshot(texts.next());
            texts.follow(snapshot);
            texts.take_fresh()
        };
        for block in fresh {
            block.deflated();
        }
    }
}

impl fmt::Debug for Playlists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playlists").field("window", &self.window).finish_non_exhaustive()
    }
}

/// The text of a listed segment whose parts are not listed.
fn entry(segment: &Segment) -> String {
    let mut text = String::with_capacity(160);
    opening(&mut text, segment);
    closing(&mut text, segment);
    text
}

/// The text of a segment's key frames.
fn iframe_entry(segment: &Segment) -> String {
    let mut text = String::with_capacity(320);
    if segment.start.discontinuity {
        line(&mut text, Flag::Discontinuity);
    }
    // hls.js 1.7 takes the head of a media segment for the init segment behind a discontinuity that has no EXT-X-MAP of its own.
    if segment.map == MapLine::Own || segment.start.discontinuity {
        map(&mut text, segment);
    }
    key_frames(&mut text, segment);
    text
}

/// The key frames of a segment, as byte ranges of it.
fn key_frames(text: &mut String, segment: &Segment) {
    for key in segment.key_frames() {
        line(text, hls::ProgramDateTime(segment.start.wall + key.at));
        line(text, hls::Inf(key.duration.into()));
        line(text, hls::ByteRange { len: key.len, offset: key.offset });
        line(text, Name::Segment(segment.start.msn).text(&segment.run));
    }
}

fn line(text: &mut String, tag: impl Display) {
    writeln!(text, "{tag}").expect("a string takes everything");
}

fn map(text: &mut String, segment: &Segment) {
    line(text, hls::Map { uri: Name::Init(segment.start.init).text(&segment.run) });
}

/// What stands before a segment's first part (§4.4.4.9).
fn opening(text: &mut String, segment: &Segment) {
    if segment.start.discontinuity {
        line(text, Flag::Discontinuity);
    }
    if segment.map == MapLine::Own {
        map(text, segment);
    }
    line(text, hls::ProgramDateTime(segment.start.wall));
}

fn parts(text: &mut String, segment: &Segment) {
    for part in &segment.parts {
        let independence = if part.independent { hls::Independence::Independent } else { hls::Independence::Dependent };
        let uri = Name::Part(part.msn, part.index).text(&segment.run);
        line(text, hls::Part { duration: part.duration.into(), uri, independence });
    }
}

fn closing(text: &mut String, segment: &Segment) {
    if segment.is_gone() {
        line(text, Flag::Gap);
    }
    line(text, hls::Inf(segment.duration.into()));
    line(text, Name::Segment(segment.start.msn).text(&segment.run));
}

/// What both media playlists say of the whole stream (§6.2.4: the same in all).
fn head(state: &Snapshot, text: &mut String, version: u8) {
    let (target_s, part_target) = (state.config.target_duration_s, Seconds::from(state.config.part_target));
    line(text, Flag::M3u);
    line(text, hls::Version(version));
    line(text, hls::TargetDuration(target_s));
    line(
        text,
        hls::ServerControl {
            can_skip_until: Seconds::from(state.config.skip_until()),
            part_hold_back: part_target.times(3),
            hold_back: Seconds::whole(target_s).times(3),
        },
    );
}

/// The version that a delta update needs (§8), or that of the full playlist.
fn version(extent: Extent, full: u8) -> u8 {
    match extent {
        Extent::Full => full,
        Extent::Delta => 9,
        Extent::DeltaDates => 10,
    }
}

/// Where the entries begin: the sequence numbers, what is skipped, and the EXT-X-MAP that the first entry shown relies on.
fn sequence(state: &Snapshot, text: &mut String, first: u64, skip: Option<hls::Skip>, shown: Option<&Segment>) {
    line(text, hls::MediaSequence(first));
    line(text, hls::DiscontinuitySequence(state.gone.discontinuities));
    if let Some(skip) = skip {
        line(text, skip);
    }
    if let Some(shown) = shown.filter(|segment| segment.map == MapLine::Inherited) {
        map(text, shown);
    }
}

fn video(texts: &Texts, state: &Snapshot, extent: Extent) -> RenderedPlaylist {
    let skipped = if extent == Extent::Full { 0 } else { state.skippable };
    // A delta that skips nothing is the full playlist.
    let extent = if skipped == 0 { Extent::Full } else { extent };
    let run = &state.config.run;
    // A range may be a part target older when it is asked for than when the page was made.
    let fresh = state.made - state.config.skip_until() + state.config.part_target;
    let mut text = String::with_capacity(512);
    head(state, &mut text, version(extent, 6));
    line(&mut text, hls::PartInf { target: state.config.part_target.into() });
    let removed = || state.ranges.removed_since(fresh - state.config.part_target * 2);
    let skip = (extent != Extent::Full)
        .then(|| hls::Skip { segments: skipped as u64, removed_date_ranges: (extent == Extent::DeltaDates).then(removed) });
    sequence(state, &mut text, state.first_msn(), skip, state.listed(skipped));

    let mut tail = String::with_capacity(4096);
    for segment in state.listed_from(state.without_parts) {
        opening(&mut tail, segment);
        parts(&mut tail, segment);
        closing(&mut tail, segment);
    }
    if let Some(open) = &state.growing {
        opening(&mut tail, open);
        parts(&mut tail, open);
    }
    match extent {
        Extent::DeltaDates => texts.lines.since(fresh).for_each(|line| tail.push_str(line)),
        Extent::Full | Extent::Delta => texts.lines.all().for_each(|line| tail.push_str(line)),
    }
    match state.next_part {
        Some((msn, index)) => line(&mut tail, hls::PreloadHint { uri: Name::Part(msn, index).text(run) }),
        None => line(&mut tail, Flag::EndList),
    }
    page(state, Kind::Video(extent), text, texts.video.pieces(skipped), tail)
}

fn iframes(texts: &Texts, state: &Snapshot, extent: Extent) -> RenderedPlaylist {
    let skipped = if extent == Extent::Full { 0 } else { state.skippable };
    let shown = |skipped| state.listed_from(skipped).map(|segment| segment.key_count).sum::<u64>();
    let hidden = if skipped == 0 { 0 } else { state.sums.key_frames - shown(skipped) };
    let extent = if hidden == 0 { Extent::Full } else { extent };
    let mut text = String::with_capacity(512);
    head(state, &mut text, version(extent, 5));
    line(&mut text, Flag::IFramesOnly);
    // This playlist has no date ranges of its own, so none was removed from it.
    let skip = (extent != Extent::Full)
        .then(|| hls::Skip { segments: hidden, removed_date_ranges: (extent == Extent::DeltaDates).then(Vec::new) });
    sequence(state, &mut text, state.gone.key_frames + 1, skip, state.listed(skipped));
    let mut tail = String::new();
    let last = state.growing.as_ref().or(state.last()).filter(|_| !state.ended);
    match last {
        Some(last) => {
            let (last_msn, last_part) = (last.start.msn.0, last.parts.len().saturating_sub(1) as u32);
            line(&mut tail, hls::RenditionReport { uri: name::VIDEO, last_msn, last_part });
        }
        None => line(&mut tail, Flag::EndList),
    }
    page(state, Kind::IFrames(extent), text, texts.iframes.pieces(skipped), tail)
}

fn page(state: &Snapshot, kind: Kind, head: String, body: Vec<Piece>, tail: String) -> RenderedPlaylist {
    let mut pieces = vec![Piece::Plain(Bytes::from(head))];
    pieces.extend(body);
    pieces.push(Piece::Plain(Bytes::from(tail)));
    RenderedPlaylist::new(pieces, format!("{}-{}-{}", state.config.run, state.version, kind.index()))
}

fn multivariant(state: &Snapshot) -> RenderedPlaylist {
    let mut text = String::with_capacity(512);
    line(&mut text, Flag::M3u);
    line(&mut text, Flag::IndependentSegments);
    if let Some(newest) = state.inits.back().and_then(|init| init.params.video()) {
        let mut codecs: Vec<String> = state.inits.iter().map(|init| init.params.codecs()).collect();
        codecs.dedup();
        let frame_rate = frame_rate(state);
        let bandwidth = declared_bandwidth(state);
        let measured = bit_rate(state.sums.bytes, state.sums.span);
        let variant = hls::Variant {
            bandwidth,
            average_bandwidth: declared_average(state).max(measured).min(bandwidth),
            codecs: codecs.join(","),
            resolution: (newest.size.width() as u32, newest.size.height() as u32),
        };
        let scrub = hls::Variant {
            bandwidth: state.peaks.key_frame.max(1),
            average_bandwidth: bit_rate(state.sums.key_bytes, state.sums.span).max(1),
            ..variant.clone()
        };
        line(&mut text, hls::StreamInf { variant, frame_rate, uri: name::VIDEO });
        line(&mut text, hls::IFrameStreamInf { variant: scrub, uri: name::IFRAMES });
    }
    still(state, text)
}

/// A page that seldom changes: its tag is that of its text, so that a client that asks often gets 304.
fn still(state: &Snapshot, text: String) -> RenderedPlaylist {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    let tag = format!("{}-{:016x}", state.config.run, hasher.finish());
    RenderedPlaylist::new(vec![Piece::Plain(Bytes::from(text))], tag)
}

/// The highest frame rate of the formats in the window.
fn frame_rate(state: &Snapshot) -> f64 {
    state.inits.iter().filter_map(|init| init.params.video()).map(|video| video.rate.as_f64()).fold(0.0, f64::max)
}

/// The peak segment bit rate that is declared (§4.4.6.2): no segment can have more than a full VBV buffer and its own time at the
/// ceiling. What is seen may raise it, for not every encoder keeps to its buffer.
fn declared_bandwidth(state: &Snapshot) -> u64 {
    let segment = state.config.part_target * i64::from(state.config.segment_parts);
    let burst = u128::from(ceiling(state)) * VBV_SPAN.0 as u128 / segment.0.max(1) as u128;
    (declared_average(state) + burst as u64).max(state.peaks.segment)
}

/// The average bit rate that is declared, so that it holds before anything is measured: the encoder's ceiling and the packaging.
fn declared_average(state: &Snapshot) -> u64 {
    let overhead = bit_rate(PART_OVERHEAD_BYTES, state.config.part_target)
        + bit_rate(FRAME_OVERHEAD_BYTES, Span((90_000.0 / frame_rate(state).max(0.001)) as i64));
    ceiling(state) + overhead
}

fn ceiling(state: &Snapshot) -> u64 {
    state.inits.iter().map(|init| u64::from(init.params.bitrate_max())).max().unwrap_or(0)
}
