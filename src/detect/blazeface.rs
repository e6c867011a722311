//! BlazeFace, a small network that finds faces as people see them: frontal, turned, in profile, dark. Behind [`Network`], so that all but
//! the arithmetic is pure.

use letterbox::{Letterbox, Square};

pub mod decode;
pub mod detector;
pub mod graph;
pub mod letterbox;
#[cfg(all(test, xnnpack))]
mod plain;
pub mod tflite;
#[cfg(xnnpack)]
pub mod xnnpack;

use super::Luma;
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
    let looker = |bytes: &[u8]| -> Result<Looker, String> {
        let model = tflite::Model::read(bytes).map_err(|error| error.to_string())?;
        Ok(Looker::new(Box::new(xnnpack::Xnnpack::new(&model)?)))
    };
    let finder = match model {
        None => looker(FULL_RANGE).map_err(|error| DetectError(format!("cannot use the embedded face network: {error}")))?,
        Some(path) => tflite::load(path).and_then(|bytes| looker(&bytes)).map_err(|error| {
            DetectError(format!("cannot find faces with {}: {error}; pass a .tflite file of MediaPipe's BlazeFace", path.display()))
        })?,
    };
    let second = looker(SHORT_RANGE).map_err(|error| DetectError(format!("cannot use the embedded face network: {error}")))?;
    Ok(detector::BlazeFace::new(finder, Some(second), others))
}

/// A network that runs.
pub trait Network: Send {
    /// Its shape.
    fn form(&self) -> Form;
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
pub struct Looker {
    network: Box<dyn Network>,
    letterbox: Letterbox,
}

impl Looker {
    /// Looks with that network.
    pub fn new(network: Box<dyn Network>) -> Looker {
        Looker { network, letterbox: Letterbox::default() }
    }

    /// Faces in the whole picture without its bars; its colours are made brighter by `gain` first.
    pub fn find(&mut self, picture: Luma<'_>, gain: f32) -> Result<Decoded, String> {
        self.look(picture, Square::around(picture.content), gain)
    }

    /// Faces in a square of the picture.
    pub fn look(&mut self, picture: Luma<'_>, square: Square, gain: f32) -> Result<Decoded, String> {
        let form = self.network.form();
        self.letterbox.fill(picture, square, gain, form.side, self.network.input());
        let answer = self.network.run()?;
        Ok(decode::decode(form, answer.boxes, answer.scores, square))
    }

    /// How sure a second look is that a face is where another network proposed one: the best score of a face near the middle of a square
    /// `reach` times as large as the candidate's longer side; 0 where it sees none.
    pub fn confirm(&mut self, picture: Luma<'_>, candidate: Candidate, reach: f32, gain: f32) -> Result<f32, String> {
        let area = candidate.area;
        let (x, y, side) = (area.x + area.width / 2.0, area.y + area.height / 2.0, area.width.max(area.height) * reach);
        let seen = self.look(picture, Square::at(x, y, side), gain)?;
        let is_here = |found: &&Candidate| {
            let area = found.area;
            (x - area.x - area.width / 2.0).abs() < side / 4.0 && (y - area.y - area.height / 2.0).abs() < side / 4.0
        };
        Ok(seen.candidates.iter().find(is_here).map_or(0.0, |found| found.score))
    }
}
