//! Whole playlists, to the letter.

use super::*;
use crate::{
    gzip::unpack,
    time::Clock,
    window::{
        WindowConfig,
        feed::{BEGIN, Feed, config},
        numbers::FirstNumbers,
        ranges::{DateRange, Origin},
    },
};
use proptest::prelude::*;
use std::{env, fs, path::Path};

/// The text of a playlist, written for this call.
pub(super) fn text(feed: &Feed, kind: Kind) -> String {
    text_of(&Playlists::new(feed.window.clone()), kind)
}

/// The text of the newest version of a playlist; the compressed ones are the same.
pub(super) fn text_of(playlists: &Playlists, kind: Kind) -> String {
    let page = newest(playlists, kind).expect("there is a segment");
    let plain = String::from_utf8(page.plain().concat()).unwrap();
    assert_eq!(unpack(&page.gzip().concat()), plain.as_bytes());
    plain
}

fn newest(playlists: &Playlists, kind: Kind) -> Option<Arc<RenderedPlaylist>> {
    playlists.page(kind, playlists.window().read(|state| state.version))
}

/// Compares with `tests/golden/NAME.m3u8`, or `.mpd`; `UPDATE_GOLDEN=1` writes it anew, for the diff to be reviewed.
pub(super) fn check(feed: &Feed, kind: Kind, golden: &str) {
    let extension = if kind == Kind::Manifest { "mpd" } else { "m3u8" };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{golden}.{extension}"));
    let got = text(feed, kind);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &got).unwrap();
    }
    assert_eq!(got, fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
}

const FULL: Kind = Kind::Video(Extent::Full);

pub(super) fn fed(script: &str) -> Feed {
    let mut feed = Feed::new(config());
    feed.push(script);
    feed
}

#[test]
fn before_the_first_whole_segment_there_is_no_playlist() {
    let feed = fed("K...");
    for kind in [Kind::Multivariant, FULL, Kind::IFrames(Extent::Full)] {
        assert!(newest(&Playlists::new(feed.window.clone()), kind).is_none());
    }
}

#[test]
fn the_first_playlist_has_one_segment_and_hints_the_next() {
    check(&fed("K....|"), FULL, "live_start");
}

/// Numbers beyond those of the run before, and a break before the first segment: a player goes on after a restart.
#[test]
fn a_run_after_another_begins_behind_a_discontinuity_with_numbers_that_grew() {
    let mut feed = Feed::new(WindowConfig { first: FirstNumbers::at(BEGIN), ..config() });
    feed.push("K....|");
    check(&feed, FULL, "next_run");
    check(&feed, Kind::IFrames(Extent::Full), "next_run_iframes");
    check(&feed, Kind::Manifest, "next_run");
    feed.push(&"K....|".repeat(13));
    let after = text(&feed, FULL);
    assert!(after.contains("#EXT-X-DISCONTINUITY-SEQUENCE:7769\n") && !after.contains("#EXT-X-DISCONTINUITY\n"), "{after}");
}

#[test]
fn a_steady_window_lists_the_parts_of_three_target_durations() {
    check(&fed(&format!("{}K.", "K..K.|".repeat(17))), FULL, "steady");
}

#[test]
fn a_new_format_begins_with_a_discontinuity_and_its_own_map() {
    let feed = fed("K....|K....|!K..|K....|!K");
    check(&feed, FULL, "discontinuity");
    check(&feed, Kind::IFrames(Extent::Full), "discontinuity_iframes");
}

#[test]
fn key_frames_behind_a_discontinuity_have_a_map_of_their_own_even_if_it_is_the_same() {
    check(&fed("K....|~K....|K....|K"), Kind::IFrames(Extent::Full), "discontinuity_same_map_iframes");
}

#[test]
fn removed_discontinuities_are_counted_and_the_map_in_force_stays() {
    let feed = fed(&format!("K....|!K....|!{}", "K....|".repeat(14)));
    check(&feed, FULL, "discontinuity_gone");
}

#[test]
fn a_delta_skips_what_lies_beyond_six_target_durations() {
    let feed = fed(&format!("{}K..", "K....|".repeat(12)));
    check(&feed, Kind::Video(Extent::Delta), "delta");
    check(&feed, Kind::IFrames(Extent::DeltaDates), "delta_iframes");
}

#[test]
fn a_delta_that_would_skip_nothing_is_the_full_playlist() {
    let feed = fed(&"K....|".repeat(7));
    assert_eq!(text(&feed, Kind::Video(Extent::Delta)), text(&feed, FULL));
}

#[test]
fn a_version_2_delta_leaves_out_old_date_ranges_and_tells_the_removed_ones() {
    let mut feed = fed(&"K....|".repeat(3));
    let range = |id: &str, from_s: i64, to_s: Option<i64>| DateRange {
        id: id.to_owned(),
        class: Some("face".to_owned()),
        start: BEGIN + Span::from_ms(from_s * 1000),
        end: to_s.map(|s| BEGIN + Span::from_ms(s * 1000)),
        extra: vec![("X-COUNT".to_owned(), "1".to_owned())],
    };
    assert!(feed.window.mark(range("gone", 1, Some(2)), Origin::Own));
    assert!(feed.window.mark(range("old", 2, None), Origin::Own));
    feed.push(&"K....|".repeat(12));
    assert!(feed.window.mark(range("new", 12, Some(13)), Origin::Own));
    assert!(!feed.window.mark(range("bad\"", 12, None), Origin::Own));
    check(&feed, FULL, "date_ranges");
    check(&feed, Kind::Video(Extent::DeltaDates), "date_ranges_delta");
}

#[test]
fn the_end_closes_the_growing_segment_and_takes_the_hint_away() {
    let mut feed = fed(&"K....|".repeat(3));
    feed.push("K.");
    feed.window.end();
    check(&feed, FULL, "ended");
    check(&feed, Kind::IFrames(Extent::Delta), "ended_iframes");
    feed.push("..|K");
    check(&feed, FULL, "ended");
}

#[test]
fn the_multivariant_playlist_declares_the_ceiling_and_is_raised_by_what_is_seen() {
    let mut feed = fed("K....|");
    check(&feed, Kind::Multivariant, "multivariant");
    feed.push("KKKKK|");
    assert_eq!(feed.read(|state| state.peaks.segment), 15_000 * 8);
    check(&feed, Kind::Multivariant, "multivariant_peak");
}

proptest! {
    /// Whatever was kept from the versions before, and however many were left out, is what is written anew.
    #[test]
    fn texts_kept_from_version_to_version_read_as_those_written_anew(
        steps in prop::collection::vec((prop::sample::select(vec!["K....|", "K..|", "!K....|", "~K.|", "K..", "K....|K....|K....|"]), 0..4u8, any::<bool>()), 1..40),
    ) {
        let mut feed = Feed::new(config());
        let playlists = Playlists::new(feed.window.clone());
        let mut is_open = false;
        for (n, (script, mark, is_asked)) in steps.iter().enumerate() {
            if is_open {
                feed.push("|");
            }
            feed.push(script);
            is_open = !script.ends_with('|');
            let at = |ms: u8| Some(feed.clock.wall() + Span::from_ms(i64::from(ms)));
            let (number, end) = if *mark == 2 { (n.saturating_sub(3), at(0)) } else { (n, at(mark % 2).filter(|_| *mark == 1)) };
            if *mark > 0 {
                let range = DateRange { id: format!("m-{number}"), class: None, start: BEGIN, end, extra: Vec::new() };
                feed.window.mark(range, Origin::Own);
            }
            for kind in [FULL, Kind::Video(Extent::DeltaDates), Kind::IFrames(Extent::Full), Kind::IFrames(Extent::Delta), Kind::Multivariant] {
                if *is_asked && newest(&playlists, kind).is_some() {
                    prop_assert_eq!(text_of(&playlists, kind), text(&feed, kind));
                }
            }
        }
    }
}

#[test]
fn who_publishes_does_not_wait_for_who_writes() {
    let mut feed = fed("K....|");
    let playlists = Playlists::new(feed.window.clone());
    let writes = lock(&playlists.texts);
    feed.push("K....|");
    assert!(
        feed.window.mark(DateRange { id: "m".to_owned(), class: None, start: BEGIN, end: None, extra: Vec::new() }, Origin::Own)
    );
    drop(writes);
    assert!(text_of(&playlists, FULL).contains("seg-r-2.m4s"));
}

#[test]
fn a_delta_of_a_day_is_small_and_a_version_is_rendered_once() {
    let mut feed = Feed::new(WindowConfig { span: Span::from_ms(86_400_000), target_duration_s: 2, segment_parts: 10, ..config() });
    feed.push(&"K.........|".repeat(3000));
    feed.push("K....");
    let playlists = Playlists::new(feed.window.clone());
    let page = |kind| newest(&playlists, kind).unwrap();
    let size = |kind| page(kind).gzip().iter().map(Bytes::len).sum::<usize>();
    let delta = size(Kind::Video(Extent::DeltaDates));
    assert!(delta < 3000 && size(FULL) < 3000 * 20, "{delta} bytes");
    assert!(Arc::ptr_eq(&page(FULL), &page(FULL)));
    assert_eq!(page(FULL).gzip().as_ptr(), page(FULL).gzip().as_ptr());
}
