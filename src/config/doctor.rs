//! What `hlscam doctor` was told.

use super::{Listing, bind, check::refuse};
use crate::{
    cli::{UsageError, doctor::DoctorArgs},
    doctor::Plan,
    server::Bind,
};

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoctorConfig {
    /// What hlscam is to do on this host.
    pub plan: Plan,
    /// How it is written.
    pub listing: Listing,
}

/// Reads it.
pub(super) fn config(args: &DoctorArgs, listing: Listing) -> Result<DoctorConfig, UsageError> {
    let bind = match bind::read(&args.bind) {
        Ok(Bind::Address(address)) => address,
        Ok(_) => return refuse("--bind", &args.bind, "the doctor looks at ports of addresses; write one, like 0.0.0.0"),
        Err(why) => return refuse("--bind", &args.bind, &why),
    };
    let Ok(port) = args.port.parse() else {
        return refuse("--port", &args.port, "a port is 0 to 65535; write 8080");
    };
    Ok(DoctorConfig { plan: Plan { bind, port, storage: args.storage.clone() }, listing })
}
