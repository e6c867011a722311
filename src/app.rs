//! Wiring only: builds what a command needs out of the stages, starts it, and ends it. Nothing is decided here.

mod bench;
mod cgroup;
mod detect;
mod doctor;
mod interrupt;
mod kept;
mod limits;
mod live;
#[cfg(unix)]
mod memory;
mod record;
mod retry;
mod service_manager;
#[cfg(unix)]
mod signal;
mod storage;
mod users;

use crate::{
    capture::{self, Capture, CaptureParts, Opened, SourceState},
    cli::completions,
    config::{Command, DevicesConfig, Invocation, Listing},
    console::{
        self, Console,
        listing::{self, ListedDevice},
    },
    source::camera,
    time::{Clock, Span, SystemClock},
};
use std::{ops::ControlFlow, sync::Arc};

/// Why a command failed: one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// A failure from any stage's error.
fn failed(error: impl std::fmt::Display) -> Failure {
    Failure(error.to_string())
}

/// Does what was asked.
pub fn run(invocation: Invocation, console: &Console) -> Result<(), Failure> {
    let Invocation { command, options, file, .. } = invocation;
    // The one clock of the program; all below take any.
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    #[cfg(unix)]
    signal::make_file_limit_an_error().map_err(failed)?;
    match &command {
        Command::Stream(configs, ..) => limits::ensure(configs.len())?,
        Command::Record(..) => limits::ensure(1)?,
        _ => {}
    }
    match command {
        Command::Stream(configs, server, events) => live::run(&configs, (&server, &events), (options, file), clock, console),
        Command::Devices(config) => devices(config),
        Command::Bench(config, form) => bench::run(&config, clock, form),
        Command::Record(config, record) => record::run(&config, &record, &clock, console),
        Command::Snapshot(config) => kept::snapshot(config, console),
        Command::Export(config) => kept::export(config, console),
        Command::Storage(config) => storage::run(&config),
        Command::Detect(config) => detect::run(&config),
        Command::Doctor(config) => doctor::run(&config),
        Command::User(config) => users::run(&config),
        Command::Completions(shell) => out(completions::script(shell).trim_end()).map(drop),
        Command::Config(text) => out(&text).map(drop),
    }
}

fn devices(config: DevicesConfig) -> Result<(), Failure> {
    let listed = camera::devices().into_iter().map(|device| {
        let controls = config.with_controls.then(|| camera::controls(&device));
        let controls = controls.transpose().unwrap_or_else(|error| {
            tracing::warn!("cannot list the controls of camera {}: {error}", device.index);
            None
        });
        ListedDevice { device, controls }
    });
    let listed: Vec<ListedDevice> = listed.collect();
    match config.listing {
        Listing::Text => out(&listing::devices(&listed)),
        Listing::Json => out(&listing::devices_json(&listed).map_err(failed)?),
    }
    .map(drop)
}

/// Writes a result to stdout. `Break` when the reader is gone, which is no failure: there is nothing left to do.
fn out(text: &str) -> Result<ControlFlow<()>, Failure> {
    console::out(text).map_err(|error| Failure(format!("cannot write to stdout: {error}; give it a file or a terminal")))
}

/// While a source is being opened, its outcome and the user are asked by turns, this long each.
const OPENING_LOOK: Span = Span::from_ms(50);

/// A source that takes longer to open is told of: a pipe may wait for its writer, a camera for its driver.
const OPENING_LATE: Span = Span::from_ms(3000);

/// Opens the source, however long that takes; `None` when the program ends meanwhile: `is_over` waits for that, so long. Calls `late` once if
/// it takes long.
fn open_source(parts: CaptureParts, is_over: impl Fn(Span) -> bool, late: impl FnOnce()) -> Result<Option<Capture>, Failure> {
    let (clock, status) = (parts.clock.clone(), parts.status.clone());
    let (begin, mut late) = (clock.now(), Some(late));
    let mut opening = capture::begin(parts).map_err(failed)?;
    loop {
        opening = match opening.wait(OPENING_LOOK) {
            Opened::Yes(capture) => return limits::ensure_picture(capture.format.size).map(|()| Some(capture)),
            Opened::No(error) => return Err(failed(error)),
            Opened::NotYet(opening) => opening,
        };
        if is_over(OPENING_LOOK) {
            opening.end();
            return Ok(None);
        }
        // One that is closed until somebody watches is opened then, and one that a browser sends when it does.
        let awaited = status.awaited();
        if (status.state() == SourceState::Asleep || awaited.is_some())
            && let Some(late) = late.take()
        {
            awaited.iter().for_each(|what| tracing::info!("{what}"));
            late();
        }
        if clock.now().since(begin) > OPENING_LATE
            && let Some(late) = late.take()
        {
            // One that is tried again was told of with its reason.
            if !status.is_refused() {
                tracing::warn!(
                    "the source is still being opened; a pipe waits for its writer, a camera for its driver or its network"
                );
            }
            late();
        }
    }
}
