//! What is read of H.264 without decoding it. Pure.

pub mod nal;
pub mod sps;
