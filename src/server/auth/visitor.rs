//! Who asks, as far as it is known.

use super::sessions::SessionKey;
use crate::users::{Role, UserName};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct Visitor {
    /// None where everybody may do all, and where there is one password for all.
    pub(in crate::server) name: Option<UserName>,
    /// What the visitor may do.
    pub(in crate::server) role: Role,
    /// The session of a browser.
    pub(in crate::server) session: Option<SessionKey>,
}

impl Visitor {
    /// Who has not said who it is.
    pub(in crate::server) fn nobody() -> Visitor {
        Visitor { name: None, role: Role::Viewer, session: None }
    }

    /// Anybody, where nobody was said to need a password.
    pub(in crate::server) fn anybody() -> Visitor {
        Visitor { name: None, role: Role::Admin, session: None }
    }
}
