//! What was typed of the commands that get out what a server or a folder keeps.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Where a server is asked, when none is named.
pub const SERVER_DEFAULT: &str = "http://127.0.0.1:8080/";

const SERVER_HELP: &str = "The running hlscam, http://host:port/, or http://host:port/NAME for a camera by its name";

/// `hlscam snapshot`.
#[derive(Args, Debug)]
pub struct SnapshotArgs {
    /// The server.
    #[arg(long, value_name = "URL", default_value = SERVER_DEFAULT, help = SERVER_HELP)]
    pub from: String,
    /// The picture of this moment, RFC 3339 or seconds since 1970, as far back as the server keeps any; without it the newest
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Make it this wide, if it is wider
    #[arg(long, value_name = "PIXELS")]
    pub width: Option<String>,
    /// The JPEG file to write; - is stdout
    #[arg(long, short, value_name = "FILE.jpg")]
    pub output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
}

/// `hlscam export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// From this moment on, RFC 3339 or seconds since 1970
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Up to this moment
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// In place of both: the newest footage of this length, 30s or 5m
    #[arg(long, value_name = "TIME")]
    pub last: Option<String>,
    /// The MP4 file to write; - is stdout
    #[arg(long, short, value_name = "FILE.mp4")]
    pub output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
    /// What the file is: a clip, as it was; or a timelapse, of key frames alone
    #[arg(long = "as", value_name = "WHAT", default_value = "clip")]
    pub form: String,
    /// How many times as fast a timelapse is [default: 60]
    #[arg(long, value_name = "N")]
    pub speed: Option<String>,
    /// The server.
    #[arg(long, value_name = "URL", default_value = SERVER_DEFAULT, help = SERVER_HELP)]
    pub server: String,
    /// In place of a server: the folder that was its --storage; it is only read, also while a server uses it
    #[arg(long, value_name = "DIR")]
    pub storage: Option<PathBuf>,
    /// The camera, where the folder has several
    #[arg(long, value_name = "NAME", requires = "storage")]
    pub camera: Option<String>,
}

/// `hlscam storage`.
#[derive(Debug, Subcommand)]
pub enum StorageArgs {
    /// Read all of it, and say what is there and what is wrong; nothing is changed, also while a server uses it
    Check {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Make an index anew that does not say what the files are, and cut off what was half written; not while a server uses it
    Repair {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}
