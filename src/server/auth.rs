//! Access: requests for one of this host's own names pass, and pages of other origins only where they are allowed.

pub(super) mod access;
pub mod authority;
pub(super) mod credential;
pub(super) mod door;
pub(super) mod gate;
pub(super) mod link;
mod lockout;
mod own_names;
pub(super) mod protection;
pub(super) mod proxies;
mod same_origin;
pub(super) mod sessions;
pub(super) mod visitor;
