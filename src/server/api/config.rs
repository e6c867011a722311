//! `POST /api/config/reload`: the config file is read again.

use super::markers::{may_change, reply_of};
use crate::server::http::{
    answer::{Answer, Call},
    reply::{json, plain},
};
use serde::Serialize;
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// What became of options that were read again, by their names; those of one of several cameras behind its name, `porch: overlay`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reloaded {
    /// They count from now on.
    pub applied: Vec<String>,
    /// They count when hlscam is started again.
    pub needs_restart: Vec<String>,
}

/// Reads the options again, and blocks for it. The reason where they are wrong, and all stays as it was.
pub type Reload = Arc<dyn Fn() -> Result<Reloaded, String> + Send + Sync>;

/// `POST /api/config/reload`.
pub(in crate::server) fn reload(call: Call) -> Answer {
    Answer::held(reply_of(async move {
        may_change(&call.shared)?;
        let Some(reload) = call.shared.reload.get().cloned() else {
            return Err(plain(409, "this server reads no options again\n"));
        };
        match spawn_blocking(move || reload()).await {
            Ok(Ok(reloaded)) => Ok(json(200, &reloaded)),
            Ok(Err(why)) => Err(plain(422, format!("{why}\n"))),
            Err(_) => Err(plain(500, "this is a bug; the log says more\n")),
        }
    }))
}
