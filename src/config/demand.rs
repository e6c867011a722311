//! What is done with a camera while nobody watches.

use super::check::{asked, refuse};
use crate::{
    capture::demand::Unwatched,
    cli::{UsageError, demand::DemandArgs, rules::RulesArgs},
    quantity,
    time::FrameRate,
};

/// Fewer pictures a second would show as a camera that is silent for moments.
const IDLE_MIN: FrameRate = FrameRate::whole(2);

/// What it means.
pub(super) fn read(args: &DemandArgs, rules: &RulesArgs) -> Result<Unwatched, UsageError> {
    let idle = args.idle_fps.as_deref().map(|text| Ok((text, asked("--idle-fps", text, idle_rate)?))).transpose()?;
    match idle {
        Some((text, _)) if args.on_demand => {
            refuse("--idle-fps", text, "with --on-demand the camera is closed while nobody watches; leave one of them out")
        }
        Some((_, rate)) => Ok(Unwatched::Slow(rate)),
        None if args.on_demand && rules.record_on.is_some() => {
            let why = "what --record-on waits for is searched in the camera's pictures, so it would never be closed; leave one of \
                       them out, or take --idle-fps 5";
            refuse("--on-demand", "", why)
        }
        None if args.on_demand => Ok(Unwatched::Close),
        None => Ok(Unwatched::Stream),
    }
}

fn idle_rate(text: &str) -> Result<FrameRate, String> {
    let rate = quantity::rate(text)?;
    let least = IDLE_MIN.as_f64();
    (rate.as_f64() >= least).then_some(rate).ok_or_else(|| format!("{least} pictures a second are the least; write --idle-fps 5"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;
    use std::ffi::OsString;

    fn read_line(line: &str) -> Result<Unwatched, String> {
        let words = std::iter::once("hlscam").chain(line.split_whitespace()).map(OsString::from);
        let cli = cli::parse(words).unwrap_or_else(|_| panic!("{line} is read"));
        read(&cli.stream.demand, &cli.stream.rules).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_done_while_nobody_watches_is_one_thing() {
        let check = |line: &str, expect: Result<Unwatched, &str>| {
            assert_eq!(read_line(line), expect.map_err(str::to_owned), "{line}");
        };
        check("", Ok(Unwatched::Stream));
        check("--on-demand", Ok(Unwatched::Close));
        check("--on-demand --storage s --record-schedule mon-fri", Ok(Unwatched::Close));
        check("--idle-fps 5", Ok(Unwatched::Slow(FrameRate::whole(5))));
        check("--idle-fps 5 --storage s --record-on face", Ok(Unwatched::Slow(FrameRate::whole(5))));
        check("--idle-fps 1", Err("--idle-fps 1: 2 pictures a second are the least; write --idle-fps 5"));
        check(
            "--idle-fps 5 --on-demand",
            Err("--idle-fps 5: with --on-demand the camera is closed while nobody watches; leave one of them out"),
        );
        check(
            "--on-demand --storage s --record-on face",
            Err(
                "--on-demand: what --record-on waits for is searched in the camera's pictures, so it would never be closed; leave one \
                 of them out, or take --idle-fps 5",
            ),
        );
    }
}
