//! What `--overlay blur` hides: in pictures that the real binary encoded, and on the labelled clips of real faces.

use crate::{pipeline::frames, support::media};
use hlscam::{
    compose::redaction::{Cover, ReadyFrame, RedactionQueue},
    detect::{
        self, CascadeSpec, DetectConfig, Detection, Detector, DetectorChoice, FPS_DEFAULT, HAS_NETWORK, WIDTH_DEFAULT,
        track::Tracker,
    },
    pacer::{PacedFrame, Shown},
    picture::{BoundingBox, Picture, PicturePool, Size, strip::read_strip},
    source::{Pace, Stop, open_file, test::draw::Scene},
    time::{FrameRate, Span, Ticks},
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path, process::Command, sync::Arc};

/// The test source of the binary draws this scene.
const SEED: u64 = 1;
const N_FACES: usize = 2;
/// Mean difference of luma between the picture drawn and the one decoded: coding alone stays below, lost features lie above.
const CODING_MAX: f64 = 4.0;
const HIDDEN_MIN: f64 = 8.0;

/// Mean difference of luma over the pixels that are wanted.
fn difference(a: &Picture, b: &Picture, wanted: impl Fn(u32, u32) -> bool) -> f64 {
    let width = a.size().width();
    let pixels = a.planes().y.iter().zip(b.planes().y).enumerate();
    let (sum, n) = pixels
        .filter(|(idx, _)| wanted((idx % width) as u32, (idx / width) as u32))
        .fold((0, 0), |(sum, n), (_, (a, b))| (sum + u64::from(a.abs_diff(*b)), n + 1));
    sum as f64 / f64::from(n.max(1))
}

/// Whether a pixel lies in the box, grown by that part of its width on each side.
fn is_in(area: BoundingBox, grown: f64, x: u32, y: u32) -> bool {
    let inside = |at: u32, from: u32, length: u32| {
        let margin = f64::from(area.width) * grown;
        (f64::from(from) - margin..f64::from(from + length) + margin).contains(&f64::from(at))
    };
    inside(x, area.x, area.width) && inside(y, area.y, area.height)
}

#[test]
fn faces_lose_their_features_in_every_recorded_frame_and_the_rest_does_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("out.mp4");
    let args = ["record", "--device", "test", "--overlay", "blur", "--size", "640x480", "--duration", "3s", "--output"];
    let output = Command::new(env!("CARGO_BIN_EXE_hlscam")).args(args).arg(&file).output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let size = Size::new(640, 480).expect("even");
    let Some(frames) = frames(&file, size) else { return };
    assert_eq!(frames.len(), 90);
    let (scene, pool) = (Scene::new(SEED, N_FACES, size), PicturePool::default());
    let mut n_clear = 0;
    for (idx, frame) in frames.iter().enumerate() {
        let strip = read_strip(frame).expect("the strip is never hidden");
        let drawn = scene.draw(strip, Ticks(0), &pool);
        let faces = scene.face_boxes(strip.number);
        for face in &faces {
            let changed = difference(frame, &drawn, |x, y| is_in(*face, -0.1, x, y));
            assert!(changed > HIDDEN_MIN, "frame {idx}: {face:?} differs by {changed:.1} only");
        }
        let elsewhere = difference(frame, &drawn, |x, y| faces.iter().all(|face| !is_in(*face, 1.2, x, y)));
        n_clear += usize::from(elsewhere < CODING_MAX);
    }
    // The last frames have no run behind them and are hidden as a whole, and a busy machine may add to them.
    assert!(n_clear * 2 > frames.len(), "the rest is clear in {n_clear} of {} frames only", frames.len());
    assert!(n_clear < frames.len(), "what the detector has not seen is hidden as a whole");
}

/// The faces of a frame that must be hidden, as (left, top, width, height); between two keys the labels move evenly, and one that is
/// optional or missing in either is not asked for.
fn labelled(clip: &Value, frame: u64) -> Vec<[f64; 4]> {
    let number = |value: &Value| value.as_f64().expect("a number");
    let keys = clip["keys"].as_array().expect("keys");
    let at = |key: &Value| key["frame"].as_u64().expect("a frame");
    let before = keys.iter().rfind(|key| at(key) <= frame).unwrap_or(&keys[0]);
    let after = keys.iter().find(|key| at(key) >= frame).unwrap_or(&keys[keys.len() - 1]);
    let part = if at(after) > at(before) { (frame - at(before)) as f64 / (at(after) - at(before)) as f64 } else { 0.0 };
    let faces = |key: &Value| key["faces"].as_array().cloned().unwrap_or_default();
    let pairs = faces(before).into_iter().zip(faces(after));
    let wanted = pairs.filter(|(a, b)| !a.is_null() && !b.is_null() && a["optional"] != true && b["optional"] != true);
    wanted.map(|(a, b)| ["x", "y", "w", "h"].map(|side| number(&a[side]) * (1.0 - part) + number(&b[side]) * part)).collect()
}

/// What was asked to be hidden in a clip, and was.
#[derive(Default)]
struct Score {
    faces: usize,
    /// Sum over the faces of the hidden part of each.
    hidden: f64,
    /// The least hidden of them.
    worst: f64,
    /// Frames hidden as a whole, but for the last ones of the clip, for which no more runs come.
    whole: usize,
    /// In pixels.
    all: Seen,
    /// Of the clip's first second.
    first: Seen,
}

/// How much of labelled faces is to be seen.
#[derive(Clone, Copy, Default)]
struct Seen {
    pixels: f64,
    shown: f64,
}

impl Seen {
    fn add(&mut self, other: Seen) {
        (self.pixels, self.shown) = (self.pixels + other.pixels, self.shown + other.shown);
    }

    fn share(self) -> f64 {
        self.shown / self.pixels.max(1.0)
    }
}

/// The hidden part of a face.
fn hidden_part(face: [f64; 4], cover: &Cover) -> f64 {
    let Cover::Areas(places) = cover else { return 1.0 };
    let [left, top, width, height] = face.map(|side| side.round() as u32);
    let pixels = (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y)));
    let hidden = pixels.filter(|(x, y)| places.iter().any(|place| is_in(place.area, 0.0, *x, *y))).count();
    hidden as f64 / f64::from(width * height)
}

/// Runs the search and the queue over a clip as the stream does, with a detector that takes no time.
fn score(path: &Path, clip: &Value, detector: &mut dyn Detector, config: &DetectConfig) -> Score {
    let rate = FrameRate::whole(clip["fps"].as_u64().expect("a rate") as u32);
    let mut source = open_file(path, Pace::Unpaced, PicturePool::default(), (Stop::default(), None)).expect("opens");
    let (mut tracker, mut queue) = (Tracker::default(), RedactionQueue::new(rate, config.runs_to_be_sure()));
    let (mut last_run, mut number) = (None, 0);
    let mut score = Score { worst: 1.0, ..Score::default() };
    let take = |score: &mut Score, ReadyFrame { frame, cover, .. }: ReadyFrame| {
        for face in labelled(clip, frame.number as u64) {
            let hidden = hidden_part(face, &cover);
            (score.faces, score.hidden, score.worst) = (score.faces + 1, score.hidden + hidden, score.worst.min(hidden));
            let pixels = face[2] * face[3];
            let seen = Seen { pixels, shown: pixels * (1.0 - hidden) };
            score.all.add(seen);
            if frame.at < Ticks(0) + Span::from_ms(1000) {
                score.first.add(seen);
            }
        }
        score.whole += usize::from(cover == Cover::Whole);
    };
    while let Ok(picture) = source.next() {
        let picture = Arc::new(picture);
        if detect::is_due(picture.at, last_run, config.fps) {
            last_run = Some(picture.at);
            detect::follow(detector, &mut tracker, &picture).expect("it runs");
            queue.push_run(Arc::new(Detection { at: picture.at, tracks: tracker.tracks(), took: Span::ZERO }));
        }
        let at = Ticks(0) + rate.frame_start(number);
        queue.put(PacedFrame { number, at, duration: rate.frame_span(), shown: Shown::Fresh }, picture);
        std::iter::from_fn(|| queue.take_ready()).for_each(|ready| take(&mut score, ready));
        number += 1;
    }
    // What comes only now is hidden as a whole, and proves nothing.
    score
}

fn labels(folder: &Path) -> BTreeMap<String, Value> {
    serde_json::from_slice(&fs::read(folder.join("labels.json")).expect("reads")).expect("JSON")
}

fn faces_by(by: DetectorChoice) -> DetectConfig {
    DetectConfig { cascades: vec![CascadeSpec::Face], by, model: None, fps: FPS_DEFAULT, width: WIDTH_DEFAULT }
}

#[test]
fn no_labelled_face_is_shown_in_any_frame() {
    let Some(folder) = media() else { return };
    let config = faces_by(DetectorChoice::Haar);
    let (mut faces, mut hidden) = (0, 0.0);
    for (name, clip) in &labels(&folder) {
        let mut detector = detect::open(&config).expect("the embedded cascade").expect("something is searched");
        let score = score(&folder.join(name), clip, &mut *detector, &config);
        eprintln!(
            "{name:24} {:4} faces, hidden {:.4}, worst {:.4}",
            score.faces,
            score.hidden / score.faces.max(1) as f64,
            score.worst
        );
        assert_eq!(score.whole, 0, "{name}: a frame in the middle was hidden as a whole");
        assert!(score.worst >= 0.95, "{name}: of one face only {:.2} is hidden", score.worst);
        (faces, hidden) = (faces + score.faces, hidden + score.hidden);
    }
    eprintln!("all: {faces} faces, hidden {:.5}", hidden / faces as f64);
    assert!(faces > 1000 && hidden / faces as f64 >= 0.999, "hidden {:.4} of {faces} faces", hidden / faces as f64);
}

/// Most of the labelled faces' pixels that may be seen, of all and in the first seconds of the clips.
const SHOWN_MAX: f64 = 0.005;

#[test]
fn the_network_hides_the_faces_of_strangers_too() {
    let Some(media) = media() else { return };
    if !HAS_NETWORK {
        eprintln!("skipped: this build is without the network");
        return;
    }
    let config = faces_by(DetectorChoice::BlazeFace);
    for folder in [media.clone(), media.with_file_name("media-strangers")] {
        if !folder.exists() {
            eprintln!("skipped: {} is not there", folder.display());
            continue;
        }
        let (mut all, mut first) = (Seen::default(), Seen::default());
        for (name, clip) in &labels(&folder) {
            let mut detector = detect::open(&config).expect("the embedded network").expect("something is searched");
            let score = score(&folder.join(name), clip, &mut *detector, &config);
            assert_eq!(score.whole, 0, "{name}: a frame in the middle was hidden as a whole");
            if score.all.shown > 0.0 {
                eprintln!("{name:24} {:4} faces, shown {:.4}, worst {:.4}", score.faces, score.all.share(), 1.0 - score.worst);
            }
            all.add(score.all);
            first.add(score.first);
        }
        eprintln!("{}: shown {:.5}, {:.5} in first seconds", folder.display(), all.share(), first.share());
        assert!(all.pixels > 0.0 && all.share() <= SHOWN_MAX, "shown {:.4}", all.share());
        assert!(first.pixels > 0.0 && first.share() <= SHOWN_MAX, "shown in first seconds {:.4}", first.share());
    }
}
