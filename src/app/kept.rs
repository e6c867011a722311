//! `hlscam snapshot` and `hlscam export`: what a running server or a folder keeps, into a file.

use super::{Failure, failed, interrupt::Interrupt, record::stdout::Stdout};
use crate::{
    archive::scan::{self, FileList},
    camera_name::CameraName,
    clip::{self, Clip, ClipError, timelapse::timelapse},
    config::kept::{ExportConfig, ExportOrigin, ExportTime, OutputFile, ServerCamera, SnapshotConfig},
    console::Console,
    http_client::{Body, HttpClient},
    server::HOLES_HEADER,
    time::{Span, WallTime},
    whole_file::{self, WholeFile},
    window::footage::TimeRange,
};
use serde::Deserialize;
use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{runtime, task};

/// While the work goes on, the user is asked this often.
const LOOK: Span = Span::from_ms(50);
/// Bytes that are copied at a time.
const COPY_LEN: usize = 1 << 20;

/// Fetches a picture of a running server.
pub(super) fn snapshot(config: SnapshotConfig, console: &Console) -> Result<(), Failure> {
    let SnapshotConfig { server, at, width, output } = config;
    check(&output)?;
    let fields = [at.map(|at| ("at", seconds(at))), width.map(|width| ("width", width.to_string()))];
    let query = query(fields.into_iter().flatten());
    let done =
        until_done(|ending| async move { fetch(&server, (&format!("snapshot.jpg{query}"), "image/jpeg"), &output, ending).await })?;
    console_line(console, done);
    Ok(())
}

/// Gets footage out.
pub(super) fn export(config: ExportConfig, console: &Console) -> Result<(), Failure> {
    check(&config.output)?;
    let done = match config.origin {
        ExportOrigin::Server(server) => {
            let time = match config.time {
                ExportTime::Range(TimeRange { from, to }) => vec![("from", seconds(from)), ("to", seconds(to))],
                ExportTime::Last(span) => vec![("last", span.as_s().to_string())],
            };
            let query = query(time.into_iter().chain(config.speed.map(|speed| ("speed", speed.to_string()))));
            let output = config.output;
            until_done(|ending| async move { fetch(&server, (&format!("clip.mp4{query}"), "video/mp4"), &output, ending).await })?
        }
        ExportOrigin::Folder(ref storage, ref camera) => {
            let files = files(storage, camera.as_ref())?;
            let clip = cut(&files, &config)?;
            clip.holes.iter().for_each(|hole| tell_hole(&format!("{}/{}", hole.from, hole.to)));
            let output = config.output;
            until_done(|ending| async move { copy(clip, &output, ending).await })?
        }
    };
    console_line(console, done);
    Ok(())
}

/// What was written where; none to stdout, whose reader knows.
type Done = Option<String>;

fn console_line(console: &Console, done: Done) {
    if let Some(line) = done {
        console.print(&line);
    }
}

/// Told before anything is asked of anybody.
fn check(output: &OutputFile) -> Result<(), Failure> {
    match &output.path {
        Some(path) => whole_file::check(path, output.overwrite).map_err(failed),
        None if io::stdout().is_terminal() => {
            Err(Failure("a terminal cannot show this; write `--output - | PROGRAM`, or name a file".to_owned()))
        }
        None => Ok(()),
    }
}

/// Does the work, until it is done or the user ends it; then what was begun is removed. The work is given what is raised then.
fn until_done<F: Future<Output = Result<Done, Failure>> + Send + 'static>(work: impl FnOnce(Ending) -> F) -> Result<Done, Failure> {
    let interrupt = Interrupt::install()?;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(failed)?;
    let ending = Ending::default();
    let working = runtime.spawn(work(ending.clone()));
    let mut is_ended = false;
    while !working.is_finished() && !is_ended {
        is_ended = interrupt.wait(LOOK);
    }
    if is_ended {
        ending.store(true, Ordering::Relaxed);
        working.abort();
    }
    let cut = || Failure("ended before all was written; nothing is left of it".to_owned());
    match runtime.block_on(working) {
        // What went to stdout may not be all.
        Ok(Err(_) | Ok(None)) if is_ended => Err(cut()),
        Ok(done) => done,
        Err(error) if error.is_cancelled() => Err(cut()),
        Err(_) => Err(Failure("the work ended by a bug".to_owned())),
    }
}

/// Raised when the user has ended the work.
type Ending = Arc<AtomicBool>;

/// Where bytes go.
enum Sink {
    File(WholeFile, String),
    Stdout(Stdout),
}

impl Sink {
    fn open(output: &OutputFile, ending: Ending) -> Result<Sink, Failure> {
        match &output.path {
            Some(path) => Ok(Sink::File(WholeFile::create(path, output.overwrite).map_err(failed)?, path.display().to_string())),
            None => Ok(Sink::Stdout(Stdout::new(ending))),
        }
    }

    /// `Break` when the reader wants no more.
    fn write(&mut self, bytes: &[u8]) -> Result<ControlFlow<()>, Failure> {
        match self {
            Sink::File(file, _) => file.write(bytes).map(ControlFlow::Continue).map_err(failed),
            Sink::Stdout(stdout) => match stdout.write_all(bytes) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
                Err(error) => Err(Failure(format!("cannot write to stdout: {error}"))),
                Ok(()) => Ok(ControlFlow::Continue(())),
            },
        }
    }

    fn finish(self, bytes: u64) -> Result<Done, Failure> {
        match self {
            Sink::File(file, name) => {
                file.finish().map_err(failed)?;
                Ok(Some(format!("{name}: {:.1} MB", bytes as f64 / 1e6)))
            }
            Sink::Stdout(_) => Ok(None),
        }
    }
}

/// Fetches a file of a camera, which is of that type.
async fn fetch(server: &ServerCamera, (file, kind): (&str, &str), output: &OutputFile, ending: Ending) -> Result<Done, Failure> {
    let client = HttpClient::new(&server.address).map_err(failed)?;
    let camera = match &server.camera {
        Some(camera) => camera.clone(),
        None => first_camera(&client, &server.base).await?,
    };
    let mut body: Body = client.open(&format!("{}{camera}/{file}", server.base)).await.map_err(failed)?;
    if body.header("content-type") != kind {
        return Err(Failure(format!("{} is no hlscam: it sends something else; is the address right?", client.origin())));
    }
    body.header(HOLES_HEADER).split(", ").filter(|hole| !hole.is_empty()).for_each(tell_hole);
    let mut sink = Sink::open(output, ending)?;
    let mut bytes = 0;
    while let Some(chunk) = body.next().await.map_err(failed)? {
        bytes += chunk.len() as u64;
        if sink.write(&chunk)?.is_break() {
            return Ok(None);
        }
    }
    sink.finish(bytes)
}

/// The camera of a server when none is named.
async fn first_camera(client: &HttpClient, base: &str) -> Result<CameraName, Failure> {
    #[derive(Deserialize)]
    struct Listed {
        name: String,
    }
    #[derive(Deserialize)]
    struct Answer {
        cameras: Vec<Listed>,
    }
    let answer = client.get(&format!("{base}api/cameras")).await.map_err(failed)?;
    let answer: Option<Answer> = serde_json::from_slice(&answer).ok();
    let name = answer.and_then(|answer| CameraName::parse(&answer.cameras.first()?.name).ok());
    name.ok_or_else(|| Failure(format!("{} is no hlscam; is the address right?", client.origin())))
}

/// A hole as the header tells it.
fn tell_hole(hole: &str) {
    match hole.split_once('/') {
        Some((from, to)) => tracing::warn!("there is no footage from {from} to {to}; it goes on without a pause"),
        None => tracing::warn!("and {hole} such holes"),
    }
}

/// The files of a camera in a folder of `--storage`.
fn files(storage: &Path, camera: Option<&CameraName>) -> Result<FileList, Failure> {
    let shown = storage.display();
    let cannot = |error: io::Error| Failure(format!("cannot read --storage {shown}: {error}"));
    let there = scan::cameras(storage).map_err(cannot)?;
    let name = match camera {
        Some(camera) if there.iter().any(|name| name == camera.as_str()) => camera.as_str(),
        Some(camera) if there.is_empty() => return Err(Failure(format!("there is no footage in {shown}, of {camera} or another"))),
        Some(camera) => return Err(Failure(format!("there is no camera {camera} in {shown}; there is {}", there.join(", ")))),
        None => match &there[..] {
            [] => return Err(Failure(format!("there is no footage in {shown}; pass the folder that was --storage of a stream"))),
            [one] => one,
            several => {
                return Err(Failure(format!("{shown} has several cameras; pass --camera with one of {}", several.join(", "))));
            }
        },
    };
    scan::list(&storage.join(name)).map_err(cannot)
}

/// Cuts out of files.
fn cut(files: &FileList, config: &ExportConfig) -> Result<Clip, Failure> {
    let time = match config.time {
        ExportTime::Range(time) => time,
        ExportTime::Last(span) => {
            let to = files.kept().map_or(WallTime(0), |kept| kept.to);
            TimeRange { from: to + Span(-span.0), to }
        }
    };
    let look = |time| files.footage(time).map_err(ClipError::from);
    let made = match config.speed {
        None => look(time).and_then(|footage| clip::cut(&footage, time)),
        Some(speed) => timelapse((time, speed), look),
    };
    made.map_err(failed)
}

/// Writes a clip.
async fn copy(clip: Clip, output: &OutputFile, ending: Ending) -> Result<Done, Failure> {
    let mut sink = Sink::open(output, ending)?;
    let mut bytes = 0;
    for piece in clip.pieces {
        for at in (0..piece.len()).step_by(COPY_LEN) {
            let chunk = piece.slice(at..piece.len().min(at + COPY_LEN)).read();
            let chunk = chunk.map_err(|error| Failure(format!("the footage cannot be read: {error}")))?;
            bytes += chunk.len() as u64;
            if sink.write(&chunk)?.is_break() {
                return Ok(None);
            }
            // Here the user may end it.
            task::yield_now().await;
        }
    }
    sink.finish(bytes)
}

/// To the microsecond, which RFC 3339 as it is told does not say.
fn seconds(at: WallTime) -> String {
    format!("{}.{:06}", at.0.div_euclid(1_000_000), at.0.rem_euclid(1_000_000))
}

fn query(fields: impl Iterator<Item = (&'static str, String)>) -> String {
    let fields: Vec<String> = fields.map(|(name, value)| format!("{name}={value}")).collect();
    if fields.is_empty() { String::new() } else { format!("?{}", fields.join("&")) }
}
