//! Where that was written which is refused.

use crate::{
    cli::{self, Place, StreamArgs, UsageError, Written},
    console::shown,
};

/// The sentence with the place in the config file, or the variable, that it is about; `options` are those of the camera that is refused.
/// `read` says what is wrong with a camera, if anything is.
pub(super) fn located(error: UsageError, options: &[Written], read: impl Fn(&StreamArgs) -> Result<(), UsageError>) -> UsageError {
    let place = named(&error.0, options).or_else(|| cause(options, read));
    UsageError(place.map_or_else(|| error.0.clone(), |place| place.told(&error.0)))
}

/// Of the option with which the sentence begins: that with the value, of a list.
fn named<'a>(sentence: &str, options: &'a [Written]) -> Option<&'a Place> {
    let of_name = || options.iter().filter(|option| begins(sentence, &option.name));
    let typed =
        |option: &&Written| begins(sentence, &format!("{} {}", option.name, shown(option.value().to_string_lossy().trim())));
    of_name().find(typed).or_else(|| of_name().next_back()).map(|option| &option.place)
}

fn begins(sentence: &str, head: &str) -> bool {
    sentence.strip_prefix(head).is_some_and(|rest| rest.starts_with([':', ' ']))
}

/// Of the option without which all would be well: the sentence is then about what another means with it.
fn cause(options: &[Written], read: impl Fn(&StreamArgs) -> Result<(), UsageError>) -> Option<&Place> {
    let is_cause = |index: &usize| cli::without(options, *index).is_some_and(|args| read(&args).is_ok());
    (0..options.len()).find(is_cause).map(|index| &options[index].place)
}

#[cfg(test)]
mod tests {
    use crate::{
        cli::{Stop, Surroundings, parse_in},
        config::read,
    };
    use std::ffi::OsString;

    /// What is said against a file `f.toml` with that text, those variables, and that command line.
    fn told(text: &str, variables: &[(&str, &str)], line: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f.toml");
        std::fs::write(&path, text).expect("it is written");
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let surroundings = Surroundings { variables, files: vec![path.clone()] };
        let words = std::iter::once("hlscam").chain(line.split_whitespace()).map(OsString::from);
        let told = match parse_in(words, &surroundings) {
            Err(Stop::Usage(error)) => error.to_string(),
            Err(Stop::Answer(text)) => text,
            Ok(cli) => read(&cli).map_or_else(|error| error.to_string(), |_| "ok".to_owned()),
        };
        told.replace(&path.display().to_string(), "f.toml")
    }

    #[test]
    fn what_is_refused_is_told_with_where_it_was_written() {
        let fps = "--fps 0: a frame rate is 1 to 240; write it like 30, 29.97 or 30000/1001";
        assert_eq!(told("size = \"320x240\"\nfps = 0", &[], ""), format!("f.toml:2:7: {fps}"));
        assert_eq!(told("fps = 9", &[("HLSCAM_FPS", "0")], ""), format!("HLSCAM_FPS: {fps}"));
        assert_eq!(told("fps = 0", &[("HLSCAM_FPS", "9")], ""), "ok");
        assert_eq!(told("fps = 0", &[("HLSCAM_FPS", "0")], "--fps 5"), "ok");
        assert_eq!(told("fps = 7", &[], "--fps 0"), fps);
        // Of a list, the value; of two cameras, the one.
        let mask = told("mask = [\n  \"0,0,2,2\",\n  \"0,0,0,2\",\n]", &[], "");
        assert!(mask.starts_with("f.toml:3:3: --mask 0,0,0,2: "), "{mask}");
        let two = "[[camera]]\ndevice = \"rtsp://a:b@c/d\"\n[[camera]]\ndevice = \"rtsp://me:secret@cam:x/1\"";
        let wrong = "the host or its port is wrong; write it like rtsp://user:password@host/path";
        assert_eq!(told(two, &[], ""), format!("f.toml:4:10: --device rtsp://...: {wrong}"));
        let names = told("[[camera]]\ndevice = 0\nname = \"a\"\n[[camera]]\ndevice = 1\nname = \"a\"", &[], "");
        assert_eq!(names, "f.toml:6:8: --name a: two cameras have it; give each one of its own");
    }

    #[test]
    fn so_is_what_only_another_option_makes_wrong() {
        let window = told("segment = \"10s\"\nwindow-bytes = \"3M\"\nbitrate = \"9M\"", &[], "");
        assert!(window.starts_with("f.toml:2:16: --window-bytes 3M: "), "{window}");
        // The part is the default.
        let part = "--part 100ms: it does not divide the segment of 1.25s; write 50ms or 125ms";
        let told_part = told("segment = \"1250ms\"", &[], "");
        assert!(told_part.starts_with("f.toml:1:11: --part 100ms: "), "{told_part}, like {part}");
        let lacking = "`hlscam` needs --storage <DIR>; `hlscam --help` explains";
        assert_eq!(told("fps = 9\nhistory-bytes = \"1G\"", &[], ""), format!("f.toml:2:17: {lacking}"));
        assert_eq!(told("history-bytes = \"1G\"", &[("HLSCAM_STORAGE", "kept")], ""), "ok");
        assert_eq!(told("storage = \"kept\"", &[], "--history-bytes 1G"), "ok");
        assert_eq!(told("", &[], "--history-bytes 1G"), lacking);
    }

    #[test]
    fn other_commands_read_no_file() {
        assert_eq!(told("zzz", &[("HLSCAM_FPS", "0")], "devices"), "ok");
        assert_eq!(told("zzz", &[], "--config none"), "ok");
        assert_eq!(told("zzz", &[("HLSCAM_CONFIG", "none")], ""), "ok");
        assert!(told("fps = 0", &[], "config check").starts_with("f.toml:1:7: --fps 0: "));
        assert_eq!(
            told("fps = 0", &[], "config example --zzz"),
            "there is no option --zzz; `hlscam config --help` lists what there is"
        );
        let missing = told("", &[], "--config none.toml");
        assert!(missing.starts_with("--config none.toml: cannot read the file: "), "{missing}");
        let missing = told("", &[("HLSCAM_CONFIG", "none.toml")], "");
        assert!(missing.starts_with("HLSCAM_CONFIG: --config none.toml: cannot read the file: "), "{missing}");
    }
}
