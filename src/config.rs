//! What was asked, as meaning: validated, one small struct per stage. Each stage owns its struct and its defaults, with their reasons.
//!
//! [`read`] makes it from what was [typed](crate::cli); its checks are in `config/check.rs`, the notation of quantities is in [`quantity`](crate::quantity).

use crate::{
    camera::CameraConfig,
    cli::{catalog, completions::Shell},
    console::LogConfig,
    detect::DetectConfig,
    hooks::{HooksConfig, url::Address},
    picture::Framing,
    record::{Overwrite, name::FileName},
    server::ServerConfig,
    store::Location,
    time::{Span, zone::Zone},
};
use std::{fmt, path::PathBuf};

mod bind;
mod check;
mod demand;
pub mod doctor;
mod effective;
mod framing;
pub mod kept;
mod located;
mod logging;
mod passing;
mod record;
mod rules;
mod show;
mod source;
mod streams;
mod tls;
pub mod users;

pub use check::read;
pub use effective::{Options, changed};

/// A whole command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// How the log is written.
    pub log: LogConfig,
    /// The config file that was read.
    pub file: Option<String>,
    /// What each option is, of each camera that is streamed.
    pub options: Vec<Options>,
    /// What is to be warned of.
    pub warnings: Vec<String>,
}

/// Whether all cameras share an option.
pub fn is_shared(option: &str) -> bool {
    catalog::options().iter().any(|known| known.name == option && known.is_shared)
}

impl Invocation {
    /// Logs where options come from that nobody typed.
    pub fn tell(&self) {
        if let (Command::Stream(..), Some(file)) = (&self.command, &self.file) {
            tracing::info!("options are read from {file}, too");
        }
        self.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Stream sources, one at least and each of another name, until the last ends or Ctrl-C.
    Stream(Vec<CameraConfig>, ServerConfig, Box<EventsConfig>),
    /// List the cameras of this host.
    Devices(DevicesConfig),
    /// Run a file through the pipeline unpaced; its source is [`SourceSpec::File`](crate::source::SourceSpec::File), played once.
    Bench(CameraConfig, Listing),
    /// Record a source to a file.
    Record(CameraConfig, Box<RecordConfig>),
    /// Fetch a picture of a running server.
    Snapshot(kept::SnapshotConfig),
    /// Get out what a server or a folder keeps.
    Export(kept::ExportConfig),
    /// Look after the folder of a stream.
    Storage(kept::StorageConfig),
    /// Find out what is wrong on this host.
    Doctor(doctor::DoctorConfig),
    /// Search files frame by frame.
    Detect(DetectFilesConfig),
    /// Say who may do what.
    User(users::UserConfig),
    /// Print what a shell needs to complete what is typed.
    Completions(Shell),
    /// Print this about the config file.
    Config(String),
}

/// What is told of the cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicesConfig {
    /// What can be set of them, too.
    pub with_controls: bool,
    /// How it is written.
    pub listing: Listing,
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
    /// How long; none is until the source or the user ends it.
    pub duration: Option<Span>,
    /// Where it goes.
    pub output: Output,
    /// What becomes of a file that is there already.
    pub overwrite: Overwrite,
    /// Files end at this length.
    pub split: Option<Span>,
    /// Recordings are made whenever the clock shows a multiple of this.
    pub every: Option<Span>,
    /// In which hours are counted.
    pub zone: Zone,
    /// The server whose stream it is; none is the source of this computer.
    pub from: Option<Address>,
    /// It is recorded while markers of these kinds are open; none is always.
    pub on: Option<Vec<String>>,
    /// How much of the past comes first.
    pub pre_roll: Span,
    /// How much comes after the markers have ended.
    pub post_roll: Span,
    /// How progress and results are written.
    pub listing: Listing,
}

/// Where a recording goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Into files of that name.
    Files(FileName),
    /// To a reader.
    Stdout,
}

/// As it was typed.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Files(name) => name.fmt(f),
            Output::Stdout => f.write_str("the stream to stdout"),
        }
    }
}

/// Which files are searched.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectFilesConfig {
    /// The files, in the order given; at least one.
    pub files: Vec<PathBuf>,
    /// How their pictures are framed.
    pub framing: Framing,
    /// What is searched, and how often per second of the file's time, as in the live stream; at least one cascade.
    pub detect: DetectConfig,
    /// How the boxes are written.
    pub listing: Listing,
}

/// Where markers are kept, and the hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsConfig {
    /// Where markers are kept.
    pub location: Location,
    /// The hooks.
    pub hooks: HooksConfig,
}
