//! What hlscam finds and encodes with.

use super::Finding;
use crate::{
    detect::{self, CascadeSpec, DetectConfig, DetectorChoice, SYSTEM_CASCADES},
    encode::{self, EncodeConfig, Settings},
    picture::Size,
    time::FrameRate,
};

/// What could be opened, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Software {
    /// The detector of faces.
    faces: Result<(), String>,
    /// OpenCV's cascades that are not there, by our names; none where the build is without OpenCV.
    missing: Option<Vec<&'static str>>,
    /// The encoder, or the one in its place and why.
    encoder: Result<Option<String>, String>,
}

/// Opens each as a stream with the defaults does.
pub(super) fn read() -> Software {
    let detect_with = |cascade: CascadeSpec| DetectConfig {
        cascades: vec![cascade],
        by: DetectorChoice::Auto,
        model: None,
        fps: detect::FPS_DEFAULT,
        width: detect::WIDTH_DEFAULT,
    };
    let open = |cascade| detect::open(&detect_with(cascade)).map(drop).map_err(|error| error.to_string());
    let faces = open(CascadeSpec::Face);
    let names = SYSTEM_CASCADES.iter().map(|(name, _)| *name);
    let missing = || names.filter(|name| open(CascadeSpec::System(name)).is_err()).collect();
    let missing = cfg!(feature = "opencv").then(missing);
    let encoder = Size::new(640, 480).ok_or_else(|| "no size".to_owned()).and_then(|size| {
        let encode = EncodeConfig {
            encoder: encode::ENCODER_DEFAULT.to_owned(),
            preset: encode::PRESET_DEFAULT.to_owned(),
            bitrate: encode::BITRATE_DEFAULT,
        };
        let opened = encode::open(Settings { encode, size, rate: FrameRate::whole(30), gop_frames: 60 });
        opened.map(|(_, instead)| instead).map_err(|error| error.to_string())
    });
    Software { faces, missing, encoder }
}

/// Judges what could not be opened.
pub(super) fn judge(software: &Software) -> Vec<Finding> {
    let faces = match &software.faces {
        Ok(()) => Finding::ok("detection", "faces can be found"),
        Err(why) => Finding::failed("detection", one_sentence(why), "make setup && make, or stream with --detect none"),
    };
    let cascades = match software.missing.as_deref() {
        None => Finding::warning(
            "detection",
            "this build is without OpenCV, and finds nothing but faces",
            "build it with the feature opencv",
        ),
        Some([]) => Finding::ok("detection", "all cascades of OpenCV are there"),
        Some(missing) => Finding::warning(
            "detection",
            format!("--detect {} cannot be had: these cascades of OpenCV are not on this system", missing.join(", ")),
            install("opencv-data"),
        ),
    };
    let encoder = match &software.encoder {
        Ok(None) => Finding::ok("encoder", format!("{} encodes", encode::ENCODER_DEFAULT)),
        Ok(Some(why)) => Finding::warning("encoder", one_sentence(why), install("libavcodec-extra")),
        Err(why) => {
            let mend = format!("{}, and make with the feature ffmpeg", install("libavcodec-extra"));
            Finding::failed("encoder", one_sentence(why), mend)
        }
    };
    vec![faces, cascades, encoder]
}

/// What installs a package, by Debian's name of it.
fn install(package: &str) -> String {
    if cfg!(target_os = "linux") { format!("sudo apt install {package}") } else { format!("install what Debian calls {package}") }
}

/// Messages of libraries may have several lines.
fn one_sentence(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn what_cannot_be_opened_is_told_with_its_reason() {
        let all = Software { faces: Ok(()), missing: Some(vec![]), encoder: Ok(None) };
        let verdicts = |software: &Software| judge(software).iter().map(|finding| finding.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(&all), [Verdict::Ok; 3]);
        let none = Software {
            faces: Err("no\nOpenCV".to_owned()),
            missing: Some(vec!["eye", "cat"]),
            encoder: Err("no FFmpeg".to_owned()),
        };
        assert_eq!(verdicts(&none), [Verdict::Failed, Verdict::Warning, Verdict::Failed]);
        let told = judge(&none);
        assert_eq!(told[0].what, "no OpenCV");
        assert_eq!(told[1].what, "--detect eye, cat cannot be had: these cascades of OpenCV are not on this system");
        let without = Software { missing: None, ..all.clone() };
        assert_eq!(verdicts(&without), [Verdict::Ok, Verdict::Warning, Verdict::Ok]);
        let another = Software { encoder: Ok(Some("libx264 is not there".to_owned())), ..all };
        assert_eq!(verdicts(&another), [Verdict::Ok, Verdict::Ok, Verdict::Warning]);
    }
}
