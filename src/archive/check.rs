//! `hlscam storage check`: whether what lies on a disk is what was written, in plain sentences. It changes nothing, and works beside a
//! server that writes to it.

#[cfg(test)]
mod tests;

use super::{
    index,
    inspect::{Inspected, inspect},
    record::Damage,
    scan::{self, Depth, FileScan, Scanned, SegmentScan},
};
use crate::{
    time::{Span, WallTime},
    window::footage::TimeRange,
};
use std::{collections::BTreeMap, io, path::Path};

/// What was found of a camera's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CameraCheck {
    /// The camera.
    pub camera: String,
    /// Files.
    pub files: u64,
    /// Segments in them.
    pub segments: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// How long the segments are.
    pub footage: Span,
    /// From when to when there is footage.
    pub kept: Option<TimeRange>,
    /// What is wrong.
    pub findings: Vec<String>,
    /// What need not be right.
    pub remarks: Vec<String>,
    /// Another hlscam uses it.
    pub is_held: bool,
    /// The index does not say what the files are: it is to be made anew.
    pub is_index_wrong: bool,
}

/// Where a segment lies: its file, and its place in it.
type Place = (String, u64);

/// Checks the history of a camera.
pub fn check(storage: &Path, camera: &str) -> io::Result<CameraCheck> {
    let folder = storage.join(camera);
    let mut check = CameraCheck { camera: camera.to_owned(), ..CameraCheck::default() };
    // Before the files are read: what is written meanwhile the index of before would not know.
    let known = check.look_at_index(&folder)?;
    let names = scan::names(&folder)?;
    let mut there: BTreeMap<Place, u64> = BTreeMap::new();
    for (idx, name) in names.iter().enumerate() {
        let is_written = check.is_held && idx + 1 == names.len();
        match scan::scan(&folder.join(name), Depth::Checksums)? {
            Scanned::File(file) => check.add_file(name, &file, is_written, &mut there),
            Scanned::Other(path, len, damage) => check.add_other(&path, len, &damage, is_written),
            Scanned::Gone => {}
        }
    }
    if let Some(known) = known {
        check.compare(&known, &there, &names);
    }
    Ok(check)
}

impl CameraCheck {
    /// What the index knows; none where it cannot be asked.
    fn look_at_index(&mut self, folder: &Path) -> io::Result<Option<BTreeMap<Place, u64>>> {
        let read = |db| index::places(&db).map_err(|error| error.to_string());
        match inspect(&folder.join(index::FILE_NAME), index::SCHEMA_VERSION, read)? {
            Inspected::Sound(known) => return Ok(Some(known)),
            Inspected::Held => {
                self.is_held = true;
                self.remarks.push("another hlscam uses it, so its index is not compared with the files".to_owned());
            }
            Inspected::Unmerged => self.remarks.push(
                "the last run did not end by itself, so its index is not compared with the files: the next run brings them into line"
                    .to_owned(),
            ),
            Inspected::Absent => {
                self.is_index_wrong = true;
                self.findings.push(format!("{} is missing", index::FILE_NAME));
            }
            Inspected::Newer(version) => {
                self.findings.push(format!("{} was written by a newer hlscam, in version {version}; use that one", index::FILE_NAME));
            }
            Inspected::Damaged(why) => {
                self.is_index_wrong = true;
                self.findings.push(format!("{} is damaged: {why}", index::FILE_NAME));
            }
        }
        Ok(None)
    }

    fn add_file(&mut self, name: &str, file: &FileScan, is_written: bool, there: &mut BTreeMap<Place, u64>) {
        (self.files, self.bytes) = (self.files + 1, self.bytes + file.len);
        let (sound, damaged): (Vec<&SegmentScan>, Vec<&SegmentScan>) = file.segments.iter().partition(|segment| segment.is_sound);
        for segment in &sound {
            let begin = WallTime(segment.header.wall);
            let end = begin + segment.header.duration();
            self.segments += 1;
            self.footage = self.footage + segment.header.duration();
            self.kept =
                Some(self.kept.map_or(TimeRange { from: begin, to: end }, |kept| TimeRange {
                    from: kept.from.min(begin),
                    to: kept.to.max(end),
                }));
            there.insert((name.to_owned(), segment.offset), segment.header.msn);
        }
        if let (Some(first), Some(last)) = (damaged.first(), damaged.last()) {
            let (from, to) = (WallTime(first.header.wall), WallTime(last.header.wall) + last.header.duration());
            let what = if damaged.len() == 1 { "a segment is" } else { "segments are" };
            self.findings.push(format!("{name}: {}{what} damaged, from {from} to {to}", count_of(damaged.len())));
        }
        for (from, to) in &file.gaps {
            self.findings.push(format!("{name}: {} bytes in its middle are damaged, and what they were is not known", to - from));
        }
        if let Some(damage) = file.rest.as_ref().filter(|damage| !(is_written && **damage == Damage::Cut)) {
            let bytes = file.len - file.end;
            self.findings.push(format!("{name}: the last {bytes} bytes are no whole segment: {damage}"));
        }
    }

    fn add_other(&mut self, path: &Path, len: u64, damage: &Damage, is_written: bool) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match damage {
            Damage::Foreign => self.remarks.push(format!("{name}: it is no history of hlscam, and is left as it is")),
            Damage::Cut if is_written => {}
            Damage::Newer(format) => {
                self.findings.push(format!("{name}: it was written by a newer hlscam, in format {format}; use that one"));
            }
            Damage::Cut | Damage::Damaged => {
                self.findings.push(format!("{name}: its beginning cannot be read ({len} bytes): {damage}"))
            }
        }
    }

    /// Compares what the index knows with what is there.
    fn compare(&mut self, known: &BTreeMap<Place, u64>, there: &BTreeMap<Place, u64>, names: &[String]) {
        let files: std::collections::BTreeSet<&String> = known.keys().map(|(name, _)| name).collect();
        for name in files.into_iter().filter(|name| !names.contains(name)) {
            let n = known.keys().filter(|(of, _)| of == name).count();
            self.findings.push(format!("{name} is missing: {} in it {} gone", segments(n), if n == 1 { "is" } else { "are" }));
            self.is_index_wrong = true;
        }
        let unknown = there.iter().filter(|(place, msn)| known.get(*place) != Some(msn)).count();
        let lost = known.iter().filter(|((name, _), _)| names.contains(name));
        let lost = lost.filter(|(place, msn)| there.get(*place) != Some(msn)).count();
        if unknown > 0 {
            self.findings.push(format!("the index does not know {}", segments(unknown)));
        }
        if lost > 0 {
            self.findings.push(format!(
                "the index knows {} that {} not there as written",
                segments(lost),
                if lost == 1 { "is" } else { "are" }
            ));
        }
        self.is_index_wrong |= unknown + lost > 0;
    }

    /// All of it, in lines for people.
    pub fn lines(&self) -> Vec<String> {
        let of = |n: u64, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
        let mut first = format!("{}: {}, {}", self.camera, of(self.files, "file"), of(self.segments, "segment"));
        if let Some(kept) = self.kept {
            first += &format!(", {} between {} and {}", length(self.footage), kept.from, kept.to);
        }
        first += &format!(", {:.1} MB", self.bytes as f64 / 1e6);
        let notes = self.findings.iter().chain(&self.remarks).map(|note| format!("  {note}"));
        std::iter::once(first).chain(notes).collect()
    }
}

fn count_of(n: usize) -> String {
    if n == 1 { String::new() } else { format!("{n} ") }
}

fn segments(n: usize) -> String {
    if n == 1 { "1 segment".to_owned() } else { format!("{n} segments") }
}

fn length(span: Span) -> String {
    match span.as_s() {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} minutes", s / 60.0),
        s => format!("{:.1} hours", s / 3600.0),
    }
}
