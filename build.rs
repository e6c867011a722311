//! Brings into the binary what is not Rust: the page's modules, its players and the face networks from npm, and OpenCV's frontal-face
//! cascades; and looks for XNNPACK, which runs the networks.

#[path = "src/server/page/join.rs"]
mod join;

use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where distributions put OpenCV's data files. `HLSCAM_CASCADE_DIR` comes first.
const CASCADE_DIRS: [&str; 6] = include!("src/detect/cascade_dirs.in");

/// The modules that a page and a worker begin with. Each is embedded with all that it imports.
const ENTRIES: [&str; 4] = ["viewer.js", "grid.js", "send.js", "shared-worker.js"];
/// The folders of `web/` that hold modules, besides `web/` itself.
const WEB_FOLDERS: [&str; 5] = ["shell", "player", "markers", "timeline", "send"];

const NPM_REMEDY: &str = "run `npm ci` in web/, or build with `make`";
/// MediaPipe's face networks (npm `@mediapipe/face_detection`, Apache-2.0) with their SHA-256: what was measured is what is embedded.
const NETWORKS: [(&str, &str, &str); 2] = [
    ("face_detection_full_range.tflite", "full_range.tflite", "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"),
    ("face_detection_short_range.tflite", "short_range.tflite", "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    page(&root.join("web"), &out);
    let modules = root.join("web/node_modules");
    for (from, to) in [("hls.js/dist/hls.min.js", "hls.js"), ("dashjs/dist/modern/esm/dash.mediaplayer.min.js", "dash.js")] {
        embed(&modules.join(from), &out.join(to), NPM_REMEDY);
    }
    println!("cargo::rustc-check-cfg=cfg(xnnpack)");
    if env::var_os("CARGO_FEATURE_BLAZEFACE").is_some() {
        networks(&modules.join("@mediapipe/face_detection"), &out);
        xnnpack();
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

/// Joins the page's modules.
fn page(web: &Path, out: &Path) {
    let mut modules = BTreeMap::new();
    for folder in WEB_FOLDERS.map(|name| web.join(name)).iter().chain([&web.to_owned()]) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries
            .map(|entry| entry.expect("web/ can be read").path())
            .filter(|path| path.extension().is_some_and(|it| it == "js"))
        {
            println!("cargo::rerun-if-changed={}", path.display());
            let name = path.strip_prefix(web).expect("it lies in web/").display().to_string().replace('\\', "/");
            modules.insert(name, fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        }
    }
    for entry in ENTRIES {
        match join::join(entry, &modules) {
            Ok(text) => fs::write(out.join(entry), text).expect("OUT_DIR can be written"),
            Err(error) => {
                println!("cargo::error=web/{entry} cannot be joined with what it imports: {error}");
                std::process::exit(1);
            }
        }
    }
}

/// Embeds the face networks, if they are those that are known.
fn networks(package: &Path, out: &Path) {
    for (from, to, known) in NETWORKS {
        embed(&package.join(from), &out.join(to), NPM_REMEDY);
        let bytes = fs::read(out.join(to)).unwrap_or_default();
        let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if hash != known {
            println!("cargo::error={} is not the file it should be (SHA-256 {hash}); {NPM_REMEDY}", package.join(from).display());
            std::process::exit(1);
        }
    }
}

/// Links XNNPACK and sets `cfg(xnnpack)` where it is. Where a system has no package for it, the build goes on without the networks.
fn xnnpack() {
    println!("cargo::rerun-if-env-changed=HLSCAM_XNNPACK_DIR");
    let names = ["libXNNPACK.so", "libXNNPACK.dylib"];
    let asked = env::var_os("HLSCAM_XNNPACK_DIR").map(PathBuf::from);
    let found = match &asked {
        Some(dir) => names.iter().map(|name| dir.join(name)).find(|path| path.exists()),
        // The compiler knows where its linker looks; it repeats a name that is nowhere.
        None => names
            .iter()
            .filter_map(|name| {
                let said = Command::new("cc").arg(format!("-print-file-name={name}")).output().ok()?.stdout;
                Some(PathBuf::from(String::from_utf8(said).ok()?.trim()))
            })
            .find(|path| path.is_absolute()),
    };
    let Some(path) = found else {
        println!(
            "cargo::warning=XNNPACK is not on this system (Debian: libxnnpack-dev), so faces are searched by Haar cascades alone"
        );
        return;
    };
    println!("cargo::rerun-if-changed={}", path.display());
    if asked.is_some()
        && let Some(dir) = path.parent()
    {
        println!("cargo::rustc-link-search=native={}", dir.display());
    }
    println!("cargo::rustc-link-lib=dylib=XNNPACK");
    println!("cargo::rustc-cfg=xnnpack");
}

fn embed(from: &Path, to: &Path, remedy: &str) {
    println!("cargo::rerun-if-changed={}", from.display());
    if let Err(error) = fs::copy(from, to) {
        println!("cargo::error=cannot embed {}: {error}; {remedy}", from.display());
        std::process::exit(1);
    }
}
