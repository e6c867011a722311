//! The two steps of a search: a coarse scan that proposes, and a close look at what is proposed or expected.

use super::cascade::Cascade;
use crate::detect::{
    RUNS_PER_SCAN,
    track::{STRENGTH_SURE, STRENGTH_TO_BEGIN},
};
use opencv::{
    core::{self, Mat, Rect, Size, ToInputArray, Vector},
    imgproc,
    objdetect::{self, CascadeClassifier},
    prelude::*,
};

/// Most places that one run looks at closely for the coarse scan; a picture with more is noise, and must not take the time of the next run.
const PROPOSALS_MAX: usize = 12;
/// Single hits that overlap so much (OpenCV's measure) are one proposal.
const PROPOSAL_EPS: f64 = 0.3;

/// A close look reaches so far beyond each side of the place, in its lengths: a passing face moves half its width between two runs, and
/// after its first hit nothing is known of that.
const MARGIN: f64 = 0.5;
/// Sizes of a close look at a proposal, as parts of its width: a step of the coarse scan to either side.
const PROPOSED: Sizes = Sizes { min: 0.78, max: 1.3 };
/// Sizes of a close look at what is expected: nobody comes nearer by more than that between two runs, and every size costs.
const EXPECTED: Sizes = Sizes { min: 0.87, max: 1.2 };
/// Step between two sizes of a close look: so fine that a face is hit in several of them.
const CLOSE_STEP: f64 = 1.15;
/// Width of the place in a close look, in windows of the cascade: OpenCV looks at every pixel only from twice the window on, which the
/// smallest size reaches.
const CLOSE_WINDOWS: f64 = 2.6;

/// The other cascade looks at a new hit in these sizes, as parts of its width, and so far beyond each side of it: cascades frame a face
/// differently.
const OPINION: Sizes = Sizes { min: 0.7, max: 1.4 };
const OPINION_MARGIN: f64 = 0.25;
/// Step between two of these sizes.
const OPINION_STEP: f64 = 1.1;
/// Neighbours that second a hit: with more of them passing faces are lost.
const OPINION_NEIGHBOURS: i32 = 1;

/// Neighbours of a hit in the mirror, as many as begin a track: with fewer, a hand that was a face once stays one.
const MIRRORED_NEIGHBOURS_MIN: i32 = STRENGTH_TO_BEGIN as i32;
/// OpenCV's code for a mirror.
const AROUND_THE_VERTICAL: i32 = 1;

/// Step between two sizes of a search: as coarse as recall allows.
const STEP: f64 = 1.3;

/// Smallest and largest size of a close look, as parts of the place's width.
#[derive(Clone, Copy)]
struct Sizes {
    min: f64,
    max: f64,
}

/// How a plane is searched.
#[derive(Clone, Copy)]
pub(super) struct Search {
    /// Neighbouring single hits that make a hit in a close look.
    pub(super) neighbours_min: i32,
    /// Smallest width of a hit, as a part of the plane's width; never under the cascade's own window.
    pub(super) width_min: f64,
}

impl Search {
    /// How much a plane of this width is reduced for each size of a coarse scan, without end. The turns lie between each other, so that
    /// what falls between two sizes of one run is as large as a size of the next: a cascade forgives a tenth, not a seventh.
    fn factors(self, width: i32, window: i32, turn: usize) -> impl Iterator<Item = f64> {
        let first = (f64::from(width) * self.width_min / f64::from(window)).max(1.0);
        (0..).map(move |level| first * STEP.powf(f64::from(level) + turn as f64 / RUNS_PER_SCAN as f64))
    }
}

/// What looks at windows.
pub(super) struct Classifiers {
    /// What is searched with.
    pub(super) close: CascadeClassifier,
    /// The same, made for the coarse scan; `None` for what only OpenCV can evaluate.
    pub(super) coarse: Option<Cascade>,
    /// Another one for the same thing, asked where that one is not sure of something new.
    pub(super) opinion: Option<CascadeClassifier>,
}

/// Classifiers and the buffers of their search.
pub(super) struct Scanner {
    classifiers: Classifiers,
    window: Size,
    search: Search,
    /// Coarse scans so far.
    n_scans: usize,
    /// The plane at each size of each turn of the coarse scan, reduced so that what is searched is as large as the window.
    levels: [Vec<Mat>; RUNS_PER_SCAN],
    close: Mat,
    mirrored: Mat,
    rects: Vector<Rect>,
    neighbours: Vector<i32>,
}

impl Scanner {
    pub(super) fn new(classifiers: Classifiers, window: Size, search: Search) -> Scanner {
        let (rects, neighbours) = (Vector::new(), Vector::new());
        Scanner {
            classifiers,
            window,
            search,
            n_scans: 0,
            levels: Default::default(),
            close: Mat::default(),
            mirrored: Mat::default(),
            rects,
            neighbours,
        }
    }

    /// Looks closely where something is expected, and once more in the mirror where nothing is found: a cascade knows a head that turns
    /// to one side better than to the other. The hits with their neighbours, in pixels of the plane.
    pub(super) fn look_again(
        &mut self,
        plane: &(impl MatTraitConst + ToInputArray),
        place: Rect,
    ) -> opencv::Result<Vec<(Rect, i32)>> {
        let Some(close) = self.approach(plane, place)? else { return Ok(Vec::new()) };
        let mut hits = self.search_close(EXPECTED)?;
        if hits.is_empty() {
            core::flip(&self.close, &mut self.mirrored, AROUND_THE_VERTICAL)?;
            std::mem::swap(&mut self.close, &mut self.mirrored);
            hits = self.search_close(EXPECTED)?;
            let width = self.close.cols();
            hits.retain(|(_, neighbours)| *neighbours >= MIRRORED_NEIGHBOURS_MIN);
            hits.iter_mut().for_each(|(rect, _)| rect.x = width - rect.x - rect.width);
        }
        Ok(close.hits_in_plane(hits))
    }

    /// Scans the sizes whose turn it is, and looks closely at what they propose outside of what has been seen already; the hits with their
    /// neighbours, in pixels of the plane.
    pub(super) fn find_new(
        &mut self,
        plane: &(impl MatTraitConst + ToInputArray),
        seen: &[Rect],
    ) -> opencv::Result<Vec<(Rect, i32)>> {
        let proposals = self.propose(plane)?;
        let is_new = |place: &Rect| !seen.iter().any(|seen| holds_centre(*seen, *place));
        let mut hits = Vec::new();
        for place in proposals.into_iter().filter(is_new).take(PROPOSALS_MAX) {
            if let Some(close) = self.approach(plane, place)? {
                let mut found = Vec::new();
                for hit in self.search_close(PROPOSED)? {
                    if self.is_seconded(hit)? {
                        found.push(hit);
                    }
                }
                hits.extend(close.hits_in_plane(found));
            }
        }
        Ok(hits)
    }

    /// Scans the sizes whose turn it is coarsely; the proposals, best first.
    fn propose(&mut self, plane: &(impl MatTraitConst + ToInputArray)) -> opencv::Result<Vec<Rect>> {
        let turn = self.n_scans % RUNS_PER_SCAN;
        self.n_scans += 1;
        let mut singles: Vector<Rect> = Vector::new();
        for (level, factor) in self.search.factors(plane.cols(), self.window.width, turn).enumerate() {
            let length = |length: i32| (f64::from(length) / factor).round() as i32;
            let size = Size::new(length(plane.cols()), length(plane.rows()));
            if size.width < self.window.width || size.height < self.window.height {
                break;
            }
            self.reduce(plane, turn, level, size)?;
            self.scan_level(turn, level)?;
            let whole = Reduced { factor, corner: (0, 0) };
            // Twice, because OpenCV's grouping drops what stands alone.
            self.rects.iter().map(|rect| whole.in_plane(rect)).for_each(|rect| (0..2).for_each(|_| singles.push(rect)));
        }
        let mut weights = Vector::new();
        objdetect::group_rectangles_weights(&mut singles, &mut weights, 1, PROPOSAL_EPS)?;
        let mut proposals: Vec<(i32, Rect)> = weights.iter().zip(singles.iter()).collect();
        proposals.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        Ok(proposals.into_iter().map(|(_, rect)| rect).collect())
    }

    /// The windows of a level that look like what is searched, in its pixels.
    fn scan_level(&mut self, turn: usize, level: usize) -> opencv::Result<()> {
        let (image, Size { width, height }) = (&self.levels[turn][level], self.window);
        if let Some(cascade) = &mut self.classifiers.coarse {
            let corners = cascade.passing(image.data_bytes()?, image.cols() as usize).into_iter();
            self.rects = corners.map(|(x, y)| Rect::new(x as i32, y as i32, width, height)).collect();
            return Ok(());
        }
        // One size, not grouped.
        self.classifiers.close.detect_multi_scale(image, &mut self.rects, STEP, 0, 0, self.window, self.window)
    }

    /// Makes a level of the coarse scan from the level before it, which is cheaper than from the plane.
    fn reduce(&mut self, plane: &(impl MatTraitConst + ToInputArray), turn: usize, level: usize, size: Size) -> opencv::Result<()> {
        let levels = &mut self.levels[turn];
        if levels.len() <= level {
            levels.push(Mat::default());
        }
        match levels.split_at_mut(level) {
            (before, [image, ..]) if level > 0 => imgproc::resize(&before[level - 1], image, size, 0.0, 0.0, imgproc::INTER_LINEAR),
            (_, [image, ..]) => imgproc::resize(plane, image, size, 0.0, 0.0, imgproc::INTER_AREA),
            _ => Ok(()),
        }
    }

    /// Brings a place and what is around it to the size of a close look; `None` where there is nothing of it.
    fn approach(&mut self, plane: &(impl MatTraitConst + ToInputArray), place: Rect) -> opencv::Result<Option<Reduced>> {
        let around = widened(place, MARGIN) & Rect::new(0, 0, plane.cols(), plane.rows());
        // A place at the picture's edge may have been cut, so the longer side counts.
        let windows = |length: i32, window: i32| f64::from(length) / f64::from(window);
        let factor = windows(place.width, self.window.width).max(windows(place.height, self.window.height)) / CLOSE_WINDOWS;
        let length = |length: i32| ((f64::from(length) / factor).round() as i32).max(1);
        if around.width < 1 || around.height < 1 || factor <= 0.0 {
            return Ok(None);
        }
        let size = Size::new(length(around.width), length(around.height));
        let method = if factor > 1.0 { imgproc::INTER_AREA } else { imgproc::INTER_LINEAR };
        imgproc::resize(&plane.roi(around)?, &mut self.close, size, 0.0, 0.0, method)?;
        Ok(Some(Reduced { factor, corner: (around.x, around.y) }))
    }

    /// The hits in what was approached, in its pixels.
    fn search_close(&mut self, sizes: Sizes) -> opencv::Result<Vec<(Rect, i32)>> {
        let side = |part: f64| {
            let lengths =
                [self.window.width, self.window.height].map(|length| (f64::from(length) * CLOSE_WINDOWS * part).round() as i32);
            Size::new(lengths[0], lengths[1])
        };
        let (size_min, size_max) = (side(sizes.min), side(sizes.max));
        let (rects, neighbours) = (&mut self.rects, &mut self.neighbours);
        let neighbours_min = self.search.neighbours_min;
        self.classifiers.close.detect_multi_scale2(
            &self.close,
            rects,
            neighbours,
            CLOSE_STEP,
            neighbours_min,
            0,
            size_min,
            size_max,
        )?;
        Ok(self.rects.iter().zip(self.neighbours.iter()).collect())
    }

    /// Whether a hit in what was approached is sure, or the other cascade has one there too.
    fn is_seconded(&mut self, (rect, neighbours): (Rect, i32)) -> opencv::Result<bool> {
        let Some(opinion) = self.classifiers.opinion.as_mut().filter(|_| neighbours < STRENGTH_SURE as i32) else {
            return Ok(true);
        };
        let around = widened(rect, OPINION_MARGIN) & Rect::new(0, 0, self.close.cols(), self.close.rows());
        let around = self.close.roi(around)?;
        let side = |size: f64| Size::new(part_of(rect.width, size), part_of(rect.height, size));
        let (size_min, size_max) = (side(OPINION.min), side(OPINION.max));
        opinion.detect_multi_scale(&around, &mut self.rects, OPINION_STEP, OPINION_NEIGHBOURS, 0, size_min, size_max)?;
        Ok(!self.rects.is_empty())
    }
}

/// Where a part of the plane lies that was reduced to be searched.
struct Reduced {
    /// Pixels of the plane in one of the part.
    factor: f64,
    corner: (i32, i32),
}

impl Reduced {
    /// A rectangle of the part in pixels of the plane.
    fn in_plane(&self, rect: Rect) -> Rect {
        let scaled = |length: i32| (f64::from(length) * self.factor).round() as i32;
        let (x, y) = self.corner;
        Rect::new(x + scaled(rect.x), y + scaled(rect.y), scaled(rect.width), scaled(rect.height))
    }

    /// Hits in the part, in pixels of the plane.
    fn hits_in_plane(&self, mut hits: Vec<(Rect, i32)>) -> Vec<(Rect, i32)> {
        hits.iter_mut().for_each(|(rect, _)| *rect = self.in_plane(*rect));
        hits
    }
}

/// A rectangle that reaches beyond each side by so much of its lengths.
fn widened(rect: Rect, margin: f64) -> Rect {
    let (across, down) = (part_of(rect.width, margin), part_of(rect.height, margin));
    Rect::new(rect.x - across, rect.y - down, rect.width + 2 * across, rect.height + 2 * down)
}

fn part_of(length: i32, part: f64) -> i32 {
    (f64::from(length) * part).round() as i32
}

/// Whether the centre of `inner` lies in `outer`, and neither is twice as wide as the other.
fn holds_centre(outer: Rect, inner: Rect) -> bool {
    let (x, y) = (inner.x + inner.width / 2, inner.y + inner.height / 2);
    let is_inside = (outer.x..outer.x + outer.width).contains(&x) && (outer.y..outer.y + outer.height).contains(&y);
    is_inside && inner.width < 2 * outer.width && outer.width < 2 * inner.width
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::{CascadeSpec, haar::load},
        picture::{PicturePool, Size as PictureSize, strip::Strip},
        source::test::draw::Scene,
        time::Ticks,
    };

    #[test]
    fn what_is_not_sure_needs_a_second_opinion() {
        let (pool, size) = (PicturePool::default(), PictureSize::new(320, 240).expect("even"));
        let scene = Scene::new(320, 1, size);
        let picture = scene.draw(Strip { unix_ms: 1_795_191_552_123, number: 0 }, Ticks(0), &pool);
        let mut scanner = load(&CascadeSpec::Face).expect("the embedded cascade");
        let plane = Mat::new_rows_cols_with_bytes::<u8>(240, 320, picture.planes().y).expect("tight rows");
        scanner.close = plane.try_clone().expect("a copy");
        let face = scene.face_boxes(0)[0];
        let on_face = Rect::new(face.x as i32, face.y as i32, face.width as i32, face.height as i32);
        let beside = Rect { x: if face.x < 160 { 200 } else { 20 }, ..on_face };
        let mut seconded = |rect, neighbours: u32| scanner.is_seconded((rect, neighbours as i32)).expect("it runs");
        assert!(seconded(on_face, STRENGTH_TO_BEGIN));
        assert!(!seconded(beside, STRENGTH_SURE - 1));
        assert!(seconded(beside, STRENGTH_SURE), "who is sure asks nobody");
    }

    #[test]
    fn the_sizes_of_the_turns_lie_between_each_other() {
        let search = Search { neighbours_min: 2, width_min: 1.0 / 16.0 };
        let factors = |turn| search.factors(640, 20, turn).take(3).map(|factor| (factor * 1000.0).round() / 1000.0);
        assert_eq!(factors(0).collect::<Vec<_>>(), [2.0, 2.6, 3.38]);
        assert_eq!(factors(1).collect::<Vec<_>>(), [2.28, 2.964, 3.854]);
        // No cascade finds anything smaller than its window.
        assert_eq!(search.factors(160, 20, 0).next(), Some(1.0));
    }
}
