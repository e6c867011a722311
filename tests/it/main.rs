//! The integration tests: one binary, a module per area.

#[cfg(feature = "camera")]
mod camera;
mod cli;
mod http;
#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
mod pipeline;
mod support;
mod tidy;
mod conformance;
