//! Cutting encoded frames into parts and segments. Pure: frames in, parts and segments out.
//!
//! Of frames on a grid every cut lies on it, so every full part has one length and every full segment another. Durations come with the
//! frames, so a part is published the moment its last frame is in; no frame is held back to learn how long the one before it was.
//! Frames that the source has coded are cut where [`spacing`](super::spacing) says.

#[cfg(test)]
mod properties;

use super::{
    FirstSegment, InitId, Msn, PackagerEvent, Part, SegmentStart,
    cmaf::{self, CmafError, Position},
    track_params::TrackParams,
};
use crate::{
    encode::EncodedFrame,
    grid::Grid,
    time::{Ticks, WallAnchor},
};
use bytes::Bytes;

/// What stays the same between two discontinuities.
#[derive(Clone, Debug)]
pub struct SegmenterConfig {
    /// What the frames are.
    pub params: TrackParams,
    /// Where they are cut; `None` where each part is told ([`Segmenter::push_part`]).
    pub grid: Option<Grid>,
    /// What time it was.
    pub anchor: WallAnchor,
}

/// Why a frame was refused. The segmenter is as it was before that frame; it goes on after [`Segmenter::restart`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// A segment must begin with an IDR (HLS Authoring Specification 7.4), and this frame is none.
    #[error("segment {} cannot begin at media time {}: the encoder gave no key frame there", .msn.0, .at.0)]
    NoKey {
        /// The segment that should begin.
        msn: Msn,
        /// The frame's time.
        at: Ticks,
    },
    /// The frame does not begin where the one before it ends (HLS Authoring Specification 7.3: `tfdt` is continuous).
    #[error("the frame at media time {} does not follow the one before it, which ends at {}", .at.0, .expected.0)]
    NotContinuous {
        /// Where it should have begun.
        expected: Ticks,
        /// Where it does.
        at: Ticks,
    },
    /// The frame or the parameters cannot be written.
    #[error(transparent)]
    Cmaf(#[from] CmafError),
}

/// Cuts frames into parts and segments. Media sequence numbers, init numbers and `mfhd` sequence numbers go on over restarts.
#[derive(Debug)]
pub struct Segmenter {
    stretch: SegmenterConfig,
    /// The init segment that the next segment needs and nobody has seen yet.
    unannounced: Option<Bytes>,
    /// Number of the init segment of this stretch.
    init: InitId,
    /// Number of the open segment, or of the next one.
    msn: Msn,
    /// Frames of the open segment, those of the open part included; 0 when none is open.
    segment_frames: u32,
    /// Frames with which it is whole; `None` where its end is told.
    whole_frames: Option<u32>,
    /// Parts published of the open segment.
    parts: u32,
    /// Frames of the open part; of a grid, at most its `part_frames`.
    part: Vec<EncodedFrame>,
    /// Where the next frame must begin; `None` until the stretch's first key frame.
    expected: Option<Ticks>,
    /// The next segment does not continue the one before it.
    discontinuity: bool,
    /// A segment was published.
    published: bool,
    sequence: u32,
    dropped: u64,
}

impl Segmenter {
    /// A segmenter whose first segment is that.
    pub fn new(first: FirstSegment, stretch: SegmenterConfig) -> Result<Segmenter, SegmentError> {
        Ok(Segmenter {
            unannounced: Some(cmaf::init_segment(&stretch.params)?),
            part: Vec::new(),
            whole_frames: stretch.grid.map(|grid| grid.lead_frames()),
            stretch,
            init: first.init,
            msn: Msn(first.msn.0.max(1)),
            segment_frames: 0,
            parts: 0,
            expected: None,
            discontinuity: first.discontinuity,
            published: false,
            sequence: 1,
            dropped: 0,
        })
    }

    /// Takes the next frame. Frames before a stretch's first key frame are dropped and counted: nothing could decode them.
    pub fn push(&mut self, frame: EncodedFrame) -> Result<Vec<PackagerEvent>, SegmentError> {
        match self.expected {
            None if !frame.key => {
                self.dropped += 1;
                return Ok(Vec::new());
            }
            Some(expected) if frame.at != expected => return Err(SegmentError::NotContinuous { expected, at: frame.at }),
            _ => {}
        }
        if self.segment_frames == 0 && !frame.key {
            return Err(SegmentError::NoKey { msn: self.msn, at: frame.at });
        }
        cmaf::check(&frame)?;
        self.expected = Some(frame.at + frame.duration);
        self.segment_frames += 1;
        self.part.push(frame);
        let mut events = Vec::new();
        if self.stretch.grid.is_some_and(|grid| self.part.len() >= grid.part_frames as usize) {
            self.close_part(&mut events)?;
        }
        if self.whole_frames.is_some_and(|whole| self.segment_frames >= whole) {
            self.close_segment(&mut events);
        }
        Ok(events)
    }

    /// Takes the frames of the next part, of which the first may begin a segment, and the last end one.
    pub fn push_part(&mut self, frames: Vec<EncodedFrame>, ends_segment: bool) -> Result<Vec<PackagerEvent>, SegmentError> {
        let mut events = Vec::new();
        for frame in frames {
            events.extend(self.push(frame)?);
        }
        if !self.part.is_empty() {
            self.close_part(&mut events)?;
        }
        if ends_segment && self.segment_frames > 0 {
            self.close_segment(&mut events);
        }
        Ok(events)
    }

    /// Ends what is open, however short, and goes on with frames of another format or on another clock anchor: the next segment has
    /// `discontinuity`, and a new init segment if the format is another one. On an error nothing has changed.
    pub fn restart(&mut self, stretch: SegmenterConfig) -> Result<Vec<PackagerEvent>, SegmentError> {
        let init = (stretch.params != self.stretch.params).then(|| cmaf::init_segment(&stretch.params)).transpose()?;
        let mut events = Vec::new();
        self.close_early(&mut events)?;
        if let Some(init) = init {
            // An init segment that nobody has seen is replaced, and its number with it.
            if self.unannounced.replace(init).is_none() {
                self.init.0 += 1;
            }
        }
        // What comes before the first segment stays so, until it is published.
        self.discontinuity |= self.published;
        self.expected = None;
        self.whole_frames = stretch.grid.map(|grid| grid.lead_frames());
        self.stretch = stretch;
        Ok(events)
    }

    /// Ends what is open, however short: nothing follows it before a [`Segmenter::restart`].
    pub fn pause(&mut self) -> Result<Vec<PackagerEvent>, SegmentError> {
        let mut events = Vec::new();
        self.close_early(&mut events)?;
        Ok(events)
    }

    /// Ends what is open, however short: the stream is over.
    pub fn finish(mut self) -> Result<Vec<PackagerEvent>, SegmentError> {
        let mut events = Vec::new();
        self.close_early(&mut events)?;
        Ok(events)
    }

    /// Frames dropped because no key frame came before them.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn close_early(&mut self, events: &mut Vec<PackagerEvent>) -> Result<(), SegmentError> {
        if !self.part.is_empty() {
            self.close_part(events)?;
        }
        if self.segment_frames > 0 {
            self.close_segment(events);
        }
        Ok(())
    }

    /// Publishes the open part, and before a segment's first part what must be known of the segment.
    fn close_part(&mut self, events: &mut Vec<PackagerEvent>) -> Result<(), SegmentError> {
        // There is a first frame, for a fragment of none is refused.
        let (at, independent) = self.part.first().map_or((Ticks::default(), false), |first| (first.at, first.key));
        let wall = self.stretch.anchor.wall_at(at);
        // Dates are told in milliseconds. What is finer would put the window's begin behind the date that was told of it.
        let told = wall.whole_ms();
        let place = if self.parts == 0 { Position::First(wall) } else { Position::Later };
        let fragment = cmaf::fragment(self.sequence, place, &self.part)?;
        if self.parts == 0 {
            if let Some(data) = self.unannounced.take() {
                events.push(PackagerEvent::Init { id: self.init, data: data.into(), params: self.stretch.params.clone() });
            }
            events.push(PackagerEvent::Start(SegmentStart {
                msn: self.msn,
                at,
                wall: told,
                init: self.init,
                discontinuity: self.discontinuity,
            }));
            self.discontinuity = false;
            self.published = true;
        }
        let duration = self.part.iter().map(|frame| frame.duration).sum();
        let (index, key_len) = (self.parts, fragment.key_len);
        events.push(PackagerEvent::Part(Part {
            msn: self.msn,
            index,
            at,
            duration,
            independent,
            key_len,
            data: fragment.data.into(),
        }));
        self.part.clear();
        self.parts += 1;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    fn close_segment(&mut self, events: &mut Vec<PackagerEvent>) {
        events.push(PackagerEvent::End(self.msn));
        self.msn.0 += 1;
        self.whole_frames = self.stretch.grid.map(|grid| grid.segment_frames());
        self.segment_frames = 0;
        self.parts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{properties::*, *};
    use crate::time::{Span, WallTime};

    /// Pushes a script through a segmenter and compares the events: see [`run`] for both languages.
    fn check(script: &str, expected: &str) {
        assert_eq!(run(script), expected, "{script}");
    }

    #[test]
    fn parts_appear_with_their_last_frame_and_segments_end_with_their_last_part() {
        check("K", "");
        check("K.", "init1 start1@0 part1.0@0+6000K");
        check("K...", "init1 start1@0 part1.0@0+6000K part1.1@6000+6000");
        check("K.....", "init1 start1@0 part1.0@0+6000K part1.1@6000+6000 part1.2@12000+6000 end1");
        check(
            "K.....|K..",
            "init1 start1@0 part1.0@0+6000K part1.1@6000+6000 part1.2@12000+6000 end1 start2@18000 part2.0@18000+6000K",
        );
    }

    #[test]
    fn a_key_frame_inside_a_segment_makes_its_part_independent() {
        check("K...K.", "init1 start1@0 part1.0@0+6000K part1.1@6000+6000 part1.2@12000+6000K end1");
        // Independent means that decoding can start at the part's first frame.
        check("K..K", "init1 start1@0 part1.0@0+6000K part1.1@6000+6000");
    }

    #[test]
    fn the_end_closes_a_short_part_and_a_short_segment() {
        check("K..E", "init1 start1@0 part1.0@0+6000K part1.1@6000+3000 end1");
        check("KE", "init1 start1@0 part1.0@0+3000K end1");
        check("K.....E", "init1 start1@0 part1.0@0+6000K part1.1@6000+6000 part1.2@12000+6000 end1");
        check("E", "");
        check("..E", "");
    }

    #[test]
    fn frames_before_the_first_key_frame_are_dropped_and_counted() {
        check("..K.D", "init1 start1@6000 part1.0@6000+6000K dropped2");
        check("K.C..KDE", "init1 start1@0 part1.0@0+6000K end1 dropped2 start2!@12000 part2.0@12000+3000K end2");
    }

    #[test]
    fn a_new_format_ends_the_segment_and_brings_a_new_init_segment() {
        check("K..RK.", "init1 start1@0 part1.0@0+6000K part1.1@6000+3000 end1 init2 start2!@9000/2 part2.0@9000+6000K");
    }

    #[test]
    fn a_new_clock_anchor_keeps_the_init_segment() {
        check("K..CK.", "init1 start1@0 part1.0@0+6000K part1.1@6000+3000 end1 start2!@9000 part2.0@9000+6000K");
    }

    #[test]
    fn an_init_segment_that_no_segment_used_is_never_announced() {
        check("RRK.", "init1 start1@0 part1.0@0+6000K");
        check("K.RRRK.", "init1 start1@0 part1.0@0+6000K end1 init2 start2!@6000/2 part2.0@6000+6000K");
    }

    #[test]
    fn a_discontinuity_marks_one_segment_only() {
        check("CK.", "init1 start1@0 part1.0@0+6000K");
        check(
            "K.CK.....|K.",
            "init1 start1@0 part1.0@0+6000K end1 start2!@6000 part2.0@6000+6000K part2.1@12000+6000 part2.2@18000+6000 end2 \
             start3@24000 part3.0@24000+6000K",
        );
    }

    #[test]
    fn a_segment_without_its_key_frame_is_refused() {
        check(
            "K.....|.",
            "init1 start1@0 part1.0@0+6000K part1.1@6000+6000 part1.2@12000+6000 end1 \
             [segment 2 cannot begin at media time 18000: the encoder gave no key frame there]",
        );
    }

    #[test]
    fn a_frame_that_leaves_a_gap_is_refused_and_the_stream_goes_on() {
        check(
            "Kg.",
            "[the frame at media time 3001 does not follow the one before it, which ends at 3000] init1 start1@0 part1.0@0+6000K",
        );
    }

    #[test]
    fn wall_times_follow_the_anchor_and_not_the_sequence_number() {
        let mut segmenter = Segmenter::new(FirstSegment { msn: Msn(41), ..FirstSegment::NEW }, stretch(1)).unwrap();
        let starts = |events: Vec<PackagerEvent>| {
            events.into_iter().find_map(|event| if let PackagerEvent::Start(start) = event { Some(start) } else { None })
        };
        segmenter.push(frame(90_000, 3000, true)).unwrap();
        let start = starts(segmenter.push(frame(93_000, 3000, false)).unwrap()).unwrap();
        assert_eq!((start.msn, start.wall), (Msn(41), ANCHOR.wall + Span(90_000)));
        let stepped = WallAnchor { at: Ticks(96_000), wall: WallTime(5_000_000) };
        segmenter.restart(SegmenterConfig { anchor: stepped, ..stretch(1) }).unwrap();
        segmenter.push(frame(99_000, 3000, true)).unwrap();
        let start = starts(segmenter.push(frame(102_000, 3000, false)).unwrap()).unwrap();
        assert_eq!((start.msn, start.wall.to_string()), (Msn(42), "1970-01-01T00:00:05.033Z".to_owned()));
    }

    #[test]
    fn the_first_segment_is_never_number_0() {
        let mut segmenter = Segmenter::new(FirstSegment { msn: Msn(0), ..FirstSegment::NEW }, stretch(1)).unwrap();
        segmenter.push(frame(0, 3000, true)).unwrap();
        assert!(matches!(segmenter.finish().unwrap().last(), Some(PackagerEvent::End(Msn(1)))));
    }
}
