//! The log on stderr: time, level, text. It never tears the live line.

use super::stderr;
use crate::{
    config::Verbosity,
    time::{Clock, SystemClock},
};
use indicatif::MultiProgress;
use std::{
    env, fmt,
    io::{self, Write},
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    filter::Targets,
    fmt::{MakeWriter, format::Writer, time::FormatTime},
    layer::SubscriberExt,
};

/// Starts the log of the process. A second call changes nothing.
pub(super) fn start(verbosity: Verbosity, bars: MultiProgress) {
    let (ours, theirs) = match verbosity {
        Verbosity::Normal => (LevelFilter::INFO, LevelFilter::WARN),
        Verbosity::Verbose => (LevelFilter::DEBUG, LevelFilter::WARN),
        Verbosity::Everything => (LevelFilter::TRACE, LevelFilter::DEBUG),
    };
    // https://no-color.org: any value but the empty one.
    let colour = !bars.is_hidden() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_target(verbosity != Verbosity::Normal)
        .with_ansi(colour)
        .with_timer(WallTimer)
        .with_writer(AroundBars(bars))
        .finish()
        .with(Targets::new().with_target(env!("CARGO_CRATE_NAME"), ours).with_default(theirs));
    // The only error is that there is a log already, as in tests.
    let _ = tracing::subscriber::set_global_default(log);
}

/// The wall time in UTC, as everywhere.
struct WallTimer;

impl FormatTime for WallTimer {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", SystemClock::start().wall())
    }
}

/// Hands lines to the writer of stderr while the bars are away. The formatter hands over a whole event at once, and is never refused: what
/// it would say of an error it would say on stderr.
#[derive(Clone)]
struct AroundBars(MultiProgress);

impl Write for AroundBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| stderr::write(bytes.to_vec()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for AroundBars {
    type Writer = AroundBars;

    fn make_writer(&'a self) -> AroundBars {
        self.clone()
    }
}
