//! `hlscam completions`: what a shell needs to complete the options and commands as they are typed.

use super::Cli;
use clap::CommandFactory;
pub use clap_complete::Shell;

/// The script for a shell.
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hlscam", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn each_shell_is_told_every_command_and_option() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for word in ["record", "snapshot", "completions", "device", "history-bytes"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
