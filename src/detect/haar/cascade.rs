//! A Haar cascade (Viola and Jones, 2001) on all windows of one size: what `detectMultiScale` does with a single scale, in half the
//! time. Pure.
//!
//! Most windows fail in the first stages, so these are evaluated for [`LANES`] windows side by side, for which the compiler uses vector
//! instructions; the few windows that are left go on alone. What passes is exactly what passes in OpenCV.

use super::{
    file::{self, AREAS_MAX, numbers},
    sums::{Area, Corners, Sums},
};

/// Windows that are evaluated side by side.
const LANES: usize = 8;
/// With fewer windows left, each of them goes on alone.
const LANES_MIN: u32 = 2;
/// Most nodes of a tree; those of OpenCV's cascades have one or two.
const NODES_MAX: usize = 8;
/// What OpenCV takes off the threshold of a stage.
const STAGE_EPS: f32 = 1e-5;
/// Windows with less contrast than this deviation of luma are left out, as in OpenCV.
const DEVIATION_MIN: f64 = 10.0;

/// The stages that a window has to pass, and the sums of the picture that is searched.
pub(super) struct Cascade {
    /// Pixels across and down of the window.
    window: (usize, usize),
    /// What a window's contrast is measured in: all but its edge.
    inner: Corners,
    stages: Vec<Stage>,
    features: Vec<Feature>,
    sums: Sums,
}

struct Stage {
    threshold: f32,
    trees: Vec<Tree>,
}

/// A decision tree: its root, and what is under it in this order.
type Tree = Box<[Node]>;

/// One decision: whether a feature is under the threshold. It is kept small, for the nodes are read over and over.
struct Node {
    /// Its feature, and the same as it is used.
    feature: usize,
    corners: [Corners; AREAS_MAX],
    /// 0 for a rectangle that the feature has not.
    weights: [f32; AREAS_MAX],
    threshold: f32,
    under: Next,
    over: Next,
}

/// Where a decision leads.
#[derive(Clone, Copy)]
enum Next {
    /// What the tree adds to the sum of its stage.
    Leaf(f32),
    /// A later node of the tree.
    Node(usize),
}

/// What a feature adds up: rectangles of the window and their weights.
type Feature = [(Area, f32); AREAS_MAX];

impl Cascade {
    /// A cascade from the text of its file; `None` where it is not an upright Haar cascade in the format of OpenCV 2 and later.
    pub(super) fn parse(xml: &str) -> Option<Cascade> {
        let file::Cascade { stage_type, feature_type, width, height, stages, features, .. } = file::read(xml)?;
        if stage_type != "BOOST" || feature_type != "HAAR" || width < 3 || height < 3 {
            return None;
        }
        let features = features.list.iter().map(|feature| feature.areas(width, height)).collect::<Option<Vec<_>>>()?;
        let stage = |stage: &file::Stage| {
            let trees = stage.weak.list.iter().map(|weak| weak.tree(&features)).collect::<Option<_>>()?;
            Some(Stage { threshold: stage.threshold as f32 - STAGE_EPS, trees })
        };
        let stages = stages.list.iter().map(stage).collect::<Option<_>>()?;
        Some(Cascade { window: (width, height), inner: Corners::default(), stages, features, sums: Sums::default() })
    }

    /// The left-top corners of the windows that pass every stage, at every second column and row of a picture whose rows have `width` bytes.
    pub(super) fn passing(&mut self, luma: &[u8], width: usize) -> Vec<(usize, usize)> {
        let mut passing = Vec::new();
        let height = luma.len() / width.max(1);
        if width < self.window.0 || height < self.window.1 {
            return passing;
        }
        self.widen(width);
        self.sums.take(luma, width, LANES);
        for y in (0..=height - self.window.1).step_by(2) {
            let mut is_left_out = false;
            for x in (0..=width - self.window.0).step_by(2 * LANES) {
                let n_windows = ((width - self.window.0 - x) / 2 + 1).min(LANES);
                let lanes = self.lanes_passing(self.sums.entry(x, y), n_windows, &mut is_left_out);
                passing.extend((0..n_windows).filter(|lane| lanes & 1 << lane != 0).map(|lane| (x + 2 * lane, y)));
            }
        }
        passing
    }

    fn widen(&mut self, width: usize) {
        if self.sums.widen(width) {
            for node in self.stages.iter_mut().flat_map(|stage| &mut stage.trees).flatten() {
                node.corners = self.features[node.feature].map(|(area, _)| self.sums.corners(area));
            }
            let (width, height) = self.window;
            self.inner = self.sums.corners(Area { x: 1, y: 1, width: width - 2, height: height - 2 });
        }
    }

    /// Which of the first `n_windows` windows from entry `at` on pass, a bit each. As in OpenCV, the window after one that fails in the
    /// first stage is left out; `is_left_out` says so of the first of these, and then of the one behind them.
    fn lanes_passing(&self, at: usize, n_windows: usize, is_left_out: &mut bool) -> u32 {
        let pixels = &self.sums.pixels;
        let (scales, mut lanes) = self.scales(at);
        let mut stages = self.stages.iter();
        let Some(first) = stages.next().filter(|_| lanes != 0) else {
            *is_left_out = false;
            return 0;
        };
        let failing = lanes & !first.lanes_passing(pixels, at, &scales);
        lanes &= !failing;
        for lane in 0..n_windows {
            let bit = 1 << lane;
            lanes &= if *is_left_out { !bit } else { !0 };
            *is_left_out = !*is_left_out && failing & bit != 0;
        }
        lanes &= (1 << n_windows) - 1;
        while lanes.count_ones() >= LANES_MIN {
            let Some(stage) = stages.next() else { return lanes };
            lanes &= stage.lanes_passing(pixels, at, &scales);
        }
        let stages = stages.as_slice();
        let passes = |lane: usize| stages.iter().all(|stage| stage.is_passing(pixels, at + lane, scales[lane]));
        (0..LANES).filter(|lane| lanes & 1 << lane != 0 && passes(*lane)).fold(0, |passing, lane| passing | 1 << lane)
    }

    /// What brings the features of the windows from entry `at` on to the contrast of their window, and which of them have any.
    fn scales(&self, at: usize) -> ([f32; LANES], u32) {
        let area = ((self.window.0 - 2) * (self.window.1 - 2)) as f64;
        let sums: [i32; LANES] = self.inner.sums(&self.sums.pixels, at);
        let squares: [i32; LANES] = self.inner.sums(&self.sums.squares, at);
        let mut scales = [0.0; LANES];
        for lane in 0..LANES {
            let variance = area * f64::from(squares[lane] as u32) - f64::from(sums[lane]) * f64::from(sums[lane]);
            scales[lane] = 1.0 / variance.max(1.0).sqrt();
        }
        (scales.map(|scale| scale as f32), bits(&scales.map(|scale| area * f64::from(scale as f32) < 1.0 / DEVIATION_MIN)))
    }
}

impl Node {
    fn areas(&self) -> impl Iterator<Item = (Corners, f32)> {
        let n_areas = if self.weights[AREAS_MAX - 1] == 0.0 { AREAS_MAX - 1 } else { AREAS_MAX };
        self.corners.into_iter().zip(self.weights).take(n_areas)
    }
}

impl Stage {
    fn is_passing(&self, pixels: &[u32], at: usize, scale: f32) -> bool {
        let value = |node: &Node| {
            node.areas().map(|(corners, weight)| weight * corners.sum(pixels, at) as f32).fold(0.0, |sum, it| sum + it) * scale
        };
        let leaf = |tree: &Tree| {
            let mut node = &tree[0];
            loop {
                match if value(node) < node.threshold { node.under } else { node.over } {
                    Next::Leaf(leaf) => return leaf,
                    Next::Node(index) => node = &tree[index],
                }
            }
        };
        self.trees.iter().map(leaf).fold(0.0, |sum, leaf| sum + leaf) >= self.threshold
    }

    /// The same for windows side by side.
    fn lanes_passing(&self, pixels: &[u32], at: usize, scales: &[f32; LANES]) -> u32 {
        let mut sums = [0.0_f32; LANES];
        let mut leaves = [[0.0_f32; LANES]; NODES_MAX];
        for tree in &self.trees {
            for (index, node) in tree.iter().enumerate().rev() {
                let mut values = [0.0; LANES];
                for (corners, weight) in node.areas() {
                    let of_area: [i32; LANES] = corners.sums(pixels, at);
                    (0..LANES).for_each(|lane| values[lane] += weight * of_area[lane] as f32);
                }
                let next = |next| match next {
                    Next::Leaf(leaf) => [leaf; LANES],
                    Next::Node(index) => leaves[index],
                };
                let (under, over) = (next(node.under), next(node.over));
                for lane in 0..LANES {
                    leaves[index][lane] = if values[lane] * scales[lane] < node.threshold { under[lane] } else { over[lane] };
                }
            }
            (0..LANES).for_each(|lane| sums[lane] += leaves[0][lane]);
        }
        bits(&sums.map(|sum| sum >= self.threshold))
    }
}

fn bits(flags: &[bool; LANES]) -> u32 {
    flags.iter().enumerate().fold(0, |bits, (lane, flag)| bits | u32::from(*flag) << lane)
}

impl file::Feature {
    /// The rectangles of an upright feature, all inside the window.
    fn areas(&self, across: usize, down: usize) -> Option<Feature> {
        let area = |rect: &String| {
            let [x, y, width, height, weight] = numbers(rect)?.try_into().ok()?;
            let is_inside =
                x + width <= across as f32 && y + height <= down as f32 && [x, y, width, height].iter().all(|it| *it >= 0.0);
            let [x, y, width, height] = [x, y, width, height].map(|length| length as usize);
            is_inside.then_some((Area { x, y, width, height }, weight))
        };
        let mut areas = self.rects.as_ref()?.list.iter().map(area).collect::<Option<Vec<_>>>()?;
        let is_upright = self.tilted.unwrap_or(0) == 0 && areas.len() <= AREAS_MAX;
        areas.resize(AREAS_MAX, Default::default());
        is_upright.then(|| areas.try_into().ok())?
    }
}

impl file::Weak {
    /// The tree, with its features' weights.
    fn tree(&self, features: &[Feature]) -> Option<Tree> {
        let (nodes, leaves) = (numbers(&self.nodes)?, numbers(&self.leaves)?);
        // A way to 0 or less is one to a leaf.
        let next = |way: f32, index: usize| match way as isize {
            way if way <= 0 => leaves.get(way.unsigned_abs()).copied().map(Next::Leaf),
            way => (way as usize > index && (way as usize) < nodes.len() / 4).then_some(Next::Node(way as usize)),
        };
        let node = |(index, node): (usize, &[f32])| {
            let [under, over, feature, threshold] = node.try_into().ok()?;
            let weights = features.get(feature as usize)?.map(|(_, weight)| weight);
            let (under, over) = (next(under, index)?, next(over, index)?);
            Some(Node { feature: feature as usize, corners: Default::default(), weights, threshold, under, over })
        };
        let is_small = (1..=NODES_MAX).contains(&(nodes.len() / 4));
        is_small.then(|| nodes.chunks(4).enumerate().map(node).collect())?
    }
}

#[cfg(test)]
mod tests;
