//! From hits to tracks: which hits of different runs are the same thing, where it is now, and whether it is there at all. Pure.
//!
//! A strong hit begins a track, and a weaker one continues it. A track is shown once enough of its first runs agree, is held for a
//! moment when it is lost, and is remembered for longer, so that it keeps its id when it comes back.

use super::{
    hit::{Expected, Hit},
    kind::Kind,
};
use crate::{
    picture::{BoundingBox, Size},
    time::{Span, Ticks},
};

mod redaction;
mod rules;

pub use redaction::RedactionArea;
pub use rules::Rules;

/// Neighbours of a hit of a cascade that begins a track.
pub const STRENGTH_TO_BEGIN: u32 = Rules::NEIGHBOURS.begin;
/// Neighbours of a first hit of a cascade that is shown at once.
pub const STRENGTH_SURE: u32 = Rules::NEIGHBOURS.sure;
/// A track is confirmed after so many hits…
pub const CONFIRM_HITS: u32 = 2;
/// …within so many runs: one run may miss a face, and what was there but once is a curtain.
pub const CONFIRM_RUNS: u32 = 3;
/// How long a track that is not shown any more waits for its face: a hand or a passer-by hides one for about a second.
pub const REMEMBER: Span = Span::from_ms(1500);
/// How long a lost face is believed to move on as it did: people turn and stop.
const COAST: Span = Span::from_ms(500);
/// Most things followed at once; a false hit in every corner of a noisy picture must not cost more than that.
pub const TRACKS_MAX: usize = 16;

/// Part of the way from the predicted to the measured centre: Haar's boxes tremble by a few pixels, which half of the way halves.
const POSITION_GAIN: f64 = 0.6;
/// Part of the measured change of speed that is believed, per run.
const SPEED_GAIN: f64 = 0.3;
/// Both of these between the first two hits, the only measure of speed so far.
const FIRST_GAIN: f64 = 0.8;
/// A first move of less than this part of the width is trembling, not speed.
const TREMBLE: f64 = 0.12;
/// Part of the way from the old to the measured lengths: a face grows slowly, and a box that breathes is ugly.
const LENGTH_GAIN: f64 = 0.3;
/// Part of the way from the old to the new confidence, per run: it should tell of the last second, not of the last run.
const CONFIDENCE_GAIN: f64 = 0.2;
/// Fastest speed, in widths per second: someone who runs past the camera. More is a wrong match.
const SPEED_MAX: f64 = 10.0;

/// A track moves steadily after so many hits in succession…
const STEADY_HITS: u32 = 4;
/// …each no further from where it was expected, in widths…
const STEADY_OFF_MAX: f64 = 0.35;
/// …at this speed or faster, in widths per second; below it nothing passes.
const STEADY_SPEED_MIN: f64 = 0.5;

/// A hit this near the predicted centre is the same thing, in widths: two heads side by side are further apart.
const GATE: f64 = 0.6;
/// The gate grows with the time since the last hit, in widths per second: a passing face moves five widths a second, which a track of one
/// hit cannot know, and one that has a speed knows to within half.
const GATE_GROWTH_UNKNOWN: f64 = 5.0;
const GATE_GROWTH_KNOWN: f64 = 2.0;
/// The gate never grows wider, in widths: further off it is someone else.
const GATE_MAX: f64 = 1.5;
/// A hit more than so many times as wide or as narrow as the track is something else: nobody comes nearer that fast.
const WIDTH_RATIO_MAX: f64 = 1.6;
/// A track without a hit that shares so much of the smaller area with one that has a hit has been replaced by it.
const REPLACED_MIN: f64 = 0.4;

/// What stays the same thing from frame to frame.
pub type TrackId = u64;

/// A track as it is drawn on one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tracked {
    /// The same in all frames, and never used again.
    pub id: TrackId,
    /// What it was taken for when it was first seen; it stays that.
    pub kind: Kind,
    /// How sure it is that it is there, 0 to 1: of a network, its score; of a cascade, half for one that is hit in every run just as
    /// strongly as one needs to begin. It sinks when hits are weak or missing.
    pub confidence: f64,
    /// Where it is in this frame; inside the picture.
    pub area: BoundingBox,
}

/// One thing that is followed.
#[derive(Clone, Debug, PartialEq)]
struct Track {
    id: TrackId,
    kind: Kind,
    rules: Rules,
    /// Time of the last hit, for which the centre and the lengths hold.
    at: Ticks,
    /// Centre, in pixels.
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    /// Speed of the centre, in pixels per second.
    speed_x: f64,
    speed_y: f64,
    n_hits: u32,
    /// The last hits in succession that came where they were expected.
    n_steady: u32,
    /// Strength of the hits of the last second or so, in units of what begins a track; a run without one counted as nothing.
    strength: f64,
    /// The last runs, the newest in the lowest bit: hit or not.
    runs: u32,
    /// It began with a hit that needs no second one.
    is_sure: bool,
    is_confirmed: bool,
}

/// What the boxes of a run lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The size of the picture.
    pub size: Size,
    /// Its part without bars; what has left that has left the picture.
    pub content: BoundingBox,
}

impl Frame {
    /// A picture without bars.
    pub fn whole(size: Size) -> Frame {
        Frame { size, content: BoundingBox { x: 0, y: 0, width: size.width() as u32, height: size.height() as u32 } }
    }
}

/// What was being followed after one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracks {
    /// Capture time of the picture that was searched.
    at: Ticks,
    size: Size,
    /// The part of the picture without bars.
    content: BoundingBox,
    /// From the run before to the last one.
    interval: Span,
    tracks: Vec<Track>,
    /// What the run found, whether a track has taken it or not.
    hits: Vec<BoundingBox>,
}

/// Follows what a detector finds.
#[derive(Debug)]
pub struct Tracker {
    last: Option<Tracks>,
    n_ids: TrackId,
    /// By which faces are followed; everything else is found by cascades.
    face_rules: Rules,
}

impl Default for Tracker {
    /// One that follows what cascades find.
    fn default() -> Tracker {
        Tracker { last: None, n_ids: 0, face_rules: Rules::NEIGHBOURS }
    }
}

impl Tracker {
    /// Has faces followed by these rules from the next run on.
    pub fn follow_faces_by(&mut self, rules: Rules) {
        self.face_rules = rules;
    }

    fn rules_of(&self, kind: Kind) -> Rules {
        Rules::of(kind, self.face_rules)
    }

    /// Takes what a run on the picture captured at `at` found. Another size or a time that does not grow begins anew.
    pub fn update(&mut self, at: Ticks, Frame { size, content }: Frame, hits: &[Hit]) {
        let (mut tracks, interval) = match self.last.take() {
            Some(old) if old.at < at && old.size == size => (old.tracks, at.since(old.at)),
            _ => (Vec::new(), Span::ZERO),
        };
        let mut free: Vec<Hit> = hits.iter().copied().filter(|hit| hit.area.width > 0 && hit.area.height > 0).collect();
        let hits = free.iter().map(|hit| hit.area).collect();
        tracks.iter_mut().for_each(Track::begin_run);
        for (track, hit) in matches(&tracks, &free, at) {
            let strength = self.rules_of(free[hit].kind).relative(free[hit].strength);
            tracks[track].take(free[hit], strength, at);
            free[hit].strength = 0;
        }
        let hit_now: Vec<Track> = tracks.iter().filter(|track| track.at == at).cloned().collect();
        tracks.retain(|track| {
            track.is_alive(at, content) && (track.at == at || !hit_now.iter().any(|new| track.is_replaced_by(new, at)))
        });
        free.retain(|hit| hit.strength >= self.rules_of(hit.kind).begin);
        let relative = |hit: &Hit| self.rules_of(hit.kind).relative(hit.strength);
        free.sort_by(|a, b| relative(b).total_cmp(&relative(a)));
        for hit in free.into_iter().take(TRACKS_MAX.saturating_sub(tracks.len())) {
            tracks.push(Track::begin(self.n_ids, hit, self.rules_of(hit.kind), at));
            self.n_ids += 1;
        }
        self.last = Some(Tracks { at, size, content, interval, tracks, hits });
    }

    /// Where things are expected in a picture captured at `at`: what is shown, what may be, and what was lost a moment ago.
    pub fn expected_at(&self, at: Ticks) -> Vec<Expected> {
        let Some(tracks) = &self.last else { return Vec::new() };
        let expected = |track: &Track| Some(Expected { kind: track.kind, area: track.area_at(at, tracks.size)? });
        tracks.tracks.iter().filter_map(expected).collect()
    }

    /// What to draw on a picture captured at `at`.
    pub fn boxes_at(&self, at: Ticks) -> Vec<Tracked> {
        self.last.as_ref().map_or_else(Vec::new, |tracks| tracks.boxes_at(at))
    }

    /// What is followed now, to be kept beside the tracker; none before the first run.
    pub fn tracks(&self) -> Option<Tracks> {
        self.last.clone()
    }
}

impl Tracks {
    /// The size of the pictures that the boxes lie in.
    pub fn size(&self) -> Size {
        self.size
    }

    /// What to draw on a picture captured at `at`: the confirmed tracks whose last hit is no older than their [`Rules`] allow, or
    /// than two runs where a slow detector needs longer for them.
    pub fn boxes_at(&self, at: Ticks) -> Vec<Tracked> {
        let shown = self.tracks.iter().filter(|track| track.is_shown(at, self.interval * 2) && !track.has_left(at, self.content));
        shown.filter_map(|track| track.tracked_at(at, self.size)).collect()
    }
}

impl Track {
    fn begin(id: TrackId, hit: Hit, rules: Rules, at: Ticks) -> Track {
        let (x, y) = centre(hit.area);
        let (width, height) = (f64::from(hit.area.width), f64::from(hit.area.height));
        let (speed_x, speed_y, strength) = (0.0, 0.0, rules.relative(hit.strength));
        let is_sure = hit.strength >= rules.sure;
        Track {
            id,
            kind: hit.kind,
            rules,
            at,
            x,
            y,
            width,
            height,
            speed_x,
            speed_y,
            n_hits: 1,
            n_steady: 0,
            strength,
            runs: 1,
            is_sure,
            is_confirmed: false,
        }
    }

    /// A run in which it has not been hit yet.
    fn begin_run(&mut self) {
        self.runs <<= 1;
        self.strength *= 1.0 - CONFIDENCE_GAIN;
    }

    /// The centre at a time near the last hit.
    fn centre_at(&self, at: Ticks) -> (f64, f64) {
        let seconds = Span(at.since(self.at).0.clamp(-COAST.0, COAST.0)).as_s();
        (self.x + self.speed_x * seconds, self.y + self.speed_y * seconds)
    }

    /// How far a hit at `at` is from where this is expected, in widths; `None` if it is something else.
    fn distance(&self, hit: Hit, at: Ticks) -> Option<f64> {
        let ratio = f64::from(hit.area.width) / self.width;
        if !self.kind.is_same_thing(hit.kind) || !(1.0 / WIDTH_RATIO_MAX..=WIDTH_RATIO_MAX).contains(&ratio) {
            return None;
        }
        let ((x, y), (hit_x, hit_y)) = (self.centre_at(at), centre(hit.area));
        let distance = (hit_x - x).hypot(hit_y - y) / self.width;
        let growth = if self.n_hits == 1 { GATE_GROWTH_UNKNOWN } else { GATE_GROWTH_KNOWN };
        let gate = (GATE + growth * at.since(self.at).as_s()).min(GATE_MAX);
        (distance <= gate).then_some(distance)
    }

    /// Takes a hit of a later run, of that relative strength.
    fn take(&mut self, hit: Hit, strength: f64, at: Ticks) {
        let ((x, y), (hit_x, hit_y)) = (self.centre_at(at), centre(hit.area));
        let (off_x, off_y) = (hit_x - x, hit_y - y);
        let seconds = at.since(self.at).as_s();
        let (position_gain, speed_gain) = match self.n_hits {
            1 if off_x.hypot(off_y) >= TREMBLE * self.width => (FIRST_GAIN, FIRST_GAIN),
            1 => (POSITION_GAIN, 0.0),
            _ => (POSITION_GAIN, SPEED_GAIN),
        };
        self.n_steady = if off_x.hypot(off_y) <= STEADY_OFF_MAX * self.width { self.n_steady + 1 } else { 0 };
        self.width += LENGTH_GAIN * (f64::from(hit.area.width) - self.width);
        self.height += LENGTH_GAIN * (f64::from(hit.area.height) - self.height);
        let limit = SPEED_MAX * self.width;
        self.speed_x = (self.speed_x + speed_gain * off_x / seconds).clamp(-limit, limit);
        self.speed_y = (self.speed_y + speed_gain * off_y / seconds).clamp(-limit, limit);
        (self.x, self.y) = (x + position_gain * off_x, y + position_gain * off_y);
        self.at = at;
        self.n_hits += 1;
        self.strength += CONFIDENCE_GAIN * strength;
        self.runs |= 1;
        self.is_confirmed |= (self.runs & recent_runs()).count_ones() >= CONFIRM_HITS;
    }

    fn was_hit_now(&self) -> bool {
        self.runs & 1 == 1
    }

    fn moves_steadily(&self) -> bool {
        self.n_steady >= STEADY_HITS && self.speed_x.hypot(self.speed_y) >= STEADY_SPEED_MIN * self.width
    }

    fn is_shown(&self, at: Ticks, hold_min: Span) -> bool {
        let hold = if self.moves_steadily() { self.rules.hold_moving } else { self.rules.hold };
        at.since(self.at) <= hold.max(hold_min) && (self.is_confirmed || (self.is_sure && self.was_hit_now()))
    }

    /// Whether it was lost, and reaches beyond the picture by now, for rules under which that is its end.
    fn has_left(&self, at: Ticks, content: BoundingBox) -> bool {
        let (x, y) = self.centre_at(at);
        let reaches_out = |at: f64, length: f64, from: u32, side: u32| {
            at - length / 2.0 < f64::from(from) || at + length / 2.0 > f64::from(from + side)
        };
        let is_cut = reaches_out(x, self.width, content.x, content.width) || reaches_out(y, self.height, content.y, content.height);
        self.rules.ends_at_edge && !self.was_hit_now() && is_cut
    }

    /// Whether it is worth following on.
    fn is_alive(&self, at: Ticks, content: BoundingBox) -> bool {
        let (x, y) = self.centre_at(at);
        let is_within = |at: f64, from: u32, length: u32| (f64::from(from)..=f64::from(from + length)).contains(&at);
        let is_inside = is_within(x, content.x, content.width) && is_within(y, content.y, content.height);
        // One that is not shown goes when the next run cannot confirm it any more.
        let is_recent = if self.is_confirmed { at.since(self.at) <= REMEMBER } else { (self.runs << 1) & recent_runs() != 0 };
        is_inside && is_recent
    }

    fn is_replaced_by(&self, other: &Track, at: Ticks) -> bool {
        let common = |a: f64, a_length: f64, b: f64, b_length: f64| {
            ((a + a_length / 2.0).min(b + b_length / 2.0) - (a - a_length / 2.0).max(b - b_length / 2.0)).max(0.0)
        };
        let ((x, y), (other_x, other_y)) = (self.centre_at(at), other.centre_at(at));
        let shared = common(x, self.width, other_x, other.width) * common(y, self.height, other_y, other.height);
        self.kind.is_same_thing(other.kind) && shared >= REPLACED_MIN * (self.width * self.height).min(other.width * other.height)
    }

    /// How it is drawn on a picture captured at `at`.
    fn tracked_at(&self, at: Ticks, size: Size) -> Option<Tracked> {
        let confidence = self.rules.confidence(self.strength);
        Some(Tracked { id: self.id, kind: self.kind, confidence, area: self.area_at(at, size)? })
    }

    /// Its box at a time near the last hit, cut to the picture; `None` outside of it.
    fn area_at(&self, at: Ticks, size: Size) -> Option<BoundingBox> {
        let (x, y) = self.centre_at(at);
        let edge = |at: f64, side: usize| at.round().clamp(0.0, side as f64) as u32;
        let (left, right) = (edge(x - self.width / 2.0, size.width()), edge(x + self.width / 2.0, size.width()));
        let (top, bottom) = (edge(y - self.height / 2.0, size.height()), edge(y + self.height / 2.0, size.height()));
        (right > left && bottom > top).then(|| BoundingBox { x: left, y: top, width: right - left, height: bottom - top })
    }
}

/// The bits of [`Track::runs`] that count for the confirmation.
const fn recent_runs() -> u32 {
    (1 << CONFIRM_RUNS) - 1
}

fn centre(area: BoundingBox) -> (f64, f64) {
    (f64::from(area.x) + f64::from(area.width) / 2.0, f64::from(area.y) + f64::from(area.height) / 2.0)
}

/// Pairs of track and hit, each at most once: what is shown comes before what may be, and near before far.
fn matches(tracks: &[Track], hits: &[Hit], at: Ticks) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(bool, f64, usize, usize)> = Vec::new();
    for (t, track) in tracks.iter().enumerate() {
        let near = hits.iter().enumerate().filter_map(|(h, hit)| Some((!track.is_confirmed, track.distance(*hit, at)?, t, h)));
        pairs.extend(near);
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    for (_, _, track, hit) in pairs {
        if chosen.iter().all(|(t, h)| *t != track && *h != hit) {
            chosen.push((track, hit));
        }
    }
    chosen
}

#[cfg(test)]
mod tests;
