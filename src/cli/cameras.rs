//! The words of a command line with several cameras, sorted by camera. Pure.
//!
//! Options before the first `--device` hold for all cameras, those behind a `--device` for its camera. What all cameras share, like the
//! server, stands for all wherever it is written. Each camera is then read as a command line of its own.

use super::UsageError;
use crate::console::shown;
use std::ffi::{OsStr, OsString};

/// Most cameras of one process: more than that are a matter of several machines, and of a grid of pictures nobody can look at.
pub const CAMERAS_MAX: usize = 16;

/// Begins a camera.
pub(super) const DEVICE: &str = "--device";
const NAME: &str = "--name";
/// The one option whose value may begin with a hyphen.
const MASK: &str = "--mask";
/// What all cameras share: it is one value.
const SHARED: [&str; 10] = [
    "--bind",
    "--port",
    "--on-event",
    "--on-event-exec",
    "--mqtt",
    "--storage",
    "--min-free",
    "--users",
    "--password-file",
    "--open",
];
/// The same, and each of its values counts.
const SHARED_LISTS: [&str; 2] = ["--host-name", "--allow-origin"];

/// An option as it was typed: its name, and its words.
struct Typed {
    name: String,
    words: Vec<OsString>,
}

impl Typed {
    /// Its value, where it has one.
    fn value(&self) -> &OsStr {
        let first = || self.words[0].to_str().and_then(|word| word.split_once('=')).map_or("", |(_, value)| value);
        self.words.get(1).map_or_else(|| OsStr::new(first()), OsString::as_os_str)
    }
}

/// How many cameras the words of a command line ask for.
pub(super) fn count(words: &[OsString]) -> usize {
    options(words).iter().filter(|option| option.name == DEVICE).count()
}

/// The words of each camera, without the program's name. They are known to be a command line.
pub(super) fn split(words: &[OsString]) -> Result<Vec<Vec<OsString>>, UsageError> {
    let (mut of_all, mut shared, mut cameras) = (Vec::new(), Vec::<Typed>::new(), Vec::<Vec<Typed>>::new());
    for option in options(words) {
        let name = option.name.as_str();
        if SHARED.contains(&name) || SHARED_LISTS.contains(&name) {
            refuse_second(&shared, &option)?;
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
    let common: Vec<OsString> = of_all.into_iter().chain(shared).flat_map(|option| option.words).collect();
    let own = |camera: Vec<Typed>| camera.into_iter().flat_map(|option| option.words);
    Ok(cameras.into_iter().map(|camera| common.iter().cloned().chain(own(camera)).collect()).collect())
}

/// What cameras share has one value: one behind each camera would mean what there is not.
fn refuse_second(shared: &[Typed], option: &Typed) -> Result<(), UsageError> {
    let is_other = |before: &&Typed| before.name == option.name && before.value() != option.value();
    if SHARED_LISTS.contains(&option.name.as_str()) || !shared.iter().any(|before| is_other(&before)) {
        return Ok(());
    }
    Err(UsageError(format!("{} is one for all cameras, and is given two values; write it once", option.name)))
}

fn text(option: &Typed) -> String {
    shown(&option.value().to_string_lossy())
}

/// The options with their values. A word without a hyphen belongs to what is before it.
fn options(words: &[OsString]) -> Vec<Typed> {
    let mut options: Vec<Typed> = Vec::new();
    for word in words {
        let typed = word.to_string_lossy();
        let is_value = |last: &Typed| last.words.len() == 1 && last.name == MASK && last.words[0] == MASK;
        match options.last_mut() {
            Some(last) if is_value(last) || !is_option(&typed) => last.words.push(word.clone()),
            _ => options.push(Typed {
                name: typed.split_once('=').map_or(&*typed, |(name, _)| name).to_owned(),
                words: vec![word.clone()],
            }),
        }
    }
    options
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
        let cameras = split(&words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(cameras, expect.iter().map(|line| words(line)).collect::<Vec<_>>(), "{line}");
    }

    #[test]
    fn each_camera_gets_what_is_for_all_and_what_is_its_own() {
        check(
            "--size 320x240 --device 0 --name desk --once --device=test --fps 15",
            &["--size 320x240 --device 0 --name desk --once", "--size 320x240 --device=test --fps 15"],
        );
        check(
            "--device a --port 80 --host-name x --mask -1,0,5,5 --device b --host-name=y --port=80 -v",
            &[
                "--port 80 --host-name x --host-name=y --port=80 --device a --mask -1,0,5,5",
                "--port 80 --host-name x --host-name=y --port=80 --device b -v",
            ],
        );
        check("--mask --device --device a --device b", &["--mask --device --device a", "--mask --device --device b"]);
        assert_eq!(count(&words("--size 1x1 --device=a --name --device --device b -v")), 3);
    }

    #[test]
    fn what_is_for_no_camera_or_for_all_is_told_in_a_sentence() {
        let check = |line: &str, expect: &str| {
            assert_eq!(split(&words(line)).map_err(|error| error.to_string()), Err(expect.to_owned()), "{line}");
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
