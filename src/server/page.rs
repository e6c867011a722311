//! The viewer page.

pub(super) mod assets;
pub(super) mod joined;
