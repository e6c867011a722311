//! The lines of date ranges: each is written once for each change of its range, and asked for with every version.

use crate::{
    time::Ticks,
    window::ranges::{Listed, Ranges},
};
use std::sync::Arc;

/// The lines of the listed ranges, in their order.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// With the line end.
    lines: Vec<(Arc<Listed>, String)>,
}

impl Lines {
    /// Goes on to what is listed now. Ranges keep their order, so that both lists are walked through once.
    pub(super) fn follow(&mut self, ranges: &Ranges) {
        if ranges.listed().map(Arc::as_ptr).eq(self.lines.iter().map(|(listed, _)| Arc::as_ptr(listed))) {
            return;
        }
        let mut known = std::mem::take(&mut self.lines).into_iter();
        for listed in ranges.listed() {
            let line = match known.find(|(before, _)| before.range.id == listed.range.id) {
                Some((before, line)) if Arc::ptr_eq(&before, listed) => line,
                _ => format!("{}\n", listed.range),
            };
            self.lines.push((listed.clone(), line));
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(_, line)| line.as_str())
    }

    /// Those of ranges that were added or changed since then.
    pub(super) fn since(&self, since: Ticks) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |(listed, _)| listed.changed >= since).map(|(_, line)| line.as_str())
    }
}
