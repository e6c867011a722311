//! The words of a command line with several cameras, sorted by camera. Pure.
//!
//! Options before the first `--device` hold for all cameras, those behind a `--device` for its camera. What all cameras share, like the
//! server, stands for all wherever it is written. Each camera is then read as a command line of its own.

use super::{
    UsageError,
    catalog::{self, Kind, OptionInfo},
    written::{Layer, Place, Written},
};
use crate::console::shown;
use std::ffi::OsString;

/// Most cameras of one process: more than that are a matter of several machines, and of a grid of pictures nobody can look at.
pub const CAMERAS_MAX: usize = 16;

/// Begins a camera.
pub(super) const DEVICE: &str = "--device";
const NAME: &str = "--name";
/// The one option whose value may begin with a hyphen.
const MASK: &str = "--mask";
/// Names the config file, which is not an option of a camera.
const CONFIG: &str = "--config";

/// How many cameras the words of a command line ask for.
pub(super) fn count(words: &[OsString]) -> usize {
    options(words).iter().filter(|option| option.name == DEVICE).count()
}

/// What holds for all cameras and for each. The words, without the program's name, are known to be a command line. With one `--device` the
/// order does not matter, and all of it holds for all.
pub(super) fn layer(words: &[OsString]) -> Result<Layer, UsageError> {
    let all = options(words).into_iter().filter(|option| option.name != CONFIG);
    if count(words) <= 1 {
        return Ok(Layer { of_all: all.collect(), cameras: Vec::new() });
    }
    let (mut of_all, mut shared, mut cameras) = (Vec::new(), Vec::<Written>::new(), Vec::<Vec<Written>>::new());
    for option in all {
        let name = option.name.as_str();
        if let Some(info) = info(name).filter(|info| info.is_shared) {
            refuse_second(&shared, &option, info)?;
            shared.push(option);
        } else if name == DEVICE {
            cameras.push(vec![option]);
        } else if let Some(camera) = cameras.last_mut() {
            if name == NAME
                && let Some(before) = camera.iter().find(|before| before.name == NAME)
            {
                let (before, this) = (text(before), text(&option));
                return Err(UsageError(format!("{NAME} {this}: this camera is {before} already; write {DEVICE} before it")));
            }
            camera.push(option);
        } else if name == NAME {
            let why = format!("it stands before the first {DEVICE}, and no two cameras have one name");
            return Err(UsageError(format!("{NAME} {}: {why}; write it behind the {DEVICE} of its camera", text(&option))));
        } else {
            of_all.push(option);
        }
    }
    if cameras.len() > CAMERAS_MAX {
        let n = cameras.len();
        return Err(UsageError(format!("{n} cameras are too many for one hlscam; write {DEVICE} at most {CAMERAS_MAX} times")));
    }
    of_all.extend(shared);
    Ok(Layer { of_all, cameras })
}

fn info(name: &str) -> Option<&'static OptionInfo> {
    catalog::option(name.strip_prefix("--")?)
}

/// What cameras share has one value: one behind each camera would mean what there is not.
fn refuse_second(shared: &[Written], option: &Written, info: &OptionInfo) -> Result<(), UsageError> {
    let is_other = |before: &Written| before.name == option.name && before.value() != option.value();
    if info.kind != Kind::Value || !shared.iter().any(is_other) {
        return Ok(());
    }
    Err(UsageError(format!("{} is one for all cameras, and is given two values; write it once", option.name)))
}

fn text(option: &Written) -> String {
    shown(&option.value().to_string_lossy())
}

/// The options with their values. A word without a hyphen belongs to what is before it.
fn options(words: &[OsString]) -> Vec<Written> {
    let mut options: Vec<Written> = Vec::new();
    for word in words {
        let typed = word.to_string_lossy();
        let is_value = |last: &Written| last.words.len() == 1 && last.name == MASK && last.words[0] == MASK;
        match options.last_mut() {
            Some(last) if is_value(last) || !is_option(&typed) => last.words.push(word.clone()),
            _ => options.push(Written { name: long_name(&typed), words: vec![word.clone()], place: Place::CommandLine }),
        }
    }
    options
}

/// Of the one option that has a short name too, `-v` and `-vv` are the long one.
fn long_name(typed: &str) -> String {
    let is_short = typed.strip_prefix('-').is_some_and(|rest| rest.starts_with('v'));
    if is_short { "--verbose".to_owned() } else { typed.split_once('=').map_or(typed, |(name, _)| name).to_owned() }
}

/// A hyphen alone and a negative number are values.
fn is_option(typed: &str) -> bool {
    typed.strip_prefix('-').is_some_and(|rest| rest.starts_with(|first: char| !first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn check(line: &str, expect: &[&str]) {
        let layer = layer(&words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
        let common = |camera: Vec<Written>| layer.of_all.iter().cloned().chain(camera).flat_map(|option| option.words).collect();
        let cameras: Vec<Vec<OsString>> = layer.cameras.clone().into_iter().map(common).collect();
        assert_eq!(cameras, expect.iter().map(|line| words(line)).collect::<Vec<_>>(), "{line}");
    }

    #[test]
    fn each_camera_gets_what_is_for_all_and_what_is_its_own() {
        check(
            "--size 320x240 --device 0 --name desk --once --device=test --fps 15",
            &["--size 320x240 --device 0 --name desk --once", "--size 320x240 --device=test --fps 15"],
        );
        check(
            "--device a --port 80 --host-name x --mask -1,0,5,5 --config f --device b --host-name=y --port=80 -v",
            &[
                "--port 80 --host-name x --host-name=y --port=80 -v --device a --mask -1,0,5,5",
                "--port 80 --host-name x --host-name=y --port=80 -v --device b",
            ],
        );
        // Whatever the server is told holds for all.
        check("--device a --device b --tls --no-mdns", &["--tls --no-mdns --device a", "--tls --no-mdns --device b"]);
        check("--mask --device --device a --device b", &["--mask --device --device a", "--mask --device --device b"]);
        assert_eq!(count(&words("--size 1x1 --device=a --name --device --device b -v")), 3);
    }

    #[test]
    fn what_is_for_no_camera_or_for_all_is_told_in_a_sentence() {
        let check = |line: &str, expect: &str| {
            assert_eq!(layer(&words(line)).map_err(|error| error.to_string()), Err(expect.to_owned()), "{line}");
        };
        check(
            "--name desk --device 0 --device 1",
            "--name desk: it stands before the first --device, and no two cameras have one name; write it behind the --device of its camera",
        );
        check("--device 0 --name a --name=b --device 1", "--name b: this camera is a already; write --device before it");
        check("--device 0 --port 80 --device 1 --port 81", "--port is one for all cameras, and is given two values; write it once");
        check(
            "--device 0 --mqtt mqtt://a:b@c --device 1 --mqtt mqtt://d",
            "--mqtt is one for all cameras, and is given two values; write it once",
        );
        check(&"--device test ".repeat(17), "17 cameras are too many for one hlscam; write --device at most 16 times");
    }
}
