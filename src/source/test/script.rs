//! The script of faults that a test source plays, and the frame times that follow from it. Pure.
//!
//! Comma-separated, each with the span of time in which it holds, from the first opening of the source:
//!
//! ```text
//! freeze@5s..8s       the same picture and clock strip again and again
//! slow:9@10s..20s     9 frames per second, as a camera in the dark
//! vanish@20s..25s     unplugged at 20 s; can be opened again from 25 s
//! size:1280x720@30s   another picture size from then on
//! faces:3             how many faces are drawn (2 when not said)
//! ```

use crate::{
    picture::Size,
    time::{FrameRate, Span, TICKS_PER_S},
};

/// Faces drawn when the script does not say: one face would hide errors in telling two apart.
const FACES_DEFAULT: usize = 2;
/// Most faces that a script may ask: more would be too small to be found at 640×480.
const FACES_MAX: usize = 12;
/// Highest rate that `slow` takes; above it a frame is shorter than anyone can follow.
const SLOW_FPS_MAX: u32 = 1000;
/// Latest time that a script may name: a day, far inside the range of ticks.
const TIME_MAX_MS: i64 = 24 * 3600 * 1000;

/// What goes wrong in a test source, and when. `Script::default()` is a source without faults.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    faces: usize,
    faults: Vec<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Freeze(Stretch),
    Slow(u32, Stretch),
    Vanish(Stretch),
    Resize(Size, Span),
}

/// From `begin` until before `end`, since the first opening of the source.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    begin: Span,
    end: Span,
}

impl Stretch {
    fn contains(self, at: Span) -> bool {
        (self.begin..self.end).contains(&at)
    }
}

impl Default for Script {
    fn default() -> Script {
        Script { faces: FACES_DEFAULT, faults: Vec::new() }
    }
}

impl Script {
    /// Reads a script; the error is one sentence that names the part that is wrong. The empty text is a source without faults.
    pub fn parse(text: &str) -> Result<Script, String> {
        let mut script = Script::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = |why: &str| format!("cannot read {part:?} of the test script: {why}");
            if let Some(count) = part.strip_prefix("faces:") {
                let faces = count.parse().ok().filter(|faces| *faces <= FACES_MAX);
                script.faces = faces.ok_or_else(|| wrong(&format!("it takes a number of faces up to {FACES_MAX}")))?;
            } else {
                script.faults.push(fault(part).map_err(|why| wrong(&why))?);
            }
        }
        Ok(script)
    }

    /// How many faces are drawn.
    pub fn faces(&self) -> usize {
        self.faces
    }

    /// Whether the picture stands still then.
    pub(super) fn is_frozen(&self, at: Span) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Fault::Freeze(stretch) if stretch.contains(at)))
    }

    /// When the source went, if it is gone at that time.
    pub(super) fn vanished_since(&self, at: Span) -> Option<Span> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::Vanish(stretch) if stretch.contains(at) => Some(stretch.begin),
            _ => None,
        })
    }

    /// The picture size then: the last change that has come, or the size wished.
    pub(super) fn size_at(&self, at: Span, wished: Size) -> Size {
        let changes = self.faults.iter().filter_map(|fault| match fault {
            Fault::Resize(size, from) if *from <= at => Some((*from, *size)),
            _ => None,
        });
        changes.max_by_key(|(from, _)| *from).map_or(wished, |(_, size)| size)
    }

    /// When the frame after the one at `last` is due; the first frame is due at zero.
    pub(super) fn next_frame(&self, last: Option<Span>, rate: FrameRate) -> Span {
        let Some(last) = last else { return Span::ZERO };
        let slow = self.faults.iter().find_map(|fault| match fault {
            Fault::Slow(fps, stretch) if stretch.contains(last) => Some((*fps, stretch.end)),
            _ => None,
        });
        match slow {
            Some((fps, end)) => {
                let next = last + Span(TICKS_PER_S / i64::from(fps));
                if next < end { next } else { grid_from(end, rate) }
            }
            None => grid_from(last + Span(1), rate),
        }
    }
}

/// The first frame of the nominal grid at or after `at`.
fn grid_from(at: Span, rate: FrameRate) -> Span {
    let n = i128::from(at.0) * i128::from(rate.num) / (i128::from(TICKS_PER_S) * i128::from(rate.den));
    // Grid times are rounded down to a tick, so the division can name the frame before the wanted one, but never one after it.
    let candidates = (n as i64..).map(|n| rate.frame_start(n));
    candidates.into_iter().find(|start| *start >= at).unwrap_or(at)
}

fn fault(part: &str) -> Result<Fault, String> {
    let (what, when) = part.split_once('@').ok_or("expected freeze@A..B, slow:FPS@A..B, vanish@A..B, size:WxH@A or faces:N")?;
    match what.split_once(':') {
        None if what == "freeze" => Ok(Fault::Freeze(stretch(when)?)),
        None if what == "vanish" => Ok(Fault::Vanish(stretch(when)?)),
        Some(("slow", fps)) => {
            let fps = fps.parse().ok().filter(|fps| (1..=SLOW_FPS_MAX).contains(fps));
            Ok(Fault::Slow(fps.ok_or(format!("slow takes whole frames per second from 1 to {SLOW_FPS_MAX}"))?, stretch(when)?))
        }
        Some(("size", size)) => {
            let sides = size.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
            let size = sides.and_then(|(width, height)| Size::new(width, height));
            Ok(Fault::Resize(size.ok_or("size takes an even width and height, as in size:640x480@5s")?, time(when)?))
        }
        _ => Err("the faults are freeze, slow:FPS, vanish and size:WxH".into()),
    }
}

fn stretch(text: &str) -> Result<Stretch, String> {
    let (begin, end) = text.split_once("..").ok_or("a stretch of time is written A..B, as in 5s..8s")?;
    let stretch = Stretch { begin: time(begin)?, end: time(end)? };
    if stretch.begin < stretch.end { Ok(stretch) } else { Err("its end must come after its beginning".into()) }
}

fn time(text: &str) -> Result<Span, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit_ms = match &text[unit_at..] {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    let ms = unit_ms.and_then(|unit_ms| text[..unit_at].parse::<i64>().ok()?.checked_mul(unit_ms));
    let ms = ms.filter(|ms| *ms <= TIME_MAX_MS);
    ms.map(Span::from_ms).ok_or(format!("{text:?} is no time; write it as 1500ms, 5s or 2m, up to a day"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn script(text: &str) -> Script {
        Script::parse(text).expect("a good script")
    }

    /// Frame times in ms up to `until_ms`.
    fn times(text: &str, fps: u32, until_ms: i64) -> Vec<i64> {
        let script = script(text);
        let next = |last: &Span| Some(script.next_frame(Some(*last), FrameRate::whole(fps)));
        std::iter::successors(Some(Span::ZERO), next).map(|at| at.as_ms() as i64).take_while(|ms| *ms < until_ms).collect()
    }

    #[test]
    fn frames_come_on_the_grid() {
        assert_eq!(times("", 10, 500), [0, 100, 200, 300, 400]);
        let ntsc = FrameRate { num: 30_000, den: 1001 };
        let mut at = Span::ZERO;
        for n in 1..2000 {
            at = Script::default().next_frame(Some(at), ntsc);
            assert_eq!(at, ntsc.frame_start(n));
        }
    }

    #[test]
    fn a_slow_source_returns_to_its_grid() {
        assert_eq!(times("slow:4@200ms..900ms", 10, 1200), [0, 100, 200, 450, 700, 900, 1000, 1100]);
        assert_eq!(times("slow:1@200ms..250ms", 10, 500), [0, 100, 200, 300, 400]);
    }

    #[test]
    fn faults_hold_from_their_beginning_until_before_their_end() {
        let all = script(" freeze@1s..2s, vanish@1m..2m,size:320x240@3s , size:64x48@5s,faces:0,");
        let at = |ms| Span::from_ms(ms);
        assert_eq!([999, 1000, 1999, 2000].map(|ms| all.is_frozen(at(ms))), [false, true, true, false]);
        assert_eq!(
            [59_999, 60_000, 119_999, 120_000].map(|ms| all.vanished_since(at(ms))),
            [None, Some(at(60_000)), Some(at(60_000)), None]
        );
        let wished = Size::new(640, 480).expect("even");
        assert_eq!([0, 3000, 5000].map(|ms| all.size_at(at(ms), wished).width()), [640, 320, 64]);
        assert_eq!((all.faces(), script("").faces()), (0, 2));
        assert_eq!(script(""), Script::default());
    }

    #[test]
    fn a_wrong_script_is_answered_with_the_part_that_is_wrong() {
        let check = |text: &str, why: &str| {
            assert_eq!(
                Script::parse(text),
                Err(format!("cannot read {:?} of the test script: {why}", text.trim_start_matches("faces:1,")))
            );
        };
        check("faces:1,explode", "expected freeze@A..B, slow:FPS@A..B, vanish@A..B, size:WxH@A or faces:N");
        check("explode@1s..2s", "the faults are freeze, slow:FPS, vanish and size:WxH");
        check("faces:13", "it takes a number of faces up to 12");
        check("freeze@5s", "a stretch of time is written A..B, as in 5s..8s");
        check("freeze@5s..5s", "its end must come after its beginning");
        check("slow:0@1s..2s", "slow takes whole frames per second from 1 to 1000");
        check("size:641x480@1s", "size takes an even width and height, as in size:640x480@5s");
        check("vanish@1..2s", "\"1\" is no time; write it as 1500ms, 5s or 2m, up to a day");
        check(
            "vanish@1s..99999999999999999999m",
            "\"99999999999999999999m\" is no time; write it as 1500ms, 5s or 2m, up to a day",
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = Script::parse(&text);
        }

        #[test]
        fn frame_times_always_grow(fps in 1u32..120, slow in 1u32..120, begin in 0i64..3000, length in 1i64..3000) {
            let script = script(&format!("slow:{slow}@{begin}ms..{}ms", begin + length));
            let mut last = Span::ZERO;
            for _ in 0..200 {
                let next = script.next_frame(Some(last), FrameRate::whole(fps));
                prop_assert!(next > last && next.as_ms() - last.as_ms() <= 1000.0 / f64::from(slow.min(fps)) + 1000.0 / f64::from(fps) + 1.0);
                last = next;
            }
        }
    }
}
