//! The integration tests: one binary, a module per area.

#[cfg(feature = "camera")]
mod camera;
mod http;
mod tidy;
mod cli;
