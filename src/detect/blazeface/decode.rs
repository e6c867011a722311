//! From the numbers of a BlazeFace network to faces in a picture. Pure.
//!
//! A network says of every anchor, a fixed place in its input, how sure it is of a face there and where that lies from it. Many anchors tell
//! of one face; they become one box by weighted non-maximum suppression, as MediaPipe does it.

use super::letterbox::Part;
use crate::picture::BoundingBox;

/// Numbers per anchor: the box's centre and lengths, then six points of the face, of which no use is made.
pub const NUMBERS_PER_ANCHOR: usize = 16;
/// A candidate needs this score: below it there are as many hands as faces, and nothing that follows a face asks for less.
pub const SCORE_MIN: f32 = 0.3;
/// Boxes that share so much (intersection over union) tell of the same face; MediaPipe's number.
const SAME_FACE_MIN: f32 = 0.3;
/// Most anchors that are looked at for one picture: a face in plain sight has some ten, and noise must not cost more than a crowd.
const ANCHORS_MAX: usize = 512;

/// One of the two shapes in which BlazeFace comes: how large its input is, and where its anchors lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Pixels of the input, across and down. The files are square; [`Form::around`] leaves out what would be black.
    pub size: [usize; 2],
    /// Grids of anchors: pixels across and down of a cell, and anchors at its centre.
    grids: &'static [(usize, usize)],
}

/// A network halves its picture so often that lengths have to be multiples of this, for it doubles the smallest picture again.
const LENGTH_STEP: usize = 32;

impl Form {
    /// For faces across a room: 48×48 cells with an anchor each.
    pub const FULL_RANGE: Form = Form { size: [192, 192], grids: &[(4, 1)] };
    /// For one face near the camera: 16×16 cells with two anchors, 8×8 with six.
    pub const SHORT_RANGE: Form = Form { size: [128, 128], grids: &[(8, 2), (16, 6)] };
    /// All that are known.
    pub const ALL: [Form; 2] = [Form::FULL_RANGE, Form::SHORT_RANGE];

    /// The same network over no more than a picture of those lengths that fills it across or down: a third of a square around a picture of
    /// 16:9 is black, and costs as much as the rest.
    pub fn around(self, width: u32, height: u32) -> Form {
        let longer = width.max(height).max(1) as usize;
        let fitted = |most: usize, length: u32| {
            (most * length as usize).div_ceil(longer).next_multiple_of(LENGTH_STEP).clamp(LENGTH_STEP, most)
        };
        Form { size: [fitted(self.size[0], width), fitted(self.size[1], height)], ..self }
    }

    /// Whether all that fits into the other one fits into this.
    pub fn holds(self, other: Form) -> bool {
        self.size[0] >= other.size[0] && self.size[1] >= other.size[1]
    }

    /// Anchors in all.
    pub fn n_anchors(self) -> usize {
        let [width, height] = self.size;
        self.grids.iter().map(|(cell, each)| (width / cell) * (height / cell) * each).sum()
    }

    /// Numbers of the input: three colours of every pixel.
    pub fn n_inputs(self) -> usize {
        self.size[0] * self.size[1] * 3
    }

    /// Where an anchor lies, in pixels of the input.
    fn anchor(self, mut idx: usize) -> (f32, f32) {
        for (pixels, each) in self.grids {
            let (across, down) = (self.size[0] / pixels, self.size[1] / pixels);
            if idx < across * down * each {
                let (cell, pixels) = (idx / each, *pixels as f32);
                return (((cell % across) as f32 + 0.5) * pixels, ((cell / across) as f32 + 0.5) * pixels);
            }
            idx -= across * down * each;
        }
        (f32::NAN, f32::NAN)
    }
}

/// A box whose edges lie between pixels, and perhaps outside of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Across, above 0.
    pub width: f32,
    /// Down, above 0.
    pub height: f32,
}

/// A face that a network proposes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// From brow to chin and from cheek to cheek, in pixels of the picture; a part of it may lie outside.
    pub area: Area,
    /// How sure the network is, from [`SCORE_MIN`] to 1.
    pub score: f32,
}

/// What one run of a network says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The surest first.
    pub candidates: Vec<Candidate>,
    /// Anchors with numbers that are none, which made no candidate.
    pub n_not_finite: usize,
}

/// Reads what a network of this form says of a part of the picture.
///
/// # Panics
/// When there are fewer numbers than the form has anchors.
pub fn decode(form: Form, boxes: &[f32], scores: &[f32], part: Part) -> Decoded {
    let (boxes, _) = boxes[..form.n_anchors() * NUMBERS_PER_ANCHOR].as_chunks::<NUMBERS_PER_ANCHOR>();
    let mut decoded = Decoded::default();
    let mut found: Vec<Candidate> = Vec::new();
    for (idx, (numbers, logit)) in boxes.iter().zip(&scores[..form.n_anchors()]).enumerate() {
        let [dx, dy, width, height, ..] = *numbers;
        if !(logit.is_finite() && [dx, dy, width, height].iter().all(|number| number.is_finite())) {
            decoded.n_not_finite += 1;
            continue;
        }
        let score = sigmoid(*logit);
        if score >= SCORE_MIN && width > 0.0 && height > 0.0 {
            let (x, y) = form.anchor(idx);
            let area = Area { x: x + dx - width / 2.0, y: y + dy - height / 2.0, width, height };
            found.push(Candidate { area, score });
        }
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(ANCHORS_MAX);
    let in_picture = |candidate: Candidate| Candidate { area: brow_to_chin(candidate.area).placed(part), ..candidate };
    decoded.candidates = suppress(found).into_iter().map(in_picture).filter(|candidate| candidate.area.is_finite()).collect();
    decoded
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// One candidate per face: the surest of those that overlap, where their mean, weighted by score, is.
fn suppress(mut sorted: Vec<Candidate>) -> Vec<Candidate> {
    let mut kept = Vec::new();
    while let Some(first) = sorted.first().copied() {
        let (same, others): (Vec<_>, Vec<_>) =
            sorted.into_iter().partition(|other| *other == first || first.area.overlap(other.area) > SAME_FACE_MIN);
        let sum: f32 = same.iter().map(|one| one.score).sum();
        let mean = |side: fn(Area) -> f32| same.iter().map(|one| one.score * side(one.area)).sum::<f32>() / sum;
        let area = Area { x: mean(|it| it.x), y: mean(|it| it.y), width: mean(|it| it.width), height: mean(|it| it.height) };
        kept.push(Candidate { area, score: first.score });
        sorted = others;
    }
    kept
}

/// Part of the network's box that is from brow to chin and from cheek to cheek, and how far its centre lies below that of the box, in the
/// box's height. Fitted on 1700 labels of all clips (docs/decisions/0018-face-thresholds.md).
const WIDTH: f32 = 0.97;
const HEIGHT: f32 = 0.98;
const LOWER: f32 = 0.078;

/// This project's box of a face, from the network's.
fn brow_to_chin(area: Area) -> Area {
    let (width, height) = (area.width * WIDTH, area.height * HEIGHT);
    Area { x: area.x + (area.width - width) / 2.0, y: area.y + (area.height - height) / 2.0 + area.height * LOWER, width, height }
}

impl Area {
    /// Intersection over union.
    fn overlap(self, other: Area) -> f32 {
        let common = |a: f32, a_length: f32, b: f32, b_length: f32| ((a + a_length).min(b + b_length) - a.max(b)).max(0.0);
        let both = common(self.x, self.width, other.x, other.width) * common(self.y, self.height, other.y, other.height);
        both / (self.width * self.height + other.width * other.height - both)
    }

    /// From pixels of the input to those of the picture.
    fn placed(self, Part { x, y, pixel }: Part) -> Area {
        Area { x: x + self.x * pixel, y: y + self.y * pixel, width: self.width * pixel, height: self.height * pixel }
    }

    fn is_finite(self) -> bool {
        [self.x, self.y, self.width, self.height].iter().all(|number| number.is_finite())
    }

    /// In whole pixels, cut to a part of the picture; `None` where nothing of it lies in there.
    pub fn within(self, content: BoundingBox) -> Option<BoundingBox> {
        let edge = |at: f32, from: u32, length: u32| at.round().clamp(from as f32, (from + length) as f32) as u32;
        let (x, right) = (edge(self.x, content.x, content.width), edge(self.x + self.width, content.x, content.width));
        let (y, bottom) = (edge(self.y, content.y, content.height), edge(self.y + self.height, content.y, content.height));
        (right > x && bottom > y).then(|| BoundingBox { x, y, width: right - x, height: bottom - y })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Part = Part { x: 10.0, y: -80.0, pixel: 2.0 };

    /// Numbers of a network that sees nothing, but for those given: anchor, logit, box in pixels of the input.
    fn says(form: Form, seen: &[(usize, f32, [f32; 4])]) -> Decoded {
        let mut boxes = vec![0.0; form.n_anchors() * NUMBERS_PER_ANCHOR];
        let mut scores = vec![-50.0; form.n_anchors()];
        for (anchor, logit, numbers) in seen {
            scores[*anchor] = *logit;
            boxes[anchor * NUMBERS_PER_ANCHOR..][..4].copy_from_slice(numbers);
        }
        decode(form, &boxes, &scores, PART)
    }

    #[test]
    fn anchors_lie_at_the_centres_of_cells() {
        assert_eq!((Form::FULL_RANGE.n_anchors(), Form::SHORT_RANGE.n_anchors()), (2304, 896));
        assert_eq!(Form::FULL_RANGE.anchor(0), (2.0, 2.0));
        assert_eq!(Form::FULL_RANGE.anchor(49), (6.0, 6.0));
        assert_eq!(Form::SHORT_RANGE.anchor(3), (12.0, 4.0));
        assert_eq!(Form::SHORT_RANGE.anchor(512), (8.0, 8.0));
        assert_eq!(Form::SHORT_RANGE.anchor(895), (120.0, 120.0));
        let wide = Form::FULL_RANGE.around(640, 480);
        assert_eq!((wide.n_anchors(), wide.anchor(49), wide.anchor(1919)), (48 * 40, (6.0, 6.0), (190.0, 158.0)));
    }

    #[test]
    fn what_would_be_black_beside_a_picture_is_left_out() {
        let sizes = [(640, 480), (1280, 720), (1080, 1920), (500, 500), (4000, 2), (1, 0), (641, 481)];
        let fitted = sizes.map(|(width, height)| Form::FULL_RANGE.around(width, height).size);
        assert_eq!(fitted, [[192, 160], [192, 128], [128, 192], [192, 192], [192, 32], [192, 32], [192, 160]]);
        assert!(Form::FULL_RANGE.holds(Form::FULL_RANGE.around(640, 480)));
        assert!(!Form::FULL_RANGE.around(640, 480).holds(Form::FULL_RANGE.around(480, 640)));
    }

    #[test]
    fn a_face_comes_out_where_it_is_in_the_picture() {
        // Anchor 49 lies at 6, 6; the box's centre at 96, 56; two pixels of the picture are one of the input.
        let decoded = says(Form::FULL_RANGE, &[(49, 0.0, [90.0, 50.0, 40.0, 40.0])]);
        let [Candidate { area, score }] = decoded.candidates[..] else { panic!("{decoded:?}") };
        assert_eq!(score, 0.5);
        assert!((area.x + area.width / 2.0 - (10.0 + 96.0 * 2.0)).abs() < 1e-3, "{area:?}");
        assert!((area.width - 80.0 * WIDTH).abs() < 1e-3 && (area.height - 80.0 * HEIGHT).abs() < 1e-3, "{area:?}");
        assert!((area.y + area.height / 2.0 - (-80.0 + 56.0 * 2.0 + 80.0 * LOWER)).abs() < 1e-3, "{area:?}");
    }

    #[test]
    fn anchors_of_one_face_become_their_weighted_mean_and_two_faces_stay_two() {
        let near = |anchor: usize, logit: f32, x: f32| (anchor, logit, [x - 2.0 - 4.0 * (anchor as f32), 48.0, 20.0, 20.0]);
        let decoded = says(Form::FULL_RANGE, &[near(0, 3.0, 50.0), near(1, 0.0, 53.0), near(2, 2.0, 120.0)]);
        assert_eq!(decoded.candidates.len(), 2, "{decoded:?}");
        let (strong, weak) = (sigmoid(3.0), 0.5);
        let mean = (50.0 * strong + 53.0 * weak) / (strong + weak);
        let first = decoded.candidates[0];
        assert!((first.area.x + first.area.width / 2.0 - (10.0 + mean * 2.0)).abs() < 1e-3, "{decoded:?}");
        assert_eq!((first.score, decoded.candidates[1].score), (strong, sigmoid(2.0)));
    }

    #[test]
    fn numbers_that_are_none_make_no_box_and_are_counted() {
        let face = [90.0, 50.0, 40.0, 40.0];
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let decoded =
                says(Form::FULL_RANGE, &[(49, bad, face), (50, 2.0, [bad, 0.0, 9.0, 9.0]), (9, 2.0, [1.0, 1.0, 9.0, bad])]);
            assert_eq!(decoded, Decoded { candidates: Vec::new(), n_not_finite: 3 });
        }
        let huge = says(Form::FULL_RANGE, &[(49, 9.0, [f32::MAX, 0.0, f32::MAX, f32::MAX])]);
        assert!(huge.candidates.is_empty(), "{huge:?}");
        assert!(says(Form::FULL_RANGE, &[(49, 9.0, [0.0, 0.0, -9.0, 9.0])]).candidates.is_empty());
    }

    #[test]
    fn a_picture_full_of_noise_costs_no_more_than_a_crowd() {
        let all: Vec<_> = (0..2304).map(|anchor| (anchor, 5.0, [0.0, 0.0, 1.0, 1.0])).collect();
        assert!(says(Form::FULL_RANGE, &all).candidates.len() <= ANCHORS_MAX);
    }

    #[test]
    fn a_box_is_cut_to_the_picture() {
        let content = BoundingBox { x: 10, y: 0, width: 100, height: 50 };
        let area = Area { x: -5.0, y: 20.4, width: 40.0, height: 90.0 };
        assert_eq!(area.within(content), Some(BoundingBox { x: 10, y: 20, width: 25, height: 30 }));
        assert_eq!(Area { x: -50.0, ..area }.within(content), None);
    }
}
