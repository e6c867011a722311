//! What the test source shows: schematic faces that a Haar cascade finds, moving over smooth noise. Pure, a function of (seed, n).
//!
//! Everything that does not depend on the frame number is drawn once per size; a frame is then a copy of the background and a row copy
//! per line of each face.

use crate::{
    picture::{
        BoundingBox, CHROMA_NEUTRAL, Picture, PicturePool, Size,
        strip::{Strip, draw_strip, strip_area},
    },
    time::Ticks,
};

/// A face, in units of half its width: centre and radii of ellipses, luma, red difference over neutral, in painting order. Detectors look
/// for a brow darker than the cheek below it, dark eyes beside a bright nose, and a mouth; measured with OpenCV's frontal-face cascade,
/// which found it in 200 of 200 places and sizes. The colour is for people alone.
const ELLIPSES: [Ellipse; 15] = [
    ellipse(0.0, 0.0, 1.0, 1.3, 190, 16),
    ellipse(0.0, -1.05, 1.02, 0.6, 60, 4),
    ellipse(0.0, -0.15, 0.93, 0.95, 190, 16),
    ellipse(-0.42, -0.42, 0.32, 0.07, 70, 4),
    ellipse(-0.42, -0.2, 0.30, 0.17, 120, 12),
    ellipse(-0.42, -0.2, 0.20, 0.10, 230, 0),
    ellipse(-0.42, -0.2, 0.10, 0.10, 30, 0),
    ellipse(0.42, -0.42, 0.32, 0.07, 70, 4),
    ellipse(0.42, -0.2, 0.30, 0.17, 120, 12),
    ellipse(0.42, -0.2, 0.20, 0.10, 230, 0),
    ellipse(0.42, -0.2, 0.10, 0.10, 30, 0),
    ellipse(0.0, 0.05, 0.10, 0.35, 215, 14),
    ellipse(0.0, 0.32, 0.22, 0.08, 130, 18),
    ellipse(0.0, 0.65, 0.42, 0.12, 90, 48),
    ellipse(0.0, 1.0, 0.4, 0.1, 170, 18),
];
/// How far the ellipses reach from the centre, in the same units: to both sides, up (the hair), down (the chin).
const REACH: (f32, f32, f32) = (1.02, 1.65, 1.3);
/// The face proper, brow to chin, as the labels of the real clips have it.
const BROW_TO_CHIN: (f32, f32) = (-0.5, 1.3);
/// Half width of the largest face, as a part of the picture's width: 70 px of 640.
const HALF_WIDTH_MAX: f32 = 0.11;
/// The smallest face beside the largest; both are found at a search width of 640.
const SMALLEST: f32 = 0.7;
/// How much of its field a face may fill, so that it has room to move.
const FIELD_FILLED_MAX: f32 = 0.8;
/// Space around a face in its field, in units of half its width: a detector's box is larger than the face, and must lie in the picture.
const MARGIN: f32 = 0.2;
/// Half width in pixels under which a face is a smudge, and is left out.
const HALF_WIDTH_MIN: f32 = 4.0;
/// Frames that a face takes from one side of its field to the other: 3 to 6 s at 30 fps, the pace of someone who walks about.
const CROSSING_FRAMES: std::ops::Range<u64> = 90..180;
/// Lattice of the background noise: one knot for so many pixels of width.
const KNOTS_ACROSS: usize = 20;
/// Luma of the background: darker than skin, brighter than hair.
const BACKGROUND_LUMA: std::ops::RangeInclusive<u8> = 80..=150;
/// Chroma of the background lies so far from neutral at most: a wall, not a rainbow.
const BACKGROUND_TINT: u8 = 10;

struct Ellipse {
    x: f32,
    y: f32,
    radius_x: f32,
    radius_y: f32,
    luma: u8,
    red: u8,
}

const fn ellipse(x: f32, y: f32, radius_x: f32, radius_y: f32, luma: u8, red: u8) -> Ellipse {
    Ellipse { x, y, radius_x, radius_y, luma, red }
}

impl Ellipse {
    fn contains(&self, x: f32, y: f32) -> bool {
        ((x - self.x) / self.radius_x).powi(2) + ((y - self.y) / self.radius_y).powi(2) <= 1.0
    }
}

/// Everything that the frames of one seed, number of faces and size have in common.
pub struct Scene {
    size: Size,
    background: Vec<u8>,
    faces: Vec<Face>,
}

struct Face {
    sprite: Sprite,
    /// Left-top corner of the place that belongs to this face alone, and the room to move in it.
    field: (usize, usize),
    room: (usize, usize),
    /// Frames of one crossing, across and down, and where in it frame 0 stands.
    crossing: (u64, u64),
    phase: (u64, u64),
}

impl Scene {
    /// Draws what does not move; some milliseconds per megapixel.
    pub fn new(seed: u64, n_faces: usize, size: Size) -> Scene {
        Scene { size, background: background(seed, size), faces: faces(seed, n_faces, size) }
    }

    /// The size of its pictures.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Frame `strip.number`, with its clock strip.
    pub fn draw(&self, strip: Strip, at: Ticks, pool: &PicturePool) -> Picture {
        let mut picture = pool.take(self.size, at);
        picture.as_bytes_mut().copy_from_slice(&self.background);
        for face in &self.faces {
            face.sprite.draw(&mut picture, face.place(strip.number));
        }
        draw_strip(&mut picture, strip);
        picture
    }

    /// Where the faces are in frame `n`, brow to chin and cheek to cheek.
    pub fn face_boxes(&self, n: u64) -> Vec<BoundingBox> {
        self.faces.iter().map(|face| face.sprite.face_box(face.place(n))).collect()
    }
}

/// Where the faces are in frame `n` of a scene, brow to chin and cheek to cheek.
pub fn face_boxes(seed: u64, n_faces: usize, n: u64, size: Size) -> Vec<BoundingBox> {
    faces(seed, n_faces, size).iter().map(|face| face.sprite.face_box(face.place(n))).collect()
}

impl Face {
    /// Left-top corner of the sprite in frame `n`: back and forth in its field, at a constant pace.
    fn place(&self, n: u64) -> (usize, usize) {
        let bounce = |crossing: u64, phase: u64, room: usize| {
            let step = (n % (2 * crossing) + phase) % (2 * crossing);
            let distance = if step < crossing { step } else { 2 * crossing - step };
            (distance * room as u64 / crossing) as usize
        };
        let (across, down) =
            (bounce(self.crossing.0, self.phase.0, self.room.0), bounce(self.crossing.1, self.phase.1, self.room.1));
        (self.field.0 + across, self.field.1 + down)
    }
}

/// Divides the picture under the clock strip into one field per face, so that faces never meet.
fn faces(seed: u64, n_faces: usize, size: Size) -> Vec<Face> {
    let top = strip_area(size).map_or(0, |area| area.bottom as usize);
    let (width, height) = (size.width(), size.height() - top);
    let fit = |columns: usize| {
        let (field_width, field_height) = (width / columns, height / n_faces.div_ceil(columns));
        (field_width as f32 / (2.0 * REACH.0)).min(field_height as f32 / (REACH.1 + REACH.2))
    };
    let Some(columns) = (1..=n_faces).max_by(|a, b| fit(*a).total_cmp(&fit(*b))) else { return Vec::new() };
    let largest = (fit(columns) * FIELD_FILLED_MAX).min(width as f32 * HALF_WIDTH_MAX);
    let (field_width, field_height) = (width / columns, height / n_faces.div_ceil(columns));
    let face = |idx: usize| {
        let shrink = (1.0 - SMALLEST) * idx as f32 / (n_faces - 1).max(1) as f32;
        let sprite = Sprite::new(largest * (1.0 - shrink));
        let margin = (MARGIN * sprite.half_width) as usize;
        let room = |field: usize, sprite: usize| field.saturating_sub(sprite + 2 * margin);
        let room = (room(field_width, sprite.width), room(field_height, sprite.height));
        let pick = |what: u64| {
            let random = random(seed, idx as u64, what);
            CROSSING_FRAMES.start + random % (CROSSING_FRAMES.end - CROSSING_FRAMES.start)
        };
        let field = (idx % columns * field_width + margin, top + idx / columns * field_height + margin);
        Face { sprite, field, room, crossing: (pick(1), pick(2)), phase: (pick(3), pick(4)) }
    };
    if largest * SMALLEST < HALF_WIDTH_MIN { Vec::new() } else { (0..n_faces).map(face).collect() }
}

/// One face in pixels. It is convex along rows, so a row is one run.
struct Sprite {
    half_width: f32,
    width: usize,
    height: usize,
    /// The covered run of each luma row, and the pixels of all rows.
    runs: Vec<std::ops::Range<usize>>,
    luma: Vec<u8>,
    /// The same for every second pixel: red difference.
    red_runs: Vec<std::ops::Range<usize>>,
    red: Vec<u8>,
}

impl Sprite {
    fn new(half_width: f32) -> Sprite {
        let (width, height) = ((2.0 * REACH.0 * half_width) as usize, ((REACH.1 + REACH.2) * half_width) as usize);
        let at = |x: usize, y: usize| {
            let (x, y) = ((x as f32 + 0.5) / half_width - REACH.0, (y as f32 + 0.5) / half_width - REACH.1);
            ELLIPSES.iter().rev().find(|ellipse| ellipse.contains(x, y))
        };
        let runs = (0..height).map(|y| run(width, |x| at(x, y).is_some())).collect();
        let luma = (0..width * height).map(|i| at(i % width, i / width).map_or(0, |ellipse| ellipse.luma)).collect();
        let (red_width, red_height) = (width / 2, height / 2);
        let red_runs = (0..red_height).map(|y| run(red_width, |x| at(2 * x, 2 * y).is_some())).collect();
        let red_at = |i: usize| at(2 * (i % red_width), 2 * (i / red_width)).map_or(0, |ellipse| ellipse.red);
        let red = (0..red_width * red_height).map(red_at).collect();
        Sprite { half_width, width, height, runs, luma, red_runs, red }
    }

    fn draw(&self, picture: &mut Picture, (left, top): (usize, usize)) {
        let stride = picture.size().width();
        let planes = picture.planes_mut();
        for (y, run) in self.runs.iter().enumerate() {
            let row = &mut planes.y[(top + y) * stride + left..];
            row[run.clone()].copy_from_slice(&self.luma[y * self.width..][run.clone()]);
        }
        for (y, run) in self.red_runs.iter().enumerate() {
            let from = (top / 2 + y) * (stride / 2) + left / 2;
            let red = &self.red[y * (self.width / 2)..][run.clone()];
            for (v, red) in planes.v[from..][run.clone()].iter_mut().zip(red) {
                *v = CHROMA_NEUTRAL + red;
            }
            for (u, red) in planes.u[from..][run.clone()].iter_mut().zip(red) {
                *u = CHROMA_NEUTRAL - red / 2;
            }
        }
    }

    fn face_box(&self, (left, top): (usize, usize)) -> BoundingBox {
        let from = |reach: f32| (reach * self.half_width) as u32;
        BoundingBox {
            x: left as u32 + from(REACH.0 - 1.0),
            y: top as u32 + from(REACH.1 + BROW_TO_CHIN.0),
            width: from(2.0),
            height: from(BROW_TO_CHIN.1 - BROW_TO_CHIN.0),
        }
    }
}

/// The run of covered pixels in a row that has only one.
fn run(width: usize, covered: impl Fn(usize) -> bool) -> std::ops::Range<usize> {
    let begin = (0..width).position(&covered).unwrap_or(width);
    let end = (begin..width).rposition(&covered).map_or(begin, |last| begin + last + 1);
    begin..end
}

fn background(seed: u64, size: Size) -> Vec<u8> {
    let mut bytes = vec![0; size.picture_len()];
    let (luma, chroma) = bytes.split_at_mut(size.luma_len());
    let (u, v) = chroma.split_at_mut(size.chroma_len());
    let tint = CHROMA_NEUTRAL - BACKGROUND_TINT..=CHROMA_NEUTRAL + BACKGROUND_TINT;
    fill_noise(luma, size.width(), seed ^ 1, BACKGROUND_LUMA);
    fill_noise(u, size.width() / 2, seed ^ 2, tint.clone());
    fill_noise(v, size.width() / 2, seed ^ 3, tint);
    bytes
}

/// Random values on a lattice of knots, blended smoothly between them.
fn fill_noise(plane: &mut [u8], width: usize, seed: u64, range: std::ops::RangeInclusive<u8>) {
    let spacing = (width / KNOTS_ACROSS).max(2);
    let (low, high) = (f32::from(*range.start()), f32::from(*range.end()));
    let knot = |column: usize, row: usize| {
        let unit = (random(seed, column as u64, row as u64) >> 40) as f32 / (1u32 << 24) as f32;
        low + (high - low) * unit
    };
    let blend = |position: usize| {
        let t = (position % spacing) as f32 / spacing as f32;
        t * t * (3.0 - 2.0 * t)
    };
    let across: Vec<(usize, f32)> = (0..width).map(|x| (x / spacing, blend(x))).collect();
    for (y, row) in plane.chunks_exact_mut(width).enumerate() {
        let (knot_y, down) = (y / spacing, blend(y));
        let knots: Vec<f32> =
            (0..width / spacing + 2).map(|x| knot(x, knot_y) + (knot(x, knot_y + 1) - knot(x, knot_y)) * down).collect();
        for (pixel, (knot, blend)) in row.iter_mut().zip(&across) {
            *pixel = (knots[*knot] + (knots[knot + 1] - knots[*knot]) * blend) as u8;
        }
    }
}

/// A well-mixed number for a seed and two indices (the finaliser of SplitMix64).
fn random(seed: u64, a: u64, b: u64) -> u64 {
    let mut z = seed.wrapping_add(a.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_add(b.wrapping_mul(0xD1B5_4A32_D192_ED03));
    for multiplier in [0xBF58_476D_1CE4_E5B9u64, 0x94D0_49BB_1331_11EB] {
        z = (z ^ (z >> 30)).wrapping_mul(multiplier);
    }
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(width: u32, height: u32) -> Size {
        Size::new(width, height).expect("an even size")
    }

    fn overlap(a: BoundingBox, b: BoundingBox) -> bool {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    }

    #[test]
    fn a_frame_is_a_function_of_seed_and_number() {
        let (pool, strip) = (PicturePool::default(), Strip { unix_ms: 1, number: 40 });
        let draw = |seed| Scene::new(seed, 2, size(320, 240)).draw(strip, Ticks(0), &pool).as_bytes().to_vec();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn a_face_moves_a_little_with_every_frame() {
        let (scene, frames) = (Scene::new(1, 1, size(640, 480)), 0..1000u64);
        let boxes: Vec<BoundingBox> = frames.map(|n| scene.face_boxes(n)[0]).collect();
        let steps = boxes.windows(2).map(|pair| pair[0].x.abs_diff(pair[1].x).max(pair[0].y.abs_diff(pair[1].y)));
        assert!(steps.max().is_some_and(|step| (1..=8).contains(&step)));
        assert!(boxes.iter().map(|face| face.x).max() > boxes.iter().map(|face| face.x + 200).min());
    }

    #[test]
    fn a_tiny_picture_has_no_faces_and_does_no_harm() {
        let picture = Scene::new(1, 12, size(2, 2)).draw(Strip { unix_ms: 1, number: u64::MAX }, Ticks(0), &PicturePool::default());
        assert_eq!(picture.as_bytes().len(), 6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn faces_keep_inside_the_picture_and_off_the_strip_and_each_other(
            half in (40u32..500, 20u32..400), seed: u64, n: u64, n_faces in 0usize..=12,
        ) {
            let size = size(half.0 * 2, half.1 * 2);
            let strip = Strip { unix_ms: 1_795_191_552_123, number: n };
            let scene = Scene::new(seed, n_faces, size);
            let picture = scene.draw(strip, Ticks(0), &PicturePool::default());
            if strip_area(size).is_some() {
                let read = crate::picture::strip::read_strip(&picture);
                prop_assert_eq!(read, Some(Strip { number: n & 0xFF_FFFF, ..strip }));
            }
            let boxes = scene.face_boxes(n);
            prop_assert_eq!(&boxes, &face_boxes(seed, n_faces, n, size));
            for (idx, a) in boxes.iter().enumerate() {
                prop_assert!((a.x + a.width) as usize <= size.width() && (a.y + a.height) as usize <= size.height());
                prop_assert!(a.y as i64 >= strip_area(size).map_or(0, |area| area.bottom));
                prop_assert!(boxes[idx + 1..].iter().all(|b| !overlap(*a, *b)));
            }
        }
    }
}
