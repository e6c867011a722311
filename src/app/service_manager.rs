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

    /// Feeds the watchdog, if each camera that owes pictures has a newer one than the last time.
    pub(super) fn look(&mut self, cameras: &[Arc<Camera>]) {
        let newest: Vec<_> = cameras
            .iter()
            .map(|camera| camera.window.newest_wall().filter(|_| owes_pictures(camera.status.stream.capture.state())))
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

/// Whether a camera in this state has new pictures in its window. One that is gone has those that say so; one that is being opened has those of
/// earlier runs at most.
fn owes_pictures(state: SourceState) -> bool {
    match state {
        SourceState::Live | SourceState::Silent | SourceState::Lost => true,
        SourceState::Opening | SourceState::Asleep | SourceState::Ended => false,
    }
}

/// Whether each has something newer, or owes nothing.
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
    fn a_camera_that_is_opened_sleeps_or_has_ended_owes_no_pictures() {
        use SourceState::{Asleep, Ended, Live, Lost, Opening, Silent};
        assert_eq!([Opening, Live, Silent, Lost, Asleep, Ended].map(owes_pictures), [false, true, true, true, false, false]);
    }

    #[test]
    fn all_cameras_must_go_on() {
        let at = |ms| Some(WallTime::from_unix_ms(ms));
        assert!(go_on(&[], &[at(1), None]), "the first look");
        assert!(go_on(&[at(1), at(1)], &[at(2), at(2)]));
        assert!(!go_on(&[at(1), at(1)], &[at(2), at(1)]), "one stands still");
        assert!(go_on(&[at(1), at(1)], &[at(2), None]), "one owes nothing");
        assert!(go_on(&[None, None], &[None, None]), "none does");
    }
}
