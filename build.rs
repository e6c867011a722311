//! Brings into the binary what is not Rust: the viewer's players from npm, and OpenCV's frontal-face cascade.

use flate2::{Compression, write::GzEncoder};
use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Where distributions put OpenCV's data files. `HLSCAM_CASCADE_DIR` comes first.
const CASCADE_DIRS: [&str; 6] = include!("src/detect/cascade_dirs.in");

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let modules = root.join("web/node_modules");
    // Compressed as they are sent, which leaves 1 MB out of the binary.
    for (from, to) in [("hls.js/dist/hls.min.js", "hls.js.gz"), ("dashjs/dist/modern/esm/dash.mediaplayer.min.js", "dash.js.gz")] {
        embed(&modules.join(from), &out.join(to), gzip, "run `npm ci` in web/, or build with `make`");
    }
    if env::var_os("CARGO_FEATURE_OPENCV").is_some() {
        println!("cargo::rerun-if-env-changed=HLSCAM_CASCADE_DIR");
        // Of OpenCV's frontal-face cascades the one that finds most and invents least for its cost; docs/detection.md has the numbers.
        let name = "haarcascade_frontalface_alt2.xml";
        let dirs = env::var("HLSCAM_CASCADE_DIR").into_iter().chain(CASCADE_DIRS.map(String::from));
        let found = dirs.map(|dir| Path::new(&dir).join(name)).find(|path| path.exists());
        let path = found.unwrap_or_else(|| Path::new(CASCADE_DIRS[0]).join(name));
        embed(&path, &out.join("face.xml"), copy, "install opencv-data, or set HLSCAM_CASCADE_DIR to the folder that has it");
    }
}

fn embed(from: &Path, to: &Path, write: fn(&Path, &Path) -> io::Result<()>, remedy: &str) {
    println!("cargo::rerun-if-changed={}", from.display());
    if let Err(error) = write(from, to) {
        println!("cargo::error=cannot embed {}: {error}; {remedy}", from.display());
        std::process::exit(1);
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to).map(|_| ())
}

fn gzip(from: &Path, to: &Path) -> io::Result<()> {
    let mut encoder = GzEncoder::new(fs::File::create(to)?, Compression::best());
    encoder.write_all(&fs::read(from)?)?;
    encoder.finish().map(|_| ())
}
