//! Recording while something is there: a file for each time that markers of a kind are open, with what came before and after.
//!
//! What is not wanted yet is held in memory: a marker begins before it is told, and its pre-roll before that. Pure.

use super::{
    RecordError,
    recorder::{Recorder, Totals},
};
use crate::{
    package::{PackagerEvent, Part, SegmentStart},
    sync::lock,
    time::{Span, WallTime},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

/// A marker is told so long after its beginning at most: a run of the detector, and the way from a server.
const TOLD_LATE_MAX: Span = Span::from_ms(3000);
/// Most bytes that are held: five minutes at 7 Mbit/s.
const HELD_BYTES_MAX: usize = 256 << 20;
/// Most markers that are known at a time; the oldest that have ended give way.
const MARKERS_MAX: usize = 10_000;

/// The markers for which is recorded.
#[derive(Debug)]
pub struct Triggers {
    pre_roll: Span,
    post_roll: Span,
    /// By their ids: since when.
    open: BTreeMap<String, WallTime>,
    /// From when to when.
    ended: VecDeque<(WallTime, WallTime)>,
}

impl Triggers {
    /// None yet.
    pub fn new(pre_roll: Span, post_roll: Span) -> Triggers {
        Triggers { pre_roll, post_roll, open: BTreeMap::new(), ended: VecDeque::new() }
    }

    /// A marker is open.
    pub fn begin(&mut self, id: &str, begin: WallTime) {
        if self.open.len() < MARKERS_MAX {
            self.open.insert(id.to_owned(), begin);
        }
    }

    /// A marker has ended, or was never known to be open.
    pub fn end(&mut self, id: &str, begin: WallTime, end: WallTime) {
        let begin = self.open.remove(id).unwrap_or(begin);
        self.ended.push_back((begin, end));
        if self.ended.len() > MARKERS_MAX {
            self.ended.pop_front();
        }
    }

    /// A marker was deleted: nothing is wanted for it any more.
    pub fn remove(&mut self, id: &str) {
        self.open.remove(id);
    }

    /// These are open, and no others: what was open has ended by then.
    pub fn set_open(&mut self, open: &[(String, WallTime)], now: WallTime) {
        let gone: Vec<String> = self.open.keys().filter(|id| open.iter().all(|(other, _)| other != *id)).cloned().collect();
        gone.iter().for_each(|id| self.end(id, now, now));
        open.iter().for_each(|(id, begin)| self.begin(id, *begin));
    }

    /// Whether anything between these times is wanted.
    fn want(&self, from: WallTime, to: WallTime) -> bool {
        let before = |begin: WallTime| WallTime(begin.0 - self.pre_roll.as_us());
        self.open.values().any(|begin| to > before(*begin))
            || self.ended.iter().any(|(begin, end)| to > before(*begin) && from < *end + self.post_roll)
    }

    /// Forgets what is over before that time.
    fn forget(&mut self, before: WallTime) {
        self.ended.retain(|(_, end)| *end + self.post_roll >= before);
    }
}

/// A part that may be wanted.
struct Held {
    init: Arc<PackagerEvent>,
    start: SegmentStart,
    part: Part,
    from: WallTime,
    to: WallTime,
}

/// A recording for markers.
pub struct MarkedRecorder {
    recorder: Recorder,
    triggers: Arc<Mutex<Triggers>>,
    init: Option<Arc<PackagerEvent>>,
    start: Option<SegmentStart>,
    held: VecDeque<Held>,
    bytes: usize,
    /// What is held at least.
    span: Span,
    is_open: bool,
    /// The init segment that the recorder knows.
    told: Option<Arc<PackagerEvent>>,
}

impl MarkedRecorder {
    /// Writes with that recorder what those markers want.
    pub fn new(recorder: Recorder, triggers: Arc<Mutex<Triggers>>) -> MarkedRecorder {
        let span = lock(&triggers).pre_roll + TOLD_LATE_MAX;
        let (init, start, told) = (None, None, None);
        MarkedRecorder { recorder, triggers, init, start, held: VecDeque::new(), bytes: 0, span, is_open: false, told }
    }

    /// What was recorded so far.
    pub fn totals(&self) -> Totals {
        self.recorder.totals()
    }

    /// Takes the next event of the stream; `false` when no more can be written.
    pub fn take(&mut self, event: &PackagerEvent) -> bool {
        match event {
            PackagerEvent::Init { .. } => self.init = Some(Arc::new(event.clone())),
            PackagerEvent::Start(start) => self.start = Some(*start),
            PackagerEvent::Part(part) => return self.add(part),
            PackagerEvent::End(_) => {}
        }
        true
    }

    /// Finishes the last file. That nothing was there is no failure.
    pub fn finish(&mut self) -> (Totals, Option<RecordError>) {
        let wrote = !self.is_open || self.write_wanted();
        let (totals, error) = self.recorder.finish();
        (totals, error.filter(|error| !(wrote && matches!(error, RecordError::Empty(_)))))
    }

    fn add(&mut self, part: &Part) -> bool {
        let (Some(init), Some(start)) = (&self.init, self.start.filter(|start| start.msn == part.msn)) else { return true };
        let from = start.wall + part.at.since(start.at);
        let to = from + part.duration;
        self.bytes += part.data.len();
        self.held.push_back(Held { init: init.clone(), start, part: part.clone(), from, to });
        let wrote = self.write_wanted();
        self.trim();
        wrote
    }

    /// Writes up to the last part that is wanted; a file that nothing is wanted for any more is finished.
    fn write_wanted(&mut self) -> bool {
        let wanted: Vec<usize> = {
            let triggers = lock(&self.triggers);
            self.held.iter().enumerate().filter(|(_, held)| triggers.want(held.from, held.to)).map(|(n, _)| n).collect()
        };
        let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else {
            // What comes next may yet be wanted as the pre-roll of another marker, and then the file goes on.
            let waits = match (self.held.front(), self.held.back()) {
                (Some(front), Some(back)) => back.to.since(front.from) <= self.span,
                _ => true,
            };
            if self.is_open && !waits {
                self.is_open = false;
                return self.recorder.end_file();
            }
            return true;
        };
        let mut count = last + 1;
        if !self.is_open {
            // It begins with the key frame before.
            let key = self.held.iter().take(first + 1).rposition(|held| held.part.independent);
            let key = key.or_else(|| self.held.iter().position(|held| held.part.independent));
            let Some(key) = key.filter(|key| *key < count) else { return true };
            self.drop_front(key);
            count -= key;
        }
        let held: Vec<Held> = self.held.drain(..count).collect();
        self.bytes -= held.iter().map(|held| held.part.data.len()).sum::<usize>();
        self.is_open = true;
        held.into_iter().all(|held| self.write(held))
    }

    fn write(&mut self, held: Held) -> bool {
        let Held { init, start, part, .. } = held;
        if self.told.as_ref().is_none_or(|told| !Arc::ptr_eq(told, &init)) {
            if !self.recorder.take(&init) {
                return false;
            }
            self.told = Some(init);
        }
        self.recorder.take(&PackagerEvent::Start(start)) && self.recorder.take(&PackagerEvent::Part(part))
    }

    /// Lets go of what no marker can want any more, up to a key frame.
    fn trim(&mut self) {
        let Some(newest) = self.held.back().map(|held| held.to) else { return };
        let oldest = WallTime(newest.0 - self.span.as_us());
        lock(&self.triggers).forget(oldest);
        while !self.is_open || self.bytes > HELD_BYTES_MAX {
            let next = self.held.iter().skip(1).position(|held| held.part.independent);
            let Some(next) = next.map(|next| next + 1) else { break };
            if self.held[next].from > oldest && self.bytes <= HELD_BYTES_MAX {
                break;
            }
            self.drop_front(next);
        }
    }

    fn drop_front(&mut self, count: usize) {
        self.bytes -= self.held.drain(..count).map(|held| held.part.data.len()).sum::<usize>();
    }
}

/// A recording of all, or of what markers want.
pub enum Intake {
    /// All.
    All(Box<Recorder>),
    /// While markers are open.
    Marked(Box<MarkedRecorder>),
}

impl Intake {
    /// As of [`Recorder::open_early`], where all is recorded.
    pub fn open_early(&mut self) -> Result<(), RecordError> {
        if let Intake::All(recorder) = self { recorder.open_early() } else { Ok(()) }
    }

    /// All is recorded when so much is.
    pub fn set_length(&mut self, length: Span) {
        if let Intake::All(recorder) = self {
            recorder.set_length(length);
        }
    }

    /// What was recorded so far.
    pub fn totals(&self) -> Totals {
        match self {
            Intake::All(recorder) => recorder.totals(),
            Intake::Marked(recorder) => recorder.totals(),
        }
    }

    /// Takes the next event of the stream; `false` when no more can or need be written.
    pub fn take(&mut self, event: &PackagerEvent) -> bool {
        match self {
            Intake::All(recorder) => recorder.take(event),
            Intake::Marked(recorder) => recorder.take(event),
        }
    }

    /// Finishes the last file.
    pub fn finish(&mut self) -> (Totals, Option<RecordError>) {
        match self {
            Intake::All(recorder) => recorder.finish(),
            Intake::Marked(recorder) => recorder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{
            Overwrite,
            name::FileName,
            recorder::{Notice, Target},
            tests::{WALL, folder, payload, synthetic},
        },
        time::zone::Zone,
    };
    use std::path::PathBuf;

    type Files = Arc<Mutex<Vec<PathBuf>>>;

    struct Fixture {
        folder: tempfile::TempDir,
        triggers: Arc<Mutex<Triggers>>,
        recorder: MarkedRecorder,
        files: Files,
    }

    fn fixture(pre_ms: i64, post_ms: i64) -> Fixture {
        let (folder, path) = folder();
        let (files, triggers) = (Files::default(), Triggers::new(Span::from_ms(pre_ms), Span::from_ms(post_ms)));
        let (told, triggers) = (files.clone(), Arc::new(Mutex::new(triggers)));
        let name = FileName::parse(&path, Zone::Utc).expect("a name");
        let recorder = Recorder::new(Target::Files(name, Overwrite::Refuse), None, move |notice| {
            if let Notice::Done(recording) = notice {
                lock(&told).push(recording.path);
            }
        });
        let recorder = MarkedRecorder::new(recorder, triggers.clone());
        Fixture { folder, triggers, recorder, files }
    }

    fn at(ms: i64) -> WallTime {
        WALL + Span::from_ms(ms)
    }

    impl Fixture {
        /// Plays a stream of so many seconds, a key frame a second, and tells of markers when their time has come: when it is told, its id,
        /// since when, until when.
        fn play(&mut self, seconds: i64, told: &[(i64, &str, i64, Option<i64>)]) {
            let mut told = told.iter().peekable();
            for event in synthetic(seconds * 30, 0) {
                if let PackagerEvent::Part(part) = &event {
                    let now = part.at.since(crate::record::tests::START).as_ms() as i64;
                    while let Some((_, id, begin, end)) = told.next_if(|(when, ..)| *when <= now) {
                        let mut triggers = lock(&self.triggers);
                        match end {
                            None => triggers.begin(id, at(*begin)),
                            Some(end) => triggers.end(id, at(*begin), at(*end)),
                        }
                    }
                }
                assert!(self.recorder.take(&event));
            }
        }

        /// Each file holds exactly these frames.
        fn holds(mut self, expect: &[(i64, i64)]) {
            assert!(self.recorder.finish().1.is_none());
            let files = lock(&self.files).clone();
            assert_eq!(files.len(), expect.len(), "{files:?}");
            for (file, (first, end)) in files.iter().zip(expect) {
                let bytes = std::fs::read(file).expect("it is there");
                assert!(bytes.ends_with(&payload(*first..*end)), "{file:?}: not {first} to {end}");
                assert!(!bytes.ends_with(&payload(first - 1..*end)), "{file:?}: more than {first} to {end}");
            }
            assert_eq!(std::fs::read_dir(self.folder.path()).expect("it is there").count(), expect.len());
        }
    }

    #[test]
    fn a_marker_is_recorded_with_what_came_before_and_after() {
        let mut fixture = fixture(2000, 1000);
        // From 10 s to 12 s, told half a second late; 8 s is a key frame.
        fixture.play(30, &[(10_500, "face-1", 10_000, None), (12_100, "face-1", 10_000, Some(12_000))]);
        fixture.holds(&[(240, 390)]);
    }

    #[test]
    fn an_end_that_is_told_late_costs_nothing_and_keeps_what_was_written() {
        let mut fixture = fixture(0, 500);
        // A part is 200 ms.
        fixture.play(30, &[(5000, "a", 4500, None), (9000, "a", 4500, Some(6000))]);
        fixture.holds(&[(120, 270)]);
    }

    #[test]
    fn markers_that_overlap_extend_a_file_and_others_begin_another() {
        let mut fixture = fixture(2000, 1000);
        fixture.play(
            60,
            &[
                (10_000, "a", 10_000, None),
                (11_000, "b", 11_000, None),
                (12_000, "a", 10_000, Some(12_000)),
                (14_000, "b", 11_000, Some(14_000)),
                // Its pre-roll begins before the last one's post-roll ends.
                (16_800, "c", 16_800, None),
                (18_000, "c", 16_800, Some(18_000)),
                (40_000, "d", 40_000, None),
                (41_000, "d", 40_000, Some(41_000)),
            ],
        );
        fixture.holds(&[(240, 570), (1140, 1260)]);
    }

    #[test]
    fn what_is_still_open_at_the_end_is_finished_and_nothing_is_no_failure() {
        let mut open = fixture(1000, 0);
        open.play(10, &[(8000, "a", 8000, None)]);
        open.holds(&[(210, 300)]);
        let mut nothing = fixture(1000, 0);
        nothing.play(10, &[]);
        nothing.holds(&[]);
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut fixture = fixture(2000, 0);
        fixture.play(60, &[]);
        let held = &fixture.recorder.held;
        let span = held.back().zip(held.front()).map(|(back, front)| back.to.since(front.from)).expect("some are held");
        assert!(span <= Span::from_ms(6000) && fixture.recorder.bytes < 6 * 30 * 20 * 100, "{span:?}");
        assert!(held.front().is_some_and(|front| front.part.independent));
    }

    #[test]
    fn after_a_break_what_is_not_open_any_more_has_ended() {
        let mut triggers = Triggers::new(Span::ZERO, Span::ZERO);
        triggers.begin("a", at(0));
        triggers.begin("b", at(0));
        triggers.set_open(&[("b".to_owned(), at(0)), ("c".to_owned(), at(5000))], at(3000));
        assert_eq!(triggers.open.keys().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(triggers.ended, [(at(0), at(3000))]);
        triggers.remove("b");
        triggers.remove("c");
        assert!(triggers.want(at(2900), at(3000)) && !triggers.want(at(3000), at(3100)));
        triggers.forget(at(3001));
        assert!(!triggers.want(at(2900), at(3000)));
    }
}
