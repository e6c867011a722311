//! The messages of a sender. Pure.
//!
//! The first is a text that says who comes and what is sent; a later text begins anew, with another size or another type. All others are
//! bytes: a piece of the file, or a frame behind its flags and its time stamp.

use crate::source::inbox::{Coding, Container, FrameCodec, SentFrame, Take};
use bytes::{Buf, Bytes};
use serde::Deserialize;

/// Longest text, in bytes: a token and a type.
pub(super) const TEXT_LEN_MAX: usize = 1024;
/// Longest message, in bytes: a key frame of 4K has less.
pub(super) const MESSAGE_LEN_MAX: usize = 4 << 20;
/// Longest type.
const TYPE_LEN_MAX: usize = 100;
/// Length of the random name of a page.
const PAGE_LEN: std::ops::RangeInclusive<usize> = 8..=64;
/// Pictures a second where the browser tells none.
const FPS_DEFAULT: f64 = 30.0;
/// Pictures a second at most.
const FPS_MAX: f64 = 120.0;
/// Before the bytes of a frame: flags, and the time stamp in microseconds, most significant byte first.
const FRAME_HEAD_LEN: usize = 9;
/// The flag of a key frame.
const KEY: u8 = 1;

/// What a sender begins with.
#[derive(Debug, PartialEq)]
pub(super) struct Hello {
    pub(super) token: String,
    pub(super) page: String,
    pub(super) takes_over: bool,
    pub(super) take: Take,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HelloText {
    token: String,
    page: String,
    #[serde(default)]
    take_over: bool,
    begin: BeginText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LaterText {
    begin: BeginText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginText {
    way: Way,
    #[serde(rename = "type")]
    media_type: String,
    #[serde(default)]
    fps: Option<f64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    Frames,
    File,
}

/// Reads the first text; what is wrong with it is a sentence.
pub(super) fn hello(text: &str) -> Result<Hello, String> {
    let HelloText { token, page, take_over, begin } = parse(text)?;
    if !PAGE_LEN.contains(&page.len()) || !page.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("the page's name is 8 to 64 letters and digits".to_owned());
    }
    Ok(Hello { token, page, takes_over: take_over, take: take(begin)? })
}

/// Reads a later text.
pub(super) fn later(text: &str) -> Result<Take, String> {
    parse::<LaterText>(text).and_then(|text| take(text.begin))
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    if text.len() > TEXT_LEN_MAX {
        return Err(format!("a text is longer than {TEXT_LEN_MAX} bytes"));
    }
    serde_json::from_str(text).map_err(|error| format!("a text is not the JSON that is wanted: {error}"))
}

fn take(begin: BeginText) -> Result<Take, String> {
    let BeginText { way, media_type, fps } = begin;
    let is_plain = media_type.len() <= TYPE_LEN_MAX && media_type.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let coding = coding(way, &media_type).filter(|_| is_plain).ok_or_else(|| {
        let shown: String = media_type.chars().take(TYPE_LEN_MAX).collect();
        format!("{shown:?} is no type that hlscam reads: it reads frames of H.264, VP8, VP9 and AV1, and MP4 and WebM files")
    })?;
    let fps = fps.filter(|fps| fps.is_finite() && *fps >= 1.0).unwrap_or(FPS_DEFAULT).min(FPS_MAX).round();
    Ok(Take { coding, media_type, fps: fps as u32 })
}

/// How that type is read, by what stands before its details.
fn coding(way: Way, media_type: &str) -> Option<Coding> {
    let lower = media_type.to_ascii_lowercase();
    let essence = |separator| lower.split(separator).next().unwrap_or_default().trim();
    match way {
        Way::Frames => Some(Coding::Frames(match essence('.') {
            "avc1" | "avc3" => FrameCodec::H264,
            "vp8" => FrameCodec::Vp8,
            "vp09" | "vp9" => FrameCodec::Vp9,
            "av01" => FrameCodec::Av1,
            _ => return None,
        })),
        Way::File => Some(Coding::Container(match essence(';') {
            "video/mp4" => Container::Mp4,
            "video/webm" | "video/x-matroska" => Container::WebM,
            _ => return None,
        })),
    }
}

/// Reads a frame.
pub(super) fn frame(mut message: Bytes) -> Result<SentFrame, String> {
    if message.len() <= FRAME_HEAD_LEN {
        return Err(format!("a frame has {} bytes, and {FRAME_HEAD_LEN} stand before its picture", message.len()));
    }
    let key = message.get_u8() & KEY != 0;
    let stamp_us = message.get_i64();
    Ok(SentFrame { stamp_us, key, data: message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(way: &str, media_type: &str, fps: &str) -> Result<Take, String> {
        later(&format!(r#"{{"begin":{{"way":"{way}","type":"{media_type}"{fps}}}}}"#))
    }

    #[test]
    fn a_type_tells_how_it_is_read() {
        let check = |way: &str, media_type: &str, expect: Coding| {
            let expect = Take { coding: expect, media_type: media_type.to_owned(), fps: 30 };
            assert_eq!(begun(way, media_type, ""), Ok(expect));
        };
        check("frames", "avc1.42e01f", Coding::Frames(FrameCodec::H264));
        check("frames", "vp8", Coding::Frames(FrameCodec::Vp8));
        check("frames", "vp09.00.10.08", Coding::Frames(FrameCodec::Vp9));
        check("frames", "av01.0.04M.08", Coding::Frames(FrameCodec::Av1));
        check("file", "video/mp4;codecs=avc1.42E01E", Coding::Container(Container::Mp4));
        check("file", "video/webm; codecs=vp8", Coding::Container(Container::WebM));
        check("file", "video/x-matroska;codecs=avc1", Coding::Container(Container::WebM));
        for (way, media_type) in [("frames", "hev1.1.6"), ("frames", "video/webm"), ("file", "avc1.42e01f"), ("file", "text/html")]
        {
            let told = begun(way, media_type, "").expect_err("it is not read");
            assert!(told.starts_with(&format!("{media_type:?} is no type that hlscam reads: ")), "{told}");
        }
        assert!(begun("file", &format!("video/mp4;{}", "x".repeat(100)), "").is_err(), "a long type fills no log");
    }

    #[test]
    fn a_rate_is_one_that_a_camera_may_have() {
        let fps = |text: &str| begun("frames", "vp8", text).map(|take| take.fps);
        let cases =
            [(r#","fps":29.97"#, 30), (r#","fps":0"#, 30), (r#","fps":null"#, 30), (r#","fps":1e9"#, 120), (r#","fps":-1"#, 30)];
        for (text, expect) in cases {
            assert_eq!(fps(text), Ok(expect), "{text}");
        }
        assert!(fps(r#","fps":"fast""#).is_err());
    }

    #[test]
    fn the_first_text_says_who_comes() {
        let check = |text: &str, expect: Result<(&str, &str, bool), &str>| {
            let read = hello(text);
            match (read, expect) {
                (Ok(read), Ok(expect)) => assert_eq!((read.token.as_str(), read.page.as_str(), read.takes_over), expect),
                (Err(told), Err(expect)) => assert!(told.starts_with(expect), "{text}: {told}"),
                (read, _) => panic!("{text}: {read:?}"),
            }
        };
        let begin = r#""begin":{"way":"file","type":"video/webm"}"#;
        check(&format!(r#"{{"token":"t","page":"0123456789ab",{begin}}}"#), Ok(("t", "0123456789ab", false)));
        check(&format!(r#"{{"token":"t","page":"0123456789ab","take_over":true,{begin}}}"#), Ok(("t", "0123456789ab", true)));
        check(&format!(r#"{{"token":"t","page":"short",{begin}}}"#), Err("the page's name is 8 to 64"));
        check(&format!(r#"{{"token":"t","page":"0123456789\nab",{begin}}}"#), Err("the page's name is"));
        check(
            &format!(r#"{{"page":"0123456789ab",{begin}}}"#),
            Err("a text is not the JSON that is wanted: missing field `token`"),
        );
        check("", Err("a text is not the JSON that is wanted: "));
        check(&format!(r#"{{"token":"{}"}}"#, "t".repeat(TEXT_LEN_MAX)), Err("a text is longer than 1024 bytes"));
    }

    #[test]
    fn a_frame_stands_behind_its_flags_and_its_time() {
        let frame_of = |bytes: &[u8]| frame(Bytes::copy_from_slice(bytes));
        let read = frame_of(&[1, 0, 0, 0, 0, 0, 1, 0x86, 0xa0, 9, 8]).expect("a frame");
        assert_eq!((read.key, read.stamp_us, &read.data[..]), (true, 100_000, &[9, 8][..]));
        assert!(!frame_of(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 9]).expect("a frame").key);
        for short in [&[][..], &[1; 9]] {
            assert!(frame_of(short).is_err());
        }
    }
}
