//! The meaning of `--device`.
//!
//! Whether a camera or a file exists is found out by what opens it. Only the file of `--device @FILE` is read here, for what it holds is
//! what was typed.

use super::check::{asked, hidden, refuse};
use crate::{
    cli::{SourceArgs, UsageError},
    console::shown,
    plain_file,
    source::{
        BROWSER, SourceSpec,
        address::{NetworkAddress, is_network},
        control::settings::{self, Setting},
        test::Script,
    },
};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// File names with these endings are videos, not cameras.
const VIDEO_ENDINGS: [&str; 7] = [".mp4", ".mkv", ".mov", ".avi", ".webm", ".ts", ".mjpeg"];
/// What a source without an end is told.
const ONCE_HINT: &str = "only a file has an end; leave it out, or write --device file:PATH";
/// Bytes of a file that holds what would be typed.
const SPEC_BYTES_MAX: u64 = 4096;

/// The source that is asked for.
pub(super) fn source(args: &SourceArgs) -> Result<SourceSpec, UsageError> {
    let kept = args.device.trim().strip_prefix('@').map(spec_of_file).transpose()?;
    let spec = kept.as_deref().unwrap_or(args.device.trim());
    let source = match spec.split_once(':') {
        _ if spec.is_empty() => Err("no source is named; write 0 for the first camera, or test, or file:PATH".to_owned()),
        None if spec == "test" => Ok(SourceSpec::Test(Script::default())),
        // A script that cannot be read is told before anything starts.
        Some(("test", script)) => Script::parse(script).map(SourceSpec::Test),
        Some(("file", "")) => Err("the path is missing; write file:PATH, like file:clip.mp4".to_owned()),
        Some(("file", path)) => Ok(SourceSpec::File(PathBuf::from(path))),
        None if spec == BROWSER && !cfg!(feature = "ffmpeg") => {
            Err("this build is without FFmpeg, which reads what a browser sends; build it with the feature ffmpeg".to_owned())
        }
        None if spec == BROWSER => Ok(SourceSpec::Browser),
        Some((scheme, rest)) if rest.starts_with("//") || is_network(scheme) => {
            // Nothing but the scheme is repeated: there may be a password in it.
            let address = NetworkAddress::parse(spec).or_else(|why| refuse("--device", &format!("{scheme}://..."), &why))?;
            return if args.once { refuse("--once", "", ONCE_HINT) } else { Ok(SourceSpec::Network(address)) };
        }
        _ if is_video_path(spec) => Err(format!("this is the path of a file, not a camera; write file:{}", shown(spec))),
        _ => Ok(SourceSpec::Camera(spec.to_owned())),
    };
    let source = source.or_else(|why| refuse("--device", spec, &why))?;
    match &source {
        SourceSpec::Camera(_) | SourceSpec::Test(_) | SourceSpec::Browser if args.once => refuse("--once", "", ONCE_HINT),
        _ => Ok(source),
    }
}

/// What of the source is set, in the order given.
pub(super) fn controls(args: &SourceArgs, source: &SourceSpec) -> Result<Vec<Setting>, UsageError> {
    let Some(first) = args.control.first() else { return Ok(Vec::new()) };
    match source {
        SourceSpec::File(_) => refuse("--control", first, "a file has nothing that can be set; leave it out"),
        SourceSpec::Network(_) => refuse("--control", first, "a camera on the network is set in its own settings; leave it out"),
        SourceSpec::Browser => refuse("--control", first, "the camera of a browser is set on its page, /send; leave it out"),
        SourceSpec::Camera(_) | SourceSpec::Test(_) => {
            let settings = args.control.iter().map(|text| asked("--control", text, settings::parse));
            Ok(settings.collect::<Result<Vec<_>, _>>()?.concat())
        }
    }
}

/// What a file holds in place of the option's value: an address whose password is to be in no list of processes.
fn spec_of_file(path: &str) -> Result<String, UsageError> {
    let unreadable = |why: String| refuse("--device", &format!("@{path}"), &why);
    let bytes = match plain_file::read(Path::new(path), SPEC_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            return unreadable("the file is too long; it is to hold one line, like rtsp://user:password@host/path".to_owned());
        }
        Err(error) => return unreadable(format!("cannot read the file: {error}; check the path")),
    };
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    if text.is_empty() || text.lines().count() > 1 {
        return unreadable("the file is to hold one line, like rtsp://user:password@host/path".to_owned());
    }
    Ok(text)
}

fn is_video_path(spec: &str) -> bool {
    let lower = spec.to_ascii_lowercase();
    let elsewhere = spec.starts_with('/') && !spec.starts_with("/dev/");
    elsewhere || spec.starts_with("./") || spec.starts_with("../") || VIDEO_ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// What a command without a server is told of a source that only a server has.
pub(super) fn refuse_browser(source: &SourceSpec) -> Result<(), UsageError> {
    match source {
        SourceSpec::Browser => {
            refuse("--device", BROWSER, "a browser sends to a stream; stream it, and record from there: hlscam record --from URL")
        }
        _ => Ok(()),
    }
}

/// What a command that reads files is told of an address, without its password.
pub(super) fn refuse_addresses(files: &[PathBuf]) -> Result<(), UsageError> {
    let typed = files.iter().filter_map(|path| path.to_str()).find(|path| path.contains("://"));
    typed.map_or(Ok(()), |typed| {
        refuse("FILE", &hidden(typed), "this command takes files only; record the camera first: hlscam record")
    })
}
