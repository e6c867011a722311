//! What was typed, and nothing more: every value is still text, and [`config`](crate::config) says what it means.
//!
//! Values are not checked here, because clap's own complaints are paragraphs; ours are one sentence each.

mod cameras;
pub mod catalog;
mod complaint;
pub mod completions;
pub mod config;
pub mod demand;
pub mod doctor;
mod environment;
pub mod file;
pub mod framing;
pub mod kept;
mod parse;
pub mod rules;
pub mod server;
mod source;
pub mod tls;
pub mod users;
mod written;

pub use cameras::CAMERAS_MAX;
pub use parse::{Surroundings, parse, parse_in, without};
pub use source::SourceArgs;
pub use written::{Place, Written};

use crate::{
    camera_name::NAME_DEFAULT,
    compose, detect, encode, grid,
    quantity::{bits_text, bytes_text, span_text},
    window,
};
use clap::{Args, Parser, Subcommand};
use completions::Shell;
use config::ConfigArgs;
use demand::DemandArgs;
use doctor::DoctorArgs;
use framing::FramingArgs;
use kept::{ExportArgs, SnapshotArgs, StorageArgs};
use rules::RulesArgs;
use server::ServerArgs;
use std::path::PathBuf;
use users::UserArgs;

const EXAMPLES: &str = "\
Examples:
  hlscam                                              the first camera, for this computer alone
  hlscam --device test --port 9000                    a drawn picture, no camera needed
  hlscam --device Brio --bind 0.0.0.0 --size 1280x720 a camera by its name, for the whole network
  hlscam --device 0 --name desk --device 1 --name door --fps 15
                                                      two cameras, the second at 15 fps
  hlscam config example > hlscam.toml                 every option, to be set in a file: --config hlscam.toml
  hlscam record --duration 30s --output out.mp4       half a minute of the first camera
  hlscam export --last 30s --output door.mp4          what a running hlscam has just shown

Lengths of time are a number and a unit: 200ms, 2s, 5m, 24h, 7d.
Bit rates count in thousands (2M is 2,000,000 bit/s), bytes in 1024s (1G is 1,073,741,824 bytes).
The last of repeated options counts, but every --mask, --control, --host-name and --allow-origin does.
Options may stand in a file, too, and in variables like HLSCAM_FPS=25: `hlscam config example`.
With several --device, options before the first hold for all, and those behind one for that camera;
the server, hooks, --storage and --min-free are one for all, wherever they stand.";

// Addresses and brackets would be links in a doc comment.
const BROKER_HELP: &str =
    "Publish every event to an MQTT broker, and sensors for Home Assistant: mqtt[s]://[user:password@]host[:port][/topic]";

/// Widest help text, in columns: longer lines are hard to read.
const HELP_COLUMNS: usize = 100;

/// Stream a local camera as low-latency HLS, with boxes around faces; without a command it streams until Ctrl-C
#[derive(Debug, Parser)]
#[command(name = "hlscam", version, after_help = EXAMPLES, max_term_width = HELP_COLUMNS)]
#[command(args_conflicts_with_subcommands = true, args_override_self = true, disable_help_subcommand = true)]
#[command(allow_negative_numbers = true)]
pub struct Cli {
    /// Log more: -v for decisions, -vv for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How lines of the log are written: text, or json, an object a line
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub log_format: String,
    /// What is logged: off, error, warn, info, debug or trace; MODULE=LEVEL for a part of the program, with commas between
    #[arg(long, global = true, value_name = "LEVEL,...")]
    pub log: Option<String>,
    /// The config file.
    #[arg(long, value_name = "FILE", help = config::FILE_HELP)]
    pub config: Option<PathBuf>,
    /// What to do; streaming when none is given.
    #[command(subcommand)]
    pub command: Option<CommandArgs>,
    /// Options of the stream; of several, of the first.
    #[command(flatten)]
    pub stream: StreamArgs,
    /// The same of the further cameras.
    #[arg(skip)]
    pub others: Vec<StreamArgs>,
    /// Where the options of each of them were written; empty for other commands.
    #[arg(skip)]
    pub written: Vec<Vec<Written>>,
    /// The config file that was read.
    #[arg(skip)]
    pub file: Option<PathBuf>,
    /// What is to be warned of.
    #[arg(skip)]
    pub warnings: Vec<String>,
}

/// The commands beside streaming.
#[derive(Debug, Subcommand)]
pub enum CommandArgs {
    /// List the cameras of this host with their formats, sizes and frame rates
    Devices {
        /// List what can be set of them, too
        #[arg(long)]
        controls: bool,
        /// Print JSON to stdout
        #[arg(long)]
        json: bool,
    },
    /// Run a file through the whole pipeline as fast as possible, and print the time of each stage
    Bench(Box<BenchArgs>),
    /// Record a source to an MP4 file
    Record(Box<RecordArgs>),
    /// Save the picture of now, or of a moment that is kept, of a running hlscam
    Snapshot(SnapshotArgs),
    /// Save footage that is kept, as a clip or a time-lapse, of a running hlscam or of the folder of one
    Export(ExportArgs),
    /// Look after the folder of --storage: check it, or repair it
    Storage {
        /// What to do.
        #[command(subcommand)]
        action: StorageArgs,
    },
    /// Find out what is wrong on this host, and what mends it
    Doctor(DoctorArgs),
    /// Find faces in files, frame by frame
    Detect(DetectFilesArgs),
    /// Print what a shell needs to complete commands and options: hlscam completions bash > /etc/bash_completion.d/hlscam
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Say who may watch, and do more
    User {
        /// What to do.
        #[command(subcommand)]
        action: UserArgs,
    },
    /// Check the config file, show what it means, or write an example of one
    Config {
        /// What to do.
        #[command(subcommand)]
        action: ConfigArgs,
    },
}

/// `hlscam` without a command.
#[derive(Args, Debug)]
pub struct StreamArgs {
    /// The source.
    #[command(flatten)]
    pub source: SourceArgs,
    /// The camera's name.
    #[arg(long, value_name = "NAME", help = name_help(), help_heading = "Source")]
    pub name: Option<String>,
    /// What is done while nobody watches.
    #[command(flatten)]
    pub demand: DemandArgs,
    /// The picture, the search in it, its encoding, its cuts.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// The rolling window.
    #[command(flatten)]
    pub window: WindowArgs,
    /// What is recorded by itself.
    #[command(flatten)]
    pub rules: RulesArgs,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Markers and events.
    #[command(flatten)]
    pub events: EventsArgs,
}

/// `hlscam bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// A video file that FFmpeg reads
    pub file: PathBuf,
    /// Print JSON to stdout
    #[arg(long)]
    pub json: bool,
    /// The picture, the search in it, its encoding, its cuts.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
}

/// `hlscam record`.
#[derive(Args, Debug)]
pub struct RecordArgs {
    /// How long to record: 30s, 5m, 1h; without it until Ctrl-C, or the end of the source
    #[arg(long, value_name = "TIME")]
    pub duration: Option<String>,
    /// The MP4 file to write; with % in it a pattern of strftime, %Y-%m-%d_%H-%M-%S.mp4; or - for stdout, as fragmented MP4
    #[arg(long, short, value_name = "FILE.mp4")]
    pub output: PathBuf,
    /// Begin another file at this length, at a key frame: 10m
    #[arg(long, value_name = "TIME")]
    pub split: Option<String>,
    /// Record for --duration whenever the clock shows a multiple of this: 10m, 1h, 24h; until Ctrl-C
    #[arg(long, value_name = "TIME")]
    pub every: Option<String>,
    /// Count the hours of --every and of names in UTC
    #[arg(long)]
    pub utc: bool,
    /// The hlscam whose stream is recorded.
    #[arg(
        long,
        value_name = "URL",
        help = "Record the stream of a hlscam that runs, without encoding it again: http[s]://[user:password@]host[:port]/[CAMERA]"
    )]
    pub from: Option<String>,
    /// Record while markers of these kinds are open, a file for each time: face, or several with commas between; until Ctrl-C
    #[arg(long, value_name = "KIND,...")]
    pub on: Option<String>,
    /// Begin so far in the past [needs --from or --on]
    #[arg(long, value_name = "TIME")]
    pub pre_roll: Option<String>,
    /// Go on for so long when the markers have ended [needs --on]
    #[arg(long, value_name = "TIME")]
    pub post_roll: Option<String>,
    /// Replace existing files
    #[arg(long)]
    pub force: bool,
    /// Print progress and results to stdout, a JSON object a line
    #[arg(long)]
    pub json: bool,
    /// The source.
    #[command(flatten)]
    pub source: SourceArgs,
    /// The picture, the search in it, its encoding, its cuts.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
}

/// `hlscam detect`.
#[derive(Args, Debug)]
pub struct DetectFilesArgs {
    /// Video files that FFmpeg reads
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON line per frame to stdout, boxes as [x, y, width, height] in pixels of the full picture
    #[arg(long)]
    pub json: bool,
    /// How their pictures are framed.
    #[command(flatten)]
    pub framing: FramingArgs,
    /// What is searched.
    #[command(flatten)]
    pub search: SearchArgs,
    /// How often.
    #[command(flatten)]
    pub pace: SearchPaceArgs,
}

/// What every run of the pipeline can be told.
#[derive(Args, Debug, PartialEq)]
pub struct PipelineArgs {
    /// The picture.
    #[command(flatten)]
    pub picture: PictureArgs,
    /// What is searched.
    #[command(flatten)]
    pub search: SearchArgs,
    /// How often.
    #[command(flatten)]
    pub pace: SearchPaceArgs,
    /// The encoder.
    #[command(flatten)]
    pub encode: EncodeArgs,
    /// The cuts.
    #[command(flatten)]
    pub cut: CutArgs,
}

/// The picture.
#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "Picture")]
pub struct PictureArgs {
    /// Picture size in pixels, both sides even; the camera's nearest is taken
    #[arg(long, value_name = "WxH", help = size_help())]
    pub size: Option<String>,
    /// Frames per second; the camera's nearest is taken
    #[arg(long, value_name = "RATE", help = fps_help())]
    pub fps: Option<String>,
    /// How it is framed.
    #[command(flatten)]
    pub framing: FramingArgs,
    /// What is drawn into the picture: boxes, labels, clock, blur (faces made unrecognisable), with commas
    /// between; or none
    #[arg(long, value_name = "LIST", default_value = compose::OVERLAY_DEFAULT)]
    pub overlay: String,
    /// A rectangle that is never shown: left, top, width and height in pixels or in per cent of the picture; may be given several
    /// times
    #[arg(long, value_name = "X,Y,W,H", allow_hyphen_values = true)]
    pub mask: Vec<String>,
    /// Draw the capture time as a machine-readable strip, to measure latency (the test source always has it)
    #[arg(long)]
    pub clock_strip: bool,
}

/// What is searched.
#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "Detection")]
pub struct SearchArgs {
    /// What to find, one or several: face, profile, eye, smile, upperbody, fullbody, cat, or a Haar cascade file, PATH.xml; or none
    #[arg(long, value_name = "WHAT,...", default_value = detect::WHAT_DEFAULT)]
    pub detect: String,
    /// The detector of faces: auto, haar or blazeface; auto is the network BlazeFace where this build has it. Cascades find all
    /// else
    #[arg(long, value_name = "NAME", default_value = detect::DETECTOR_DEFAULT)]
    pub detector: String,
    /// A BlazeFace network to use in place of the built-in one: a .tflite file in MediaPipe's format
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Width in pixels to which a wider picture is reduced for the search: less is faster, and loses small faces
    #[arg(long, value_name = "PIXELS", default_value = detect::WIDTH_DEFAULT.to_string())]
    pub detect_width: String,
}

/// How often is searched.
#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "Detection")]
pub struct SearchPaceArgs {
    /// Searches per second, at most; the encoder never waits for one
    #[arg(long, value_name = "N", default_value = detect::FPS_DEFAULT.to_string())]
    pub detect_fps: String,
}

/// The encoder.
#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "Encoding")]
pub struct EncodeArgs {
    /// FFmpeg's name of an H.264 encoder; one that cannot be opened is replaced by libx264
    #[arg(long, value_name = "NAME", default_value = encode::ENCODER_DEFAULT)]
    pub encoder: String,
    /// The encoder's preset, from ultrafast to placebo for libx264: slower looks better at the same bit rate
    #[arg(long, value_name = "NAME", default_value = encode::PRESET_DEFAULT)]
    pub preset: String,
    /// Bit rate in bit/s, average and ceiling: 500k, 2M, 2.5M
    #[arg(long, value_name = "RATE", default_value = bits_text(encode::BITRATE_DEFAULT.into()))]
    pub bitrate: String,
}

/// The cuts.
#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "Packaging")]
pub struct CutArgs {
    /// Length of a part, at least 100ms; it must divide the segment. Players stay three parts behind
    #[arg(long, value_name = "TIME", default_value = span_text(grid::PART_DEFAULT))]
    pub part: String,
    /// Length of a segment, 1s to 10s. Players without low latency stay three segments behind
    #[arg(long, value_name = "TIME", default_value = span_text(grid::SEGMENT_DEFAULT))]
    pub segment: String,
}

/// The rolling window.
#[derive(Args, Debug)]
#[command(next_help_heading = "Packaging")]
pub struct WindowArgs {
    /// How far back a viewer can go, at least three segments; in memory up to 24h, or with --storage on the disk
    #[arg(long, value_name = "TIME", default_value = span_text(window::SPAN_DEFAULT))]
    pub window: String,
    /// Most memory for the window, in bytes: 500M, 1G; with --storage, for what the disk does not take
    #[arg(long, value_name = "BYTES", default_value = bytes_text(window::BYTES_DEFAULT))]
    pub window_bytes: String,
    /// Folder in which the window and markers are kept from run to run; without it they are gone when hlscam ends
    #[arg(long, value_name = "DIR")]
    pub storage: Option<PathBuf>,
    /// Most bytes of the window on the disk: 20G, 2T; without it, all but --min-free [needs --storage]
    #[arg(long, value_name = "BYTES", requires = "storage")]
    pub history_bytes: Option<String>,
    /// Bytes that stay free on the disk: the oldest of the window is deleted for them [needs --storage]
    #[arg(long, value_name = "BYTES", requires = "storage", default_value = bytes_text(window::MIN_FREE_DEFAULT))]
    pub min_free: String,
}

/// Markers and events.
#[derive(Args, Debug)]
#[command(next_help_heading = "Markers and events")]
pub struct EventsArgs {
    /// The webhook.
    #[arg(long, value_name = "URL", help = "POST every event as JSON to this address: http[s]://[user:password@]host[:port]/path")]
    pub on_event: Option<String>,
    /// Run this shell command for every event, with the event as JSON on its standard input
    #[arg(long, value_name = "CMD")]
    pub on_event_exec: Option<String>,
    /// The MQTT broker.
    #[arg(long, value_name = "URL", help = BROKER_HELP)]
    pub mqtt: Option<String>,
}

fn name_help() -> String {
    format!(
        "The camera's name: the first part of its addresses, /NAME/index.m3u8, and a field of its markers and events \
         [default: {NAME_DEFAULT}, and of further cameras {NAME_DEFAULT}-2, {NAME_DEFAULT}-3, ...]"
    )
}

fn size_help() -> String {
    let (width, height) = crate::source::SIZE_DEFAULT;
    format!(
        "Picture size in pixels, both sides even; the camera's nearest is taken [default: {width}x{height} of a camera, else the \
         source's own]"
    )
}

fn fps_help() -> String {
    let rate = crate::source::RATE_DEFAULT.as_f64();
    format!(
        "Frames per second: 30, 29.97 or 30000/1001; the camera's nearest is taken [default: {rate} of a camera, else the source's own]"
    )
}

/// Why a command line has no meaning: one sentence that says what, why, and what to do instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Why there is nothing to run.
#[derive(Debug)]
pub enum Stop {
    /// Help or version was asked for: text for stdout, and all is well.
    Answer(String),
    /// The command line is wrong.
    Usage(UsageError),
}

impl From<UsageError> for Stop {
    fn from(error: UsageError) -> Stop {
        Stop::Usage(error)
    }
}
