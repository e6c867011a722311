//! Who is answered: those who ask for this host under one of its own names, and no page of another origin that is not let in.

pub(super) mod access;
pub mod authority;
pub(super) mod gate;
mod own_names;
mod same_origin;
