//! `hlscam storage check` and `hlscam storage repair`.

use super::{Failure, failed, out};
use crate::{
    archive::{check, inspect::Inspected, repair, scan},
    config::kept::{StorageAction, StorageConfig},
    store,
};
use std::path::Path;

/// Checks or mends what lies in a folder of `--storage`.
pub(super) fn run(config: &StorageConfig) -> Result<(), Failure> {
    let storage = &config.folder;
    let shown = storage.display();
    let cameras = scan::cameras(storage).map_err(|error| Failure(format!("cannot read {shown}: {error}")))?;
    if cameras.is_empty() && !storage.join(store::FILE_NAME).exists() {
        return Err(Failure(format!("there is nothing of hlscam in {shown}; pass the folder that was --storage of a stream")));
    }
    let markers = Markers::look(storage)?;
    if config.action == StorageAction::Repair && markers.is_held {
        return Err(Failure(format!("another hlscam uses {shown}; end it, and repair then")));
    }
    let mut wrong = markers.wrong;
    for camera in &cameras {
        let (lines, findings) = match config.action {
            StorageAction::Check => {
                let found = check::check(storage, camera).map_err(|error| Failure(format!("cannot read {shown}: {error}")))?;
                (found.lines(), found.findings.len())
            }
            StorageAction::Repair => {
                let done = repair::repair(storage, camera).map_err(failed)?;
                (done.lines(), done.after.findings.len())
            }
        };
        wrong += findings;
        if out(&lines.join("\n"))?.is_break() {
            return Ok(());
        }
    }
    if out(&markers.line)?.is_break() {
        return Ok(());
    }
    match (wrong, config.action) {
        (0, _) => Ok(()),
        (n, StorageAction::Check) => Err(Failure(format!(
            "{n} of these are wrong; what is lost stays lost, and `hlscam storage repair {shown}` mends the rest"
        ))),
        (n, StorageAction::Repair) => Err(Failure(format!("{n} of these cannot be mended"))),
    }
}

/// The store of markers.
struct Markers {
    line: String,
    wrong: usize,
    is_held: bool,
}

impl Markers {
    fn look(storage: &Path) -> Result<Markers, Failure> {
        let name = store::FILE_NAME;
        let inspected =
            store::inspect(storage).map_err(|error| Failure(format!("cannot read {name} in {}: {error}", storage.display())))?;
        let is_held = inspected == Inspected::Held;
        let (line, wrong) = match inspected {
            Inspected::Sound(n) => (format!("markers: {n}"), 0),
            Inspected::Absent => ("markers: none".to_owned(), 0),
            Inspected::Held => ("markers: another hlscam uses them, so they are not checked".to_owned(), 0),
            Inspected::Unmerged => {
                ("markers: the last run did not end by itself, so they are not checked: the next run reads them".to_owned(), 0)
            }
            Inspected::Newer(version) => {
                (format!("markers: {name} was written by a newer hlscam, in version {version}; use that one"), 1)
            }
            Inspected::Damaged(why) => (format!("markers: {name} is damaged: {why}; move it away, and a new one is made"), 1),
        };
        Ok(Markers { line, wrong, is_held })
    }
}
