//! Media playlists of any time that is kept (rfc8216bis §4.4.3.5): what a live playlist does not list any more. Such a playlist begins with
//! the segment in which its time begins. It is VOD once all of its time is over, and EVENT until then: segments are only added.

use super::{
    RenderedPlaylist,
    hls::{self, Flag, PlaylistType},
    incremental::Piece,
    key_frames, line,
    name::Name,
};
use crate::{
    time::Span,
    window::{footage::Footage, state::Segment},
};

/// What of the footage is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entries {
    /// Segments.
    Segments,
    /// Key frames, as byte ranges of segments.
    KeyFrames,
}

/// A playlist of the whole segments of some footage; `is_over` says that no more will be of its time.
pub fn render(footage: &Footage, entries: Entries, is_over: bool) -> RenderedPlaylist {
    let mut text = String::with_capacity(512 + footage.segments.len() * 160);
    let there = || footage.segments.iter().map(AsRef::as_ref).filter(|segment: &&Segment| !segment.is_gone());
    let longest = there().map(|segment| segment.duration).max().unwrap_or(Span::ZERO);
    line(&mut text, Flag::M3u);
    // §8: 5 for key frames alone, 6 for EXT-X-MAP without them.
    line(&mut text, hls::Version(if entries == Entries::KeyFrames { 5 } else { 6 }));
    line(&mut text, hls::TargetDuration((longest.as_s().round() as u32).max(1)));
    line(&mut text, if is_over { PlaylistType::Vod } else { PlaylistType::Event });
    line(&mut text, hls::MediaSequence(there().next().map_or(0, |first| first.start.msn.0)));
    line(&mut text, Flag::IndependentSegments);
    if entries == Entries::KeyFrames {
        line(&mut text, Flag::IFramesOnly);
    }
    let mut before: Option<&Segment> = None;
    for segment in there() {
        // What is missing between two is a discontinuity, whoever lost it.
        let is_cut = before.is_some_and(|before| segment.start.discontinuity || before.start.msn.0 + 1 != segment.start.msn.0);
        if is_cut {
            line(&mut text, Flag::Discontinuity);
        }
        let is_same = before.is_some_and(|before| (&before.run, before.start.init) == (&segment.run, segment.start.init));
        if !is_same || (is_cut && entries == Entries::KeyFrames) {
            line(&mut text, hls::Map { uri: Name::Init(segment.start.init).text(&segment.run) });
        }
        match entries {
            Entries::Segments => {
                line(&mut text, hls::ProgramDateTime(segment.start.wall));
                line(&mut text, hls::Inf(segment.duration.into()));
                line(&mut text, Name::Segment(segment.start.msn).text(&segment.run));
            }
            Entries::KeyFrames => key_frames(&mut text, segment),
        }
        before = Some(segment);
    }
    if is_over {
        line(&mut text, Flag::EndList);
    }
    let tag = format!("archive-{:08x}-{}", crc32fast::hash(text.as_bytes()), text.len());
    RenderedPlaylist::new(vec![Piece::Plain(text.into())], tag)
}
