//! The elements of an MPD (ISO/IEC 23009-1 §5), with the attributes that we write, in the order of the schema.

use serde::Serialize;

/// The root (§5.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename = "MPD")]
pub struct Mpd {
    /// The schema's name.
    #[serde(rename = "@xmlns")]
    pub xmlns: &'static str,
    /// The same, for [`Mpd::location`].
    #[serde(rename = "@xmlns:mpd")]
    pub xmlns_again: &'static str,
    /// The profiles that it keeps to.
    #[serde(rename = "@profiles")]
    pub profiles: &'static str,
    /// `dynamic` while the stream goes on, then `static`.
    #[serde(rename = "@type")]
    pub kind: &'static str,
    /// The zero of the timeline; fixed for a presentation.
    #[serde(rename = "@availabilityStartTime")]
    pub availability_start_time: String,
    /// When the manifest last changed in what it says of time.
    #[serde(rename = "@publishTime")]
    pub publish_time: String,
    /// How long it holds.
    #[serde(rename = "@minimumUpdatePeriod", skip_serializing_if = "Option::is_none")]
    pub minimum_update_period: Option<String>,
    /// How far back segments are there.
    #[serde(rename = "@timeShiftBufferDepth", skip_serializing_if = "Option::is_none")]
    pub time_shift_buffer_depth: Option<String>,
    /// The delay of players that know nothing of low latency.
    #[serde(rename = "@suggestedPresentationDelay", skip_serializing_if = "Option::is_none")]
    pub suggested_presentation_delay: Option<String>,
    /// From zero to the end of the stream, once that is known.
    #[serde(rename = "@mediaPresentationDuration", skip_serializing_if = "Option::is_none")]
    pub media_presentation_duration: Option<String>,
    /// What must be buffered at the declared bandwidth.
    #[serde(rename = "@minBufferTime")]
    pub min_buffer_time: String,
    /// No segment is longer.
    #[serde(rename = "@maxSegmentDuration")]
    pub max_segment_duration: String,
    /// Where this presentation is updated, on the timeline that it began with. mpd-parser 1.4 does not resolve it against the manifest's
    /// address, and fails; it does not know it by a name with a prefix, as all do that read XML with its namespaces.
    #[serde(rename = "mpd:Location", skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Latency and rate.
    #[serde(rename = "ServiceDescription")]
    pub service: ServiceDescription,
    /// The stretches without a discontinuity.
    #[serde(rename = "Period")]
    pub periods: Vec<Period>,
    /// The clock to go by.
    #[serde(rename = "UTCTiming")]
    pub utc_timing: UtcTiming,
}

/// What the service wants of players (annex K).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceDescription {
    /// Its number.
    #[serde(rename = "@id")]
    pub id: u32,
    /// Latency.
    #[serde(rename = "Latency")]
    pub latency: Latency,
    /// Rate.
    #[serde(rename = "PlaybackRate")]
    pub playback_rate: PlaybackRate,
}

/// From capture to display, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// What to aim at.
    #[serde(rename = "@target")]
    pub target: u64,
    /// Not below.
    #[serde(rename = "@min")]
    pub min: u64,
    /// Not above.
    #[serde(rename = "@max")]
    pub max: u64,
    /// The [`ProducerReferenceTime`] that it is counted from.
    #[serde(rename = "@referenceId")]
    pub reference_id: u32,
}

/// The rates that a player may use to hold the latency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlaybackRate {
    /// The slowest.
    #[serde(rename = "@min")]
    pub min: &'static str,
    /// The fastest.
    #[serde(rename = "@max")]
    pub max: &'static str,
}

/// A stretch of the timeline (§5.3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Its name; the same in every manifest.
    #[serde(rename = "@id")]
    pub id: String,
    /// From the timeline's zero.
    #[serde(rename = "@start")]
    pub start: String,
    /// Its length, once it has ended: the next may begin later, where there was a hole.
    #[serde(rename = "@duration", skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// What happened in it.
    #[serde(rename = "EventStream", skip_serializing_if = "Option::is_none")]
    pub events: Option<EventStream>,
    /// The picture.
    #[serde(rename = "AdaptationSet")]
    pub set: AdaptationSet,
}

/// What happens on the timeline (§5.10.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventStream {
    /// What the events mean.
    #[serde(rename = "@schemeIdUri")]
    pub scheme_id_uri: &'static str,
    /// Units per second.
    #[serde(rename = "@timescale")]
    pub timescale: u32,
    /// One by one.
    #[serde(rename = "Event")]
    pub events: Vec<Event>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// From the Period's start, in units.
    #[serde(rename = "@presentationTime")]
    pub presentation_time: u64,
    /// In units.
    #[serde(rename = "@duration")]
    pub duration: u64,
    /// Its number.
    #[serde(rename = "@id")]
    pub id: u64,
    /// What it says.
    #[serde(rename = "$text")]
    pub message: String,
}

/// The one track (§5.3.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdaptationSet {
    /// The same in every Period.
    #[serde(rename = "@id")]
    pub id: u32,
    /// Video.
    #[serde(rename = "@contentType")]
    pub content_type: &'static str,
    /// Its format.
    #[serde(rename = "@mimeType")]
    pub mime_type: &'static str,
    /// Segments do not overlap.
    #[serde(rename = "@segmentAlignment")]
    pub segment_alignment: bool,
    /// Every segment begins with a closed group of pictures.
    #[serde(rename = "@startWithSAP")]
    pub start_with_sap: u32,
    /// When its first frame was captured.
    #[serde(rename = "ProducerReferenceTime")]
    pub reference: ProducerReferenceTime,
    /// Where inside a segment a player may begin to read.
    #[serde(rename = "Resync")]
    pub resync: Resync,
    /// Where the segments are.
    #[serde(rename = "SegmentTemplate")]
    pub template: SegmentTemplate,
    /// The one encoding.
    #[serde(rename = "Representation")]
    pub representation: Representation,
}

/// A media time and the wall time of the same moment (§5.12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProducerReferenceTime {
    /// Its number, for [`Latency::reference_id`].
    #[serde(rename = "@id")]
    pub id: u32,
    /// Every segment tells its own, too, in a `prft` box.
    #[serde(rename = "@inband")]
    pub inband: bool,
    /// What happened then.
    #[serde(rename = "@type")]
    pub kind: &'static str,
    /// The wall time.
    #[serde(rename = "@wallClockTime")]
    pub wall_clock_time: String,
    /// The media time, in units of the timescale.
    #[serde(rename = "@presentationTime")]
    pub presentation_time: u64,
    /// The clock that the wall time is of.
    #[serde(rename = "UTCTiming")]
    pub utc_timing: UtcTiming,
}

/// Points inside a segment at which a player can find its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resync {
    /// The kind of stream access point; 0: a chunk begins.
    #[serde(rename = "@type")]
    pub kind: u32,
    /// The longest way from one to the next, in units of the timescale.
    #[serde(rename = "@dT")]
    pub spacing: u64,
}

/// Names and times of the segments (§5.3.9.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentTemplate {
    /// Units per second.
    #[serde(rename = "@timescale")]
    pub timescale: u64,
    /// Of a segment, in units, where all have the same.
    #[serde(rename = "@duration", skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
    /// Number of the Period's first segment, or of the first in the timeline.
    #[serde(rename = "@startNumber")]
    pub start_number: u64,
    /// Media time of the Period's start, in units.
    #[serde(rename = "@presentationTimeOffset")]
    pub presentation_time_offset: u64,
    /// The init segment.
    #[serde(rename = "@initialization")]
    pub initialization: String,
    /// A segment.
    #[serde(rename = "@media")]
    pub media: String,
    /// A segment can be asked for so many seconds before it is whole.
    #[serde(rename = "@availabilityTimeOffset", skip_serializing_if = "Option::is_none")]
    pub availability_time_offset: Option<String>,
    /// It is sent as it grows.
    #[serde(rename = "@availabilityTimeComplete", skip_serializing_if = "Option::is_none")]
    pub availability_time_complete: Option<bool>,
    /// Each segment, where they have lengths of their own.
    #[serde(rename = "SegmentTimeline", skip_serializing_if = "Option::is_none")]
    pub timeline: Option<SegmentTimeline>,
}

/// Where each segment lies (§5.3.9.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentTimeline {
    /// The segments, first to last.
    #[serde(rename = "S")]
    pub segments: Vec<TimedSegment>,
}

/// A segment of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimedSegment {
    /// Its media time, in units.
    #[serde(rename = "@t")]
    pub at: u64,
    /// Its length, in units.
    #[serde(rename = "@d")]
    pub duration: u64,
}

/// The encoding (§5.3.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Representation {
    /// The same in every Period.
    #[serde(rename = "@id")]
    pub id: &'static str,
    /// As in RFC 6381.
    #[serde(rename = "@codecs")]
    pub codecs: String,
    /// Bit/s.
    #[serde(rename = "@bandwidth")]
    pub bandwidth: u64,
    /// Pixels.
    #[serde(rename = "@width")]
    pub width: u32,
    /// Pixels.
    #[serde(rename = "@height")]
    pub height: u32,
    /// Frames per second, as a fraction where it is one.
    #[serde(rename = "@frameRate")]
    pub frame_rate: String,
}

/// Where to get the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UtcTiming {
    /// How.
    #[serde(rename = "@schemeIdUri")]
    pub scheme_id_uri: &'static str,
    /// Where.
    #[serde(rename = "@value")]
    pub value: String,
}

impl UtcTiming {
    /// A GET whose answer is an `xs:dateTime`.
    pub fn http_xsdate(url: String) -> UtcTiming {
        UtcTiming { scheme_id_uri: "urn:mpeg:dash:utc:http-xsdate:2014", value: url }
    }
}
