//! From words to [`Cli`]: what was typed, what the environment says, and what the config file says.

use super::{
    Cli, CommandArgs, Stop, StreamArgs, UsageError, cameras,
    complaint::{command_of, sentence},
    config::{ConfigArgs, NONE},
    environment, file,
    written::{Layer, Place, Written, merged},
};
use crate::{console::shown, plain_file};
use clap::{CommandFactory, Parser, error::ErrorKind};
use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

/// The config file of all users of a computer.
const SYSTEM_FILE: &str = "/etc/hlscam.toml";
/// The program, as the first word of a command line.
const PROGRAM: &str = "hlscam";

/// What counts beside the command line.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The environment.
    pub variables: Vec<(OsString, OsString)>,
    /// Where a config file may lie that nobody has named; the first that is there is read.
    pub files: Vec<PathBuf>,
}

impl Surroundings {
    /// Of this process.
    pub fn of_process() -> Surroundings {
        Surroundings { variables: env::vars_os().collect(), files: usual_files(|name| env::var_os(name)) }
    }

    fn variable(&self, name: &str) -> Option<&OsStr> {
        let named = self.variables.iter().find(|(have, value)| have == name && !value.is_empty());
        named.map(|(_, value)| value.as_os_str())
    }
}

/// Where a config file may lie.
fn usual_files(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let of_user = if cfg!(windows) {
        folder("APPDATA")
    } else {
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
    };
    let of_system = (!cfg!(windows)).then(|| PathBuf::from(SYSTEM_FILE));
    of_system.into_iter().chain(of_user.map(|folder| folder.join("hlscam").join("config.toml"))).collect()
}

/// Reads a command line alone; the first argument is the program's name.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, Stop> {
    parse_in(args, &Surroundings::default())
}

/// Reads a command line, and for the stream the environment and the config file too. What is typed counts more than a variable, and that
/// more than the file.
pub fn parse_in(args: impl IntoIterator<Item = OsString>, surroundings: &Surroundings) -> Result<Cli, Stop> {
    let args: Vec<OsString> = args.into_iter().collect();
    let words = args.get(1..).unwrap_or_default();
    let (command, named) = asked(&args)?;
    let (line, named) = match &command {
        None => (cameras::layer(words)?, named),
        Some(CommandArgs::Config { action: ConfigArgs::Check { config } | ConfigArgs::Show { config } }) => {
            (Layer::default(), config.clone())
        }
        Some(CommandArgs::Record(_)) if cameras::count(words) > 1 => {
            let why = "one camera is recorded at a time; write --device once, or stream them all and record each by --from";
            return Err(UsageError(why.to_owned()).into());
        }
        Some(_) => return parse_one(&args),
    };
    let (variables, mut warnings) = environment::read(&surroundings.variables)?;
    let config = config_file(named, surroundings)?;
    let (path, layer) = config.map_or((None, Layer::default()), |(path, layer)| (Some(path), layer));
    let written = merged(layer, variables, line, cameras::DEVICE);
    warnings.extend(path.as_deref().filter(|path| is_secret_told(&written, path)).map(|path| {
        format!("{}: a password stands in it, and everybody on this computer may read it; chmod o= {0}", path.display())
    }));
    let mut read = written.iter().map(|options| parse_camera(options)).collect::<Result<Vec<_>, _>>()?;
    let mut cli = read.remove(0);
    cli.others = read.into_iter().map(|cli| cli.stream).collect();
    (cli.command, cli.written, cli.file, cli.warnings) = (command, written, path, warnings);
    Ok(cli)
}

/// The command that was typed, and the config file that was named.
fn asked(args: &[OsString]) -> Result<(Option<CommandArgs>, Option<PathBuf>), Stop> {
    match Cli::try_parse_from(args) {
        Ok(cli) => Ok((cli.command, cli.config)),
        Err(error) => {
            // What an option of the stream needs may stand in the file.
            let is_read_later = error.kind() == ErrorKind::MissingRequiredArgument;
            let typed = is_read_later.then(|| Cli::command().ignore_errors(true).try_get_matches_from(args).ok()).flatten();
            match typed {
                Some(typed) if typed.subcommand_name().is_none() => Ok((None, typed.get_one::<PathBuf>("config").cloned())),
                _ => Err(stop(&error, args)),
            }
        }
    }
}

/// The config file that counts, and what it says.
fn config_file(named: Option<PathBuf>, surroundings: &Surroundings) -> Result<Option<(PathBuf, Layer)>, UsageError> {
    let by_variable = || surroundings.variable(environment::CONFIG).map(PathBuf::from);
    let (path, place) = match (named, by_variable()) {
        (Some(path), _) => (path, Place::CommandLine),
        (None, Some(path)) => (path, Place::Variable(environment::CONFIG.to_owned())),
        (None, None) => match surroundings.files.iter().find(|path| fs::metadata(path).is_ok()) {
            Some(path) => (path.clone(), Place::CommandLine),
            None => return Ok(None),
        },
    };
    if path == Path::new(NONE) {
        return Ok(None);
    }
    let name = path.display().to_string();
    let refuse = |why: String| UsageError(place.told(&format!("--config {}: {why}", shown(&name))));
    let bytes = plain_file::read(&path, file::BYTES_MAX)
        .map_err(|error| refuse(format!("cannot read the file: {error}; check the path, or write --config none")))?;
    let text = String::from_utf8(bytes).map_err(|_| refuse("it is not valid UTF-8, so it is no TOML".to_owned()))?;
    let layer = file::read(&text, &name)?;
    Ok(Some((path, layer)))
}

/// Whether a password stands in a file that all may read.
fn is_secret_told(written: &[Vec<Written>], path: &Path) -> bool {
    let has_password = |option: &Written| {
        let value = option.value().to_string_lossy();
        let authority = value.split_once("://").and_then(|(_, rest)| rest.split('/').next());
        matches!(option.place, Place::File { .. }) && authority.is_some_and(|authority| authority.contains('@'))
    };
    written.iter().flatten().any(has_password) && plain_file::is_open_to_all(path).unwrap_or(false)
}

/// The command line of one camera.
fn parse_camera(options: &[Written]) -> Result<Cli, Stop> {
    let parsed = parse_one(&line_of(options.iter()));
    let Err(Stop::Usage(error)) = parsed else { return parsed };
    // Clap does not say which option it was that lacks another.
    let told_alone =
        |option: &Written| matches!(parse_one(&line_of([option].into_iter())), Err(Stop::Usage(alone)) if alone == error);
    let culprit = options.iter().find(|option| option.place != Place::CommandLine && told_alone(option));
    Err(Stop::Usage(UsageError(culprit.map_or_else(|| error.0.clone(), |option| option.place.told(&error.0)))))
}

/// What the options of a camera are without one of them, if they are anything.
pub fn without(options: &[Written], index: usize) -> Option<StreamArgs> {
    let others = options.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, option)| option);
    parse_one(&line_of(others)).ok().map(|cli| cli.stream)
}

fn line_of<'a>(options: impl Iterator<Item = &'a Written>) -> Vec<OsString> {
    std::iter::once(OsString::from(PROGRAM)).chain(options.flat_map(|option| option.words.iter().cloned())).collect()
}

fn parse_one(args: &[OsString]) -> Result<Cli, Stop> {
    Cli::try_parse_from(args).map_err(|error| stop(&error, args))
}

fn stop(error: &clap::Error, args: &[OsString]) -> Stop {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Stop::Answer(error.render().to_string())
        }
        _ => Stop::Usage(UsageError(sentence(error, &command_of(args)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_no_fault_in_the_definition() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_last_of_two_counts() {
        let cli = parse(["hlscam", "--port", "1", "--port", "2", "-vv"].map(OsString::from)).expect("it is well formed");
        assert_eq!((cli.stream.server.port.as_str(), cli.verbose), ("2", 2));
    }

    #[test]
    fn several_cameras_share_what_stands_before_them() {
        let line = "--fps 9 --device a --storage kept --device b --fps 8 --history-bytes 1G -v --name porch";
        let cli = parse(std::iter::once("hlscam").chain(line.split_whitespace()).map(OsString::from)).expect("it is well formed");
        let told = |stream: &StreamArgs| {
            let StreamArgs { source, name, pipeline, window, .. } = stream;
            assert_eq!(window.storage.as_deref(), Some(std::path::Path::new("kept")));
            (source.device.clone(), name.clone(), pipeline.picture.fps.clone(), window.history_bytes.clone())
        };
        let of = |device: &str, name: Option<&str>, fps: &str, bytes: Option<&str>| {
            (device.to_owned(), name.map(str::to_owned), Some(fps.to_owned()), bytes.map(str::to_owned))
        };
        assert_eq!(told(&cli.stream), of("a", None, "9", None));
        assert_eq!(cli.others.iter().map(told).collect::<Vec<_>>(), [of("b", Some("porch"), "8", Some("1G"))]);
        assert_eq!(cli.verbose, 1);
    }
}
