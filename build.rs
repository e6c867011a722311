//! Brings into the binary what is not Rust: the viewer's players from npm, and OpenCV's frontal-face cascades.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Where distributions put OpenCV's data files. `HLSCAM_CASCADE_DIR` comes first.
const CASCADE_DIRS: [&str; 6] = include!("src/detect/cascade_dirs.in");

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let modules = root.join("web/node_modules");
    for (from, to) in [("hls.js/dist/hls.min.js", "hls.js"), ("dashjs/dist/modern/esm/dash.mediaplayer.min.js", "dash.js")] {
        embed(&modules.join(from), &out.join(to), "run `npm ci` in web/, or build with `make`");
    }
    if env::var_os("CARGO_FEATURE_OPENCV").is_some() {
        println!("cargo::rerun-if-env-changed=HLSCAM_CASCADE_DIR");
        // Of OpenCV's frontal-face cascades the one that finds most and invents least for its cost, and one that is asked for its opinion;
        // docs/detection.md has the numbers.
        for (name, to) in [("haarcascade_frontalface_alt2.xml", "face.xml"), ("haarcascade_frontalface_default.xml", "opinion.xml")]
        {
            let dirs = env::var("HLSCAM_CASCADE_DIR").into_iter().chain(CASCADE_DIRS.map(String::from));
            let found = dirs.map(|dir| Path::new(&dir).join(name)).find(|path| path.exists());
            let path = found.unwrap_or_else(|| Path::new(CASCADE_DIRS[0]).join(name));
            embed(&path, &out.join(to), "install opencv-data, or set HLSCAM_CASCADE_DIR to the folder that has it");
        }
    }
}

fn embed(from: &Path, to: &Path, remedy: &str) {
    println!("cargo::rerun-if-changed={}", from.display());
    if let Err(error) = fs::copy(from, to) {
        println!("cargo::error=cannot embed {}: {error}; {remedy}", from.display());
        std::process::exit(1);
    }
}
