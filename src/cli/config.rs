//! `hlscam config`, and the option that names the config file.

use clap::Subcommand;
use std::path::PathBuf;

/// In place of a file: none is read.
pub const NONE: &str = "none";

pub(super) const FILE_HELP: &str = "Read options from this file, TOML with each by its long name; or none. What is typed counts more, \
                                    and so do variables, HLSCAM_FPS=25 [default: the first that there is of /etc/hlscam.toml and \
                                    ~/.config/hlscam/config.toml]";

/// `hlscam config`.
#[derive(Debug, Subcommand)]
pub enum ConfigArgs {
    /// Read the config file and the environment, and say what is wrong with them
    Check {
        /// The config file.
        #[arg(long, value_name = "FILE", help = FILE_HELP)]
        config: Option<PathBuf>,
    },
    /// Print each option as it counts, and where it was written; secrets are left out
    Show {
        /// The config file.
        #[arg(long, value_name = "FILE", help = FILE_HELP)]
        config: Option<PathBuf>,
    },
    /// Print a config file that has every option, with its default, in comments
    Example,
}
