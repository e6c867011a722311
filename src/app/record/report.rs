//! What a recording tells while it runs: a bar or log lines, and with `--json` a line per happening on stdout.

use crate::{
    config::Listing,
    console::{self, Console, RecordingDisplay},
    record::{
        Recording,
        recorder::{Notice, Totals},
    },
    sync::lock,
    time::{Span, WallTime},
};
use serde::Serialize;
use std::{
    mem::take,
    path::Path,
    sync::{Arc, Mutex},
};

/// A line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line<'a> {
    /// A file begins.
    Begin { file: &'a Path, at: WallTime },
    /// So much is recorded, in all files of this recording.
    Progress { frames: u64, seconds: f64 },
    /// A file is finished.
    File { file: &'a Path, frames: u64, seconds: f64, bytes: u64 },
    /// A recording of a schedule was left out.
    Skipped { at: WallTime, reason: &'a str },
    /// A recording has ended.
    End { files: u64, frames: u64, seconds: f64, bytes: u64, missing_seconds: f64, error: Option<&'a str> },
}

/// Tells of recordings.
pub(super) struct Report<'a> {
    console: &'a Console,
    listing: Listing,
    notices: Arc<Mutex<Vec<Notice>>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(console: &'a Console, listing: Listing) -> Report<'a> {
        Report { console, listing, notices: Arc::default() }
    }

    /// What a recorder calls for each notice, on its own thread.
    pub(super) fn tell(&self) -> impl FnMut(Notice) + Send + use<> {
        let notices = self.notices.clone();
        move |notice| lock(&notices).push(notice)
    }

    /// The progress of one recording; `frames` is how many it will have, where that is known.
    pub(super) fn display(&self, frames: Option<u64>) -> RecordingDisplay {
        self.console.recording(frames)
    }

    /// Shows how far it is, and tells what has happened since the last time.
    pub(super) fn show(&self, display: &mut RecordingDisplay, totals: Totals) {
        self.tell_notices();
        display.show(totals.frames);
        self.line(&Line::Progress { frames: totals.frames, seconds: seconds(totals.duration) });
    }

    /// A recording of a schedule was left out.
    pub(super) fn skipped(&self, at: WallTime, reason: &str) {
        tracing::warn!("no recording at {}: {reason}", at.to_local());
        self.line(&Line::Skipped { at, reason });
    }

    /// A recording has ended.
    pub(super) fn ended(&self, totals: Totals, missing: Span, error: Option<&str>) {
        self.tell_notices();
        let Totals { frames, duration, bytes, files } = totals;
        let (seconds, missing_seconds) = (seconds(duration), seconds(missing));
        self.line(&Line::End { files, frames, seconds, bytes, missing_seconds, error });
    }

    fn tell_notices(&self) {
        let notices = take(&mut *lock(&self.notices));
        for notice in notices {
            match notice {
                Notice::Begun(file, at) => {
                    tracing::debug!("{} begins", file.display());
                    self.line(&Line::Begin { file: &file, at });
                }
                Notice::Done(Recording { path, frames, duration, bytes }) => {
                    let (length, megabytes) = (duration.as_s(), bytes as f64 / 1e6);
                    self.console.print(&format!("{}: {frames} frames, {length:.1} s, {megabytes:.1} MB", path.display()));
                    self.line(&Line::File { file: &path, frames, seconds: seconds(duration), bytes });
                }
            }
        }
    }

    /// A reader that has gone is no reason to stop recording.
    fn line(&self, line: &Line<'_>) {
        if self.listing == Listing::Json
            && let Ok(text) = serde_json::to_string(line)
            && let Err(error) = console::out(&text)
        {
            tracing::debug!("cannot write to stdout: {error}");
        }
    }
}

/// In milliseconds, as text.
fn seconds(span: Span) -> f64 {
    span.as_ms().round() / 1000.0
}
