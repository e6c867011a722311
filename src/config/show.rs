//! What `hlscam config` prints.

use crate::cli::{
    Cli, Written,
    catalog::{self, Kind, OptionInfo},
    file::CAMERA,
};
use std::fmt::Write;

/// Columns of the texts.
const COLUMNS: usize = 100;
/// Options whose value may hold a password or another secret.
const SECRET: [&str; 3] = ["device", "on-event", "mqtt"];

/// That all is well.
pub(super) fn check(cli: &Cli) -> String {
    match &cli.file {
        Some(path) => format!("ok: {}", path.display()),
        None => "ok; there is no config file".to_owned(),
    }
}

/// Each option as it counts, as a config file would have it, and where it was written.
pub(super) fn effective(cli: &Cli) -> String {
    let mut text = match &cli.file {
        Some(path) => format!("# config file: {}\n", path.display()),
        None => "# config file: none\n".to_owned(),
    };
    let several = cli.written.len() > 1;
    let first = cli.written.first().map_or(&[][..], Vec::as_slice);
    for option in catalog::options().iter().filter(|option| option.is_shared || !several) {
        text += &line(option, first);
    }
    for camera in cli.written.iter().filter(|_| several) {
        write!(text, "\n[[{CAMERA}]]\n").ok();
        text.extend(catalog::options().iter().filter(|option| !option.is_shared).map(|option| line(option, camera)));
    }
    text.trim_end().to_owned()
}

/// A line about an option, among those of a camera.
fn line(option: &OptionInfo, options: &[Written]) -> String {
    let name = option.typed();
    let written: Vec<&Written> = options.iter().filter(|written| written.name == name).collect();
    let Some(last) = written.last() else {
        return match value_text(option, &option.defaults) {
            Some(value) => format!("{} = {value}  # default\n", option.name),
            None => format!("# {} is not set\n", option.name),
        };
    };
    let value = match option.kind {
        Kind::Flag => (!last.words.is_empty()).to_string(),
        Kind::Count => written.iter().map(|written| count(written)).sum::<usize>().to_string(),
        Kind::Value => quoted(&masked(option, last)),
        Kind::List => list(written.iter().filter(|written| !written.words.is_empty()).map(|written| masked(option, written))),
    };
    let counting = if option.kind == Kind::List { &written[..] } else { &written[written.len() - 1..] };
    let mut places: Vec<String> = counting.iter().map(|written| written.place.to_string()).collect();
    places.dedup();
    format!("{} = {value}  # {}\n", option.name, places.join(", "))
}

/// How often a flag stands in what was written: `-vv` is two.
fn count(written: &Written) -> usize {
    let times = |word: &str| if word.starts_with("--") { 1 } else { word.matches('v').count() };
    written.words.iter().filter_map(|word| word.to_str()).map(times).sum()
}

/// The value, or that there is one.
fn masked(option: &OptionInfo, written: &Written) -> String {
    let value = written.value().to_string_lossy();
    match value.split_once("://") {
        // A secret may stand anywhere in a command.
        _ if option.name == "on-event-exec" => "...".to_owned(),
        Some((scheme, _)) if SECRET.contains(&option.name.as_str()) => format!("{scheme}://..."),
        _ => value.into_owned(),
    }
}

/// A value that nobody has given, as it would be written; none where there is none.
fn value_text(option: &OptionInfo, values: &[String]) -> Option<String> {
    match (option.kind, values) {
        (Kind::Flag, _) => Some("false".to_owned()),
        (Kind::Count, _) => Some("0".to_owned()),
        (Kind::List, []) => Some("[]".to_owned()),
        (Kind::List, values) => Some(list(values.iter().cloned())),
        (Kind::Value, values) => values.first().map(|value| quoted(value)),
    }
}

fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.map(|value| quoted(&value)).collect::<Vec<_>>().join(", "))
}

/// A text as TOML writes it; a whole number stands without quotes.
fn quoted(text: &str) -> String {
    let is_number = text.parse::<u32>().is_ok_and(|number| number.to_string() == text);
    if is_number {
        return text.to_owned();
    }
    // Its escapes of control characters are those of JSON.
    serde_json::Value::from(text).to_string()
}

/// A config file with every option in comments.
pub(super) fn example() -> String {
    let mut text = "# Options of hlscam, each with what it is without this file; take away the # to set one.\n\
                    # What is typed, and variables like HLSCAM_FPS, count more than what stands here.\n"
        .to_owned();
    let mut heading = "";
    for option in catalog::options() {
        if option.heading != heading {
            heading = &option.heading;
            write!(text, "\n## {heading}\n").ok();
        }
        text.push('\n');
        text.extend(wrapped(&option.help).map(|line| format!("# {line}\n")));
        let value = value_text(option, &option.defaults).unwrap_or_else(|| quoted(&option.value_name));
        writeln!(text, "# {} = {value}", option.name).ok();
    }
    text += "\n## Several cameras\n\n\
             # Each has a table, with all options but those of the server, of markers and events, storage and min-free.\n\
             # They stand behind all others; what stands above the first holds for all. device is then written here alone.\n\
             # [[camera]]\n# device = \"/dev/video0\"\n# name = \"porch\"\n# fps = 15\n";
    text.trim_end().to_owned()
}

/// Lines of words.
fn wrapped(text: &str) -> impl Iterator<Item = String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].is_empty() {
            lines[last] = word.to_owned();
        } else if lines[last].chars().count() + word.chars().count() + 3 > COLUMNS {
            lines.push(word.to_owned());
        } else {
            lines[last] = format!("{} {word}", lines[last]);
        }
    }
    lines.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Surroundings, parse_in};
    use std::{ffi::OsString, path::Path};

    fn shown(path: &Path, variables: &[(&str, &str)]) -> String {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let surroundings = Surroundings { variables, files: vec![path.to_owned()] };
        let cli = parse_in(["hlscam", "config", "show"].map(OsString::from), &surroundings).expect("it is right");
        effective(&cli).replace(&path.display().to_string(), "f.toml")
    }

    #[test]
    fn each_option_is_shown_as_it_counts_with_its_place_and_without_secrets() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f.toml");
        let text = "port = 9000\nmqtt = \"mqtt://me:secret@host\"\non-event-exec = \"curl -H secret https://host\"\nfps = 9\nonce = true\n\
                    mask = [\"0,0,2,2\", \"4,4,2,2\"]\ndevice = \"rtsp://me:secret@cam\"\n";
        std::fs::write(&path, text).expect("it is written");
        let told = shown(&path, &[("HLSCAM_FPS", "5"), ("HLSCAM_VERBOSE", "2"), ("HLSCAM_ONCE", "false")]);
        let has = |line: &str| assert!(told.lines().any(|have| have == line), "{line}\n{told}");
        has("# config file: f.toml");
        has("port = 9000  # f.toml:1:8");
        has("mqtt = \"mqtt://...\"  # f.toml:2:8");
        has("on-event-exec = \"...\"  # f.toml:3:17");
        has("device = \"rtsp://...\"  # f.toml:7:10");
        has("fps = 5  # HLSCAM_FPS");
        has("once = false  # HLSCAM_ONCE");
        has("verbose = 2  # HLSCAM_VERBOSE");
        has("mask = [\"0,0,2,2\", \"4,4,2,2\"]  # f.toml:6:9, f.toml:6:20");
        has("bitrate = \"2M\"  # default");
        has("# users is not set");
        assert!(!told.contains("secret"), "{told}");
        assert_eq!(told.lines().count(), catalog::options().len() + 1, "{told}");
    }

    #[test]
    fn cameras_are_shown_one_by_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f.toml");
        std::fs::write(&path, "fps = 9\n[[camera]]\ndevice = 0\n[[camera]]\ndevice = \"test\"\nfps = 5\n").expect("it is written");
        let told = shown(&path, &[]);
        let lines: Vec<&str> =
            told.lines().filter(|line| ["fps", "dev", "[[c", "por"].iter().any(|head| line.starts_with(head))).collect();
        let camera = ["[[camera]]", "device = 0  # f.toml:3:10", "fps = 9  # f.toml:1:7"];
        let other = ["[[camera]]", "device = \"test\"  # f.toml:5:10", "fps = 5  # f.toml:6:7"];
        assert_eq!(lines, [&["port = 8080  # default"][..], &camera, &other].concat());
    }

    #[test]
    fn the_example_has_every_option_and_can_be_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f.toml");
        let text = example();
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS + 10), "{text}");
        std::fs::write(&path, &text).expect("it is written");
        assert!(shown(&path, &[]).contains("port = 8080  # default"));
        // Each line of an option, with its # taken away.
        let is_option =
            |line: &&str| line.split_once(" = ").is_some_and(|(name, _)| catalog::options().iter().any(|it| it.name == name));
        let (general, _) = text.split_once("## Several cameras").expect("they are there");
        let set: Vec<&str> = general.lines().filter_map(|line| line.strip_prefix("# ")).filter(is_option).collect();
        assert_eq!(set.len(), catalog::options().len(), "{text}");
        std::fs::write(&path, set.join("\n")).expect("it is written");
        let told = shown(&path, &[("HLSCAM_STORAGE", "kept")]);
        assert!(told.contains("port = 8080  # f.toml:") && !told.contains("# default"), "{told}");
    }
}
