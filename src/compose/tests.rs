use super::{font::GLYPH_HEIGHT, text::draw_text, *};
use crate::{
    detect::{kind::Kind, track::Tracked},
    picture::{
        BoundingBox, KeepClear, LUMA_BLACK, LUMA_WHITE, Picture, Size,
        strip::{self, Strip},
    },
    time::{Span, Ticks, WallTime},
};
use proptest::prelude::*;

fn black(width: u32, height: u32) -> Picture {
    Picture::black(Size::new(width, height).expect("an even size"), Ticks(0))
}

fn found(x: u32, y: u32, width: u32, height: u32) -> Tracked {
    Tracked { id: 17, kind: Kind::FACE, confidence: 0.5, area: BoundingBox { x, y, width, height } }
}

/// Luma as text, a character per pixel: `.` black, `#` brighter than the middle, `-` between.
fn luma_dump(picture: &Picture) -> String {
    let symbol = |luma: &u8| match luma {
        ..=LUMA_BLACK => '.',
        17..128 => '-',
        _ => '#',
    };
    dump(picture.planes().y, picture.size().width(), symbol)
}

fn dump(plane: &[u8], width: usize, symbol: impl Fn(&u8) -> char) -> String {
    plane.chunks(width).map(|row| row.iter().map(&symbol).collect::<String>() + "\n").collect()
}

#[track_caller]
fn check(actual: &str, expect: &str) {
    let expect: String = expect.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| line.to_owned() + "\n").collect();
    assert_eq!(actual, expect, "\n{actual}");
}

/// Compares with a whole file; `UPDATE_GOLDEN=1 cargo test` writes it.
#[track_caller]
fn check_golden(actual: &str, name: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/compose/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("the golden file can be written");
    }
    check(actual, &std::fs::read_to_string(&path).expect("the golden file is there"));
}

#[test]
fn a_box_is_an_outline_in_all_three_planes() {
    let mut picture = black(20, 14);
    draw_boxes(&mut picture, &[found(3, 2, 11, 8)], KeepClear::Nothing);
    check(
        &luma_dump(&picture),
        "....................
         ....................
         ..############......
         ..############......
         ..##........##......
         ..##........##......
         ..##........##......
         ..##........##......
         ..############......
         ..############......
         ....................
         ....................
         ....................
         ....................",
    );
    let chroma = "..........
         .gggggg...
         .g....g...
         .g....g...
         .gggggg...
         ..........
         ..........";
    check(&dump(picture.planes().u, 10, |u| if *u == 54 { 'g' } else { '.' }), chroma);
    check(&dump(picture.planes().v, 10, |v| if *v == 34 { 'g' } else { '.' }), chroma);
}

#[test]
fn kinds_have_their_colours() {
    let colour = |kind: &str| {
        let mut picture = black(8, 8);
        let kind = Kind::named(kind).expect("a kind");
        draw_boxes(&mut picture, &[Tracked { kind, ..found(0, 0, 8, 8) }], KeepClear::Nothing);
        (picture.planes().y[0], picture.planes().u[0], picture.planes().v[0])
    };
    assert_eq!([colour("profile"), colour("cat")], [(170, 166, 16), (146, 53, 193)]);
    assert_eq!(colour("my-cascade"), colour("cat"));
}

#[test]
fn a_box_is_cut_at_the_edges() {
    let mut picture = black(10, 6);
    let reach = |x, y| found(x, y, u32::MAX - 1, 60);
    draw_boxes(&mut picture, &[reach(4, 2), reach(u32::MAX, u32::MAX)], KeepClear::Nothing);
    check(
        &luma_dump(&picture),
        "..........
         ..........
         ....######
         ....######
         ....##....
         ....##....",
    );
}

#[test]
fn lines_are_thicker_in_a_higher_picture() {
    for (height, line) in [(240, 2), (480, 2), (720, 2), (1080, 3), (2160, 6)] {
        let mut picture = black(64, height);
        draw_boxes(&mut picture, &[found(0, 0, 64, 200)], KeepClear::Nothing);
        let column = picture.planes().y.chunks(64).take(100).filter(|row| row[32] != LUMA_BLACK);
        assert_eq!(column.count(), line, "{height} lines");
    }
}

#[test]
fn every_character_can_be_read() {
    let mut picture = black(72, 66);
    let lines =
        ["Quick brown", "fox jumps ov", "er LAZY dogs", "0123456789", "!\"#$%&'()*+,", "-./:;<=>?@[\\", "]^_`{|}~·\u{1F600}"];
    for (idx, line) in lines.iter().enumerate() {
        draw_text(&mut picture, line, (0, idx as i64 * 9 + 1), 1, KeepClear::Nothing);
    }
    check_golden(&luma_dump(&picture), "alphabet.txt");
}

#[test]
fn labels_stand_beside_their_boxes_and_the_time_in_the_corner() {
    let mut picture = Picture::black(Size::new(176, 80).expect("even"), Ticks(0));
    picture.planes_mut().y.fill(60);
    draw_labels(&mut picture, &[found(10, 20, 40, 40), found(150, 4, 20, 30), found(70, 2, 40, 78)], KeepClear::Nothing);
    draw_clock(&mut picture, "2026-11-24 05:51:48+01:00", KeepClear::Nothing);
    check_golden(&luma_dump(&picture), "captions.txt");
}

#[test]
fn a_label_keeps_off_a_clock_strip() {
    let mut picture = black(320, 240);
    draw_labels(&mut picture, &[found(20, 34, 60, 60)], KeepClear::ClockStrip);
    let row_of_text = |row: &[u8]| row.contains(&LUMA_WHITE);
    let rows: Vec<usize> = (0..240).filter(|y| row_of_text(&picture.planes().y[y * 320..][..320])).collect();
    assert_eq!((rows.first(), rows.len()), (Some(&96), GLYPH_HEIGHT), "it stands below its box");
}

#[test]
fn a_slate_is_dark_and_says_since_when() {
    let mut picture = black(160, 60);
    picture.planes_mut().y[..160 * 10].fill(LUMA_WHITE);
    picture.planes_mut().u.fill(28);
    draw_slate(&mut picture, WallTime(1_795_191_552_999_999), Span::from_ms(12_999), KeepClear::Nothing);
    check_golden(&luma_dump(&picture), "slate.txt");
    assert_eq!((picture.planes().y[0], picture.planes().u[0], picture.planes().v[0]), (70, 103, 128));
}

proptest! {
    #[test]
    fn a_clock_strip_stays_readable_whatever_is_drawn(
        half in (40u32..400, 20u32..300), boxes in prop::collection::vec((0u32..900, 0u32..700, 1u32..900, 1u32..700), 0..6),
        place in (-50i64..900, -50i64..700), scale in 1usize..6,
    ) {
        let mut picture = black(half.0 * 2, half.1 * 2);
        let strip = Strip { unix_ms: 1_795_191_552_123, number: 99 };
        strip::draw_strip(&mut picture, strip);
        let readable = strip::read_strip(&picture);
        let boxes: Vec<_> = boxes.into_iter().map(|(x, y, width, height)| found(x, y, width, height)).collect();
        draw_boxes(&mut picture, &boxes, KeepClear::ClockStrip);
        draw_labels(&mut picture, &boxes, KeepClear::ClockStrip);
        draw_clock(&mut picture, "2026-11-24 05:51:48+01:00", KeepClear::ClockStrip);
        draw_text(&mut picture, "Text over everything", place, scale, KeepClear::ClockStrip);
        draw_slate(&mut picture, WallTime(0), Span::ZERO, KeepClear::ClockStrip);
        prop_assert_eq!(strip::read_strip(&picture), readable);
    }
}
