//! The frame grid of a stream, and where it is cut: every part, segment and GOP is a whole number of frames. Pure.

use crate::time::{FrameRate, Span, TICKS_PER_S};

/// Part length when none is asked, the shortest: a picture is as old as its part is long before anybody has it, and players stay three
/// parts behind.
pub const PART_DEFAULT: Span = PART_MIN;
/// Segment length when none is asked: players without low-latency support rest three segments behind, so 6 s.
pub const SEGMENT_DEFAULT: Span = Span::from_ms(2000);
/// Shortest part: below it the cost per part outweighs the media in it (20 ms parts broke playback in the field).
pub const PART_MIN: Span = Span::from_ms(100);
/// Distance of key frames: a viewer starts, and a seek lands, within a second.
pub const GOP_SPAN: Span = Span(TICKS_PER_S);

/// The first segment of a camera that is opened for a viewer: a playlist lists one whole segment at least, and players of low-latency HLS
/// begin three parts before its end.
pub const LEAD_SPAN: Span = Span::from_ms(400);

/// How long parts and segments are asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Part length asked.
    pub part: Span,
    /// Segment length asked; a whole multiple of `part`.
    pub segment: Span,
}

impl Default for Lengths {
    fn default() -> Lengths {
        Lengths { part: PART_DEFAULT, segment: SEGMENT_DEFAULT }
    }
}

/// The frame grid and its cuts: every part, segment and GOP is a whole number of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Frames per second.
    pub rate: FrameRate,
    /// Frames in a part, at least 1.
    pub part_frames: u32,
    /// Parts in a segment, at least 1.
    pub segment_parts: u32,
    /// Parts in a GOP; an IDR begins every segment too.
    pub key_parts: u32,
    /// Parts in the first segment behind a discontinuity: as many as in the others, or fewer, where viewers wait for it.
    pub lead_parts: u32,
}

impl Grid {
    /// The grid nearest to the lengths asked: a part is the nearest whole number of frames, a segment the nearest whole number of those.
    pub fn new(rate: FrameRate, lengths: Lengths) -> Grid {
        let frames = |span: Span| span.as_s() * rate.as_f64();
        let part_frames = (frames(lengths.part).round() as u32).max(1);
        // Counted in parts as they are, not as they were asked: at 1 fps a part is a second, and two make a segment of two seconds.
        let parts = |span: Span| ((frames(span) / f64::from(part_frames)).round() as u32).max(1);
        let segment_parts = parts(lengths.segment);
        Grid { rate, part_frames, segment_parts, key_parts: parts(GOP_SPAN), lead_parts: segment_parts }
    }

    /// The same grid with a short segment behind each discontinuity: of [`LEAD_SPAN`], or of what part is nearest to it.
    pub fn with_short_lead(self) -> Grid {
        let parts = (LEAD_SPAN.as_s() * self.rate.as_f64() / f64::from(self.part_frames)).round() as u32;
        Grid { lead_parts: parts.clamp(1, self.segment_parts), ..self }
    }

    /// Frames in the first segment behind a discontinuity.
    pub fn lead_frames(&self) -> u32 {
        self.part_frames * self.lead_parts
    }

    /// Frames in a segment.
    pub fn segment_frames(&self) -> u32 {
        self.part_frames * self.segment_parts
    }

    /// Whether the frame at this place of a segment is an IDR.
    pub fn is_key(&self, frame_in_segment: u32) -> bool {
        frame_in_segment.is_multiple_of(self.part_frames * self.key_parts)
    }

    /// The longest a part can be: EXT-X-PART-INF:PART-TARGET.
    pub fn part_target(&self) -> Span {
        self.longest(self.part_frames)
    }

    /// The longest a segment can be; rounded to seconds it is EXT-X-TARGETDURATION.
    pub fn segment_target(&self) -> Span {
        self.longest(self.segment_frames())
    }

    /// Exact where the rate divides 90 kHz; else a run of frames may be one tick longer than the floor.
    fn longest(&self, frames: u32) -> Span {
        let ticks = i64::from(frames) * TICKS_PER_S * i64::from(self.rate.den);
        Span((ticks + i64::from(self.rate.num) - 1) / i64::from(self.rate.num))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_follows_the_frame_rate() {
        let at = |num, den| Grid::new(FrameRate { num, den }, Lengths { part: Span::from_ms(200), ..Lengths::default() });
        assert_eq!((at(30, 1).part_frames, at(30, 1).segment_frames(), at(30, 1).key_parts), (6, 60, 5));
        assert_eq!(at(30, 1).part_target(), Span::from_ms(200));
        assert_eq!((at(25, 1).part_frames, at(25, 1).segment_frames()), (5, 50));
        assert_eq!((at(30_000, 1001).part_target(), at(30_000, 1001).segment_target()), (Span(18_018), Span(180_180)));
        assert_eq!((at(15, 2).part_frames, at(15, 2).segment_frames()), (2, 16));
        assert_eq!((at(1, 1).part_frames, at(1, 1).segment_frames(), at(1, 1).key_parts), (1, 2, 1));
    }

    #[test]
    fn the_shortest_parts_are_the_nearest_whole_number_of_frames() {
        let lengths = Lengths { part: PART_MIN, ..Lengths::default() };
        let at = |num, den| Grid::new(FrameRate { num, den }, lengths);
        assert_eq!((at(30, 1).part_frames, at(30, 1).segment_frames(), at(30, 1).key_parts), (3, 60, 10));
        assert_eq!(at(30, 1).part_target(), Span::from_ms(100));
        assert_eq!((at(25, 1).part_frames, at(25, 1).segment_frames(), at(25, 1).part_target()), (3, 51, Span::from_ms(120)));
        assert_eq!((at(30_000, 1001).part_target(), at(30_000, 1001).segment_target()), (Span(9_009), Span(180_180)));
        assert_eq!((at(15, 1).part_frames, at(15, 1).segment_frames()), (2, 30));
        assert_eq!((at(15, 2).part_frames, at(15, 2).segment_frames()), (1, 15));
        assert_eq!((at(1, 1).part_frames, at(1, 1).segment_frames(), at(1, 1).key_parts), (1, 2, 1));
    }

    #[test]
    fn a_short_lead_is_some_parts_and_no_longer_than_a_segment() {
        let at = |fps, part_ms| {
            let lengths = Lengths { part: Span::from_ms(part_ms), ..Lengths::default() };
            Grid::new(FrameRate::whole(fps), lengths).with_short_lead().lead_frames()
        };
        assert_eq!([at(30, 100), at(30, 200), at(30, 1000), at(1, 100)], [12, 12, 30, 1]);
        assert_eq!(Grid::new(FrameRate::whole(30), Lengths::default()).lead_frames(), 60);
    }

    #[test]
    fn key_frames_lie_a_second_apart_and_begin_every_segment() {
        let grid = Grid::new(FrameRate::whole(30), Lengths::default());
        let keys: Vec<u32> = (0..grid.segment_frames()).filter(|n| grid.is_key(*n)).collect();
        assert_eq!(keys, [0, 30]);
    }
}
