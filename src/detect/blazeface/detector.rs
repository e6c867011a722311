//! The networks as a [`Detector`] of faces, beside the cascades for everything else.
//!
//! The full-range network looks at the whole picture in every run. What it proposes where nothing is followed yet is looked at once more,
//! enlarged, by the short-range network: two networks that were trained on different pictures seldom make the same mistake.

use super::{
    FaceNetwork,
    decode::{Candidate, Decoded},
    letterbox::gain_for,
};
use crate::{
    detect::{DetectError, Detector, Expected, Hit, Luma, kind::Kind, track::Rules},
    picture::BoundingBox,
};

/// Least score of a hit that may continue a track. Below it there are as many hands as faces.
const SCORE_TO_CONTINUE: f32 = 0.35;
/// Least score of the second look at what is new, and of both looks together: chosen on half of the labelled clips.
const SECOND_SCORE_MIN: f32 = 0.5;
const BOTH_SCORES_MIN: f32 = 1.35;
/// Side of the second look's square, in lengths of the face: the short-range network knows faces that fill a good part of the picture.
const SECOND_REACH: f32 = 2.55;
/// Most second looks in a run: a crowd is confirmed in a few runs, and the next picture does not wait for it.
const SECOND_LOOKS_MAX: usize = 4;
/// A hit whose centre lies so near to that of an expected face, in its lengths, is no new one.
const EXPECTED_NEAR: f64 = 0.6;

/// Finds faces by networks, and has cascades find the rest.
pub struct BlazeFace {
    finder: FaceNetwork,
    second: Option<FaceNetwork>,
    others: Option<Box<dyn Detector>>,
    n_faults: u64,
}

impl BlazeFace {
    /// With the network that finds, the one that is asked for its opinion of what is new, and what finds other things.
    pub fn new(finder: FaceNetwork, second: Option<FaceNetwork>, others: Option<Box<dyn Detector>>) -> BlazeFace {
        BlazeFace { finder, second, others, n_faults: 0 }
    }

    fn find(&mut self, luma: Luma<'_>, expected: &[Expected]) -> Result<Vec<Hit>, String> {
        let gain = gain_for(luma);
        let Decoded { candidates, n_not_finite } = self.finder.find(luma, gain)?;
        self.n_faults += n_not_finite as u64;
        let mut hits = Vec::new();
        let mut n_looks = 0;
        for candidate in candidates {
            let Some(area) = candidate.area.within(luma.content) else { continue };
            let mut strength = strength(candidate.score);
            let is_new = !expected.iter().any(|it| it.kind.is_same_thing(Kind::FACE) && is_near(area, it.area));
            if is_new && strength >= Rules::SCORES.begin {
                n_looks += 1;
                if n_looks > SECOND_LOOKS_MAX || !self.is_confirmed(luma, candidate, gain)? {
                    strength = strength.min(Rules::SCORES.begin - 1);
                }
            }
            if strength > 0 {
                hits.push(Hit { kind: Kind::FACE, area, strength });
            }
        }
        Ok(hits)
    }

    fn is_confirmed(&mut self, luma: Luma<'_>, candidate: Candidate, gain: f32) -> Result<bool, String> {
        let Some(second) = &mut self.second else { return Ok(true) };
        let score = second.confirm(luma, candidate, SECOND_REACH, gain)?;
        Ok(score >= SECOND_SCORE_MIN && score + candidate.score >= BOTH_SCORES_MIN)
    }
}

impl Detector for BlazeFace {
    fn detect(&mut self, luma: Luma<'_>, expected: &[Expected]) -> Result<Vec<Hit>, DetectError> {
        let mut hits = self.find(luma, expected).map_err(|error| DetectError(format!("the face network failed: {error}")))?;
        if let Some(others) = &mut self.others {
            hits.extend(others.detect(luma, expected)?);
        }
        Ok(hits)
    }

    fn face_rules(&self) -> Rules {
        Rules::SCORES
    }

    fn take_faults(&mut self) -> u64 {
        std::mem::take(&mut self.n_faults)
    }
}

/// A score in thousandths, as the tracker's rules have it; 0 below what continues a track.
fn strength(score: f32) -> u32 {
    if score < SCORE_TO_CONTINUE { 0 } else { (score * 1000.0) as u32 }
}

fn is_near(a: BoundingBox, b: BoundingBox) -> bool {
    let centre = |it: BoundingBox| (f64::from(it.x) + f64::from(it.width) / 2.0, f64::from(it.y) + f64::from(it.height) / 2.0);
    let ((ax, ay), (bx, by)) = (centre(a), centre(b));
    (ax - bx).hypot(ay - by) < EXPECTED_NEAR * f64::from(b.width.max(b.height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::blazeface::{Answer, Network, decode::Form};

    /// Says the same of every picture.
    struct Parrot {
        form: Form,
        input: Vec<f32>,
        boxes: Vec<f32>,
        scores: Vec<f32>,
    }

    impl Parrot {
        /// One box near the middle of the input, a quarter of it across, with that logit.
        fn network(form: Form, logit: f32) -> FaceNetwork {
            let mut boxes = vec![0.0; form.n_anchors() * 16];
            let mut scores = vec![-40.0; form.n_anchors()];
            // The anchor right below the middle, by cells and anchors per cell.
            let middle = if form == Form::FULL_RANGE { 24 * 48 + 24 } else { (8 * 16 + 8) * 2 };
            let side = form.size[0] as f32;
            boxes[middle * 16..][..4].copy_from_slice(&[0.0, 0.0, side / 4.0, side / 4.0]);
            scores[middle] = logit;
            FaceNetwork::new(Box::new(Parrot { form, input: vec![0.0; form.n_inputs()], boxes, scores }))
        }
    }

    impl Network for Parrot {
        fn form(&self) -> Form {
            self.form
        }
        fn input(&mut self) -> &mut [f32] {
            &mut self.input
        }
        fn run(&mut self) -> Result<Answer<'_>, String> {
            Ok(Answer { boxes: &self.boxes, scores: &self.scores })
        }
    }

    fn hits(first: f32, second: f32, expected: &[Expected]) -> Vec<Hit> {
        let bytes: Vec<u8> = (0..64 * 64).map(|n| (n % 200) as u8).collect();
        let second = Parrot::network(Form::SHORT_RANGE, second);
        let mut detector = BlazeFace::new(Parrot::network(Form::FULL_RANGE, first), Some(second), None);
        detector.detect(Luma::new(&bytes, 64, 64), expected).expect("it runs")
    }

    #[test]
    fn what_is_new_begins_a_track_only_if_the_second_network_agrees() {
        let begins = |hits: &[Hit]| hits.iter().any(|hit| hit.strength >= Rules::SCORES.begin);
        let agreed = hits(3.0, 3.0, &[]);
        assert!(begins(&agreed), "{agreed:?}");
        let refused = hits(3.0, -3.0, &[]);
        assert!(refused.len() == 1 && !begins(&refused), "{refused:?}");
        // What is followed needs no second opinion.
        let followed = hits(3.0, -3.0, &[Expected { kind: Kind::FACE, area: agreed[0].area }]);
        assert!(begins(&followed), "{followed:?}");
        assert!(hits(-3.0, 3.0, &[]).is_empty());
    }

    #[test]
    fn scores_are_told_in_thousandths() {
        assert_eq!((strength(0.34), strength(0.36), strength(0.5), strength(1.0)), (0, 360, 500, 1000));
    }

    #[test]
    fn numbers_that_are_none_are_counted_and_make_no_hit() {
        let bytes = [100; 64 * 64];
        let mut detector = BlazeFace::new(Parrot::network(Form::FULL_RANGE, f32::NAN), None, None);
        assert_eq!(detector.detect(Luma::new(&bytes, 64, 64), &[]).expect("it runs"), []);
        assert_eq!((detector.take_faults(), detector.take_faults()), (1, 0));
    }
}
