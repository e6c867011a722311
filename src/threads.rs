//! The threads of a camera, and whose lines they write to the log.

use crate::camera_name::CameraName;
use std::{
    io,
    thread::{Builder, JoinHandle},
};
use tracing::Span;

/// The span that names a camera, of several, in the log.
pub(crate) const CAMERA_SPAN: &str = "camera";

/// The span that names a request, by its number, and its target, by which a log leaves it out.
pub(crate) const REQUEST_SPAN: &str = "request";
/// Of that span alone.
pub(crate) const REQUEST_TARGET: &str = "hlscam::request";

/// What is logged inside is of that camera.
pub(crate) fn of_camera(name: &CameraName) -> Span {
    // Of the highest level: a log of errors alone names it too.
    tracing::error_span!(CAMERA_SPAN, message = %name)
}

/// Starts a thread of that name. What it logs is of the camera that this thread's lines are of.
pub(crate) fn spawn<T: Send + 'static>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    let span = Span::current();
    Builder::new().name(name.to_owned()).spawn(move || span.in_scope(run))
}
