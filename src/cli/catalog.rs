//! The options of the stream, as clap knows them: what may stand in a config file and in the environment.

use super::{Cli, cameras::DEVICE};
use clap::{Arg, ArgAction, CommandFactory, error::ContextKind, error::ContextValue};
use std::sync::OnceLock;

/// What does not stand in a config file.
const OF_COMMAND_LINE: [&str; 3] = ["config", "help", "version"];
/// Headings of what all cameras share.
const SHARED_HEADINGS: [&str; 2] = ["Server", "Markers and events"];
/// What they share under other headings.
const SHARED: [&str; 5] = ["storage", "min-free", "verbose", "log", "log-format"];

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: it is on or off.
    Flag,
    /// Nothing, and it may be repeated.
    Count,
    /// A value.
    Value,
    /// A value, and each that is given counts.
    List,
}

/// An option of the stream.
#[derive(Clone, Debug)]
pub struct OptionInfo {
    /// Its long name, without the hyphens.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
    /// Under which heading its help stands.
    pub heading: String,
    /// Its help.
    pub help: String,
    /// How its value is called.
    pub value_name: String,
    /// What it is when nobody says it.
    pub defaults: Vec<String>,
    /// All cameras share it.
    pub is_shared: bool,
}

impl OptionInfo {
    fn new(arg: &Arg) -> Option<OptionInfo> {
        let name = arg.get_long().filter(|name| !OF_COMMAND_LINE.contains(name))?;
        let heading = arg.get_help_heading().unwrap_or("Options");
        let kind = match arg.get_action() {
            ArgAction::Append => Kind::List,
            ArgAction::Count => Kind::Count,
            action if action.takes_values() => Kind::Value,
            _ => Kind::Flag,
        };
        // Clap has defaults of flags, too.
        let defaults = arg.get_default_values().iter().filter(|_| matches!(kind, Kind::Value | Kind::List));
        Some(OptionInfo {
            name: name.to_owned(),
            kind,
            heading: heading.to_owned(),
            help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            value_name: arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default(),
            defaults: defaults.map(|value| value.to_string_lossy().into_owned()).collect(),
            is_shared: SHARED_HEADINGS.contains(&heading) || SHARED.contains(&name),
        })
    }

    /// The option as it is typed.
    pub fn typed(&self) -> String {
        format!("--{}", self.name)
    }

    /// The variable that says it.
    pub fn variable(&self) -> String {
        format!("{}{}", super::environment::PREFIX, self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// It begins a camera.
    pub fn is_device(&self) -> bool {
        self.typed() == DEVICE
    }
}

/// All of them, in the order of the help.
pub fn options() -> &'static [OptionInfo] {
    static OPTIONS: OnceLock<Vec<OptionInfo>> = OnceLock::new();
    OPTIONS.get_or_init(|| {
        let mut command = Cli::command();
        command.build();
        command.get_arguments().filter_map(OptionInfo::new).collect()
    })
}

/// The option of that name, without hyphens.
pub(super) fn option(name: &str) -> Option<&'static OptionInfo> {
    options().iter().find(|option| option.name == name)
}

/// The name that is nearest to one that there is not, as clap finds it for the command line.
pub(super) fn nearest(name: &str) -> Option<String> {
    let error = Cli::command().try_get_matches_from(["hlscam".to_owned(), format!("--{name}")]).err()?;
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(near)) => option(near.trim_start_matches('-')).map(|option| option.name.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_the_stream_is_known_with_what_it_takes() {
        let check = |name: &str, kind, is_shared| {
            let option = option(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((option.kind, option.is_shared), (kind, is_shared), "{name}");
        };
        check("fps", Kind::Value, false);
        check("mask", Kind::List, false);
        check("once", Kind::Flag, false);
        check("verbose", Kind::Count, true);
        check("tls", Kind::Flag, true);
        check("trust-proxy", Kind::List, true);
        check("mqtt", Kind::Value, true);
        check("storage", Kind::Value, true);
        check("history-bytes", Kind::Value, false);
        assert!(option("config").is_none() && option("help").is_none());
        assert_eq!(option("port").map(|option| option.defaults.clone()), Some(vec!["8080".to_owned()]));
        assert_eq!(option("detect-fps").map(OptionInfo::variable).as_deref(), Some("HLSCAM_DETECT_FPS"));
    }

    #[test]
    fn the_nearest_name_is_found() {
        assert_eq!(nearest("detect_fps").as_deref(), Some("detect-fps"));
        assert_eq!(nearest("bitrat").as_deref(), Some("bitrate"));
        assert_eq!(nearest("zzz"), None);
    }
}
