//! The server.

pub mod origin;
