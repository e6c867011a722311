//! What `hlscam record` was told.

use super::{
    Output, RecordConfig,
    check::{asked, hidden, listing, refuse},
};
use crate::{
    camera::CameraConfig,
    cli::{self, Cli, CommandArgs, RecordArgs, UsageError},
    hooks::url::Address,
    http_client,
    marker::is_kind,
    quantity::{self, span_text},
    record::{Overwrite, name::FileName, recorder::FILE_MAX},
    time::{Span, zone::Zone},
};
use std::{ffi::OsString, path::Path};

/// Shortest recording: one part.
const RECORD_MIN: Span = Span::from_ms(100);
/// Longest recording of which the length is told; a recording without end is divided by the day.
const RECORD_MAX: Span = FILE_MAX;
/// Shortest file of a divided recording: a key frame begins each, and there is one a second or two.
const SPLIT_MIN: Span = Span::from_ms(1000);
/// Shortest period: a camera takes a second or two to open.
const EVERY_MIN: Span = Span::from_ms(5000);
/// Longest period.
const EVERY_MAX: Span = Span::from_ms(7 * 24 * 3_600_000);

/// Least of the past that can be asked for: a part.
const PRE_ROLL_MIN: Span = Span::from_ms(100);
/// Most of the past that can be asked for: the longest window.
const PRE_ROLL_MAX: Span = Span::from_ms(24 * 3_600_000);

/// Most of the past that is held in memory for markers.
const HELD_MAX: Span = Span::from_ms(5 * 60_000);

/// What it means.
pub(super) fn read(args: &RecordArgs) -> Result<RecordConfig, UsageError> {
    let duration = length("--duration", args.duration.as_deref(), (RECORD_MIN, RECORD_MAX), "a recording is", "30s or 5m")?;
    let split = length("--split", args.split.as_deref(), (SPLIT_MIN, FILE_MAX), "a file is", "10m or 1h")?;
    let every = length("--every", args.every.as_deref(), (EVERY_MIN, EVERY_MAX), "a period is", "10m or 1h")?;
    let zone = if args.utc { Zone::Utc } else { Zone::Local };
    let output = output(&args.output, zone)?;
    if let (Some(every), Some(text)) = (every, &args.every) {
        check_every(args, (every, text), (duration, &output))?;
    }
    if output == Output::Stdout && args.json {
        return refuse("--json", "", "stdout has the recording; leave it out, or record to a file");
    }
    if let (Output::Stdout, Some(text)) = (&output, &args.split) {
        return refuse("--split", text, "stdout is one stream; leave it out, or record to files");
    }
    let from = from(args)?;
    let on = on(args, (&output, every.is_some()))?;
    let most = if on.is_some() { HELD_MAX } else { PRE_ROLL_MAX };
    let pre_roll = length("--pre-roll", args.pre_roll.as_deref(), (PRE_ROLL_MIN, most), "the past is", "10s or 2m")?;
    let post_roll = length("--post-roll", args.post_roll.as_deref(), (PRE_ROLL_MIN, PRE_ROLL_MAX), "the rest is", "10s or 2m")?;
    if let (Some(text), None) = (&args.post_roll, &on) {
        return refuse("--post-roll", text, "nothing says when it begins; write --on face too, or a longer --duration");
    }
    if let (Some(text), None, None) = (&args.pre_roll, &from, &on) {
        let why = "a source that is just being opened has no past; a hlscam that runs has one: write --from http://host:8080/ too";
        return refuse("--pre-roll", text, why);
    }
    let overwrite = if args.force { Overwrite::Replace } else { Overwrite::Refuse };
    let (pre_roll, post_roll) = (pre_roll.unwrap_or(Span::ZERO), post_roll.unwrap_or(Span::ZERO));
    let listing = listing(args.json);
    Ok(RecordConfig { duration, output, overwrite, split, every, zone, from, on, pre_roll, post_roll, listing })
}

/// Without a server, the kinds that are waited for must be searched.
pub(super) fn check_searched(record: &RecordConfig, config: &CameraConfig) -> Result<(), UsageError> {
    let is_searched = |kind: &&String| config.detect.cascades.iter().any(|cascade| cascade.kind().name() == kind.as_str());
    let missing = record.on.iter().flatten().find(|kind| record.from.is_none() && !is_searched(kind));
    missing.map_or(Ok(()), |kind| {
        let why = format!("this is not searched; write --detect {kind} too, or --from a hlscam that has such markers");
        refuse("--on", kind, &why)
    })
}

/// A length within limits, if one was typed.
pub(super) fn length(
    option: &str,
    text: Option<&str>,
    (min, max): (Span, Span),
    what: &str,
    example: &str,
) -> Result<Option<Span>, UsageError> {
    let Some(text) = text else { return Ok(None) };
    let span = asked(option, text, quantity::span)?;
    if !(min..=max).contains(&span) {
        let why = format!("{what} {} to {} long; write {example}", span_text(min), span_text(max));
        return refuse(option, text, &why);
    }
    Ok(Some(span))
}

/// Kinds of markers.
pub(super) fn kinds(option: &str, text: &str) -> Result<Vec<String>, UsageError> {
    let kinds: Vec<String> = text.split(',').map(|kind| kind.trim().to_owned()).collect();
    if kinds.iter().all(|kind| is_kind(kind)) {
        Ok(kinds)
    } else {
        refuse(option, text, "this is no kind of marker; write face, or several with commas between")
    }
}

/// The kinds of markers that are waited for.
fn on(args: &RecordArgs, (output, is_repeated): (&Output, bool)) -> Result<Option<Vec<String>>, UsageError> {
    let Some(text) = &args.on else { return Ok(None) };
    let kinds = kinds("--on", text)?;
    match output {
        _ if args.duration.is_some() => refuse("--on", text, "the markers say how long is recorded; leave --duration out"),
        _ if is_repeated => refuse("--on", text, "the markers say when is recorded; leave --every out"),
        Output::Files(name) if name.is_pattern() => Ok(Some(kinds)),
        Output::Files(_) => {
            refuse("--output", &args.output.to_string_lossy(), "each recording needs a name; write %Y-%m-%d_%H-%M-%S.mp4")
        }
        Output::Stdout => refuse("--on", text, "stdout is one stream; leave it out, or record to files"),
    }
}

/// The server that is recorded; it has chosen what its stream is.
fn from(args: &RecordArgs) -> Result<Option<Address>, UsageError> {
    let Some(text) = &args.from else { return Ok(None) };
    let address = http_client::parse_address(text).or_else(|why| refuse("--from", &hidden(text), &why))?;
    let untouched = cli::parse(["hlscam", "record", "--output", "-"].map(OsString::from));
    if let Ok(Cli { command: Some(CommandArgs::Record(untouched)), .. }) = untouched
        && (untouched.source != args.source || untouched.pipeline != args.pipeline)
    {
        let why = "the server has chosen source, picture, detection and encoding; leave their options out";
        return refuse("--from", &hidden(text), why);
    }
    Ok(Some(address))
}

fn output(path: &Path, zone: Zone) -> Result<Output, UsageError> {
    let text = path.to_string_lossy();
    if path == Path::new("-") {
        return Ok(Output::Stdout);
    }
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    if !ending.is_some_and(|ending| ending == "mp4" || ending == "m4v") {
        return refuse("--output", &text, "a recording is an MP4 file; write a name that ends in .mp4, or - for stdout");
    }
    asked("--output", &text, |_| FileName::parse(path, zone)).map(Output::Files)
}

fn check_every(
    args: &RecordArgs,
    (every, text): (Span, &str),
    (duration, output): (Option<Span>, &Output),
) -> Result<(), UsageError> {
    match (duration, &args.duration) {
        (Some(duration), Some(length)) if duration >= every => {
            let why =
                format!("each recording is {length} long, and the next would begin before it ends; write --split {text} alone");
            return refuse("--every", text, &why);
        }
        (None, _) => return refuse("--every", text, "how long each recording is, is missing; write --duration 60s too"),
        _ => {}
    }
    match output {
        Output::Files(name) if name.is_pattern() => Ok(()),
        Output::Files(_) => {
            refuse("--output", &args.output.to_string_lossy(), "each recording needs a name; write %Y-%m-%d_%H-%M-%S.mp4")
        }
        Output::Stdout => refuse("--every", text, "stdout is one stream; leave it out, or record to files"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        Command, Listing,
        check::tests::{check, meaning},
    };

    fn recorded(line: &str) -> RecordConfig {
        match meaning(line).unwrap_or_else(|error| panic!("{line}: {error}")).command {
            Command::Record(_, record) => *record,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_recording_has_a_length_or_none_and_goes_into_an_mp4_or_to_a_reader() {
        let expect = RecordConfig {
            duration: Some(Span::from_ms(30_000)),
            output: Output::Files(FileName::Plain("out.mp4".into())),
            overwrite: Overwrite::Refuse,
            split: None,
            every: None,
            zone: Zone::Local,
            from: None,
            on: None,
            pre_roll: Span::ZERO,
            post_roll: Span::ZERO,
            listing: Listing::Text,
        };
        let line = "record --device test --duration 30s --output out.mp4";
        assert_eq!(recorded(line), expect);
        assert_eq!(recorded(&format!("{line} --force")), RecordConfig { overwrite: Overwrite::Replace, ..expect.clone() });
        assert_eq!(recorded("record --output out.mp4"), RecordConfig { duration: None, ..expect.clone() });
        assert_eq!(recorded("record -o -"), RecordConfig { duration: None, output: Output::Stdout, ..expect.clone() });
        let from = recorded("record --from http://host:8080/yard --pre-roll 10s -o out.mp4");
        assert_eq!((from.pre_roll, from.from.map(|from| from.path)), (Span::from_ms(10_000), Some("/yard".to_owned())));
        let on = recorded("record --on face,cat --detect face,cat --pre-roll 5s --post-roll 10s -o %s.mp4");
        assert_eq!(on.on, Some(vec!["face".to_owned(), "cat".to_owned()]));
        assert_eq!((on.pre_roll, on.post_roll), (Span::from_ms(5000), Span::from_ms(10_000)));
        assert!(recorded("record --on door-bell --from http://host/ -o %s.mp4").on.is_some());
        let every = "record --duration 60s --every 1h --split 30s --utc --json -o %H.mp4";
        let pattern = Output::Files(FileName::Pattern("%H.mp4".to_owned(), Zone::Utc));
        let (split, period) = (Some(Span::from_ms(30_000)), Some(Span::from_ms(3_600_000)));
        let (duration, listing) = (Some(Span::from_ms(60_000)), Listing::Json);
        assert_eq!(
            recorded(every),
            RecordConfig { duration, output: pattern, split, every: period, zone: Zone::Utc, listing, ..expect }
        );
    }

    #[test]
    fn what_cannot_be_recorded_is_refused_in_one_sentence() {
        let line = |rest: &str, why: &str| check(&format!("record {rest}"), why);
        line("--duration 0s -o a.mp4", "--duration 0s: a recording is 100ms to 24h long; write 30s or 5m");
        line("-o a.mkv", "--output a.mkv: a recording is an MP4 file; write a name that ends in .mp4, or - for stdout");
        line("--split 10ms -o a.mp4", "--split 10ms: a file is 1s to 24h long; write 10m or 1h");
        line("--split 1m -o -", "--split 1m: stdout is one stream; leave it out, or record to files");
        line("--json -o -", "--json: stdout has the recording; leave it out, or record to a file");
        line(
            "-o %K.mp4",
            "--output %K.mp4: there is a % in it that begins no conversion of strftime; write it like %Y-%m-%d_%H-%M-%S.mp4, and \
             %% for a per cent sign",
        );
        line("--every 1s --duration 1s -o %s.mp4", "--every 1s: a period is 5s to 7d long; write 10m or 1h");
        line("--every 1h -o %s.mp4", "--every 1h: how long each recording is, is missing; write --duration 60s too");
        line(
            "--every 1h --duration 60m -o %s.mp4",
            "--every 1h: each recording is 60m long, and the next would begin before it ends; write --split 1h alone",
        );
        line("--every 1h --duration 1m -o a.mp4", "--output a.mp4: each recording needs a name; write %Y-%m-%d_%H-%M-%S.mp4");
        line(
            "--pre-roll 10s -o a.mp4",
            "--pre-roll 10s: a source that is just being opened has no past; a hlscam that runs has one: write --from \
             http://host:8080/ too",
        );
        line("--on Face -o %s.mp4", "--on Face: this is no kind of marker; write face, or several with commas between");
        line("--on face --duration 1m -o %s.mp4", "--on face: the markers say how long is recorded; leave --duration out");
        line("--on face -o a.mp4", "--output a.mp4: each recording needs a name; write %Y-%m-%d_%H-%M-%S.mp4");
        line("--on face -o -", "--on face: stdout is one stream; leave it out, or record to files");
        line("--on face --pre-roll 1h -o %s.mp4", "--pre-roll 1h: the past is 100ms to 5m long; write 10s or 2m");
        line(
            "--post-roll 10s -o a.mp4",
            "--post-roll 10s: nothing says when it begins; write --on face too, or a longer --duration",
        );
        line(
            "--on cat -o %s.mp4",
            "--on cat: this is not searched; write --detect cat too, or --from a hlscam that has such markers",
        );
        line("--from host:8080 -o a.mp4", "--from host:8080: the scheme is missing; write http://… or https://…");
        line("--from rtsp://a:b@host/ -o a.mp4", "--from rtsp://...: rtsp is not supported here; write http://… or https://…");
        for option in ["--device test", "--size 640x480", "--detect none", "--bitrate 1M", "--part 200ms", "--once"] {
            line(
                &format!("--from http://me:secret@host/ -o a.mp4 {option}"),
                "--from http://...: the server has chosen source, picture, detection and encoding; leave their options out",
            );
        }
        line("--every 1h --duration 1m -o -", "--every 1h: stdout is one stream; leave it out, or record to files");
    }
}
