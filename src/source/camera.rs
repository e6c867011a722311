//! Cameras of this host, through nokhwa: listed, chosen, opened, read, and given up when they fall silent.
//!
//! ```text
//! select ─▶ negotiate ─▶ capture (thread `camera N`: grab) ─▶ inbox ─▶ feed: convert or decode ─▶ Picture
//! ```
//!
//! The modules in the first block are pure and built always. The native ones stay in `grab` (nokhwa) and, on Linux, in `linux` (V4L2:
//! exact lists, and what nokhwa cannot open). No nokhwa or V4L2 type leaves them.
//!
//! What is lost, and how it is told: when pictures come faster than they are taken, the newest wins and the older is counted in
//! [`Losses::dropped`](super::Losses); a JPEG without its end is shown and counted in `truncated`; a picture that cannot be shown is
//! [`SourceError::Damaged`](super::SourceError); a camera that is unplugged, or that sends nothing for [`STALL_MAX`], is
//! [`SourceError::Lost`](super::SourceError): drop it and open it again.

use crate::time::Span;

pub mod convert;
pub mod error;
pub mod negotiate;
pub mod select;
pub mod stamp;

#[cfg(feature = "camera")]
mod capture;
#[cfg(feature = "camera")]
mod feed;
#[cfg(feature = "camera")]
mod grab;
#[cfg(feature = "camera")]
mod open;
#[cfg(not(feature = "camera"))]
#[path = "camera/absent.rs"]
mod open;

#[cfg(all(feature = "camera", target_os = "linux"))]
mod linux;
#[cfg(all(feature = "camera", not(target_os = "linux")))]
mod other_os;

#[cfg(all(feature = "camera", target_os = "linux"))]
use linux as platform;
#[cfg(all(feature = "camera", not(target_os = "linux")))]
use other_os as platform;

pub use open::{controls, devices, open, opener};

/// A camera that has sent nothing for this long has stalled. The slowest listed rate of a webcam is 5 fps, and exposure in the dark
/// takes about a second; USB's own time-outs, after which a driver may still recover, are 5 s at most.
pub const STALL_MAX: Span = Span::from_ms(5_000);
