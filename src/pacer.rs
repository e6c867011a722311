//! Uneven pictures in, an even grid of frames out. Pure: time comes in with each call.
//!
//! Cameras jitter, slow down in the dark, and vanish; segments, parts and DASH durations want exact frames. The pacer gives every
//! point of the frame grid exactly one picture: the one captured nearest to it, or the one before again. What it repeats and drops is
//! counted.
//!
//! A picture may lie up to [`PHASE_MAX_PERCENT`] frames off its point. That is more than half a frame on purpose: a camera whose rate differs
//! a little from the grid's drifts through all phases, and at half a frame its jitter would drop and repeat by turns. With the wider
//! band a slip costs one repeat or one drop, and then the phase is far from the border again.

use crate::{
    source::SILENCE_MAX,
    time::{FrameRate, Span, Ticks},
};

/// How far from its grid point a picture may be captured, in hundredths of a frame.
pub const PHASE_MAX_PERCENT: i64 = 75;

/// A grid point waits this long for a late picture beyond the lateness seen lately: half a part, so that a silent source delays no part
/// beyond its time, and longer than a busy machine keeps a thread waiting. A slow source is not waited for: its next picture fills the gap.
const PATIENCE: Span = Span::from_ms(100);

/// Longest lateness (capture to arrival) that the pacer adapts to; a picture that is later counts as captured that long ago.
const LATENESS_MAX: Span = Span::from_ms(500);

/// Grid points filled by one call at most: what [`HOLE_MAX`] holds at the highest rate.
const FILL_FRAMES_MAX: i64 = 720;

/// A grid that is this far behind the clock is not filled any more: the machine slept, or cannot encode what it is asked to. Filling
/// would only make the stream later and later; a discontinuity brings it back to live.
pub const HOLE_MAX: Span = Span::from_ms(3000);

/// What a grid point shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The picture just given.
    Fresh,
    /// The last picture again.
    Repeat,
    /// Nothing has come since that moment: draw a slate.
    Slate {
        /// Capture time of the last picture, or the grid's start if there was none.
        since: Ticks,
    },
}

/// One point of the frame grid, in order and without holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacedFrame {
    /// Number of the point, from 0.
    pub number: i64,
    /// Its media time.
    pub at: Ticks,
    /// To the next point.
    pub duration: Span,
    /// What it shows.
    pub shown: Shown,
}

/// What the pacer did with its pictures so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacerCounts {
    /// Pictures given.
    pub pictures: u64,
    /// Pictures that no grid point shows.
    pub dropped: u64,
    /// Points that repeat a picture.
    pub repeated: u64,
    /// Points that show a slate.
    pub slates: u64,
}

/// The pacer of one stream.
#[derive(Debug)]
pub struct Pacer {
    rate: FrameRate,
    start: Ticks,
    next: i64,
    last_capture: Option<Ticks>,
    /// Until then no other picture was due, by the source's own time.
    stood: Ticks,
    /// The largest lateness of recent pictures, decaying.
    lateness: Span,
    counts: PacerCounts,
}

impl Pacer {
    /// A grid whose first point is at `start`.
    pub fn new(rate: FrameRate, start: Ticks) -> Pacer {
        Pacer { rate, start, next: 0, last_capture: None, stood: start, lateness: Span::ZERO, counts: PacerCounts::default() }
    }

    /// Begins a new grid at `start`, leaving the hole before it; the counts go on.
    pub fn restart(&mut self, start: Ticks) {
        *self = Pacer { counts: self.counts, ..Pacer::new(self.rate, start) };
    }

    /// A picture was shown without this pacer, and what is shown next begins at `end`.
    pub fn pass(&mut self, end: Ticks) {
        self.counts.pictures += 1;
        self.restart(end);
    }

    /// The counts so far.
    pub fn counts(&self) -> PacerCounts {
        self.counts
    }

    /// The source has given a picture captured then, which nobody will show: it was not silent. Told before the next [`push`](Pacer::push).
    pub fn note_capture(&mut self, captured: Ticks) {
        self.last_capture = self.last_capture.map(|last| last.max(captured));
    }

    /// Takes a picture captured at `captured`, come in at `now`. Returns the points that are now decided: repeats for those before it,
    /// and its own last; none if every point it could stand for is already given out (the picture is dropped).
    pub fn push(&mut self, captured: Ticks, now: Ticks) -> Vec<PacedFrame> {
        self.counts.pictures += 1;
        let late = now.since(captured).clamp(Span::ZERO, LATENESS_MAX);
        // Falls by an eighth of the difference: one slow picture is forgotten within half a second.
        self.lateness = late.max(self.lateness - Span((self.lateness.0 - late.0).max(0) / 8));
        // A stamp from the future would hold back everything after it. One that is older than is waited for would always find its point
        // given away: a camera that is late by more than that is shown as if it were just that late.
        let captured = captured.max(now - LATENESS_MAX).min(now);
        let offset = captured.since(self.at(self.next)).0 * 100;
        let frame = self.rate.frame_span().0;
        if offset < -PHASE_MAX_PERCENT * frame && self.next > 0 {
            self.counts.dropped += 1;
            return Vec::new();
        }
        let mut points = Vec::new();
        // The first picture of a grid stands at its beginning: before it there is nothing to repeat, and no silence.
        if offset > PHASE_MAX_PERCENT * frame && self.last_capture.is_some() {
            let nearest = self.nearest(captured).min(self.next + FILL_FRAMES_MAX);
            while self.next < nearest {
                let shown = self.shown_without_picture(self.at(self.next));
                points.push(self.emit(shown));
            }
        }
        self.last_capture = Some(self.last_capture.map_or(captured, |last| last.max(captured)));
        points.push(self.emit(Shown::Fresh));
        points
    }

    /// The source is well, and by its own time no picture was due until `now`: the last one stands, and is no sign of silence.
    pub fn hold(&mut self, now: Ticks) {
        self.stood = self.stood.max(now);
    }

    /// Until when to wait for the next picture before [`Pacer::tick`] has something to say.
    pub fn deadline(&self) -> Ticks {
        let frame = self.rate.frame_span();
        let due = self.at(self.next) + Span(frame.0 * PHASE_MAX_PERCENT / 100) + self.lateness + PATIENCE;
        match self.last_capture {
            Some(_) => due,
            // How late a source is shows with its first picture.
            None => due.max(self.start + SILENCE_MAX),
        }
    }

    /// Tells the time when no picture has come. Returns the points whose time has passed.
    pub fn tick(&mut self, now: Ticks) -> Vec<PacedFrame> {
        let mut points = Vec::new();
        while self.deadline() <= now && (points.len() as i64) < FILL_FRAMES_MAX {
            let shown = self.shown_without_picture(self.at(self.next));
            points.push(self.emit(shown));
        }
        points
    }

    /// Whether `now` lies so far beyond the grid that filling the hole makes no sense: begin a new grid, with a discontinuity.
    pub fn is_beyond_repair(&self, now: Ticks) -> bool {
        now.since(self.at(self.next)) > HOLE_MAX.max(self.rate.frame_span() * 2)
    }

    fn shown_without_picture(&self, at: Ticks) -> Shown {
        match self.last_capture {
            Some(last) if at.since(last.max(self.stood)) <= SILENCE_MAX => Shown::Repeat,
            Some(last) => Shown::Slate { since: last },
            None => Shown::Slate { since: self.start },
        }
    }

    fn emit(&mut self, shown: Shown) -> PacedFrame {
        let number = self.next;
        self.next += 1;
        match shown {
            Shown::Fresh => {}
            Shown::Repeat => self.counts.repeated += 1,
            Shown::Slate { .. } => self.counts.slates += 1,
        }
        PacedFrame { number, at: self.at(number), duration: self.at(number + 1).since(self.at(number)), shown }
    }

    fn at(&self, number: i64) -> Ticks {
        self.start + self.rate.frame_start(number)
    }

    /// The grid point nearest to a moment.
    fn nearest(&self, moment: Ticks) -> i64 {
        let half = i128::from(self.rate.frame_span().0) / 2;
        let ticks = i128::from(moment.since(self.start).0) + half;
        let per = i128::from(crate::time::TICKS_PER_S) * i128::from(self.rate.den);
        (ticks * i128::from(self.rate.num)).div_euclid(per) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FPS: FrameRate = FrameRate::whole(30);

    /// Runs a script of capture times in frames (arriving 0.3 frames later, ticking until then), and writes a letter per point:
    /// `F`resh, `R`epeat, `S`late, and a `-` for each picture dropped.
    fn check(captures: &[f64], expect: &str) {
        let ticks = |frames: f64| Ticks((frames * 3000.0).round() as i64);
        let mut pacer = Pacer::new(FPS, ticks(captures[0]));
        let mut text = String::new();
        for capture in captures {
            let now = ticks(capture + 0.3);
            for point in pacer.tick(now) {
                text.push(letter(point));
            }
            let points = pacer.push(ticks(*capture), now);
            text.extend(points.iter().map(|point| letter(*point)));
            if points.is_empty() {
                text.push('-');
            }
        }
        assert_eq!(text, expect, "{captures:?}");
    }

    fn letter(point: PacedFrame) -> char {
        match point.shown {
            Shown::Fresh => 'F',
            Shown::Repeat => 'R',
            Shown::Slate { .. } => 'S',
        }
    }

    #[test]
    fn a_steady_camera_gives_each_point_its_picture() {
        check(&[0.0, 1.0, 2.0, 3.0], "FFFF");
    }

    #[test]
    fn jitter_below_three_quarters_of_a_frame_costs_nothing() {
        check(&[0.0, 1.6, 1.7, 3.4, 3.6, 5.7], "FFFFFF");
    }

    #[test]
    fn a_camera_at_half_the_rate_is_shown_twice() {
        check(&[0.0, 2.0, 4.0, 6.0], "FRFRFRF");
    }

    #[test]
    fn a_camera_at_twice_the_rate_is_thinned() {
        check(&[0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0], "FF-F-F-F-");
    }

    #[test]
    fn a_silent_camera_becomes_a_slate_after_a_second_and_comes_back() {
        check(&[0.0, 1.0, 40.0, 41.0], &format!("FF{}{}FF", "R".repeat(30), "S".repeat(8)));
    }

    #[test]
    fn a_picture_that_stands_is_no_silence() {
        let mut pacer = Pacer::new(FPS, Ticks(0));
        pacer.push(Ticks(0), Ticks(0));
        // Half a second at a time, until 4 s; then nothing is heard any more.
        let half = Span::from_ms(500);
        let mut points = Vec::new();
        for n in 1..=8 {
            pacer.hold(Ticks(0) + half * n);
            points.extend(pacer.tick(Ticks(0) + half * n));
        }
        assert!(points.len() > 110 && points.iter().all(|point| point.shown == Shown::Repeat), "{points:?}");
        let later = pacer.tick(Ticks(0) + Span::from_ms(6000));
        assert_eq!(later.last().map(|point| point.shown), Some(Shown::Slate { since: Ticks(0) }));
        assert!(later.iter().filter(|point| point.shown == Shown::Repeat).all(|point| point.at <= Ticks(0) + Span::from_ms(5000)));
    }

    #[test]
    fn a_slow_drift_costs_one_slip_and_no_flutter() {
        // A thousandth slow, with a quarter of a frame of jitter: one repeat in a thousand frames.
        let captures: Vec<f64> = (0..1200).map(|n| f64::from(n) * 1.001 + if n % 2 == 0 { 0.0 } else { 0.25 }).collect();
        let mut pacer = Pacer::new(FPS, Ticks(0));
        for capture in &captures {
            let at = Ticks((capture * 3000.0) as i64);
            pacer.push(at, at);
        }
        assert_eq!(pacer.counts(), PacerCounts { pictures: 1200, dropped: 0, repeated: 1, slates: 0 });
    }

    #[test]
    fn lateness_is_waited_for_and_not_repeated_over() {
        let mut pacer = Pacer::new(FPS, Ticks(0));
        let late = Span::from_ms(120);
        for n in 0..60 {
            let captured = Ticks(n * 3000);
            assert_eq!(pacer.tick(captured + late), [], "frame {n}");
            assert_eq!(pacer.push(captured, captured + late).len(), 1, "frame {n}");
        }
    }

    #[test]
    fn a_camera_that_is_always_a_second_late_is_live() {
        let mut pacer = Pacer::new(FPS, Ticks(90_000) - LATENESS_MAX);
        for n in 0..60 {
            let captured = Ticks(n * 3000);
            let now = captured + Span::from_ms(1000);
            assert_eq!(pacer.tick(now), [], "frame {n}");
            assert_eq!(pacer.push(captured, now).iter().map(|point| point.shown).collect::<Vec<_>>(), [Shown::Fresh], "frame {n}");
        }
    }

    #[test]
    fn a_grid_that_is_seconds_late_is_beyond_repair() {
        let pacer = Pacer::new(FPS, Ticks(0));
        assert!(!pacer.is_beyond_repair(Ticks(2 * 90_000)));
        assert!(pacer.is_beyond_repair(Ticks(4 * 90_000)));
    }

    proptest! {
        #[test]
        fn any_capture_times_give_an_exact_grid_and_conserved_counts(
            gaps in prop::collection::vec((0i64..20_000, 0i64..20_000), 1..200),
            num in 1u32..241,
            den in prop::sample::select(vec![1u32, 1001]),
        ) {
            let rate = FrameRate { num: if den == 1001 { num * 1000 } else { num }, den };
            let mut pacer = Pacer::new(rate, Ticks(7));
            let (mut captured, mut now) = (Ticks(7), Ticks(7));
            let mut points = Vec::new();
            for (gap, late) in gaps {
                captured = captured + Span(gap);
                now = now.max(captured + Span(late));
                points.extend(pacer.tick(now));
                points.extend(pacer.push(captured, now));
            }
            for (number, point) in points.iter().enumerate() {
                prop_assert_eq!(point.number, number as i64);
                prop_assert_eq!(point.at, Ticks(7) + rate.frame_start(number as i64));
                prop_assert_eq!(point.at + point.duration, Ticks(7) + rate.frame_start(number as i64 + 1));
            }
            let counts = pacer.counts();
            let fresh = points.iter().filter(|point| point.shown == Shown::Fresh).count() as u64;
            prop_assert_eq!(counts.pictures, fresh + counts.dropped);
            prop_assert_eq!(points.len() as u64, fresh + counts.repeated + counts.slates);
        }
    }
}
