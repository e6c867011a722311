//! Whole playlists, to the letter.

use super::*;
use crate::{
    time::WallTime,
    window::feed::{BEGIN, Feed, config},
};
use std::io::Read;

fn text(feed: &Feed, kind: Kind) -> String {
    feed.read(|state| {
        let page = state.page(kind).expect("there is a segment");
        let plain = String::from_utf8(page.plain().concat()).unwrap();
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(page.packed().concat().as_slice()).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain);
        plain
    })
}

fn check(feed: &Feed, kind: Kind, golden: &str) {
    let expect = golden.trim_start().replace("\n    ", "\n");
    let got = text(feed, kind);
    assert_eq!(got, expect.trim_end_matches(' '), "\n{got}");
}

#[test]
fn before_the_first_whole_segment_there_is_no_playlist() {
    let mut feed = Feed::new(config());
    feed.push("K...");
    for kind in [Kind::Multivariant, Kind::Video(Extent::Full), Kind::IFrames(Extent::Full)] {
        assert!(feed.read(|state| state.page(kind).is_none()));
    }
}
