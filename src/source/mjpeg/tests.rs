//! With real JPEGs, made by FFmpeg's own encoder.

use super::MjpegDecoder;
use crate::{
    picture::{Picture, PicturePool, Size},
    time::Ticks,
};
use ffmpeg_next::{
    Packet, Rational, codec, frame,
    util::{color, format::Pixel},
};

/// A JPEG of two flat halves, left and right, of the given full-range colours.
fn jpeg(size: (u32, u32), format: Pixel, left: [u8; 3], right: [u8; 3]) -> Vec<u8> {
    ffmpeg_next::init().expect("ffmpeg");
    let codec = codec::encoder::find(codec::Id::MJPEG).expect("an mjpeg encoder");
    let mut encoder = codec::context::Context::new_with_codec(codec).encoder().video().expect("video");
    encoder.set_width(size.0);
    encoder.set_height(size.1);
    encoder.set_format(format);
    encoder.set_color_range(color::Range::JPEG);
    encoder.set_time_base(Rational(1, 30));
    let options = [("qmin", "1"), ("qmax", "1")].into_iter().collect();
    let mut encoder = encoder.open_with(options).expect("opens");
    let mut frame = frame::Video::new(format, size.0, size.1);
    frame.set_color_range(color::Range::JPEG);
    frame.set_pts(Some(0));
    for index in 0..frame.planes() {
        let (stride, width) = (frame.stride(index), frame.plane_width(index) as usize);
        for row in frame.data_mut(index).chunks_mut(stride) {
            let (near, far) = row.split_at_mut((width / 2).min(row.len()));
            near.fill(left[index]);
            far.fill(right[index]);
        }
    }
    encoder.send_frame(&frame).expect("a frame");
    encoder.send_eof().expect("the end");
    let mut packet = Packet::empty();
    encoder.receive_packet(&mut packet).expect("a packet");
    packet.data().expect("bytes").to_vec()
}

fn decode(decoder: &mut MjpegDecoder, bytes: &[u8]) -> Result<Picture, String> {
    decoder.decode(bytes, Ticks(7), &PicturePool::default())
}

fn decoder() -> MjpegDecoder {
    MjpegDecoder::open().expect("opens")
}

/// Every sample of both halves within one step of what full range `left` and `right` are in limited range.
fn assert_halves(picture: &Picture, left: [u8; 3], right: [u8; 3]) {
    let planes = picture.planes();
    let width = picture.size().width();
    for (n, (plane, width)) in [(planes.y, width), (planes.u, width / 2), (planes.v, width / 2)].into_iter().enumerate() {
        for row in plane.chunks(width) {
            for (at, expect) in [(0, left[n]), (width / 2 - 1, left[n]), (width / 2, right[n]), (width - 1, right[n])] {
                assert!(row[at].abs_diff(expect) <= 1, "plane {n}, column {at}: {} for {expect}", row[at]);
            }
        }
    }
}

#[test]
fn every_subsampling_gives_the_colours_in_limited_range() {
    let mut decoder = decoder();
    for format in [Pixel::YUVJ420P, Pixel::YUVJ422P, Pixel::YUVJ444P] {
        let bytes = jpeg((64, 32), format, [0, 100, 200], [255, 128, 60]);
        let picture = decode(&mut decoder, &bytes).expect("a picture");
        assert_eq!((picture.size(), picture.at), (Size::new(64, 32).expect("even"), Ticks(7)));
        assert_halves(&picture, [16, 103, 191], [235, 128, 68]);
    }
}

#[test]
fn a_buffer_with_a_stale_tail_is_cut() {
    let mut decoder = decoder();
    let bytes = jpeg((64, 32), Pixel::YUVJ422P, [128; 3], [128; 3]);
    let buffer = [&bytes[..], &jpeg((64, 32), Pixel::YUVJ422P, [0; 3], [0; 3]), &[0xFF; 5000]].concat();
    assert_halves(&decode(&mut decoder, &buffer).expect("a picture"), [126, 128, 128], [126, 128, 128]);
    assert_eq!(decoder.truncated(), 0);
}

#[test]
fn a_missing_end_is_completed_and_counted() {
    let mut decoder = decoder();
    let bytes = jpeg((64, 32), Pixel::YUVJ422P, [128; 3], [128; 3]);
    assert_halves(&decode(&mut decoder, &bytes[..bytes.len() - 2]).expect("a picture"), [126, 128, 128], [126, 128, 128]);
    assert_eq!(decoder.truncated(), 1);
}

#[test]
fn half_a_jpeg_never_stops_the_next_one() {
    let mut decoder = decoder();
    let bytes = jpeg((64, 32), Pixel::YUVJ422P, [40, 90, 200], [220, 128, 60]);
    for cut in 0..bytes.len() {
        if let Ok(picture) = decode(&mut decoder, &bytes[..cut]) {
            assert_eq!(picture.size(), Size::new(64, 32).expect("even"));
        }
    }
    assert_halves(&decode(&mut decoder, &bytes).expect("a picture"), [50, 95, 191], [205, 128, 68]);
}

#[test]
fn a_camera_that_changes_its_size_gives_pictures_of_the_new_size() {
    let mut decoder = decoder();
    for size in [(64, 32), (128, 64), (64, 32)] {
        let bytes = jpeg(size, Pixel::YUVJ420P, [128; 3], [128; 3]);
        assert_eq!(decode(&mut decoder, &bytes).expect("a picture").size(), Size::new(size.0, size.1).expect("even"));
    }
}

#[test]
fn an_odd_size_loses_its_last_column_and_row() {
    let bytes = jpeg((63, 31), Pixel::YUVJ420P, [128; 3], [128; 3]);
    let picture = decode(&mut decoder(), &bytes).expect("a picture");
    assert_eq!(picture.size(), Size::new(62, 30).expect("even"));
    assert_halves(&picture, [126, 128, 128], [126, 128, 128]);
}

#[test]
fn an_absurd_size_is_refused_before_it_is_decoded() {
    let mut bytes = jpeg((64, 32), Pixel::YUVJ420P, [128; 3], [128; 3]);
    let header = bytes.windows(2).position(|two| two == [0xFF, 0xC0]).expect("a frame header");
    bytes[header + 5..header + 9].copy_from_slice(&[0xFF; 4]);
    assert_eq!(decode(&mut decoder(), &bytes).expect_err("refused"), "its JPEG says 65535x65535");
}

#[test]
fn noise_in_the_pixels_is_survived() {
    let mut decoder = decoder();
    let bytes = jpeg((64, 32), Pixel::YUVJ422P, [40, 90, 200], [220, 128, 60]);
    for n in 0..bytes.len() {
        let mut noisy = bytes.clone();
        noisy[n] ^= 0x5A;
        let _shown_or_damaged = decode(&mut decoder, &noisy);
    }
    assert!(decode(&mut decoder, &bytes).is_ok());
}
