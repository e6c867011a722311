//! Access: requests for one of this host's own names pass, and pages of other origins only where they are allowed.

pub(super) mod access;
pub mod authority;
pub(super) mod gate;
mod own_names;
mod same_origin;
