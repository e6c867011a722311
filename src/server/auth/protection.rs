//! Whether everybody may do all, or only users what their role lets them.

use crate::users::UsersSource;

/// Who may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Where users and passwords are.
    pub users: Option<UsersSource>,
    /// It was said that everybody may do all.
    pub is_open: bool,
}

impl Protection {
    /// What is told who offers the stream to a network, and has said nothing of who may watch.
    pub fn unsaid() -> String {
        "everybody on the network could watch; add a user (`hlscam user add NAME --users users.txt`) and write --users users.txt, or \
         write --open to let everybody watch"
            .to_owned()
    }
}
