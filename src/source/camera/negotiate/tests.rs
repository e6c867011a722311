//! The table: a camera's list in one line, a request, and what comes of it.

use super::*;
use proptest::prelude::*;

const WEBCAM: &str =
    "YUYV 640x480 30 15; YUYV 1280x720 10; YUYV 1920x1080 5; MJPEG 640x480 30; MJPEG 1280x720 60 30; MJPEG 1920x1080 30";

/// `PIXELS WxH fps…; …`
fn formats(text: &str) -> Vec<DeviceFormat> {
    let one = |text: &str| {
        let mut words = text.split_whitespace();
        let pixels = words.next().expect("pixels").to_owned();
        let (width, height) = words.next().expect("size").split_once('x').expect("WxH");
        let number = |text: &str| text.parse::<u32>().expect("a number");
        let fps = words.map(|word| match word.split_once('/') {
            Some((num, den)) => f64::from(number(num)) / f64::from(number(den)),
            None => word.parse().expect("fps"),
        });
        DeviceFormat { pixels, width: number(width), height: number(height), fps: fps.collect() }
    };
    text.split(';').map(str::trim).filter(|text| !text.is_empty()).map(one).collect()
}

/// `WxH@num/den`, either part may be absent.
fn request(text: &str) -> FormatRequest {
    let (size, rate) = text.split_once('@').unwrap_or((text, ""));
    let size = size.split_once('x').map(|(w, h)| Size::new(w.parse().expect("w"), h.parse().expect("h")).expect("even"));
    let fraction = |text: &str| {
        let (num, den) = text.split_once('/').unwrap_or((text, "1"));
        FrameRate { num: num.parse().expect("num"), den: den.parse().expect("den") }
    };
    FormatRequest { size, rate: (!rate.is_empty()).then(|| fraction(rate)) }
}

fn check(list: &str, asked: &str, expect: &str) {
    let got = match negotiate(&formats(list), request(asked)) {
        Ok(choice) => {
            let FrameRate { num, den } = choice.rate;
            let rate = if den == 1 { num.to_string() } else { format!("{num}/{den}") };
            format!("{} {}x{}@{rate}: {}", choice.pixels.name(), choice.width, choice.height, choice.reason)
        }
        Err(clause) => format!("error: {clause}"),
    };
    assert_eq!(got, expect, "{list} asked for {asked:?}");
}

#[test]
fn a_camera_is_asked_for_vga_at_30_raw_when_it_can() {
    check(WEBCAM, "", "YUYV 640x480@30: 640x480 as asked, 30 fps as asked, YUYV because it needs no decoding");
    check(
        "MJPEG 640x480 30; NV12 640x480 30; YUYV 640x480 30",
        "",
        "NV12 640x480@30: 640x480 as asked, 30 fps as asked, NV12 because it needs no decoding",
    );
}

#[test]
fn mjpeg_comes_before_raw_that_is_too_slow() {
    check(WEBCAM, "1280x720@30", "MJPEG 1280x720@30: 1280x720 as asked, 30 fps as asked, MJPEG because YUYV gives 10 fps there");
    check(WEBCAM, "1920x1080", "MJPEG 1920x1080@30: 1920x1080 as asked, 30 fps as asked, MJPEG because YUYV gives 5 fps there");
    check(WEBCAM, "1280x720@10", "YUYV 1280x720@10: 1280x720 as asked, 10 fps as asked, YUYV because it needs no decoding");
}

#[test]
fn the_nearest_size_that_covers_the_wish_is_taken_else_the_largest() {
    check(
        WEBCAM,
        "1024x576@30",
        "MJPEG 1280x720@30: 1280x720 is the nearest size that covers 1024x576, 30 fps as asked, MJPEG because YUYV gives 10 fps there",
    );
    check(
        WEBCAM,
        "3840x2160@30",
        "MJPEG 1920x1080@30: 1920x1080 is the largest, 3840x2160 was asked, 30 fps as asked, MJPEG because YUYV gives 5 fps there",
    );
}

#[test]
fn the_nearest_rate_is_taken_the_higher_of_two() {
    check(
        "YUYV 640x480 15/2 25 15",
        "@8",
        "YUYV 640x480@15/2: 640x480 as asked, 7.50 fps is the nearest to 8 at that size, YUYV is all there is",
    );
    check(
        "YUYV 640x480 25 15",
        "@20",
        "YUYV 640x480@25: 640x480 as asked, 25 fps is the nearest to 20 at that size, YUYV is all there is",
    );
    check(
        WEBCAM,
        "1280x720@120",
        "MJPEG 1280x720@60: 1280x720 as asked, 60 fps is the nearest to 120 at that size, MJPEG because YUYV gives 10 fps there",
    );
}

#[test]
fn ntsc_rates_stay_exact_and_count_as_30() {
    check(
        "YUYV 640x480 30000/1001; MJPEG 640x480 30",
        "",
        "YUYV 640x480@30000/1001: 640x480 as asked, 29.97 fps as asked, YUYV because it needs no decoding",
    );
}

#[test]
fn grey_is_for_infrared_cameras_only() {
    check(
        "GREY 640x360 30",
        "",
        "GREY 640x360@30: 640x360 is the largest, 640x480 was asked, 30 fps as asked, GREY is all there is",
    );
    check(
        "GREY 640x480 30; YUYV 320x240 30",
        "",
        "YUYV 320x240@30: 320x240 is the largest, 640x480 was asked, 30 fps as asked, YUYV is all there is",
    );
}

#[test]
fn a_format_without_rates_is_taken_at_the_rate_asked() {
    check("YUYV 640x480", "@12", "YUYV 640x480@12: 640x480 as asked, 12 fps as asked, YUYV is all there is");
}

#[test]
fn odd_sizes_can_be_used() {
    check(
        "YUYV 641x481 30",
        "",
        "YUYV 641x481@30: 641x481 is the nearest size that covers 640x480, 30 fps as asked, YUYV is all there is",
    );
}

#[test]
fn unknown_formats_are_never_chosen_and_named_when_there_is_nothing_else() {
    check(
        "H264 640x480 30; YUYV 320x240 30",
        "",
        "YUYV 320x240@30: 320x240 is the largest, 640x480 was asked, 30 fps as asked, YUYV is all there is",
    );
    check(
        "H264 640x480 30; UYVY 1280x720 30",
        "",
        "error: none of its formats can be used (MJPEG, YUYV, NV12 or GREY), it has UYVY 1280x720, H264 640x480",
    );
    check("", "", "error: it lists no format");
    check(
        "YUYV 0x480 30; NV12 9000x480 30; MJPEG 640x480 0",
        "",
        "error: none of its formats can be used (MJPEG, YUYV, NV12 or GREY), it has NV12 9000x480, MJPEG 640x480, YUYV 0x480",
    );
}

#[test]
fn a_full_bus_leaves_mjpeg() {
    let left = only_mjpeg(&formats(WEBCAM));
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|format| format.pixels == "MJPEG"));
}

#[test]
fn numbers_that_are_no_rate_are_refused() {
    for fps in [0.0, -5.0, f64::NAN, f64::INFINITY, 1e9] {
        assert_eq!(exact_rate(fps), None, "{fps}");
    }
}

proptest! {
    #[test]
    fn a_drivers_fraction_survives_its_floating_point_form(num in 1u32..1_000_000, den in 1u32..10_000) {
        prop_assume!((0.01..=1000.0).contains(&(f64::from(num) / f64::from(den))));
        let rate = exact_rate(f64::from(num) / f64::from(den)).expect("a rate");
        prop_assert_eq!(u64::from(rate.num) * u64::from(den), u64::from(rate.den) * u64::from(num));
    }
}
