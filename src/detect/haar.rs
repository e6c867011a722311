//! OpenCV's cascade classifier behind [`Detector`]. Nothing outside of this module knows OpenCV.
//!
//! A plane is looked at where it lies, without the bars around it; a wider one is first reduced to the search width. The search has two
//! steps: a coarse scan of the whole plane proposes places, spread over a few runs, and every place that was proposed or is expected is
//! then looked at closely in each run. Several cascades take turns with the coarse scan, so that a run costs no more than with one. Every
//! number below was measured on labelled webcam clips: docs/detection.md has the table. Most of the time goes into the coarse scan, so what
//! OpenCV does there is done anew in `cascade.rs`, with the same result in half the time.

use super::{BoundingBox, DetectError, Detector, Expected, Hit, Luma, SYSTEM_CASCADES, kind::Kind};
use crate::{detect::CascadeSpec, plain_file};
use opencv::{
    core::{self, FileStorage, Mat, Rect, Size, ToInputArray},
    imgproc,
    objdetect::CascadeClassifier,
    prelude::*,
};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

mod cascade;
mod file;
mod scan;
mod sums;

use cascade::Cascade;
use scan::{Classifiers, Scanner, Search};

/// The frontal-face cascade of OpenCV, so that a binary needs no data files.
static FACE_XML: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/face.xml"));
/// Another one, which is asked where that one is not sure of a new face.
static OPINION_XML: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/opinion.xml"));

/// Where distributions put OpenCV's data files; `HLSCAM_CASCADE_DIR` comes before them.
const CASCADE_DIRS: [&str; 6] = include!("cascade_dirs.in");
/// Largest cascade file that is read; OpenCV's own are under 4 MB, and a device file would never end.
const CASCADE_BYTES_MAX: u64 = 32 << 20;

/// How faces are searched. Two neighbours are enough where a face is expected,
/// for this cascade rarely invents; the smallest face is 40 px of 640, just under that of someone across a room.
const FACE_SEARCH: Search = Search { neighbours_min: 2, width_min: 1.0 / 16.0 };
/// How anything else is searched: OpenCV's other cascades invent more, so more neighbours must agree; eyes and smiles are small, so
/// nothing is left out for its size.
const OTHER_SEARCH: Search = Search { neighbours_min: 5, width_min: 0.0 };
/// Of two hits where the smaller one lies in the larger one with so much of its area, only one is a face.
const NESTED_MIN: f64 = 0.6;

/// Cascade classifiers and their buffers.
pub struct HaarDetector {
    cascades: Cascades,
    /// Width to which a wider plane is reduced.
    width_max: usize,
    reduced: Mat,
}

/// What is searched with.
struct Cascades {
    scanners: Vec<(Kind, Scanner)>,
    /// Which of them scans next.
    turn: usize,
}

impl HaarDetector {
    /// Loads cascades. Planes wider than `width_max` are reduced to it before the search.
    pub fn new(cascades: &[CascadeSpec], width_max: u32) -> Result<HaarDetector, DetectError> {
        // The stream has its own threads; a pool of OpenCV's would fight the encoder for the same cores.
        core::set_num_threads(1).map_err(failed)?;
        let scanners = cascades.iter().map(|cascade| Ok((cascade.kind(), load(cascade)?))).collect::<Result<_, _>>()?;
        let width_max = width_max.max(1) as usize;
        Ok(HaarDetector { cascades: Cascades { scanners, turn: 0 }, width_max, reduced: Mat::default() })
    }

    /// What is searched, and the hits in it.
    fn search(&mut self, luma: Luma<'_>, expected: &[Expected]) -> opencv::Result<(View, Vec<Found>)> {
        let plane = Mat::new_rows_cols_with_bytes::<u8>(luma.height as i32, luma.width as i32, luma.bytes)?;
        let view = View::new(luma.content, self.width_max);
        let places: Vec<(Kind, Rect)> = expected.iter().map(|it| (it.kind, view.searched(it.area))).collect();
        let plane = plane.roi(view.rect())?;
        if view.factor <= 1.0 {
            let found = self.cascades.search(&plane, &places)?;
            return Ok((view, found));
        }
        imgproc::resize(&plane, &mut self.reduced, view.size(), 0.0, 0.0, imgproc::INTER_AREA)?;
        let found = self.cascades.search(&self.reduced, &places)?;
        Ok((view, found))
    }
}

/// What is searched of a picture: the part without bars, reduced.
struct View {
    content: BoundingBox,
    /// Full pixels of a searched one.
    factor: f64,
}

impl View {
    fn new(content: BoundingBox, width_max: usize) -> View {
        let width = f64::from(content.width);
        View { factor: width / width.min(width_max as f64), content }
    }

    fn rect(&self) -> Rect {
        let BoundingBox { x, y, width, height } = self.content;
        Rect::new(x as i32, y as i32, width as i32, height as i32)
    }

    fn size(&self) -> Size {
        let length = |length: u32| (f64::from(length) / self.factor).round().max(1.0) as i32;
        Size::new(length(self.content.width), length(self.content.height))
    }

    /// A place of the full picture in searched pixels; not much larger than the picture, whatever was asked.
    fn searched(&self, area: BoundingBox) -> Rect {
        let scaled = |length: f64| (length / self.factor).round() as i32;
        let side = |at: u32, length: u32, from: u32, side: u32| {
            (scaled(f64::from(at.min(from + side)) - f64::from(from)), scaled(f64::from(length.min(side))))
        };
        let BoundingBox { x, y, width, height } = self.content;
        let ((left, across), (top, down)) = (side(area.x, area.width, x, width), side(area.y, area.height, y, height));
        Rect::new(left, top, across, down)
    }

    /// A hit in pixels of the full picture, cut to what was searched.
    fn full(&self, rect: Rect) -> Option<BoundingBox> {
        let edge = |at: i32, from: u32, side: u32| from + (f64::from(at) * self.factor).round().clamp(0.0, f64::from(side)) as u32;
        let across = |at: i32| edge(at, self.content.x, self.content.width);
        let down = |at: i32| edge(at, self.content.y, self.content.height);
        let (x, y, right, bottom) = (across(rect.x), down(rect.y), across(rect.x + rect.width), down(rect.y + rect.height));
        (right > x && bottom > y).then(|| BoundingBox { x, y, width: right - x, height: bottom - y })
    }
}

/// A hit in searched pixels.
struct Found {
    kind: Kind,
    rect: Rect,
    neighbours: i32,
}

impl Cascades {
    fn search(&mut self, plane: &(impl MatTraitConst + ToInputArray), expected: &[(Kind, Rect)]) -> opencv::Result<Vec<Found>> {
        let mut found = Vec::new();
        for (kind, place) in expected {
            self.look_at(plane, *kind, *place, &mut found)?;
        }
        let turn = self.turn;
        self.turn = (turn + 1) % self.scanners.len().max(1);
        let Some((kind, scanner)) = self.scanners.get_mut(turn) else { return Ok(found) };
        let kind = *kind;
        let seen: Vec<Rect> = expected.iter().filter(|(other, _)| kind.is_same_thing(*other)).map(|(_, place)| *place).collect();
        let hits = scanner.find_new(plane, &seen)?;
        found.extend(hits.into_iter().map(|(rect, neighbours)| Found { kind, rect, neighbours }));
        Ok(found)
    }

    /// Looks where something is expected, with its own cascade, and with the others for the same thing only where that one finds nothing.
    fn look_at(
        &mut self,
        plane: &(impl MatTraitConst + ToInputArray),
        expected: Kind,
        place: Rect,
        found: &mut Vec<Found>,
    ) -> opencv::Result<()> {
        let mut fitting: Vec<_> = self.scanners.iter_mut().filter(|(kind, _)| kind.is_same_thing(expected)).collect();
        fitting.sort_by_key(|(kind, _)| *kind != expected);
        for (kind, scanner) in fitting {
            let hits = scanner.look_again(plane, place)?;
            let is_hit = !hits.is_empty();
            found.extend(hits.into_iter().map(|(rect, neighbours)| Found { kind: *kind, rect, neighbours }));
            if is_hit {
                break;
            }
        }
        Ok(())
    }
}

impl Detector for HaarDetector {
    fn detect(&mut self, luma: Luma<'_>, expected: &[Expected]) -> Result<Vec<Hit>, DetectError> {
        let (view, found) = self.search(luma, expected).map_err(failed)?;
        let hits = found.into_iter().filter_map(|Found { kind, rect, neighbours }| {
            Some(Hit { kind, area: view.full(rect)?, strength: neighbours.max(0) as u32 })
        });
        Ok(merge_nested(hits.collect()))
    }
}

/// Leaves one hit per thing: of two of the same thing that lie in each other, the one with more neighbours.
fn merge_nested(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.sort_by_key(|hit| std::cmp::Reverse((hit.strength, hit.area.width)));
    let mut kept: Vec<Hit> = Vec::new();
    for hit in hits {
        if !kept.iter().any(|other| hit.kind.is_same_thing(other.kind) && is_nested(hit.area, other.area)) {
            kept.push(hit);
        }
    }
    kept
}

fn is_nested(a: BoundingBox, b: BoundingBox) -> bool {
    a.common(b) >= NESTED_MIN * a.pixels().min(b.pixels())
}

/// The scanner of a cascade.
fn load(cascade: &CascadeSpec) -> Result<Scanner, DetectError> {
    let (xml, name) = match cascade {
        CascadeSpec::Face => (FACE_XML.to_vec(), PathBuf::from("the embedded cascade")),
        CascadeSpec::System(name) => find_system(name).and_then(|path| Ok((read(&path)?, path)))?,
        CascadeSpec::File(path) => (read(path)?, path.clone()),
    };
    let unusable = |why: &str| {
        let name = name.display();
        DetectError(format!("cannot use {name} for detection: {why} haarcascade or lbpcascade files"))
    };
    let read = std::str::from_utf8(&xml)
        .ok()
        .and_then(file::read)
        .ok_or_else(|| unusable("it is no cascade of OpenCV; pass one of its"))?;
    let xml = file::checked(&read).map_err(|why| unusable(&format!("it is damaged: {why}; pass one of OpenCV's")))?;
    let classifier = parse(xml.as_bytes()).ok_or_else(|| unusable("OpenCV does not take it; pass one of its"))?;
    let window = classifier.get_original_window_size().map_err(failed)?;
    let coarse = Cascade::parse(&xml);
    let (search, opinion) = match cascade {
        CascadeSpec::Face | CascadeSpec::System("face-alt2") => (FACE_SEARCH, parse(OPINION_XML)),
        _ => (OTHER_SEARCH, None),
    };
    Ok(Scanner::new(Classifiers { coarse, close: classifier, opinion }, window, search))
}

fn find_system(name: &str) -> Result<PathBuf, DetectError> {
    let file = SYSTEM_CASCADES.iter().find(|(ours, _)| *ours == name).map_or(name, |(_, file)| file);
    let own = std::env::var_os("HLSCAM_CASCADE_DIR").map(PathBuf::from);
    let dirs = own.into_iter().chain(CASCADE_DIRS.map(PathBuf::from));
    dirs.map(|dir| dir.join(file)).find(|path| path.is_file()).ok_or_else(|| {
        DetectError(format!(
            "cannot find {file} for --detect {name}; install the package opencv-data, or set HLSCAM_CASCADE_DIR to the folder that has it"
        ))
    })
}

fn read(path: &Path) -> Result<Vec<u8>, DetectError> {
    plain_file::read(path, CASCADE_BYTES_MAX).map_err(|error| {
        let name = path.display();
        DetectError(match error.kind() {
            ErrorKind::FileTooLarge => {
                format!("cannot use {name} for detection: it is larger than any cascade; pass a cascade file of OpenCV")
            }
            _ => format!("cannot read the cascade {name}: {error}; pass the path of a readable file"),
        })
    })
}

/// A classifier from a text of ours, or one that [`file::checked`] wrote; `None` if it is none.
fn parse(xml: &[u8]) -> Option<CascadeClassifier> {
    // OpenCV takes the text as a C string, and answers anything but XML with messages of its own on stderr.
    let text = std::str::from_utf8(xml).ok().filter(|text| text.trim_start().starts_with('<') && !text.contains('\0'))?;
    let storage = FileStorage::new_def(text, core::FileStorage_READ | core::FileStorage_MEMORY).ok()?;
    let mut classifier = CascadeClassifier::default().ok()?;
    let is_cascade = classifier.read(&storage.get_first_top_level_node().ok()?).ok()?;
    (is_cascade && !classifier.empty().ok()?).then_some(classifier)
}

fn failed(error: opencv::Error) -> DetectError {
    DetectError(format!("OpenCV failed: {}", error.message.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests;
