//! The answers in JSON and as events: one file for each resource.

pub(super) mod config;
pub(super) mod controls;
pub(super) mod events;
pub(super) mod history;
pub(super) mod links;
pub(super) mod login;
pub(super) mod markers;
pub(super) mod metrics;
pub(super) mod program;
pub(super) mod recordings;
pub(super) mod send;
