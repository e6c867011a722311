//! Who asks, as far as it is known.

use super::{link::Link, sessions::SessionKey};
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
    /// Which password was checked, where one was.
    pub(in crate::server) proof: Option<String>,
    /// What a link allows; none is all that the role does.
    pub(in crate::server) link: Option<SharedLink>,
}

/// A link as it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct SharedLink {
    /// What it allows.
    pub(in crate::server) link: Link,
    /// Its text, if it came in the address: then what the answer leads to carries it, too.
    pub(in crate::server) carried: Option<String>,
}

impl Visitor {
    /// Who has not said who it is.
    pub(in crate::server) fn nobody() -> Visitor {
        Visitor { name: None, role: Role::Viewer, session: None, proof: None, link: None }
    }

    /// Anybody, where nobody was said to need a password.
    pub(in crate::server) fn anybody() -> Visitor {
        Visitor { name: None, role: Role::Admin, session: None, proof: None, link: None }
    }
}
