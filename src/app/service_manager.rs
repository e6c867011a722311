//! What systemd is told (sd_notify(3)): that the server answers, that pictures go on reaching the windows, and that the end has begun. The
//! watchdog is fed by pictures alone: a program whose threads live and that shows nothing is started anew.

use crate::{camera::Camera, capture::SourceState, time::WallTime};
use std::sync::Arc;

/// What systemd knows of this program; nothing where it did not start it.
#[derive(Debug, Default)]
pub(super) struct ServiceManager {
    /// The newest picture of each camera when the watchdog was fed last.
    fed: Vec<Option<WallTime>>,
}

impl ServiceManager {
    /// The server answers from now on.
    pub(super) fn start() -> ServiceManager {
        tell(Word::Ready);
        ServiceManager::default()
    }

    /// Feeds the watchdog, if each camera has a newer picture than the last time. A camera that is being opened or sleeps needs none; one that
    /// is gone has the pictures that say so.
    pub(super) fn look(&mut self, cameras: &[Arc<Camera>]) {
        let newest: Vec<_> = cameras
            .iter()
            .map(|camera| {
                let sleeps = camera.status.stream.capture.state() == SourceState::Asleep;
                if sleeps { None } else { camera.window.newest_wall() }
            })
            .collect();
        if go_on(&self.fed, &newest) {
            tell(Word::Alive);
            self.fed = newest;
        }
    }

    /// The program ends.
    pub(super) fn end(self) {
        tell(Word::Stopping);
    }
}

/// Whether each has something newer, or needs nothing.
fn go_on(fed: &[Option<WallTime>], newest: &[Option<WallTime>]) -> bool {
    newest.iter().enumerate().all(|(n, newest)| newest.is_none() || Some(newest) != fed.get(n))
}

#[derive(Clone, Copy, Debug)]
enum Word {
    Ready,
    Alive,
    Stopping,
}

#[cfg(target_os = "linux")]
fn tell(word: Word) {
    use sd_notify::NotifyState;
    let state = match word {
        Word::Ready => NotifyState::Ready,
        Word::Alive => NotifyState::Watchdog,
        Word::Stopping => NotifyState::Stopping,
    };
    // Without systemd there is nobody to tell, and that is no error.
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!("systemd is not told {word:?}: {error}");
    }
}

#[cfg(not(target_os = "linux"))]
fn tell(_: Word) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cameras_must_go_on() {
        let at = |ms| Some(WallTime::from_unix_ms(ms));
        assert!(go_on(&[], &[at(1), None]), "the first look");
        assert!(go_on(&[at(1), at(1)], &[at(2), at(2)]));
        assert!(!go_on(&[at(1), at(1)], &[at(2), at(1)]), "one stands still");
        assert!(go_on(&[at(1), at(1)], &[at(2), None]), "one sleeps");
        assert!(go_on(&[None, None], &[None, None]), "they are being opened");
    }
}
