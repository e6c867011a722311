use super::*;
use crate::{
    detect::haar::{FACE_XML, find_system, parse},
    picture::{PicturePool, Size as PictureSize, strip::Strip},
    source::test::draw::Scene,
    time::Ticks,
};
use opencv::{
    core::{Mat, Rect, Vector},
    prelude::*,
};
use proptest::prelude::*;

fn face() -> &'static str {
    std::str::from_utf8(FACE_XML).expect("XML")
}

/// The windows in which OpenCV finds something, row by row.
fn passing_in_opencv(xml: &str, luma: &[u8], width: usize) -> Vec<(usize, usize)> {
    let mut classifier = parse(xml.as_bytes()).expect("a cascade");
    let window = classifier.get_original_window_size().expect("it has one");
    let plane = Mat::new_rows_cols_with_bytes::<u8>((luma.len() / width) as i32, width as i32, luma).expect("tight rows");
    let mut found: Vector<Rect> = Vector::new();
    classifier.detect_multi_scale(&plane, &mut found, 1.1, 0, 0, window, window).expect("it runs");
    let mut passing: Vec<_> = found.iter().map(|rect| (rect.x as usize, rect.y as usize)).collect();
    passing.sort_by_key(|(x, y)| (*y, *x));
    passing
}

/// A picture with two drawn faces, every `factor` pixels in each direction made one.
fn faces(factor: usize) -> (Vec<u8>, usize) {
    let (pool, scene) = (PicturePool::default(), Scene::new(640, 2, PictureSize::new(640, 480).expect("even")));
    let picture = scene.draw(Strip { unix_ms: 1_795_191_552_123, number: 0 }, Ticks(0), &pool);
    let (luma, width) = (picture.planes().y, 640 / factor);
    let pixel = |x: usize, y: usize| {
        let around = (0..factor * factor).map(|n| usize::from(luma[(y * factor + n / factor) * 640 + x * factor + n % factor]));
        (around.sum::<usize>() / (factor * factor)) as u8
    };
    ((0..480 / factor).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect(), width)
}

#[test]
fn the_same_windows_pass_as_in_opencv() {
    let mut cascade = Cascade::parse(face()).expect("upright");
    let mut n_passing = 0;
    // Wide pictures first, last and between, and odd widths: the sums of one must not be seen in another.
    for factor in [6, 5, 7, 9, 4, 8] {
        let (luma, width) = faces(factor);
        let passing = cascade.passing(&luma, width);
        assert_eq!(passing, passing_in_opencv(face(), &luma, width), "one of {factor} pixels");
        n_passing += passing.len();
    }
    assert!(n_passing > 4, "the faces pass in {n_passing} windows");
}

#[test]
fn trees_of_one_node_and_other_windows_pass_as_in_opencv() {
    for name in ["haarcascade_frontalface_default.xml", "haarcascade_profileface.xml", "haarcascade_eye.xml"] {
        let Ok(path) = find_system(name) else {
            crate::missing::left_out("opencv-data is not installed");
            return;
        };
        let xml = std::fs::read_to_string(path).expect("readable");
        let mut cascade = Cascade::parse(&xml).expect("upright");
        for factor in [5, 7] {
            let (luma, width) = faces(factor);
            assert_eq!(cascade.passing(&luma, width), passing_in_opencv(&xml, &luma, width), "{name}, one of {factor} pixels");
        }
    }
}

#[test]
fn what_is_no_upright_cascade_is_left_to_opencv() {
    assert!(Cascade::parse("").is_none());
    assert!(Cascade::parse("<opencv_storage></opencv_storage>").is_none());
    let whole = face();
    let broken = [
        ("<featureType>HAAR", "<featureType>LBP"),
        ("<rects>", "<tilted>1</tilted><rects>"),
        // A feature that is not there, a node that is not there, and one that leads back to itself.
        ("0 1 0 4.3272329494357109e-03", "0 1 9999 4.3272329494357109e-03"),
        ("0 1 0 4.3272329494357109e-03", "0 2 0 4.3272329494357109e-03"),
        ("-1 -2 1 1.3076160103082657e-02", "-1 1 1 1.3076160103082657e-02"),
        ("-1 -2 1 1.3076160103082657e-02", "-1 -9 1 1.3076160103082657e-02"),
        // A rectangle outside of the window.
        ("2 7 16 4 -1.", "2 7 19 4 -1."),
        ("2 7 16 4 -1.", "-2 7 16 4 -1."),
        ("2 7 16 4 -1.", "1e30 7 16 4 -1."),
    ];
    for (from, to) in broken {
        assert!(whole.contains(from), "{from} is in the file");
        assert!(Cascade::parse(&whole.replacen(from, to, 1)).is_none(), "{to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_picture_is_searched_as_by_opencv(width in 1_usize..70, luma in proptest::collection::vec(any::<u8>(), 0..1800), blocks in 1_usize..9) {
        // Blocks have the contrast that noise has not.
        prop_assume!(luma.len() >= width);
        let luma: Vec<u8> = (0..luma.len() / width * width).map(|at| luma[at / blocks * blocks]).collect();
        let mut cascade = Cascade::parse(face()).expect("upright");
        prop_assert_eq!(cascade.passing(&luma, width), passing_in_opencv(face(), &luma, width));
    }
}
