//! Sheds work when the machine cannot do all of it, so that the stream stays live: no more than a second passes from a capture to its
//! publication. Pure: time comes in with each call.
//!
//! Pictures that are shown again are never encoded again ([still](crate::encode::still)). Then, in this order, the detector searches less
//! often, and pictures are left out. The governor restores them in the other order, as soon as there is room.

use crate::time::{FrameRate, Span, Ticks};

/// The load is judged over this time: a hiccup is no overload, and a change is seen at once.
const WINDOW: Span = Span::from_ms(1000);
/// Pictures left out of a hundred that came, above which the machine does not keep up; less is what jitter costs.
const LEFT_OUT_MAX_PERCENT: u64 = 10;
/// Share of the time that the encode thread may be busy while there is room for more work.
const ROOM_LOAD_MAX: f64 = 0.8;
/// Windows with room before pictures are no longer left out on purpose: two, so that it is no accident.
const CALM_WINDOWS: u32 = 2;
/// Longest wait before the detector searches as often as it was asked to, in windows, after it has been too much again and again.
const CALM_WINDOWS_MAX: u32 = 64;
/// A change that was logged so lately is not logged again: a machine at its limit goes to and fro.
const TELL_AGAIN: Span = Span::from_ms(60_000);
/// The detector's rate is divided by so much: it still follows what it has found.
pub const DETECTION_DIVISOR: u64 = 4;

/// What is not done at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shed {
    /// All is done; only pictures that are shown again are not encoded again.
    #[default]
    Nothing,
    /// The detector searches less often.
    Detection,
    /// Pictures are left out, too.
    FrameRate,
}

/// What of its work the stream leaves out, for want of time.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct MachineReport {
    /// What is left out.
    pub shed: Shed,
    /// The same as a sentence; empty where nothing is.
    pub sentence: String,
}

/// One iteration of the encode loop.
#[derive(Clone, Copy, Debug)]
pub struct Iteration {
    /// When it ended.
    pub now: Ticks,
    /// How much of the time since the last one was work.
    pub busy: Span,
    /// Pictures that came out of it.
    pub shown: u64,
    /// Pictures left out since the last one, because newer ones had come before they could be taken.
    pub left_out: u64,
}

/// A change to log, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Less is done from now on.
    Less(String),
    /// More is done again.
    More(String),
}

/// Watches one stream and decides.
#[derive(Debug)]
pub struct Governor {
    rate: FrameRate,
    /// Runs of the detector a second, where it may be asked to do less.
    detect_fps: Option<f64>,
    shed: Shed,
    begun: Option<Ticks>,
    busy: Span,
    shown: u64,
    left_out: u64,
    /// Pictures a second that were shown and that came, in the last window.
    manages: (f64, f64),
    calm: u32,
    /// Calm windows that are waited for before the detector is asked for all again.
    calm_wanted: u32,
    restored: Option<Ticks>,
    /// When the last step to each was told.
    told: [Option<Ticks>; 2],
    /// Whether its end is news, for its beginning was.
    is_open: [bool; 2],
}

impl Governor {
    /// Of a stream of that many frames a second; `detect_fps` is how often the detector searches, where it may search less.
    pub fn new(rate: FrameRate, detect_fps: Option<f64>) -> Governor {
        Governor {
            rate,
            detect_fps,
            shed: Shed::Nothing,
            begun: None,
            busy: Span::ZERO,
            shown: 0,
            left_out: 0,
            manages: (0.0, 0.0),
            calm: 0,
            calm_wanted: CALM_WINDOWS,
            restored: None,
            told: [None; 2],
            is_open: [false; 2],
        }
    }

    /// What is not done at present.
    pub fn shed(&self) -> Shed {
        self.shed
    }

    /// Notes an iteration. Returns a notice if it changes what is shed.
    pub fn note(&mut self, turn: Iteration) -> Option<Notice> {
        let begun = *self.begun.get_or_insert(turn.now - turn.busy);
        self.busy = self.busy + turn.busy;
        self.shown += turn.shown;
        self.left_out += turn.left_out;
        let passed = turn.now.since(begun);
        if passed < WINDOW {
            return None;
        }
        let came = self.shown + self.left_out;
        let per_s = |count: u64| count as f64 / passed.as_s();
        self.manages = (per_s(self.shown), per_s(came).min(self.rate.as_f64()).max(per_s(self.shown)));
        let is_overloaded = self.left_out * 100 > came * LEFT_OUT_MAX_PERCENT;
        let has_room = self.left_out == 0 && self.busy.as_s() < passed.as_s() * ROOM_LOAD_MAX;
        (self.begun, self.busy, self.shown, self.left_out) = (Some(turn.now), Span::ZERO, 0, 0);
        match (is_overloaded, has_room) {
            (true, _) => self.step_up(turn.now),
            (_, true) => self.step_down(turn.now),
            _ => {
                self.calm = 0;
                None
            }
        }
    }

    /// What is not done, as a sentence; empty where all is.
    pub fn sentence(&self) -> String {
        let (shown, came) = self.manages;
        match (self.shed, self.detect_fps) {
            (Shed::Nothing, _) => String::new(),
            (Shed::Detection, fps) => {
                let fps = fps.unwrap_or_default();
                format!(
                    "this machine is busy: the detector searches {} instead of {fps} times a second",
                    fps / DETECTION_DIVISOR as f64
                )
            }
            (Shed::FrameRate, _) => format!(
                "this machine manages {shown:.0} of {came:.0} fps: pictures are left out so that the stream stays live; \
                 try --preset ultrafast, or a smaller --size or --fps"
            ),
        }
    }

    fn step_up(&mut self, now: Ticks) -> Option<Notice> {
        self.calm = 0;
        let next = match self.shed {
            Shed::Nothing if self.detect_fps.is_some() => Shed::Detection,
            _ => Shed::FrameRate,
        };
        if next == self.shed {
            return None;
        }
        if self.shed == Shed::Nothing {
            let was_too_soon = self.restored.is_some_and(|restored| now.since(restored) < TELL_AGAIN);
            self.calm_wanted = if was_too_soon { (self.calm_wanted * 2).min(CALM_WINDOWS_MAX) } else { CALM_WINDOWS };
        }
        self.shed = next;
        let idx = usize::from(next == Shed::FrameRate);
        let is_news = self.told[idx].is_none_or(|told| now.since(told) >= TELL_AGAIN);
        if is_news {
            self.told[idx] = Some(now);
        }
        self.is_open[idx] |= is_news;
        is_news.then(|| Notice::Less(self.sentence()))
    }

    fn step_down(&mut self, now: Ticks) -> Option<Notice> {
        self.calm += 1;
        let wanted = if self.shed == Shed::Detection { self.calm_wanted } else { CALM_WINDOWS };
        if self.shed == Shed::Nothing || self.calm < wanted {
            return None;
        }
        self.calm = 0;
        let was = self.shed;
        self.shed = if was == Shed::FrameRate && self.detect_fps.is_some() { Shed::Detection } else { Shed::Nothing };
        if self.shed == Shed::Nothing {
            self.restored = Some(now);
        }
        let is_news = std::mem::take(&mut self.is_open[usize::from(was == Shed::FrameRate)]);
        is_news.then(|| {
            Notice::More(match was {
                Shed::FrameRate => "this machine keeps up again: no picture is left out".to_owned(),
                _ => format!(
                    "this machine has room again: the detector searches {} times a second",
                    self.detect_fps.unwrap_or_default()
                ),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FPS: FrameRate = FrameRate::whole(30);

    /// Runs seconds of turns, a letter each: `i` idle, `f` full load that keeps up, `o` overload at 17 of 30. Returns what was shed after
    /// each second and how often something was told.
    fn check(detect_fps: Option<f64>, script: &str, expected: &str) -> (Governor, Vec<Notice>) {
        let (mut governor, mut now, mut notices) = (Governor::new(FPS, detect_fps), Ticks(0), Vec::new());
        let mut shed = String::new();
        for second in script.chars() {
            for n in 0..30 {
                now = now + Span(3000);
                let (busy, shown, left_out) = match second {
                    'i' => (Span(900), 1, 0),
                    'f' => (Span(2900), 1, 0),
                    _ => (Span(3000), u64::from(n < 17), u64::from(n >= 17)),
                };
                notices.extend(governor.note(Iteration { now, busy, shown, left_out }));
            }
            shed.push(match governor.shed() {
                Shed::Nothing => '-',
                Shed::Detection => 'd',
                Shed::FrameRate => 'r',
            });
        }
        assert_eq!(shed, expected, "{script}");
        (governor, notices)
    }

    #[test]
    fn detection_goes_first_then_pictures_and_they_come_back_in_the_other_order() {
        // The second in which a change begins is judged a turn late.
        let (governor, notices) = check(Some(10.0), "iiooooiiiiiiii", "---drrrrdd----");
        assert_eq!(governor.sentence(), "");
        let [Notice::Less(busy), Notice::Less(slow), Notice::More(fast), Notice::More(room)] = &notices[..] else {
            panic!("{notices:?}")
        };
        assert_eq!(busy, "this machine is busy: the detector searches 2.5 instead of 10 times a second");
        assert!(slow.starts_with("this machine manages 17 of 30 fps: "), "{slow}");
        assert_eq!(fast, "this machine keeps up again: no picture is left out");
        assert_eq!(room, "this machine has room again: the detector searches 10 times a second");
    }

    #[test]
    fn without_a_detector_pictures_go_at_once() {
        check(None, "iooiiii", "--rrr--");
    }

    #[test]
    fn a_machine_that_just_keeps_up_is_left_as_it_is() {
        let (_, notices) = check(Some(10.0), "ffffff", "------");
        assert_eq!(notices, []);
        check(Some(10.0), "ooofffffff", "drrrrrrrrr");
    }

    #[test]
    fn a_machine_at_its_limit_is_not_told_again_and_again_and_the_detector_waits_longer_each_time() {
        let (_, notices) = check(Some(10.0), &"oiii".repeat(5), "dd--ddddrrddrrddrrdd");
        let less = notices.iter().filter(|notice| matches!(notice, Notice::Less(_))).count();
        assert_eq!((less, notices.len()), (2, 4), "each once, and its end: {notices:?}");
    }
}
