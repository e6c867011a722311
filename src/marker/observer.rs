//! From what is followed over time to markers: when one begins, what it says, when it ends. Pure.
//!
//! A marker of a kind begins with the first track of that kind that the tracker has confirmed: that is what "lasts" means, for to wait
//! any longer would be to tell it late. While one is open, all tracks of its kind are the same marker.

use super::{Best, Fractions};
use crate::time::{Span, Ticks, WallTime};
use std::collections::BTreeMap;

/// A marker ends when nothing of its kind was seen for this long: who turns round, bends down or crosses the room is back by then, so a
/// person walking about is one marker.
pub const MERGE_GAP: Span = Span::from_ms(10_000);
/// After one has ended, the next of its kind begins no sooner: what comes and goes at the rhythm of the gap would end and begin in one
/// breath.
pub const COOL_DOWN: Span = Span::from_ms(2000);
/// An open marker that only got a better look is told again no sooner than this; one that grew in number at once.
pub const CHANGE_MIN: Span = Span::from_ms(1000);
/// A look is better from this many times the area × confidence on: a face that comes nearer would be told with every run.
const BETTER_TIMES: f64 = 1.1;
/// Stands for the confidence of a detector that tells none.
const CONFIDENCE_UNKNOWN: f64 = 0.5;

/// One thing that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// What it is.
    pub kind: String,
    /// Where.
    pub area: Fractions,
    /// How sure the detector is, 0 to 1.
    pub confidence: Option<f64>,
}

/// What a marker of the detector says so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Of what.
    pub kind: String,
    /// Since when.
    pub begin: WallTime,
    /// Most at once.
    pub count: u32,
    /// The highest.
    pub confidence: Option<f64>,
    /// The largest × surest look.
    pub best: Best,
}

/// What happens to the marker of a kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It begins.
    Begin(Sighting),
    /// It goes on, and says more.
    Change(Sighting),
    /// It ended at that time, which is not before its beginning.
    End(Sighting, WallTime),
}

#[derive(Clone, Debug)]
struct Open {
    sighting: Sighting,
    /// Area × confidence of the best look.
    score: f64,
    /// The same, when it was last told.
    told_score: f64,
    told_at: Ticks,
    seen_at: Ticks,
    seen_wall: WallTime,
}

/// Watches what is followed.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    open: BTreeMap<String, Open>,
    /// Until when a kind does not begin again.
    cooling: BTreeMap<String, Ticks>,
}

impl Observer {
    /// Takes what was there at one moment.
    pub fn take(&mut self, at: Ticks, wall: WallTime, seen: &[Seen]) -> Vec<Step> {
        let mut steps = self.pass(at);
        let mut kinds: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
        seen.iter().for_each(|one| kinds.entry(&one.kind).or_default().push(one));
        for (kind, all) in kinds {
            match self.open.get_mut(kind) {
                Some(open) => steps.extend(open.see(at, wall, &all).then(|| Step::Change(open.sighting.clone()))),
                None if self.cooling.contains_key(kind) => {}
                None => {
                    let open = Open::begin(kind, at, wall, &all);
                    steps.push(Step::Begin(open.sighting.clone()));
                    self.open.insert(kind.to_owned(), open);
                }
            }
        }
        steps
    }

    /// Time passes.
    pub fn pass(&mut self, at: Ticks) -> Vec<Step> {
        self.cooling.retain(|_, until| at < *until);
        let (mut steps, cooling) = (Vec::new(), &mut self.cooling);
        self.open.retain(|kind, open| {
            let is_over = at.since(open.seen_at) >= MERGE_GAP;
            if is_over {
                cooling.insert(kind.clone(), at + COOL_DOWN);
                steps.push(open.end());
            }
            !is_over
        });
        steps
    }

    /// The stream ends, and so do all markers.
    pub fn finish(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.open).values().map(Open::end).collect()
    }
}

impl Open {
    fn begin(kind: &str, at: Ticks, wall: WallTime, seen: &[&Seen]) -> Open {
        let (best, score) = best_of(seen);
        let sighting = Sighting {
            kind: kind.to_owned(),
            begin: wall,
            count: seen.len() as u32,
            confidence: confidence_of(seen),
            best: Best { area: best.area, at: wall },
        };
        Open { sighting, score, told_score: score, told_at: at, seen_at: at, seen_wall: wall }
    }

    /// Says whether the change is worth telling.
    fn see(&mut self, at: Ticks, wall: WallTime, seen: &[&Seen]) -> bool {
        let sighting = &mut self.sighting;
        let grew = seen.len() as u32 > sighting.count;
        sighting.count = sighting.count.max(seen.len() as u32);
        sighting.confidence = confidence_of(seen).into_iter().chain(sighting.confidence).reduce(f64::max);
        let (best, score) = best_of(seen);
        if score > self.score {
            (self.score, sighting.best) = (score, Best { area: best.area, at: wall });
        }
        // A wall clock that was set back does not take the marker back.
        (self.seen_at, self.seen_wall) = (self.seen_at.max(at), wall.max(sighting.begin));
        let is_better = self.score >= self.told_score * BETTER_TIMES && at.since(self.told_at) >= CHANGE_MIN;
        if grew || is_better {
            (self.told_at, self.told_score) = (at, self.score);
        }
        grew || is_better
    }

    fn end(&self) -> Step {
        Step::End(self.sighting.clone(), self.seen_wall)
    }
}

/// The largest × surest of them, of which there is at least one.
fn best_of<'a>(seen: &[&'a Seen]) -> (&'a Seen, f64) {
    let score = |one: &Seen| one.area.width * one.area.height * one.confidence.unwrap_or(CONFIDENCE_UNKNOWN);
    let best = seen.iter().max_by(|a, b| score(a).total_cmp(&score(b))).expect("a kind is listed with its first thing");
    (best, score(best))
}

fn confidence_of(seen: &[&Seen]) -> Option<f64> {
    seen.iter().filter_map(|one| one.confidence).reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> (Ticks, WallTime) {
        (Ticks(0) + Span::from_ms(ms), WallTime(1_000_000_000) + Span::from_ms(ms))
    }

    fn seen(kind: &str, width: f64, confidence: Option<f64>) -> Seen {
        Seen { kind: kind.to_owned(), area: Fractions { x: 0.1, y: 0.2, width, height: width }, confidence }
    }

    /// One line per step: what, kind, times in ms since the start, count, width of the best box.
    fn told(steps: &[Step]) -> Vec<String> {
        let ms = |wall: WallTime| wall.since(at(0).1).as_ms();
        let line = |what: &str, s: &Sighting, end: String| {
            format!("{what} {} {}{end} {}x {}@{}", s.kind, ms(s.begin), s.count, s.best.area.width, ms(s.best.at))
        };
        let told = steps.iter().map(|step| match step {
            Step::Begin(sighting) => line("begin", sighting, String::new()),
            Step::Change(sighting) => line("change", sighting, String::new()),
            Step::End(sighting, end) => line("end", sighting, format!("..{}", ms(*end))),
        });
        told.collect()
    }

    /// Feeds what is there every 100 ms for a while; returns all steps.
    fn watch(observer: &mut Observer, from_ms: i64, to_ms: i64, things: &[Seen]) -> Vec<String> {
        let steps = (from_ms / 100..to_ms / 100).flat_map(|n| {
            let (ticks, wall) = at(n * 100);
            observer.take(ticks, wall, things)
        });
        told(&steps.collect::<Vec<_>>())
    }

    #[test]
    fn a_person_walking_about_is_one_marker() {
        let mut observer = Observer::default();
        let face = [seen("face", 0.2, None)];
        assert_eq!(watch(&mut observer, 0, 1000, &face), ["begin face 0 1x 0.2@0"]);
        for begin_ms in (5000..60_000).step_by(10_000) {
            assert!(watch(&mut observer, begin_ms - 4000, begin_ms, &[]).is_empty());
            assert!(watch(&mut observer, begin_ms, begin_ms + 6000, &face).is_empty());
        }
        assert_eq!(watch(&mut observer, 61_000, 80_000, &[]), ["end face 0..60900 1x 0.2@0"]);
    }

    #[test]
    fn a_marker_keeps_its_peak_and_its_best_moment() {
        let mut observer = Observer::default();
        watch(&mut observer, 0, 1000, &[seen("face", 0.2, Some(0.5))]);
        let two = [seen("face", 0.2, Some(0.9)), seen("face", 0.1, Some(0.2))];
        assert_eq!(watch(&mut observer, 1000, 1100, &two), ["change face 0 2x 0.2@1000"]);
        assert!(watch(&mut observer, 1100, 2000, &[seen("face", 0.3, Some(0.9))]).is_empty(), "told a moment ago");
        assert_eq!(watch(&mut observer, 2000, 2100, &[seen("face", 0.3, Some(0.9))]), ["change face 0 2x 0.3@1100"]);
        assert!(watch(&mut observer, 2100, 9000, &[seen("face", 0.301, Some(0.9))]).is_empty(), "hardly better");
        let ends = observer.finish();
        assert_eq!(told(&ends), ["end face 0..8900 2x 0.301@2100"]);
        assert!(matches!(&ends[0], Step::End(sighting, _) if sighting.confidence == Some(0.9)));
    }

    #[test]
    fn kinds_have_markers_of_their_own() {
        let mut observer = Observer::default();
        let both = [seen("cat", 0.1, None), seen("face", 0.2, None)];
        assert_eq!(watch(&mut observer, 0, 100, &both), ["begin cat 0 1x 0.1@0", "begin face 0 1x 0.2@0"]);
        watch(&mut observer, 100, 9000, &both[..1]);
        assert_eq!(watch(&mut observer, 9000, 10_100, &both[..1]), ["end face 0..0 1x 0.2@0"]);
    }

    #[test]
    fn the_next_marker_begins_after_the_cool_down() {
        let mut observer = Observer::default();
        watch(&mut observer, 0, 100, &[seen("face", 0.2, None)]);
        assert_eq!(told(&observer.pass(at(10_000).0)), ["end face 0..0 1x 0.2@0"]);
        assert_eq!(watch(&mut observer, 10_100, 13_000, &[seen("face", 0.2, None)]), ["begin face 12000 1x 0.2@12000"]);
    }

    #[test]
    fn a_wall_clock_that_is_set_back_ends_no_marker_before_its_beginning() {
        let mut observer = Observer::default();
        let face = [seen("face", 0.2, None)];
        observer.take(at(0).0, at(60_000).1, &face);
        observer.take(at(100).0, at(0).1, &face);
        assert!(matches!(&observer.finish()[..], [Step::End(sighting, end)] if *end == sighting.begin));
    }

    proptest! {
        #[test]
        fn whatever_is_seen_markers_are_well_formed(
            runs in prop::collection::vec((0..30_000i64, -2000..5000i64, prop::collection::vec((0..3usize, 0.0..1.0f64, prop::option::of(0.0..1.0f64)), 0..4)), 0..80)
        ) {
            let (mut observer, mut open) = (Observer::default(), BTreeMap::<String, Sighting>::new());
            let (mut at_ms, mut wall_ms) = (0, 0);
            let mut steps = Vec::new();
            for (pause_ms, drift_ms, things) in runs {
                at_ms += pause_ms;
                wall_ms += pause_ms + drift_ms;
                let things: Vec<Seen> =
                    things.into_iter().map(|(kind, width, sure)| seen(["cat", "face", "hand"][kind], width, sure)).collect();
                steps.extend(observer.take(at(at_ms).0, at(wall_ms).1, &things));
            }
            steps.extend(observer.finish());
            for step in steps {
                match step {
                    Step::Begin(sighting) => {
                        prop_assert!(sighting.count >= 1);
                        prop_assert!(open.insert(sighting.kind.clone(), sighting).is_none(), "one open marker per kind");
                    }
                    Step::Change(sighting) => {
                        let before = open.insert(sighting.kind.clone(), sighting.clone());
                        prop_assert!(before.is_some_and(|before| before.begin == sighting.begin && before.count <= sighting.count));
                    }
                    Step::End(sighting, end) => {
                        let before = open.remove(&sighting.kind);
                        prop_assert!(before.is_some_and(|before| before.begin == sighting.begin && before.count <= sighting.count));
                        prop_assert!(end >= sighting.begin);
                    }
                }
            }
            prop_assert!(open.is_empty(), "all have ended");
        }
    }
}
