//! The log on stderr: time, level, text. It never tears the live line.

use super::{
    LogConfig, LogFormat, Verbosity,
    json_line::{self, JsonLine},
    stderr,
};
use crate::{
    sync::lock,
    threads::{CAMERA_SPAN, REQUEST_TARGET},
    time::{Clock, Span, SystemClock, WallTime},
};
use indicatif::MultiProgress;
use std::{
    collections::HashMap,
    env, fmt,
    io::{self, Write},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use tracing::{Event, Level, Subscriber, callsite::Identifier, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter, format::Writer},
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

/// Targets of our own events begin so.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// The escape code of what matters less than the rest.
const DIM: &str = "2";

/// What a library says at one place of its code is told again after this.
const LIBRARY_TOLD_AGAIN: Span = Span::from_ms(60_000);

/// Whether each line is a JSON object.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// What is told past the log, in its form; as text it begins with a prefix.
pub(super) fn told(level: Level, prefix: &str, text: &str) -> String {
    if IS_JSON.load(Ordering::Relaxed) { json_line::of_text(level, text) } else { format!("{prefix}{text}") }
}

/// The time of a line.
pub(super) fn now() -> String {
    SystemClock::start().wall().to_string()
}

/// What is logged of which target.
fn targets(config: &LogConfig) -> Targets {
    let (ours, theirs) = match config.verbosity {
        Verbosity::Normal => (LevelFilter::INFO, LevelFilter::WARN),
        Verbosity::Verbose => (LevelFilter::DEBUG, LevelFilter::WARN),
        Verbosity::Everything => (LevelFilter::TRACE, LevelFilter::DEBUG),
    };
    let mut targets = Targets::new().with_target(OURS, ours).with_default(theirs);
    if config.verbosity != Verbosity::Everything {
        // What they warn of is what peers do wrong: the server counts it and tells whose fault it is.
        targets = targets.with_targets(["h2", "hyper"].map(|library| (library, LevelFilter::ERROR)));
    }
    if config.format == LogFormat::Text {
        targets = targets.with_target(REQUEST_TARGET, LevelFilter::OFF);
    }
    targets.with_targets(config.filter.iter().cloned())
}

/// Starts the log of the process. A second call changes nothing.
pub(super) fn start(config: &LogConfig, bars: MultiProgress) {
    let is_everything = config.verbosity == Verbosity::Everything;
    let pace = LibraryPace { is_off: is_everything, ..LibraryPace::default() };
    let log = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE);
    // The only error is that there is a log already, as in tests.
    let _ = match config.format {
        LogFormat::Text => {
            // https://no-color.org: any value but the empty one.
            let colour = !bars.is_hidden() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            let line = Line { has_target: config.verbosity != Verbosity::Normal };
            let log = log.with_ansi(colour).event_format(line).with_writer(AroundBars(bars)).finish();
            tracing::subscriber::set_global_default(log.with(targets(config)).with(pace))
        }
        LogFormat::Json => {
            IS_JSON.store(true, Ordering::Relaxed);
            let log = log.with_ansi(false).event_format(JsonLine).with_writer(AroundBars(bars)).finish();
            tracing::subscriber::set_global_default(log.with(targets(config)).with(pace))
        }
    };
}

/// Lets a library say the same once a minute: it does not know how often it is called.
#[derive(Default)]
struct LibraryPace {
    is_off: bool,
    told: Mutex<HashMap<Identifier, WallTime>>,
}

impl LibraryPace {
    /// A clock that was set back does not keep a library silent.
    fn is_due(&self, place: Identifier, now: WallTime) -> bool {
        let mut told = lock(&self.told);
        let is_due = told.get(&place).is_none_or(|last| !(Span(0)..LIBRARY_TOLD_AGAIN).contains(&now.since(*last)));
        if is_due {
            told.insert(place, now);
        }
        is_due
    }
}

impl<S: Subscriber> Layer<S> for LibraryPace {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let about = event.metadata();
        self.is_off || about.target().starts_with(OURS) || self.is_due(about.callsite(), SystemClock::start().wall())
    }
}

/// One event: the wall time in UTC, the level, the camera where there are several, and the text.
struct Line {
    /// The module that says it comes before the text.
    has_target: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let about = event.metadata();
        let level_colour = match *about.level() {
            Level::ERROR => "31",
            Level::WARN => "33",
            Level::INFO => "32",
            Level::DEBUG => "34",
            Level::TRACE => "35",
        };
        let has_colours = writer.has_ansi_escapes();
        let in_colour = |colour, text: String| if has_colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text };
        let time = in_colour(DIM, now());
        write!(writer, "{time} {} ", in_colour(level_colour, format!("{:>5}", about.level().as_str())))?;
        if self.has_target {
            write!(writer, "{} ", in_colour(DIM, format!("{}:", about.target())))?;
        }
        for span in context.event_scope().into_iter().flatten().filter(|span| span.name() == CAMERA_SPAN) {
            if let Some(camera) = span.extensions().get::<FormattedFields<N>>() {
                write!(writer, "{camera}: ")?;
            }
        }
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Counts what reaches it.
    struct Counted(&'static AtomicU64);

    impl<S: Subscriber> Layer<S> for Counted {
        fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_filter_counts_more_than_the_verbosity_and_the_longest_name_most() {
        let rules = [("hlscam", LevelFilter::WARN), ("hlscam::server", LevelFilter::TRACE), ("rustls", LevelFilter::OFF)];
        let filter = rules.map(|(target, level)| (target.to_owned(), level)).to_vec();
        let told = targets(&LogConfig { verbosity: Verbosity::Verbose, filter, ..LogConfig::default() });
        let check = |target: &str, level: Level, expect| assert_eq!(told.would_enable(target, &level), expect, "{target} {level}");
        check("hlscam::capture", Level::INFO, false);
        check("hlscam::capture", Level::WARN, true);
        check("hlscam::server::http", Level::TRACE, true);
        check("rustls::conn", Level::ERROR, false);
        check("somebody::elses", Level::WARN, true);
        check("somebody::elses", Level::INFO, false);
        check(REQUEST_TARGET, Level::ERROR, false);
        let json = targets(&LogConfig { format: LogFormat::Json, ..LogConfig::default() });
        assert!(json.would_enable(REQUEST_TARGET, &Level::ERROR), "a log for programs has the numbers of requests");
    }

    #[test]
    fn a_library_says_the_same_once_a_minute_and_we_say_all() {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let log = tracing_subscriber::registry().with(Counted(&COUNT)).with(LibraryPace::default());
        tracing::subscriber::with_default(log, || {
            for _ in 0..10_000 {
                tracing::warn!(target: "somebody::elses", "again");
            }
            assert_eq!(COUNT.swap(0, Ordering::Relaxed), 1);
            for _ in 0..10 {
                tracing::warn!("ours");
            }
            assert_eq!(COUNT.load(Ordering::Relaxed), 10);
        });
    }
}
