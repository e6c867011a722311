//! The integration tests: one binary, a module per area.

mod http;
mod tidy;
mod cli;
