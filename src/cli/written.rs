//! An option as it was written: on the command line, in the environment or in the config file.

use std::{ffi::OsStr, ffi::OsString, fmt, sync::Arc};

/// Where something was written. What comes later here counts more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the config file; line and column begin at 1.
    File {
        /// The file, as it was named.
        path: Arc<str>,
        /// The line.
        line: usize,
        /// The column, in characters.
        column: usize,
    },
    /// In the variable of that name.
    Variable(String),
    /// On the command line.
    CommandLine,
}

impl Place {
    /// How much it counts beside other places.
    pub(super) fn rank(&self) -> usize {
        match self {
            Place::File { .. } => 0,
            Place::Variable(_) => 1,
            Place::CommandLine => 2,
        }
    }

    /// A sentence about what was written there. What was typed needs no place: whoever reads the sentence has just typed it.
    pub fn told(&self, sentence: &str) -> String {
        if *self == Place::CommandLine { sentence.to_owned() } else { format!("{self}: {sentence}") }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Place::Variable(name) => f.write_str(name),
            Place::CommandLine => f.write_str("command line"),
        }
    }
}

/// An option: its name, and the words of a command line that say it. No words are a flag that is off, or a list of nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its long name, with the hyphens.
    pub name: String,
    /// Its words.
    pub words: Vec<OsString>,
    /// Where it was written.
    pub place: Place,
}

impl Written {
    /// An option with a value, in one word: a value may begin with a hyphen.
    pub(super) fn with_value(name: &str, value: &OsStr, place: Place) -> Written {
        let mut word = OsString::from(format!("{name}="));
        word.push(value);
        Written { name: name.to_owned(), words: vec![word], place }
    }

    /// A flag.
    pub(super) fn flag(name: &str, is_on: bool, place: Place) -> Written {
        let words = if is_on { vec![OsString::from(name)] } else { Vec::new() };
        Written { name: name.to_owned(), words, place }
    }

    /// Its value, where it has one.
    pub fn value(&self) -> &OsStr {
        let first = || self.words.first().and_then(|word| word.to_str()?.split_once('=')).map_or("", |(_, value)| value);
        self.words.get(1).map_or_else(|| OsStr::new(first()), OsString::as_os_str)
    }
}

/// Options in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layer {
    /// What holds for all cameras.
    pub(super) of_all: Vec<Written>,
    /// What holds for each; none where no cameras are told apart.
    pub(super) cameras: Vec<Vec<Written>>,
}

impl Layer {
    fn has(&self, name: &str) -> bool {
        self.of_all.iter().any(|option| option.name == name)
    }
}

/// What counts for each camera, one at least: of each option what was written in the place that counts most. Cameras are told apart in one
/// place alone: whoever names a camera on the command line does not mean those of the file.
pub(super) fn merged(file: Layer, variables: Vec<Written>, line: Layer, device: &str) -> Vec<Vec<Written>> {
    let names_device = line.has(device) || variables.iter().any(|option| option.name == device);
    let cameras = if !line.cameras.is_empty() {
        line.cameras
    } else if names_device || file.cameras.is_empty() {
        vec![Vec::new()]
    } else {
        file.cameras
    };
    let all: Vec<Written> = file.of_all.into_iter().chain(variables).chain(line.of_all).collect();
    cameras.into_iter().map(|own| of_highest(all.iter().cloned().chain(own).collect())).collect()
}

/// Without what was written of the same option in a place that counts less. The order stays: of two values in one place the later counts.
fn of_highest(options: Vec<Written>) -> Vec<Written> {
    let highest = |name: &str| options.iter().filter(|option| option.name == name).map(|option| option.place.rank()).max();
    let mut counted: Vec<Written> = Vec::new();
    for option in options.iter().filter(|option| Some(option.place.rank()) == highest(&option.name)) {
        // A flag that is off, and a list without values, undo what stands above.
        if option.words.is_empty() {
            counted.retain(|before| before.name != option.name);
        }
        counted.push(option.clone());
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(place: &Place, line: &str) -> Vec<Written> {
        let option = |word: &str| {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            Written::with_value(name, OsStr::new(value), place.clone())
        };
        line.split_whitespace().map(option).collect()
    }

    fn check(file: (&str, &[&str]), variables: &str, line: (&str, &[&str]), expect: &[&str]) {
        let in_file = Place::File { path: "f.toml".into(), line: 1, column: 1 };
        let layer = |place: &Place, (all, cameras): (&str, &[&str])| Layer {
            of_all: of(place, all),
            cameras: cameras.iter().map(|line| of(place, line)).collect(),
        };
        let variables = of(&Place::Variable("X".to_owned()), variables);
        let cameras = merged(layer(&in_file, file), variables, layer(&Place::CommandLine, line), "--device");
        let shown = |camera: &Vec<Written>| {
            camera.iter().map(|option| format!("{}={}", option.name, option.value().display())).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(cameras.iter().map(shown).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn what_is_off_below_undoes_what_is_on_above() {
        let place = Place::File { path: "f.toml".into(), line: 1, column: 1 };
        let flag = |is_on| Written::flag("--once", is_on, place.clone());
        let words = |options| of_highest(options).into_iter().flat_map(|option| option.words).count();
        assert_eq!(words(vec![flag(true), flag(false)]), 0);
        assert_eq!(words(vec![flag(false), flag(true)]), 1);
    }

    #[test]
    fn the_command_line_counts_more_than_the_environment_and_that_more_than_the_file() {
        check(("", &[]), "", ("", &[]), &[""]);
        check(("--a=1 --b=1 --c=1", &[]), "--b=2 --c=2", ("--c=3", &[]), &["--a=1 --b=2 --c=3"]);
        // A list is one thing: what counts more replaces all of it.
        check(("--mask=1 --mask=2", &[]), "", ("--mask=3 --mask=4", &[]), &["--mask=3 --mask=4"]);
    }

    #[test]
    fn cameras_of_the_file_are_there_unless_others_are_named() {
        let file = ("--fps=1 --size=1", &["--device=a --fps=2", "--device=b"][..]);
        check(file, "", ("", &[]), &["--fps=1 --size=1 --device=a --fps=2", "--fps=1 --size=1 --device=b"]);
        check(file, "--fps=3", ("", &[]), &["--size=1 --fps=3 --device=a", "--size=1 --fps=3 --device=b"]);
        check(file, "", ("--device=c", &[]), &["--fps=1 --size=1 --device=c"]);
        check(file, "--device=c", ("", &[]), &["--fps=1 --size=1 --device=c"]);
        check(
            file,
            "--device=c",
            ("--size=4", &["--device=d --fps=5", "--device=e"]),
            &["--size=4 --device=d --fps=5", "--fps=1 --size=4 --device=e"],
        );
    }
}
