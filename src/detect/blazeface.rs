//! BlazeFace, a small network that finds faces as people see them: frontal, turned, in profile, dark. Behind [`Network`], so that all but
//! the arithmetic is pure.

use letterbox::{Letterbox, Part};

pub mod decode;
pub mod detector;
pub mod graph;
pub mod letterbox;
#[cfg(all(test, xnnpack))]
mod plain;
pub mod tflite;
#[cfg(xnnpack)]
pub mod xnnpack;

use super::{BoundingBox, Luma};
#[cfg(xnnpack)]
use super::{DetectError, Detector};
use decode::{Candidate, Decoded, Form};

#[cfg(xnnpack)]
static FULL_RANGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/full_range.tflite"));
#[cfg(xnnpack)]
static SHORT_RANGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/short_range.tflite"));

/// Faces by the embedded networks, or by a model file in place of the one that finds; other things by `others`.
#[cfg(xnnpack)]
pub fn open(model: Option<&std::path::Path>, others: Option<Box<dyn Detector>>) -> Result<detector::BlazeFace, DetectError> {
    let network = |bytes: &[u8]| -> Result<FaceNetwork, String> {
        let model = tflite::Model::read(bytes).map_err(|error| error.to_string())?;
        Ok(FaceNetwork::new(Box::new(xnnpack::Xnnpack::new(model)?)))
    };
    let finder = match model {
        None => network(FULL_RANGE).map_err(|error| DetectError(format!("cannot use the embedded face network: {error}")))?,
        Some(path) => tflite::load(path).and_then(|bytes| network(&bytes)).map_err(|error| {
            DetectError(format!("cannot find faces with {}: {error}; pass a .tflite file of MediaPipe's BlazeFace", path.display()))
        })?,
    };
    let second = network(SHORT_RANGE).map_err(|error| DetectError(format!("cannot use the embedded face network: {error}")))?;
    Ok(detector::BlazeFace::new(finder, Some(second), others))
}

/// A network that runs.
pub trait Network: Send {
    /// Its shape.
    fn form(&self) -> Form;
    /// Asks for other lengths of its input; one that cannot have them stays as it is.
    fn resize(&mut self, _form: Form) -> Result<(), String> {
        Ok(())
    }
    /// Where its input is written, [`Form::n_inputs`] numbers: rows of RGB pixels from −1 to 1.
    fn input(&mut self) -> &mut [f32];
    /// Runs on the input.
    fn run(&mut self) -> Result<Answer<'_>, String>;
}

/// What a network says of its input.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// [`decode::NUMBERS_PER_ANCHOR`] numbers per anchor.
    pub boxes: &'a [f32],
    /// One number per anchor: a logit.
    pub scores: &'a [f32],
}

/// A network that looks at pictures.
pub struct FaceNetwork {
    network: Box<dyn Network>,
    /// With the square input of the file.
    square: Form,
    /// Lengths of the pictures in which it was asked to find faces.
    picture: (usize, usize),
    letterbox: Letterbox,
}

impl FaceNetwork {
    /// Looks with that network.
    pub fn new(network: Box<dyn Network>) -> FaceNetwork {
        FaceNetwork { square: network.form(), network, picture: (0, 0), letterbox: Letterbox::default() }
    }

    /// Faces in the whole picture without its bars; its colours are made brighter by `gain` first.
    pub fn find(&mut self, picture: Luma<'_>, gain: f32) -> Result<Decoded, String> {
        let BoundingBox { width, height, .. } = picture.content;
        let needed = self.square.around(width, height);
        // Bars come and go with the light: what was wide enough once for pictures of this size is kept.
        let lengths = (picture.width, picture.height);
        if self.picture != lengths || !self.network.form().holds(needed) {
            self.network.resize(needed)?;
            self.picture = lengths;
        }
        self.look(picture, Part::around(picture.content, self.network.form().size), gain)
    }

    /// Faces in a part of the picture.
    fn look(&mut self, picture: Luma<'_>, part: Part, gain: f32) -> Result<Decoded, String> {
        let form = self.network.form();
        self.letterbox.fill(picture, part, gain, form.size, self.network.input());
        let answer = self.network.run()?;
        Ok(decode::decode(form, answer.boxes, answer.scores, part))
    }

    /// How sure a second look is that a face is where another network proposed one: the best score of a face near the middle of a square
    /// `reach` times as large as the candidate's longer side; 0 where it sees none.
    pub fn confirm(&mut self, picture: Luma<'_>, candidate: Candidate, reach: f32, gain: f32) -> Result<f32, String> {
        let (area, size) = (candidate.area, self.network.form().size);
        let (x, y, side) = (area.x + area.width / 2.0, area.y + area.height / 2.0, area.width.max(area.height) * reach);
        let seen = self.look(picture, Part::at(x, y, side / size[0] as f32, size), gain)?;
        let is_here = |found: &&Candidate| {
            let area = found.area;
            (x - area.x - area.width / 2.0).abs() < side / 4.0 && (y - area.y - area.height / 2.0).abs() < side / 4.0
        };
        Ok(seen.candidates.iter().find(is_here).map_or(0.0, |found| found.score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Takes any lengths, tells which it was asked for, and sees nothing.
    struct Rubber {
        form: Form,
        input: Vec<f32>,
        boxes: Vec<f32>,
        scores: Vec<f32>,
        asked: Arc<Mutex<Vec<[usize; 2]>>>,
    }

    impl Network for Rubber {
        fn form(&self) -> Form {
            self.form
        }
        fn resize(&mut self, form: Form) -> Result<(), String> {
            crate::sync::lock(&self.asked).push(form.size);
            self.form = form;
            self.input.resize(form.n_inputs(), 0.0);
            Ok(())
        }
        fn input(&mut self) -> &mut [f32] {
            &mut self.input
        }
        fn run(&mut self) -> Result<Answer<'_>, String> {
            Ok(Answer { boxes: &self.boxes, scores: &self.scores })
        }
    }

    #[test]
    fn a_network_is_made_for_the_shape_of_the_picture_once_and_again_where_more_is_to_be_seen() {
        let (form, asked) = (Form::FULL_RANGE, Arc::default());
        let (boxes, scores) = (vec![0.0; form.n_anchors() * decode::NUMBERS_PER_ANCHOR], vec![-40.0; form.n_anchors()]);
        let network = Rubber { form, input: Vec::new(), boxes, scores, asked: Arc::clone(&asked) };
        let mut network = FaceNetwork::new(Box::new(network));
        let bytes: Vec<u8> = (0..320 * 240).map(|n| (n % 251) as u8).collect();
        let bars = |width, height| BoundingBox { x: 0, y: 0, width, height };
        // A wide picture, twice; a dark one in which there seem to be bars, and what there was.
        for (width, height, content) in
            [(320, 180, bars(320, 180)), (320, 180, bars(320, 180)), (320, 180, bars(200, 180)), (320, 180, bars(320, 150))]
        {
            let picture = Luma { content, ..Luma::new(&bytes, width, height) };
            assert_eq!(network.find(picture, 1.0), Ok(Decoded::default()));
        }
        // 200×180 needs more rows than 320×180 does, and what was given is kept.
        assert_eq!(*crate::sync::lock(&asked), [[192, 128], [192, 192]]);
        network.find(Luma { content: bars(240, 320), ..Luma::new(&bytes, 240, 320) }, 1.0).expect("it runs");
        assert_eq!(crate::sync::lock(&asked).last(), Some(&[160, 192]));
    }
}
