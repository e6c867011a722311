//! What was said about the log.

use super::check::refuse;
use crate::{
    cli::{Cli, UsageError},
    console::{LogConfig, LogFormat, Verbosity},
};
use tracing::level_filters::LevelFilter;

/// The targets of hlscam's own lines begin so; they are meant where a level stands alone.
const OURS: &str = env!("CARGO_CRATE_NAME");

const LEVELS: &str = "off, error, warn, info, debug or trace";

/// How the log is written.
pub(super) fn log(cli: &Cli) -> Result<LogConfig, UsageError> {
    let verbosity = match cli.verbose {
        0 => Verbosity::Normal,
        1 => Verbosity::Verbose,
        _ => Verbosity::Everything,
    };
    let format = match cli.log_format.as_str() {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        other => return refuse("--log-format", other, "there is no such form; write text or json"),
    };
    let text = cli.log.as_deref();
    let filter = text.map_or(Ok(Vec::new()), |text| text.split(',').map(|part| rule(text, part.trim())).collect())?;
    Ok(LogConfig { verbosity, format, filter })
}

/// `LEVEL`, or `TARGET=LEVEL`.
fn rule(text: &str, part: &str) -> Result<(String, LevelFilter), UsageError> {
    let (target, level) = part.split_once('=').map_or((OURS, part), |(target, level)| (target.trim(), level.trim()));
    if target.is_empty() || !target.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-')) {
        return refuse("--log", text, "the name of a module is missing or none; write it like hlscam::server=debug");
    }
    let is_name = ["off", "error", "warn", "info", "debug", "trace"].iter().any(|name| level.eq_ignore_ascii_case(name));
    match level.parse() {
        Ok(level) if is_name => Ok((target.to_owned(), level)),
        _ => refuse("--log", text, &format!("a level is {LEVELS}; write one, or several like info,hlscam::server=debug")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;
    use std::ffi::OsString;

    fn read(line: &str) -> Result<LogConfig, String> {
        let words = std::iter::once("hlscam").chain(line.split_whitespace()).map(OsString::from);
        log(&cli::parse(words).expect("it is well formed")).map_err(|error| error.0)
    }

    #[test]
    fn a_filter_is_levels_and_levels_of_modules() {
        let filter = |line: &str| read(line).map(|config| config.filter);
        let of = |target: &str, level| (target.to_owned(), level);
        assert_eq!(filter(""), Ok(vec![]));
        assert_eq!(filter("--log WARN"), Ok(vec![of("hlscam", LevelFilter::WARN)]));
        let two = vec![of("hlscam", LevelFilter::INFO), of("hlscam::server", LevelFilter::TRACE)];
        assert_eq!(filter("--log info,hlscam::server=trace"), Ok(two));
        assert_eq!(filter("devices --log rustls=off"), Ok(vec![of("rustls", LevelFilter::OFF)]));
        for wrong in ["loud", "3", "info,", "=info", "a b=info", "hlscam=", "hlscam=loud"] {
            let words = ["hlscam", "--log", wrong].map(OsString::from);
            let refused = log(&cli::parse(words).expect("it is well formed"));
            assert!(refused.is_err_and(|error| error.0.starts_with(&format!("--log {wrong}: "))), "{wrong}");
        }
    }

    #[test]
    fn verbosity_counts_to_two() {
        let verbosity = |line: &str| read(line).map(|config| config.verbosity);
        assert_eq!(verbosity(""), Ok(Verbosity::Normal));
        assert_eq!(verbosity("-v"), Ok(Verbosity::Verbose));
        assert_eq!(verbosity("devices -vvv"), Ok(Verbosity::Everything));
    }

    #[test]
    fn a_line_is_text_or_json() {
        assert_eq!(read("").map(|config| config.format), Ok(LogFormat::Text));
        assert_eq!(
            read("--log-format json -v").map(|config| (config.format, config.verbosity)),
            Ok((LogFormat::Json, Verbosity::Verbose))
        );
        assert_eq!(read("--log-format xml"), Err("--log-format xml: there is no such form; write text or json".to_owned()));
    }
}
