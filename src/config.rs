//! What was asked, as meaning: validated, one small struct per stage. Every default is a named constant with its reason.
//!
//! [`read`] makes it from what was [typed](crate::cli); its checks are in `config/check.rs`, the notation in `config/quantity.rs`.

use crate::{
    detect::{RUNS_PER_SCAN, kind::Kind},
    hooks::HooksConfig,
    paint::mask::Mask,
    record::Overwrite,
    source::Wish,
    store::Place,
    time::{FrameRate, Span, TICKS_PER_S},
};
use authority::{Host, Origin};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

pub mod authority;
mod check;
pub mod quantity;

pub use check::read;

/// Part length when none is asked, the shortest: a picture is as old as its part is long before anybody has it, and players stay three
/// parts behind.
pub const PART_DEFAULT: Span = PART_MIN;
/// Segment length when none is asked: players without low-latency support rest three segments behind, so 6 s.
pub const SEGMENT_DEFAULT: Span = Span::from_ms(2000);
/// Window when none is asked: enough to rewind a moment that was just missed.
pub const WINDOW_DEFAULT: Span = Span::from_ms(300_000);
/// Shortest part: below it the cost per part outweighs the media in it (20 ms parts broke playback in the field).
pub const PART_MIN: Span = Span::from_ms(100);
/// Bytes that the window may hold when no limit is asked.
pub const WINDOW_BYTES_DEFAULT: u64 = 1 << 30;
/// Distance of key frames: a viewer starts, and a seek lands, within a second.
pub const GOP_SPAN: Span = Span(TICKS_PER_S);
/// Name of the stream in the URLs.
pub const STREAM_NAME: &str = "cam";
/// Searches per second when nothing else is asked: a face is boxed within 100 ms, at a third of the cost of every frame.
pub const DETECT_FPS_DEFAULT: f64 = 10.0;
/// Width of the searched picture when nothing else is asked: at 320 the small faces are lost.
pub const DETECT_WIDTH_DEFAULT: u32 = 640;
/// Longest that the search may take to be sure, where what is found is to be hidden: every frame waits for that.
pub const BLUR_DELAY_MAX: Span = Span::from_ms(600);
/// Encoder when none is asked: it is in every FFmpeg, and its cost and quality are known.
pub const ENCODER_DEFAULT: &str = "libx264";
/// Preset when none is asked: the fastest one that still looks good at 2 Mbit/s.
pub const PRESET_DEFAULT: &str = "veryfast";
/// Bit rate when none is asked: 640×480 at 30 fps looks clean, and a weak wireless network carries it to several viewers.
pub const BITRATE_DEFAULT: u32 = 2_000_000;
/// Address when none is asked: this host alone, for there is no password.
pub const BIND_DEFAULT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Port when none is asked: the usual second port of HTTP, open to every user.
pub const PORT_DEFAULT: u16 = 8080;

/// The presets of libx264; another encoder has its own, which are handed to it as they are.
pub const X264_PRESETS: [&str; 10] =
    ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"];

/// Why a command line has no meaning: one sentence that says what, why, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// A whole command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// How much to log.
    pub verbosity: Verbosity,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Stream a source, until it ends or Ctrl-C.
    Stream(StreamConfig, ServerConfig, Box<EventsConfig>),
    /// List the cameras of this host.
    Devices(Listing),
    /// Run a file through the pipeline unpaced; its source is [`SourceSpec::File`], played once.
    Bench(StreamConfig, Listing),
    /// Record a source to a file.
    Record(StreamConfig, RecordConfig),
    /// Search files frame by frame.
    Detect(DetectFilesConfig),
}

/// How results are written to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How much to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// What a user should know.
    Normal,
    /// And how things are decided.
    Verbose,
    /// And everything, from libraries too.
    Everything,
}

/// What is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordConfig {
    /// How long.
    pub duration: Span,
    /// The MP4 file.
    pub output: PathBuf,
    /// What becomes of a file that is there already.
    pub overwrite: Overwrite,
}

/// Which files are searched.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectFilesConfig {
    /// The files, in the order given; at least one.
    pub files: Vec<PathBuf>,
    /// What is searched, and how often per second of the file's time, as in the live stream; at least one cascade.
    pub detect: DetectConfig,
    /// How the boxes are written.
    pub listing: Listing,
}

/// The meaning of `--device`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSpec {
    /// A camera: its index, its path, or a part of its name, as typed.
    Camera(String),
    /// The drawn test source, with a script of faults (empty for none); the script's grammar is in `source/test.rs`.
    Test(String),
    /// A file that FFmpeg reads, looped in real time.
    File(PathBuf),
}

impl SourceSpec {
    /// What tells it from the other sources of this host.
    pub fn name(&self) -> String {
        match self {
            SourceSpec::Camera(selector) => selector.clone(),
            SourceSpec::Test(_) => "test".to_owned(),
            SourceSpec::File(path) => format!("file:{}", path.display()),
        }
    }
}

/// Everything that one stream needs.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamConfig {
    /// Where pictures come from.
    pub source: SourceSpec,
    /// A file source ends at its end.
    pub once: bool,
    /// What is asked of the source.
    pub wish: Wish,
    /// What is searched, and how often.
    pub detect: DetectConfig,
    /// What is burnt in.
    pub overlay: Overlay,
    /// What is never shown, whatever is there.
    pub masks: Vec<Mask>,
    /// The capture time is drawn as a clock strip, on any source.
    pub clock_strip: bool,
    /// How it is encoded.
    pub encode: EncodeConfig,
    /// How it is cut, and how much is kept.
    pub package: PackageConfig,
}

/// What is searched, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectConfig {
    /// The cascades, each of another kind; none of them searches nothing.
    pub cascades: Vec<CascadeSpec>,
    /// Runs per second.
    pub fps: f64,
    /// Width in pixels to which a wider picture is reduced before the search.
    pub width: u32,
}

/// Which cascade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CascadeSpec {
    /// The embedded frontal-face cascade.
    Face,
    /// One of OpenCV's data files by our name for it (`profile`, `eye`, …), found on this system.
    System(&'static str),
    /// A cascade file of the user's.
    File(PathBuf),
}

/// As it is typed after `--detect`.
impl fmt::Display for CascadeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CascadeSpec::Face => f.write_str("face"),
            CascadeSpec::System(name) => f.write_str(name),
            CascadeSpec::File(path) => path.display().fmt(f),
        }
    }
}

impl DetectConfig {
    /// What is searched, as it is typed after `--detect`.
    pub fn what(&self) -> String {
        let names: Vec<String> = self.cascades.iter().map(CascadeSpec::to_string).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(",") }
    }

    /// Runs after which everything was searched for in every size, and one more, because a run may miss what it looks at.
    pub fn runs_to_be_sure(&self) -> usize {
        RUNS_PER_SCAN * self.cascades.len() + 1
    }
}

impl CascadeSpec {
    /// The kind of what it finds.
    pub fn kind(&self) -> Kind {
        match self {
            // The same cascade, embedded and of the system.
            CascadeSpec::Face | CascadeSpec::System("face-alt2") => Kind::FACE,
            CascadeSpec::System(name) => Kind::named(name).expect("our names are names of kinds"),
            CascadeSpec::File(path) => Kind::of_file(path),
        }
    }

    /// What it finds, in the plural, for the status line.
    pub fn what(&self) -> &'static str {
        match self {
            CascadeSpec::Face | CascadeSpec::System("face-alt2") => "faces",
            CascadeSpec::System("profile") => "profiles",
            CascadeSpec::System("eye") => "eyes",
            CascadeSpec::System("smile") => "smiles",
            CascadeSpec::System("upperbody" | "fullbody") => "bodies",
            CascadeSpec::System("cat") => "cats",
            CascadeSpec::System(_) | CascadeSpec::File(_) => "boxes",
        }
    }
}

/// What is burnt into the picture; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// Boxes around what was found.
    pub boxes: bool,
    /// The kind and id of what was found, beside it.
    pub labels: bool,
    /// The time of capture.
    pub clock: bool,
    /// What was found is made unrecognisable.
    pub blur: bool,
}

/// How it is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeConfig {
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    /// libx264's preset.
    pub preset: String,
    /// Average and ceiling, bit/s.
    pub bitrate: u32,
}

impl EncodeConfig {
    /// The same for the encoder that is always there; a preset that it does not know was meant for another one.
    pub fn fallback(&self) -> EncodeConfig {
        let preset = if X264_PRESETS.contains(&self.preset.as_str()) { &self.preset } else { PRESET_DEFAULT };
        EncodeConfig { encoder: ENCODER_DEFAULT.to_owned(), preset: preset.to_owned(), bitrate: self.bitrate }
    }
}

/// How the stream is cut, and how much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackageConfig {
    /// Part length asked.
    pub part: Span,
    /// Segment length asked; a whole multiple of `part`.
    pub segment: Span,
    /// Length of the rolling window.
    pub window: Span,
    /// Bytes that the window may hold.
    pub window_bytes: u64,
}

/// Where the server listens, and whom it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address; loopback unless told otherwise.
    pub bind: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Whom it answers.
    pub access: AccessConfig,
}

/// Whom the server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessConfig {
    /// Names and addresses that it has beside those of this host.
    pub host_names: Vec<Host>,
    /// Pages of other origins that may show the stream.
    pub origins: AllowedOrigins,
}

/// Pages of other origins that may show the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// All.
    Any,
    /// Those of these origins; none by default.
    Listed(Vec<Origin>),
}

impl Default for AllowedOrigins {
    fn default() -> AllowedOrigins {
        AllowedOrigins::Listed(Vec::new())
    }
}

/// Where markers are kept, and who is told of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsConfig {
    /// Where markers are kept.
    pub place: Place,
    /// Who is told outside of HTTP.
    pub hooks: HooksConfig,
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
}

impl Grid {
    /// The grid nearest to the lengths asked: a part is the nearest whole number of frames, a segment the nearest whole number of those.
    pub fn new(rate: FrameRate, package: &PackageConfig) -> Grid {
        let frames = |span: Span| span.as_s() * rate.as_f64();
        let part_frames = (frames(package.part).round() as u32).max(1);
        // Counted in parts as they are, not as they were asked: at 1 fps a part is a second, and two make a segment of two seconds.
        let parts = |span: Span| ((frames(span) / f64::from(part_frames)).round() as u32).max(1);
        Grid { rate, part_frames, segment_parts: parts(package.segment), key_parts: parts(GOP_SPAN) }
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

    const PACKAGE: PackageConfig =
        PackageConfig { part: PART_DEFAULT, segment: SEGMENT_DEFAULT, window: WINDOW_DEFAULT, window_bytes: WINDOW_BYTES_DEFAULT };

    #[test]
    fn the_grid_follows_the_frame_rate() {
        let at = |num, den| Grid::new(FrameRate { num, den }, &PACKAGE);
        assert_eq!((at(30, 1).part_frames, at(30, 1).segment_frames(), at(30, 1).key_parts), (3, 60, 10));
        assert_eq!(at(30, 1).part_target(), Span::from_ms(100));
        assert_eq!((at(25, 1).part_frames, at(25, 1).segment_frames(), at(25, 1).part_target()), (3, 51, Span::from_ms(120)));
        assert_eq!((at(30_000, 1001).part_target(), at(30_000, 1001).segment_target()), (Span(9_009), Span(180_180)));
        assert_eq!((at(15, 1).part_frames, at(15, 1).segment_frames()), (2, 30));
        assert_eq!((at(15, 2).part_frames, at(15, 2).segment_frames()), (1, 15));
        assert_eq!((at(1, 1).part_frames, at(1, 1).segment_frames(), at(1, 1).key_parts), (1, 2, 1));
    }

    #[test]
    fn key_frames_lie_a_second_apart_and_begin_every_segment() {
        let grid = Grid::new(FrameRate::whole(30), &PACKAGE);
        let keys: Vec<u32> = (0..grid.segment_frames()).filter(|n| grid.is_key(*n)).collect();
        assert_eq!(keys, [0, 30]);
    }
}
