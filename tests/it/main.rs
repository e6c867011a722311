//! The integration tests: one binary, a module per area.

mod cli;
mod http;
mod tidy;
