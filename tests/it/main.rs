//! The integration tests: one binary, a module per area.

#[cfg(feature = "camera")]
mod camera;
mod cli;
mod http;
mod tidy;
