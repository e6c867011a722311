//! Finding things in a picture. One detector per thread; it works on the luma plane alone.

use crate::{
    picture::{BoundingBox, Picture},
    time::{Span, TICKS_PER_S, Ticks},
};
use std::{
    fmt,
    path::{Path, PathBuf},
};

pub mod bars;
pub mod blazeface;
mod cells;
#[cfg(feature = "opencv")]
pub mod haar;
mod hit;
pub mod kind;
mod motion;
pub mod still;
pub mod track;
mod turns;
pub mod watcher;

pub use hit::{Expected, Hit};
use kind::Kind;
use track::{Frame, Rules, Tracked, Tracker, Tracks};

/// OpenCV's cascades by our names for them, beside the embedded `face`.
pub const SYSTEM_CASCADES: [(&str, &str); 7] = [
    ("face-alt2", "haarcascade_frontalface_alt2.xml"),
    ("profile", "haarcascade_profileface.xml"),
    ("eye", "haarcascade_eye.xml"),
    ("smile", "haarcascade_smile.xml"),
    ("upperbody", "haarcascade_upperbody.xml"),
    ("fullbody", "haarcascade_fullbody.xml"),
    ("cat", "haarcascade_frontalcatface.xml"),
];

/// Runs over which a detector spreads the search for one thing, each with a part of the sizes; several things take turns.
pub const RUNS_PER_SCAN: usize = 2;

/// What is searched when nothing else is asked for.
pub const WHAT_DEFAULT: &str = "face";
/// The detector when none is named: the face network where this build has it.
pub const DETECTOR_DEFAULT: &str = "auto";
/// Searches per second when nothing else is asked: a face is boxed within 100 ms, at a third of the cost of every frame.
pub const FPS_DEFAULT: f64 = 10.0;
/// Width of the searched picture when nothing else is asked: at 320 the small faces are lost.
pub const WIDTH_DEFAULT: u32 = 640;

/// What is searched, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectConfig {
    /// The cascades, each of another kind; none of them searches nothing.
    pub cascades: Vec<CascadeSpec>,
    /// With what faces are found.
    pub by: DetectorChoice,
    /// A model file in place of the embedded network.
    pub model: Option<PathBuf>,
    /// Runs per second.
    pub fps: f64,
    /// Width in pixels to which a wider picture is reduced before the search.
    pub width: u32,
}

/// With what faces are found; everything else is found by cascades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DetectorChoice {
    /// By the network where this build has it, else by the cascade.
    #[default]
    Auto,
    /// By the Haar cascade.
    Haar,
    /// By the network.
    BlazeFace,
}

/// Which cascade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CascadeSpec {
    /// The embedded frontal-face cascade.
    Face,
    /// One of OpenCV's data files by our name for it (`profile`, `eye`, …), found on this system.
    System(&'static str),
    /// A cascade file of the user's.
    File(PathBuf),
}

/// As it is typed after `--detect`.
impl fmt::Display for CascadeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CascadeSpec::Face => f.write_str("face"),
            CascadeSpec::System(name) => f.write_str(name),
            CascadeSpec::File(path) => path.display().fmt(f),
        }
    }
}

impl DetectConfig {
    /// What is searched, as it is typed after `--detect`.
    pub fn what(&self) -> String {
        let names: Vec<String> = self.cascades.iter().map(CascadeSpec::to_string).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(",") }
    }

    /// Runs after which everything was searched for in every size, and one more, because a run may miss what it looks at.
    pub fn runs_to_be_sure(&self) -> usize {
        RUNS_PER_SCAN * self.cascades.len() + 1
    }
}

impl CascadeSpec {
    /// The kind of what it finds.
    pub fn kind(&self) -> Kind {
        match self {
            // The same cascade, embedded and of the system.
            CascadeSpec::Face | CascadeSpec::System("face-alt2") => Kind::FACE,
            CascadeSpec::System(name) => Kind::named(name).expect("our names are names of kinds"),
            CascadeSpec::File(path) => Kind::of_file(path),
        }
    }

    /// What it finds, in the plural, for the status line.
    pub fn what(&self) -> &'static str {
        match self {
            CascadeSpec::Face | CascadeSpec::System("face-alt2") => "faces",
            CascadeSpec::System("profile") => "profiles",
            CascadeSpec::System("eye") => "eyes",
            CascadeSpec::System("smile") => "smiles",
            CascadeSpec::System("upperbody" | "fullbody") => "bodies",
            CascadeSpec::System("cat") => "cats",
            CascadeSpec::System(_) | CascadeSpec::File(_) => "boxes",
        }
    }
}

/// A luma plane to look at, with the colours where they are known; rows are tight.
#[derive(Clone, Copy)]
pub struct Luma<'a> {
    /// `width × height` bytes.
    pub bytes: &'a [u8],
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Blue and red difference, half as many pixels across and down; `None` is grey.
    pub chroma: Option<(&'a [u8], &'a [u8])>,
    /// The part that is no [bar](bars): all that is searched.
    pub content: BoundingBox,
}

impl<'a> Luma<'a> {
    /// A plane of `width × height` bytes; panics if it has fewer.
    pub fn new(bytes: &'a [u8], width: usize, height: usize) -> Luma<'a> {
        Luma { bytes, width, height, chroma: None, content: bars::content(bytes, width, height) }
    }

    /// The planes of a picture, where they lie.
    pub fn of(picture: &'a Picture) -> Luma<'a> {
        let planes = picture.planes();
        Luma { chroma: Some((planes.u, planes.v)), ..Luma::new(planes.y, picture.size().width(), picture.size().height()) }
    }
}

/// What is known after one run of the detector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detection {
    /// Capture time of the picture that was looked at.
    pub at: Ticks,
    /// What is followed; none before the first run.
    pub tracks: Option<Tracks>,
    /// How long the run took, wall clock of the detector's thread.
    pub took: Span,
}

impl Detection {
    /// What to draw on a picture captured at `at`.
    pub fn boxes_at(&self, at: Ticks) -> Vec<Tracked> {
        self.tracks.as_ref().map_or_else(Vec::new, |tracks| tracks.boxes_at(at))
    }
}

/// Whether a picture is due for a look: the first one of each `1 / fps` of media time is, so jitter does not lower the rate.
pub fn is_due(at: Ticks, last_run_at: Option<Ticks>, fps: f64) -> bool {
    let turn = |at: Ticks| (at.0 as f64 * fps / TICKS_PER_S as f64).floor();
    last_run_at.is_none_or(|last| turn(at) != turn(last))
}

/// The cascade of that name, one of [`SYSTEM_CASCADES`] or `face`.
pub fn cascade_named(name: &str) -> Option<CascadeSpec> {
    let system = || SYSTEM_CASCADES.iter().find(|(ours, _)| *ours == name);
    if name == "face" { Some(CascadeSpec::Face) } else { system().map(|(ours, _)| CascadeSpec::System(ours)) }
}

/// Makes the detector that is asked for; `None` where nothing is to be searched.
pub fn open(config: &DetectConfig) -> Result<Option<Box<dyn Detector>>, DetectError> {
    let (by_network, by_cascade): (Vec<CascadeSpec>, _) =
        config.cascades.iter().cloned().partition(|cascade| *cascade == CascadeSpec::Face && is_by_network(config.by));
    let others = if by_cascade.is_empty() { None } else { Some(open_cascades(&by_cascade, config.width)?) };
    // The network sees everything in one run.
    let runs_to_see_all = (RUNS_PER_SCAN * by_cascade.len()).max(1) as u32;
    let detector = if by_network.is_empty() { others } else { Some(open_network(config.model.as_deref(), others)?) };
    Ok(detector.map(|detector| -> Box<dyn Detector> { Box::new(still::Still::new(detector, config.fps, runs_to_see_all)) }))
}

/// Whether this build has the networks.
pub const HAS_NETWORK: bool = cfg!(xnnpack);

fn is_by_network(by: DetectorChoice) -> bool {
    match by {
        DetectorChoice::Auto => HAS_NETWORK,
        DetectorChoice::Haar => false,
        DetectorChoice::BlazeFace => true,
    }
}

#[cfg(xnnpack)]
fn open_network(model: Option<&Path>, others: Option<Box<dyn Detector>>) -> Result<Box<dyn Detector>, DetectError> {
    Ok(Box::new(blazeface::open(model, others)?))
}

#[cfg(not(xnnpack))]
fn open_network(_model: Option<&Path>, _others: Option<Box<dyn Detector>>) -> Result<Box<dyn Detector>, DetectError> {
    let remedy = "install XNNPACK (Debian: libxnnpack-dev) and build it with the feature blazeface, or pass --detector haar";
    Err(DetectError(format!("cannot find faces with BlazeFace: this build is without it; {remedy}")))
}

#[cfg(feature = "opencv")]
fn open_cascades(cascades: &[CascadeSpec], width: u32) -> Result<Box<dyn Detector>, DetectError> {
    Ok(Box::new(haar::HaarDetector::new(cascades, width)?))
}

#[cfg(not(feature = "opencv"))]
fn open_cascades(_cascades: &[CascadeSpec], _width: u32) -> Result<Box<dyn Detector>, DetectError> {
    Err(DetectError("cannot detect: this build is without OpenCV; build it with the feature opencv, or pass --detect none".into()))
}

/// Finds boxes in luma planes. `&mut self`: an OpenCV classifier is never shared between threads.
pub trait Detector: Send {
    /// Looks at one plane: wherever something is expected, and as much of the rest as one run has time for; a few runs see everything. An
    /// error is logged and counted by the caller, and the stream goes on.
    fn detect(&mut self, luma: Luma<'_>, expected: &[Expected]) -> Result<Vec<Hit>, DetectError>;

    /// The rules by which the faces that it finds are followed: what their strength means.
    fn face_rules(&self) -> Rules {
        Rules::NEIGHBOURS
    }

    /// How often, since this was last asked, a network answered with what is no number; such answers make no hit.
    fn take_faults(&mut self) -> u64 {
        0
    }
}

/// Looks at a picture with a detector, and has the tracker take what it found.
pub fn follow(detector: &mut dyn Detector, tracker: &mut Tracker, picture: &Picture) -> Result<(), DetectError> {
    let luma = Luma::of(picture);
    tracker.follow_faces_by(detector.face_rules());
    let hits = detector.detect(luma, &tracker.expected_at(picture.at))?;
    tracker.update(picture.at, Frame { size: picture.size(), content: luma.content }, &hits);
    Ok(())
}

/// Why a detector could not be made or could not run: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DetectError(pub String);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::FrameRate;

    /// Which of the frames of a second of `rate` are looked at.
    fn due_of(rate: FrameRate, n_frames: i64, fps: f64) -> Vec<i64> {
        let mut last = None;
        let mut due = Vec::new();
        for n in 0..n_frames {
            let at = Ticks(0) + rate.frame_start(n);
            if is_due(at, last, fps) {
                last = Some(at);
                due.push(n);
            }
        }
        due
    }

    #[test]
    fn pictures_are_looked_at_as_often_as_asked() {
        assert_eq!(due_of(FrameRate::whole(30), 12, 10.0), [0, 3, 6, 9]);
        assert_eq!(due_of(FrameRate::whole(25), 25, 10.0).len(), 10);
        assert_eq!(due_of(FrameRate { num: 30_000, den: 1001 }, 300, 10.0).len(), 100);
        assert_eq!(due_of(FrameRate::whole(5), 5, 10.0), [0, 1, 2, 3, 4]);
        assert_eq!(due_of(FrameRate::whole(30), 90, 0.5), [0, 60]);
    }

    #[test]
    fn cascades_go_by_our_names() {
        assert_eq!(cascade_named("face"), Some(CascadeSpec::Face));
        assert_eq!(cascade_named("cat"), Some(CascadeSpec::System("cat")));
        assert_eq!(cascade_named("dog"), None);
    }
}
