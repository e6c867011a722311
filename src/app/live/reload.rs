//! The config file, read again: what can be changed while the streams go on is changed, and the rest is told. A file that is wrong changes
//! nothing.

use crate::{
    app::limits,
    camera::{Camera, CameraConfig, tuning::Part},
    changeable::Changeable,
    cli::{self, Stop, Surroundings},
    config::{self, Command, Invocation, Options},
    hooks::HooksConfig,
    server::Reloaded,
    sync::lock,
};
use std::{
    env,
    sync::{Arc, Mutex},
};

/// Changes running streams.
pub(super) struct Reloader {
    /// The config file that was read at the start.
    file: Option<String>,
    /// What each option is now, of each camera.
    options: Mutex<Vec<Options>>,
    cameras: Vec<Arc<Camera>>,
    hooks: Changeable<HooksConfig>,
}

/// What says which camera it is: where it changes, all else is of another camera.
const WHO: [&str; 2] = ["device", "name"];

/// Options of the hooks, which all cameras share.
const HOOKS: [&str; 3] = ["on-event", "on-event-exec", "mqtt"];

/// The part of a camera that an option is about, if it can be changed.
fn part(option: &str) -> Option<Part> {
    match option {
        "overlay" => Some(Part::Overlay),
        "detect" => Some(Part::Detect),
        "detect-fps" => Some(Part::DetectFps),
        "bitrate" => Some(Part::Bitrate),
        "window" | "window-bytes" => Some(Part::Window),
        _ => None,
    }
}

impl Reloader {
    /// Of streams that were started with these options, and those of that file.
    pub(super) fn new(
        (options, file): (Vec<Options>, Option<String>),
        cameras: Vec<Arc<Camera>>,
        hooks: Changeable<HooksConfig>,
    ) -> Reloader {
        Reloader { file, options: Mutex::new(options), cameras, hooks }
    }

    /// Reads the command line, the environment and the config file as at the start, and changes what can be changed. The reason where that
    /// means nothing.
    pub(super) fn reload(&self) -> Result<Reloaded, String> {
        // One after the other: what was read first must not be applied last.
        let mut now = lock(&self.options);
        let read = cli::parse_in(env::args_os(), &Surroundings::of_process()).and_then(|cli| Ok(config::read(&cli)?));
        let outcome = match read {
            Ok(invocation) => self.apply(&mut now, invocation),
            Err(Stop::Usage(error)) => Err(error.to_string()),
            Err(Stop::Answer(text)) => Err(text),
        };
        match &outcome {
            Ok(Reloaded { applied, needs_restart }) => {
                let told = |what: &str, names: &[String]| {
                    if names.is_empty() { String::new() } else { format!("; {what}: {}", names.join(", ")) }
                };
                let nothing = if applied.is_empty() && needs_restart.is_empty() { "; nothing has changed" } else { "" };
                let (applied, rest) = (told("changed", applied), told("needs a restart", needs_restart));
                tracing::info!("the options were read again{nothing}{applied}{rest}");
            }
            Err(why) => tracing::error!("the options are wrong, and stay as they were: {why}"),
        }
        outcome
    }

    fn apply(&self, now: &mut [Options], invocation: Invocation) -> Result<Reloaded, String> {
        if invocation.file != self.file {
            // A file that is gone for a moment, as while an editor saves it, is no file without options.
            let shown = |file: &Option<String>| file.clone().unwrap_or_else(|| "none".to_owned());
            let (read, begun) = (shown(&invocation.file), shown(&self.file));
            return Err(format!("the config file is {read}, and was {begun} at the start; put it back, or start hlscam again"));
        }
        invocation.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let Command::Stream(configs, _, events) = invocation.command else {
            return Err("the command line is of no stream any more".to_owned());
        };
        let mut reloaded = Reloaded::default();
        if configs.len() != self.cameras.len() {
            reloaded.needs_restart.push("camera".to_owned());
            return Ok(reloaded);
        }
        for (index, (config, options)) in configs.iter().zip(&invocation.options).enumerate() {
            let changed = config::changed(&now[index], options);
            let is_another = WHO.iter().any(|name| changed.contains(name));
            for name in changed {
                let is_shared = config::is_shared(name);
                if is_shared && index > 0 {
                    continue;
                }
                let is_applied = HOOKS.contains(&name) || !is_another && self.change(index, name, config);
                if is_applied {
                    now.iter_mut().enumerate().filter(|(at, _)| is_shared || *at == index).for_each(|(_, now)| {
                        now.insert(name, options[name].clone());
                    });
                }
                let whose = if is_shared || configs.len() == 1 { String::new() } else { format!("{}: ", self.cameras[index].name) };
                let list = if is_applied { &mut reloaded.applied } else { &mut reloaded.needs_restart };
                list.push(format!("{whose}{name}"));
            }
        }
        if self.hooks.get() != events.hooks {
            self.hooks.set(events.hooks);
        }
        Ok(reloaded)
    }

    /// Changes what an option of a camera is about; whether that can be done.
    fn change(&self, index: usize, option: &str, config: &CameraConfig) -> bool {
        let camera = &self.cameras[index];
        let mut config = config.clone();
        config.history.bytes_max = limits::window_bytes(config.history.bytes_max, self.cameras.len());
        part(option).is_some_and(|part| camera.tuning.apply(part, &config, &camera.window))
    }
}
