//! The stream as a whole: its cameras, and what they share. And what `hlscam config` says of it.

use super::{
    Command, EventsConfig,
    check::{camera, events, location, server},
    located::located,
    logging, show,
};
use crate::{
    camera_name,
    cli::{Cli, StreamArgs, UsageError, config::ConfigArgs},
    console::LogConfig,
    server::ServerConfig,
};

/// What is said of the config file.
pub(super) fn config_file(action: &ConfigArgs, cli: &Cli) -> Result<Command, UsageError> {
    if let ConfigArgs::Example = action {
        return Ok(Command::Config(show::example()));
    }
    streams(cli)?;
    Ok(Command::Config(if let ConfigArgs::Check { .. } = action { show::check(cli) } else { show::effective(cli) }))
}

/// What the command line, the environment and the config file mean together.
pub(super) fn streams(cli: &Cli) -> Result<Command, UsageError> {
    let first = &cli.stream;
    let written = |index: usize| cli.written.get(index).map_or(&[][..], Vec::as_slice);
    let camera_of = |index: usize, args| {
        let read = |args: &StreamArgs| camera(args, index).map(drop);
        camera(args, index).map_err(|error| located(error, written(index), read))
    };
    let all = std::iter::once(first).chain(&cli.others);
    let cameras = all.enumerate().map(|(index, args)| camera_of(index, args)).collect::<Result<Vec<_>, _>>()?;
    if let Some(taken) = camera_name::repeated(cameras.iter().map(|camera| &camera.name)) {
        let of_last = cameras.iter().rposition(|camera| camera.name == *taken).unwrap_or_default();
        let sentence = format!("--name {taken}: two cameras have it; give each one of its own");
        return Err(located(UsageError(sentence), written(of_last), |_| Ok(())));
    }
    // What they share was read with each, and is the same.
    let (server, events) = shared(first).map_err(|error| located(error, written(0), |args| shared(args).map(drop)))?;
    Ok(Command::Stream(cameras, server, Box::new(events)))
}

/// How the log is written.
pub(super) fn log(cli: &Cli) -> Result<LogConfig, UsageError> {
    let written = cli.written.first().map_or(&[][..], Vec::as_slice);
    logging::log(cli).map_err(|error| located(error, written, |_| Ok(())))
}

/// What the cameras share.
fn shared(args: &StreamArgs) -> Result<(ServerConfig, EventsConfig), UsageError> {
    let events = events(&args.events, location(&args.window)?)?;
    Ok((server(&args.server, args.window.storage.as_deref())?, events))
}
