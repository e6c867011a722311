//! The tags of HLS (draft-pantos-hls-rfc8216bis-22 §4.4): one type per tag, whose `Display` is its line without the line end.

use crate::{
    time::{Span, TICKS_PER_S, WallTime},
    window::ranges::DateRange,
};
use std::fmt;

/// Seconds as text, to 10 µs. All lengths of a playlist go through here, so that what is equal in ticks is equal in text, and a part
/// never reads longer than its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(i64);

impl Seconds {
    const PER_S: i64 = 100_000;

    /// That many times as long: exact in the text too, so PART-HOLD-BACK reads as 3 × PART-TARGET.
    pub fn times(self, n: i64) -> Seconds {
        Seconds(self.0 * n)
    }

    /// Whole seconds.
    pub fn whole(s: u32) -> Seconds {
        Seconds(i64::from(s) * Seconds::PER_S)
    }
}

impl From<Span> for Seconds {
    fn from(span: Span) -> Seconds {
        // Rounded to nearest; a span of media is never negative.
        let doubled = i128::from(span.0.max(0)) * i128::from(Seconds::PER_S) * 2 + i128::from(TICKS_PER_S);
        Seconds((doubled / i128::from(2 * TICKS_PER_S)) as i64)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:05}", self.0 / Seconds::PER_S, self.0 % Seconds::PER_S)
    }
}

/// Tags that are a name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// EXTM3U, the first line.
    M3u,
    /// EXT-X-INDEPENDENT-SEGMENTS (§4.4.2.1): every segment begins with a key frame.
    IndependentSegments,
    /// EXT-X-I-FRAMES-ONLY (§4.4.3.6).
    IFramesOnly,
    /// EXT-X-DISCONTINUITY (§4.4.4.3).
    Discontinuity,
    /// EXT-X-GAP (§4.4.4.7): the segment is not there, and need not be asked for.
    Gap,
    /// EXT-X-ENDLIST (§4.4.3.4).
    EndList,
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flag::M3u => "#EXTM3U",
            Flag::IndependentSegments => "#EXT-X-INDEPENDENT-SEGMENTS",
            Flag::IFramesOnly => "#EXT-X-I-FRAMES-ONLY",
            Flag::Discontinuity => "#EXT-X-DISCONTINUITY",
            Flag::Gap => "#EXT-X-GAP",
            Flag::EndList => "#EXT-X-ENDLIST",
        })
    }
}

/// Writes `Display` of a tag from a format string over its fields.
macro_rules! line {
    ($type:ty, $self:ident => $($format:tt)+) => {
        impl fmt::Display for $type {
            fn fmt(&$self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $($format)+)
            }
        }
    };
}

/// EXT-X-VERSION (§4.4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u8);
line!(Version, self => "#EXT-X-VERSION:{}", self.0);

/// EXT-X-TARGETDURATION (§4.4.3.1), seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetDuration(pub u32);
line!(TargetDuration, self => "#EXT-X-TARGETDURATION:{}", self.0);

/// EXT-X-PLAYLIST-TYPE (§4.4.3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaylistType {
    /// Segments are only added.
    Event,
    /// It does not change.
    Vod,
}
line!(PlaylistType, self => "#EXT-X-PLAYLIST-TYPE:{}", if *self == PlaylistType::Vod { "VOD" } else { "EVENT" });

/// EXT-X-MEDIA-SEQUENCE (§4.4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaSequence(pub u64);
line!(MediaSequence, self => "#EXT-X-MEDIA-SEQUENCE:{}", self.0);

/// EXT-X-DISCONTINUITY-SEQUENCE (§4.4.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscontinuitySequence(pub u64);
line!(DiscontinuitySequence, self => "#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.0);

/// EXT-X-PART-INF (§4.4.3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartInf {
    /// PART-TARGET.
    pub target: Seconds,
}
line!(PartInf, self => "#EXT-X-PART-INF:PART-TARGET={}", self.target);

/// EXT-X-SERVER-CONTROL (§4.4.3.8), with CAN-BLOCK-RELOAD and CAN-SKIP-DATERANGES always on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerControl {
    /// CAN-SKIP-UNTIL: at least 6 target durations.
    pub can_skip_until: Seconds,
    /// PART-HOLD-BACK: at least 2, better 3 part targets.
    pub part_hold_back: Seconds,
    /// HOLD-BACK: at least 3 target durations.
    pub hold_back: Seconds,
}
line!(ServerControl, self =>
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={},CAN-SKIP-DATERANGES=YES,PART-HOLD-BACK={},HOLD-BACK={}",
    self.can_skip_until, self.part_hold_back, self.hold_back);

/// EXT-X-MAP (§4.4.4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// URI of the init segment.
    pub uri: String,
}
line!(Map, self => "#EXT-X-MAP:URI=\"{}\"", self.uri);

/// EXT-X-PROGRAM-DATE-TIME (§4.4.4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramDateTime(pub WallTime);
line!(ProgramDateTime, self => "#EXT-X-PROGRAM-DATE-TIME:{}", self.0);

/// EXTINF (§4.4.4.1) without a title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inf(pub Seconds);
line!(Inf, self => "#EXTINF:{},", self.0);

/// EXT-X-BYTERANGE (§4.4.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// Bytes.
    pub len: u64,
    /// From the start of the resource.
    pub offset: u64,
}
line!(ByteRange, self => "#EXT-X-BYTERANGE:{}@{}", self.len, self.offset);

/// Whether decoding can start at a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Independence {
    /// It holds a key frame: INDEPENDENT=YES.
    Independent,
    /// It needs the part before it.
    Dependent,
}

/// EXT-X-PART (§4.4.4.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// DURATION.
    pub duration: Seconds,
    /// URI.
    pub uri: String,
    /// INDEPENDENT.
    pub independence: Independence,
}
line!(Part, self => "#EXT-X-PART:DURATION={},URI=\"{}\"{}", self.duration, self.uri,
    if self.independence == Independence::Independent { ",INDEPENDENT=YES" } else { "" });

/// EXT-X-PRELOAD-HINT (§4.4.5.3) of TYPE=PART.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreloadHint {
    /// URI of the next part.
    pub uri: String,
}
line!(PreloadHint, self => "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", self.uri);

/// EXT-X-RENDITION-REPORT (§4.4.5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenditionReport {
    /// URI of the other media playlist.
    pub uri: &'static str,
    /// LAST-MSN: the segment of its last part.
    pub last_msn: u64,
    /// LAST-PART: the index of that part.
    pub last_part: u32,
}
line!(RenditionReport, self =>
    "#EXT-X-RENDITION-REPORT:URI=\"{}\",LAST-MSN={},LAST-PART={}", self.uri, self.last_msn, self.last_part);

/// EXT-X-SKIP (§4.4.5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// SKIPPED-SEGMENTS.
    pub segments: u64,
    /// RECENTLY-REMOVED-DATERANGES; `None` where date ranges are not skipped.
    pub removed_date_ranges: Option<Vec<String>>,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#EXT-X-SKIP:SKIPPED-SEGMENTS={}", self.segments)?;
        match &self.removed_date_ranges {
            Some(ids) => write!(f, ",RECENTLY-REMOVED-DATERANGES=\"{}\"", ids.join("\t")),
            None => Ok(()),
        }
    }
}

/// EXT-X-DATERANGE (§4.4.5.1).
impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#EXT-X-DATERANGE:ID=\"{}\"", self.id)?;
        if let Some(class) = &self.class {
            write!(f, ",CLASS=\"{class}\"")?;
        }
        write!(f, ",START-DATE=\"{}\"", self.start)?;
        if let Some(end) = self.end {
            write!(f, ",END-DATE=\"{end}\"")?;
        }
        self.extra.iter().try_for_each(|(name, value)| write!(f, ",{name}=\"{value}\""))
    }
}

/// The attributes that EXT-X-STREAM-INF and EXT-X-I-FRAME-STREAM-INF share (§4.4.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// BANDWIDTH: peak segment bit rate, bit/s.
    pub bandwidth: u64,
    /// AVERAGE-BANDWIDTH, bit/s.
    pub average_bandwidth: u64,
    /// CODECS.
    pub codecs: String,
    /// RESOLUTION: width and height in pixels.
    pub resolution: (u32, u32),
}
line!(Variant, self => "BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\",RESOLUTION={}x{}",
    self.bandwidth, self.average_bandwidth, self.codecs, self.resolution.0, self.resolution.1);

/// EXT-X-STREAM-INF (§4.4.6.2), with the line of its URI. There are no captions, and a player that is not told so searches the segments
/// for some: Shaka Player 5.2 does that in a segment without a name while fewer than three are whole, and fails.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamInf {
    /// The shared attributes.
    pub variant: Variant,
    /// FRAME-RATE: the highest, written with 3 decimals.
    pub frame_rate: f64,
    /// The media playlist.
    pub uri: &'static str,
}
line!(StreamInf, self => "#EXT-X-STREAM-INF:{},FRAME-RATE={:.3},CLOSED-CAPTIONS=NONE\n{}", self.variant, self.frame_rate, self.uri);

/// EXT-X-I-FRAME-STREAM-INF (§4.4.6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IFrameStreamInf {
    /// The shared attributes.
    pub variant: Variant,
    /// The I-frame playlist.
    pub uri: &'static str,
}
line!(IFrameStreamInf, self => "#EXT-X-I-FRAME-STREAM-INF:{},URI=\"{}\"", self.variant, self.uri);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_rounded_to_ten_microseconds() {
        let text = |ticks| Seconds::from(Span(ticks)).to_string();
        assert_eq!([text(0), text(18_000), text(3003), text(60_000)], ["0.00000", "0.20000", "0.03337", "0.66667"]);
        assert_eq!(Seconds::from(Span(60_000)).times(3).to_string(), "2.00001");
        assert_eq!(Seconds::whole(6).to_string(), "6.00000");
    }

    #[test]
    fn a_skip_of_version_10_lists_removed_date_ranges_even_if_there_are_none() {
        let skip = |removed| Skip { segments: 3, removed_date_ranges: removed }.to_string();
        assert_eq!(skip(None), "#EXT-X-SKIP:SKIPPED-SEGMENTS=3");
        assert_eq!(skip(Some(vec![])), "#EXT-X-SKIP:SKIPPED-SEGMENTS=3,RECENTLY-REMOVED-DATERANGES=\"\"");
        let two = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(skip(two), "#EXT-X-SKIP:SKIPPED-SEGMENTS=3,RECENTLY-REMOVED-DATERANGES=\"a\tb\"");
    }

    #[test]
    fn a_date_range_that_cannot_be_quoted_is_not_valid() {
        let range = |id: &str, end, name: &str| DateRange {
            id: id.to_owned(),
            class: Some("face".to_owned()),
            start: WallTime(1_000_000),
            end,
            extra: vec![(name.to_owned(), "2".to_owned())],
        };
        let good = range("face-1", Some(WallTime(1_500_000)), "X-COUNT");
        assert!(good.is_valid());
        assert_eq!(
            good.to_string(),
            "#EXT-X-DATERANGE:ID=\"face-1\",CLASS=\"face\",START-DATE=\"1970-01-01T00:00:01.000Z\",\
             END-DATE=\"1970-01-01T00:00:01.500Z\",X-COUNT=\"2\""
        );
        assert!(!range("a\"b", None, "X-COUNT").is_valid());
        assert!(!range("a\tb", None, "X-COUNT").is_valid());
        assert!(!range("", None, "X-COUNT").is_valid());
        assert!(!range("a", Some(WallTime(0)), "X-COUNT").is_valid());
        assert!(!range("a", None, "COUNT").is_valid());
    }
}
