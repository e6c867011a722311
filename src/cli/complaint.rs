//! What clap has to say against a command line, in one sentence of ours.

use super::Cli;
use clap::{
    CommandFactory,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::ffi::OsString;

/// Clap's complaint in one sentence.
pub(super) fn sentence(error: &clap::Error, command: &str) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(" and "),
        _ => String::new(),
    };
    let arg = text(ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => {
            let typed = if arg.is_empty() { text(ContextKind::InvalidSubcommand) } else { arg };
            let what = if typed.starts_with('-') { "option" } else { "command or argument" };
            match text(ContextKind::SuggestedArg) + &text(ContextKind::SuggestedSubcommand) {
                near if near.is_empty() => format!("there is no {what} {typed}; `{command} --help` lists what there is"),
                near => format!("there is no {what} {typed}; did you mean {near}?"),
            }
        }
        ErrorKind::MissingRequiredArgument => format!("`{command}` needs {arg}; `{command} --help` explains"),
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => {
            format!("{arg} lacks its value; `{command} --help` explains")
        }
        ErrorKind::TooManyValues => format!("{arg} takes no value; leave \"{}\" out", text(ContextKind::InvalidValue)),
        ErrorKind::ArgumentConflict => {
            "options of the stream stand before a command; write the command first, and its own options after it".to_owned()
        }
        ErrorKind::InvalidUtf8 => "an argument is not valid UTF-8; name the file or device by another path".to_owned(),
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            format!("{}; `{command} --help` explains", line.trim_start_matches("error: "))
        }
    }
}

/// The command whose help explains: `hlscam`, or `hlscam record`.
pub(super) fn command_of(typed: &[OsString]) -> String {
    let first = typed.iter().skip(1).filter_map(|arg| arg.to_str()).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    match Cli::command().find_subcommand(first) {
        Some(command) => format!("hlscam {}", command.get_name()),
        None => "hlscam".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Stop, parse};
    use std::ffi::OsString;

    fn check(line: &str, expect: &str) {
        let args = std::iter::once("hlscam").chain(line.split_whitespace()).map(OsString::from);
        match parse(args) {
            Err(Stop::Usage(error)) => assert_eq!(error.to_string(), expect, "{line}"),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_in_one_sentence() {
        check("--prot 9000", "there is no option --prot; did you mean --port?");
        check("--zzz", "there is no option --zzz; `hlscam --help` lists what there is");
        check("recrd", "there is no command or argument recrd; did you mean record?");
        check("watch", "there is no command or argument watch; `hlscam --help` lists what there is");
        check("bench a.mp4 --window 5m", "there is no option --window; `hlscam bench --help` lists what there is");
        check("bench", "`hlscam bench` needs <FILE>; `hlscam bench --help` explains");
        check("detect --json", "`hlscam detect` needs <FILE>...; `hlscam detect --help` explains");
        check("record", "`hlscam record` needs --output <FILE.mp4>; `hlscam record --help` explains");
        check("--port", "--port <N> lacks its value; `hlscam --help` explains");
        check("bench --json --size", "--size <WxH> lacks its value; `hlscam bench --help` explains");
        check("--once=3", "--once takes no value; leave \"3\" out");
        check("--device a --name x --device b --fps", "--fps <RATE> lacks its value; `hlscam --help` explains");
        check(
            "record -o a.mp4 --device a --device b",
            "one camera is recorded at a time; write --device once, or stream them all and record each by --from",
        );
        check(
            "--device test devices",
            "options of the stream stand before a command; write the command first, and its own options after it",
        );
    }
}
