//! How the log is written: how much, in which form.

use tracing::level_filters::LevelFilter;

/// How much to log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// What a user should know.
    #[default]
    Normal,
    /// And how things are decided.
    Verbose,
    /// And everything, from libraries too.
    Everything,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object, for programs.
    Json,
}

/// The log of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogConfig {
    /// How much.
    pub verbosity: Verbosity,
    /// In which form.
    pub format: LogFormat,
    /// More or less of some targets, which begin so: the more exact one counts, and the later of two for one.
    pub filter: Vec<(String, LevelFilter)>,
}
