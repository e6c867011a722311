//! For tests: a window fed from a line of text. `K` is a part that begins with a key frame, `.` one that does not, `|` ends a segment,
//! `!` makes the next segment a discontinuity with a new init segment, `~` one with the same. Each part is 200 ms, and pushed when it is
//! over.

use super::{Window, WindowConfig, numbers::FirstNumbers, past::Past, state::State};
use crate::{
    encode::VideoParams,
    package::{InitId, Msn, PackagerEvent, Part, SegmentStart},
    picture::Size,
    time::{Clock, FrameRate, ManualClock, Span, Ticks, WallTime},
};
use bytes::Bytes;
use std::sync::{Arc, LazyLock};

pub(crate) const PART: Span = Span::from_ms(200);
/// 2026-11-20T16:19:12Z.
pub(crate) const BEGIN: WallTime = WallTime(1_795_191_552_000_000);

/// Segments of 1 s in 5 parts, a window of 12 s.
pub(crate) fn config() -> WindowConfig {
    WindowConfig {
        run: "r".into(),
        first: FirstNumbers::NEW,
        target_duration_s: 1,
        part_target: PART,
        segment_parts: 5,
        span: Span::from_ms(12_000),
        bytes_max: 1 << 30,
        memory_max: None,
    }
}

pub(crate) struct Feed {
    pub(crate) window: Arc<Window>,
    pub(crate) clock: Arc<ManualClock>,
    msn: Msn,
    index: u32,
    init: InitId,
    discontinuity: bool,
}

impl Feed {
    pub(crate) fn new(config: WindowConfig) -> Feed {
        Feed::begin(config, BEGIN, InitId(1), None)
    }

    /// A run that begins then, with that init segment, behind what earlier runs have left.
    pub(crate) fn begin(config: WindowConfig, begin: WallTime, first_init: InitId, past: Option<Past>) -> Feed {
        let (clock, first) = (Arc::new(ManualClock::at(begin)), config.first);
        let window = Arc::new(Window::new(config.clone(), clock.clone()));
        window.settle(config, past);
        window.push(init(first_init));
        let discontinuity = first.segment(first_init).discontinuity;
        Feed { window, clock, msn: first.msn, index: 0, init: first_init, discontinuity }
    }

    pub(crate) fn push(&mut self, script: &str) -> &mut Feed {
        let mut events = Vec::new();
        let mut script = script.chars().peekable();
        while let Some(token) = script.next() {
            match token {
                '!' => {
                    (self.discontinuity, self.init) = (true, InitId(self.init.0 + 1));
                    events.push(init(self.init));
                }
                '~' => self.discontinuity = true,
                '|' => events.push(self.end()),
                _ => {
                    events.extend(self.part(token));
                    if script.peek() == Some(&'|') {
                        // A segment's last part and its end belong together.
                        script.next();
                        events.push(self.end());
                    }
                    self.window.push_all(std::mem::take(&mut events));
                }
            }
        }
        self.window.push_all(events);
        self
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.window.read(look)
    }

    fn part(&mut self, token: char) -> Vec<PackagerEvent> {
        let (at, wall) = (self.clock.now(), self.clock.wall());
        let mut events = Vec::new();
        if self.index == 0 {
            let discontinuity = std::mem::take(&mut self.discontinuity);
            events.push(PackagerEvent::Start(SegmentStart { msn: self.msn, at, wall, init: self.init, discontinuity }));
        }
        self.clock.advance(PART);
        events.push(PackagerEvent::Part(part(self.msn, self.index, at, token == 'K')));
        self.index += 1;
        events
    }

    fn end(&mut self) -> PackagerEvent {
        let end = PackagerEvent::End(self.msn);
        (self.msn, self.index) = (Msn(self.msn.0 + 1), 0);
        end
    }
}

/// 3000 bytes with a key frame, 1000 without; slices of one pattern, so that a day of them costs no memory.
fn part(msn: Msn, index: u32, at: Ticks, key: bool) -> Part {
    static PATTERN: LazyLock<Bytes> = LazyLock::new(|| (0..=255).cycle().take(3256).collect());
    let from = (msn.0 * 16 + u64::from(index)) as usize % 256;
    let data = PATTERN.slice(from..from + if key { 3000 } else { 1000 }).into();
    Part { msn, index, at, duration: PART, independent: key, key_len: key.then_some(2500), data }
}

pub(crate) fn init(id: InitId) -> PackagerEvent {
    let sps = [0x67, 0x64, 0, 0x1f, id.0 as u8];
    let params = VideoParams {
        size: Size::new(640, 480).expect("both sides are even"),
        rate: FrameRate::whole(30),
        sps: Bytes::copy_from_slice(&sps),
        pps: Bytes::from_static(&[0x68]),
        bitrate_max: 100_000,
        passed: false,
    };
    // The boxes of an init segment, with nothing in them.
    let data = [&[0, 0, 0, 16][..], b"ftypisom", &[0, 0, 2, 0], &[0, 0, 2, 172], b"moov", &[id.0 as u8; 676]].concat();
    PackagerEvent::Init { id, data: data.into(), params: params.into() }
}
