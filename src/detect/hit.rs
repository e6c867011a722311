//! The input and output of a run of the detector: the expected things and the hits. Detectors and the tracker use them.

use super::kind::Kind;
use crate::picture::BoundingBox;

/// One thing that a run found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub area: BoundingBox,
    /// How sure it is: of a cascade, neighbouring single hits that were grouped into it; of a network, thousandths of its score.
    pub strength: u32,
}

/// A thing that is followed, and where it should be in the picture to be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// What it is.
    pub kind: Kind,
    /// Where it should be; inside the picture.
    pub area: BoundingBox,
}
