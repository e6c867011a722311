//! The status of a stream in one line. Pure.

use crate::{picture::Size, time::Span};
use std::fmt;

/// What the line tells. A narrow terminal wraps it; what matters most comes first.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusLine {
    /// How long the source has been silent, once that is worth telling.
    pub silent: Option<Span>,
    /// Picture size.
    pub size: Size,
    /// Pictures per second that come from the source, measured.
    pub fps_in: f64,
    /// Pictures per second that are encoded, measured.
    pub fps_out: f64,
    /// Frames repeated since the start, for want of a picture.
    pub repeated: u64,
    /// Pictures dropped since the start, for want of a place in the grid.
    pub dropped: u64,
    /// What is found now, of each kind that is searched.
    pub found: Vec<Found>,
    /// Encoded bits per second, measured.
    pub bits_per_s: f64,
    /// How far back a viewer can go now.
    pub window: Span,
    /// Distinct viewers of the last seconds.
    pub viewers: u64,
    /// Share of the time that the encode thread is busy; at 1.0 it can do no more.
    pub encoder_load: f64,
}

/// What is found now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// What is searched, in the plural, as [`CascadeSpec::what`](crate::detect::CascadeSpec::what) says it.
    pub what: &'static str,
    /// How many.
    pub count: u64,
}

impl fmt::Display for StatusLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(silent) = self.silent {
            write!(f, "no signal for {} · ", length(silent))?;
        }
        write!(f, "{} · {:.1} fps in, {:.1} out", self.size, self.fps_in, self.fps_out)?;
        for found in &self.found {
            write!(f, " · {} {}", found.what, found.count)?;
        }
        write!(f, " · viewers {} · {:.2} Mbit/s", self.viewers, self.bits_per_s / 1e6)?;
        write!(f, " · encoder {:.0} %", self.encoder_load * 100.0)?;
        write!(f, " · repeated {}, dropped {} · window {}", self.repeated, self.dropped, length(self.window))
    }
}

/// The line of one of several cameras.
pub fn of_camera(name: &str, line: &str) -> String {
    format!("{name}: {line}")
}

/// `0:07`, `4:58`, `1:02:03`.
fn length(span: Span) -> String {
    let seconds = span.0.max(0) / Span::from_ms(1000).0;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_one_line() {
        let running = StatusLine {
            silent: None,
            size: Size::new(640, 480).unwrap(),
            fps_in: 29.96,
            fps_out: 30.0,
            repeated: 3,
            dropped: 0,
            found: vec![Found { what: "faces", count: 2 }, Found { what: "cats", count: 0 }],
            bits_per_s: 2_014_000.0,
            window: Span::from_ms(298_400),
            viewers: 1,
            encoder_load: 0.344,
        };
        let check = |status: StatusLine, expect: &str| assert_eq!(status.to_string(), expect);
        check(
            running.clone(),
            "640x480 · 30.0 fps in, 30.0 out · faces 2 · cats 0 · viewers 1 · 2.01 Mbit/s · encoder 34 % · repeated 3, dropped 0 · window 4:58",
        );
        check(
            StatusLine {
                silent: Some(Span::from_ms(7_900)),
                fps_in: 0.0,
                found: vec![],
                window: Span::from_ms(3_723_000),
                ..running
            },
            "no signal for 0:07 · 640x480 · 0.0 fps in, 30.0 out · viewers 1 · 2.01 Mbit/s · encoder 34 % · repeated 3, dropped 0 \
             · window 1:02:03",
        );
    }
}
