//! OpenCV's cascade classifier behind [`Detector`]. The only file that knows OpenCV.
//!
//! A plane is looked at where it lies; a wider one is first reduced to the search width. Every number below was measured on labelled
//! webcam clips: docs/detection.md has the table.

use super::{BoundingBox, DetectError, Detector, Luma, SYSTEM_CASCADES};
use crate::config::CascadeSpec;
use opencv::{
    core::{self, FileStorage, Mat, Rect, Size, ToInputArray, Vector},
    imgproc,
    objdetect::CascadeClassifier,
    prelude::*,
};
use std::path::{Path, PathBuf};

/// The frontal-face cascade of OpenCV, so that a binary needs no data files.
static FACE_XML: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/face.xml"));

/// Where distributions put OpenCV's data files; `HLSCAM_CASCADE_DIR` comes before them.
const CASCADE_DIRS: [&str; 6] = [
    "/usr/share/opencv4/haarcascades",
    "/usr/share/opencv5/haarcascades",
    "/usr/local/share/opencv4/haarcascades",
    "/usr/share/opencv/haarcascades",
    "/opt/homebrew/share/opencv4/haarcascades",
    "/opt/homebrew/opt/opencv/share/opencv4/haarcascades",
];
/// Largest cascade file that is read; OpenCV's own are under 4 MB, and a device file would never end.
const CASCADE_BYTES_MAX: u64 = 32 << 20;

/// How faces are searched. The step between two sizes is as coarse as recall allows, for the cost of a scan grows with their number; two
/// neighbours are enough, for this cascade rarely invents; the smallest face is 40 px of 640, just under that of someone across a room.
const FACE_SEARCH: Search = Search { scale_factor: 1.3, neighbours_min: 2, width_min: 1.0 / 16.0 };
/// How anything else is searched: OpenCV's other cascades invent more, so more neighbours must agree; eyes and smiles are small, so
/// nothing is left out for its size.
const OTHER_SEARCH: Search = Search { scale_factor: 1.2, neighbours_min: 5, width_min: 0.0 };
/// Of two hits where the smaller one lies in the larger one with so much of its area, only one is a face.
const NESTED_MIN: f64 = 0.6;

/// How a plane is searched.
#[derive(Clone, Copy)]
struct Search {
    /// Step between two sizes that are searched, above 1.
    scale_factor: f64,
    /// Neighbouring single hits that make a hit.
    neighbours_min: i32,
    /// Smallest width of a hit, as a part of the plane's width; never under the cascade's own window.
    width_min: f64,
}

/// A cascade classifier and its buffers.
pub struct HaarDetector {
    classifier: CascadeClassifier,
    window: Size,
    search: Search,
    /// Width to which a wider plane is reduced.
    width_max: usize,
    reduced: Mat,
    rects: Vector<Rect>,
    neighbours: Vector<i32>,
}

/// A hit, and how many single hits were grouped into it.
type Hit = (BoundingBox, i32);

impl HaarDetector {
    /// Loads a cascade. Planes wider than `width_max` are reduced to it before the search.
    pub fn new(cascade: &CascadeSpec, width_max: u32) -> Result<HaarDetector, DetectError> {
        let (xml, name) = match cascade {
            CascadeSpec::Face => (FACE_XML.to_vec(), PathBuf::from("the embedded cascade")),
            CascadeSpec::System(name) => find_system(name).and_then(|path| Ok((read(&path)?, path)))?,
            CascadeSpec::File(path) => (read(path)?, path.clone()),
        };
        let classifier = parse(&xml).ok_or_else(|| {
            let name = name.display();
            DetectError(format!(
                "cannot use {name} for detection: it is no cascade of OpenCV; pass one of its haarcascade or lbpcascade files"
            ))
        })?;
        // The stream has its own threads; a pool of OpenCV's would fight the encoder for the same cores.
        let window = core::set_num_threads(1).and_then(|()| classifier.get_original_window_size()).map_err(failed)?;
        let search = match cascade {
            CascadeSpec::Face | CascadeSpec::System("face-alt2") => FACE_SEARCH,
            _ => OTHER_SEARCH,
        };
        Ok(HaarDetector {
            classifier,
            window,
            search,
            width_max: width_max.max(1) as usize,
            reduced: Mat::default(),
            rects: Vector::new(),
            neighbours: Vector::new(),
        })
    }

    /// Leaves the hits in `rects` and `neighbours`, in pixels of the plane or of its reduction; gives the width of the one searched.
    fn search(&mut self, luma: Luma<'_>) -> opencv::Result<usize> {
        let plane = Mat::new_rows_cols_with_bytes::<u8>(luma.height as i32, luma.width as i32, luma.bytes)?;
        if luma.width <= self.width_max {
            scan(&mut self.classifier, self.search, self.window, &plane, &mut self.rects, &mut self.neighbours)?;
            return Ok(luma.width);
        }
        let height = (luma.height * self.width_max).div_ceil(luma.width);
        let size = Size::new(self.width_max as i32, height as i32);
        imgproc::resize(&plane, &mut self.reduced, size, 0.0, 0.0, imgproc::INTER_AREA)?;
        scan(&mut self.classifier, self.search, self.window, &self.reduced, &mut self.rects, &mut self.neighbours)?;
        Ok(self.width_max)
    }
}

impl Detector for HaarDetector {
    fn detect(&mut self, luma: Luma<'_>) -> Result<Vec<BoundingBox>, DetectError> {
        let searched = self.search(luma).map_err(failed)?;
        let factor = luma.width as f64 / searched as f64;
        let hits = self.rects.iter().zip(self.neighbours.iter());
        let hits = hits.filter_map(|(rect, neighbours)| Some((in_full_pixels(rect, factor, luma)?, neighbours)));
        Ok(merge_nested(hits.collect()))
    }
}

fn scan(
    classifier: &mut CascadeClassifier,
    search: Search,
    window: Size,
    plane: &(impl ToInputArray + MatTraitConst),
    rects: &mut Vector<Rect>,
    neighbours: &mut Vector<i32>,
) -> opencv::Result<()> {
    let growth = (f64::from(plane.cols()) * search.width_min / f64::from(window.width)).max(1.0);
    let size_min = Size::new((f64::from(window.width) * growth) as i32, (f64::from(window.height) * growth) as i32);
    let no_size_max = Size::default();
    classifier.detect_multi_scale2(plane, rects, neighbours, search.scale_factor, search.neighbours_min, 0, size_min, no_size_max)
}

/// A hit in pixels of the full picture, cut to it.
fn in_full_pixels(rect: Rect, factor: f64, luma: Luma<'_>) -> Option<BoundingBox> {
    let edge = |at: i32, side: usize| (f64::from(at) * factor).round().clamp(0.0, side as f64) as u32;
    let (x, y) = (edge(rect.x, luma.width), edge(rect.y, luma.height));
    let (right, bottom) = (edge(rect.x + rect.width, luma.width), edge(rect.y + rect.height, luma.height));
    (right > x && bottom > y).then(|| BoundingBox { x, y, width: right - x, height: bottom - y })
}

/// Leaves one hit per face: of two that lie in each other, the one with more neighbours.
fn merge_nested(mut hits: Vec<Hit>) -> Vec<BoundingBox> {
    hits.sort_by_key(|(hit, neighbours)| std::cmp::Reverse((*neighbours, hit.width)));
    let mut kept: Vec<BoundingBox> = Vec::new();
    for (hit, _) in hits {
        if !kept.iter().any(|other| is_nested(hit, *other)) {
            kept.push(hit);
        }
    }
    kept
}

fn is_nested(a: BoundingBox, b: BoundingBox) -> bool {
    let common = |a: u32, a_length: u32, b: u32, b_length: u32| (a + a_length).min(b + b_length).saturating_sub(a.max(b));
    let shared = common(a.x, a.width, b.x, b.width) as f64 * common(a.y, a.height, b.y, b.height) as f64;
    let area = |it: BoundingBox| f64::from(it.width) * f64::from(it.height);
    shared >= NESTED_MIN * area(a).min(area(b))
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
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(CASCADE_BYTES_MAX + 1).read_to_end(&mut bytes));
    let name = path.display();
    match read {
        Ok(length) if length as u64 > CASCADE_BYTES_MAX => Err(DetectError(format!(
            "cannot use {name} for detection: it is larger than any cascade; pass a cascade file of OpenCV"
        ))),
        Ok(_) => Ok(bytes),
        Err(error) => Err(DetectError(format!("cannot read the cascade {name}: {error}; pass the path of a readable file"))),
    }
}

/// A classifier from the text of a cascade file; `None` if it is none.
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
