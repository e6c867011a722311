//! The names of what the origin serves, below `/<stream>/`. Every media name carries the run, so no cache ever mixes two runs.

use crate::package::{InitId, Msn};

/// The multivariant playlist.
pub const MULTIVARIANT: &str = "index.m3u8";
/// The media playlist.
pub const VIDEO: &str = "video.m3u8";
/// The manifest of MPEG-DASH.
pub const MANIFEST: &str = "index.mpd";
/// The I-frame playlist.
pub const IFRAMES: &str = "iframes.m3u8";

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// The multivariant playlist.
    Multivariant,
    /// The media playlist.
    Video,
    /// The I-frame playlist.
    IFrames,
    /// The manifest of MPEG-DASH.
    Manifest,
    /// An init segment.
    Init(InitId),
    /// A segment.
    Segment(Msn),
    /// A part.
    Part(Msn, u32),
}

impl Name {
    /// The text of the name.
    pub fn text(self, run: &str) -> String {
        match self {
            Name::Multivariant => MULTIVARIANT.to_owned(),
            Name::Video => VIDEO.to_owned(),
            Name::IFrames => IFRAMES.to_owned(),
            Name::Manifest => MANIFEST.to_owned(),
            Name::Init(id) => format!("init-{run}-{}.mp4", id.0),
            Name::Segment(msn) => format!("seg-{run}-{}.m4s", msn.0),
            Name::Part(msn, index) => format!("part-{run}-{}.{index}.m4s", msn.0),
        }
    }

    /// What a name means, and the run in it, if it has one; `None` for all that [`Name::text`] does not write, to the letter.
    pub fn parse(text: &str) -> Option<(Name, Option<&str>)> {
        let (kind, rest) = match text {
            MULTIVARIANT => return Some((Name::Multivariant, None)),
            VIDEO => return Some((Name::Video, None)),
            IFRAMES => return Some((Name::IFrames, None)),
            MANIFEST => return Some((Name::Manifest, None)),
            _ => text.split_once('-')?,
        };
        let (run, rest) = rest.split_once('-')?;
        let name = match kind {
            "init" => Name::Init(InitId(number(rest.strip_suffix(".mp4")?)?.try_into().ok()?)),
            "seg" => Name::Segment(Msn(number(rest.strip_suffix(".m4s")?)?)),
            "part" => {
                let (msn, index) = rest.strip_suffix(".m4s")?.split_once('.')?;
                Name::Part(Msn(number(msn)?), number(index)?.try_into().ok()?)
            }
            _ => return None,
        };
        Some((name, Some(run)))
    }
}

/// Digits without sign and leading zeros: a resource has one name only.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_names_that_we_write_are_read() {
        let names = [Name::Init(InitId(1)), Name::Segment(Msn(7)), Name::Part(Msn(7), 0), Name::Video, Name::Manifest];
        assert_eq!(names.map(|name| name.text("r")), ["init-r-1.mp4", "seg-r-7.m4s", "part-r-7.0.m4s", "video.m3u8", "index.mpd"]);
        for bad in [
            "",
            "-",
            "seg",
            "seg-r-",
            "seg-r-.m4s",
            "seg-r-07.m4s",
            "seg-r-+7.m4s",
            "seg-r-7.m4s.none",
            "seg-r-7.mp4",
            "seg-r-99999999999999999999.m4s",
            "part-r-7.m4s",
            "part-r-7.4294967296.m4s",
            "init-r-4294967296.mp4",
            "SEG-r-7.m4s",
            "seg-r-%37.m4s",
            "../seg-r-7.m4s",
            "video.m3u8/",
            "seg-r-7.m4s\0",
        ] {
            assert_eq!(Name::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_read_back(run in "[0-9a-z]{1,8}", msn: u64, index: u32) {
            for name in [Name::Init(InitId(index)), Name::Segment(Msn(msn)), Name::Part(Msn(msn), index)] {
                let text = name.text(&run);
                prop_assert_eq!(Name::parse(&text), Some((name, Some(&run[..]))));
            }
            prop_assert_eq!(Name::parse(MULTIVARIANT), Some((Name::Multivariant, None)));
        }
    }
}
