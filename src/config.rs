//! What was asked, as meaning: validated, one small struct per stage. Each stage owns its struct and its defaults, with their reasons.
//!
//! [`read`] makes it from what was [typed](crate::cli); its checks are in `config/check.rs`, the notation in `config/quantity.rs`.

use crate::{
    camera_name::CameraName,
    console::Verbosity,
    detect::DetectConfig,
    encode::EncodeConfig,
    grid::Lengths,
    hooks::HooksConfig,
    paint::Overlay,
    picture::mask::Mask,
    record::Overwrite,
    server::ServerConfig,
    source::{SourceSpec, Wish},
    store::Place,
    time::Span,
    window::History,
};
use std::path::PathBuf;

mod check;
pub mod quantity;

pub use check::read;

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

/// Everything that one stream needs.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamConfig {
    /// The camera's name.
    pub name: CameraName,
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
    /// How long parts and segments are.
    pub lengths: Lengths,
    /// How much is kept.
    pub history: History,
}

/// Where markers are kept, and who is told of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsConfig {
    /// Where markers are kept.
    pub place: Place,
    /// Who is told outside of HTTP.
    pub hooks: HooksConfig,
}
