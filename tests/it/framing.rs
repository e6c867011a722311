//! `--rotate`, `--flip` and `--crop` through the real binary, against FFmpeg's filters of the same names.

use crate::{
    pipeline::frames,
    recording::run,
    support::{ffmpeg, media},
};
use hlscam::picture::{Picture, Size};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A picture that differs in every corner, as it is stored.
const STILL: &str = "testsrc2=size=320x240:rate=10:duration=0.1,loop=19:1,setpts=N/10/TB";

/// How far a plane may be from the other on average: what the encoder does at this bit rate.
const FAR_MAX: f64 = 2.0;

fn film(folder: &Path) -> Option<PathBuf> {
    let path = folder.join("film.mkv");
    let made = ["-v", "error", "-f", "lavfi", "-i", STILL, "-pix_fmt", "yuv420p", "-c:v", "ffv1", path.to_str()?];
    ffmpeg("ffmpeg", &made)?;
    Some(path)
}

fn hlscam(command: &str, options: &str) -> Command {
    let mut hlscam = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    hlscam.arg(command).args(options.split_whitespace());
    hlscam
}

/// How far the planes are from each other on average, the worst of three.
fn far(a: &Picture, b: &Picture) -> f64 {
    let (a, b) = (a.planes(), b.planes());
    let mean = |(a, b): (&[u8], &[u8])| a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64;
    [(a.y, b.y), (a.u, b.u), (a.v, b.v)].map(mean).into_iter().fold(0.0, f64::max)
}

#[test]
fn pictures_are_framed_as_filters_of_ffmpeg_do_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(film) = film(folder.path()) else { return };
    let film = film.to_str().expect("plain");
    let options = [
        ("--rotate 90", "transpose=clock", (240, 320)),
        ("--rotate 270 --flip v --crop 100x202+20+36", "transpose=cclock,vflip,crop=100:202:20:36", (100, 202)),
        ("--rotate 180 --crop 50%x50%", "hflip,vflip,crop=160:120:80:60", (160, 120)),
    ];
    std::thread::scope(|scope| {
        for (n, (options, filters, (width, height))) in options.into_iter().enumerate() {
            let (ours, theirs) = (folder.path().join(format!("ours{n}.mp4")), folder.path().join(format!("theirs{n}.mkv")));
            scope.spawn(move || {
                let size = Size::new(width, height).expect("even");
                let (out, wanted) = (ours.to_str().expect("plain"), theirs.to_str().expect("plain"));
                let fixed = "--once --detect none --overlay none --bitrate 8M";
                run(&mut hlscam("record", &format!("--device file:{film} {options} {fixed} --output {out}")), 0);
                ffmpeg("ffmpeg", &["-v", "error", "-i", film, "-vf", filters, "-c:v", "ffv1", wanted]);
                let (Some(ours), Some(theirs)) = (frames(&ours, size), frames(&theirs, size)) else { return };
                let far = far(ours.last().expect("some"), &theirs[0]);
                assert!(far < FAR_MAX, "{options}: {far}");
            });
        }
    });
}

#[test]
fn what_reaches_beyond_the_picture_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(film) = film(folder.path()) else { return };
    let told = "--crop 320x240 reaches beyond the picture, which is 240x320 where it is cut; make it smaller, or move it inside";
    let file = film.display();
    for (command, options) in [
        ("bench", format!("{file} --rotate 90 --crop 320x240 --detect none")),
        (
            "record",
            format!(
                "--device file:{file} --rotate 90 --crop 320x240 --detect none --output {}",
                folder.path().join("no.mp4").display()
            ),
        ),
        ("detect", format!("{file} --rotate 90 --crop 320x240")),
    ] {
        let output = run(&mut hlscam(command, &options), 1);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(told), "{command}: {said}");
    }
}

/// Somebody stands on their head, and is found when the picture is turned.
#[test]
fn faces_are_found_in_the_turned_picture() {
    let Some(media) = media() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (upright, turned) = (media.join("brother.mkv"), folder.path().join("turned.mkv"));
    let upside = ["-v", "error", "-i", upright.to_str().expect("plain"), "-frames:v", "10", "-vf", "hflip,vflip"];
    let lossless = ["-c:v", "ffv1", turned.to_str().expect("plain")];
    if ffmpeg("ffmpeg", &[&upside[..], &lossless].concat()).is_none() {
        return;
    }
    let found = |options: &str| {
        let output = run(&mut hlscam("detect", &format!("{} --json {options}", turned.display())), 0);
        String::from_utf8_lossy(&output.stdout).contains("\"kind\":\"face\"")
    };
    assert!(found("--rotate 180"));
}
