//! What the commands were told that get out what a server or a folder keeps.

use super::{
    Command,
    check::{asked, hidden, refuse},
};
use crate::{
    camera_name::CameraName,
    cli::{
        UsageError,
        kept::{ExportArgs, SnapshotArgs, StorageArgs},
    },
    clip::{
        SPAN_MAX,
        timelapse::{SPEED_MAX, SPEED_MIN},
    },
    encode::jpeg::{WIDTH_MAX, WIDTH_MIN},
    hooks::url::Address,
    http_client, quantity,
    record::Overwrite,
    time::{Span, WallTime},
    window::footage::TimeRange,
};
use std::path::{Path, PathBuf};

/// How many times as fast a time-lapse is when nothing is said: an hour in a minute.
const SPEED_DEFAULT: u32 = 60;

/// A file that is written whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// None is stdout.
    pub path: Option<PathBuf>,
    /// What becomes of a file that is there already.
    pub overwrite: Overwrite,
}

/// A camera of a running server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCamera {
    /// The server.
    pub address: Address,
    /// The path under which it is reached: `/`, or that of a proxy.
    pub base: String,
    /// The camera; none for the first.
    pub camera: Option<CameraName>,
}

/// A picture to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotConfig {
    /// Of whom.
    pub server: ServerCamera,
    /// Of when; none for the newest.
    pub at: Option<WallTime>,
    /// How wide; none for its own.
    pub width: Option<u32>,
    /// Where it goes.
    pub output: OutputFile,
}

/// Footage to get out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportConfig {
    /// Of when.
    pub time: ExportTime,
    /// As a time-lapse, so many times as fast.
    pub speed: Option<u32>,
    /// Where from.
    pub origin: ExportOrigin,
    /// Where it goes.
    pub output: OutputFile,
}

/// A folder to look after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageConfig {
    /// What is done.
    pub action: StorageAction,
    /// The folder of `--storage`.
    pub folder: PathBuf,
}

/// What is done with a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageAction {
    /// It is read.
    Check,
    /// It is mended.
    Repair,
}

pub(super) fn storage(args: &StorageArgs) -> Command {
    let (action, folder) = match args {
        StorageArgs::Check { folder } => (StorageAction::Check, folder),
        StorageArgs::Repair { folder } => (StorageAction::Repair, folder),
    };
    Command::Storage(StorageConfig { action, folder: folder.clone() })
}

/// Of when footage is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportTime {
    /// Of this time.
    Range(TimeRange),
    /// The newest of that length.
    Last(Span),
}

/// Where footage is got from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportOrigin {
    /// A running server.
    Server(ServerCamera),
    /// A folder of `--storage`, and the camera, where it has several.
    Folder(PathBuf, Option<CameraName>),
}

pub(super) fn snapshot(args: &SnapshotArgs) -> Result<Command, UsageError> {
    let width = args.width.as_deref().map(|text| asked("--width", text, width)).transpose()?;
    Ok(Command::Snapshot(SnapshotConfig {
        server: server_of("--from", &args.from)?,
        at: args.at.as_deref().map(|text| asked("--at", text, time)).transpose()?,
        width,
        output: output(&args.output, args.force),
    }))
}

pub(super) fn export(args: &ExportArgs) -> Result<Command, UsageError> {
    let origin = match &args.storage {
        Some(folder) => {
            let name = |text: &str| CameraName::parse(text).map_err(|bad| bad.to_string());
            ExportOrigin::Folder(folder.clone(), args.camera.as_deref().map(|text| asked("--camera", text, name)).transpose()?)
        }
        None => ExportOrigin::Server(server_of("--server", &args.server)?),
    };
    let is_lapse = match args.form.as_str() {
        "clip" => false,
        "timelapse" => true,
        other => return refuse("--as", other, "write clip or timelapse"),
    };
    let speed = match &args.speed {
        Some(text) if !is_lapse => return refuse("--speed", text, "a clip is as fast as it was; pass --as timelapse, too"),
        Some(text) => Some(asked("--speed", text, speed)?),
        None => is_lapse.then_some(SPEED_DEFAULT),
    };
    Ok(Command::Export(ExportConfig { time: of_when(args)?, speed, origin, output: output(&args.output, args.force) }))
}

fn of_when(args: &ExportArgs) -> Result<ExportTime, UsageError> {
    let (from, to) = match (&args.from, &args.to, &args.last) {
        (Some(from), Some(to), None) => (from, to),
        (None, None, Some(last)) => {
            let span = asked("--last", last, quantity::span)?;
            if span > SPAN_MAX || span <= Span::ZERO {
                return refuse("--last", last, "that is no length of a clip; write 6h at most, or --from and --to");
            }
            return Ok(ExportTime::Last(span));
        }
        _ => {
            let why = "`hlscam export` needs --from <TIME> and --to <TIME>, or --last <TIME>; `hlscam export --help` explains";
            return Err(UsageError(why.to_owned()));
        }
    };
    let range = TimeRange { from: asked("--from", from, time)?, to: asked("--to", to, time)? };
    if range.from >= range.to {
        return refuse("--to", to, &format!("it is not after --from {from}; write the later time there"));
    }
    Ok(ExportTime::Range(range))
}

fn output(path: &Path, force: bool) -> OutputFile {
    let overwrite = if force { Overwrite::Replace } else { Overwrite::Refuse };
    OutputFile { path: (path != Path::new("-")).then(|| path.to_owned()), overwrite }
}

fn time(text: &str) -> Result<WallTime, String> {
    WallTime::parse(text)
        .ok_or_else(|| "this is no time; write RFC 3339 like 2026-11-20T16:19:12Z, or seconds since 1970".to_owned())
}

fn width(text: &str) -> Result<u32, String> {
    let width = text.parse().ok().filter(|width| (WIDTH_MIN..=WIDTH_MAX).contains(width));
    width.ok_or_else(|| format!("this is no number from {WIDTH_MIN} to {WIDTH_MAX}; write one like 640"))
}

fn speed(text: &str) -> Result<u32, String> {
    let speed = text.parse().ok().filter(|speed| (SPEED_MIN..=SPEED_MAX).contains(speed));
    speed.ok_or_else(|| format!("this is no number from {SPEED_MIN} to {SPEED_MAX}; write one like 60"))
}

/// A server; what was typed is not repeated, for it may hold a password.
fn server_of(option: &str, text: &str) -> Result<ServerCamera, UsageError> {
    server(text).or_else(|why| refuse(option, &hidden(text), &why))
}

/// What stands behind the last slash is the camera's name; what is before it, a proxy's path.
fn server(text: &str) -> Result<ServerCamera, String> {
    let address = http_client::parse_address(text)?;
    if address.path.contains('?') {
        return Err("it holds a ?; write the server alone, like http://host:8080/ or http://host:8080/NAME".to_owned());
    }
    let (base, name) = address.path.rsplit_once('/').unwrap_or(("", ""));
    let camera = if name.is_empty() { None } else { Some(CameraName::parse(name).map_err(|bad| bad.to_string())?) };
    let base = format!("{base}/");
    Ok(ServerCamera { address, base, camera })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_server_and_perhaps_a_camera() {
        let check = |text: &str, base: &str, camera: Option<&str>| {
            let read = server(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((&*read.base, read.camera.as_ref().map(CameraName::as_str)), (base, camera), "{text}");
        };
        check("http://host:8080", "/", None);
        check("http://host:8080/", "/", None);
        check("http://host/porch", "/", Some("porch"));
        check("https://me:pw@host/cams/porch", "/cams/", Some("porch"));
        check("http://host/cams/", "/cams/", None);
        for text in ["host:8080", "ftp://host/", "http://host/cam?x=1", "http://host/Cam.jpg", "http:///"] {
            assert!(server(text).is_err(), "{text}");
        }
    }
}
