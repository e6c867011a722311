//! The command line: read what was typed, run it, report, exit.

use hlscam::{
    app,
    cli::{self, Stop, Surroundings},
    config,
    console::{self, Console, EXIT_FAILED, EXIT_USAGE},
};
use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

fn main() -> ExitCode {
    let code = run();
    console::flush();
    code
}

/// All but the last words.
fn run() -> ExitCode {
    console::explain_panics();
    let read = cli::parse_in(env::args_os(), &Surroundings::of_process()).and_then(|cli| Ok(config::read(&cli)?));
    let invocation = match read {
        Ok(invocation) => invocation,
        Err(Stop::Answer(text)) => return console::answer(&text),
        Err(Stop::Usage(error)) => return console::error(&error, EXIT_USAGE),
    };
    let console = Console::start(&invocation.log);
    invocation.tell();
    match catch_unwind(AssertUnwindSafe(|| app::run(invocation, &console))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => console::error(&error, EXIT_FAILED),
        // The hook has told it already.
        Err(_) => ExitCode::from(EXIT_FAILED),
    }
}
