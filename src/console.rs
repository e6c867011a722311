//! What the terminal shows: the addresses to open, one live line, progress, logs and errors, all on stderr.
//!
//! One thread writes to stderr, from a bounded queue, so that a slow or stopped reader of the log holds up no other thread.
//!
//! Stdout is for results alone (`--json`, listings), through [`out`]. On a terminal the live line stays below the log, which is
//! written around it; without one everything is a plain log line. What the texts say is made by pure functions in the submodules.

pub mod addresses;
mod json_line;
pub mod line;
pub mod listing;
mod log;
mod log_config;
pub mod secret;
mod stderr;
mod terminal;

pub use log_config::{LogConfig, LogFormat, Verbosity};
pub use stderr::{QUEUE_MAX, flush};

use crate::time::{Span, Ticks};
use addresses::Address;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt::Display,
    io::{self, Write},
    ops::ControlFlow,
    panic,
    process::ExitCode,
};
use tracing::Level;

/// How often the live line is renewed: twice a second reads as live and does not flicker.
pub const STATUS_PERIOD: Span = Span::from_ms(500);
/// How often the status is logged where there is no terminal: a day of it stays readable.
pub const STATUS_LOG_PERIOD: Span = Span::from_ms(60_000);
/// Exit code when something in the world failed: a camera, a file, a port. A bug ends with it too.
pub const EXIT_FAILED: u8 = 1;
/// Exit code when the command line is wrong.
pub const EXIT_USAGE: u8 = 2;

/// The terminal, or the log that stands for it. One per process.
pub struct Console {
    bars: MultiProgress,
}

impl Console {
    /// Takes stderr, and sends the log there.
    pub fn start(config: &LogConfig) -> Console {
        let target = match config.format {
            LogFormat::Text => terminal::target(),
            // Nothing stands between the objects.
            LogFormat::Json => ProgressDrawTarget::hidden(),
        };
        let bars = MultiProgress::with_draw_target(target);
        log::start(config, bars.clone());
        Console { bars }
    }

    /// Whether a person watches: stderr is a terminal that can redraw a line.
    pub fn is_terminal(&self) -> bool {
        !self.bars.is_hidden()
    }

    /// Tells where to watch: a block with a QR code on a terminal, else a log line per address.
    pub fn show_addresses(&self, addresses: &[Address]) {
        if self.is_terminal() {
            self.print(&addresses::block(addresses));
            return;
        }
        for address in addresses {
            tracing::info!("open {} {}", address.url, address.reach);
        }
    }

    /// The status of the streams, from now on.
    pub fn status(&self) -> StatusDisplay {
        // `msg`, not `wide_msg`: a line that is too long wraps, and is still cleared whole.
        let bar = self.is_terminal().then(|| self.bars.add(ProgressBar::no_length().with_style(style("{msg}"))));
        StatusDisplay { bar, log: LogPace::default() }
    }

    /// The progress of a recording that will have `frames` frames; none where nobody knows how many.
    pub fn recording(&self, frames: Option<u64>) -> RecordingDisplay {
        let bar = || match frames {
            Some(frames) => ProgressBar::new(frames).with_style(style("recording {wide_bar} {pos}/{len} frames, {eta} left")),
            None => ProgressBar::no_length().with_style(style("recording, {pos} frames in {elapsed}")),
        };
        RecordingDisplay { bar: self.is_terminal().then(|| self.bars.add(bar())), frames, tenths: 0 }
    }

    /// Writes a text to stderr, above the live line.
    pub fn print(&self, text: &str) {
        self.bars.suspend(|| say(&log::told(Level::INFO, "", text)));
    }
}

/// A template that is known to be right, for it is in this file.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant of ours").progress_chars("=> ")
}

/// The live lines of the streams, or their log. They are gone when dropped.
pub struct StatusDisplay {
    bar: Option<ProgressBar>,
    log: LogPace,
}

impl StatusDisplay {
    /// Shows the status as it is `now`, a line for each stream; to be called every [`STATUS_PERIOD`].
    pub fn show(&mut self, lines: impl FnOnce() -> Vec<String>, now: Ticks) {
        match &self.bar {
            Some(bar) => bar.set_message(lines().join("\n")),
            None if self.log.is_due(now) => lines().iter().for_each(|line| tracing::info!("{line}")),
            None => {}
        }
    }
}

impl Drop for StatusDisplay {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Says when the next status line is due in the log.
#[derive(Default)]
struct LogPace {
    next: Option<Ticks>,
}

impl LogPace {
    /// The first is due one period after the first question: at the start all numbers are still zero.
    fn is_due(&mut self, now: Ticks) -> bool {
        let due = self.next.is_some_and(|next| now >= next);
        if due || self.next.is_none() {
            self.next = Some(now + STATUS_LOG_PERIOD);
        }
        due
    }
}

/// The progress bar of a recording, or its log: a line per tenth, where it is known how long it will be. It is gone when dropped.
pub struct RecordingDisplay {
    bar: Option<ProgressBar>,
    frames: Option<u64>,
    tenths: u64,
}

impl RecordingDisplay {
    /// So many frames are written.
    pub fn show(&mut self, frames: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(frames);
            return;
        }
        let Some(all) = self.frames else { return };
        let tenths = frames * 10 / all.max(1);
        if tenths > self.tenths {
            self.tenths = tenths;
            tracing::info!("recorded {frames} of {all} frames");
        }
    }
}

impl Drop for RecordingDisplay {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Writes one result to stdout. `Break` when nobody reads any more: the caller ends, and that is no failure.
pub fn out(text: &str) -> io::Result<ControlFlow<()>> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        result => result.map(ControlFlow::Continue),
    }
}

/// Answers `--help` and `--version`.
pub fn answer(text: &str) -> ExitCode {
    match out(text.trim_end()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => error(&format!("cannot write to stdout: {failure}; give it a file or a terminal"), EXIT_FAILED),
    }
}

/// Tells why it ends, and gives the exit code to end with.
pub fn error(sentence: &dyn Display, code: u8) -> ExitCode {
    let sentence = format!("{sentence:#}");
    // What is wrong with what was typed may be told in several lines; a failure is told in one, whatever the name of a file has in it.
    let sentence = if code == EXIT_FAILED { one_line(&sentence) } else { sentence };
    say(&log::told(Level::ERROR, "error: ", &sentence));
    ExitCode::from(code)
}

/// Control characters as Rust writes them.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// A panic is a bug: it is told in one sentence instead of a trace, which `RUST_BACKTRACE=1` adds.
pub fn explain_panics() {
    panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let place = info.location().map_or_else(String::new, |place| format!(" at {place}"));
        let thread = std::thread::current();
        say(&log::told(Level::ERROR, "error: ", &bug(text.unwrap_or("no message"), &place, thread.name().unwrap_or("unnamed"))));
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            say(&log::told(Level::ERROR, "", &trace.to_string()));
        }
    }));
}

fn bug(text: &str, place: &str, thread: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "hlscam {version} has a bug ({}{place}, thread {thread}); please report this line, with RUST_BACKTRACE=1 if it \
         happens again",
        shown(text)
    )
}

/// Typed text, safe to print inside a sentence: no control characters, and not endless.
pub fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let mut safe: String = text.chars().take(SHOWN_MAX).flat_map(escaped).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        safe.push_str("...");
    }
    safe
}

fn escaped(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

/// Writes a line to stderr. Where stderr is closed, or nobody reads it, there is nobody to tell.
fn say(text: &str) {
    stderr::write(format!("{text}\n").into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_gets_a_status_line_a_minute() {
        let mut pace = LogPace::default();
        let seconds: Vec<i64> = (0..400).filter(|n| pace.is_due(Ticks(n * STATUS_PERIOD.0))).map(|n| n / 2).collect();
        assert_eq!(seconds, [60, 120, 180]);
    }

    #[test]
    fn a_panic_is_told_in_one_sentence() {
        let expect = format!(
            "hlscam {} has a bug (index\\n9 at src/a.rs:1:2, thread encode); please report this line, with \
             RUST_BACKTRACE=1 if it happens again",
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(bug("index\n9", " at src/a.rs:1:2", "encode"), expect);
    }
}
