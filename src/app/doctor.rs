//! `hlscam doctor`.

use super::{Failure, cgroup, failed, out};
use crate::{
    config::{Listing, doctor::DoctorConfig},
    doctor::{self, Verdict},
};

/// Looks at this host, and says what is wrong on it; fails if something is.
pub(super) fn run(config: &DoctorConfig) -> Result<(), Failure> {
    let findings = doctor::examine(&config.plan, cgroup::memory_max());
    let text = match config.listing {
        Listing::Text => doctor::text(&findings),
        Listing::Json => doctor::json(&findings).map_err(failed)?,
    };
    if out(&text)?.is_break() {
        return Ok(());
    }
    match doctor::count(&findings, Verdict::Failed) {
        0 => Ok(()),
        n => Err(Failure(format!("{n} of these failed; each line says what mends it"))),
    }
}
